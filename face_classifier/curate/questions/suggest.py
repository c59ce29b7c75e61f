"""Two people who may be one, and one who may be two, with what speaks for it: for the user to decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from face_classifier.core.config.settings import Settings
from face_classifier.core.progress import Teller
from face_classifier.core.types import Image, Sighting
from face_classifier.core.words import counted
from face_classifier.curate.questions.splits import Split, splits
from face_classifier.display import contact_sheet
from face_classifier.display.patches import SHADE
from face_classifier.gallery.snapshot import Snapshot, take_snapshot
from face_classifier.identity.rethink import Suggestion, rethink
from face_classifier.identity.rules import rule_of
from face_classifier.sources.picture import read_picture

_PAIRS = 4  # of faces a suggestion
_TILE = 112  # pixels
_NOTHING = np.full((_TILE, _TILE, 3), SHADE, np.uint8)
_MOST_DRAWN = 50  # suggestions in one picture
_BLOCK = 1024


class Pair(NamedTuple):
    """Two faces of two people."""

    one: Sighting
    other: Sighting
    distance: float  # L2


class Evidence(NamedTuple):
    """What speaks for a suggestion."""

    suggestion: Suggestion
    faces: tuple[int, int]  # how many the one and the other have
    pairs: list[Pair]  # the nearest first; no face twice


class Questions(NamedTuple):
    """What the user is asked about a result folder."""

    ones: list[Evidence]  # two people who may be one, the nearest first
    twos: list[Split]  # people who may be two, in the order of their names

    def __bool__(self) -> bool:
        return bool(self.ones or self.twos)


def suggestions(settings: Settings, observer: Teller, file: str | None = None) -> Questions:
    """What may be asked about a result folder; works while another process runs.

    ``file``: where to draw the faces as PNG, unless there is nothing to ask. Raises UserError where that cannot be
    written.
    """
    snapshot = take_snapshot(settings, observer)
    questions = asked_of(snapshot)
    if file is not None and questions:
        path_of = snapshot.path_of
        contact_sheet.write(file, picture(questions, lambda face: read_picture(path_of[face.id])))
    return questions


def asked_of(snapshot: Snapshot) -> Questions:
    """What may be asked about a result folder as it was."""
    rule = rule_of(snapshot.settings)
    rethought = rethink(snapshot.faces, snapshot.cannot_links, snapshot.kept_apart, rule)
    twos = splits(snapshot.faces, snapshot.cannot_links, snapshot.kept_apart, rule)
    return Questions(evidence(rethought.suggestions, snapshot.faces), [split for split in twos if split.movable])


def evidence(suggestions: Iterable[Suggestion], sightings: Sequence[Sighting]) -> list[Evidence]:
    """The evidence for each suggestion whose people have faces today, in the same order."""
    faces: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        if sighting.person is not None and sighting.encoding is not None:
            faces.setdefault(sighting.person, []).append(sighting)
    return [
        Evidence(
            asked, (len(faces[asked.one]), len(faces[asked.other])), _nearest(faces[asked.one], faces[asked.other])
        )
        for asked in suggestions
        if asked.one in faces and asked.other in faces
    ]


def _nearest(ones: Sequence[Sighting], others: Sequence[Sighting]) -> list[Pair]:
    targets = np.array([face.encoding for face in others])
    squares = (targets**2).sum(axis=1)
    nearest: list[tuple[float, int, int]] = []
    for start in range(0, len(ones), _BLOCK):
        probes = np.array([face.encoding for face in ones[start : start + _BLOCK]])
        # without |probe|^2, which is the same for all others
        order = np.argsort(squares - 2 * probes @ targets.T, axis=1, kind="stable")[:, :_PAIRS]
        for row, columns in enumerate(order):
            nearest += [
                (float(np.linalg.norm(probes[row] - targets[column])), start + row, int(column)) for column in columns
            ]
    pairs: list[Pair] = []
    used: tuple[set[int], set[int]] = set(), set()
    for distance, row, column in sorted(nearest):
        if row not in used[0] and column not in used[1] and len(pairs) < _PAIRS:
            used[0].add(row)
            used[1].add(column)
            pairs.append(Pair(ones[row], others[column], distance))
    return pairs


def record(questions: Questions) -> list[dict[str, Any]]:
    """As JSON. Distances: L2; ``margin``: how far below the limit; ``split``: both halves of one person, else null."""
    ones = [
        {
            "people": [reason.suggestion.one, reason.suggestion.other],
            "faces": list(reason.faces),
            "distance": reason.suggestion.distance,
            "margin": reason.suggestion.margin,
            "pairs": [{"faces": [pair.one.face, pair.other.face], "distance": pair.distance} for pair in reason.pairs],
            "split": None,
        }
        for reason in questions.ones
    ]
    twos = [
        {
            "people": [split.person],
            "faces": [len(group) for group in split.groups],
            "distance": split.distance,
            "margin": None,
            "pairs": [],
            "split": {
                "why": split.why,
                "stay": [face.face for face in split.groups[0]],
                "go": [face.face for face in split.movable],
            },
        }
        for split in questions.twos
    ]
    return ones + twos


def lines(questions: Questions) -> Iterator[str]:
    """What to print, a line for each question, and below it one for each pair of faces, or each half."""
    for reason in questions.ones:
        asked, (first, second) = reason.suggestion, reason.faces
        side = "below" if asked.margin >= 0 else "above"
        yield (
            f"{asked.one} ({counted(first, 'face')}) and {asked.other} ({counted(second, 'face')}) may be one: "
            f"distance {asked.distance:.3f}, {abs(asked.margin):.3f} {side} the limit"
        )
        for pair in reason.pairs:
            yield f"    {pair.one.face} and {pair.other.face}: {pair.distance:.3f}"
    for split in questions.twos:
        stay, go = split.groups
        yield (
            f"{split.person} may be two, {len(stay)} and {counted(len(go), 'face')}: {split.why}; "
            f"their averages are {split.distance:.3f} apart"
        )
        for what, group in (("stay", stay), ("would go", go)):
            names = [face.face for face in typical(group)]
            yield f"    {what}: {', '.join([*names, '…'] if len(group) > len(names) else names)}"


def typical(group: Sequence[Sighting]) -> list[Sighting]:
    """The faces that are nearest to the average of a group, a few of them."""
    encodings = np.array([face.encoding for face in group])
    off = np.linalg.norm(encodings - encodings.mean(axis=0), axis=1)
    return [group[place] for place in np.argsort(off, kind="stable")[:_PAIRS]]


def picture(questions: Questions, read: Callable[[Sighting], Image]) -> Image:
    """The faces of each question side by side under the two names: (height, width, 3) uint8 BGR.

    At most the first 50. ``read``: gives a face's picture. Raises ValueError without a question.
    """
    sides: list[list[tuple[str, list[Sighting]]]] = []
    for asked, _, pairs in questions.ones:
        sides.append([(asked.one, [pair.one for pair in pairs]), (asked.other, [pair.other for pair in pairs])])
    for two in questions.twos:
        stay, go = map(typical, two.groups)
        sides.append([(two.person, stay), (f"{two.person}?", go)])
    return np.concatenate([np.hstack([_side(*side, read) for side in both]) for both in sides[:_MOST_DRAWN]])


def _side(name: str, faces: Sequence[Sighting], read: Callable[[Sighting], Image]) -> Image:
    tiles = [contact_sheet.square(read(face), _TILE) for face in faces]
    drawn = contact_sheet.grid([*tiles, *[_NOTHING] * (_PAIRS - len(tiles))], _PAIRS)
    return np.concatenate([contact_sheet.heading(name, drawn.shape[1]), drawn])
