"""A result folder as it is now, read without changing it; and how a command opens one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from face_classifier.core.disk.durable import MODES
from face_classifier.core.disk.markers import RESULT, is_empty, kind_of, refuse_place
from face_classifier.core.errors import UserError
from face_classifier.core.progress import Teller
from face_classifier.core.settings import Settings
from face_classifier.core.types import Encoding, Face, Sighting
from face_classifier.gallery.past.journal import SECOND_THOUGHTS
from face_classifier.gallery.store import FoldersChangedError, LookResult, ReadPhoto, Store
from face_classifier.identity.calibrate import FEWEST_PEOPLE, calibrated
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.profiles import of_gallery
from face_classifier.identity.rethink import Move
from face_classifier.identity.rules import empty_people, spread_of, threshold_of
from face_classifier.sources.picture import decode
from face_classifier.vision.engine import Engine, make_engine


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
    return Snapshot(
        settings,
        looked.faces,
        looked.pictures,
        cannot_links,
        kept_apart_pairs(settings, looked),
        looked.kept_apart_tracks,
        looked.excluded,
    )


def kept_apart_pairs(settings: Settings, looked: LookResult) -> Sequence[tuple[int, int]]:
    """Pairs of ids of faces that are two people by the user's word: said so, or like a picture that was excluded."""
    if not looked.excluded:
        return looked.kept_apart
    people = empty_people(settings)
    for face in looked.faces:
        people.add(face)
    for person, encoding in looked.excluded:
        people.exclude(person, encoding)
    return [*looked.kept_apart, *people.excluded_pairs(looked.faces)]


def people_of(snapshot: Snapshot) -> PersonDB:
    """The people and unknown faces of a gallery, with its rule."""
    people = snapshot.nobody()
    for face in snapshot.faces:
        people.add(face)
    return people


def faces_of(settings: Settings, observer: Teller) -> Sequence[Sighting]:
    """Every face of a result folder as it is labelled now; changes nothing, and works while another process runs."""
    with open_existing(settings, writing=False) as store:
        sightings = store.look(photo_reader(as_gallery(settings, store), observer.problem)).faces
        tell_problems(store, observer)
    return sightings


def open_existing(settings: Settings, *, writing: bool) -> Store:
    """Opens an existing result folder. Raises UserError if there is none."""
    check_result_folder(Path(settings.result))
    return Store(Path(settings.result), writing=writing, modes=MODES[settings.mode])


def check_result_folder(folder: Path) -> None:
    """Raise UserError unless it is a result folder: only a run and `enroll` make one, also of a folder of photos."""
    if not folder.is_dir():
        raise UserError(f"there is no result folder {folder}; name one with --result")
    refuse_place(folder, RESULT, "--result")
    if kind_of(folder) != RESULT:
        raise UserError(f"{folder} has no faces.sqlite and is no result folder; name one with --result")


def check_place(settings: Settings) -> None:
    """Raise UserError unless a run may keep faces in its result folder, and its captures beside it.

    A folder that has anything in it and is not ours would become people, sorted anew and perhaps with names of files.
    """
    folder = Path(settings.result)
    if settings.capture:
        _refuse_overlap(folder, Path(settings.capture))
    refuse_place(folder, RESULT, "--result")
    if not settings.adopt and kind_of(folder) is None and not is_empty(folder):
        raise UserError(
            f"{folder} is not empty and no result folder; name another one with --result, or add --adopt if its "
            "subfolders are people"
        )


def _refuse_overlap(result: Path, captures: Path) -> None:
    one, other = result.resolve(), captures.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise UserError(
            f"the captures folder {captures} and the result folder {result} lie in one another, so captures would "
            "become a person; give another folder to --capture"
        )


def photo_reader_of(engine: Callable[[], Engine]) -> ReadPhoto:
    """How a store reads pictures that have no encoding yet. The box is in pixels of the whole picture."""

    def read(path: Path, own_cut: bool) -> tuple[Face, bool]:
        photo = decode(path)
        face, found = engine().photo(photo.image, own_cut=own_cut)
        return replace(face, box=face.box.scaled(photo.scale)), found

    return read


def photo_reader(settings: Settings, tell: Callable[[str], None]) -> ReadPhoto:
    """Reads pictures with an engine that is made when the first one needs it, since that takes a second."""
    return photo_reader_of(cache(lambda: make_engine(settings.engine, settings.detector, 1.0, tell, settings.encoder)))


def as_gallery(settings: Settings, store: Store) -> Settings:
    """The same settings with the encoder that a gallery belongs to; a command that only reads asks for no other."""
    space = of_gallery(store.spaces(), settings.encoder)
    return replace(settings, encoder=space.encoder, engine=settings.engine if space.encoder == "dlib" else "fast")


def with_threshold(
    settings: Settings, faces: Sequence[Sighting], cannot_links: Iterable[tuple[int, int]], observer: Teller
) -> Settings:
    """The same settings with a number instead of the threshold "auto"."""
    if settings.threshold != "auto":
        return settings
    calibration = calibrated(faces, cannot_links, spread_of(settings))
    if calibration and calibration.people >= FEWEST_PEOPLE:
        return replace(settings, threshold=calibration.balanced().value)
    default = threshold_of(settings)
    observer.problem(
        f"the gallery {settings.result} is too small to tell a threshold, so the default {default:g} is taken; "
        "give a number to --threshold for another"
    )
    return replace(settings, threshold=default)


def carry_out(moves: Iterable[Move], store: Store) -> list[Sighting]:
    """Move faces as second thoughts say; returns those that were moved. What the user is moving meanwhile is left."""
    moved: list[Sighting] = []
    with store.past.entry(SECOND_THOUGHTS):
        for move in moves:
            try:
                moved += store.move(move.faces, move.person, found=move.found)
            except FoldersChangedError:
                continue
    return moved


def tell_problems(store: Store, observer: Teller) -> None:
    for sentence in store.problems():
        observer.problem(sentence)
