"""A camera of the configuration becomes an open source."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from face_classifier.core.config.cameras import Camera
from face_classifier.sources.discover import Source, open_source
from face_classifier.sources.live import source as live
from face_classifier.sources.live.reading.job import Job
from face_classifier.sources.live.source import LiveSource, SourceState


def opened(name: str, camera: Camera, tell: Callable[[SourceState], None]) -> Source:
    """A camera as a source, which tells how it is. Raises UserError."""
    if camera.kind == "stream":
        job = Job("stream", camera.address(), camera.silence)
        return LiveSource(live.Camera(name, job, camera.shown, frozen=camera.frozen), tell)
    source = open_source(camera.url)
    tell(SourceState("good", monotonic(), "", 0, 0, None, False))
    return source
