"""The index of photos: an SQLite file that remembers every face in them by the photo's content."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from face_classifier.core import names
from face_classifier.core.disk.database import open_database
from face_classifier.core.disk.durable import PRIVATE, Modes
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.types import Box, Encoding, as_stored, check_encoding
from face_classifier.identity.profiles import PROFILES
from face_classifier.photos import rescaled
from face_classifier.photos.finder import BEST, PLAIN, UNSURE, FaceFinder, PhotoFace
from face_classifier.photos.reading import Look, Looking, Stamp, Work, look_at

INDEX = ".face-classifier.sqlite"  # in the folder of a gallery: what its photos hold; hidden, so it is passed over
_DURABLE_AFTER = 64  # photos that were encoded
_SAME_FACE = 0.5  # least overlap of two boxes of one face
_FLOATS = np.dtype("<f8")
_PATIENCE = 10.0  # seconds for which an index that another command writes is waited for


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo that could be read, and the faces in it."""

    name: str  # as given to `read`
    content: str  # SHA-256 of the file, hexadecimal
    size: tuple[int, int]  # width and height in pixels, upright
    faces: tuple[PhotoFace, ...]  # from left to right, those of a later search after the others; none if none was found
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


class PhotoIndex:
    """An SQLite file with the faces of photos by content, so that each is encoded once, wherever it lies.

    It also remembers which photos were read last under which names, and so can stand for a folder that is away. What
    was read survives a crash and a stop, and is not read again, unless by a lesser finder.
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
        version = _version(self._database)
        if version > _VERSION:
            raise UserError(f"the index {self._path} was written by a newer version of this program; use that version")
        if version == 0 and self._database.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise UserError(f"{self._path} is a database of another program; name another file with --index")
        if version == 0:
            self._database.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {_VERSION};COMMIT;")
        self._database.execute("SELECT content, space, how FROM photos LIMIT 0")
        if rescaled.has_former(self._database):
            rescaled.show(self._database)

    def _telling(self) -> AbstractContextManager[None]:
        return _telling(self._path)

    def __enter__(self) -> PhotoIndex:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._database.close()

    def read(
        self,
        photos: Sequence[tuple[str, Path]],
        finder: Callable[[], FaceFinder],
        stopping: threading.Event,
        steps: Callable[[Sequence[Work]], Iterable[Work]] = iter,
        *,
        forget: bool = True,
        look: Looking = look_at,
    ) -> Reading:
        """Read photos; what was not searched as well before, by its content, is encoded.

        Faces that were found before keep their numbers; what is found beside them comes after.

        From the first photo that is written to the end no other command can use the index. Raises UserError where it
        cannot be written.

        Parameters
        ----------
        photos: name and path of each.
        finder: makes the finder when the first photo needs it.
        stopping: ends it early; the next time it goes on from there.
        steps: yields what it is given, one by one, and shows how far it has come.
        forget: once all are read, the index forgets what is none of them.
        look: looks at them; as it is, a thread a processor does.
        """
        stamps, failed, fresh = self.stamps(), list[tuple[str, str]](), 0
        contents: dict[str, str] = {}  # by name
        with self._telling(), look(photos, stamps, self._known(), finder, stopping) as works, self._exclusively():
            for name, work in steps(works):
                seen = work.result()
                if isinstance(seen, UserError):
                    failed.append((name, str(seen)))
                if not isinstance(seen, Look):
                    continue
                contents[name] = seen.stamp.content
                fresh += seen.finding is not None
                # An index that may only be read serves as long as nothing has changed.
                if seen.stamp != stamps.get(name) or seen.finding is not None:
                    self._remember(name, seen)
                if seen.finding is not None and fresh % _DURABLE_AFTER == 0:
                    self._database.execute("COMMIT")
                    self._database.execute("BEGIN")
            if forget and not stopping.is_set():
                self._forget(stamps.keys() - contents.keys())
        return Reading(self._load(contents), failed, fresh, stopping.is_set())

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        """A transaction, in whose breaks no other command gets in: else this one would be the one to give up."""
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.execute("BEGIN")
        try:
            yield
        finally:
            self._database.execute("COMMIT")
            self._database.execute("PRAGMA locking_mode = NORMAL")  # from the next statement on

    def remembered(self) -> list[Photo]:
        """The photos of the latest `read`, by name, without looking at any file."""
        return self._load({name: stamp.content for name, stamp in sorted(self.stamps().items())})

    def stamps(self) -> dict[str, Stamp]:
        """The files of the latest `read` by name, as they were then."""
        with self._telling():
            rows = self._database.execute("SELECT name, bytes, mtime, content FROM files")
            return {names.restored(key): Stamp(*stamp) for key, *stamp in rows}

    def damage(self) -> str | None:
        """What SQLite says is wrong with the file as such."""
        with self._telling():
            (told,) = self._database.execute("PRAGMA quick_check(1)").fetchone()
        return None if told == "ok" else str(told)

    def faults(self) -> list[tuple[str, str]]:
        """What cannot be right, of the encodings of every encoder: the content of a photo, and a reason."""
        with self._telling():
            return list(_faults(self._database))

    def forget(self, contents: Collection[str]) -> None:
        """Photos by content, so that they are encoded anew by the next `read`."""
        with self._telling():
            _may_be_written(self._database)
            self._database.execute("BEGIN")
            for table in ("files", "photos", "faces"):
                self._database.executemany(f"DELETE FROM {table} WHERE content = ?", [(one,) for one in contents])
            self._database.execute("COMMIT")
            self._database.execute("VACUUM")  # so that no page of the file holds them

    def faces(self) -> list[tuple[str, str, Box, Encoding]]:
        """Every face: the photo's content, the encoder (`Provenance.space`), box and encoding."""
        with self._telling():
            columns = 'content, space, "top", "right", "bottom", "left", encoding'
            records = self._database.execute(f"SELECT {columns} FROM faces")
            return [(content, space, Box(*box), _encoding(raw)) for content, space, *box, raw in records]

    def _known(self) -> dict[str, str]:
        """Contents that were searched, and the name of the finder of each.

        Where the index may only be read, it serves as it is: no finder could do better.
        """
        with self._telling():
            is_todays, is_old = rescaled.shows_itself(self._database), _version(self._database) < _VERSION
            finder = "''" if is_old else "finder"
            known = dict(self._database.execute(f"SELECT content, {finder} FROM photos WHERE space = ?", [self._space]))
            is_current = not is_old and set(known.values()) <= {BEST} and is_todays
            return known if is_current or _may_be_written(self._database) else dict.fromkeys(known, BEST)

    def _remember(self, name: str, look: Look) -> None:
        execute = self._database.execute
        execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", [names.stored(name), *look.stamp])
        if look.finding is None:
            return
        key = [look.stamp.content, self._space]
        (width, height), faces, how = look.finding
        for before in self._load({name: look.stamp.content}):
            faces, how = _joined(before, faces, how)
        execute("DELETE FROM faces WHERE content = ? AND space = ?", key)
        execute("INSERT OR REPLACE INTO photos VALUES (?, ?, ?, ?, ?, ?)", [*key, width, height, how, look.finder])
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
        """Photos by name and content."""
        faces: dict[str, list[PhotoFace]] = {}
        # of one photo by the table's index, of all by one pass through the table
        among, values = ("AND content = ?", list(contents.values())) if len(contents) == 1 else ("", [])
        with self._telling():
            for content, *box, quality, encoding, tile in self._database.execute(
                'SELECT content, "top", "right", "bottom", "left", quality, encoding, tile FROM faces '
                f"WHERE space = ? {among} ORDER BY rowid",
                [self._space, *values],
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
                    f"SELECT content, width, height, how FROM photos WHERE space = ? {among}", [self._space, *values]
                )
            }
        return [Photo(name, content, *photos[content]) for name, content in contents.items() if content in photos]


