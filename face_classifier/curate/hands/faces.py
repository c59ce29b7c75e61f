"""What somebody says of single faces: whose they are, whose they are not, and which are not to be asked about."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from face_classifier.core.errors import UserError
from face_classifier.curate.hands.hand import Arguments, Hand, name_of, numbers_of
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.places import UNKNOWNS, check_name, is_excluded, person_of


def assign(gallery: Gallery, arguments: Arguments) -> Arguments:
    """``faces`` (ids) become a ``person``'s, who is made where nobody is called so; of a ``new`` person; or unknown.

    ``not``: besides, they are not that person; of those who become unknown that is said of whose they were. So they may
    be anybody else's, are placed and asked about again; where of that person nothing is left, they stay unknown until
    somebody says otherwise. Answers the ``person``, None: unknown.
    """
    faces, name, is_new = numbers_of(arguments, "faces"), name_of(arguments, "person"), bool(arguments.get("new"))
    if is_new and name is not None:
        raise UserError("faces become a person's, or a new person's; give a person or new, not both")
    denied = name_of(arguments, "not")
    hand = Hand(gallery, arguments, faces, [one for one in (name, denied) if one is not None])
    hand.check_faces()
    person = None if name is None else _person(hand, name)
    is_unknown = person is None and not is_new
    if denied is not None:
        noes = [(faces, _denied(hand, denied, person))]
    else:
        noes = list(_whose(hand, faces)) if is_unknown else []
    _take_back_exclusion(hand, faces)
    if is_unknown:
        hand.words.put_aside(faces)
    else:
        person = hand.words.join(faces, person)
    hand.look()
    for those, others in noes:
        if left := [face for face in others if face not in hand.faces]:
            hand.words.deny(those, left)
            if is_unknown:
                hand.words.free(those)
            hand.look()
    return {"person": person}


def _whose(hand: Hand, faces: Collection[int]) -> Iterator[tuple[list[int], list[int]]]:
    """Of each person who has some of the faces (ids): those, and all that the person has."""
    folders = {hand.faces[face].folder for face in faces} - {UNKNOWNS}
    for folder in sorted(folder for folder in folders if not is_excluded(folder)):
        yield [face for face in faces if hand.faces[face].folder == folder], hand.words.faces_of(folder)


def _person(hand: Hand, name: str) -> str:
    """Who is called so, if that is who was when the user looked; else a new one."""
    hand.check_same(name)
    if holder := hand.holder(name):
        if holder != name:
            hand.check_same(holder)
        return holder
    check_name(name)
    return name


def _denied(hand: Hand, name: str, person: str | None) -> list[int]:
    """The faces (ids) of whom faces are said not to be."""
    hand.check_same(name)
    known = hand.person(name)
    if known == person:
        raise UserError(f"a face cannot be {known} and not be {known}; give two people")
    return hand.words.faces_of(known)


def _take_back_exclusion(hand: Hand, faces: Collection[int]) -> None:
    """What is said of excluded faces from now on is said of faces that count."""
    if excluded := [face for face in faces if is_excluded(hand.faces[face].folder)]:
        hand.words.bring_back(excluded)
        hand.look()


def ignore(gallery: Gallery, arguments: Arguments) -> Arguments:
    """``faces`` (ids) are unknown, and are not asked about again, nor placed."""
    faces = numbers_of(arguments, "faces")
    hand = Hand(gallery, arguments, faces)
    hand.check_faces()
    hand.words.put_aside(faces)
    hand.look()
    return {}


def exclude(gallery: Gallery, arguments: Arguments) -> Arguments:
    """``faces`` (ids) are put aside for good: none is the person in whose folder it lies, nor anybody."""
    faces = numbers_of(arguments, "faces")
    hand = Hand(gallery, arguments, faces)
    hand.check_faces()
    hand.words.exclude([face for face in faces if not is_excluded(hand.faces[face].folder)])
    hand.look()
    return {}


def restore(gallery: Gallery, arguments: Arguments) -> Arguments:
    """What was said of ``faces`` (ids) is taken back.

    Excluded ones are again whose they were, ignored ones may be placed and asked about. ``not``: besides, it is no
    longer said that they are not that person. Of others, it is no longer said of anybody.
    """
    faces, name = numbers_of(arguments, "faces"), name_of(arguments, "not")
    hand = Hand(gallery, arguments, faces, () if name is None else [name])
    hand.check_faces()
    denied = hand.words.denied(set(faces))
    excluded = [face for face in faces if is_excluded(hand.faces[face].folder)]
    ignored = [face for face in faces if hand.faces[face].folder == UNKNOWNS and hand.faces[face].pinned]
    if name is not None:
        hand.words.allow(faces, hand.words.faces_of(hand.person(name)))
    elif others := [face for face in faces if face in denied and face not in {*excluded, *ignored}]:
        hand.words.allow(others, {other for face in others for other in denied[face]})
    if excluded:
        hand.words.bring_back(excluded)
        hand.look()
        ignored += [face for face in excluded if person_of(hand.faces[face].folder) == UNKNOWNS]
    hand.words.free(ignored)
    hand.look()
    return {}
