"""Where Discord is: its own API or a compatible server's, and the hosts from which pictures may come."""

from __future__ import annotations

import re
from dataclasses import dataclass

from discord.http import Route
from yarl import URL

_OWN_MEDIA = re.compile(r"(cdn|media|images-ext-\d+)\.discordapp\.(com|net)")


@dataclass(frozen=True, slots=True)
class DiscordAddress:
    """An HTTP API, version included, and what follows from it.

    `media_hosts` are further hosts for pictures, each "host", "host:port" or "scheme://host:port".
    """

    api_url: str = Route.BASE
    media_hosts: tuple[str, ...] = ()

    @property
    def is_discords_own(self) -> bool:
        host = URL(self.api_url).host or ""
        return host == "discord.com" or host.endswith(".discord.com")

    def moved(self, url: str) -> str:
        """A URL of the library's as one of this API."""
        return self.api_url + url.removeprefix(Route.BASE) if url.startswith(Route.BASE) else url

    def allows(self, url: URL) -> bool:
        """Whether pictures may be fetched from there: this Discord's own media and the listed hosts."""
        if url.scheme not in ("http", "https") or url.host is None:
            return False
        if any(_is_at(url, listed) for listed in self.media_hosts):
            return True
        if self.is_discords_own:
            return url.scheme == "https" and url.port == 443 and _OWN_MEDIA.fullmatch(url.host) is not None
        return url.origin() == URL(self.api_url).origin()

    def sticker_url(self, sticker_id: int, extension: str) -> str:
        """Of a sticker, for which Discord sends no address; GIFs are served by its media proxy alone."""
        if not self.is_discords_own:
            return f"{URL(self.api_url).origin()}/stickers/{sticker_id}.{extension}"
        host = "media.discordapp.net" if extension == "gif" else "cdn.discordapp.com"
        return f"https://{host}/stickers/{sticker_id}.{extension}"


def _is_at(url: URL, listed: str) -> bool:
    if "://" in listed:
        return url.origin() == URL(listed).origin()
    wanted = URL(f"//{listed}")
    return url.host == wanted.host and wanted.explicit_port in (None, url.port)
