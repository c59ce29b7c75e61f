from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import face_recognition
import numpy as np
import pytest

from face_classifier.core.types import Box, Detection, Face, Frame, Image, as_rgb
from face_classifier.identity.profiles import PROFILES
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import Source, open_source
from face_classifier.vision.dlib_resnet import DlibEncoder
from face_classifier.vision.engine import Detector, Engine, make_engine
from face_classifier.vision.hog import HogDetector

ENGINES = [
    ("fast", None, "dlib"),
    ("fast", "hog", "dlib"),
    ("fast", "cnn", "dlib"),
    ("fast", None, "sface"),
    ("fast", "hog", "sface"),
    ("original", None, "dlib"),
    ("original", "yunet", "dlib"),
]


def frames_of(source: Source, every: float) -> Iterator[Frame]:
    return source.frames(Sampling(every), source.start, threading.Event())


@pytest.fixture(scope="module", params=ENGINES, ids=lambda names: "-".join(filter(None, names)))
def any_engine(request: pytest.FixtureRequest) -> Engine:
    name, detector, encoder = request.param
    return make_engine(name, detector, 1.0, pytest.fail, encoder)


class TestEveryEngine:
    """What holds for every detector together with every encoder."""

    def test_it_finds_the_face_and_tells_where_from_left_to_right(self, any_engine: Engine, portraits):
        left, right = portraits["obama.jpg"], portraits["biden.jpg"]
        height = min(len(left), len(right))
        both = np.ascontiguousarray(np.hstack([left[:height], right[:height]]))
        boxes = [detection.box for detection in any_engine.detect(both)]
        assert len(boxes) == 2
        assert boxes[0].overlap(Box(57, 247, 164, 140)) > 0.4
        assert boxes[1].overlap(Box(96, 296 + 364, 225, 168 + 364)) > 0.4

    def test_it_finds_nothing_where_nothing_is(self, any_engine: Engine):
        assert any_engine.detect(np.full((90, 120, 3), 99, np.uint8)) == []
        assert any_engine.encode(np.full((90, 120, 3), 99, np.uint8), []) == []

    def test_one_person_is_near_and_another_far(self, any_engine: Engine, portraits):
        one, same, other = (
            any_engine.photo(portraits[name], own_cut=False)[0] for name in ("obama.jpg", "obama2.jpg", "biden.jpg")
        )
        threshold = PROFILES[any_engine.made_by.space].threshold
        assert distance(one, same) < threshold - 0.02
        assert distance(one, other) > threshold + 0.1

    def test_it_tells_what_made_the_encodings(self, any_engine: Engine, portraits):
        face = any_engine.photo(portraits["biden.jpg"], own_cut=False)[0]
        assert face.made_by == any_engine.made_by
        assert face.made_by.space in ("dlib-resnet-v1", "sface-2021dec-x.446")
        assert face.made_by.detector in ("hog", "cnn", "yunet")


def test_both_engines_give_one_face_nearly_the_same_numbers(portraits):
    fast, original = (make_engine(name, None, 1.0, pytest.fail, "dlib") for name in ("fast", "original"))
    for name in ("obama.jpg", "obama2.jpg", "biden.jpg"):
        pair = [engine.photo(portraits[name], own_cut=False)[0] for engine in (fast, original)]
        assert distance(*pair) < 0.25
    assert fast.made_by.space == original.made_by.space


def test_only_the_fast_engine_assesses_quality(portraits):
    fast, original = (make_engine(name, None, 1.0, pytest.fail) for name in ("fast", "original"))
    assert 0 < (fast.detect(portraits["biden.jpg"])[0].quality or 0) <= 1
    assert original.detect(portraits["biden.jpg"])[0].quality is None


def distance(one: Face, other: Face) -> float:
    return float(np.linalg.norm(one.encoding - other.encoding))


@pytest.fixture(scope="module")
def dlibs(encoder_dat: Path, predictor_dat: Path) -> DlibEncoder:
    return DlibEncoder(encoder_dat, predictor_dat)


def test_the_original_engine_gives_the_numbers_of_face_recognition(portraits: dict[str, Image]):
    ours = make_engine("original", None, 1.0, pytest.fail)
    for name in ("obama.jpg", "biden.jpg"):
        for bgr in (portraits[name], portraits[name][:, 20:]):  # the latter reaches beyond the left edge
            rgb = as_rgb(bgr)
            theirs = face_recognition.face_locations(rgb)
            found = ours.detect(bgr)
            assert [detection.box.css for detection in found] == sorted(theirs, key=lambda css: css[3])
            encodings = face_recognition.face_encodings(rgb, [detection.box.css for detection in found])
            encoded = [face.encoding for face in ours.encode(bgr, found)]
            np.testing.assert_allclose(encoded, encodings, atol=1e-6)  # dlib's sums differ with where arrays lie


