"""A disk that is full or fails: reading is tried again, and what it refuses to write is told, tried again or held."""

from __future__ import annotations

import errno
import logging
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Generic, NamedTuple, TypeVar

from face_classifier.core.errors import UserError

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
_AGAIN = 1.0  # seconds between two trials
_SHARE = 4  # times as long as a trial takes is waited at least before the next one
_TELL = 60.0  # seconds between two sentences
_MOST = 64 << 20  # bytes that are held in memory

# Errors of reading that may be gone a moment later: a disk or network that stumbles, a lack of descriptors or memory.
_PASSING = {
    *(errno.EIO, errno.EAGAIN, errno.EBUSY, errno.ETIMEDOUT, errno.ESTALE),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
}
_PAUSES = (0.05, 0.2, 0.5)  # seconds before reading is tried again

ROOM, ALLOW, CHECK = "make room on that disk", "allow it", "check that disk"
_CURES = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: "make room within the quota of that disk",
    errno.EFBIG: "allow larger files (ulimit -f)",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "end programs that have many files open",
    errno.EROFS: "make that disk writable again",
    errno.EACCES: ALLOW,
    errno.EPERM: ALLOW,
    **dict.fromkeys(
        (
            errno.EIO,
            errno.ENODEV,
            errno.ENXIO,
            errno.ESTALE,
            errno.ETIMEDOUT,
            errno.ENOTCONN,
            errno.EHOSTDOWN,
            errno.EHOSTUNREACH,
        ),
        CHECK,
    ),
}


def may_pass(error: Exception) -> bool:
    """Whether what failed may succeed a moment later."""
    return isinstance(error, OSError) and error.errno in _PASSING


def retried(read: Callable[[], _T], passes: Callable[[Exception], bool] = may_pass) -> _T:
    """What ``read`` returns; it is tried again, a moment later, after an error of which ``passes`` is true."""
    for pause in _PAUSES:
        try:
            return read()
        except Exception as error:
            if not passes(error):
                raise
            logger.debug("reading is tried again in %g s (%s)", pause, error)
        sleep(pause)
    return read()


def listed(folder: str | Path) -> list[os.DirEntry[str]]:
    """The entries of a folder, sorted by name; they are not followed where they are links. Raises OSError."""
    return retried(lambda: _listed(folder))


