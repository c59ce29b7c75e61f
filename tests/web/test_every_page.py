"""Every page, in a browser: nobody is kept out, nothing runs over the edge, and both languages are spoken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import APIRoute, APIRouter
from servers.pages import settings_of, site_of
from starlette.responses import HTMLResponse, Response

from face_classifier.web import pages as web_pages
from face_classifier.web.app import make_app
from face_classifier.web.served import served

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

# What stands for a part of an address that is in braces.
FILLED = {"name": "person_01", "camera": "door"}
# Other views of pages, which their query shows.
VIEWS = """
    /people?named=no
    /people?q=xyz
    /people/person_01?tab=visits
    /people/person_01?tab=similar
    /people/person_01?tab=not
    /unknowns?tab=ignored
    /unknowns?tab=excluded
""".split()
ELSEWHERE = {"/login", "/logout"}  # where they lead while no password is set is another page

STOPS = "a[href], button, input, select, textarea, summary, [tabindex='0']"
SERIOUS = "serious", "critical"
HANGUL = re.compile("[가-힣]")
# What a page says in its own language; parts that say which other one they are in are left out.
SAID = """() => {
  const main = document.querySelector("main").cloneNode(true);
  for (const one of main.querySelectorAll("[lang]")) one.remove();
  return main.textContent;
}"""
FETCHED = """() => new Promise((tell) => {
  const look = (left) => {
    const goesOn = document.querySelector(".htmx-request");
    if (goesOn && left) setTimeout(look, 50, left - 1);
    else tell(!goesOn);
  };
  setTimeout(look, 30, 100);
})"""
LEFT_OUT = """(stops) => [...document.querySelectorAll(stops)].filter((one) =>
  one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0 && !("reached" in one.dataset)
).map((one) => one.outerHTML.slice(0, 120))"""
REACH = """() => {
  const one = document.activeElement;
  const style = getComputedStyle(one);
  one.dataset.reached = "";
  const isSeen = one === document.body || style.outlineStyle !== "none" || style.boxShadow !== "none";
  return isSeen ? null : one.outerHTML.slice(0, 120);
}"""
# Links within sentences and bars of a chart are as small as they are (WCAG 2.2, 2.5.8).
SMALL = """() => [...document.querySelectorAll("a[href], button, summary, select, input")].filter((one) => {
  if (!one.checkVisibility({ visibilityProperty: true }) || one.closest("p, td, svg, .facts, .name")) return false;
  const box = (one.closest("label") ?? one).getBoundingClientRect();
  return box.width > 0 && box.bottom > 0 && box.height < 43.5;
}).map((one) => one.outerHTML.slice(0, 120))"""


def pages() -> list[str]:
    """The address of every page that a visitor may open."""
    found = set()
    for module in walk_packages(web_pages.__path__, f"{web_pages.__name__}."):
        router = getattr(import_module(module.name), "router", None)
        for route in router.routes if isinstance(router, APIRouter) else ():
            if isinstance(route, APIRoute) and "GET" in route.methods and issubclass(kind_of(route), HTMLResponse):
                found.add(route.path)
    return sorted(path.format(**FILLED) for path in found - ELSEWHERE)


def kind_of(route: APIRoute) -> type[Response]:
    """Of which kind the answer is."""
    kind = route.response_class
    return kind if isinstance(kind, type) else kind.value


@pytest.fixture
def address(result: Path) -> Iterator[str]:
    """A page whose folder has two people, a group of unknown faces, an ignored face, an excluded one, and a No."""
    site = site_of(settings_of(result))
    with site.reader:
        faces = [card.id for card in site.reader.now().faces_of("person_01")]
        group = {"faces": [card.id for card in site.reader.now().faces_of("person_02")][:4], "seen": None}
        site.carry_out("ignore", group)
        site.carry_out("restore", group)
        nobodys: dict[str, Any] = {"person": None, "new": False, "not": "person_01", "seen": None}
        site.carry_out("assign", {"faces": faces[:1], **nobodys})
        site.carry_out("ignore", {"faces": faces[1:2], "seen": None})
        site.carry_out("exclude", {"faces": faces[2:3], "seen": None})
        with served(make_app(site), "127.0.0.1", 0) as port:
            yield f"http://127.0.0.1:{port}"


@pytest.fixture
def narrow(context_of: Callable[..., BrowserContext]) -> Page:
    """A phone of 360 pixels whose owner reads Korean in the dark."""
    return context_of(360, 740, locale="ko-KR", color_scheme="dark", has_touch=True, is_mobile=True).new_page()


def shown(tab: Page, address: str) -> None:
    """Open a page, and wait for what it fetches by itself."""
    tab.goto(address)
    assert tab.evaluate(FETCHED), f"{address} does not come to rest"


def faults(tab: Page) -> list[str]:
    """What is wrong with a page: found by axe, serious or critical; too small to hit; beyond the edge."""
    from axe_playwright_python.sync_playwright import Axe

    # `preload` would copy style sheets into the page, which its policy forbids
    found = Axe().run(tab, options={"resultTypes": ["violations"], "preload": False}).response["violations"]
    wrong = [f"{one['id']}: {node['html'][:160]}" for one in found if one["impact"] in SERIOUS for node in one["nodes"]]
    wrong += [f"lower than 44 pixels: {one}" for one in tab.evaluate(SMALL)]
    return wrong + ["scrolls sideways"] * tab.evaluate("document.documentElement.scrollWidth > innerWidth")


def all_faults(tab: Page, address: str, language: str) -> dict[str, list[str]]:
    """What is wrong by page. Each has to be in a language."""
    found = {}
    for path in (*pages(), *VIEWS):
        shown(tab, address + path)
        found[path] = faults(tab)
        if tab.locator("html").get_attribute("lang") != language:
            found[path].append("another language")
        if (HANGUL.search(tab.evaluate(SAID)) is not None) != (language == "ko"):
            found[path].append("words of another language")
    assert len(found) > 10
    return {path: wrong for path, wrong in found.items() if wrong}


def test_every_page_keeps_nobody_out_in_the_light(address: str, tab: Page):
    assert not all_faults(tab, address, "en")


def test_every_page_keeps_nobody_out_on_a_phone_in_the_dark(address: str, narrow: Page):
    assert not all_faults(narrow, address, "ko")


@pytest.mark.parametrize("path", ["/people", "/people/person_01", "/unknowns"])
def test_the_keyboard_reaches_everything_and_it_is_seen_where_it_is(path: str, address: str, tab: Page):
    shown(tab, address + path)
    unseen = []
    for _ in range(tab.locator(STOPS).count() + 1):
        tab.keyboard.press("Tab")
        unseen.append(tab.evaluate(REACH))
    assert tab.evaluate(LEFT_OUT, STOPS) == []
    assert not any(unseen), "the focus is not to be seen"


def test_light_and_dark_and_the_language_are_chosen_for_good(address: str, tab: Page):
    shown(tab, address + "/people?theme=dark&lang=ko&q=person")
    assert tab.url.endswith("/people?q=person")
    tab.goto(address + "/unknowns")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 22, 24)"
    assert tab.locator("html").get_attribute("lang") == "ko"
    tab.get_by_role("link", name="English").click()
    tab.locator("html[lang=en]").wait_for()


def test_motion_is_left_out_for_who_wants_none(address: str, context_of: Callable[..., BrowserContext]):
    tab = context_of(reduced_motion="reduce").new_page()
    shown(tab, address + "/people")
    assert tab.evaluate("parseFloat(getComputedStyle(document.querySelector('button')).transitionDuration)") < 0.001


def test_names_are_found_while_they_are_typed(address: str, tab: Page):
    shown(tab, address + "/people")
    tab.get_by_role("searchbox").fill("02")
    tab.locator("[data-card]").nth(1).wait_for(state="detached")
    assert tab.locator("[data-card]").get_attribute("data-person") == "person_02"
    assert "q=02" in tab.url


def test_forgetting_asks_first(address: str, tab: Page):
    shown(tab, address + "/people/person_02")
    tab.locator(".title summary").click()
    tab.locator("[data-opens=forget]").click()
    assert "cannot be undone" in tab.get_by_role("dialog").inner_text()
    tab.get_by_role("button", name="Cancel").click()
    assert not tab.locator("#forget").is_visible()


def test_the_other_pages_are_behind_more_on_a_phone(address: str, narrow: Page):
    shown(narrow, address + "/people")
    narrow.get_by_role("button", name="더 보기").click()
    narrow.get_by_role("link", name="변경 이력").wait_for()
