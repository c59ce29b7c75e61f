"""The first page and the pages of cameras in a browser, over a daemon that watches."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml
from conftest import Listener
from servers.pages import settings_of
from servers.streams import HttpCamera
from servers.watched import Watched, until, watched
from web.test_every_page import faults

from face_classifier.core.config.parts.cameras import Camera
from face_classifier.curate import ask

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

ZONE = [[0.5, 0.5], [1, 0.5], [1, 1], [0.5, 1]]
BRIGHT = """camera => {
  const canvas = document.querySelector(`[data-camera="${camera}"] canvas`);
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let sum = 0;
  for (let place = 0; place < data.length; place += 4) sum += data[place];
  return sum / (data.length / 4);
}"""


@pytest.fixture
def cellar() -> Iterator[HttpCamera]:
    with HttpCamera() as camera:
        yield camera


@pytest.fixture
def house(demo_clip: Path, cellar: HttpCamera, tmp_path: Path) -> Iterator[Watched]:
    """A daemon that watches the demo's clip and a camera that may be lost."""
    door = {"url": str(demo_clip), "repeat": True, "zones": {"porch": ZONE}}
    cameras = {"door": door, "cellar": {"url": cellar.address(), "silence": 1}}
    with watched(tmp_path / "result", cameras) as house:
        until(lambda: {house.status(name) for name in cameras} == {"good"}, "both cameras show pictures")
        yield house


def look(tab: Page, camera: str) -> Any:
    """The tile of a camera."""
    return tab.locator(f'[data-camera="{camera}"]')


def test_cameras_are_shown_live_and_a_lost_one_grey_since_when(
    house: Watched, cellar: HttpCamera, context_of: Callable[..., BrowserContext]
):
    tab = context_of(locale="de-DE").new_page()
    tab.goto(f"{house.address}/live")
    for camera in ("door", "cellar"):
        look(tab, camera).locator("canvas").wait_for()
        tab.wait_for_selector(f'[data-camera="{camera}"][data-shown][data-status=good]')
        assert tab.evaluate(BRIGHT, camera) > 20
    assert look(tab, "door").locator("[data-note]").inner_text().endswith("s behind")
    cellar.become("refused")
    tab.wait_for_selector('[data-camera="cellar"][data-status=lost][data-stale]')
    assert look(tab, "cellar").locator("[data-note]").inner_text().startswith("since ")
    assert "grayscale" in look(tab, "cellar").locator("canvas").evaluate("one => getComputedStyle(one).filter")
    assert look(tab, "door").get_attribute("data-stale") is None
    tab.reload()  # a tab that is opened later has no picture of it at all
    tab.wait_for_selector('[data-camera="door"][data-shown]')
    assert (
        look(tab, "cellar").get_attribute("data-shown") is None
        or look(tab, "cellar").get_attribute("data-stale") is not None
    )
    cellar.become("good")
    tab.wait_for_selector('[data-camera="cellar"][data-status=good]:not([data-stale])')


def test_a_hidden_tab_is_sent_no_picture(house: Watched, tab: Page):
    tab.goto(f"{house.address}/live")
    tab.wait_for_selector('[data-camera="door"][data-shown]')
    hide = "is => { Object.defineProperty(document, 'hidden', {value: is, configurable: true});"
    hide += "document.dispatchEvent(new Event('visibilitychange')); }"
    tab.evaluate(hide, True)
    tiles = house.app.state.live.tiles
    until(lambda: not tiles._viewers, "nobody looks")
    drawn = tiles.drawn
    analysed = house.daemon.status().cameras[0].analysed
    until(lambda: house.daemon.status().cameras[0].analysed >= analysed + 3, "the camera goes on")
    assert tiles.drawn == drawn
    tab.evaluate(hide, False)
    until(lambda: tiles.drawn > drawn, "the tab is shown pictures again")


