"""A result folder without a video: what it holds, what it tells, and what can be done to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from face_classifier.core.disk.markers import RESULT, is_empty, kind_of, refuse_place
from face_classifier.core.disk.rooted import MODES
from face_classifier.core.errors import UserError
from face_classifier.core.settings import Settings
from face_classifier.core.supervise import supervised
from face_classifier.core.types import Encoding, Face, Image, Sighting
from face_classifier.curate import suggest
from face_classifier.curate.audit import Audit, audit
from face_classifier.curate.explain import Explanation, explain, picture
from face_classifier.curate.replay import Replayed, replay
from face_classifier.display import contact_sheet
from face_classifier.gallery.store import FoldersChangedError, ReadPhoto, Store
from face_classifier.identity.calibrate import Calibration, calibrate
from face_classifier.identity.cluster import Rule
from face_classifier.identity.person_db import PersonDB, by_person
from face_classifier.identity.profiles import BY_ENCODER, of_gallery
from face_classifier.identity.rethink import Move, rethink
from face_classifier.sources.picture import decode, read_picture
from face_classifier.vision.engine import Engine, make_engine

_T = TypeVar("_T")
ORIGINAL_THRESHOLD = 0.44  # of the original program
FEWEST_PEOPLE = 5  # for "auto": fewer say how far apart these few are, not how near the next stranger may come


class Teller(Protocol):
    """Whoever is told what went wrong."""

    def problem(self, sentence: str) -> None:
        """Something went wrong that does not stop the work."""

    def at_end(self, sentence: str) -> None:
        """Something was passed over, which is told when all is done."""


class Observer(Teller, Protocol):
    """Whoever watches a long piece of work from outside."""

    def through(self, steps: Sequence[_T], name: str) -> Iterator[_T]:
        """The same steps one by one, shown as they are done."""


def empty_gallery(settings: Settings) -> PersonDB:
    """An empty gallery with the engine's rule."""
    if settings.engine == "original":
        return PersonDB(threshold_of(settings))
    return PersonDB(threshold_of(settings), spread=spread_of(settings), founding=int(settings.founding))


def spread_of(settings: Settings) -> float:
    """How much of a person's scatter counts in the distance to it."""
    return 0.0 if settings.engine == "original" else BY_ENCODER[settings.encoder].spread


def threshold_of(settings: Settings) -> float:
    """The threshold of a gallery (L2): the user's, or the engine's default."""
    if settings.threshold_number is not None:
        return settings.threshold_number
    return ORIGINAL_THRESHOLD if settings.engine == "original" else BY_ENCODER[settings.encoder].threshold


def carry_out(moves: Iterable[Move], store: Store) -> list[Sighting]:
    """Move faces as second thoughts say; returns those that were moved. What the user is moving meanwhile is left."""
    moved: list[Sighting] = []
    for move in moves:
        try:
            moved += store.move(move.faces, move.person, found=move.found)
        except FoldersChangedError:
            continue
    return moved


def rule_of(settings: Settings) -> Rule:
    """The rule of second thoughts, as strict as the threshold that the user wishes."""
    space = BY_ENCODER[settings.encoder]
    return space.rule.stricter((settings.threshold_number or space.threshold) / space.threshold, settings.founding)


def photo_reader_of(engine: Callable[[], Engine]) -> ReadPhoto:
    """How a store reads pictures that have no encoding yet. The box is in pixels of the whole picture."""

    def read(path: Path, own_cut: bool) -> tuple[Face, bool]:
        photo = decode(path)
        face, found = engine().photo(photo.image, own_cut=own_cut)
        return replace(face, box=face.box.scaled(photo.scale)), found

    return read


def as_gallery(settings: Settings, store: Store) -> Settings:
    """The same settings with the encoder that a gallery belongs to; a command that only reads asks for no other."""
    space = of_gallery(store.spaces(), settings.encoder)
    return replace(settings, encoder=space.encoder, engine=settings.engine if space.encoder == "dlib" else "fast")


def photo_reader(settings: Settings, tell: Callable[[str], None]) -> ReadPhoto:
    """Reads pictures with an engine that is made when the first one needs it, since that takes a second."""
    return photo_reader_of(cache(lambda: make_engine(settings.engine, settings.detector, 1.0, tell, settings.encoder)))


