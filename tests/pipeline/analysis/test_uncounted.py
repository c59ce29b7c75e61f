"""Faces that do not count are covered where strangers are shown to nobody."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np

from face_classifier.core.types import Box, Frame
from face_classifier.pipeline.analysis.uncounted import Uncounted

NOISE = np.random.default_rng(1).integers(0, 255, (200, 400, 3), np.uint8)


def frame(position: float) -> Frame:
    return Frame(
        NOISE, "door", None, 0, position, 0.02, datetime.now(timezone.utc), main=NOISE.repeat(2, 0).repeat(2, 1)
    )


def is_covered(made: Frame, box: Box) -> bool:
    assert made.main is not None
    inside = made.image[box.top : box.bottom, box.left : box.right]
    main = made.main[2 * box.top : 2 * box.bottom, 2 * box.left : 2 * box.right]
    counts = {len(np.unique(part.reshape(-1, 3), axis=0)) for part in (inside, main)}
    assert len({count > 16 for count in counts}) == 1
    return max(counts) <= 16


def test_a_face_that_is_missed_for_a_moment_stays_covered_in_both_pictures():
    uncounted, box = Uncounted(), Box(60, 140, 100, 100)
    assert is_covered(uncounted.cover(frame(0.0), [], [box]), box)
    assert is_covered(uncounted.cover(frame(0.5), [], []), box)
    assert not is_covered(uncounted.cover(frame(1.5), [], []), box)


def test_nothing_around_a_face_that_begins_to_count_stays_covered():
    uncounted = Uncounted()
    uncounted.cover(frame(0.0), [], [Box(60, 140, 100, 100)])
    made = uncounted.cover(frame(0.1), [Box(60, 144, 100, 104)], [])
    assert np.array_equal(made.image, NOISE)
