"""What lies where in a result folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from face_classifier.core.disk.durable import PART
from face_classifier.core.disk.locks import LOCK
from face_classifier.core.disk.markers import MANIFEST, MARKER, is_litter, kind_of
from face_classifier.core.disk.retry import asking_the_disk, listed
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.types import PICTURE_SUFFIXES
from face_classifier.gallery.folder.listing import Listing, listing_of
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS, is_own_file
from face_classifier.gallery.table.row import Row

TELLING = PART, MARKER, MANIFEST  # hidden files that say something
_PICTURES = PICTURE_SUFFIXES | {".gif"}  # one that moves counts by its first picture


class Entry(NamedTuple):
    """A picture as it lies in the result folder."""

    folder: str
    file: str
    size: int  # bytes
    mtime: int  # ns since 1970

    @property
    def stem(self) -> str:
        return os.path.splitext(self.file)[0]

    @property
    def place(self) -> str:
        return f"{self.folder}/{self.file}"


Content = tuple[str, int, int]  # of a folder: a file's name, its size in bytes, and its mtime in ns since 1970


@dataclass
class Scan:
    """The result folder as it is now, but for the pictures of folders of which it is known what lies in them."""

    contents: dict[str, list[Content]] = field(default_factory=dict)  # pictures by folder
    folders: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    blind: bool = False  # something could not be looked at, where any picture may lie
    unread: list[Entry] = field(default_factory=list)  # whose content could not be read
    elsewhere: set[tuple[str, str]] = field(default_factory=set)  # (folder, file or ""): moved to where nobody looks
    parts: list[str] = field(default_factory=list)  # paths of what a killed process left half written

    @property
    def entries(self) -> list[Entry]:
        return [Entry(folder, *content) for folder, contents in self.contents.items() for content in contents]

    def hides(self, row: Row) -> bool:
        """Whether the picture of a row that was not found may lie where nothing could be seen."""
        return (
            self.blind
            or any(row.file == entry.file or row.size == entry.size for entry in self.unread)
            or (row.folder, row.file) in self.elsewhere
            or ((row.folder, "") in self.elsewhere and row.folder not in self.folders)
        )


def refuse_links(root: Root) -> None:
    """Raise UserError where something that the program itself makes in a result folder is a link."""
    for name in sorted(root.names()):
        if name in (LOCK, UNKNOWNS, EXCLUDED) or is_own_file(name):
            root.refuse_link(name)


def _nothing(_folder: str, _listing: object = None) -> bool:
    return False


def _unlisted(_folder: str) -> None:
    return None


def scan_folder(
    root: Path,
    is_known: Callable[[str, Listing], bool] = _nothing,
    is_untouched: Callable[[str], bool] = _nothing,
    ahead: Callable[[str], Listing | None] = _unlisted,
) -> Scan:
    """Every picture one level deep. Hidden entries are passed over; what else is no picture is left alone and told.

    Parameters
    ----------
    is_known: whether a folder with these files is as it was when its pictures were last looked at.
    is_untouched: whether a folder is so without a look into it.
    ahead: as `Ahead.of`.

    Raises
    ------
    UserError: the folder itself cannot be read.
    """
    scan = Scan()
    pass_over = _Known(is_known, is_untouched, ahead)
    try:
        with asking_the_disk(done="read"):
            _scan_people(root, "", scan, pass_over)
    except OSError as error:
        raise UserError(
            f"the result folder {root} cannot be read ({error.strerror}); put it back, or allow reading it"
        ) from error
    aside = root / EXCLUDED
    try:
        if aside.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, "it is a link")
        _scan_people(aside, f"{EXCLUDED}/", scan, pass_over)
    except FileNotFoundError:
        pass
    except OSError as error:
        scan.blind = True
        scan.problems.append(f"{aside} cannot be read ({error.strerror}) and is left alone")
    return scan


class _Known(NamedTuple):
    """Tells folders that need no look at each picture: the parameters of `scan_folder`."""

    is_known: Callable[[str, Listing], bool]
    is_untouched: Callable[[str], bool]
    ahead: Callable[[str], Listing | None]

    def __call__(self, folder: os.DirEntry[str], name: str) -> bool:
        if self.is_untouched(name):
            return True
        listing = self.ahead(name) or listing_of(folder.path, TELLING)
        return listing is not None and self.is_known(name, listing)


def _scan_people(root: Path, prefix: str, scan: Scan, pass_over: _Known) -> None:
    """The folders in ``root``, each called by ``prefix`` and its name. Raises OSError."""
    for entry in _visible(str(root), scan):
        if entry.is_dir(follow_symlinks=False) and pass_over(entry, prefix + entry.name):
            scan.folders.add(prefix + entry.name)
        elif entry.is_symlink():
            scan.elsewhere.add((prefix + entry.name, ""))
            scan.problems.append(f"{entry.path} is a link and is left alone; move the pictures themselves here")
        elif entry.is_dir() and (kind := kind_of(entry.path)):
            scan.elsewhere.add((prefix + entry.name, ""))
            scan.problems.append(f"{entry.path} is a {kind}, not a person, and is left alone; move it out of here")
        elif entry.is_dir():
            _scan_person(entry, prefix + entry.name, scan)
        elif not is_own_file(entry.name) and ".damaged" not in entry.name:
            scan.problems.append(f"{entry.path} lies in no person's folder and is left alone")


def _scan_person(folder: os.DirEntry[str], name: str, scan: Scan) -> None:
    scan.folders.add(name)
    contents = scan.contents[name] = []
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
            scan.problems.append(f"{entry.path} is not a picture and is left alone")
        else:
            try:
                state = entry.stat(follow_symlinks=False)
            except OSError:  # on its way to another folder
                scan.blind = True
            else:
                contents.append((entry.name, state.st_size, state.st_mtime_ns))


def _visible(folder: str, scan: Scan) -> list[os.DirEntry[str]]:
    """The visible entries of a folder with usable names, sorted. Raises OSError."""
    return [entry for entry in listed(folder) if _is_usable(entry, scan)]


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
