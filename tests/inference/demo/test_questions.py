"""What is answered to questions in the lessons is true."""

from __future__ import annotations

import random
import re

import pytest

from inference.demo import questions
from inference.demo.about_unknown import NEAR
from inference.demo.follow_ups import follow_up
from inference.demo.stories import tell
from inference.demo.wording import caption, place
from inference.demo.world import COLOURS, SHAPES, Scene, Thing, random_scene

SCENE = Scene(
    (
        Thing("circle", "red", "big", 0),
        Thing("star", "blue", "small", 5),
        Thing("fish", "blue", "big", 7),
    ),
    "white",
)


CROWD = Scene(
    (
        Thing("star", "red", "big", 0),
        Thing("star", "blue", "small", 5),
        Thing("fish", "blue", "big", 7),
    ),
    "white",
)


def asked(
    make: questions.Maker, pattern: str, scene: Scene = SCENE, seeds: int = 800
) -> list[questions.Question]:
    found = [make(scene, random.Random(seed)) for seed in range(seeds)]
    return [question for question in found if question is not None and re.search(pattern, question.text)]


def answers(make: questions.Maker, pattern: str, scene: Scene = SCENE) -> set[str]:
    return {question.short for question in asked(make, pattern, scene)}


def sentences(make: questions.Maker, pattern: str, scene: Scene = SCENE, seeds: int = 800) -> set[str]:
    return {question.sentence for question in asked(make, pattern, scene, seeds)}


def test_answers_are_true() -> None:
    assert answers(questions.colour, "the star") == {"blue"}
    assert answers(questions.colour, "the cat") == {"no cat"}
    assert answers(questions.where, "the fish") == {"bottom"}
    assert answers(questions.shape_of_colour, "red") == {"circle"}
    assert answers(questions.shape_of_colour, "blue") == {"a star and a fish"}
    assert answers(questions.shape_of_colour, "green") == {"nothing"}
    assert answers(questions.what_at, r"^What.* the top left\?") == {"a red circle"}
    assert answers(questions.what_at, r"^What.* the centre\?") == {"nothing"}
    assert answers(questions.what_at, r"^What.* the left side") == {"a red circle"}
    assert answers(questions.what_at, r"^What.* the bottom\?") == {"a blue fish"}
    assert answers(questions.what_at, r"^Is there .* the top\?") == {"yes"}
    assert answers(questions.what_at, "^Is there .* the (top|upper|bottom|lower) right") == {"no"}
    assert answers(questions.what_beside, "^[^I].* above the fish") == {"a red circle and a blue star"}
    assert answers(questions.what_beside, "^[^I].* under the circle") == {"a blue star and a blue fish"}
    assert answers(questions.what_beside, "^[^I].* to the left of the circle") == {"nothing"}
    assert {question.sentence for question in asked(questions.what_beside, "^[^I].* under the circle")} == {
        "Below the circle there is a small blue star on the right and a big blue fish at the bottom."
    }
    assert absent(questions.what_beside) > {"no boat"}
    assert answers(questions.describe_one, "the star") == {"small and blue"}
    assert answers(questions.which_shapes, "") == {"circle, star and fish"}
    assert answers(questions.title, "") == {"a circle, a star and a fish"}
    assert answers(questions.how_many_kinds, "colours") == {"2"}
    assert answers(questions.how_many_kinds, "shapes") == {"3"}
    assert answers(questions.of_family, "animal") == {"a blue fish"}
    assert answers(questions.of_family, "plant") == {"no plant"}
    assert answers(questions.extreme, "(things are|is) small") == {"blue star"}
    assert answers(questions.which_colours, "") == {"red and blue"}
    assert answers(questions.extreme, "smallest") == {"blue star"}
    assert answers(questions.extreme, "biggest") == {"red circle and blue fish"}
    assert answers(questions.count, "") == {"3"}
    assert answers(questions.count_some, "blue things") == {"2"}
    assert answers(questions.count_some, "cars") == {"0"}
    assert answers(questions.count_some, "blue stars") == {"1"}
    assert answers(questions.count_some, "big things") == {"2"}
    assert answers(questions.count_some, "animals") == {"1"}
    assert answers(questions.count_some, "plants") == {"0"}
    assert answers(questions.size, "(What size is|How big is) the star") == {"small"}
    assert answers(questions.size, r"^Is the star (big|large)\?") == {"no"}
    assert answers(questions.exists, "a fish") == {"yes"}
    assert answers(questions.exists, "(a house|any houses)") == {"no"}
    assert answers(questions.exists, "an animal") == {"yes"}
    assert answers(questions.exists, "(a plant|any vehicles)") == {"no"}
    assert answers(questions.exists, "(anything|something) blue") == {"yes"}
    assert answers(questions.exists, "(anything|something) green") == {"no"}
    assert answers(questions.background, "^What") == {"white"}
    assert answers(questions.background, "grey") == {"no"}
    assert answers(questions.alike, "same shape") == {"no"}
    assert answers(questions.alike, "same colour") == {"yes"}
    assert answers(questions.comparison, "smaller, the star or the fish") == {"star"}
    assert answers(questions.comparison, "circle (bigger|larger) than the fish") == {"no"}
    assert answers(questions.comparison, "circle (bigger|larger) than the star") == {"yes"}
    assert answers(questions.comparison, "the star and the fish have the same colour") == {"yes"}
    assert answers(questions.is_colour, "the circle red") == {"yes"}
    assert answers(questions.is_colour, "the circle green") == {"no"}
    assert answers(questions.relation, "the circle above the star") == {"yes"}
    assert answers(questions.relation, "the circle to the right of the fish") == {"no"}


