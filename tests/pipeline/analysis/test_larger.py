"""Where a camera has a second stream of more pixels, faces are encoded and cut out of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from face_classifier.core.types import Frame, Image
from face_classifier.pipeline.analysis.analyse import Analyst
from face_classifier.pipeline.analysis.tracker import Follower
from face_classifier.pipeline.analysis.view import View
from face_classifier.records import AnalysedFace
from face_classifier.records.plain import Origin, frame_from, plain_frame
from face_classifier.vision.engine import Engine

OBAMA, BIDEN = "obama.jpg", "biden.jpg"
SMALL = 0.3


@pytest.fixture
def two_streams(portraits: dict[str, Image], frame: Callable[..., Frame]) -> Callable[..., Frame]:
    """A frame of a photograph at 0.3 of its size, with the whole one as its main picture, moved by some pixels."""

    def make(name: str, moved: int = 0) -> Frame:
        main = np.ascontiguousarray(np.roll(portraits[name], moved, axis=1))
        small = cv2.resize(portraits[name], None, fx=SMALL, fy=SMALL, interpolation=cv2.INTER_AREA)
        return replace(frame(name), image=small, main=main, fingerprint=None)

    return make


def analysed(engine: Engine, frame: Frame) -> list[AnalysedFace]:
    analyst = Analyst(engine, Follower(0.0))
    return list(analyst.encode(analyst.plan(frame, engine.detect(frame.image))).faces)


def picture_of(face: AnalysedFace) -> Image:
    assert face.picture is not None
    return np.asarray(cv2.imdecode(np.frombuffer(face.picture, np.uint8), cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("moved", [0, 12])
def test_a_face_is_encoded_and_cut_from_the_main_picture(
    engine: Engine, two_streams: Callable[..., Frame], portraits: dict[str, Image], moved: int
) -> None:
    frame = two_streams(OBAMA, moved)
    (face,) = analysed(engine, frame)
    (small,) = analysed(engine, replace(frame, main=None))
    assert face.face is not None
    assert small.face is not None
    assert face.detection.box == face.face.box == small.face.box  # in pixels of the frame that was analysed
    assert picture_of(face).shape[0] == pytest.approx(3 * face.face.box.height / SMALL, abs=6)
    whole = engine.photo(portraits[OBAMA], own_cut=False)[0]
    assert np.linalg.norm(face.face.encoding - whole.encoding) < np.linalg.norm(small.face.encoding - whole.encoding)
    assert engine.photo(picture_of(face), own_cut=True)[1]


def test_a_face_that_the_main_picture_does_not_show_is_taken_from_the_frame(
    engine: Engine, two_streams: Callable[..., Frame]
) -> None:
    frame = two_streams(OBAMA)
    assert frame.main is not None
    for main in (np.zeros_like(frame.main), frame.image[::2, ::2].copy()):
        (face,) = analysed(engine, replace(frame, main=main))
        (small,) = analysed(engine, replace(frame, main=None))
        assert face.picture == small.picture
        assert face.face is not None
        assert small.face is not None
        assert (face.face.encoding == small.face.encoding).all()


def test_a_main_picture_of_other_proportions_is_the_same_view(
    engine: Engine, two_streams: Callable[..., Frame]
) -> None:
    frame = two_streams(BIDEN)
    height, width = frame.image.shape[:2]
    squeezed = cv2.resize(frame.image, (round(width * 0.8), height), interpolation=cv2.INTER_AREA)
    (face,) = analysed(engine, replace(frame, image=squeezed))
    rows, columns = picture_of(face).shape[:2]
    assert columns / rows == pytest.approx(face.detection.box.width / 0.8 / face.detection.box.height, abs=0.05)


def test_masks_lie_on_the_main_picture_too(engine: Engine, two_streams: Callable[..., Frame]) -> None:
    frame = View(masks=[[(0, 0), (1, 0), (1, 1), (0, 1)]]).prepare(two_streams(OBAMA))
    assert frame.main is not None
    assert not frame.main.any()


def test_the_record_of_a_larger_picture_goes_to_the_owner_of_the_gallery(
    engine: Engine, two_streams: Callable[..., Frame]
) -> None:
    frame = two_streams(OBAMA)
    analyst = Analyst(engine, Follower(0.0))
    record = analyst.encode(analyst.plan(frame, engine.detect(frame.image)))
    back = frame_from(plain_frame(record), Origin(frame.source, None))
    assert back.faces[0].picture == record.faces[0].picture
