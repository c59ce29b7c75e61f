"""The manifest of a sorted album: what in the folder the program wrote, so that nothing else is ever touched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from face_classifier.core import names
from face_classifier.core.disk.markers import MANIFEST
from face_classifier.core.disk.retry import asking_the_disk
from face_classifier.core.disk.rooted import Root
from face_classifier.core.disk.tree import is_component
from face_classifier.core.errors import UserError

USERS_FILE = -1  # for a size: a file that the user put there for a face
_VERSION = 1

FaceKey = tuple[str, int]  # a photo's content (SHA-256, hexadecimal), and which of its faces, from left to right


class ManifestEntry(NamedTuple):
    """A link, or copy, that the program wrote."""

    content: str  # of the photo
    face: int
    link: str | None  # where it leads; None = a copy
    size: int = 0  # bytes, of a copy; 0 = not noted yet
    mtime: int = 0  # ns since 1970, of a copy

    @property
    def key(self) -> FaceKey:
        return self.content, self.face

    def is_as_written(self, size: int, mtime: int) -> bool:
        """Whether a file of this size and time is the copy that was written, unchanged."""
        return (size, mtime) == (self.size, self.mtime)


@dataclass
class Manifest:
    """What the program wrote into the folder, and what the user said by changing it."""

    finished: bool = True
    numbers: int = 0  # the highest number given to a person
    users: set[str] = field(default_factory=set)  # folders that the user named or put a face into
    folders: dict[str, dict[str, ManifestEntry]] = field(default_factory=dict)  # the links in each, by name
    together: dict[FaceKey, str] = field(default_factory=dict)  # whose folder a face is in by the user's will
    cannot_links: set[tuple[str, int, str]] = field(default_factory=set)  # content, face, and whose folder it is not in
    # `address_key` -> name of the file; an address itself may hold what is secret
    fetched: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)  # everything else that was written: sheets, crops, the page
    inodes: dict[str, int] = field(default_factory=dict)  # of the folders, which they keep when they are renamed
    photos: dict[str, tuple[str, int]] = field(default_factory=dict)  # content -> path from here, and number of faces

    def record(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "finished": self.finished,
            "numbers": self.numbers,
            "users": sorted(self.users),
            "folders": self.folders,
            "together": sorted([*key, folder] for key, folder in self.together.items()),
            "apart": sorted(self.cannot_links),
            "fetched": self.fetched,
            "files": sorted(self.files),
            "inodes": self.inodes,
            "photos": self.photos,
        }

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Manifest:
        """Raises ValueError, KeyError, TypeError or AttributeError where the record is none of a manifest."""
        manifest = cls(
            record["finished"],
            record["numbers"],
            set(record["users"]),
            {
                folder: {name: ManifestEntry(*entry) for name, entry in found.items()}
                for folder, found in record["folders"].items()
            },
            {(content, face): folder for content, face, folder in record["together"]},
            {(content, face, folder) for content, face, folder in record["apart"]},
            {address_key(address): name for address, name in record["fetched"].items()},
            set(record["files"]),
            dict(record["inodes"]),
            {content: (path, count) for content, (path, count) in record["photos"].items()},
        )
        manifest._check_names()
        return manifest

    def _check_names(self) -> None:
        """Raise ValueError where a name leads out of the folder: somebody else has written it."""
        places = [*self.users, *self.folders, *self.together.values(), *self.inodes, *self.fetched.values()]
        places += [folder for *_, folder in self.cannot_links]
        places += [name for entries in self.folders.values() for name in entries]
        places += [part for name in self.files for part in name.split("/", 1)]  # in the folder, or one below
        for place in places:
            if not is_component(place):
                raise ValueError(f"it names {place!r}")

    @classmethod
    def read(cls, root: Root) -> Manifest:
        """That of a folder; an empty one where there is none. Raises OSError, and UserError where it is damaged."""
        path = root.path / MANIFEST
        if root.refuse_link(MANIFEST) is None:
            return cls()
        try:
            record = json.loads(root.read(MANIFEST).decode("utf-8"))
            if record["version"] > _VERSION:
                raise UserError(f"{path} was written by a newer version of this program; use that version")
            return cls.of(record)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(
                f"{path} is damaged, and without it nobody knows what in {root.path} is yours; "
                "choose another folder with -o"
            ) from error

    def save(self, root: Root) -> None:
        """Raises DiskError, or OSError that no disk is to blame for."""
        with asking_the_disk():
            root.write(MANIFEST, names.json_text(self.record(), indent=1).encode())


def address_key(address: str) -> str:
    """By which a photo from an address is known: its SHA-256, or what is one already."""
    return hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest() if ":" in address else address


def faces_meant(root: Path) -> dict[tuple[str, str], int]:
    """Which of its faces a photo is in a person's folder for: by the folder's name today, and the photo's content.

    Raises UserError where the manifest is damaged, OSError where the folder ``root`` cannot be read.
    """
    with Root(root) as opened:
        manifest = Manifest.read(opened)
    names = {folder.stat().st_ino: folder.name for folder in root.iterdir() if folder.is_dir()}
    return {
        (names.get(manifest.inodes.get(folder, 0), folder), entry.content): entry.face
        for folder, entries in manifest.folders.items()
        for entry in entries.values()
    }
