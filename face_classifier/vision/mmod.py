"""dlib's CNN face detector MMOD in ONNX Runtime."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from face_classifier.core.types import Box, Detection, Image
from face_classifier.vision.models.session import open_session

Floats = npt.NDArray[np.float32]


class Mmod:
    """dlib's CNN detector of faces from 80 pixels up, over ``graphs.detector``.

    Its boxes are squares like those of dlib's HOG detector, with the edges that ``face_recognition`` gives them.
    Geometry: ``image_pyramid.h`` and ``loss_mmod_`` of dlib 20.0.
    """

    name = "cnn"

    def __init__(self, model: Path, *, enlarge: float = 1.0, threshold: float = 0.0) -> None:
        """Loads the network.

        Parameters
        ----------
        model : its ONNX graph
        enlarge : how many times as large a picture is searched; 2 finds faces of 40 pixels at four times the cost
        threshold : scores above it are faces; dlib's own is 0
        """
        self._session = open_session(model)
        self._network = _MmodNetwork(**json.loads(self._session.note("mmod")))
        self._enlarge, self._threshold = enlarge, threshold

    def detect(self, image: Image, *, thorough: bool = False) -> list[Detection]:
        """The faces in a picture, in any order, searched at full size anyway.

        ``image``: (height, width, 3) uint8, BGR.
        """
        if self._enlarge != 1.0:
            height, width = (round(side * self._enlarge) for side in image.shape[:2])
            image = cv2.resize(image, (width, height))
        tile, levels = _tiled_pyramid(image, self._network)
        if min(tile.shape[2:]) < min(self._network.window):
            return []
        scores = self._session.run(None, {"image": tile})[0][0, 0]
        kept: list[tuple[float, Box]] = []
        for row, column in sorted(np.argwhere(scores > self._threshold), key=lambda cell: -scores[tuple(cell)]):
            box = _window(int(row), int(column), levels, self._network.window)
            if not any(self._same(box, other) for _, other in kept):
                kept.append((float(scores[row, column]), box))
        return [Detection(box.scaled(1 / self._enlarge), score) for score, box in kept]

    def _same(self, first: Box, second: Box) -> bool:
        height = min(first.bottom, second.bottom) - max(first.top, second.top)
        width = min(first.right, second.right) - max(first.left, second.left)
        if height <= 0 or width <= 0:
            return False
        around = (max(first.bottom, second.bottom) - min(first.top, second.top)) * (
            max(first.right, second.right) - min(first.left, second.left)
        )
        common, smaller = height * width, min(first.area, second.area)
        return common > self._network.overlap * around or common > self._network.covered * smaller


class _MmodNetwork(NamedTuple):
    """The fields of ``dlib_dat.Detector`` of the same names."""

    mean: list[float]
    window: list[int]
    overlap: float
    covered: float
    padding: int
    outer_padding: int


class _Level(NamedTuple):
    """Where a level of the pyramid lies in the tile, in its pixels."""

    top: int
    left: int
    height: int
    width: int

    def distance(self, x: float, y: float) -> float:
        """From a point to the nearest pixel of the level; 0 inside."""
        across = max(self.left - x, 0, x - (self.left + self.width - 1))
        down = max(self.top - y, 0, y - (self.top + self.height - 1))
        return math.hypot(across, down)


_SHRINK = 5 / 6  # from one level of the pyramid to the next
_LOWEST = 5  # pixels of height of the last level


def _tiled_pyramid(image: Image, network: _MmodNetwork) -> tuple[Floats, tuple[_Level, ...]]:
    """All levels of the pyramid in one picture, (1, 3, height, width) RGB, and where they are."""
    height, width, levels = _layout(*image.shape[:2], network.padding, network.outer_padding)
    tile = np.empty((1, 3, height, width), np.float32)
    tile[0] = np.array(network.mean, np.float32)[:, None, None]  # the network's zero
    current = image.astype(np.float32)
    for level in levels:
        if current.shape[:2] != (level.height, level.width):
            current = _aligned_resize(current, level.height, level.width)
        for plane, channel in zip(tile[0, ::-1], cv2.split(current), strict=True):
            plane[level.top : level.top + level.height, level.left : level.left + level.width] = channel
    return tile, levels


def _aligned_resize(image: Floats, height: int, width: int) -> Floats:
    """Bilinear, with the corner pixels of both pictures on each other, as dlib does."""
    across, down = ((old - 1) / max(new - 1, 1) for old, new in zip(image.shape[1::-1], (width, height), strict=True))
    matrix = np.array([[across, 0, 0], [0, down, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    resized = cv2.warpAffine(image, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(resized, np.float32)


@lru_cache(maxsize=16)
def _layout(height: int, width: int, padding: int, outer: int) -> tuple[int, int, tuple[_Level, ...]]:
    """Height and width of the tile for a picture of this size, and its levels.

    The levels go down one column until the next fits beside it, then up along the right side, until one would meet the
    first. Where exactly they lie decides which pixels are the centres of cells, so this follows dlib to the pixel.
    """
    sizes = [(height, width)]
    while (size := (int(_SHRINK * sizes[-1][0]), int(_SHRINK * sizes[-1][1])))[0] >= _LOWEST and size[1]:
        sizes.append(size)
    total = sum(rows + padding for rows, _ in sizes) - 2 * padding
    column, before = 0, 0
    for rows, columns in sizes:
        if columns <= width - before - padding and (column - height) * 2 >= total - height:
            break
        column, before = column + rows + padding, columns
    column -= padding
    levels: list[_Level] = []
    y = outer
    while y < column + outer and len(levels) < len(sizes):
        levels.append(_Level(y, outer, *sizes[len(levels)]))
        y += levels[-1].height + padding
    y -= padding
    for rows, columns in sizes[len(levels) :]:
        level = _Level(y - rows, outer + width - columns, rows, columns)
        if level.top < outer + height and level.left < outer + width:
            break
        levels.append(level)
        y -= rows + padding
    return column + 2 * outer, width + 2 * outer, tuple(levels)


def _window(row: int, column: int, levels: tuple[_Level, ...], window: list[int]) -> Box:
    """The box in the picture that a cell of the score map stands for."""
    x, y = 8 * column + 14, 8 * row + 14
    number = min(range(len(levels)), key=lambda n: levels[n].distance(x, y))
    corners = []
    for sign in (-1, 1):
        px = x + sign * (window[0] - 1) / 2 - levels[number].left
        py = y + sign * (window[1] - 1) / 2 - levels[number].top
        for _ in range(number):
            px, py = px / _SHRINK + 0.3, py / _SHRINK + 0.3
        corners.append((math.floor(px + 0.5), math.floor(py + 0.5)))
    (left, top), (right, bottom) = corners
    return Box(top, right, bottom, left)
