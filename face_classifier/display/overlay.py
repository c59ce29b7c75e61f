"""Drawing on pictures: corners around faces, and names in any script.

OpenCV's own fonts know ASCII only and Pillow draws a line with one font, so each run of characters gets a font of its
own, found among those of the machine.
"""

from __future__ import annotations

import io
import logging
import math
import os
import struct
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from fontTools.ttLib import TTCollection, TTFont
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont, features

from face_classifier.core.types import Box, Image, Seen

Patch = npt.NDArray[np.uint8]  # shape (height, width, 4), BGRA, alpha not multiplied in; cached, hence read-only
Color = tuple[int, int, int]  # blue, green, red

KNOWN: Color = (120, 255, 120)
UNKNOWN: Color = (60, 190, 255)
UNKNOWN_NAME = "unknown"
SHADE: Color = (24, 24, 24)
SHADE_ALPHA = 192  # of 255: over white, both colours above keep a contrast of 4.5 to 1 (WCAG 2, level AA)

LONGEST_LINE = 300  # code points looked at; more than a folder's name can have
ABOVE, BELOW = 1.15, 0.35  # a line's room over and under the baseline, in sizes: accents on capitals, Thai, descenders
BITMAP_SIZES = (109, 160, 136, 128, 96, 64)  # pixel sizes of the bitmap emoji fonts of Google, Apple and others
PROBE_SIZE = 24  # px, at which a font is tried out

logger = logging.getLogger(__name__)


# Faces and their names


def annotate(image: Image, seen: Iterable[Seen]) -> Image:
    """Return a copy of ``image``, (height, width, 3) uint8 BGR, with corners around each face and its name under it.

    Behind the name comes the emotion, where there is one. Strokes and letters grow with the picture; a name that would
    leave the picture is moved inside. Of a face that lies wholly outside the picture nothing is drawn.
    """
    drawn = np.ascontiguousarray(image).copy()
    height, width = drawn.shape[:2]
    inside = [
        face
        for face in seen
        if face.box.left < width and face.box.right > 0 and face.box.top < height and face.box.bottom > 0
    ]
    for face in inside:
        corners(drawn, face.box, UNKNOWN if face.person is None else KNOWN)
    for face in inside:  # after all corners, so that none crosses a name
        _draw_name(drawn, face)
    return drawn


def paste(image: Image, patch: Patch, left: int, top: int) -> None:
    """Lay ``patch``, (h, w, 4) uint8 BGRA, over ``image``, (height, width, 3) uint8 BGR, in place.

    ``left`` and ``top``, in pixels, may lie outside: what leaves the picture is cut off.
    """
    height, width = image.shape[:2]
    under = image[max(top, 0) : max(top + patch.shape[0], 0), max(left, 0) : max(left + patch.shape[1], 0)]
    over = patch[max(-top, 0) : max(height - top, 0), max(-left, 0) : max(width - left, 0)].astype(np.uint16)
    alpha = over[:, :, 3:]
    under[:] = (under * (255 - alpha) + over[:, :, :3] * alpha + 127) // 255


