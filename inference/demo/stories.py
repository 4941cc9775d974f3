"""Short stories about a scene, so that a story always names what is to be seen."""

from __future__ import annotations

from inference.demo.wording import a, capital, full_name, place, short_name
from inference.demo.world import KIND_OF, Scene, Thing

_OPENINGS = {
    "animals": "Once upon a time there lived {} that wanted to see the world.",
    "vehicles": "Early one morning {} set out on a long journey.",
    "plants": "In a quiet valley there grew {} that everybody loved.",
    "buildings": "At the edge of the village stood {} where nobody lived.",
    "sky": "One day {} woke up before everybody else.",
    "shapes": "Far away, in the land of shapes, there was {} that felt alone.",
}
_MEETINGS = {
    "animals": "Soon it met {}, and they played all day.",
    "vehicles": "Then {} came by and stopped to say hello.",
    "plants": "It rested in the shade of {}.",
    "buildings": "On its way it found {} with an open door.",
    "sky": "Above it shone {}, warm and bright.",
    "shapes": "It was greeted by {}, and they became friends.",
}
_ENDINGS = (
    "In the evening they were all happy, and the {} slept well. The end.",
    "And so the {} was never alone again. The end.",
)


def tell(scene: Scene) -> str:
    """Three to six sentences that name each thing with its colour."""
    if not scene.things:
        return f"Once there was nothing but {a(scene.background)} sky. Nobody came. The end."
    hero: Thing = scene.things[0]
    sentences = [_OPENINGS[KIND_OF[hero.shape]].format(a(full_name(hero)))]
    sentences += [_MEETINGS[KIND_OF[thing.shape]].format(a(short_name(thing))) for thing in scene.things[1:]]
    if len(scene.things) == 1:
        sentences.append(f"It looked around {place(hero.cell)} and dreamed of a friend.")
    sentences.append(_ENDINGS[0 if len(scene.things) > 1 else 1].format(hero.shape))
    return capital(" ".join(sentences))
