"""Taking stock of a result folder: what lies where, which row each picture is, and what the user did meanwhile."""

from __future__ import annotations

import errno
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from face_classifier.core.disk.database import SIDES
from face_classifier.core.disk.durable import PART
from face_classifier.core.disk.locks import LOCK
from face_classifier.core.disk.markers import PICKLE, TABLE, is_litter, kind_of
from face_classifier.core.disk.retry import asking_the_disk, retried
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.types import PICTURE_SUFFIXES
from face_classifier.display import montages
from face_classifier.gallery.table import DELETED, DISCARDED, EXCLUDED, KEPT, MISSING, Row

UNKNOWNS = "unknowns"
_PICTURES = PICTURE_SUFFIXES | {".gif"}  # one that moves counts by its first picture
_OURS = {PICKLE, TABLE, *(f"{TABLE}{side}" for side in SIDES)}
_JOINERS = "\u200c\u200d"  # they cannot be seen, but names in Persian or Malayalam need them
_OWN_CUT = re.compile(r"[0-9]{8}_[0-9]{6}\.[0-9]{3}-[0-9]+(_[0-9]+)?\.png")
_LONGEST_NAME = 200  # bytes: file systems allow 255, and its montages' names are longer
# Of faces that went between two looks. From there on it may be a disk that is not mounted, or a slip of the mouse.
_MANY, _SHARE = 20, 1 / 3
_SPEAKERS = 8  # faces that stand for a person of whom the user says who it is not: some may be deleted or wrong

_T = TypeVar("_T")
_K = TypeVar("_K")


class Entry(NamedTuple):
    """A picture as it lies in the result folder."""

    folder: str
    file: str
    size: int  # bytes
    mtime: int  # ns since 1970

    @property
    def stem(self) -> str:
        return os.path.splitext(self.file)[0]


@dataclass
class Scan:
    """The result folder as it is now."""

    entries: list[Entry] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    blind: bool = False  # something could not be looked at, where any picture may lie
    unread: list[Entry] = field(default_factory=list)  # whose content could not be read
    elsewhere: set[tuple[str, str]] = field(default_factory=set)  # (folder, file or ""): moved to where nobody looks
    parts: list[str] = field(default_factory=list)  # paths of what a killed process left half written

    def hides(self, row: Row) -> bool:
        """Whether the picture of a row that was not found may lie where nothing could be seen."""
        return (
            self.blind
            or any(row.file == entry.file or row.size == entry.size for entry in self.unread)
            or (row.folder, row.file) in self.elsewhere
            or ((row.folder, "") in self.elsewhere and row.folder not in self.folders)
        )


@dataclass
class Settled:
    """Which row each picture is."""

    pairs: list[tuple[Row, Entry]] = field(default_factory=list)
    hashes: dict[Entry, str] = field(default_factory=dict)  # of those that had to be read
    new: list[Entry] = field(default_factory=list)
    copies: list[tuple[Entry, Entry]] = field(default_factory=list)  # (copy, the one that counts)
    gone: list[Row] = field(default_factory=list)  # whose pictures were there at the latest look
    missing: list[Row] = field(default_factory=list)  # that were missing, and still are
    unseen: list[Row] = field(default_factory=list)  # whose pictures may lie where nothing could be seen


class Lying(NamedTuple):
    """A picture with its row."""

    row: Row  # as it was at the latest look
    folder: str  # where the picture lies now
    path: Path
    own_cut: bool  # the program cut it from a frame, the face in its middle

    @property
    def excluded(self) -> bool:
        """Whether it lies aside."""
        return is_excluded(self.folder)


@dataclass(frozen=True)
class Stock:
    """The folders beside the table, as they are now."""

    rows: list[Row]  # all of them
    lying: list[Lying]  # rejected ones too
    new: list[tuple[str, Path]]  # folder and path of each picture without a row
    gone: list[Row]  # whose picture is in no folder
    missing: list[Row]  # of which that is known, and not yet believed
    unfinished: list[str]  # what a killed process left: paths of half written files, faces that were being moved
    problems: list[str]  # sentences about what is left alone


def refuse_links(root: Root) -> None:
    """Raise UserError where something that the program itself makes in a result folder is a link."""
    for name in sorted(root.names()):
        if name in (*_OURS, LOCK, UNKNOWNS, EXCLUDED) or montages.MONTAGE.fullmatch(name):
            root.refuse_link(name)


def is_excluded(folder: str) -> bool:
    """Whether it is a folder of rejected pictures."""
    return folder.startswith(f"{EXCLUDED}/")


def person_of(folder: str) -> str:
    """The person whose folder it is, or who the rejected pictures in it are not."""
    return folder.removeprefix(f"{EXCLUDED}/")


