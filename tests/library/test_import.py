"""What `import face_classifier` gives, and what it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import face_classifier as fc

ROOT = Path(__file__).parent.parent.parent
HEAVY = ("numpy", "cv2", "dlib", "onnxruntime", "PIL")


@pytest.mark.parametrize("name", fc.__all__)
def test_every_name_is_there_and_documented(name: str):
    assert getattr(fc, name).__doc__


def test_type_checkers_see_the_names_that_there_are():
    tree = ast.parse((ROOT / "face_classifier" / "__init__.py").read_text("utf-8"))
    block, _ = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    homes = {name: f"face_classifier.{home}" for home, names in fc._HOMES.items() for name in names.split()}
    assert seen == homes
    assert sorted(seen) == fc.__all__
    assert set(fc.__all__) <= set(dir(fc))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert "__getattr__" not in functions  # or they would take a misspelt name for one of any type


def test_importing_loads_nothing_heavy():
    code = f"import sys, face_classifier; sys.exit(', '.join(name for name in {HEAVY} if name in sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr.strip() == ""
    )


def test_a_name_that_is_not_there_is_an_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        fc.nothing  # noqa: B018


def test_types_are_shipped():
    assert (ROOT / "face_classifier" / "py.typed").is_file()
