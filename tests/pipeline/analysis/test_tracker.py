"""Less work for the same answer: which faces are encoded."""

from __future__ import annotations

import itertools
import threading
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.core.types import Box, Detection, Frame, Image
from face_classifier.pipeline.analysis.tracker import Followed, Follower
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import open_source
from face_classifier.vision.engine import Engine

NOON = datetime(2024, 5, 6, 12, tzinfo=timezone.utc)


def frame_of(image: Image, position: float) -> Frame:
    return Frame(np.ascontiguousarray(image), "clip.mp4", "clip", None, position, 0.02, NOON)


class Viewer:
    """Follows what the engine finds in pictures shown at positions (seconds)."""

    def __init__(self, engine: Engine, refresh: float = 1.0, step: float = 0.0) -> None:
        self._engine = engine
        self._follower = Follower(refresh, step=step)

    def show(self, image: Image, position: float) -> list[Followed]:
        return self._follower.follow(frame_of(image, position), self._engine.detect(np.ascontiguousarray(image)))

    def encoded(self, image: Image, position: float) -> bool:
        (face,) = self.show(image, position)
        return face.encode


def noisy(image: Image, seed: int, strength: float = 5.0) -> Image:
    """The picture as a camera would see it again."""
    noise = np.random.default_rng(seed).normal(0, strength, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


class TestWhichFacesAreEncoded:
    def test_a_face_is_encoded_when_new_and_after_refresh_and_never_in_between(
        self, engine: Engine, closeups: dict[str, Image]
    ) -> None:
        viewer = Viewer(engine, refresh=1.0)
        positions = [number / 10 for number in range(25)]
        seen = [viewer.encoded(noisy(closeups["obama.jpg"], seed), now) for seed, now in enumerate(positions)]
        assert [now for now, encoded in zip(positions, seen, strict=True) if encoded] == [0.0, 1.0, 2.0]

    def test_a_face_that_moves_through_a_scene_is_encoded_no_more_often(self, engine: Engine, demo_clip: Path) -> None:
        """The demo begins with four seconds in which the camera comes nearer to one face."""
        viewer = Viewer(engine, refresh=1.0)
        with open_source(str(demo_clip)) as clip:
            frames = list(clip.frames(Sampling(every=0.08, stop=3.9), clip.start, threading.Event()))
        assert len(frames) == 49
        faces = [viewer.show(frame.image, frame.position) for frame in frames]
        assert all(len(found) == 1 for found in faces)
        assert {found[0].track for found in faces} == {1}
        assert sum(found[0].encode for found in faces) == 4

    def test_as_many_clear_faces_as_found_a_person_are_encoded_with_care(
        self, engine: Engine, closeups: dict[str, Image]
    ) -> None:
        """A blurred face decides little, and later ones add to what is known; somebody else's count anew."""
        follower = Follower(0.0, founding=3)  # or two, if they are good ones
        sharp, other = closeups["obama.jpg"], closeups["biden.jpg"]
        shown = [cv2.GaussianBlur(sharp, None, 4.0), sharp, sharp, sharp, other, other, other]
        found = [engine.detect(image) for image in shown]
        assert [(faces[0].quality or 0.0) > 0.5 for faces in found] == [False] + [True] * 6
        frames = [frame_of(image, number / 25) for number, image in enumerate(shown)]
        seen = [follower.follow(frame, faces)[0] for frame, faces in zip(frames, found, strict=True)]
        assert [face.once for face in seen] == [True, False, False, True, False, False, True]

    def test_refresh_0_is_every_frame(self, engine: Engine, closeups: dict[str, Image]) -> None:
        viewer = Viewer(engine, refresh=0.0)
        assert all(viewer.encoded(closeups["obama.jpg"], number / 25) for number in range(5))

    @pytest.mark.parametrize(
        "pair", [*itertools.permutations(["obama.jpg", "biden.jpg", "obama2.jpg"], 2)], ids=" ".join
    )
    def test_a_cut_to_another_picture_in_the_same_place_is_encoded_at_once(
        self, engine: Engine, closeups: dict[str, Image], pair: tuple[str, str]
    ) -> None:
        before, after = (closeups[name] for name in pair)
        boxes = [engine.detect(image)[0].box for image in (before, after)]
        assert boxes[0].overlap(boxes[1]) > 0.6  # the place alone does not tell
        viewer = Viewer(engine, refresh=60.0)
        assert [viewer.encoded(image, number / 25) for number, image in enumerate([before, before, after, after])] == [
            True, False, True, False,
        ]  # fmt: skip

    def test_a_face_in_doubtful_place_is_encoded_on_the_same_track(
        self, engine: Engine, closeups: dict[str, Image]
    ) -> None:
        viewer = Viewer(engine, refresh=60.0)
        (first,) = viewer.show(closeups["obama.jpg"], 0.0)
        step = round(0.4 * first.detection.box.width)
        (second,) = viewer.show(np.roll(closeups["obama.jpg"], step, axis=1), 0.04)
        assert 0.3 < first.detection.box.overlap(second.detection.box) < 0.5
        assert (second.track, second.encode) == (first.track, True)

    def test_a_face_in_another_place_is_another(self, engine: Engine, closeups: dict[str, Image]) -> None:
        viewer = Viewer(engine, refresh=60.0)
        (first,) = viewer.show(closeups["obama.jpg"], 0.0)
        (second,) = viewer.show(np.roll(closeups["obama.jpg"], first.detection.box.width, axis=1), 0.04)
        assert second.track != first.track
        assert second.encode

    def test_a_clearly_better_view_is_encoded_once_and_a_worse_one_is_not(
        self, engine: Engine, closeups: dict[str, Image]
    ) -> None:
        sharp = closeups["biden.jpg"]
        blurred = cv2.GaussianBlur(sharp, None, 2.5)
        qualities = [engine.detect(image)[0].quality or 0 for image in (blurred, sharp)]
        assert 0 < 1.5 * qualities[0] < qualities[1]
        viewer = Viewer(engine, refresh=60.0)
        shown = [viewer.encoded(image, number / 25) for number, image in enumerate([blurred, blurred, sharp, blurred])]
        assert shown == [True, False, True, False]

    @pytest.mark.parametrize(("far", "encoded"), [(0.5, 1), (1.0, 2)])
    def test_a_face_that_comes_to_look_otherwise_little_by_little_is_encoded_again(
        self, closeups: dict[str, Image], far: float, encoded: int
    ) -> None:
        """No two frames differ enough to cast a doubt, but the last one differs from what was encoded."""
        follower, face = Follower(60.0), Detection(Box(80, 160, 170, 80), quality=0.9)
        one, other = (closeups[name].astype(float) for name in ("obama.jpg", "obama2.jpg"))
        shown = [(one + far * share * (other - one)).astype(np.uint8) for share in np.linspace(0, 1, 20)]
        seen = [follower.follow(frame_of(image, number / 25), [face])[0] for number, image in enumerate(shown)]
        assert {(one.track, one.sure) for one in seen} == {(1, True)}
        assert sum(one.encode for one in seen) == encoded

    def test_a_little_better_is_not_enough(self, engine: Engine, closeups: dict[str, Image]) -> None:
        sharp = closeups["biden.jpg"]
        duller = cv2.GaussianBlur(sharp, None, 1.5)
        qualities = [engine.detect(image)[0].quality or 0 for image in (duller, sharp)]
        assert qualities[0] < qualities[1] < 1.5 * qualities[0]
        viewer = Viewer(engine, refresh=60.0)
        assert [viewer.encoded(image, number / 25) for number, image in enumerate([duller, sharp])] == [True, False]


class TestCuts:
    @pytest.mark.parametrize("every", [0.04, 0.2])
    @pytest.mark.parametrize("pair", [("obama.jpg", "biden.jpg"), ("obama.jpg", "obama2.jpg")], ids=" ".join)
    def test_a_track_ends_at_a_cut(
        self, engine: Engine, closeups: dict[str, Image], pair: tuple[str, str], every: float
    ) -> None:
        viewer = Viewer(engine)
        shown = [viewer.show(closeups[name], number * every)[0].track for number, name in enumerate((*pair, pair[1]))]
        assert shown == [1, 2, 2]

    def test_a_cut_is_seen_across_frames_without_a_face(self, engine: Engine, closeups: dict[str, Image]) -> None:
        viewer = Viewer(engine)
        (before,) = viewer.show(closeups["obama.jpg"], 0.0)
        assert viewer.show(np.zeros((240, 240, 3), np.uint8), 0.04) == []
        (after,) = viewer.show(closeups["biden.jpg"], 0.08)
        assert after.track != before.track

    def test_between_samples_far_apart_a_face_must_look_alike(self, engine: Engine, closeups: dict[str, Image]) -> None:
        viewer = Viewer(engine)
        names = ("obama.jpg", "biden.jpg", "biden.jpg", "obama_partial_face.jpg")
        assert len({viewer.show(closeups[name], float(number))[0].track for number, name in enumerate(names)}) == 3

    @pytest.mark.parametrize("gain", [0.6, 1.5])
    def test_light_that_goes_on_or_off_is_none(self, engine: Engine, closeups: dict[str, Image], gain: float) -> None:
        image = closeups["obama.jpg"]
        viewer = Viewer(engine)
        lit = cv2.convertScaleAbs(image, alpha=gain)
        assert [viewer.show(one, number / 25)[0].track for number, one in enumerate((image, lit, image))] == [1, 1, 1]

    def test_a_camera_that_pans_and_comes_nearer_is_none(self, engine: Engine, portraits: dict[str, Image]) -> None:
        image = portraits["obama.jpg"]
        height, width = image.shape[:2]
        viewer = Viewer(engine)
        for number in range(10):
            off = 4 * number
            view = cv2.resize(image[off : height - off, 2 * off :], (width, height))
            assert [face.track for face in viewer.show(view, number / 5)] == [1]


class TestDoubt:
    def test_it_lasts_until_a_face_is_good_enough_to_be_encoded(
        self, engine: Engine, closeups: dict[str, Image]
    ) -> None:
        image = closeups["obama.jpg"]
        (first,) = engine.detect(image)
        step = round(0.4 * first.box.width)
        there = Box(first.box.top, first.box.right + step, first.box.bottom, first.box.left + step)
        moved = np.roll(image, step, axis=1)
        follower = Follower(60.0, poorest=0.5)
        shown = [
            (image, first.box, 0.9),
            (moved, there, 0.3),
            (moved, there, 0.4),
            (moved, there, 0.6),
            (moved, there, 0.6),
        ]
        found = [
            follower.follow(frame_of(picture, number / 25), [Detection(box, quality=quality)])[0]
            for number, (picture, box, quality) in enumerate(shown)
        ]
        assert {face.track for face in found} == {1}
        assert [face.encode for face in found] == [True, False, False, True, False]
        assert [face.sure for face in found] == [True, False, False, False, True]


class TestANewFace:
    def test_is_encoded_in_every_frame_until_it_can_found_a_person(self, closeups: dict[str, Image]) -> None:
        follower = Follower(1.0, founding=3)
        box = Detection(Box(80, 160, 170, 80), quality=0.9)
        positions = [number / 5 for number in range(15)]
        faces = [follower.follow(frame_of(closeups["obama.jpg"], now), [box])[0] for now in positions]
        assert {face.track for face in faces} == {1}
        encoded = [now for now, face in zip(positions, faces, strict=True) if face.encode]
        assert encoded == [0.0, 0.2, 0.4, 1.4, 2.4]

    def test_counts_as_such_only_where_it_is_good_enough_to_be_kept(self, closeups: dict[str, Image]) -> None:
        follower = Follower(60.0, poorest=0.5, founding=3)
        qualities = (0.3, 0.9, 0.3, 0.3, 0.9, 0.9, 0.9)
        encoded = [
            follower.follow(frame_of(closeups["obama.jpg"], number / 5), [Detection(Box(80, 160, 170, 80), quality=q)])
            for number, q in enumerate(qualities)
        ]
        good = [faces[0].encode for faces, q in zip(encoded, qualities, strict=True) if q >= 0.5]
        assert good == [True, True, True, False]


class TestPace:
    """A face that stays in view is one track, however far apart the analysed frames lie."""

    @pytest.mark.parametrize("fps", [24000 / 1001, 30000 / 1001, 60000 / 1001], ids="{:.2f}".format)
    def test_of_a_clip_at_a_rate_of_films_and_television(
        self, engine: Engine, closeups: dict[str, Image], tmp_path: Path, fps: float
    ) -> None:
        clip = tmp_path / "still.mp4"
        writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"mp4v"), fps, (240, 240))
        pictures = [noisy(closeups["obama.jpg"], seed, 2.0) for seed in range(12)]
        for number in range(round(9 * fps)):
            writer.write(pictures[number % 12])
        writer.release()
        for every in (0.2, 0.5, 1.0, 2.0):
            viewer = Viewer(engine, step=every)
            with open_source(str(clip)) as source:
                frames = list(source.frames(Sampling(every), source.start, threading.Event()))
            assert len(frames) == len(np.arange(0, 8.99, every))
            assert {face.track for frame in frames for face in viewer.show(frame.image, frame.position)} == {1}

    def test_of_a_camera_whose_frames_come_late(self, engine: Engine, closeups: dict[str, Image]) -> None:
        viewer = Viewer(engine, step=0.2)
        positions = [0.0, 2.5, 4.9, 5.1, 7.7, 10.2, 10.4]
        tracks = [viewer.show(closeups["obama.jpg"], now)[0].track for now in positions]
        assert tracks == [1, 2, 2, 2, 2, 2, 2]  # that frames are late is known from the second on

    def test_of_a_camera_that_stood_still_for_long(self, engine: Engine, closeups: dict[str, Image]) -> None:
        viewer = Viewer(engine, step=0.2)
        positions = [0.0, 0.2, 600.0, 600.2]
        assert [viewer.show(closeups["obama.jpg"], now)[0].track for now in positions] == [1, 1, 2, 2]


