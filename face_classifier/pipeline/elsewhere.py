"""A run beside another one on the same result folder: it analyses, and the process that owns the folder places."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.retry import Patience
from face_classifier.core.errors import UserError
from face_classifier.core.messages import MessageError, seen_from, sighting_from
from face_classifier.core.types import Box, Seen, Sighting
from face_classifier.curate.corrections import Change
from face_classifier.events.records import JsonLines
from face_classifier.gallery.again import KeptBefore
from face_classifier.gallery.owner.client import Client
from face_classifier.gallery.past.back import RECORDS
from face_classifier.gallery.snapshot import faces_of
from face_classifier.pipeline.analysis.analyse import follows
from face_classifier.pipeline.analysis.view import View
from face_classifier.pipeline.desk import Begun, Observer
from face_classifier.pipeline.guests import BEGIN, CHAPTER, ENCODER, END, PLACE, uses_of
from face_classifier.pipeline.inputs import Known, sampling_of
from face_classifier.pipeline.placing.discretion import Discretion
from face_classifier.records import AnalysedFrame
from face_classifier.records.plain import plain_frame
from face_classifier.sources.base import Sampling


@dataclass(frozen=True)
class _Counts:
    """As the owner tells them."""

    persons: int
    known_faces: int
    unknown_faces: int


class Elsewhere:
    """Has frames placed by the process at the other end of a connection. Several threads may use one."""

    def __init__(
        self, client: Client, settings: Settings, log: JsonLines | None, observer: Observer, patience: Patience
    ) -> None:
        self.analysed = 0  # frames
        self.rethought: Sequence[Change] = ()  # which the owner knows
        self._client, self._log, self._observer, self._patience = client, log, observer, patience
        self.settings = replace(settings, encoder=settings.asked_encoder or self._ask(ENCODER, {}))
        self._lock = threading.Lock()
        self._sessions: list[int] = []

    def _ask(self, name: str, arguments: dict[str, Any]) -> Any:
        return self._client.ask(name, arguments, self._observer)

    def note_records(self, folder: Path) -> None:
        """Have the owner remember a folder of records, in which its faces can be forgotten, too. Raises UserError."""
        self._ask("note use", {"kind": RECORDS, "path": os.fsencode(folder.resolve())})

    def begin(self, source: Known, sampling: Sampling, _view: View, discretion: Discretion) -> Begun:
        """Make ready for a source, whose fingerprint is known already. Raises UserError."""
        arguments = {
            "source": source.name,
            "fingerprint": source.fingerprint,
            "start": source.start.isoformat(),
            "sampling": vars(sampling),
            "given": self.settings.seconds is not None,
            "follows": follows(self.settings),
            "encoder": self.settings.encoder,
            **vars(discretion),
            "uses": [list(use) for use in uses_of(self.settings)],
        }
        with self._lock:
            told = self._ask(BEGIN, arguments)
            self._sessions.append(told["session"])
        kept = KeptBefore((position, number, Box(*box)) for position, number, box in told["kept"])
        start = datetime.fromisoformat(told["start"])
        return Begun(Sampling(**told["sampling"]), start, kept, told["session"])

    def begin_chapter(self, begun: Begun) -> Begun:
        """Make ready for the next chapter of a file. Raises UserError."""
        with self._lock:
            self._ask(CHAPTER, {"session": begun.session})
        return begun

    def sampling(self, _source: Known) -> Sampling:
        """How a source would be sampled if it was never seen; `begin` tells what the owner knows of it."""
        return sampling_of(self.settings)

    def submit(self, begun: Begun, analysed: AnalysedFrame) -> Future[list[Seen]]:
        """Have the faces of the next frame placed; it is done when this returns."""
        placed: Future[list[Seen]] = Future()
        with self._lock:
            told = self._ask(PLACE, {"session": begun.session, "frame": plain_frame(analysed)})
            try:
                changed = [sighting_from(face) for face in told["changed"]]
                seen = [seen_from(face) for face in told["seen"]]
            except MessageError as error:
                raise UserError(
                    f"the process that writes to {self.settings.result} sends something that is not a face "
                    f"({error}); stop it"
                ) from error
            self.analysed += 1
            if self._log:
                self._log.tell(changed)
                self._patience.write(self._log.flush)
            self._observer.analysed(analysed.frame, _Counts(*told["counts"]))
        placed.set_result(seen)
        return placed

    @contextmanager
    def attending(self, *, live: bool) -> Iterator[None]:
        """Within, a live source goes on while a disk of this process refuses lines; at the end all are written."""
        self._patience.holding = live
        try:
            yield
        finally:
            self._patience.holding = False
            if self._log:
                self._patience.write(self._log.flush)

    def looking(self) -> nullcontext[None]:
        """The owner looks at the folders."""
        return nullcontext()

    def finish(self) -> Sequence[Sighting]:
        """Have the owner think again; returns every face as it is labelled then."""
        self._ask(END, {"sessions": self._sessions})
        return faces_of(self.settings, self._observer)
