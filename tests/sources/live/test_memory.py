"""Pictures go from one process to another whole, the newest first, and nothing of them stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from face_classifier.sources.live.reading.memory import Memory, new_memory

# Writes pictures of one value each, of ever other sizes, as fast as it can.
WRITER = """
import sys, time
import numpy as np
from face_classifier.sources.live.reading.memory import Memory
memory = Memory(int(sys.argv[1]))
shapes = [(720, 1280, 3), (1080, 1920, 3), (48, 64, 3)]
number = 0
while True:
    number += 1
    memory.arrive(time.monotonic(), number)
    memory.publish(np.full(shapes[number % 3], number % 251, np.uint8), number, 0.0, 0.0)
"""


def test_no_picture_is_torn_though_it_is_overwritten_while_it_is_copied() -> None:
    descriptor = new_memory()
    memory = Memory(os.dup(descriptor))
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(descriptor)], pass_fds=[descriptor])
    os.close(descriptor)
    try:
        taken, last, until = 0, 0, time.monotonic() + 20
        while taken < 150 and time.monotonic() < until:
            shot = memory.newest(last)
            if shot is None:
                continue
            assert shot.published > last
            last, taken = shot.published, taken + 1
            assert shot.at == shot.number
            assert (shot.image == shot.number % 251).all()
            assert shot.image.shape == [(720, 1280, 3), (1080, 1920, 3), (48, 64, 3)][shot.number % 3]
        assert taken == 150
    finally:
        writer.kill()
        writer.wait()
    half_written = memory.newest(last)
    assert half_written is None or (half_written.image == half_written.number % 251).all()


def test_only_wanted_pictures_are_asked_for_and_the_nearest_one_is_found() -> None:
    descriptor = new_memory()
    memory = Memory(descriptor)
    assert memory.arrive(1.0, 1.0)
    memory.want(5.0)
    assert not memory.arrive(4.9, 4.9)
    assert memory.arrive(5.0, 5.0)
    assert memory.arrived == 3
    for second in (6.0, 6.1, 6.2):
        memory.publish(np.full((2, 2, 3), int(second * 10), np.uint8), second, 0.0, second)
    nearest = memory.nearest(6.12, 0.15)
    assert nearest is not None
    assert nearest.at == 6.1
    assert memory.nearest(7.0, 0.15) is None
    with pytest.raises(ValueError, match="has no room"):
        memory.publish(np.broadcast_to(np.uint8(0), (6001, 6000, 3)), 0.0, 0.0, 0.0)
