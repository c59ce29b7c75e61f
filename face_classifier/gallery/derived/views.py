"""Views of a result folder, for people and other programs: montages and the pickle, made from rows and pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic

import numpy as np

from face_classifier.core.disk.markers import PICKLE
from face_classifier.core.disk.retry import DiskError, asking_the_disk
from face_classifier.core.types import Encoding, Sighting, as_stored
from face_classifier.display import montages
from face_classifier.display.montages import Portrait
from face_classifier.gallery.derived.pickled import pickle_bytes, read_pickle
from face_classifier.gallery.folder.opened import ResultFolder
from face_classifier.gallery.places import UNKNOWNS, is_excluded, is_own_cut
from face_classifier.gallery.table.row import Row
from face_classifier.gallery.table.whereabouts import count_faces, count_people, has_portraits
from face_classifier.vision.sface import SCALE, is_sface

MOST_DRAWN = 1_000  # people up to which everybody has montages: a file manager shows no more of them at a glance
MOST_PICKLED = 100_000  # faces: every run and command writes a pickle anew, these in 2.4 s and with .4 GB of memory
_CROWDED = "crowded"  # the mark of a folder whose montages are of those alone who were named

Sheets = Mapping[str, tuple[str, list[Portrait]]]  # montages by file: a digest of what is on it, and its portraits


def old_encodings(folder: ResultFolder) -> dict[str, Encoding]:
    """The pickle as it lies there, in today's scale; a torn or hostile one is set aside under another name."""
    try:
        if folder.root.has_file(PICKLE):
            return _in_todays_scale(read_pickle(folder.root.read(PICKLE)))
    except ValueError as error:
        folder.set_aside(PICKLE, str(error))
    except OSError as error:
        folder.report(f"{folder.path / PICKLE} cannot be read ({error.strerror}) and is not used")
    return {}


def _in_todays_scale(encodings: dict[str, Encoding]) -> dict[str, Encoding]:
    """Of a pickle of any version."""
    return {
        name: as_stored(SCALE * encoding if is_sface(encoding, 1) else encoding) for name, encoding in encodings.items()
    }


