"""Records of what shows somebody who is forgotten go as a whole: what is left of them would still show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from face_classifier.core.errors import UserError
from face_classifier.records.folder import Records
from face_classifier.records.head import Head, names_of_source
from face_classifier.sources.base import SAME_TIME


def forget_in_records(folder: Path, faces: Iterable[tuple[str | None, float | None]]) -> int:
    """Remove the records in which faces are; a run that analyses those sources again makes them anew.

    Parameters
    ----------
    folder: of records, which somebody else may have moved away or filled.
    faces: of each the fingerprint of its source and its position there in seconds, as far as they are known; without a
        position the records of all chapters go.

    Returns
    -------
    How many.

    Raises
    ------
    OSError, UserError: the folder cannot be used.
    """
    places: dict[str, set[float | None]] = defaultdict(set)
    for fingerprint, position in faces:
        if fingerprint:
            places[fingerprint.partition("#")[0]].add(position)
    if not places:
        return 0
    begins = {names_of_source(fingerprint) for fingerprint in places}
    with Records(folder) as records:
        records.remove_left()
        gone = [name for name in records.names() if name[:8] in begins and _shows_any(records, name, places)]
        for name in gone:
            with suppress(FileNotFoundError):
                records.root.remove(name)
        records.root.sync()
    return len(gone)


def _shows_any(records: Records, name: str, places: dict[str, set[float | None]]) -> bool:
    """Whether any of these faces may be in a record; one that cannot be read may show whomever its name tells of."""
    try:
        head = records.head(name)
    except UserError:
        return True
    positions = places.get(head.origin.fingerprint or "", ())
    return any(position is None or _spans(head, position) for position in positions)


def _spans(head: Head, position: float) -> bool:
    chapter = head.chapter
    return chapter is None or chapter.begin - SAME_TIME <= position <= chapter.end + SAME_TIME
