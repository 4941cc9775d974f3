"""Many messages in many channels while Discord fails in every way: nothing is lost, nothing grows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.soaking import Soaking, soak

MEGABYTE = 1e6


def is_well(scene: Soaking) -> None:
    counts = scene.counts
    first, last = counts.readings[0], counts.readings[-1]
    # Every question has a request, and every request is over.
    recorded = scene.recorded()
    assert set(recorded) <= {"done", "failed", "forgotten"}
    assert sum(recorded.values()) <= counts.asked
    assert recorded["done"] + recorded["failed"] == len(scene.answered)
    assert last.in_flight == 0
    # Connections to Discord come and go.
    assert abs(last.files - first.files) <= 12
    assert abs(last.tasks - first.tasks) <= 6


def summary(scene: Soaking) -> str:
    """What was done to the bot, and what it took; memory is the process's."""
    counts, struck = scene.counts, scene.discord.struck
    readings = counts.readings
    begun, last = counts.begun, readings[-1]
    assert begun is not None
    at = {share: readings[round(share * len(readings)) - 1].memory / MEGABYTE for share in (0.1, 0.5, 1)}
    growth = scene.growth() / MEGABYTE
    return "\n".join(
        [
            "",
            f"messages             {counts.messages:,} in {len(scene.bot.channels)} channels",
            f"questions            {counts.asked:,}: {len(scene.answered):,} answered, "
            f"{counts.deleted:,} taken back",
            f"told                 {counts.told:,} times that a picture cannot be used",
            "lost                 0, and none was answered twice",
            f"requests             {listed(scene.recorded())}",
            f"faults of the API    {listed(struck)}",
            f"of the connection    {listed(counts.gateway)}",
            f"memory               {', '.join(f'{share:.0%}: {mb:.1f} MB' for share, mb in at.items())}; "
            f"the last third over the one before: {growth:+.1f} MB",
            f"tasks                {begun.tasks:.0f} before, {last.tasks:.0f} after",
            f"open files           {begun.files:.0f} before, {last.files:.0f} after",
        ]
    )


def listed(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{what}: {number:,}" for what, number in sorted(counted.items()))


def test_a_while(tmp_path: Path) -> None:
    scene = asyncio.run(soak(tmp_path, 240, channels=8, read_every=120, seed=1))
    is_well(scene)


@pytest.mark.soak
@pytest.mark.timeout(5400)
def test_ten_thousand_messages_in_fifty_channels(tmp_path: Path) -> None:
    scene = asyncio.run(soak(tmp_path, 10_000, channels=50, read_every=500, seed=2))
    is_well(scene)
    print(summary(scene))
    assert scene.growth() < 15 * MEGABYTE
