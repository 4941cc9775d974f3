"""Pictures from Discord's hosts, and from nowhere else."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from bot.bridge.address import DiscordAddress
from bot.bridge.resolving import PublicResolver
from bot.conversation.messages import PhotoOffer, SkippedPhoto, StoredPhoto
from bot.conversation.photos import normalise, too_large
from bot.languages.words import Sentence, sentence
from inference.pictures import MAX_BYTES

log = logging.getLogger(__name__)

AT_A_TIME = 16
TIMEOUT_S = 20.0
MAX_REDIRECTS = 3
_CHUNK = 64 * 1024
_NOT_LOADED = sentence("It could not be loaded from Discord: send it again.")


class _NotFetchedError(Exception):
    def __init__(self, reason: Sentence) -> None:
        super().__init__(reason.message)
        self.reason = reason


class MediaFetcher:
    """A `PhotoFetcher` over HTTP; used in `async with`, which closes its connections and its threads."""

    def __init__(
        self,
        address: DiscordAddress,
        *,
        max_bytes: int = MAX_BYTES,
        timeout_s: float = TIMEOUT_S,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """Without a `resolver`, Discord's own media are looked for in the public internet alone.

        A server that is compatible may stand in the operator's own network.
        """
        self._address = address
        self._resolver = resolver
        self._max_bytes = max_bytes
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._some = asyncio.Semaphore(AT_A_TIME)

    async def __aenter__(self) -> Self:
        resolver = self._resolver or (PublicResolver() if self._address.is_discords_own else None)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver),
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity"},  # so that the limit counts what is kept
        )
        # Not the loop's own executor: looking up names shares that one.
        self._decoders = ThreadPoolExecutor(max_workers=2, thread_name_prefix="decode")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        self._decoders.shutdown(wait=False, cancel_futures=True)

    async def fetch(self, offer: PhotoOffer) -> StoredPhoto | SkippedPhoto:
        # Some at a time: what was downloaded is in memory until it is decoded.
        async with self._some:
            return await self._fetch(offer)

    async def _fetch(self, offer: PhotoOffer) -> StoredPhoto | SkippedPhoto:
        try:
            data = await self._download(offer)
        except _NotFetchedError as error:
            return SkippedPhoto(offer.name, error.reason)
        except TimeoutError:
            log.warning("Fetching %s took longer than %s s", _told(offer.url), self._timeout.total)
            return SkippedPhoto(offer.name, sentence("Loading it took too long: send it again."))
        except (aiohttp.ClientError, OSError):
            log.warning("Fetching %s failed", _told(offer.url), exc_info=True)
            return SkippedPhoto(offer.name, _NOT_LOADED)
        return await asyncio.get_running_loop().run_in_executor(self._decoders, normalise, data, offer.name)

    async def _download(self, offer: PhotoOffer) -> bytes:
        if offer.size is not None and offer.size > self._max_bytes:
            raise _NotFetchedError(too_large(self._max_bytes))
        url = _parsed(offer.url)
        if url.path.endswith(".json"):
            raise _NotFetchedError(sentence("It is an animation (Lottie), not a picture."))
        for _ in range(MAX_REDIRECTS + 1):
            if not self._address.allows(url):
                log.warning("Not fetched, as it is not on a host of the configured Discord: %s", _told(url))
                raise _NotFetchedError(sentence("It is not on Discord's own servers: send it as a file."))
            async with self._session.get(url, allow_redirects=False) as response:
                location = response.headers.get("Location")
                if response.status in (301, 302, 303, 307, 308) and location is not None:
                    url = _parsed(location, url)
                    continue
                if response.status != 200:
                    log.warning("Fetching %s: status %s", _told(url), response.status)
                    raise _NotFetchedError(
                        sentence("It is no longer there: send it again.")
                        if response.status in (403, 404, 410)
                        else _NOT_LOADED
                    )
                return await self._read(response)
        raise _NotFetchedError(_NOT_LOADED)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        data = bytearray()
        if (response.content_length or 0) > self._max_bytes:
            raise _NotFetchedError(too_large(self._max_bytes))
        async for chunk in response.content.iter_chunked(_CHUNK):
            data += chunk
            if len(data) > self._max_bytes:
                raise _NotFetchedError(too_large(self._max_bytes))
        return bytes(data)


def _parsed(address: str, base: URL | None = None) -> URL:
    """Where a picture is said to be; `base`: who said so, if that was not Discord itself."""
    try:
        # As written: quoting it anew would break the signature that is part of it.
        url = URL(address, encoded=True)
        url = url if base is None else base.join(url)
        _ = url.port  # read late; not every one is a number
    except ValueError as error:
        log.warning(
            "A picture is said to be at what is no address, by %s", "Discord" if base is None else _told(base)
        )
        raise _NotFetchedError(_NOT_LOADED) from error
    return url


def _told(url: str | URL) -> str:
    """Where a picture is, for the log: without its name, which a person gave it, and its signature."""
    parsed = URL(url, encoded=True) if isinstance(url, str) else url
    return f"{parsed.scheme}://{parsed.authority}{parsed.parent.raw_path}/…"
