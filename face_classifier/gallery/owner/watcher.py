"""Tells which folders of a gallery changed on disk, so that the owner looks at those and at no others."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import TracebackType

import watchfiles

from face_classifier.gallery.owner.queue import OwnerClosedError
from face_classifier.gallery.places import EXCLUDED, is_own_file

OFTEN, SELDOM = 10.0, 60.0  # seconds between two looks at everything, without events and with them
_TOGETHER = 500  # ms for which changes are collected at most
_QUIET = 50  # ms without a change after which they are told
_TURN = 250  # ms after which the time of the next look is looked at
# Whatever changes in these comes from this machine's own calls, each of which sends an event; a disk on the network is
# changed by other machines, too.
_LOCAL = frozenset("bcachefs btrfs exfat ext2 ext3 ext4 f2fs jfs msdos ntfs3 overlay tmpfs vfat xfs zfs".split())
_MOUNTS = "/proc/self/mountinfo"


class Watcher:
    """A thread that tells which folders changed; edits in place, renamed and removed folders included.

    A context manager. At first it tells that anything may have changed, since it did not watch before.
    """

    def __init__(
        self,
        folder: Path,
        changed: Callable[[frozenset[str] | None], None],
        problem: Callable[[str], None],
        *,
        often: float = OFTEN,
        seldom: float = SELDOM,
    ) -> None:
        """Does nothing yet.

        Parameters
        ----------
        folder: of the gallery.
        changed: is told, in the watcher's thread, the names of folders as rows have them (``Ann``, ``.rejected/Ann``)
            after a change in them, this program's own included; None: it may be anything. Meanwhile what else changes
            is collected. What it raises ends the watching and is raised at the end; OwnerClosedError only ends it.
        problem: is told a sentence if the system cannot watch.
        often: seconds between two looks at everything where not all changes send events.
        seldom: seconds between two of them where they do.
        """
        self._folder, self._changed, self._problem = Path(os.path.realpath(folder)), changed, problem
        self._often, self._seldom = often, seldom
        self._stopping = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="watcher")

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        if self._failed and error is None:
            raise self._failed

    def _run(self) -> None:
        """What the thread does."""
        try:
            pause = self._seldom if sends_all_events(self._folder) else self._often
            due = 0.0  # at once: what changed before the first event would come
            for paths in self._changes():
                names = None if paths is None else changed_folders(self._folder, paths)
                if names is None or monotonic() >= due:
                    self._changed(None)
                    due = monotonic() + pause
                elif names:
                    self._changed(names)
        except OwnerClosedError:
            pass
        except BaseException as error:  # whoever leaves raises it
            self._failed = error

    def _changes(self) -> Iterator[list[str] | None]:
        """The paths of what changed, none if nothing did for a while; None: it may be anything."""
        try:
            yield from ([path for _, path in changes] for changes in self._events())
        except (OSError, RuntimeError) as error:  # there are too many watches, or a name is no UTF-8
            self._problem(
                f"the system does not tell of changes in {self._folder} ({error}), so they are looked for every "
                f"{self._often:g} seconds"
            )
            yield None
        while not self._stopping.wait(self._often):
            yield None

    def _events(self) -> Iterator[set[tuple[watchfiles.Change, str]]]:
        return watchfiles.watch(
            self._folder,
            watch_filter=None,
            debounce=_TOGETHER,
            step=_QUIET,
            rust_timeout=_TURN,
            yield_on_timeout=True,
            stop_event=self._stopping,
            debug=False,
            force_polling=False,
            poll_delay_ms=int(1000 * self._often),  # where a system has no events at all
            ignore_permission_denied=True,
        )


def changed_folders(root: Path, paths: Iterable[str]) -> frozenset[str] | None:
    """The folders of a gallery in which, or to which, something happened at these paths; None: it may be any.

    Hidden files and what the program makes beside the folders are left out.
    """
    names: set[str] = set()
    for path in paths:
        parts = os.path.relpath(path, root).split(os.sep)
        if parts == [EXCLUDED]:
            return None  # all that lies in it may have come or gone with it
        if parts[0] == EXCLUDED:
            parts[:2] = [f"{EXCLUDED}/{parts[1]}"]
        elif parts[0].startswith("."):  # the root itself, too
            continue
        if not (is_own_file(parts[0]) if len(parts) == 1 else parts[-1].startswith(".")):
            names.add(parts[0])
    return frozenset(names)


def sends_all_events(folder: Path) -> bool:
    """Whether every change in a folder is known to send an event, by its file system; False where that is not known."""
    if sys.platform != "linux":
        return False
    with suppress(OSError):
        return _file_system_of(folder, Path(_MOUNTS).read_text("utf-8", "surrogateescape")) in _LOCAL
    return False


def _file_system_of(folder: Path, mounts: str) -> str | None:
    """The type of the file system that a folder, a real path, lies in, by the text of ``mountinfo``."""
    longest, kind = "", None
    for line in mounts.splitlines():
        place, dash, rest = line.partition(" - ")
        fields = place.split(" ")
        if not dash or len(fields) < 5:
            continue
        point = fields[4].encode("utf-8", "surrogateescape").decode("unicode_escape").encode("latin-1")
        name = os.fsdecode(point)
        if len(name) >= len(longest) and (folder == Path(name) or Path(name) in folder.parents):
            longest, kind = name, rest.split(" ")[0]
    return kind
