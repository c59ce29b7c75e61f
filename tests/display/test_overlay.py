"""Corners around faces, and their names."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from display.test_text import ground, same

from face_classifier.core.types import Box, Image, Seen
from face_classifier.display import overlay
from face_classifier.display import text as text_module
from face_classifier.display.overlay import KNOWN, UNKNOWN, annotate
from face_classifier.display.patches import SHADE, Color, paste
from face_classifier.display.text import text

FACE = Box(top=60, right=200, bottom=140, left=120)


def touched(before: Image, after: Image) -> np.ndarray:
    return np.any(before != after, axis=2)


def test_the_picture_given_stays_as_it_was():
    picture = ground()
    drawn = annotate(picture, [Seen(FACE, "José")])
    assert same(picture, ground())
    assert drawn.shape == picture.shape
    assert not same(drawn, picture)


def test_a_picture_without_faces_comes_back_as_a_copy():
    picture = ground()
    drawn = annotate(picture, [])
    assert same(drawn, picture)
    assert not np.shares_memory(drawn, picture)


def test_corners_are_drawn_and_the_face_between_them_stays_free():
    marked = touched(ground(), annotate(ground(), [Seen(FACE, None)]))
    for row in (FACE.top, FACE.bottom - 1):
        for column in (FACE.left, FACE.right - 1):
            assert marked[row, column]
        assert not marked[row, (FACE.left + FACE.right) // 2]
    for column in (FACE.left, FACE.right - 1):
        assert not marked[(FACE.top + FACE.bottom) // 2, column]
    assert not marked[FACE.top + 8 : FACE.bottom - 8, FACE.left + 8 : FACE.right - 8].any()


def test_strokes_grow_with_the_picture():
    def stroke(factor: int) -> int:
        box = FACE.scaled(factor)
        picture = ground(240 * factor, 320 * factor)
        return int(
            touched(picture, annotate(picture, [Seen(box, None)]))[
                : box.top + box.height // 2, box.left + 9 * factor
            ].sum()
        )

    assert stroke(8) > 3 * stroke(1)


def test_known_and_unknown_faces_have_different_colours():
    known = annotate(ground(), [Seen(FACE, "unknown")])
    unknown = annotate(ground(), [Seen(FACE, None)])
    assert tuple(known[FACE.top, FACE.left]) == KNOWN
    assert tuple(unknown[FACE.top, FACE.left]) == UNKNOWN
    assert (touched(ground(), known) == touched(ground(), unknown)).all()  # the same word in the same place


def test_the_name_stands_centred_under_the_face():
    marked = touched(ground(), annotate(ground(), [Seen(FACE, "José")]))
    rows, columns = np.nonzero(marked[FACE.bottom + 2 :])
    assert rows.max() < 40
    assert abs((columns.min() + columns.max()) / 2 - (FACE.left + FACE.right) / 2) <= 1


@pytest.mark.parametrize(
    "box",
    [Box(200, 330, 260, 270), Box(-30, 20, 30, -40), Box(100, 30, 300, -170), Box(-50, 400, 290, -50)],
    ids=["bottom right", "top left", "left", "larger than the picture"],
)
def test_a_name_at_the_edge_is_moved_into_the_picture_whole(box: Box):
    drawn = annotate(ground(), [Seen(box, "Ada")])
    size = overlay._letter_size(box.width, 240)
    patch = text("Ada", size, KNOWN, ground=SHADE)
    letters = np.repeat((patch[:, :, 3:] == 255).astype(np.uint8), 3, axis=2)
    distance = cv2.matchTemplate(drawn, patch[:, :, :3].copy(), cv2.TM_SQDIFF, mask=letters)
    assert distance.min() < 1


@pytest.mark.parametrize(
    "box", [Box(-90, 50, 0, 10), Box(240, 50, 300, 10), Box(10, 0, 50, -40), Box(10, 10**12, 50, 320)]
)
def test_nothing_is_drawn_of_a_face_wholly_outside(box: Box):
    assert same(annotate(ground(), [Seen(box, "José")]), ground())


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3), (9, 9)])
def test_tiny_pictures_are_drawn_upon(shape: tuple[int, int]):
    drawn = annotate(ground(*shape), [Seen(Box(-5, 8, 8, 0), "somebody with a name"), Seen(Box(0, 1, 1, 0), None)])
    assert drawn.shape == (*shape, 3)


def test_pictures_in_other_memory_orders_are_drawn_upon():
    mirrored = ground()[:, ::-1]
    assert same(annotate(mirrored, [Seen(FACE, "José")]), annotate(ground(), [Seen(FACE, "José")]))


@pytest.mark.parametrize("shade", [0, 90, 180, 255])
@pytest.mark.parametrize("color", [KNOWN, UNKNOWN])
def test_names_keep_their_contrast_on_any_ground(shade: int, color: Color):
    def luminance(bgr: np.ndarray) -> float:  # WCAG 2
        parts = np.asarray(bgr)[..., ::-1] / 255
        linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    picture = ground(60, 60, shade)
    paste(picture, text("███", 20, color, ground=SHADE), 0, 0)
    light, dark = luminance(np.array(color)), luminance(picture[1, 1])
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_name_drawn_before_is_not_drawn_again_while_its_face_moves_and_grows_a_little(monkeypatch):
    annotate(ground(), [Seen(FACE, "Grace")])
    monkeypatch.setattr(text_module, "_run", lambda *_, **__: pytest.fail("drawn again"))
    annotate(ground(), [Seen(Box(50, 192, 129, 111), "Grace")])
