"""Imports point one way through the folders; and an outside library stays in its folders."""

from __future__ import annotations

import ast
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
        display
        identity
        gallery
        curate events
        pipeline
        teach
        photos
        library
        web
        cli
    """.strip().splitlines()
]
LIBRARIES = {
    library: folders.split()
    for library, folders in {
        "dlib": "vision",
        "face_recognition": "vision",
        "onnxruntime": "vision.models",
        "onnx": "vision.models",
        "h5py": "vision.models",
        "deepface": "vision",
        "scipy": "display",
        "sklearn": "display",
        "threadpoolctl": "display",
        "arro3": "events",
        "pickle": "gallery.derived",
        "sqlite3": "core.disk gallery.folder gallery.table photos",
        "imutils": "display",
        "cv2": "core.disk sources vision display pipeline curate photos photos.lookalike cli",
        "PIL": "sources display photos.albums",
        "pi_heif": "sources",
        "pylibjxl": "sources",
        "rawpy": "sources",
        "fontTools": "display",
        "yaml": "core",
        "click": "cli",
        "rich": "cli",
        "platformdirs": "vision.models gallery.owner",
        "msgpack": "gallery.owner",
        "watchfiles": "gallery.owner",
    }.items()
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
