"""How long somebody waits in a browser: `python benchmarks/web.py --part shown`.

Twenty faces of a made-up gallery are given to another person by a key, and taken back; measured in Chromium, beside
the program that owns the gallery: from the key until the next frame is drawn (*shown*), and until the program has
confirmed it (*confirmed*). *first screen*: from asking for the page of the largest person until its faces are there.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from page.large import make_gallery

AT_ONCE = 20
_START = 60.0  # seconds

_MEASURE = """
(key) => new Promise((done) => {
  const begun = performance.now();
  let shown = null;
  const watch = new MutationObserver(() => {
    if ("writing" in document.body.dataset) return;
    watch.disconnect();
    done([shown, performance.now() - begun]);
  });
  watch.observe(document.body, { attributes: true, attributeFilter: ["data-writing"] });
  const letter = { key, code: `Key${key.toUpperCase()}`, bubbles: true, cancelable: true };
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", letter));
  requestAnimationFrame(() => setTimeout(() => (shown = performance.now() - begun)));
})
"""


@contextmanager
def program(folder: Path) -> Iterator[str]:
    """The page of a result folder, served by a process of its own; gives its address."""
    command = [sys.executable, "-m", "face_classifier", "web", "--result", str(folder), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    alarm = threading.Timer(_START, process.kill)
    alarm.start()
    try:
        found = next(found for line in process.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
        alarm.cancel()
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield found[0]
    finally:
        alarm.cancel()
        process.terminate()
        process.wait(30)


def run(folder: Path, faces: int, people: int, runs: int) -> dict[str, Any]:
    """Milliseconds: the median and the 95th percentile of each."""
    from playwright.sync_api import sync_playwright

    gallery = folder / f"{faces}"
    if not gallery.exists():
        make_gallery(gallery, faces, people)
    times: dict[str, list[float]] = {
        "first screen": [],
        "shown": [],
        "confirmed": [],
        "undo shown": [],
        "undo confirmed": [],
    }
    with program(gallery) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        for _ in range(runs):
            tab.goto(f"{address}/people/person_01")
            tab.wait_for_selector("[data-face]")
            times["first screen"].append(
                tab.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
            )
            tab.click("[data-face] >> nth=0")
            tab.click(f"[data-face] >> nth={AT_ONCE - 1}", modifiers=["Shift"])
            for what, key in (("", "n"), ("undo ", "z")):
                shown, confirmed = tab.evaluate(_MEASURE, key)
                times[f"{what}shown"].append(shown)
                times[f"{what}confirmed"].append(confirmed)
        browser.close()
    told = {
        what: {"p50": statistics.median(some), "p95": sorted(some)[int(0.95 * (len(some) - 1))]}
        for what, some in times.items()
    }
    for what, some in told.items():
        print(f"{faces} faces, {what}: {some['p50']:.0f} ms, 95 % within {some['p95']:.0f} ms", flush=True)
    return told
