"""Photos: every face in them as numbers, looked for hard, and remembered by content in an index file."""

from __future__ import annotations

import os
import sqlite3
import threading
import warnings
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np

from face_classifier.core import names
from face_classifier.core.disk.database import open_database
from face_classifier.core.disk.files import content_hash
from face_classifier.core.disk.rooted import PRIVATE, Modes, Root
from face_classifier.core.errors import UserError
from face_classifier.core.supervise import supervised
from face_classifier.core.types import PICTURE_SUFFIXES, Box, Detection, Encoding, Image, check_encoding
from face_classifier.identity.profiles import PROFILES
from face_classifier.sources.base import unreadable
from face_classifier.sources.discover import Found, look_through
from face_classifier.sources.picture import check_bytes, decode
from face_classifier.sources.video import VIDEO_SUFFIXES
from face_classifier.vision.engine import Engine

INDEX = ".face-classifier.sqlite"  # in the folder of a gallery; hidden, so that it is passed over with the photos
TILE = 160  # pixels
_PICTURES = PICTURE_SUFFIXES | {".gif"}
_DURABLE_AFTER = 64  # photos that were encoded
_FLOATS = np.dtype("<f8")
_PATIENCE = 10.0  # seconds for which an index that another command writes is waited for

PLAIN, LARGER, TURNED, UNSURE = "plain", "enlarged", "turned", "unsure"


