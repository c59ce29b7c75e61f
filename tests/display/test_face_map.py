"""Maps: what is alike lies together, nothing covers anything, and the same faces give the same map."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from face_classifier.core.errors import UserError
from face_classifier.core.types import Image
from face_classifier.display import face_map
from face_classifier.display.overlay import KNOWN
from face_classifier.display.patches import SHADE

pytest.importorskip("sklearn", reason="the extra `plots` is not installed")
PEOPLE, EACH = 4, 6


@pytest.fixture(scope="module")
def encodings() -> np.ndarray:
    """Six encodings of each of four people."""
    chance = np.random.default_rng(3)
    return np.repeat(chance.normal(size=(PEOPLE, 128)), EACH, axis=0) + chance.normal(size=(PEOPLE * EACH, 128)) / 5


def tiles(count: int) -> list[Image]:
    """Of a colour of its own each."""
    return [np.full((160, 160, 3), (250, 60 + 7 * number, 10), np.uint8) for number in range(count)]


def centres(image: Image, count: int) -> np.ndarray:
    """(count, 2): where the middle of each tile is."""
    return np.array([np.argwhere((image == tile[0, 0]).all(axis=2)).mean(axis=0) for tile in tiles(count)])


def draw_plane(encodings: np.ndarray, *highlighted: int) -> Image:
    count = len(encodings)
    return face_map.draw_plane(encodings, tiles(count), [KNOWN] * count, ["name"] * count, highlighted)


def test_the_faces_of_one_person_lie_together(encodings: np.ndarray):
    places = centres(draw_plane(encodings), len(encodings))
    cannot_links = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(cannot_links, np.inf)
    same = np.arange(len(encodings)) // EACH
    assert (same[cannot_links.argmin(axis=1)] == same).mean() > 0.9  # a grid is no place for perfection


def test_the_same_faces_give_the_same_map(encodings: np.ndarray):
    assert np.array_equal(draw_plane(encodings, 3), draw_plane(encodings, 3))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7])
def test_a_few_faces_are_all_there(encodings: np.ndarray, count: int):
    places = centres(draw_plane(encodings[:: EACH - 1][:count]), min(count, 5))
    assert np.isfinite(places).all()
    assert len(np.unique(places.round(), axis=0)) == len(places)


def test_the_same_photo_twice_is_there_twice(encodings: np.ndarray):
    assert np.isfinite(centres(draw_plane(np.repeat(encodings[:3], 4, axis=0), 0), 12)).all()


def test_among_many_a_highlighted_face_is_drawn_larger(encodings: np.ndarray):
    many = np.concatenate([encodings] * 40)
    many += np.random.default_rng(4).normal(size=many.shape) / 50
    map_of_all = face_map.draw_plane(
        many,
        [*tiles(1), *[np.zeros((160, 160, 3), np.uint8)] * (len(many) - 1)],
        [KNOWN] * len(many),
        [""] * len(many),
        [0],
    )
    assert (map_of_all == tiles(1)[0][0, 0]).all(axis=2).sum() > 85**2


def test_there_is_no_empty_margin(encodings: np.ndarray):
    drawn = (draw_plane(encodings, 3) != SHADE).any(axis=2)
    lines, columns = drawn.nonzero()
    edges = (lines.min(), columns.min(), drawn.shape[0] - lines.max(), drawn.shape[1] - columns.max())
    assert max(edges) < 40


def test_without_scikit_learn_the_user_is_told_what_to_install(encodings: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(UserError, match=r"install face-classifier\[plots\]"):
        draw_plane(encodings)
