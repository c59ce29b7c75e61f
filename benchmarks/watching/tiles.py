"""What live pictures cost: each tile, and eight cameras at which three tabs look.

Writes to standard output: a line a size of picture; then, of a daemon with eight rehearsal cameras without a tab and
with three, frames and tiles a second, the CPU that these took, and the longest answer of /healthz meanwhile.
"""

from __future__ import annotations

import struct
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
from websockets.sync.client import connect

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from servers.watched import Watched, until, watched

from face_classifier.cli import demo
from face_classifier.core.disk.files import jpeg_bytes
from face_classifier.core.types import Box, Seen
from face_classifier.display.overlay import annotate_within
from face_classifier.sources.picture import read_picture
from face_classifier.web.live.tiles import WIDTHS

CAMERAS, TABS, SECONDS, TIMES = 8, 3, 20.0, 50


def tiles() -> None:
    """How long a tile takes, by the size of the picture, and what it weighs."""
    import cv2

    photograph = read_picture(str(next(iter(demo.photographs().values()))))
    for height, width in ((480, 640), (1080, 1920), (2160, 3840)):
        image = np.asarray(cv2.resize(photograph, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        box = Box(height // 4, width // 2, height // 2, width // 3)
        for size, wide in WIDTHS.items():
            began = time.process_time()
            for _ in range(TIMES):
                content = jpeg_bytes(annotate_within(image, [Seen(box, "Anna")], wide), 80)
            took = (time.process_time() - began) / TIMES
            print(f"{width}x{height} {size}: {1000 * took:.1f} ms, {len(content) / 1000:.0f} kB")


def look(address: str, names: list[str], ending: threading.Event) -> None:
    """Take pictures as a tab does."""
    with connect(f"ws{address.removeprefix('http')}/api/v1/ws", ping_interval=None) as socket:
        socket.send('{"look": [' + ", ".join(f'"{name}"' for name in names) + "]}")
        while not ending.is_set():
            message = socket.recv(10)
            if isinstance(message, bytes):
                struct.unpack_from(">H", message)


def daemon() -> None:
    """Eight cameras, without a tab and with three."""
    clip, names = str(demo.clip()), [f"camera {number}" for number in range(CAMERAS)]
    with tempfile.TemporaryDirectory() as folder:
        cameras = {name: {"url": clip, "repeat": True} for name in names}
        with watched(Path(folder) / "result", cameras) as house:
            until(lambda: all(house.status(name) == "good" for name in names), "all cameras show pictures", 60)
            for count in (0, TABS):
                ending, tiles = threading.Event(), house.app.state.live.tiles
                drawn, seconds, frames = tiles.drawn, tiles.seconds, analysed(house)
                with ExitStack() as stack, httpx.Client(base_url=house.address, timeout=10) as client:
                    for _ in range(count):
                        thread = threading.Thread(target=look, args=(house.address, names, ending))
                        thread.start()
                        stack.callback(thread.join)
                    stack.callback(ending.set)
                    began, longest = time.monotonic(), 0.0
                    while time.monotonic() - began < SECONDS:
                        asked = time.monotonic()
                        client.get("/healthz")
                        longest = max(longest, time.monotonic() - asked)
                        time.sleep(0.5)
                    took = time.monotonic() - began
                rates = (analysed(house) - frames) / took, (tiles.drawn - drawn) / took
                cost = 1000 * (tiles.seconds - seconds) / took
                print(
                    f"{count} tabs: {rates[0]:.1f} frames and {rates[1]:.1f} tiles a second, which took {cost:.0f} ms "
                    f"of CPU; /healthz in at most {1000 * longest:.0f} ms"
                )


def analysed(house: Watched) -> int:
    """How many frames were, of all cameras."""
    return sum(camera.analysed for camera in house.daemon.status().cameras)


if __name__ == "__main__":
    tiles()
    daemon()
