"""What the sources of a run, and of other processes beside it, have written by the owner of their gallery."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import Watcher
from gallery.test_journal import BEGINNING, BOX, encoding_of, picture_of, read_photo

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.files import png_bytes
from face_classifier.core.disk.retry import DiskError, Patience
from face_classifier.core.types import Detection, Face, Frame, Provenance
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.passing.table import Tracks
from face_classifier.gallery.store import Store
from face_classifier.pipeline.desk import Desk
from face_classifier.records import AnalysedFace, AnalysedFrame
from face_classifier.sources.base import Sampling


def seen() -> AnalysedFrame:
    """A frame of a camera with one face."""
    frame = Frame(np.zeros((30, 30, 3), np.uint8), "camera 0", None, 0, 0.0, 0.02, BEGINNING)
    face = Face(BOX, encoding_of(1, 1), Provenance("made-up", "none", "none", "fp64"))
    picture = png_bytes(picture_of(1, 1))
    return AnalysedFrame(frame, (AnalysedFace(Detection(BOX), 0, True, face, picture, False),))


def test_what_is_held_of_another_process_is_kept_though_a_source_of_its_own_ended_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer = Watcher()
    patience = Patience(1, threading.Event(), observer.problem)
    with Store(tmp_path / "result", writing=True) as store:
        gallery = Gallery(Settings(result=str(store.folder)), store, read_photo, observer)
        desk = Desk(gallery, None, observer, patience)
        own, guest = (desk.begin(None, BEGINNING, Sampling(), given=False, follows=False).session for _ in range(2))
        desk.end_all([own])
        patience.holding = True

        def refuse(*_: object, **__: object) -> None:
            raise DiskError(store.folder, "No space left on device", "make room on that disk")

        with monkeypatch.context() as disk:
            disk.setattr(Store, "keep", refuse)
            desk.place_for(guest, seen())
        assert not gallery.faces
        desk.hold_on()
        assert [face.source for face in gallery.faces.values()] == ["camera 0"]


def test_what_a_full_disk_refuses_of_a_camera_that_ends_is_kept_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer = Watcher()
    patience = Patience(1, threading.Event(), observer.problem)
    with Store(tmp_path / "result", writing=True) as store:
        gallery = Gallery(Settings(result=str(store.folder)), store, read_photo, observer)
        desk = Desk(gallery, None, observer, patience)
        patience.holding = True

        def refuse(*_: object, **__: object) -> None:
            raise DiskError(store.folder, "No space left on device", "make room on that disk")

        with monkeypatch.context() as disk:
            disk.setattr(Store, "keep", refuse)
            disk.setattr(Tracks, "write", refuse)
            camera = desk.begin(None, BEGINNING, Sampling(), given=False, follows=True).session
            desk.place(camera, seen())
            desk.end_all([camera])  # such as at the end of its hours, while others go on
        assert not gallery.faces
        until = time.monotonic() + 10
        while desk._sessions and time.monotonic() < until:
            desk.hold_on()
            time.sleep(0.05)
        assert [face.source for face in gallery.faces.values()] == ["camera 0"]
        assert [track.source for track in store.tracks.all()] == ["camera 0"]
        assert not desk._passing
        assert not patience._refused


def test_second_thoughts_that_fail_end_the_cameras_rather_than_stop_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Gallery) -> None:
        raise OSError("an error that no disk is known for")

    observer = Watcher()
    with Store(tmp_path / "result", writing=True) as store:
        gallery = Gallery(Settings(result=str(store.folder)), store, read_photo, observer)
        patience = Patience(1, threading.Event(), observer.problem)
        desk = Desk(gallery, None, observer, patience)
        session = desk.begin(None, BEGINNING, Sampling(), given=False, follows=False).session
        desk.place(session, seen())
        patience.holding = True
        monkeypatch.setattr(Gallery, "draw_views", fail)
        desk.think_again()

        def go_on() -> None:
            while True:
                desk.hold_on()

        with pytest.raises(OSError, match="no disk is known") as thinking:
            go_on()
        with pytest.raises(OSError, match="no disk is known") as placing:
            desk.place(session, seen())
    assert placing.value is thinking.value
