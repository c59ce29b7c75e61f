"""Four streams of 720p at 15 frames a second, analysed at once: is every due frame analysed, and how old is it then?

The film is encoded beforehand, with its number in each frame; an RTSP server sends it as it is.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from servers.streams import RtspServer, missing_gstreamer

from face_classifier.core.config.parts.cameras import Camera
from face_classifier.core.config.settings import Settings
from face_classifier.pipeline.analysis.analyse import Analysis
from face_classifier.pipeline.inputs import sampling_of
from face_classifier.sources.live.opening import open_live
from face_classifier.vision.engine import Engine, make_engine

CAMERAS, RATE, SIZE = 4, 15, (1280, 720)
BITS, SIDE = 12, 32  # of the number in a frame: white squares are the ones of its binary form
CLIP = Path("reports/two.mp4")
FILM = 300.0  # seconds, at most


@dataclass
class Seen:
    """What was analysed of one stream."""

    numbers: list[int] = field(default_factory=list)  # as they are drawn in
    slots: list[int] = field(default_factory=list)  # of the grid of due frames
    ages: list[float] = field(default_factory=list)  # seconds from a frame's coming to its being analysed
    faces: int = 0
    dropped: int = 0


def measure(chosen: argparse.Namespace) -> None:
    """Print a Markdown table."""
    if reason := missing_gstreamer():
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        film = _film(chosen.data / CLIP, Path(scratch), min(FILM, chosen.seconds + 30))
        sent = f"filesrc location={film} ! qtdemux ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96"
        server = stack.enter_context(RtspServer({f"/{number}": sent for number in range(CAMERAS)}))
        settings = Settings()
        engine = make_engine("fast", None, 1.0, sys.exit)
        seen = [Seen() for _ in range(CAMERAS)]
        stopping = threading.Event()
        used = _processor()
        threads = [
            threading.Thread(target=_watch, args=(server.address(f"/{number}"), one, engine, settings, stopping))
            for number, one in enumerate(seen)
        ]
        for thread in threads:
            thread.start()
        time.sleep(chosen.seconds)
        stopping.set()
        for thread in threads:
            thread.join()
        used = (_processor() - used) / chosen.seconds
    _tell(seen, settings, used)


def _film(clip: Path, folder: Path, seconds: float) -> Path:
    """The clip again and again, with the number of each frame."""
    film = folder / "film.mp4"
    line = f"ffmpeg -v error -f rawvideo -pix_fmt bgr24 -s {SIZE[0]}x{SIZE[1]} -r {RATE} -i - -c:v libx264 -threads 2"
    words = [*line.split(), "-preset", "veryfast", "-g", str(RATE), "-bf", "0", "-pix_fmt", "yuv420p", str(film)]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as encoder:
        assert encoder.stdin
        for number, picture in zip(range(round(seconds * RATE)), _pictures(clip), strict=False):
            encoder.stdin.write(_with_number(picture, number).tobytes())
        encoder.stdin.close()
    return film


def _pictures(clip: Path) -> Iterator[np.ndarray]:
    """The frames of a clip at the rate of the film, from the first again after the last."""
    while True:
        capture = cv2.VideoCapture(str(clip))
        step, number = capture.get(cv2.CAP_PROP_FPS) / RATE, 0
        while capture.grab():
            if number % step < 1:
                yield cv2.resize(capture.retrieve()[1], SIZE, interpolation=cv2.INTER_LINEAR)
            number += 1
        capture.release()


def _with_number(picture: np.ndarray, number: int) -> np.ndarray:
    picture = picture.copy()
    for bit in range(BITS):
        picture[:SIDE, bit * SIDE : (bit + 1) * SIDE] = 255 * (number >> bit & 1)
    return picture


def _number_in(picture: np.ndarray) -> int:
    middle = SIDE // 2
    return sum(1 << bit for bit in range(BITS) if picture[middle, bit * SIDE + middle].mean() > 127)


def _watch(address: str, seen: Seen, engine: Engine, settings: Settings, stopping: threading.Event) -> None:
    sampling = sampling_of(settings)
    with open_live(address, Camera(url=address)) as source:
        analysis = Analysis(source, sampling, source.start, engine, settings, stopping)
        with analysis as frames:
            for analysed in frames:
                frame = analysed.frame
                assert frame.arrived is not None
                seen.ages.append(time.monotonic() - frame.arrived)
                seen.numbers.append(_number_in(frame.image))
                seen.slots.append(int(frame.position / sampling.every + 0.01))
                seen.faces += len(analysed.faces)
        seen.dropped = source.dropped


def _processor() -> float:
    """Seconds of the processor, of this process and those that have ended."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def _tell(seen: list[Seen], settings: Settings, used: float) -> None:
    columns = f"stream | due (every {settings.step:g} s) | analysed | frames of the film between two | dropped"
    print(f"| {columns} | age (median, 95 %) | faces |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for number, one in enumerate(seen):
        due = one.slots[-1] - one.slots[0] + 1
        steps = np.diff(one.numbers)
        ages = np.quantile(one.ages, [0.5, 0.95])
        print(
            f"| {number} | {due} | {len(set(one.slots))} | {steps.min()} to {steps.max()} | {one.dropped} | "
            f"{ages[0]:.2f}, {ages[1]:.2f} s | {one.faces} |"
        )
    print(f"\n{used:.2f} of {os.cpu_count()} processors were used (without the server's).")
