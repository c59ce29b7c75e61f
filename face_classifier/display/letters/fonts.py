"""The fonts of a machine: where they lie, which characters each has, and which is best for one."""

from __future__ import annotations

import io
import logging
import os
import struct
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from fontTools.ttLib import TTCollection, TTFont
from PIL import ImageFont, features

from face_classifier.display.letters.characters import is_emoji, is_silent

BITMAP_SIZES = (109, 160, 136, 128, 96, 64)  # pixel sizes of the bitmap emoji fonts of Google, Apple and others
PROBE_SIZE = 24  # px, at which a font is tried out
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedFont:
    """A face loaded at a size."""

    loaded: ImageFont.FreeTypeFont
    scale: float  # from the loaded size to the wanted one; 1 unless the font has bitmaps of fixed sizes only

    def direction(self, leftward: bool) -> dict[str, Any]:
        """Only the raqm layout takes a direction."""
        if self.loaded.layout_engine != ImageFont.Layout.RAQM:
            return {}
        return {"direction": "rtl" if leftward else "ltr"}


@dataclass(frozen=True, eq=False)
class FontFace:
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
        return (place < len(self.codes) and int(self.codes[place]) == ord(char)) or is_silent(char)


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

    def _face(self, cluster: str) -> FontFace | None:
        """The best face that draws the cluster, else its base letter; None and a warning if none does."""
        parts = unicodedata.normalize("NFKD", cluster)
        for wanted in dict.fromkeys((cluster, parts, cluster[0], parts[0])):
            for face in self._candidates(is_emoji(wanted)):
                if face.has(wanted) and self._draws(face, wanted):
                    return face
        self._tell_missing(cluster)
        return None

    def _candidates(self, emoji_first: bool) -> Iterator[FontFace]:
        paths = self._files()
        plain = [path for path in paths if not _is_emoji_file(path)]
        emoji = [path for path in paths if _is_emoji_file(path)]
        # Pillow's own font comes before the emoji fonts for text, since those have digits.
        for path in (*emoji, *plain, None) if emoji_first else (*plain, None, *emoji):
            yield from self._opened(path)

    def _draws(self, face: FontFace, cluster: str) -> bool:
        """A font may list a character that Pillow cannot draw, such as the vector emoji of COLR version 1."""
        font = self.load(face, PROBE_SIZE)
        if font is None:
            return False
        try:
            mask = font.loaded.getmask(face.shown(cluster), mode="RGBA")
        except OSError:
            return False
        return cluster.isspace() or mask.getbbox() is not None

    def _load(self, face: FontFace, size: int) -> LoadedFont | None:
        """None if the file is gone or FreeType cannot read it."""
        if face.path is None:
            return LoadedFont(_built_in(size), 1)
        for strike in (size, *BITMAP_SIZES):
            try:
                loaded = ImageFont.truetype(face.path, strike, face.index, layout_engine=self._layout)
            except OSError:
                continue
            return LoadedFont(loaded, size / strike)
        return None

    def _list_files(self) -> tuple[Path, ...]:
        files = {
            Path(folder, name)
            for root in self._folders
            for folder, _, names in os.walk(root)
            for name in names
            if name.lower().endswith((".ttf", ".otf", ".ttc", ".otc")) and "lastresort" not in name.lower()
        }
        return tuple(sorted(files, key=_rank))

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
    if is_emoji(cluster):
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


def _open(path: Path | None) -> tuple[FontFace, ...]:
    """The faces of a font file; none for a broken one."""
    try:
        # Opened here, since fontTools leaves the file of a broken collection open.
        with io.BytesIO(_built_in_file()) if path is None else path.open("rb") as file:
            is_collection = file.read(4) == b"ttcf"
            file.seek(0)
            fonts = TTCollection(file, lazy=True).fonts if is_collection else [TTFont(file, lazy=True)]
            return tuple(FontFace(path, index, _codes(font.reader["cmap"])) for index, font in enumerate(fonts))
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
    parts = [np.empty(0, np.int64)]
    for offset in unicode:
        (kind,) = struct.unpack_from(">H", table, offset)
        if kind in readers:
            parts.append(readers[kind](table, offset))
    return np.unique(np.concatenate(parts)).astype(np.uint32)


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
