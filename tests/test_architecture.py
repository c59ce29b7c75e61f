"""Imports point one way through the folders, an outside library stays in its folders, and nothing grows too large."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "face_classifier"

# A folder may import itself and the folders on the lines above its own, with what lies in them.
FLOORS = [
    line.split()
    for line in """
        core
        sources vision
        display records
        identity
        gallery
        curate events
        alerts pipeline
        teach
        photos
        library
        daemon
        web
        cli
    """.strip().splitlines()
]
LIBRARIES = {
    library: folders.split()
    for library, folders in {
        "dlib": "vision",
        "onnxruntime": "vision.models",
        "onnx": "vision.models",
        "h5py": "vision.models",
        "deepface": "vision",
        "scipy": "display",
        "sklearn": "display",
        "threadpoolctl": "display",
        "arro3": "events",
        "pickle": "gallery.derived web.aside",
        "pydantic": "core.config core.config.parts web.api web.api.common web.live",
        "av": "sources sources.live.reading",
        "paho": "alerts.channels.mqtt",
        "apprise": "alerts.channels",
        "telegram": "alerts.channels",
        "starlette": "web web.api web.api.common web.pages web.pages.now web.pages.past web.live web.doors",
        "fastapi": "web web.api web.api.common web.pages web.pages.now web.pages.past web.live web.doors",
        "jinja2": "web web.pages",
        "python_multipart": "web.api",
        "babel": "web.words",
        "argon2": "web.doors",
        "itsdangerous": "web.doors",
        "uvicorn": "web web.doors",
        "prometheus_client": "web",
        "sqlite3": "core.disk records gallery.encodings gallery.folder gallery.table gallery.passing gallery.reading "
        "alerts photos",
        "imutils": "display",
        "isal": "core.disk gallery.encodings",
        "cv2": "core.disk sources sources.live.reading vision display pipeline.analysis pipeline.spread curate photos "
        "photos.lookalike web.api cli",
        "PIL": "sources sources.live.reading display display.letters photos.albums",
        "pi_heif": "sources",
        "pylibjxl": "sources",
        "rawpy": "sources",
        "pygame": "display",
        "fontTools": "display.letters",
        "yaml": "core.config",
        "click": "cli cli.spreading cli.watching",
        "rich": "cli cli.spreading",
        "platformdirs": "vision.models gallery.owner",
        "msgpack": "gallery.owner",
        "watchfiles": "gallery.owner",
        "dask": "pipeline.spread.clusters",
        "distributed": "pipeline.spread.clusters",
        "ray": "pipeline.spread.clusters",
    }.items()
}

LINES, MODULES_A_FOLDER, CLASS_LINES, METHODS, BODY_LINES = 400, 10, 200, 20, 60
# What may be larger, and why: at most three.
EXCEPTIONS = {
    "gallery.store.Store": "a door a method, each documented, which hands on to what looks, keeps, draws and remembers",
}


def module_of(path: Path) -> str:
    """The dotted name of a file below the package, without the package's."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE}
MODULES = sorted(module for module, path in FILES.items() if path.name != "__init__.py")
FOLDERS = sorted(module for module, path in FILES.items() if path.name == "__init__.py")


def imported(module: str, *, inside: bool = True) -> set[str]:
    """Dotted names of everything that a module imports, at its top and (``inside``) inside functions."""
    names: set[str] = set()
    tree = ast.parse(FILES[module].read_text("utf-8"))
    for node in ast.walk(tree) if inside else tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def ours(module: str) -> set[str]:
    """The modules of the package that a module imports."""
    names = [name.removeprefix("face_classifier.") for name in imported(module) if name.startswith("face_classifier.")]
    return {found for name in names for found in (name, name.rpartition(".")[0]) if found in MODULES}


def floor_of(module: str) -> int:
    return next(number for number, folders in enumerate(FLOORS) if module.partition(".")[0] in folders)


def test_every_folder_has_a_floor():
    assert {folder.partition(".")[0] for folder in FOLDERS} == {folder for floor in FLOORS for folder in floor}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_its_folder_and_the_floors_below_only(module: str):
    folder = module.partition(".")[0]
    for other in ours(module):
        is_own = other.partition(".")[0] == folder
        assert is_own or floor_of(other) < floor_of(module), f"{module} must not import {other}"


