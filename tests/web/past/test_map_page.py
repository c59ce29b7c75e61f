"""The map of faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
from servers.pages import SECONDS, settings_of, site_of

from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.app import make_app
from face_classifier.web.aside.apart import Apart
from face_classifier.web.aside.asides import Asides
from face_classifier.web.aside.plane import Chosen, Planes, chosen, lay_out
from face_classifier.web.pages.past.face_map import SIDE, dots_of
from face_classifier.web.served import served

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

LONG = 60.0  # seconds for a process that reads scikit-learn on a busy machine


@pytest.fixture
def address(result: Path) -> Iterator[str]:
    """Of a page whose map is laid out in this process."""
    site = site_of(settings_of(result))
    app = make_app(site)
    app.state.asides.planes = Planes(lay_out)  # other tests have read scikit-learn in this process already
    with site.reader, served(app, "127.0.0.1", 0) as port:
        app.state.asides.planes.now(site.reader.now(), LONG)
        yield f"http://127.0.0.1:{port}"


def test_faces_that_are_alike_lie_together_and_a_correction_changes_only_whose_they_are(result: Path) -> None:
    with Reader(result) as reader:
        catalogue = reader.now()
        asked = chosen(catalogue)
        dots = dots_of(lay_out(asked), catalogue)
        assert len(dots) == 38
        by_name = {
            name: np.array([(dot.x, dot.y) for dot in dots if dot.card.person == name])
            for name in ("person_01", "person_02")
        }
    one, two = by_name.values()
    middle = one.mean(axis=0), two.mean(axis=0)
    assert all(np.linalg.norm(place - middle[0]) < np.linalg.norm(place - middle[1]) for place in one)
    assert all(0 <= dot.x <= SIDE and 0 <= dot.y <= SIDE for dot in dots)
    assert asked == Chosen(asked.faces, asked.encodings)


def test_of_many_faces_every_so_many_are_on_the_map_whoever_they_are(result: Path) -> None:
    with Reader(result) as reader:
        whole, some = chosen(reader.now()), chosen(reader.now(), 10)
    assert len(whole.faces) == 38
    assert 0 < len(some.faces) <= 10
    assert set(some.faces) < set(whole.faces)
    assert len(some.encodings) == len(some.faces)


def test_a_click_tells_whose_face_it_is_and_the_map_is_moved_by_keys(
    address: str, context_of: Callable[..., BrowserContext]
) -> None:
    tab = context_of().new_page()
    tab.goto(f"{address}/map")
    svg = tab.locator("[data-map] > svg")
    tab.wait_for_selector("[data-map] image")
    before = svg.get_attribute("viewBox")
    svg.focus()
    tab.keyboard.press("+")
    nearer = svg.get_attribute("viewBox")
    assert float((nearer or "").split()[2]) < float((before or "").split()[2])
    tab.keyboard.press("ArrowRight")
    assert svg.get_attribute("viewBox") != nearer
    tab.get_by_role("button", name="The whole map").click()
    assert svg.get_attribute("viewBox") == before
    dot = tab.locator("[data-dot][data-name=person_01]").first
    box = dot.bounding_box()
    assert box is not None
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert (
        tab.locator("[data-map-face] a")
        .get_attribute("href", timeout=SECONDS * 1000)
        .startswith("/people/person_01#face-")
    )


def test_everybody_on_the_map_is_in_a_table_too(address: str) -> None:
    page = httpx.get(f"{address}/map", timeout=SECONDS).text
    assert page.count("<circle") == 38
    table = page.partition("<tbody>")[2]
    assert 'href="/people/person_01"' in table
    assert 'href="/people/person_02"' in table


def test_a_folder_of_nobody_has_no_map(tmp_path: Path) -> None:
    site = site_of(settings_of(tmp_path / "nothing"))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/map", timeout=SECONDS)
    assert (answer.status_code, "Too few faces for a map" in answer.text) == (200, True)


def test_a_page_that_has_ended_lays_out_nothing(result: Path) -> None:
    asides = Asides(lambda: settings_of(result))
    asides.end()
    with Reader(result) as reader:
        assert asides.planes.now(reader.now(), SECONDS) is None


@pytest.mark.proof
def test_a_process_lays_out_the_same_as_this_one(result: Path) -> None:
    with Reader(result) as reader:
        asked = chosen(reader.now())
    apart = Apart().do(lay_out, asked)
    np.testing.assert_allclose(apart.places, lay_out(asked).places, atol=1e-6)
