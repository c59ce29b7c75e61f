"""What lies otherwise in a result folder than its table says: only that is looked at closely."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from face_classifier.gallery.folder.ahead import Ahead
from face_classifier.gallery.folder.listing import NOTHING, Listing
from face_classifier.gallery.folder.opened import ResultFolder
from face_classifier.gallery.folder.scan import Content, Entry, Scan, scan_folder
from face_classifier.gallery.placing.undo import MADE, MOVED, REMOVED, WROTE
from face_classifier.gallery.reconcile import Settled, lay, settle
from face_classifier.gallery.table.row import Row
from face_classifier.gallery.table.whereabouts import listings


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """No garbage collection within: of a million objects that live on, it would take a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass
class Compared:
    """Pictures and rows of which something may have changed."""

    scan: Scan
    rows: list[Row]  # by id
    settled: Settled  # which of these rows each of the pictures is that may lie otherwise
    occupied: set[str]  # folders with pictures that lie where they lay
    folders: frozenset[str] | None  # that may have changed since the table was read; None: it may be all
    first: bool  # it is not told what was so at a comparison before


def compare_all(folder: ResultFolder) -> Compared:
    """All pictures with all rows. Raises FolderGoneError."""
    folder.root.check()
    folder.follow_writer()
    with collector_at_rest():
        scan = scan_folder(folder.path)
        _pass_over_half_made(folder, scan)
        rows = folder.rows.all()
        settled = settle(scan, scan.entries, rows, folder.content_of, lambda _: [])
    if (settled.gone or settled.missing) and scan_folder(folder.path).contents != scan.contents:
        _doubt(settled)
    folder.root.check()
    return Compared(scan, rows, settled, set(), None, first=True)


def _pass_over_half_made(folder: ResultFolder, scan: Scan) -> None:
    """Take what lies where as it was before another process began to change much that is to count all at once."""
    for kind, place, *others in reversed(_half_made(folder)):
        name, _, file = str(place).rpartition("/")
        if kind == WROTE:
            _take(scan, str(place))
        elif kind == MOVED and name in scan.contents:
            there = _take(scan, str(others[0]))
            aside = None if there or "/" in str(others[0]) else folder.root.state(str(others[0]))
            if there:
                scan.contents[name].append((file, *there[1:]))
            elif aside:
                scan.contents[name].append((file, aside.st_size, aside.st_mtime_ns))
        elif kind == MADE and not scan.contents.get(str(place)):
            scan.folders.discard(str(place))
            scan.contents.pop(str(place), None)
        elif kind == REMOVED:
            scan.folders.add(str(place))
            scan.contents.setdefault(str(place), [])


def _half_made(folder: ResultFolder) -> list[list[object]]:
    """The lines of what another process is about to change `all_or_nothing`, of which the table tells nothing."""
    if folder.writing or (found := folder.root.being_made()) is None:
        return []
    token, lines = found
    done = folder.table.execute("SELECT 1 FROM sqlite_master WHERE name = 'batch'").fetchone()
    done = done and folder.table.execute("SELECT 1 FROM batch WHERE token = ?", (token,)).fetchone()
    return [] if done else lines


def _take(scan: Scan, place: str) -> Content | None:
    """Take a picture out of what lies where; None: it was not there, or lies in a folder that was passed over."""
    name, _, file = place.rpartition("/")
    for content in scan.contents.get(name, ()):
        if content[0] == file:
            scan.contents[name].remove(content)
            return content
    return None


def _doubt(settled: Settled) -> None:
    """Something was on its way from one folder to another, and may have been in neither when each was read."""
    settled.unseen += [*settled.gone, *settled.missing]
    settled.gone, settled.missing = [], []


class _Listings:
    """What lay in each folder by the table, asked for in the order of their names."""

    def __init__(self, folder: ResultFolder) -> None:
        self._folder, self._coming = folder, listings(folder.table)
        self._name, self._listing = next(self._coming, ("", NOTHING))

    def of(self, name: str) -> Listing:
        while self._name and self._name < name:
            self._name, self._listing = next(self._coming, ("", NOTHING))
        return self._listing if self._name == name else self._folder.whereabouts.listing(name)


