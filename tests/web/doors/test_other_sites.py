"""A real browser in which another site is open, too: it reads, writes, embeds and hears nothing of the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import need_tool
from servers.asking import HASH, PASSWORD, behind_doors
from servers.pages import settings_of, site_of
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from face_classifier.web.app import make_app
from face_classifier.web.served import served
from face_classifier.web.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SECONDS = 10
ATTACK = Path(__file__).with_name("evil.html").read_text("utf-8")


class Target:
    """The page of a gallery, and which commands it was made to carry out."""

    def __init__(self, folder: Path) -> None:
        self.carried_out: list[str] = []
        self.asked: list[tuple[str, str, int]] = []
        real = site_of(settings_of(folder))

        def carry_out(command: str, arguments: dict[str, Any]) -> Any:
            self.carried_out.append(command)
            return real.carry_out(command, arguments)

        self.site = Site(real.settings, carry_out, real.reader)


@contextmanager
def evil_site(target: str) -> Iterator[int]:
    async def attack(_request: Request) -> HTMLResponse:
        return HTMLResponse(ATTACK.replace("__TARGET__", json.dumps(target)))

    async def link(_request: Request) -> HTMLResponse:
        return HTMLResponse(f'<title>link</title><a href="{target}/history?x=1">look</a>')

    with served(Starlette(routes=[Route("/", attack), Route("/link", link)]), "127.0.0.1", 0) as port:
        yield port


@pytest.fixture
def foreign(browser: Browser) -> Iterator[Page]:
    """A tab of a browser for which evil.example is this machine."""
    rule = "--host-resolver-rules=MAP evil.example 127.0.0.1"
    other = browser.browser_type.launch(
        executable_path=need_tool("chromium", "chromium"), args=["--no-sandbox", rule], timeout=SECONDS * 1000
    )
    tab = other.new_page()
    tab.set_default_timeout(SECONDS * 1000)
    yield tab
    other.close()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost"])
def test_another_site_reads_writes_embeds_and_hears_nothing(result: Path, foreign: Page, host: str):
    target = Target(result)
    with (
        target.site.reader,
        served(make_app(target.site), "127.0.0.1", 0) as port,
        evil_site(f"http://127.0.0.1:{port}") as evil,
    ):
        foreign.goto(f"http://{host}:{evil}/")
        foreign.wait_for_function("document.title.startsWith('{')")
        told = json.loads(foreign.title())
    assert not target.carried_out
    sent = {name for name, what in told.items() if what == "sent"}
    assert all(name.startswith(("no-cors", "plain form", "form")) for name in sent), "which tells it nothing"
    rest = {name: what for name, what in told.items() if name not in sent and name != "frame"}
    assert set(rest.values()) == {"refused"}, rest
    assert {"cors", "image", "script", "socket", "preflight", "patch"} <= rest.keys()
    assert told["frame"] == ""


def test_a_name_that_was_made_to_lead_here_reads_nothing(result: Path, foreign: Page):
    site = site_of(settings_of(result))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        answer = foreign.goto(f"http://evil.example:{port}/people")
        assert answer
        assert answer.status == 400
        assert "person" not in foreign.content()


def test_a_link_elsewhere_leads_who_is_logged_in_to_the_page(tmp_path: Path, foreign: Page):
    with (
        behind_doors(tmp_path / "result", password=HASH) as app,
        served(app, "127.0.0.1", 0) as port,
        evil_site(f"http://127.0.0.1:{port}") as evil,
    ):
        foreign.goto(f"http://evil.example:{evil}/link")
        foreign.click("a")
        foreign.fill("#password", PASSWORD)
        foreign.keyboard.press("Enter")
        foreign.wait_for_url(lambda url: "/history?x=1" in url and "login" not in url)
        foreign.goto(f"http://evil.example:{evil}/link")
        foreign.click("a")
        foreign.wait_for_url(lambda url: "/history?x=1" in url and "login" not in url)
        foreign.wait_for_selector("nav")
        foreign.click("[action='/logout'] button:visible")
        foreign.wait_for_selector("#password")


@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_form_keeps_nobody_out_who_knows_the_password(tmp_path: Path, browser: Browser, language: str, scheme: Any):
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale=language, color_scheme=scheme)
    context.set_default_timeout(SECONDS * 1000)
    tab = context.new_page()
    with behind_doors(tmp_path / "result", password=HASH) as app, served(app, "127.0.0.1", 0) as port:
        tab.goto(f"http://127.0.0.1:{port}/")
        tab.keyboard.type("a wrong one")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("[role=alert]")
        found = [one["id"] for one in Axe().run(tab).response["violations"] if one["impact"] in ("serious", "critical")]
        assert not found
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        tab.keyboard.type(PASSWORD)
        tab.keyboard.press("Enter")
        tab.wait_for_selector("nav")
        context.close()