def corners(image: Image, box: Box, color: Color) -> None:
    """Mark a face in ``image``, (height, width, 3) uint8 BGR, in place; ``box``: pixels, may leave the picture."""
    thickness = max(1, round(min(image.shape[:2]) / 240))
    length = max(2 * thickness, round(min(box.width, box.height) * 0.22))
    for grow, ink in ((max(1, thickness // 2), SHADE), (0, color)):  # a dark rim keeps it visible on any ground
        for top in (box.top, box.bottom - thickness):
            for left in (box.left, box.right - thickness):
                across = box.left if left == box.left else box.right - length
                down = box.top if top == box.top else box.bottom - length
                _fill(image, across - grow, top - grow, length + 2 * grow, thickness + 2 * grow, ink)
                _fill(image, left - grow, down - grow, thickness + 2 * grow, length + 2 * grow, ink)


def _fill(image: Image, left: int, top: int, width: int, height: int, color: Color) -> None:
    image[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = color


def _draw_name(image: Image, face: Seen) -> None:
    height, width = image.shape[:2]
    size = _letter_size(face.box.width, min(height, width))
    name = UNKNOWN_NAME if face.person is None else face.person
    patch = text(
        f"{name} · {face.emotion.label}" if face.emotion else name,
        size,
        UNKNOWN if face.person is None else KNOWN,
        ground=SHADE,
        width=min(max(3 * face.box.width, 8 * size), width),
    )
    left = (face.box.left + face.box.right - patch.shape[1]) // 2
    top = face.box.bottom + size // 3
    paste(
        image,
        patch,
        max(0, min(left, width - patch.shape[1])),
        max(0, min(top, height - patch.shape[0])),
    )


def _letter_size(face_width: int, picture_side: int) -> int:
    """Pixels; in steps of a fifth, so that a face that comes nearer does not need its name drawn anew at each frame."""
    wanted = min(max(face_width / 6, picture_side / 50, 12), max(picture_side / 22, 12))
    return round(12 * 1.2 ** math.floor(math.log(wanted / 12, 1.2) + 1e-9))


# A line of text


def text(
    line: str,
    size: int,
    color: Color = (255, 255, 255),
    *,
    ground: Color | None = None,
    width: int | None = None,
    fonts: Fonts | None = None,
) -> Patch:
    """Return ``line`` drawn in letters of ``size`` pixels: (height, at most ``width``, 4) uint8 BGRA, read-only.

    The height depends on ``size`` alone, and the baseline is the same in all scripts. ``ground`` lays a see-through
    plate of that colour under the text. A line wider than ``width`` pixels ends in an ellipsis. Line breaks and tabs
    become spaces, other control characters go. What none of the ``fonts`` (None: the machine's) has becomes a small
    block, and a warning tells so once a script. The last 256 patches are kept, so that a name costs once.
    Raises ValueError if ``size`` is less than 1.
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
    """``line``, or as much of its two ends as `text` gets into ``width`` pixels, with an ellipsis between.

    Names of files, and of people who are called after them, mostly differ at the end.
    """
    fonts, line = fonts or machine_fonts(), line[:LONGEST_LINE]
    if _full_width(fonts, line, size) <= width:
        return line
    clusters = _clusters(line)

    def ends(kept: int) -> str:
        behind = (kept + 1) // 2
        return "".join([*clusters[: kept - behind], "…", *clusters[len(clusters) - behind :]])

    return ends(bisect_right(range(1, len(clusters)), width, key=lambda kept: _full_width(fonts, ends(kept), size)))


@lru_cache(maxsize=1024)
def _full_width(fonts: Fonts, line: str, size: int) -> int:
    return _padding(size) * 2 + math.ceil(sum(run.advance for run in _runs(fonts, _clusters(line), size)))


@lru_cache(maxsize=256)
def _patch(fonts: Fonts, line: str, size: int, color: Color, ground: Color | None, width: int | None) -> Patch:
    padding = _padding(size)
    runs = _fitting(fonts, _clusters(line), size, math.inf if width is None else width - 2 * padding)
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


# Characters that belong together


@lru_cache(maxsize=1024)
def _clusters(line: str) -> tuple[str, ...]:
    """Split a line into what a reader takes for characters: a base with its marks, a flag, an emoji sequence.

    A small part of Unicode's UAX #29, enough to keep one cluster in one font.
    """
    clusters: list[str] = []
    for char in _harmless(line):
        if clusters and _continues(clusters[-1], char):
            clusters[-1] += char
        else:
            clusters.append(char)
    return tuple(clusters)


def _harmless(line: str) -> str:
    chars = []
    # Folder names from a Mac are decomposed (NFD): few fonts join loose Hangul letters again.
    for char in unicodedata.normalize("NFC", line):
        category = unicodedata.category(char)
        if category in ("Zs", "Zl", "Zp") or char in "\t\n\v\f\r\x85":
            chars.append(" ")
        elif category == "Cs":  # half a character, or a byte of a file name that is not UTF-8
            chars.append("\N{REPLACEMENT CHARACTER}")
        elif category != "Cc" and (category != "Cf" or _is_silent(char)):
            chars.append(char)
    return " ".join("".join(chars).split())


def _continues(cluster: str, char: str) -> bool:
    if unicodedata.category(char)[0] == "M" or _is_silent(char) or "\U0001f3fb" <= char <= "\U0001f3ff":
        return cluster != " "
    if cluster[-1] == "\u200d":
        return True
    return len(cluster) == 1 and _is_flag_letter(cluster) and _is_flag_letter(char)


def _is_silent(char: str) -> bool:
    """Joiners, variation selectors and tags: they shape their neighbours, and fonts need not have them."""
    return char in "\u200c\u200d" or "\ufe00" <= char <= "\ufe0f" or "\U000e0020" <= char <= "\U000e01ef"


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _is_emoji(cluster: str) -> bool:
    return "\ufe0e" not in cluster and ("\U0001f000" <= cluster[0] <= "\U0001ffff" or "\ufe0f" in cluster)


# Runs: neighbours in one font and one direction


@dataclass(frozen=True)
class _Run:
    text: str
    font: _Font | None  # None: no font has it
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
    faces: list[_Face | None] = []
    for cluster in clusters:
        before = faces[-1] if faces else None
        faces.append(before if before and _stays(cluster, before) else fonts.face(cluster))
    pieces = zip(clusters, faces, _levels(clusters), strict=True)
    runs, levels = [], []
    for (face, level), group in groupby(pieces, key=lambda piece: piece[1:]):
        runs.append(_run(fonts, face, [cluster for cluster, _, _ in group], size, leftward=level % 2 == 1))
        levels.append(level)
    return _as_seen(runs, levels)


def _stays(cluster: str, face: _Face) -> bool:
    """Spaces, digits and dots go with the letters before them; emoji fonts have digits that nobody wants in a name."""
    return (
        unicodedata.category(cluster[0])[0] != "L"
        and not face.is_emoji
        and not _is_emoji(cluster)
        and face.has(cluster)
    )


def _run(fonts: Fonts, face: _Face | None, clusters: list[str], size: int, leftward: bool) -> _Run:
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


# Direction: what remains of Unicode's UAX #9 for one line without embeddings


def _levels(clusters: Sequence[str]) -> list[int]:
    """An embedding level a cluster: odd runs leftward."""
    kinds = [unicodedata.bidirectional(cluster[0]) for cluster in clusters]
    strong: list[str | None] = [{"L": "L", "R": "R", "AL": "R"}.get(kind) for kind in kinds]
    base = next((side for side in strong if side), "L")
    if "R" not in strong:
        return [0] * len(clusters)
    numbers = [kind in ("EN", "AN") for kind in kinds]
    for index in range(1, len(kinds) - 1):  # the point in 3.5 (rule W4)
        numbers[index] |= kinds[index] in ("CS", "ES") and numbers[index - 1] and kinds[index + 1] in ("EN", "AN")
    before = base
    for index, side in enumerate(strong):
        before = side or before
        if numbers[index]:
            strong[index] = before
    upward = 2 if base == "R" else 0
    sides = _neutrals_resolved(strong, base)
    return [(2 if number else 1) if side == "R" else upward for side, number in zip(sides, numbers, strict=True)]


def _neutrals_resolved(sides: Sequence[str | None], base: str) -> list[str]:
    """Spaces, dots and emoji take the side of their neighbours where those agree, else that of the line."""
    resolved: list[str] = []
    for side, group in groupby(sides):
        count = len(list(group))
        if side is None:
            before = resolved[-1] if resolved else base
            rest = [other for other in sides[len(resolved) + count :] if other]
            after = rest[0] if rest else base
            side = before if before == after else base
        resolved += [side] * count
    return resolved


def _as_seen(runs: list[_Run], levels: list[int]) -> list[_Run]:
    """Rule L2: from the highest level down to 1, turn round each stretch at that level or above."""
    order = list(range(len(runs)))
    for level in range(max(levels, default=0), 0, -1):
        turned: list[int] = []
        for inside, group in groupby(order, key=lambda number: levels[number] >= level):
            stretch = list(group)
            turned += reversed(stretch) if inside else stretch
        order = turned
    return [runs[number] for number in order]


# Fonts


@dataclass(frozen=True)
class _Font:
    """A face loaded at a size."""

    loaded: ImageFont.FreeTypeFont
    scale: float  # from the loaded size to the wanted one; 1 unless the font has bitmaps of fixed sizes only

    def direction(self, leftward: bool) -> dict[str, Any]:
        """Only the raqm layout takes a direction."""
        if self.loaded.layout_engine != ImageFont.Layout.RAQM:
            return {}
        return {"direction": "rtl" if leftward else "ltr"}


@dataclass(frozen=True, eq=False)
class _Face:
    """One face of a font file, and which characters it has."""

    path: Path | None  # None: Pillow's own font
    index: int  # in its collection
    codes: npt.NDArray[np.uint32]  # code points, sorted

    @property
    def is_emoji(self) -> bool:
        return self.path is not None and _is_emoji_file(self.path)

    def has(self, cluster: str) -> bool:
        return all(self._draws(char) for char in cluster)

    def shown(self, cluster: str) -> str:
        """The cluster, or what the face has of its parts: without é it draws e, since it has but an empty box for é."""
        if self.has(cluster):
            return cluster
        return "".join(char for char in unicodedata.normalize("NFKD", cluster) if self._draws(char))

    def _draws(self, char: str) -> bool:
        place = int(np.searchsorted(self.codes, ord(char)))
        return (place < len(self.codes) and int(self.codes[place]) == ord(char)) or _is_silent(char)


class Fonts:
    """The fonts in some folders. Files are listed at the first character and opened one by one, as far as needed."""

    def __init__(self, folders: Iterable[Path], *, layout: ImageFont.Layout | None = None) -> None:
        """``layout``: Pillow's layout engine; None takes raqm where Pillow has it, which shapes and joins letters."""
        self._folders = tuple(folders)
        if layout is None:
            layout = ImageFont.Layout.RAQM if features.check("raqm") else ImageFont.Layout.BASIC
        self._layout = layout
        self._told: set[str] = set()
        self.face = lru_cache(maxsize=4096)(self._face)
        self.load = lru_cache(maxsize=64)(self._load)
        self._files = lru_cache(maxsize=1)(self._list_files)
        self._opened = lru_cache(maxsize=None)(_open)  # bounded by the files that there are

    @property
    def shapes(self) -> bool:
        """Whether the layout engine puts leftward text in order by itself."""
        return self._layout == ImageFont.Layout.RAQM

    def _face(self, cluster: str) -> _Face | None:
        """The best face that draws the cluster, else its base letter; None and a warning if none does."""
        parts = unicodedata.normalize("NFKD", cluster)
        for wanted in dict.fromkeys((cluster, parts, cluster[0], parts[0])):
            for face in self._candidates(_is_emoji(wanted)):
                if face.has(wanted) and self._draws(face, wanted):
                    return face
        self._tell_missing(cluster)
        return None

    def _candidates(self, emoji_first: bool) -> Iterator[_Face]:
        paths = self._files()
        plain = [path for path in paths if not _is_emoji_file(path)]
        emoji = [path for path in paths if _is_emoji_file(path)]
        # Pillow's own font comes before the emoji fonts for text, since those have digits.
        for path in (*emoji, *plain, None) if emoji_first else (*plain, None, *emoji):
            yield from self._opened(path)

    def _draws(self, face: _Face, cluster: str) -> bool:
        """A font may list a character that Pillow cannot draw, such as the vector emoji of COLR version 1."""
        font = self.load(face, PROBE_SIZE)
        if font is None:
            return False
        try:
            mask = font.loaded.getmask(face.shown(cluster), mode="RGBA")
        except OSError:
            return False
        return cluster.isspace() or mask.getbbox() is not None

    def _load(self, face: _Face, size: int) -> _Font | None:
        """None if the file is gone or FreeType cannot read it."""
        if face.path is None:
            return _Font(_built_in(size), 1)
        for strike in (size, *BITMAP_SIZES):
            try:
                loaded = ImageFont.truetype(face.path, strike, face.index, layout_engine=self._layout)
            except OSError:
                continue
            return _Font(loaded, size / strike)
        return None

    def _list_files(self) -> tuple[Path, ...]:
        found = {
            Path(folder, name)
            for root in self._folders
            for folder, _, names in os.walk(root)
            for name in names
            if name.lower().endswith((".ttf", ".otf", ".ttc", ".otc")) and "lastresort" not in name.lower()
        }
        return tuple(sorted(found, key=_rank))

    def _tell_missing(self, cluster: str) -> None:
        script, package = _script(cluster)
        if script not in self._told:
            self._told.add(script)
            logger.warning(
                "no font on this machine has %s such as U+%04X, so names show a block for each; "
                "install one (on Debian: apt install %s)",
                script,
                ord(cluster[0]),
                package,
            )


@lru_cache(maxsize=1)
def machine_fonts() -> Fonts:
    return Fonts(font_folders())


def font_folders() -> list[Path]:
    """Where this machine and user may keep fonts: the customs of Linux, macOS and Windows."""
    home = Path(os.path.expanduser("~"))
    data = os.environ.get("XDG_DATA_DIRS", "").split(os.pathsep)
    shared = [os.environ.get("XDG_DATA_HOME", ""), *data, "/usr/share", "/usr/local/share", str(home / ".local/share")]
    folders = [Path(folder, "fonts") for folder in shared if os.path.isabs(folder)]
    folders += [home / ".fonts", home / "Library/Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts")]
    windows = (("WINDIR", "Fonts"), ("LOCALAPPDATA", "Microsoft/Windows/Fonts"))
    folders += [Path(os.environ[name], folder) for name, folder in windows if name in os.environ]
    return list(dict.fromkeys(folders))


# Sans fonts for reading, by the stems of their files in lower case, best first.
PREFERRED = (
    "notosans-regular",
    "dejavusans",
    "liberationsans-regular",
    "segoeui",
    "sfns",
    "helveticaneue",
    "helvetica",
    "arial",
    "roboto-regular",
    "notosanscjk-regular",
    "malgun",
    "msyh",
    "applesdgothicneo",
    "pingfang",
    "nanumgothic",
)
# Parts of file names that tell a font is no plain sans for reading.
DISLIKED = (
    *("bold", "black", "heavy", "light", "thin", "italic", "oblique", "condensed", "narrow", "mono", "serif"),
    *("math", "symbol", "dingbat", "fallback", "display"),
)


def _rank(path: Path) -> tuple[int, int, str]:
    stem = path.stem.lower()
    place = PREFERRED.index(stem) if stem in PREFERRED else len(PREFERRED)
    dislikes = sum(2 for word in DISLIKED if word in stem)
    return place, dislikes - ("sans" in stem or "gothic" in stem), str(path)


def _is_emoji_file(path: Path) -> bool:
    return "emoji" in path.stem.lower() or path.stem.lower() == "seguiemj"


def _script(cluster: str) -> tuple[str, str]:
    """What a missing character is, in words, and the Debian package that has it."""
    if _is_emoji(cluster):
        return "emoji", "fonts-noto-color-emoji"
    word = unicodedata.name(cluster[0], "UNNAMED").split()[0]
    if word in ("CJK", "HANGUL", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HALFWIDTH", "FULLWIDTH", "IDEOGRAPHIC"):
        return f"{word} characters", "fonts-noto-cjk"
    if unicodedata.category(cluster[0])[0] in "LMN":
        return f"{word} characters", "fonts-noto-core"
    return "symbols", "fonts-noto-core"


def _built_in(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # given a size, Pillow never returns its bitmap font
    return font


def _built_in_file() -> bytes:
    file = _built_in(PROBE_SIZE).path
    assert isinstance(file, io.BytesIO)
    return file.getvalue()


def _open(path: Path | None) -> tuple[_Face, ...]:
    """The faces of a font file; none for a broken one."""
    try:
        # Opened here, since fontTools leaves the file of a broken collection open.
        with io.BytesIO(_built_in_file()) if path is None else path.open("rb") as file:
            is_collection = file.read(4) == b"ttcf"
            file.seek(0)
            fonts = TTCollection(file, lazy=True).fonts if is_collection else [TTFont(file, lazy=True)]
            return tuple(_Face(path, index, _codes(font.reader["cmap"])) for index, font in enumerate(fonts))
    except Exception as error:  # fontTools raises about anything on a broken file, and one must not cost the others
        logger.debug("font file skipped: %s (%r)", path, error)
        return ()


def _codes(table: bytes) -> npt.NDArray[np.uint32]:
    """The code points that a font's ``cmap`` table maps to a glyph, sorted.

    fontTools' own reader makes a dictionary: half a second for a CJK face, of which one file has ten. Formats 4 and 12
    (OpenType specification, "cmap") are those in use; fonts with none of them count as empty.
    """
    (count,) = struct.unpack_from(">H", table, 2)
    subtables = [struct.unpack_from(">HHL", table, 4 + 8 * number) for number in range(count)]
    unicode = {offset for *ids, offset in subtables if ids[0] == 0 or ids in ([3, 1], [3, 10])}
    readers = {4: _codes_in_segments, 12: _codes_in_groups}
    found = [np.empty(0, np.int64)]
    for offset in unicode:
        (kind,) = struct.unpack_from(">H", table, offset)
        if kind in readers:
            found.append(readers[kind](table, offset))
    return np.unique(np.concatenate(found)).astype(np.uint32)


def _codes_in_groups(table: bytes, offset: int) -> npt.NDArray[np.int64]:
    """Format 12."""
    (count,) = struct.unpack_from(">L", table, offset + 12)
    groups = np.frombuffer(table, ">u4", 3 * count, offset + 16).astype(np.int64).reshape(-1, 3)
    codes, group = _spread(groups[:, 0], groups[:, 1])
    glyphs = groups[group, 2] + codes - groups[group, 0]
    return np.asarray(codes[glyphs != 0])


def _codes_in_segments(table: bytes, offset: int) -> npt.NDArray[np.int64]:
    """Format 4."""
    count = struct.unpack_from(">H", table, offset + 6)[0] // 2
    # The glyph list of some large tables overflows their 16-bit length: take what is there.
    available = (len(table) - offset - 14) // 2
    words = np.frombuffer(table, ">u2", available, offset + 14).astype(np.int64)
    ends, starts = words[:count], words[count + 1 : 2 * count + 1]
    deltas, skips = words[2 * count + 1 : 3 * count + 1], words[3 * count + 1 : 4 * count + 1]
    codes, segment = _spread(starts, ends)
    # A skip counts bytes from its own place in the table to the segment's first glyph; 0 = code + delta is the glyph.
    places = 3 * count + 1 + segment + skips[segment] // 2 + codes - starts[segment]
    listed = words[np.minimum(places, len(words) - 1)]
    glyphs = np.where(skips[segment] == 0, (codes + deltas[segment]) & 0xFFFF, listed)
    return np.asarray(codes[(glyphs != 0) & (codes != 0xFFFF)])


def _spread(
    starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Every code from each start to its end, both included, and for each the number of its range."""
    lengths = ends - starts + 1
    if lengths.size and (lengths.min() < 0 or lengths.sum() > 0x110000):
        raise ValueError("a font's character ranges exceed Unicode")
    owner = np.repeat(np.arange(len(starts)), lengths)
    first = np.cumsum(lengths) - lengths
    return np.arange(len(owner)) - first[owner] + starts[owner], owner
