"""Faces to recommend by, as the words of a command line name them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from face_classifier.core.disk.files import content_hash
from face_classifier.core.errors import UserError
from face_classifier.core.names import composed
from face_classifier.core.supervise import supervised
from face_classifier.photos.find import find_pictures
from face_classifier.photos.finder import FaceFinder
from face_classifier.photos.lookalike.people import PhotoGallery, Portrait
from face_classifier.photos.lookalike.recommend import Pick, centre


def find_picks(
    arguments: Iterable[str], gallery: PhotoGallery, folder: str | None, finder: Callable[[], FaceFinder]
) -> list[Pick]:
    """What the arguments of ``--picks`` stand for, each one pick, or several with commas between.

    A pick is a photo of the gallery by its path, its path in the folder, its file's name or as a copy, a person by
    name, or another picture, of which the largest face counts. Raises UserError where a word is none of these, or
    several.

    Parameters
    ----------
    arguments: words of the command line.
    gallery: whom they name.
    folder: of the gallery; None = it is away.
    finder: makes what finds the faces of other pictures.
    """
    finder = cache(finder)
    owned = [(person, portrait) for person in gallery.people for portrait in person.portraits]
    by_path = {os.path.realpath(portrait.photo): (person, portrait) for person, portrait in owned}
    by_content = {portrait.content: (person, portrait) for person, portrait in owned if portrait.content}

    def find(word: str) -> Pick | None:
        for path in (word, os.path.join(folder or "", word)):
            if at_path := by_path.get(os.path.realpath(path)):
                return Pick(*at_path, at_path[1].encoding)
        named = [
            (person, portrait) for person, portrait in owned if composed(Path(portrait.photo).name) == composed(word)
        ]
        if len(named) > 1:
            paths = " or ".join(portrait.photo for _, portrait in named[:2])
            raise UserError(f"{len(named)} photos of the gallery are called {word}; give the path, such as {paths}")
        if named:
            return Pick(*named[0], named[0][1].encoding)
        for person in gallery.people:
            if composed(person.name) == composed(word):
                return Pick(person, person.nearest(person.average), centre(person))
        if not os.path.isfile(word):
            return None
        if copied := by_content.get(content_hash(Path(word))):
            return Pick(*copied, copied[1].encoding)
        return _other_picture(Path(word), finder)

    def nearest(word: str) -> list[str]:
        return _nearest_names(word, (person.name for person in gallery.people))

    return [pick for argument in arguments for pick in _resolved(argument, find, nearest)]


def _resolved(argument: str, find: Callable[[str], Pick | None], nearest: Callable[[str], list[str]]) -> Iterator[Pick]:
    if pick := find(argument):  # a name with a comma in it
        yield pick
        return
    for word in filter(None, map(str.strip, argument.split(","))):
        pick = find(word)
        if pick is None:
            near = nearest(word)
            such = f", such as {' or '.join(near)}," if near else ""
            raise UserError(
                f"no photo and no person of the gallery is called {word}, and there is no such file; give --picks the "
                f"name of a person{such} or the path of a photo"
            )
        yield pick


def _nearest_names(word: str, names: Iterable[str]) -> list[str]:
    """The names that somebody may have meant."""
    by_key: dict[str, list[str]] = {}
    for name in names:
        by_key.setdefault(_key(name), []).append(name)
    return [name for key in get_close_matches(_key(word), by_key, 2) for name in by_key[key]][:2]


def _key(name: str) -> str:
    return composed(name).casefold().replace("_", " ")


def _other_picture(path: Path, finder: Callable[[], FaceFinder]) -> Pick:
    with supervised(path):
        _, faces, _ = finder().find(*find_pictures(str(path)))
    if not faces:
        raise UserError(f"no face was found in {path}; pick a photo with a larger or clearer face")
    face = max(faces, key=lambda face: face.box.area)
    return Pick(None, Portrait(str(path), face.encoding, face.tile), face.encoding)
