"""Many people: what matching costs, and how often a stranger is taken for somebody.

    python benchmarks/matching.py                 # two minutes, beside encoding data/lfw once
    python benchmarks/matching.py --encoder sface --cache DIR

First one probe at a time, all at once, and one at a time after they were foreseen, in one run, on made-up
people. Then false matches per probe
with the threshold as it is and as it falls with the number of people: of strangers in `lfw`, as far as its people go,
and of made-up people with the same means and covariances; and what that costs of the own faces. Last what the fall was
chosen by, on either half of the people.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import NormalDist

import numpy as np
import testdata
from recognition.faces import HALVES, Faces, Floats, Ints, of_half, tell
from recognition.report import table
from recognition.sets import load, sets

from face_classifier.identity.matching.nearest import EncodingRows
from face_classifier.identity.profiles import BY_ENCODER, EncoderProfile
from face_classifier.vision.engine import make_engine

SIZES = 1_000, 10_000, 100_000, 1_000_000
PROBES, ROUNDS = 256, 7
CROWDS = 100, 300, 1_000, 10_000, 100_000
EACH = 4  # faces of a made-up person
STRANGERS = 2_000
TAIL = np.logspace(-2, -4, 20)  # rates of false matches to which a Gaussian tail is fitted


def costs() -> Iterator[list[str]]:
    """Milliseconds of CPU a probe."""
    for people in SIZES:
        dice = np.random.default_rng(people)
        rows = EncodingRows()
        for encoding in _face_like(dice, people):
            rows.append(encoding)
        probes = _face_like(dice, PROBES)
        spent: list[list[float]] = []
        for _ in range(ROUNDS):
            began = time.process_time()
            alone = [rows.nearest(probe) for probe in probes]
            after_alone = time.process_time()
            at_once = rows.nearest_each(probes)
            after_at_once = time.process_time()
            rows.foresee(probes)
            foreseen = [rows.nearest(probe) for probe in probes]
            rows.foresee(probes[:0])
            spent.append([after_alone - began, after_at_once - after_alone, time.process_time() - after_at_once])
            assert alone == at_once == foreseen, "the answers differ"
        columns = list(zip(*spent, strict=True))
        cells = [f"{1000 * statistics.median(columns[0]) / PROBES:.3f}"]
        for times in columns[1:]:
            ratio = statistics.median(one / other for one, other in zip(columns[0], times, strict=True))
            cells.append(f"{1000 * statistics.median(times) / PROBES:.3f} ({ratio:.1f} x)")
        yield [f"{people:,}", *cells]


def _face_like(dice: np.random.Generator, number: int) -> Floats:
    """Numbers that are spread as those of real faces: strangers .8 apart, and much alike by a common mean."""
    return np.asarray(dice.normal(0.08, 0.05, (number, 128)))


class Crowd:
    """People by their averages, as `PersonDB` measures how far a face is from them."""

    def __init__(self, means: Floats, scatter: Floats, spread: float) -> None:
        """``means``: (people, 128); ``scatter``: (people,)."""
        self._means, self._handicap = means, spread * scatter

    def distances(self, faces: Floats) -> Floats:
        """(faces, people)."""
        squared = (faces**2).sum(axis=1)[:, None] - 2 * faces @ self._means.T + (self._means**2).sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(squared + self._handicap, 0)))


def _people(faces: Faces) -> tuple[Floats, Floats, Ints]:
    """Averages and scatter of the people, and the person of each face."""
    person = np.unique(faces.person, return_inverse=True)[1]
    count = np.bincount(person)
    total = np.zeros((len(count), faces.encoding.shape[1]))
    np.add.at(total, person, faces.encoding)
    means = total / count[:, None]
    squares = np.bincount(person, (faces.encoding**2).sum(axis=1)) / count
    return means, np.maximum(squares - (means**2).sum(axis=1), 0), person


def among_real(faces: Faces, people: int, profile: EncoderProfile, draws: int = 40) -> tuple[Floats, Floats]:
    """How far strangers are from the nearest of so many people of ``faces``, and own faces from the rest of theirs."""
    means, scatter, person = _people(faces)
    away = Crowd(means, scatter, profile.spread).distances(faces.encoding)
    dice, nearest = np.random.default_rng(0), []
    for _ in range(draws):
        there = np.zeros(len(means), bool)
        there[dice.choice(len(means), min(people, len(means) * 9 // 10), replace=False)] = True
        nearest.append(away[~there[person]][:, there].min(axis=1))
    return np.concatenate(nearest), _own(faces, person, profile)


def _own(faces: Faces, person: Ints, profile: EncoderProfile) -> Floats:
    found = []
    for number in np.flatnonzero(np.bincount(person) > EACH):
        own = faces.encoding[person == number]
        for place in range(len(own)):
            rest = np.delete(own, place, axis=0)
            scatter = np.array([rest.var(axis=0).sum()])
            found.append(Crowd(rest.mean(axis=0)[None], scatter, profile.spread).distances(own[place][None])[0, 0])
    return np.array(found)


def among_made_up(faces: Faces, people: int, profile: EncoderProfile) -> Floats:
    """How far made-up strangers are from the nearest of so many made-up people, with the statistics of ``faces``."""
    means, _, person = _people(faces)
    dice = np.random.default_rng(people)
    within = np.cov((faces.encoding - means[person]).T) * len(person) / (len(person) - len(means))
    between = np.cov(means.T)

    def drawn(covariance: Floats, number: int) -> Floats:
        values, vectors = np.linalg.eigh(covariance)
        return dice.normal(size=(number, len(values))) * np.sqrt(np.maximum(values, 0)) @ vectors.T

    def length(encodings: Floats) -> Floats:
        least, most = profile.lengths
        lengths = np.linalg.norm(encodings, axis=-1, keepdims=True)
        return np.asarray(encodings / lengths * np.clip(lengths, least, most))

    strangers = length(means.mean(axis=0) + drawn(between, STRANGERS) + drawn(within, STRANGERS))
    nearest = np.full(STRANGERS, np.inf)
    for start in range(0, people, 5_000):
        number = min(5_000, people - start)
        centres = means.mean(axis=0) + drawn(between, number)
        seen = length(centres[:, None] + drawn(within, number * EACH).reshape(number, EACH, -1))
        crowd = Crowd(seen.mean(axis=1), seen.var(axis=1).sum(axis=1), profile.spread)
        np.minimum(nearest, crowd.distances(strangers).min(axis=1), out=nearest)
    return nearest


def rates(faces: Faces, profile: EncoderProfile) -> Iterator[list[str]]:
    """Strangers who are taken for somebody, and own faces that are known, before and after."""
    for people in CROWDS:
        limits = profile.threshold, profile.threshold_for(people)
        crowds = {"made up": (among_made_up(faces, people, profile), None)}
        if people < len(np.unique(faces.person)):
            crowds["lfw"] = among_real(faces, people, profile)
        own = _own(faces, _people(faces)[2], profile)
        for name, (strangers, _) in sorted(crowds.items()):
            taken = [f"{100 * (strangers < limit).mean():.2f}" for limit in limits]
            known = [f"{100 * (own < limit).mean():.1f}" for limit in limits]
            yield [f"{people:,} {name}", f"{limits[1]:.3f}", *taken, *known]


def tails(faces: Faces, profile: EncoderProfile) -> Iterator[list[str]]:
    """Of either half the Gaussian tail of distances to other people, and by how much a limit has to fall by it."""
    normal = NormalDist()
    for number, half in enumerate(HALVES):
        some = of_half(faces, number)
        means, scatter, person = _people(some)
        away = Crowd(means, scatter, profile.spread).distances(some.encoding)
        other = np.sort(away[person[:, None] != np.arange(len(means))])
        at = other[(TAIL * len(other)).astype(int)]
        slope, offset = np.polyfit(at, [normal.inv_cdf(rate) for rate in TAIL], 1)
        rate = normal.cdf(offset + slope * profile.threshold)
        falls = [(normal.inv_cdf(rate * CROWDS[0] / people) - offset) / slope for people in (1_000, 10_000, 100_000)]
        each = (profile.threshold - falls[2]) / 3
        yield [half, f"{1 / slope:.3f}", f"{rate:.1e}", *(f"{fall:.3f}" for fall in falls), f"{each:.3f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--encoder", choices=(*BY_ENCODER, "both"), default="both")
    cache = Path(tempfile.gettempdir()) / "face-classifier-identity"
    parser.add_argument("--cache", type=Path, default=cache, help="where encodings are kept (default: temporary)")
    chosen = testdata.parse(parser)
    print(*table(("people", "alone, CPU ms", "256 at once", "256 foreseen"), costs()), sep="\n")
    (lfw,) = [one for one in sets(chosen.data) if one.name == "lfw"]
    for encoder in BY_ENCODER if chosen.encoder == "both" else (chosen.encoder,):
        faces = load(lfw, make_engine("fast", None, 1.0, tell, encoder), chosen.cache)
        profile = BY_ENCODER[encoder]
        head = "people", "limit", "strangers taken, %", "with the limit", "own faces known, %", "with the limit"
        print(f"\n{encoder}\n", *table(head, rates(faces, profile)), sep="\n")
        head = "people of lfw", "sigma", "rate a pair", "limit for 1,000", "10,000", "100,000", "a tenfold"
        print("", *table(head, tails(faces, profile)), sep="\n", flush=True)


if __name__ == "__main__":
    main()
