"""What holds for everything that pictures come from, be it a file or a device."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from sources.clips import EVERY_FRAME, START

from face_classifier.core.types import Frame
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import Source

OpenSource = Callable[[], Source]


class SourceTests:
    """Inherited by the tests of each source, which have a fixture ``open_it``: opens one that shows pictures."""

    def taken(self, source: Source, sampling: Sampling = EVERY_FRAME, most: int = 5) -> list[Frame]:
        """Its first frames."""
        return list(itertools.islice(source.frames(sampling, START, threading.Event()), most))

    def test_it_tells_what_it_is(self, open_it: OpenSource) -> None:
        with open_it() as source:
            assert source.name
            assert source.start.utcoffset() == timedelta(0)
            assert source.start <= datetime.now(timezone.utc)
            assert source.live == (source.fingerprint is None)
            assert source.duration is None or source.duration > 0

    def test_a_frame_is_a_bgr_picture_of_its_own_with_place_and_time(self, open_it: OpenSource) -> None:
        with open_it() as source:
            frames = self.taken(source)
            assert frames
            for frame in frames:
                assert frame.image.dtype == np.uint8
                assert frame.image.ndim == 3
                assert frame.image.shape[2] == 3
                assert frame.image.flags.c_contiguous
                assert (frame.source, frame.fingerprint, frame.due) == (source.name, source.fingerprint, True)
                assert frame.tolerance > 0
                assert frame.time.utcoffset() == timedelta(0)
                frame.image[:] = 7  # nobody else has it
            assert all((frame.image == 7).all() for frame in frames)

    def test_positions_rise_and_numbers_with_them(self, open_it: OpenSource) -> None:
        with open_it() as source:
            frames = self.taken(source)
        assert all(frame.position >= 0 for frame in frames)
        for one, other in itertools.pairwise(frames):
            assert one.position < other.position
            assert one.time < other.time
            assert (one.index or 0) < (other.index or 0)

    def test_a_file_counts_time_from_the_start_that_it_is_given_and_a_device_has_its_own(
        self, open_it: OpenSource
    ) -> None:
        with open_it() as source:
            for frame in self.taken(source):
                if source.live:
                    assert source.start <= frame.time <= datetime.now(timezone.utc)
                else:
                    assert frame.time == START + timedelta(seconds=frame.position)

    def test_of_a_coarse_grid_frames_come_at_most_once_a_step(self, open_it: OpenSource) -> None:
        with open_it() as source:
            frames = self.taken(source, Sampling(every=0.1, stop=0.35))
        assert 1 <= len(frames) <= 4
        assert all(frame.position >= 0.1 * step - 0.001 for step, frame in enumerate(frames))
        assert all(frame.position <= 0.351 for frame in frames)

    def test_nothing_comes_once_it_is_to_stop(self, open_it: OpenSource) -> None:
        stopping = threading.Event()
        with open_it() as source:
            frames = source.frames(EVERY_FRAME, START, stopping)
            next(frames)
            stopping.set()
            assert list(frames) == []
            assert list(source.frames(EVERY_FRAME, START, stopping)) == []

    def test_what_it_has_to_say_of_good_pictures_is_nothing(self, open_it: OpenSource) -> None:
        with open_it() as source:
            self.taken(source)
            assert source.notes() == []

    def test_it_is_closed_without_being_read_and_twice(self, open_it: OpenSource) -> None:
        source = open_it()
        source.close()
        source.close()

    def test_an_error_of_its_user_passes_and_it_is_closed(self, open_it: OpenSource) -> None:
        def fail_within() -> None:
            with open_it() as source:
                next(source.frames(EVERY_FRAME, START, threading.Event()))
                raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            fail_within()
