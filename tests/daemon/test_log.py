"""The log of a daemon."""

from __future__ import annotations

import io
import json
import logging
from datetime import datetime, timedelta

import pytest

from face_classifier.daemon import log


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of the log, which the test moves."""
    clock = [1000.0]
    monkeypatch.setattr(log, "monotonic", lambda: clock[0])
    return clock


def lines_of(form: str, *calls: tuple[object, ...], level: int = logging.INFO) -> list[str]:
    stream = io.StringIO()
    logging.getLogger("face_classifier").setLevel(logging.INFO)
    with log.logged(form, stream):
        for event, text, fields in calls:
            log.tell(event, text, level, **fields)
    return stream.getvalue().splitlines()


def test_a_line_for_people_has_the_time_with_its_offset_the_level_the_camera_and_a_sentence():
    (line,) = lines_of("text", ("lost", "sends no pictures\nany more\x1b[2J", {"camera": "door"}))
    time, rest = line.split(" ", 1)
    assert abs(datetime.now().astimezone() - datetime.fromisoformat(time)) < timedelta(seconds=10)
    assert rest.startswith("info door: sends no pictures any more")
    assert "\x1b" not in line


def test_a_line_for_programs_is_an_object_with_the_same():
    (line,) = lines_of("json", ("lost", "sends no\npictures", {"camera": "문", "track": 7}))
    told = json.loads(line)
    assert datetime.fromisoformat(told.pop("time")).utcoffset() is not None
    assert told == {"level": "info", "event": "lost", "camera": "문", "track": 7, "text": "sends no\npictures"}


def test_warnings_that_repeat_are_told_three_times_a_minute_and_then_counted(told: list[float]):
    stream = io.StringIO()
    with log.logged("json", stream):
        for second in range(100):
            log.tell("lost", f"tried again in {second} s", logging.WARNING, camera="door")
        log.tell("lost", "tried again in 1 s", logging.WARNING, camera="garden")  # of another camera
        told[0] += 61
        log.tell("lost", "tried again in 100 s", logging.WARNING, camera="door")
    texts = [json.loads(line)["text"] for line in stream.getvalue().splitlines()]
    assert texts == [
        *(f"tried again in {second} s" for second in range(3)),
        "tried again in 1 s",
        "tried again in 100 s (and 97 times more in the meantime)",
    ]


def test_what_happens_is_never_left_out(told: list[float]):
    assert len(lines_of("text", *[("person", "somebody came", {"camera": "door"})] * 50)) == 50


def test_an_error_with_its_trace_is_one_line():
    stream = io.StringIO()
    with log.logged("text", stream):
        try:
            raise ValueError("odd\nvalue")
        except ValueError:
            log.logger.warning("it failed", exc_info=True)
    assert stream.getvalue().count("\n") == 1
    assert "ValueError: odd value" in stream.getvalue()


def test_the_log_goes_where_it_went_before_afterwards():
    logger, handler = logging.getLogger("face_classifier"), logging.NullHandler()
    logger.addHandler(handler)
    try:
        with log.logged("text", io.StringIO()):
            assert handler not in logger.handlers
        assert handler in logger.handlers
    finally:
        logger.removeHandler(handler)
