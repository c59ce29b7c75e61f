"""Marks of people, faces and tracks that say nothing of whose a face is: they have no entry in the journal."""

from __future__ import annotations

from face_classifier.core.errors import UserError
from face_classifier.curate.hands.hand import Arguments, Hand, numbers_of, person_in
from face_classifier.gallery.gallery import Gallery


def hide(gallery: Gallery, arguments: Arguments) -> Arguments:
    """A ``person`` is left out of the list of people, until it is shown again or its marked faces are others'."""
    return _hide(gallery, arguments, hidden=True)


def show(gallery: Gallery, arguments: Arguments) -> Arguments:
    """A ``person`` is in the list of people again."""
    return _hide(gallery, arguments, hidden=False)


def _hide(gallery: Gallery, arguments: Arguments, *, hidden: bool) -> Arguments:
    hand, person = _of_person(gallery, arguments)
    gallery.store.flags.hide(hand.words.faces_of(person), hidden=hidden)
    return {"person": person}


def cover(gallery: Gallery, arguments: Arguments) -> Arguments:
    """A ``face`` (id) is the picture of its ``person``. Raises UserError where it is not that person's."""
    hand, person = _of_person(gallery, arguments)
    faces, face = hand.words.faces_of(person), arguments.get("face")
    if type(face) is not int or face not in faces:
        raise UserError(f"face is {face!r}, but must be the number of one of {person}")
    gallery.store.flags.cover(faces, face)
    return {"person": person}


def _of_person(gallery: Gallery, arguments: Arguments) -> tuple[Hand, str]:
    asked = person_in(arguments, "person")
    hand = Hand(gallery, arguments, people=[asked])
    hand.check_same(asked)
    return hand, hand.person(asked)


def review(gallery: Gallery, arguments: Arguments) -> Arguments:
    """``tracks`` (numbers) were looked through, or are to be again where ``reviewed`` is false.

    Answers of how many ``tracks`` that is new.
    """
    tracks, reviewed = numbers_of(arguments, "tracks"), arguments.get("reviewed")
    if type(reviewed) is not bool:
        raise UserError(f"reviewed is {reviewed!r}, but must be true or false")
    known = set(tracks) - gallery.store.tracks.gone(tracks)
    return {"tracks": gallery.store.flags.review(known, reviewed=reviewed)}
