from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from inference import tasks
from inference.errors import EngineError, PromptError
from inference.tasks import Turn
from tests.fake_engine import FakeEngine, pictures_in
from tests.processes import run_to_end

Run = Callable[..., tuple[int, str, str]]
Draw = Callable[..., str]

RED, BLUE = (255, 0, 0), (0, 0, 255)


def colours(prompt) -> list[tuple[int, int, int]]:
    return [picture.getpixel((0, 0)) for picture in pictures_in(prompt)]


def texts(prompt) -> list[object]:
    return ["IMAGE" if isinstance(item, Image.Image) else item for item in prompt]


def test_one_answer_on_stdout_and_nothing_else(run: Run, draw: Draw) -> None:
    engine = FakeEngine(" A red square.\n")
    assert run("ask", draw("a.png"), "What is this?", engine=engine) == (0, "A red square.\n", "")
    assert engine.closed
    [(prompt, _)] = engine.asked
    picture = pictures_in(prompt)[0]
    wanted = tasks.conversation([Turn("User", (picture, "What is this?"))])
    assert texts(prompt) == texts(wanted.prompt)


def test_a_picture_alone_is_described_and_a_text_alone_is_answered(run: Run, draw: Draw) -> None:
    engine = FakeEngine("One.", "Two.")
    run("ask", draw("a.png"), engine=engine)
    run("ask", "Hello", engine=engine)
    assert "What is in this image?" in texts(engine.asked[0][0])
    assert texts(engine.asked[1][0])[0] == "User: Hello"


def test_a_base_checkpoint_gets_turns_without_their_token(run: Run) -> None:
    engine = FakeEngine("Hi.", trained_on_turns=False)
    assert run("ask", "Hello", engine=engine)[0] == 0
    assert texts(engine.asked[0][0]) == ["User: Hello", "\nAssistant:"]


@pytest.mark.parametrize(
    ("arguments", "request_of"),
    [
        (["--mode", "caption"], tasks.captioning),
        (["--mode", "prompted-caption"], tasks.prompted_captioning),
        (
            ["--mode", "prompted-caption", "--prefix", "A drawing of"],
            lambda picture: tasks.prompted_captioning(picture, "A drawing of"),
        ),
        (["--mode", "vqa", "Which?"], lambda picture: tasks.visual_question_answering(picture, "Which?")),
        (
            ["--mode", "classify", "--labels", "cat, dog", "--by", "generation"],
            lambda picture: tasks.classification(picture, ["cat", "dog"]),
        ),
        (["--mode", "story"], tasks.story),
    ],
)
def test_modes_ask_the_tasks_of_inference(arguments, request_of, run: Run, draw: Draw) -> None:
    engine = FakeEngine("cat")
    assert run("ask", draw("a.png"), *arguments, engine=engine) == (0, "cat\n", "")
    [(prompt, options)] = engine.asked
    wanted = request_of(pictures_in(prompt)[0])
    assert texts(prompt) == texts(wanted.prompt)
    assert options == wanted.options


def test_few_shot_takes_its_examples_from_the_command_line(run: Run, draw: Draw) -> None:
    engine = FakeEngine("A red one. Fun fact: no.")
    example = f"{draw('b.png', 'blue')}=A blue one. Fun fact: 1=1."
    status, out, _ = run("ask", "--mode", "few-shot", "--example", example, draw("a.png"), engine=engine)
    assert (status, out) == (0, "A red one. Fun fact: no.\n")
    [(prompt, _)] = engine.asked
    shown, asked = pictures_in(prompt)
    assert texts(prompt) == texts(tasks.few_shot([(shown, "A blue one. Fun fact: 1=1.")], asked).prompt)
    assert colours(prompt) == [BLUE, RED]


def test_an_example_s_picture_may_have_any_name(run: Run, draw: Draw) -> None:
    engine = FakeEngine("A red one.")
    example = f"{draw('1=1.png', 'blue')}=1=1."
    assert run("ask", "--mode", "few-shot", "--example", example, draw("a.png"), engine=engine)[0] == 0
    [(prompt, _)] = engine.asked
    assert colours(prompt) == [BLUE, RED]
    assert prompt[2] == "Describe this image.\nAssistant: 1=1.\n"


