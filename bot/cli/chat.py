"""`idefics-bot chat`: a conversation in the terminal, or with the lines of a pipe."""

from __future__ import annotations

import asyncio
import logging
import os.path
import shlex
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace

from PIL.Image import Image
from rich.console import Console

from bot.cli.arguments import find_pictures
from bot.cli.conversation_window import ConversationWindow
from bot.cli.faces import Face, face_of_this_process
from bot.cli.failures import InputError, failure_of_ours
from bot.cli.model import opened
from bot.cli.options import ModelChoice, Sampling
from bot.conversation.answering import VARIED_TEMPERATURE
from bot.conversation.budget import MAX_PICTURES
from bot.conversation.checkpoints import was_trained_on_turns
from bot.conversation.turns import OPENING_QUESTION
from inference.errors import EngineError, InferenceError
from inference.prompt import Generated
from inference.surface import Engine, Reply
from inference.tasks import TaskRequest

logger = logging.getLogger(__name__)

HELP = """\
Write a question and press Enter.
/image PATH  adds a picture to your next message
/again       has the last question answered anew, perhaps in other words
/continue    goes on with an answer that was cut off by its length
/new         starts afresh
/help        shows this
/quit        leaves, as Ctrl-D does
Ctrl-C stops an answer; where nothing is being answered, it leaves."""

_TOO_MANY = f"One message takes {MAX_PICTURES} pictures at most"

Question = tuple[Image | str, ...]
Run = Callable[[Coroutine[None, None, None]], None]


def chat(images: Sequence[str], model: ModelChoice, sampling: Sampling) -> None:
    """Talks until the person leaves or stdin ends.

    Raises:
        InputError, InferenceError: the model or a picture named in `images` cannot be had.
        KeyboardInterrupt: the person left by Ctrl-C.
    """
    files = find_pictures(images)
    if len(files) > MAX_PICTURES:
        raise InputError(f"{_TOO_MANY}, not {len(files)}: leave some out.")
    for file in files:
        file.fitted(1)  # what cannot be read is told before a model is loaded
    face = face_of_this_process()
    # The loop stands still while a line is typed, so that the prompt has Python's own line editing and
    # Ctrl-C there raises KeyboardInterrupt; while something is answered, Ctrl-C cancels the answer.
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            engine = runner.run(stack.enter_async_context(opened(model, Console(stderr=True))))
            face.greet(model.checkpoint)
            pictures = [file.fitted(engine.picture_size) for file in files]
            Conversation(engine, sampling, face, pictures, run=runner.run).talk()
        finally:
            runner.run(stack.aclose())


class Conversation:
    """One conversation between a face and an engine; `run` runs a coroutine to its end."""

    def __init__(
        self, engine: Engine, sampling: Sampling, face: Face, pictures: Sequence[Image], *, run: Run
    ) -> None:
        self._engine = engine
        self._window = ConversationWindow(engine, sampling, base=not was_trained_on_turns(engine))
        self._face = face
        self._waiting = list(pictures)
        self._run = run
        self._last: tuple[Question, Reply] | None = None
        """What was asked last, and its whole answer."""

    def talk(self) -> None:
        """Answers line by line. Pictures that nobody asks about are described, if need be at the end."""
        if self._waiting and self._face.interactive:
            self._face.show_question(OPENING_QUESTION)
            self._ask(OPENING_QUESTION)
        while (line := self._face.read(len(self._waiting))) is not None:
            line = line.strip()
            if line == "/quit":
                return
            if line.startswith("/"):
                self._obey(*line.split(maxsplit=1))
            elif line:
                self._ask(line)
        if self._waiting and not self._face.interactive:
            self._ask(OPENING_QUESTION)

    def _obey(self, command: str, argument: str = "") -> None:
        match command:
            case "/image" if len(self._waiting) >= MAX_PICTURES:
                self._face.hint(f"{_TOO_MANY}: ask about these first.")
            case "/image" if argument:
                try:
                    files = find_pictures([_path(argument)])
                    self._waiting += [file.fitted(self._engine.picture_size) for file in files]
                except InputError as error:
                    self._face.hint(str(error))
            case "/image":
                self._face.hint("Name the picture's file, such as /image house.png.")
            case "/again" if self._last is not None:
                self._replace(*self._last, again=True)
            case "/continue" if self._last is not None and self._last[1].finish_reason == "length":
                self._replace(*self._last, begun=self._last[1].token_ids)
            case "/again":
                self._face.hint("There is no answer yet: ask something.")
            case "/continue":
                self._face.hint("There is no answer that was cut off by its length.")
            case "/new":
                self._window.clear()
                self._waiting.clear()
                self._last = None
                self._face.hint("A new conversation; what was said before is forgotten.")
            case "/help":
                self._face.hint(HELP)
            case _:
                self._face.hint(f"There is no {command}; /help lists what there is.")

    def _ask(self, text: str) -> None:
        if self._answer((*self._waiting, text)):
            self._waiting.clear()

    def _replace(
        self, question: Question, reply: Reply, *, again: bool = False, begun: tuple[int, ...] = ()
    ) -> None:
        """Puts another answer in the place of the last; where none comes, that one stays."""
        self._window.take_back()
        if not self._answer(question, again=again, begun=begun):
            self._window.remember(question, Generated(reply.token_ids))
            self._last = question, reply

    def _answer(self, question: Question, *, again: bool = False, begun: tuple[int, ...] = ()) -> bool:
        """Whether something was said, which is then part of the conversation.

        `again`: another answer than the last; `begun`: the ids of the last one, which goes on.
        """
        self._last = None
        said: list[str | Generated] = []
        try:
            request, dropped = self._window.request(question)
            if again and not request.options.temperature:
                request = replace(request, options=replace(request.options, temperature=VARIED_TEMPERATURE))
            if begun:
                request = replace(request, prompt=[*request.prompt, Generated(begun)])
            if dropped:
                messages = "message no longer fits" if dropped == 1 else f"{dropped} messages no longer fit"
                self._face.hint(f"The oldest {messages}, so the model does not see it any more.")
            self._run(self._stream(question, request, begun, said))
        except KeyboardInterrupt:
            if not self._face.interactive:
                raise
            self._face.hint("Stopped.")
        except EngineError as error:
            logger.exception("The engine failed")
            self._face.hint(failure_of_ours(str(error)))
        except InferenceError as error:
            self._face.hint(str(error))
        for answer in said:
            self._window.remember(question, answer)
        return bool(said)

    async def _stream(
        self,
        question: Question,
        request: TaskRequest,
        begun: tuple[int, ...],
        said: list[str | Generated],
    ) -> None:
        text = ""
        try:
            async with aclosing(self._engine.stream(request.prompt, request.options)) as stream:
                with self._face.answer() as write:
                    async for piece in stream:
                        text += piece
                        write(piece)
        except asyncio.CancelledError:
            # What was shown was said: without its ids it stands in the conversation as text.
            if text.strip() and not begun:
                said.append(text.strip())
            raise
        if stream.reply is None:
            raise EngineError("The answer ended without a reply.")
        reply = replace(stream.reply, token_ids=(*begun, *stream.reply.token_ids))
        said.append(Generated(reply.token_ids))
        self._last = question, reply


def _path(typed: str) -> str:
    """The file that was meant: as typed, or without the quotes and backslashes that terminals add."""
    if not os.path.isfile(typed):
        try:
            words = shlex.split(typed)
        except ValueError:  # an apostrophe in a name: nothing was quoted
            words = []
        if len(words) == 1:
            typed = words[0]
    return os.path.expanduser(typed)
