"""Who has a former name now, by the journal."""

from __future__ import annotations

from collections.abc import Container

from face_classifier.gallery.places import UNKNOWNS, is_excluded
from face_classifier.gallery.table.file import Table

_LEFT = "new_state = 'kept' AND folder = ?1 AND new_folder <> ?1"
_LAST = (  # where most of the faces went by the last entry that moved some of a person's
    f"SELECT new_folder, entry FROM changes WHERE {_LEFT} AND entry = "
    f"(SELECT max(entry) FROM changes WHERE {_LEFT} AND entry BETWEEN ?2 AND ?3) "
    "GROUP BY new_folder ORDER BY count(*) DESC, new_folder LIMIT 1"
)


def successor_of(table: Table, name: str, until: int, people: Container[str]) -> str | None:
    """Who has a former name now: renamed or merged since, however often.

    Parameters
    ----------
    table: of the journal.
    name: that nobody has.
    until: the number of the latest entry that counts.
    people: who there is.

    Returns
    -------
    None if the last faces of it became nobody's, or the journal does not tell it.

    Raises
    ------
    UserError: the table cannot be used.
    """
    seen, entry = {name}, 0
    while found := table.execute(_LAST, (name, entry, until)).fetchone():
        name, entry = found
        if name in seen or name in ("", UNKNOWNS) or is_excluded(name):
            return None
        if name in people:
            return name
        seen.add(name)
    return None
