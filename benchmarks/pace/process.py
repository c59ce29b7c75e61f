"""A measurement is a function in a process of its own, which answers with numbers as JSON.

The starting process imports nothing of the project: a child's peak memory begins with its parent's.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
Numbers = dict[str, Any]
_OURS = "FACE_CLASSIFIER_"  # of the user's settings only the folder of models counts


def start(function: str, tree: Path = ROOT, python: str = sys.executable, **arguments: Any) -> subprocess.Popen[str]:
    """Begin to measure.

    Parameters
    ----------
    function: of a module beside this one, as ``runs.whole``.
    tree: the checkout of the project that is measured.
    python: that runs it; a peer may need one of its own.
    arguments: of the function, as JSON knows them; paths are absolute.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS) or "MODELS" in name}
    environment["PYTHONDONTWRITEBYTECODE"] = ""  # what is installed has its bytecode
    environment["PYTHONPATH"] = os.pathsep.join([str(tree), str(ROOT / "benchmarks")])
    line = [python, "-m", "pace.process", function, json.dumps(arguments)]
    # Python looks for modules in the folder that it is started in first.
    return subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment, cwd=tree)


def finished(process: subprocess.Popen[str]) -> Numbers:
    """Its answer, once it ends; a measurement that fails ends the benchmark."""
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"a measurement ended with code {process.returncode}; its error is above")
    answer: Numbers = json.loads(out.splitlines()[-1])
    return answer


def measured(function: str, tree: Path = ROOT, python: str = sys.executable, **arguments: Any) -> Numbers:
    return finished(start(function, tree, python, **arguments))


def in_turn(runs: int, what: str, variants: Mapping[str, Callable[[], Numbers]]) -> dict[str, list[Numbers]]:
    """Each variant as often as there are runs, one after the other in every round, so that ratios are of one round."""
    rounds: dict[str, list[Numbers]] = {name: [] for name in variants}
    for number in range(runs):
        for name, measure in variants.items():
            tell(f"{what}: {name}, run {number + 1} of {runs}")
            rounds[name].append(measure())
    return rounds


def peak_mb(who: int) -> float:
    """The most memory in use at a time. ``who``: as for `resource.getrusage`."""
    return resource.getrusage(who).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def folder(argument: str) -> Path:
    """Of a command line: an absolute path."""
    return Path(argument).resolve()


def tell(sentence: str) -> None:
    print(f"... {sentence}", file=sys.stderr, flush=True)


def _answer(arguments: Sequence[str]) -> None:
    module, name = arguments[0].split(".")
    numbers = getattr(importlib.import_module(f"pace.{module}"), name)(**json.loads(arguments[1]))
    print(json.dumps({"peak_mb": peak_mb(resource.RUSAGE_SELF)} | numbers))


if __name__ == "__main__":
    _answer(sys.argv[1:])