def test_the_encoder_is_given_rgb(photographs: dict[str, Path], dlibs: DlibEncoder):
    bgr = cv2.imread(str(photographs["obama.jpg"]))
    rgb = face_recognition.load_image_file(photographs["obama.jpg"])
    box = Box(*face_recognition.face_locations(rgb)[0])
    ours = dlibs.encode(bgr, [Detection(box)])[0]
    right = face_recognition.face_encodings(rgb, [box.css])[0]
    swapped = face_recognition.face_encodings(np.ascontiguousarray(rgb[:, :, ::-1]), [box.css])[0]
    assert np.linalg.norm(ours - right) < 0.02  # two JPEG decoders differ by a shade
    assert np.linalg.norm(ours - swapped) > 5 * np.linalg.norm(ours - right)


def test_half_the_resolution_finds_a_large_face_in_the_same_place(photographs: dict[str, Path]):
    image = cv2.imread(str(photographs["obama.jpg"]))
    whole, half = (make_engine("original", None, ratio, pytest.fail).detect(image)[0] for ratio in (1.0, 0.5))
    assert whole.box.overlap(half.box) > 0.6


def test_half_the_resolution_searches_a_quarter_of_the_pixels_and_scales_what_it_finds(dlibs: DlibEncoder):
    searched = []

    class Spy:
        name = "spy"

        def detect(self, image: Image, *, thorough: bool = False) -> list[Detection]:
            searched.append(image.shape[:2])
            return [Detection(Box(10, 30, 40, 20), landmarks=np.full((5, 2), 25, np.float32))]

    spy: Detector = Spy()
    engine = Engine(spy, dlibs, resize_ratio=0.5, assesses=False)
    (found,) = engine.detect(np.zeros((100, 200, 3), np.uint8))
    assert searched == [(50, 100)]
    assert found.box == Box(20, 60, 80, 40)
    assert (found.landmarks == 50).all()


def test_repeated_detection_loses_no_face(portraits: dict[str, Image]):
    """dlib read freed memory when it was given views with negative strides."""
    detector = HogDetector()
    assert all(len(detector.detect(portraits["obama.jpg"])) == 1 for _ in range(5))
    assert as_rgb(portraits["obama.jpg"]).flags.c_contiguous


def test_a_photo_is_about_its_largest_face_and_our_own_cut_about_its_central_one(
    portraits: dict[str, Image], engine: Engine
):
    small = cv2.resize(portraits["obama.jpg"], None, fx=0.6, fy=0.6)
    large = portraits["biden.jpg"][:360]
    canvas = np.zeros((380, 1100, 3), np.uint8)
    canvas[10 : 10 + min(small.shape[0], 370), 440 : 440 + small.shape[1]] = small[:370]
    canvas[10 : 10 + large.shape[0], 700 : 700 + large.shape[1]] = large
    by_size, _ = engine.photo(canvas, own_cut=False)
    by_place, _ = engine.photo(canvas, own_cut=True)
    assert by_size.box.left > 700
    assert by_place.box.right < 700


@pytest.mark.parametrize("shape", [(90, 60), (1, 1), (2, 5)])
def test_in_a_photo_without_a_face_the_middle_third_is_taken(engine: Engine, shape: tuple[int, int]):
    face, found = engine.photo(np.full((*shape, 3), 128, np.uint8), own_cut=False)
    assert not found
    assert face.encoding.shape == (128,)
    if shape == (90, 60):
        assert face.box == Box(30, 40, 60, 20)


# Small faces and close ones


def test_small_faces_in_a_large_picture_are_found(engine: Engine, wide_view: Image):
    heights = sorted(detection.box.height for detection in engine.detect(wide_view))
    assert len(heights) == 12
    assert (heights[0] < 60, heights[-1] > 300) == (True, True)


def test_faces_of_real_people_that_are_small_in_a_large_picture_are_found(engine: Engine, data: Path):
    assert len(engine.detect(cv2.imread(str(data / "reports" / "small4k" / "photo.jpg")))) == 12
    with open_source(str(data / "reports" / "small4k" / "v.mp4")) as clip:
        found = [len(engine.detect(frame.image)) for frame in frames_of(clip, every=1.0)]
    assert found == [12, 12, 12]


