"""Where children lie among encodings: `python benchmarks/children.py [--encoder dlib|sface]`.

Children of different families lie nearer to each other than adults do. Along which direction of an encoder's space they
lie, and how child-like a face is, is fitted here for `identity/certainty.py`: a ridge regression on some 3,700 faces,
129 numbers. First come the people of either half by what was fitted to the other: how child-like they are, and how
albums are grouped. The last lines are fitted to all of them; they ship.

The targets are how much nearer than adults strangers of an age are (the hundredth part of pairs that is nearest), in
what babies are. Who is how old was judged by eye.
"""

from __future__ import annotations

import argparse
import tempfile
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import testdata
from recognition.faces import HALVES, Faces, Floats, half, of_half, tell
from recognition.photos import albums
from recognition.rules import THRESHOLDS, grouped
from recognition.scores import scores
from recognition.sets import load, sets

from face_classifier.vision.engine import make_engine

BABY, SMALL, SCHOOL = 1.0, 0.55, 0.25
AGES = {"babies": BABY, "small children": SMALL, "schoolchildren": SCHOOL}
WITH_CHILDREN = "twins, photos", "age31, photos"
TWINS = {  # `t001.jpg` is 1
    BABY: (1, 3, 5, 7, 19, 23, 25, 27, 41, 45, 47, 109),
    SMALL: (13, 29, 31, 33, 51, 55, 59, 63, 99, 101, 103),
    SCHOOL: (35, 37, 84, 91, 93, 97, 98, 105),
}
BOTH_AGES = 71, 75  # adults stand beside children
AGE31 = {  # pictures in sorted order, from 0
    BABY: (13, 36),
    SMALL: (
        6, 17, 18, 19, 22, 44, 45, 49, 50, 54, 62, 63, 68, 74, 77, 78, 95, 101, 102, 117, 125, 126, 130, 131, 132, 137,
    ),
    SCHOOL: (2, 7, 23, 27, 28, 55, 67, 69, 73, 89, 94, 105, 106, 118, 121, 122, 129),
}  # fmt: skip
ADULTS = {  # how much the adults of a set count together
    "lfw": 1.0, "asian_kpop15": 0.6, "tv_bbt_crops": 0.3, "all single-person clips": 0.4, "tv_talkshow_frames": 0.2,
    "sports5, photos": 0.3, "celeb13_photos, photos": 0.1, "asian_aespa4, photos": 0.2, "twins, photos": 0.4,
    "age31, photos": 0.4,
}  # fmt: skip
CHILDREN = 0.4  # of what all adults count
SHRINKAGE = 0.3  # how much of the mean variance is added to each
LEAST_QUALITY = 0.2
DIGITS = 1000


class Sample:
    """Good faces, what each counts, and how child-like it is."""

    def __init__(self, name: str, faces: Faces) -> None:
        self.family = np.array([person.partition("/")[0] for person in faces.person.tolist()])
        good = faces.scored & (faces.quality >= LEAST_QUALITY)
        age = np.zeros(len(good))
        if name.startswith("twins"):
            number = np.array([int(family[1:]) for family in self.family.tolist()])
            good &= ~np.isin(number, BOTH_AGES)
            for target, numbers in TWINS.items():
                age[np.isin(number, numbers)] = target
            good &= ~((age > 0) & (np.char.find(faces.person, "another") >= 0))  # adults in the background
        elif name.startswith("age31"):
            for target, numbers in AGE31.items():
                age[np.isin(faces.source, numbers)] = target
        self.family, self.encoding, self.age = self.family[good], faces.encoding[good], age[good]
        self.weight = _weights(faces.person[good], self.age, ADULTS[name])

    def rows(self, there: np.ndarray) -> tuple[Floats, Floats, Floats]:
        return self.encoding[there], self.age[there], self.weight[there]


def _weights(person: np.ndarray, age: Floats, adults: float) -> Floats:
    """(faces,) A person's faces count by the root of how many they are; whoever is there at two ages counts twice."""
    keys = np.char.add(person, age.astype(str))
    _, into, counts = np.unique(keys, return_inverse=True, return_counts=True)
    weight = 1 / np.sqrt(counts[into.reshape(-1)])
    weight[age == 0] *= adults / max(weight[age == 0].sum(), 1e-9)
    return np.asarray(weight, np.float64)


