"""Links and copies in the people's folders of an album: which are to be there, how they are made and removed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from face_classifier.core.disk.files import content_hash
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.names import alike
from face_classifier.photos.albums.manifest import USERS_FILE, FaceKey, ManifestEntry

Plan = dict[str, tuple[ManifestEntry, "Path | None"]]  # of a folder: name -> what is to be there, and of which photo

_NO_LINKS = errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EROFS  # exFAT, SMB, vboxsf
_SAME_TIME = 2_000_000_000  # ns: as coarse as the times of the coarsest file system


def plan_folder(
    folder: Path,
    before: Mapping[str, ManifestEntry],
    faces: Sequence[tuple[FaceKey, Path]],
    *,
    copies: bool,
    stays: Callable[[ManifestEntry], bool],
) -> Plan:
    """Names and links of a person's folder; without a path: what stays as it is.

    What is there keeps its name, and no file of the user's is in the way of what is new.

    Parameters
    ----------
    folder: its path; it may be missing.
    before: what the program wrote there, by name.
    faces: who is to be there, and in which photo.
    copies: of the photos, rather than links.
    stays: whether an entry without a face stays.
    """
    here = Path(os.path.realpath(folder))
    names = {entry.key: name for name, entry in before.items()}
    taken = {alike(name) for name in (*before, *(os.listdir(here) if here.is_dir() else ()))}
    plan: Plan = {name: (entry, None) for name, entry in before.items() if stays(entry)}
    for key, photo in sorted(faces, key=lambda face: (face[1].name, face[0])):
        path = Path(os.path.realpath(photo.parent)) / photo.name
        entry = ManifestEntry(*key, None if copies else os.path.relpath(path, here))
        name = names.get(key) or _free(photo.name, taken)
        taken.add(alike(name))
        old = before.get(name)
        if old is not None and (old.size == USERS_FILE or (copies and old.link is None)):
            entry = old
        plan[name] = entry, path
    return plan


def carry_out(
    root: Root, plan: Mapping[str, Plan], before: Mapping[str, Mapping[str, ManifestEntry]]
) -> dict[str, dict[str, ManifestEntry]]:
    """Make what is planned for each folder, and remove what was there ``before`` and is not planned.

    Returns what is in each folder then. Raises OSError, and UserError where the file system has no links.
    """
    for folder, old in before.items():
        for name, entry in old.items():
            if plan.get(folder, {}).get(name, (None,))[0] != entry:
                _remove(root, f"{folder}/{name}", entry)
    for folder in plan:
        make_folder(root, folder)
    return {
        folder: {
            name: entry if photo is None else _put(root, f"{folder}/{name}", entry, photo)
            for name, (entry, photo) in entries.items()
        }
        for folder, entries in plan.items()
    }


def make_folder(root: Root, name: str) -> None:
    """Unless it is there. Raises UserError where a link is in its place."""
    if not root.has_folder(name):
        root.make_folder(name)


def remove_empty(root: Root, name: str) -> None:
    """Remove a folder if it is there with nothing in it."""
    if root.has_folder(name) and not root.names(name):
        root.remove_folder(name)


def _free(name: str, taken: Collection[str]) -> str:
    """``taken`` are `alike`."""
    path, count, free = Path(name), 1, name
    while alike(free) in taken:
        count += 1
        free = f"{path.stem}_{count}{path.suffix}"
    return free


def _put(root: Root, place: str, entry: ManifestEntry, photo: Path) -> ManifestEntry:
    """Make the link or the copy unless something is there; returns it as it is then."""
    path = root.path / place
    if entry.link is not None:
        if not root.has(place):
            _link(root, place, entry.link)
        return entry
    if not root.has(place) or (_is_as_written(path, entry) and _differs(entry, photo)):
        state = root.copy(photo, place)
    elif _is_ours(path, entry):
        state = path.stat(follow_symlinks=False)
    else:
        return entry
    return entry._replace(size=state.st_size, mtime=state.st_mtime_ns)


def _link(root: Root, place: str, target: str) -> None:
    try:
        root.make_link(place, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        raise UserError(
            f"the link {root.path / place} cannot be made, since the file system there has no links "
            f"({error.strerror}); give --copies, or choose another place with -o"
        ) from error


def _remove(root: Root, place: str, entry: ManifestEntry) -> None:
    """A link that leads where the program's did, or a copy that nobody touched."""
    state = _state(root, place)
    if state is not None and stat.S_ISLNK(state.st_mode):
        if entry.link is not None and root.link(place) == entry.link:
            root.remove(place)
    elif state is not None and entry.link is None and _is_ours(root.path / place, entry):
        root.remove(place)


def _state(root: Root, place: str) -> os.stat_result | None:
    """Of what is in a folder that may be gone."""
    try:
        return root.state(place)
    except NotADirectoryError:
        return None


def _is_ours(path: Path, entry: ManifestEntry) -> bool:
    """Whether a copy is as it was written, also by a run that was killed before it could note when."""
    if _is_as_written(path, entry):
        return True
    return entry.size != USERS_FILE and path.is_file() and content_hash(path) == entry.content


def _is_as_written(path: Path, entry: ManifestEntry) -> bool:
    try:
        state = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return entry.is_as_written(state.st_size, state.st_mtime_ns)


def _differs(copy: ManifestEntry, photo: Path) -> bool:
    """Whether a photo was edited since it was copied."""
    state = photo.stat()
    return copy.size != state.st_size or abs(copy.mtime - state.st_mtime_ns) > _SAME_TIME
