"""A way through a result folder that changes nothing: whether pictures, table, views and logs agree."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.files import content_hash
from face_classifier.core.errors import SetUpError, UserError
from face_classifier.core.progress import Observer
from face_classifier.core.supervise import supervised
from face_classifier.core.types import Box, Image
from face_classifier.core.words import counted
from face_classifier.curate.checks.findings import Inspection
from face_classifier.curate.checks.repair import profile_of
from face_classifier.gallery.check import Lying, Stock
from face_classifier.gallery.opening import open_existing, photo_reader
from face_classifier.gallery.places import UNKNOWNS, is_excluded
from face_classifier.gallery.reconcile import missing_sentence
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

    @property
    def is_to_repair(self) -> bool:
        """Whether anything is wrong but logs, which are never changed."""
        return any(finding.check != LOGS for finding in self.findings)


def inspect(settings: Settings, observer: Observer, logs: Sequence[str], encodings: bool) -> FolderInspection:
    """Look at a result folder, and at the ``logs`` of runs. ``encodings``: encode every picture anew to compare."""
    inspection = FolderInspection()
    folder = Path(settings.result)
    inspection.checked[TABLE] = 1
    try:
        store = open_existing(settings, writing=False)
    except UserError as error:
        inspection.find(TABLE, folder, str(error).partition(";")[0])
        return inspection
    with store:
        for where, reason in store.check.faults():
            inspection.find(TABLE, where, f"the table is wrong here: {reason}")
        if inspection.findings:
            return inspection  # what else it says is not to be trusted
        busy = store.check.is_written()
        stock = _at_rest(store) if busy else store.check.stock()
        for sentence in stock.problems:
            observer.problem(sentence)
        _check_rows(stock, folder, inspection)
        _check_pictures(stock, folder, observer, inspection)
        profile = profile_of(stock.rows, settings)
        _check_encodings(stock, profile, folder, inspection)
        if encodings:
            _check_anew(stock, _reader(settings, profile, observer), profile, folder, observer, inspection)
        if busy:
            inspection.notes.append(
                f"another process writes to {folder}, so its views and unfinished files were not checked"
            )
        else:
            _check_views(store, stock, inspection)
            inspection.checked[UNFINISHED] = len(stock.unfinished)
            for where in stock.unfinished:
                inspection.find(UNFINISHED, where, "a process that was killed left it half done")
    for log in logs:
        _check_log(Path(log), stock, inspection)
    return inspection


def _at_rest(store: Store) -> Stock:
    """The stock without what another process is just about to make agree."""
    before, stock = store.check.stock(), store.check.stock()
    new, gone = set(before.new), {row.id for row in before.gone}
    return replace(
        stock,
        new=[picture for picture in stock.new if picture in new],
        gone=[row for row in stock.gone if row.id in gone],
    )


def _reader(settings: Settings, profile: EncoderProfile, observer: Observer) -> ReadPhoto:
    return photo_reader(replace(settings, encoder=profile.encoder), observer.problem)


def _check_rows(stock: Stock, folder: Path, inspection: FolderInspection) -> None:
    """Every row has its picture, every picture its row."""
    counts = Counter(EXCLUDED if picture.excluded else ROWS for picture in stock.lying)
    inspection.checked |= {ROWS: counts[ROWS], PICTURES: len(stock.lying), EXCLUDED: counts[EXCLUDED]}
    for row in stock.gone:
        if row.state == KEPT:
            inspection.checked[ROWS] += 1
            inspection.find(ROWS, f"{row.folder}/{row.file}", "its picture is gone, so the face no longer counts")
        else:
            inspection.checked[EXCLUDED] += 1
            inspection.find(
                EXCLUDED, f"{row.folder}/{row.file}", "its picture is gone, so it no longer keeps anything away"
            )
    inspection.missing = len(stock.missing)
    if stock.missing:
        inspection.notes.append(missing_sentence(stock.missing, folder))
    for of, path in stock.new:
        check = EXCLUDED if is_excluded(of) else PICTURES
        inspection.checked[check] += 1
        inspection.find(check, path.relative_to(folder), "it has no row in the table")


def _check_pictures(stock: Stock, folder: Path, observer: Observer, inspection: FolderInspection) -> None:
    """Every picture can be read, and is still the one that was encoded."""
    for picture in observer.through(stock.lying, "pictures"):
        where = picture.path.relative_to(folder)
        try:
            with supervised(picture.path):
                read_picture(picture.path)
            if content_hash(picture.path) != picture.row.hash:
                inspection.find(PICTURES, where, "it is not the picture that was encoded")
                inspection.contents.add(picture.row.id)
        except (UserError, OSError):
            inspection.find(PICTURES, where, "it cannot be read; put back a copy of it, or remove it")


def _check_encodings(stock: Stock, profile: EncoderProfile, folder: Path, inspection: FolderInspection) -> None:
    """Every encoding is of the gallery's encoder, as long as its encodings are, and of its picture alone."""
    inspection.checked[ENCODINGS] = len(stock.lying)
    alike: dict[bytes, list[Lying]] = defaultdict(list)
    for picture in stock.lying:
        if reason := _encoding_fault(picture.row, profile):
            inspection.find(ENCODINGS, picture.path.relative_to(folder), reason)
            inspection.encodings.add(picture.row.id)
        elif picture.row.encoding is not None:
            alike[picture.row.encoding.tobytes()].append(picture)
    for first, *others in alike.values():
        for other in others:
            if other.row.hash != first.row.hash and not _show_one_face(first, other):
                where, known = (picture.path.relative_to(folder) for picture in (other, first))
                inspection.find(ENCODINGS, where, f"it has the same encoding as {known}, which shows something else")
                inspection.encodings |= {first.row.id, other.row.id}


