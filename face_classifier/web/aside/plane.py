"""Faces in the plane, what is alike together: laid out aside, in a process of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from face_classifier.core.errors import UserError
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.web.aside.aside import Aside

MOST = 1500  # faces: some seconds of one core
_SECONDS = 180.0  # for laying them out
_PROGRAM = "face_classifier.web.aside.placing"
_NEEDS = ("sklearn", "scipy", "threadpoolctl")

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Chosen:
    """Faces of a gallery, with what is needed to lay them out; the same faces are the same key."""

    faces: tuple[int, ...]  # ids, rising
    encodings: npt.NDArray[np.float32]  # (faces, 128)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chosen) and self.faces == other.faces

    def __hash__(self) -> int:
        return hash(self.faces)


@dataclass(frozen=True)
class Plane:
    """Where faces lie."""

    faces: tuple[int, ...]  # ids
    places: npt.NDArray[np.float64]  # (faces, 2), each from 0 to 1


def can_be_drawn() -> bool:
    """Whether what lays out faces is installed."""
    return all(find_spec(module) is not None for module in _NEEDS)


def chosen(catalogue: Catalogue, most: int = MOST) -> Chosen:
    """The faces of a map: all that count but the ignored ones, of many every so many, whoever they are by now."""
    parts = [catalogue.faces(name) for name in (*catalogue.names, None)]
    ids = np.concatenate([part.ids[~part.pinned] for part in parts])
    encodings = np.concatenate([part.encodings[~part.pinned] for part in parts])
    step = -(-len(ids) // most) or 1
    order = np.argsort(ids, kind="stable")
    if step > 1:
        order = order[ids[order] % step == 0][:most]
    return Chosen(tuple(ids[order].tolist()), encodings[order])


class Planes:
    """The map of a result folder. Threads may share it."""

    def __init__(self, lay_out: Callable[[Chosen, Processes], Plane] | None = None) -> None:
        """``lay_out``: makes a map; None: `in_process`."""
        self._processes = Processes()
        make = lay_out or in_process
        self._planes: Aside[Chosen, Plane] = Aside("plane", lambda asked: make(asked, self._processes))

    def now(self, catalogue: Catalogue, patience: float) -> Plane | None:
        """The map of now, or of a while ago; None: it is still to be made. Raises UserError where it cannot be made.

        ``patience``: seconds to wait for that of now.
        """
        done = self._planes.get(chosen(catalogue), patience)
        return done.made if done else None

    def end(self) -> None:
        """Nothing is laid out any more, and what goes on ends at once."""
        self._processes.end()


class Processes:
    """The process that works just now, which any thread may end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working: set[subprocess.Popen[bytes]] = set()
        self._has_ended = False

    @contextmanager
    def begun(self, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        """Within, a process works with pipes; it is killed at the end. Raises OSError."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
        with self._lock:
            if self._has_ended:
                raise OSError("the program ends")
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            self._working.add(process)
        timer = threading.Timer(_SECONDS, process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            process.kill()
            process.communicate()
            with self._lock:
                self._working.discard(process)
            timer.join()

    def end(self) -> None:
        """Kill what works, and begin no more."""
        with self._lock:
            self._has_ended = True
            for process in self._working:
                process.kill()


def in_process(asked: Chosen, processes: Processes) -> Plane:
    """Lay out faces in a process of its own. Raises UserError where that fails."""
    sent = io.BytesIO()
    np.save(sent, asked.encodings.astype(np.float64), allow_pickle=False)
    content = sent.getvalue()
    try:
        with processes.begun([sys.executable, "-m", _PROGRAM]) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"%d\n" % len(content) + content)
            process.stdin.flush()  # it stays open: the process ends with it
            laid = process.stdout.read()
        return Plane(asked.faces, np.load(io.BytesIO(laid), allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise UserError("the map of faces could not be made; look at the page again later") from error
