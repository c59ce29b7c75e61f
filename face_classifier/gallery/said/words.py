"""What the user says of faces by a command: pictures move as the file manager would move them, and No is kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from face_classifier.gallery.folder.carry import carry_file, folder_for, new_person, rename, settle, sync, tidy
from face_classifier.gallery.folder.opened import FoldersChangedError, ResultFolder
from face_classifier.gallery.past.journal import FILE_MANAGER, FOLLOW, place_of
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS, is_excluded, person_of
from face_classifier.gallery.reconcile import lay, speakers
from face_classifier.gallery.table.row import KEPT, Row

_KEEPS_APART = "command suggest reject"


class Lying(NamedTuple):
    """Where a face lies."""

    folder: str
    pinned: bool  # the user put it into `unknowns`

    @property
    def person(self) -> str | None:
        """Whose face it is; None: nobody's."""
        return None if self.folder == UNKNOWNS or is_excluded(self.folder) else self.folder


class Words:
    """Writes into an open result folder what the user says. Most of it is seen by the next look, as the user's own.

    What moves pictures raises FoldersChangedError if one of them is no longer where it was.
    """

    def __init__(self, folder: ResultFolder) -> None:
        self._folder = folder

    def lying(self, faces: Iterable[int]) -> dict[int, Lying]:
        """Where the pictures of these faces (ids) lay at the latest look, excluded ones too; none of what is gone."""
        rows = self._folder.whereabouts.concerned(faces, ())
        return {row.id: Lying(row.folder, bool(row.pinned)) for row in rows if lay(row)}

    def faces_of(self, person: str | None) -> list[int]:
        """The faces (ids) of a person, or the unknown ones (None), at the latest look."""
        return list(self._folder.whereabouts.folder_of((), [UNKNOWNS if person is None else person]))

    def join(self, faces: Sequence[int], person: str | None) -> str:
        """Move faces (ids) into a person's folder, or that of a new person (None), as the user's word; then look.

        One that the program put there itself becomes the user's word too. An emptied folder is removed. Returns the
        person's name.
        """
        folder = self._folder
        rows = self._rows(faces)
        with folder.journal.entry(FILE_MANAGER):
            if person is None:
                target = self._part(rows)
                self._confirm(rows)
                return target
            target = person
            self._carry(rows, target)
            with folder.table.together():
                going = [row for row in rows if row.folder != target]
                for row in going:
                    row.placed = None  # or all of a person's faces, going to a new folder, would be a renamed one
                folder.rows.update(*going)
            self._confirm([row for row in rows if row.folder == target])
        tidy(folder, [], sorted({row.folder for row in rows} - {target}))
        return target

    def put_aside(self, faces: Sequence[int]) -> None:
        """Move faces (ids) to the unknown ones, where they stay: they are not placed again; then look."""
        rows = self._rows(faces)
        self._carry(rows, UNKNOWNS)
        self._change([row for row in rows if row.folder == UNKNOWNS and not row.pinned], pinned=True)
        tidy(self._folder, [], sorted({row.folder for row in rows} - {UNKNOWNS}))

    def free(self, faces: Sequence[int]) -> None:
        """Unknown faces (ids) that the user put there may be placed again."""
        self._change([row for row in self._rows(faces) if row.pinned], pinned=False)

    def exclude(self, faces: Sequence[int]) -> list[Path]:
        """The user says of faces (ids) that they are not the persons in whose folders they lie, nor anybody; then look.

        Returns where the picture of each is now.
        """
        folder, rows = self._folder, self._rows(faces)
        with folder.as_last_seen():
            folder_for(folder, EXCLUDED)
        files: dict[int, str] = {}
        for origin in dict.fromkeys(row.folder for row in rows):
            files |= self._carry([row for row in rows if row.folder == origin], f"{EXCLUDED}/{origin}")
        return [folder.path / EXCLUDED / row.folder / files[row.id] for row in rows]

    def bring_back(self, faces: Sequence[int]) -> None:
        """Excluded faces (ids) go back to whom they were taken from; then look."""
        rows = self._rows(faces)
        for origin in dict.fromkeys(row.folder for row in rows):
            self._carry([row for row in rows if row.folder == origin], person_of(origin))
        tidy(self._folder, [], sorted({row.folder for row in rows}))

    def rename(self, person: str, name: str) -> None:
        """Give a person's folder another name, with all that lies in it; then look.

        Raises FileExistsError if there is something of that name; FoldersChangedError if the folder is there no more.
        """
        rename(self._folder, person, name)

    def _rows(self, faces: Sequence[int]) -> list[Row]:
        """The rows of faces (ids), in this order."""
        known = {row.id: row for row in self._folder.whereabouts.concerned(faces, ())}
        return [known[face] for face in faces]

    def _carry(self, rows: Sequence[Row], target: str) -> dict[int, str]:
        """Move the pictures of rows that lie elsewhere, durably. The rows tell where they lay until the next look.

        Without an intent that look takes it for what the user did, as it would be by the file manager.
        """
        going = [row for row in rows if row.folder != target]
        self._folder.journal.ask(going)
        with self._folder.as_last_seen():
            folder_for(self._folder, target)
            files = {row.id: carry_file(self._folder, row, target) for row in going}
            sync(self._folder, (target, *sorted({row.folder for row in going})))
        return files

    def _part(self, rows: Sequence[Row]) -> str:
        """Move faces into the folder of a new person; returns the name."""
        folder = self._folder
        with folder.as_last_seen(), ExitStack() as undo:
            for row in rows:
                if row.state != KEPT or not folder.lies(row):
                    raise FoldersChangedError
            target = new_person(folder, rows, undo)
            with folder.table.together():
                settle(folder, rows, target)
            undo.pop_all()  # it is done
        return target

    def _confirm(self, rows: Sequence[Row]) -> None:
        """That faces lie where they are is the user's word from now on."""
        self._change([row for row in rows if row.placed is not None], placed=None)

    def _change(self, rows: Sequence[Row], **values: object) -> None:
        """Change what rows tell of faces that stay where they are."""
        with self._folder.table.together():
            before = {row.id: place_of(row) for row in rows}
            for row in rows:
                for column, value in values.items():
                    setattr(row, column, value)
            self._folder.rows.update(*rows)
            self._folder.journal.record(rows, before, dict.fromkeys(before, FOLLOW))

    # Who is not whom

    def keep_apart(self, ones: Sequence[int], others: Sequence[int]) -> None:
        """The user says of two people, by the ids of their faces, that they are two; it holds whatever their names."""
        pairs = {(one, other) for one in speakers(ones) for other in speakers(others)}
        self._change_pairs(pairs | {(other, one) for one, other in pairs}, set())

    def deny(self, faces: Collection[int], person: Sequence[int]) -> None:
        """The user says of faces (ids) that they are not the person whose faces (ids) are told."""
        others = speakers(person)
        self._change_pairs({(face, other) for face in faces for other in others if face != other}, set())

    def allow(self, ones: Collection[int], others: Collection[int]) -> None:
        """The user no longer says of any of some faces (ids) that it is not the person of any of others, either way."""
        own, theirs = set(ones), set(others)
        self._change_pairs(
            set(),
            {
                (one, other)
                for one, other in self._folder.notes.pairs_kept_apart()
                if (one in own and other in theirs) or (one in theirs and other in own)
            },
        )

    def denied(self, faces: Collection[int]) -> dict[int, list[int]]:
        """Of each of these faces (ids) the faces of those whom it is not, by the user's word, if there are any."""
        said: dict[int, list[int]] = {}
        for one, other in self._folder.notes.pairs_kept_apart():
            if one in faces:
                said.setdefault(one, []).append(other)
        return said

    def _change_pairs(self, more: set[tuple[int, int]], fewer: set[tuple[int, int]]) -> None:
        """Remember these pairs of faces, too, that are two people, and no longer those."""
        notes, journal = self._folder.notes, self._folder.journal
        before = set(notes.pairs_kept_apart())
        with journal.entry(_KEEPS_APART), self._folder.table.together():
            notes.set_pairs_kept_apart((before | more) - fewer)
            journal.observe_pairs(before, (before | more) - fewer, by_user=False)
