"""Faces as columns with their encodings: they read back as they were."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Gallery
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from face_classifier.core.errors import UserError
from face_classifier.core.names import in_utf8
from face_classifier.core.types import EMOTIONS, Box, Emotion, Sighting
from face_classifier.events.arrays import npz, parquet

TAKEN = datetime(2024, 5, 6, 7, 8, 9, 123456, timezone.utc)
ODD = "caf\udce9 \u202e/김민지.mp4"  # a byte that is no UTF-8, and a turn of direction
KNOWN = Sighting(
    7, "20240506_070809.123-0", "Anna", 0.25, ODD, 50, 2.0, TAKEN, Box(-3, 90, 80, 10), np.linspace(-1, 1, 128),
    quality=0.75, track=4, fingerprint="12-ab",
)  # fmt: skip
DROPPED = Sighting(8, "photo", None, None, encoding=np.zeros(128))
HAPPY = Emotion((0, 0, 0, 0.875, 0, 0, 0.125), "fer")
FORMS = (npz, parquet)


def loaded(file: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(file), allow_pickle=False) as arrays:
        return dict(arrays)


def read(file: bytes) -> tuple[dict[str, list[Any]], dict[bytes, bytes]]:
    """The columns of a Parquet file as Python's values, and its metadata."""
    arrow_io = pytest.importorskip("arro3.io", reason="the extra `parquet` is not installed")
    table = arrow_io.read_parquet(io.BytesIO(file)).read_all()
    columns = {name: [value.as_py() for value in table[name]] for name in table.column_names}
    return columns, table.schema.metadata


def test_arrays_read_back_equal():
    arrays = loaded(npz([KNOWN, DROPPED], "dlib", "space-1"))
    assert arrays["source"].tolist() == [ODD, ""]
    assert arrays["person"].tolist() == ["Anna", ""]
    assert arrays["face"].tolist() == [KNOWN.face, "photo"]
    assert arrays["fingerprint"].tolist() == ["12-ab", ""]
    assert arrays["frame"].tolist() == [50, -1]
    assert arrays["track"].tolist() == [4, -1]
    assert arrays["box"].tolist() == [[-3, 90, 80, 10], [0, 0, 0, 0]]
    assert arrays["time"][0].item() == TAKEN.replace(tzinfo=None)
    assert np.isnat(arrays["time"][1])
    for name, value in (("position", 2.0), ("distance", 0.25), ("quality", 0.75)):
        assert arrays[name].dtype == np.float64
        np.testing.assert_array_equal(arrays[name], [value, np.nan])
    np.testing.assert_array_equal(arrays["encoding"], [KNOWN.encoding, DROPPED.encoding])
    assert (arrays["encoder"].item(), arrays["space"].item()) == ("dlib", "space-1")
    assert "emotion" not in arrays


def test_a_table_reads_back_equal():
    columns, metadata = read(parquet([KNOWN, DROPPED], "dlib", "space-1"))
    assert columns["source"] == [r"caf\xe9 " + "\u202e/김민지.mp4", None]
    assert columns["person"] == ["Anna", None]
    assert columns["time"] == [TAKEN, None]
    assert [columns[side] for side in ("top", "right", "bottom", "left")] == [
        [-3, None],
        [90, None],
        [80, None],
        [10, None],
    ]
    for name, value in (("frame", 50), ("track", 4), ("position", 2.0), ("distance", 0.25), ("quality", 0.75)):
        assert columns[name] == [value, None]
    np.testing.assert_array_equal(columns["encoding"], [KNOWN.encoding, DROPPED.encoding])
    assert (metadata[b"encoder"], metadata[b"space"]) == (b"dlib", b"space-1")


