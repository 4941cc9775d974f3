"""A process whose GPU really fails while an engine works: `python -m tests.inference.lost_device demo step`.

It prints what became of each question. No process that a GPU failed in can use it again, so this one is not
the tests' own.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

import torch
from PIL import Image

from inference import END_OF_UTTERANCE, Options, load_engine
from inference.engine.machine import Machine
from inference.engine.pictures import PictureEncoder
from inference.engine.prefill import Prefill

PLACES: dict[str, tuple[type[object], str]] = {
    "step": (Machine, "step"),
    "read": (Prefill, "read"),
    "encode": (PictureEncoder, "encode"),
}


def break_device_in(owner: type[object], name: str) -> None:
    """From now on this method leaves the device in an error that stays."""
    work: Callable[..., Any] = getattr(owner, name)

    def broken(*arguments: Any, **named: Any) -> Any:
        result = work(*arguments, **named)
        three = torch.ones(3, device="cuda")
        three[torch.tensor([100], device="cuda")].sum()
        return result

    setattr(owner, name, broken)


async def main(checkpoint: str, place: str) -> None:
    async with load_engine(checkpoint, device="cuda:0") as engine:

        async def ask() -> list[object]:
            pictures = (Image.effect_noise((64, 64), 20.0 + number) for number in range(6))
            answers = (
                engine.generate(
                    ["User:", picture, "What?", END_OF_UTTERANCE, "\nAssistant:"], Options(max_new_tokens=8)
                )
                for picture in pictures
            )
            return list(await asyncio.gather(*answers, return_exceptions=True))

        print([type(outcome).__name__ for outcome in await ask()])
        break_device_in(*PLACES[place])
        print([type(outcome).__name__ for outcome in await ask()])
    print("closed", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
    # As the bot ends: what lies on the device is out of reach, and freeing it would be an error again.
    os._exit(0)
