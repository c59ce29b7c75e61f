"""Between two searches the faces in view are carried by their looks, and whatever is in doubt is searched at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Watcher
from pipeline.spread.same import contents, differences

from face_classifier.core.config.load import load
from face_classifier.core.types import Box, Detection, Frame, Image, Search
from face_classifier.pipeline import run as pipeline
from face_classifier.pipeline.analysis.analyse import Analysis, follower_of, times_of
from face_classifier.pipeline.analysis.carrying import Carrier, Places
from face_classifier.pipeline.analysis.motion import Searches
from face_classifier.pipeline.analysis.tracker import Followed
from face_classifier.pipeline.analysis.view import View
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import open_source
from face_classifier.vision.engine import Engine

NOON = datetime(2024, 5, 6, 12, tzinfo=timezone.utc)
FPS = 25
SIZE = 270, 480  # height, width of a scene


@pytest.fixture(scope="module")
def room(portraits: dict[str, Image]) -> Image:
    """A background of soft shapes without a face."""
    room = cv2.GaussianBlur(cv2.resize(portraits["obama2.jpg"], SIZE[::-1]), None, 25)
    shapes = np.random.default_rng(1).normal(0, 30, (9, 16, 3)).astype(np.float32)
    return np.clip(room + cv2.resize(shapes, SIZE[::-1], interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def heads(closeups: dict[str, Image]) -> dict[str, Image]:
    """Faces of about 80 pixels with little around them, 130 x 110."""
    return {name: np.ascontiguousarray(image[50:180, 65:175]) for name, image in closeups.items()}


Shown = Sequence[tuple[Image, float, float]]  # heads, with left and top; the last is in front


NOISE = np.random.default_rng(0).normal(0, 3, (8, *SIZE, 3)).astype(np.float32)


def scene(room: Image, shown: Shown, seed: int = 0) -> Image:
    """Heads before a background, at fractions of a pixel, with the noise of a camera."""
    image = room.astype(np.float32)
    for head, left, top in shown:
        height, width = head.shape[:2]
        oval = np.zeros((height, width), np.float32)
        cv2.ellipse(oval, (width // 2, height // 2), (width // 2 - 4, height // 2 - 4), 0, 0, 360, 1.0, -1)
        oval = cv2.GaussianBlur(oval, None, 1.5)
        x, y = int(np.floor(left)), int(np.floor(top))
        move = np.array([[1, 0, left - x], [0, 1, top - y]], np.float32)
        cover = cv2.warpAffine(oval, move, (width + 1, height + 1))[..., None]
        face = cv2.warpAffine(head.astype(np.float32), move, (width + 1, height + 1))
        first, last = max(0, -x), min(width + 1, SIZE[1] - x)
        if first < last:
            part = image[y : y + height + 1, x + first : x + last]
            part[...] = part * (1 - cover[:, first:last]) + face[:, first:last] * cover[:, first:last]
    return np.clip(image + NOISE[seed % 8], 0, 255).astype(np.uint8)


class Camera:
    """Follows the faces of pictures that come 25 times a second, and knows which of them were searched."""

    def __init__(
        self,
        engine: Engine,
        every: float = 0.2,
        step: float = 0.0,
        view: View = View.everything,
        *,
        live: bool = False,
    ) -> None:
        settings, sampling = load({"detect_every": every, "seconds": step}, environ={}), Sampling(step)
        self._engine, self._now = engine, 0
        self._searches = Searches(still=False, times=times_of(settings, sampling))
        self._places = Places(follower_of(settings, sampling, live=live), view.admits, self._search)
        self.searched: list[int] = []  # numbers of frames
        self.others: list[Box] = []

    def _search(self, frame: Frame, how: Search = Search.USUAL) -> list[Detection]:
        self.searched.append(self._now)
        return self._engine.search(frame.image, how)

    def show(self, image: Image) -> list[Followed]:
        """The faces of the next picture."""
        frame = Frame(image, "clip.mp4", "clip", self._now, self._now / FPS, 0.02, NOON)
        glance = self._searches.next(frame)
        found = None if glance.how in (Search.NONE, Search.CARRY) else self._search(frame, glance.how)
        faces, self.others = self._places.next(frame, glance, found)
        self._now += 1
        return faces


def swaying(room: Image, heads: dict[str, Image], frames: int) -> Iterator[Image]:
    """Two people who sway, each at an own pace."""
    for number in range(frames):
        right, down = 40 * np.sin(number / 9), 12 * np.cos(number / 7)
        pair = [(heads["obama.jpg"], 60 + right, 60 + down), (heads["biden.jpg"], 300 - right, 90 - down)]
        yield scene(room, pair, number)


class TestAMovingFace:
    def test_is_carried_without_a_search_and_its_boxes_stay_on_it(
        self, engine: Engine, room: Image, heads: dict[str, Image]
    ) -> None:
        camera = Camera(engine)
        overlaps = []
        for image in swaying(room, heads, 75):
            faces = camera.show(image)
            assert [face.track for face in faces] == [1, 2]
            overlaps += [
                face.detection.box.overlap(found.box) for face, found in zip(faces, engine.detect(image), strict=True)
            ]
        # Five times a second, and twice more as long as they are new: they are encoded anew where they are searched.
        assert len(camera.searched) <= 75 / 5 + 2
        assert min(overlaps) > 0.7
        assert np.mean(overlaps) > 0.9

    def test_takes_its_landmarks_along(self, engine: Engine, room: Image, heads: dict[str, Image]) -> None:
        camera = Camera(engine)
        off = []
        for image in swaying(room, heads, 40):
            faces, found = camera.show(image), engine.detect(image)
            pairs = [(one.detection.landmarks, other.landmarks) for one, other in zip(faces, found, strict=True)]
            off += [float(np.abs(mine - theirs).max()) for mine, theirs in pairs if mine is not None]
        assert len(off) == 80
        assert max(off) < 10  # pixels, of a face of 80

    @pytest.mark.parametrize("encoded_from", [0, 13])
    def test_is_encoded_as_often_as_where_each_frame_is_searched_and_only_where_it_was_found(
        self, engine: Engine, room: Image, heads: dict[str, Image], encoded_from: int
    ) -> None:
        """``encoded_from``: the number of the frame in which they come."""
        images = [scene(room, [], number) for number in range(encoded_from)] + list(swaying(room, heads, 60))
        seen: dict[float, list[int]] = {}
        for every in (0.0, 0.2):
            camera = Camera(engine, every)
            encoded = seen[every] = []
            for number, image in enumerate(images):
                wanted = [face.track for face in camera.show(image) if face.encode]
                encoded += [number] * len(wanted)
                assert not wanted or number in camera.searched, "a carried face is not encoded"
        late = [number - encoded_from for number in seen[0.2]]
        assert late[:6] == [late[0]] * 2 + [late[0] + 1] * 2 + [late[0] + 2] * 2  # in each frame as long as it is new
        assert late[0] <= 0.2 * FPS
        assert abs(len(late) - len(seen[0.0])) <= 1, "later only in other doubts"

    @pytest.mark.parametrize("live", [False, True])
    def test_that_is_due_to_be_encoded_is_in_the_search_that_is_nearest_of_a_camera_one_in_each(
        self, engine: Engine, room: Image, heads: dict[str, Image], *, live: bool
    ) -> None:
        camera, encoded = Camera(engine, live=live), []
        for number, image in enumerate(swaying(room, heads, 59)):
            encoded += [(number, face.track) for face in camera.show(image) if face.encode]
        assert encoded[:6] == [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2)]
        again = [(25, 1), (30, 2), (50, 1), (55, 2)]  # a second is 25 frames
        assert encoded[6:] == (again if live else [(number, track) for number in (25, 50) for track in (1, 2)])

    def test_that_leaves_the_picture_ends(self, engine: Engine, room: Image, heads: dict[str, Image]) -> None:
        camera, there = Camera(engine), []
        for number in range(45):
            image = scene(room, [(heads["obama.jpg"], 200 - 8 * number, 70)], number)
            there.append((len(camera.show(image)), len(engine.detect(image))))
        assert there[0] == (1, 1)
        assert there[-1] == (0, 0)
        assert sum(mine != theirs for mine, theirs in there) <= 2
        assert len(camera.searched) < 25

    def test_that_is_gone_from_one_frame_to_the_next_ends_at_once(
        self, engine: Engine, room: Image, heads: dict[str, Image]
    ) -> None:
        camera = Camera(engine)
        for number in range(18):
            assert len(camera.show(scene(room, [(heads["obama.jpg"], 200 + number, 70)], number))) == 1
        assert 17 not in camera.searched
        assert camera.show(scene(room, [], 18)) == []


class TestADoubt:
    def test_a_face_that_another_covers_is_searched_at_once(
        self, engine: Engine, room: Image, heads: dict[str, Image]
    ) -> None:
        camera = Camera(engine)
        for number in range(17):
            (face,) = camera.show(scene(room, [(heads["obama.jpg"], 200 + number, 70)], number))
        assert 16 not in camera.searched
        both = [(heads["obama.jpg"], 217, 70), (heads["biden.jpg"], 212, 68)]
        (other,) = camera.show(scene(room, both, 17))
        assert 17 in camera.searched
        assert other.encode
        assert (face.sure, face.encode) == (True, False)

    def test_two_faces_that_meet_are_searched_in_each_frame(
        self, engine: Engine, room: Image, heads: dict[str, Image]
    ) -> None:
        """One goes past behind the other; neither is carried over to the other."""
        camera, tracks = Camera(engine), {}
        for number in range(60):
            left = 10 + 6 * number
            behind, front = (heads["biden.jpg"], left, 68), (heads["obama.jpg"], 180, 70)
            faces = camera.show(scene(room, [behind, front], number))
            apart = [face for face in faces if abs(left - 180) > 110]
            tracks[number] = [face.track for face in sorted(apart, key=lambda face: face.detection.box.left)]
            overlap = len(faces) == 2 and faces[0].detection.box.overlap(faces[1].detection.box)
            assert not overlap or number in camera.searched
        assert tracks[0] == [1, 2]  # from left to right
        assert tracks[59][0] == 2

    @pytest.mark.parametrize("number", range(16, 20))
    def test_a_cut_is_searched_at_once(self, engine: Engine, closeups: dict[str, Image], number: int) -> None:
        camera = Camera(engine)
        before, after = (cv2.resize(closeups[name], (480, 480)) for name in ("obama.jpg", "biden.jpg"))
        for shift in range(number):
            (face,) = camera.show(np.roll(before, shift, axis=1))
        assert number - 1 not in camera.searched[3:] or (number - 1) % 5 == 0
        (other,) = camera.show(after)
        assert number in camera.searched
        assert other.track != face.track
        assert other.encode

    def test_a_face_that_comes_is_found_in_a_fifth_of_a_second(
        self, engine: Engine, room: Image, heads: dict[str, Image]
    ) -> None:
        camera, seen = Camera(engine), []
        for number in range(30):
            pair = [(heads["obama.jpg"], 100 + number, 70), (heads["biden.jpg"], 330 - number, 70)]
            seen.append(len(camera.show(scene(room, pair[: 1 + (number >= 16)], number))))
        assert seen[:16] == [1] * 16
        assert seen[20:] == [2] * 10

    def test_of_a_uniform_picture_or_one_pixel_is_no_error(self) -> None:
        for shape in ((1, 1, 3), (40, 40, 3)):
            carrier = Carrier()
            frame = Frame(np.full(shape, 90, np.uint8), "clip.mp4", "clip", 0, 0.0, 0.02, NOON)
            for box in (Box(0, 1, 1, 0), Box(-30, 10, 10, -30), Box(5, 90, 90, 5), Box(-9, -1, -1, -9)):
                carrier.found(frame, [Detection(box)])
                found = carrier.carry(frame)
                assert found is None or found[0].box == box


class TestWhen:
    @pytest.mark.parametrize(("every", "step"), [(0.0, 0.0), (0.2, 0.2), (0.2, 0.5), (0.04, 0.0)])
    def test_each_frame_that_moved_is_searched_where_frames_are_as_far_apart(
        self, engine: Engine, room: Image, heads: dict[str, Image], every: float, step: float
    ) -> None:
        camera = Camera(engine, every, step)
        for image in list(swaying(room, heads, 40))[:: max(1, round(step * FPS))]:
            camera.show(image)
        assert camera.searched == list(range(camera._now))

    def test_a_still_scene_is_not_searched(self, engine: Engine, room: Image, heads: dict[str, Image]) -> None:
        camera = Camera(engine)
        faces = [camera.show(scene(room, [(heads["obama.jpg"], 200, 70)], number)) for number in range(30)]
        assert camera.searched == [0]
        assert {(face.track, face.detection.box) for (face,) in faces} == {(1, faces[0][0].detection.box)}

    def test_what_moved_between_two_searches_is_searched_though_it_is_still_by_then(
        self, engine: Engine, room: Image, heads: dict[str, Image]
    ) -> None:
        camera = Camera(engine)
        alone, beside = [(heads["obama.jpg"], 60, 60)], [(heads["obama.jpg"], 60, 60), (heads["biden.jpg"], 300, 60)]
        seen = [len(camera.show(scene(room, shown))) for shown in [alone] * 7 + [beside] * 10]
        assert camera.searched[:2] == [0, 10]
        assert seen == [1] * 10 + [2] * 7

    def test_whoever_comes_into_a_still_scene_without_anybody_is_found_at_once(
        self, engine: Engine, room: Image, heads: dict[str, Image]
    ) -> None:
        camera = Camera(engine)
        seen = [len(camera.show(scene(room, []))) for _ in range(7)]
        seen += [len(camera.show(scene(room, [(heads["obama.jpg"], 200 + number, 70)]))) for number in range(5)]
        assert seen == [0] * 7 + [1] * 5

    def test_faces_that_do_not_count_are_carried_too(
        self, engine: Engine, room: Image, heads: dict[str, Image]
    ) -> None:
        """They are to be covered in each frame."""
        camera = Camera(engine, view=View({"left": [(0, 0), (0.5, 0), (0.5, 1), (0, 1)]}, only=["left"]))
        for image in swaying(room, heads, 30):
            (face,) = camera.show(image)
            (other,) = camera.others
            assert face.track == 1
            assert other.overlap(engine.detect(image)[1].box) > 0.7
        assert len(camera.searched) < 12


@pytest.fixture(scope="module")
def clip(room: Image, heads: dict[str, Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of two people, of whom one goes for half of one."""
    path = tmp_path_factory.mktemp("carried") / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, SIZE[::-1])
    for number, image in enumerate(swaying(room, heads, 50)):
        alone = scene(room, [(heads["obama.jpg"], 60 + number, 60)], number)
        writer.write(alone if 22 < number < 36 else image)
    writer.release()
    return path


