"""Faces as lines for other programs: JSON lines while a run goes on, JSON lines and CSV of a gallery."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from face_classifier.core import names
from face_classifier.core.disk.durable import PRIVATE, Modes
from face_classifier.core.disk.logs import LogFile
from face_classifier.core.disk.retry import Held, asking_the_disk
from face_classifier.core.errors import UserError
from face_classifier.core.types import EMOTIONS, Emotion, Sighting

_BOX = ("top", "right", "bottom", "left")
_NOBODY = Sighting(0, "", None, None)
_MOST_LINES = 8 << 20  # bytes of them that are held in memory while the disk takes none


def record(sighting: Sighting) -> dict[str, Any]:
    """A sighting as the fields of a line, under the names and in the units that docs/reference/correct.md tells.

    ``emotion`` is there only if the face has one, ``kept`` only if the face could not be kept.
    """
    fields: dict[str, Any] = {
        "source": sighting.source,
        "frame": sighting.frame,
        "position": sighting.position,
        "time": sighting.time.isoformat() if sighting.time else None,
        "box": sighting.box.css if sighting.box else None,
        "face": sighting.face,
        "person": sighting.person,
        "distance": sighting.distance,
    }
    if sighting.emotion:
        fields["emotion"] = emotion_record(sighting.emotion)
    if not sighting.kept:
        fields["kept"] = False
    return fields | {"fingerprint": sighting.fingerprint}


def emotion_record(emotion: Emotion) -> dict[str, Any]:
    """An emotion as JSON: its label, and the score of each class, 0 to 1."""
    scores = (round(score, 4) for score in emotion.scores)
    return {"label": emotion.label, "scores": dict(zip(EMOTIONS, scores, strict=True))}


class JsonLines:
    """A JSON object a line for each face kept, met again, or changed; complete after every `flush`."""

    def __init__(self, path: Path, tell: Callable[[str], None], modes: Modes = PRIVATE) -> None:
        """Opens the file and empties it.

        Parameters
        ----------
        path : of the file
        tell : is told how many lines are lost because the disk is full
        modes : permissions of a new file

        Raises
        ------
        UserError : the file cannot be written
        """
        self._path = path
        try:
            self._file = LogFile(path, modes)
        except OSError as error:
            raise UserError(f"{path} cannot be written ({error.strerror}); give another file to --jsonl") from error
        self._held: Held[bytes] = Held(f"lines of {path}", self._write, tell, _MOST_LINES)
        self._rest = b""  # of a line of which the disk took a part

    def tell(self, changed: Sequence[Sighting]) -> None:
        """Takes a line a face for `flush` to write."""
        for sighting in changed:
            line = json_line(sighting).encode()
            self._held.add(line, len(line))

    def flush(self) -> None:
        """Writes all lines taken so far. Raises DiskError; the next call goes on from there."""
        self._held.flush()

    def _write(self, line: bytes) -> None:
        self._rest = self._rest or line
        while self._rest:
            with asking_the_disk(self._path):
                self._rest = self._rest[self._file.write(self._rest) :]

    def close(self) -> None:
        self._held.give_up()
        with suppress(OSError):  # of a file on another machine; what was refused was told when it was written
            self._file.close()


def json_line(sighting: Sighting, encoding: str = "utf-8") -> str:
    return names.json_text(record(sighting), encoding=encoding) + "\n"


def write_json_lines(file: TextIO, sightings: Iterable[Sighting]) -> None:
    for sighting in sightings:
        file.write(json_line(sighting, file.encoding or "utf-8"))


def write_csv(file: TextIO, sightings: Iterable[Sighting]) -> None:
    """The same fields as columns, the box as four; if any face has an emotion, eight more for it before the last."""
    sightings = list(sightings)
    *columns, last = (name for field in record(_NOBODY) for name in (_BOX if field == "box" else [field]))
    if any(sighting.emotion for sighting in sightings):
        columns += ["emotion", *EMOTIONS]
    columns.append(last)
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    for sighting in sightings:
        fields = record(sighting)
        box = fields.pop("box") or (None, None, None, None)
        if emotion := fields.get("emotion"):
            fields |= {"emotion": emotion["label"], **emotion["scores"]}
        fields |= dict(zip(_BOX, box, strict=True))
        writer.writerow({key: names.shown(value) if isinstance(value, str) else value for key, value in fields.items()})
