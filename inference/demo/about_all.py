"""Questions about the whole scene: what there is, and on what."""

from __future__ import annotations

import random

from inference.demo.question import Question
from inference.demo.wording import a, capital, caption, grouped, joined, listing, short_listing, short_name
from inference.demo.world import BACKGROUNDS, COLOURS, Scene


def describe(scene: Scene, rng: random.Random) -> Question:
    text = rng.choice(
        (
            "What is in this image?",
            "What is in this picture?",
            "What is this?",
            "What's this?",
            "What do you see?",
            "What can you see in this picture?",
            "Describe this image.",
            "Describe this picture.",
            "Describe the picture in detail.",
            "What does this picture show?",
            "What is in the picture?",
            "What is on it?",
            "Tell me what you see.",
            "Caption this.",
            "What's in the image?",
            "Explain this picture.",
            "What am I looking at?",
            "Can you describe it?",
            "Describe it.",
            "Describe.",
            "What do you see here?",
            "What is shown here?",
            "What is this a picture of?",
            "What does it show?",
            "What is here?",
            "What have I drawn?",
            "What did I draw?",
            "Guess what I drew.",
            "Can you tell me what this is?",
            "Look at this!",
            "Who is that?",
            "What is in this drawing?",
            "Describe everything you see.",
            "What is there?",
            "What can you see?",
        )
    )
    if not scene.things:
        sentence = f"The picture is empty: just a {scene.background} background."
    else:
        sentence = f"This picture shows {listing(scene)}."
    return Question("describe", text, short_listing(scene), sentence, scene.things)


def title(scene: Scene, rng: random.Random) -> Question:
    """Everything in a few words."""
    text = rng.choice(
        (
            "Write a caption.",
            "Give me a title for this picture.",
            "Describe it in a few words.",
            "Describe the picture briefly.",
            "Describe the picture in one sentence.",
            "Can you describe this in one sentence?",
            "Short description please.",
            "Summarise the picture.",
            "What would you call this picture?",
            "Caption?",
            "Title?",
        )
    )
    return Question("title", text, caption(scene), f"{capital(caption(scene))}.")


def shape_of_colour(scene: Scene, rng: random.Random) -> Question | None:
    def asked(name: str) -> str:
        return rng.choice(
            (
                f"What is {name}?",
                f"Which thing is {name}?",
                f"What is the {name} thing?",
                f"What shape is the {name} one?",
                f"What shape is {name}?",
                f"Which one is {name}?",
                f"Which shape is {name}?",
                f"What is the {name} one?",
                f"What's {name}?",
            )
        )

    colours = [thing.colour for thing in scene.things]
    if rng.random() < 0.08:
        name = rng.choice([c for c in COLOURS if c not in colours])
        return Question("shape", asked(name), "nothing", f"Nothing in the picture is {name}.")
    if not scene.things:
        return None
    thing = rng.choice(scene.things)
    if colours.count(thing.colour) > 1:
        alike = tuple(other for other in scene.things if other.colour == thing.colour)
        shapes = grouped(alike)
        return Question(
            "shape", asked(thing.colour), shapes, f"The {thing.colour} things are {shapes}.", alike
        )
    text = asked(thing.colour)
    if len(scene.things) == 1 and rng.random() < 0.3:
        text = rng.choice(("What shape is it?", "Which shape is it?", "What shape is this?"))
    return Question("shape", text, thing.shape, f"The {thing.colour} thing is {a(thing.shape)}.", (thing,))


def background(scene: Scene, rng: random.Random) -> Question:
    if rng.random() < 0.25:
        name = scene.background if rng.random() < 0.5 else rng.choice(BACKGROUNDS)
        text = rng.choice((f"Is the background {name}?", f"Is it on a {name} background?"))
        truth = "yes" if name == scene.background else "no"
        return Question("background", text, truth, f"{capital(truth)}, the background is {scene.background}.")
    text = rng.choice(
        (
            "What colour is the background?",
            "Which colour is the background?",
            "What is the background like?",
            "What's the background colour?",
            "What is the colour of the background?",
            "What is in the background?",
            "Background colour?",
            "Background?",
        )
    )
    return Question("background", text, scene.background, f"The background is {scene.background}.")


def extreme(scene: Scene, rng: random.Random) -> Question | None:
    """Which thing is the biggest or smallest, or which are big or small: answered alike."""
    if len(scene.things) < 2:
        return None
    size, word = rng.choice((("big", "biggest"), ("big", "largest"), ("small", "smallest")))
    text = rng.choice(
        (
            f"Which things are {size}?",
            f"What is {size}?",
            f"Which thing is the {word}?",
            f"What is the {word} thing?",
            f"Which is the {word} one?",
            f"Which is the {word}?",
            f"What's {word}?",
            f"Which shape is the {word}?",
            f"What is the {word} shape?",
            f"Which one is {word}?",
        )
    )
    found = [thing for thing in scene.things if thing.size == size]
    if len(found) in (0, len(scene.things)):
        all_size = scene.things[0].size
        return Question("extreme", text, f"all are {all_size}", f"All the things are {all_size}.")
    if len({short_name(thing) for thing in found}) < len(found):
        return None  # names that tell nothing apart are no answer
    names = joined([f"the {short_name(thing)}" for thing in found])
    verb = "is" if len(found) == 1 else "are"
    sentence = f"{capital(names)} {verb} {size}."
    return Question("extreme", text, joined([short_name(thing) for thing in found]), sentence, tuple(found))
