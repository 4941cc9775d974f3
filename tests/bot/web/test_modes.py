"""Modes in the playground: rank bars, examples, versions, Continue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.bot.discord_world import picture
from tests.bot.web.playgrounds import Visitor, is_over, playground, visitor
from tests.fake_engine import Cut, FakeEngine, Script

Story = Callable[[Visitor, FakeEngine], Awaitable[None]]


def tell(folder: Path, story: Story, *answers: Script) -> None:
    async def main() -> None:
        engine = FakeEngine(*answers)
        async with asyncio.timeout(60), playground(engine, folder) as url, visitor(url) as guest:
            await story(guest, engine)

    asyncio.run(main())


async def add(guest: Visitor, answer: str, *photos: bytes) -> Any:
    form = aiohttp.FormData({"answer": answer}, default_to_multipart=True)
    for photo in photos:
        form.add_field("photo", photo, filename="a.png", content_type="image/png")
    return await guest.request("POST", "/examples", data=form)


async def again(guest: Visitor, answer: dict[str, Any], what: str) -> dict[str, Any]:
    async with guest.listening() as listener:
        response = await guest.request("POST", f"/requests/{answer['request']}/{what}")
        assert response.status in (202, 204), await response.text()
        return await listener.until(lambda each: is_over(each) and each["text"] != answer["text"])


def test_labels_are_ranked(tmp_path: Path) -> None:
    async def story(guest: Visitor, engine: FakeEngine) -> None:
        labels = json.dumps(["house", "a tree, or two"])
        answer = await guest.finished("", picture(), picture("blue"), mode="classify", labels=labels)
        assert answer["text"] == "1. house (67%)\n2. house (67%)"
        assert len(answer["rankings"]) == 2
        assert not answer["regenerates"]
        assert [label for label, _ in answer["rankings"][0]] == ["house", "a tree, or two"]
        assert (await guest.conversation())["settings"]["labels"] == ["house", "a tree, or two"]

    tell(tmp_path, story)


@pytest.mark.parametrize(
    "labels", [["cat"], ["cat", "CAT"], [f"label {n}" for n in range(200)], ["a", "b" * 99]]
)
def test_labels_that_cannot_be_used(tmp_path: Path, labels: list[str]) -> None:
    async def story(guest: Visitor, engine: FakeEngine) -> None:
        response = await guest.ask("", picture(), mode="classify", labels=json.dumps(labels))
        assert response.status == 400
        assert (await response.json())["error"].endswith((".", "else."))
        assert engine.ranked == []
        # While another task is chosen, what stands there does not matter.
        assert (await guest.ask("hello", mode="chat", labels=json.dumps(labels))).status == 202

    tell(tmp_path, story)


def test_examples_are_followed(tmp_path: Path) -> None:
    async def story(guest: Visitor, engine: FakeEngine) -> None:
        assert (await guest.conversation())["examples"] == []
        response = await add(guest, "RED!", picture())
        assert response.status == 201
        [example] = await response.json()
        assert (example["answer"], example["dropped"]) == ("RED!", False)
        photo = await guest.request("GET", f"/photos/{example['sha256']}")
        assert photo.status == 200
        await guest.finished("", picture("blue"), mode="few-shot")
        assert engine.shown(0).startswith("User:[red]Describe this image.\nAssistant: RED!\nUser:[blue]")
        assert (await guest.conversation())["examples"] == [example]
        async with visitor(guest.url) as other:
            assert (await other.request("GET", f"/photos/{example['sha256']}")).status == 404
            assert (await other.request("DELETE", f"/examples/{example['id']}")).status == 404
        response = await guest.request("DELETE", f"/examples/{example['id']}")
        assert await response.json() == []

    tell(tmp_path, story)


def test_examples_that_cannot_be_used(tmp_path: Path) -> None:
    async def story(guest: Visitor, engine: FakeEngine) -> None:
        for answer, photos, sentence in (
            ("RED!", [], "needs a picture"),
            (" ", [picture()], "answer is empty"),
            ("x" * 5000, [picture()], "5,000 characters"),
            ("RED!", [b"no picture"], "could not use a.png"),
        ):
            response = await add(guest, answer, *photos)
            assert response.status == 400
            assert sentence in (await response.json())["error"]
        assert (await guest.request("DELETE", "/examples/7")).status == 404

    tell(tmp_path, story)


def test_versions_and_continue(tmp_path: Path) -> None:
    async def story(guest: Visitor, engine: FakeEngine) -> None:
        first = await guest.finished("what?", picture())
        assert (first["continues"], first["versions"]) == (True, 1)
        whole = await again(guest, first, "continue")
        assert (whole["text"], whole["continues"], whole["versions"]) == ("A red square.", False, 1)
        second = await again(guest, whole, "regenerate")
        assert (second["text"], second["version"], second["versions"]) == ("Two.", 2, 2)
        shown = await again(guest, second, "versions/1")
        assert (shown["text"], shown["version"], shown["versions"]) == ("A red square.", 1, 2)
        [exchange] = (await guest.conversation())["exchanges"]
        assert exchange["answer"]["text"] == "A red square."
        missing = await guest.request("POST", f"/requests/{first['request']}/versions/3")
        assert missing.status == 404
        over = await guest.request("POST", f"/requests/{first['request']}/continue")
        assert over.status == 409

    tell(tmp_path, story, Cut("A red"), [" square."], "Two.")
