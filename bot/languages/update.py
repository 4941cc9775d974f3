"""Brings the catalogues up to date with the code: `python -m bot.languages.update`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po, write_po

from bot.languages.pages import extract_html
from bot.languages.words import CATALOGUES, SOURCE, languages

ROOT = Path(__file__).parents[1]
MODEL = ROOT.parent / "inference"
MODEL_FILES = ("engine/context.py", "line.py", "pictures.py", "threaded.py")
"""Where that is refused which people send; the errors of other files are for those who write programs."""
KEYWORDS = {
    **dict.fromkeys(("words", "_words", "marked", "sentence", "t")),
    "plural": (1, 2),
    "Refused": (2,),
}
"""The calls whose texts are sentences, and which of their arguments."""
ERRORS = dict.fromkeys(("PictureError", "PromptError", "QueueFullError"))
"""Those of the model whose texts people meet in a chat."""
METHODS: list[tuple[str, Any]] = [
    ("**.py", "python"),
    ("web/static/**.js", "javascript"),
    ("web/static/**.html", extract_html),
]


def extracted() -> Catalog:
    """Every sentence of the code."""
    catalogue = Catalog(project="idefics-bot", charset="utf-8", fuzzy=False)
    found = extract_from_dir(ROOT, METHODS, keywords=KEYWORDS, comment_tags=("Translators:",))
    for file, _line, message, comments, context in found:
        catalogue.add(message, locations=[(f"bot/{file}", 0)], auto_comments=comments, context=context)
    for name in MODEL_FILES:
        for _line, message, _comments, _context in extract_from_file("python", MODEL / name, keywords=ERRORS):
            catalogue.add(message, locations=[(f"inference/{name}", 0)])
    return catalogue


def read(language: str) -> Catalog:
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def update() -> None:
    """Adds the sentences that are new, and drops those that are gone."""
    template = extracted()
    for language in languages():
        if language != SOURCE:
            catalogue = read(language)
            catalogue.update(template, no_fuzzy_matching=True)
            catalogue.obsolete.clear()
            with (CATALOGUES / f"{language}.po").open("wb") as file:
                write_po(file, catalogue, width=100, sort_output=True, include_lineno=False)


if __name__ == "__main__":
    update()
