"""Frames analysed ahead: in order, whatever the number of workers; errors surface; nothing is left behind."""

from __future__ import annotations

import itertools
import random
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import partial
from typing import Any

import numpy as np
import pytest
from servers.devices import plugged_in

from face_classifier.core.types import Box, Detection, Face, Frame, Image
from face_classifier.pipeline.analysis.workers import Ahead, Search
from face_classifier.sources.base import Sampling
from face_classifier.sources.live.opening import open_camera
from face_classifier.vision.engine import Engine

NOON = datetime(2024, 5, 6, 12, tzinfo=timezone.utc)
THREADS = "analysis", "decoding", "camera"


def numbered(number: int, *, due: bool = True, image: Image | None = None) -> Frame:
    picture = np.zeros((4, 4, 3), np.uint8) if image is None else np.ascontiguousarray(image)
    return Frame(picture, "clip.mp4", "clip", number, float(number), 0.02, NOON, due)


def long(closing: threading.Event) -> Iterator[Frame]:
    for number in range(3000):
        if closing.is_set():
            return
        yield numbered(number)


def at(frame: Frame) -> list[Detection]:
    """One detection that tells the number of its frame."""
    return [Detection(Box(0, (frame.index or 0) + 1, 1, 0))]


def analysis(
    frames: Callable[[threading.Event], Iterator[Frame]] | list[Frame],
    *,
    stopping: threading.Event | None = None,
    moved: Callable[[Frame], bool] = lambda frame: True,
    detect: Callable[[Frame], list[Detection]] = at,
    plan: Callable[[Frame, list[Detection] | None], Any] = lambda frame, found: (frame.index, found),
    encode: Callable[[Any], list[Face]] = lambda plan: [],
    is_long: Callable[[Any], bool] = lambda plan: True,
    workers: int = 2,
    depth: int = 4,
) -> Ahead[int | None, Any, list[Face]]:
    listed = frames if callable(frames) else lambda closing: iter(frames)

    def search(frame: Frame) -> tuple[int | None, Search | None]:
        return frame.index, partial(detect, frame) if moved(frame) else None

    def planned(frame: Frame, note: int | None, found: list[Detection] | None) -> Any:
        assert note == (frame.index if frame.due else None)
        return plan(frame, found)

    stops = stopping or threading.Event()
    return Ahead(listed, stops, search, planned, encode, is_long=is_long, workers=workers, depth=depth)


def consume(ahead: Ahead[int | None, Any, list[Face]], use: Callable[[int], object]) -> None:
    with ahead:
        for plan, _ in ahead:
            use(plan[0])


def indexes(ahead: Ahead[int | None, Any, list[Face]]) -> list[int]:
    found: list[int] = []
    consume(ahead, found.append)
    return found


def assert_no_thread_is_left() -> None:
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith(THREADS)]
    assert not left


