"""What becomes of the views of a person that were gathered: the half of enrolment that changes a gallery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from face_classifier.core.errors import StoppedError, UserError
from face_classifier.core.messages import (
    MessageError,
    face_from,
    face_message,
    frame_from,
    frame_message,
    sighting_message,
)
from face_classifier.core.names import composed
from face_classifier.core.progress import Teller
from face_classifier.core.types import Match, Sighting
from face_classifier.curate.best_views import View, choose, majority
from face_classifier.curate.questions.explain import to_averages
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.opening import refuse_other_encoder
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.identity.naming import is_named
from face_classifier.identity.rules import profile_of, threshold_of

# Why a picture is declined, and what the person can do.
NO_FACE, CROWD, TINY, BLURRED, DARK, BRIGHT, CUT_OFF, AWAY, UNSURE, OTHER, UNLIKE, REMOVED = HINTS = {
    "no face": "look into the camera, in good light and with the whole face in the picture",
    "several faces": "be alone in the picture, or cut the others off",
    "too small": "come nearer, or give a picture with more pixels",
    "blurred": "hold still, and focus the camera",
    "too dark": "put more light on the face",
    "too bright": "keep bright light off the face",
    "cut off": "bring the whole face into the picture, farther from the camera or in the middle",
    "turned away": "turn the face towards the camera",
    "not surely a face": "take away what hides the face",
    "another person": "show one person at a time",
    "does not look like the other pictures": "if it is the same person, put it into the folder yourself",
    "removed by you": "put its picture back if you want it",
}


def view_message(view: View, picture: bytes | None) -> dict[str, Any]:
    """A view as `enrol` takes it. ``picture``: PNG of what is kept of its frame, if that is wanted."""
    return {
        "frame": frame_message(view.frame),
        "face": face_message(view.face),
        "order": view.order,
        "turn": list(view.turn),
        "frames": view.frames,
        "picture": picture,
    }


def enrol(gallery: Gallery, arguments: dict[str, Any], tell: Teller) -> dict[str, Any]:
    """Handler: keep the best and most different views of one person as the user's own word.

    Parameters
    ----------
    gallery: where they are kept.
    arguments: ``name`` of the person; ``views``: how many are wanted; ``pool``: those that were gathered, as
        `view_message` has them; ``starts``: when each of their sources began, by fingerprint, if it was not seen
        before; ``declined``: [source, reason, frames] of what was of no use; ``photos``: the sources that are photos;
        ``encoder``: the one that the gallery must belong to, or None; ``is_stopped``: whether the user ended it.
    tell: is told of each photo that is declined.

    Returns ``wanted`` alone, numbers of views in the pool, where these are to be kept and have no picture: nothing
    is kept so far, and the same is to be sent again with their pictures. Else ``name``, as the gallery has it;
    ``kept``: the chosen views as sightings; how many are ``new`` in the folder; ``taken_from`` and ``stay``: how
    many of them lay with whom, and how many stay there; ``declined``, now with those that it declined; ``alike``:
    frames that were not needed; ``frames`` and ``rival``: how many show the person, and the person with most of the
    others; ``looks_like``: [name, distance] of the nearest other person within the threshold, or None;
    ``to_itself``: L2 to the faces that the person had before, or None; ``threshold``.

    Raises
    ------
    UserError: there is nothing to keep, or the gallery belongs to another encoder.
    StoppedError: there is nothing to keep, and the user ended it.
    """
    if arguments["encoder"] is not None:
        refuse_other_encoder(replace(gallery.settings, encoder=arguments["encoder"]), gallery.store)
    return _Enrolment(gallery, arguments, tell).keep()


class _Enrolment:
    """The views of one person on their way into a gallery."""

    def __init__(self, gallery: Gallery, arguments: dict[str, Any], tell: Teller) -> None:
        self._gallery, self._tell = gallery, tell
        self._faces_before = gallery.look().faces  # what was seen earlier may lie elsewhere by now
        self._name = name_known(arguments["name"], {face.person for face in self._faces_before if face.person})
        self._views, self._is_stopped = arguments["views"], arguments["is_stopped"]
        self._threshold = threshold_of(gallery.settings)
        self._profile = profile_of(gallery.settings)
        self._photos = set(arguments["photos"])
        self._declined = Counter({(source, reason): frames for source, reason, frames in arguments["declined"]})
        for fingerprint, start in arguments["starts"].items():
            gallery.store.first_start(fingerprint, datetime.fromisoformat(start))
        self._pool = self._gathered = [self._view(message) for message in arguments["pool"]]
        self._problems: list[str] = []  # told when it is done

    def _view(self, message: dict[str, Any]) -> View:
        try:
            face, frame = face_from(message["face"]), frame_from(message["frame"])
        except MessageError as error:
            raise UserError(
                f"what came as a view of {self._name} cannot be read ({error}); use the same program"
            ) from error
        if face.made_by.space != self._profile.name:
            raise UserError(
                f"the result folder {self._gallery.store.folder} belongs to the encoder {self._profile.encoder} by "
                "now; run the command again"
            )
        turn = message["turn"]
        return View(frame, face, message["order"], (turn[0], turn[1]), message["frames"], message["picture"])

    def keep(self) -> dict[str, Any]:
        """Keep the best views; the answer of `enrol`."""
        self._pool = [view for view in self._pool if self._meet_again(view)]
        mine = majority(self._pool, self._profile.gathered)
        others_views = [view for view in self._pool if view not in mine]
        for view in others_views:
            self._decline(view.frame.source, UNLIKE if view.frame.source in self._photos else OTHER, view.frames)
        # Views that are another's take their places, so that nothing like them is kept a second time.
        chosen = [view for view in choose(mine, self._views, self._threshold) if not self._stays(view)]
        stay = Counter(view.known.person for view in mine if view.known and view.known.person and self._stays(view))
        new = [view for view in chosen if view.known is None]
        if wanted := [number for number, view in enumerate(self._gathered) if view in new and view.picture is None]:
            return {"wanted": wanted}
        for sentence in self._problems:
            self._tell.problem(sentence)
        kept = self._put(chosen, stay) if chosen else []
        if not kept:
            raise self._nothing_kept(stay)
        ids = {face.id for face in kept}
        settled = {view.known.id for view in chosen if view.known and view.settled}
        return {
            "name": self._name,
            "kept": [sighting_message(face) for face in kept],
            "new": len(ids - settled),
            "taken_from": self._taken_from(chosen),
            "declined": [[source, reason, frames] for (source, reason), frames in self._declined.items()],
            "stay": dict(stay),
            "alike": sum(view.frames for view in mine if not self._stays(view)) - len(chosen),
            "frames": sum(view.frames for view in mine),
            "rival": sum(view.frames for view in majority(others_views, self._profile.gathered)),
            "threshold": self._threshold,
            **self._compared(chosen, [face for face in self._faces_before if face.id not in ids]),
        }

    def _nothing_kept(self, stay: Mapping[str, int]) -> UserError:
        if stay:
            return UserError(f"there is nothing to enrol {self._name} from: {'; '.join(staying(self._name, stay))}")
        kind = StoppedError if self._is_stopped else UserError
        return kind(f"no view of {self._name} is good enough, so nothing is kept; {self._advice()}")

    def _taken_from(self, chosen: Iterable[View]) -> dict[str, int]:
        known = [view.known for view in chosen if view.known and view.known.person != self._name]
        return dict(Counter(face.person or UNKNOWNS for face in known))

    def _compared(self, chosen: Sequence[View], others: Sequence[Sighting]) -> dict[str, Any]:
        """How near the chosen views are to the faces of each person before."""
        mean = np.mean([view.face.encoding for view in chosen], axis=0)
        near = to_averages(mean, [face for face in others if face.encoding is not None])
        alike = [other for other in near if other.name != self._name and other.distance < self._threshold]
        return {
            "looks_like": [alike[0].name, alike[0].distance] if alike else None,
            "to_itself": next((other.distance for other in near if other.name == self._name), None),
        }

    def _decline(self, source: str, reason: str, count: int = 1) -> None:
        self._declined[source, reason] += count
        if source in self._photos:
            self._problems.append(f"{source} is declined ({reason}); {HINTS[reason]}")

    def _meet_again(self, view: View) -> bool:
        """Look whether the store has a view already; False if the user removed it."""
        known = self._gallery.store.same(view.frame, [view.face.box])
        view.known = known.get(0)
        if known and view.known is None:
            self._decline(view.frame.source, REMOVED, view.frames)
            return False
        view.settled = view.known is not None and (view.known.person == self._name or self._stays(view))
        return True

    def _stays(self, view: View) -> bool:
        """Whether a view lies with somebody else whom the user named."""
        return view.known is not None and self._is_anothers(view.known.person)

    def _is_anothers(self, person: str | None) -> bool:
        return person != self._name and is_named(person)

    def _put(self, chosen: Sequence[View], stay: Counter[str]) -> list[Sighting]:
        """Put views into the person's folder, durably, as the user's word; those that ``stay`` are counted there."""
        store = self._gallery.store
        faces: list[Sighting] = []
        for view in chosen:
            if view.known:
                faces.append(view.known)
            else:
                faces += store.keep(
                    view.frame, view.face, Match(self._name), view.order, picture=view.picture, by_user=True
                ).sightings
        # The very picture may lie in a folder that is older than its table, which tells only now.
        stay.update(face.person for face in faces if face.person and self._is_anothers(face.person))
        faces = [face for face in faces if not self._is_anothers(face.person)]
        store.words.join([face.id for face in faces if face.person != self._name or not face.corrected], self._name)
        now = {face.id: face for face in self._gallery.look().faces}
        return [now[face.id] for face in faces if face.id in now]

    def _advice(self) -> str:
        """What was most often wrong, and what to do."""
        counts: Counter[str] = Counter()
        for (_, reason), count in self._declined.items():
            counts[reason] += count
        if not counts:
            return HINTS[NO_FACE]
        ((reason, count),) = counts.most_common(1)
        what = "pictures" if all(source in self._photos for source, _ in self._declined) else "frames"
        return f"most often ({count} of {counts.total()} {what}) it was {reason}: {HINTS[reason]}"


def name_known(name: str, people: Iterable[str]) -> str:
    """The same name as one of the ``people`` has it: an accent or a Hangul syllable may be one sign or several."""
    alike = [person for person in people if composed(person) == composed(name)]
    return name if name in alike else min(alike, default=name)


def staying(name: str, stay: Mapping[str, int]) -> Iterator[str]:
    """A sentence about each of the people who keep their faces."""
    for other, views in stay.items():
        are, they_stay = ("is", "stays") if views == 1 else ("are", "stay")
        yield (
            f"{views} of the views {are} {other}'s already and {they_stay} there; if {other} is {name}, "
            "rename that folder"
        )
