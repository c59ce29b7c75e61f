"""The first screen of somebody with ten thousand faces, in a browser."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from servers.pages import settings_of, site_of

from face_classifier.web.app import make_app
from face_classifier.web.served import served

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

FACES = 10_000
LONGEST = 30.0  # seconds until everything on the screen is there, on a busy machine
SCREENS = 10  # so many screens of pictures are asked for at most
SHOWN = """() => {
  const isHere = (one) => one.getBoundingClientRect().top < innerHeight;
  const faces = [...document.querySelectorAll(".faces img")].filter(isHere);
  return faces.every((one) => one.complete && one.naturalWidth) ? faces.length : 0;
}"""


def asked_for(context: BrowserContext, address: str) -> tuple[int, int]:
    """How many faces the first screen of a page shows, and how many pictures it asks for in all."""
    tab = context.new_page()
    pictures: list[str] = []
    tab.on("request", lambda request: pictures.append(request.url) if request.resource_type == "image" else None)
    tab.goto(address, wait_until="domcontentloaded")
    end = monotonic() + LONGEST
    while not (shown := tab.evaluate(SHOWN)):
        assert monotonic() < end, "the pictures do not come"
        tab.wait_for_timeout(10)
    tab.wait_for_load_state("networkidle")  # those that are asked for ahead come, too
    tab.close()
    return shown, len(pictures)


def test_the_first_screen_of_ten_thousand_faces_asks_for_the_pictures_of_a_few_screens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context_of: Callable[..., BrowserContext]
):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    large = importlib.import_module("page.large")
    monkeypatch.setattr(large, "LARGEST", FACES / (FACES + 400))
    monkeypatch.setattr(large, "UNKNOWN", 0.0)
    large.make_gallery(tmp_path / "result", FACES + 400, 21)
    site = site_of(settings_of(tmp_path / "result"))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        address = f"http://127.0.0.1:{port}/people/person_01"
        person = site.reader.now().person("person_01")
        assert person is not None
        assert person.faces == pytest.approx(FACES, rel=0.01)
        shown, pictures = asked_for(context_of(), address)
        assert 0 < shown <= pictures < SCREENS * shown
