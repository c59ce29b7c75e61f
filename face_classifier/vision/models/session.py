"""Runs ONNX graphs on one thread of the CPU."""

from __future__ import annotations

import ctypes
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import onnxruntime

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

# One arena for all graphs: a detector and an encoder do not keep room for their largest pictures at the same time.
_ARENA = onnxruntime.OrtMemoryInfo(
    "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
)
onnxruntime.create_and_register_allocator(_ARENA, None)


class Session:
    """A graph that computes in the thread that calls it, once it is open; several threads may share one."""

    def __init__(self, opened: Future[onnxruntime.InferenceSession]) -> None:
        self._opened = opened

    def run(self, outputs: None, inputs: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        """All outputs of the graph, by its inputs; waits until it is open, and raises what opening it raised."""
        found: list[npt.NDArray[np.float32]] = self._opened.result().run(outputs, inputs)
        return found

    def note(self, name: str) -> str:
        """What the graph tells about itself under a name. Waits as `run`."""
        return str(self._opened.result().get_modelmeta().custom_metadata_map[name])


class LaterSession:
    """A graph as of `Session`, which the first call opens."""

    def __init__(self, model: Path) -> None:
        self._model, self._lock = model, threading.Lock()
        self._session: Session | None = None

    def run(self, outputs: None, inputs: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        """As `Session.run`."""
        with self._lock:
            self._session = self._session or open_session(self._model)
        return self._session.run(outputs, inputs)


def open_session(model: Path, beside: Executor | None = None) -> Session:
    """Opens a graph, in a thread of ``beside`` while the caller goes on; None: before this returns."""
    return Session(loaded(partial(_opened, model), beside))


def loaded(load: Callable[[], _T], beside: Executor | None) -> Future[_T]:
    """What ``load`` returns: of a thread of ``beside`` while the caller goes on; None: it is there already."""
    if beside:
        return beside.submit(load)
    there: Future[_T] = Future()
    there.set_result(load())
    return there


def _opened(model: Path) -> onnxruntime.InferenceSession:
    """Two pictures in flight beat two threads on one picture, and ONNX Runtime's spinning threads fight the decoder."""
    logger.debug("%s is loaded into ONNX Runtime %s", model, onnxruntime.__version__)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.enable_mem_pattern = False  # plans memory for one shape; pictures and batches have many
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    with suppress(AttributeError, OSError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)  # it keeps 25 to 35 MB that reading a graph took, else
    return session
