"""Faces of a page are selected by keys, mouse and finger alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

LISTS = """
(lists) => {
  const picture = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==";
  document.getElementById("main").innerHTML = lists.map(([person, faces], at) => `
    <section ${person ? "" : 'class="group" data-group'}><ul class="faces" role="listbox" aria-multiselectable="true"
      aria-label="${at}" data-faces data-revision="1" data-person="${person}">` + faces.map((face) =>
      `<li role="option" id="face-${face}" data-face="${face}" aria-selected="false" tabindex="-1"
        ><img src="${picture}" alt="face ${face}"></li>`).join("") + "</ul></section>").join("");
  document.dispatchEvent(new CustomEvent("htmx:afterSettle"));
}
"""


@pytest.fixture
def faces(page_of: str, tab: Page) -> Page:
    """A tab with two lists, of 30 and of 5 faces, in rows of several."""
    return filled(tab, page_of)


def filled(tab: Page, address: str) -> Page:
    tab.goto(address)
    tab.evaluate(LISTS, [["Kim", list(range(1, 31))], ["", list(range(31, 36))]])
    return tab


def selected(tab: Page) -> list[int]:
    return [
        int(face)
        for face in tab.evaluate(
            "[...document.querySelectorAll('[aria-selected=true]')].map((one) => one.dataset.face)"
        )
    ]


def focused(tab: Page) -> int:
    return int(tab.evaluate("document.activeElement.dataset.face ?? 0"))


def columns(tab: Page) -> int:
    tops = tab.evaluate("[...document.querySelectorAll('[data-person=Kim] > li')].map((one) => one.offsetTop)")
    return tops.count(tops[0])


def press(tab: Page, *keys: str) -> None:
    for key in keys:
        tab.keyboard.press(key)


def test_a_list_is_one_stop_of_the_tab_key_at_the_face_where_one_was(faces: Page):
    faces.focus("#face-1")
    press(faces, "j", "ArrowRight")
    assert focused(faces) == 3
    press(faces, "Tab")
    assert focused(faces) == 31
    press(faces, "Shift+Tab")
    assert focused(faces) == 3


def test_arrows_go_through_rows_and_on_to_the_next_list(faces: Page):
    across = columns(faces)
    assert 3 < across < 16
    faces.focus("#face-2")
    press(faces, "ArrowDown")
    assert focused(faces) == 2 + across
    press(faces, "ArrowUp", "k")
    assert focused(faces) == 1
    press(faces, "End")
    assert focused(faces) == 30
    press(faces, "ArrowDown")
    assert focused(faces) >= 31
    press(faces, "ArrowUp", "Home", "k")
    assert focused(faces) == 1


def test_keys_select_single_faces_ranges_and_all_of_a_list(faces: Page):
    faces.focus("#face-3")
    press(faces, "x", "j", "j", "x")
    assert selected(faces) == [3, 5]
    press(faces, "Shift+ArrowRight", "Shift+j")
    assert selected(faces) == [5, 6, 7]
    press(faces, "Control+a")
    assert selected(faces) == list(range(1, 31))
    press(faces, "Escape")
    assert selected(faces) == []
    assert focused(faces) == 7


def test_the_mouse_selects_one_some_and_a_range(faces: Page):
    faces.click("#face-3")
    faces.click("#face-5")
    assert selected(faces) == [5]
    faces.click("#face-9", modifiers=["Control"])
    assert selected(faces) == [5, 9]
    faces.click("#face-12", modifiers=["Shift"])
    assert selected(faces) == [9, 10, 11, 12]
    faces.click("#face-10", modifiers=["Control"])
    assert selected(faces) == [9, 11, 12]


def test_a_band_drawn_over_faces_selects_them(faces: Page):
    first, last = (faces.locator(f"#face-{face}").bounding_box() for face in (1, columns(faces) + 2))
    assert first
    assert last
    faces.mouse.move(first["x"] - 6, first["y"] + 5)
    faces.mouse.down()
    faces.mouse.move(last["x"] + 20, last["y"] + 20, steps=4)
    faces.mouse.up()
    assert selected(faces) == [1, 2, columns(faces) + 1, columns(faces) + 2]
    assert faces.locator(".band").count() == 0


def test_a_bar_tells_how_many_are_selected_and_what_can_be_done(faces: Page):
    tray = faces.locator("#tray")
    assert tray.is_hidden()
    faces.click("#face-3")
    faces.click("#face-4", modifiers=["Control"])
    assert tray.locator("output").inner_text() == "2 selected"
    title = tray.locator("[data-act=not]").get_attribute("title")
    assert title == "Not this person (d)"
    assert tray.locator("[data-act=restore]").is_hidden()
    faces.click("#face-32")
    assert tray.locator("[data-act=not]").is_hidden()
    tray.locator("[data-act=clear]").click()
    assert selected(faces) == []
    assert tray.is_hidden()


def test_a_group_is_meant_as_a_whole_until_some_of_it_are_selected(faces: Page):
    faces.focus("#face-32")
    assert faces.locator("#tray output").inner_text() == "This group: 5 faces"
    press(faces, "x")
    assert faces.locator("#tray output").inner_text() == "1 selected"
    press(faces, "Enter")
    assert faces.locator("#chooser h2").inner_text() == "Who are these 4 faces?"


def test_help_tells_each_key_once_and_is_closed_by_escape(faces: Page):
    press(faces, "?")
    terms = faces.locator("#help dt").all_inner_texts()
    assert {"a /", "n", "u", "d", "i", "z", "x", "?"} <= {term.replace("\n", " ").strip() for term in terms}
    assert len(terms) == len(set(terms))
    press(faces, "Escape")
    assert not faces.locator("#help").is_visible()


def test_letters_are_keys_only_where_nothing_is_written(faces: Page):
    faces.focus("#face-3")
    faces.evaluate(
        "document.getElementById('main').insertAdjacentHTML('beforeend', '<input id=field><dialog id=d>words</dialog>')"
    )
    faces.focus("#field")
    press(faces, "x", "?", "Control+a")
    assert faces.input_value("#field") == "x?"
    assert selected(faces) == []
    faces.focus("#face-3")
    faces.evaluate("document.getElementById('d').show()")
    press(faces, "x")
    assert selected(faces) == []


def test_a_korean_keyboard_has_the_same_keys_but_not_while_it_composes(faces: Page):
    faces.focus("#face-3")
    typed = "(event) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {bubbles: true, ...event}))"
    faces.evaluate(typed, {"key": "ㅌ", "code": "KeyX", "isComposing": True})
    faces.evaluate(typed, {"key": "Process", "code": "KeyX", "keyCode": 229})
    assert selected(faces) == []
    faces.evaluate(typed, {"key": "ㅌ", "code": "KeyX"})
    assert selected(faces) == [3]


def test_a_long_press_selects_on_a_phone_and_a_scroll_does_not(page_of: str, context_of: Callable[..., BrowserContext]):
    tab = filled(context_of(390, 844, has_touch=True, is_mobile=True).new_page(), page_of)
    wire = tab.context.new_cdp_session(tab)

    def touch(kind: str, *point: float) -> None:
        points: list[dict[str, Any]] = [{"x": point[0], "y": point[1]}] if point else []
        wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    box = tab.locator("#face-2").bounding_box()
    assert box
    x, y = box["x"] + 20, box["y"] + 20
    touch("touchStart", x, y)
    tab.wait_for_selector("[aria-selected=true]")
    touch("touchEnd")
    assert selected(tab) == [2]
    tab.tap("#face-4")
    assert selected(tab) == [2, 4]
    assert tab.locator("#tray output").inner_text() == "2 selected"
    touch("touchStart", x, y)
    for step in range(1, 6):
        touch("touchMove", x, y - 12 * step)
    touch("touchEnd")
    assert tab.evaluate("scrollY") > 20
    assert selected(tab) == [2, 4]
