"""Encodings in the plane: what is alike lies together."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from face_classifier.core.errors import needing
from face_classifier.core.types import Image
from face_classifier.display import contact_sheet
from face_classifier.display.patches import SHADE, Color
from face_classifier.display.text import text

PERPLEXITY = 30.0  # neighbours that count; van der Maaten and Hinton (2008) advise 5 to 50
_ROOM = 3.0  # cells of the grid for each tile: with fewer, neighbours are torn apart
_SIDE = 4000  # pixels of a large map
_LEAST, _MOST = 48, 144  # pixels of a tile
_FRAME = 3  # pixels
_HIGHLIGHTED = 96  # pixels, at least, of a highlighted tile: to be found among thousands


def draw_plane(
    encodings: npt.NDArray[np.float64],
    tiles: Sequence[Image],
    colors: Sequence[Color],
    labels: Sequence[str],
    highlighted: Collection[int] = (),
) -> Image:
    """Draws a map of faces: what is alike lies together. The same faces in the same order give the same map.

    Places come from t-SNE (van der Maaten and Hinton, 2008, in scikit-learn); each face is then moved to a cell of its
    own of a grid, so that no tile covers another.

    Parameters
    ----------
    encodings : (n, d)
    tiles : a BGR picture (height, width, 3) uint8 for each face
    colors : of the frame of each, BGR
    labels : below each; "" = none
    highlighted : numbers of faces that are drawn over others and, on a map of many, larger

    Returns
    -------
    (height, width, 3) uint8, BGR

    Raises
    ------
    UserError : scikit-learn is not installed
    """
    cells, side = _cells(places(encodings))
    size = min(max(_SIDE // side, _LEAST), _MOST)
    letters = max(10, size // 8)
    band = text(" ", letters).shape[0] if any(labels) else 0
    margin = max(size, _HIGHLIGHTED)  # what is drawn larger reaches out
    height, width = side * (size + band) + 2 * margin, side * size + 2 * margin
    canvas = np.full((height, width, 3), SHADE, np.uint8)
    drawn = np.zeros((height, width), bool)
    for number in sorted(range(len(tiles)), key=lambda number: number in highlighted):
        larger = max(size, _HIGHLIGHTED) if number in highlighted else size
        tile = contact_sheet.captioned(
            _framed(tiles[number], larger, colors[number]),
            *([labels[number]] if any(labels) else []),
            color=colors[number],
            letters=letters,
        )
        column, row = cells[number]
        left, top = margin + column * size - (larger - size) // 2, margin + row * (size + band) - (larger - size) // 2
        canvas[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        drawn[top : top + tile.shape[0], left : left + tile.shape[1]] = True
    return _without_margins(canvas, drawn)


def _without_margins(canvas: Image, drawn: npt.NDArray[np.bool_]) -> Image:
    """A picture (height, width, 3) from the first to the last line and column ``drawn`` on, and a little more."""
    lines, columns = drawn.nonzero()
    top, left = (max(0, int(place.min()) - contact_sheet.GAP) for place in (lines, columns))
    bottom, right = (int(place.max()) + 1 + contact_sheet.GAP for place in (lines, columns))
    return canvas[top:bottom, left:right]


def _framed(tile: Image, size: int, color: Color) -> Image:
    """A tile with a frame and a gap around it: (size, size, 3)."""
    framed = np.full((size, size, 3), SHADE, np.uint8)
    framed[1:-1, 1:-1] = color
    inside = slice(1 + _FRAME, -1 - _FRAME)
    framed[inside, inside] = contact_sheet.square(tile, size - 2 * (1 + _FRAME))
    return framed


def places(encodings: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Where encodings (n, d) lie in the plane, what is alike together: (n, 2), each from 0 to 1.

    Raises UserError where scikit-learn is not installed.
    """
    with needing("a map of faces", "plots"):
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits
    distinct, which = np.unique(encodings, axis=0, return_inverse=True)
    if len(distinct) < 3:  # too few to tell more than one from the other
        found = np.stack([np.arange(len(distinct)), np.zeros(len(distinct))], axis=1)
    else:
        perplexity = min(PERPLEXITY, (len(distinct) - 1) / 3)
        plane = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=0)
        # The sums of several threads come out in another order, and so other, every time.
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = plane.fit_transform(distinct).astype(np.float64)
    found = found - found.min(axis=0)
    return np.asarray((found / (found.max() or 1.0))[which.reshape(-1)])


def _cells(places: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64], int]:
    """(n, 2): column and row of each place in a square grid, no two the same, and how many cells a side has.

    Together they are moved as little as can be (least sum of squares), so that neighbours stay neighbours.
    """
    from scipy.optimize import linear_sum_assignment

    side = max(2, int(np.ceil(np.sqrt(len(places) * _ROOM))))
    cells = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    moved = ((places[:, None] * (side - 1) - cells) ** 2).sum(axis=2)
    return cells[linear_sum_assignment(moved)[1]], side
