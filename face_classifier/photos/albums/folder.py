"""The folder that an album is sorted into: a folder a person with links, and what the user made of it since.

The manifest is written before anything it tells is done, marked as unfinished, and again at the end: after a kill at
any moment the next run goes on.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from face_classifier.core.disk.durable import PART
from face_classifier.core.disk.files import content_hash
from face_classifier.core.disk.locks import LOCK, FolderLock
from face_classifier.core.disk.markers import ALBUM, MANIFEST, refuse_place
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.identity.naming import numbered
from face_classifier.photos.albums.manifest import Entry, FaceKey, Manifest, address_key
from face_classifier.sources.picture import MOST_BYTES

CROPS, FETCHED = "faces", "photos"  # folders in it that are nobody's
_NOT_OURS = -1  # for a size: a file that the user put there for a face
# in a folder that is not ours yet: what a run that was killed at once, or the Finder, may leave
_IGNORED = MANIFEST, LOCK, PART, ".DS_Store"
_NO_LINKS = errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EROFS  # exFAT, SMB, vboxsf
_SAME_TIME = 2_000_000_000  # ns: as coarse as the times of the coarsest file system

_Place = tuple[str, str]  # folder, and name in it
_Contents = dict[str, "str | None"]  # of the files in a folder, by name; None = not a photo of the album


_Plan = dict[str, tuple[Entry, "Path | None"]]  # of a folder: name -> what is to be there, and of which photo


@dataclass(frozen=True)
class Said:
    """What the user said by moving, renaming and deleting links and folders."""

    together: dict[FaceKey, str]  # whose each of these faces is
    cannot_links: list[tuple[FaceKey, FaceKey]]  # faces of two people


class Shelf:
    """The folder OUT of one album, locked while it is open."""

    def __init__(self, root: Path) -> None:
        """Makes the folder if need be. Raises UserError where it is in use, or holds things that are not ours."""
        refuse_place(root, ALBUM, "-o")
        self.root = root
        self.is_new = not root.exists()
        with ExitStack() as stack:
            try:
                self._opened = stack.enter_context(Root.made(root))
                self._refuse_foreign()
                lock = FolderLock(self._opened, "folder", "-o")
                stack.callback(lock.release)
                self._manifest = Manifest.read(self._opened)
                self._refuse_links()
                self._sweep()
                self._manifest.save(self._opened)
            except OSError as error:
                raise UserError(
                    f"the folder {root} cannot be used ({error.strerror}); choose another with -o"
                ) from error
            self._open = stack.pop_all()

    def close(self) -> None:
        self._open.close()

    def lacks(self) -> list[str]:
        """Sentences about what is not guaranteed in the folder, each told once."""
        return self._opened.lacks()

    def discard(self, *others: str) -> None:
        """Of a folder that is new leave nothing; ``others``: names of files that the caller put there."""
        if self.is_new:
            for name in (MANIFEST, LOCK, *others):
                with suppress(FileNotFoundError):
                    self._opened.remove(name)
            self._remove_empty(FETCHED)
            if not self._opened.names():
                self.root.rmdir()

    def __enter__(self) -> Shelf:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _refuse_foreign(self) -> None:
        if not self._opened.has(MANIFEST) and any(not name.startswith(_IGNORED) for name in self._opened.names()):
            raise UserError(
                f"the folder {self.root} is not empty and no album of this program; choose another or a new one with -o"
            )

    def _refuse_links(self) -> None:
        """Raise UserError where a folder that the program writes into is a link."""
        for folder in (CROPS, FETCHED, *self._manifest.folders, *self._manifest.users):
            self._opened.refuse_link(folder)

    def _sweep(self) -> None:
        """Remove what a killed run has left half written, or it would seem to be the user's."""
        for folder in ("", *self._folders(), CROPS, FETCHED):
            if not folder or self._opened.has_folder(folder):
                for name in self._opened.names(folder):
                    if name.startswith(PART):
                        self._opened.remove(f"{folder}/{name}" if folder else name)

    def _make_folder(self, name: str) -> None:
        """Unless it is there. Raises UserError where a link is in its place."""
        if not self._opened.has_folder(name):
            self._opened.make_folder(name)

    def _remove_empty(self, name: str) -> None:
        if self._opened.has_folder(name) and not self._opened.names(name):
            self._opened.remove_folder(name)

    # Photos from addresses

    def kept(self, address: str) -> Path | None:
        """The photo that was fetched from an address, if it is still there."""
        name = self._manifest.fetched.get(address_key(address))
        there = name is not None and self._opened.has_folder(FETCHED) and self._opened.has_file(f"{FETCHED}/{name}")
        return self.root / FETCHED / name if name is not None and there else None

    def keep(self, address: str, name: str, content: bytes) -> Path:
        """Store a fetched photo under a name that nobody else has. Raises OSError."""
        self._make_folder(FETCHED)
        self._manifest.fetched[address_key(address)] = name
        self._manifest.save(self._opened)
        self._opened.write(f"{FETCHED}/{name}", content)
        return self.root / FETCHED / name

    # What the user made of it

    def listen(self, photos: Mapping[str, str], faces: Mapping[str, int], tell: Callable[[str], None]) -> Said:
        """Compare the folders with what was written.

        ``photos``: real path of each photo of the album -> content; ``faces``: content -> how many faces are in it.
        A renamed folder keeps its new name. A link that was moved into another folder says that the face which it
        stood for is that person's; one that was deleted, that it is not whose folder it was in. A folder that the user
        named or put a face into keeps the faces that are in it. Raises UserError where a folder cannot be looked into.
        """
        manifest = self._manifest
        self._follow_edits(photos, faces)
        try:
            today = self._today(photos, faces)
        except OSError as error:
            raise UserError(
                f"{error.filename} cannot be looked into ({error.strerror}); check that you may read it"
            ) from error
        self._follow_renames(today)
        self._forget_folders(today)
        moves = self._moves(today, faces, tell)
        for _, old, _ in moves:
            if old is not None:
                del manifest.folders[old[0]][old[1]]
        self._tell_replaced(today, tell)
        self._drop_missing(today)
        for entry, old, new in moves:
            self._move(entry, old, new)
        for folder in manifest.users:
            manifest.together |= {entry.key: folder for entry in manifest.folders.get(folder, {}).values()}
        manifest.cannot_links -= {(*key, folder) for key, folder in manifest.together.items()}
        cannot_links = [
            ((content, face), entry.key)
            for content, face, folder in sorted(manifest.cannot_links)
            for entry in manifest.folders.get(folder, {}).values()
            if entry.key != (content, face)
        ]
        return Said(dict(manifest.together), cannot_links)

    def _folders(self) -> list[str]:
        with os.scandir(self.root) as entries:
            return sorted(
                entry.name
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and entry.name not in (CROPS, FETCHED) and entry.name[0] != "."
            )

    def _today(self, photos: Mapping[str, str], faces: Collection[str]) -> dict[str, _Contents]:
        links = {entry.link: entry.content for found in self._manifest.folders.values() for entry in found.values()}
        return {folder: self._contents(folder, links, photos, faces) for folder in self._folders()}

    def _contents(
        self, folder: str, links: Mapping[str | None, str], photos: Mapping[str, str], faces: Collection[str]
    ) -> _Contents:
        found: dict[str, str | None] = {}
        with os.scandir(self.root / folder) as entries:
            for entry in entries:
                if entry.is_symlink():
                    real = os.path.realpath(entry.path)
                    found[entry.name] = links.get(os.readlink(entry.path)) or photos.get(real)
                elif entry.is_file():
                    content = self._content_of_file(folder, entry)
                    found[entry.name] = content if content in faces else None
        return found

    def _content_of_file(self, folder: str, file: os.DirEntry[str]) -> str | None:
        """Hashes only what was not copied there by the program."""
        written = self._manifest.folders.get(folder, {}).get(file.name)
        if written is not None and _is_as_written(Path(file.path), written):
            return written.content
        try:
            # No photo of the album is larger, and it would be read here in silence.
            return None if file.stat().st_size > MOST_BYTES else content_hash(Path(file.path))
        except OSError:
            return None

    def _follow_edits(self, photos: Mapping[str, str], faces: Mapping[str, int]) -> None:
        """A photo of another content where one was, with as many faces, is that photo, edited."""
        manifest, root = self._manifest, os.path.realpath(self.root)
        now = {old: photos.get(os.path.normpath(os.path.join(root, at))) for old, (at, _) in manifest.photos.items()}
        edited = {
            old: new
            for old, new in now.items()
            if new is not None
            and old not in faces
            and new not in manifest.photos
            and faces[new] == manifest.photos[old][1]
        }
        for entries in manifest.folders.values():
            entries |= {
                name: entry._replace(content=edited[entry.content])
                for name, entry in entries.items()
                if entry.content in edited
            }
        manifest.together = {(edited.get(key[0], key[0]), key[1]): to for key, to in manifest.together.items()}
        manifest.cannot_links = {
            (edited.get(content, content), face, to) for content, face, to in manifest.cannot_links
        }
        linked = {entry.content for entries in manifest.folders.values() for entry in entries.values()}
        kept = {content: place for content, place in manifest.photos.items() if content in linked}
        found = {content: (os.path.relpath(path, root), faces[content]) for path, content in sorted(photos.items())}
        manifest.photos = kept | {content: place for content, place in found.items() if place[1]}

    def _follow_renames(self, today: Mapping[str, _Contents]) -> None:
        manifest = self._manifest
        renamed = self._renamed(today)
        replaced = set(renamed.values()) - renamed.keys()  # another folder has this name now
        manifest.folders = {
            renamed.get(folder, folder): entries
            for folder, entries in manifest.folders.items()
            if folder not in replaced
        }
        manifest.users = {renamed.get(folder, folder) for folder in manifest.users - replaced} | set(renamed.values())
        manifest.together = {
            key: renamed.get(folder, folder) for key, folder in manifest.together.items() if folder not in replaced
        }
        manifest.cannot_links = {
            (content, face, renamed.get(folder, folder))
            for content, face, folder in manifest.cannot_links
            if folder not in replaced
        }

    def _renamed(self, today: Mapping[str, _Contents]) -> dict[str, str]:
        """New name by old.

        A folder was renamed that is gone while a new one has photos of it. Where folders swapped names, or several
        have the same photos, their inodes tell.
        """
        manifest = self._manifest
        inodes = {folder: (self.root / folder).stat().st_ino for folder in today}
        claims = []
        for old, entries in manifest.folders.items():
            contents = {entry.content for entry in entries.values()}
            for new in today.keys() - {old}:
                is_it = inodes[new] == manifest.inodes.get(old)
                common = len(contents.intersection(today[new].values()))
                if common and (is_it or (old not in today and new not in manifest.folders)):
                    claims.append((-common, not is_it, old, new))
        renamed: dict[str, str] = {}
        for *_, old, new in sorted(claims):
            if old not in renamed and new not in renamed.values():
                renamed[old] = new
        return renamed

    def _forget_folders(self, today: Collection[str]) -> None:
        """Of a folder that the user deleted nothing is certain any more: the person is found anew."""
        manifest = self._manifest
        deleted = {folder for folder, entries in manifest.folders.items() if entries and folder not in today}
        manifest.users -= deleted
        manifest.together = {key: folder for key, folder in manifest.together.items() if folder not in deleted}

    def _moves(
        self, today: Mapping[str, _Contents], faces: Mapping[str, int], tell: Callable[[str], None]
    ) -> list[tuple[Entry, _Place | None, _Place]]:
        """What lies where the program did not put it, with where it was; None = nowhere.

        For which of a photo's faces it stands is clear where one of them alone is not where it was.
        """
        places: dict[FaceKey, list[_Place]] = defaultdict(list)
        for folder, entries in self._manifest.folders.items():
            for name, entry in entries.items():
                places[entry.key].append((folder, name))
        moves: list[tuple[Entry, _Place | None, _Place]] = []
        for folder, found in sorted(today.items()):
            for name, content in sorted(found.items()):
                if content is None or self._is_there((folder, name), today):
                    continue
                away = {
                    face: places[content, face]
                    for face in range(faces.get(content, 0))
                    if not any(self._is_there(place, today) for place in places[content, face])
                }
                # one that was moved rather than one that was nowhere, and a new name within a folder before all
                away = {face: found for face, found in away.items() if found} or away
                away = {face: found for face, found in away.items() if folder in (place[0] for place in found)} or away
                if len(away) > 1:
                    tell(
                        f"{self.root / folder / name} stands for one of {len(away)} faces in the photo, but it is not "
                        "clear for which; it is left alone"
                    )
                if len(away) == 1:
                    ((face, found_at),) = away.items()
                    entry = self._as_found(folder, name, (content, face), found_at)
                    moves.append((entry, found_at[0] if found_at else None, (folder, name)))
        return _once(moves)

    def _as_found(self, folder: str, name: str, key: FaceKey, places: Sequence[_Place]) -> Entry:
        """The program's own link or copy, from another place; or the user's, which is never to be removed."""
        path = self.root / folder / name
        before = [self._manifest.folders[where][there] for where, there in places]
        if path.is_symlink() and os.readlink(path) in {entry.link for entry in before}:
            return Entry(*key, os.readlink(path))
        moved = (entry for entry in before if entry.link is None and _is_as_written(path, entry))
        return next(moved, Entry(*key, None, _NOT_OURS))

    def _is_there(self, place: _Place, today: Mapping[str, _Contents]) -> bool:
        """Whether a link is where it was written; a copy that the user edited is."""
        folder, name = place
        entry = self._manifest.folders.get(folder, {}).get(name)
        return entry is not None and today.get(folder, {}).get(name, "") in (entry.content, None)

    def _move(self, entry: Entry, old: _Place | None, new: _Place) -> None:
        """A link is elsewhere now; in its own folder it has only another name."""
        manifest = self._manifest
        manifest.folders.setdefault(new[0], {})[new[1]] = entry
        if old is None or old[0] != new[0]:
            manifest.users.add(new[0])
            manifest.together[entry.key] = new[0]
        if old is not None and old[0] != new[0]:
            manifest.cannot_links.add((*entry.key, old[0]))

    def _tell_replaced(self, today: Mapping[str, _Contents], tell: Callable[[str], None]) -> None:
        """Links that are gone while another folder has that photo by that name for another of its faces.

        If they were moved there, they took the place of what it had, and nothing can be seen of it.
        """
        manifest = self._manifest
        if not manifest.finished:
            return
        for folder in sorted(manifest.folders):
            gone = {name: one for name, one in manifest.folders[folder].items() if name not in today.get(folder, ())}
            for other in sorted(manifest.folders.keys() & today.keys() - {folder}):
                there = manifest.folders[other]
                both = sorted(
                    name
                    for name, entry in gone.items()
                    if name in there and there[name].content == entry.content and self._is_there((other, name), today)
                )
                if both:
                    photos = f"{both[0]} is" if len(both) == 1 else f"{both[0]} and {len(both) - 1} more are"
                    tell(
                        f"{photos} gone from {self.root / folder}, and {other} has the same for another face; if you "
                        "moved it there, that changes nothing: two faces in one photo are two people"
                    )

    def _drop_missing(self, today: Mapping[str, _Contents]) -> None:
        """A link that is gone while its folder is there was deleted by the user, or never made by a killed run."""
        manifest = self._manifest
        if not manifest.finished:
            return
        for folder in manifest.folders.keys() & today.keys():
            for name, entry in list(manifest.folders[folder].items()):
                if self._is_there((folder, name), today):
                    continue
                del manifest.folders[folder][name]
                manifest.cannot_links.add((*entry.key, folder))
                if manifest.together.get(entry.key) == folder:
                    del manifest.together[entry.key]

    # Writing

    def spelled(self, name: str) -> str:
        """A known person's name as that person's folder has it, if only case or the spelling of accents differs."""
        folders = self._folders()
        return name if name in folders else next((one for one in folders if _alike(one) == _alike(name)), name)

    def names(self, groups: Sequence[tuple[str | None, Collection[FaceKey]]]) -> list[str]:
        """A folder's name for each group: the one it has, else that of the folder that most of its faces lie in, else a
        new `person_##`. ``groups``: name, or None, and faces of each.
        """
        lies_in: dict[FaceKey, set[str]] = defaultdict(set)  # of a run that was killed: where it was, and where it goes
        for folder, found in self._manifest.folders.items():
            for entry in found.values():
                lies_in[entry.key].add(folder)
        names: dict[int, str] = {number: name for number, (name, _) in enumerate(groups) if name is not None}
        taken = {*names.values(), *self._manifest.users}
        claims = [
            (-count, folder, number)
            for number, (name, faces) in enumerate(groups)
            if name is None
            for folder, count in Counter(folder for key in faces for folder in lies_in[key]).items()
        ]
        for _, folder, number in sorted(claims):
            if number not in names and folder not in taken:
                names[number] = folder
                taken.add(folder)
        for number in range(len(groups)):
            if number not in names:
                names[number] = self._new_name(taken)
        return [names[number] for number in range(len(groups))]

    def _new_name(self, taken: Collection[str]) -> str:
        while True:
            self._manifest.numbers += 1
            name = numbered(self._manifest.numbers)
            if name not in taken and not self._opened.has(name):
                return name

    def fill(
        self,
        people: Mapping[str, Sequence[tuple[FaceKey, Path]]],
        *,
        copies: bool,
        stays: Callable[[Entry], bool] = lambda _: False,
    ) -> dict[str, dict[FaceKey, str]]:
        """Make each person's folder hold links to these photos, or copies; returns the names of the links.

        Other links and copies of the program's are removed, unless they ``stay``. Raises UserError where that cannot be
        done.
        """
        manifest = self._manifest
        before = manifest.folders
        plan = {
            folder: self._plan(folder, before.get(folder, {}), people.get(folder, ()), copies=copies, stays=stays)
            for folder in [*people, *(folder for folder in before if folder not in people)]
        }
        plan = {folder: entries for folder, entries in plan.items() if entries}
        manifest.folders = {
            folder: before.get(folder, {}) | {name: entry for name, (entry, _) in plan.get(folder, {}).items()}
            for folder in [*before, *(folder for folder in plan if folder not in before)]
        }
        manifest.finished = False
        self._manifest.save(self._opened)
        try:
            manifest.folders = self._carry_out(plan, before)
            manifest.inodes = {folder: (self.root / folder).stat().st_ino for folder in plan}
            for folder in before.keys() - plan.keys() - manifest.users:
                self._remove_empty(folder)
        except OSError as error:
            raise UserError(
                f"{error.filename} cannot be written ({error.strerror}); try --copies, or another -o"
            ) from error
        return {
            folder: {entry.key: name for name, entry in found.items()} for folder, found in manifest.folders.items()
        }

    def _carry_out(
        self, plan: Mapping[str, _Plan], before: Mapping[str, Mapping[str, Entry]]
    ) -> dict[str, dict[str, Entry]]:
        """Returns what is in each folder then. Raises OSError."""
        for folder, old in before.items():
            for name, entry in old.items():
                if plan.get(folder, {}).get(name, (None,))[0] != entry:
                    self._remove(f"{folder}/{name}", entry)
        for folder in plan:
            self._make_folder(folder)
        return {
            folder: {
                name: entry if photo is None else self._put(f"{folder}/{name}", entry, photo)
                for name, (entry, photo) in entries.items()
            }
            for folder, entries in plan.items()
        }

    def _plan(
        self,
        folder: str,
        before: Mapping[str, Entry],
        faces: Sequence[tuple[FaceKey, Path]],
        *,
        copies: bool,
        stays: Callable[[Entry], bool],
    ) -> _Plan:
        """Names and links: what is there keeps its name, and no file of the user's is in the way of what is new.

        Without a path: what stays as it is.
        """
        here = Path(os.path.realpath(self.root / folder))
        there = {entry.key: name for name, entry in before.items()}
        taken = {_alike(name) for name in (*before, *(os.listdir(here) if here.is_dir() else ()))}
        plan: _Plan = {name: (entry, None) for name, entry in before.items() if stays(entry)}
        for key, photo in sorted(faces, key=lambda one: (one[1].name, one[0])):
            path = Path(os.path.realpath(photo.parent)) / photo.name
            entry = Entry(*key, None if copies else os.path.relpath(path, here))
            name = there.get(key) or _free(photo.name, taken)
            taken.add(_alike(name))
            old = before.get(name)
            if old is not None and (old.size == _NOT_OURS or (copies and old.link is None)):
                entry = old
            plan[name] = entry, path
        return plan

    def _put(self, place: str, entry: Entry, photo: Path) -> Entry:
        """Make the link or the copy unless something is there; returns it as it is then."""
        root, path = self._opened, self.root / place
        if entry.link is not None:
            if not root.has(place):
                self._link(place, entry.link)
            return entry
        if not root.has(place) or (_is_as_written(path, entry) and _differs(entry, photo)):
            state = root.copy(photo, place)
        elif _is_ours(path, entry):
            state = path.stat(follow_symlinks=False)
        else:
            return entry
        return entry._replace(size=state.st_size, mtime=state.st_mtime_ns)

    def _link(self, place: str, target: str) -> None:
        try:
            self._opened.make_link(place, target)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            raise UserError(
                f"the link {self.root / place} cannot be made, since the file system there has no links "
                f"({error.strerror}); give --copies, or choose another place with -o"
            ) from error

    def _remove(self, place: str, entry: Entry) -> None:
        """A link that leads where the program's did, or a copy that nobody touched."""
        state = self._state(place)
        if state is not None and stat.S_ISLNK(state.st_mode):
            if entry.link is not None and self._opened.link(place) == entry.link:
                self._opened.remove(place)
        elif state is not None and entry.link is None and _is_ours(self.root / place, entry):
            self._opened.remove(place)

    def _state(self, place: str) -> os.stat_result | None:
        """Of what is in a folder that may be gone."""
        try:
            return self._opened.state(place)
        except NotADirectoryError:
            return None

    def write(self, files: Sequence[tuple[str, Callable[[], bytes]]], tell: Callable[[str], None]) -> None:
        """Write these files (path in the folder, and what makes the content), and remove those that were written before
        and are not among them.

        These can all be made anew, so that only what differs is written. Raises UserError.
        """
        manifest = self._manifest
        users = {name for name, _ in files if name not in manifest.files and self._opened.has(name)}
        for name in sorted(users):
            tell(
                f"{self.root / name} is not of this program's making and is left alone; move it away to have it written"
            )
        ours = {name: content for name, content in files if name not in users}
        before, manifest.files = manifest.files, manifest.files | ours.keys()
        self._manifest.save(self._opened)
        try:
            for name, content in ours.items():
                self._write(name, content())
            for name in before - ours.keys():
                with suppress(FileNotFoundError):
                    self._opened.remove(name)
        except OSError as error:
            raise UserError(
                f"{error.filename} cannot be written ({error.strerror}); choose another place with -o"
            ) from error
        manifest.files = set(ours)
        manifest.finished = True
        self._manifest.save(self._opened)

    def _write(self, name: str, content: bytes) -> None:
        if folder := name.rpartition("/")[0]:
            self._make_folder(folder)
        if not (self._opened.has_file(name) and self._opened.read(name) == content):
            self._opened.write(name, content, durable=False)


