"""What the user made of a sorted album since it was written: nine steps over plain data, none of which reads a disk.

`AlbumFolder.listen` takes them in the order in which they stand here, and looks into the folders after the first. A
manifest goes in and a new one comes out; the one that went in stays as it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from face_classifier.photos.albums.manifest import USERS_FILE, FaceKey, Manifest, ManifestEntry

Place = tuple[str, str]  # folder, and name in it
_Places = Mapping[FaceKey, Sequence[Place]]


class FileToday(NamedTuple):
    """A file or link as it lies in a person's folder."""

    content: str | None  # of the photo of the album that it is, or leads to; None = none of these
    link: str | None = None  # where it leads, if it is a link
    size: int = 0  # bytes, of the file or the link itself
    mtime: int = 0  # ns since 1970, of the same


@dataclass(frozen=True)
class AlbumToday:
    """The people's folders as they are now."""

    folders: Mapping[str, Mapping[str, FileToday]]  # what lies in each, by name
    inodes: Mapping[str, int]  # of each folder

    def at(self, place: Place) -> FileToday | None:
        folder, name = place
        return self.folders.get(folder, {}).get(name)


class LinkMove(NamedTuple):
    """A link or file that lies where the program did not put it."""

    entry: ManifestEntry  # as it is now
    origin: Place | None  # where it was; None = nowhere
    target: Place  # where it is


class Unclear(NamedTuple):
    """A link or file of which nobody knows for which of a photo's faces it stands."""

    place: Place
    faces: int  # how many there are to choose from


class Replaced(NamedTuple):
    """Links that are gone from a folder, while another one has the same photos for other faces of theirs."""

    folder: str
    other: str
    names: list[str]  # of the links, sorted


@dataclass(frozen=True)
class Said:
    """What the user said by moving, renaming and deleting links and folders."""

    together: dict[FaceKey, str]  # whose each of these faces is
    cannot_links: list[tuple[FaceKey, FaceKey]]  # faces of two people


def follow_edits(manifest: Manifest, photos: Mapping[str, str], faces: Mapping[str, int]) -> Manifest:
    """Step 1: a photo of another content where one was, with as many faces, is that photo, edited.

    In: ``photos``, the content of each photo of the album by its path from the album's folder; ``faces``, how many
    faces are in each content.
    Out: the manifest, in which edited photos have their new contents. It remembers where the photos lie now.
    """
    here = {old: photos.get(path) for old, (path, _) in manifest.photos.items()}
    edited = {
        old: new
        for old, new in here.items()
        if new is not None and old not in faces and new not in manifest.photos and faces[new] == manifest.photos[old][1]
    }
    folders = {
        folder: {
            name: entry._replace(content=edited[entry.content]) if entry.content in edited else entry
            for name, entry in entries.items()
        }
        for folder, entries in manifest.folders.items()
    }
    linked = {entry.content for entries in folders.values() for entry in entries.values()}
    kept = {content: place for content, place in manifest.photos.items() if content in linked}
    with_faces = {content: (path, faces[content]) for path, content in photos.items() if faces[content]}
    return replace(
        manifest,
        folders=folders,
        together={(edited.get(content, content), face): to for (content, face), to in manifest.together.items()},
        cannot_links={(edited.get(content, content), face, to) for content, face, to in manifest.cannot_links},
        photos=kept | with_faces,
    )


def follow_renames(manifest: Manifest, today: AlbumToday) -> Manifest:
    """Step 2: a renamed folder keeps its new name, and is the user's.

    In: the folders of today.
    Out: the manifest, in which renamed folders have their new names. What was said of a folder whose name another one
    has now is forgotten.
    """
    renamed = renamed_folders(manifest, today)
    replaced = set(renamed.values()) - renamed.keys()  # another folder has this name now
    return replace(
        manifest,
        folders={
            renamed.get(folder, folder): entries
            for folder, entries in manifest.folders.items()
            if folder not in replaced
        },
        users={renamed.get(folder, folder) for folder in manifest.users - replaced} | set(renamed.values()),
        together={
            key: renamed.get(folder, folder) for key, folder in manifest.together.items() if folder not in replaced
        },
        cannot_links={
            (content, face, renamed.get(folder, folder))
            for content, face, folder in manifest.cannot_links
            if folder not in replaced
        },
    )


