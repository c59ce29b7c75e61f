"""Makes docs/page.jpg, the picture of the guide to the page, with the demo's photographs: a laptop and a phone.

    sh scripts/python scripts/pictures.py

It sorts the demo, gives its two people their names, and photographs the page in Debian's Chromium.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

PICTURE = Path(__file__).parent.parent / "docs" / "page.jpg"
NAMES = {"person_01": "Barack Obama", "person_02": "Joe Biden"}
LAPTOP, PHONE = (1280, 800), (390, 800)
WIDTH, GAP, QUALITY = 1400, 24, 82  # pixels, pixels, of JPEG
SECONDS = 60  # until the page answers


def program(*words: str) -> list[str]:
    return [sys.executable, "-m", "face_classifier", *words]


def sort_demo(folder: Path) -> None:
    """The demo in a result folder, with names; a second run takes them in."""
    subprocess.run(program("demo", "--result", str(folder)), check=True, stdout=subprocess.DEVNULL)
    for number, name in NAMES.items():
        (folder / number).rename(folder / name)
    subprocess.run(program("demo", "--result", str(folder)), check=True, stdout=subprocess.DEVNULL)


@contextmanager
def page(folder: Path) -> Iterator[str]:
    """The address of the page of a result folder, which is served within."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    serving = subprocess.Popen(program("web", "--result", str(folder), "--listen", listen), stdout=subprocess.DEVNULL)
    try:
        wait_for(f"http://{listen}/people")
        yield f"http://{listen}"
    finally:
        serving.terminate()
        serving.wait(SECONDS)


def wait_for(address: str) -> None:
    """Until something answers there. Raises TimeoutError."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(address, timeout=SECONDS).close()
        except urllib.error.URLError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(f"nothing answers at {address}")


def laptop(browser: Browser, address: str, path: Path) -> None:
    """A person, three of whose faces are selected."""
    tab = browser.new_page(viewport={"width": LAPTOP[0], "height": LAPTOP[1]}, locale="en-US", color_scheme="light")
    tab.goto(f"{address}/people/{NAMES['person_01'].replace(' ', '%20')}?order=best", wait_until="networkidle")
    faces = tab.locator(".faces > li")
    faces.nth(2).click()
    for place in (3, 9):
        faces.nth(place).click(modifiers=["Control"])
    tab.mouse.move(0, 0)
    tab.locator("#nearest li").first.wait_for()
    tab.wait_for_load_state("networkidle")
    tab.screenshot(path=path)


def phone(browser: Browser, address: str, path: Path) -> None:
    """Everybody, in Korean and in the dark."""
    options = {"locale": "ko-KR", "color_scheme": "dark", "has_touch": True, "is_mobile": True}
    tab = browser.new_page(viewport={"width": PHONE[0], "height": PHONE[1]}, **options)
    tab.goto(f"{address}/people", wait_until="networkidle")
    tab.screenshot(path=path)


def beside(paths: list[Path]) -> Image.Image:
    """Pictures of one height beside each other, reduced to `WIDTH`."""
    pictures = [Image.open(path).convert("RGB") for path in paths]
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    whole, across = Image.new("RGB", (width, pictures[0].height), "white"), 0
    for picture in pictures:
        whole.paste(picture, (across, 0))
        across += picture.width + GAP
    return whole.resize((WIDTH, round(whole.height * WIDTH / whole.width)), Image.Resampling.LANCZOS)


def main() -> None:
    chromium = shutil.which("chromium")
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        result, shots = Path(temporary) / "result", [Path(temporary) / name for name in ("laptop.png", "phone.png")]
        sort_demo(result)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with page(result) as address:
            laptop(browser, address, shots[0])
            phone(browser, address, shots[1])
        browser.close()
        beside(shots).save(PICTURE, quality=QUALITY, optimize=True, progressive=True)
    print(f"{PICTURE}: {PICTURE.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
