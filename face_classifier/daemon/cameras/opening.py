"""What counts of the pictures of a camera of the configuration."""

from __future__ import annotations

from face_classifier.core.config.parts.cameras import Camera
from face_classifier.pipeline.analysis.view import View


def view_of(camera: Camera) -> View:
    """What counts of the pictures of a camera, and when."""
    return View(
        camera.zones,
        only=camera.only,
        ignore=camera.ignore,
        masks=camera.masks,
        min_face=camera.min_face,
        hours=map(str, camera.hours),
        days=camera.days,
    )
