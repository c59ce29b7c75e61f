"""Small galleries: random people, few of them, each draw through the real pipeline into a result folder of its own.

A first-time user has a handful of people, and no cohort tells how far strangers are apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recognition.faces import HALVES, half, tell
from recognition.replay import Outcome, Recorder, outcome

DRAWS = 40
_PHOTOS = 3  # of each of twenty people


@dataclass(frozen=True)
class Kind:
    """A kind of small gallery, and all who may be drawn."""

    name: str
    sources: dict[str, list[Path]]  # of each person
    people: int  # in a draw
    each: int  # sources of a person


@dataclass(frozen=True)
class Drawn:
    """What became of the draws of one kind: after each face was placed, and after second thoughts."""

    name: str
    online: list[Outcome]
    finally_: list[Outcome]


def kinds(data: Path) -> Iterator[Kind]:
    """Those of all people first, then those of either half of them."""
    clips = {path.stem: [path] for path in sorted((data / "videos" / "webcam").glob("*.*"))}
    photos: dict[str, list[Path]] = {}
    for path in sorted((data / "lfw").glob("*/*.jpg")):
        photos.setdefault(path.parent.name, []).append(path)
    photos = {name: own for name, own in photos.items() if len(own) >= _PHOTOS}
    yield Kind("10 webcam clips", clips, 10, 1)
    yield Kind("6 webcam clips", clips, 6, 1)
    yield Kind("60 photos of 20 people", photos, 20, _PHOTOS)
    for number, name in enumerate(HALVES):
        yield Kind(f"6 webcam clips, {name}", _some(clips, number), 6, 1)
        yield Kind(f"60 photos of 20 people, {name}", _some(photos, number), 20, _PHOTOS)


def of_scenes(scenes: Mapping[str, Path]) -> Kind:
    """All scenes of the demo, two people, in random orders."""
    people: dict[str, list[Path]] = {}
    for name, path in scenes.items():
        people.setdefault(name.partition(" ")[0], []).append(path)
    return Kind("the demo's scenes", people, len(people), len(scenes))


def _some(sources: dict[str, list[Path]], number: int) -> dict[str, list[Path]]:
    return {name: sources[name] for name in half(list(sources), number)}


def drawn(kind: Kind, recorder: Recorder, draws: int = DRAWS, **chosen: Any) -> Drawn:
    """So many draws of a kind with the seeds 0, 1, ...; ``chosen``: settings that are not the program's defaults."""
    answer = Drawn(kind.name, [], [])
    for seed in range(draws):
        random = np.random.default_rng(seed)
        people = random.permutation(sorted(kind.sources))[: kind.people].tolist()
        shown = [(name, path) for name in people for path in random.permutation(kind.sources[name])[: kind.each]]
        shown = [shown[place] for place in random.permutation(len(shown))]
        records = [recorder.record(path, **chosen) for _, path in shown]
        person_of = {str(path): name for name, path in shown}
        placed = recorder.placed(records, **chosen)
        answer.online.append(outcome(placed.online, records, person_of))
        answer.finally_.append(outcome(placed.finally_, records, person_of))
        if answer.finally_[-1].shared:
            tell(f"{kind.name}, draw {seed}: strangers share {answer.finally_[-1].shared} folders")
    return answer


def rows(several: Sequence[Drawn]) -> Iterator[list[str]]:
    """Cells of a table: `HEAD`."""
    for one in several:
        cells = [one.name, str(len(one.finally_))]
        for outcomes in (one.online, one.finally_):
            cells += [
                str(sum(each.shared > 0 for each in outcomes)),
                str(sum(len(each.split) for each in outcomes)),
                str(sum(len(each.without) for each in outcomes)),
            ]
        yield cells


HEAD = [
    "", "draws", "online: strangers share", "people split", "without", "after second thoughts: strangers share",
    "people split", "without",
]  # fmt: skip
