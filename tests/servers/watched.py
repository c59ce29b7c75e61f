"""A daemon of this process that watches cameras, and its page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from face_classifier.core.config.load import load
from face_classifier.daemon.answers import carry_out
from face_classifier.daemon.daemon import Daemon
from face_classifier.daemon.wishes import Wishes
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


@contextmanager
def watched(result: Path, cameras: Mapping[str, Any], **given: Any) -> Iterator[Watched]:
    """Within, cameras (by name, as in a configuration) are watched into a folder, and the page is served."""
    file = result.parent / "watched.yaml"
    file.write_text(yaml.safe_dump({"result": str(result), "seconds": 0.2, "cameras": dict(cameras), **given}))
    settings = load({}, str(file), {})
    with Daemon.opened(settings, lambda: settings, Wishes()) as daemon:
        site = Site(lambda: settings, partial(carry_out, daemon.here), daemon.status, daemon.looking)
        app = make_app(site)
        with telling(site.hub, site), served(app, "127.0.0.1", 0) as port:
            yield Watched(daemon, site, app, f"http://127.0.0.1:{port}")


def until(holds: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """Wait for what is true in the end; ``what``: tells what is awaited."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"it took more than {seconds:g} s until {what}"
        time.sleep(0.02)
    return found
