"""Imports point one way: words <- rooms <- pipeline <- doors; and an outside library stays in its room."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "face_classifier"

# A room may import the rooms on the lines above its own.
FLOORS = [
    line.split()
    for line in """
        errors names
        options faces supervise retry configfile
        rooted
        settings files database dlib_dat inference remote
        source
        containers
        video camera picture
        fetch rows views draw graphs cluster calibrate tracks sidecars lookthrough manifest
        models sheets montages markers
        stock
        frames detect mmod encode sface quality emotion follow ahead people rethink store sinks demo plane
        spaces engine
        classify explain audit replay suggest photos group shelf
        galleries
        pipeline portraits
        items
        reencode verify screen enrol recognize similar dimensions album recommend
        page
        album_commands
        cli
        __main__
    """.strip().splitlines()
]
LIBRARIES = {
    library: rooms.split()
    for library, rooms in {
        "dlib": "encode",
        "face_recognition": "detect encode",
        "onnxruntime": "inference",
        "onnx": "graphs models",
        "h5py": "graphs models",
        "deepface": "emotion",
        "scipy": "plane",
        "sklearn": "plane",
        "threadpoolctl": "plane",
        "pickle": "views",
        "sqlite3": "database photos rows store",
        "imutils": "montages",
        "cv2": "camera demo detect draw emotion encode engine explain files follow mmod montages photos quality "
        "recommend sface sheets sinks suggest video",
        "PIL": "picture draw sidecars",
        "pi_heif": "picture",
        "pylibjxl": "picture",
        "rawpy": "picture",
        "fontTools": "draw",
        "yaml": "configfile",
        "click": "cli options album_commands",
        "rich": "screen",
        "platformdirs": "fetch",
    }.items()
}
ROOMS = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


def imported(room: str) -> set[str]:
    """Dotted names of everything that a room imports, at its top or inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{room}.py").read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{room} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def floor_of(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def test_every_room_has_a_floor():
    assert sorted(room for rooms in FLOORS for room in rooms) == ROOMS


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_from_the_floors_below_only(room: str):
    ours = {name.split(".")[1] for name in imported(room) if name.startswith("face_classifier.")}
    for other in ours & set(ROOMS):
        assert floor_of(other) < floor_of(room), f"{room} must not import {other}"


@pytest.mark.parametrize("room", ROOMS)
def test_an_outside_library_appears_in_its_rooms_only(room: str):
    for library in {name.split(".")[0] for name in imported(room)} & set(LIBRARIES):
        assert room in LIBRARIES[library], f"{library} belongs to {', '.join(LIBRARIES[library])}, not to {room}"
