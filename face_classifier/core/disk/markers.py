"""Folders that the program wrote: how they are marked and known, so that nothing in them is ever taken for input."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError

RESULT, CAPTURES, ALBUM, RECORDS = "result folder", "captures folder", "sorted album", "folder of records"
TABLE = "faces.sqlite"  # in a result folder: where and when faces were seen, whose they are, and every change of it
ENCODINGS = "encodings.f32"  # in a result folder: what faces are as numbers, a row a face of the table
ALERTS = "alerts.sqlite"  # in a result folder: what was told, and what is still to be
PICKLE = "face_encodings"  # in a result folder, in the format of the original program
MANIFEST = ".face-classifier-album.json"  # in a sorted album: what the program put there
MARKER = ".face-classifier-folder.json"  # in result folders, captures and records: which of them it is
_VERSION = 1
_ABOUT = "Face Classifier wrote this folder, and never takes what is in it for input."
# By these the folders of earlier versions, and of the original program, are known. Their captures have nothing.
_KNOWN_BY = {MANIFEST: ALBUM, TABLE: RESULT, PICKLE: RESULT}
_LONGEST = 4096  # bytes of a marker that are read
_LITTER = {"thumbs.db", "desktop.ini"}  # file managers leave them in every folder
_SIDECARS = (".xmp", ".aae")  # notes about the photo beside them, which we write, too


def is_litter(name: str) -> bool:
    """Whether a file is one of those that programs leave in folders of photos, beside hidden ones."""
    return name.lower() in _LITTER or name.lower().endswith(_SIDECARS)


def kind_of(folder: str | Path) -> str | None:
    """RESULT, CAPTURES, RECORDS or ALBUM if it is a folder of ours, else None. What cannot be read says nothing."""
    marker = os.path.join(folder, MARKER)
    if os.path.isfile(marker):
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError), open(marker, "rb") as file:
            kind = json.loads(file.read(_LONGEST))["kind"]
            if kind in (RESULT, CAPTURES, RECORDS):
                return str(kind)
    return next((kind for name, kind in _KNOWN_BY.items() if os.path.isfile(os.path.join(folder, name))), None)


def home_of(path: str | Path) -> tuple[Path, str] | None:
    """The innermost folder of ours that ``path`` is or lies in, and its kind; links are resolved."""
    place = Path(os.path.realpath(path))
    return next(((folder, kind) for folder in (place, *place.parents) if (kind := kind_of(folder))), None)


def mark(root: Root, kind: str) -> None:
    """Mark a folder as ours, unless it is. Raises OSError; a link in the marker's place is not followed."""
    if not (root.has_file(MARKER) and kind_of(root.path) == kind):  # else it was emptied and is used anew
        text = json.dumps({"about": _ABOUT, "kind": kind, "version": _VERSION}, indent=1)
        root.write(MARKER, f"{text}\n".encode())


def is_empty(folder: Path) -> bool:
    """Whether nothing is in a folder but hidden entries and litter, or it cannot be listed, such as a missing one."""
    try:
        return all(name.startswith(".") or is_litter(name) for name in os.listdir(folder))
    except OSError:
        return True


def refuse_source(source: str) -> None:
    """Raises UserError if a path that the user named as input is a folder of ours, or lies in one."""
    if home := home_of(source):
        folder, kind = home
        is_it = Path(os.path.realpath(source)) == folder
        raise UserError(
            f"{source} {'is' if is_it else f'lies in {folder},'} a {kind}, which the program wrote and does not take "
            "for input; give what it was made from"
        )


def refuse_place(folder: Path, kind: str, flag: str) -> None:
    """Raises UserError if a folder is one of ours of another kind, or lies in one, which would take in its pictures.

    Parameters
    ----------
    folder : the place where a folder of ours is to be; it may be missing
    kind : RESULT, CAPTURES, RECORDS or ALBUM
    flag : the option with which the user named it, for the message
    """
    own = kind_of(folder)
    if own == kind:
        return
    if own is not None and not (own == CAPTURES and is_empty(folder)):  # nothing but the marker is left of that
        raise UserError(f"{folder} is a {own}, not a {kind}; name another one with {flag}")
    if inside := home_of(Path(os.path.realpath(folder)).parent):
        raise UserError(f"{folder} lies in the {inside[1]} {inside[0]}; give a place outside of it to {flag}")
