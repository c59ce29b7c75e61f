"""Say why: what speaks for a face's person and against it, and the rule that decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from face_classifier.core.config.settings import Settings
from face_classifier.core.errors import UserError
from face_classifier.core.progress import Teller
from face_classifier.core.types import Encoding, Image, Sighting
from face_classifier.curate.questions.splits import Split, split_of
from face_classifier.display import contact_sheet
from face_classifier.display.overlay import UNKNOWN_NAME
from face_classifier.gallery.snapshot import Snapshot, take_snapshot
from face_classifier.identity.calibrate import Calibration, calibrated
from face_classifier.identity.naming import is_named
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.rules import rule_of, spread_of
from face_classifier.identity.statistics import by_person
from face_classifier.identity.tracks import parts
from face_classifier.sources.picture import read_picture

_EXEMPLARS = 3
_TILE = 200  # pixels


@dataclass(frozen=True)
class Near:
    """Something a face was compared with."""

    name: str  # of a face, or of a person
    person: str | None
    distance: float  # L2


@dataclass(frozen=True)
class Sides:
    """Two people in a folder or a track, seen from one face: the faces like it, and those of the other person."""

    why: str  # it takes them for two
    like: int  # faces beside it on its side; 0: it is alone, or on no side
    unlike: int  # faces on the other side, or in the larger half if it is on none
    to_like: float | None  # L2 to the average of these; None where there are none
    to_unlike: float


@dataclass(frozen=True)
class Explanation:
    """What is known about a face. All distances are L2; its own encoding takes no part in any average."""

    face: Sighting
    quality: float | None  # 0 to 1; None = never assessed
    placed: str  # who put it where it lies, in words
    exemplars: list[tuple[int, Near]]  # the nearest faces of its person, or for an unknown face of anybody: their ids
    average: float | None  # to its person's other faces; None where there are none
    runner_up: Near | None  # the nearest other person's average
    about: str | None  # whose the probability is: its person, or the runner-up for an unknown face
    rule: str  # what the program would decide now, and why, in words
    probability: float | None  # that it is ``about``; None where nothing tells
    why_not: str  # why there is no probability, in words
    folder: Sides | None  # its person may be two; the probability is that it is the one who would stay
    track: Sides | None  # its track holds faces that its encoding alone would not join

    @property
    def margin(self) -> float | None:
        """How much farther the runner-up is than its own person."""
        if self.average is None or self.runner_up is None:
            return None
        return self.runner_up.distance - self.average


def explain_face(settings: Settings, name: str, file: str | None, observer: Teller) -> Explanation:
    """Why a face is whose it is.

    Parameters
    ----------
    settings: of them the result folder.
    name: of the face, or the path of its picture.
    file: where to draw it as PNG, beside its nearest faces.
    observer: is told what goes wrong.

    Raises
    ------
    UserError: there is no such face or folder, or the file cannot be written.
    """
    snapshot = take_snapshot(settings, observer)
    number = snapshot.number_of(name)
    explanation = _explained(snapshot, number)
    if file is not None:
        path_of = snapshot.path_of
        exemplars = [(read_picture(path_of[face_id]), near) for face_id, near in explanation.exemplars]
        contact_sheet.write(file, picture(read_picture(snapshot.pictures[number]), exemplars, explanation.face.person))
    return explanation


def explain_number(settings: Settings, face: int, observer: Teller) -> Explanation:
    """As `explain_face`, of the face that has an id. Raises UserError where there is none."""
    snapshot = take_snapshot(settings, observer)
    number = next((place for place, one in enumerate(snapshot.faces) if one.id == face), None)
    if number is None:
        raise UserError(f"the face {face} is gone; reload the page")
    return _explained(snapshot, number)


def _explained(snapshot: Snapshot, number: int) -> Explanation:
    own = [face for face in snapshot.faces if face.person and face.person == snapshot.faces[number].person]
    rule = rule_of(snapshot.settings)
    split = split_of(own, snapshot.cannot_links, snapshot.kept_apart, rule) if own else None
    sorted_faces = split.carried_out(snapshot.faces) if split else snapshot.faces
    return explain(
        number,
        snapshot.faces,
        snapshot.cannot_links,
        snapshot.kept_apart_tracks,
        snapshot.nobody(),
        spread_of(snapshot.settings),
        calibrated(sorted_faces, snapshot.cannot_links, spread_of(snapshot.settings)),
        split,
    )


def explain(
    number: int,
    sightings: Sequence[Sighting],
    cannot_links: Sequence[tuple[int, int]],
    kept_apart: Sequence[tuple[int, int]],
    people: PersonDB,
    spread: float,
    calibration: Calibration | None,
    split: Split | None,
) -> Explanation:
    """Explain the face ``sightings[number]``.

    Parameters
    ----------
    number: of the face.
    sightings: each with an id of its own; those without an encoding take no part.
    cannot_links: pairs of tracks that shared a frame.
    kept_apart: pairs of a track and the id of a face whose person the user said it is not.
    people: nobody yet, with the rule of ``spread``.
    spread: how much of a person's scatter counts in the distance to it.
    calibration: of this gallery, its person's ``split`` carried out; None where it is too small.
    split: of the face's person, if that may be two.

    Raises
    ------
    ValueError: the face has no encoding.
    """
    face = sightings[number]
    if face.encoding is None:
        raise ValueError(f"the face {face.face} has no encoding")
    others = [other for other in sightings if other.id != face.id and other.encoding is not None]
    averages = to_averages(face.encoding, others)
    average = next((near.distance for near in averages if near.name == face.person), None)
    runner_up = next((near for near in averages if near.name != face.person), None)
    about = face.person or (runner_up.name if runner_up else None)
    known = split.groups[0] if split else [other for other in others if other.person == about]
    own = np.array([other.encoding for other in known if other.id != face.id]).reshape(-1, len(face.encoding))
    probability, why_not = _probability(face.encoding, own, spread, calibration)
    return Explanation(
        face=face,
        quality=sightings[number].quality,
        placed=_placed(face),
        exemplars=_nearest(
            face.encoding, [other for other in others if face.person is None or other.person == face.person]
        ),
        average=average,
        runner_up=runner_up,
        about=about,
        rule=_rule(face, face.encoding, others, cannot_links, kept_apart, people),
        probability=probability,
        why_not=why_not,
        folder=_sides_of_folder(face, split) if split else None,
        track=_sides_of_track(face, others, people.threshold),
    )


def _sides_of_folder(face: Sighting, split: Split) -> Sides:
    stay, go = split.groups
    ids = [{one.id for one in group} for group in split.groups]
    if face.id not in ids[0] | ids[1]:
        return _sides(face, split.why, [], stay)
    like, unlike = (stay, go) if face.id in ids[0] else (go, stay)
    return _sides(face, split.why, like, unlike)


def _sides_of_track(face: Sighting, others: Sequence[Sighting], limit: float) -> Sides | None:
    """``limit``: L2 up to which encodings alone make one track."""
    mates = [face, *(other for other in others if face.track is not None and other.track == face.track)]
    own, *part_of = [part for _, part in parts(mates, limit)]
    like = [mate for mate, part in zip(mates[1:], part_of, strict=True) if part == own]
    unlike = [mate for mate, part in zip(mates[1:], part_of, strict=True) if part != own]
    return _sides(face, f"farther than {limit:g} from each other", like, unlike) if unlike else None


def _sides(face: Sighting, why: str, like: Sequence[Sighting], unlike: Sequence[Sighting]) -> Sides:
    beside = [other for other in like if other.id != face.id]
    return Sides(
        why, len(beside), len(unlike), _to_average(face, beside) if beside else None, _to_average(face, unlike)
    )


def _to_average(face: Sighting, others: Sequence[Sighting]) -> float:
    average = np.array([other.encoding for other in others]).mean(axis=0)
    return float(np.linalg.norm(average - face.encoding))


def to_averages(encoding: Encoding, others: Sequence[Sighting]) -> list[Near]:
    """How far a face is from the average of each person among ``others``, the nearest first."""
    averages = [
        Near(name, name, float(np.linalg.norm(encodings.mean(axis=0) - encoding)))
        for name, encodings in by_person(others)
    ]
    return sorted(averages, key=lambda near: (near.distance, near.name))


def _nearest(encoding: Encoding, others: Sequence[Sighting]) -> list[tuple[int, Near]]:
    near = [
        (other.id, Near(other.face, other.person, float(np.linalg.norm(other.encoding - encoding))))
        for other in others
        if other.encoding is not None
    ]
    return sorted(near, key=lambda exemplar: (exemplar[1].distance, exemplar[0]))[:_EXEMPLARS]


def _placed(face: Sighting) -> str:
    if face.corrected or face.pinned:
        return "you"
    return "the program; you named the folder" if is_named(face.person) else "the program"


def _rule(
    face: Sighting,
    encoding: Encoding,
    others: Sequence[Sighting],
    cannot_links: Sequence[tuple[int, int]],
    kept_apart: Sequence[tuple[int, int]],
    people: PersonDB,
) -> str:
    """What PersonDB would decide if the face came now, as the last of all."""
    if face.corrected:
        return f"you put it into {face.person}, so it stays there"
    if face.pinned:
        return "you put it into unknowns, so it stays there"
    for one, other in cannot_links:
        people.links.add(one, other)
    people.add_all(others)
    person_of = {known.id: known.person for known in others}
    for track, other in kept_apart:
        if person := person_of.get(other):
            people.keep_apart(track, person)
    match, threshold = people.decide(encoding, face.track, face.quality), f"the threshold {people.threshold_now:.3g}"
    if (doubt := people.doubt(encoding)) > 0:
        threshold += f" (by up to {doubt:.2f} less towards other children, who are much alike)"
    mates = [other for other in others if face.track is not None and other.track == face.track]
    if match.person and any(mate.person == match.person for mate in mates):
        goes = f"it goes to {match.person}, whose face it was in the frames before and after (its track)"
        distance = {near.name: near.distance for near in to_averages(encoding, others)}
        nearest = min(distance, key=lambda name: distance[name])
        if nearest == match.person:
            return goes
        by_itself = f"{distance[match.person]:.3f} from {match.person} and {distance[nearest]:.3f} from {nearest}"
        return f"{goes}, and for that alone: by itself it is {by_itself}"
    if match.person:
        return f"it goes to {match.person}, whose average is the nearest, nearer than {threshold}"
    if match.partners:
        names = ", ".join(other.face for other in others if other.id in match.partners)
        return f"no average is nearer than {threshold}, but it founds a person with {names}"
    return f"it is unknown, since nobody is nearer than {threshold}"


def _probability(
    encoding: Encoding, own: npt.NDArray[np.float64], spread: float, calibration: Calibration | None
) -> tuple[float | None, str]:
    if not len(own):
        return None, "there is no other face of a person to compare with"
    if calibration is None:
        return None, "the gallery is too small to tell"
    average = own.mean(axis=0)
    scatter = float(((own - average) ** 2).sum(axis=1).mean())
    return posterior(float(np.sqrt(((encoding - average) ** 2).sum() + spread * scatter)), calibration), ""


def posterior(distance: float, calibration: Calibration) -> float:
    """The probability that a face at a ``distance`` from a person, as ``calibrate`` measures it, is that person's, if
    that was as likely as not before.

    By Bayes from the densities of both distributions (Gaussian kernels of Silverman's width, 1986, eq. 3.31). Nearer
    than the middle of the one and farther than the middle of the other the tails tell nothing: there it is as at it.
    """
    low, high = sorted((float(np.median(calibration.same)), float(np.median(calibration.different))))
    place = min(max(distance, low), high)
    same, different = _density(place, calibration.same), _density(place, calibration.different)
    least = 1 / (len(calibration.same) + len(calibration.different))  # no gallery makes sure
    return min(max(same / (same + different), least), 1 - least) if same + different > 0 else 0.5


def _density(place: float, values: npt.NDArray[np.float64]) -> float:
    low, high = np.quantile(values, (0.25, 0.75))
    spread = min(float(values.std()), float(high - low) / 1.34) or float(values.std())
    width = max(0.9 * spread * len(values) ** -0.2, 1e-3)
    return float(np.exp(-0.5 * ((values - place) / width) ** 2).mean() / width)


def record(explanation: Explanation) -> dict[str, Any]:
    """The explanation as JSON. Distances: L2."""
    runner_up = explanation.runner_up
    return {
        "face": explanation.face.face,
        "person": explanation.face.person,
        "placed": explanation.placed,
        "quality": explanation.quality,
        "exemplars": [
            {"face": near.name, "person": near.person, "distance": near.distance} for _, near in explanation.exemplars
        ],
        "distance": explanation.average,
        "nearest": {"person": runner_up.name, "distance": runner_up.distance} if runner_up else None,
        "margin": explanation.margin,
        "about": explanation.about,
        "probability": explanation.probability,
        "rule": explanation.rule,
        "folder": asdict(explanation.folder) if explanation.folder else None,
        "track": asdict(explanation.track) if explanation.track else None,
    }


def lines(explanation: Explanation) -> Iterator[str]:
    """The explanation in words, a fact a line."""
    face = explanation.face
    yield f"face: {face.face}"
    yield f"person: {face.person or UNKNOWN_NAME}"
    yield f"placed by: {explanation.placed}"
    if explanation.quality is not None:
        yield f"quality: {explanation.quality:.2f}"
    for _, near in explanation.exemplars:
        yield f"nearest face: {near.name} of {near.person or UNKNOWN_NAME}, {near.distance:.3f}"
    if explanation.average is not None:
        yield f"to the average of its person's other faces: {explanation.average:.3f}"
    runner_up = explanation.runner_up
    if runner_up:
        margin = "" if explanation.margin is None else f", margin {explanation.margin:+.3f}"
        other = "other " if face.person else ""
        yield f"nearest {other}person: {runner_up.name}, {runner_up.distance:.3f}{margin}"
    if explanation.folder:
        yield f"two people: {face.person} may be two, since {_sides_in_words(explanation.folder)}"
    if explanation.track:
        yield f"torn track: its faces are {_sides_in_words(explanation.track)}"
    if explanation.probability is None:
        yield f"probability: left out, since {explanation.why_not}"
    else:
        whom = f"{explanation.about}, as the one who would stay" if explanation.folder else explanation.about
        yield f"probability that it is {whom}: {explanation.probability:.3f}"
    yield f"rule: {explanation.rule}"


def _sides_in_words(sides: Sides) -> str:
    like = "" if sides.to_like is None else f"{sides.to_like:.3f} from the {sides.like} like it and "
    return f"{sides.why}; this one is {like}{sides.to_unlike:.3f} from the {sides.unlike} others"


def picture(face: Image, exemplars: Sequence[tuple[Image, Near]], name: str | None) -> Image:
    """The face and its exemplars side by side, each with its name and distance: (height, width, 3) uint8 BGR.

    Pictures: (height, width, 3) uint8 BGR, of any size.
    """
    tiles = [_tile(face, name, "")] + [_tile(image, near.person, f"{near.distance:.3f}") for image, near in exemplars]
    return contact_sheet.grid(tiles, len(tiles))


def _tile(image: Image, name: str | None, distance: str) -> Image:
    return contact_sheet.captioned(contact_sheet.fitted(image, _TILE), name or UNKNOWN_NAME, distance)
