"""Who has a former name now, by the journal."""

from __future__ import annotations

from face_classifier.gallery.places import UNKNOWNS, is_excluded
from face_classifier.gallery.table.file import Table


def successor_of(table: Table, name: str, until: int) -> str | None:
    """Who got most of the faces that left a person by the last entry, up to a number, that moved some of them.

    None: that entry moved none of them to a person, or none is known to. Raises UserError where the table cannot be
    used.
    """
    found = table.execute(
        "SELECT new_folder, count(*) FROM changes WHERE new_state = 'kept' AND folder = ?1 AND new_folder <> ?1 "
        "AND entry = (SELECT max(entry) FROM changes WHERE folder = ?1 AND new_folder <> ?1 AND new_state = 'kept' "
        "AND entry <= ?2) GROUP BY new_folder ORDER BY count(*) DESC, new_folder",
        (name, until),
    )
    people = [folder for folder, _ in found if isinstance(folder, str) and folder]
    people = [folder for folder in people if folder != UNKNOWNS and not is_excluded(folder)]
    return people[0] if people else None
