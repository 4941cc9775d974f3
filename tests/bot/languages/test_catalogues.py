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

from bot.bridge.commands import CatalogueTranslator, labelled
from bot.languages.update import extracted, read
from bot.languages.words import SOURCE, Sentence, languages, words_in
from inference.errors import QueueFullError
from inference.pictures import too_many_bytes

OTHERS = [language for language in languages() if language != SOURCE]


def forms(message: str | tuple[str, ...] | list[str]) -> list[str]:
    return [message] if isinstance(message, str) else list(message)


def values(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_there_is_english_arabic_and_german() -> None:
    assert {"en", "ar", "de"} <= set(languages())
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


COMMAND = re.compile(r"(?<!\w)/(?:(?:mode|labels|prefix|examples|forget|retention) )?[a-z]+")


@pytest.mark.parametrize("language", OTHERS)
def test_commands_in_sentences_keep_their_names(language: str) -> None:
    """Discord shows them to each reader by the name in the reader's language (`CommandMentions`)."""
    named = [message for message in read(language) if message.id and COMMAND.search(forms(message.id)[0])]
    assert len(named) > 5
    for message in named:
        for said, meant in zip(forms(message.string), forms(message.id), strict=False):
            assert all(name in said for name in COMMAND.findall(meant)), said


def test_sentences_of_the_model_are_said_with_their_values() -> None:
    for error, said in (
        (too_many_bytes(2_500_000_000), "Die Bilddatei ist zu groß, höchstens 2.384,186 MB sind möglich: "),
        (
            QueueFullError("{number} requests are waiting already: ask again in a moment.", number=1200),
            "1.200",
        ),
    ):
        assert said in words_in("de").said(Sentence(error.message, error.values))
    assert str(too_many_bytes(2_500_000)).startswith("The picture's file is too large, at most 2.38 MB are")


def test_languages_that_discord_does_not_have_name_no_commands() -> None:
    """Discord refuses a registration with a language that it does not know."""
    assert "ar" not in {locale.value for locale in discord.Locale}


def test_commands_are_localised() -> None:
    translator = CatalogueTranslator()
    context = app_commands.TranslationContext(app_commands.TranslationContextLocation.other, data=None)

    def translated(text: str | app_commands.locale_str, locale: discord.Locale) -> str | None:
        text = text if isinstance(text, app_commands.locale_str) else app_commands.locale_str(text)
        return asyncio.run(translator.translate(text, locale, context))

    german = discord.Locale.german
    assert translated("Have a picture described", german) == "Ein Bild beschreiben lassen"
    assert translated("mode", german) == "modus"
    choice = labelled("caption", "describes each picture in a sentence")
    assert str(choice) == "caption: describes each picture in a sentence"
    assert translated(choice, german) == "caption: beschreibt jedes Bild in einem Satz"
    for nothing_else_to_say in ("text", "a sentence that is in no catalogue"):
        assert translated(nothing_else_to_say, german) is None
    for spoken_as_in_the_code in (discord.Locale.british_english, discord.Locale.japanese):
        assert translated("Have a picture described", spoken_as_in_the_code) is None
