"""What a session remembers of tracks, of a source that goes on for months."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
from conftest import Listener
from gallery.test_journal import BEGINNING, MADE_BY, encoding_of, read_photo

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.files import png_bytes
from face_classifier.core.types import Box, Detection, Face, Frame
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.store import Store
from face_classifier.pipeline.place import Placed, Session
from face_classifier.records import AnalysedFace, AnalysedFrame

IMAGE = np.zeros((30, 90, 3), np.uint8)


@contextmanager
def session(folder: Path) -> Iterator[tuple[Gallery, Session]]:
    with Store(folder, writing=True) as store:
        gallery = Gallery(Settings(result=str(folder)), store, read_photo, Listener())
        yield gallery, Session(gallery, follows=True)


def see(session: Session, second: int, *faces: tuple[int, int]) -> Placed:
    """A frame of a camera; of each face who it is, and its number by place and look."""
    frame = Frame(IMAGE, "camera", None, None, float(second), 0.02, BEGINNING + timedelta(seconds=second))
    found = []
    for place, (who, followed) in enumerate(faces):
        box = Box(10, 30 * place + 20, 20, 30 * place + 10)
        face = Face(box, encoding_of(who, second % 50), MADE_BY)
        picture = png_bytes(np.full((9, 9, 3), (second % 256, second // 256, place), np.uint8))
        found.append(AnalysedFace(Detection(box), followed, True, face, picture, False))
    return session.place(AnalysedFrame(frame, tuple(found)))


def test_who_stays_while_hundreds_pass_keeps_the_track(tmp_path: Path) -> None:
    with session(tmp_path / "result") as (_, placing):
        tracks = {see(placing, second, (1, 1), (2, 2 + second)).observed[0].track for second in range(250)}
    assert len(tracks) == 1


def test_what_is_remembered_of_tracks_does_not_grow(tmp_path: Path) -> None:
    with session(tmp_path / "result") as (gallery, placing):
        for second in range(200):
            see(placing, second, (1, 2 * second), (2, 2 * second + 1))
        links, known = dict(gallery.people._tracks.links._beside), len(placing._known)
        told = sum(map(len, placing.tracks._told.values()))
        for second in range(200, 400):
            see(placing, second, (1, 2 * second), (2, 2 * second + 1))
        assert len(gallery.people._tracks.links._beside) == len(links)
        assert len(placing._known) == known
        assert sum(map(len, placing.tracks._told.values())) == told
        assert not placing.kept
        placing.tracks.end()
        assert not gallery.people._tracks.links._beside
        assert len(gallery.store.cannot_links()) == 400


def test_more_faces_than_are_remembered_may_be_in_one_frame(tmp_path: Path) -> None:
    everybody = [(who, who) for who in range(1, 121)]
    with session(tmp_path / "result") as (_, placing):
        first, second = ([one.track for one in see(placing, second, *everybody).observed] for second in range(2))
    assert first == second
    assert len(set(first)) == 120


def test_whoever_was_beside_somebody_who_stays_is_not_taken_for_that_one(tmp_path: Path) -> None:
    with session(tmp_path / "result") as (gallery, placing):
        see(placing, 0, (1, 1), (2, 2))
        for second in range(1, 150):
            see(placing, second, (1, 1), (3, 100 + second))
        track = see(placing, 150, (1, 1)).observed[0].track
        assert len(gallery.people._tracks.links.beside(track)) == 150
