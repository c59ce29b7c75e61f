"""A result folder in which two people and strangers passed two cameras on several days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from face_classifier.gallery.passing.table import TrackRow
from face_classifier.gallery.store import Store

FRIDAY = date(2026, 11, 27)


@dataclass(frozen=True)
class Days:
    """What is in the folder."""

    folder: Path
    people: tuple[str, str]
    faces: dict[str, list[int]]  # ids by person


def local(day: date, hour: int, minute: int = 0) -> datetime:
    """A time on the clock on the wall, aware."""
    return datetime.combine(day, time(hour, minute)).astimezone()


def row(number: int, camera: str, first: datetime, seconds: float, best: int | None) -> TrackRow:
    """A track of a camera that was opened at midnight of its day."""
    position = first.hour * 3600 + first.minute * 60
    last = first + timedelta(seconds=seconds)
    return TrackRow(number, camera, None, first.toordinal(), first, last, position, position + seconds, 9, best, None)


def fill(folder: Path) -> Days:
    """Write tracks of cameras into a folder with two people, whose faces they show."""
    with Store(folder, writing=True) as store:
        faces: dict[str, list[int]] = {}
        for face in store.look(lambda _path, _own: (_ for _ in ()).throw(AssertionError("a new picture"))).faces:
            if face.person:
                faces.setdefault(face.person, []).append(face.id)
        one, two = sorted(faces)
        number = 1000
        rows = []
        for back in (9, 1, 0):
            day = FRIDAY - timedelta(days=back)
            number += 1
            rows.append(row(number, "yard", local(day, 3, 30), 40, None))
            for hour, minute, camera, person in (
                (7, 5, "door", one),
                (7, 20, "door", two),
                (12, 0, "yard", one),
                (23, 59, "door", two),
            ):
                number += 1
                best = faces[person][number % len(faces[person])]
                rows.append(row(number, camera, local(day, hour, minute), 120, best))
        store.tracks.write(rows)
        store.tracks.note_camera("yard", local(FRIDAY, 14), lost=True)
        store.tracks.note_camera("yard", local(FRIDAY, 16), lost=False)
    return Days(folder, (one, two), faces)