def tell_problems(store: Store, observer: Teller) -> None:
    for sentence in store.problems():
        observer.problem(sentence)


def gallery(settings: Settings, observer: Teller) -> list[Sighting]:
    """Every face of a result folder as it is labelled now; changes nothing, and works while another process runs."""
    with open_existing(settings, writing=False) as store:
        sightings = store.look(photo_reader(as_gallery(settings, store), observer.problem))
        tell_problems(store, observer)
    return sightings


def with_distances_today(sightings: Sequence[Sighting]) -> Iterator[Sighting]:
    """The same sightings, each with its distance to its person's average as it is now; None for unknown faces."""
    averages = {name: encodings.mean(axis=0) for name, encodings in by_person(sightings)}
    for sighting in sightings:
        distance = None
        if sighting.person in averages and sighting.encoding is not None:
            distance = float(np.linalg.norm(sighting.encoding - averages[sighting.person]))
        yield replace(sighting, distance=distance)


@dataclass(frozen=True)
class Gallery:
    """A result folder as it is now, and what goes with its faces."""

    settings: Settings  # as the gallery needs them: with its encoder, and no "auto"
    faces: list[Sighting]  # in the order in which they came
    pictures: list[Path]  # of each face
    cannot_links: list[tuple[int, int]]  # pairs of tracks that shared a frame
    kept_apart: list[tuple[int, int]]  # pairs of face ids that are two people by the user's word
    kept_apart_tracks: list[tuple[int, int]]  # those that the user said, as pairs of a track and a face id
    excluded: list[tuple[str, Encoding]]  # of each rejected picture the person that it is not, and its encoding

    def nobody(self) -> PersonDB:
        """An empty gallery with the rule of this one, and what the user rejected."""
        people = empty_gallery(self.settings)
        for person, encoding in self.excluded:
            people.exclude(person, encoding)
        return people

    @property
    def path_of(self) -> dict[int, Path]:
        """The picture of each face, by its id."""
        return {face.id: path for face, path in zip(self.faces, self.pictures, strict=True)}


def _whole(settings: Settings, store: Store, observer: Teller) -> Gallery:
    settings = as_gallery(settings, store)
    faces = store.look(photo_reader(settings, observer.problem))
    tell_problems(store, observer)
    cannot_links = store.cannot_links()
    settings = with_threshold(settings, faces, cannot_links, observer)
    return Gallery(
        settings,
        faces,
        store.pictures(),
        cannot_links,
        kept_apart_pairs(settings, store, faces),
        store.kept_apart_tracks(),
        store.excluded(),
    )


def kept_apart_pairs(settings: Settings, store: Store, faces: Sequence[Sighting]) -> list[tuple[int, int]]:
    """Pairs of ids of the ``faces``, the outcome of the latest look, that are two people by the user's word: said so,
    or like a picture that the user rejected.
    """
    if not store.excluded():
        return store.kept_apart()
    people = empty_gallery(settings)
    for face in faces:
        people.add(face)
    for person, encoding in store.excluded():
        people.exclude(person, encoding)
    return [*store.kept_apart(), *people.excluded_pairs(faces)]


def people_of(whole: Gallery) -> PersonDB:
    """The people and unknown faces of a gallery, with its rule."""
    people = whole.nobody()
    for face in whole.faces:
        people.add(face)
    return people


def take_snapshot(settings: Settings, observer: Teller) -> Gallery:
    """A result folder with all that goes with it; changes nothing, and works while another process runs."""
    with open_existing(settings, writing=False) as store:
        return _whole(settings, store, observer)


def calibrated(faces: Sequence[Sighting], cannot_links: Iterable[tuple[int, int]], spread: float) -> Calibration | None:
    """What a gallery tells about distances, with its people as the folders have them; None where it is too small.

    ``spread``: how much of a person's scatter counts in the distance to it.
    """
    known = [face for face in faces if face.encoding is not None]
    if not known:
        return None
    tracks: dict[int, int] = {}
    track = [tracks.setdefault(-face.id if face.track is None else face.track, len(tracks)) for face in known]
    people = {name: number for number, name in enumerate(sorted({face.person for face in known if face.person}))}
    person = [people[face.person] if face.person else -1 for face in known]
    pairs = [(tracks[one], tracks[other]) for one, other in cannot_links if one in tracks and other in tracks]
    return calibrate(
        np.array([face.encoding for face in known]),
        np.array(track, np.int64),
        np.array(person, np.int64),
        np.array(pairs, np.int64).reshape(-1, 2),
        spread=spread,
    )


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


