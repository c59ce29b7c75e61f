"""The records of what shows somebody go, those of other sources and chapters stay."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from test_records_folder import HEAD, write

from face_classifier.core.errors import UserError
from face_classifier.records.folder import Records
from face_classifier.records.forgetting import forget_in_records
from face_classifier.records.plain import Origin
from face_classifier.sources.chapters import Chapter

CHAPTERS = [Chapter(0, 3, 0.0, 600.0), Chapter(1, 3, 600.0, 1200.0), Chapter(2, 3, 1200.0, math.inf)]
OF_ONE = [replace(HEAD, chapter=chapter) for chapter in CHAPTERS]
OTHER_KERNEL = replace(OF_ONE[1], kernel="another")
OTHER_SETTINGS = replace(OF_ONE[1], settings={"engine": "original"})
OTHER = replace(HEAD, origin=Origin("other.mp4", "12-abd"))
WHOLE = replace(HEAD, origin=Origin("whole.mp4", "13-abe"), chapter=None)
ALL = [*OF_ONE, OTHER_KERNEL, OTHER_SETTINGS, OTHER, WHOLE]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Records.made(tmp_path / "records") as records:
        for head in ALL:
            write(records, head)
    return tmp_path / "records"


def gone(folder: Path) -> set[str]:
    with Records(folder) as records:
        return {head.name for head in ALL} - set(records.names())


@pytest.mark.parametrize(
    ("faces", "expected"),
    [
        ([("12-abc", 700.0)], [OF_ONE[1], OTHER_KERNEL, OTHER_SETTINGS]),
        ([("12-abc", 1e6)], [OF_ONE[2]]),
        ([("12-abc", 0.0), ("12-abd", 900.0)], [OF_ONE[0], OTHER]),
        ([("12-abc", 599.9999)], [OF_ONE[0], OF_ONE[1], OTHER_KERNEL, OTHER_SETTINGS]),  # half a millisecond is no time
        ([("13-abe#2", 5.0)], [WHOLE]),  # of its second video stream
        ([("12-abc", None)], [*OF_ONE, OTHER_KERNEL, OTHER_SETTINGS]),
        ([("99-abc", 1.0), (None, 1.0)], []),
        ([(None, None)], []),
    ],
)
def test_those_of_the_chapters_go(
    folder: Path, faces: list[tuple[str | None, float | None]], expected: list[object]
) -> None:
    names = {head.name for head in ALL if head in expected}
    assert forget_in_records(folder, faces) == len(names)
    assert gone(folder) == names


def test_one_of_the_source_that_cannot_be_read_goes_too(folder: Path) -> None:
    (folder / OF_ONE[0].name).write_bytes(b"damaged")
    assert forget_in_records(folder, [("12-abc", 700.0)]) == 4
    assert gone(folder) == {head.name for head in (OF_ONE[0], OF_ONE[1], OTHER_KERNEL, OTHER_SETTINGS)}


def test_a_folder_that_is_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder of records"):
        forget_in_records(tmp_path / "away", [("12-abc", 700.0)])
