"""A gallery as columns is the gallery face by face."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import Gallery

from face_classifier.gallery.encodings import kept
from face_classifier.gallery.folder.faces import Faces
from face_classifier.gallery.store import Store
from face_classifier.identity.matching.columns import LabelColumns, columns_of

OBAMA, OBAMA_AGAIN, BIDEN = "obama.jpg", "obama2.jpg", "biden.jpg"


@pytest.fixture
def corrected(gallery: Gallery) -> Gallery:
    """Obama with three faces, one of which the user put there; of Biden one is pinned, one is nobody's."""
    gallery.see(OBAMA, BIDEN, OBAMA_AGAIN, BIDEN, "obama3.jpg", BIDEN)
    first, second = sorted(gallery.folder.glob("person_*"))
    pictures = sorted(second.iterdir())
    gallery.move(pictures[0], first.name)
    gallery.move(pictures[1], "unknowns")
    gallery.look()
    return gallery


def as_tuples(columns: LabelColumns) -> list[tuple[object, ...]]:
    return [
        (
            int(columns.ids[place]),
            None if columns.person[place] < 0 else columns.names[columns.person[place]],
            int(columns.track[place]),
            None if np.isnan(columns.quality[place]) else float(columns.quality[place]),
            bool(columns.pinned[place]),
            bool(columns.corrected[place]),
            columns.encodings[place].astype(float).tobytes(),
        )
        for place in range(len(columns))
    ]


def by_faces(faces: Faces, person: str | None = "") -> list[tuple[object, ...]]:
    return as_tuples(columns_of([face for face in faces if person == "" or face.person == person]))


@pytest.mark.parametrize("at_once", [2, 4096])
def test_columns_are_the_faces(corrected: Gallery, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(kept, "_AT_ONCE", at_once)
    with Store(corrected.folder, writing=True) as store:
        faces = store.look(corrected.read_photo).faces
        told = [face for some in faces.columns() for face in as_tuples(some)]
        assert told == by_faces(faces)
        assert {(pinned, by_user) for *_, pinned, by_user, _ in told} == {(True, False), (False, True), (False, False)}
        for person in {face.person for face in faces} | {"Nobody"}:
            assert as_tuples(faces.columns_of(person)) == by_faces(faces, person)


def test_faces_that_cannot_be_seen_are_left_out(corrected: Gallery) -> None:
    with Store(corrected.folder, writing=True) as store:
        store.look(corrected.read_photo)
        where = store._inside.whereabouts
        every = [face for some in where.columns(where.folders(), ()) for face in some.ids.tolist()]
        assert len(every) == 6
        left = [
            face for some in where.columns(where.folders() - {"unknowns"}, {every[0]}) for face in some.ids.tolist()
        ]
        assert left == [face for face in every[1:] if where.with_id(face).folder != "unknowns"]
