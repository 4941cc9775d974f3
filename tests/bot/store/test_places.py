from __future__ import annotations

from pathlib import Path

from bot.conversation.channel_settings import ChannelSettings, History, Mode, Threads, Trigger
from bot.conversation.messages import Place, PlaceKind, Scope
from tests.bot.conversation.chats import on_loop
from tests.bot.store.stores import CHANNEL, DIRECT, SERVER, open_store, said

THREAD = Place(500, PlaceKind.THREAD, SERVER, CHANNEL.id)
EVERYTHING = ChannelSettings(
    Mode.CLASSIFY,
    Trigger.EVERY_PICTURE,
    Threads.ALWAYS,
    History.OFF,
    ("cat", "dog"),
    "A painting of",
    7,
    0.5,
    False,
    "ar",
)


@on_loop
async def test_settings_of_thread_channel_and_server(tmp_path: Path) -> None:
    unset = ChannelSettings()
    async with open_store(tmp_path) as store:
        assert await store.settings(THREAD) == [unset, unset, unset]
        await store.change_settings(Scope(CHANNEL.id), EVERYTHING)
        await store.change_settings(Scope(SERVER, is_server=True), ChannelSettings(mode=Mode.STORY))
        await store.change_settings(Scope(SERVER, is_server=True), ChannelSettings(labels=()))
    async with open_store(tmp_path) as store:
        server = ChannelSettings(labels=())
        assert await store.settings(THREAD) == [unset, EVERYTHING, server]
        assert await store.settings(CHANNEL) == [EVERYTHING, server]
        assert await store.settings(DIRECT) == [unset]


@on_loop
async def test_a_channel_with_its_servers_id(tmp_path: Path) -> None:
    first = Place(SERVER, PlaceKind.CHANNEL, SERVER)
    own, server = ChannelSettings(mode=Mode.STORY), ChannelSettings(mode=Mode.VQA)
    async with open_store(tmp_path) as store:
        await store.record_message(said(20, place=first), [], addressed=False)
        await store.change_settings(Scope(first.id), own)
        assert await store.settings(CHANNEL) == [ChannelSettings(), ChannelSettings()]
        await store.change_settings(Scope(SERVER, is_server=True), server)
        assert await store.settings(first) == [own, server]
        await store.forget_place(first.id)
        assert await store.settings(first) == [ChannelSettings(), server]


@on_loop
async def test_the_newest_message_seen_in_each_place(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.mark_seen(CHANNEL.id, 1)
        assert await store.seen_places() == []
        await store.record_message(said(20), [], addressed=False)
        await store.record_message(said(10), [], addressed=False)
        await store.record_message(said(30, place=DIRECT), [], addressed=True)
        assert await store.seen_places() == [(DIRECT, 30), (CHANNEL, 20)]
        await store.mark_seen(CHANNEL.id, 40)
        await store.mark_seen(CHANNEL.id, 35)
    async with open_store(tmp_path) as store:
        assert await store.seen_places() == [(CHANNEL, 40), (DIRECT, 30)]


@on_loop
async def test_a_place_may_turn_out_to_be_something_else(tmp_path: Path) -> None:
    moved = Place(CHANNEL.id, PlaceKind.CHAT, SERVER)
    async with open_store(tmp_path) as store:
        await store.record_message(said(1), [], addressed=True)
        await store.record_message(said(2, place=moved), [], addressed=True)
        assert await store.seen_places() == [(moved, 2)]
