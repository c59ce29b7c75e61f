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
from face_classifier.events.passing import Passing
from face_classifier.events.telling import Rules
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


def see(session: Session, second: int, *faces: tuple[int | None, int], fingerprint: str | None = None) -> Placed:
    """A frame of a camera, or of a file; of each face who it is (None: it is not encoded), and its number by place and
    look."""
    frame = Frame(IMAGE, "camera", fingerprint, None, float(second), 0.02, BEGINNING + timedelta(seconds=second))
    found = []
    for place, (who, followed) in enumerate(faces):
        box = Box(10, 30 * place + 20, 20, 30 * place + 10)
        if who is None:
            found.append(AnalysedFace(Detection(box), followed, True, None, None, False))
            continue
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


def test_frames_without_new_faces_ask_the_table_nothing(tmp_path: Path) -> None:
    with session(tmp_path / "result") as (gallery, placing):
        passing = Passing(gallery.store, gallery.new_track, Rules(60.0, 60.0))
        asked: list[str] = []

        def place(second: int, *faces: tuple[int | None, int]) -> Placed:
            placing.tracks.renew(passing.let_forgotten_go)
            placed = see(placing, second, *faces, fingerprint="a film")
            frame = Frame(IMAGE, "camera", "a film", None, float(second), 0.02, BEGINNING + timedelta(seconds=second))
            passing.observe(frame, placed.observed)
            return placed

        for second in range(3):
            place(second, (1, 1), (2, 2))
        passing.flush()
        place(3, (None, 1), (None, 2))
        gallery.store.tracks._table.database.set_trace_callback(asked.append)
        names = {one.face_name for second in range(4, 10) for one in place(second, (None, 1), (None, 2)).observed}
        assert len(names) == 2
        assert None not in names
        assert asked == []


def test_who_is_in_view_is_told_as_the_face_is_labelled_since_it_was_moved(tmp_path: Path) -> None:
    with session(tmp_path / "result") as (gallery, placing):
        face = see(placing, 0, (1, 1)).observed[0].face
        assert face is not None
        assert see(placing, 1, (None, 1)).seen[0].person is None
        person = gallery.store.move([face], None, new=True)[0].person
        assert person is not None
        assert see(placing, 2, (None, 1)).seen[0].person == person


def test_a_face_that_another_pass_over_the_same_file_keeps_meanwhile_is_met(tmp_path: Path) -> None:
    with session(tmp_path / "result") as (gallery, placing):
        other = Session(gallery, follows=True)
        see(placing, 0, (None, 1), fingerprint="a film")
        see(placing, 1, (None, 1), fingerprint="a film")
        kept = see(other, 2, (1, 1), fingerprint="a film").observed[0].face
        assert kept is not None
        assert see(placing, 2, (None, 1), fingerprint="a film").observed[0].face == kept
        assert see(placing, 4, (None, 2), fingerprint="a film").observed[0].face is None
        assert see(placing, 2, (None, 3), fingerprint="a film").observed[0].face == kept  # of another stream
