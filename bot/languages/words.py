"""The bot's own sentences in one language."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

CATALOGUES = Path(__file__).parent / "catalogues"
SOURCE = "en"
"""The language of the sentences in the code."""


def marked(message: str) -> str:
    """The sentence itself, known to the catalogues though it is only said elsewhere."""
    return message


@dataclass(frozen=True, slots=True)
class Sentence:
    """Something to be said in its reader's language, with `values` in the places that it names in braces."""

    message: str
    values: Mapping[str, object] = field(default_factory=dict)


def sentence(message: str, /, **values: object) -> Sentence:
    """A sentence that is said elsewhere."""
    return Sentence(message, values)


class Words:
    """Called with an English sentence and its values, says it in `language`."""

    def __init__(self, language: str, translations: NullTranslations) -> None:
        self.language = language
        self.locale = Locale.parse(language)
        self._translations = translations

    def __call__(self, message: str, /, **values: object) -> str:
        return self.said(message).format(**values)

    def plural(self, one: str, many: str, number: int, /, **values: object) -> str:
        """The form that goes with `number`, which the sentence names as {number}."""
        message = self._translations.ngettext(one, many, number)
        return message.format(number=self.number(number), **values)

    def said(self, message: str | Sentence) -> str:
        """A sentence, as it stands if the catalogue does not have it; a text by itself has no values."""
        if isinstance(message, Sentence):
            values = {name: self._shown(value) for name, value in message.values.items()}
            return self.said(message.message).format(**values) if values else self.said(message.message)
        return self._translations.gettext(message) if message else ""

    def _shown(self, value: object) -> object:
        return self.number(value) if isinstance(value, int | float) else value

    def number(self, number: float) -> str:
        return format_decimal(number, locale=self.locale)

    def percent(self, share: float) -> str:
        """Of a share between 0 and 1, without decimals."""
        return format_percent(share, locale=self.locale)

    def listed(self, things: Sequence[str]) -> str:
        """One, two and three."""
        return format_list(list(things), locale=self.locale)

    @property
    def right_to_left(self) -> bool:
        return self.locale.text_direction == "rtl"


@cache
def languages() -> tuple[str, ...]:
    """The languages that there are words in."""
    return (SOURCE, *sorted(file.stem for file in CATALOGUES.glob("*.po")))


def name_of(language: str) -> str:
    """As its speakers call it."""
    return (Locale.parse(language).display_name or language).capitalize()


def words_in(*wanted: str | None) -> Words:
    """The words in the first of the wanted languages that there are; a region ("ar-EG") may be left out."""
    for language in wanted:
        for name in (language, language and language.replace("_", "-").partition("-")[0]):
            if name in languages():
                return _words(name)
    return _words(SOURCE)


@cache
def _words(language: str) -> Words:
    if language == SOURCE:
        return Words(language, NullTranslations())
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Words(language, GNUTranslations(compiled))


@cache
def messages_in(language: str) -> dict[str, str | list[str]]:
    """All sentences that a catalogue has, by the English one (of plurals, that for one); none for English."""
    if language == SOURCE:
        return {}
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    return {
        message.id if isinstance(message.id, str) else message.id[0]: (
            message.string if isinstance(message.string, str) else list(message.string or ())
        )
        for message in catalogue
        if message.id
    }


def plural_tags(language: str) -> list[str]:
    """The kinds of numbers that have a form of their own, in the order of a catalogue's forms."""
    tags = {*Locale.parse(language).plural_form.tags, "other"}
    return [tag for tag in ("zero", "one", "two", "few", "many", "other") if tag in tags]


ENGLISH = _words(SOURCE)
