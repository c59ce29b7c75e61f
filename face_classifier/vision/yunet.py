"""The face detector YuNet in ONNX Runtime, and a search with room around the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from face_classifier.core.types import Box, Detection, Image
from face_classifier.vision.light import lit
from face_classifier.vision.models.session import open_session

Floats = npt.NDArray[np.float32]


class YuNet:
    """The detector YuNet (Wu, Peng, Yu: YuNet, a tiny millisecond-level face detector, 2023), over ``graphs.yunet``.

    Its boxes are upright rectangles around the face without the hair, higher than wide. It finds nearly all faces that
    are 24 to 600 pixels high at the size at which it searches, some from 18 and up to 800. So a picture is searched at
    one size, or at two where small faces matter, too.
    """

    name = "yunet"

    def __init__(
        self, model: Path, *, long_side: int = 640, finer: int = 2048, threshold: float = 0.8, overlap: float = 0.3
    ) -> None:
        """Loads the network.

        Parameters
        ----------
        model : its ONNX graph
        long_side : pixels; larger pictures are shrunk to this
        finer : pixels; the larger size at which small faces are searched for
        threshold : the lowest score of a face, 0 to 1
        overlap : of two boxes with a higher intersection over union the one with the lower score is dropped
        """
        self._session = open_session(model)
        self._long_side, self._finer, self._threshold, self._overlap = long_side, finer, threshold, overlap

    def detect(self, image: Image, *, thorough: bool = False) -> list[Detection]:
        """The faces in a picture, in any order.

        ``image``: (height, width, 3) uint8, BGR. Boxes and the five landmarks are in its pixels. ``thorough``: search
        for small faces, too, at up to ten times the cost; in pictures larger than full HD that is always done.
        """
        searches = [self._search(image, long_side) for long_side in self._sizes(image, thorough)]
        scores, boxes, points = (np.concatenate(parts) for parts in zip(*searches, strict=True))
        keep = _suppressed(scores, boxes, self._overlap)
        return [
            Detection(_rounded(box), float(score), landmarks)
            for score, box, landmarks in zip(scores[keep], boxes[keep], points[keep], strict=True)
        ]

    def _sizes(self, image: Image, thorough: bool) -> list[int]:
        """The long sides at which a picture is searched, in pixels."""
        long, short = max(image.shape[:2]), min(image.shape[:2])
        if long <= self._long_side or not (thorough or long * short > _FULL_HD):
            return [self._long_side]
        # People in a panorama are as high in it as they are in other pictures.
        wide = min(_HIGH * long // short, 2 * self._finer)
        # Half the usual size will do for the large faces: what is smaller there is found at the finer size.
        return [self._long_side // 2, max(self._finer, wide)]

    def _search(self, image: Image, long_side: int) -> tuple[Floats, Floats, Floats]:
        """Candidates as of ``_candidates``, in the picture's pixels."""
        given, scale = _given(image, long_side)
        cells = self._session.run(None, {"image": given[None]})[0][0]
        scores, boxes, points = _candidates(cells, given.shape, self._threshold)
        return scores, boxes * np.tile(scale, 2), points * scale


_STRIDES = (8, 16, 32)
_FULL_HD = 1920 * 1200  # pixels, with the formats a little above it
_HIGH = 512  # pixels: least height of a wide picture that is searched for small faces
_CLOSE = 128  # pixels: long side at which a picture is searched for a face that fills it


def search_around(detect: Callable[[Image], list[Detection]], image: Image) -> list[Detection]:
    """The faces that fill a BGR picture or reach outside, as ``detect`` finds them with black all around it: so their
    boxes reach outside, too.

    Of 18 press photos, each cut to .8 of the face's height and searched at 640 pixels, YuNet finds 1 face as they are
    and all in this way, and still 17 of those cut to .4. Such faces are large, so a small copy will do.
    """
    step = max(1, max(image.shape[:2]) // (2 * _CLOSE))  # averaging all pixels would cost as much as the search
    small, scale = _shrunk(np.ascontiguousarray(image[::step, ::step]), _CLOSE)
    height, width = small.shape[:2]
    top, left = height // 2, width // 2
    canvas = np.zeros((2 * height, 2 * width, 3), np.uint8)
    canvas[top : top + height, left : left + width] = small
    factor = step * float(scale[0] if width >= height else scale[1])  # of the long side, which is hardly rounded
    return [detection.moved(-left, -top).scaled(factor) for detection in detect(canvas)]


def _given(image: Image, long_side: int) -> tuple[Image, Floats]:
    """The picture as YuNet reads it, and the (x, y) scale back to the picture's pixels.

    It is shrunk to ``long_side``, lit where it is dark, and filled up with black to multiples of 32 on the right and at
    the bottom.
    """
    image, scale = _shrunk(image, long_side)
    image = lit(image)
    below, right = (-side % _STRIDES[-1] for side in image.shape[:2])
    given = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT) if below or right else image
    return np.ascontiguousarray(given, np.uint8), scale


