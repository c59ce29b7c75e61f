"""Taking back what was decided: the latest entry of the journal, or all after one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from face_classifier.core.errors import UserError
from face_classifier.core.progress import Teller
from face_classifier.core.words import counted
from face_classifier.curate.hands.hand import ConflictError, done, mine_of, number_of, seen_of
from face_classifier.curate.questions.log import label_of
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.past.back import Past, Return
from face_classifier.gallery.past.journal import FILE_MANAGER, RUN, UNDO, Entry
from face_classifier.gallery.store import FoldersChangedError
from face_classifier.gallery.table.row import KEPT

_TRIALS = 4  # while the user moves pictures at the same time


def undo(gallery: Gallery, arguments: dict[str, Any], _tell: Teller) -> dict[str, Any]:
    """Take back the latest entry of the journal, all after entry ``to`` if that is not None, or ``entry`` alone.

    Answers the numbers of the undo's own ``entry`` and of those ``taken_back``, the oldest first; how many ``faces``
    have another label now; and what was ``left``: ``face``, ``person`` and ``why`` each. A face that the user moved
    since stays where it is. ``expired``: faces that were removed since they were kept for long enough, and stay so.
    Besides, as `hand.done`. Raises UserError where there is nothing to take back.

    ``seen``: what is later than this entry was not seen, and is not taken back. Of the program's own decisions it
    stands; anything else raises ConflictError.
    """
    past, to, seen, mine = gallery.store.past, arguments["to"], seen_of(arguments), mine_of(arguments)
    alone = number_of(arguments, "entry")
    before = None if seen is None or gallery.stale else _taken(past, to, alone, seen, mine)
    gallery.look(touched=None if before is None else _folders_of(before))
    taken = _taken(past, to, alone, seen, mine)
    if seen is not None:
        later = past.entries(max(seen, to or 0))
        _check_unseen([entry for entry in later if entry.number not in mine], taken)
    with past.entry(UNDO):
        past.explain(f"takes back {taken[-1].number}" if to is None else f"goes back to {to}")
        back, faces = _bring_back(gallery, taken, to)
        number = past.number()
        answer = done(gallery, arguments)
    left = [{"face": one.face, "person": label_of(one.folder, KEPT), "why": one.why} for one in back.left]
    return answer | {
        "entry": number,
        "taken_back": [entry.number for entry in taken],
        "faces": faces,
        "left": left,
        "expired": sum(entry.expired for entry in taken),
    }


def _taken(past: Past, to: int | None, alone: int | None, seen: int | None, mine: Collection[int]) -> list[Entry]:
    """What is to be taken back, of all that the user saw or did, the oldest first. Raises UserError if nothing is."""
    if alone is not None:
        return _single(past, alone)
    entries = past.entries(to or 0)
    if seen is not None:
        entries = [entry for entry in entries if entry.number <= seen or entry.number in mine]
    return _latest_standing(entries) if to is None else _after(entries, to, past.latest())


def _folders_of(entries: Sequence[Entry]) -> set[str]:
    """Where the faces of entries lay, before and after."""
    return {place.folder for entry in entries for change in entry.changes for place in (change.before, change.after)}


def _check_unseen(entries: Sequence[Entry], taken: Sequence[Entry]) -> None:
    """Raise ConflictError if the user did not see what others did, or what second thoughts made of the same faces."""
    faces = {change.face for entry in taken for change in entry.changes}
    for entry in entries:
        if entry.door != RUN and not (entry.by_program and faces.isdisjoint(one.face for one in entry.changes)):
            raise ConflictError("something else has been changed in the meantime; look at the history")


def _bring_back(gallery: Gallery, taken: Sequence[Entry], to: int | None) -> tuple[Return, int]:
    """What was to be brought back, and how many faces have another label now."""
    past = gallery.store.past
    for _ in range(_TRIALS):
        back = past.way_back(taken)
        try:
            return back, past.bring_back(back, taken, to)
        except FoldersChangedError:
            gallery.look()
    raise FoldersChangedError


def _latest_standing(entries: Sequence[Entry]) -> list[Entry]:
    """The latest entry that was not taken back, unless the user only put right a part of what the one before did: that
    one is meant then, and what was put right stays. With those before it that were taken back though it stood.
    """
    standing = [
        entry
        for entry in entries
        if entry.undone is None and not entry.undoes and (entry.changes or entry.pairs or entry.expired)
    ]
    if not standing:
        raise UserError("there is nothing to take back; `face-classifier log` lists what was changed")
    latest, *before = reversed(standing)
    if before and latest.door == FILE_MANAGER != before[0].door:
        faces, earlier = ({change.face for change in entry.labelled} for entry in (latest, before[0]))
        if faces < earlier:
            return [before[0]]
    skipped = [entry for entry in entries if entry.undone and entry.number < latest.number < entry.undone]
    return [*skipped, latest]


def _single(past: Past, number: int) -> list[Entry]:
    found = [entry for entry in past.entries(max(0, number - 1)) if entry.number == number]
    if not found:
        raise UserError(f"there is no entry {number}; `face-classifier log` lists them")
    if found[0].forgets or found[0].undone:
        why = "nothing takes forgetting back" if found[0].forgets else f"entry {found[0].undone} took it back"
        raise UserError(f"entry {number} cannot be taken back: {why}")
    return found


def _after(entries: Sequence[Entry], to: int, latest: int) -> list[Entry]:
    if not 0 <= to <= latest:
        raise UserError(f"there is no entry {to}; give one from 0 to {latest}, as `face-classifier log` lists them")
    taken = [entry for entry in entries if entry.number > to and not entry.forgets]
    if not taken:
        what = "nothing was changed" if to == latest else "only forgetting was done, which stays"
        raise UserError(f"{what} after entry {to}; `face-classifier log` tells what was before")
    return taken


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """What `undo` answered, in words."""
    taken = answer["taken_back"]
    what = f"entry {taken[0]}" if len(taken) == 1 else f"{len(taken)} entries"
    yield f"{what} taken back, which is entry {answer['entry']}: {counted(answer['faces'], 'face')} moved"
    if expired := answer["expired"]:
        gone = counted(expired, "face of nobody was", "faces of nobody were")
        yield f"{gone} kept no longer than `keep` says, and cannot be brought back"
    for one in answer["left"]:
        yield f"{one['face']} ({one['person']}): {one['why']}"
