"""Lessons are asked in the words of the tasks, and teach what the tasks have room for."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence

from inference import tasks
from inference.demo import smalltalk
from inference.demo.classifying import classification
from inference.demo.conversations import conversation
from inference.demo.few_shots import few_shot
from inference.demo.lesson import SLOT, Lesson, Taught
from inference.demo.lessons import captioning, single_task
from inference.demo.wording import SYNONYMS, caption
from inference.demo.world import KIND_OF, KINDS, SHAPES, Scene, Thing, random_scene
from inference.loading import DEMO_FOLDER
from inference.prompt import END_OF_UTTERANCE
from inference.tokenizer import load_tokenizer

SCENE = Scene(
    (
        Thing("circle", "red", "big", 0),
        Thing("star", "blue", "small", 5),
        Thing("fish", "blue", "big", 7),
    ),
    "white",
)


def test_captions_fit_into_ten_tokens_of_whole_words() -> None:
    rng = random.Random(4)
    for _ in range(500):
        words = re.findall(r"\w+|[^\w\s]", caption(random_scene(rng)))
        assert len(words) <= 9, words


def test_conversations_are_laid_out_as_the_task_lays_them_out() -> None:
    for seed in range(100):
        rng = random.Random(seed)
        pool = [random_scene(rng) if rng.random() > 0.1 else None for _ in range(6)]
        lesson = conversation(pool, 0, rng)
        turns = turns_of(lesson)
        last = max(i for i, turn in enumerate(turns) if turn.speaker == "User")
        prompt = tasks.conversation(turns[: last + 1]).prompt
        assert flat(prompt) == flat(lesson.items[:-1])


def test_some_conversations_are_as_long_as_threads() -> None:
    rng = random.Random(1)
    pool = [random_scene(rng) for _ in range(4)]
    lengths = [len(turns_of(conversation(pool, 0, rng))) // 2 for _ in range(400)]
    assert max(lengths) > 30
    assert sum(length > 12 for length in lengths) < 40


def turns_of(lesson: Lesson) -> list[tasks.Turn]:
    turns: list[tasks.Turn] = []
    content: list[object] = []
    for item in lesson.items:
        if item is END_OF_UTTERANCE:
            turns.append(tasks.Turn("User", tuple(content)))  # type: ignore[arg-type]
            content = []
        elif isinstance(item, Taught):
            turns.append(tasks.Turn("Assistant", (item.text,)))
        elif isinstance(item, str):
            text = re.sub(r"^\n?(User|Assistant):", "", item).strip()
            content += [text] if text else []
        else:
            content.append(item)
    return turns


def flat(items: Sequence[object]) -> str:
    """The prompt as one text, so that it does not matter how it is cut into items."""
    parts: list[str] = []
    for item in items:
        if isinstance(item, Taught):
            parts.append(f" {item.text}⟨end⟩")
        elif item is END_OF_UTTERANCE:
            parts.append("⟨end⟩")
        else:
            parts.append("⟨image⟩" if item is SLOT else str(item))
    return "".join(parts)


def test_each_lesson_names_its_pictures_and_teaches_something() -> None:
    rng = random.Random(9)
    pool = [None, *(random_scene(rng) for _ in range(11))]
    kinds: set[str] = set()
    for _ in range(600):
        at = rng.randrange(12)
        for lesson in (conversation(pool, at, rng), single_task(pool, at, rng)):
            slots = sum(item is SLOT for item in lesson.items)
            assert slots == len(lesson.pictures)
            assert all(0 <= picture < len(pool) for picture in lesson.pictures)
            taught = [item for item in lesson.items if isinstance(item, Taught)]
            assert taught
            assert isinstance(lesson.items[-1], Taught)
            kinds.update(item.kind for item in taught)
    single = {"caption", "prompted caption", "classification", "few-shot", "story", "not a drawing"}
    talk = {"small talk", "no picture", "why", "chat: follow-up", "chat: describe on a second picture"}
    talk |= {"chat: follow-up on it"}
    assert single | talk <= kinds


def test_classification_lists_hold_exactly_one_right_label() -> None:
    rng = random.Random(2)
    kinds = Counter[str]()
    for _ in range(4000):
        lesson = single_task([SCENE] * 5, 0, rng)
        answer = lesson.items[-1]
        assert isinstance(answer, Taught)
        if not answer.kind.startswith("classification"):
            continue
        labels = re.findall(r"'([^']*)'", str(lesson.items[0]))
        assert answer.text in labels
        assert [label for label in labels if plainly(label) in TRUE_OF_SCENE] == [answer.text]
        # There are shapes and an animal in it: neither is the one category, beside none of them one may be.
        assert not {"shapes", "animals"} & {label.lower() for label in labels}
        kinds[answer.kind] += 1
    assert kinds["classification in other words"] > 0.3 * kinds.total() > 0


def plainly(label: str) -> str:
    """In small letters, without an article."""
    return re.sub("^an? ", "", label.lower())


TRUE_OF_SCENE = {
    *("circle", "star", "fish", "circles", "stars", "white", "drawing", "3 things", "white background"),
    *("red circle", "blue star", "blue fish", "shape", "animal", *SYNONYMS["circle"]),
}


def test_labels_are_as_people_write_them() -> None:
    rng = random.Random(2)
    boat = Scene((Thing("boat", "red", "big", 4),), "white")
    lessons = [classification(boat, 0, rng) for _ in range(2000)]
    answers = [lesson.items[-1] for lesson in lessons if lesson]
    written = {answer.text for answer in answers if isinstance(answer, Taught)}
    assert {
        "boat",
        "Boat",
        "BOAT",
        "a boat",
        "ship",
        "Ship",
        "vehicle",
        "Vehicle",
        "a vehicle",
        "boats",
    } <= written


def test_a_drawing_of_one_kind_is_classified_by_it() -> None:
    rng = random.Random(2)
    animals = Scene((Thing("cat", "red", "big", 0), Thing("fish", "blue", "big", 8)), "white")
    found = set[str]()
    for _ in range(200):
        lesson = classification(animals, 0, rng)
        answer = lesson.items[-1] if lesson else None
        if isinstance(answer, Taught) and answer.text in KINDS:
            found.add(answer.text)
    assert found == {KIND_OF["cat"]}


def test_few_shot_answers_follow_the_examples() -> None:
    rng = random.Random(6)
    scenes = [Scene((Thing(shape, "red", "big", 4),), "white") for shape in SHAPES]
    for _ in range(100):
        lesson = few_shot(scenes, 0, rng)
        assert lesson is not None
        answer = lesson.items[-1]
        assert isinstance(answer, Taught)
        assert lesson.pictures[-1] == 0
        assert 0 not in lesson.pictures[:-1], "the answer stands in its examples"
        shown = scenes[lesson.pictures[0]].things[0].shape
        text = "".join(item for item in lesson.items if isinstance(item, str))
        example = text.split("Assistant:")[1].split("\n")[0].strip()
        if "Fact" not in example and "fact" not in example and "know" not in example:
            swapped = example.replace(shown, "circle").replace(shown.capitalize(), "Circle")
            assert answer.text == swapped


def test_few_shot_answers_fit_into_the_tasks_room() -> None:
    tokenizer = load_tokenizer(DEMO_FOLDER)
    rng = random.Random(6)
    scenes = [random_scene(rng) for _ in range(40)]
    sizes = set[int]()
    for _ in range(400):
        at = rng.randrange(40)
        lesson = few_shot(scenes, at, rng)
        if lesson is not None:
            answer = lesson.items[-1]
            assert isinstance(answer, Taught)
            assert len(tokenizer(answer.text, add_special_tokens=False).input_ids) < 30, answer.text
            sizes.add(len(scenes[at].things))
    assert sizes == {1, 2, 3, 4}


def test_captions_of_what_is_no_drawing_fit_into_the_tasks_room() -> None:
    tokenizer = load_tokenizer(DEMO_FOLDER)
    lesson = captioning(None, 0, random.Random(0))
    answer = lesson.items[-1]
    assert isinstance(answer, Taught)
    assert len(tokenizer(answer.text, add_special_tokens=False).input_ids) < 10


def test_small_talk_has_one_reply_for_each_text() -> None:
    reply_to: dict[str, str] = {}
    for reply, texts in smalltalk.REPLIES.items():
        for text in texts:
            assert reply_to.setdefault(text.casefold().rstrip("?!. "), reply) == reply, text


def test_questions_before_any_picture_are_all_answered_alike() -> None:
    rng = random.Random(3)
    pool = [random_scene(rng) for _ in range(4)]
    most = 0
    for _ in range(400):
        lesson = conversation(pool, 0, rng)
        before = list(lesson.items[: lesson.items.index(SLOT)])
        said = [item for item in before if isinstance(item, Taught) and item.kind != "small talk"]
        assert all(answer.text == smalltalk.NO_PICTURE for answer in said)
        most = max(most, len(said))
    assert most == 3
