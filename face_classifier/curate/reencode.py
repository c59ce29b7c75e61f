"""Moves a gallery over to another encoder: every stored picture is encoded anew, and every label stays."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face_classifier.core.config.settings import Settings
from face_classifier.core.errors import StoppedError
from face_classifier.core.progress import Observer
from face_classifier.core.types import Sighting
from face_classifier.gallery.opening import as_gallery, open_existing, photo_reader, tell_problems
from face_classifier.identity.rules import profile_of

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """Of how many faces two encoders say that the same person is nearest."""

    same: int
    faces: int  # that were asked about


@dataclass(frozen=True)
class Reencoded:
    encoded: int  # pictures, in this run
    agreement: Agreement | None  # of the former encoder with this one; None if there was no other one


def reencode(settings: Settings, stopping: threading.Event, observer: Observer) -> Reencoded:
    """Move the gallery of ``settings.result`` over to ``settings.encoder``; encodings that it had before come back.

    Until all faces are encoded the gallery stays as it is. Raises StoppedError if ``stopping`` is set before that: what
    is done by then is kept for the next run.
    """
    space = profile_of(settings).name
    new_reader = photo_reader(settings, observer.problem)
    with open_existing(settings, writing=True) as store:
        former = store.spaces()
        mixed = len(former) > 1  # which only this command mends, and where nothing can be compared
        old_reader = new_reader if mixed else photo_reader(as_gallery(settings, store), observer.problem)
        before = list(store.look(old_reader).faces)
        steps = store.prepare(space, new_reader)
        for number, step in enumerate(observer.through(steps, profile_of(settings).encoder)):
            if stopping.is_set():
                raise StoppedError(
                    f"stopped with {number} of {len(steps)} pictures encoded, and the result folder is as it was; "
                    "run the same command again to go on"
                )
            step()
        store.switch(space)
        looked = store.look(new_reader).faces
        after = list(looked)
        store.write_views(None, looked.hidden)
        tell_problems(store, observer)
    comparable = not mixed and not former <= {space}
    return Reencoded(len(steps), agreement(before, after) if comparable else None)


def agreement(before: Iterable[Sighting], after: Iterable[Sighting]) -> Agreement:
    """How often the nearest person average is the same, by ``after``'s labels.

    ``before``, ``after``: the same faces (by id) with their encodings by two encoders. A face is not compared with
    itself: it is left out of its person's average, and one who has no other face is not asked about for it.
    """
    old = {face.id: face.encoding for face in before if face.encoding is not None}
    faces = [face for face in after if face.id in old and face.encoding is not None]
    names = sorted({face.person for face in faces if face.person is not None})
    if not names:
        return Agreement(0, 0)
    person = np.array([-1 if face.person is None else names.index(face.person) for face in faces])
    one = _nearest(np.array([old[face.id] for face in faces]), person)
    other = _nearest(np.array([face.encoding for face in faces]), person)
    asked = one >= 0
    return Agreement(int((one == other)[asked].sum()), int(asked.sum()))


def _nearest(encodings: Matrix, person: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The number of the person whose average is nearest to each face; -1 where there is nobody to compare with.

    ``encodings``: (faces, 128); ``person``: (faces,) from 0, -1 = unknown.
    """
    count = int(person.max()) + 1
    sums = np.array([encodings[person == number].sum(axis=0) for number in range(count)])
    sizes = np.bincount(person[person >= 0], minlength=count)
    averages = sums / sizes[:, None]
    nearest = np.empty(len(encodings), np.int64)
    for face, (encoding, own) in enumerate(zip(encodings, person, strict=True)):
        distances = np.linalg.norm(averages - encoding, axis=1)
        if own >= 0:
            others = sizes[own] - 1
            distances[own] = np.linalg.norm((sums[own] - encoding) / others - encoding) if others else np.inf
        nearest[face] = distances.argmin() if np.isfinite(distances.min()) else -1
    return nearest
