"""What a request or a socket is about: the application that answers it knows."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from face_classifier.web.aside.asides import Asides
from face_classifier.web.live.live import Live
from face_classifier.web.site import Site


def site_of(request: HTTPConnection) -> Site:
    """The result folder, and the cameras that watch into it."""
    site: Site = request.app.state.site
    return site


def asides_of(request: HTTPConnection) -> Asides:
    """What is made aside for its pages."""
    asides: Asides = request.app.state.asides
    return asides


def live_of(request: HTTPConnection) -> Live:
    """What its open tabs are told and shown."""
    live: Live = request.app.state.live
    return live
