from __future__ import annotations

import asyncio
import io
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.cli.chat import Conversation
from bot.cli.options import Sampling
from inference.errors import EngineError, PromptError
from inference.prompt import Generated
from tests.fake_engine import Cut, FakeEngine, pictures_in

Run = Callable[..., tuple[int, str, str]]
Draw = Callable[..., str]


class ScriptedFace:
    """A person at a terminal who types `lines`; an exception among them is raised instead."""

    interactive = True

    def __init__(self, *lines: str | BaseException) -> None:
        self.lines = list(lines)
        self.waiting: list[int] = []
        self.questions: list[str] = []
        self.answers: list[list[str]] = []
        self.hints: list[str] = []

    def greet(self, checkpoint: str) -> None:
        raise AssertionError("a conversation greets nobody: the command does")

    def read(self, waiting: int) -> str | None:
        self.waiting.append(waiting)
        line = self.lines.pop(0) if self.lines else None
        if isinstance(line, BaseException):
            raise line
        return line

    def show_question(self, question: str) -> None:
        self.questions.append(question)

    @contextmanager
    def answer(self) -> Iterator[Callable[[str], None]]:
        self.answers.append([])
        yield self.answers[-1].append

    def hint(self, text: str) -> None:
        self.hints.append(text)


@pytest.fixture
def talk() -> Iterator[Callable[..., ScriptedFace]]:
    """Holds a conversation: the engine, what the person types, the pictures of the command line."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def talk(
        engine: FakeEngine,
        lines: Sequence[str | BaseException],
        pictures: Sequence[object] = (),
        sampling: Sampling = Sampling(),  # noqa: B008
    ) -> ScriptedFace:
        face = ScriptedFace(*lines)
        with asyncio.Runner() as runner:
            Conversation(engine, sampling, face, pictures, run=runner.run).talk()
        return face

    yield talk
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch, run: Run) -> Callable[..., tuple[int, str, str]]:
    """Runs `chat` with `lines` as stdin."""

    def pipe(lines: str, *arguments: str, engine: FakeEngine) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        return run("chat", *arguments, engine=engine)

    return pipe


def questions(engine: FakeEngine) -> list[object]:
    return [prompt[-3] for prompt, _ in engine.asked]


def test_lines_of_a_pipe_are_answered_one_by_one(pipe, draw: Draw) -> None:
    engine = FakeEngine(" A red square.\n", "Red.")
    status, out, err = pipe("What is this?\n\n  \nAnd its colour?", draw("a.png"), engine=engine)
    assert (status, out, err) == (0, "A red square.\nRed.\n", "")
    assert engine.closed
    first, second = (prompt for prompt, _ in engine.asked)
    assert len(pictures_in(first)) == len(pictures_in(second)) == 1
    assert questions(engine) == ["What is this?", "\nUser: And its colour?"]
    assert Generated((0, 1, 2)) in second


def test_a_picture_and_an_empty_pipe_give_one_description(pipe, draw: Draw) -> None:
    engine = FakeEngine("A red square.")
    assert pipe("", draw("a.png"), engine=engine) == (0, "A red square.\n", "")
    assert questions(engine) == ["What is in this image?"]


def test_an_empty_pipe_alone_asks_nothing(pipe) -> None:
    assert pipe("", engine=FakeEngine()) == (0, "", "")


def test_bad_lines_of_a_pipe_are_told_and_the_next_is_answered(pipe, tmp_path: Path, draw: Draw) -> None:
    draw("a.png")
    engine = FakeEngine("One.")
    status, out, err = pipe("/image gone.png\n/image\n/sing\nHello\n", engine=engine)
    assert (status, out) == (0, "One.\n")
    assert [line.split(";")[0] for line in err.splitlines()] == [
        "There is no file gone.png: check its name.",
        "Name the picture's file, such as /image house.png.",
        "There is no /sing",
    ]


def test_more_pictures_than_one_message_takes_are_refused(pipe, talk, draw: Draw) -> None:
    picture = draw("a.png")
    status, out, err = pipe("Hello\n", *[picture] * 11, engine=FakeEngine())
    assert (status, out, err) == (2, "", "One message takes 10 pictures at most, not 11: leave some out.\n")
    engine = FakeEngine("Ten.", "One.")
    face = talk(engine, [*[f"/image {picture}"] * 11, "How many?", f"/image {picture}", "And now?"])
    assert face.hints == ["One message takes 10 pictures at most: ask about these first."]
    assert len(pictures_in(engine.asked[0][0])) == 10


def test_a_bad_picture_on_the_command_line_ends_the_command(pipe) -> None:
    status, out, err = pipe("Hello\n", "gone.png", engine=FakeEngine())
    assert (status, out, err) == (2, "", "There is no file gone.png: check its name.\n")


def test_ctrl_c_in_a_pipe_ends_the_command(pipe) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        engine = FakeEngine(f"One {FakeEngine.CTRL_C}")
        assert pipe("Hello\nAgain\n", engine=engine) == (130, "One\n", "")
    finally:
        signal.signal(signal.SIGINT, before)
    assert engine.cancelled == 1
    assert engine.closed


def test_the_command_line_s_pictures_are_described_to_a_person_at_once(talk) -> None:
    from PIL import Image

    engine = FakeEngine("A red square.", "Red.")
    face = talk(engine, ["And its colour?"], [Image.new("RGB", (2, 2))])
    assert face.questions == ["What is in this image?"]
    assert face.answers == [["A", " red", " square."], ["Red."]]
    assert face.waiting == [0, 0]


def test_image_adds_pictures_to_the_next_message(talk, draw: Draw) -> None:
    engine = FakeEngine("Two.", "Yes.")
    lines = [
        f"/image {draw('a.png')}",
        f"/image '{draw('with space.png')}'",
        "How many?",
        "Sure?",
        "/quit",
        "x",
    ]
    face = talk(engine, lines)
    assert face.waiting == [0, 1, 2, 0, 0]
    assert [len(pictures_in(prompt)) for prompt, _ in engine.asked] == [2, 2]
    assert face.hints == []


@pytest.mark.parametrize("typed", ["it's.png", "with space.png", "'with space.png'", r"with\ space.png"])
def test_image_understands_names_as_people_and_terminals_write_them(typed: str, talk, draw: Draw) -> None:
    draw("it's.png")
    draw("with space.png")
    assert talk(FakeEngine(), [f"/image {typed}"]).waiting == [0, 1]


def test_new_forgets_the_conversation_and_waiting_pictures(talk, draw: Draw) -> None:
    engine = FakeEngine("One.", "Two.")
    talk(engine, ["First", f"/image {draw('a.png')}", "/new", "Second"])
    assert engine.asked[1][0][0] == "User: Second"
    assert pictures_in(engine.asked[1][0]) == []


def test_again_answers_once_more_and_differently(talk) -> None:
    engine = FakeEngine("One.", "Two.", "Three.")
    face = talk(engine, ["/again", "hello", "/again", "go on"])
    assert face.hints == ["There is no answer yet: ask something."]
    assert ["".join(answer).strip() for answer in face.answers] == ["One.", "Two.", "Three."]
    assert [options.temperature for _, options in engine.asked] == [0.0, 0.7, 0.0]
    assert "Two." in engine.shown(2)
    assert "One." not in engine.shown(2)


def test_continue_goes_on_with_what_was_cut_off(talk) -> None:
    engine = FakeEngine(Cut("A red"), [" square."], "Yes.")
    face = talk(engine, ["what?", "/continue", "/continue", "sure?"])
    assert "".join(face.answers[1]).strip() == "square."
    assert engine.shown(1).endswith("Assistant:A red")
    assert face.hints == ["There is no answer that was cut off by its length."]
    assert "Assistant:A red square." in engine.shown(2)


@pytest.mark.parametrize("nothing", [PromptError("Too long."), EngineError("It failed."), FakeEngine.CTRL_C])
@pytest.mark.parametrize("command", ["/again", "/continue"])
def test_where_no_other_answer_comes_the_last_one_stays(nothing: object, command: str, talk) -> None:
    engine = FakeEngine(Cut("A red"), nothing, Cut(" square"), "Yes.")
    face = talk(engine, ["what?", command, "/continue", "sure?"])
    assert len(face.hints) == 1
    assert engine.shown(2).endswith("User: what?</u>\nAssistant:A red")
    assert "Assistant:A red square" in engine.shown(3)


def test_another_answer_takes_no_picture_from_the_next_message(talk, draw: Draw) -> None:
    engine = FakeEngine("One.", "Two.", "Three.")
    face = talk(engine, ["hello", f"/image {draw('a.png')}", "/again", "what is this?"])
    assert face.waiting == [0, 0, 1, 1, 0]
    assert [engine.pictures(number) for number in range(3)] == [0, 0, 1]


def test_help_lists_every_command(talk) -> None:
    [text] = talk(FakeEngine(), ["/help"]).hints
    for command in ("/image", "/new", "/help", "/quit"):
        assert command in text


def test_ctrl_c_stops_the_answer_and_what_was_shown_stays(talk) -> None:
    engine = FakeEngine(f"It is {FakeEngine.CTRL_C}", "Red.")
    face = talk(engine, ["What?", "And now?"])
    assert engine.cancelled == 1
    assert face.hints == ["Stopped."]
    assert face.answers == [["It", " is"], ["Red."]]
    assert "\nAssistant: It is" in engine.asked[1][0]


def test_ctrl_c_before_the_first_word_takes_the_message_back(talk, draw: Draw) -> None:
    engine = FakeEngine(FakeEngine.CTRL_C, "Red.")
    face = talk(engine, [f"/image {draw('a.png')}", "What?", "And now?"])
    assert face.waiting == [0, 1, 1, 0]
    assert questions(engine) == ["What?", "And now?"]


def test_ctrl_c_at_the_prompt_leaves(talk) -> None:
    with pytest.raises(KeyboardInterrupt):
        talk(FakeEngine(), [KeyboardInterrupt(), "Hello"])


@pytest.mark.parametrize(
    ("error", "hint"),
    [(PromptError("Too many pictures."), "Too many pictures."), (EngineError("It failed."), "It failed; ")],
)
def test_an_error_is_one_hint_and_the_conversation_goes_on(error: Exception, hint: str, talk) -> None:
    face = talk(FakeEngine(error, "Two."), ["First", "Second"])
    assert len(face.hints) == 1
    assert face.hints[0].startswith(hint)
    assert face.answers[-1] == ["Two."]


def test_dropped_messages_are_said(talk) -> None:
    engine = FakeEngine("One.", "Two.", context_length=10 + 8)
    face = talk(engine, ["First", "Second"], sampling=Sampling(max_new_tokens=10))
    assert face.hints == ["The oldest message no longer fits, so the model does not see it any more."]


def test_a_message_past_the_context_is_refused_in_one_hint(talk) -> None:
    engine = FakeEngine("Two.")
    face = talk(engine, ["word " * 100_000, "Second"])
    assert len(face.hints) == 1
    assert "write less" in face.hints[0]
    assert face.answers == [["Two."]]
