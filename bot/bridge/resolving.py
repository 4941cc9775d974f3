"""Names become addresses once, and only those of the public internet: connections go nowhere else."""

from __future__ import annotations

import ipaddress
import socket

from aiohttp import DefaultResolver
from aiohttp.abc import AbstractResolver, ResolveResult

_UNICAST = ipaddress.ip_network("2000::/3")
"""Of IPv6, what is given out for the public internet (RFC 4291)."""
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses whose last 32 bits are an IPv4 address (RFC 6052)."""


class PublicResolver(AbstractResolver):
    """Keeps a name that points into the operator's own network, now or from some moment on, from being used.

    aiohttp connects to the very addresses that are returned here.
    """

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """
        Raises:
            OSError: the name has no address, or none that is public.
        """
        found = [one for one in await self._resolver.resolve(host, port, family) if is_public(one["host"])]
        if not found:
            raise OSError(f"{host} has no address in the public internet")
        return found

    async def close(self) -> None:
        await self._resolver.close()


def is_public(address: str) -> bool:
    """Whether an IP address, also one that stands for another, is in the public internet."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        meant = parsed.ipv4_mapped or parsed.sixtofour
        if meant is None and parsed in _TRANSLATED:
            meant = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if meant is None:
            return parsed in _UNICAST and parsed.is_global
        parsed = meant
    return parsed.is_global and not parsed.is_multicast
