"""A gallery of real faces, its page served on this machine, and a browser that looks at it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import Listener, need_tool

from face_classifier.core.config.load import load
from face_classifier.core.config.settings import Settings
from face_classifier.curate import ask
from face_classifier.curate.ask import CarriedOut
from face_classifier.gallery.reading.reader import Reader
from face_classifier.library.runs import run
from face_classifier.web.app import make_app
from face_classifier.web.served import served
from face_classifier.web.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

_HERE = "http://127.0.0.1:", "https://127.0.0.1:", "ws://127.0.0.1:", "wss://127.0.0.1:", "data:", "blob:"
SECONDS = 30  # that a page may take on a busy machine


@pytest.fixture(scope="session")
def sorted_clip(demo_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result folder with two people, 38 faces of the demo; it is not to be changed."""
    folder = tmp_path_factory.mktemp("sorted") / "result"
    run(demo_clip, folder)
    return folder


@pytest.fixture
def result(sorted_clip: Path, tmp_path: Path) -> Path:
    """The same folder, to be changed."""
    return Path(shutil.copytree(sorted_clip, tmp_path / "result"))


def settings_of(folder: Path, **given: Any) -> Settings:
    """Settings with a result folder."""
    return load({"result": str(folder), **given}, None, {})


def site_of(settings: Settings) -> Site:
    """The site of a folder alone, each of whose commands opens it; whoever uses its reader closes that."""

    def carry_out(name: str, arguments: dict[str, Any]) -> CarriedOut:
        listener = Listener()
        return CarriedOut(ask.carry_out(settings, name, arguments, listener), listener.problems)

    return Site(lambda: settings, carry_out, Reader(Path(settings.result)))


@pytest.fixture
def page_of(result: Path) -> Iterator[str]:
    """The address of the page of ``result``, such as http://127.0.0.1:45678."""
    site = site_of(settings_of(result))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, one a process of tests."""
    from playwright.sync_api import sync_playwright

    program = need_tool("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


_HONEST = "status of 409", "status of 422", "net::ERR_INTERNET_DISCONNECTED"  # refused, as it should; `set_offline`


def _is_wrong(line: ConsoleMessage) -> bool:
    is_honest = line.text.startswith("Failed to load resource: ") and any(words in line.text for words in _HONEST)
    return line.type == "error" and not is_honest


@pytest.fixture
def context_of(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes contexts, as ``context_of(width=390, height=844, has_touch=True)``; they are closed at the end.

    Whatever a page logs as an error, and a request to another origin, fails the test, but for what browsers log by
    themselves where a request is refused.
    """
    made: list[BrowserContext] = []
    wrong: list[str] = []

    def make(width: int = 1280, height: int = 800, **options: Any) -> BrowserContext:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(SECONDS * 1000)
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        context.on("console", lambda line: wrong.append(line.text) if _is_wrong(line) else None)
        context.on(
            "request",
            lambda request: wrong.append(request.url) if not request.url.startswith(_HERE) else None,
        )
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()
    assert not wrong, wrong


@pytest.fixture
def tab(context_of: Callable[..., BrowserContext]) -> Page:
    """A tab of 1280 pixels."""
    return context_of().new_page()