def renamed_folders(manifest: Manifest, today: AlbumToday) -> dict[str, str]:
    """New name by old.

    A folder was renamed that is gone while a new one has photos of it. Where folders swapped names, or several
    have the same photos, their inodes tell.
    """
    claims = []
    for old, entries in manifest.folders.items():
        contents = {entry.content for entry in entries.values()}
        for new in today.folders.keys() - {old}:
            is_same = today.inodes[new] == manifest.inodes.get(old)
            if is_same or (old not in today.folders and new not in manifest.folders):
                common = len(contents.intersection(seen.content for seen in today.folders[new].values()))
                if common:
                    claims.append((-common, not is_same, old, new))
    renamed: dict[str, str] = {}
    for *_, old, new in sorted(claims):
        if old not in renamed and new not in renamed.values():
            renamed[old] = new
    return renamed


def forget_deleted_folders(manifest: Manifest, today: AlbumToday) -> Manifest:
    """Step 3: of a folder that the user deleted nothing is certain any more: the person is found anew.

    In: the folders of today.
    Out: the manifest, in which deleted folders are not the user's, and nobody is in them for certain.
    """
    deleted = {folder for folder, entries in manifest.folders.items() if entries and folder not in today.folders}
    return replace(
        manifest,
        users=manifest.users - deleted,
        together={key: folder for key, folder in manifest.together.items() if folder not in deleted},
    )


def find_moves(manifest: Manifest, today: AlbumToday, faces: Mapping[str, int]) -> tuple[list[LinkMove], list[Unclear]]:
    """Step 4: what lies where the program did not put it.

    For which of a photo's faces it stands is clear where one of them alone is not where it was.

    In: the folders of today; ``faces``, how many faces are in each content.
    Out: the moves, one of each face, and what is left alone. The manifest is not changed yet.
    """
    places: dict[FaceKey, list[Place]] = defaultdict(list)
    for folder, entries in manifest.folders.items():
        for name, entry in entries.items():
            places[entry.key].append((folder, name))
    moves: dict[FaceKey, LinkMove] = {}  # of several files for one face the first counts
    unclear = []
    for folder, files in sorted(today.folders.items()):
        for name, seen in sorted(files.items()):
            place = folder, name
            if seen.content is None or _is_there(manifest, today, place):
                continue
            away = _faces_away(manifest, today, folder, seen.content, faces.get(seen.content, 0), places)
            if len(away) > 1:
                unclear.append(Unclear(place, len(away)))
            elif away:
                ((key, origins),) = away.items()
                moves.setdefault(
                    key, LinkMove(_as_found(manifest, seen, key, origins), origins[0] if origins else None, place)
                )
    return list(moves.values()), unclear


def _faces_away(
    manifest: Manifest, today: AlbumToday, folder: str, content: str, count: int, places: _Places
) -> dict[FaceKey, Sequence[Place]]:
    """Faces of a photo that are not where they were, with their places: those that a file in ``folder`` may stand for.

    ``count``: of the photo's faces. ``places``: of each face in the manifest.
    """
    away = {
        (content, face): places.get((content, face), ())
        for face in range(count)
        if not any(_is_there(manifest, today, place) for place in places.get((content, face), ()))
    }
    # one that was moved rather than one that was nowhere, and a new name within a folder before all
    away = {key: origins for key, origins in away.items() if origins} or away
    return {key: origins for key, origins in away.items() if folder in (origin[0] for origin in origins)} or away


def _as_found(manifest: Manifest, seen: FileToday, key: FaceKey, origins: Iterable[Place]) -> ManifestEntry:
    """The program's own link or copy, from another place; or the user's, which is never to be removed."""
    before = [manifest.folders[folder][name] for folder, name in origins]
    if seen.link is not None and seen.link in {entry.link for entry in before}:
        return ManifestEntry(*key, seen.link)
    copies = (entry for entry in before if entry.link is None and entry.is_as_written(seen.size, seen.mtime))
    return next(copies, ManifestEntry(*key, None, USERS_FILE))


def _is_there(manifest: Manifest, today: AlbumToday, place: Place) -> bool:
    """Whether a link is where it was written; a copy that the user edited is."""
    folder, name = place
    entry, seen = manifest.folders.get(folder, {}).get(name), today.at(place)
    return entry is not None and seen is not None and seen.content in (entry.content, None)


