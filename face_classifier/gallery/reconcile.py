"""Which row each picture of a result folder is, and what the user did to the folders meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from face_classifier.gallery.folder.scan import Entry, Scan
from face_classifier.gallery.places import UNKNOWNS, is_excluded, is_own_cut, person_of
from face_classifier.gallery.table.row import DELETED, DISCARDED, KEPT, MISSING, SEEN, Row

# Of faces that went between two looks. From there on it may be a disk that is not mounted, or a slip of the mouse.
_MANY, _SHARE = 20, 1 / 3
_GONE = {DELETED, SEEN}  # states of faces whose pictures are not to be expected
_SPEAKERS = 8  # faces that stand for a person of whom the user says who it is not: some may be deleted or wrong

_T = TypeVar("_T")
_K = TypeVar("_K")


class Move(NamedTuple):
    """What the user did with the picture of a face between two looks."""

    face: int  # id
    origin: str  # folder
    target: str  # folder; "": it is gone
    kind: str  # rename, move, delete or revive


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


def is_cut(row: Row, entry: Entry) -> bool:
    """Whether the program cut it from a frame, by its row or by its name."""
    return row.source is not None or is_own_cut(entry.file)


def copy_sentence(copy: tuple[Entry, Entry]) -> str:
    """A sentence about a copy and its original."""
    entry, original = copy
    return f"{entry.place} is a copy of {original.place} and is not counted; move pictures rather than copying them"


def settle(
    scan: Scan,
    entries: Sequence[Entry],
    rows: Sequence[Row],
    hash_of: Callable[[Entry], str | None],
    more: Callable[[Collection[str]], Sequence[Row]],
) -> Settled:
    """Which row each picture is: by content, then by file name.

    A picture whose name, size and modification time are those of just one row has that row's content: only the
    others are read. Of several pictures with one content, the one where the row last was is it, the others are copies.

    Parameters
    ----------
    scan: the folders of the pictures; gets those that cannot be read.
    entries: the pictures, all with one name or none of them.
    rows: by id; all that lay where one of the pictures lies, all with a name that one has, and what may be gone.
    hash_of: reads a picture; None: it cannot be read.
    more: further rows, by contents; those whose pictures lie somewhere lie where they lay, as nobody else does.
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
    for key, alike in _grouped(entries, lambda entry: entry[1:]).items():
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
    others = [row for row in more(set(settled.hashes.values())) if row.state != DISCARDED] if settled.hashes else []
    for row in others:
        if lay(row):
            place[row.id] = Entry(row.folder, row.file, row.size, row.mtime)
        else:
            free[row.id] = row
    rows_with = _grouped(sorted([*rows, *others], key=lambda row: row.id), lambda row: row.hash) if left else {}
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
        if row.state == MISSING or lay(row):
            hidden = scan.hides(row)
            (settled.unseen if hidden else settled.missing if row.state == MISSING else settled.gone).append(row)
    return settled


def lay(row: Row) -> bool:
    """Whether the picture of a row lay in some folder at the latest look."""
    return row.state == KEPT or (row.state == DELETED and is_excluded(row.folder))


def went_at_once(gone: Sequence[Row], lying: Callable[[], int]) -> bool:
    """Whether so many faces are gone since the latest look that it may not be what the user wants.

    ``lying``: counts the pictures that lay in some folder then.
    """
    return len(gone) >= _MANY and len(gone) > _SHARE * lying()


def missing_sentence(rows: Sequence[Row], folder: Path) -> str:
    """A sentence about faces that are missing."""
    since = min(row.missing for row in rows if row.missing).astimezone()
    return (
        f"{len(rows)} faces of {folder} disappeared at once and have been missing since {since:%Y-%m-%d %H:%M}, so "
        "they count nowhere; put their pictures back, or confirm with `face-classifier verify --yes` that they are "
        "deleted, as a start a day later assumes"
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


def renamed_in(settled: Settled, folders: set[str], occupied: Collection[str]) -> dict[str, str]:
    """New name of each folder that was renamed: that is gone, and all its pictures lie in one that had none before.

    ``folders``: that are there; ``occupied``: those of them with pictures that lie where they lay.
    """
    targets = _targets(settled)
    return {
        origin: target
        for origin, (target, *others) in ((origin, sorted(names)) for origin, names in targets.items())
        if not others
        and origin not in folders
        and target not in targets
        and target not in occupied
        and UNKNOWNS not in (origin, target)
    }


def follow_moves(settled: Settled, renamed: Mapping[str, str]) -> list[Move]:
    """What the user did since the last look."""
    moves = [Move(row.id, row.folder, "", "delete") for row in settled.gone]
    for row, entry in settled.pairs:
        if row.intent and row.intent == entry.folder:
            continue  # it was the program, which was killed before it could say so
        if is_excluded(entry.folder):
            if row.state not in _GONE and not is_excluded(row.folder):
                moves.append(Move(row.id, row.folder, entry.folder, "delete"))
        elif row.state in _GONE or is_excluded(row.folder):
            moves.append(Move(row.id, row.folder, entry.folder, "revive"))
        elif row.folder != entry.folder:
            moves.append(Move(row.id, row.folder, entry.folder, "rename" if row.folder in renamed else "move"))
    return moves


def _targets(settled: Settled) -> dict[str, set[str]]:
    """Into which folders the pictures of each folder went, itself among them; but for excluded ones."""
    targets: dict[str, set[str]] = defaultdict(set)
    for row, entry in settled.pairs:
        if row.state not in _GONE and not is_excluded(row.folder) and not is_excluded(entry.folder):
            targets[row.folder].add(entry.folder)
    return targets


def successors_in(settled: Settled, occupied: Collection[str]) -> dict[str, str]:
    """Who a person is now, of each whose pictures all lie in one other person's folder.

    ``occupied``: folders with pictures that lie where they lay.
    """
    taken = {entry.folder for entry in (*(entry for _, entry in settled.pairs), *settled.new)}
    return {
        origin: target
        for origin, (target, *others) in ((origin, sorted(names)) for origin, names in _targets(settled).items())
        if not others and origin not in taken and origin not in occupied and UNKNOWNS not in (origin, target)
    }


def kept_apart_after(
    moves: Sequence[Move], folder_of: Mapping[int, str], kept_apart: set[tuple[int, int]]
) -> set[tuple[int, int]]:
    """Who is not whom, by face ids, after what the user did to the folders.

    ``folder_of``: by the ids of kept faces, in order, up to date: of those that are moved or kept apart, and of all
    that are in a folder that one was moved from.

    A face taken out of a person's folder into another person's is not that person, and stands for that person no more;
    but all faces of a folder going to another together say that the two are the same.
    """

    def is_unknown(face: int) -> bool:
        return folder_of.get(face) == UNKNOWNS

    members: dict[str, list[int]] = defaultdict(list)
    for face, folder in folder_of.items():
        members[folder].append(face)
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
    # What the user puts together is together, whatever was said before; nobody is in `unknowns` with anybody.
    return {
        (one, other)
        for one, other in after
        if not (moved.keys() & {one, other}) or folder_of.get(one) != folder_of.get(other) or is_unknown(one)
    }


def speakers(faces: Sequence[int]) -> Sequence[int]:
    """A few of the faces, from their whole range."""
    return faces[:: max(1, len(faces) // _SPEAKERS)][:_SPEAKERS]
