"""A folder in which changes of many files become durable together, or are taken back.

Each change is in a log before it is made: a line of JSON. After a crash whoever opens the folder next has `take_back`
undo what the log tells, from the last change to the first, or `let_stand` complete it. What somebody else did to the
files meanwhile stays: a file is removed only if it has the content that was written, and moved only where nothing is.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from face_classifier.core.disk.durable import FOLDER, NO_LINK, PART, USUAL, Modes, identity, sync_file_system
from face_classifier.core.disk.rooted import Root
from face_classifier.core.disk.tree import is_component
from face_classifier.core.errors import UserError

LOG = ".face-classifier-undo"  # in a result folder, while a part is placed: what takes it back after a crash
_ASIDE = ".face-classifier-aside-"  # how the names of files begin that are removed for good at the end
WROTE, MOVED, MADE, REMOVED = "wrote", "moved", "made", "removed"  # kinds of lines
_VALUES = {WROTE: 2, MOVED: 2, MADE: 1, REMOVED: 1}  # after the kind
_HELD = 64  # folders that stay open at a time, far below what a process may open
# Files and folders that are sooner made durable one by one than with the whole file system, to which others write, too.
_FEW = 16


@dataclass
class _Open:
    """What was changed so far."""

    log: int  # descriptor
    size: int = 0  # bytes of the log
    files: dict[str, None] = field(default_factory=dict)  # places of those that were written, not yet durable
    folders: dict[str, None] = field(default_factory=dict)  # places of those in which names were changed, likewise
    aside: list[str] = field(default_factory=list)

    def note(self, *line: str) -> None:
        """Write a line. Raises OSError, and then there is nothing of it."""
        text = f"{json.dumps(line)}\n".encode()
        try:
            if os.write(self.log, text) < len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), LOG)
        except BaseException:
            os.ftruncate(self.log, self.size)
            os.lseek(self.log, self.size, os.SEEK_SET)
            raise
        self.size += len(text)


class _Folders:
    """Folders of another one that stay open, each as long as it has its name."""

    def __init__(self, top: int) -> None:
        """``top``: descriptor of the other one."""
        self._top = top
        self._open: dict[str, tuple[int, tuple[int, int]]] = {}  # descriptor and identity by name; the latest last

    def find(self, name: str) -> int | None:
        """The descriptor of the one that has a name now, until it is found some times later; None: there is none."""
        held, state = self._open.pop(name, None), None
        with suppress(OSError):
            state = os.stat(name, dir_fd=self._top, follow_symlinks=False)
        if held and state and held[1] == identity(state):
            self._open[name] = held
            return held[0]
        if held:
            os.close(held[0])
        with suppress(OSError):
            if state and stat.S_ISDIR(state.st_mode):
                return self._hold(name)
        return None

    def _hold(self, name: str) -> int:
        descriptor = os.open(name, FOLDER | NO_LINK, dir_fd=self._top)
        self._open[name] = descriptor, identity(os.fstat(descriptor))
        if len(self._open) > _HELD:
            os.close(self._open.pop(next(iter(self._open)))[0])
        return descriptor

    def close(self) -> None:
        for descriptor, _ in self._open.values():
            os.close(descriptor)
        self._open.clear()


class UndoRoot(Root):
    """A `Root` whose changes are, `together`, all durable or none made."""

    def __init__(self, path: Path, modes: Modes = USUAL) -> None:
        super().__init__(path, modes)
        self._open: _Open | None = None
        self._folders = _Folders(self._descriptor)  # while changes are noted

    def close(self) -> None:
        self._stop()
        super().close()

    def _folder(self, place: str) -> AbstractContextManager[int]:
        if self._open:
            held = self._folders.find(place) if is_component(place) else None if place else self._descriptor
            if held is not None:
                return nullcontext(held)
        return super()._folder(place)

    def unfinished(self) -> str | None:
        """The token of changes that were left half made, and not those that are being made; "": none was; None: there
        are none.
        """
        if self._open or self.check_own(LOG) is None:
            return None
        lines = self._lines()
        return str(lines[0][1][0]) if lines else ""

    def being_made(self) -> tuple[str, list[list[object]]] | None:
        """Token and lines of the changes that another process makes now, or left half made; None: there are none."""
        with suppress(OSError, UserError):
            if lines := self._lines():
                return str(lines[0][1][0]), [line for _, line in lines[1:]]
        return None

    def begin(self, token: str) -> None:
        """From now on changes are noted, and durable only after `make_durable`. Raises OSError.

        ``token``: is told by `unfinished`.
        """
        assert self._open is None, "changes are noted already"
        log = self.open_own(LOG)
        self._open = _Open(log)
        os.ftruncate(log, 0)
        self._open.note(token)

    def make_durable(self) -> None:
        """Make all that was changed since `begin` durable, but for what is to go."""
        changed = self._noted()
        folders = {*changed.folders, *(place.rpartition("/")[0] for place in changed.files)}
        with self._folder("") as top:
            if len(changed.files) + len(folders) > _FEW and sync_file_system(top):
                return
        for place in changed.files:
            with suppress(FileNotFoundError):  # somebody else moved it
                descriptor = self.open_to_read(place)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        for place in folders:
            with suppress(FileNotFoundError), self._folder(place) as folder:
                super()._sync(folder)

    def let_stand(self) -> None:
        """Remove what is to go, and forget how the changes are taken back."""
        if self._open:
            aside = self._open.aside
        else:
            moved = [str(line[2]) for _, line in self._lines() if line[0] == MOVED]
            aside = [place for place in moved if place.startswith(_ASIDE)]
        self._stop()
        for place in aside:
            with suppress(FileNotFoundError):
                super().remove(place)
        self._end()

    def take_back(self) -> None:
        """Undo what was changed, as far as it is still as it was changed."""
        self._stop()
        folders: set[str] = set()
        log = self.open_own(LOG)
        try:
            for offset, line in reversed(self._lines()[1:]):
                with suppress(OSError, UserError):
                    self._undo(*line)
                folders.update(str(place).rpartition("/")[0] for place in line[1:3])
                os.ftruncate(log, offset)  # so that nothing is undone twice
        finally:
            os.close(log)
        for place in folders:
            with suppress(OSError, UserError):
                self.sync(place)
        self._end()

    def _undo(self, kind: object, place: object, other: object = None) -> None:
        one, two = str(place), str(other)
        if kind == WROTE:
            if sha256(self.read(one)).hexdigest() == two:
                self.remove(one)
        elif kind == MOVED:
            if not self.has(one):
                self.rename(two, one)
        elif kind == MADE:
            for name in self.names(one):
                if name.startswith(PART):  # half written
                    self.remove(f"{one}/{name}")
            self.remove_folder(one)  # only if it is empty
        elif kind == REMOVED:
            self.make_folder(one)

    def _stop(self) -> None:
        if self._open:
            os.close(self._open.log)
            self._open = None
        self._folders.close()

    def _end(self) -> None:
        self._stop()
        with suppress(FileNotFoundError):
            super().remove(LOG)

    def _lines(self) -> list[tuple[int, list[object]]]:
        """Where each line of the log begins, in bytes, and what it tells; from the first one that is none on, none."""
        lines, offset = list[tuple[int, list[object]]](), 0
        for text in self.read(LOG).splitlines(keepends=True):
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                break
            if not (text.endswith(b"\n") and _is_line(line, is_first=not lines)):
                break
            lines.append((offset, line))
            offset += len(text)
        return lines

    def _noted(self) -> _Open:
        assert self._open, "changes are not noted"
        return self._open

    # Changes

    def write(
        self, place: str, content: bytes, *, durable: bool = True, new: bool = False, digest: str | None = None
    ) -> os.stat_result:
        """As `Root.write`. ``digest``: SHA-256 of the content, if it is known."""
        if not (noted := self._open):
            return super().write(place, content, durable=durable, new=new)
        if not new and self.has(place):
            self.remove(place)
        noted.note(WROTE, place, digest or sha256(content).hexdigest())
        noted.files[place] = None
        return super().write(place, content, durable=False, new=True)

    def make_folder(self, place: str) -> None:
        if self._open:
            if self.has(place):  # or it would be removed with what is taken back
                raise FileExistsError(place)
            self._open.note(MADE, place)
            self._open.folders[place.rpartition("/")[0]] = None
        super().make_folder(place)

    def rename(self, old: str, new: str) -> None:
        if noted := self._open:
            if self.has(new):
                self.remove(new)
            noted.note(MOVED, old, new)
            noted.folders |= dict.fromkeys(place.rpartition("/")[0] for place in (old, new))
            if old in noted.files:
                del noted.files[old]
                noted.files[new] = None
        super().rename(old, new)

    def remove(self, place: str) -> None:
        if not (noted := self._open):
            return super().remove(place)
        if place in noted.files:
            del noted.files[place]
            return super().remove(place)
        aside = f"{_ASIDE}{len(noted.aside)}"
        noted.aside.append(aside)
        return self.rename(place, aside)

    def remove_folder(self, place: str) -> None:
        if self._open:
            self._open.note(REMOVED, place)
            self._open.folders[place.rpartition("/")[0]] = None
        super().remove_folder(place)

    def _sync(self, descriptor: int) -> None:
        if not self._open:
            super()._sync(descriptor)

    def sync(self, place: str = "") -> None:
        if self._open:
            self._open.folders[place] = None
        super().sync(place)


def _is_line(value: object, *, is_first: bool) -> bool:
    """Whether it can have been noted; anybody may have written into the folder."""
    if not isinstance(value, list) or not all(map(_is_place, value)):
        return False
    return len(value) == 1 if is_first else bool(value) and len(value) - 1 == _VALUES.get(value[0])


def _is_place(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(os.fsencode(value)) and all(map(is_component, value.split("/")))
    except UnicodeEncodeError:
        return False