def test_a_camera_is_paused_and_watches_again(house: Watched, tab: Page):
    tab.goto(f"{house.address}/live/door")
    tab.wait_for_selector('[data-camera="door"][data-shown][data-status=good]')
    tab.get_by_role("button", name="Pause").click()
    tab.wait_for_selector('[data-camera="door"][data-status=paused][data-stale]')
    assert house.status("door") == "paused"
    tab.get_by_role("button", name="Resume").click()
    tab.wait_for_selector('[data-camera="door"][data-status=good]:not([data-stale])')


def test_the_first_page_tells_who_is_here_and_moves_nothing_by_itself(house: Watched, tab: Page):
    until(lambda: house.site.reader.now().people, "somebody was seen")
    tab.goto(house.address)
    tab.wait_for_selector("ul.here li")
    assert tab.locator(".states [data-camera=cellar] .badge").inner_text() == "Live"
    before = tab.locator("main").inner_html()
    house.site.hub.publish("visit", {"person": "Anna", "camera": "door"})
    house.site.hub.publish("visit", {"person": "Ben", "camera": "door"})
    tab.get_by_role("button", name="new").wait_for()
    assert re.match(r"\d+ new", tab.locator(".news").inner_text())
    assert _names(before) == _names(tab.locator("main").inner_html())
    tab.locator(".news").click()
    tab.locator(".news").wait_for(state="detached")


def test_what_others_changed_is_said_and_waits_until_it_is_asked_for(page_of: str, result: Path, tab: Page):
    tab.goto(f"{page_of}/people")
    cards = tab.locator("[data-card]")
    before = cards.last.get_attribute("data-person"), cards.last.bounding_box()
    ask.carry_out(settings_of(result), "rename", {"person": "person_02", "name": "Anna"}, Listener())
    tab.get_by_role("button", name="Something has changed").wait_for()
    assert (cards.last.get_attribute("data-person"), cards.last.bounding_box()) == before
    tab.get_by_role("button", name="Something has changed").click()
    tab.locator('[data-card][data-person="Anna"]').wait_for()
    tab.locator(".news").wait_for(state="detached")


def test_each_change_is_said_on_a_page_that_was_opened_on_an_empty_folder(page_of: str, result: Path, tab: Page):
    tab.goto(f"{page_of}/people")
    tab.evaluate("document.body.dataset.revision = 0")  # as an empty folder has it
    news = tab.get_by_role("button", name="Something has changed")
    for name, following in (("person_02", "Anna"), ("Anna", "Ben")):
        ask.carry_out(settings_of(result), "rename", {"person": name, "name": following}, Listener())
        news.wait_for()
        news.click()
        tab.locator(f'[data-card][data-person="{following}"]').wait_for()
        news.wait_for(state="detached")


def _names(html: str) -> list[str]:
    """The names on the page, in order."""
    return [part.split("</bdi>")[0] for part in html.split('<bdi dir="auto">')[1:]]


def test_masks_and_zones_are_drawn_by_mouse_and_keys_and_become_lines_of_the_configuration(house: Watched, tab: Page):
    tab.goto(f"{house.address}/live/door")
    tab.wait_for_selector('[data-camera="door"][data-shown]')
    tab.get_by_role("button", name="Draw a mask").click()
    box = board_of(tab)
    for x, y in ((0.1, 0.1), (0.4, 0.1), (0.4, 0.4)):
        tab.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Draw a zone").click()
    for keys in ("ArrowLeft", "ArrowUp", "Shift+ArrowRight"):  # from where the mouse was last
        for _ in range(4):
            tab.keyboard.press(keys)
        tab.keyboard.press("Space")
    tab.keyboard.press("Enter")
    assert tab.get_by_text("give it a name").is_visible()
    assert tab.locator("textarea").input_value() == ""
    tab.keyboard.type("sofa 2")  # whose field has the focus
    tab.locator(".areas select").last.select_option("ignore")
    tab.get_by_label("Show strangers pixelated").check()
    told = yaml.safe_load(tab.locator("textarea").input_value())["cameras"]["door"]
    camera = Camera(url="door.mp4", **told)
    near = partial(pytest.approx, abs=0.003)  # a pixel
    assert [number for mask in camera.masks for number in chain(*mask)] == near([0.1, 0.1, 0.4, 0.1, 0.4, 0.4])
    assert list(chain(*camera.zones["porch"])) == list(chain(*ZONE))
    assert list(chain(*camera.zones["sofa 2"])) == near([0.36, 0.4, 0.36, 0.36, 0.56, 0.36])
    assert (camera.ignore, camera.only, camera.pixelate) == (("sofa 2",), (), "strangers")


