"""Long lists come in pieces: where the next one begins."""

from __future__ import annotations

from collections.abc import Sequence

PIECE = 90  # faces or cards at a time
_TRACES = 5  # of what was shown last, so that the place is found when some of it has gone since


def start_of(ids: Sequence[int], cursor: str | None) -> int:
    """Where the next piece of a list begins.

    Parameters
    ----------
    ids
        Of all faces, in the order of now.
    cursor
        What `cursor_after` gave for the piece before; None, or none of ours: the beginning. Where nothing of it is left
        it is the beginning, too: the page leaves out what it shows already, and nothing is passed over.
    """
    places = {face: place for place, face in enumerate(ids)}
    shown = [int(trace) for trace in (cursor or "").split("-") if trace.isascii() and trace.isdigit()]
    return next((places[face] + 1 for face in reversed(shown) if face in places), 0)


def cursor_after(ids: Sequence[int], end: int) -> str | None:
    """The cursor for what follows the place ``end`` of a list; None: nothing does."""
    return None if end >= len(ids) else "-".join(map(str, ids[max(0, end - _TRACES) : end]))
