"""The shortened import of transformers, and beside a package that needs torch's compiler at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.processes import run_to_end

PROGRAM = """
import sys
from inference.lean_import import import_transformers

import_transformers()
print("transformers.modeling_utils" in sys.modules, "torch._dynamo" in sys.modules)
"""
# What torchvision does while transformers imports it.
TORCHVISION = "import torch._dynamo.utils"


def imported(folder: Path) -> str:
    """What the program says in a process of its own that also finds the packages in `folder`."""
    path = os.pathsep.join([str(folder), str(Path.cwd())])
    done = run_to_end([sys.executable, "-c", PROGRAM], environment=os.environ | {"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def test_it_leaves_the_compiler_out(tmp_path: Path) -> None:
    assert imported(tmp_path) == "True False"


def test_it_steps_aside_for_torchvision(tmp_path: Path) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(TORCHVISION, encoding="utf-8")
    assert imported(tmp_path) == "False False"