class TestTracks:
    def test_a_short_gap_does_not_break_a_track_and_a_long_one_does(
        self, engine: Engine, closeups: dict[str, Image]
    ) -> None:
        face, nobody = closeups["obama.jpg"], np.zeros((240, 240, 3), np.uint8)
        for gap, same in ((0.4, True), (0.8, False)):
            viewer = Viewer(engine, refresh=0.3)
            (before,) = viewer.show(face, 0.0)
            assert viewer.show(nobody, 0.04) == []
            (after,) = viewer.show(face, gap)
            assert (after.track == before.track) is same

    def test_two_faces_keep_their_tracks_whatever_the_order_in_which_they_are_told(
        self, engine: Engine, closeups: dict[str, Image]
    ) -> None:
        image = np.hstack([closeups["obama.jpg"], closeups["biden.jpg"]])
        found = engine.detect(image)
        follower = Follower(60.0)
        first = [face.track for face in follower.follow(frame_of(image, 0.0), found)]
        second = [face.track for face in follower.follow(frame_of(image, 0.04), found[::-1])]
        assert len(set(first)) == 2
        assert second == first[::-1]

    def test_of_two_boxes_on_one_face_the_nearer_continues_the_track(self, closeups: dict[str, Image]) -> None:
        image, box = closeups["obama.jpg"], Box(80, 160, 170, 80)
        follower = Follower(60.0)
        (first,) = follower.follow(frame_of(image, 0.0), [Detection(box)])
        beside = Detection(Box(90, 190, 180, 110))
        assert beside.box.overlap(box) > 0.3
        other, same = follower.follow(frame_of(image, 0.04), [beside, Detection(box)])
        assert (same.track, same.encode) == (first.track, False)
        assert other.track != first.track
        assert other.encode

    def test_boxes_beyond_the_edges_of_the_picture_are_followed(self, closeups: dict[str, Image]) -> None:
        follower = Follower(60.0)
        image = closeups["obama.jpg"]
        boxes = [Box(-50, 30, 30, -50), Box(230, 300, 290, 235), Box(-90, -10, -10, -90)]
        for position in (0.0, 0.04):
            found = follower.follow(frame_of(image, position), [Detection(box) for box in boxes])
            assert len({face.track for face in found}) == 3
