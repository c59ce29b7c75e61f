"""A folder of records, which many machines may write at a time: what there is of a part of a source, or is not."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from face_classifier.core.disk.durable import USUAL, Modes
from face_classifier.core.disk.markers import RECORDS, is_empty, kind_of, mark, refuse_place
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.records.file import read_record
from face_classifier.records.head import Head, is_name
from face_classifier.records.unfinished import remove_left


class Records:
    """An open folder of records. A context manager.

    It needs no locks and no database of its own, so it may lie on a network share. A record that is there is whole, and
    never changes. ``root``: the folder.
    """

    def __init__(self, path: Path, modes: Modes = USUAL) -> None:
        """Open a folder of records; ``modes``: of what is made. Raises UserError where it is none, and OSError."""
        if not path.is_dir():
            raise UserError(f"there is no folder of records {path}; name one with --records")
        if kind_of(path) != RECORDS:
            raise UserError(f"{path} is no folder of records; name one with --records")
        self.root = Root(path, modes)

    @classmethod
    def made(cls, path: Path, modes: Modes = USUAL) -> Records:
        """The same, with the folder made and marked as the program's where it is missing or empty.

        ``modes``: of what is made. Raises UserError where something else lies in it, and OSError.
        """
        refuse_place(path, RECORDS, "--records")
        if path.exists() and not path.is_dir():
            raise UserError(f"{path} is a file; name a folder with --records")
        if kind_of(path) != RECORDS:
            if not is_empty(path):
                raise UserError(f"{path} is not empty and no folder of records; name another one with --records")
            with Root.made(path, modes) as root:
                mark(root, RECORDS)
        return cls(path, modes)

    def __enter__(self) -> Records:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.root.close()

    def remove_left(self) -> None:
        """Remove what dead writers left half written. Raises OSError."""
        remove_left(self.root)

    def find(self, head: Head, *, mixed: bool = False) -> str | None:
        """The name of the record of what this head tells; None: there is none.

        ``mixed``: another processor or other versions may have made it; then the first of these by name.
        """
        if self.root.has_file(head.name):
            return head.name
        others = [name for name in self.names() if name.startswith(f"{head.part}-")] if mixed else []
        return next(iter(others), None)

    def names(self) -> list[str]:
        """Of all records, sorted. Raises OSError."""
        return sorted(name for name in self.root.names() if is_name(name))

    def head(self, name: str) -> Head:
        """What a record tells of its source. Raises UserError where it is none."""
        with read_record(self.root, name) as (head, _):
            return head

    def remove(self, name: str) -> None:
        """Have a part analysed anew when it is asked for. Raises OSError."""
        self.root.remove(name)
        self.root.sync()
