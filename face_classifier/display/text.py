"""A line of text in any script, as a picture.

OpenCV's own fonts know ASCII only and Pillow draws a line with one font, so each run of characters gets a font of its
own, found among those of the machine.
"""

from __future__ import annotations

import math
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np
from PIL import Image as Pictures
from PIL import ImageDraw

from face_classifier.display.letters.bidi import as_seen, levels_of
from face_classifier.display.letters.characters import clusters_of, is_emoji
from face_classifier.display.letters.fonts import FontFace, Fonts, LoadedFont, machine_fonts
from face_classifier.display.patches import Color, Patch

SHADE_ALPHA = 192  # of 255: over white, the colours of names keep a contrast of 4.5 to 1 (WCAG 2, level AA)
LONGEST_LINE = 300  # code points looked at; more than a folder's name can have
ABOVE, BELOW = 1.15, 0.35  # a line's room over and under the baseline, in sizes: accents on capitals, Thai, descenders


def text(
    line: str,
    size: int,
    color: Color = (255, 255, 255),
    *,
    ground: Color | None = None,
    width: int | None = None,
    fonts: Fonts | None = None,
) -> Patch:
    """Draws a line of text. The last 256 patches are kept, so that a name costs once.

    The height depends on ``size`` alone, and the baseline is the same in all scripts. Line breaks and tabs become
    spaces, other control characters go. A character that no font has becomes a small block, and a warning is logged
    once a script.

    Parameters
    ----------
    line : the text
    size : of its letters, in pixels
    color : of its letters, BGR
    ground : BGR of a see-through plate under the text; None = no plate
    width : pixels; a wider line ends in an ellipsis. None = as wide as it is
    fonts : to draw with; None = the machine's

    Returns
    -------
    (height, at most ``width``, 4) uint8, BGRA, read-only

    Raises
    ------
    ValueError : ``size`` is less than 1
    """
    if size < 1:
        raise ValueError(f"letters need a size of at least 1 pixel, not {size}")
    line = line[:LONGEST_LINE]  # before it becomes a key of the caches
    fonts = fonts or machine_fonts()
    # Callers' widths follow the face and change at each frame: only a line that must be cut may depend on them.
    if width is not None and _full_width(fonts, line, size) <= width:
        width = None
    elif width is not None and width > size:
        width -= width % size
    return _patch(fonts, line, size, color, ground, width)


def shortened(line: str, size: int, width: int, fonts: Fonts | None = None) -> str:
    """A line, or as much of its two ends as fits, with an ellipsis between: names of files mostly differ at the end.

    Parameters
    ----------
    line : the text
    size : of its letters, in pixels
    width : room for it, in pixels
    fonts : to draw with; None = the machine's
    """
    fonts, line = fonts or machine_fonts(), line[:LONGEST_LINE]
    if _full_width(fonts, line, size) <= width:
        return line
    clusters = clusters_of(line)

    def ends(kept: int) -> str:
        behind = (kept + 1) // 2
        return "".join([*clusters[: kept - behind], "…", *clusters[len(clusters) - behind :]])

    return ends(bisect_right(range(1, len(clusters)), width, key=lambda kept: _full_width(fonts, ends(kept), size)))


@lru_cache(maxsize=1024)
def _full_width(fonts: Fonts, line: str, size: int) -> int:
    return _padding(size) * 2 + math.ceil(sum(run.advance for run in _runs(fonts, clusters_of(line), size)))


@lru_cache(maxsize=256)
def _patch(fonts: Fonts, line: str, size: int, color: Color, ground: Color | None, width: int | None) -> Patch:
    padding = _padding(size)
    runs = _fitting(fonts, clusters_of(line), size, math.inf if width is None else width - 2 * padding)
    full = padding * 2 + math.ceil(sum(run.advance for run in runs))
    baseline = math.ceil(ABOVE * size)
    height = baseline + math.ceil(BELOW * size)
    ink = color[::-1]
    canvas = Pictures.new("RGBA", (full, height), (*ink, 0))  # see-through ink: no dark fringe around the letters
    left = float(padding)
    for run in runs:
        run.draw(canvas, left, baseline, ink)
        left += run.advance
    if ground is not None:
        plate = Pictures.new("RGBA", canvas.size, (*ground[::-1], SHADE_ALPHA))
        canvas = Pictures.alpha_composite(plate, canvas)
    patch = np.ascontiguousarray(np.asarray(canvas)[:, :width, [2, 1, 0, 3]])
    patch.setflags(write=False)
    return patch


