"""A result folder against a file that tells who is who."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Gallery

from face_classifier.core.errors import UserError
from face_classifier.core.types import Box, Sighting
from face_classifier.curate.questions.truth import matched, read_truth


def face(name: str, source: str = "a.mp4", position: float = 0, left: int = 0) -> Sighting:
    return Sighting(1, name, None, None, source, None, position, None, Box(0, left + 10, 10, left))


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "truth.csv"
        path.write_text(text, "utf-8")
        return path

    return write


def test_faces_are_known_by_their_names(written: Callable[[str], Path]):
    lines = read_truth(written("face,person\nf1,Anna\nf2,Bob\ngone,Anna\nf3,\n"))
    assert matched(lines, [face("f2"), face("f1"), face("f3"), face("f4")]) == ({1: "Anna", 0: "Bob"}, 1, 0)


def test_a_name_that_two_faces_have_is_unclear(written: Callable[[str], Path]):
    lines = read_truth(written("person,face\nAnna,f1\n"))
    assert matched(lines, [face("f1"), face("f1")]) == ({}, 0, 1)


def test_faces_are_known_by_source_and_position_from_left_to_right(written: Callable[[str], Path]):
    lines = read_truth(
        written("\ufeffsource,position,person\na.mp4,1.0,Anna\na.mp4,1.0,Bob\nb.mp4,1,Cleo\na.mp4,5,Anna\n")
    )
    faces = [face("right", position=1.004, left=50), face("left", position=1.004), face("other", "b.mp4", 0.99)]
    assert matched(lines, faces) == ({1: "Anna", 0: "Bob", 2: "Cleo"}, 1, 0)


def test_where_there_are_not_as_many_faces_as_lines_nobody_is_guessed(written: Callable[[str], Path]):
    lines = read_truth(written("source,position,person\na.mp4,1,Anna\na.mp4,1,Bob\n"))
    assert matched(lines, [face("f1", position=1)]) == ({}, 0, 2)
    lines = read_truth(written("source,position,person\na.mp4,1,\na.mp4,1,Bob\n"))
    assert matched(lines, [face("f1", position=1), face("f2", position=1, left=9)]) == ({1: "Bob"}, 0, 0)


def test_two_lines_may_not_differ_about_a_face(written: Callable[[str], Path]):
    again = read_truth(written("face,person\nf1,Anna\nf1,Anna\n"))
    assert matched(again, [face("f1")]) == ({0: "Anna"}, 0, 0)
    with pytest.raises(UserError, match="lines 2 and 4 of the truth are about one face, f1, but name two people"):
        matched(read_truth(written("face,person\nf1,Anna\nf2,Anna\nf1,Bob\n")), [face("f1"), face("f2")])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "lacks the columns face,person or source,position,person in its first line"),
        ("name,who\nf1,Anna\n", "lacks the columns"),
        ("source,position,person\na.mp4,soon,Anna\n", "line 2, has the position 'soon'; give seconds"),
        ("source,position,person\na.mp4,nan,Anna\n", "line 2, has the position 'nan'"),
        ("source,position,person\na.mp4\n", "line 2, has the position None"),
    ],
)
def test_a_file_that_tells_nothing_is_refused(written: Callable[[str], Path], text: str, told: str):
    with pytest.raises(UserError, match=told):
        read_truth(written(text))


def test_bytes_that_are_no_text_and_a_missing_file_are_refused(tmp_path: Path):
    (tmp_path / "t.csv").write_bytes(b"face,person\n\xff,Anna\n")
    with pytest.raises(UserError, match="is not a CSV file in UTF-8"):
        read_truth(tmp_path / "t.csv")
    with pytest.raises(UserError, match="cannot be read"):
        read_truth(tmp_path / "missing.csv")


def test_a_corrected_export_is_the_truth(gallery: Gallery, command: Callable[..., Any], written: Callable[[str], Path]):
    gallery.see("obama.jpg", "obama2.jpg", "biden.jpg")
    exported = command("export", "--result", gallery.folder, "--format", "csv").out
    head, *rows = exported.splitlines()
    assert [",person_01," in row for row in rows] == [True, True, False]
    at = head.split(",").index("person")
    named = [row.split(",") for row in rows]
    for row, person in zip(named, ("Barack", "Barack", "Joe"), strict=True):
        row[at] = person
    truth = written("\n".join([head, *map(",".join, named)]))
    ended = command("evaluate", "--truth", truth, "--result", gallery.folder)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "3 faces of 2 people: 1 person made, 1 unknown",
        "BCubed precision 1.000, recall 1.000, F 1.000",
        "edits until all is clean: 0",
        "left out: 0 faces; 0 lines without a face, 0 unclear lines",
    ]
    gallery.move(gallery.picture("unknowns"), "person_01")
    told = json.loads(command("evaluate", "--truth", truth, "--result", gallery.folder, "--json").out)
    assert (told["precision"], told["recall"], told["edits"]) == (pytest.approx((2 * 2 / 3 + 1 / 3) / 3), 1, 1)
    assert (told["faces"], told["true_people"], told["people"], told["unknown"], told["left_out"]) == (3, 2, 1, 0, 0)


def test_a_truth_about_other_faces_and_none_are_told(
    gallery: Gallery, command: Callable[..., Any], written: Callable[[str], Path]
):
    gallery.see("obama.jpg")
    ended = command("evaluate", "--truth", written("face,person\nnobody,Anna\n"), "--result", gallery.folder)
    assert ended.code == 1
    assert "is about a face in" in ended.err
    ended = command("evaluate", "--result", gallery.folder)
    assert (ended.code, "no truth file is given; name a CSV file" in ended.err) == (2, True)
