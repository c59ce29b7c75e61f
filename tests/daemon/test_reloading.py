"""A daemon that is to read its configuration anew goes on, whatever comes of that."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any, cast

import pytest
from conftest import Watcher

from face_classifier.alerts.dispatcher import Dispatcher
from face_classifier.alerts.make import make_channel
from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.retry import Patience
from face_classifier.daemon.daemon import Daemon
from face_classifier.pipeline.here import Here
from face_classifier.pipeline.show import Stage
from face_classifier.pipeline.watch import Crew


def test_an_error_that_nobody_expected_changes_nothing_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    def load() -> Settings:
        raise ValueError("as of a library, at rtsp://ann:secret@cam/")

    settings, observer, stopping = Settings(result=str(tmp_path / "result")), Watcher(), threading.Event()
    patience = Patience(1, stopping, observer.problem)
    no_engine = cast(Any, lambda _: None)
    with Here.opened(settings, no_engine, None, observer, patience) as here:
        alerts = Dispatcher(settings.alerts, settings.channels, Path(settings.result), make_channel, observer.problem)
        stage = Stage([], None, patience, stopping)
        daemon = Daemon(settings, load, here, Crew(here.settings, no_engine, here, stage, observer, stopping), alerts)
        with caplog.at_level(logging.WARNING):
            daemon.reload()
        alerts.close()
    assert daemon._settings is settings
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("the configuration stays as it was: ")
    assert "ValueError" in line
    assert "secret" not in line