def test_what_is_denied_is_put_right() -> None:
    assert sentences(questions.is_colour, "the circle green") == {"No, the circle is red."}
    assert sentences(questions.background, "background grey") == {"No, the background is white."}
    assert sentences(questions.comparison, "circle (bigger|larger) than the fish") == {"No, both are big."}
    assert sentences(questions.comparison, "the circle and the fish have") == {
        "No, the circle is red and the fish is blue."
    }
    assert sentences(questions.size, r"^Is the star (big|large)\?") == {"No, the star is small."}


def test_whether_a_thing_is_at_a_place() -> None:
    place_of_fish = "^Is the (blue )?fish "
    assert sentences(questions.is_at, place_of_fish + r"(?!.* or ).*the (bottom|lower part)\?") == {
        "Yes, the fish is at the bottom.",
        "Yes, the blue fish is at the bottom.",
    }
    assert answers(questions.is_at, place_of_fish + r"(?!.* or ).*the (left|top|right side|middle)\?") == {
        "no"
    }
    assert answers(questions.is_at, place_of_fish + "on the left or on the right") == {"bottom"}
    assert answers(questions.is_at, r"^Is the circle (?!.* or ).*the (left|top|top left|upper left)\?") == {
        "yes"
    }
    assert answers(questions.is_at, r"^Is the star (?!.* or ).* the right\?") == {"yes"}
    assert answers(questions.is_at, r"^Is the star .* the (top|bottom) right\?") == {"no"}
    assert answers(questions.is_at, "^Is the cat ") == {"no cat"}


def test_whether_there_is_such_a_thing_at_a_place() -> None:
    assert sentences(questions.exists_at, r"a fish .*the (bottom|lower part)\?") == {
        "Yes, there is a blue fish at the bottom."
    }
    assert sentences(questions.exists_at, r"a fish .*the (left|top|right|centre)\?") == {
        "No, the fish is at the bottom."
    }
    assert sentences(questions.exists_at, r"a star (below|under|beneath) the circle") == {
        "Yes, there is a blue star on the right."
    }
    assert answers(questions.exists_at, "a circle (below|under|beneath) the") == {"no"}
    assert sentences(questions.exists_at, r"blue .*the left\?") <= {
        "No, the blue things are on the right and at the bottom.",
        "No, the blue star is on the right.",
        "No, the blue fish is at the bottom.",
        *(f"No, there is no blue {shape}." for shape in SHAPES),
    }
    assert sentences(questions.exists_at, "(anything|something) green") == {"No, nothing is green."}
    assert answers(questions.exists_at, "a (house|boat|cat) ") == {"no"}


def test_the_big_one_of_two_is_meant() -> None:
    twins = Scene((Thing("star", "red", "big", 0), Thing("star", "green", "small", 8)), "white")
    assert answers(questions.colour, "the big star", twins) == {"red"}
    assert answers(questions.where, "the small star", twins) == {"bottom right"}
    assert answers(questions.is_at, r"^Is the big star (?!.* or ).*the (left|top)\?", twins) == {"yes"}
    assert answers(questions.is_at, r"^Is the small star (?!.* or ).*the (left|top)\?", twins) == {"no"}
    assert answers(questions.colour, "the star", twins) == set()


