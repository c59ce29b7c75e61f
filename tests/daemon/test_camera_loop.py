"""The loop of one camera, whatever goes wrong with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any, cast

import pytest
from servers.streams import HttpCamera

from face_classifier.core.config.settings import Settings
from face_classifier.daemon.cameras import loop
from face_classifier.daemon.cameras.loop import CameraLoop, Shared
from face_classifier.pipeline.analysis.analyse import none_kept
from face_classifier.pipeline.analysis.view import View
from face_classifier.pipeline.desk import Begun
from face_classifier.pipeline.watch import Crew
from face_classifier.sources.base import Sampling
from face_classifier.sources.live.reading.job import Job
from face_classifier.sources.live.source import Camera, LiveSource, SourceState

ANEW = 0.5  # seconds, in place of 10 minutes


class Idle:
    """Gallery, stage and engine of a camera that shows nothing."""

    def begin(self, *_: object) -> Begun:
        return Begun(Sampling(), datetime.now(timezone.utc), none_kept, cast(Any, None))

    def end(self, *_: object) -> None: ...

    def flush(self) -> None: ...


def test_a_camera_that_is_lost_for_long_is_opened_anew_now_and_then_and_has_its_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loop, "_ANEW", ANEW)
    opened: list[float] = []
    with HttpCamera() as server:
        server.become("refused")
        camera = Camera("door", Job("stream", server.address()))

        def opens(on_change: Callable[[SourceState], None]) -> LiveSource:
            opened.append(time.monotonic())
            return LiveSource(camera, on_change).begin()

        idle = cast(Any, Idle())
        settings = Settings()
        crew = Crew(settings, idle, idle, idle, idle, threading.Event())
        door = CameraLoop("door", opens, View.everything, settings, Shared(idle, crew, lambda _: None))
        door.start()
        try:
            until = time.monotonic() + 30
            while len(opened) < 4 and time.monotonic() < until:
                door.look(datetime.now(timezone.utc))
                time.sleep(0.02)
        finally:
            door.stop()
            assert door.join(time.monotonic() + 5)
    assert len(opened) == 4
    assert door.status().status == "lost"
    assert min(later - earlier for earlier, later in pairwise(opened)) >= ANEW
