"""Has a command carried out that changes a gallery: by the process that owns it, or by this one if none does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple, TypeVar

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.locks import LOCK, Holder, holder_of
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import InUseError
from face_classifier.core.progress import Observer
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.owner.client import Client, LeftOutError

_T = TypeVar("_T")


class CarriedOut(NamedTuple):
    """A command that was carried out."""

    answer: Any  # plain data, as its handler in `curate.commands.HANDLERS` answers
    notes: list[str]  # sentences about what could not be done beside it


STARTING = 3.0  # seconds in which a process that has just begun may still tell where it takes commands
_PAUSE = 0.05  # seconds between two looks whether it does


def carry_out(
    settings: Settings,
    name: str,
    arguments: dict[str, Any],
    observer: Observer,
    *,
    opens: Callable[[Settings, Observer], AbstractContextManager[Gallery]] = Gallery.open,
) -> Any:
    """Have a command carried out on the result folder of the settings.

    Parameters
    ----------
    settings: of them the folder, and how it is opened.
    name: of the command, a key of `HANDLERS`.
    arguments: of the command.
    observer: is told what goes wrong.
    opens: opens the folder where nobody owns it.

    Returns what the command answers.

    Raises
    ------
    UserError: the folder cannot be used, or what the command raises.
    InUseError: another process writes to it, and takes no commands or does not answer.
    """

    def here(gallery: Gallery) -> Any:
        from face_classifier.curate.commands import HANDLERS, draw  # which nobody needs who has another process do it

        answer = HANDLERS[name](gallery, arguments, observer)
        draw(gallery, observer)
        return answer

    return by_owner(Path(settings.result), name, arguments, observer, lambda: opens(settings, observer), here)


def by_owner(
    folder: Path,
    name: str,
    arguments: dict[str, Any],
    observer: Observer,
    own: Callable[[], AbstractContextManager[_T]],
    here: Callable[[_T], Any],
) -> Any:
    """Have a command carried out by the process that owns a folder, or by this one where nobody does.

    Parameters
    ----------
    folder: the result folder.
    name: of the command.
    arguments: of the command.
    observer: is told what goes wrong.
    own: has this process own the folder; raises InUseError where somebody else begins to just now.
    here: carries the command out with what that gives.

    Returns and raises as `carry_out`.
    """
    end = monotonic() + STARTING
    while True:
        try:
            if client := connected(folder, end):
                with client:
                    return client.ask(name, arguments, observer)
        except LeftOutError:  # the owner has just ended
            if monotonic() > end:
                raise
            continue
        with ExitStack() as stack:
            try:
                owned = stack.enter_context(own())
            except InUseError:  # somebody began to use it just now
                if monotonic() > end:
                    raise
            else:
                return here(owned)
        sleep(_PAUSE)


def connected(folder: Path, end: float) -> Client | None:
    """A connection to the process that owns a result folder; None: nobody does.

    One that has just begun is waited for until ``end`` on the monotonic clock. Raises InUseError, UserError, OSError.
    """
    if not folder.is_dir():
        return None
    with Root(folder) as root:
        root.check_own(LOCK)  # or it may be the lock of another folder, of which this is a copy with hard links
        while holder := holder_of(root):
            try:
                return Client(root, holder)
            except InUseError:
                if monotonic() > end or not _may_still_tell(root, holder):
                    raise
            sleep(_PAUSE)
    return None


def _may_still_tell(root: Root, holder: Holder) -> bool:
    """Whether who holds a folder did not tell its socket yet, or something else than a moment ago."""
    return holder.socket is None or holder_of(root) != holder
