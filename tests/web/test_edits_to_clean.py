"""How many inputs it takes until a gallery in which much is wrong is right."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from servers.pages import settings_of, site_of
from web.wrong_gallery import WrongGallery, make_wrong_gallery

from face_classifier.web.app import make_app
from face_classifier.web.served import served

if TYPE_CHECKING:
    from playwright.sync_api import Page

ENOUGH = 0.25  # inputs a face that is moved: key presses, clicks and drags; a key with Shift or Ctrl is one
COUNTS = """
const more = () => sessionStorage.setItem("inputs", Number(sessionStorage.getItem("inputs")) + 1);
addEventListener("keydown", (event) => event.isTrusted && !["Shift", "Control"].includes(event.key) && more(), true);
addEventListener("click", (event) => event.isTrusted && event.detail && more(), true);
addEventListener("drop", (event) => event.isTrusted && more(), true);
"""
WAITS = 30  # seconds for what is worked out aside


class User:
    """Somebody who knows whose each face is, and does what the page offers."""

    def __init__(self, tab: Page, gallery: WrongGallery) -> None:
        self.tab, self.gallery = tab, gallery

    def owner(self, faces: list[int]) -> int:
        """Whose most of these faces are."""
        return Counter(self.gallery.truth[face] for face in faces).most_common(1)[0][0]

    def press(self, key: str) -> None:
        self.tab.keyboard.press(key)
        self.tab.wait_for_selector("body:not([data-writing])")

    def goes(self, link: str) -> None:
        """By a click."""
        address = self.tab.get_attribute(link, "href")
        self.tab.click(link)
        self.tab.wait_for_url(f"**{address}")
        self.waits()

    def waits(self) -> None:
        """For what is worked out aside."""
        end = monotonic() + WAITS
        while self.tab.locator(".going-on").count():
            assert monotonic() < end, "the questions are not ready"
            self.tab.wait_for_timeout(100)

    def faces(self, selector: str) -> list[int]:
        found: list[int] = self.tab.eval_on_selector_all(
            f"{selector} [data-face]", "(faces) => faces.map((face) => Number(face.dataset.face))"
        )
        return found

    def answers(self) -> None:
        """Questions whether two people are one, or one is two."""
        while self.tab.locator(".question:visible").count():
            asked = self.tab.eval_on_selector(".question:not([hidden])", "(question) => ({ ...question.dataset })")
            self.press("y" if self.is_one(asked) else "n")
            self.tab.wait_for_selector(f"[data-question='{asked['question']}']:visible", state="detached")

    def is_one(self, asked: dict[str, str]) -> bool:
        if asked["kind"] == "one":
            return self.person(asked["one"]) == self.person(asked["other"])
        go = [int(face) for face in asked["go"].split(",")]
        stay = [int(face) for face in asked["whole"].split(",") if int(face) not in go]
        return self.owner(go) == self.owner(stay)

    def names_groups(self) -> None:
        """Groups of faces that the page gives to somebody: the odd ones are taken out, the others move at once."""
        for group in self.tab.eval_on_selector_all("[data-group] ul", "(all) => all.map((one) => one.id)"):
            offered = self.tab.get_attribute(f"#{group}", "data-offers")
            assert offered
            for face in self.faces(f"#{group}"):
                if self.gallery.truth[face] != self.person(offered):
                    self.tab.click(f"#face-{face}", modifiers=["Control"])
        self.press("Shift+Enter")

    def person(self, name: str) -> int:
        """Whom a folder is named after, who it is for the user: whose most of its faces are."""
        return self.owner([face for face, folder in self.gallery.labels().items() if folder == name])

    def merges(self) -> None:
        """People of whom the cards show that they are one."""
        of: dict[int, list[str]] = {}
        for name in sorted(set(self.gallery.labels().values()) - {""}):
            of.setdefault(self.person(name), []).append(name)
        for names in of.values():
            if len(names) > 1:
                for name in names:
                    self.tab.click(f"[data-card][data-person='{name}'] a", modifiers=["Control"])
                self.press("m")
                self.tab.wait_for_selector("#direction")
                self.press("Enter")

    def gives_groups(self) -> None:
        """Groups of unknown faces: the odd ones are taken out, a key gives the others to the nearest of the people."""
        self.press("j")
        while self.tab.locator("[data-group]:visible").count():
            group = self.tab.evaluate("document.activeElement.closest('[data-group]').id")
            faces = self.faces(f"#{group}")
            owner = self.owner(faces)
            assert {self.gallery.truth[face] for face in faces} == {owner}
            self.tab.wait_for_selector("#nearest button")
            people = self.tab.eval_on_selector_all("#nearest button", "(all) => all.map((one) => one.dataset.person)")
            self.press(str(1 + [self.person(name) for name in people].index(owner)))
            self.tab.wait_for_selector(f"#{group}", state="hidden")

    def inputs(self) -> int:
        return int(self.tab.evaluate("Number(sessionStorage.getItem('inputs'))"))


def test_a_wrong_gallery_is_right_after_a_quarter_of_an_input_a_face(tmp_path: Path, tab: Page):
    gallery = make_wrong_gallery(tmp_path / "result")
    wrong = gallery.wrong()
    assert wrong > 200
    site = site_of(settings_of(gallery.folder))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        tab.add_init_script(COUNTS)
        tab.goto(f"http://127.0.0.1:{port}/")
        user = User(tab, gallery)
        user.goes("nav a[href='/people']")
        user.merges()
        user.goes("nav a[href='/suggestions']")
        user.goes("a[href='/suggestions?show=odd']")
        user.names_groups()
        user.goes("a[href='/suggestions?show=two']")
        user.answers()
        user.goes("nav a[href='/unknowns']")
        user.gives_groups()
        inputs = user.inputs()
        tab.goto("about:blank")
    print(f"{inputs} inputs for {wrong} faces")
    assert gallery.wrong() == 0
    assert inputs <= ENOUGH * wrong, f"{inputs} inputs for {wrong} faces"


def test_faces_that_are_right_where_they_are_are_not_asked_about_again(tmp_path: Path, tab: Page):
    gallery = make_wrong_gallery(tmp_path / "result")
    before = gallery.labels()
    site = site_of(settings_of(gallery.folder))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        tab.goto(f"http://127.0.0.1:{port}/suggestions")
        user = User(tab, gallery)
        user.goes("a[href='/suggestions?show=odd']")
        faces = user.faces("#odd-1")
        assert faces
        user.press("j")
        user.press("r")
        assert tab.locator("#odd-1").is_hidden()
        tab.reload()
        user.waits()
        assert not set(faces) & set(user.faces(""))
        tab.goto("about:blank")
    assert gallery.labels() == before