class Views:
    """The montages and the pickle of an open result folder."""

    def __init__(self, folder: ResultFolder) -> None:
        self._folder = folder

    def draw(self, folders: Collection[str] | None, hidden: Collection[int]) -> Iterator[None]:
        """As `Store.draw_montages`."""
        notes, is_crowded = self._folder.notes, _is_crowded(self._folder)
        is_new = is_crowded != bool(notes.mark(_CROWDED))
        drawn = self._drawn if is_crowded else self._named
        for name, there in drawn(None if is_new else folders):
            self._folder.root.check()
            yield from self._draw_folder(name, hidden, there, wanted=not (is_crowded and is_new))
        if is_new:
            notes.set_mark(_CROWDED, is_crowded)
            if is_crowded:
                self._folder.report(_crowded(self._folder.path))

    def draw_of(self, name: str, hidden: Collection[int]) -> list[str]:
        """As `Store.draw_montages_of`."""
        for _ in self._draw_folder(name, hidden, ()):
            pass
        return sorted(self._made_of(name))

    def left_out(self) -> list[str]:
        """As `Store.tell_views_left_out`."""
        crowded = [_crowded(self._folder.path)] if _is_crowded(self._folder) else []
        return crowded if _is_pickled(self._folder) else [*crowded, _unpickled(self._folder.path)]

    def remove_gone(self, folders: Collection[str] | None, hidden: Collection[int]) -> None:
        """Remove the montages of those of these folders in which no face lies; None: of all that are not there.

        Where the disk refuses it, they go when montages are drawn.
        """
        listed = self._folder.listing.folders if folders is None else ()
        with suppress(DiskError):
            for name, there in self._named(folders):
                if name not in listed and not has_portraits(self._folder.table, name, hidden):
                    for _ in self._draw_folder(name, hidden, there):
                        pass

    def write(self, folders: Collection[str] | None, hidden: Collection[int], within: float) -> bool:
        """As `Store.write_views`."""
        end = monotonic() + within
        self.remove_gone(folders, hidden)
        self.write_pickle(hidden)
        drawing = self.draw(folders, hidden)
        while monotonic() < end:
            if next(drawing, self) is self:
                return True
        return False

    def _named(self, folders: Collection[str] | None) -> Iterator[tuple[str, set[str]]]:
        """Folders (None: all) by name, each with montages that may be there although it is not known of them."""
        names, there = folders or (), dict[str, set[str]]()
        if folders is None:
            for file in {*self._montages(), *self._folder.notes.view_digests()}:
                there.setdefault(montages.person_of(file) or "", set()).add(file)
            names = {*self._folder.listing.folders, *there}
        for name in sorted(name for name in names if name and not is_excluded(name)):
            yield name, there.get(name, set())

    def _drawn(self, folders: Collection[str] | None) -> Iterator[tuple[str, set[str]]]:
        """Likewise, only those that have montages."""
        for name, there in self._named(folders):
            if there or (folders is not None and self._made_of(name)):
                yield name, there

    def _made_of(self, name: str) -> dict[str, str]:
        """Digests of the montages of a folder, by file."""
        made = self._folder.notes.view_digests(name)
        return {file: digest for file, digest in made.items() if montages.is_of(file, name)}

    def _draw_folder(
        self, name: str, hidden: Collection[int], there: Collection[str], *, wanted: bool = True
    ) -> Iterator[None]:
        """``there``: further montages of it that may be there; ``wanted``: whether it is to have any."""
        root, notes = self._folder.root, self._folder.notes
        portraits = sorted(self._portraits(name, hidden), key=lambda portrait: portrait.path) if wanted else []
        sheets = montages.montage_sheets(name, portraits)
        made = self._made_of(name)
        for file, (digest, shown) in sheets.items():
            if made.get(file) == digest and root.has(file):
                continue
            if self._write_file(file, montages.draw_montage(shown)):
                notes.set_view(file, digest)
            yield
        for file in {*made, *there} - sheets.keys():
            with asking_the_disk():
                if root.has_file(file):
                    root.remove(file)
            notes.set_view(file, None)
        yield

    def write_pickle(self, hidden: Collection[int]) -> None:
        """Bring the pickle up to date with the table, or remove it where there are too many faces."""
        root = self._folder.root
        root.check()
        if not _is_pickled(self._folder):
            with asking_the_disk():
                if root.has_file(PICKLE):
                    root.remove(PICKLE)
                    self._folder.report(_unpickled(self._folder.path))
            return
        by_file: dict[str, list[Encoding]] = defaultdict(list)
        for file, encoding in self._folder.whereabouts.encodings(self._folder.listing.folders, hidden):
            by_file[file].append(encoding)
        with asking_the_disk():
            self._write_pickle(_unambiguous(by_file))

    def _portraits(self, folder: str, hidden: Collection[int]) -> Iterator[Portrait]:
        for file, content, is_cut, box in self._folder.whereabouts.pictures_in(folder, hidden):
            is_own = is_cut or is_own_cut(file)
            yield Portrait(self._folder.path / folder / file, content, None if is_own else box, folder != UNKNOWNS)

    def wrong(self, faces: Iterable[tuple[str, str, Row]]) -> Iterator[tuple[str, str]]:
        """(file, what is wrong with it) of the pickle and of each montage that do not show ``faces``.

        ``faces``: folder, file and row of each.
        """
        root, made, there = self._folder.root, self._folder.notes.view_digests(), self._montages()
        sheets, encodings = _views_of(
            ((self._portrait(folder, file, row.hash, row), row.encoding) for folder, file, row in faces),
            {montages.person_of(file) for file in (*made, *there)} if _is_crowded(self._folder) else None,
        )
        if fault := self._pickle_fault(encodings):
            yield PICKLE, fault
        for file, (digest, portraits) in sheets.items():
            if made.get(file) != digest or file not in there:
                yield file, "does not show the faces of today" if file in there else "is missing"
            elif not montages.shows_the_same(root.read(file), montages.draw_montage(portraits)):
                yield file, "is damaged"
        for file in there - sheets.keys():
            yield file, "shows faces that are not there"

    def files(self) -> set[str]:
        """The files of the pickle and the montages that are there."""
        return self._montages() | {name for name in (PICKLE,) if self._folder.root.has(name)}

    def _portrait(self, folder: str, file: str, content: str, face: Row | Sighting) -> Portrait:
        box = None if face.source is not None or is_own_cut(file) else face.box
        return Portrait(self._folder.path / folder / file, content, box, folder != UNKNOWNS)

    def _pickle_fault(self, encodings: Mapping[str, Encoding]) -> str | None:
        root = self._folder.root
        if not _is_pickled(self._folder):
            return "was written when there were fewer faces" if root.has_file(PICKLE) else None
        if not root.has_file(PICKLE):
            return "is missing"
        try:
            there = _in_todays_scale(read_pickle(root.read(PICKLE)))  # the next run writes it so
        except (OSError, ValueError) as error:
            return f"is damaged ({error})"
        missing, more = len(encodings.keys() - there.keys()), len(there.keys() - encodings.keys())
        other = sum(not np.array_equal(there[name], encodings[name]) for name in there.keys() & encodings.keys())
        faults = {
            f"lacks {missing} of the faces": missing,
            f"has {more} too many": more,
            f"has other numbers for {other}": other,
        }
        return " and ".join(words for words, count in faults.items() if count) or None

    def _write_pickle(self, encodings: Mapping[str, Encoding]) -> None:
        root, content = self._folder.root, pickle_bytes(encodings)
        if root.has_file(PICKLE) and root.read(PICKLE) == content:
            return
        old_encodings(self._folder)  # sets a damaged one aside before it is replaced
        self._write_file(PICKLE, content)

    def _montages(self) -> set[str]:
        root = self._folder.root
        return {name for name in root.names() if montages.MONTAGE.fullmatch(name) and root.has_file(name)}

    def _write_file(self, file: str, content: bytes) -> bool:
        try:
            with asking_the_disk():
                self._folder.root.write(file, content)
        except OSError as error:
            path = self._folder.path / file
            self._folder.report(f"{path} cannot be written ({error.strerror}) and is left out")
            return False
        return True


