"""Faces to recommend by are named by paths, files and people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from photos.lookalike.test_recommend import NEVER, TILE, a_person

from face_classifier.core.errors import UserError
from face_classifier.photos.lookalike.people import Person, PhotoGallery, Portrait
from face_classifier.photos.lookalike.picks import find_picks
from face_classifier.photos.lookalike.recommend import centre


def test_picks_are_paths_names_of_files_and_people(tmp_path: Path):
    people = [
        Person(name, tuple(Portrait(str(tmp_path / name / file), np.eye(128)[row], TILE) for row, file in files))
        for name, files in (
            ("Ann, Bo", [(0, "a.jpg"), (1, "same.jpg")]),
            ("김연아", [(2, "same.jpg")]),
        )
    ]
    gallery = PhotoGallery(people, "sface", 3)

    def found(*given: str) -> list[tuple[str, str]]:
        picks = find_picks(given, gallery, str(tmp_path), NEVER)
        return [(pick.name, Path(pick.portrait.photo).name) for pick in picks]

    assert found(str(tmp_path / "김연아" / "same.jpg")) == [("김연아", "same.jpg")]
    assert found("Ann, Bo/same.jpg", "a.jpg") == [("Ann, Bo", "same.jpg"), ("Ann, Bo", "a.jpg")]
    assert found("a.jpg, 김연아") == [("Ann, Bo", "a.jpg"), ("김연아", "same.jpg")]
    (whole,) = find_picks(["Ann, Bo"], gallery, None, NEVER)
    np.testing.assert_allclose(whole.encoding, centre(people[0]))
    with pytest.raises(UserError, match=r"2 photos of the gallery are called same\.jpg; .*김연아"):
        found("same.jpg")
    with pytest.raises(UserError, match="no photo and no person of the gallery is called Ann, and"):
        found("Ann,a.jpg")


@pytest.mark.parametrize("word", ["cameron diaz", "Cameron_Dias", "CAMERON_DIAZ"])
def test_who_may_have_been_meant_is_told(word: str):
    people = [a_person(name, np.eye(128)[:1]) for name in ("Anna", "Bill_Gates", "Cameron_Diaz")]
    with pytest.raises(UserError, match="name of a person, such as Cameron_Diaz, or the path"):
        find_picks([word], PhotoGallery(people, "sface", 3), None, NEVER)
    with pytest.raises(UserError, match="name of a person or the path"):
        find_picks(["Qqq"], PhotoGallery(people, "sface", 3), None, NEVER)