def _listed(folder: str | Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as listing:
        return sorted(listing, key=lambda entry: entry.name)


class DiskError(UserError):
    """A disk refused something, and nothing of it was done: it may be tried again once the disk is cured."""

    def __init__(self, path: object, reason: str, cure: str, done: str = "written") -> None:
        """A refusal as a sentence.

        Parameters
        ----------
        path : of the file
        reason : the system's words
        cure : what the user can do, such as ``make room on that disk``
        done : what could not be done with the file
        """
        self.cure = cure
        self.fault = f"{path} cannot be {done} ({reason})"
        self.cured = f"{path} can be {done} again"
        super().__init__(f"{self.fault}; {cure} and run again: what is kept so far is whole")

    @property
    def told(self) -> dict[str, str]:
        """As another process is told it; see `from_told`."""
        return {"cure": self.cure, "fault": self.fault, "cured": self.cured, "sentence": str(self)}

    @classmethod
    def from_told(cls, told: Mapping[str, object]) -> DiskError:
        """The error that another process told."""
        error = cls("", "", "")
        error.cure, error.fault, error.cured = (str(told.get(key, "")) for key in ("cure", "fault", "cured"))
        error.args = (str(told.get("sentence", "")),)
        return error


@contextmanager
def asking_the_disk(path: object = None, *, done: str = "written") -> Iterator[None]:
    """Within, an OSError by which a disk refuses something becomes a DiskError; others stay what they are.

    ``path``: of what is to be ``done``, where the OSError does not tell it.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _CURES:
            raise
        raise DiskError(
            error.filename2 or error.filename or path, error.strerror or str(error), _CURES[error.errno], done
        ) from error


class _Trial(NamedTuple):
    """The latest one, which was refused."""

    next: float  # monotonic seconds
    error: DiskError
    told: bool


class Patience:
    """Tries again what a disk refuses, and tells it once a minute.

    While it is ``holding``, as for live sources, nothing is waited for: what can be done later is tried from time to
    time, the rest raises its DiskError at once.
    """

    def __init__(self, seconds: float, stopping: threading.Event, tell: Callable[[str], None]) -> None:
        """Patience with one disk.

        Parameters
        ----------
        seconds : how long it waits before it raises the DiskError
        stopping : ends the waiting at once
        tell : is told of refusals and cures, a sentence each
        """
        self.holding = False
        self.tell = tell
        self._seconds, self._stopping = seconds, stopping
        self._told = -math.inf  # monotonic seconds
        self._spent = False
        self._refused: dict[Callable[[], object], _Trial] = {}

    def until_done(self, action: Callable[[], _T]) -> _T:
        """Do it, again and again while the disk refuses it. Raises DiskError when patience has come to its end."""
        began, was_told, last = None, False, None
        while True:
            tried = monotonic()
            try:
                done = action()
            except DiskError as error:
                now = monotonic()
                began, last = now if began is None else began, error
                left = began + self._seconds - now
                logger.debug("the disk refuses it, %.1f s are left to wait: %s", max(left, 0), error.fault)
                if self.holding or self._spent or self._stopping.is_set():
                    raise
                if left <= 0:
                    self._spent = True  # what is still to be written is tried once
                    raise
                was_told |= self._tell(error, f"and the run goes on by itself: it waits up to {self._seconds:g} s")
                if self._stopping.wait(min(left, _pause(now - tried))):
                    raise
            else:
                if last and was_told:
                    self._tell_cure(last)
                return done

    def write(self, action: Callable[[], object]) -> None:
        """Do it `until_done`; while `holding`, try it now or later, when it is asked for again."""
        if not self.holding:
            self.until_done(action)
            self._refused.pop(action, None)
            return
        before, now = self._refused.get(action), monotonic()
        if before and now < before.next:
            return
        try:
            action()
        except DiskError as error:
            logger.debug("the disk refuses it, which is put off: %s", error.fault)
            told = self._tell(error, "what comes is held in memory until then")
            self._refused[action] = _Trial(
                monotonic() + _pause(monotonic() - now), error, told or bool(before and before.told)
            )
        else:
            self._refused.pop(action, None)
            if before and before.told:
                self._tell_cure(before.error)

    def _tell(self, error: DiskError, what_then: str) -> bool:
        """Tell it unless something was told in the last minute."""
        if monotonic() - self._told < _TELL:
            return False
        self._told = monotonic()
        self.tell(f"{error.fault}; {error.cure}, {what_then}")
        return True

    def _tell_cure(self, error: DiskError) -> None:
        self._told = -math.inf
        logger.debug("the disk is cured: %s", error.cured)
        self.tell(f"{error.cured}, and the run goes on")


def _pause(trial: float) -> float:
    return max(_AGAIN, _SHARE * trial)


class Held(Generic[_T]):
    """What is still to be written, the oldest first. What there is no room for any more is lost, counted and told."""

    def __init__(
        self, what: str, write: Callable[[_T], object], tell: Callable[[str], None], most: int = _MOST
    ) -> None:
        """An empty queue.

        Parameters
        ----------
        what : the items, as a plural for sentences: ``faces``
        write : writes one item; raises DiskError if it wrote nothing of it
        tell : is told how many are lost
        most : bytes held at once
        """
        self._what, self._write, self._tell, self._most = what, write, tell, most
        self._items: deque[tuple[_T, int]] = deque()
        self._bytes = 0
        self._lost = 0

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: _T, size: int) -> None:
        """Take one more of ``size`` bytes; the oldest ones but the first, of which a part may be written, make room."""
        self._items.append((item, size))
        self._bytes += size
        while self._bytes > self._most and len(self._items) > 1:
            self._bytes -= self._items[1][1]
            del self._items[1]
            self._lost += 1
            if self._lost == 1:
                self._tell(
                    f"the {self._what} that cannot be written fill {self._most >> 20} MB of memory, so the oldest of "
                    "them are lost from now on; make room on that disk"
                )

    def flush(self) -> None:
        """Write all. Raises DiskError at the first that is refused; that one and those behind it stay."""
        while self._items:
            item, size = self._items[0]
            self._write(item)
            self._items.popleft()
            self._bytes -= size
        self._tell_lost()

    def give_up(self) -> None:
        """Forget what there is, which is told as lost."""
        self._lost += len(self._items)
        self._items.clear()
        self._bytes = 0
        self._tell_lost()

    def _tell_lost(self) -> None:
        if self._lost:
            logger.debug("%d %s are lost", self._lost, self._what)
            self._tell(f"{self._lost} {self._what} are lost, since they could not be written; keep more room free")
        self._lost = 0
