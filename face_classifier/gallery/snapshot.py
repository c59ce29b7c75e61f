"""A result folder as it is now, read without changing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from face_classifier.core.config.settings import Settings
from face_classifier.core.errors import UserError
from face_classifier.core.progress import Teller
from face_classifier.core.types import Encoding, Sighting
from face_classifier.gallery.opening import as_gallery, open_existing, photo_reader, tell_problems, with_threshold
from face_classifier.gallery.store import LookResult, Store
from face_classifier.gallery.thoughts.question import kept_apart_pairs
from face_classifier.identity.considered import considered
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.rules import empty_people


@dataclass(frozen=True)
class Snapshot:
    """A result folder as it is now, and what goes with its faces."""

    settings: Settings  # as the gallery needs them: with its encoder, and no "auto"
    faces: Sequence[Sighting]  # in the order in which they came
    pictures: Sequence[Path]  # of each face
    cannot_links: list[tuple[int, int]]  # pairs of tracks that shared a frame
    kept_apart: Sequence[tuple[int, int]]  # pairs of face ids that are two people by the user's word
    kept_apart_tracks: Sequence[tuple[int, int]]  # those that the user said, as pairs of a track and a face id
    excluded: Sequence[tuple[str, Encoding]]  # of each excluded picture the person that it is not, and its encoding

    def nobody(self) -> PersonDB:
        """An empty gallery with the rule of this one, and what the user excluded."""
        people = empty_people(self.settings)
        for person, encoding in self.excluded:
            people.exclude(person, encoding)
        return people

    @property
    def path_of(self) -> dict[int, Path]:
        """The picture of each face, by its id."""
        return {face.id: path for face, path in zip(self.faces, self.pictures, strict=True)}

    def number_of(self, name: str, path: Path | None = None) -> int:
        """The number of the face that has a name, or a picture at that path. Raises UserError unless there is one.

        ``path``: what the name is as an absolute path, where another process gave it.
        """
        path, folder = path or Path(name).resolve(), self.settings.result
        numbers = [number for number, picture in enumerate(self.pictures) if picture.resolve() == path]
        numbers = numbers or [
            number
            for number, (face, picture) in enumerate(zip(self.faces, self.pictures, strict=True))
            if name in (face.face, picture.stem, picture.name)
        ]
        if not numbers:
            raise UserError(
                f"no face in {folder} is called {name}; give the name or the path of a picture in a person's folder"
            )
        if len(numbers) > 1:
            raise UserError(f"{len(numbers)} faces in {folder} are called {name}; give the picture's path")
        return numbers[0]


def take_snapshot(settings: Settings, observer: Teller) -> Snapshot:
    """A result folder with all that goes with it; changes nothing, and works while another process runs."""
    with open_existing(settings, writing=False) as store:
        return _taken(settings, store, observer)


def _taken(settings: Settings, store: Store, observer: Teller) -> Snapshot:
    settings = as_gallery(settings, store)
    looked = store.look(photo_reader(settings, observer.problem))
    tell_problems(store, observer)
    cannot_links = store.cannot_links()
    return snapshot_of(with_threshold(settings, looked.faces, cannot_links, observer), looked, cannot_links)


def snapshot_of(settings: Settings, looked: LookResult, cannot_links: list[tuple[int, int]]) -> Snapshot:
    """What a look found, with the pairs of tracks that shared a frame."""
    faces = considered(looked.faces if looked.excluded else ())
    return Snapshot(
        settings,
        looked.faces,
        looked.pictures,
        cannot_links,
        kept_apart_pairs(settings, faces, looked.kept_apart, looked.excluded),
        looked.kept_apart_tracks,
        looked.excluded,
    )


def people_of(snapshot: Snapshot) -> PersonDB:
    """The people and unknown faces of a gallery, with its rule."""
    people = snapshot.nobody()
    people.add_all(snapshot.faces)
    return people


def faces_of(settings: Settings, observer: Teller) -> Sequence[Sighting]:
    """Every face of a result folder as it is labelled now; changes nothing, and works while another process runs."""
    with open_existing(settings, writing=False) as store:
        sightings = store.look(photo_reader(as_gallery(settings, store), observer.problem)).faces
        tell_problems(store, observer)
    return sightings