def test_small_faces_in_a_photo_that_is_not_large_are_found_with_care(engine: Engine, wide_view: Image):
    photo = cv2.resize(wide_view, (1920, 1080), interpolation=cv2.INTER_AREA)
    usual, thorough = (engine.detect(photo, thorough=wish) for wish in (False, True))
    assert len(usual) < len(thorough) == 12


def test_a_smaller_frame_is_searched_where_the_user_says_so(wide_view: Image):
    half = make_engine("fast", None, 0.5, pytest.fail)
    usual, thorough = (half.detect(wide_view, thorough=wish) for wish in (False, True))
    assert len(usual) < len(thorough) == 12
    assert max(detection.box.height for detection in thorough) > 300, "not in pixels of the frame"


def test_people_in_a_panorama_are_found(engine: Engine, closeups: dict[str, Image]):
    panorama = np.full((1000, 8000, 3), 110, np.uint8)
    for across in (300, 4000, 7600):
        panorama[500:700, across : across + 200] = cv2.resize(closeups["obama.jpg"], (200, 200))
    assert [detection.box.left // 1000 for detection in engine.detect(panorama)] == [0, 4, 7]


@pytest.fixture(scope="module")
def too_close(photographs: dict[str, Path], engine: Engine) -> Callable[[str, float], tuple[Image, Box]]:
    """A photograph so near that its frame, 640 x 640, is as high as a part of the face, and where the face is then."""

    def near(name: str, part: float) -> tuple[Image, Box]:
        image = cv2.imread(str(photographs[name]))
        box = max(engine.detect(image), key=lambda detection: detection.box.area).box
        side = round(part * box.height)
        left, top = (box.left + box.right - side) // 2, (box.top + box.bottom - side) // 2
        shown = np.ascontiguousarray(image[top : top + side, left : left + side])
        return cv2.resize(shown, (640, 640)), box.moved(-left, -top).scaled(640 / side)

    return near


@pytest.mark.parametrize("part", [0.8, 0.7, 0.6])
@pytest.mark.parametrize("name", ["obama.jpg", "biden.jpg"])
def test_a_face_larger_than_its_frame_is_found_as_far_as_it_reaches(engine: Engine, too_close, name: str, part: float):
    image, box = too_close(name, part)
    (found,) = engine.detect(image)
    assert found.box.overlap(box) > 0.75


def test_a_face_that_is_cut_off_is_worth_less(engine: Engine, too_close):
    worth = [engine.detect(too_close("obama.jpg", part)[0])[0].quality for part in (1.2, 0.7, 0.6)]
    assert worth[0] == 1.0
    assert worth[1] < 0.8
    assert worth[2] < 0.5


def test_a_close_face_is_who_it_is(engine: Engine, too_close, faces: dict[str, Face]):
    image, _ = too_close("obama.jpg", 0.8)
    face, found = engine.photo(image, own_cut=False)
    assert found
    assert distance(face, faces["obama.jpg"]) < 0.3


def test_a_close_face_beside_a_far_one_leaves_the_far_one(engine: Engine, too_close, closeups: dict[str, Image]):
    image, box = too_close("obama.jpg", 0.8)
    far = cv2.resize(closeups["biden.jpg"], (150, 150), interpolation=cv2.INTER_AREA)
    both = np.hstack([image, np.zeros((640, 150, 3), np.uint8)])
    both[200:350, 640:] = far
    near, small = engine.detect(both)
    assert near.box.overlap(box) > 0.75
    assert small.box.left > 640


def test_no_more_is_found_where_nobody_is(engine: Engine, data: Path):
    pictures = [cv2.imread(str(path)) for path in (data / "negatives").rglob("*.*")]
    assert sum(len(engine.detect(picture, thorough=True)) for picture in pictures) <= 1


def test_a_face_tells_whether_its_mirror_image_was_encoded(portraits: dict[str, Image]) -> None:
    sface = make_engine("fast", None, 1.0, pytest.fail, "sface")
    image = portraits["obama.jpg"]
    careful, once = sface.encode(image, sface.detect(image) * 2, once=[1])
    assert (careful.made_by, once.made_by.chip) == (sface.made_by, "yunet-5-upright")
    assert once.made_by.space == careful.made_by.space
