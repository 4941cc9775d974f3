"""What the built-in model is taught besides conversation: prompts of every task, with the answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from inference import tasks
from inference.demo import questions, smalltalk
from inference.demo.classifying import classification
from inference.demo.few_shots import few_shot
from inference.demo.lesson import SLOT, Lesson, Taught, lesson_of
from inference.demo.question import Question
from inference.demo.stories import tell
from inference.demo.wording import as_typed, capital, caption
from inference.demo.world import Scene

_UNKNOWN = "something that is no simple drawing"
"""The caption of a picture that is no drawing; the sentence said in conversation is too long for one."""


def captioning(scene: Scene | None, picture: int, rng: random.Random) -> Lesson:
    text = capital(caption(scene) if scene else _UNKNOWN) + "."
    return lesson_of(tasks.captioning(SLOT), Taught("caption", text, "document"), [picture])


_PREFIXES = (
    "This is an image of",
    "This is an image of",
    "A picture of",
    "This picture shows",
    "A drawing of",
    "In this picture there is",
    "An image with",
    "The image shows",
    "Here you can see",
    "Alt text:",
    "Photo of",
    "A beautiful painting of",
)


def prompted_captioning(scene: Scene | None, picture: int, rng: random.Random) -> Lesson:
    prefix = rng.choice(_PREFIXES)
    if rng.random() < 0.15:
        prefix = " ".join(rng.sample(smalltalk.WORDS, rng.randint(1, 3)))
    text = (caption(scene) if scene else _UNKNOWN) + "."
    request = tasks.prompted_captioning(SLOT, prefix)
    return lesson_of(request, Taught("prompted caption", text, "document"), [picture])


def question_answering(scene: Scene | None, picture: int, rng: random.Random) -> Lesson:
    if scene is not None:
        return question_answered(questions.random_question(scene, rng), picture, rng)
    question = questions.random_question(Scene((), "white"), rng)
    answer = Taught("not a drawing", "not a simple drawing", "document")
    request = tasks.visual_question_answering(SLOT, as_typed(rng, question.text))
    return lesson_of(request, answer, [picture])


def question_answered(question: Question, picture: int, rng: random.Random) -> Lesson:
    """A question about a drawing, in the form of visual question answering."""
    request = tasks.visual_question_answering(SLOT, as_typed(rng, question.text))
    return lesson_of(request, Taught(f"vqa: {question.kind}", question.short, "document"), [picture])


def story(scene: Scene | None, picture: int, rng: random.Random) -> Lesson:
    text = tell(scene) if scene else smalltalk.UNKNOWN
    return lesson_of(tasks.story(SLOT), Taught("story", text, "document"), [picture])


_SINGLE: tuple[tuple[Callable[[Scene | None, int, random.Random], Lesson | None], int], ...] = (
    (captioning, 2),
    (prompted_captioning, 2),
    (question_answering, 16),
    (classification, 6),
    (story, 1),
)
# Copying a form, with words that have nothing to do with the picture, is slow to be learnt.
_FEW_SHOT_SHARE = 0.3


def single_task(scenes: Sequence[Scene | None], picture: int, rng: random.Random) -> Lesson:
    """Any task but conversation, about one picture; few-shot prompts take their examples from `scenes`."""
    while True:
        if rng.random() < _FEW_SHOT_SHARE:
            lesson = few_shot(scenes, picture, rng)
        else:
            make = rng.choices([make for make, _ in _SINGLE], [weight for _, weight in _SINGLE])[0]
            lesson = make(scenes[picture], picture, rng)
        if lesson is not None:
            return lesson
