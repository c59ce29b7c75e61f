"""How a daemon does: what `status`, its page and its figures tell."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from face_classifier import __version__
from face_classifier.alerts.worker import ChannelState

STUCK = 120.0  # seconds without progress after which a thread of ours counts as stuck; second thoughts may take some
GOOD, LOST, PAUSED = "good", "lost", "paused"


@dataclass(frozen=True)
class CameraStatus:
    """One camera. Counts are since the daemon began to watch it; ages are seconds."""

    name: str
    status: str  # good; lost; starting; paused: by the user; waiting: for its hours, or a file that has ended
    since: float  # age of that status
    reason: str  # a sentence without secrets, or nothing
    still: bool  # the picture has not changed for long
    last_frame: float | None  # age of the last one; None: there was none
    analysed: int  # frames
    dropped: int  # frames that were replaced by newer ones before they could be analysed
    faces: int  # seen, one a frame and person
    tracks: int
    lost: int  # how often it was lost
    turned: float  # age of the last turn of the loop that analyses it

    @property
    def turns(self) -> bool:
        """Whether its loop makes progress; it does so too while a camera is lost."""
        return self.turned < STUCK


@dataclass(frozen=True)
class Times:
    """How long something took, as counts of a histogram: ``counts[i]`` took at most ``limits[i]`` seconds, in all."""

    count: int = 0
    total: float = 0.0  # seconds
    limits: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()


@dataclass(frozen=True)
class GalleryStatus:
    """The result folder. Ages are seconds."""

    folder: str
    answered: float  # age of the owner's last sign of life
    people: int
    known: int  # faces
    unknown: int  # faces
    free: int | None  # bytes on its disk
    thoughts: Times  # second thoughts


@dataclass(frozen=True)
class Status:
    """A daemon."""

    pid: int
    uptime: float  # seconds
    gallery: GalleryStatus
    cameras: tuple[CameraStatus, ...]
    channels: tuple[ChannelState, ...]
    told: Times  # from the arrival of the frame that decides until an alert is delivered
    memory: int  # bytes in RAM, of this process
    restart: tuple[str, ...]  # keys of the configuration that a restart brings into force
    version: str = __version__

    @property
    def stuck(self) -> list[str]:
        """What makes no progress, though no camera's fault could be the reason; only a restart helps."""
        owner = ["the owner of the gallery"] if self.gallery.answered >= STUCK else []
        return owner + [f"the loop of camera {camera.name}" for camera in self.cameras if not camera.turns]

    @property
    def live(self) -> bool:
        """Whether everything makes progress."""
        return not self.stuck

    @property
    def ready(self) -> bool:
        """Whether the daemon does its work: it is live, and not every camera is lost."""
        return self.live and (not self.cameras or any(camera.status != LOST for camera in self.cameras))

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {"live": self.live, "ready": self.ready, "stuck": self.stuck} | asdict(self)


def memory() -> int:
    """Bytes of this process in RAM; where the system does not tell, the most that there were."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return pages * os.sysconf("SC_PAGESIZE")