def test_claims_about_numbers() -> None:
    def claimed(pattern: str) -> set[str]:
        return sentences(questions.check_number, pattern, CROWD, 2000)

    assert claimed("^(Are there|Do you see) (two|2) stars") == {"Yes, there are 2 stars."}
    assert claimed("^(Are there|Do you see) (exactly )?(three|3) stars") == {"No, there are 2 stars."}
    assert claimed("more than (one|1) star") == {"Yes, there are 2 stars."}
    assert claimed("more than (two|2) stars") == {"No, there are 2 stars."}
    assert claimed("(fewer|less) than (two|2) stars") == {"No, there are 2 stars."}
    assert claimed("at least (two|2) stars") == {"Yes, there are 2 stars."}
    assert claimed("(only|just) (one|1) fish") == {"Yes, there is 1 fish."}
    assert claimed("(only|just) (one|1) star") == {"No, there are 2 stars."}
    assert claimed("more than (two|2) things") == {"Yes, there are 3 things."}
    assert claimed("more than (three|3) (things|objects)") == {"No, there are 3 things."}
    assert claimed("^(Are there|Do you see) (two|2) plants") == {"No, there are no plants."}
    nothing = Scene((), "white")
    assert sentences(questions.check_number, "two (things|objects)", nothing) == {
        "No, there is nothing in the picture.",
        "Yes, there is nothing in the picture.",
    }


def test_two_facts_at_once() -> None:
    def told(pattern: str) -> set[str]:
        return sentences(questions.two_at_once, pattern, SCENE, 3000)

    assert told("^What colours? (are|is) the circle and the fish") == {
        "The circle is red and the fish is blue."
    }
    assert told("^Where are the star and the fish") == {
        "The star is on the right and the fish is at the bottom."
    }
    assert told("^What size are the star and the fish") == {"The star is small and the fish is big."}
    assert told("^What colour is the star and where is it") == {"The star is blue and on the right."}
    assert told("^What colour is the star and where is the circle") == {
        "The star is blue and the circle is in the top left."
    }
    assert told("^What colour are the star and the tree") == {"The star is blue and there is no tree."}
    both = "Yes, there is a blue star on the right and a blue fish at the bottom."
    assert told("a star (and|or) a fish") == {both}
    assert told("a star and a cat") == {"No, there is a blue star on the right but no cat."}
    assert told("a (cat|tree|sun) or a star") == {"Yes, there is a blue star on the right."}
    neither = told("a (cat|car) (and|or) a (tree|sun)")
    assert neither
    assert neither <= {
        f"No, there is no {one} and no {other}." for one in ("cat", "car") for other in ("tree", "sun")
    }


def test_yes_and_no_are_as_frequent() -> None:
    rng = random.Random(2)
    for make in (questions.is_at, questions.exists_at, questions.check_number, questions.relation):
        found = [make(random_scene(rng), rng) for _ in range(3000)]
        said = [question.short for question in found if question is not None]
        assert said.count("yes") / (said.count("yes") + said.count("no")) == pytest.approx(0.5, abs=0.03)


def test_where_all_are_of_one_size_none_is_the_biggest() -> None:
    same = Scene((Thing("star", "red", "small", 3), Thing("fish", "green", "small", 5)), "white")
    assert answers(questions.extreme, "", same) == {"all are small"}


def test_a_story_names_everything_with_its_colour() -> None:
    rng = random.Random(5)
    for _ in range(100):
        scene = random_scene(rng)
        told = tell(scene).casefold()
        assert all(f"{thing.colour} {thing.shape}" in told for thing in scene.things), told


def absent(make: questions.Maker) -> set[str]:
    """What is answered about things that are not there."""
    return {answer for answer in answers(make, "") if answer.startswith("no ")}


def test_where_neither_of_two_is_above_the_other_the_answer_is_how_they_stand() -> None:
    level = Scene((Thing("star", "red", "big", 3), Thing("fish", "green", "big", 5)), "white")
    told = asked(questions.relation, "the star (above|below) the fish", level)
    assert {question.sentence for question in told} == {"No, the star is to the left of the fish."}


def test_everything_that_an_answer_describes_is_there() -> None:
    rng = random.Random(8)
    described = re.compile(r"(small|big) (\w+) (\w+) ((?:in|at|on) the [a-z ]+?)(?=,|\.| and |, on )")
    found = 0
    for _ in range(3000):
        scene = random_scene(rng)
        question = questions.random_question(scene, rng)
        leaning = follow_up(question, scene, rng)
        there = {(t.size, t.colour, t.shape, place(t.cell)) for t in scene.things}
        for sentence in (question.sentence, leaning.sentence if leaning else ""):
            told = {found for found in described.findall(sentence) if found[2] != "is"}
            assert told <= there, sentence
            found += len(told)
    assert found > 900


