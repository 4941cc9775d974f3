"""Every sentence is there in every language, with the same values in it."""

from __future__ import annotations

import asyncio
import re
from string import Formatter

import discord
import pytest
from babel.messages.catalog import Message
from babel.messages.plurals import get_plural
from discord import app_commands

from bot.bridge.commands import CatalogueTranslator
from bot.languages import words as words_module
from bot.languages.update import extracted, read
from bot.languages.words import SOURCE, languages, words_in

OTHERS = [language for language in languages() if language != SOURCE]


def forms(message: str | tuple[str, ...] | list[str]) -> list[str]:
    return [message] if isinstance(message, str) else list(message)


def values(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_there_is_english_and_arabic() -> None:
    assert {"en", "ar"} <= set(languages())
    assert len(list(extracted())) > 150


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_is_missing_or_left_over(language: str) -> None:
    """If this fails, run `python -m bot.languages.update` and translate what is new."""
    catalogue = read(language)
    wanted = {message.id for message in extracted() if message.id}
    assert {message.id for message in catalogue if message.id} == wanted
    untranslated = [message.id for message in catalogue if message.id and not all(forms(message.string))]
    assert untranslated == []
    assert [message.id for message in catalogue if message.fuzzy and message.id] == []


@pytest.mark.parametrize("language", OTHERS)
def test_sentences_name_the_values_that_they_are_given(language: str) -> None:
    plurals = get_plural(language).num_plurals

    def is_right(message: Message) -> bool:
        given = set().union(*(values(text) for text in forms(message.id)))
        said = forms(message.string)
        # A form for exactly none, one or two may leave something out.
        complete = said if len(said) == 1 else said[3:]
        return (
            len(said) == (plurals if len(forms(message.id)) > 1 else 1)
            and all(values(text) <= given for text in said)
            and all(values(text) == given for text in complete if given != {"number"})
        )

    assert [message.id for message in read(language) if message.id and not is_right(message)] == []


def test_a_sentence_that_is_missing_is_found() -> None:
    catalogue = read("ar")
    wanted = {message.id for message in extracted() if message.id}
    del catalogue["Stopped."]
    assert wanted - {message.id for message in catalogue if message.id} == {"Stopped."}


def test_words_in_the_first_language_that_there_is() -> None:
    assert words_in(None, "fr", "ar-EG", "en").language == "ar"
    assert words_in("en", "ar").language == "en"
    assert words_in("en-GB").language == "en"
    assert words_in(None, "tlh").language == "en"
    assert words_in("ar").right_to_left
    assert not words_in("en").right_to_left


def test_numbers_choose_their_forms() -> None:
    english, arabic = words_in("en"), words_in("ar")
    one, many = "{number} question waits.", "{number} questions wait."
    assert [english.plural(one, many, number) for number in (0, 1, 1200)] == [
        "0 questions wait.",
        "1 question waits.",
        "1,200 questions wait.",
    ]
    said = [arabic.plural(one, many, number) for number in (0, 1, 2, 3, 11, 100)]
    assert len(set(said)) == 6
    assert all(re.search("[؀-ۿ]", sentence) for sentence in said)
    assert english.percent(0.667) == "67%"


def test_names_of_commands_are_lower_case_without_spaces() -> None:
    """As Discord wants them, in every language."""
    names = {"ask", "caption", "story", "mode", "set", "show", "labels", "add", "remove", "prefix", "clear"}
    names |= {"examples", "list", "settings", "reset", "help", "queue", "stats"}
    for language in OTHERS:
        for name in names:
            said = words_in(language).said(name)
            assert re.fullmatch(r"[-\w]{1,32}", said), said
            assert said == said.lower()


def test_commands_are_localised_for_a_language_of_discords(monkeypatch: pytest.MonkeyPatch) -> None:
    translator = CatalogueTranslator()
    context = app_commands.TranslationContext(app_commands.TranslationContextLocation.other, data=None)

    def translated(locale: discord.Locale) -> str | None:
        text = app_commands.locale_str("Have a picture described")
        return asyncio.run(translator.translate(text, locale, context))

    assert translated(discord.Locale.german) is None
    assert translated(discord.Locale.british_english) is None
    # Discord has no Arabic yet; a language that it has gets what its catalogue says.
    arabic = words_in("ar")
    monkeypatch.setattr("bot.bridge.commands.words_in", lambda *_: arabic)
    assert translated(discord.Locale.german) == "اطلب وصف صورة"
    assert words_module.name_of("ar") == "العربية"
