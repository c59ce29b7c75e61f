"""How the folders and files of a result folder are named, and what their names mean."""

from __future__ import annotations

import re

from face_classifier.core.disk.database import SIDES
from face_classifier.core.disk.markers import ALERTS, ENCODINGS, PICKLE, TABLE, is_litter
from face_classifier.core.disk.tree import is_component
from face_classifier.core.errors import UserError
from face_classifier.display import montages

UNKNOWNS = "unknowns"  # in a result folder: the pictures of nobody yet
EXCLUDED = (
    ".rejected"  # what the user rejected lies in its folder <person>: it counts for nobody, and is not that person
)
OURS = {PICKLE, ENCODINGS, f"{ENCODINGS}-next", *(f"{file}{side}" for file in (TABLE, ALERTS) for side in ("", *SIDES))}
_JOINERS = "\u200c\u200d"  # they cannot be seen, but names in Persian or Malayalam need them
_OWN_CUT = re.compile(r"[0-9]{8}_[0-9]{6}\.[0-9]{3}-[0-9]+(_[0-9]+)?\.png")
_LONGEST_NAME = 200  # bytes: file systems allow 255, and its montages' names are longer


def is_excluded(folder: str) -> bool:
    """Whether it is a folder of excluded pictures."""
    return folder.startswith(f"{EXCLUDED}/")


def person_of(folder: str) -> str:
    """The person whose folder it is, or who the excluded pictures in it are not."""
    return folder.removeprefix(f"{EXCLUDED}/")


def is_folder(name: object) -> bool:
    """Whether what a table tells can be the folder of a person, of `unknowns`, or of excluded pictures."""
    return isinstance(name, str) and is_component(person_of(name))


def is_own_cut(file: str) -> bool:
    """Whether a picture is named as the program names what it cuts from frames."""
    return _OWN_CUT.fullmatch(file) is not None


def is_own_file(name: str) -> bool:
    """Whether a file of the result folder itself is the table, the pickle or a montage."""
    return name in OURS or montages.MONTAGE.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Raise UserError unless a person's folder can have this name."""
    reason = None
    if not name.strip():
        reason = "is empty"
    elif name == UNKNOWNS:
        reason = "is the folder of the faces of nobody"
    elif is_own_file(name):
        reason = "is a file of the program's own"
    elif is_litter(name):
        reason = "is a file that file managers leave everywhere"
    elif name.startswith("."):
        reason = "begins with a dot, which hides a folder"
    elif any(sign in "/\\" or not (sign.isprintable() or sign in _JOINERS) for sign in name):
        reason = "has a slash or a sign in it that cannot be printed"
    elif len(name.encode()) > _LONGEST_NAME:
        reason = f"is longer than {_LONGEST_NAME} bytes"
    if reason:
        raise UserError(f"the name {name!r} {reason}, so no folder can have it; give another name")
