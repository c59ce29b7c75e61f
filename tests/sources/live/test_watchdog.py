"""When a camera is lost, when it is tried again, and when its picture seems to stand still."""

from __future__ import annotations

from dataclasses import dataclass

from face_classifier.sources.live.reading.job import Job
from face_classifier.sources.live.still import Stillness
from face_classifier.sources.live.watchdog import Waits, Watchdog


@dataclass
class Memory:
    """What a reader tells of the time."""

    life: float = 0.0
    last: float = 0.0


def lost_at(memory: Memory, job: Job, signs: dict[float, str], until: float = 60.0) -> float | None:
    """The second at which a camera is lost that opens, sends something, or shows a picture at the seconds given."""
    watchdog = Watchdog(job, memory, 99.99)  # type: ignore[arg-type]
    memory.life = 100.0  # it is ready
    now, steps = 100.0, 0.25
    while now < 100 + until:
        now += steps
        for moment, sign in signs.items():
            if now - steps < 100 + moment <= now:
                watchdog.is_open |= sign == "open"
                memory.life = 100 + moment
                memory.last = 100 + moment if sign == "picture" else memory.last
        if watchdog.is_silent(now):
            return now - 100
    return None


def test_a_camera_is_lost_within_six_seconds_of_its_last_picture() -> None:
    job = Job("stream", "")
    pictures: dict[float, str] = {0.5: "open"} | {1 + step / 10: "picture" for step in range(100)}
    lost = lost_at(Memory(), job, pictures)
    assert lost is not None
    assert 5 <= lost - 10.9 <= 6
    only_bytes: dict[float, str] = pictures | {11 + step / 10: "bytes" for step in range(600)}
    assert lost_at(Memory(), job, only_bytes) == lost


def test_one_that_says_nothing_is_lost_at_once_and_one_with_rare_key_pictures_may_take_longer() -> None:
    job = Job("stream", "")
    assert 5.5 <= (lost_at(Memory(), job, {}) or 0.0) <= 6.5
    sends: dict[float, str] = {1.0: "open"} | {1 + step / 10: "bytes" for step in range(1, 600)}
    lost = lost_at(Memory(), job, sends)
    assert lost is not None
    assert 15 < lost < 16
    assert lost_at(Memory(), job, sends | {12 + step: "picture" for step in range(60)}) is None


def test_a_reader_that_starts_slowly_is_given_time() -> None:
    memory = Memory()
    watchdog = Watchdog(Job("stream", ""), memory, 100.0)  # type: ignore[arg-type]
    assert not any(watchdog.is_silent(100 + second) for second in range(30))
    memory.life = 129.0
    assert not any(watchdog.is_silent(129 + step / 4) for step in range(20))
    assert any(watchdog.is_silent(134 + step / 4) for step in range(8))
    assert Watchdog(Job("stream", ""), Memory(), 100.0).is_silent(131)  # type: ignore[arg-type]


def test_snapshots_may_come_as_rarely_as_they_are_asked_for() -> None:
    job = Job("snapshot", "", every=20)
    assert lost_at(Memory(), job, {0.5: "open"} | {1 + 20 * step: "picture" for step in range(4)}) is None


def test_a_pause_of_this_process_is_no_fault_of_the_camera() -> None:
    memory = Memory()
    watchdog = Watchdog(Job("stream", ""), memory, 100.0)  # type: ignore[arg-type]
    watchdog.is_open, memory.last, memory.life = True, 101.0, 101.0
    assert not watchdog.is_silent(101.0)
    assert not watchdog.is_silent(161.0)  # the computer slept
    memory.last = 161.1
    assert not watchdog.is_silent(161.2)


def test_waits_grow_to_eight_seconds_and_begin_anew_after_good_times() -> None:
    waits = Waits()
    for _ in range(20):
        taken = [waits.next("refused", 0.0, now, now) - now for now in range(100, 106)]
        for wait, most in zip(taken, [1, 2, 4, 8, 8, 8], strict=True):
            assert 0.75 * most <= wait <= most
        assert waits.next("ended", 60.0, 0.0, 100.0) - 100 <= 1
        waits = Waits()


def test_an_attempt_that_took_long_is_followed_by_a_short_wait() -> None:
    waits = Waits()
    for _ in range(5):
        waits.next("refused", 0.0, 100.0, 100.0)
    assert 100.5 <= waits.next("silent", 0.0, 94.5, 100.0) <= 102.5
    assert waits.next("silent", 0.0, 80.0, 100.0) == 100.5


def test_a_camera_that_flaps_is_not_asked_each_second() -> None:
    waits = Waits()
    moments = [waits.next("silent", 0.2, 0.0, 100.0) - 100 for _ in range(5)]
    assert moments[-1] >= 6
    assert waits.flaps
    waits.next("silent", 20.0, 0.0, 100.0)
    assert not waits.flaps


def test_after_a_wrong_password_half_a_minute_passes() -> None:
    assert Waits().next("unauthorized", 0.0, 0.0, 100.0) == 130


def test_a_picture_stands_still_after_a_minute_of_few_changes_and_it_is_told_once() -> None:
    still = Stillness(60)
    changes = [still.add(0.14, second) for second in range(0, 200, 5)]
    assert changes.index(True) == 12
    assert sum(changes) == 1
    assert still.add(0.23, 201)
    assert not still.is_still


def test_a_live_picture_is_never_suspected_and_neither_is_any_where_that_is_switched_off() -> None:
    still, off = Stillness(60), Stillness(0)
    for second in range(0, 600, 5):
        assert not still.add(0.0 if second % 50 else 0.23, second)
        assert not off.add(0.0, second)
