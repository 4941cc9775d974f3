"""One phase of the training: its pace, and the steps of its optimiser."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from inference.demo.samples import Batch

_WEIGHT_DECAY = 0.05
_REPORT_EVERY = 100
_SAVE_EVERY = 500


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how fast one phase learns."""

    steps: int
    pictures: int
    """In each step."""
    rate: float
    """Highest learning rate; it rises over the first twentieth and falls along a cosine."""
    seconds: float | None = None
    """The phase ends by then, with fewer steps: the rate falls as fast as the time passes."""

    def position(self, step: int, elapsed: float) -> int:
        """How much of the phase is over after `step` steps that took `elapsed` seconds; `steps` is all."""
        share = elapsed / self.seconds if self.seconds else 0.0
        return min(self.steps, max(step, math.ceil(share * self.steps)))


def learn(
    name: str,
    pace: Pace,
    device: torch.device,
    parameters: list[nn.Parameter],
    source: Iterator[Batch],
    loss_of: Callable[[Batch], Tensor],
    save: Callable[[], None] | None = None,
) -> None:
    """Goes through one phase, prints how it gets on, and calls `save` every 500 steps."""
    matrices = [parameter for parameter in parameters if parameter.ndim > 1]
    rest = [parameter for parameter in parameters if parameter.ndim <= 1]
    on_gpu = device.type == "cuda"
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": _WEIGHT_DECAY}, {"params": rest, "weight_decay": 0.0}],
        lr=pace.rate,
        betas=(0.9, 0.98),
        fused=on_gpu,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, pace.rate, total_steps=pace.steps, pct_start=0.05, final_div_factor=50
    )
    # Not counted: the time until the workers have drawn their first batch.
    batch = next(source)
    started, waited, summed = time.monotonic(), 0.0, torch.zeros((), device=device)
    step = position = 0
    while position < pace.steps:
        with torch.autocast(device.type, torch.bfloat16, enabled=on_gpu):
            loss = loss_of(batch)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        summed += loss.detach()
        step += 1
        elapsed = time.monotonic() - started
        before, position = position, pace.position(step, elapsed)
        for _ in range(position - before):
            schedule.step()
        if step % _REPORT_EVERY == 0 or position == pace.steps:
            mean = summed.item() / ((step - 1) % _REPORT_EVERY + 1)
            summed.zero_()
            print(
                f"{name} {position}/{pace.steps}  step {step}  loss {mean:.4f}  {elapsed:.0f} s, "
                f"{waited:.0f} s of them waiting for batches",
                flush=True,
            )
        if save is not None and step % _SAVE_EVERY == 0:
            save()
        if position < pace.steps:
            asked = time.monotonic()
            batch = next(source)
            waited += time.monotonic() - asked