@dataclass(frozen=True, eq=False)
class PhotoFace:
    """A face in a photo."""

    box: Box  # pixels of the upright photo
    encoding: Encoding  # (128,) float64
    quality: float | None  # 0 to 1
    tile: bytes  # JPEG, 160 x 160, the upright face with half a box around it, as far as the photo goes


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo that could be read, and the faces in it."""

    name: str  # as given to `read`
    content: str  # SHA-256 of the file, hexadecimal
    size: tuple[int, int]  # width and height in pixels, upright
    faces: tuple[PhotoFace, ...]  # from left to right; none if none was found
    how: str = PLAIN  # which attempt found them: PLAIN, or one of those after it

    @property
    def largest(self) -> PhotoFace:
        """The face that a portrait is about. Raises ValueError if there is none."""
        return max(self.faces, key=lambda face: face.box.area)


@dataclass(frozen=True, eq=False)
class Reading:
    """What became of the photos that were to be read, in their order."""

    photos: list[Photo] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)  # name and sentence of each that could not be read
    fresh: int = 0  # how many of the photos had to be encoded; the others were remembered
    stopped: bool = False  # before all were read

    @property
    def faceless(self) -> list[str]:
        """Names of the photos in which no face was found."""
        return [photo.name for photo in self.photos if not photo.faces]


def tile_image(tile: bytes) -> Image:
    """A face's tile as a picture: (160, 160, 3) uint8 BGR."""
    return np.asarray(cv2.imdecode(np.frombuffer(tile, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def find_pictures(
    given: str, tell: Callable[[str], object] = lambda _: None, skip: Collection[Path] = ()
) -> list[Path]:
    """The pictures that one argument of the command line stands for: itself, or those in a folder and below, sorted.

    ``tell``: is given sentences about what was passed over. ``skip``: folders that are left out without a word. Raises
    UserError where there is none.
    """
    if not os.path.lexists(given):
        raise UserError(f"{given} does not exist; give a photo or a folder of photos")
    if not os.path.isdir(given):
        if Path(given).suffix.lower() in VIDEO_SUFFIXES - _PICTURES:
            raise UserError(f"{given} is a video; give photos")
        return [Path(given)]
    sources = look_through(given, skip)
    for sentence in sources.passed_over():
        tell(sentence)
    # A folder among them cannot be looked into, which reading it tells.
    pictures = [Path(path) for path in sources.paths if not _is_video(path, sources)]
    if not pictures:
        only = f", only {len(sources.paths)} videos" if sources.paths else sources.but()
        raise UserError(f"{given} has no picture in it{only}; give a folder of photos")
    return pictures


def _is_video(path: str, sources: Found) -> bool:
    known = Path(path).suffix.lower() in _PICTURES or path in sources.odd_pictures
    return not known and not os.path.isdir(path)


def find_videos(folder: str, skip: Collection[Path] = ()) -> list[Path]:
    """Those in a folder and below, sorted."""
    sources = look_through(folder, skip)
    return [Path(path) for path in sources.paths if _is_video(path, sources)]


# Looking for faces


class FaceFinder:
    """Finds and encodes all faces of a photo, and tries harder where there seems to be none. Threads may share one."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._keen = engine, engine.keener()
        self.space = engine.made_by.space

    def find(self, path: Path) -> tuple[tuple[int, int], list[PhotoFace], str]:
        """Width and height of the upright photo, its faces from left to right, and which attempt found them.

        Raises UserError where it cannot be read.
        """
        photo = decode(path)
        faces, how = self.find_in(photo.image)
        return photo.size, [replace(face, box=face.box.scaled(photo.scale)) for face in faces], how

    def find_in(self, image: Image) -> tuple[list[PhotoFace], str]:
        """The faces in an upright BGR picture (height, width, 3) uint8, and which attempt found them."""
        for attempt in self._attempts(image):
            faces = [
                PhotoFace(attempt.back(face.box), face.encoding, face.quality, attempt.tile(face.box, image))
                for face in self._engine.encode(attempt.image, attempt.found)
            ]
            if faces:
                return sorted(faces, key=lambda face: (face.box.left, face.box.top)), attempt.name
        return [], PLAIN

    def _attempts(self, image: Image) -> Iterator[_Attempt]:
        """One after the other, the cheap and the sure ones first.

        UNSURE is for photos of which one knows that they show somebody: it finds a face in many that show none.
        """
        plain = _Attempt(PLAIN, image, self._engine.detect(image, thorough=True), _same)
        yield plain if plain.score() >= _UPRIGHT else self._turned(image, plain)
        if max(image.shape[:2]) > _SMALL:
            yield _Attempt(UNSURE, image, self._keen.detect(image, thorough=True), _same)
            return
        larger = np.asarray(cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
        keen = self._keen.detect(larger, thorough=True)
        yield _Attempt(LARGER, larger, _sure(keen, _USUAL), _halved)
        yield _Attempt(UNSURE, image, self._keen.detect(image, thorough=True), _same)
        yield _Attempt(UNSURE, larger, keen, _halved)

    def _turned(self, image: Image, plain: _Attempt) -> _Attempt:
        """As the photo shows most of a face: some cameras and scanners leave the turn out of EXIF."""
        factor = min(1.0, _SMALL / max(image.shape[:2]))  # one large copy is made, and only if it is needed
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else image
        scores = {turns: self._turned_by(np.asarray(small, np.uint8), turns).score() for turns in (1, 3, 2)}
        best = max(scores, key=lambda turns: scores[turns])
        return self._turned_by(image, best) if scores[best] > plain.score() + _CLEARLY else plain

    def _turned_by(self, image: Image, turns: int) -> _Attempt:
        """``turns``: by 90 degrees, counter-clockwise."""
        turned = np.ascontiguousarray(np.rot90(image, turns))
        found = _sure(self._engine.detect(turned, thorough=True), _SURE)
        return _Attempt(TURNED, turned, found, lambda box: _turned_back(box, turns, image.shape[1], image.shape[0]))


_SMALL = 1280  # pixels: smaller photos are searched at twice their size
_USUAL, _SURE = 0.8, 0.85  # least scores
# YuNet finds most faces upside down, and a third of those on their side, but takes the chin for a forehead: their
# encodings are wrong. Of 857 upright photos in data/ two had a higher score when turned, one of them by little; 96 %
# had more than this as they were, and all but one of those upside down less.
_UPRIGHT = 0.91
# By so much higher must the score of a turned face be: all but 12 of 2,571 turned photos are turned back then (7 with
# any), and tilted heads, which look about the same both ways, are left as they are.
_CLEARLY = 0.005


class _Attempt(NamedTuple):
    name: str
    image: Image  # the photo as it was searched
    found: list[Detection]  # in that picture
    back: Callable[[Box], Box]  # to the photo's own pixels

    def tile(self, box: Box, photo: Image) -> bytes:
        """A face's tile, of the ``photo`` itself unless that is not upright. ``box``: in the picture searched."""
        return _tile(self.image, box) if self.name == TURNED else _tile(photo, self.back(box))

    def score(self) -> float:
        return max((1.0 if detection.score is None else detection.score for detection in self.found), default=0.0)


def _sure(found: Iterable[Detection], least: float) -> list[Detection]:
    return [detection for detection in found if detection.score is None or detection.score >= least]


def _same(box: Box) -> Box:
    return box


def _halved(box: Box) -> Box:
    return box.scaled(0.5)


def _turned_back(box: Box, turns: int, width: int, height: int) -> Box:
    """A box of a picture that was turned counter-clockwise, in the picture of ``width`` x ``height`` as it was."""
    for turn in range(turns, 0, -1):
        across = width if turn % 2 else height  # before this turn, which swaps the sides
        box = Box(box.left, across - box.top, box.right, across - box.bottom)
    return box


def _tile(image: Image, box: Box) -> bytes:
    """Less than half a box around the face where the picture ends, rather than black."""
    height, width = image.shape[:2]
    side = min(2 * max(box.width, box.height), height, width)
    x = min(max((box.left + box.right) / 2, side / 2), width - side / 2)
    y = min(max((box.top + box.bottom) / 2, side / 2), height - side / 2)
    scale = TILE / side
    matrix = np.array([[scale, 0, TILE / 2 - scale * x], [0, scale, TILE / 2 - scale * y]])
    # Where it shrinks a lot, every pixel must count, or the tile flickers with noise.
    while scale < 0.5 and min(image.shape[:2]) > 1:
        image, scale = np.asarray(cv2.pyrDown(image), np.uint8), scale * 2
        matrix[:, :2] *= 2
    tile = cv2.warpAffine(image, matrix, (TILE, TILE), flags=cv2.INTER_LINEAR)
    return cv2.imencode(".jpg", tile, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


# Remembering


class PhotoIndex:
    """An SQLite file with the faces of photos by content, so that each is encoded once, wherever it lies.

    It also remembers which photos were read last under which names, and so can stand for a folder that is away. What
    was read survives a crash and a stop, and is not read again.
    """

    def __init__(self, path: Path | None, space: str, modes: Modes = PRIVATE) -> None:
        """``path`` None: in memory; ``space``: of the encodings; ``modes``: of a new file.

        Raises UserError where the file cannot be used.
        """
        self._path, self._space = path, space
        with self._telling():
            self._database = _open_index(path, modes) if path else sqlite3.connect(":memory:", isolation_level=None)
        try:
            with self._telling():
                self._prepare()
        except BaseException:
            self._database.close()
            raise

    def _prepare(self) -> None:
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise UserError(f"the index {self._path} was written by a newer version of this program; use that version")
        if version == 0 and self._database.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise UserError(f"{self._path} is a database of another program; name another file with --index")
        if version == 0:
            self._database.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {_VERSION};COMMIT;")
        self._database.execute("SELECT content, space, how FROM photos LIMIT 0")

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if "locked" in str(error):
                sentence = "is being written by another command; wait until that ends, or name another file with"
            elif isinstance(error, sqlite3.OperationalError):  # such as a folder that may only be read
                sentence = f"cannot be used ({error}); name another file with"
            else:
                sentence = f"cannot be used ({error}); remove it, so that it is made anew, or name another file with"
            raise UserError(f"the index {self._path} {sentence} --index") from error

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> PhotoIndex:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def read(
        self,
        given: Sequence[tuple[str, Path]],
        finder: Callable[[], FaceFinder],
        stopping: threading.Event,
        steps: Callable[[Sequence[_Work]], Iterable[_Work]] = iter,
        *,
        forget: bool = True,
    ) -> Reading:
        """Read photos, each a name and a path; what is not known by its content is encoded, by a thread a processor.

        ``finder``: makes the finder when the first photo needs it. ``steps``: yields what it is given, one by one, and
        shows how far it has come. Once all are read, the index forgets what is none of them, if it is to
        ``forget``. ``stopping`` ends it early; the next time it goes on from there. From the first photo that is
        written to the end no other command can use the index. Raises UserError where it cannot be written.
        """
        known, stamps = self._known(), self.stamps()
        shared, lock, failures = cache(finder), threading.Lock(), list[UserError]()

        def finder_of_all() -> FaceFinder:
            with lock:
                if failures:  # told once, and not tried again for each photo
                    raise failures[0]
                try:
                    return shared()
                except UserError as error:
                    failures.append(error)
                    raise

        fresh, failed, found = 0, [], {}
        with (
            warnings.catch_warnings(),
            ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="photos") as pool,
            self._telling(),
        ):
            warnings.simplefilter("ignore")  # what a reader ignores of odd files holds for its own thread only
            looks = [pool.submit(_look, path, stamps.get(name), known, finder_of_all, stopping) for name, path in given]
            # Or another command gets in between two batches, and this one is the one to give up.
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("BEGIN")
            try:
                for (name, _path), look in steps(list(zip(given, looks, strict=True))):
                    outcome = look.result()
                    if isinstance(outcome, UserError):
                        failed.append((name, str(outcome)))
                    if not isinstance(outcome, _Look):
                        continue
                    found[name] = outcome.stamp.content
                    fresh += outcome.photo is not None
                    # An index that may only be read serves as long as nothing has changed.
                    if outcome.stamp != stamps.get(name) or outcome.photo is not None:
                        self._remember(name, outcome)
                    if outcome.photo is not None and fresh % _DURABLE_AFTER == 0:
                        self._database.execute("COMMIT")
                        self._database.execute("BEGIN")
                if forget and not stopping.is_set():
                    self._forget(stamps.keys() - found.keys())
            finally:
                for look in looks:
                    look.cancel()
                self._database.execute("COMMIT")
                self._database.execute("PRAGMA locking_mode = NORMAL")  # from the next statement on
        photos = self._load(found)
        return Reading(photos, failed, fresh, stopping.is_set())

    def remembered(self) -> list[Photo]:
        """The photos of the latest `read`, by name, without looking at any file."""
        return self._load({name: stamp.content for name, stamp in sorted(self.stamps().items())})

    def stamps(self) -> dict[str, Stamp]:
        """The files of the latest `read` by name, as they were then."""
        with self._telling():
            rows = self._database.execute("SELECT name, bytes, mtime, content FROM files").fetchall()
        return {names.restored(key): Stamp(*stamp) for key, *stamp in rows}

    def damage(self) -> str | None:
        """What SQLite says is wrong with the file as such."""
        with self._telling():
            told = self._database.execute("PRAGMA quick_check(1)").fetchone()[0]
        return None if told == "ok" else str(told)

    def faults(self) -> Iterator[tuple[str, str]]:
        """What cannot be right, of the encodings of every encoder: the content of a photo, and a reason."""
        with self._telling():
            execute = self._database.execute
            for content, space, *box, encoding, tile in execute(
                'SELECT content, space, "top", "right", "bottom", "left", encoding, tile FROM faces'
            ).fetchall():
                if reason := _face_fault(space, box, encoding, tile):
                    yield content, reason
            for one, other, reason in (
                ("content, space FROM faces", "content, space FROM photos", "it has faces, but was never read"),
                ("content FROM files", "content FROM photos", "it was read, but what is in it is missing"),
                ("content FROM photos", "content FROM files", "no file has it any more"),
            ):
                for content, *_ in execute(f"SELECT {one} EXCEPT SELECT {other}").fetchall():
                    yield content, reason

    def forget(self, contents: Collection[str]) -> None:
        """Photos by content, so that they are encoded anew by the next `read`."""
        with self._telling():
            self._database.execute("BEGIN")
            for table in ("files", "photos", "faces"):
                self._database.executemany(f"DELETE FROM {table} WHERE content = ?", [(one,) for one in contents])
            self._database.execute("COMMIT")

    def _known(self) -> set[str]:
        with self._telling():
            return {
                row[0] for row in self._database.execute("SELECT content FROM photos WHERE space = ?", [self._space])
            }

    def _remember(self, name: str, look: _Look) -> None:
        execute = self._database.execute
        execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", [names.stored(name), *look.stamp])
        if look.photo is None:
            return
        key = [look.stamp.content, self._space]
        (width, height), faces, how = look.photo
        execute("DELETE FROM faces WHERE content = ? AND space = ?", key)
        execute("INSERT OR REPLACE INTO photos VALUES (?, ?, ?, ?, ?)", [*key, width, height, how])
        self._database.executemany(
            "INSERT INTO faces VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [[*key, *face.box.css, face.quality, face.encoding.astype(_FLOATS).tobytes(), face.tile] for face in faces],
        )

    def _forget(self, gone: Iterable[str]) -> None:
        """What the user deleted or changed is not kept here in secret."""
        self._database.executemany("DELETE FROM files WHERE name = ?", [(names.stored(name),) for name in gone])
        for table in ("photos", "faces"):
            unused = f"FROM {table} WHERE content NOT IN (SELECT content FROM files)"
            if self._database.execute(f"SELECT 1 {unused}").fetchone():
                self._database.execute(f"DELETE {unused}")

    def _load(self, contents: Mapping[str, str]) -> list[Photo]:
        """Photos by the names and contents given."""
        faces: dict[str, list[PhotoFace]] = {}
        with self._telling():
            for content, *box, quality, encoding, tile in self._database.execute(
                'SELECT content, "top", "right", "bottom", "left", quality, encoding, tile FROM faces '
                "WHERE space = ? ORDER BY rowid",
                [self._space],
            ):
                try:
                    face = PhotoFace(Box(*box), _encoding(encoding), quality, tile)
                except ValueError as error:
                    repair = f"face-classifier verify --index {self._path}"
                    raise UserError(f"the index {self._path} is damaged ({error}); run `{repair}`") from error
                faces.setdefault(content, []).append(face)
            photos = {
                content: ((width, height), tuple(faces.get(content, ())), how)
                for content, width, height, how in self._database.execute(
                    "SELECT content, width, height, how FROM photos WHERE space = ?", [self._space]
                )
            }
        return [Photo(name, content, *photos[content]) for name, content in contents.items() if content in photos]


def _open_index(path: Path, modes: Modes) -> sqlite3.Connection:
    """Raises sqlite3.Error, UserError."""
    try:
        with Root(path.parent, modes) as root:
            return open_database(root, path.name, timeout=_PATIENCE)
    except UserError as error:
        raise UserError(f"{error}, or name another file with --index") from error
    except OSError as error:
        raise sqlite3.OperationalError(str(error.strerror)) from error


_VERSION = 1
_SCHEMA = """
CREATE TABLE files (
    name TEXT PRIMARY KEY,       -- or a BLOB, where it is not UTF-8
    bytes INTEGER NOT NULL, mtime INTEGER NOT NULL, content TEXT NOT NULL
);
CREATE TABLE photos (
    content TEXT NOT NULL,       -- SHA-256 of the file
    space TEXT NOT NULL,         -- the encoder's
    width INTEGER NOT NULL, height INTEGER NOT NULL,  -- pixels, upright
    how TEXT NOT NULL,           -- which attempt found the faces
    PRIMARY KEY (content, space)
);
CREATE TABLE faces (
    content TEXT NOT NULL, space TEXT NOT NULL,
    "top" INTEGER NOT NULL, "right" INTEGER NOT NULL, "bottom" INTEGER NOT NULL, "left" INTEGER NOT NULL,
    quality REAL,
    encoding BLOB NOT NULL,      -- 128 little-endian float64
    tile BLOB NOT NULL           -- JPEG
);
CREATE INDEX faces_content ON faces (content, space);
"""


def _encoding(stored: bytes) -> Encoding:
    """Raises ValueError."""
    return check_encoding(np.frombuffer(stored, _FLOATS).astype(np.float64))


def _face_fault(space: str, box: Sequence[int], encoding: bytes, tile: bytes) -> str | None:
    """Why a face of an index cannot be right."""
    try:
        Box(*box)
        length = float(np.linalg.norm(_encoding(encoding)))
    except (ValueError, TypeError) as error:
        return f"a face of it is damaged: {error}"
    if space in PROFILES and (reason := PROFILES[space].fault(length)):
        return reason
    if not tile or cv2.imdecode(np.frombuffer(tile, np.uint8), cv2.IMREAD_COLOR) is None:
        return "a face of it has a picture that cannot be read"
    return None


_Work: TypeAlias = "tuple[tuple[str, Path], Future[_Look | UserError | None]]"


class Stamp(NamedTuple):
    """A file as it was last read."""

    size: int  # bytes
    mtime: int  # ns since 1970
    content: str  # SHA-256, hexadecimal

    def fits(self, state: os.stat_result) -> bool:
        """Whether a file seems to be the same still."""
        return (self.size, self.mtime) == (state.st_size, state.st_mtime_ns)


class _Look(NamedTuple):
    stamp: Stamp
    photo: tuple[tuple[int, int], list[PhotoFace], str] | None  # as of `FaceFinder.find`; None = known already


def _look(
    path: Path,
    before: Stamp | None,
    known: Container[str],
    finder: Callable[[], FaceFinder],
    stopping: threading.Event,
) -> _Look | UserError | None:
    """What is in a photo, in a thread of its own; None if it was not looked at any more."""
    if stopping.is_set():
        return None
    try:
        state = path.stat()
        if before and before.fits(state):
            stamp = before
        else:
            check_bytes(path)
            stamp = Stamp(state.st_size, state.st_mtime_ns, content_hash(path))
        if stamp.content in known:
            return _Look(stamp, None)
    except OSError as error:
        return unreadable(str(path), error)
    except UserError as error:
        return error
    ready = finder()  # that there is none is no photo's fault
    try:
        with supervised(path):
            return _Look(stamp, ready.find(path))
    except OSError as error:
        return unreadable(str(path), error)
    except UserError as error:
        return error
