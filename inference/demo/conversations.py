"""Lessons in conversation: questions, follow-ups, second pictures, and small talk around them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from inference.demo import questions, smalltalk
from inference.demo.about_all import describe
from inference.demo.follow_ups import follow_up
from inference.demo.lesson import SLOT, Item, Lesson, Taught
from inference.demo.question import Question
from inference.demo.stories import tell
from inference.demo.wording import as_typed, capital, short_listing
from inference.demo.world import Scene
from inference.prompt import END_OF_UTTERANCE


class _Talk:
    """A conversation in the making."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.items: list[Item] = []
        self.pictures: list[int] = []
        self.name = f"{rng.choice(smalltalk.NAMES)}: " if rng.random() < 0.1 else ""

    def turn(self, text: str, answer: Taught, picture: int | None = None) -> None:
        speaker = "\nUser:" if self.items else "User:"
        text = self.name + text if text else ""
        if picture is None:
            self.items.append(f"{speaker} {text}")
        else:
            self.pictures.append(picture)
            text_first = self.rng.random() < 0.4
            if text and text_first:
                self.items += [f"{speaker} {text}", SLOT]
            else:
                self.items += [speaker, SLOT, *([text] if text else [])]
        self.items += [END_OF_UTTERANCE, "\nAssistant:", answer]

    def say(self, kind: str, text: str, answer: str, picture: int | None = None) -> None:
        self.turn(text, Taught(kind, answer, "utterance"), picture)

    def chatter(self) -> None:
        answer = self.rng.choice(list(smalltalk.REPLIES))
        text = self.rng.choice(smalltalk.REPLIES[answer])
        if answer == smalltalk.OFF_TOPIC and self.rng.random() < 0.5:
            text = capital(
                " ".join(self.rng.sample(smalltalk.WORDS, self.rng.randint(2, 6)))
            ) + self.rng.choice("?!.")
        self.say("small talk", as_typed(self.rng, text), answer)

    def lesson(self) -> Lesson:
        return Lesson(tuple(self.items), tuple(self.pictures))


_LENGTHS = (0.96, 0.036, 0.004)
"""Shares of conversations with few questions, with many, and with as many as there is room for."""
_THIS_ONE = (
    "And this one?",
    "And what is this?",
    "What about this one?",
    "And this?",
    "And who is that?",
    "And that?",
    "What is in this one?",
    "And here?",
    "Now this one.",
)
"""How people ask about a second picture."""
_STORY_WISHES = (
    "Tell me a story.",
    "Tell me a story about this picture.",
    "Write a story about it.",
    "Make up a story about this drawing.",
    "Can you tell a story about it?",
)


def conversation(scenes: Sequence[Scene | None], picture: int, rng: random.Random) -> Lesson:
    """Questions and follow-ups about a picture, sometimes about a second one, with small talk around them."""
    talk = _Talk(rng)
    if rng.random() < 0.2:
        talk.chatter()
    if rng.random() < 0.12:
        _questions_about_nothing(talk, scenes[picture] or Scene((), "white"))
    # A few go on for long, as threads do: places in the text that were never reached would be strange later.
    count = rng.choices((rng.randint(2, 6), rng.randint(8, 28), rng.randint(30, 60)), _LENGTHS)[0]
    _questions_about(talk, scenes[picture], picture, count, second=False)
    if rng.random() < 0.3:
        other = rng.randrange(len(scenes))
        _questions_about(talk, scenes[other], other, rng.randint(1, 3), second=True)
    return talk.lesson()


def _questions_about_nothing(talk: _Talk, imagined: Scene) -> None:
    """Questions and small talk before any picture is shown."""
    before: Question | None = None
    for _ in range(talk.rng.choice((1, 1, 2, 3))):
        if before and talk.rng.random() < 0.2:
            talk.chatter()
        leaning = follow_up(before, imagined, talk.rng) if before and talk.rng.random() < 0.3 else None
        before = leaning or questions.random_question(imagined, talk.rng)
        talk.say("no picture", as_typed(talk.rng, before.text), smalltalk.NO_PICTURE)


def _questions_about(talk: _Talk, scene: Scene | None, picture: int, count: int, *, second: bool) -> None:
    rng = talk.rng
    shown: int | None = picture
    mark = " on a second picture" if second else ""
    if scene is None:
        for _ in range(min(count, 2)):
            question = questions.random_question(Scene((), "white"), rng)
            talk.say("not a drawing", as_typed(rng, question.text), smalltalk.UNKNOWN, shown)
            shown = None
        return
    before: Question | None = None
    for _ in range(count):
        if shown is None and rng.random() < 0.07:
            talk.chatter()
            continue
        if shown is None and rng.random() < 0.05:
            talk.say("why", rng.choice(("Why?", "why", "How do you know?")), f"Because {_reason(scene)}.")
            continue
        if rng.random() < 0.03:
            talk.say("chat: story", as_typed(rng, rng.choice(_STORY_WISHES)), tell(scene), shown)
            shown, before = None, None
            continue
        leaning = follow_up(before, scene, rng) if before and rng.random() < 0.35 else None
        question = leaning or questions.random_question(scene, rng)
        text = as_typed(rng, question.text)
        if shown is not None and rng.random() < 0.1:
            question, text = describe(scene, rng), ""
        elif shown is not None and second and rng.random() < 0.3:
            question = describe(scene, rng)
            text = as_typed(rng, rng.choice(_THIS_ONE))
        talk.say(f"chat: {question.kind}{mark if shown is not None else ''}", text, question.sentence, shown)
        shown, before = None, question


def _reason(scene: Scene) -> str:
    return f"I see {short_listing(scene)}" if scene.things else "I see nothing in the picture"
