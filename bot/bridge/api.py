"""The library's requests, sent to the configured Discord and repeated where an answer was lost.

discord.py has no option for another API: `Route.BASE` is a class attribute and the gateway's address a
constant. Changing those would move every client of the process; these two classes move one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Any

import aiohttp
import discord
from discord.gateway import DiscordWebSocket
from discord.http import HTTPClient, Route
from discord.types.user import User
from discord.webhook.async_ import AsyncWebhookAdapter
from yarl import URL

from bot.bridge.address import DiscordAddress

log = logging.getLogger(__name__)

MAX_TRIES = 4
MAX_WAIT_S = 60.0
UNTOLD_WAIT_S = 1.0
"""After a 429 that does not say for how long; then twice and three times as long."""
TIMEOUT_S = 30.0
"""Of one request, without what Discord asks to wait."""
UPLOAD_S = 300.0


class ApiClient(HTTPClient):
    """The HTTP client of one Discord client; everything it sends goes to `address`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        address: DiscordAddress,
        http_trace: aiohttp.TraceConfig | None = None,
    ) -> None:
        super().__init__(loop, http_trace=http_trace)
        self.address = address

    async def static_login(self, token: str) -> User:
        self.first_connection: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        """Why the gateway could not be reached for the first time; None if it was."""
        return await super().static_login(token)

    async def request(
        self,
        route: Route,
        *,
        files: Sequence[discord.File] | None = None,
        form: Iterable[dict[str, Any]] | None = None,
        **kwargs: Any,
    ) -> Any:
        """As the library's, which repeats after 5xx and after 429 of Discord's own front.

        Repeated here are a request whose answer was lost on the way, if doing it twice does no harm, and
        one that a server without that front ("Via") refused with 429.
        """
        route.url = self.address.moved(route.url)
        # An answer that does not come would else be waited for as long as aiohttp does: five minutes.
        kwargs.setdefault("timeout", aiohttp.ClientTimeout(total=TIMEOUT_S if not files else UPLOAD_S))
        repeatable = not files and form is None and _is_repeatable(route, kwargs.get("json"))
        for tried in range(1, MAX_TRIES + 1):
            try:
                return await super().request(route, files=files, form=form, **kwargs)
            except discord.HTTPException as error:
                wait = _asked_to_wait(error)
                if wait is None or files or form is not None or tried == MAX_TRIES:
                    raise
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
                if not repeatable or isinstance(error, aiohttp.ClientConnectorError) or tried == MAX_TRIES:
                    raise
                log.warning(
                    "The answer to %s %s was lost (%r); asking again", route.method, route.path, error
                )
                wait = 0.5 * tried
            except KeyError as error:
                # The library takes for granted that a 429 says for how long.
                if error.args != ("retry_after",) or tried == MAX_TRIES:
                    raise
                wait = UNTOLD_WAIT_S * tried
            await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    async def ws_connect(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        """As the library's; where that would use Discord's fixed address, the API is asked for its own.

        The fixed address stands for a new session, also after an invalid one; a session that is taken up
        again has the address that came with it.
        """
        target = URL(url)
        try:
            if target.host == DiscordWebSocket.DEFAULT_GATEWAY.host:
                _, gateway, _ = await self.get_bot_gateway()
                target = URL(gateway).with_query(target.query)
            socket = await super().ws_connect(str(target), compress=compress)
        except (OSError, aiohttp.ClientError, discord.GatewayNotFound) as error:
            if not self.first_connection.done():
                self.first_connection.set_result(error)
            raise
        if not self.first_connection.done():
            self.first_connection.set_result(None)
        return socket


class ApiWebhookAdapter(AsyncWebhookAdapter):
    """Answers to interactions, which the library sends past its HTTP client."""

    def __init__(self, address: DiscordAddress) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.address = address

    async def request(self, route: Route, session: aiohttp.ClientSession, **kwargs: Any) -> Any:
        route.url = self.address.moved(route.url)
        return await super().request(route, session, **kwargs)


def _is_repeatable(route: Route, json: Any) -> bool:
    if route.method != "POST" or route.path.endswith("/messages/{message_id}/threads"):
        return True  # a message has one thread at most
    return isinstance(json, dict) and bool(json.get("enforce_nonce"))


def _asked_to_wait(error: discord.HTTPException) -> float | None:
    """Seconds after which an API that answered 429 wants to be asked again.

    Cloudflare answers 429 too, in HTML, to an address that it has banned: asking again makes that longer.
    """
    if error.status != 429 or error.response.headers.get("Content-Type", "").startswith("text/html"):
        return None
    try:
        wait = float(error.response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None
    return wait if 0 <= wait <= MAX_WAIT_S else None