def calibrate_gallery(settings: Settings, observer: Teller) -> tuple[Calibration, float]:
    """What the gallery tells about distances, and the threshold at present. Raises UserError where it is too small."""
    whole = take_snapshot(settings, observer)
    calibration = calibrated(whole.faces, whole.cannot_links, spread_of(whole.settings))
    if calibration is None:
        raise UserError(
            f"the gallery {settings.result} is too small to tell a threshold; classify more faces of several people, "
            "and put the wrong ones right"
        )
    return calibration, threshold_of(whole.settings)


def explain_face(settings: Settings, name: str, file: str | None, observer: Teller) -> Explanation:
    """Why a face, given by its name or the path of its picture, is whose it is; ``file``: where to draw it as PNG.

    Raises UserError.
    """
    whole = take_snapshot(settings, observer)
    number = _number_of(name, whole)
    explanation = explain(
        number,
        whole.faces,
        whole.cannot_links,
        whole.kept_apart_tracks,
        whole.nobody(),
        threshold_of(whole.settings),
        spread_of(whole.settings),
        calibrated(whole.faces, whole.cannot_links, spread_of(whole.settings)),
    )
    if file is not None:
        path_of = whole.path_of
        exemplars = [(read_picture(path_of[face_id]), near) for face_id, near in explanation.exemplars]
        contact_sheet.write(file, picture(read_picture(whole.pictures[number]), exemplars, explanation.face.person))
    return explanation


def _number_of(name: str, whole: Gallery) -> int:
    """Which face has a name, or a picture at that path."""
    path = Path(name).resolve()
    found = [number for number, one in enumerate(whole.pictures) if one.resolve() == path]
    found = found or [
        number
        for number, (face, one) in enumerate(zip(whole.faces, whole.pictures, strict=True))
        if name in (face.face, one.stem, one.name)
    ]
    if not found:
        raise UserError(
            f"no face in {whole.settings.result} is called {name}; give the name or the path of a picture in a "
            "person's folder"
        )
    if len(found) > 1:
        raise UserError(f"{len(found)} faces in {whole.settings.result} are called {name}; give the picture's path")
    return found[0]


class ExcludedFace(NamedTuple):
    """A face that the user rejected."""

    face: str
    person: str | None  # whom it is not; None = it was unknown
    picture: str  # the path where it is kept now


def exclude_faces(settings: Settings, observer: Teller, names: Sequence[str]) -> tuple[list[ExcludedFace], int]:
    """Put faces, given by name or the path of a picture, aside for good, by the user's word; and how many could not be.

    None of them counts any more, and neither it nor what is nearer to it than to its person is ever that person.
    """
    excluded: dict[int, ExcludedFace] = {}
    failed = 0
    with opened(settings, observer, writing=True) as (store, whole):
        for name in names:
            try:
                face = whole.faces[_number_of(name, whole)]
                if face.id not in excluded:
                    excluded[face.id] = ExcludedFace(face.face, face.person, str(store.exclude(face.id)))
            except UserError as error:
                failed += 1
                observer.problem(str(error))
    return list(excluded.values()), failed


def excluded_lines(faces: Iterable[ExcludedFace]) -> Iterator[str]:
    """What was rejected, in words, a line a face."""
    for face in faces:
        never = f"is not {face.person}" if face.person else "is no face to be known"
        yield f"{face.face} {never}; {face.picture}"


def audit_gallery(settings: Settings, observer: Teller, *, apply: bool) -> tuple[Audit, int]:
    """What does not fit in a gallery, and how many outliers were moved to the unknown faces: none unless ``apply``."""
    with opened(settings, observer, writing=apply) as (store, whole):

        def picture_of(number: int) -> Image | None:
            try:
                with supervised(whole.pictures[number]):
                    return read_picture(whole.pictures[number])
            except UserError as error:
                observer.problem(str(error))
                return None

        found = audit(whole.faces, picture_of, whole.cannot_links, rule_of(whole.settings))
        moved = carry_out([Move((face_id,), None) for face_id in found.movable], store) if apply else []
    return found, len(moved)