def test_a_corner_is_moved_by_touch_and_sides_that_cross_are_told(
    house: Watched, context_of: Callable[..., BrowserContext]
):
    tab = context_of(390, 844, has_touch=True, is_mobile=True).new_page()
    tab.goto(f"{house.address}/live/door")
    tab.wait_for_selector('[data-camera="door"][data-shown]')
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.get_by_role("button", name="Draw a mask").tap()
    box = board_of(tab)
    for x, y in ((0.1, 0.1), (0.4, 0.1), (0.4, 0.4), (0.1, 0.4)):
        tab.touchscreen.tap(box["x"] + x * box["width"], box["y"] + y * box["height"])
    tab.get_by_role("button", name="Done").tap()
    lines = tab.locator("textarea")
    assert len(yaml.safe_load(lines.input_value())["cameras"]["door"]["masks"][0]) == 4
    box = board_of(tab)
    drag(tab, (box["x"] + 0.4 * box["width"], box["y"] + 0.1 * box["height"]), (10.0, 0.6 * box["height"]))
    tab.get_by_text("its sides cross").wait_for()
    assert lines.input_value() == ""


def board_of(tab: Page) -> Any:
    """Where the picture is, on which is drawn; it does not move until something is pressed elsewhere."""
    tab.locator("#board").scroll_into_view_if_needed()
    return tab.locator("#board").bounding_box()


def drag(tab: Page, start: tuple[float, float], by: tuple[float, float]) -> None:
    """Drag by touch."""
    client = tab.context.new_cdp_session(tab)
    for kind, part in (("touchStart", 0.0), ("touchMove", 0.5), ("touchMove", 1.0), ("touchEnd", None)):
        points = [] if part is None else [{"x": start[0] + by[0] * part, "y": start[1] + by[1] * part}]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.mark.parametrize("path", ["/", "/live", "/live/door"])
def test_the_pages_keep_nobody_out(house: Watched, tab: Page, path: str):
    tab.goto(house.address + path)
    tab.wait_for_selector("[data-camera] .badge:not(:empty)")
    assert not faults(tab)


def test_eight_cameras_in_three_tabs_hold_nobody_up(
    demo_clip: Path, tmp_path: Path, context_of: Callable[..., BrowserContext]
):
    cameras = {f"camera {number}": {"url": str(demo_clip), "repeat": True} for number in range(8)}
    with watched(tmp_path / "result", cameras) as house:
        context = context_of()
        tabs = [context.new_page() for _ in range(3)]
        for tab in tabs:
            tab.goto(f"{house.address}/live")
        for tab in tabs:
            tab.bring_to_front()
            for name in cameras:
                tab.wait_for_selector(f'[data-camera="{name}"][data-shown]', timeout=20_000)
        with httpx.Client(base_url=house.address, timeout=5) as client:
            for _ in range(20):
                began = time.monotonic()
                assert client.get("/healthz").status_code == 200
                assert time.monotonic() - began < 5
        began = time.monotonic()
        tabs[0].evaluate("fetch('/healthz').then(answer => answer.text())")  # of the origin that has the tabs
        assert time.monotonic() - began < 5
        for tab in tabs:
            tab.close()
