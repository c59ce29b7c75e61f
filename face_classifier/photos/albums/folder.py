"""The folder that an album is sorted into: opened, looked into, and filled with links to a person's photos.

The manifest is written before anything it tells is done, marked as unfinished, and again at the end: after a kill at
any moment the next run goes on.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from face_classifier.core.disk.durable import PART
from face_classifier.core.disk.files import content_hash
from face_classifier.core.disk.locks import LOCK, FolderLock
from face_classifier.core.disk.markers import ALBUM, MANIFEST, refuse_place
from face_classifier.core.disk.retry import listed
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.names import alike
from face_classifier.identity.naming import numbered
from face_classifier.photos.albums import corrections
from face_classifier.photos.albums.corrections import AlbumToday, FileToday, Said
from face_classifier.photos.albums.links import carry_out, make_folder, plan_folder, remove_empty
from face_classifier.photos.albums.manifest import FaceKey, Manifest, ManifestEntry, address_key
from face_classifier.sources.base import MOST_BYTES

CROPS, FETCHED = "faces", "photos"  # folders in it that are nobody's
# in a folder that is not ours yet: what a run that was killed at once, or the Finder, may leave
_IGNORED = MANIFEST, LOCK, PART, ".DS_Store"


class AlbumFolder:
    """The folder OUT of one album, locked while it is open."""

    def __init__(self, path: Path) -> None:
        """Makes the folder if need be. Raises UserError where it is in use, or holds things that are not ours."""
        refuse_place(path, ALBUM, "-o")
        self.path = path
        self.is_new = not path.exists()
        with ExitStack() as stack, _telling("used", "choose another with -o", f"the folder {path}"):
            self._root = stack.enter_context(Root.made(path))
            _refuse_foreign(self._root)
            lock = FolderLock(self._root, "folder", "-o")
            stack.callback(lock.release)
            self._manifest = Manifest.read(self._root)
            _refuse_links(self._root, self._manifest)
            _sweep(self._root)
            self._manifest.save(self._root)
            self._open = stack.pop_all()

    def close(self) -> None:
        self._open.close()

    def __enter__(self) -> AlbumFolder:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def lacks(self) -> list[str]:
        """Sentences about what is not guaranteed in the folder, each told once."""
        return self._root.lacks()

    def discard(self, *others: str) -> None:
        """Of a folder that is new leave nothing; ``others``: names of files that the caller put there."""
        if self.is_new:
            for name in (MANIFEST, LOCK, *others):
                with suppress(FileNotFoundError):
                    self._root.remove(name)
            remove_empty(self._root, FETCHED)
            if not self._root.names():
                self.path.rmdir()

    # Photos from addresses

    def kept(self, address: str) -> Path | None:
        """The photo that was fetched from an address, if it is still there."""
        name = self._manifest.fetched.get(address_key(address))
        there = name is not None and self._root.has_folder(FETCHED) and self._root.has_file(f"{FETCHED}/{name}")
        return self.path / FETCHED / name if name is not None and there else None

    def keep(self, address: str, name: str, content: bytes) -> Path:
        """Store a fetched photo under a name that nobody else has. Raises OSError."""
        make_folder(self._root, FETCHED)
        self._manifest.fetched[address_key(address)] = name
        self._manifest.save(self._root)
        self._root.write(f"{FETCHED}/{name}", content)
        return self.path / FETCHED / name

    # What the user made of it

    def listen(self, photos: Mapping[str, str], faces: Mapping[str, int], tell: Callable[[str], None]) -> Said:
        """Compare the folders with what was written.

        A renamed folder keeps its new name. A link that was moved into another folder says that the face which it
        stood for is that person's; one that was deleted, that it is not whose folder it was in. A folder that the user
        named or put a face into keeps the faces that are in it. Raises UserError where a folder cannot be looked into.

        Parameters
        ----------
        photos: content of each photo of the album, by its real path.
        faces: how many faces are in each content.
        tell: is told sentences about what is left alone.
        """
        real = os.path.realpath(self.path)
        below = {os.path.relpath(path, real): content for path, content in sorted(photos.items())}
        manifest = corrections.follow_edits(self._manifest, below, faces)
        with _telling("looked into", "check that you may read it"):
            today = _look(self.path, manifest, photos, faces)
        manifest = corrections.follow_renames(manifest, today)
        manifest = corrections.forget_deleted_folders(manifest, today)
        moves, unclear = corrections.find_moves(manifest, today, faces)
        manifest = corrections.lift_moved(manifest, moves)
        replaced = corrections.find_replaced(manifest, today)
        manifest = corrections.drop_missing(manifest, today)
        manifest = corrections.lay_moved(manifest, moves)
        self._manifest, said = corrections.hear(manifest)
        for (folder, name), count in unclear:
            tell(
                f"{self.path / folder / name} stands for one of {count} faces in the photo, but it is not clear for "
                "which; it is left alone"
            )
        for folder, other, names in replaced:
            gone = f"{names[0]} is" if len(names) == 1 else f"{names[0]} and {len(names) - 1} more are"
            tell(
                f"{gone} gone from {self.path / folder}, and {other} has the same for another face; if you moved it "
                "there, that changes nothing: two faces in one photo are two people"
            )
        return said

    # Writing

    def spelled(self, name: str) -> str:
        """A known person's name as that person's folder has it, if only case or the spelling of accents differs."""
        folders = _people_in(self.path)
        return name if name in folders else next((one for one in folders if alike(one) == alike(name)), name)

    def name_groups(self, groups: Sequence[tuple[str | None, Collection[FaceKey]]]) -> list[str]:
        """A folder's name for each group: the one it has, else that of the folder that most of its faces lie in, else a
        new `person_##`. ``groups``: name, or None, and faces of each.
        """
        names: dict[int, str] = {number: name for number, (name, _) in enumerate(groups) if name is not None}
        taken = {*names.values(), *self._manifest.users}
        for folder, number in _claims(self._manifest, groups):
            if number not in names and folder not in taken:
                names[number] = folder
                taken.add(folder)
        return [names.get(number) or self._new_name(taken) for number in range(len(groups))]

    def _new_name(self, taken: Collection[str]) -> str:
        while True:
            self._manifest.numbers += 1
            name = numbered(self._manifest.numbers)
            if name not in taken and not self._root.has(name):
                return name

    def fill(
        self,
        people: Mapping[str, Sequence[tuple[FaceKey, Path]]],
        *,
        copies: bool,
        stays: Callable[[ManifestEntry], bool] = lambda _: False,
    ) -> dict[str, dict[FaceKey, str]]:
        """Make each person's folder hold links to these photos, or copies; other ones of the program's are removed.

        Raises UserError where that cannot be done.

        Parameters
        ----------
        people: faces, and the photos that they are in, by the name of the person's folder.
        copies: of the photos, rather than links.
        stays: whether a link or copy of somebody who is not among ``people`` stays.

        Returns
        -------
        Of each folder the name of each face's link.
        """
        manifest, before = self._manifest, self._manifest.folders
        plan = {
            folder: plan_folder(
                self.path / folder, before.get(folder, {}), people.get(folder, ()), copies=copies, stays=stays
            )
            for folder in [*people, *(folder for folder in before if folder not in people)]
        }
        plan = {folder: entries for folder, entries in plan.items() if entries}
        manifest.folders = {
            folder: before.get(folder, {}) | {name: entry for name, (entry, _) in plan.get(folder, {}).items()}
            for folder in [*before, *(folder for folder in plan if folder not in before)]
        }
        manifest.finished = False
        manifest.save(self._root)
        with _telling("written", "try --copies, or another -o"):
            manifest.folders = carry_out(self._root, plan, before)
            manifest.inodes = {folder: (self.path / folder).stat().st_ino for folder in plan}
            for folder in before.keys() - plan.keys() - manifest.users:
                remove_empty(self._root, folder)
        return {
            folder: {entry.key: name for name, entry in entries.items()} for folder, entries in manifest.folders.items()
        }

    def write(self, files: Sequence[tuple[str, Callable[[], bytes]]], tell: Callable[[str], None]) -> None:
        """Write these files (path in the folder, and what makes the content), and remove those that were written before
        and are not among them.

        These can all be made anew, so that only what differs is written. Raises UserError.
        """
        manifest, root = self._manifest, self._root
        users = {name for name, _ in files if name not in manifest.files and root.has(name)}
        for name in sorted(users):
            tell(f"{self.path / name} was not made by this program and is left alone; move it away to have it written")
        ours = {name: content for name, content in files if name not in users}
        before, manifest.files = manifest.files, manifest.files | ours.keys()
        manifest.save(root)
        with _telling("written", "choose another place with -o"):
            for name, content in ours.items():
                _write(root, name, content())
            for name in before - ours.keys():
                with suppress(FileNotFoundError):
                    root.remove(name)
        manifest.files = set(ours)
        manifest.finished = True
        manifest.save(root)


def usable(name: str) -> str:
    """A known person's name is that of a folder; here two of those are taken."""
    return f"{name}_2" if name in (CROPS, FETCHED) else name


