"""Addresses of people and of their faces' pictures, for pages and for the API."""

from __future__ import annotations

from urllib.parse import quote

from face_classifier.core import names


def in_path(name: str) -> str:
    """A name as a part of an address, whatever bytes it has."""
    return quote(names.stored(name), safe="")


def person_url(name: str) -> str:
    """The page of a person."""
    return f"/people/{in_path(name)}"


def face_url(face: int, version: str, width: int | None = 224) -> str:
    """The picture of a face; it never changes what it shows.

    Parameters
    ----------
    face
        Its id.
    version
        The hash of its picture, `FaceCard.hash`.
    width
        Pixels; None: as it lies in the folder.
    """
    wide = f"w={width}&" if width else ""
    return f"/faces/{face}.jpg?{wide}v={version}"
