"""Folders of two people, and faces in a stranger's folder: what `audit` and `suggest` find by distances alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from face_classifier.core.types import Sighting
from face_classifier.curate.questions.audit import audit
from face_classifier.identity.grouping.halves import halves
from face_classifier.identity.grouping.rule import Rule
from recognition.faces import HALVES, NOBODY, Faces, half

_FEWEST = 4  # faces of a person whose folder is asked about
_NEIGHBOURS = (1, 3, 5)  # which of the nearest other people share a folder with a person
_GUESTS = 3  # faces of a small half

HEAD = [
    "", "", "folders of one person: asked about", "with a whole neighbour: found", "halves exactly right",
    f"with {_GUESTS} faces of a neighbour: found", "halves exactly right", "faces called outliers, all right",
    "single faces in a stranger's folder: found",
]  # fmt: skip


def rows(name: str, faces: Faces, rule: Rule) -> Iterator[list[str]]:
    """Cells of a table, `HEAD`, for either half of the people."""
    people = [
        who for who in np.unique(faces.person).tolist() if who != NOBODY and (faces.person == who).sum() >= _FEWEST
    ]
    for number, which in enumerate(HALVES):
        own = {who: np.flatnonzero(faces.person == who) for who in half(people, number)}
        if len(own) < 2:
            continue
        alone = [halves(faces.encoding[places], faces.quality[places], rule) is not None for places in own.values()]
        whole, few = (_together(faces, own, rule, guests) for guests in (None, _GUESTS))
        yield [
            name, which, f"{sum(alone)} of {len(alone)}", f"{whole[1]} of {whole[0]}", str(whole[2]),
            f"{few[1]} of {few[0]}", str(few[2]), *_outliers(faces, own, rule),
        ]  # fmt: skip


def _together(faces: Faces, own: dict[str, np.ndarray], rule: Rule, guests: int | None) -> tuple[int, int, int]:
    """How many folders of two people there are, are found, and are parted exactly."""
    means = {who: faces.encoding[places].mean(axis=0) for who, places in own.items()}
    random = np.random.default_rng(0)
    folders = found = right = 0
    for who, places in own.items():
        near = sorted(own, key=lambda other: float(np.linalg.norm(means[who] - means[other])))
        for other in [near[place] for place in _NEIGHBOURS if place < len(near)]:
            with_them = np.concatenate([places, random.permutation(own[other])[:guests]])
            truth = faces.person[with_them] == who
            two = halves(faces.encoding[with_them], faces.quality[with_them], rule)
            folders += 1
            found += two is not None
            right += two is not None and (two.first == truth).all() | (two.first != truth).all()
    return folders, found, int(right)


def _outliers(faces: Faces, own: dict[str, np.ndarray], rule: Rule) -> tuple[str, str]:
    """Faces that are called outliers where every face lies right; and one of each person that lies with a stranger."""
    names = sorted(own)
    right = [_sighting(faces, place, who) for who in names for place in own[who].tolist()]
    called = len(audit(right, lambda _: None, [], [], rule).outliers)
    caught = 0
    # One stranger at a time would take long: in each turn a face of every second person lies with the next person.
    for first in (0, 1):
        wrong = {int(own[who][0]): other for who, other in zip(names[first::2], names[1 - first :: 2], strict=False)}
        moved = [_sighting(faces, face.id, wrong.get(face.id, face.person or "")) for face in right]
        caught += len({out.face.id for out in audit(moved, lambda _: None, [], [], rule).outliers} & wrong.keys())
    turns = sum(len(list(zip(names[first::2], names[1 - first :: 2], strict=False))) for first in (0, 1))
    return f"{called} of {len(right)}", f"{caught} of {turns}"


def _sighting(faces: Faces, place: int, person: str) -> Sighting:
    return Sighting(
        place, str(place), person, None, encoding=faces.encoding[place], quality=float(faces.quality[place])
    )