def test_as_many_pictures_as_one_message_takes(run: Run, draw: Draw) -> None:
    engine = FakeEngine("All.", *["One."] * 11)
    assert run("ask", *[draw("a.png")] * 10, engine=engine)[0] == 0
    assert run("ask", *[draw("a.png")] * 11, "--mode", "vqa", "Which?", engine=engine)[0] == 0


def test_several_pictures_are_answered_in_order_one_per_line(run: Run, draw: Draw) -> None:
    engine = FakeEngine("Once\nupon a time", "Two")
    status, out, _ = run("ask", "--mode", "story", draw("a.png", "red"), draw("b.png", "blue"), engine=engine)
    assert (status, out) == (0, "Once upon a time\nTwo\n")
    assert [colours(prompt) for prompt, _ in engine.asked] == [[RED], [BLUE]]


def test_several_pictures_of_a_chat_belong_to_one_message(run: Run, draw: Draw) -> None:
    engine = FakeEngine("Both.")
    assert run("ask", draw("a.png"), draw("b.png", "blue"), "Which?", engine=engine)[1] == "Both.\n"
    assert [colours(prompt) for prompt, _ in engine.asked] == [[RED, BLUE]]


def test_json_has_one_object_per_line(run: Run, draw: Draw) -> None:
    engine = FakeEngine("Ein\nGrün ✓", "Two")
    _, out, _ = run("ask", "--json", "--mode", "story", draw("a.png"), draw("b.png"), engine=engine)
    first, second = (json.loads(line) for line in out.splitlines())
    seconds = first.pop("seconds")
    assert seconds >= 0
    assert first == {
        "text": "Ein\nGrün ✓",
        "finish_reason": "stop",
        "prompt_tokens": engine.count_tokens(engine.asked[0][0]),
        "completion_tokens": 2,
        "cached_tokens": 0,
    }
    assert second["text"] == "Two"


def test_ranked_labels_are_probabilities(run: Run, draw: Draw) -> None:
    arguments = ("ask", "--mode", "classify", "--labels", "cat,dog", draw("a.png"))
    assert run(*arguments)[1] == "cat\n"
    answer = json.loads(run(*arguments, "--json")[1])
    assert answer["text"] == "cat"
    assert list(answer["ranked"]) == ["cat", "dog"]
    assert sum(answer["ranked"].values()) == pytest.approx(1)
    assert answer["ranked"]["cat"] == pytest.approx(2 / 3)
    assert answer["completion_tokens"] == 0
    assert answer["prompt_tokens"] > 0


def test_options_of_the_command_line_replace_those_of_the_task(run: Run, draw: Draw) -> None:
    engine = FakeEngine("One.")
    arguments = ("--max-new-tokens", "7", "--temperature", "0.5", "--seed", "3")
    run("ask", "--mode", "story", draw("a.png"), *arguments, engine=engine)
    [(_, options)] = engine.asked
    assert (options.max_new_tokens, options.temperature, options.seed) == (7, 0.5, 3)
    assert options.num_beams == 1
    assert options.stop == tasks.story(Image.new("RGB", (1, 1))).options.stop


