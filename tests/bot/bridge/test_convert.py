from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import discord
import pytest
from simcord.enums import MessageType

from bot.bridge.convert import place
from bot.conversation.messages import Message, Origin, PlaceKind
from bot.languages.words import sentence
from tests.bot.discord_world import World, picture, tell


async def converted(world: World, text: str = "", **options: Any) -> Message:
    return world.client.converter.message(await world.alice.send(world.channel, text, **options))


def test_text_has_names_in_place_of_mentions(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        role = world.guild.create_role("Painters")
        await world.env.settle()
        message = await converted(
            world,
            f"{world.mention} ask {world.bob.mention}, <@&{role.id}> in {world.channel.mention} <a:wave:12>",
        )
        assert message.text == "ask @Bob, @Painters in #pictures :wave:"
        assert message.mentions_bot
        assert (message.author.name, message.origin) == ("Alice", Origin.PERSON)

    tell(tmp_path, story)


def test_what_cannot_be_named_and_what_looks_like_code_is_left(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        text = "<@1> <@&2> <#3>\n    if a  <b:\n"
        assert (await converted(world, text)).text == text.strip()
        assert not (await converted(world, "hello")).mentions_bot

    tell(tmp_path, story)


def test_offers_are_in_the_order_in_which_they_are_shown(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        files = [("a.png", picture()), ("b.txt", b"text")]
        message = await converted(world, "look", attachments=files)
        assert [(offer.name, offer.size) for offer in message.offers] == [
            (name, len(data)) for name, data in files
        ]

    tell(tmp_path, story)


def test_a_forwarded_message_is_read_from_its_snapshot(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        posted = await world.bob.send(world.channel, "the original", attachments=[("a.png", picture())])
        forwarded = world.client.converter.message(await world.alice.forward(posted, world.channel))
        assert forwarded.text == "the original"
        assert [offer.name for offer in forwarded.offers] == ["a.png"]
        assert forwarded.reply_to is None
        assert forwarded.author.name == "Alice"

    tell(tmp_path, story)


def test_what_a_poll_asks_is_its_text(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sent = await world.alice.send(world.channel, "vote!")
        sent.poll = discord.Poll("Which is nicer?", timedelta(hours=1))
        sent.poll.add_answer(text="the red one").add_answer(text="the blue one")
        text = world.client.converter.message(sent).text
        assert text == "vote!\nWhich is nicer?\nthe red one\nthe blue one"

    tell(tmp_path, story)


def test_the_replied_to_message_comes_along(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        posted = await world.bob.send(world.channel, "a photo", attachments=[("a.png", picture())])
        reply = await converted(world, "what is it?", reply_to=posted)
        assert reply.reply_to is not None
        assert (reply.reply_to.message_id, reply.reply_to.to_bot) == (posted.id, False)
        assert reply.reply_to.message is not None
        assert reply.reply_to.message.author.name == "Bob"
        assert len(reply.reply_to.message.offers) == 1
        await world.ask("hello")
        to_bot = await converted(world, "and?", reply_to=world.answer())
        assert to_bot.reply_to is not None
        assert to_bot.reply_to.to_bot

    tell(tmp_path, story)


def test_a_reply_to_a_deleted_message_has_only_its_id(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        posted = await world.bob.send(world.channel, "gone soon")
        reply = await world.alice.send(world.channel, "what?", reply_to=posted)
        await world.bob.delete(posted)
        found = await world.client.get_channel(world.channel.id).fetch_message(reply.id)  # type: ignore[union-attr]
        message = world.client.converter.message(found)
        assert message.reply_to is not None
        assert (message.reply_to.message_id, message.reply_to.message) == (posted.id, None)

    tell(tmp_path, story)


def embed(kind: str, **parts: Any) -> discord.Embed:
    return discord.Embed.from_dict({"type": kind, "url": "https://example.com/x", **parts})


@pytest.mark.parametrize(
    ("parts", "url"),
    [
        ({"thumbnail": {"url": "https://a", "proxy_url": "https://p/thumbnail"}}, "https://p/thumbnail"),
        (
            {
                "image": {"url": "https://a", "proxy_url": "https://p/image"},
                "thumbnail": {"url": "https://a", "proxy_url": "https://p/thumbnail"},
            },
            "https://p/image",
        ),
        ({"image": {"url": "https://a"}}, None),
        ({"title": "words only"}, None),
    ],
)
def test_embeds_offer_their_picture_through_the_proxy_alone(
    tmp_path: Path, parts: dict[str, Any], url: str | None
) -> None:
    async def story(world: World) -> None:
        sent = await world.alice.send(world.channel, "https://example.com/x")
        sent.embeds = [embed("article", **parts)]
        message = world.client.converter.message(sent)
        assert [offer.url for offer in message.offers] == ([url] if url else [])

    tell(tmp_path, story)


def test_stickers_are_offered_where_they_are_served(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sent = await world.alice.send(world.channel, "hi")
        state = sent._state
        sent.stickers = [
            discord.StickerItem(
                state=state, data={"id": str(number), "name": f"S{number}", "format_type": number}
            )
            for number in (1, 2, 3, 4, 9)
        ]
        offers = world.client.converter.message(sent).offers
        # Discord may come to have formats that the library does not know.
        names = ["1.png", "2.png", "3.json", "4.gif", "9.png"]
        assert [offer.url.split("/stickers/")[1] for offer in offers] == names
        assert offers[0].name == sentence("the sticker {name}", name="S1")

    tell(tmp_path, story)


def test_who_is_no_person_is_told_apart(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        robot = world.guild.add_member(world.env.create_user("robot", bot=True))
        await world.ask("hello", picture())
        await robot.send(world.channel, "beep")
        await world.guild.create_webhook(world.channel).send("news")
        origins = [world.client.converter.message(each).origin for each in world.channel.history()]
        assert origins == [Origin.PERSON, Origin.SELF, Origin.SELF, Origin.BOT, Origin.WEBHOOK]
        world.guild.create_system_message(world.channel, MessageType.NEW_MEMBER, author=world.alice)
        await world.env.settle()
        last = world.channel.last_message
        assert last is not None
        assert world.client.converter.message(last).origin is Origin.SYSTEM

    tell(tmp_path, story)


def test_places(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        voice = world.guild.create_voice_channel("talk")
        await world.ask("hello", picture())
        await world.alice.send_dm("hello")
        found = {
            each.id: place(world.client.get_channel(each.id) or world.client.get_partial_messageable(each.id))
            for each in (world.channel, world.thread(), voice, world.alice.user.dm_channel)
        }
        kinds = [each.kind for each in found.values()]
        assert kinds == [PlaceKind.CHANNEL, PlaceKind.THREAD, PlaceKind.CHAT, PlaceKind.DIRECT]
        thread = found[world.thread().id]
        assert (thread.server_id, thread.parent_id) == (world.guild.id, world.channel.id)
        unknown = world.client.get_partial_messageable(5, guild_id=world.guild.id)
        assert place(unknown).kind is PlaceKind.CHAT

    tell(tmp_path, story)
