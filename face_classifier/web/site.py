"""What the page knows of the program around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from face_classifier.core.config.settings import Settings
from face_classifier.curate.ask import CarriedOut
from face_classifier.daemon.status import CameraStatus, Status
from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.live.hub import Hub
from face_classifier.web.live.watching import Watching


@dataclass(frozen=True)
class Site:
    """A result folder, and the cameras that watch into it, if any.

    Attributes
    ----------
    settings : as they are now.
    carry_out : has the owner of the result folder carry out a command, by its name and arguments; from any thread.
        Raises UserError, InUseError.
    reader : tells who is in the result folder; whoever made it closes it.
    status : how cameras and channels do; None: there are none, it is a folder alone.
    watching : what the cameras see; None: there are none.
    hub : tells open tabs what happens.
    config : file of the configuration; None: there is none.
    reload : has the configuration read anew, soon; raises UserError where it is wrong. None: it cannot be.
    """

    settings: Callable[[], Settings]
    carry_out: Callable[[str, dict[str, Any]], CarriedOut]
    reader: Reader
    status: Callable[[], Status] | None = None
    watching: Watching | None = None
    hub: Hub = field(default_factory=Hub)
    reload: Callable[[], None] | None = None
    config: str | None = None

    def cameras(self) -> tuple[CameraStatus, ...]:
        """How each camera does now; none in a folder alone."""
        return self.status().cameras if self.status else ()
