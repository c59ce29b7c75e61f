"""Checking a result folder and putting it right: what `verify` asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from face_classifier.core.disk.markers import TABLE
from face_classifier.gallery.derived.views import Views
from face_classifier.gallery.folder.compare import compare_all
from face_classifier.gallery.folder.opened import ResultFolder
from face_classifier.gallery.places import is_excluded
from face_classifier.gallery.reconcile import copy_sentence, is_cut
from face_classifier.gallery.table import mending
from face_classifier.gallery.table.file import DamagedTableError
from face_classifier.gallery.table.row import MISSING, Row


class Lying(NamedTuple):
    """A picture with its row."""

    row: Row  # as it was at the latest look
    folder: str  # where the picture lies now
    path: Path
    own_cut: bool  # the program cut it from a frame, the face in its middle

    @property
    def excluded(self) -> bool:
        """Whether it lies aside."""
        return is_excluded(self.folder)


@dataclass(frozen=True)
class Stock:
    """The folders beside the table, as they are now."""

    rows: list[Row]  # all of them
    lying: list[Lying]  # excluded ones too
    new: list[tuple[str, Path]]  # folder and path of each picture without a row
    gone: list[Row]  # whose picture is in no folder
    missing: list[Row]  # of which that is known, and not yet believed
    unfinished: list[
        str
    ]  # what a killed process left: paths of half written files, faces that were to be moved or removed
    problems: list[str]  # sentences about what is left alone


class Check:
    """Compares table, pictures and views of an open result folder, and mends what can be mended."""

    def __init__(self, folder: ResultFolder, views: Views) -> None:
        self._folder, self._views = folder, views

    def is_written(self) -> bool:
        """Whether a process writes to the folder now."""
        return self._folder.is_written()

    def faults(self) -> list[tuple[str, str]]:
        """(file or face, what is wrong) of everything in the table that cannot be so, whatever the pictures are."""
        return mending.faults(self._folder.table)

    def mend(self) -> None:
        """Remove what `faults` tells. A table that cannot be mended is set aside, and what can be read of it saved."""
        folder = self._folder
        try:
            mending.mend(folder.table)
            folder.rows.touch_all()
            left = mending.faults(folder.table)
        except DamagedTableError as error:
            left = [(TABLE, str(error))]
        if left:
            folder.replace_table(left[0][1])
        if folder.damaged:
            mending.salvage(folder.table, folder.root, folder.damaged)
            mending.mend(folder.table)
            folder.damaged = None

    def stock(self) -> Stock:
        """The folders beside the table, as they are now; only a `look` takes over what they say."""
        root = self._folder.path
        compared = compare_all(self._folder)
        scan, rows, settled = compared.scan, compared.rows, compared.settled
        back = {row.id for row, _ in settled.pairs}
        expiring = {face for (face,) in self._folder.table.execute("SELECT face FROM expiring")}
        return Stock(
            rows,
            [
                Lying(row, entry.folder, root / entry.place, is_cut(row, entry))
                for row, entry in sorted(settled.pairs, key=lambda pair: pair[0].id)
                if not (row.leaving or row.id in expiring)
            ],
            [(entry.folder, root / entry.place) for entry in settled.new],
            [row for row in settled.gone if row.id not in expiring],
            [row for row in rows if row.state == MISSING and row.id not in back],
            [*scan.parts, *(row.face for row in rows if row.intent or row.leaving or row.id in expiring)],
            [*scan.problems, *map(copy_sentence, settled.copies)],
        )

    def wrong_views(self, stock: Stock) -> Iterator[tuple[str, str]]:
        """(file, what is wrong with it) of the pickle and of each montage that do not agree with the pictures."""
        return self._views.wrong(
            (lying.folder, lying.path.name, lying.row)
            for lying in stock.lying
            if lying.row.encoding is not None and not lying.excluded
        )

    def views(self) -> set[str]:
        """The files of the pickle and the montages that are there."""
        return self._views.files()

    def doubt(self, contents: Iterable[int], encodings: Iterable[int], montages: Iterable[str]) -> None:
        """Have the next look read these pictures (ids of faces), and encode those in any case; draw montages anew."""
        with self._folder.table.together():
            for face in contents:
                self._folder.rows.doubt(face, encoding=False)
            for face in encodings:
                self._folder.rows.doubt(face, encoding=True)
            for file in montages:
                self._folder.notes.set_view(file, None)
