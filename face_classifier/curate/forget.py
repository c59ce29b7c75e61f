"""Forgetting a person or a face, in the result folder and wherever the gallery knows that its faces may be seen."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from face_classifier.core import names
from face_classifier.core.disk.beside import remove_beside
from face_classifier.core.disk.logs import rewrite
from face_classifier.core.errors import UserError
from face_classifier.core.progress import Teller
from face_classifier.core.words import counted
from face_classifier.curate.hands.hand import Hand
from face_classifier.display.captures import forget_in_captures
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.past.back import CAPTURES, LOG, RECORDS
from face_classifier.gallery.past.forget import Chosen
from face_classifier.records.forgetting import forget_in_records


def forget(gallery: Gallery, arguments: dict[str, Any], _tell: Teller) -> dict[str, Any]:
    """Forget a person, or the face that is called ``what`` or has its picture at ``path`` (absolute).

    Answers how many ``faces`` were forgotten, how many ``captures`` were removed and ``pixelated``, how many ``lines``
    of logs are gone or without a name, how many ``records`` were removed, and sentences about what was ``left``. Raises
    UserError unless there is one.

    ``seen``: nobody is forgotten whom others changed since that entry of the journal: raises ConflictError.
    ``only_check``: nobody is at all, but who may not be is told.
    """
    past = gallery.store.past
    gallery.look()
    if "seen" in arguments:
        Hand(gallery, arguments, people=[arguments["what"]]).check_untouched([arguments["what"]])
    if arguments.get("only_check"):
        return {}
    chosen = past.to_forget(arguments["what"], Path(arguments["path"]))
    answer: dict[str, Any] = {
        "faces": len(chosen.rows),
        "captures": 0,
        "pixelated": 0,
        "lines": 0,
        "records": 0,
        "left": [],
    }
    for kind, path in past.uses():
        try:
            if kind == CAPTURES:
                _in_captures(path, chosen, answer)
            elif kind == LOG:
                answer["lines"] += _in_log(path, chosen)
            elif kind == RECORDS:
                answer["records"] += forget_in_records(path, [(row.fingerprint, row.position) for row in chosen.rows])
        except (OSError, UserError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            answer["left"].append(f"the {kind} {path} could not be looked through ({why}); do it yourself")
    answer["left"] += past.forget(chosen)
    gallery.look()
    gallery.write_views()
    answer["left"] += past.compact()
    return answer


def note_use(gallery: Gallery, arguments: dict[str, Any], _tell: Teller) -> None:
    """Have the gallery remember a place, ``kind`` and ``path`` (bytes), where its faces may be seen, too."""
    gallery.store.past.note_use(arguments["kind"], Path(os.fsdecode(arguments["path"])))


def _in_captures(path: Path, chosen: Chosen, answer: dict[str, Any]) -> None:
    outcome = forget_in_captures(path, {row.face for row in chosen.rows})
    answer["captures"] += outcome.removed
    answer["pixelated"] += outcome.pixelated
    if outcome.unknown:
        answer["left"].append(
            f"{counted(outcome.unknown, 'capture')} in {path} without a mark of whom it shows, as those of earlier "
            "versions; look through them yourself"
        )


def _in_log(path: Path, chosen: Chosen) -> int:
    """How many lines are gone or changed; pictures that alerts left beside the log go with their lines."""
    pictures: list[str] = []
    count = rewrite(path, partial(_line, chosen=chosen, pictures=pictures))
    for picture in pictures:
        remove_beside(path, picture)
    return count


def _line(line: bytes, chosen: Chosen, pictures: list[str]) -> bytes:
    """What is left of a line of a log: nothing if it is about such a face; another face is not that person.

    ``pictures``: gets the picture of a line that goes.
    """
    try:
        record = json.loads(line)
        face, person = record["face"], record["person"]
        text = record.get("text") or ""  # of an alert
    except (ValueError, TypeError, KeyError, AttributeError):
        return line  # which verify tells
    if face in {row.face for row in chosen.rows} or _is_alert_of(record, chosen):
        pictures += [record["picture"]] if isinstance(record.get("picture"), str) else []
        return b""
    left = record | ({"person": None} if person in chosen.names else {})
    if any(name in text for name in chosen.names):
        left["text"] = None
    return line if left == record else names.json_text(left).encode() + b"\n"


def _is_alert_of(record: dict[str, Any], chosen: Chosen) -> bool:
    """Whether an alert about no face of its own is about somebody: it tells their track, and nobody else."""
    is_theirs = record.get("track") is not None and record["track"] in {row.track for row in chosen.rows}
    return bool(chosen.names) and record["face"] is None and is_theirs and record["person"] in (None, *chosen.names)


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """What `forget` answered, in words, with how many ``photos`` were forgotten in indexes."""
    yield (
        f"{counted(answer['faces'], 'face')} forgotten; captures: {answer['captures']} removed, {answer['pixelated']} "
        f"pixelated; lines of logs: {answer['lines']}; records: {answer['records']}; "
        f"photos in indexes: {answer['photos']}"
    )
    yield from answer["left"]
