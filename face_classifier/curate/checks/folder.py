"""A way through a result folder that changes nothing: whether pictures, table, views and logs agree."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from face_classifier.core.disk.files import content_hash
from face_classifier.core.errors import SetUpError, UserError
from face_classifier.core.progress import Observer
from face_classifier.core.settings import Settings
from face_classifier.core.supervise import supervised
from face_classifier.core.types import Box, Image
from face_classifier.curate.checks.findings import Inspection
from face_classifier.curate.checks.repair import profile_of
from face_classifier.gallery.check import Lying, Stock
from face_classifier.gallery.places import UNKNOWNS, is_excluded
from face_classifier.gallery.reconcile import missing_sentence
from face_classifier.gallery.snapshot import open_existing, photo_reader
from face_classifier.gallery.store import ReadPhoto, Store
from face_classifier.gallery.table import KEPT, Row
from face_classifier.identity.profiles import EncoderProfile
from face_classifier.sources.picture import read_picture

TABLE, ROWS, PICTURES, EXCLUDED = "table", "rows", "pictures", "rejected"
ENCODINGS, ANEW, VIEWS, UNFINISHED, LOGS = "encodings", "encoded anew", "views", "unfinished", "logs"

_SAME_BOX = 0.5  # overlap from which a face found in one of our cuts is the one that it was cut for


@dataclass
class FolderInspection(Inspection):
    """A way through a result folder that changes nothing."""

    contents: set[int] = field(default_factory=set)  # ids of faces whose picture is to be read again,
    encodings: set[int] = field(default_factory=set)  # to be encoded anew,
    montages: set[str] = field(default_factory=set)  # and files to be drawn again
    missing: int = 0  # faces that went at once, which may be no wish of the user's


def inspect(settings: Settings, observer: Observer, logs: Sequence[str], encodings: bool) -> FolderInspection:
    found = FolderInspection()
    folder = Path(settings.result)
    found.checked[TABLE] = 1
    try:
        store = open_existing(settings, writing=False)
    except UserError as error:
        found.find(TABLE, folder, str(error).partition(";")[0])
        return found
    with store:
        for where, reason in store.check.faults():
            found.find(TABLE, where, f"the table cannot be right here: {reason}")
        if found.findings:
            return found  # what else it says is not to be trusted
        busy = store.check.is_written()
        stock = _at_rest(store) if busy else store.check.stock()
        for sentence in stock.problems:
            observer.problem(sentence)
        _check_rows(stock, folder, found)
        _check_pictures(stock, folder, observer, found)
        space = profile_of(stock.rows, settings)
        _check_encodings(stock, space, folder, found)
        if encodings:
            _check_anew(stock, _reader(settings, space, observer), space, folder, observer, found)
        if busy:
            found.notes.append(f"another process writes to {folder}, so its views and unfinished files were left out")
        else:
            _check_views(store, stock, found)
            found.checked[UNFINISHED] = len(stock.unfinished)
            for where in stock.unfinished:
                found.find(UNFINISHED, where, "a process that was killed left it half done")
    for log in logs:
        _check_log(Path(log), stock, found)
    return found


def _at_rest(store: Store) -> Stock:
    """The stock without what another process is just about to make agree."""
    before, stock = store.check.stock(), store.check.stock()
    new, gone = set(before.new), {row.id for row in before.gone}
    return replace(
        stock,
        new=[one for one in stock.new if one in new],
        gone=[row for row in stock.gone if row.id in gone],
    )


def _reader(settings: Settings, space: EncoderProfile, observer: Observer) -> ReadPhoto:
    return photo_reader(replace(settings, encoder=space.encoder), observer.problem)


def _check_rows(stock: Stock, folder: Path, found: FolderInspection) -> None:
    """Every row has its picture, every picture its row."""
    lying = Counter(EXCLUDED if one.excluded else ROWS for one in stock.lying)
    found.checked |= {ROWS: lying[ROWS], PICTURES: len(stock.lying), EXCLUDED: lying[EXCLUDED]}
    for row in stock.gone:
        if row.state == KEPT:
            found.checked[ROWS] += 1
            found.find(ROWS, f"{row.folder}/{row.file}", "its picture is gone, so the face counts no more")
        else:
            found.checked[EXCLUDED] += 1
            found.find(EXCLUDED, f"{row.folder}/{row.file}", "its picture is gone, so it keeps nothing away any more")
    found.missing = len(stock.missing)
    if stock.missing:
        found.notes.append(missing_sentence(stock.missing, folder))
    for of, path in stock.new:
        check = EXCLUDED if is_excluded(of) else PICTURES
        found.checked[check] += 1
        found.find(check, path.relative_to(folder), "it has no row in the table")


def _check_pictures(stock: Stock, folder: Path, observer: Observer, found: FolderInspection) -> None:
    """Every picture can be read, and is still the one that was encoded."""
    for one in observer.through(stock.lying, "pictures"):
        where = one.path.relative_to(folder)
        try:
            with supervised(one.path):
                read_picture(one.path)
            if content_hash(one.path) != one.row.hash:
                found.find(PICTURES, where, "it is not the picture that was encoded")
                found.contents.add(one.row.id)
        except (UserError, OSError):
            found.find(PICTURES, where, "it cannot be read; put back a copy of it, or remove it")


def _check_encodings(stock: Stock, space: EncoderProfile, folder: Path, found: FolderInspection) -> None:
    """Every encoding is of the gallery's encoder, as long as its encodings are, and of its picture alone."""
    found.checked[ENCODINGS] = len(stock.lying)
    alike: dict[bytes, list[Lying]] = defaultdict(list)
    for one in stock.lying:
        if reason := _encoding_fault(one.row, space):
            found.find(ENCODINGS, one.path.relative_to(folder), reason)
            found.encodings.add(one.row.id)
        elif one.row.encoding is not None:
            alike[one.row.encoding.tobytes()].append(one)
    for first, *others in alike.values():
        for other in others:
            if other.row.hash != first.row.hash and not _show_one_face(first, other):
                where, known = (one.path.relative_to(folder) for one in (other, first))
                found.find(ENCODINGS, where, f"it has the very encoding of {known}, which shows something else")
                found.encodings |= {first.row.id, other.row.id}