NAMES = st.binary(max_size=20).map(lambda name: os.fsdecode(name.replace(b"\0", b"")))  # as of files
SIDES = st.integers(-(2**20), 2**20)
BOXES = st.tuples(SIDES, SIDES, st.integers(1, 2**16), st.integers(1, 2**16)).map(
    lambda sides: Box(sides[0], sides[1] + sides[2], sides[0] + sides[3], sides[1])
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
FACES = st.builds(
    Sighting,
    id=st.just(1),
    face=NAMES,
    person=st.none() | NAMES.filter(bool),
    distance=st.none() | NUMBERS,
    source=st.none() | NAMES.filter(bool),
    frame=st.none() | st.integers(0, 2**40),
    position=st.none() | NUMBERS,
    time=st.none() | st.datetimes(datetime(1, 1, 2), timezones=st.just(timezone.utc)),
    box=st.none() | BOXES,
    encoding=st.lists(NUMBERS, min_size=128, max_size=128).map(np.array),
    quality=st.none() | NUMBERS,
    track=st.none() | st.integers(0, 2**40),
    fingerprint=st.none() | st.text("0123456789abcdef-", min_size=1),
)


def test_whatever_is_known_of_faces_reads_back(tmp_path: Path):
    set_hypothesis_home_dir(tmp_path)

    @settings(max_examples=25, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.lists(FACES, max_size=4))
    def reads_back(faces: list[Sighting]):
        arrays, (columns, _) = loaded(npz(faces, "dlib", "s")), read(parquet(faces, "dlib", "s"))
        for name in ("source", "face", "person", "fingerprint"):
            values = [getattr(face, name) for face in faces]
            assert arrays[name].tolist() == [value or "" for value in values]
            assert columns[name] == [value if value is None else in_utf8(value) for value in values]
        for name, unknown in (
            ("frame", -1),
            ("track", -1),
            ("position", np.nan),
            ("distance", np.nan),
            ("quality", np.nan),
        ):
            values = [getattr(face, name) for face in faces]
            np.testing.assert_array_equal(arrays[name], [unknown if value is None else value for value in values])
            assert columns[name] == values
        times = [face.time and face.time.replace(tzinfo=None) for face in faces]
        assert arrays["time"].tolist() == times
        assert columns["time"] == [face.time for face in faces]
        assert arrays["box"].tolist() == [list(face.box.css) if face.box else [0] * 4 for face in faces]
        encodings = np.array([face.encoding for face in faces]).reshape(-1, 128)
        np.testing.assert_array_equal(arrays["encoding"], encodings)
        np.testing.assert_array_equal(np.array(columns["encoding"]).reshape(-1, 128), encodings)

    reads_back()


def test_a_time_of_another_zone_is_the_same_moment():
    summer = KNOWN.__class__(1, "a", None, None, time=TAKEN.astimezone(timezone(timedelta(hours=2))))
    assert loaded(npz([summer], "dlib", "s"))["time"][0].item() == TAKEN.replace(tzinfo=None)
    assert read(parquet([summer], "dlib", "s"))[0]["time"] == [TAKEN]


def test_emotions_have_columns_where_any_was_read():
    smiling = Sighting(9, "b", "Anna", 0.1, encoding=np.ones(128), emotion=HAPPY)
    arrays = loaded(npz([KNOWN, smiling], "dlib", "s"))
    assert arrays["emotion"].tolist() == ["", "happy"]
    assert arrays["emotion_classes"].tolist() == list(EMOTIONS)
    np.testing.assert_array_equal(arrays["emotion_scores"], [[np.nan] * 7, HAPPY.scores])
    columns, _ = read(parquet([KNOWN, smiling], "dlib", "s"))
    assert columns["emotion"] == [None, "happy"]
    assert columns["happy"] == [None, 0.875]
    assert list(columns)[-6:] == ["surprised", "neutral", "fingerprint", "quality", "track", "encoding"]


def test_an_empty_gallery_has_the_same_columns():
    some, none = loaded(npz([KNOWN], "dlib", "s")), loaded(npz([], "dlib", "s"))
    assert {name: (array.dtype.kind, array.shape[1:]) for name, array in none.items()} == {
        name: (array.dtype.kind, array.shape[1:]) for name, array in some.items()
    }
    columns, _ = read(parquet([], "dlib", "s"))
    assert columns == {name: [] for name in read(parquet([KNOWN], "dlib", "s"))[0]}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_faces_make_the_same_bytes(form: Callable[..., bytes]):
    pytest.importorskip("arro3.io", reason="the extra `parquet` is not installed")
    assert form([KNOWN, DROPPED], "dlib", "s") == form([KNOWN, DROPPED], "dlib", "s")


def test_without_its_package_parquet_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "arro3", None)
    with pytest.raises(UserError, match=r"not installed; install face-classifier\[parquet\], or use --format npz"):
        parquet([KNOWN], "dlib", "s")


def test_the_command_writes_the_faces_that_it_prints(gallery: Gallery):
    pytest.importorskip("arro3.io", reason="the extra `parquet` is not installed")
    gallery.see("obama.jpg", "biden.jpg", "obama2.jpg")
    line = [sys.executable, "-m", "face_classifier", "export", "--result", str(gallery.folder)]
    output = {
        form: subprocess.run([*line, "--format", form], capture_output=True, check=True).stdout
        for form in ("jsonl", "npz", "parquet")
    }
    printed = [json.loads(one) for one in output["jsonl"].splitlines()]
    arrays, (columns, _) = loaded(output["npz"]), read(output["parquet"])
    assert [one["face"] for one in printed] == arrays["face"].tolist() == columns["face"]
    assert [one["person"] for one in printed] == columns["person"]
    assert [one["distance"] for one in printed] == columns["distance"]
    assert [one["box"] for one in printed] == arrays["box"].tolist()
    stored = [face.encoding for face in gallery.look(writing=False)]
    np.testing.assert_array_equal(arrays["encoding"], stored)
    np.testing.assert_array_equal(columns["encoding"], stored)
    assert arrays["encoder"].item() == "sface"


def test_a_terminal_is_given_no_bytes(gallery: Gallery, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Any]):
    gallery.see("obama.jpg")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    ended = command("export", "--result", gallery.folder, "--format", "npz")
    assert (ended.code, ended.out) == (2, "")
    assert "is not text; write it to a file, such as >faces.npz" in ended.err