def _once(moves: Iterable[tuple[Entry, _Place | None, _Place]]) -> list[tuple[Entry, _Place | None, _Place]]:
    """Of several files for one face the first counts."""
    first: dict[FaceKey, tuple[Entry, _Place | None, _Place]] = {}
    for move in moves:
        first.setdefault(move[0].key, move)
    return list(first.values())


def _is_ours(path: Path, entry: Entry) -> bool:
    """Whether a copy is as it was written, also by a run that was killed before it could note when."""
    if _is_as_written(path, entry):
        return True
    return entry.size != _NOT_OURS and path.is_file() and content_hash(path) == entry.content


def _differs(copy: Entry, photo: Path) -> bool:
    """Whether a photo was edited since it was copied."""
    state = photo.stat()
    return copy.size != state.st_size or abs(copy.mtime - state.st_mtime_ns) > _SAME_TIME


def _is_as_written(path: Path, entry: Entry) -> bool:
    try:
        state = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (state.st_size, state.st_mtime_ns) == (entry.size, entry.mtime)


def usable(name: str) -> str:
    """A known person's name is that of a folder; here two of those are taken."""
    return f"{name}_2" if name in (CROPS, FETCHED) else name


def _free(name: str, taken: Collection[str]) -> str:
    """``taken`` are `_alike`."""
    path, count, free = Path(name), 1, name
    while _alike(free) in taken:
        count += 1
        free = f"{path.stem}_{count}{path.suffix}"
    return free


def _alike(name: str) -> str:
    """The same for names that are one on file systems that know no case, or no two spellings of an accent."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
