"""Trains the built-in model, from nothing or from earlier weights: `python -m inference.demo.train FOLDER`.

First it learns to see (the latents are taught to hold what the picture shows, see `sight`), then to speak
about what it sees (the lessons), and at last both together. The scenes are drawn while it trains, by worker
processes. The checkpoint is written after each phase and every 500 steps of the last one. README.md
says how the weights that are here came about.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

from inference.demo.architecture import IMAGE_SIZE, demo_config, starting_positions
from inference.demo.learning import Pace, learn
from inference.demo.samples import NOT_LEARNT, Batch, Pictures, batches
from inference.demo.sight import SightHeads, to_pixel_values
from inference.demo.vocabulary import VOCABULARY_SIZE, write_tokenizer
from inference.preprocessing import CLIP_MEAN, CLIP_STD

_STEPS_A_BATCH = 4
"""Of learning to see; pictures are learnt from faster than they are drawn, so each is seen about so often."""
_POOL_BATCHES = 16
"""The last so many batches from which each step's pictures are drawn."""


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

    def start_from(self, checkpoint: Path) -> None:
        """Goes on from the weights of a saved checkpoint of the same shape."""
        saved = IdeficsForVisionText2Text.from_pretrained(checkpoint, dtype=torch.float32)
        self.model.load_state_dict(saved.state_dict())

    def learn_to_see(self, pace: Pace) -> None:
        """Vision encoder and resampler alone, from what each grid cell and each patch shows."""

        # Every batch has the same shape, so on a GPU compiling pays: 19 instead of 28 ms a step on an H200.
        see = torch.compile(self._see, dynamic=False) if self.device.type == "cuda" else self._see

        def loss(batch: Batch) -> Tensor:
            return self._sight_loss(batch.pictures, *see(batch.pictures))

        drawn = batches(None, pace.pictures, self.seed, self.workers)
        learn("see", pace, self.device, self._seeing(), self._pooled(drawn), loss)
        self._print_sight(next(drawn).pictures)

    def learn_to_speak(self, pace: Pace, tokenizer: Path) -> None:
        """The language layers, with the eyes as they are."""

        def loss(batch: Batch) -> Tensor:
            with torch.no_grad():
                _, latents = self._see(batch.pictures)
            return self._language_loss(batch, latents)

        seeing = {id(parameter) for parameter in self._seeing()}
        speaking = [parameter for parameter in self.model.parameters() if id(parameter) not in seeing]
        learn("speak", pace, self.device, speaking, self._lessons(pace, tokenizer, self.seed + 1), loss)

    def learn_both(self, pace: Pace, folder: Path) -> None:
        """Everything together, so that each part makes up for the other's weaknesses.

        `folder` holds the tokenizer, and gets the weights again and again, so that little is lost if the
        training is ended early.
        """

        def loss(batch: Batch) -> Tensor:
            patches, latents = self._see(batch.pictures)
            sight = self._sight_loss(batch.pictures, patches, latents)
            return 2 * self._language_loss(batch, latents) + 0.5 * sight

        parameters = [*self.model.parameters(), *self.heads.parameters()]
        lessons = self._lessons(pace, folder, self.seed + 2)
        learn("both", pace, self.device, parameters, lessons, loss, lambda: self.save(folder))
        self._print_sight(next(lessons).pictures)

    def save(self, folder: Path) -> None:
        """The checkpoint as transformers writes it, in float16 for its size; the heads are left out."""
        self.model.generation_config.pad_token_id = 0
        copy.deepcopy(self.model).half().save_pretrained(folder)

    def _seeing(self) -> list[nn.Parameter]:
        parts: Iterable[nn.Module] = (
            self.model.model.vision_model,
            self.model.model.perceiver_resampler,
            self.heads,
        )
        return [parameter for part in parts for parameter in part.parameters()]

    def _lessons(self, pace: Pace, tokenizer: Path, seed: int) -> Iterator[Batch]:
        for batch in batches(str(tokenizer), pace.pictures, seed, self.workers):
            yield batch.to(self.device)

    def _pooled(self, drawn: Iterator[Batch]) -> Iterator[Batch]:
        """Batches of the same size whose pictures are drawn from the latest `_POOL_BATCHES` of `drawn`."""
        pool: list[Pictures] = []
        while True:
            pool = [*pool[-_POOL_BATCHES + 1 :], next(drawn).pictures.to(self.device)]
            for _ in range(_STEPS_A_BATCH):
                # A random part of each, all of them together as many as one batch.
                parts = torch.randint(len(pool), (len(pool[-1].pixels),)).bincount(minlength=len(pool))
                yield Batch(
                    Pictures.joined(
                        [
                            pictures[torch.randperm(len(pictures.pixels))[:part].to(self.device)]
                            for pictures, part in zip(pool, parts.tolist(), strict=True)
                        ]
                    ),
                    (),
                )

    def _see(self, pictures: Pictures) -> tuple[Tensor, Tensor]:
        """Patches (pictures, patches, width) and latents (pictures, latents, width)."""
        pixel_values = to_pixel_values(pictures.pixels)
        patches = self.model.model.vision_model(pixel_values=pixel_values).last_hidden_state
        return patches[:, 1:], self.model.model.perceiver_resampler(patches)

    def _sight_loss(self, pictures: Pictures, patches: Tensor, latents: Tensor) -> Tensor:
        return self.heads.loss(latents, pictures.sight) + self.heads.patch_loss(patches, pictures.patches)

    def _language_loss(self, batch: Batch, latents: Tensor) -> Tensor:
        """Weighted mean over the taught tokens of their negative log-probability."""
        total, weights = latents.new_zeros(()), latents.new_zeros(())
        for rows in batch.rows:
            output = self.model(
                input_ids=rows.ids,
                attention_mask=rows.attended,
                perceiver_embeddings=latents[rows.pictures],
                image_attention_mask=rows.seen,
                use_cache=False,
            )
            # Only the taught tokens, a tenth of all, are worth the softmax.
            taught = rows.labels[:, 1:] != NOT_LEARNT
            logits = output.logits[:, :-1][taught].float()
            weight = rows.weights[:, 1:][taught]
            lost = functional.cross_entropy(logits, rows.labels[:, 1:][taught], reduction="none")
            total, weights = total + (lost * weight).sum(), weights + weight.sum()
        return total / weights

    @torch.no_grad()
    def _print_sight(self, pictures: Pictures) -> None:
        """How much of fresh pictures is seen rightly."""
        pictures = pictures.to(self.device)
        _, latents = self._see(pictures)
        print(self.heads.scores(latents, pictures.sight), flush=True)


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
    parser.add_argument("--start", type=Path, metavar="FOLDER", help="a checkpoint to go on from")
    parser.add_argument("--see", type=int, default=13000, help="steps of learning to see, or 0")
    parser.add_argument("--speak", type=int, default=800, help="steps of learning to speak, or 0")
    parser.add_argument("--both", type=int, default=6000, help="steps of learning both, or 0")
    parser.add_argument(
        "--pictures",
        type=int,
        default=512,
        help="pictures in each step of the first phase, twice those of the others",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        help="learning both ends this long after the start at the latest, with fewer steps if need be",
    )
    # Smaller batches want less: with 64 pictures a step, 1e-3 stood still for 700 steps where 4e-4 learnt.
    parser.add_argument("--rate", type=float, default=8e-4, help="highest learning rate")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.monotonic()
    folder: Path = arguments.folder
    # cuDNN works out a plan for each new shape, and every part of a batch of lessons has one of its own.
    torch.backends.cuda.enable_cudnn_sdp(False)
    trainer = Trainer(torch.device(arguments.device), arguments.workers, arguments.seed)
    if arguments.start is None:
        write_tokenizer(folder)
        write_preprocessor(folder)
    else:
        # With its tokenizer: one learnt anew from changed lessons would give other ids.
        shutil.copytree(arguments.start, folder, dirs_exist_ok=True)
        trainer.start_from(folder)
    see, others = arguments.pictures, arguments.pictures // 2
    if arguments.see:
        trainer.learn_to_see(Pace(arguments.see, see, arguments.rate))
        trainer.save(folder)
    if arguments.speak:
        trainer.learn_to_speak(Pace(arguments.speak, others, arguments.rate), folder)
        trainer.save(folder)
    if arguments.both:
        left = arguments.seconds and max(1.0, arguments.seconds - (time.monotonic() - started))
        trainer.learn_both(Pace(arguments.both, others, arguments.rate / 2, left), folder)
        trainer.save(folder)
    print(f"{folder} is trained: {time.monotonic() - started:.0f} s.", flush=True)


if __name__ == "__main__":
    main()