def _encoding_fault(row: Row, profile: EncoderProfile) -> str | None:
    if row.encoding is None:
        return "it has no encoding"
    if row.space != profile.name:
        return f"it has an encoding of {row.space}, the others have those of {profile.name}"
    return profile.fault(float(np.linalg.norm(row.encoding)))


def _show_one_face(picture: Lying, other: Lying) -> bool:
    """Whether the middles of two pictures are the same: frames differ elsewhere while a face is at rest."""
    try:
        with supervised(picture.path):
            return np.array_equal(_middle_of(picture), _middle_of(other))
    except UserError:
        return True  # which is told already


def _middle_of(picture: Lying) -> Image:
    image = read_picture(picture.path)
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
    profile: EncoderProfile,
    folder: Path,
    observer: Observer,
    inspection: FolderInspection,
) -> None:
    """Encoded from its picture, every face is the one that it was when it was encoded from its frame.

    The box that is found in a cut differs a little: 460 faces of photos and films came to lie up to .41 (dlib)
    and .46 (SFace) from themselves, strangers lie around .7 and .58.
    """
    inspection.checked[ANEW] = 0
    doubtful = {finding.where for finding in inspection.findings}
    for picture in observer.through(stock.lying, "encodings"):
        where = picture.path.relative_to(folder)
        if picture.row.encoding is None or str(where) in doubtful:
            continue
        try:
            with supervised(where):
                face, is_there = read_photo(picture.path, picture.own_cut)
        except SetUpError:
            raise
        except UserError as error:
            inspection.find(ANEW, where, str(error))
            continue
        if not is_there or (picture.own_cut and face.box.overlap(_middle(read_picture(picture.path))) < _SAME_BOX):
            continue  # nothing to compare with
        inspection.checked[ANEW] += 1
        distance = float(np.linalg.norm(face.encoding - picture.row.encoding))
        if distance > profile.anew:
            limit = profile.anew
            inspection.find(ANEW, where, f"its encoding is {distance:.2f} from that of its picture (limit {limit:g})")
            inspection.encodings.add(picture.row.id)


def _check_views(store: Store, stock: Stock, inspection: FolderInspection) -> None:
    wrong = dict(store.check.wrong_views(stock))
    inspection.checked[VIEWS] = len(store.check.views() | wrong.keys())
    for file, reason in wrong.items():
        inspection.find(VIEWS, file, f"it {reason}")
        inspection.montages.add(file)


def _check_log(path: Path, stock: Stock, inspection: FolderInspection) -> None:
    """Every line is of a face that the table knows; whose it is by now may be another matter."""
    rows = {row.face: row for row in stock.rows}
    folder_of = {picture.row.face: picture.folder for picture in stock.lying if not picture.excluded}
    persons: dict[str, str | None] = {}
    inspection.checked.setdefault(LOGS, 0)
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        inspection.find(LOGS, path, f"it cannot be read ({error})")
        return
    for number, line in enumerate(lines, 1):
        inspection.checked[LOGS] += 1
        try:
            record = json.loads(line)
            face, person, kept = str(record["face"]), record["person"], record.get("kept", True)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            inspection.find(LOGS, f"{path}:{number}", "it is not a line about a face")
            continue
        if face in rows:
            persons[face] = person
        elif kept:
            inspection.find(LOGS, f"{path}:{number}", f"there is no face {face}")
    gone = sum(face not in folder_of for face in persons)
    moved = sum(face in folder_of and folder_of[face] != (person or UNKNOWNS) for face, person in persons.items())
    now = f"{counted(moved, 'has', 'have')} another person by now, {counted(gone, 'is', 'are')} gone"
    inspection.notes.append(f"{path}: of {counted(len(persons), 'face')} {now}")
