"""A result folder, as another program reads it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Gallery, held

import face_classifier as fc
from face_classifier.core.types import Image


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_people_and_their_faces_are_those_of_the_folder(gallery: Gallery):
    gallery.see("obama.jpg", "obama2.jpg", "biden.jpg")
    (gallery.folder / "person_01").rename(gallery.folder / "Barack")
    before = contents(gallery.folder)
    opened = fc.open_gallery(gallery.folder)
    assert [(person.name, len(person.faces)) for person in opened] == [("Barack", 2)]
    assert [face.person for face in opened.unknown] == [None]
    assert [face.face for face in opened.faces] == [face.face for face in gallery.look(writing=False)]
    assert opened.encoder == "sface"
    (barack,) = opened.people
    assert [face.source for face in barack.faces] == ["clip.mp4"] * 2
    np.testing.assert_allclose(barack.average, (barack.faces[0].encoding + barack.faces[1].encoding) / 2)
    for face in opened.faces:
        picture = opened.pictures[face.id]
        assert picture.parent.name == (face.person or "unknowns")
        assert cv2.imread(str(picture)) is not None
    assert contents(gallery.folder) == before


def test_a_face_is_recognized_as_a_run_would(gallery: Gallery, portraits: dict[str, Image]):
    gallery.see("obama.jpg", "obama2.jpg", "biden.jpg")
    opened = fc.open_gallery(gallery.folder)
    known, stranger = (fc.encode(portraits[name])[0] for name in ("obama3.jpg", "biden.jpg"))
    match = opened.recognize(known)
    assert match.person == "person_01"
    (average,) = [person.average for person in opened]
    assert match.distance == pytest.approx(np.linalg.norm(known.encoding - average))
    unknown = opened.recognize(stranger)
    assert (unknown.person, unknown.partners) == (None, (opened.unknown[0].id,))
    with pytest.raises(ValueError, match="an encoding of dlib, but the gallery's are of sface"):
        opened.recognize(fc.encode(portraits["obama3.jpg"], encoder="dlib")[0])


def test_it_is_read_while_another_process_writes(gallery: Gallery):
    gallery.see("obama.jpg", "obama2.jpg")
    with held(gallery.folder):
        assert len(fc.open_gallery(str(gallery.folder)).faces) == 2


def test_what_is_passed_over_is_logged(gallery: Gallery, caplog: pytest.LogCaptureFixture):
    gallery.see("obama.jpg", "obama2.jpg")
    (gallery.folder / "person_01" / "broken.png").write_bytes(b"no picture")
    assert len(fc.open_gallery(gallery.folder).faces) == 2
    assert "broken.png" in caplog.text
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_another_folder_is_refused(tmp_path: Path):
    with pytest.raises(fc.UserError, match="there is no result folder"):
        fc.open_gallery(tmp_path / "missing")
    with pytest.raises(fc.UserError, match="is not a result folder"):
        fc.open_gallery(tmp_path)