def _claims(manifest: Manifest, groups: Sequence[tuple[str | None, Collection[FaceKey]]]) -> Iterator[tuple[str, int]]:
    """Folders in which faces of groups without a name lie, with the groups' numbers; those with the most come first."""
    lies_in: dict[FaceKey, set[str]] = defaultdict(set)  # of a run that was killed: where it was, and where it goes
    for folder, entries in manifest.folders.items():
        for entry in entries.values():
            lies_in[entry.key].add(folder)
    claims = [
        (-count, folder, number)
        for number, (name, faces) in enumerate(groups)
        if name is None
        for folder, count in Counter(folder for key in faces for folder in lies_in[key]).items()
    ]
    for _, folder, number in sorted(claims):
        yield folder, number


@contextmanager
def _telling(done: str, cure: str, what: str | None = None) -> Iterator[None]:
    """Tells an OSError in a sentence: ``what`` cannot be ``done``; None = the file or folder that it names."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{what or error.filename} cannot be {done} ({error.strerror}); {cure}") from error


def _refuse_foreign(root: Root) -> None:
    if not root.has(MANIFEST) and any(not name.startswith(_IGNORED) for name in root.names()):
        raise UserError(
            f"the folder {root.path} is not empty and not an album of this program; choose another or a new one with -o"
        )


def _refuse_links(root: Root, manifest: Manifest) -> None:
    """Raise UserError where a folder that the program writes into is a link."""
    for folder in (CROPS, FETCHED, *manifest.folders, *manifest.users):
        root.refuse_link(folder)


def _sweep(root: Root) -> None:
    """Remove what a killed run has left half written, or it would seem to be the user's."""
    for folder in ("", *_people_in(root.path), CROPS, FETCHED):
        if not folder or root.has_folder(folder):
            for name in root.names(folder):
                if name.startswith(PART):
                    root.remove(f"{folder}/{name}" if folder else name)


