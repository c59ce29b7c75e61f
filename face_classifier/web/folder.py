"""A result folder alone, without cameras: who changes it where a page shows it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.retry import Patience
from face_classifier.core.errors import InUseError, UserError
from face_classifier.curate.ask import CarriedOut, by_owner
from face_classifier.daemon.answers import Notes, answered
from face_classifier.daemon.daemon import STATUS
from face_classifier.gallery.opening import check_result_folder
from face_classifier.gallery.owner.queue import OwnerClosedError
from face_classifier.pipeline.desk import Observer
from face_classifier.pipeline.here import Here

_PATIENCE = 15.0  # seconds for which a command waits until the folder is open
_DRAWS = 0.5  # seconds for which montages are drawn at the end


class Folder:
    """Has commands carried out by the process that owns the folder: this one, from when nobody else does.

    Then other processes' commands and runs go through this one, what the user does to the folders is taken in, and it
    is thought again. A context manager, which ends all that; any thread may use it.
    """

    def __init__(self, settings: Settings, stopping: threading.Event, observer: Observer) -> None:
        """Does nothing yet.

        Parameters
        ----------
        settings: of them the folder, and how it is opened.
        stopping: ends the waiting for a disk.
        observer: is told what goes wrong.

        Raises
        ------
        UserError: it is no result folder.
        """
        check_result_folder(Path(settings.result))
        self._settings, self._observer = settings, observer
        self._patience = Patience(settings.patience, stopping, observer.problem)
        self._opening = threading.Lock()
        self._here: Here | None = None
        self._has_ended = False
        self._stack = ExitStack()

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        with self._opening:
            self._has_ended = True
        self._stack.close()

    def own(self) -> None:
        """Own the folder from now on, unless this process does already. Raises InUseError where another one does."""
        with self._own():
            pass

    def carry_out(self, name: str, arguments: dict[str, Any]) -> CarriedOut:
        """Have a command (a key of `curate.commands.HANDLERS`) carried out. Raises UserError, InUseError."""
        notes = Notes()

        def here(own: Here) -> Any:
            return answered(own, name, arguments, notes)

        if self._here:
            return CarriedOut(here(self._here), notes.sentences)
        answer = by_owner(Path(self._settings.result), name, arguments, notes, self._own, here)
        return CarriedOut(answer, notes.sentences)

    @property
    def failure(self) -> BaseException | None:
        """What ended something that is done regularly, such as second thoughts: the folder may be gone."""
        return self._here.failure if self._here else None

    @contextmanager
    def _own(self) -> Iterator[Here]:
        if not self._opening.acquire(timeout=_PATIENCE):
            raise InUseError("the gallery is still being opened; ask again in a minute")
        try:
            if self._has_ended:
                raise OwnerClosedError
            if self._here is None:
                self._here = self._stack.enter_context(_owned(self._settings, self._observer, self._patience))
        finally:
            self._opening.release()
        yield self._here


@contextmanager
def _owned(settings: Settings, observer: Observer, patience: Patience) -> Iterator[Here]:
    """Within, this process owns the folder; an engine is made as soon as a picture needs one. Raises UserError."""

    def watches_nothing(_arguments: Mapping[str, Any]) -> Any:
        raise UserError(
            f"process {os.getpid()} shows the page of {settings.result} and watches no camera; stop it and start "
            "face-classifier watch, which has the page, too"
        )

    with Here.opened(settings, None, None, observer, patience, {STATUS: watches_nothing}) as here:
        with here.attending(live=True), here.looking():
            yield here
        here.finish(think=False, within=_DRAWS)