def check_name(name: str) -> None:
    """Raise UserError unless a person's folder can have this name."""
    reason = None
    if not name.strip():
        reason = "is empty"
    elif name == UNKNOWNS:
        reason = "is the folder of the faces of nobody"
    elif name in _OURS or montages.MONTAGE.fullmatch(name):
        reason = "is a file of the program's own"
    elif is_litter(name):
        reason = "is a file that file managers leave everywhere"
    elif name.startswith("."):
        reason = "begins with a dot, which hides a folder"
    elif any(sign in "/\\" or not (sign.isprintable() or sign in _JOINERS) for sign in name):
        reason = "has a slash or a sign in it that cannot be printed"
    elif len(name.encode()) > _LONGEST_NAME:
        reason = f"is longer than {_LONGEST_NAME} bytes"
    if reason:
        raise UserError(f"the name {name!r} {reason}, so no folder can be called so; give another name")


def is_own_cut(file: str) -> bool:
    """Whether a picture is named as the program names what it cuts from frames."""
    return _OWN_CUT.fullmatch(file) is not None


def is_cut(row: Row, entry: Entry) -> bool:
    """Whether the program cut it from a frame, by its row or by its name."""
    return row.source is not None or is_own_cut(entry.file)


def copy_told(copy: tuple[Entry, Entry]) -> str:
    """A sentence about a copy and its original."""
    one, original = copy
    return (
        f"{one.folder}/{one.file} is a copy of {original.folder}/{original.file} and is not counted; "
        "move pictures rather than copying them"
    )


def scan_folder(root: Path) -> Scan:
    """Every picture one level deep. Hidden entries are passed over; what else is no picture is left alone and told.

    Raises UserError if the folder itself cannot be read.
    """
    scan = Scan()
    try:
        with asking_the_disk(done="read"):
            _scan_people(root, "", scan)
    except OSError as error:
        raise UserError(
            f"the result folder {root} cannot be read ({error.strerror}); put it back, or allow it"
        ) from error
    aside = root / EXCLUDED
    try:
        if aside.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, "it is a link")
        _scan_people(aside, f"{EXCLUDED}/", scan)
    except FileNotFoundError:
        pass
    except OSError as error:
        scan.blind = True
        scan.problems.append(f"{aside} cannot be read ({error.strerror}) and is left alone")
    return scan


def _scan_people(root: Path, prefix: str, scan: Scan) -> None:
    """The folders in ``root``, each called by ``prefix`` and its name. Raises OSError."""
    for entry in _visible(str(root), scan):
        if entry.is_symlink():
            scan.elsewhere.add((prefix + entry.name, ""))
            scan.problems.append(f"{entry.path} is a link and is left alone; move the pictures themselves here")
        elif entry.is_dir() and (kind := kind_of(entry.path)):
            scan.elsewhere.add((prefix + entry.name, ""))
            scan.problems.append(f"{entry.path} is a {kind} and no person, and is left alone; move it out of here")
        elif entry.is_dir():
            _scan_person(entry, prefix + entry.name, scan)
        elif entry.name not in _OURS and not montages.MONTAGE.fullmatch(entry.name) and ".damaged" not in entry.name:
            scan.problems.append(f"{entry.path} lies in no person's folder and is left alone")


def _scan_person(folder: os.DirEntry[str], name: str, scan: Scan) -> None:
    scan.folders.add(name)
    try:
        entries = _visible(folder.path, scan)
    except OSError as error:
        scan.blind = True
        scan.problems.append(f"{folder.path} cannot be read ({error.strerror}) and is left alone")
        return
    for entry in entries:
        if entry.is_symlink():
            scan.elsewhere.add((name, entry.name))
            scan.problems.append(f"{entry.path} is a link and is left alone; move the picture itself here")
        elif entry.is_dir():
            scan.elsewhere.add((entry.name, ""))
            scan.problems.append(f"{entry.path} is a folder inside a person's folder and is left alone")
        elif not entry.is_file() or os.path.splitext(entry.name)[1].lower() not in _PICTURES:
            scan.problems.append(f"{entry.path} is no picture and is left alone")
        else:
            try:
                stat = entry.stat(follow_symlinks=False)
            except OSError:  # on its way to another folder
                scan.blind = True
            else:
                scan.entries.append(Entry(name, entry.name, stat.st_size, stat.st_mtime_ns))


def _visible(folder: str, scan: Scan) -> list[os.DirEntry[str]]:
    """The visible entries of a folder with usable names, sorted. Raises OSError."""
    entries = retried(lambda: _listed(folder))
    return [entry for entry in entries if _is_usable(entry, scan)]


