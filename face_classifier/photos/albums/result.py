"""What becomes of an album: the faces in its photos, whose they are, and the same as rows and records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from face_classifier.core.types import Image
from face_classifier.core.words import counted
from face_classifier.photos.albums.folder import CROPS
from face_classifier.photos.albums.groups import Group
from face_classifier.photos.albums.manifest import FaceKey
from face_classifier.photos.finder import TILE, PhotoFace, tile_image
from face_classifier.photos.index import Photo
from face_classifier.photos.inputs import Item

CROP = 112  # pixels
NO_FACE, NOBODY = -2, -1  # in ``group_idx`` of an image
HEADER = ("person", "photos", "faces", "folder")


@dataclass(frozen=True, eq=False)
class AlbumFace:
    """A face in a photo of an album."""

    photo: Photo
    number: int  # from 0, among those of the photo
    face: PhotoFace
    path: Path  # of the photo

    @property
    def key(self) -> FaceKey:
        return self.photo.content, self.number

    @property
    def crop(self) -> Image:
        """The face and a fifth of its size around it: (112, 112, 3) uint8 BGR."""
        edge = (TILE - CROP) // 2  # in a tile the face is 80 pixels wide
        return np.ascontiguousarray(tile_image(self.face.tile)[edge:-edge, edge:-edge])

    @property
    def crop_name(self) -> str:
        """Where in OUT the crop is written."""
        return f"{CROPS}/{self.photo.content[:16]}-{self.number}.png"


@dataclass(frozen=True, eq=False)
class Album:
    """Photos, the faces in them, and whose they are."""

    items: list[Item]  # in the order of the input
    faces: list[AlbumFace]
    groups: list[Group]  # numbers of faces
    folders: dict[int, str]  # of each valid group: the name of its folder in OUT
    out: str | None
    failed: bool  # something that the user named could not be read

    @property
    def is_read(self) -> bool:
        """Whether any photo was."""
        return any(item.content is not None for item in self.items)

    @property
    def valid(self) -> list[int]:
        """Places of the groups that are people."""
        return [number for number, members in enumerate(self.groups) if members.is_valid]

    @cached_property
    def group_of(self) -> dict[int, int]:
        """The group of each face."""
        return {joined.face: number for number, members in enumerate(self.groups) for joined in members.faces}

    @cached_property
    def faceless(self) -> dict[str, Path]:
        """Content and path of each photo that shows no face."""
        with_faces = {face.photo.content for face in self.faces}
        read = {item.content: item.path for item in self.items if item.path and item.content}
        return {content: path for content, path in read.items() if content not in with_faces}

    def images(self) -> list[dict[str, Any]]:
        """See `run_face_recog`."""
        groups_in: dict[str, list[int]] = {}  # by content
        for number, face in enumerate(self.faces):
            groups_in.setdefault(face.photo.content, []).append(self.group_of[number])
        people = set(self.valid)
        images = []
        for item in self.items:
            here = groups_in.get(item.content or "", [])
            groups = sorted(set(here) & people) or [NOBODY if here else NO_FACE]
            images.append({**item.record, "group_idx": groups})
        return images

    def group_records(self, root: Path) -> list[dict[str, Any]]:
        """The groups of `run_face_recog` without the pictures. ``root``: what the paths of crops begin with."""
        first = {item.content: place for place, item in reversed(list(enumerate(self.items)))}
        return [
            {
                "original_images_idx_list": [first[self.faces[joined.face].photo.content] for joined in members.faces],
                "crop_path_list": [
                    "" if self.out is None else str(root / self.faces[joined.face].crop_name)
                    for joined in members.faces
                ],
                "face2_idx_list": [joined.face for joined in members.faces],
                "face1_idx_list": [[] if joined.to is None else joined.to for joined in members.faces],
                "cosine_similarity_list": [joined.similarity for joined in members.faces],
            }
            for members in self.groups
        ]

    def record(self) -> dict[str, Any]:
        """As JSON: what `run_face_recog` returns, without the pictures, and paths of crops relative to OUT."""
        return {"groups": self.group_records(Path()), "group_idx_list": self.valid, "images": self.images()}

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """A line of the table for each person; see ``HEADER``."""
        for number in self.valid:
            folder, faces = self.folders[number], self.groups[number].faces
            yield folder, str(len(self.photos_of(number))), str(len(faces)), str(Path(self.out or "") / folder)

    def photos_of(self, number: int) -> set[str]:
        """Contents of the photos that a group is in."""
        return {self.faces[joined.face].photo.content for joined in self.groups[number].faces}

    def summary(self) -> str:
        """What is not in the table, in words."""
        faceless = sum(item.content is not None and image["group_idx"] == [NO_FACE] for item, image in self._both())
        singles = len(self.groups) - len(self.valid)
        unread = sum(item.content is None for item in self.items)
        counts = (
            (faceless, "photo without a face", "photos without a face"),
            (singles, "person seen once", "people seen once"),
            (unread, "photo that could not be read", "photos that could not be read"),
        )
        return ", ".join(counted(count, single, plural) for count, single, plural in counts)

    def _both(self) -> Iterator[tuple[Item, dict[str, Any]]]:
        return zip(self.items, self.images(), strict=True)