@pytest.mark.parametrize("text", ["either/or?", "a/b", "What?", "3.5", "Really.", "etc. …"])
def test_a_word_may_hold_a_slash_or_a_dot(text: str, run: Run) -> None:
    engine = FakeEngine("Both.")
    assert run("ask", text, engine=engine) == (0, "Both.\n", "")
    assert text in engine.shown(0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Give a picture, a question or both"),
        (["gone.png", "What?"], "There is no file gone.png"),
        (["no/such", "What?"], "There is no file no/such"),
        (["such/no"], "There is no file such/no"),
        (["https://example.org/a.png"], "save https://example.org/a.png first"),
        (["a", "cat/dog", "here?"], 'in quotes, as one argument: "a cat/dog here?"'),
        (["what", "is", "this"], 'in quotes, as one argument: "what is this"'),
        (["a.png", "  "], "The text is empty"),
        (["such.png"], "such.png is a folder"),
        (["a.png"] * 11, "One message takes 10 pictures at most, not 11"),
        (["text.png"], "text.png: This is not a picture"),
        (["empty.png"], "empty.png: The picture is empty"),
        (["-", "-"], "give - once"),
        (["--mode", "caption"], "--mode caption needs a picture"),
        (["--mode", "caption", "a.png", "What?"], "--mode caption takes no text"),
        (["--mode", "vqa", "a.png"], "--mode vqa needs a question"),
        (["--mode", "classify", "a.png"], "add --labels"),
        (["--mode", "classify", "--labels", "cat,,dog", "a.png"], "none of them empty"),
        (["--mode", "few-shot", "a.png"], "add --example"),
        (["--mode", "few-shot", "a.png", "--example", "a.png"], "Write an example as"),
        (["--mode", "few-shot", "a.png", "--example", "b.png=B"], "There is no file b.png"),
        (["--labels", "cat,dog", "a.png"], "--labels goes with --mode classify"),
        (["--prefix", "A", "a.png"], "--prefix goes with --mode prompted-caption"),
        (["--example", "a.png=A", "a.png"], "--example goes with --mode few-shot"),
        (["--by", "rank", "a.png"], "--by goes with --mode classify"),
        (["--temperature", "101", "a.png"], "temperature must lie between"),
        (["--max-new-tokens", "0", "a.png"], "'--max-new-tokens'"),
        (["--mode", "sing", "a.png"], "'--mode'"),
        (["--modle", "x", "a.png"], "No such option: --modle"),
        (["--model", "broken", "a.png"], "download it again"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(
    arguments: list[str], sentence: str, run: Run, draw: Draw, tmp_path: Path
) -> None:
    draw("a.png")
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "such").mkdir()
    (tmp_path / "such.png").mkdir()
    engine = FakeEngine()
    status, out, err = run("ask", *arguments, engine=engine)
    assert (status, out) == (2, "")
    assert sentence in err
    assert err.endswith(".\n")
    assert err.count("\n") == 1
    assert not engine.loaded, "bad input is told before a model is loaded"


def test_what_the_engine_refuses_is_one_sentence(run: Run) -> None:
    engine = FakeEngine(PromptError("The prompt is too long: shorten it."))
    assert run("ask", "Hello", engine=engine) == (2, "", "The prompt is too long: shorten it.\n")
    assert engine.closed


@pytest.mark.parametrize("error", [EngineError("The model failed."), ZeroDivisionError("a bug")])
def test_our_failures_are_logged_and_told_in_one_sentence(
    error: Exception, run: Run, state_folder: Path
) -> None:
    status, out, err = run("ask", "Hello", engine=FakeEngine(error))
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    [log] = state_folder.rglob("*.log")
    assert str(log) in err
    assert f"{type(error).__name__}: {error}" in log.read_text()
    assert "Traceback" in log.read_text()


def test_verbose_puts_the_log_on_stderr(run: Run) -> None:
    status, _, err = run("ask", "--verbose", "Hello", engine=FakeEngine(ZeroDivisionError("a bug")))
    assert status == 1
    assert "ZeroDivisionError: a bug" in err


def test_a_log_that_cannot_be_written_goes_to_stderr(run: Run, state_folder: Path) -> None:
    state_folder.write_text("not a folder")
    status, _, err = run("ask", "Hello", engine=FakeEngine(ZeroDivisionError("a bug")))
    assert status == 1
    assert "ZeroDivisionError: a bug" in err


def test_ctrl_c_cancels_the_request_quietly(run: Run) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        engine = FakeEngine(f"One {FakeEngine.CTRL_C}")
        assert run("ask", "Hello", engine=engine) == (130, "", "")
    finally:
        signal.signal(signal.SIGINT, before)
    assert engine.cancelled == 1
    assert engine.closed


def test_an_answer_cannot_command_the_terminal(run: Run) -> None:
    assert run("ask", "Hello", engine=FakeEngine("\x1b[2Jred\x07"))[1] == "[2Jred\n"


def test_bytes_that_are_no_text_become_replacement_characters(run: Run) -> None:
    engine = FakeEngine("One.")
    run("ask", "caf\udce9", engine=engine)
    assert texts(engine.asked[0][0])[0] == "User: caf�"


def test_a_command_that_is_almost_right_is_guessed(run: Run) -> None:
    status, _, err = run("asks")
    assert (status, err) == (2, "No such command 'asks'. Did you mean 'ask'? See idefics-bot --help.\n")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["ask", "--help"], ["chat", "--help"]])
def test_help_needs_no_torch(arguments: list[str]) -> None:
    code = f"import sys; from bot.__main__ import main; main({arguments}); sys.exit('torch' in sys.modules)"
    done = run_to_end([sys.executable, "-c", code])
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Usage: idefics-bot" in done.stdout


def test_a_reader_that_goes_away_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run_to_end([sys.executable, "-m", "bot", "--help"], stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
