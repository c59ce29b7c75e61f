"""Two people who may be one, with what speaks for it: for the user to decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from face_classifier.core.progress import Teller
from face_classifier.core.settings import Settings
from face_classifier.core.types import Image, Sighting
from face_classifier.display import contact_sheet
from face_classifier.display.text import SHADE
from face_classifier.gallery.snapshot import take_snapshot
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


def suggestions(settings: Settings, observer: Teller, file: str | None = None) -> list[Evidence]:
    """People of a result folder who may be one, the nearest first; works while another process runs.

    ``file``: where to draw their faces as PNG. Raises UserError where that cannot be written.
    """
    snapshot = take_snapshot(settings, observer)
    rethought = rethink(snapshot.faces, snapshot.cannot_links, snapshot.kept_apart, rule_of(snapshot.settings))
    reasons = evidence(rethought.suggestions, snapshot.faces)
    if file is not None:
        path_of = snapshot.path_of
        contact_sheet.write(file, picture(reasons, lambda face: read_picture(path_of[face.id])))
    return reasons


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


def record(reasons: Iterable[Evidence]) -> list[dict[str, Any]]:
    """As JSON. Distances: L2; ``margin``: how far below the limit."""
    return [
        {
            "people": [reason.suggestion.one, reason.suggestion.other],
            "faces": list(reason.faces),
            "distance": reason.suggestion.distance,
            "margin": reason.suggestion.margin,
            "pairs": [{"faces": [pair.one.face, pair.other.face], "distance": pair.distance} for pair in reason.pairs],
        }
        for reason in reasons
    ]


def lines(reasons: Iterable[Evidence]) -> Iterator[str]:
    """What to print, a line for each suggestion and each pair of faces below it."""
    for reason in reasons:
        asked, (first, second) = reason.suggestion, reason.faces
        side = "below" if asked.margin >= 0 else "above"
        yield (
            f"{asked.one} ({first} faces) and {asked.other} ({second} faces) may be one: "
            f"distance {asked.distance:.3f}, {abs(asked.margin):.3f} {side} the limit"
        )
        for pair in reason.pairs:
            yield f"    {pair.one.face} and {pair.other.face}: {pair.distance:.3f}"


def picture(reasons: Sequence[Evidence], read: Callable[[Sighting], Image]) -> Image:
    """The faces of each suggestion side by side under the two names: (height, width, 3) uint8 BGR.

    At most the first 50. ``read``: gives a face's picture.
    """
    rows = [_row(reason, read) for reason in reasons[:_MOST_DRAWN]]
    return np.concatenate(rows) if rows else _NOTHING


def _row(reason: Evidence, read: Callable[[Sighting], Image]) -> Image:
    names = reason.suggestion.one, reason.suggestion.other
    halves = []
    for side, name in enumerate(names):
        tiles = [contact_sheet.square(read(pair.other if side else pair.one), _TILE) for pair in reason.pairs]
        faces = contact_sheet.grid([*tiles, *[_NOTHING] * (_PAIRS - len(tiles))], _PAIRS)
        halves.append(np.concatenate([contact_sheet.heading(name, faces.shape[1]), faces]))
    return np.hstack(halves)