def _write(root: Root, name: str, content: bytes) -> None:
    if folder := name.rpartition("/")[0]:
        make_folder(root, folder)
    if not (root.has_file(name) and root.read(name) == content):
        root.write(name, content, durable=False)


# Looking into the people's folders


def _people_in(root: Path) -> list[str]:
    """The folders that are people's, sorted. Raises OSError."""
    return [
        entry.name
        for entry in listed(root)
        if entry.is_dir(follow_symlinks=False) and entry.name not in (CROPS, FETCHED) and entry.name[0] != "."
    ]


def _look(root: Path, manifest: Manifest, photos: Mapping[str, str], faces: Collection[str]) -> AlbumToday:
    """What lies in the people's folders; ``photos``: real path -> content, ``faces``: contents. Raises OSError."""
    links = {entry.link: entry.content for entries in manifest.folders.values() for entry in entries.values()}
    folders: dict[str, dict[str, FileToday]] = {}
    inodes: dict[str, int] = {}
    for folder in _people_in(root):
        written = manifest.folders.get(folder, {})
        folders[folder] = {
            entry.name: _link(entry, links, photos)
            if entry.is_symlink()
            else _file(entry, written.get(entry.name), faces)
            for entry in listed(root / folder)
            if entry.is_symlink() or entry.is_file()
        }
        inodes[folder] = (root / folder).stat().st_ino
    return AlbumToday(folders, inodes)


def _link(entry: os.DirEntry[str], links: Mapping[str | None, str], photos: Mapping[str, str]) -> FileToday:
    target, state = os.readlink(entry.path), entry.stat(follow_symlinks=False)
    content = links.get(target) or photos.get(os.path.realpath(entry.path))
    return FileToday(content, target, state.st_size, state.st_mtime_ns)


def _file(entry: os.DirEntry[str], written: ManifestEntry | None, faces: Collection[str]) -> FileToday:
    """Hashes only what was not copied there by the program (``written``)."""
    try:
        state = entry.stat(follow_symlinks=False)
        if written is not None and written.is_as_written(state.st_size, state.st_mtime_ns):
            content = written.content
        elif state.st_size > MOST_BYTES:  # no photo of the album is larger, and it would be read here in silence
            return FileToday(None)
        else:
            content = content_hash(Path(entry.path))
    except OSError:
        return FileToday(None)
    return FileToday(content if content in faces else None, None, state.st_size, state.st_mtime_ns)