class TestOrder:
    @pytest.mark.parametrize("workers", [1, 2, 4])
    @pytest.mark.parametrize("depth", [0, 1, 8])
    def test_no_frame_is_lost_and_all_come_in_order_however_long_each_takes(self, workers: int, depth: int) -> None:
        chance = random.Random(workers)
        waits = [chance.choice([0, 0, 0.001, 0.005]) for _ in range(60)]

        def detect(frame: Frame) -> list[Detection]:
            time.sleep(waits[frame.index or 0])
            return at(frame)

        def encode(plan: tuple[int, list[Detection]]) -> list[Face]:
            time.sleep(waits[-plan[0] - 1])
            return []

        ahead = analysis(
            [numbered(number) for number in range(60)], detect=detect, encode=encode, workers=workers, depth=depth
        )
        with ahead:
            plans = [plan for plan, _ in ahead]
        assert [(index, found[0].box.right - 1) for index, found in plans] == [(number, number) for number in range(60)]

    def test_faces_are_the_same_with_any_number_of_workers(self, engine: Engine, closeups: dict[str, Image]) -> None:
        pictures = [np.roll(closeups[name], 7 * step, axis=1) for step in range(4) for name in sorted(closeups)]
        frames = [numbered(number, image=picture) for number, picture in enumerate(pictures)]

        def run(workers: int) -> list[tuple[int | None, Box, bytes]]:
            ahead = analysis(
                frames,
                detect=lambda frame: engine.detect(frame.image),
                plan=lambda frame, found: (frame, found),
                encode=lambda plan: engine.encode(plan[0].image, plan[1]),
                workers=workers,
            )
            with ahead:
                return [
                    (frame.index, face.box, face.encoding.tobytes()) for (frame, _), faces in ahead for face in faces
                ]

        alone = run(1)
        assert len(alone) >= len(frames)
        assert run(2) == alone
        assert run(4) == alone

    def test_plans_are_made_in_order_in_the_thread_that_iterates(self) -> None:
        made: list[tuple[int | None, threading.Thread]] = []

        def plan(frame: Frame, found: list[Detection]) -> tuple[int | None]:
            made.append((frame.index, threading.current_thread()))
            return (frame.index,)

        indexes(analysis([numbered(number) for number in range(20)], plan=plan, workers=4))
        assert made == [(number, threading.current_thread()) for number in range(20)]

    def test_several_frames_are_analysed_at_once(self) -> None:
        together = threading.Barrier(2, timeout=10)

        def detect(frame: Frame) -> list[Detection]:
            together.wait()  # breaks where one frame waits for the other
            return []

        assert len(indexes(analysis([numbered(number) for number in range(6)], detect=detect, workers=2))) == 6

    def test_a_frame_that_is_not_searched_comes_in_its_turn_without_a_result(self) -> None:
        searched: list[int | None] = []

        def detect(frame: Frame) -> list[Detection]:
            searched.append(frame.index)
            return at(frame)

        ahead = analysis(
            [numbered(number) for number in range(6)],
            moved=lambda frame: frame.index in (0, 3),
            detect=detect,
            workers=1,
        )
        with ahead:
            faces = [None if found is None else found[0].box.right - 1 for (_, found), _ in ahead]
        assert searched == [0, 3]
        assert faces == [0, None, None, 3, None, None]

    def test_frames_for_the_window_only_are_passed_on_and_not_searched(self) -> None:
        searched: list[int | None] = []
        ahead = analysis(
            [numbered(number, due=number % 3 == 0) for number in range(7)],
            moved=lambda frame: not searched.append(frame.index),
        )
        with ahead:
            plans = [plan for plan, _ in ahead]
        assert searched == [0, 3, 6]
        assert [(index, bool(found)) for index, found in plans] == [(n, n % 3 == 0) for n in range(7)]


class TestThreads:
    """A frame that is handed to another thread waits for that."""

    def test_a_frame_of_a_file_with_nothing_to_encode_is_done_where_it_is_iterated(self) -> None:
        threads: dict[int, threading.Thread] = {}

        def encode(plan: tuple[int, list[Detection]]) -> list[Face]:
            threads[plan[0]] = threading.current_thread()
            return []

        frames = [numbered(number) for number in range(12)]
        indexes(analysis(frames, encode=encode, is_long=lambda plan: plan[0] % 4 == 0))
        here = {number for number, thread in threads.items() if thread is threading.current_thread()}
        assert here == {number for number in range(12) if number % 4}

    def test_a_live_frame_is_searched_and_encoded_where_it_is_iterated(self) -> None:
        threads: list[threading.Thread] = []

        def detect(frame: Frame) -> list[Detection]:
            threads.append(threading.current_thread())
            return at(frame)

        def encode(plan: object) -> list[Face]:
            threads.append(threading.current_thread())
            return []

        frames = [numbered(number) for number in range(5)]
        assert indexes(analysis(frames, detect=detect, encode=encode, depth=0)) == list(range(5))
        assert threads == [threading.current_thread()] * 10

    def test_a_live_frame_is_taken_once_the_one_before_is_done(self) -> None:
        now = 0

        def newest(closing: threading.Event) -> Iterator[Frame]:
            while now < 40:
                yield numbered(now)

        with analysis(newest, depth=0) as ahead:
            for plan, _ in ahead:
                assert plan[0] == now
                now += 10  # frames that come while it is analysed and placed


class TestErrors:
    @pytest.mark.parametrize("stage", ["source", "moved", "detect", "plan", "encode"])
    @pytest.mark.parametrize("kind", [KeyError, KeyboardInterrupt])
    @pytest.mark.parametrize("depth", [0, 4])
    def test_an_error_in_any_stage_surfaces_with_its_traceback_and_ends_all_threads(
        self, stage: str, kind: type[BaseException], depth: int
    ) -> None:
        def the_place_of_the_error(*_: object) -> Any:
            raise kind(stage)

        def source(closing: threading.Event) -> Iterator[Frame]:
            yield from map(numbered, range(5))
            the_place_of_the_error()

        def from_the_fifth(frame: Frame, usual: Any) -> Any:
            return the_place_of_the_error() if frame.index == 5 else usual

        stages: dict[str, Any] = {
            "source": {"frames": source},
            "moved": {"moved": lambda frame: from_the_fifth(frame, True)},
            "detect": {"detect": lambda frame: from_the_fifth(frame, [])},
            "plan": {"plan": lambda frame, found: from_the_fifth(frame, (frame.index, found))},
            "encode": {"encode": lambda plan: the_place_of_the_error() if plan[0] == 5 else []},
        }
        done: list[int] = []
        with pytest.raises(kind, match=stage) as caught:
            consume(analysis(**{"frames": long, "depth": depth, **stages[stage]}), done.append)
        assert done == list(range(5))  # what came before it is finished
        assert "the_place_of_the_error" in [entry.name for entry in traceback.extract_tb(caught.value.__traceback__)]
        assert_no_thread_is_left()

    def test_an_error_of_whoever_iterates_ends_all_threads(self) -> None:
        with pytest.raises(ZeroDivisionError):
            consume(analysis(long), lambda index: 1 / (3 - index))
        assert_no_thread_is_left()


