"""Trains the built-in model from nothing: `python -m inference.demo.train FOLDER`.

First it learns to see (the latents are taught to hold what the picture shows, see `sight`), then to speak
about what it sees (the lessons), and at last both together. The scenes are drawn while it trains, by worker
processes.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference.demo.architecture import IMAGE_SIZE, demo_config, starting_positions
from inference.demo.samples import NOT_LEARNT, Batch, batches
from inference.demo.sight import CLIP_MEAN, CLIP_STD, SightHeads, to_pixel_values
from inference.demo.vocabulary import VOCABULARY_SIZE, write_tokenizer

_WEIGHT_DECAY = 0.05
_REPORT_EVERY = 50


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how fast one phase learns."""

    steps: int
    pictures: int
    """In each step."""
    rate: float
    """Highest learning rate; it rises over the first twentieth and falls along a cosine."""


class Trainer:
    """The model, the heads that teach its sight, and the three phases."""

    def __init__(self, device: torch.device, workers: int, seed: int) -> None:
        torch.manual_seed(seed)
        self.device = device
        self.workers = workers
        self.seed = seed
        self.model = IdeficsForVisionText2Text(demo_config(VOCABULARY_SIZE)).to(device)
        positions = self.model.model.vision_model.embeddings.position_embedding.weight
        positions.data.copy_(starting_positions(positions.shape[1]))
        self.heads = SightHeads(self.model.config.vision_config.embed_dim).to(device)

    def learn_to_see(self, pace: Pace) -> None:
        """Vision encoder and resampler alone, from what each grid cell and each patch shows."""

        def loss(batch: Batch) -> Tensor:
            patches, latents = self._see(batch)
            return self._sight_loss(batch, patches, latents)

        self._run("see", pace, None, self._seeing(), loss)

    def learn_to_speak(self, pace: Pace, tokenizer: Path) -> None:
        """The language layers, with the eyes as they are."""

        def loss(batch: Batch) -> Tensor:
            with torch.no_grad():
                _, latents = self._see(batch)
            return self._language_loss(batch, latents)

        seeing = {id(parameter) for parameter in self._seeing()}
        speaking = [parameter for parameter in self.model.parameters() if id(parameter) not in seeing]
        self._run("speak", pace, tokenizer, speaking, loss)

    def learn_both(self, pace: Pace, tokenizer: Path) -> None:
        """Everything together, so that each part makes up for the other's weaknesses."""

        def loss(batch: Batch) -> Tensor:
            patches, latents = self._see(batch)
            sight = self._sight_loss(batch, patches, latents)
            return 2 * self._language_loss(batch, latents) + 0.5 * sight

        parameters = [*self.model.parameters(), *self.heads.parameters()]
        self._run("both", pace, tokenizer, parameters, loss)

    def save(self, folder: Path) -> None:
        """The checkpoint as transformers writes it, in float16 for its size; the heads are left out."""
        self.model.generation_config.pad_token_id = 0
        self.model.half().save_pretrained(folder)

    def _seeing(self) -> list[nn.Parameter]:
        parts: Iterable[nn.Module] = (
            self.model.model.vision_model,
            self.model.model.perceiver_resampler,
            self.heads,
        )
        return [parameter for part in parts for parameter in part.parameters()]

    def _see(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Patches (pictures, patches, width) and latents (pictures, latents, width)."""
        pixel_values = to_pixel_values(batch.pictures.pixels.to(self.device))
        patches = self.model.model.vision_model(pixel_values=pixel_values).last_hidden_state
        return patches[:, 1:], self.model.model.perceiver_resampler(patches)

    def _sight_loss(self, batch: Batch, patches: Tensor, latents: Tensor) -> Tensor:
        held = self.heads.loss(latents, batch.pictures.sight.to(self.device))
        return held + self.heads.patch_loss(patches, batch.pictures.patches.to(self.device))

    def _language_loss(self, batch: Batch, latents: Tensor) -> Tensor:
        """Mean over the taught tokens of their negative log-probability."""
        count = sum(int((rows.labels[:, 1:] != NOT_LEARNT).sum()) for rows in batch.rows)
        total = latents.new_zeros(())
        for rows in batch.rows:
            labels = rows.labels[:, 1:].to(self.device)
            output = self.model(
                input_ids=rows.ids.to(self.device),
                attention_mask=rows.attended.to(self.device),
                perceiver_embeddings=latents[rows.pictures.to(self.device)],
                image_attention_mask=rows.seen.to(self.device),
                use_cache=False,
            )
            logits = output.logits[:, :-1].float()
            total = total + functional.cross_entropy(
                logits.flatten(0, 1), labels.flatten(), ignore_index=NOT_LEARNT, reduction="sum"
            )
        return total / count

    def _run(
        self,
        name: str,
        pace: Pace,
        tokenizer: Path | None,
        parameters: list[nn.Parameter],
        loss_of: Callable[[Batch], Tensor],
    ) -> None:
        matrices = [parameter for parameter in parameters if parameter.ndim > 1]
        rest = [parameter for parameter in parameters if parameter.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": _WEIGHT_DECAY}, {"params": rest, "weight_decay": 0.0}],
            lr=pace.rate,
            betas=(0.9, 0.98),
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, pace.rate, total_steps=pace.steps, pct_start=0.05, final_div_factor=50
        )
        source: Iterator[Batch] = batches(
            None if tokenizer is None else str(tokenizer), pace.pictures, self.seed, self.workers
        )
        started, summed = time.monotonic(), 0.0
        for step in range(1, pace.steps + 1):
            on_gpu = self.device.type == "cuda"
            with torch.autocast(self.device.type, torch.bfloat16, enabled=on_gpu):
                loss = loss_of(next(source))
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            summed += loss.detach().item()
            if step % _REPORT_EVERY == 0:
                seconds = time.monotonic() - started
                print(
                    f"{name} {step}/{pace.steps}  loss {summed / _REPORT_EVERY:.4f}  {seconds:.0f} s",
                    flush=True,
                )
                summed = 0.0


def write_preprocessor(folder: Path) -> None:
    """The file that says how pictures are prepared, as the published checkpoints have it."""
    content = {
        "image_processor_type": "IdeficsImageProcessor",
        "image_size": IMAGE_SIZE,
        "image_num_channels": 3,
        "image_mean": list(CLIP_MEAN),
        "image_std": list(CLIP_STD),
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the checkpoint is written")
    parser.add_argument("--see", type=int, default=6000, help="steps of learning to see")
    parser.add_argument("--speak", type=int, default=3000, help="steps of learning to speak")
    parser.add_argument("--both", type=int, default=6000, help="steps of learning both together")
    parser.add_argument("--pictures", type=int, default=256, help="pictures in each step")
    # Smaller batches want less: with 64 pictures a step, 1e-3 stood still for 700 steps where 4e-4 learnt.
    parser.add_argument("--rate", type=float, default=8e-4, help="highest learning rate")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    write_tokenizer(folder)
    write_preprocessor(folder)
    trainer = Trainer(torch.device(arguments.device), arguments.workers, arguments.seed)
    trainer.learn_to_see(Pace(arguments.see, arguments.pictures, arguments.rate))
    trainer.learn_to_speak(Pace(arguments.speak, arguments.pictures, arguments.rate), folder)
    trainer.learn_both(Pace(arguments.both, arguments.pictures, arguments.rate / 2), folder)
    trainer.save(folder)


if __name__ == "__main__":
    main()