def fitted(encoding: Floats, age: Floats, weight: Floats) -> tuple[Floats, float]:
    """(128,) weights and a constant: weighted ridge regression of the ages on the encodings."""
    weight = weight.copy()
    weight[age > 0] *= CHILDREN * weight[age == 0].sum() / weight[age > 0].sum()
    weight /= weight.sum()
    mean, level = weight @ encoding, float(weight @ age)
    off = encoding - mean
    covariance = (off * weight[:, None]).T @ off
    covariance += SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    axis = np.linalg.solve(covariance, (off * weight[:, None]).T @ (age - level))
    return axis, level - float(mean @ axis)


def joined(samples: dict[str, Sample], there: dict[str, np.ndarray]) -> tuple[Floats, Floats, Floats]:
    parts = [sample.rows(there[name]) for name, sample in samples.items()]
    encoding, age, weight = (np.concatenate([part[column] for part in parts]) for column in range(3))
    return encoding, age, weight


def told(encoder: str, sets_of: dict[str, Faces]) -> None:
    """Print how well either half fits the other, and the numbers that ship."""
    samples = {name: Sample(name, faces) for name, faces in sets_of.items()}
    everybody = {name: np.ones(len(sample.age), bool) for name, sample in samples.items()}
    halves = [
        {name: np.isin(one.family, half(np.unique(one.family).tolist(), number)) for name, one in samples.items()}
        for number in range(2)
    ]
    fits = [fitted(*joined(samples, halves[1 - number])) for number in range(2)]
    print(f"\n{encoder}: how child-like faces are by the other half, mean and 95th percentile (faces)\n")
    print(f"| | {' | '.join(HALVES)} |\n| --- | --- | --- |")
    rows = {f"{name}, adults": (name, 0.0) for name in samples}
    rows |= {f"{name}, {word}": (name, age) for name in WITH_CHILDREN for word, age in AGES.items()}
    for title, (name, age) in rows.items():
        cells = []
        for (axis, constant), there in zip(fits, halves, strict=True):
            encoding, ages, _ = samples[name].rows(there[name])
            found = encoding[ages == age] @ axis + constant
            cells.append(f"{found.mean():.2f}, {np.percentile(found, 95):.2f} ({len(found)})" if len(found) else "")
        print(f"| {title} | {' | '.join(cells)} |")
    print(f"\n{encoder}: BCubed precision, F and edits of albums without doubts, and with the other half's\n")
    print("| | " + " | ".join(f"{one}, without | with" for one in HALVES) + " |\n|" + " --- |" * 5)
    for name in (name for name in samples if name.endswith("photos")):
        cells = [cell for number, fit in enumerate(fits) for cell in grouped_by(encoder, sets_of[name], number, *fit)]
        print(f"| {name} | {' | '.join(cells)} |")
    axis, constant = fitted(*joined(samples, everybody))
    digits = " ".join(f"{number:.0f}" for number in axis * DIGITS)
    print(f"\nof all of them, in {DIGITS}ths: {constant * DIGITS:.0f} and\n\n{textwrap.fill(digits, 112)}")


def grouped_by(encoder: str, faces: Faces, number: int, axis: Floats, constant: float) -> list[str]:
    """How right groups of a half are without doubts, and with those by an axis."""
    rule, some = THRESHOLDS[encoder].ours.rule, of_half(faces, number)
    assert rule.certainty is not None
    cells = []
    for certainty in (None, replace(rule.certainty, axis=axis, constant=constant)):
        right = scores(some, grouped(some, np.arange(len(some.track)), replace(rule, certainty=certainty)))
        cells.append(f"{right['precision']:.3f}, {right['f']:.3f}, {right['edits']}")
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--encoder", action="append", choices=list(THRESHOLDS), help="only this one")
    cache = Path(tempfile.gettempdir()) / "face-classifier-identity"
    parser.add_argument("--cache", type=Path, default=cache, help="where encodings are kept (default: temporary)")
    chosen = testdata.parse(parser)
    for encoder in chosen.encoder or THRESHOLDS:
        engine = make_engine("fast", None, 1.0, tell, encoder)
        found = [one for one in (*sets(chosen.data), *albums(chosen.data)) if one.name in ADULTS]
        told(encoder, {one.name: load(one, engine, chosen.cache) for one in found})


if __name__ == "__main__":
    main()
