"""All that open tabs are told and shown of one site."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from face_classifier.core.errors import UserError
from face_classifier.events.event import Event
from face_classifier.web.live.pulse import Pulse, told
from face_classifier.web.live.tiles import Tiles, Viewer
from face_classifier.web.site import Site

_COMES = ("person", "new_person", "unknown")  # kinds of events that begin a visit


class Live:
    """Threads run in it only while a tab is open."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.hub = site.hub
        self.tiles = Tiles(site.watching) if site.watching else None
        self.pulse = Pulse(site.hub, self._gallery, site.cameras)

    @contextmanager
    def tab(self, wake: Callable[[], None]) -> Iterator[Viewer | None]:
        """Within, a tab is open: ``wake`` is called, in any thread, when there is something for it; must not block.

        Gives what it looks at; None: there are no cameras.
        """
        with ExitStack() as stack:
            stack.enter_context(self.hub.waking(wake))
            viewer = stack.enter_context(self.tiles.viewing(wake)) if self.tiles else None
            stack.enter_context(self.pulse.beating())
            yield viewer

    def hello(self) -> dict[str, Any]:
        """The first thing that a tab is told: how everything is."""
        cameras = [told(camera) for camera in self._site.cameras()]
        return {"type": "hello", "seq": self.hub.seq, "cameras": cameras, **(self.pulse.gallery or {})}

    def _gallery(self) -> Mapping[str, Any] | None:
        """Its revision as it is now; None: it cannot be read just now."""
        with suppress(UserError):
            return {"revision": self._site.reader.revision()}
        return None


@contextmanager
def telling(site: Site) -> Iterator[None]:
    """Within, tabs are told who comes before the cameras of a site."""

    def hear(event: Event) -> None:
        if event.kind in _COMES:
            site.hub.publish("visit", _record(event))

    with ExitStack() as stack:
        if site.watching:
            stack.enter_context(site.watching.hearing(hear))
        yield


def _record(event: Event) -> dict[str, Any]:
    """An event for a tab."""
    return {
        "kind": event.kind,
        "camera": event.camera,
        "person": event.person,
        "time": event.time.isoformat(),
        "visit": event.visit,
        "track": event.track,
        "face": event.face,
    }
