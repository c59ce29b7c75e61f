"""The commands `events`, `now`, `timeline` and `summary`."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import pytest
from conftest import Ended, held
from gallery.test_journal import World

from face_classifier.display.overlay import KNOWN, UNKNOWN
from face_classifier.gallery.passing.table import TrackRow
from face_classifier.gallery.past.strangers import Day
from face_classifier.gallery.store import Store

Command = Callable[..., Ended]
UTC = timezone.utc
MORNING = datetime(2026, 11, 27, 7, 0, tzinfo=UTC)  # eight o'clock in Berlin
WINTER = datetime(2026, 10, 25, 0, 59, 50, tzinfo=UTC)  # the last ten seconds of summer time there
pytestmark = pytest.mark.usefixtures("berlin")


def row(number: int, first: datetime, seconds: float, source: str = "door", **others: object) -> TrackRow:
    last = first + timedelta(seconds=seconds)
    position = (first - WINTER).total_seconds()
    values = {"fingerprint": None, "session": 1, "best": None, "said": None, "zones": ()} | others
    return TrackRow(
        number=number,
        source=source,
        first=first,
        last=last,
        first_position=position,
        last_position=position + seconds,
        frames=9,
        **values,  # type: ignore[arg-type]
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """김철수 (tracks 1 and 3, once person_01), person_02 (2 and 4), and an unknown face (5)."""
    world = World(tmp_path / "house")
    world.run((1, 1), (2, 1), (1, 2), (2, 2), (3, 1))
    world.rename("person_01", "김철수")
    world.start()
    with closing(sqlite3.connect(world.folder / "faces.sqlite", isolation_level=None)) as table:
        table.execute("UPDATE faces SET track = id")
    later = MORNING + timedelta(minutes=30)
    with Store(world.folder, writing=True) as store:
        store.tracks.write(
            [
                row(1, WINTER, 20, said="person_01"),
                row(2, MORNING, 60, "yard", said="person_02", zones=("gate",)),
                row(3, MORNING + timedelta(seconds=90), 30),
                row(4, later, 5, "yard"),
                row(5, later + timedelta(seconds=10), 5, "yard"),
            ]
        )
    return world.folder


def visits(command: Command, house: Path, *words: str) -> list[int]:
    ended = command("events", "--result", house, "--json", *words)
    assert ended.code == 0, ended.err
    return [visit["visit"] for visit in json.loads(ended.out)]


def test_visits_are_told_in_local_time_with_the_names_of_today(house: Path, command: Command) -> None:
    assert command("events", "--result", house).out.splitlines() == [
        "visit  first                last      for      person     camera  zones",
        "1      2026-10-25 02:59:50  02:00:10  0:00:20  김철수     door",
        "2      2026-11-27 08:00:00  08:01:00  0:01:00  person_02  yard    gate",
        "3      2026-11-27 08:01:30  08:02:00  0:00:30  김철수     door",
        "4      2026-11-27 08:30:00  08:30:05  0:00:05  person_02  yard",
        "5      2026-11-27 08:30:10  08:30:15  0:00:05  unknown    yard",
    ]


def test_a_new_name_changes_the_past_but_not_what_was_said_then(house: Path, command: Command) -> None:
    (house / "person_02").rename(house / "Bea")
    assert "2026-11-27 08:00:00  08:01:00  0:01:00  Bea" in command("events", "--result", house).out
    said = [
        visit["person"] for visit in json.loads(command("events", "--result", house, "--json", "--as-known-then").out)
    ]
    assert said == ["person_01", "person_02", None, None, None]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["--person", "김철수"], [1, 3]),
        (["--camera", "yard"], [2, 4, 5]),
        (["--unknown"], [5]),
        (["--since", "2026-11-27 08:01:45"], [3, 4, 5]),
        (["--until", "2026-11-27T07:30:00Z"], [1, 2, 3]),
        (["--until", "2026-11-26"], [1]),
        (["--since", "2026-11-27", "--until", "2026-11-27"], [2, 3, 4, 5]),
        (["--from-time", "8:01"], [2, 3, 4, 5]),
        (["--from-time", "22:00", "--to-time", "6:00"], [1]),
        (["--from-time", "8:02", "--to-time", "8:30"], [3]),
    ],
)
def test_visits_are_chosen(house: Path, command: Command, words: list[str], numbers: list[int]) -> None:
    assert visits(command, house, *words) == numbers


def test_the_gap_of_the_configuration_holds(house: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "cctv.yaml").write_text("visits: {gap: 1 h}\n")
    assert visits(command, house, "--config", str(tmp_path / "cctv.yaml")) == [1, 2, 3, 5]


def test_lines_and_columns_tell_the_same(house: Path, command: Command) -> None:
    lines = [json.loads(line) for line in command("events", "--result", house, "--format", "jsonl").out.splitlines()]
    rows = list(csv.DictReader(io.StringIO(command("events", "--result", house, "--format", "csv").out)))
    assert list(lines[0]) == list(rows[0])
    assert lines == json.loads(command("events", "--result", house, "--json").out)
    assert [line["person"] or "" for line in lines] == [one["person"] for one in rows]
    assert lines[1] == {
        "visit": 2,
        "camera": "yard",
        "person": "person_02",
        "first": "2026-11-27T07:00:00+00:00",
        "last": "2026-11-27T07:01:00+00:00",
        "seconds": 60.0,
        "first_position": lines[1]["first_position"],
        "last_position": lines[1]["first_position"] + 60,
        "frames": 9,
        "tracks": [2],
        "face": lines[1]["face"],
        "zones": ["gate"],
        "fingerprint": None,
    }
    assert list((house / "person_02").glob(f"{lines[1]['face']}*"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["events", "--since", "soon"], "--since is 'soon', but must be a time such as"),
        (["events", "--from-time", "8"], "--from-time is '8', but must be a time of day"),
        (["events", "--format", "xml"], "--format is 'xml', but must be one of table, jsonl, csv"),
        (["summary", "--day", "8:00"], "--day is '8:00', but must be a day"),
    ],
)
def test_what_cannot_be_so_is_one_sentence(house: Path, command: Command, words: list[str], sentence: str) -> None:
    ended = command(*words, "--result", house)
    assert ended.code == 2
    assert ended.err.startswith(f"face-classifier: {sentence}")
    assert ended.err.count("\n") == 1


def test_they_read_while_another_process_writes(house: Path, command: Command, tmp_path: Path) -> None:
    with held(house):
        assert visits(command, house) == [1, 2, 3, 4, 5]
        picture = tmp_path / "day.png"
        for words in (["now"], ["summary"], ["timeline", "-o", picture]):
            assert command(*words, "--result", house).code == 0


def test_now_tells_who_is_here_and_who_was(house: Path, command: Command) -> None:
    now = datetime.now(UTC)
    with closing(sqlite3.connect(house / "faces.sqlite", isolation_level=None)) as table:
        table.execute("DELETE FROM tracks")
    with Store(house, writing=True) as store:
        here, gone = row(3, now - timedelta(seconds=60), 58), row(4, now - timedelta(hours=2), 60, "yard")
        store.tracks.write([here, gone, row(5, now - timedelta(days=2), 60, "yard")])
    told = json.loads(command("now", "--result", house, "--json").out)
    assert [(one["camera"], one["person"], one["here"]) for one in told] == [
        ("door", "김철수", True),
        ("yard", "person_02", False),
    ]
    lines = command("now", "--result", house).out.splitlines()
    assert lines[1].split()[:3] == ["door", "김철수", "here"]
    assert lines[2].endswith("1 h 59 min ago")


def test_a_day_is_summed_up(house: Path, command: Command) -> None:
    assert command("summary", "--result", house, "--day", "2026-11-27").out.splitlines() == [
        "Friday 2026-11-27: 2 persons, 1 unknown",
        "김철수: once, 08:01 to 08:02, door",
        "person_02: 2 times, 08:00 to 08:30, yard",
        "unknown: 1 at yard",
    ]
    told = json.loads(command("summary", "--result", house, "--day", "2026-11-27", "--json").out)
    assert told["strangers"] == {"yard": 1}
    assert [(one["person"], one["visits"], one["seconds"]) for one in told["people"]] == [
        ("김철수", 1, 30),
        ("person_02", 2, 65),
    ]
    with Store(house, writing=True) as store:
        store.strangers.add({Day("door", None, "2026-11-27"): 3, Day("yard", None, "2026-11-26"): 9})
    told = json.loads(command("summary", "--result", house, "--day", "2026-11-27", "--json").out)
    assert told["strangers"] == {"door": 3, "yard": 1}
    assert command("summary", "--result", house, "--day", "2026-11-20").out == (
        "Friday 2026-11-20: no persons, nobody unknown\n"
    )


def test_a_camera_that_sent_nothing_is_hatched(house: Path, command: Command, tmp_path: Path) -> None:
    def drawn() -> int:
        command("timeline", "--result", house, "--day", "2026-11-27", "--whole-day", "-o", tmp_path / "day.png")
        image = cv2.imread(str(tmp_path / "day.png"))
        return int(((image[:, :, 2] > 2 * image[:, :, 1].astype(int)) & (image[:, :, 2] > 100)).sum())

    assert not drawn()
    with Store(house, writing=True) as store:
        store.tracks.note_camera("door", MORNING + timedelta(hours=1), lost=True)
        store.tracks.note_camera("door", MORNING + timedelta(hours=2), lost=False)
    assert drawn() > 500


def test_a_day_is_drawn_with_a_bar_a_visit(house: Path, command: Command, tmp_path: Path) -> None:
    file = tmp_path / "day.png"
    ended = command("timeline", "--result", house, "--day", "2026-11-27", "--whole-day", "-o", file)
    assert ended.out == f"{file} shows 4 visits of 2026-11-27\n"
    image = cv2.imread(str(file))
    across = 260 + round((1600 - 260 - 24) * (8 * 3600 + 90) / 86_400)  # of what began 90 s after eight
    assert (image[:, across] == KNOWN).all(axis=1).sum() == 18
    assert (image[:, 300:] == UNKNOWN).all(axis=2).any()
    assert (image[:, 260:] == KNOWN).all(axis=2).sum() == 3 * 18
    assert command("timeline", "--result", house, "-o", tmp_path / "day.gif").code != 0


def test_a_day_with_little_in_it_is_drawn_from_the_first_to_the_last_hour(
    house: Path, command: Command, tmp_path: Path
) -> None:
    command("timeline", "--result", house, "--day", "2026-11-27", "-o", file := tmp_path / "day.png")
    image = cv2.imread(str(file))
    width = 1600 - 260 - 24
    across = 260 + round(width * 90 / 3600)  # of what began 90 s after eight, in a picture of the hour from eight on
    assert (image[:, across] == KNOWN).all(axis=1).sum() == 18
    bars = (image[:, 260:] == KNOWN).all(axis=2) | (image[:, 260:] == UNKNOWN).all(axis=2)
    assert bars.any(axis=0)[: width // 24].any()
    with Store(house, writing=True) as store:
        store.tracks.note_camera("yard", MORNING + timedelta(hours=3), lost=True)
        store.tracks.note_camera("yard", MORNING + timedelta(hours=3, minutes=1), lost=False)
    command("timeline", "--result", house, "--day", "2026-11-27", "-o", file)
    across = 260 + round(width * 90 / (4 * 3600))  # an outage belongs to what is shown
    assert (cv2.imread(str(file))[:, across] == KNOWN).all(axis=1).sum() == 18