class TestStopping:
    def test_it_drains_what_was_planned_and_ends_all_threads(self) -> None:
        stopping = threading.Event()
        planned: list[int | None] = []
        done: list[int | None] = []

        def plan(frame: Frame, found: list[Detection]) -> int | None:
            planned.append(frame.index)
            return frame.index

        with analysis(long, stopping=stopping, plan=plan, encode=lambda plan: time.sleep(0.002) or []) as ahead:
            for index, _ in ahead:
                done.append(index)
                if index == 10:
                    stopping.set()
        assert done == planned
        assert 10 <= len(done) <= 30
        assert_no_thread_is_left()

    def test_it_ends_though_the_source_is_silent(self) -> None:
        stopping = threading.Event()

        def silent(closing: threading.Event) -> Iterator[Frame]:
            closing.wait(20)
            yield from ()

        timer = threading.Timer(0.2, stopping.set)
        timer.start()
        began = time.monotonic()
        assert indexes(analysis(silent, stopping=stopping)) == []
        assert 0.1 < time.monotonic() - began < 5
        timer.join()
        assert_no_thread_is_left()

    def test_leaving_it_early_or_without_a_look_ends_all_threads(self) -> None:
        with analysis(long):
            pass
        assert_no_thread_is_left()
        with analysis(long) as ahead:
            assert [plan[0] for plan, _ in itertools.islice(ahead, 3)] == [0, 1, 2]
        assert_no_thread_is_left()

    def test_what_is_never_entered_starts_no_thread(self) -> None:
        analysis(long)
        assert_no_thread_is_left()


class TestMemory:
    @pytest.mark.parametrize("workers", [1, 4])
    def test_a_slow_consumer_does_not_let_frames_pile_up(self, workers: int) -> None:
        alive: weakref.WeakSet[Frame] = weakref.WeakSet()
        most = 0

        def pictures(closing: threading.Event) -> Iterator[Frame]:
            for number in range(80):
                frame = numbered(number)
                alive.add(frame)
                yield frame

        with analysis(pictures, workers=workers, depth=3) as ahead:
            for _ in ahead:
                time.sleep(0.003)
                most = max(most, len(alive))
        # in the queue, in the encoders' queue, and one each in the hands of decoder, planner and consumer
        assert 3 <= most <= 3 + 4 + 4

    def test_a_slow_consumer_of_a_camera_gets_new_pictures_and_the_others_are_counted(
        self, portraits: dict[str, Image]
    ) -> None:
        device = Device(portraits["obama.jpg"])
        seen: list[int] = []
        ages: list[float] = []
        with plugged_in(lambda number: device), open_camera("0") as camera:

            def frames(closing: threading.Event) -> Iterator[Frame]:
                return camera.frames(Sampling(every=0, stop=2.0), NOON, closing)

            began = time.monotonic()
            with analysis(frames, plan=lambda frame, found: frame, workers=2, depth=0) as ahead:
                for frame, _ in ahead:
                    seen.append(frame.index)
                    ages.append(time.monotonic() - began - frame.position)
                    time.sleep(0.05)
            dropped, made = camera.dropped, device.made
        assert seen == sorted(set(seen))
        assert dropped >= made / 2
        assert len(seen) + dropped <= made <= len(seen) + dropped + 20  # some were taken and not waited for
        # were they queued, the last would be more than a second old
        assert max(ages[len(ages) // 2 :]) < 0.8
        assert_no_thread_is_left()


class Device:
    """A camera of a hundred pictures a second."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self.made = 0

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def get(self, what: int) -> float:
        return 100.0

    def read(self) -> tuple[bool, Image]:
        time.sleep(0.01)
        self.made += 1
        return True, self._image.copy()

    def release(self) -> None:
        pass