def _joined(before: Photo, faces: Sequence[PhotoFace], how: str) -> tuple[list[PhotoFace], str]:
    """The faces of a photo that was searched anew, and which attempt found them.

    Albums know a face by its number in the photo. So faces keep those that they had, also where they are not found any
    more, unless they were doubtful: of those no album knows.
    """
    if not before.faces or before.how == UNSURE:
        return list(faces), how
    if not faces or how == UNSURE:
        return list(before.faces), before.how
    fresh, numbered = list(faces), list[PhotoFace]()
    for face in before.faces:
        same = next((other for other in fresh if other.box.overlap(face.box) >= _SAME_FACE), None)
        numbered.append(same or face)
        if same is not None:
            fresh.remove(same)
    return numbered + fresh, how


@contextmanager
def _telling(path: Path | None) -> Iterator[None]:
    """Tells errors of SQLite in a sentence."""
    try:
        yield
    except sqlite3.Error as error:
        if "locked" in str(error):
            sentence = "is being written by another command; wait until that ends, or name another file with"
        elif isinstance(error, sqlite3.OperationalError):  # such as a folder that may only be read
            sentence = f"cannot be used ({error}); name another file with"
        else:
            sentence = f"cannot be used ({error}); remove it, so that it is made anew, or name another file with"
        raise UserError(f"the index {path} {sentence} --index") from error


def _open_index(path: Path, modes: Modes) -> sqlite3.Connection:
    """Raises sqlite3.Error, UserError."""
    try:
        with Root(path.parent, modes) as root:
            return open_database(root, path.name, timeout=_PATIENCE)
    except UserError as error:
        raise UserError(f"{error}, or name another file with --index") from error
    except OSError as error:
        raise sqlite3.OperationalError(str(error.strerror)) from error


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _may_be_written(database: sqlite3.Connection) -> bool:
    """Whether an index may be written; one of an earlier version is brought up to date then, others stay as they are.

    Raises sqlite3.Error where another command writes to it.
    """
    try:
        is_old = _version(database) < _VERSION
        database.execute("BEGIN IMMEDIATE")
        if has_former := rescaled.has_former(database):
            rescaled.convert(database)
        if is_old:
            database.execute(_FINDERS)
        database.execute(f"PRAGMA user_version = {_VERSION}")
        database.execute("COMMIT" if is_old or has_former else "ROLLBACK")
        rescaled.shows_itself(database)
    except sqlite3.OperationalError as error:
        if database.in_transaction:
            database.execute("ROLLBACK")
        if "locked" in str(error):
            raise
        return False
    return True


_VERSION = 2
_FINDERS = "ALTER TABLE main.photos ADD COLUMN finder TEXT NOT NULL DEFAULT ''"  # since version 2
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
    finder TEXT NOT NULL DEFAULT '',  -- the name of the finder; '' = of a time when that was not noted
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
    return check_encoding(as_stored(np.frombuffer(stored, _FLOATS)))


def _faults(database: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    for content, space, *box, encoding, tile in database.execute(
        'SELECT content, space, "top", "right", "bottom", "left", encoding, tile FROM faces'
    ).fetchall():
        if reason := _face_fault(space, box, encoding, tile):
            yield content, reason
    for rows, others, reason in (
        ("content, space FROM faces", "content, space FROM photos", "it has faces, but was never read"),
        ("content FROM files", "content FROM photos", "it was read, but what is in it is missing"),
        ("content FROM photos", "content FROM files", "no file has it any more"),
    ):
        for content, *_ in database.execute(f"SELECT {rows} EXCEPT SELECT {others}").fetchall():
            yield content, reason


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
