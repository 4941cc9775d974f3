from __future__ import annotations

import pytest
from yarl import URL

from bot.bridge.address import DiscordAddress

DISCORD = DiscordAddress()
OTHER = DiscordAddress(
    "http://127.0.0.1:9000/api/v10", ("pictures.example", "localhost:81", "https://a.example")
)


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.discordapp.com/attachments/1/2/a.png?ex=1&is=2&hm=3",
        "https://media.discordapp.net/attachments/1/2/a.png",
        "https://images-ext-1.discordapp.net/external/x/https/example.com/a.png",
    ],
)
def test_discords_own_media_are_allowed(url: str) -> None:
    assert DISCORD.allows(URL(url))
    assert not OTHER.allows(URL(url))


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.discordapp.com/a.png",
        "https://cdn.discordapp.com:8443/a.png",
        "https://cdn.discordapp.com.example/a.png",
        "https://example.com/cdn.discordapp.com/a.png",
        "https://cdn.discordapp.com@example.com/a.png",
        "https://images-ext-1.example.net/a.png",
        "https://discord.com/api/v10/users/@me",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:9000/a.png",
        "file:///etc/passwd",
        "/a.png",
    ],
)
def test_nothing_else_is_allowed(url: str) -> None:
    assert not DISCORD.allows(URL(url))


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:9000/attachments/1/2/a.png", True),
        ("http://127.0.0.1:9001/attachments/1/2/a.png", False),
        ("https://127.0.0.1:9000/attachments/1/2/a.png", False),
        ("http://localhost:9000/a.png", False),
        ("https://pictures.example/a.png", True),
        ("http://pictures.example:5000/a.png", True),
        ("http://localhost:81/a.png", True),
        ("https://a.example/a.png", True),
        ("http://a.example/a.png", False),
        ("ftp://pictures.example/a.png", False),
    ],
)
def test_another_api_brings_its_own_host_and_the_listed_ones(url: str, allowed: bool) -> None:
    assert OTHER.allows(URL(url)) is allowed


def test_requests_move_with_the_api() -> None:
    assert OTHER.moved("https://discord.com/api/v10/gateway") == "http://127.0.0.1:9000/api/v10/gateway"
    assert DISCORD.moved("https://discord.com/api/v10/gateway") == "https://discord.com/api/v10/gateway"


def test_a_listed_host_with_discords_own_api_is_allowed_too() -> None:
    address = DiscordAddress(media_hosts=("mirror.example",))
    assert address.is_discords_own
    assert address.allows(URL("https://mirror.example/a.png"))
    assert address.allows(URL("https://cdn.discordapp.com/a.png"))


def test_stickers_are_where_discord_serves_them() -> None:
    assert DISCORD.sticker_url(5, "png") == "https://cdn.discordapp.com/stickers/5.png"
    assert DISCORD.sticker_url(5, "gif") == "https://media.discordapp.net/stickers/5.gif"
    assert OTHER.sticker_url(5, "gif") == "http://127.0.0.1:9000/stickers/5.gif"
