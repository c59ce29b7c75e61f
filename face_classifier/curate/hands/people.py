"""What somebody says of whole people: which are one, who is two, how one is called."""

from __future__ import annotations

from collections.abc import Sequence

from face_classifier.core.errors import UserError
from face_classifier.curate.hands.hand import (
    Arguments,
    ConflictError,
    Hand,
    name_of,
    names_of,
    numbers_of,
    person_in,
)
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.places import check_name
from face_classifier.identity.naming import is_named


def merge(gallery: Gallery, arguments: Arguments) -> Arguments:
    """The faces of the people ``from`` become the ``person``'s, who is called ``name`` afterwards, if that is told.

    Answers the ``person`` by that name.
    """
    into, name = person_in(arguments, "person"), name_of(arguments, "name")
    origins = names_of(arguments, "from")
    hand = Hand(gallery, arguments, people=[into, *origins])
    hand.check_untouched([into, *origins])
    into = hand.person(into)
    people = list(dict.fromkeys([into, *(hand.person(one) for one in origins)]))
    if len(people) == 1:
        raise UserError(f"both names are {into!r}; give the names of two people")
    for number, one in enumerate(people):
        for other in people[:number]:
            hand.check_apart(hand.words.faces_of(one), hand.words.faces_of(other))
    called = into if name is None else hand.free_name(name, people)
    stays = called if called in people else into
    _join(hand, [one for one in people if one != stays], stays)
    if called != stays:
        _rename(hand, stays, called)
    return {"person": called}


def _join(hand: Hand, people: Sequence[str], stays: str) -> None:
    hand.words.join([face for person in people for face in hand.words.faces_of(person)], stays)
    hand.look()


def _rename(hand: Hand, person: str, name: str) -> None:
    try:
        hand.words.rename(person, name)
    except FileExistsError as error:
        raise UserError(f"there is something called {name!r} in the result folder; give another name") from error
    hand.look()


def part(gallery: Gallery, arguments: Arguments) -> Arguments:
    """Some ``faces`` (ids) of a ``person`` become another person's, called ``name`` if that is told; both are two.

    Answers the ``person`` and the ``new`` one's name.
    """
    faces, name = numbers_of(arguments, "faces"), name_of(arguments, "name")
    hand = Hand(gallery, arguments, faces, [person_in(arguments, "person")])
    hand.check_faces()
    hand.check_untouched([person_in(arguments, "person")])
    person = hand.person(person_in(arguments, "person"))
    if any(hand.faces[face].person != person for face in faces):
        raise UserError(f"some of these faces do not belong to {person}; give faces of one person")
    stay = [face for face in hand.words.faces_of(person) if face not in hand.faces]
    if not stay:
        raise UserError(f"these are all faces of {person}; give some of them, or another name")
    new = hand.words.join(faces, None if name is None else hand.free_name(name))
    hand.look()
    hand.words.keep_apart(stay, faces)
    hand.look()
    return {"person": person, "new": new}


def rename(gallery: Gallery, arguments: Arguments) -> Arguments:
    """A ``person`` is called ``name`` from now on, as if the user renamed the folder.

    Answers both, as they are written. Raises UserError where there is no such person, or
    no folder can be called so.
    """
    called, name = person_in(arguments, "person"), person_in(arguments, "name")
    hand = Hand(gallery, arguments, people=[called, name])
    hand.check_untouched([called])
    person = hand.person(called)
    check_name(name)
    if holder := hand.holder(name, [person]):
        if "seen" in arguments:  # of a page, which offers to make them one
            raise ConflictError(f"there is a person {holder!r} already", holder)
        raise UserError(
            f"there is a person {holder!r} already; `face-classifier suggest accept` makes two people one, or give "
            "another name"
        )
    if name != person:
        _rename(hand, person, name)
    return {"person": person, "name": name}


def judge(gallery: Gallery, arguments: Arguments) -> Arguments:
    """Two people, ``one`` and ``other``, are the ``same``, or two; None: it is no longer said that they are two.

    Answers the ``person`` who stays, None where both do.
    """
    same = arguments.get("same")
    if same not in (True, False, None):
        raise UserError("same must be true, false or null")
    hand = Hand(gallery, arguments, people=[person_in(arguments, "one"), person_in(arguments, "other")])
    asked = [person_in(arguments, "one"), person_in(arguments, "other")]
    hand.check_untouched(asked)
    one, other = map(hand.person, asked)
    if one == other:
        raise UserError(f"both names are {one!r}; give the names of two people")
    ones, others = hand.words.faces_of(one), hand.words.faces_of(other)
    hand.check_apart(ones, others)
    if same:
        stays, goes = (other, one) if is_named(other) and not is_named(one) else (one, other)
        _join(hand, [goes], stays)
        return {"person": stays}
    if same is None:
        hand.words.allow(ones, others)
    else:
        hand.words.keep_apart(ones, others)
    hand.look()
    return {"person": None}
