"""Faces in the plane, what is alike together: laid out aside, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.web.aside.aside import Aside

MOST = 1500  # faces: some seconds of one core
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

    def __init__(self, make: Callable[[Chosen], Plane]) -> None:
        """``make``: as `lay_out` does, where and how one likes."""
        self._planes: Aside[Chosen, Plane] = Aside("plane", make)

    def now(self, catalogue: Catalogue, patience: float) -> Plane | None:
        """The map of now, or of a while ago; None: it is still to be made. Raises UserError where it cannot be made.

        ``patience``: seconds to wait for that of now.
        """
        done = self._planes.get(chosen(catalogue), patience)
        return done.made if done else None

    def end(self) -> None:
        """Nothing is laid out any more."""
        self._planes.end()


def lay_out(asked: Chosen) -> Plane:
    """Lay out faces, in some seconds."""
    from face_classifier.display.face_map import places

    return Plane(asked.faces, places(asked.encodings.astype(np.float64)))