@pytest.fixture(scope="module")
def classified(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    folder, made = tmp_path_factory.mktemp("results"), set[Path]()

    def classify(**flags: object) -> Path:
        """The result folder of every frame."""
        result, watcher = folder / "-".join(map(str, sorted(flags.items()))), Watcher()
        if result not in made:
            settings = load({"result": str(result), "seconds": 0.0, **flags}, environ={})
            pipeline.run(settings, [str(clip)], threading.Event(), watcher)
            assert watcher.problems == []
            assert len(watcher.positions) == 50
            made.add(result)
        return result

    return classify


@pytest.mark.parametrize("flags", [{"pixelate": "strangers"}, {"known_only": True}])
def test_where_strangers_are_shown_to_nobody_each_frame_is_searched(
    clip: Path, engine: Engine, flags: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else who comes would be shown for a fifth of a second."""
    searched: list[Search] = []
    usual = Engine.search

    def search(self: Engine, image: Image, how: Search) -> list[Detection]:
        searched.append(how)
        return usual(self, image, how)

    monkeypatch.setattr(Engine, "search", search)
    settings = load({"seconds": 0.0, **flags}, environ={})
    with (
        open_source(str(clip)) as source,
        Analysis(source, Sampling(0.0), source.start, engine, settings, threading.Event()) as records,
    ):
        assert len(list(records)) == 50
    assert len(searched) == 50


class TestRuns:
    def test_are_the_same_for_any_number_of_workers(self, classified: Callable[..., Path]) -> None:
        assert differences(classified(workers=1), classified(workers=3)) == []

    def test_have_the_same_people_as_where_each_frame_is_searched(self, classified: Callable[..., Path]) -> None:
        def counts(result: Path) -> list[int]:
            return sorted(len(list(person.glob("*.png"))) for person in result.glob("person_*"))

        carried, searched = counts(classified(workers=1)), counts(classified(workers=1, detect_every=0))
        assert len(carried) == len(searched) == 2
        # Boxes that are carried leave fewer doubts than boxes that are found, since these jump.
        assert max(abs(one - other) for one, other in zip(carried, searched, strict=True)) <= 2

    def test_meet_every_face_again(self, clip: Path, classified: Callable[..., Path]) -> None:
        result = classified(workers=2)
        before = contents(result)
        pipeline.run(
            load({"result": str(result), "seconds": 0.0}, environ={}), [str(clip)], threading.Event(), Watcher()
        )
        assert contents(result) == before