def test_two_of_a_shape_are_not_taken_for_one() -> None:
    twins = Scene((Thing("star", "red", "big", 0), Thing("star", "green", "big", 8)), "white")
    assert answers(questions.colours_of_several, "", twins) == {"red and green"}
    assert answers(questions.places_of_several, "", twins) == {"top left and bottom right"}
    assert answers(questions.size, "star", twins) == set()
    assert answers(questions.count_some, "red stars", twins) == {"1"}
    assert answers(questions.count_some, "(many|the) stars", twins) == {"2"}
    assert {q.sentence for q in asked(questions.alike, "shape", twins)} == {"Yes, there are two stars."}


def test_captions_group_what_has_one_shape() -> None:
    def drawn(*shapes: str) -> Scene:
        return Scene(tuple(Thing(shape, "red", "big", i) for i, shape in enumerate(shapes)), "white")

    assert caption(drawn("star", "fish", "star")) == "two stars and a fish"
    assert caption(drawn("fish", "star", "car", "star")) == "a fish, two stars and a car"
    assert caption(drawn("square", "square")) == "two red squares"
    assert caption(drawn("star", "fish", "car", "cat")) == "a star, fish, car and cat"


def test_follow_ups_lean_on_the_turn_before() -> None:
    before = questions.where(SCENE, random.Random(0), SCENE.things[1])
    assert before is not None
    found = [follow_up(before, SCENE, random.Random(seed)) for seed in range(200)]
    texts = {question.text: question.sentence for question in found if question is not None}
    assert texts["And its colour?"] == "The star is blue."
    assert texts["Is it big?"] == "No, the star is small."
    assert texts["And the fish?"] == "The fish is at the bottom."
    assert texts["What else?"] == (
        "There is also a big red circle in the top left and a big blue fish at the bottom."
    )
    nothing = questions.count(SCENE, random.Random(0))
    assert follow_up(nothing, SCENE, random.Random(0)) is None


def test_it_is_the_thing_that_was_told_of() -> None:
    before = questions.where(SCENE, random.Random(0), SCENE.things[1])
    assert before is not None
    found = [follow_up(before, SCENE, random.Random(seed)) for seed in range(3000)]
    texts = {question.text: question.sentence for question in found if question is not None}
    assert texts["What is above it?"] == "Above the star there is a big red circle in the top left."
    assert texts["What is to the right of it?"] == "There is nothing to the right of the star."
    assert texts["Is it bigger than the fish?"] == "No, the star is small and the fish is big."
    assert texts["Is it the same colour as the fish?"] == "Yes, both are blue."
    assert texts["Is it above the fish?"] == "Yes, the star is above the fish."
    assert texts["Is it on the right?"] == "Yes, the star is on the right."
    assert texts["Is it on the left?"] == "No, the star is on the right."
    assert texts["Is it blue?"] == "Yes, the star is blue."
    assert texts["What is next to it?"] == NEAR


def follow_ups(before: questions.Question) -> dict[str, questions.Question]:
    found = [follow_up(before, SCENE, random.Random(seed)) for seed in range(200)]
    return {question.text: question for question in found if question is not None}


def test_once_all_is_told_there_is_nothing_else() -> None:
    before = questions.describe(SCENE, random.Random(0))
    assert follow_ups(before)["Anything else?"].sentence == "That is all I see."
    star = questions.colour(SCENE, random.Random(0), SCENE.things[1])
    assert star is not None
    rest = follow_ups(star)["What else is there?"]
    assert follow_ups(rest)["What else is there?"].sentence == "That is all I see."
    assert follow_ups(rest)["And their colours?"].sentence == "The circle is red and the fish is blue."


def test_what_else_after_a_thing_that_is_not_there_tells_everything() -> None:
    before = next(question for question in asked(questions.colour, "the cat"))
    told = follow_ups(before)["What else?"].sentence
    assert told.startswith("There is a big red circle")
    assert "star" in told
    assert "fish" in told


def test_several_that_were_told_of_have_their_colours() -> None:
    before = questions.describe(SCENE, random.Random(0))
    assert follow_ups(before)["And its colour?"].sentence == (
        "The circle is red, the star is blue and the fish is blue."
    )
    assert follow_ups(before)["Where are they?"].sentence == (
        "The circle is in the top left, the star is on the right and the fish is at the bottom."
    )
    assert follow_ups(before)["How big are they?"].sentence == (
        "The circle is big, the star is small and the fish is big."
    )


def test_what_no_lesson_shows_is_not_taken_for_what_one_does() -> None:
    known = {*SHAPES, *COLOURS}
    for question in asked(questions.unfamiliar, ""):
        subjects = re.findall(r"\b(?:a|an|the|any|many|two|three|2) (\w+)|^(\w+)\?$", question.text.lower())
        words = {one or other for one, other in subjects} - {
            "left",
            "right",
            "top",
            "bottom",
            "middle",
            "thing",
        }
        assert words - known, question.text
        assert not words & {"picture", "image"}, question.text
