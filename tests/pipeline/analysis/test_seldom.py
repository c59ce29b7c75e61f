"""A face of a camera that has all its pictures is encoded seldom, as long as it is like the one before."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timezone

import numpy as np

from face_classifier.core.config.load import load
from face_classifier.core.types import ENCODING_SIZE, Box, Detection, Encoding, Face, Frame, Image, Provenance, Search
from face_classifier.pipeline.analysis.analyse import Analysis
from face_classifier.pipeline.analysis.tracker import Follower
from face_classifier.sources.base import File, Sampling

NOON = datetime(2024, 5, 6, 12, tzinfo=timezone.utc)
BOX = Box(80, 160, 170, 80)


def encoding(at: float) -> Encoding:
    """Two of them are as far apart as their places."""
    return np.array([at] + [0.0] * (ENCODING_SIZE - 1))


def times(begin: float, end: float) -> list[float]:
    """Five a second."""
    return [number / 5 for number in range(round(5 * begin), round(5 * end))]


def encoded(
    follower: Follower, image: Image, positions: Sequence[float], at: float = 0.0, *, right: int = 0
) -> list[float]:
    """When a face is encoded. ``at``: its `encoding`; ``right``: pixels to where it is."""
    image, seen = np.roll(image, right, axis=1), []
    for now in positions:
        frame = Frame(np.ascontiguousarray(image), "door", None, None, now, 0.02, NOON)
        (face,) = follower.follow(frame, [Detection(BOX, quality=0.9).moved(right, 0)])
        assert face.track == 1
        if face.encode:
            follower.tell(face.track, encoding(at))
            seen.append(now)
    return seen


class TestAFaceWithAllItsPictures:
    def test_is_encoded_after_four_times_as_long(self, closeups: dict[str, Image]) -> None:
        assert encoded(Follower(1.0, pictures=3), closeups["obama.jpg"], times(0, 12)) == [0, 1, 2, 6, 10]
        assert encoded(Follower(1.0), closeups["obama.jpg"], times(0, 12)) == list(range(12))

    def test_is_encoded_at_once_where_place_leaves_a_doubt_and_seldom_if_it_is_the_same(
        self, closeups: dict[str, Image]
    ) -> None:
        follower, image = Follower(1.0, pictures=3), closeups["obama.jpg"]
        assert encoded(follower, image, times(0, 3)) == [0, 1, 2]
        assert encoded(follower, image, times(3, 9), right=40) == [3, 7]

    def test_is_encoded_as_often_as_a_new_one_where_it_turns_out_to_be_another(
        self, closeups: dict[str, Image]
    ) -> None:
        follower, image = Follower(1.0, pictures=3), closeups["obama.jpg"]
        assert encoded(follower, image, times(0, 5)) == [0, 1, 2]
        assert encoded(follower, image, times(5, 14), 0.4) == [6, 7, 8, 12]

    def test_is_encoded_within_a_second_where_it_was_out_of_sight(self, closeups: dict[str, Image]) -> None:
        follower, image = Follower(1.0, pictures=3), closeups["obama.jpg"]
        assert encoded(follower, image, times(0, 3.2)) == [0, 1, 2]
        assert encoded(follower, image, times(3.6, 10.4)) == [3.6, 4.6, 5.6, 9.6]


class Door(File):
    """A source that shows one picture five times a second for twelve seconds."""

    duration = None

    def __init__(self, image: Image, *, live: bool) -> None:
        super().__init__("door")
        self._image, self.live = image, live

    def frames(
        self, sampling: Sampling, start: datetime, stopping: threading.Event, between: bool = False
    ) -> Iterator[Frame]:
        for number, now in enumerate(times(0, 12)):
            yield Frame(self._image, self.name, None if self.live else "film", number, now, 0.02, NOON)


class Somebody:
    """An engine that finds one face in every picture, always like the one before."""

    def search(self, image: Image, how: Search) -> list[Detection]:
        return [] if how is Search.NONE else [Detection(BOX, quality=0.9)]

    def encode(self, image: Image, detections: Sequence[Detection], once: Collection[int] = ()) -> list[Face]:
        return [Face(one.box, encoding(0.0), Provenance("", "", "", ""), one.quality) for one in detections]


class TestASource:
    def encoded(self, image: Image, *, live: bool, **given: object) -> list[float]:
        door, settings = Door(image, live=live), load({**given, "search_still": True}, environ={})
        with Analysis(door, Sampling(0), NOON, Somebody(), settings, threading.Event()) as frames:  # type: ignore[arg-type]
            return [one.frame.position for one in frames if any(face.face for face in one.faces)]

    def test_that_is_live_has_its_faces_encoded_seldom_and_a_file_has_not(self, closeups: dict[str, Image]) -> None:
        image = closeups["obama.jpg"]
        first = [0.0, 0.2, 0.4]  # as many as found a person
        assert np.allclose(self.encoded(image, live=True), [*first, *np.arange(1.4, 6), 9.4])
        assert np.allclose(self.encoded(image, live=True, pictures_per_track=4), [*first, 1.4, 5.4, 9.4])
        assert np.allclose(self.encoded(image, live=False, pictures_per_track=4), [*first, *np.arange(1.4, 12)])
