"""Whose conversation it is: a random name in a cookie, from which the ids that the store needs follow."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from aiohttp import web

from bot.conversation.messages import Person, Place, PlaceKind
from bot.web.refusing import Refused

COOKIE = "idefics_session"
MAX_AGE_S = 365 * 24 * 3600
_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's conversation. The store holds the ids only, from which the name cannot be found."""

    name: str

    @classmethod
    def new(cls) -> Session:
        return cls(secrets.token_hex(16))

    @classmethod
    def of(cls, request: web.Request) -> Session | None:
        """The session that the request's cookie names, None without a usable one."""
        name = request.cookies.get(COOKIE, "")
        return cls(name) if _NAME.fullmatch(name) else None

    @classmethod
    def required(cls, request: web.Request) -> Session:
        """As `of`.

        Raises:
            Refused: there is none.
        """
        session = cls.of(request)
        if session is None:
            raise Refused(403, "Open the playground's page first, and let it keep its cookie.")
        return session

    @property
    def place(self) -> Place:
        return Place(self._id("place"), PlaceKind.WEB)

    @property
    def person(self) -> Person:
        return Person(self._id("person"), "You")

    def keep_in(self, response: web.StreamResponse) -> None:
        response.set_cookie(COOKIE, self.name, max_age=MAX_AGE_S, httponly=True, samesite="Strict", path="/")

    def _id(self, what: str) -> int:
        """63 bits, as SQLite's integers are signed."""
        digest = hashlib.sha256(f"{what} {self.name}".encode()).digest()
        return int.from_bytes(digest[:8]) >> 1
