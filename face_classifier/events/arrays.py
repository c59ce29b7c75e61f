"""The faces of a gallery as columns for other programs, their encodings among them: NumPy's npz, and Parquet."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from face_classifier.core.errors import needing
from face_classifier.core.names import in_utf8
from face_classifier.core.types import EMOTIONS, ENCODING_SIZE, Sighting

Array = npt.NDArray[Any]

_save: Callable[..., None] = np.savez_compressed  # whose keywords were fewer up to NumPy 2.1
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class _Column(NamedTuple):
    """A field of `records.record`, or one beside it."""

    kind: str  # text, whole (number, from 0), number, or time
    value: Callable[[Sighting], Any]  # None = not known


_COLUMNS = {
    "source": _Column("text", lambda face: face.source),
    "frame": _Column("whole", lambda face: face.frame),
    "position": _Column("number", lambda face: face.position),
    "time": _Column("time", lambda face: face.time),
    "face": _Column("text", lambda face: face.face),
    "person": _Column("text", lambda face: face.person),
    "distance": _Column("number", lambda face: face.distance),
    "quality": _Column("number", lambda face: face.quality),
    "track": _Column("whole", lambda face: face.track),
    "fingerprint": _Column("text", lambda face: face.fingerprint),
}


def _score(at: int) -> _Column:
    return _Column("number", lambda face: face.emotion.scores[at] if face.emotion else None)


def _side(at: int) -> _Column:
    return _Column("whole", lambda face: face.box.css[at] if face.box else None)


_EMOTION = _Column("text", lambda face: face.emotion.label if face.emotion else None)
_SCORES = {name: _score(at) for at, name in enumerate(EMOTIONS)}
_BOX = {name: _side(at) for at, name in enumerate(("top", "right", "bottom", "left"))}


def npz(faces: Sequence[Sighting], encoder: str, space: str) -> bytes:
    """A file for `numpy.load` (nothing in it is pickled) with an array for each field, a row a face.

    Texts are str, empty where nothing is known; numbers float64 or int64, NaN or -1 where nothing is known.

    * ``source``, ``face``, ``person`` (empty = unknown), ``fingerprint``: (faces,) str, as in JSON
    * ``frame`` (from 0), ``track``: (faces,) int64
    * ``position`` (seconds), ``distance`` (L2), ``quality`` (0 to 1): (faces,) float64
    * ``time``: (faces,) datetime64[us], UTC, NaT where it is not known
    * ``box``: (faces, 4) int64, top, right, bottom, left in pixels of the source; all 0 where it is not known
    * ``encoding``: (faces, 128) float64
    * ``emotion``: (faces,) str, and ``emotion_scores``: (faces, 7) float64, in the order of ``emotion_classes``: (7,)
      str; only if the emotion of any face was read
    * ``encoder``, ``space``: () str, whose encodings they are

    Parameters
    ----------
    encoder : as the user calls it
    space : of its encodings, as in `Provenance`
    """
    arrays = {name: _array(column, faces) for name, column in _COLUMNS.items()}
    arrays["box"] = np.array([face.box.css if face.box else (0,) * 4 for face in faces], np.int64).reshape(-1, 4)
    arrays["encoding"] = _encodings(faces)
    if any(face.emotion for face in faces):
        arrays["emotion"] = _array(_EMOTION, faces)
        arrays["emotion_scores"] = np.stack([_array(column, faces) for column in _SCORES.values()], axis=1)
        arrays["emotion_classes"] = np.array(EMOTIONS)
    arrays |= {"encoder": np.array(encoder), "space": np.array(space)}
    file = io.BytesIO()
    _save(file, **arrays)
    return file.getvalue()


def _array(column: _Column, faces: Sequence[Sighting]) -> Array:
    values = [column.value(face) for face in faces]
    if column.kind == "text":
        return np.array([value or "" for value in values], np.str_)
    if column.kind == "whole":
        return np.array([-1 if value is None else value for value in values], np.int64)
    if column.kind == "time":
        return np.array([value and value.astimezone(timezone.utc).replace(tzinfo=None) for value in values], "M8[us]")
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _encodings(faces: Sequence[Sighting]) -> Array:
    unknown = np.full(ENCODING_SIZE, np.nan)
    rows = [unknown if face.encoding is None else face.encoding for face in faces]
    return np.array(rows, np.float64).reshape(-1, ENCODING_SIZE)


def parquet(faces: Sequence[Sighting], encoder: str, space: str) -> bytes:
    """A Parquet file with the columns of the CSV file, then ``quality``, ``track``, and ``encoding``: 128 doubles.

    What is not known is null; ``time`` is a timestamp in microseconds, UTC. Parquet's texts are UTF-8: of names that
    are none the bytes are escaped as in CSV. ``encoder`` and ``space`` are in the file's metadata.

    Raises UserError where what writes it is not installed. Parameters as of `npz`.
    """
    with needing("--format parquet", "parquet", "use --format npz"):
        from arro3 import core
        from arro3 import io as arrow_io
    arrow: Any = core  # its stubs know no NumPy array beside a type
    columns = {name: _nullable(arrow, column, faces) for name, column in _in_order(faces).items()}
    numbers = arrow.Array(_encodings(faces).reshape(-1), arrow.DataType.float64())
    columns["encoding"] = arrow.fixed_size_list_array(numbers, ENCODING_SIZE)
    table = arrow.Table.from_pydict(columns)
    table = table.with_schema(table.schema.with_metadata({"encoder": encoder, "space": space}))
    file = io.BytesIO()
    arrow_io.write_parquet(table, file, compression="zstd(3)")
    return file.getvalue()


def _in_order(faces: Sequence[Sighting]) -> dict[str, _Column]:
    first = ("source", "frame", "position", "time")
    second = ("face", "person", "distance")
    emotion = {"emotion": _EMOTION, **_SCORES} if any(face.emotion for face in faces) else {}
    last = ("fingerprint", "quality", "track")
    return {
        **{name: _COLUMNS[name] for name in first},
        **_BOX,
        **{name: _COLUMNS[name] for name in second},
        **emotion,
        **{name: _COLUMNS[name] for name in last},
    }


def _nullable(arrow: Any, column: _Column, faces: Sequence[Sighting]) -> Any:
    values = [column.value(face) for face in faces]
    if column.kind == "text":
        return arrow.Array([None if value is None else in_utf8(value) for value in values], arrow.DataType.utf8())
    if column.kind == "number":
        return arrow.Array(values, arrow.DataType.float64())
    if column.kind == "time":
        ticks = [value and (value - _EPOCH) // timedelta(microseconds=1) for value in values]
        return arrow.Array(ticks, arrow.DataType.int64()).cast(arrow.DataType.timestamp("us", tz="UTC"))
    return arrow.Array(values, arrow.DataType.int64())
