"""Names of people, files and cameras are data: no page of the program runs them, and none leads out of the folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from conftest import Listener
from markupsafe import escape
from servers.asking import Answer, ask, doors_of
from servers.pages import settings_of, site_of

from face_classifier.curate import ask as asked
from face_classifier.library.runs import run
from face_classifier.web.app import make_app
from face_classifier.web.served import served

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

EVIL = "\"><img src=x onerror=alert('zzq')>"
OTHER = "';alert('zzq');'{{7*7}}${alert(1)}<svg onload=alert(1)>&lt;b&gt;"
FILE = "\"'><script>alert('zzq')<.avi"
PAGES = ("/", "/people", "/unknowns", "/suggestions", "/events", "/history", "/live", "/search", "/map", "/settings")


@pytest.fixture(scope="module")
def hostile(demo_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of a video and two people with such names."""
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copy(demo_clip, folder / FILE)
    run(folder / FILE, folder / "result")
    settings = settings_of(folder / "result")
    for person, name in (("person_01", EVIL), ("person_02", OTHER)):
        asked.carry_out(settings, "rename", {"person": person, "name": name}, Listener())
    return folder / "result"


@pytest.fixture
def app(hostile: Path) -> Iterator[Any]:
    site = site_of(settings_of(hostile))
    with site.reader:
        made = make_app(site)
        yield made
        made.state.asides.end()  # as a server does that stops


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("base", "object", "embed", "iframe", "frame", "style", "applet"):
            self.wrong.append(f"<{tag}>")
        if tag == "script" and not (given.get("src") or "").startswith("/static/"):
            self.wrong.append("a script of its own")
        for name, value in attrs:
            if name.startswith("on") or name in ("style", "srcdoc", "hx-on", "hx-vals", "hx-vars"):
                self.wrong.append(f"<{tag} {name}={value!r}>")
            if name in ("href", "src", "action", "formaction", "hx-get", "hx-post", "data-next"):
                is_ours = (value or "").startswith(("/", "?", "#")) and not (value or "").startswith("//")
                if not is_ours:
                    self.wrong.append(f"<{tag} {name}={value!r}>")


def values_of(app: Any) -> list[dict[str, str]]:
    face = next(iter(app.state.site.reader.now().faces_of(EVIL, "odd", 0, 1))).id
    names = [quote(name, safe="") for name in (EVIL, OTHER)]
    return [{"name": name, "person": name, "face": str(face), "camera": quote(FILE, safe="")} for name in names]


def test_no_page_runs_a_name(app: Any):
    shown = 0
    for values in values_of(app):
        for door in doors_of(app, values):
            if door.method != "GET" or door.scheme != "http" or door.path.endswith(".mjpg"):
                continue
            answer = ask(app, door.path, {"Accept": "text/html"})
            assert answer.status < 500, door.path
            if answer.headers.get("content-type", "").startswith("text/html"):
                assert not Tags(answer.text).wrong, door.path
                assert "onerror=alert" not in answer.text.replace(str(escape(EVIL)), ""), door.path
                assert ">49<" not in answer.text, door.path
                shown += str(escape(EVIL)) in answer.text or str(escape(OTHER)) in answer.text
            elif "zzq" in answer.text:
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["content-type"].startswith(("application/", "text/csv")), door.path
    assert shown >= 4, "the names are on pages, as data"


SCRIPT = "<script>alert('zzq')</script>"


def test_no_page_runs_what_its_address_says(app: Any):
    names = "q tab sort named person camera since until day cursor next theme lang order kind unknown from_time".split()
    pages = (*PAGES, "/login", "/people/" + quote(EVIL, safe=""))
    some = (names[:3], names[3:6], names[6:10], names[10:])
    for query, path, given in product((EVIL, OTHER, SCRIPT, "javascript:alert('zzq')", "\u202ezzq"), pages, some):
        answer = ask(app, f"{path}?{'&'.join(f'{name}={quote(query)}' for name in given)}", {"Accept": "text/html"})
        assert answer.status < 500, (query, path, given)
        if answer.headers.get("content-type", "").startswith("text/html"):
            assert not Tags(answer.text).wrong, (query, path, given)
        assert "\n" not in answer.headers.get("location", ""), (query, path, given)


def said(answer: Answer) -> str:
    return answer.text if not answer.headers.get("content-type", "").startswith("image/") else ""


OUTSIDE = [
    *".. . %2e%2e ..%2f..%2fetc%2fpasswd %2fetc%2fpasswd ..%5c..%5cfaces.sqlite %00 a%00.jpg %252e%252e".split(),
    *"....%2f%2f faces.sqlite .rejected .lock -1 99999999999999999999 1e3 %0d%0aA:b %ff%fe ~root * %".split(),
    "a" * 5000,
]


def test_no_address_leads_out_of_the_folder(app: Any):
    for part in OUTSIDE:
        values = dict.fromkeys(("name", "person", "face", "camera", "one", "other"), part)
        for door in doors_of(app, values):
            if door.method == "GET" and door.scheme == "http" and part in door.path:
                answer = ask(app, door.path)
                assert answer.status < 500, door.path
                assert "root:" not in said(answer), door.path
                assert "SQLite format" not in said(answer), door.path


@pytest.mark.parametrize("path", ["//evil.example/x", "///evil.example", "//evil.example/people/1"])
def test_a_page_at_an_odd_address_has_no_link_elsewhere(app: Any, path: str):
    answer = ask(app, path, {"Accept": "text/html"})
    assert (answer.status, Tags(answer.text).wrong) == (404, [])


def test_a_browser_that_looks_at_every_page_runs_nothing(
    hostile: Path, context_of: Callable[..., BrowserContext], tmp_path: Path
):
    shutil.copytree(hostile, tmp_path / "result")
    site = site_of(settings_of(tmp_path / "result"))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        tab = context_of().new_page()
        ran: list[str] = []
        tab.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
        there = {door.path for door in doors_of(make_app(site))}
        person = "/people/" + quote(EVIL, safe="")
        for path in (
            *(path for path in PAGES if path in there),
            person,
            f"{person}?tab=visits",
            f"{person}?tab=similar",
        ):
            tab.goto(f"http://127.0.0.1:{port}{path}")
            tab.wait_for_load_state("load")
        tab.goto(f"http://127.0.0.1:{port}{person}")
        assert EVIL in tab.inner_text("main")
        assert tab.title().startswith(EVIL) or EVIL in tab.title()
        tab.locator("[data-face]").first.click()
        tab.keyboard.press("a")
        tab.wait_for_selector("#chooser [role=option]")
        tab.goto("about:blank")  # before there is no server any more
        assert not ran


def test_names_are_told_to_programs_as_they_are(app: Any):
    people = json.loads(ask(app, "/api/v1/people").text)
    assert {EVIL, OTHER} <= {person["name"] for person in people["people" if "people" in people else "items"]}
