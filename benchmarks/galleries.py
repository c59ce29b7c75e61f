"""What second thoughts depend on: one number of the rule at a time, on either half of the people; and who never met.

    python benchmarks/galleries.py --encoder sface          # a minute, beside encoding the sets once
    python benchmarks/galleries.py --part meetings --encoder dlib

*numbers* prints edits to clean with all people, and with either half of them, for the rule as it is and with one number
changed. *meetings* makes albums of group photos, four faces each of different people of a set (seeds 0, 1, 2), with
and without what people who never met say.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import testdata
from recognition.faces import HALVES, NOBODY, Faces, Ints, numbered, of_half, tell
from recognition.photos import albums
from recognition.report import table
from recognition.rules import grouped, thought_again
from recognition.scores import scores
from recognition.sets import load, sets

from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.profiles import BY_ENCODER
from face_classifier.vision.engine import make_engine

# What is added to each number.
CHANGES: dict[str, Sequence[float]] = {
    "limit": (-0.02, -0.01, 0.01, 0.02),
    "members": (-0.02, -0.01, 0.01, 0.02),
    "guests": (-0.02, -0.01, 0.01, 0.02),
    "lonely": (-0.02, -0.01, 0.01, 0.02),
    "lead": (-0.06, -0.03, 0.03),
    "fall": (-0.027, -0.0135, 0.0135),
    "lasting": (-3.0, -2.0, 2.0, 3.0),
    "known": (-1, 1),
    "meeting": (-0.0134, 0.0134),
}
MADE_UP = "asian_kpop15, photos", "sports5, photos", "tv_bbt_crops + groups/bbt*, photos"
SEEDS, EACH = 3, 4


def grouping(faces: Faces, rule: Rule) -> Ints:
    """Second thoughts of an album; of a set whose tracks have several faces, of a run."""
    if len(np.unique(faces.track)) == len(faces.track):
        return grouped(faces, np.arange(len(faces.track)), rule)
    return thought_again(faces, rule)


def cells(of: Sequence[Faces], rule: Rule) -> list[str]:
    """Edits with all people / with the first half / with the second, of each set."""
    return [
        " / ".join(
            str(scores(some, grouping(some, rule))["edits"])
            for some in (faces, *(of_half(faces, number) for number in range(len(HALVES))))
        )
        for faces in of
    ]


def numbers(of: Sequence[Faces], rule: Rule) -> Iterator[list[str]]:
    """A row for the rule as it is, and one for each change."""
    yield ["as it is", *cells(of, rule)]
    for name, changes in CHANGES.items():
        now = getattr(rule, name)
        if not np.isfinite(now):
            continue
        for change in changes:
            value = type(now)(round(now + change, 4))
            yield [f"{name} {value:g}", *cells(of, replace(rule, **{name: value}))]


def album(faces: Faces, seed: int) -> Faces:
    """The scored faces in made-up photos: `EACH` of different people, who have as many left as may be."""
    dice = np.random.default_rng(seed)
    scored = np.flatnonzero(faces.person != NOBODY)
    left = {name: dice.permutation(scored[faces.person[scored] == name]).tolist() for name in np.unique(faces.person)}
    photo, count = np.zeros(len(faces.person), np.int64), 0
    while there := [name for name, places in left.items() if places]:
        share = np.array([len(left[name]) for name in there], float)
        for name in dice.choice(there, min(EACH, len(there)), replace=False, p=share / share.sum()):
            photo[left[name].pop()] = count
        count += 1
    columns = vars(faces) | {"frame": photo, "source": photo, "track": np.arange(len(photo))}
    return numbered(Faces(**{name: column[scored] for name, column in columns.items()}))


def meetings(of: Faces, rule: Rule) -> list[str]:
    """F / edits of made-up albums on the average: without, and with what people who never met say."""
    found = []
    for tried in (replace(rule, meeting=0.0), rule):
        told = [scores(one, grouping(one, tried)) for one in map(partial(album, of), range(SEEDS))]
        found.append(f"{np.mean([one['f'] for one in told]):.3f} / {np.mean([one['edits'] for one in told]):.1f}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--encoder", choices=tuple(BY_ENCODER), default="sface")
    parser.add_argument("--part", choices=("numbers", "meetings"), action="append", default=[])
    cache = Path(tempfile.gettempdir()) / "face-classifier-identity"
    parser.add_argument("--cache", type=Path, default=cache, help="where encodings are kept (default: temporary)")
    chosen = testdata.parse(parser)
    engine, rule = make_engine("fast", None, 1.0, tell, chosen.encoder), BY_ENCODER[chosen.encoder].rule
    wanted = [one for one in sets(chosen.data) if one.name == "lfw"] + albums(chosen.data)
    of = {one.name: load(one, engine, chosen.cache) for one in wanted}
    if "numbers" in (chosen.part or ["numbers"]):
        print(f"{chosen.encoder}: edits with all people / {' / '.join(HALVES)}", end="\n\n")
        print("\n".join(table(["", *of], numbers(list(of.values()), rule))), end="\n\n")
    if "meetings" in (chosen.part or ["meetings"]):
        rows = [[name, *meetings(of[name], rule)] for name in MADE_UP]
        print(f"{chosen.encoder}: made-up group photos, F / edits", end="\n\n")
        print("\n".join(table(["", "without", "with"], rows)))


if __name__ == "__main__":
    main()
