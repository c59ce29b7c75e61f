"""How right labels are, and the threshold that finds itself."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from face_classifier.curate.questions.evaluate import evaluate
from face_classifier.identity.calibrate import Calibration, calibrate
from face_classifier.identity.grouping.templates import shared_frames
from recognition.faces import Faces, Floats, Ints, Numbers
from recognition.rules import Thresholds, online, thought_again


def scores(faces: Faces, label: Ints) -> Numbers:
    """The measures of `curate/questions/evaluate.py`, of the faces that are scored."""
    told = evaluate(faces.person[faces.scored].tolist(), label[faces.scored].tolist())
    return {**asdict(told), "f": told.f}


def shuffled(faces: Faces, seed: int) -> Ints:
    """Numbers of the faces with the sources in a random order, the faces of each in their own; 0 = as they are."""
    count = int(faces.source.max()) + 1
    rank = np.random.default_rng(seed).permutation(count) if seed else np.arange(count)
    return np.argsort(rank[faces.source], kind="stable")


def distances(faces: Faces, limits: Thresholds) -> Numbers:
    """Histograms of both kinds of pairs by truth, and what calibration finds without it."""
    encoding, person = faces.encoding[faces.scored], faces.person[faces.scored]
    distance = np.sqrt(np.maximum(_squares(encoding), 0))
    upper = np.triu(np.ones(distance.shape, bool), 1) & (
        faces.frame[faces.scored][:, None] != faces.frame[faces.scored]
    )
    same = upper & (person[:, None] == person)
    bins = np.arange(0, 1.7, 0.02)
    found: Numbers = {
        "bins": [round(float(edge), 2) for edge in bins],
        "same": np.histogram(distance[same], bins)[0].tolist(),
        "different": np.histogram(distance[upper & ~same], bins)[0].tolist(),
    }
    label = thought_again(faces, limits.ours.rule)
    cannot_links, spread = shared_frames(faces.frame, faces.track), limits.ours.spread
    known = calibrate(faces.encoding, faces.track, label, cannot_links, spread=spread)
    return {**found, **thresholds(faces, limits, known)}


def _squares(encoding: Floats) -> Floats:
    squares = (encoding * encoding).sum(axis=1)
    return np.asarray(squares[:, None] + squares - 2 * encoding @ encoding.T)


def thresholds(faces: Faces, limits: Thresholds, known: Calibration | None) -> Numbers:
    """The threshold with which the online rule does best, the calibrated one, and how well it does with each."""
    order = shuffled(faces, 1)

    def f(threshold: float) -> float:
        return float(scores(faces, online(faces, order, replace(limits.ours, threshold=threshold)))["f"])

    default = limits.ours.threshold
    tried = {round(float(factor * default), 3): 0.0 for factor in np.arange(0.65, 1.4, 0.05)}
    tried = {threshold: f(threshold) for threshold in tried}
    best = max(tried, key=lambda threshold: tried[threshold])
    answer: Numbers = {"best": best, "best_f": tried[best], "default": default, "default_f": f(default)}
    if known is not None:
        auto = known.balanced()
        answer |= {"auto": auto, "auto_f": f(auto.value), "one_in_1000": known.threshold(1e-3)}
    return answer
