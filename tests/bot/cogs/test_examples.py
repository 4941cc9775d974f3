"""/examples and the menu that adds one."""

from __future__ import annotations

from pathlib import Path

from bot.conversation.keeping import Owners
from bot.conversation.messages import Scope, StoredPhoto
from tests.bot.cogs.speaking import ATTACHED, moderator, offer_in, place_in, text_of, told
from tests.bot.discord_world import World, picture, tell


def test_examples(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        here = world.channel
        assert "no examples yet" in told(await world.alice.slash(here, "examples list"))
        said = told(await mod.slash(here, "examples add", picture=ATTACHED, answer="RED!"))
        assert said == "There is 1 example. They are followed in the mode few-shot: choose it with /mode set."
        await mod.slash(here, "mode set", mode="few-shot")
        posted = await world.bob.send(here, "look", attachments=[("b.png", picture("blue"))])
        form = await mod.context_menu(here, "Add as example", posted)
        assert form.modal is not None
        submitted = await mod.submit_modal(form, {text_of(form): "BLUE!"})
        assert told(submitted) == "There are 2 examples."
        await world.ask("", picture("green"))
        assert world.engine.shown(0) == (
            "User:[red]Describe this image.\nAssistant: RED!\nUser:[blue]Describe this image.\n"
            "Assistant: BLUE!\nUser:[green]Describe this image.\nAssistant:"
        )
        listed = (await world.alice.slash(here, "examples list")).response
        assert listed is not None
        assert [embed.description for embed in listed.embeds] == ["**1.** RED!", "**2.** BLUE!"]
        assert len(listed.attachments) == 2
        [choice] = await mod.autocomplete(here, "examples remove", "example", "bl")
        assert choice["name"] == "2. BLUE!"
        assert told(await mod.slash(here, "examples remove", example=choice["value"])) == (
            "There is 1 example."
        )
        assert told(await mod.slash(here, "examples clear")) == "There are no examples here now."

    tell(tmp_path, story)


def test_examples_that_there_is_no_room_for_are_named(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        world.engine.context_length = 150
        for _ in range(2):
            result = await mod.slash(world.channel, "examples add", picture=ATTACHED, answer="a " * 40)
        assert "room for 1 only: the oldest 1 is not shown" in told(result)
        listed = (await mod.slash(world.channel, "examples list")).response
        assert listed is not None
        assert [embed.footer.text for embed in listed.embeds] == [
            "Not shown to the model: there is no room for it.",
            None,
        ]

    tell(tmp_path, story)


def test_no_more_examples_than_a_list_can_show(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        mod = moderator(world)
        await mod.slash(world.channel, "examples add", picture=ATTACHED, answer="one")
        [example] = await world.store.examples(place_in(world).scopes)
        photo = await world.service.fetch_photo(offer_in(world))
        assert isinstance(photo, StoredPhoto)
        scope, owners = Scope(world.channel.id), Owners(1, 1)
        for _ in range(24):
            await world.store.add_example(scope, photo, example.answer, owners)
        said = told(await mod.slash(world.channel, "examples add", picture=ATTACHED, answer="more"))
        assert said == "There are 25 examples, and no more are possible: remove one first."

    tell(tmp_path, story)


def test_all_examples_are_listed_however_many_and_long(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        photo = await world.service.fetch_photo(offer_in(world))
        assert isinstance(photo, StoredPhoto)
        for number in range(12):
            answer = f"{number} {'*' * 900}"
            await world.store.add_example(Scope(world.channel.id), photo, answer, Owners(1, 1))
        result = await world.alice.slash(world.channel, "examples list")
        messages = [one for one in (result.response, *result.followups) if one is not None]
        assert [len(message.embeds) for message in messages] == [5, 5, 2]
        assert all(sum(len(embed) for embed in message.embeds) <= 6000 for message in messages)
        assert [len(message.attachments) for message in messages] == [5, 5, 2]
        assert told(result).startswith("There are 12 examples. The model has room for")
        numbers = [str(embed.description)[:6] for message in messages for embed in message.embeds]
        assert numbers == [f"**{number}.**"[:6] for number in range(1, 13)]

    tell(tmp_path, story)
