"""Makes docs/demo.webp, the moving picture of the README: the real program on a small desktop of its own.

    sudo apt-get install chromium ffmpeg openbox pcmanfm xdotool xvfb
    sh scripts/python scripts/moving.py

The demo's clip is sent as a camera would send it. One person gets a name in the file manager, the other one on the
page. The line below is all that this script draws; nothing is cut, and a second lasts a second.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
from pictures import NAMES, SECONDS, page, program
from PIL import Image, ImageChops, ImageDraw, ImageFont
from playwright.sync_api import Locator, Page, sync_playwright

from face_classifier.cli import demo

PICTURE = Path(__file__).parent.parent / "docs" / "demo.webp"
ACROSS, DOWN, BELOW = 960, 600, 34  # px of the desktop, and of the line below it
SEEN = 512, 288  # px of the camera's pictures
LEFT, TOP = 514, 290  # px of its window; the file manager is below it, the page beside it
A_SECOND, LONG = 4, 25.5  # frames; seconds
SHOWN = 720, 476  # px of the moving picture, so that it stays below a megabyte
QUALITY = 30  # of WebP
NOISE = 12  # of 255: a smaller difference between two pictures of the desktop is none
STEPS = (  # seconds, what is told from then on
    (0.0, "A camera, the folder result, and the page. Somebody new gets a number."),
    (8.0, "Rename the folder: that is the person's name."),
    (11.4, "The camera and the page know it at once."),
    (14.5, "Or give the name on the page, on a laptop or a phone."),
    (21.0, "Camera, folder and page agree."),
)
HABITS = """
[ui]
side_pane_mode=hidden;places
view_mode=icon
toolbar=
"""


class Camera:
    """Sends the demo's clip as Motion JPEG: a dark picture until ``begun`` is set, then the clip at its own pace."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self._server.server_port}/door.mjpg"

    def __enter__(self) -> Camera:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        begun = self.begun

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                for jpeg in _jpegs(begun):
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    try:
                        self.wfile.write(head.encode() + jpeg + b"\r\n")
                    except OSError:  # whoever looked has gone
                        return

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _jpegs(begun: threading.Event) -> Iterator[bytes]:
    """The pictures that the camera sends, each when it is due."""

    def packed(image: np.ndarray) -> bytes:
        return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()

    latest = packed(np.full((SEEN[1], SEEN[0], 3), 24, np.uint8))
    while not begun.wait(1 / demo.FPS):
        yield latest
    start, number, clip = time.monotonic(), 0, cv2.VideoCapture(str(demo.clip()))
    while (read := clip.read())[0]:
        time.sleep(max(0.0, start + number / demo.FPS - time.monotonic()))
        number += 1
        latest = packed(cv2.resize(read[1], SEEN, interpolation=cv2.INTER_AREA))
        yield latest
    while True:  # whoever stands there stays
        time.sleep(1 / demo.FPS)
        yield latest


@contextmanager
def started(*line: str | Path, **how: object) -> Iterator[None]:
    """A program that runs within, and says nothing."""
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **how)  # type: ignore[call-overload]
    try:
        yield
    finally:
        process.terminate()
        process.wait(SECONDS)


@contextmanager
def desktop() -> Iterator[None]:
    """Within, programs that are started have a screen of their own with a window manager."""
    number, writing = os.pipe()
    size = f"{ACROSS}x{DOWN}x24"
    line = "Xvfb", "-displayfd", str(writing), "-screen", "0", size, "-nolisten", "tcp"
    with started(*line, pass_fds=[writing]):
        os.close(writing)
        with os.fdopen(number) as told:
            os.environ["DISPLAY"] = f":{told.readline().strip()}"
        with started("openbox"):
            yield


def xdotool(*words: object) -> str:
    line = ["xdotool", *map(str, words)]
    return subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True, timeout=SECONDS).stdout.strip()


def window(title: str, left: int, top: int, width: int, height: int) -> str:
    """The id of a window, which gets this place with its frame."""
    found = xdotool("search", "--sync", "--onlyvisible", "--name", title).splitlines()[-1]
    time.sleep(2)  # it may still be looking for its own size
    for words in (("windowsize", found, width - 2, height - 25), ("windowmove", found, left, top)):
        xdotool(*words)
    return found


def click(tab: Page, what: Locator) -> None:
    """Click something on the page with the desktop's own mouse."""
    box = what.bounding_box()
    assert box
    left, top = tab.evaluate("[screenX + (outerWidth - innerWidth) / 2, screenY + outerHeight - innerHeight]")
    place = round(left + box["x"] + box["width"] / 2), round(top + box["y"] + box["height"] / 2)
    xdotool("mousemove", *place)
    time.sleep(0.4)
    xdotool("click", 1)


def look_again(tab: Page) -> None:
    """Click what says that the page is not of the latest state, if it does."""
    news = tab.get_by_text("Something has changed")
    if news.is_visible():
        click(tab, news)


