"""A result folder against a file that tells who is who."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from face_classifier.core.config.settings import Settings
from face_classifier.core.errors import UserError
from face_classifier.core.names import shown
from face_classifier.core.progress import Teller
from face_classifier.core.types import Sighting
from face_classifier.core.words import counted
from face_classifier.curate.questions.evaluate import Evaluation, evaluate
from face_classifier.gallery.snapshot import faces_of

_NEAR = 0.02  # seconds by which a position in the file may differ from a face's: half a frame of 25 a second
_FORMS = ("face,person", "source,position,person")


class Line(NamedTuple):
    """What a line of the file says. Texts are as `export` prints them."""

    number: int  # in the file, from 1
    person: str  # empty = not to be scored
    face: str | None  # the name of a picture when it was first written
    source: str | None  # without ``face``
    position: float | None  # seconds, with ``source``


@dataclass(frozen=True)
class GalleryEvaluation:
    """How right a result folder is, as far as the file knows."""

    evaluation: Evaluation  # of the faces that the file names
    left_out: int  # faces of the folder that it does not, or of nobody who is to be scored
    missed: int  # lines about a face that the folder has not
    unclear: int  # lines of which it is not clear which face they mean

    def record(self) -> dict[str, Any]:
        """The same as JSON."""
        counts = {"left_out": self.left_out, "missed": self.missed, "unclear": self.unclear}
        return {**asdict(self.evaluation), "f": self.evaluation.f, **counts}

    def lines(self) -> Iterator[str]:
        """The same in words."""
        told = self.evaluation
        faces, true = counted(told.faces, "face"), counted(told.true_people, "person", "people")
        yield f"{faces} of {true}: {counted(told.people, 'person', 'people')} made, {told.unknown} unknown"
        yield f"BCubed precision {told.precision:.3f}, recall {told.recall:.3f}, F {told.f:.3f}"
        yield f"edits until all is clean: {told.edits}"
        missed = counted(self.missed, "line without a face", "lines without a face")
        yield f"left out: {counted(self.left_out, 'face')}; {missed}, {counted(self.unclear, 'unclear line')}"


def evaluate_gallery(settings: Settings, file: Path, observer: Teller) -> GalleryEvaluation:
    """Compares the folders of a gallery with the truth in a file. Raises UserError if they have no face in common."""
    lines = read_truth(file)
    faces = faces_of(settings, observer)
    truth, missed, unclear = matched(lines, faces)
    if not truth:
        raise UserError(
            f"no line of {file} is about a face in {settings.result}; name faces, or sources and positions, as "
            "`face-classifier export` does"
        )
    evaluation = evaluate(truth.values(), [faces[number].person for number in truth])
    return GalleryEvaluation(evaluation, len(faces) - len(truth), missed, unclear)


def read_truth(file: Path) -> list[Line]:
    """The lines of a CSV file with the columns ``face,person`` or ``source,position,person``, among others.

    With both ``face`` counts, so that a corrected `export` will do. Raises UserError.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            table = csv.DictReader(opened)
            columns = set(table.fieldnames or ())
            forms = [form for form in _FORMS if columns.issuperset(form.split(","))]
            if not forms:
                raise UserError(f"{file} lacks the columns {' or '.join(_FORMS)} in its first line; add them")
            return [_line(row, table.line_num, file, by_face=forms[0] == _FORMS[0]) for row in table]
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}); give another file to --truth") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file} is not a CSV file in UTF-8 ({error}); save it as one") from error


def _line(row: dict[str, Any], number: int, file: Path, *, by_face: bool) -> Line:
    person = (row["person"] or "").strip()
    if by_face:
        return Line(number, person, row["face"] or "", None, None)
    try:
        position = float(row["position"] or "")
    except ValueError:
        position = math.nan
    if not math.isfinite(position):
        raise UserError(f"{file}, line {number}, has the position {row['position']!r}; give seconds, such as 12.5")
    return Line(number, person, None, row["source"] or "", position)


def matched(lines: Sequence[Line], faces: Sequence[Sighting]) -> tuple[dict[int, str], int, int]:
    """The true person of each face that is to be scored, by its number; how many lines are missed, and unclear.

    Lines of one source and position are its faces from left to right; where there are not as many, they are unclear, as
    are lines about a face with a name that several have. Raises UserError where two lines about a face differ.
    """
    truth: dict[int, str] = {}
    said: dict[int, Line] = {}
    missed = unclear = 0
    for group, numbers in (*_by_name(lines, faces), *_by_position(lines, faces)):
        if not numbers:
            missed += len(group)
        elif len(group) != len(numbers):
            unclear += len(group)
        else:
            for line, number in zip(group, numbers, strict=True):
                before = said.setdefault(number, line)
                if before.person != line.person:
                    raise UserError(
                        f"lines {before.number} and {line.number} of the truth are about one face, "
                        f"{faces[number].face}, but name two people; correct one of them"
                    )
                if line.person:
                    truth[number] = line.person
    return truth, missed, unclear


def _by_name(lines: Sequence[Line], faces: Sequence[Sighting]) -> Iterator[tuple[list[Line], list[int]]]:
    """Each line about a face by its name, with the numbers of the faces that have it."""
    named: dict[str, list[int]] = {}
    for number, face in enumerate(faces):
        named.setdefault(shown(face.face), []).append(number)
    for line in lines:
        if line.face is not None:
            yield [line], named.get(line.face, [])


def _by_position(lines: Sequence[Line], faces: Sequence[Sighting]) -> Iterator[tuple[list[Line], list[int]]]:
    """The lines about each position of a source, with the numbers of the faces that are there, from left to right."""
    groups: dict[tuple[str, float], list[Line]] = {}
    for line in lines:
        if line.source is not None and line.position is not None:
            groups.setdefault((line.source, line.position), []).append(line)
    there: dict[str, dict[float, list[int]]] = {}
    for number, face in enumerate(faces):
        if face.source is not None and face.position is not None:
            there.setdefault(shown(face.source), {}).setdefault(face.position, []).append(number)
    for (source, position), group in groups.items():
        near = [other for other in there.get(source, {}) if abs(other - position) <= _NEAR]
        numbers = there[source][min(near, key=lambda other: abs(other - position))] if near else []
        yield group, sorted(numbers, key=lambda number: _left(faces[number]))


def _left(face: Sighting) -> int:
    return face.box.left if face.box else 0
