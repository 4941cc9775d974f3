"""Names of threads, when threads are opened, photos as they are kept, limits."""

from __future__ import annotations

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.conversation.channel_settings import DEFAULTS, ChannelSettings, Threads, resolve
from bot.conversation.limits import LimitKeeper, Limits
from bot.conversation.messages import Place, PlaceKind, SkippedPhoto, StoredPhoto
from bot.conversation.notes import about_skipped
from bot.conversation.photos import MAX_SIDE, normalise
from bot.conversation.recent import Recent
from bot.conversation.requests import Refusal
from bot.conversation.threads import thread_name
from bot.conversation.title import MAX_LENGTH, WITHOUT_TEXT, title
from bot.languages.words import ENGLISH, sentence, words_in
from tests.bot.conversation.chats import CHANNEL, Clock, drawing


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("What is this?", "What is this?"),
        ("What is this? I found it in the\nwood.", "What is this?"),
        ("What\nis  this", "What is this"),
        ("Is 3.14 round?", "Is 3.14 round?"),
        ("**Look** https://example.org/a.png here", "Look here"),
        ("これは何ですか。教えて", "これは何ですか。教えて"),
        ("ما هذا؟ وجدته في الغابة", "ما هذا؟"),
        ("यह क्या है। बताओ", "यह क्या है।"),
        ("", WITHOUT_TEXT),
        ("https://example.org", WITHOUT_TEXT),
        ("word " * 40, "word " * 19 + "word…"),
        ("x" * 120, "x" * 99 + "…"),
    ],
)
def test_title(text: str, name: str) -> None:
    assert title(text) == name


def test_a_picture_without_a_question_has_a_title_in_its_readers_language() -> None:
    settings, german = resolve([]), words_in("de")
    assert thread_name(CHANNEL, settings, "", pictures=True, words=german) == "Zu einem Bild"
    assert thread_name(CHANNEL, settings, "What?", pictures=True, words=german) == "What?"


def test_what_cannot_be_used_is_named_in_its_readers_language() -> None:
    skipped = SkippedPhoto(
        sentence("the sticker {name}", name="Wave"), sentence("It is no longer there: send it again.")
    )
    assert about_skipped(skipped, words_in("de")) == (
        "Mit dem Sticker Wave konnte ich nichts anfangen. Es ist nicht mehr da: Schick es noch einmal."
    )
    # A file may have any name, also that of something that the catalogue knows.
    named_alike = SkippedPhoto("small", sentence("It is no longer there: send it again."))
    assert "Mit small konnte" in about_skipped(named_alike, words_in("de"))


@given(st.text())
def test_a_title_can_always_be_a_name(text: str) -> None:
    assert 0 < len(title(text)) <= MAX_LENGTH
    assert title(text) == " ".join(title(text).split())


@pytest.mark.parametrize(
    ("threads", "pictures", "opens"),
    [
        (Threads.PHOTO, True, True),
        (Threads.PHOTO, False, False),
        (Threads.ALWAYS, False, True),
        (Threads.NEVER, True, False),
    ],
)
def test_when_a_thread_is_opened(threads: Threads, pictures: bool, opens: bool) -> None:
    settings = resolve([ChannelSettings(threads=threads)])
    assert (thread_name(CHANNEL, settings, "well?", pictures=pictures) == "well?") is opens


@pytest.mark.parametrize("kind", sorted(set(PlaceKind) - {PlaceKind.CHANNEL}), ids=str)
def test_only_channels_have_threads(kind: PlaceKind) -> None:
    assert thread_name(Place(1, kind), DEFAULTS, "well?", pictures=True) is None


def test_a_photo_is_made_small_and_known_by_its_bytes() -> None:
    stored = normalise(drawing("red", (2000, 1000)), "red.png")
    assert isinstance(stored, StoredPhoto)
    assert (stored.photo.width, stored.photo.height) == (MAX_SIDE, MAX_SIDE // 2)
    assert stored.photo.sha256 == hashlib.sha256(stored.data).hexdigest()
    with Image.open(io.BytesIO(stored.data)) as image:
        assert (image.format, image.size) == ("WEBP", (MAX_SIDE, MAX_SIDE // 2))
        assert image.convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    assert normalise(drawing("red", (2000, 1000)), "again.png") == stored


def test_a_small_photo_keeps_its_size_and_every_pixel() -> None:
    image = Image.effect_noise((31, 17), 90).convert("RGB")
    file = io.BytesIO()
    image.save(file, "PNG")
    stored = normalise(file.getvalue(), "noise.png")
    assert isinstance(stored, StoredPhoto)
    with Image.open(io.BytesIO(stored.data)) as kept:
        assert kept.convert("RGB").tobytes() == image.tobytes()


def test_a_sliver_keeps_a_side() -> None:
    stored = normalise(drawing("red", (5000, 1)), "line.png")
    assert isinstance(stored, StoredPhoto)
    assert (stored.photo.width, stored.photo.height) == (MAX_SIDE, 1)


@pytest.mark.parametrize("data", [b"", b"hello", drawing("red", (40, 40))[:-30]])
def test_what_is_no_photo_says_why(data: bytes) -> None:
    skipped = normalise(data, "cat.png")
    assert isinstance(skipped, SkippedPhoto)
    assert skipped.name == "cat.png"
    said = about_skipped(skipped, ENGLISH)
    assert said.startswith("I could not use cat.png. Th")
    assert said.endswith(".")


def test_a_minute_is_the_last_minute(clock: Clock) -> None:
    keeper = LimitKeeper(Limits(per_minute_per_person=2), clock)
    for _ in range(2):
        assert keeper.admit(1, None) is None
        keeper.release(1, None)
        clock.passes(seconds=25)
    refusal = keeper.admit(1, None)
    assert refusal == Refusal("You have asked 2 questions within a minute: ask again in 10 seconds.")
    assert keeper.admit(2, None) is None
    clock.passes(seconds=10)
    assert keeper.admit(1, None) is None


def test_what_was_used_last_is_kept() -> None:
    recent: Recent[str, int] = Recent(2)
    recent["a"], recent["b"] = 1, 2
    assert recent.get("a") == 1
    recent["c"] = 3
    assert [recent.get(key) for key in "abc"] == [1, None, 3]
