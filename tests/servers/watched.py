"""A daemon of this process that watches cameras, and its page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from face_classifier.core.config.load import load
from face_classifier.core.types import Image, Seen
from face_classifier.daemon.answers import carry_out
from face_classifier.daemon.cameras.viewing import Scene
from face_classifier.daemon.daemon import Daemon
from face_classifier.daemon.listeners import Listeners
from face_classifier.daemon.status import CameraStatus, GalleryStatus, Status, Times
from face_classifier.daemon.wishes import Wishes
from face_classifier.events.event import Event
from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.app import make_app
from face_classifier.web.live.live import telling
from face_classifier.web.served import served
from face_classifier.web.site import Site

SECONDS = 10.0  # for anything that is awaited


class Watched(NamedTuple):
    """A daemon, and where its page is."""

    daemon: Daemon
    site: Site
    app: Any
    address: str  # http://127.0.0.1:45678

    def status(self, camera: str) -> str:
        return next(one.status for one in self.daemon.status().cameras if one.name == camera)


class Cameras:
    """Cameras whose pictures the test chooses."""

    def __init__(self) -> None:
        self.scenes: dict[str, Scene] = {}
        self.listeners: Listeners[str] = Listeners()
        self.events: Listeners[Event] = Listeners()

    def show(self, camera: str, image: Image, seen: Sequence[Seen] = (), *, age: float = 0.0) -> None:
        number = self.scenes[camera].number + 1 if camera in self.scenes else 1
        self.scenes[camera] = Scene(number, time.monotonic() - age, image, seen)
        self.listeners.tell(camera)

    def scene(self, camera: str) -> Scene | None:
        return self.scenes.get(camera)

    def seeing(self, tell: Callable[[str], None]) -> AbstractContextManager[None]:
        return self.listeners.hearing(tell)

    def status(self) -> Status:
        """All is well."""
        gallery = GalleryStatus("result", 0.1, 0, 0, 0, None, Times())
        cameras = tuple(CameraStatus(name, "good", 1.0, "", False, 0.1, 1, 0, 0, 0, 0, 0.1) for name in self.scenes)
        return Status(1, 1.0, gallery, cameras, (), Times(), 1, ())

    def hearing(self, tell: Callable[[Event], None]) -> AbstractContextManager[None]:
        return self.events.hearing(tell)

    def shoot(self, camera: str) -> bytes | None:
        raise NotImplementedError

    pause = resume = shoot  # type: ignore[assignment]


@contextmanager
def watched(result: Path, cameras: Mapping[str, Any], **given: Any) -> Iterator[Watched]:
    """Within, cameras (by name, as in a configuration) are watched into a folder, and the page is served."""
    file = result.parent / "watched.yaml"
    file.write_text(yaml.safe_dump({"result": str(result), "seconds": 0.2, "cameras": dict(cameras), **given}))
    settings = load({}, str(file), {})
    with ExitStack() as stack, Daemon.opened(settings, lambda: settings, Wishes()) as daemon:
        reader = stack.enter_context(Reader(result))
        site = Site(lambda: settings, partial(carry_out, daemon.here), reader, daemon.status, daemon.looking)
        app = make_app(site)
        with telling(site), served(app, "127.0.0.1", 0) as port:
            yield Watched(daemon, site, app, f"http://127.0.0.1:{port}")


def until(holds: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """Wait for what is true in the end; ``what``: tells what is awaited."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"it took more than {seconds:g} s until {what}"
        time.sleep(0.02)
    return found
