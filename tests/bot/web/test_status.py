"""The status page, and what it is told."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

from bot.conversation.requests import Outcome, RequestState
from bot.web.metrics import Metrics
from bot.web.watch import MOST_SAMPLES, Watch
from tests.bot.conversation.chats import on_loop
from tests.bot.web.chromium import CHROMIUM, FLAGS
from tests.bot.web.playgrounds import playground, visitor
from tests.fake_engine import FakeEngine


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ended(first: float, prompt: int, cached: int) -> Outcome:
    return Outcome(
        RequestState.DONE, "A house.", first_token_seconds=first, prompt_tokens=prompt, cached_tokens=cached
    )


class Pieces:
    pieces = 0


def test_a_sample_is_what_happened_since_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics, time, engine = Metrics(), Time(), Pieces()
    metrics._engine = engine  # type: ignore[assignment]
    watch = Watch(metrics, time)
    for outcome in (ended(0.5, 100, 80), ended(0.1, 100, 20), ended(0.3, 0, 0)):
        metrics.count_outcome(outcome)
    engine.pieces = 60
    metrics._discord.labels("PATCH", "429").inc(2)
    metrics._discord.labels("PATCH", "200").inc(5)
    metrics._edits.inc(4)
    metrics._errors.labels("bot").inc()
    time.now += 2.0
    watch.take(0.25)
    time.now += 2.0
    watch.take(0.0)
    found = watch.since(0.0)
    assert found["time"] == [1002.0, 1004.0]
    assert found["first_token_seconds"] == [0.3, None]
    assert found["cached_share"] == [0.5, None]
    assert found["tokens_per_second"] == [30.0, 0.0]
    assert found["edits_per_second"] == [2.0, 0.0]
    assert found["refused"] == [2, 0]
    assert found["errors"] == [1, 0]
    assert found["lag_seconds"] == [0.25, 0.0]
    assert found["memory_bytes"][0] > 1e6
    assert watch.since(1002.0)["time"] == [1004.0]
    for _ in range(MOST_SAMPLES + 10):
        time.now += 2.0
        watch.take(0.0)
    assert len(watch.since(0.0)["time"]) == MOST_SAMPLES


async def figures(session: Any, url: str, after: str = "0") -> dict[str, Any]:
    async with session.get(f"{url}/status/figures?after={after}") as response:
        assert response.status == 200
        return dict(await response.json())


@on_loop
async def test_the_figures_of_a_playground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.web.watch.EVERY_S", 0.05)
    async with playground(FakeEngine(["One", " two"]), tmp_path) as url, visitor(url) as person:
        await person.finished("what?")
        found = await figures(person.session, url)
        # It is counted once it is recorded, which is after it is shown.
        while sum(found["samples"]["tokens_per_second"]) == 0 or found["requests"] != {"done": 1}:
            await asyncio.sleep(0.02)
            found = await figures(person.session, url)
        assert found["checks"] == {"model": True, "database": True}
        assert found["model"] == "demo"
        for after in ("nan", "inf", "a", ""):
            assert (await figures(person.session, url, after))["samples"]["time"]
        last = found["samples"]["time"][-1]
        newer = await figures(person.session, url, str(last))
        assert all(moment > last for moment in newer["samples"]["time"])
        assert all(math.isfinite(each) for each in newer["samples"]["lag_seconds"])


@on_loop
async def test_the_page_in_a_browser(tmp_path: Path) -> None:
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}, Debian's browser")
    async_api = pytest.importorskip("playwright.async_api", reason="Playwright is not installed")
    complaints: list[str] = []
    async with playground(FakeEngine("One."), tmp_path) as url, async_api.async_playwright() as playwright:
        async with visitor(url) as person:
            await person.finished("what?")
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        await page.goto(f"{url}/status")
        expect = async_api.expect
        await expect(page.get_by_role("heading", name="All is well.")).to_be_visible()
        await expect(page.locator("#answers")).to_have_text("1")
        await expect(page.locator(".checks li")).to_have_text(["Model", "Database"])
        await expect(page.get_by_role("img", name="Requests: being answered 0, waiting 0")).to_be_visible()
        assert await page.locator(".plot").count() == 7
        await page.route("**/status/figures*", lambda route: route.abort())
        await expect(page.get_by_role("heading", name="The bot cannot be reached.")).to_be_visible()
        await browser.close()
    assert [line for line in complaints if "ERR_FAILED" not in line] == []
