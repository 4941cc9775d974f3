"""What the built-in model is taught: prompts of every task, with the answers to be learnt."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from inference import tasks
from inference.demo import questions, smalltalk
from inference.demo.about_all import describe
from inference.demo.question import Question
from inference.demo.stories import tell
from inference.demo.wording import (
    FACTS,
    a,
    as_typed,
    capital,
    caption,
    counted,
    full_name,
    plural,
    short_listing,
    short_name,
)
from inference.demo.world import BACKGROUNDS, CELLS, COLOURS, KIND_OF, KINDS, SHAPES, Scene, Thing
from inference.prompt import END_OF_UTTERANCE, PromptItem

Ending = Literal["utterance", "document"]
SLOT = Image.new("RGB", (1, 1))
"""Stands for a picture; the lesson says which."""


@dataclass(frozen=True, slots=True)
class Taught:
    """An answer to be learnt, with the token that ends it."""

    kind: str
    text: str
    ending: Ending


Item = PromptItem | Taught


@dataclass(frozen=True, slots=True)
class Lesson:
    items: tuple[Item, ...]
    pictures: tuple[int, ...]
    """Which picture each SLOT stands for."""


def _lesson(request: tasks.TaskRequest, answer: Taught, pictures: Sequence[int]) -> Lesson:
    return Lesson((*request.prompt, answer), tuple(pictures))


def captioning(scene: Scene | None, picture: int, rng: random.Random) -> Lesson:
    text = capital(caption(scene)) + "." if scene else smalltalk.UNKNOWN
    return _lesson(tasks.captioning(SLOT), Taught("caption", text, "document"), [picture])


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
    text = caption(scene) + "." if scene else "something that is no simple drawing."
    request = tasks.prompted_captioning(SLOT, prefix)
    return _lesson(request, Taught("prompted caption", text, "document"), [picture])


def question_answering(scene: Scene | None, picture: int, rng: random.Random) -> Lesson:
    if scene is not None:
        return question_answered(questions.random_question(scene, rng), picture, rng)
    question = questions.random_question(Scene((), "white"), rng)
    answer = Taught("not a drawing", "not a simple drawing", "document")
    request = tasks.visual_question_answering(SLOT, as_typed(rng, question.text))
    return _lesson(request, answer, [picture])


def question_answered(question: Question, picture: int, rng: random.Random) -> Lesson:
    """A question about a drawing, in the form of visual question answering."""
    request = tasks.visual_question_answering(SLOT, as_typed(rng, question.text))
    return _lesson(request, Taught(f"vqa: {question.kind}", question.short, "document"), [picture])


def story(scene: Scene | None, picture: int, rng: random.Random) -> Lesson:
    text = tell(scene) if scene else smalltalk.UNKNOWN
    return _lesson(tasks.story(SLOT), Taught("story", text, "document"), [picture])


def _labels_of(scene: Scene | None, rng: random.Random) -> tuple[str, list[str]] | None:
    """The right label and wrong ones, none of which could be called right."""
    if scene is None:
        return rng.choice(("photo", "other", "not a drawing")), [
            "drawing",
            "simple drawing",
            "shapes",
            "circle",
            "house",
        ]
    shapes = {thing.shape for thing in scene.things}
    colours = {thing.colour for thing in scene.things}
    kinds = {KIND_OF[shape] for shape in shapes}
    choices: list[tuple[str, list[str]]] = [
        (f"{scene.background} background", [f"{b} background" for b in BACKGROUNDS if b != scene.background]),
        (scene.background, [b for b in BACKGROUNDS if b != scene.background])
        if not colours & set(BACKGROUNDS)
        else ("", []),
        (
            counted(len(scene.things), "thing", "things"),
            [counted(n, "thing", "things") for n in range(5) if n != len(scene.things)],
        ),
        ("drawing", ["photo", "noise", "other"]),
    ]
    if scene.things:
        thing = rng.choice(scene.things)
        others = [shape for shape in SHAPES if shape not in shapes]
        choices += [
            (thing.shape, others),
            (thing.shape, others),
            (plural(thing.shape), [plural(shape) for shape in others]),
            (short_name(thing), [f"{rng.choice(COLOURS)} {shape}" for shape in others]),
        ]
        if len(kinds) == 1:
            wrong = [kind for kind in KINDS if kind not in kinds]
            choices += [(KIND_OF[thing.shape], wrong), (KIND_OF[thing.shape], wrong)]
        if len(colours) == 1:
            choices += [(thing.colour, [colour for colour in COLOURS if colour not in colours])] * 2
        if len(scene.things) == 1:
            choices.append((short_name(thing), [f"{c} {thing.shape}" for c in COLOURS if c != thing.colour]))
            choices.append((thing.size, ["small" if thing.size == "big" else "big"]))
            choices.append((CELLS[thing.cell], [cell for cell in CELLS if cell != CELLS[thing.cell]]))
    right, wrong = rng.choice(choices)
    return (right, wrong) if right else None


def classification(scene: Scene | None, picture: int, rng: random.Random) -> Lesson | None:
    labels = _labels_of(scene, rng)
    if labels is None:
        return None
    right, wrong = labels
    wrong = [label for label in wrong if not label.startswith(right) and not right.startswith(label)]
    listed = rng.sample(wrong, min(len(wrong), rng.randint(1, 5)))
    if rng.random() < 0.4:
        unrelated = [word for word in smalltalk.WORDS if word not in KINDS and not word.startswith(right[:3])]
        listed += rng.sample(unrelated, rng.randint(1, 3))
        if rng.random() < 0.3:
            listed.append("city landscape")
    listed.append(right)
    rng.shuffle(listed)
    request = tasks.classification(SLOT, listed)
    return _lesson(request, Taught("classification", right, "document"), [picture])


def _of_the_one(rng: random.Random) -> Callable[[Thing], str]:
    """Something to say of a picture with a single thing."""
    return rng.choice(
        (
            lambda thing: a(full_name(thing)),
            lambda thing: thing.shape,
            lambda thing: short_name(thing),
            lambda thing: f"{capital(thing.shape)}, {thing.colour}, {thing.size}",
            lambda thing: f"colour: {thing.colour}; shape: {thing.shape}",
            lambda thing: thing.colour,
            lambda thing: CELLS[thing.cell],
        )
    )


def _example_format(rng: random.Random, most_things: int) -> Callable[[Scene], str]:
    """A way to answer that the examples show and that is to be copied."""
    core: Callable[[Scene], str]
    if most_things == 1:
        if rng.random() < 0.35:
            opening = rng.choice(("An image of {}.", "A picture of {}.", "{}.", "This is {}.", "I see {}!"))
            close = rng.choice(("Fun fact: {}", "Did you know? {}", "Fact: {}"))
            form = f"{opening} {close}"
            return lambda scene: form.format(a(full_name(scene.things[0])), FACTS[scene.things[0].shape])
        say = _of_the_one(rng)
        core = lambda scene: say(scene.things[0])  # noqa: E731
    elif rng.random() < 0.7:
        core = short_listing
    else:
        core = lambda scene: counted(len(scene.things), "thing", "things")  # noqa: E731
    before, after = (" ".join(rng.sample(smalltalk.WORDS, rng.randint(1, 2))) for _ in range(2))
    frame = rng.choice(
        (
            "{}",
            "{}.",
            "An image of {}.",
            f"{capital(before)}: {{}}",
            f"{{}} {after}",
            f"{capital(before)} {{}} {after}.",
            f"[{before}] {{}}",
            f"{{}}! {capital(after)}.",
            "I see {}.",
        )
    )
    return lambda scene: frame.format(core(scene))


def few_shot(scenes: Sequence[Scene | None], picture: int, rng: random.Random) -> Lesson | None:
    """One to three examples, drawn from `scenes`, and then `picture` (an index into them) to be answered."""
    asked = scenes[picture]
    if asked is None or not 1 <= len(asked.things) <= 2:
        return None
    most = len(asked.things)
    usable = [i for i, scene in enumerate(scenes) if scene is not None and 1 <= len(scene.things) <= most]
    if len(usable) < 4:
        return None
    shots = rng.sample([i for i in usable if i != picture], rng.choice((1, 1, 2, 3)))
    form = _example_format(rng, most)
    shown = [scenes[i] for i in (*shots, picture)]
    texts = [form(scene) for scene in shown if scene is not None]
    ask = rng.choice(
        ("Describe this image.", "Describe this image.", "Describe this picture.", "What is this?")
    )
    request = tasks.few_shot([(SLOT, text) for text in texts[:-1]], SLOT, request=ask)
    return _lesson(request, Taught("few-shot", texts[-1], "document"), [*shots, picture])


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
                " ".join(self.rng.sample(smalltalk.WORDS, self.rng.randint(1, 6)))
            ) + self.rng.choice("?!.")
        self.say("small talk", as_typed(self.rng, text), answer)

    def lesson(self) -> Lesson:
        return Lesson(tuple(self.items), tuple(self.pictures))


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


def conversation(scenes: Sequence[Scene | None], picture: int, rng: random.Random) -> Lesson:
    """Questions and follow-ups about a picture, sometimes about a second one, with small talk around them."""
    talk = _Talk(rng)
    if rng.random() < 0.2:
        talk.chatter()
    if rng.random() < 0.12:
        before = questions.random_question(scenes[picture] or Scene((), "white"), rng)
        talk.say("no picture", as_typed(rng, before.text), smalltalk.NO_PICTURE)
    _questions_about(talk, scenes[picture], picture, rng.randint(2, 6), second=False)
    if rng.random() < 0.3:
        other = rng.randrange(len(scenes))
        _questions_about(talk, scenes[other], other, rng.randint(1, 3), second=True)
    return talk.lesson()


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
        leaning = questions.follow_up(before, scene, rng) if before and rng.random() < 0.35 else None
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


_SINGLE: tuple[tuple[Callable[[Scene | None, int, random.Random], Lesson | None], int], ...] = (
    (captioning, 2),
    (prompted_captioning, 2),
    (question_answering, 9),
    (classification, 4),
    (story, 1),
)
# Copying a form, with words that have nothing to do with the picture, is the slowest to be learnt.
_FEW_SHOT_SHARE = 0.5


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
