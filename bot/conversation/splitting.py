"""Long answers as several messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = "```"
_CLOSING = f"\n{FENCE}"
_OPENING = re.compile(r"```([\w+.#-]{1,20})?(?=\n)|```")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")
_LINE = re.compile(r"\n")
SENTENCE_ENDS = ".!?…。！？؟۔।"  # noqa: RUF001 (full-width marks)
_SENTENCE = re.compile(rf"(?<=[{SENTENCE_ENDS}])(?=\s)|(?<=[。！？])")  # noqa: RUF001
_SPACE = re.compile(r"\s")


@dataclass(frozen=True, slots=True)
class _Fence:
    """A ``` in a text, with the name of the language that follows it if it opens a block."""

    start: int
    end: int
    opens: bool
    language: str = ""


def split(text: str, limit: int = 2000) -> list[str]:
    """The text as parts of at most `limit` (64 or more) characters, none of them blank.

    It is cut between paragraphs, lines or sentences, whichever leaves no part less than half full, else
    between words, and loses nothing but white space. A block of code that is cut is closed and opened again
    with its language; one that was never closed is closed at the end, so every part is whole by itself.
    """
    parts: list[str] = []
    rest, reopened = text.strip(), ""
    while rest:
        fences = _fences(rest, inside=bool(reopened))
        whole = reopened + rest + (_CLOSING if _language_at(len(rest), fences, reopened) is not None else "")
        if len(whole) <= limit:
            return [*parts, whole]
        cut = _best_cut(rest, limit - len(reopened) - len(_CLOSING), fences, inside=bool(reopened))
        language = _language_at(cut, fences, reopened)
        head, rest = rest[:cut], rest[cut:]
        if language is None:
            parts.append(reopened + head.rstrip())
            rest, reopened = rest.lstrip(), ""
            continue
        parts.append(reopened + head + _CLOSING)
        if rest.lstrip().startswith(FENCE):
            rest, reopened = rest.lstrip().removeprefix(FENCE).lstrip(), ""
        else:
            rest, reopened = rest.removeprefix("\n").rstrip(), f"{FENCE}{language}\n"
    return parts


def _fences(text: str, *, inside: bool) -> list[_Fence]:
    found: list[_Fence] = []
    at = 0
    while (start := text.find(FENCE, at)) >= 0:
        opening = None if inside else _OPENING.match(text, start)
        at = start + len(FENCE) if opening is None else opening.end()
        inside = not inside
        found.append(_Fence(start, at, inside, (opening and opening[1]) or ""))
    return found


def _language_at(position: int, fences: list[_Fence], reopened: str) -> str | None:
    """The language of the block of code around `position`, which may be empty; None outside of blocks."""
    before = [fence for fence in fences if fence.end <= position]
    if before:
        return before[-1].language if before[-1].opens else None
    return reopened.removeprefix(FENCE).strip() if reopened else None


def _best_cut(text: str, end: int, fences: list[_Fence], *, inside: bool) -> int:
    """Where to cut so that the part has at most `end` characters: the last place of the best kind."""
    half = end // 2
    blocks = list(_blocks(fences, len(text), inside=inside))

    def last(cuts: Iterator[int], at_least: int, *, in_code: bool) -> int | None:
        return max(
            (
                cut
                for cut in cuts
                if at_least <= cut <= end
                and not any(fence.start < cut < fence.end for fence in fences)
                and (in_code or not any(start < cut < stop for start, stop in blocks))
            ),
            default=None,
        )

    edges = [edge for block in blocks for edge in block]
    for cuts, at_least, in_code in (
        (iter([*_starts(_PARAGRAPH, text, end), *edges]), half, False),
        (_starts(_LINE, text, end), half, True),
        (_starts(_SENTENCE, text, end), half, False),
        (_starts(_SPACE, text, end), end // 8, True),
        (iter(range(end, 0, -1)), 1, True),
    ):
        if (cut := last(cuts, at_least, in_code=in_code)) is not None:
            return cut
    raise ValueError("The limit is smaller than a fence.")


def _blocks(fences: list[_Fence], length: int, *, inside: bool) -> Iterator[tuple[int, int]]:
    """Where blocks of code start and stop, fences included."""
    start = 0 if inside else None
    for fence in fences:
        if fence.opens:
            start = fence.start
        elif start is not None:
            yield start, fence.end
            start = None
    if start is not None:
        yield start, length


def _starts(pattern: re.Pattern[str], text: str, end: int) -> Iterator[int]:
    return (match.start() for match in pattern.finditer(text, 0, end + 1))
