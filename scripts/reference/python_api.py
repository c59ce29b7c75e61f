"""The page of what `import face_classifier` gives, by its docstrings."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any

import face_classifier as fc
from scripts.reference.tables import code, plain, table

TEXT = """# Python

What `import face_classifier as fc` gives, as its docstrings tell it. [Use it from Python](../library.md) is a session
through all of it.
"""
LONG = 100  # characters of a line of code


def page() -> str:
    names = sorted(fc.__all__, key=lambda name: (inspect.isclass(getattr(fc, name)), name.lower()))
    return TEXT + "".join(f"\n{part}\n" for name in names for part in _part(name, getattr(fc, name)) if part)


def _part(name: str, value: Any) -> Iterator[str]:
    yield f"## {name}"
    if not inspect.isclass(value):
        yield _fenced(name, value)
    yield _text(value)
    if inspect.isclass(value):
        yield table(("attribute", "type", "meaning", "default"), _fields(value)).strip()
        for member, its in _members(value):
            yield f"### {name}.{member}"
            if inspect.isfunction(its):
                yield _fenced(member, its)
            yield _text(its.fget if isinstance(its, property) else its)


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class of ours, in their order there."""
    for name, member in vars(kind).items():
        told = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
        if not name.startswith("_") and (isinstance(told, property) or inspect.isfunction(told)):
            yield name, told


def _fields(kind: type) -> Iterator[tuple[str, str, str, str]]:
    """The public fields of a dataclass, each with the comment beside it."""
    if not dataclasses.is_dataclass(kind):
        return
    lines = inspect.getsource(kind).splitlines()
    (tree,) = ast.parse(inspect.cleandoc("\n".join(lines))).body
    assert isinstance(tree, ast.ClassDef)
    for node in tree.body:
        if not isinstance(node, ast.AnnAssign) or ast.unparse(node.target).startswith("_"):
            continue
        comment = lines[(node.end_lineno or 1) - 1][node.end_col_offset :].partition("# ")[2]
        default = "must be given" if node.value is None else code(ast.unparse(node.value))
        yield f"`{ast.unparse(node.target)}`", code(ast.unparse(node.annotation).replace(" | ", "|")), comment, default


def _fenced(name: str, function: Any) -> str:
    """How a function is called, a parameter a line where it is long."""
    signature = inspect.signature(function)
    taken = [one for one in signature.parameters.values() if one.name != "self"]
    parts, kinds = [_parameter(one) for one in taken], [one.kind for one in taken]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        parts.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    told = signature.return_annotation
    answer = "" if told is inspect.Signature.empty else f" -> {told}"
    line = f"{name}({', '.join(parts)}){answer}"
    if len(line) > LONG:
        line = f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){answer}"
    return f"```python\n{line}\n```"


def _parameter(one: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(one.kind, "")
    return f"{stars}{one.name}: {one.annotation}" + ("" if one.default is one.empty else f" = {one.default!r}")


def _text(value: Any) -> str:
    """A docstring of NumPy's form as Markdown; of a dataclass without one, nothing."""
    text = inspect.getdoc(value) or ""
    if text.startswith(f"{getattr(value, '__name__', '')}("):
        return ""
    first, *rest = re.split(r"^(\w+)\n-{3,}\n", text, flags=re.MULTILINE)
    told = [_paragraphs(first)]
    for heading, section in zip(rest[::2], rest[1::2], strict=True):
        entries, _, further = section.partition("\n\n")
        told += [f"**{heading}**", _entries(entries), _paragraphs(further)]
    return "\n\n".join(part for part in told if part)


def _paragraphs(text: str) -> str:
    return plain(text.strip())


def _entries(section: str) -> str:
    """Entries `name : meaning`, whose further lines are indented, as a list; any other text as it is."""
    entries = [" ".join(entry.split()) for entry in re.split(r"\n(?=\S)", section.strip())]
    if not all(" : " in entry for entry in entries):
        return _paragraphs(section)
    pairs = [entry.split(" : ", 1) for entry in entries]
    return "\n".join(f"* `{name}`: {plain(meaning)}" for name, meaning in pairs)
