"""Who was seen together, compared with a search through all pairs."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from face_classifier.gallery.reading.folder_faces import NO_TIME, NO_TRACK, FolderFaces, no_faces
from face_classifier.gallery.reading.together import together

SECOND = 1_000_000  # microseconds
APART = 300 * SECOND
Seen = tuple[str, str | None, int, int]  # person, source, time, track


def people_of(seen: list[Seen]) -> list[FolderFaces]:
    people = []
    for name in sorted({person for person, *_ in seen}):
        own = [one for one in seen if one[0] == name]
        people.append(
            replace(
                no_faces(name),
                ids=np.arange(len(own)),
                sources=[source for _, source, _, _ in own],
                times=np.array([time for *_, time, _ in own], np.int64),
                tracks=np.array([track for *_, track in own], np.int64),
            )
        )
    return people


def by_all_pairs(seen: list[Seen], spans: dict[int, tuple[int, int]]) -> dict[tuple[str, str], tuple[int, int]]:
    """Occasions of each pair, and when the last one was over."""
    stays: dict[tuple[object, ...], list[int]] = {}
    for number, (person, source, time, track) in enumerate(seen):
        if source is not None and time != NO_TIME:
            stays.setdefault((person, source, -2 - number if track == NO_TRACK else track), []).append(time)
    tracks = [track for _, _, track in stays]
    for stay in stays:
        if tracks.count(stay[2]) == 1 and stay[2] in spans:
            stays[stay] = list(spans[stay[2]])  # type: ignore[index]
    met: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for (one, times), (other, others) in combinations(sorted(stays.items(), key=str), 2):
        first, last = max(min(times), min(others)), min(max(times), max(others))
        if one[0] != other[0] and one[1] == other[1] and one[2] != other[2] and first <= last:
            met.setdefault(tuple(sorted((one[0], other[0]))), []).append((first, last))  # type: ignore[arg-type, type-var]
    found = {}
    for pair, meetings in met.items():
        count, until = 0, -(10**18)
        for first, last in sorted(meetings):
            count += first - until > APART
            until = max(until, last)
        found[pair] = count, until
    return found


@pytest.mark.parametrize("seed", range(20))
def test_people_are_together_as_often_as_all_pairs_tell(seed: int) -> None:
    dice = random.Random(seed)
    source_of = {track: dice.choice(["door", "garden"]) for track in range(12)}
    seen: list[Seen] = []
    for _ in range(60):
        track = dice.choice([NO_TRACK, *range(12)])
        source = dice.choice(["door", "garden", None]) if track == NO_TRACK else source_of[track]
        time = dice.choice([NO_TIME, *(dice.randrange(3000) * SECOND for _ in range(9))])
        seen.append((dice.choice("ABCD"), source, time, track))
    spans = {}
    for track in range(0, 12, 2):
        first = dice.randrange(3000) * SECOND
        spans[track] = first, first + dice.randrange(100) * SECOND
    told = {(pair.one, pair.other): (pair.occasions, pair.last) for pair in together(people_of(seen), spans)}
    assert told == by_all_pairs(seen, spans)
    assert told


def test_nobody_is_together_with_anybody_where_nobody_is() -> None:
    assert together([], {}) == []
    assert together(people_of([("A", "door", SECOND, 1)]), {}) == []