def _encoding_fault(row: Row, space: EncoderProfile) -> str | None:
    if row.encoding is None:
        return "it has no encoding"
    if row.space != space.name:
        return f"it has an encoding of {row.space}, the others have some of {space.name}"
    return space.fault(float(np.linalg.norm(row.encoding)))


def _show_one_face(one: Lying, other: Lying) -> bool:
    """Whether the middles of two pictures are the same: frames differ elsewhere while a face is at rest."""
    try:
        with supervised(one.path):
            return np.array_equal(_middle_of(one), _middle_of(other))
    except UserError:
        return True  # which is told already


def _middle_of(one: Lying) -> Image:
    image = read_picture(one.path)
    box = _middle(image)
    return image[box.top : box.bottom, box.left : box.right]


def _middle(image: Image) -> Box:
    """Where the face is in one of our cuts, which are three times as wide and high."""
    top, left = (side // 3 for side in image.shape[:2])
    bottom, right = (side - side // 3 for side in image.shape[:2])
    return Box(top, right, bottom, left)


def _check_anew(
    stock: Stock,
    read_photo: ReadPhoto,
    space: EncoderProfile,
    folder: Path,
    observer: Observer,
    found: FolderInspection,
) -> None:
    """Encoded from its picture, every face is the one that it was when it was encoded from its frame.

    The box that is found in a cut differs a little: 460 faces of photos and films came to lie up to .41 (dlib)
    and 1.04 (SFace) from themselves, strangers lie around .7 and 1.3.
    """
    found.checked[ANEW] = 0
    doubtful = {finding.where for finding in found.findings}
    for one in observer.through(stock.lying, "encodings"):
        where = one.path.relative_to(folder)
        if one.row.encoding is None or str(where) in doubtful:
            continue
        try:
            with supervised(where):
                face, is_there = read_photo(one.path, one.own_cut)
        except SetUpError:
            raise
        except UserError as error:
            found.find(ANEW, where, str(error))
            continue
        if not is_there or (one.own_cut and face.box.overlap(_middle(read_picture(one.path))) < _SAME_BOX):
            continue  # nothing to compare with
        found.checked[ANEW] += 1
        distance = float(np.linalg.norm(face.encoding - one.row.encoding))
        if distance > space.anew:
            limit = space.anew
            found.find(ANEW, where, f"its encoding is {distance:.2f} from that of its picture (limit {limit:g})")
            found.encodings.add(one.row.id)


def _check_views(store: Store, stock: Stock, found: FolderInspection) -> None:
    wrong = dict(store.check.wrong_views(stock))
    found.checked[VIEWS] = len(store.check.views() | wrong.keys())
    for file, reason in wrong.items():
        found.find(VIEWS, file, f"it {reason}")
        found.montages.add(file)


def _check_log(path: Path, stock: Stock, found: FolderInspection) -> None:
    """Every line is of a face that the table knows; whose it is by now may be another matter."""
    rows = {row.face: row for row in stock.rows}
    folder_of = {one.row.face: one.folder for one in stock.lying if not one.excluded}
    persons: dict[str, str | None] = {}
    found.checked.setdefault(LOGS, 0)
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        found.find(LOGS, path, f"it cannot be read ({error})")
        return
    for number, line in enumerate(lines, 1):
        found.checked[LOGS] += 1
        try:
            told = json.loads(line)
            face, person, kept = str(told["face"]), told["person"], told.get("kept", True)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            found.find(LOGS, f"{path}:{number}", "it is no line about a face")
            continue
        if face in rows:
            persons[face] = person
        elif kept:
            found.find(LOGS, f"{path}:{number}", f"there is no face {face}")
    gone = sum(face not in folder_of for face in persons)
    moved = sum(face in folder_of and folder_of[face] != (person or UNKNOWNS) for face, person in persons.items())
    found.notes.append(f"{path}: of {len(persons)} faces {moved} have another person by now, {gone} are gone")
