"""In which language the server answers a browser."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from bot.web.wording import language_of


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "en"),
        ({"Accept-Language": "de-AT,de;q=0.9,en;q=0.8"}, "de"),
        ({"Accept-Language": "fr-FR,fr;q=0.9, ar-EG;q=0.8"}, "ar"),
        ({"Accept-Language": "fr"}, "en"),
        ({"Accept-Language": "de", "Cookie": "language=ar"}, "ar"),
        ({"Accept-Language": "de", "Cookie": "language=fr"}, "de"),
    ],
)
def test_it_is_the_first_that_there_are_words_in(headers: dict[str, str], language: str) -> None:
    assert language_of(make_mocked_request("GET", "/", headers=headers)) == language
