from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from bot.web.samples import SIZE, sample_drawing
from tests.bot.conversation.chats import on_loop
from tests.bot.web.playgrounds import playground, visitor
from tests.fake_engine import FakeEngine


def test_a_seed_is_a_drawing_of_several_colours() -> None:
    drawings = {seed: sample_drawing(seed) for seed in range(5)}
    assert len(set(drawings.values())) == 5
    assert sample_drawing(3) == drawings[3]
    for data in drawings.values():
        picture = Image.open(io.BytesIO(data))
        assert (picture.format, picture.size) == ("PNG", (SIZE, SIZE))
        assert len(picture.getcolors(maxcolors=SIZE * SIZE) or ()) >= 3


@on_loop
async def test_they_are_served(tmp_path: Path) -> None:
    async with playground(FakeEngine(), tmp_path) as url, visitor(url) as anna:
        response = await anna.request("GET", "/samples/7.png")
        assert response.content_type == "image/png"
        assert await response.read() == sample_drawing(7)