def _padding(size: int) -> int:
    return max(1, size // 4)


def _fitting(fonts: Fonts, clusters: Sequence[str], size: int, room: float) -> list[_Run]:
    """All clusters where they fit into ``room`` pixels, else as many as fit with an ellipsis."""

    def runs_of(parts: Sequence[str]) -> list[_Run]:
        return _runs(fonts, parts, size)

    def fits(runs: list[_Run]) -> bool:
        return sum(run.advance for run in runs) <= room

    runs = runs_of(clusters)
    if fits(runs):
        return runs
    fewest, most = 0, len(clusters) - 1
    while fewest < most:
        middle = (fewest + most + 1) // 2
        if fits(runs_of([*clusters[:middle], "…"])):
            fewest = middle
        else:
            most = middle - 1
    return runs_of([*clusters[:fewest], "…"])


@dataclass(frozen=True)
class _Run:
    text: str
    font: LoadedFont | None  # None: no font has it
    size: int  # px
    leftward: bool
    advance: float  # px

    def draw(self, canvas: Pictures.Image, left: float, baseline: int, ink: tuple[int, int, int]) -> None:
        """``canvas``: RGBA; ``ink``: red, green, blue; ``left`` and ``baseline`` in pixels of the canvas."""
        if self.font is None:
            _draw_blocks(canvas, left, baseline, self.size, round(self.advance / _block_step(self.size)), ink)
            return
        if self.font.scale == 1:
            self._write(canvas, (left, baseline), ink)
            return
        scale = self.font.scale
        above, below = (math.ceil(part * self.size / scale) for part in (ABOVE, BELOW))
        tile = Pictures.new("RGBA", (max(1, math.ceil(self.advance / scale)), above + below))
        self._write(tile, (0, above), ink)
        small = tile.resize(
            (max(1, math.ceil(self.advance)), max(1, round(tile.height * scale))), Pictures.Resampling.LANCZOS
        )
        canvas.alpha_composite(small, (round(left), max(0, baseline - round(above * scale))))

    def _write(self, canvas: Pictures.Image, origin: tuple[float, float], ink: tuple[int, int, int]) -> None:
        assert self.font is not None
        ImageDraw.Draw(canvas).text(
            origin, self.text, ink, self.font.loaded, "ls", embedded_color=True, **self.font.direction(self.leftward)
        )


def _runs(fonts: Fonts, clusters: Sequence[str], size: int) -> list[_Run]:
    """The runs of a line from left to right as they are seen."""
    faces: list[FontFace | None] = []
    for cluster in clusters:
        before = faces[-1] if faces else None
        faces.append(before if before and _stays(cluster, before) else fonts.face(cluster))
    pieces = zip(clusters, faces, levels_of(clusters), strict=True)
    runs, levels = [], []
    for (face, level), group in groupby(pieces, key=lambda piece: piece[1:]):
        runs.append(_run(fonts, face, [cluster for cluster, _, _ in group], size, leftward=level % 2 == 1))
        levels.append(level)
    return as_seen(runs, levels)


def _stays(cluster: str, face: FontFace) -> bool:
    """Spaces, digits and dots go with the letters before them; emoji fonts have digits that nobody wants in a name."""
    return (
        unicodedata.category(cluster[0])[0] != "L" and not face.is_emoji and not is_emoji(cluster) and face.has(cluster)
    )


def _run(fonts: Fonts, face: FontFace | None, clusters: list[str], size: int, leftward: bool) -> _Run:
    font = None if face is None else fonts.load(face, size)
    if face is None or font is None:
        return _Run("".join(clusters), None, size, leftward, _block_step(size) * len(clusters))
    shown = [face.shown(cluster) for cluster in clusters]
    if leftward and not fonts.shapes:
        shown.reverse()
    line = "".join(shown)
    return _Run(line, font, size, leftward, font.loaded.getlength(line, **font.direction(leftward)) * font.scale)


def _block_step(size: int) -> float:
    return max(2.0, 0.62 * size)


def _draw_blocks(
    canvas: Pictures.Image, left: float, baseline: int, size: int, count: int, ink: tuple[int, int, int]
) -> None:
    """Half-faded blocks as high as a small letter, one for each character that no font has."""
    draw = ImageDraw.Draw(canvas)
    for number in range(count):
        start = left + number * _block_step(size)
        corners = (start + 0.06 * size, baseline - 0.55 * size, start + 0.52 * size, baseline)
        draw.rounded_rectangle(corners, radius=size / 8, fill=(*ink, 110))
