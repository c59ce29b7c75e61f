"""Faces that are not to be known: a few blocks with hair and chin, in everything that is drawn of a frame."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.core.types import Box, Face, Frame, Image, Search, Seen
from face_classifier.display.captures import Captures
from face_classifier.display.overlay import annotate, make_unknowable
from face_classifier.vision.engine import Engine


@pytest.fixture(scope="module")
def pair(portraits: dict[str, Image], faces: dict[str, Face]) -> tuple[Image, Box, Box]:
    """Two presidents side by side, and the boxes of their faces."""
    one, other = portraits["obama.jpg"], portraits["biden.jpg"]
    height = max(len(one), len(other))
    picture = np.zeros((height, one.shape[1] + other.shape[1], 3), np.uint8)
    picture[: len(one), : one.shape[1]], picture[: len(other), one.shape[1] :] = one, other
    return picture, faces["obama.jpg"].box, faces["biden.jpg"].box.moved(one.shape[1], 0)


def colours(image: Image) -> int:
    return len(np.unique(image.reshape(-1, 3), axis=0))


def test_nothing_is_left_of_a_hidden_face_but_a_few_blocks(pair: tuple[Image, Box, Box], engine: Engine) -> None:
    picture, known, stranger = pair
    drawn = picture.copy()
    make_unknowable(drawn, stranger)
    around = drawn[
        max(0, stranger.top - stranger.height // 2) : stranger.bottom + stranger.height // 2,
        stranger.left - stranger.width // 2 : stranger.right + stranger.width // 2,
    ]
    assert colours(around) <= 16
    assert around.shape[0] >= 1.9 * stranger.height
    found = [detection.box for detection in engine.search(drawn, Search.THOROUGH)]
    assert [box.overlap(known) > 0.5 for box in found] == [True]
    untouched = slice(known.top, known.bottom), slice(known.left, known.right)
    assert np.array_equal(drawn[untouched], picture[untouched])


def test_the_same_blocks_come_of_faces_that_have_the_same_means(pair: tuple[Image, Box, Box]) -> None:
    picture, known, _ = pair
    shuffled, first = picture.copy(), picture.copy()
    make_unknowable(first, known)
    top, left = known.top - known.height // 2, known.left - known.width // 2
    height, width = 2 * (known.height // 2) + known.height, 2 * (known.width // 2) + known.width
    rows, columns = height // 4, width // 4
    block = shuffled[top : top + rows, left : left + columns]
    block[:] = np.random.default_rng(1).permutation(block.reshape(-1, 3)).reshape(block.shape)
    make_unknowable(shuffled, known)
    assert np.abs(shuffled.astype(int) - first).max() <= 8, "where the pixels lay in a block is lost"


def test_the_hidden_are_pixelated_and_named_the_forgotten_pixelated_alone(pair: tuple[Image, Box, Box]) -> None:
    picture, known, stranger = pair
    hidden = annotate(picture, [Seen(known, "Ann"), Seen(stranger, None, hidden=True)])
    forgotten = annotate(picture, [Seen(known, "Ann"), Seen(stranger, None, forgotten=True)])
    inside = slice(stranger.top + 20, stranger.bottom - 20), slice(stranger.left + 20, stranger.right - 20)
    for drawn in (hidden, forgotten):
        assert colours(drawn[inside]) <= 16
    assert np.array_equal(hidden[inside], forgotten[inside])
    below = slice(stranger.bottom, None), slice(stranger.left, stranger.right)
    assert colours(hidden[below]) > colours(forgotten[below]), "the name stands under the one, and not under the other"


def test_a_hidden_face_at_the_edge_of_a_picture_is_pixelated_as_far_as_it_is_there(
    pair: tuple[Image, Box, Box],
) -> None:
    picture, known, _ = pair
    cropped = np.ascontiguousarray(picture[known.top + known.height // 2 :, known.left + known.width // 2 :])
    box = known.moved(-known.left - known.width // 2, -known.top - known.height // 2)
    make_unknowable(cropped, box)
    assert colours(cropped[: box.bottom, : box.right]) <= 16
    make_unknowable(cropped, Box(-50, -10, -20, -40))  # outside


def test_captures_show_the_hidden_pixelated(pair: tuple[Image, Box, Box], tmp_path: Path) -> None:
    picture, known, stranger = pair
    captures = Captures(tmp_path / "captures", pytest.fail)
    frame = Frame(picture, "door", None, 0, 0.0, 0.02, datetime(2026, 11, 6, tzinfo=timezone.utc))
    captures.show(frame, [Seen(known, "Ann", face="a"), Seen(stranger, None, face="b", hidden=True)])
    captures.flush()
    captures.close()
    (path,) = (tmp_path / "captures").glob("*.png")
    drawn = cv2.imread(str(path))
    inside = slice(stranger.top + 20, stranger.bottom - 20), slice(stranger.left + 20, stranger.right - 20)
    assert colours(drawn[inside]) <= 16
    assert b'"b"' in path.read_bytes(), "whoever forgets that face finds the capture"