def test_no_modules_import_one_another_in_a_circle():
    left = {module: ours(module) for module in MODULES}
    while free := [module for module, others in left.items() if not others & left.keys()]:
        for module in free:
            del left[module]
    assert not left, f"a circle is among {', '.join(sorted(left))}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_hands_names_on_and_nothing_else(folder: str):
    tree = ast.parse(FILES[folder].read_text("utf-8"))
    assert all(isinstance(node, ast.Expr | ast.ImportFrom | ast.Assign) for node in tree.body)


@pytest.mark.parametrize("module", MODULES)
def test_an_outside_library_appears_in_its_folders_only(module: str):
    folder = module.rpartition(".")[0]
    for library in {name.split(".")[0] for name in imported(module)} & set(LIBRARIES):
        allowed = LIBRARIES[library]
        assert folder in allowed, f"{library} belongs to {', '.join(allowed)}, not to {module}"


def too_large() -> Iterator[tuple[str, str]]:
    """Everything above a limit, by its dotted name, and how large it is."""
    for folder in FOLDERS:
        modules = [module for module in MODULES if module.rpartition(".")[0] == folder]
        if len(modules) > MODULES_A_FOLDER:
            yield folder, f"{len(modules)} modules, and a folder has at most {MODULES_A_FOLDER}"
    for module in MODULES:
        text = FILES[module].read_text("utf-8")
        if (lines := text.count("\n")) > LINES:
            yield module, f"{lines} lines, and a module has at most {LINES}"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                yield from ((f"{module}.{node.name}", why) for why in too_large_a_class(node))
            elif isinstance(node, ast.FunctionDef) and (lines := body_lines(node)) > BODY_LINES:
                yield f"{module}.{node.name}", f"{lines} lines, and the body of a function has at most {BODY_LINES}"


def too_large_a_class(node: ast.ClassDef) -> Iterator[str]:
    if (lines := (node.end_lineno or 0) - node.lineno + 1) > CLASS_LINES:
        yield f"{lines} lines, and a class has at most {CLASS_LINES}"
    methods = {part.name for part in node.body if isinstance(part, ast.FunctionDef) and not part.name.startswith("_")}
    if len(methods) > METHODS:
        yield f"{len(methods)} public methods, and a class has at most {METHODS}"


def body_lines(node: ast.FunctionDef) -> int:
    """The lines of a function without its head and docstring."""
    has_words = ast.get_docstring(node) is not None and len(node.body) > 1
    return (node.end_lineno or 0) - node.body[has_words].lineno + 1


def test_nothing_is_larger_than_a_reader_takes_in_at_once():
    faults = [f"{name} has {why}" for name, why in too_large() if name not in EXCEPTIONS]
    assert not faults, "; ".join(faults)


def test_a_script_imports_what_another_exports():
    for path in sorted((PACKAGE / "web" / "static").rglob("*.js")):
        for names, source in re.findall(r'^import \{([^}]*)\} from "([^"]*)"', path.read_text("utf-8"), re.MULTILINE):
            text = (path.parent / source).read_text("utf-8")
            exported = set(re.findall(r"^export (?:async )?(?:const|let|function|class) (\w+)", text, re.MULTILINE))
            exported |= {
                name.strip() for part in re.findall(r"^export \{([^}]*)\}", text, re.M) for name in part.split(",")
            }
            wanted = {name.split(" as ")[0].strip() for name in names.split(",") if name.strip()}
            assert wanted <= exported, f"{path.name} wants {', '.join(sorted(wanted - exported))} of {source}"


def test_no_two_files_of_tests_have_one_name():
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))  # pytest collects them by it
    assert not [name for name, count in names.items() if count > 1]


def test_exceptions_are_few_and_needed():
    assert len(EXCEPTIONS) <= 3
    unneeded = EXCEPTIONS.keys() - {name for name, _ in too_large()}
    assert not unneeded, f"take out of EXCEPTIONS what is no longer too large: {', '.join(sorted(unneeded))}"