def _shrunk(image: Image, long_side: int) -> tuple[Image, Floats]:
    """The picture with no side longer than ``long_side`` pixels, and the (x, y) scale back to the picture's pixels."""
    halvings = 0
    # Halving is the one averaging that OpenCV does fast: a quarter of the time of INTER_AREA from 1080p to 640.
    while max(image.shape[:2]) >= 2 * long_side and min(image.shape[:2]) >= 2:
        height, width = image.shape[0] // 2, image.shape[1] // 2
        image = _resized(image[: 2 * height, : 2 * width], width, height, cv2.INTER_AREA)
        halvings += 1
    height, width = image.shape[:2]
    factor = min(1.0, long_side / max(height, width))
    rows, columns = max(1, round(height * factor)), max(1, round(width * factor))
    if factor < 1.0:
        image = _resized(image, columns, rows, cv2.INTER_LINEAR)
    return image, np.array([width / columns, height / rows], np.float32) * 2**halvings


def _resized(image: Image, width: int, height: int, interpolation: int) -> Image:
    return np.asarray(cv2.resize(image, (max(width, 1), max(height, 1)), interpolation=interpolation), np.uint8)


def _candidates(cells: Floats, shape: Sequence[int], threshold: float) -> tuple[Floats, Floats, Floats]:
    """Scores (n,), boxes (n, 4) as left, top, right, bottom, and points (n, 5, 2), of all cells above the threshold.

    ``cells``: (16, m), as of ``graphs.yunet``; ``shape``: of the picture that it was given. Decoding as in OpenCV's
    ``face_detect.cpp``: score = sqrt(face * object), centre and points relative to the cell, in strides, size as a
    logarithm.
    """
    # Both probabilities must reach threshold^2, since the other is at most 1.
    least = np.log(threshold**2 / (1 - threshold**2))
    found = np.flatnonzero((cells[0] > least) & (cells[1] > least))
    values = cells[:, found].T
    score = np.sqrt(np.prod(1 / (1 + np.exp(-values[:, :2])), axis=1))
    good = score >= threshold
    values, (origin, stride) = values[good], _places(found[good], shape)
    centre, size = (values[:, 2:4] + origin) * stride, np.exp(values[:, 4:6]) * stride
    points = (values[:, 6:].reshape(-1, 5, 2) + origin[:, None]) * stride[:, None]
    return score[good], np.hstack([centre - size / 2, centre + size / 2]), points


def _places(cells: npt.NDArray[np.intp], shape: Sequence[int]) -> tuple[Floats, Floats]:
    """Column and row, (n, 2), and stride, (n, 1), of cells by their numbers. ``shape``: as of ``_candidates``."""
    strides = np.array(_STRIDES)
    columns = shape[1] // strides
    ends = np.cumsum(shape[0] // strides * columns)
    level = np.searchsorted(ends, cells, side="right")
    row, column = np.divmod(cells - np.concatenate([[0], ends])[level], columns[level])
    return np.column_stack([column, row]).astype(np.float32), strides[level, None].astype(np.float32)


def _suppressed(scores: Floats, boxes: Floats, overlap: float) -> list[int]:
    """Greedy non-maximum suppression: the indices that remain, best score first."""
    left, top, right, bottom = boxes.T
    areas = (right - left) * (bottom - top)
    order = np.argsort(-scores, kind="stable")
    keep = []
    while len(order):
        best, others = order[0], order[1:]
        keep.append(int(best))
        width = np.minimum(right[best], right[others]) - np.maximum(left[best], left[others])
        height = np.minimum(bottom[best], bottom[others]) - np.maximum(top[best], top[others])
        common = np.maximum(width, 0) * np.maximum(height, 0)
        order = others[common <= overlap * (areas[best] + areas[others] - common)]
    return keep


def _rounded(box: Floats) -> Box:
    left, top, right, bottom = (round(float(value)) for value in box)
    return Box(top, max(left + 1, right), max(top + 1, bottom), left)
