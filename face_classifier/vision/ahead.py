"""The engine of a run, made while the program loads the rest."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from face_classifier.core.config.flat import USUAL_ENCODER
from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.markers import kind_of
from face_classifier.core.machine import share_heap
from face_classifier.vision.engine import Engine, engine_of


class EngineAhead:
    """Makes the engine of a run in a thread of its own, as soon as it is sure which one that is. A context manager."""

    def __init__(self, settings: Settings) -> None:
        """``settings``: of the run; a result folder that is there decides on the encoder, unless they name it."""
        self._settings = settings
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="loading")
        self._told: list[str] = []
        is_new = kind_of(settings.result) is None
        self._sure = settings.asked_encoder or (USUAL_ENCODER if is_new else None)
        self._made: Future[Engine] | None = None

    def __enter__(self) -> EngineAhead:
        share_heap()  # before the first thread of a run
        if self._sure:
            self._made = self._pool.submit(engine_of, self._settings, self._told.append, self._sure, self._pool)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    @property
    def sure(self) -> Future[Engine] | None:
        """The engine that is being made; None: which one it will be is not sure."""
        return self._made

    def engine(self, tell: Callable[[str], None], encoder: str) -> Engine:
        """As `engine_of`; the encoder's network goes on being loaded, for which the first face waits."""
        if not self._made or encoder != self._sure:
            return engine_of(self._settings, tell, encoder, self._pool)
        engine = self._made.result()
        while self._told:
            tell(self._told.pop(0))
        return engine
