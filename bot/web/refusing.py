"""What the page is told instead of what it asked for, in its reader's language."""

from __future__ import annotations

import json

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.languages.words import Sentence, words_in
from bot.web.wording import language_of


class Refused(web.HTTPException):
    """An answer other than what was asked for: a status and a sentence for the person, as JSON."""

    def __init__(self, status: int, message: str, /, **values: object) -> None:
        self.status_code = status
        self.sentence = Sentence(message, values)
        super().__init__(content_type="application/json")


@web.middleware
async def tell(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Says why a request is refused."""
    try:
        return await handler(request)
    except Refused as refused:
        said = words_in(language_of(request)).said(refused.sentence)
        refused.text = json.dumps({"error": said})
        raise
