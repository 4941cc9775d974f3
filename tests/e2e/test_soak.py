"""Many messages in many channels while Discord fails in every way: nothing is lost, nothing grows."""

from __future__ import annotations

import asyncio
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


def test_a_while(tmp_path: Path) -> None:
    scene = asyncio.run(soak(tmp_path, 240, channels=8, read_every=120, seed=1))
    is_well(scene)


@pytest.mark.soak
@pytest.mark.timeout(5400)
def test_ten_thousand_messages_in_fifty_channels(tmp_path: Path) -> None:
    scene = asyncio.run(soak(tmp_path, 10_000, channels=50, read_every=500, seed=2))
    is_well(scene)
    counts = scene.counts
    memory = [round(reading.memory / MEGABYTE, 1) for reading in counts.readings]
    print(
        f"{counts.messages} messages in 50 channels, {counts.asked} questions, {counts.deleted} taken back, "
        f"{counts.faults} faults, {counts.gateway} disturbed connections\n"
        f"requests: {scene.recorded()}, none lost, none answered twice\n"
        f"memory in MB: {memory}; the last third over the one before: {scene.growth() / MEGABYTE:+.1f}\n"
        f"open files: {[int(reading.files) for reading in counts.readings]}\n"
        f"tasks: {[int(reading.tasks) for reading in counts.readings]}"
    )
    assert scene.growth() < 15 * MEGABYTE
