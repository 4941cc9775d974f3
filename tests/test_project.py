from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = {
    canonicalize_name(pin.name): next(iter(pin.specifier))
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
    for pin in [Requirement(line)]
}


def test_constraints_are_exact() -> None:
    assert {name: pin.operator for name, pin in PINS.items() if pin.operator != "=="} == {}


@pytest.mark.parametrize(
    "requirement", [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]], ids=str
)
def test_every_dependency_is_pinned_inside_its_range(requirement: str) -> None:
    required = Requirement(requirement)
    assert Version(PINS[canonicalize_name(required.name)].version) in required.specifier


def test_what_the_image_is_built_from_is_there_and_let_through() -> None:
    lines = (ROOT / "deploy/Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    sources = {source for each in copied for source in each}
    let_through = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines()}
    assert sources
    assert {source for source in sources if not (ROOT / source).exists()} == set()
    assert sources - let_through == set()
