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
# What tells a sentence without being a UserError: the exit code, what stands before it, and its place in the call.
OTHERS = {
    "UsageError": ("2", "", 0),
    "DisagreementError": ("2", f"{GAP} ", 0),
    "_fault": ("2", "", 0),
    "Fault": ("2", "", 1),
}
# What answers a request: the places of the status and of the sentence in the call.
ANSWERS = {"ProblemError": (0, 1), "HTTPException": (0, 1), "refusal": (1, 2)}
TEXT = f"""# Error sentences

Every sentence by which a command ends, or tells of what cannot be done, by the part of the program that says it. It
tells what is wrong, and what to do; `{GAP}` stands for names and values. A command that ends by it has the exit code
behind it. A command that goes on after it ends with 1. The page answers a request with the HTTP status instead.

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
    told: dict[str, set[tuple[str, str]]] = {part: set() for part in PARTS}
    for module, found in sentences(source(PACKAGE)).items():
        told[module.split(".")[1]].update(found)
    return "\n".join(
        [
            TEXT,
            *(
                f"## {PARTS[part]}\n\n"
                + table(("sentence", "code"), ((plain(text), code) for text, code in sorted(found)))
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


def sentences(modules: Mapping[str, str]) -> dict[str, set[tuple[str, str]]]:
    """The sentences of each module, by its name, with their exit codes."""
    trees = {name: ast.parse(text) for name, text in modules.items()}
    codes, constants = _codes(list(trees.values())), {name: _constants(tree) for name, tree in trees.items()}
    return {
        name: set(_Module(name, tree, codes, _seen_in(tree, name, constants)).sentences())
        for name, tree in trees.items()
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

    def __init__(self, name: str, tree: ast.Module, codes: Mapping[str, int], constants: Mapping[str, object]) -> None:
        self._name, self._tree, self._codes, self._constants = name, tree, codes, constants

    def sentences(self) -> Iterator[tuple[str, str]]:
        """Each sentence with its exit code, or the status of the answer."""
        for node, scope, kind in _nodes(self._tree, self._tree, ""):
            if isinstance(node, ast.Call) and (made := self._made(node, kind)):
                code, before, place = made
                for text in self._texts(node.args[place], scope) if place < len(node.args) else ():
                    yield before + text, code
            elif fault := _fault_of(node, self._name):
                for text in self._texts(fault, scope):
                    yield text, "2"

    def _made(self, call: ast.Call, kind: str) -> tuple[str, str, int] | None:
        """The code of what a call tells, what stands before its sentence, and its place; None: it tells none."""
        name = ast.unparse(call.func).rpartition(".")[2]
        name = kind if name == "__init__" else name
        if name in OTHERS:
            return OTHERS[name]
        if name in self._codes:
            return f"{self._codes[name]}", "", 0
        status, place = ANSWERS.get(name, (0, len(call.args)))
        return (f"HTTP {self._text(call.args[status])}", "", place) if place < len(call.args) else None

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
            value = self._constants.get(given.value.id) if isinstance(given.value, ast.Name) else None
            form = self._text(given.format_spec) if given.format_spec else ""
            return self._text(given.value) if value is None or GAP in form else format(value, form)
        if isinstance(given, ast.BinOp) and isinstance(given.op, ast.Add):
            return self._text(given.left) + self._text(given.right)
        return f"{self._constants.get(given.id, GAP)}" if isinstance(given, ast.Name) else GAP


def _fault_of(node: ast.AST, module: str) -> ast.JoinedStr | None:
    """The sentence about a file of settings that a node gives back, in the modules that find what is wrong there."""
    given = getattr(node, "value", None)
    if module == "face_classifier.core.config.cross" and isinstance(node, ast.Yield) and isinstance(given, ast.Tuple):
        given = given.elts[-1]
    elif module != "face_classifier.core.config.sentences" or not isinstance(node, ast.Return):
        return None
    return given if isinstance(given, ast.JoinedStr) and len(ast.unparse(given).split()) > 4 else None


def _nodes(node: ast.AST, scope: ast.AST, kind: str) -> Iterator[tuple[ast.AST, ast.AST, str]]:
    """What lies in a node: each with the function, or module, and the class that it lies in."""
    for one in ast.iter_child_nodes(node):
        yield one, scope, kind
        inner = one if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)) else scope
        yield from _nodes(one, inner, one.name if isinstance(one, ast.ClassDef) else kind)
