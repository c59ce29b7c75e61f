"""The page of every sentence by which a command ends, or tells of what cannot be done, from the code that raises it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.reference.tables import plain, table

PACKAGE = Path(__file__).parents[2] / "face_classifier"
FIRST = "UserError"  # of which all others are made
GAP = "…"
# Not UserErrors themselves, but told as such: the exit code, and what stands before the sentence.
OTHERS = {"UsageError": (2, ""), "DisagreementError": (2, f"{GAP} ")}
TEXT = f"""# Error sentences

Every sentence by which a command ends, or tells of what cannot be done, by the part of the program that says it. It
tells what is wrong, and what to do; `{GAP}` stands for names and values. A command that ends by it has the exit code
behind it. A command that goes on after it ends with 1.

| exit code | meaning |
|---|---|
| 1 | something that you named could not be done |
| 2 | a word, a value, a key or a variable is wrong |
| 75 | another process holds the folder; try again later |
| 130 | it was stopped before it had its answer |
"""
PARTS = {
    "core": "Settings, disk and network",
    "sources": "Videos, pictures and cameras",
    "vision": "Models and encoders",
    "display": "Drawing",
    "records": "Records",
    "identity": "Who is who",
    "gallery": "The result folder",
    "curate": "Questions and corrections",
    "events": "Who passed when",
    "alerts": "Alerts",
    "pipeline": "A run",
    "teach": "Teaching and asking",
    "photos": "Photos",
    "library": "Python",
    "daemon": "Watching",
    "web": "The page",
    "cli": "The command line",
}


def page() -> str:
    told: dict[str, set[tuple[str, int]]] = {part: set() for part in PARTS}
    for module, found in sentences(source(PACKAGE)).items():
        told[module.split(".")[1]].update(found)
    return "\n".join(
        [
            TEXT,
            *(
                f"## {PARTS[part]}\n\n"
                + table(("sentence", "exit code"), ((plain(text), f"{code}") for text, code in sorted(found)))
                for part, found in told.items()
                if found
            ),
        ]
    )


def source(package: Path) -> dict[str, str]:
    """The text of each module in the folders of a package, by its name."""
    return {
        ".".join(path.relative_to(package.parent).with_suffix("").parts): path.read_text("utf-8")
        for path in sorted(package.glob("*/**/*.py"))
    }


def sentences(modules: Mapping[str, str]) -> dict[str, set[tuple[str, int]]]:
    """The sentences of each module, by its name, with their exit codes."""
    trees = {name: ast.parse(text) for name, text in modules.items()}
    codes, constants = _codes(list(trees.values())), {name: _constants(tree) for name, tree in trees.items()}
    return {
        name: set(_Module(tree, codes, _seen_in(tree, name, constants)).sentences()) for name, tree in trees.items()
    }


def _codes(trees: list[ast.Module]) -> dict[str, int]:
    """The exit code of each kind of UserError, by its name."""
    kinds = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    codes: dict[str, int] = {}
    for _ in kinds:  # those that are made of others, and those made of these
        for kind in kinds:
            of_it = [codes[base] for base in map(ast.unparse, kind.bases) if base in codes]
            if of_it or kind.name == FIRST:
                codes[kind.name] = int(str(_constants(kind).get("exit_code", of_it[0] if of_it else 1)))
    return codes


def _constants(tree: ast.Module | ast.ClassDef) -> dict[str, object]:
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _seen_in(tree: ast.Module, name: str, constants: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """The constants of a module, and those that it imports."""
    imported = {
        one.asname or one.name: constants[node.module][one.name]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in constants
        for one in node.names
        if one.name in constants[node.module]
    }
    return imported | dict(constants[name])


class _Module:
    """A module of the program, and the sentences in it."""

    def __init__(self, tree: ast.Module, codes: Mapping[str, int], constants: Mapping[str, object]) -> None:
        self._tree, self._codes, self._constants = tree, codes, constants

    def sentences(self) -> Iterator[tuple[str, int]]:
        """Each sentence with its exit code."""
        for node, scope, kind in _nodes(self._tree, self._tree, ""):
            if isinstance(node, ast.Call) and node.args and (made := self._made(node.func, kind)):
                code, before = made
                for text in self._texts(node.args[0], scope):
                    yield before + text, code

    def _made(self, called: ast.expr, kind: str) -> tuple[int, str] | None:
        """The exit code of the error that a call makes, and what stands before its sentence; None: it makes none."""
        name = kind if ast.unparse(called) == "super().__init__" else ast.unparse(called).rpartition(".")[2]
        if name in OTHERS:
            return OTHERS[name]
        return (self._codes[name], "") if name in self._codes else None

    def _texts(self, given: ast.expr, scope: ast.AST) -> Iterator[str]:
        """The sentences that an expression may be, with gaps for what only shows when the program runs."""
        if isinstance(given, ast.Name) and given.id not in self._constants:
            for node, _, _ in _nodes(scope, scope, ""):
                if isinstance(node, ast.Assign) and given.id in map(ast.unparse, node.targets):
                    yield from self._texts(node.value, scope)
            return
        for one in (given.body, given.orelse) if isinstance(given, ast.IfExp) else (given,):
            text = re.sub(rf"{GAP}(\s*{GAP})+", GAP, self._text(one)).strip()
            if re.search(r"\w", text):
                yield text

    def _text(self, given: ast.expr) -> str:
        if isinstance(given, ast.Constant):
            return str(given.value)
        if isinstance(given, ast.JoinedStr):
            return "".join(map(self._text, given.values))
        if isinstance(given, ast.FormattedValue):
            return self._text(given.value)
        if isinstance(given, ast.BinOp) and isinstance(given.op, ast.Add):
            return self._text(given.left) + self._text(given.right)
        return f"{self._constants.get(given.id, GAP)}" if isinstance(given, ast.Name) else GAP


def _nodes(node: ast.AST, scope: ast.AST, kind: str) -> Iterator[tuple[ast.AST, ast.AST, str]]:
    """What lies in a node: each with the function, or module, and the class that it lies in."""
    for one in ast.iter_child_nodes(node):
        yield one, scope, kind
        inner = one if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)) else scope
        yield from _nodes(one, inner, one.name if isinstance(one, ast.ClassDef) else kind)
