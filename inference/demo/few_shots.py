"""Few-shot lessons: the answer has the form of the examples before it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from inference import tasks
from inference.demo import smalltalk
from inference.demo.lesson import SLOT, Lesson, Taught, lesson_of
from inference.demo.wording import FACTS, a, capital, counted, full_name, grouped, short_listing, short_name
from inference.demo.world import CELLS, Scene, Thing


def _of_the_one(rng: random.Random) -> Callable[[Thing], str]:
    """Something to say of a picture with a single thing."""
    return rng.choice(
        (
            lambda thing: a(full_name(thing)),
            lambda thing: a(thing.shape),
            lambda thing: thing.shape,
            lambda thing: short_name(thing),
            lambda thing: f"{capital(thing.shape)}, {thing.colour}, {thing.size}",
            lambda thing: f"{capital(thing.shape)}, {thing.colour}",
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
            named: Callable[[Thing], str] = rng.choice((full_name, short_name, lambda thing: thing.shape))
            return lambda scene: capital(form.format(a(named(scene.things[0])), FACTS[scene.things[0].shape]))
        say = _of_the_one(rng)
        core = lambda scene: say(scene.things[0])  # noqa: E731
    elif rng.random() < 0.7:
        core = rng.choice((short_listing, lambda scene: grouped(scene.things)))
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
    if asked is None or not asked.things:
        return None
    if len(asked.things) > 2 and rng.random() < 0.6:
        return None  # people show simple examples
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
    return lesson_of(request, Taught("few-shot", texts[-1], "document"), [*shots, picture])
