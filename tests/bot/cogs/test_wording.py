"""/labels and /prefix."""

from __future__ import annotations

from pathlib import Path

from tests.bot.cogs.speaking import moderator, told
from tests.bot.discord_world import World, picture, tell


def test_labels(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        here = world.channel
        assert "no labels yet" in told(await world.alice.slash(here, "labels show"))
        await mod.slash(here, "labels set", labels="cat, dog")
        assert told(await mod.slash(here, "labels add", labels="bird, Dog")) == (
            "There are 3 labels now: cat, dog, bird"
        )
        found = await mod.autocomplete(here, "labels remove", "label", "D")
        assert [each["name"] for each in found] == ["dog", "bird"]
        assert (
            told(await mod.slash(here, "labels remove", label="Cat")) == "There are 2 labels now: dog, bird"
        )
        assert told(await world.alice.slash(here, "labels show")) == "Labels: dog, bird"

    tell(tmp_path, story)


def test_a_prefix(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        await mod.slash(world.channel, "mode set", mode="prompted-caption")
        said = told(await mod.slash(world.channel, "prefix set", text="A photo\nof"))
        assert said == "Captions begin with “A photo of” now."
        await world.ask("", picture())
        assert world.answer().content == "A photo of a house."
        said = told(await mod.slash(world.channel, "prefix clear"))
        assert said == "Captions begin with “This is an image of” now."

    tell(tmp_path, story, "a house.")
