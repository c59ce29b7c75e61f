"""The `face_encodings` pickle, a view of a result folder for other programs: made from its rows, never trusted."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np

from face_classifier.core.types import Encoding, check_encoding


class _Pickler(pickle.Pickler):
    """Names what every numpy has: the functions that numpy 1 and 2 pickle by live in modules that the other lacks."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            state = (1, value.shape, value.dtype, False, value.tobytes())
            return np.ndarray, ((0,), "f8"), state
        return NotImplemented


class _Array:
    """Stands for an array while a pickle is read, so that no pickle ever calls numpy."""

    def __init__(self, *_ignored: Any) -> None:
        self.encoding: Encoding | None = None

    def __setstate__(self, state: tuple[Any, Any, Any, Any, Any]) -> None:
        _version, shape, dtype, _fortran, raw = state
        self.fill(raw, dtype, shape)

    def fill(self, raw: Any, dtype: Any, shape: Any) -> _Array:
        if not isinstance(dtype, _Float64) or not isinstance(raw, (bytes, bytearray)):
            raise pickle.UnpicklingError("it holds an array of another type than float64")
        self.encoding = check_encoding(np.frombuffer(raw, "<f8").astype(float).reshape(shape))
        return self


class _Float64:
    """Stands for numpy.dtype("f8"), little-endian."""

    def __init__(self, code: str, *_ignored: Any) -> None:
        if code != "f8":
            raise pickle.UnpicklingError(f"it holds an array of type {code}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] != "<":
            raise pickle.UnpicklingError("it holds an array in another byte order")


def _from_buffer(raw: Any, dtype: Any, shape: Any, *_ignored: Any) -> _Array:
    return _Array().fill(raw, dtype, shape)


def _from_latin1(text: str, _encoding: str) -> bytes:
    """The old protocols spell bytes as text."""
    return text.encode("latin1")


_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Float64,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("_codecs", "encode"): _from_latin1,
}


class _Unpickler(pickle._Unpickler):
    """Admits float64 arrays and nothing else.

    Of the two implementations the one in Python: the other makes room for as many objects as a pickle claims to have.
    """

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it holds {module}.{name}")
        return _ADMITTED[module, name]


def read_pickle(content: bytes) -> dict[str, Encoding]:
    """Encodings by file name. Raises ValueError for anything but a dict of names and (128,) float64 arrays."""
    try:
        loaded = _Unpickler(io.BytesIO(content)).load()
        encodings = {name: array.encoding for name, array in loaded.items()}
    except Exception as error:  # a hostile pickle may raise anything
        raise ValueError(" ".join(f"{error}".split()) or type(error).__name__) from error
    if not all(isinstance(name, str) and isinstance(encoding, np.ndarray) for name, encoding in encodings.items()):
        raise ValueError("it holds something other than names with arrays")
    return encodings


def pickle_bytes(encodings: Mapping[str, Encoding]) -> bytes:
    """Encodings by file name in the original program's format."""
    content = io.BytesIO()
    _Pickler(content, protocol=4).dump(dict(encodings))
    return content.getvalue()
