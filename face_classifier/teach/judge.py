"""Whether a picture shows one face that is good enough to enrol, and if not, why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from face_classifier.core.types import Detection, Image, cut
from face_classifier.curate.enrolment import AWAY, BLURRED, BRIGHT, CROWD, CUT_OFF, DARK, NO_FACE, TINY, UNSURE
from face_classifier.vision.quality import Quality, assess

_BYSTANDER = 0.5  # times as tall as the largest face: whoever is smaller stands in the background
_UNSURE = 0.02  # quality below which a second face in the frame may be none

# Parts of a quality below which a face is declined. Portraits of LFW made worse step by step have their encodings
# shifted there by a median L2 of .2 (size, wholeness), .4 (sharpness) and .14 (light). Of the 1,936 portraits that show
# one person 99.7 % are above all of them.
_LIMITS = Quality(size=0.5, sharpness=0.7, light=0.25, wholeness=0.6, pose=0.35, score=0.5)

_GOOD_LIGHT = 120.0  # grey levels: the mean of 102 faces in LFW


def judge(image: Image, detections: Sequence[Detection]) -> tuple[int, str | None]:
    """Which face a picture is about, and why it cannot be enrolled, a key of ``HINTS``; None if it can.

    ``image``: (height, width, 3) uint8, BGR. Small faces in the background do not count.
    """
    if not detections:
        return 0, NO_FACE
    number = max(range(len(detections)), key=lambda index: detections[index].box.area)
    largest = detections[number]
    tall = _BYSTANDER * largest.box.height
    near = [
        other
        for other in detections
        if other.box.height >= tall and (other.quality is None or other.quality >= _UNSURE)
    ]
    if len(near) > 1:
        return number, CROWD
    quality = assess(image, largest)
    worst, field = min(
        (value / limit, name) for name, value, limit in zip(quality._fields, quality, _LIMITS, strict=True)
    )
    if worst >= 1:
        return number, None
    if field == "sharpness" and _is_sharp_in_good_light(image, largest):
        return number, DARK
    if field == "light":
        return number, BRIGHT if cut(image, largest.box).mean() > 128 else DARK
    return number, {"size": TINY, "sharpness": BLURRED, "wholeness": CUT_OFF, "pose": AWAY, "score": UNSURE}[field]


def _is_sharp_in_good_light(image: Image, detection: Detection) -> bool:
    """Whether a dark face only seems to be blurred: details are fainter there, too."""
    face = cut(image, detection.box)
    gain = _GOOD_LIGHT / max(1.0, float(face.mean()))
    lit = np.clip(face * gain, 0, 255).astype(np.uint8)
    there = detection.moved(-detection.box.left, -detection.box.top)
    return gain > 1 and assess(lit, there).sharpness >= _LIMITS.sharpness