class Comparer:
    """Compares again and again, and remembers of each folder that all in it was as the table says."""

    def __init__(self, folder: ResultFolder, ahead: Ahead) -> None:
        """``ahead``: lists the folders since this folder was about to be opened."""
        self._folder, self._listing_ahead = folder, ahead
        self._seen: dict[str, tuple[int, int]] = {}  # of folders that were as the table says: how many files, a digest
        self._listings: _Listings | None = None  # of the table, while all folders are compared
        self._names: set[str] | None = None  # of all folders in which pictures may lie by the table
        self._odd: dict[int, str] = {}  # of faces to look at in any case: by id the folder; "": it is missing
        self._odd_folders: set[str] = set()
        self._elsewhere: list[Row] = []  # what lies in folders that were passed over and is like what does not

    def compare(self, touched: Collection[str] | None = None) -> Compared:
        """All that may have changed since the comparison before.

        A folder is passed over if the names, sizes and times of its files are those of its rows. ``touched``: folders
        that changed on disk; the others did not, or will be told. Raises FolderGoneError.
        """
        folder = self._folder
        folder.root.check()
        folder.follow_writer()
        written = folder.rows.take_touched()
        first = self._names is None or written is None or not folder.writing  # others write meanwhile
        is_told = written is not None
        if self._names is None or written is None or first:
            self._names, written = folder.whereabouts.folders(), (written or set()) | self._seen.keys()
        self._names |= written
        self.forget(written)
        with collector_at_rest():
            scan = self._scan(touched)
            compared = self._settle(scan)
        settled = compared.settled
        if touched is not None and (settled.gone or not all(map(folder.lies, self._elsewhere))):
            for name in written:
                folder.rows.touch(name)
            if first:
                folder.rows.touch_all()
            return self.compare()  # what went from one folder to another may be told of one of them only later
        if (settled.gone or settled.missing) and self._scan(touched).contents != scan.contents:
            _doubt(settled)
        folder.root.check()
        changed = {*scan.contents, *(self._names - scan.folders), *written}
        self._names |= scan.folders
        compared.folders, compared.first = frozenset(changed) if is_told else None, first
        return compared

    def forget(self, folders: Iterable[str]) -> None:
        """The table says otherwise by now what lies in these folders."""
        for name in folders:
            self._seen.pop(name, None)

    def _scan(self, touched: Collection[str] | None) -> Scan:
        self._odd = self._folder.whereabouts.odd()
        self._odd_folders = set(self._odd.values())

        if not self._seen:  # all will be asked for
            self._listings = _Listings(self._folder)

        def is_untouched(name: str) -> bool:
            return touched is not None and name not in touched and name in self._seen

        try:
            scan = scan_folder(self._folder.path, self._is_known, is_untouched, self._listing_ahead.of)
        finally:
            self._listings = None
            self._listing_ahead.close()  # what it told may be otherwise at the next look
        _pass_over_half_made(self._folder, scan)
        return scan

    def _is_known(self, name: str, listing: Listing) -> bool:
        digest = listing[0], hash(listing)
        if self._seen.get(name) == digest:
            return True
        if name not in self._odd_folders and listing == self._listing(name):
            self._seen[name] = digest
            return True
        self._seen.pop(name, None)
        return False

    def _listing(self, name: str) -> Listing:
        return self._listings.of(name) if self._listings else self._folder.whereabouts.listing(name)

    def _settle(self, scan: Scan) -> Compared:
        """Compare the pictures in folders that are not passed over with the rows that they may be."""
        folder, where = self._folder, self._folder.whereabouts
        assert self._names is not None
        occupied = {name for name in scan.folders - scan.contents.keys() if self._seen[name][0]}
        loose = set(self._odd)  # faces whose pictures may lie elsewhere
        entries: list[Entry] = []
        for name in (*scan.contents, *sorted(self._names - scan.folders)):
            by_table = where.contents(name)
            if not by_table:
                self._names.discard(name)
            there = scan.contents.get(name, [])
            stay = {content for content in by_table.keys() & there if by_table[content] not in self._odd}
            if stay:
                occupied.add(name)
            entries += [Entry(name, *content) for content in there if content not in stay]
            loose |= {face for content, face in by_table.items() if content not in stay}
        rows = where.concerned(loose, {entry.file for entry in entries})
        self._elsewhere = [row for row in rows if lay(row) and row.id not in loose]
        entries += [Entry(row.folder, row.file, row.size, row.mtime) for row in self._elsewhere]
        known = {row.id: row for row in rows}

        def more(contents: Collection[str]) -> list[Row]:
            others = {row.id: row for row in where.with_contents(contents) if row.id not in known}
            known.update(others)
            self._elsewhere += filter(lay, others.values())
            return list(others.values())

        settled = settle(scan, entries, rows, folder.content_of, more)
        return Compared(scan, [known[face] for face in sorted(known)], settled, occupied, None, first=True)