def lift_moved(manifest: Manifest, moves: Iterable[LinkMove]) -> Manifest:
    """Step 5: what was moved is no more where it was.

    In: the moves.
    Out: the manifest without the entries that they came from.
    """
    return _without(manifest, {move.origin for move in moves if move.origin is not None})


def find_replaced(manifest: Manifest, today: AlbumToday) -> list[Replaced]:
    """Step 6: links that are gone while another folder has that photo by that name for another of its faces.

    If they were moved there, they took the place of what it had, and nothing can be seen of it.

    In: the folders of today; the manifest knows of no moves any more.
    Out: what to tell the user. Nothing after a killed run, which may not have made the links at all.
    """
    if not manifest.finished:
        return []
    replaced = []
    for folder in sorted(manifest.folders):
        gone = {name: entry for name, entry in manifest.folders[folder].items() if today.at((folder, name)) is None}
        for other in sorted(manifest.folders.keys() & today.folders.keys() - {folder}):
            entries = manifest.folders[other]
            names = sorted(
                name
                for name, entry in gone.items()
                if name in entries
                and entries[name].content == entry.content
                and _is_there(manifest, today, (other, name))
            )
            if names:
                replaced.append(Replaced(folder, other, names))
    return replaced


def drop_missing(manifest: Manifest, today: AlbumToday) -> Manifest:
    """Step 7: a link that is gone while its folder is there was deleted, and its face is not that person.

    In: the folders of today; the manifest knows of no moves any more.
    Out: the manifest without the missing links, with a cannot-link for each; as it was after a killed run, which may
    not have made them at all.
    """
    if not manifest.finished:
        return manifest
    missing = {
        (folder, name): entry
        for folder in manifest.folders.keys() & today.folders.keys()
        for name, entry in manifest.folders[folder].items()
        if not _is_there(manifest, today, (folder, name))
    }
    gone = {(*entry.key, folder) for (folder, _), entry in missing.items()}
    return replace(
        _without(manifest, missing),
        cannot_links=manifest.cannot_links | gone,
        together={key: folder for key, folder in manifest.together.items() if (*key, folder) not in gone},
    )


def lay_moved(manifest: Manifest, moves: Iterable[LinkMove]) -> Manifest:
    """Step 8: what was moved into another folder says whose face it is; within its folder it has only another name.

    In: the moves.
    Out: the manifest with them where they are now: the folders are the user's, the faces are in them for certain, and
    are not whose folders they left.
    """
    folders = {folder: dict(entries) for folder, entries in manifest.folders.items()}
    users, together, cannot_links = set(manifest.users), dict(manifest.together), set(manifest.cannot_links)
    for entry, origin, (folder, name) in moves:
        folders.setdefault(folder, {})[name] = entry
        if origin is None or origin[0] != folder:
            users.add(folder)
            together[entry.key] = folder
        if origin is not None and origin[0] != folder:
            cannot_links.add((*entry.key, origin[0]))
    return replace(manifest, folders=folders, users=users, together=together, cannot_links=cannot_links)


def hear(manifest: Manifest) -> tuple[Manifest, Said]:
    """Step 9: a folder that the user named or put a face into keeps the faces that are in it.

    In: the manifest after all moves.
    Out: the manifest, in which these faces are together for certain, whatever was said before; and all that was said,
    with cannot-links between faces.
    """
    together = dict(manifest.together)
    for folder in manifest.users:
        together |= {entry.key: folder for entry in manifest.folders.get(folder, {}).values()}
    cannot_links = manifest.cannot_links - {(*key, folder) for key, folder in together.items()}
    pairs = [
        ((content, face), entry.key)
        for content, face, folder in sorted(cannot_links)
        for entry in manifest.folders.get(folder, {}).values()
        if entry.key != (content, face)
    ]
    return replace(manifest, together=together, cannot_links=cannot_links), Said(dict(together), pairs)


def _without(manifest: Manifest, places: Collection[Place]) -> Manifest:
    return replace(
        manifest,
        folders={
            folder: {name: entry for name, entry in entries.items() if (folder, name) not in places}
            for folder, entries in manifest.folders.items()
        },
    )
