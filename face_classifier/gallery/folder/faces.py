"""The kept faces of a gallery, read from its table when somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, ValuesView
from pathlib import Path
from typing import NamedTuple, overload

from face_classifier.core.types import Sighting
from face_classifier.gallery.encodings.columns import joined
from face_classifier.gallery.folder.compare import collector_at_rest
from face_classifier.gallery.folder.opened import ResultFolder
from face_classifier.gallery.places import UNKNOWNS, is_excluded
from face_classifier.gallery.table.row import KEPT, Row, sighting_of
from face_classifier.identity.matching.columns import LabelColumns


class KeptFace(NamedTuple):
    """A face, and where its picture lies."""

    sighting: Sighting
    place: str  # folder and file

    @staticmethod
    def of(row: Row) -> KeptFace:
        return KeptFace(sighting_of(row), row.place)


class Faces(Sequence[Sighting]):
    """The kept faces at a look, by id, so in the order in which they came.

    They are read when they are first asked for, which is to be before anything else is written to the folder. A store
    that is only read reads them at once, since another process may write.
    """

    def __init__(self, folder: ResultFolder, folders: Iterable[str], hidden: Collection[int], instead: Iterable[Row]):
        """Reads nothing yet.

        Parameters
        ----------
        folders: that were there.
        hidden: ids of faces whose pictures could not be seen, or that are told by ``instead``.
        instead: rows that are not yet in the table, or otherwise; none where the folder is written.
        """
        self._folder, self._version = folder, folder.rows.version
        self._folders = {name for name in folders if not is_excluded(name)}
        self.hidden = hidden
        self._instead = [row for row in instead if row.state == KEPT and row.encoding is not None]
        self._read: list[KeptFace] | None = None
        if not folder.writing:
            self._all()

    def _all(self) -> list[KeptFace]:
        if self._read is None:
            self._check_version()
            with collector_at_rest():
                rows = [row for row in self._folder.whereabouts.kept() if self._is_there(row.folder, row.id)]
                rows += [row for row in self._instead if row.folder in self._folders]
                self._read = [KeptFace.of(row) for row in sorted(rows, key=lambda row: row.id)]
        return self._read

    def _check_version(self) -> None:
        if self._folder.rows.version != self._version:
            raise RuntimeError("the faces of a look were first asked for after something else was written")

    def _is_there(self, folder: str, face_id: int) -> bool:
        return folder in self._folders and face_id not in self.hidden

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, index: int) -> Sighting: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Sighting]: ...

    def __getitem__(self, index: int | slice) -> Sighting | Sequence[Sighting]:
        if isinstance(index, slice):
            return [face.sighting for face in self._all()[index]]
        return self._all()[index].sighting

    def __iter__(self) -> Iterator[Sighting]:
        return (face.sighting for face in self._all())

    def columns(self) -> Iterator[LabelColumns]:
        """All faces, some at a time: they need not all be in memory. Here and below: of a folder to write to."""
        return self._columns(self._folders)

    def columns_of(self, person: str | None) -> LabelColumns:
        """The faces of a person, or the unknown ones (None); those of others are not read."""
        name = UNKNOWNS if person is None else person
        return joined(self._columns([name] if name in self._folders else []))

    def _columns(self, folders: Collection[str]) -> Iterator[LabelColumns]:
        assert self._folder.writing, "the table would not tell all"
        self._check_version()
        return self._folder.whereabouts.columns(folders, self.hidden) if folders else iter(())

    def as_they_are(self) -> FacesNow:
        """The faces as they are whenever they are asked for, until the next look."""
        return FacesNow(self._folder, self.hidden)

    @property
    def pictures(self) -> list[Path]:
        """Of each face."""
        return [self._folder.path / face.place for face in self._all()]


class FacesNow(Mapping[int, Sighting]):
    """The kept faces of a folder that this process writes, by id, each read from the table when it is asked for."""

    def __init__(self, folder: ResultFolder, hidden: Collection[int]) -> None:
        """``hidden``: ids of those whose pictures could not be seen."""
        self._folder, self._hidden = folder, hidden

    def __getitem__(self, face_id: int) -> Sighting:
        row = None if face_id in self._hidden else self._folder.whereabouts.with_id(face_id)
        if row is None:
            raise KeyError(face_id)
        return sighting_of(row)

    @property
    def changes(self) -> int:
        """Counts what was written of faces that were there, in what is done all or nothing."""
        return self._folder.rows.changed

    @property
    def writes(self) -> int:
        """Counts all that was written to the table, to which nobody else writes."""
        return self._folder.table.writes

    def persons(self, face_ids: Collection[int]) -> dict[int, str | None]:
        """Whose these faces are, as far as they are kept; None: unknown."""
        folders = self._folder.whereabouts.folder_of(face_ids)
        return {face: None if name == UNKNOWNS else name for face, name in folders.items() if face not in self._hidden}

    def __iter__(self) -> Iterator[int]:
        return (face_id for face_id in self._folder.whereabouts.ids() if face_id not in self._hidden)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def values(self) -> ValuesView[Sighting]:
        return _Values(self, self._sightings)

    def _sightings(self) -> Iterator[Sighting]:
        return (sighting_of(row) for row in self._folder.whereabouts.kept() if row.id not in self._hidden)


class _Values(ValuesView[Sighting]):
    """All faces, read in one go."""

    def __init__(self, faces: Mapping[int, Sighting], read: Callable[[], Iterator[Sighting]]) -> None:
        super().__init__(faces)
        self._read = read

    def __iter__(self) -> Iterator[Sighting]:
        return self._read()
