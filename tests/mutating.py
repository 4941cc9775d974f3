"""Makes mistakes in a copy of the sources, one after the other, to see whether the tests notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("bot", "inference", "migrations", "tests")
DEADLINE_S = 300.0


@dataclass(frozen=True, slots=True)
class Mutation:
    """`old` becomes `new` in a file; `tests` are those that should notice, as for pytest -k."""

    name: str
    file: str
    old: str
    new: str
    tests: str


def survives(mutation: Mutation, sources: Path, tests: str) -> bool:
    """Whether the tests in a folder pass although one of the sources is mutated."""
    with tempfile.TemporaryDirectory() as folder:
        for name in COPIED:
            shutil.copytree(ROOT / name, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        file = Path(folder) / sources / mutation.file
        source = file.read_text(encoding="utf-8")
        if mutation.old not in source:
            raise ValueError(f"{mutation.file} no longer has what the mutation {mutation.name!r} changes")
        file.write_text(source.replace(mutation.old, mutation.new), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests.split()]
        environment = os.environ | {"PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*command, "-k", mutation.tests],
            cwd=folder,
            env=environment,
            capture_output=True,
            check=False,
            timeout=DEADLINE_S,
        )
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stdout.decode() + done.stderr.decode())
        return done.returncode == 0


def try_all(mutations: Sequence[Mutation], sources: Path, tests: str) -> int:
    """Tries every mutation, or those whose names contain the first argument; returns the exit status.

    It is 1 if one survives.
    """
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    survivors = 0
    for mutation in mutations:
        if wanted in mutation.name:
            survived = survives(mutation, sources, tests)
            survivors += survived
            print(f"{'SURVIVES' if survived else 'is caught':>10}: {mutation.name}", flush=True)
    return 1 if survivors else 0
