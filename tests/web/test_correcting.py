"""A gallery of real faces is corrected in a browser: at speed, never wrongly, and all of it can be taken back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import Listener
from servers.pages import settings_of

from face_classifier.curate import ask
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.gallery.reading.reader import Reader

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

OBAMA, BIDEN = "person_01", "person_02"  # as the demo's clip is sorted: 23 faces and 15

COUNTS = """
window.inputs = { keys: 0, clicks: 0, drops: 0 };
addEventListener("keydown", (event) => event.isTrusted && !event.repeat && inputs.keys++, true);
addEventListener("click", (event) => event.isTrusted && event.detail && inputs.clicks++, true);
addEventListener("drop", (event) => event.isTrusted && inputs.drops++, true);
"""


def command(folder: Path, name: str, /, **arguments: Any) -> Any:
    """A command that somebody gives beside the page."""
    return ask.carry_out(settings_of(folder), name, arguments, Listener())


def seen(folder: Path) -> Catalogue:
    with Reader(folder) as reader:
        return reader.now()


def counts(folder: Path) -> dict[str, int]:
    """How many faces each person has, and how many are unknown ("") and ignored ("-")."""
    catalogue = seen(folder)
    people = {person.name: person.faces for person in catalogue.people}
    return {
        **people,
        **({"": catalogue.unknown} if catalogue.unknown else {}),
        **({"-": catalogue.ignored} if catalogue.ignored else {}),
    }


def faces_of(folder: Path, person: str | None, count: int = 1000) -> list[int]:
    return [face.id for face in seen(folder).faces_of(person, "odd", 0, count)]


def hash_of(folder: Path) -> str:
    """A hash of every picture of a face and where it lies."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.png")):
        if not path.name.startswith("montage."):
            digest.update(f"{path.relative_to(folder)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def entries(folder: Path) -> int:
    return seen(folder).revision


def settle(tab: Page) -> None:
    """Wait until all that was done is confirmed or refused."""
    tab.wait_for_selector("body:not([data-writing], :has(dialog[open]))")


def press(tab: Page, *keys: str) -> None:
    for key in keys:
        tab.keyboard.press(key)


def inputs(tab: Page) -> dict[str, int]:
    """Keys, clicks and drops since the page was opened, as the browser counts them."""
    counted: dict[str, int] = tab.evaluate("window.inputs")
    return counted


def told(tab: Page) -> str:
    """The newest toast."""
    return str(tab.locator(".toast").last.inner_text())


@pytest.fixture
def page(page_of: str, tab: Page) -> Callable[[str], Page]:
    """Opens a page of the gallery in a tab in which inputs are counted."""
    tab.add_init_script(COUNTS)

    def opened(path: str) -> Page:
        tab.goto(page_of + path)
        tab.wait_for_selector("[data-face], [data-card]")
        return tab

    return opened


@pytest.fixture
def twenty(result: Path) -> Path:
    """The folder, in which 20 of the 23 faces of one are unknown."""
    some = faces_of(result, OBAMA, 20)
    command(result, "assign", faces=some, person=None)
    command(result, "restore", faces=some)
    assert counts(result) == {OBAMA: 3, BIDEN: 15, "": 20}
    return result


def test_twenty_faces_get_a_name_by_four_keys_and_the_name(twenty: Path, page: Callable[[str], Page]):
    tab = page("/unknowns")
    press(tab, "Control+a", "a")
    tab.keyboard.type("Barack")
    press(tab, "Enter")
    settle(tab)
    assert counts(twenty) == {"Barack": 20, OBAMA: 3, BIDEN: 15}
    assert inputs(tab)["keys"] - len("Barack") <= 4
    assert inputs(tab)["clicks"] == 0


def test_a_key_gives_faces_to_one_of_the_nearest_people(twenty: Path, page: Callable[[str], Page]):
    tab = page("/unknowns")
    press(tab, "Control+a")
    tab.wait_for_selector("#nearest button")
    assert tab.locator("#nearest bdi").first.inner_text() == OBAMA
    press(tab, "1")
    settle(tab)
    assert counts(twenty) == {OBAMA: 23, BIDEN: 15}


def drag(tab: Page, source: str, target: str) -> None:
    tab.locator(source).drag_to(tab.locator(target))


def test_ten_faces_are_dragged_onto_a_person(result: Path, page: Callable[[str], Page]):
    tab = page(f"/people/{OBAMA}")
    tab.set_viewport_size({"width": 1280, "height": 1200})  # or a browser of tests drops on what covers the person
    some = faces_of(result, OBAMA, 10)
    tab.click(f"#face-{some[0]}")
    tab.click(f"#face-{some[9]}", modifiers=["Shift"])
    drag(tab, f"#face-{some[4]}", f"[data-drop=person][data-person={BIDEN}] >> nth=0")
    assert tab.locator("[data-face]").count() == 13
    settle(tab)
    assert counts(result) == {OBAMA: 13, BIDEN: 25}
    assert inputs(tab)["drops"] == 1
    assert set(some) <= set(faces_of(result, BIDEN))


def test_a_face_is_dragged_to_whatever_its_key_and_button_do(result: Path, page: Callable[[str], Page]):
    before = counts(result)
    tab = page(f"/people/{OBAMA}")
    face = faces_of(result, OBAMA, 1)[0]
    for target, after in {
        "[data-drop=not] >> nth=0": {OBAMA: 22, BIDEN: 15, "": 1},
        "#tray [data-act=ignore]": {OBAMA: 22, BIDEN: 15, "-": 1},
        "#tray [data-act=exclude]": {OBAMA: 22, BIDEN: 15},
        "#tray [data-act=new]": {OBAMA: 22, BIDEN: 15, "person_03": 1},
        f"#nearest [data-person={BIDEN}]": {OBAMA: 22, BIDEN: 16},
    }.items():
        tab.click(f"#face-{face}")
        tab.wait_for_selector(f"#nearest [data-person={BIDEN}]")
        drag(tab, f"#face-{face}", target)
        settle(tab)
        assert counts(result) == after, target
        press(tab, "z")
        settle(tab)
        assert counts(result) == before
        assert tab.locator(f"#face-{face}").count() == 1


def test_everything_is_taken_back_one_by_one_until_the_folder_is_as_it_was(result: Path, page: Callable[[str], Page]):
    before = hash_of(result)
    tab = page(f"/people/{OBAMA}")
    done = 0
    for keys in (["d"], ["i"], ["e"], ["n"], ["x", "j", "x", "u"]):
        press(tab, "j", *keys)
        settle(tab)
        done += 1
    press(tab, "j", "s", *"Part", "Enter")
    settle(tab)
    press(tab, "F2", "Control+a", *"Barack", "Enter")
    settle(tab)
    assert counts(result)["Barack"] == 23 - 7
    assert hash_of(result) != before
    for _ in range(done + 2):
        press(tab, "z")
        settle(tab)
    assert counts(result) == {OBAMA: 23, BIDEN: 15}
    assert hash_of(result) == before


def test_undo_reaches_what_was_done_on_the_page_before(result: Path, page: Callable[[str], Page]):
    before = hash_of(result)
    tab = page(f"/people/{OBAMA}")
    press(tab, "j", "u")
    settle(tab)
    page("/people")
    press(tab, "z")
    settle(tab)
    assert hash_of(result) == before


def test_undo_waits_for_a_write_that_is_under_way(result: Path, page: Callable[[str], Page]):
    before = hash_of(result)
    tab = page(f"/people/{OBAMA}")
    held: list[Any] = []
    tab.route("**/api/v1/faces/assign", lambda route: held.append(route))
    face = faces_of(result, OBAMA, 1)[0]
    press(tab, "j", "u")
    tab.wait_for_selector(f"#face-{face}", state="detached")
    press(tab, "z")
    tab.wait_for_selector(f"#face-{face}")
    held[0].continue_()
    settle(tab)
    assert hash_of(result) == before
    assert told(tab) == "Taken back"


def test_a_link_waits_for_the_writes_that_are_under_way(result: Path, page: Callable[[str], Page]):
    tab = page(f"/people/{OBAMA}")
    held: list[Any] = []
    tab.route("**/api/v1/faces/assign", lambda route: route.continue_() if held else held.append(route))
    press(tab, "j", "u", "u")
    tab.wait_for_function("document.querySelectorAll('[data-face]').length === 21")
    tab.click("nav a[href='/people']")
    held[0].continue_()
    tab.wait_for_url("**/people")
    assert counts(result) == {OBAMA: 21, BIDEN: 15, "": 2}


def test_a_double_click_or_a_key_held_down_does_it_once(result: Path, page: Callable[[str], Page]):
    tab = page(f"/people/{OBAMA}")
    tab.click("[data-face] >> nth=0")
    tab.dblclick("#tray [data-act=unknown]")
    settle(tab)
    assert counts(result) == {OBAMA: 22, BIDEN: 15, "": 1}
    tab.focus("[data-face] >> nth=0")
    for _ in range(5):
        tab.keyboard.down("i")  # all but the first are repeats
    tab.keyboard.up("i")
    settle(tab)
    assert counts(result) == {OBAMA: 21, BIDEN: 15, "": 1, "-": 1}


def test_a_stale_tab_moves_nothing_and_is_shown_what_is_so_now(result: Path, page: Callable[[str], Page], page_of: str):
    tab = page(f"/people/{OBAMA}")
    some = faces_of(result, OBAMA, 4)
    for face in some:
        tab.click(f"#face-{face}", modifiers=["Control"])
    command(result, "assign", faces=some[:2], person="Ann")
    was = hash_of(result)
    tab.wait_for_selector("#nearest button")
    press(tab, "1")
    tab.wait_for_selector(".toast.wrong")
    settle(tab)
    assert "moved in the meantime" in told(tab)
    assert hash_of(result) == was
    tab.wait_for_selector(f"#face-{some[0]}", state="detached")
    assert tab.locator("[data-face]").count() == 21
    chosen = tab.evaluate(
        "[...document.querySelectorAll('[aria-selected=true]')].map((one) => Number(one.dataset.face))"
    )
    assert sorted(chosen) == sorted(some[2:])


def test_what_this_tab_did_itself_makes_it_not_stale(result: Path, page: Callable[[str], Page]):
    tab = page(f"/people/{OBAMA}")
    for _ in range(2):
        press(tab, "j", "a", *"Ann", "Enter")
        settle(tab)
    command(result, "assign", faces=faces_of(result, BIDEN, 1), person="Ben")  # somebody else, about somebody else
    press(tab, "a", *"Ann", "Enter")
    settle(tab)
    assert counts(result) == {OBAMA: 20, "Ann": 3, BIDEN: 14, "Ben": 1}
    press(tab, "z")
    settle(tab)
    assert counts(result) == {OBAMA: 21, "Ann": 2, BIDEN: 14, "Ben": 1}


def test_what_cannot_be_done_is_shown_as_it_was_with_a_sentence(result: Path, page: Callable[[str], Page]):
    before = hash_of(result)
    tab = page(f"/people/{OBAMA}")
    press(tab, "j", "a", *"a/b", "Enter")
    tab.wait_for_selector(".toast.wrong")
    assert "a/b" in told(tab)
    assert tab.locator("[data-face]").count() == 23
    assert hash_of(result) == before


def test_hangul_is_composed_letter_by_letter_and_no_key_acts_meanwhile(result: Path, page: Callable[[str], Page]):
    command(result, "rename", person=BIDEN, name="김영수")
    tab = page(f"/people/{OBAMA}")
    wire = tab.context.new_cdp_session(tab)

    def compose(text: str) -> None:
        wire.send("Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)})

    def key(name: str, code: str) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            what = {"type": kind, "key": name, "code": code, "windowsVirtualKeyCode": 229}
            wire.send("Input.dispatchKeyEvent", what)

    press(tab, "j", "a")
    for text, code in (("ㄱ", "KeyR"), ("기", "KeyL"), ("김", "KeyA")):
        key("Process", code)
        compose(text)
    key("Process", "Enter")  # of the input method: it ends the syllable
    assert tab.locator("#chooser").is_visible()
    wire.send("Input.insertText", {"text": "김"})
    for text in ("ㅊ", "처", "철"):
        key("Process", "KeyC")
        compose(text)
    wire.send("Input.insertText", {"text": "철"})
    assert tab.input_value("#chooser input") == "김철"
    press(tab, "Enter")
    settle(tab)
    assert counts(result) == {OBAMA: 22, "김영수": 15, "김철": 1}
    press(tab, "a")
    wire.send("Input.insertText", {"text": "ㄱㅇㅅ"})
    tab.wait_for_selector("#choices li:first-child[data-name=김영수]")
    press(tab, "Enter")
    settle(tab)
    assert counts(result) == {OBAMA: 21, "김영수": 16, "김철": 1}


def test_a_name_is_changed_where_it_stands_and_escape_keeps_the_old_one(result: Path, page: Callable[[str], Page]):
    tab = page(f"/people/{OBAMA}")
    press(tab, "F2", *"xyz", "Escape")
    assert tab.locator("h1").inner_text() == OBAMA
    press(tab, "F2", "Control+a", *"Ann <b>", "Enter")
    settle(tab)
    assert counts(result) == {"Ann <b>": 23, BIDEN: 15}
    tab.wait_for_url("**/people/Ann%20%3Cb%3E")
    assert tab.locator("h1").inner_text() == "Ann <b>"


def test_a_taken_name_asks_to_merge_with_the_direction_and_merges_only_then(result: Path, page: Callable[[str], Page]):
    tab = page(f"/people/{OBAMA}")
    press(tab, "F2", "Control+a", *BIDEN, "Enter")
    tab.wait_for_selector("#direction")
    assert tab.locator("#direction").inner_text().strip() == f"{OBAMA}'s 23 faces go to {BIDEN}."
    press(tab, "Escape")
    settle(tab)
    assert counts(result) == {OBAMA: 23, BIDEN: 15}
    assert tab.locator("h1").inner_text() == OBAMA


def test_people_are_merged_in_the_direction_shown_under_the_name_chosen(result: Path, page: Callable[[str], Page]):
    before = hash_of(result)
    tab = page("/people")
    for person in (OBAMA, BIDEN):
        tab.click(f"[data-card][data-person={person}] a", modifiers=["Control"])
    press(tab, "m")
    tab.wait_for_selector("#direction")
    assert tab.locator("#direction").inner_text().strip() == f"{BIDEN}'s 15 faces go to {OBAMA}."
    tab.click("text=The other way round")
    assert tab.locator("#direction").inner_text().strip() == f"{OBAMA}'s 23 faces go to {BIDEN}."
    tab.fill("#merged-name", "Everybody")
    press(tab, "Enter")
    settle(tab)
    assert counts(result) == {"Everybody": 38}
    press(tab, "z")
    settle(tab)
    assert hash_of(result) == before


def test_a_person_is_dragged_onto_another_and_a_stale_page_merges_nobody(result: Path, page: Callable[[str], Page]):
    tab = page("/people")
    command(result, "assign", faces=faces_of(result, OBAMA, 2), person="Ann")
    drag(tab, f"[data-card][data-person={BIDEN}]", f"[data-card][data-person={OBAMA}]")
    tab.wait_for_selector("#direction")
    press(tab, "Enter")
    tab.wait_for_selector(".toast.wrong")
    settle(tab)
    assert counts(result) == {OBAMA: 21, BIDEN: 15, "Ann": 2}
    tab.wait_for_selector("[data-card][data-person=Ann]")


def test_a_phone_selects_by_a_long_press_and_names_by_the_bar(
    result: Path, page_of: str, context_of: Callable[..., BrowserContext]
):
    tab = context_of(390, 844, has_touch=True, is_mobile=True).new_page()
    tab.goto(page_of + f"/people/{OBAMA}")
    some = faces_of(result, OBAMA, 2)
    wire = tab.context.new_cdp_session(tab)
    box = tab.locator(f"#face-{some[0]}").bounding_box()
    assert box
    wire.send(
        "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": box["x"] + 30, "y": box["y"] + 30}]}
    )
    tab.wait_for_selector("[aria-selected=true]")
    wire.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    tab.tap(f"#face-{some[1]}")
    assert tab.locator("#tray output").inner_text() == "2 selected"
    tab.tap("#tray [data-act=assign]")
    tab.fill("#chooser input", "Ann")
    tab.tap("#choices li[data-new]")
    settle(tab)
    assert counts(result) == {OBAMA: 21, BIDEN: 15, "Ann": 2}
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_program_is_gone_and_what_was_shown_is_taken_back(result: Path, page: Callable[[str], Page]):
    tab = page(f"/people/{OBAMA}")
    tab.context.set_offline(True)
    press(tab, "j", "u")
    tab.wait_for_selector(".toast.wrong")
    assert told(tab) == "The program does not answer."
    assert tab.locator("[data-face]").count() == 23
    assert counts(result) == {OBAMA: 23, BIDEN: 15}