def replay_gallery(settings: Settings, observer: Teller) -> tuple[Replayed, float]:
    """What would be decided otherwise with these settings, and the threshold that they mean."""
    whole = take_snapshot(settings, observer)
    thinks = settings.engine != "original" and not settings.online_only
    rule = rule_of(whole.settings) if thinks else None
    replayed = replay(whole.faces, whole.cannot_links, whole.kept_apart, whole.nobody(), rule)
    return replayed, threshold_of(whole.settings)


class Change(NamedTuple):
    """A face that is someone else's than before."""

    face: Sighting  # before
    person: str | None  # after; None = unknown
    found: bool  # a new person, who gets a name only when it is not a dry run

    def record(self) -> dict[str, Any]:
        """As JSON; ``then``: null = unknown, or a new person without a name yet where it is ``new``."""
        return {"face": self.face.face, "person": self.face.person, "then": self.person, "new": self.found}


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


def open_existing(settings: Settings, *, writing: bool) -> Store:
    """A result folder that is there; one that is not is told by UserError, and not made."""
    check_result_folder(Path(settings.result))
    return Store(Path(settings.result), writing=writing, modes=MODES[settings.mode])


@contextmanager
def opened(
    settings: Settings, observer: Teller, *, writing: bool, make: bool = False
) -> Iterator[tuple[Store, Gallery]]:
    """A result folder and what is in it; when writing, with its views brought up to date at the end.

    One that is not there is made, or (without ``make``) told by UserError.
    """
    if make:
        check_place(settings)
        store = Store(Path(settings.result), writing=True, modes=MODES[settings.mode])
    else:
        store = open_existing(settings, writing=writing)
    with store:
        whole = _whole(settings, store, observer)
        yield store, whole
        if writing:
            store.write_views(store.look(photo_reader(whole.settings, observer.problem)))
            tell_problems(store, observer)


def think_again(settings: Settings, observer: Teller, *, dry_run: bool) -> list[Change]:
    """Second thoughts on a result folder. ``dry_run``: change nothing, and work while another process runs."""
    with opened(settings, observer, writing=not dry_run) as (store, whole):
        moves = rethink(whole.faces, whole.cannot_links, whole.kept_apart, rule_of(whole.settings)).moves
        before = {face.id: face for face in whole.faces}
        if dry_run:
            return [Change(before[face], move.person, move.found) for move in moves for face in move.faces]
        return [Change(before[face.id], face.person, False) for face in carry_out(moves, store)]


def suggestions(settings: Settings, observer: Teller, file: str | None = None) -> list[suggest.Evidence]:
    """People of a result folder who may be one, the nearest first; works while another process runs.

    ``file``: where to draw their faces as PNG. Raises UserError where that cannot be written.
    """
    with opened(settings, observer, writing=False) as (_, whole):
        found = rethink(whole.faces, whole.cannot_links, whole.kept_apart, rule_of(whole.settings)).suggestions
        evidence = suggest.evidence(found, whole.faces)
        if file is not None:
            path_of = whole.path_of
            contact_sheet.write(file, suggest.picture(evidence, lambda face: read_picture(path_of[face.id])))
    return evidence


def accept(settings: Settings, observer: Teller, one: str, other: str) -> tuple[str, str, int]:
    """Two people are one, by the user's word: (the name that stays, the one that goes, how many faces were moved)."""
    with opened(settings, observer, writing=True) as (store, whole):
        faces = suggest.faces_of_two(one, other, whole.faces)
        stays, goes = suggest.name_kept(one, other)
        store.join(faces[goes], stays)
    return stays, goes, len(faces[goes])


def keep_apart(settings: Settings, observer: Teller, one: str, other: str) -> None:
    """Two people are two, by the user's word, whatever their names will be."""
    with opened(settings, observer, writing=True) as (store, whole):
        faces = suggest.faces_of_two(one, other, whole.faces)
        store.keep_apart(faces[one], faces[other])