def _is_crowded(folder: ResultFolder) -> bool:
    """Whether there are so many people that montages are made of those alone who are named."""
    return count_people(folder.table, MOST_DRAWN + 1) > MOST_DRAWN


def _is_pickled(folder: ResultFolder) -> bool:
    """Whether there are so few faces that the pickle is written."""
    return count_faces(folder.table, MOST_PICKLED + 1) <= MOST_PICKLED


def _crowded(path: Path) -> str:
    return (
        f"{path} has more than {MOST_DRAWN:,} people, so montages are left out; "
        "`face-classifier people --montage NAME` makes those of one"
    )


def _unpickled(path: Path) -> str:
    return (
        f"{path} has more than {MOST_PICKLED:,} faces, so {PICKLE} is left out; "
        "`face-classifier export --format npz` writes the encodings"
    )


def _views_of(
    faces: Iterable[tuple[Portrait, Encoding | None]], folders: Collection[str | None] | None
) -> tuple[Sheets, dict[str, Encoding]]:
    """What the montages, and the pickle by file name, should hold of faces; montages of these folders only."""
    by_file: dict[str, list[Encoding]] = defaultdict(list)
    by_folder: dict[str, list[Portrait]] = defaultdict(list)
    for portrait, encoding in faces:
        if encoding is not None:
            by_file[portrait.path.name].append(encoding)
        if folders is None or portrait.path.parent.name in folders:
            by_folder[portrait.path.parent.name].append(portrait)
    sheets: dict[str, tuple[str, list[Portrait]]] = {}
    for name, portraits in by_folder.items():
        sheets |= montages.montage_sheets(name, sorted(portraits, key=lambda portrait: portrait.path))
    return sheets, _unambiguous(by_file)


def _unambiguous(by_file: Mapping[str, list[Encoding]]) -> dict[str, Encoding]:
    """The pickle knows file names alone: what they do not tell apart is left out."""
    return {name: alike[0] for name, alike in by_file.items() if len(alike) == 1}
