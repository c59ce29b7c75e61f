"""The kept faces of a gallery, read from its table when somebody asks for them, and then only what changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, overload

from face_classifier.core.types import Sighting
from face_classifier.gallery.folder.compare import collector_at_rest
from face_classifier.gallery.folder.opened import ResultFolder
from face_classifier.gallery.places import UNKNOWNS, is_excluded
from face_classifier.gallery.table.row import KEPT, Row, sighting_of

_FEW = 100  # folders up to which each is read by itself


class KeptFace(NamedTuple):
    """A face, and where its picture lies."""

    sighting: Sighting
    place: str  # folder and file

    @staticmethod
    def of(row: Row) -> KeptFace:
        return KeptFace(sighting_of(row), row.place)


class FaceReader:
    """Reads faces folder by folder, and remembers them until it is told that they may have changed."""

    def __init__(self, folder: ResultFolder) -> None:
        self._folder = folder
        self._known: dict[str, list[KeptFace]] = {}

    @property
    def version(self) -> int:
        """Changes whenever faces do."""
        return self._folder.rows.version

    @property
    def root(self) -> Path:
        return self._folder.path

    @property
    def writing(self) -> bool:
        return self._folder.writing

    def forget(self, folders: Collection[str] | None) -> None:
        """Faces in these folders may have changed; None: in all."""
        for name in list(self._known) if folders is None else folders:
            self._known.pop(name, None)

    def read(self, folders: Collection[str]) -> Iterator[KeptFace]:
        """The kept faces in folders, those of a folder by id."""
        where = self._folder.whereabouts
        missing = {name for name in folders if name not in self._known}
        with collector_at_rest():
            if len(missing) > _FEW:
                self._known |= {name: [] for name in missing}
                for row in where.kept():
                    if row.folder in missing:
                        self._known[row.folder].append(KeptFace.of(row))
            else:
                self._known |= {name: [KeptFace.of(row) for row in where.kept(name)] for name in missing}
        for name in folders:
            yield from self._known[name]


class Faces(Sequence[Sighting]):
    """The kept faces at a look, by id, so in the order in which they came.

    They are read when they are first asked for, which is to be before anything else is written to the folder. A store
    that is only read reads them at once, since another process may write.
    """

    def __init__(self, reader: FaceReader, folders: Iterable[str], hidden: Collection[int], instead: Iterable[Row]):
        """Reads nothing yet.

        Parameters
        ----------
        folders: that were there.
        hidden: ids of faces whose pictures could not be seen, or that are told by ``instead``.
        instead: rows that are not yet in the table, or otherwise.
        """
        self._reader, self._version = reader, reader.version
        self._folders = [name for name in folders if not is_excluded(name)]
        self._hidden = hidden
        self._instead = [row for row in instead if row.state == KEPT and row.encoding is not None]
        self._read: list[KeptFace] | None = None
        if not reader.writing:
            self._all()

    def _all(self) -> list[KeptFace]:
        if self._read is None:
            self._read = sorted(self._faces_in(self._folders), key=lambda face: face.sighting.id)
        return self._read

    def _faces_in(self, folders: Collection[str]) -> Iterator[KeptFace]:
        if self._reader.version != self._version:
            raise RuntimeError("the faces of a look were first asked for after something else was written")
        yield from (face for face in self._reader.read(folders) if face.sighting.id not in self._hidden)
        yield from (KeptFace.of(row) for row in self._instead if row.folder in folders)

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

    def of(self, person: str | None) -> list[Sighting]:
        """The faces of a person, or the unknown ones (None), by id; those of others are not read."""
        name = UNKNOWNS if person is None else person
        faces = self._faces_in([name] if name in self._folders else [])
        return sorted((face.sighting for face in faces), key=lambda face: face.id)

    @property
    def pictures(self) -> list[Path]:
        """Of each face."""
        return [self._reader.root / face.place for face in self._all()]