def act(files: str, tab: Page, begin: float) -> None:
    """What somebody does meanwhile."""

    def at(second: float) -> None:
        time.sleep(max(0.0, begin + second - time.monotonic()))

    at(6.3)
    click(tab, tab.get_by_text("Something has changed"))
    at(8)
    xdotool("windowactivate", "--sync", files)
    xdotool("type", "--delay", 30, "person_01")  # which selects the folder
    at(9)
    xdotool("key", "Escape", "F2")
    at(9.6)
    xdotool("key", "ctrl+a")
    xdotool("type", "--delay", 70, NAMES["person_01"])
    at(11.2)
    xdotool("key", "Return")
    at(12.5)
    look_again(tab)
    at(14.5)
    click(tab, tab.locator("main").get_by_role("link", name="person_02").first)
    at(16)
    click(tab, tab.get_by_role("button", name="Give a name"))
    at(17.2)
    xdotool("type", "--delay", 70, NAMES["person_02"])
    at(18.6)
    xdotool("key", "Return")
    tab.locator("h1", has_text=NAMES["person_02"]).wait_for()
    at(20.5)
    click(tab, tab.get_by_role("link", name="People", exact=True).first)
    at(23)
    look_again(tab)
    at(LONG)


def record(folder: Path) -> list[Path]:
    """Pictures of the desktop, `A_SECOND` of them a second."""
    result, pictures, home = folder / "result", folder / "pictures", folder / "home"
    habits = home / ".config" / "pcmanfm" / "default" / "pcmanfm.conf"
    for place in (pictures, habits.parent):
        place.mkdir(parents=True)
    result.mkdir(mode=0o700)
    habits.write_text(HABITS)
    with ExitStack() as stack:
        stack.enter_context(desktop())
        camera = stack.enter_context(Camera())
        stack.enter_context(started(*program(camera.address, "-S", "0.2", "-d", "--result", str(result))))
        window("Face Classifier", 0, 0, SEEN[0] + 2, SEEN[1] + 25)
        stack.enter_context(started("pcmanfm", "--no-desktop", result, env={**os.environ, "HOME": str(home)}))
        files = window("result", 0, TOP, LEFT, DOWN - TOP)
        address = stack.enter_context(page(result))
        browser = stack.enter_context(sync_playwright()).chromium.launch_persistent_context(
            str(folder / "browser"),
            executable_path=shutil.which("chromium"),
            headless=False,
            no_viewport=True,
            locale="en-US",
            args=["--no-sandbox", "--test-type", f"--app={address}/people"],
            ignore_default_args=["--enable-automation"],
        )
        stack.callback(browser.close)
        tab = browser.pages[0]
        tab.wait_for_load_state("networkidle")
        window("People", LEFT, 0, ACROSS - LEFT, DOWN)
        grabbed = folder / "desktop.nut"  # as it is: packing it would take time from those who act
        grab = ("ffmpeg", "-f", "x11grab", "-framerate", str(A_SECOND), "-i", os.environ["DISPLAY"])
        with started(*grab, "-t", str(LONG), "-c:v", "rawvideo", grabbed, stdin=subprocess.DEVNULL):
            camera.begun.set()
            act(files, tab, time.monotonic())
            time.sleep(2)
    subprocess.run(["ffmpeg", "-loglevel", "error", "-i", grabbed, pictures / "%04d.png"], check=True)
    return sorted(pictures.glob("*.png"))


def told(picture: Image.Image, second: float) -> Image.Image:
    """A picture of the desktop with the line below it."""
    whole = Image.new("RGB", (ACROSS, DOWN + BELOW), "#1b1f24")
    whole.paste(picture)
    line = [text for begin, text in STEPS if begin <= second][-1]
    font = ImageFont.load_default(19)
    ImageDraw.Draw(whole).text((14, DOWN + BELOW / 2), line, "white", font, anchor="lm")
    return whole


def save(paths: Sequence[Path]) -> None:
    """The pictures as one that moves; those that look alike are one that lasts longer."""
    kept: list[Image.Image] = []
    lasts: list[float] = []
    for number, path in enumerate(paths):
        with Image.open(path) as opened:
            picture = told(opened.convert("RGB"), number / A_SECOND)
        if kept and max(high for _, high in ImageChops.difference(picture, kept[-1]).getextrema()) <= NOISE:
            lasts[-1] += 1000 / A_SECOND
        else:
            kept.append(picture)
            lasts.append(1000 / A_SECOND)
    lasts[-1] += 2000  # to look at it before it begins anew
    first, *others = (picture.resize(SHOWN, Image.Resampling.LANCZOS) for picture in kept)
    first.save(
        PICTURE, save_all=True, append_images=others, duration=[round(last) for last in lasts], loop=0,
        quality=QUALITY, method=4,
    )  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        save(record(Path(temporary)))
    print(f"{PICTURE}: {PICTURE.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
