"""The page's own words in a language."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bot.languages.words import languages, messages_in, name_of, plural_tags, words_in

COOKIE = "language"


def language_of(request: web.Request) -> str:
    """That the reader has chosen, else the browser's first that there are words in: the page's, that is."""
    asked = request.headers.get("Accept-Language", "").split(",")
    return words_in(request.cookies.get(COOKIE), *(each.partition(";")[0].strip() for each in asked)).language


async def catalogue(request: web.Request) -> web.Response:
    """Those of the first language in `language`, separated by commas, that there is."""
    spoken = words_in(*request.query.get("language", "").split(","))
    data: dict[str, Any] = {
        "language": spoken.language,
        "rtl": spoken.right_to_left,
        "messages": messages_in(spoken.language),
        "forms": plural_tags(spoken.language),
        "languages": {language: name_of(language) for language in languages()},
    }
    return web.json_response(data, headers={"Cache-Control": "no-cache"})
