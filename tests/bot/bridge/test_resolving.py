from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.bridge.address import DiscordAddress
from bot.bridge.fetching import MediaFetcher
from bot.bridge.resolving import PublicResolver, is_public
from bot.conversation.messages import PhotoOffer, SkippedPhoto
from bot.languages.words import sentence


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("162.159.133.233", True),
        ("2606:4700::6810:1", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("192.168.1.1", False),
        ("172.16.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("fd00:ec2::254", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::a29f:85e9", True),
        ("64:ff9b:1::1", False),
        ("fec0::1", False),
        ("::7f00:1", False),
        ("::ffff:0:7f00:1", False),
        ("2001::1", False),
    ],
)
def test_which_addresses_are_public(address: str, expected: bool) -> None:
    assert is_public(address) is expected


class Names(AbstractResolver):
    """Says each time what is next: a name that changes."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in self.answers.pop(0)
        ]

    async def close(self) -> None:
        """Nothing is open."""


def test_only_the_public_ones_of_several_are_used() -> None:
    resolver = PublicResolver(Names(["127.0.0.1", "162.159.133.233", "::1"]))
    [found] = asyncio.run(resolver.resolve("cdn.discordapp.com", 443))
    assert found["host"] == "162.159.133.233"


def test_a_name_that_points_here_is_not_connected_to() -> None:
    """A server waits where the name points to, and nobody comes."""
    connected = 0

    def came(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connected
        connected += 1
        writer.close()

    async def fetched(resolver: AbstractResolver) -> object:
        server = await asyncio.start_server(came, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        address = DiscordAddress(media_hosts=(f"http://pictures.example:{port}",))
        async with server, MediaFetcher(address, resolver=resolver) as fetcher:
            return await fetcher.fetch(PhotoOffer(f"http://pictures.example:{port}/a.png", "a.png"))

    skipped = SkippedPhoto("a.png", sentence("It could not be loaded from Discord: send it again."))
    for here in ("127.0.0.1", "::ffff:127.0.0.1"):
        assert asyncio.run(fetched(PublicResolver(Names([here])))) == skipped
    assert connected == 0
    # Where the name is taken as it is, somebody comes.
    assert asyncio.run(fetched(Names(["127.0.0.1"]))) == skipped
    assert connected >= 1


def test_discords_own_media_are_public() -> None:
    async def resolver_of(address: DiscordAddress) -> object:
        async with MediaFetcher(address) as fetcher:
            return fetcher._session.connector._resolver  # type: ignore[union-attr]

    assert isinstance(asyncio.run(resolver_of(DiscordAddress())), PublicResolver)
    local = asyncio.run(resolver_of(DiscordAddress("http://127.0.0.1:1/api/v10")))
    assert not isinstance(local, PublicResolver)