def _listed(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as listing:
        return sorted(listing, key=lambda entry: entry.name)


def _is_usable(entry: os.DirEntry[str], scan: Scan) -> bool:
    if entry.name.startswith(PART):
        scan.parts.append(entry.path)
    if entry.name.startswith(".") or is_litter(entry.name):
        return False
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        scan.blind = True  # whoever has it there may have renamed or unpacked a folder or a picture of ours
        scan.problems.append(f"{entry.path} has a name that is not UTF-8 and is left alone; rename it")
        return False
    return True


def settle(scan: Scan, rows: list[Row], hash_of: Callable[[Entry], str | None]) -> Settled:
    """Which row each picture is: by content, then by file name.

    A picture whose name, size and modification time are those of just one row has that row's content: only the
    others are read. Of several pictures with one content, the one where the row last was is it, the others are copies.
    """
    settled = Settled()
    rows = [row for row in rows if row.state != DISCARDED]
    free = {row.id: row for row in rows}
    place: dict[int, Entry] = {}

    def pair(row: Row, entry: Entry) -> None:
        settled.pairs.append((row, entry))
        place[row.id] = entry
        del free[row.id]

    rows_like = _grouped(rows, lambda row: (row.file, row.size, row.mtime))
    left: list[Entry] = []
    for key, alike in _grouped(scan.entries, lambda entry: entry[1:]).items():
        known = rows_like.get(key, ())
        if len(alike) == 1 and len(known) == 1:
            pair(known[0], alike[0])
        else:
            left += alike

    for entry in left:
        content = hash_of(entry)
        if content is None:
            scan.unread.append(entry)
        else:
            settled.hashes[entry] = content
    rows_with = _grouped(rows, lambda row: row.hash) if left else {}
    nameless: list[Entry] = []
    for content, alike in _grouped(settled.hashes, lambda entry: settled.hashes[entry]).items():
        known = rows_with.get(content, [])
        for row, entry in _assign([row for row in known if row.id in free], alike):
            pair(row, entry)
            alike.remove(entry)
        firsts, copies = _tell_copies(alike, [(row, place[row.id]) for row in known if row.id in place])
        nameless += firsts
        settled.copies += copies

    rows_named = _grouped(free.values(), lambda row: row.file) if nameless else {}
    for file, alike in _grouped(nameless, lambda entry: entry.file).items():
        for row, entry in _assign(rows_named.get(file, []), alike):
            pair(row, entry)
            alike.remove(entry)
        settled.new += alike
    for row in free.values():
        if row.state == MISSING or _lay(row):
            hidden = scan.hides(row)
            (settled.unseen if hidden else settled.missing if row.state == MISSING else settled.gone).append(row)
    return settled


def _lay(row: Row) -> bool:
    """Whether the picture of a row lay in some folder at the latest look."""
    return row.state == KEPT or (row.state == DELETED and is_excluded(row.folder))


def went_at_once(gone: Sequence[Row], rows: Iterable[Row]) -> bool:
    """Whether so many faces are gone since the latest look that it may not be what the user wants."""
    return len(gone) >= _MANY and len(gone) > _SHARE * sum(map(_lay, rows))


def missing_told(rows: Sequence[Row], folder: Path) -> str:
    """A sentence about faces that are missing."""
    since = min(row.missing for row in rows if row.missing).astimezone()
    return (
        f"{len(rows)} faces of {folder} went at once and are missing since {since:%Y-%m-%d %H:%M}, so they count "
        "nowhere; put their pictures back, or confirm with `face-classifier verify --yes` that they are deleted, as a "
        "start a day later takes them to be"
    )


def _tell_copies(entries: list[Entry], known: list[tuple[Row, Entry]]) -> tuple[list[Entry], list[tuple[Entry, Entry]]]:
    """Tell the pictures that stand for themselves from (copy, original), of ``entries`` with the content of ``known``.

    Frames of a still scene are alike to the byte: own cuts with names of their own are faces of their own.
    """
    firsts: list[Entry] = []
    original = known[0][1] if known else None
    stems = {stem for row, entry in known for stem in (row.face, entry.stem)}
    copies = []
    for entry in entries:
        if original is None or (is_own_cut(entry.file) and entry.stem not in stems):
            firsts.append(entry)
            original = original or entry
        else:
            copies.append((entry, original))
        stems.add(entry.stem)
    return firsts, copies


def _grouped(items: Iterable[_T], key: Callable[[_T], _K]) -> dict[_K, list[_T]]:
    groups: dict[_K, list[_T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def _assign(rows: list[Row], entries: list[Entry]) -> list[tuple[Row, Entry]]:
    """Pair off rows and pictures, those first that lie where they lay, then in the same folder, then by name."""
    pairs = []
    rows, entries = sorted(rows, key=lambda row: (row.state != KEPT, row.state != MISSING)), list(entries)
    for fits in (_same_place, _same_folder, _same_file, _any):
        for entry in list(entries):
            row = next((row for row in rows if fits(row, entry)), None)
            if row:
                pairs.append((row, entry))
                rows.remove(row)
                entries.remove(entry)
    return pairs


def _same_place(row: Row, entry: Entry) -> bool:
    return (row.folder, row.file) == (entry.folder, entry.file)


def _same_folder(row: Row, entry: Entry) -> bool:
    return row.folder == entry.folder


def _same_file(row: Row, entry: Entry) -> bool:
    return row.file == entry.file


def _any(_row: Row, _entry: Entry) -> bool:
    return True


def follow_moves(settled: Settled, folders: set[str]) -> list[tuple[int, str, str, str]]:
    """What the user did since the last look, as (face id, origin, target, kind); placements follow renamed folders.

    A folder was renamed if it is gone and all its pictures lie together in one that had none before.
    """
    targets = _targets(settled)
    renamed = {
        origin: target
        for origin, (target, *others) in ((origin, sorted(found)) for origin, found in targets.items())
        if not others and origin not in folders and target not in targets and UNKNOWNS not in (origin, target)
    }
    moves = [(row.id, row.folder, "", "delete") for row in settled.gone]
    for row, entry in settled.pairs:
        if is_excluded(entry.folder):
            if row.state != DELETED and not is_excluded(row.folder):
                moves.append((row.id, row.folder, entry.folder, "delete"))
        elif row.state == DELETED or is_excluded(row.folder):
            moves.append((row.id, row.folder, entry.folder, "revive"))
        elif row.folder != entry.folder and entry.folder != row.intent:
            moves.append((row.id, row.folder, entry.folder, "rename" if row.folder in renamed else "move"))
    for row, _entry in settled.pairs:
        row.placed = renamed.get(row.placed or "", row.placed)
    return moves


def _targets(settled: Settled) -> dict[str, set[str]]:
    """Into which folders the pictures of each folder went, itself among them; but for rejected ones."""
    targets: dict[str, set[str]] = defaultdict(set)
    for row, entry in settled.pairs:
        if row.state != DELETED and not is_excluded(row.folder) and not is_excluded(entry.folder):
            targets[row.folder].add(entry.folder)
    return targets


def successors_in(settled: Settled) -> dict[str, str]:
    """Who a person is now, of each whose pictures all lie in one other person's folder."""
    taken = {entry.folder for entry in (*(entry for _, entry in settled.pairs), *settled.new)}
    return {
        origin: target
        for origin, (target, *others) in ((origin, sorted(found)) for origin, found in _targets(settled).items())
        if not others and origin not in taken and UNKNOWNS not in (origin, target)
    }


def kept_apart_after(
    moves: Sequence[tuple[int, str, str, str]], rows: Sequence[Row], kept_apart: set[tuple[int, int]]
) -> set[tuple[int, int]]:
    """Who is not whom, by face ids, after what the user did to the folders; ``rows``: the kept ones, up to date.

    A face taken out of a person's folder into another person's is not that person, and stands for that person no more;
    but all faces of a folder going to another together say that the two are the same.
    """
    if not moves:
        return kept_apart
    folder_of = {row.id: row.folder for row in rows}
    members: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        members[row.folder].append(row.id)
    moved = {
        face: person_of(origin)
        for face, origin, _, kind in moves
        if kind == "move" or (kind == "revive" and is_excluded(origin))
    }
    targets: dict[str, set[str]] = defaultdict(set)
    for face, origin in moved.items():
        targets[origin].add(folder_of[face])
    taken = {face: origin for face, origin in moved.items() if origin in members or len(targets[origin]) > 1}
    after = {
        (one, other)
        for one, other in kept_apart
        if other not in taken and not (one in taken and (other, one) in kept_apart)
    }
    for face, origin in taken.items():
        if UNKNOWNS not in (origin, folder_of[face]):
            stayed = [other for other in members[origin] if other not in moved]
            after |= {(face, other) for other in speakers(stayed)}
    # What the user puts together is together, whatever was said before.
    return {
        (one, other)
        for one, other in after
        if not (moved.keys() & {one, other}) or folder_of.get(one) != folder_of.get(other)
    }


def speakers(faces: Sequence[int]) -> Sequence[int]:
    """A few of the faces, from their whole range."""
    return faces[:: max(1, len(faces) // _SPEAKERS)][:_SPEAKERS]
