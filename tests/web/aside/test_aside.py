"""Things that are made in a thread, for pages that say so and go on by themselves."""

from __future__ import annotations

import threading

import pytest

from face_classifier.core.errors import UserError
from face_classifier.web.aside import aside as module
from face_classifier.web.aside.aside import Aside

SECONDS = 10.0  # for anything here, which fails then


def test_what_is_quick_is_there_at_once_and_what_is_slow_is_there_later() -> None:
    going = threading.Event()
    aside: Aside[int, str] = Aside("test", lambda key: str(key) if going.wait(SECONDS) else "")
    assert aside.get(1) is None
    assert aside.get(1, 0.05) is None
    going.set()
    done = aside.get(1, SECONDS)
    assert done is not None
    assert (done.key, done.made) == (1, "1")


def test_the_last_one_is_shown_while_the_next_is_made() -> None:
    going = threading.Event()
    aside: Aside[int, int] = Aside("test", lambda key: key if key == 1 or going.wait(SECONDS) else 0)
    assert aside.get(1, SECONDS)
    done = aside.get(2, 0.1)
    assert done is not None
    assert done.made == 1
    going.set()
    done = aside.get(2, SECONDS)
    assert done is not None
    assert done.made == 2


def test_one_is_made_at_a_time_whoever_asks() -> None:
    made: list[int] = []
    going = threading.Event()

    def make(key: int) -> int:
        made.append(key)
        going.wait(SECONDS)
        return key

    aside = Aside("test", make)
    for key in (1, 2, 3):
        assert aside.get(key) is None
    going.set()
    assert aside.get(1, SECONDS)
    assert made == [1]


def test_what_cannot_be_made_is_told_until_something_else_is_asked() -> None:
    def make(key: int) -> int:
        if key == 1:
            raise UserError("there is no result folder")
        return key

    aside = Aside("test", make)
    for _ in range(2):
        with pytest.raises(UserError, match="no result folder"):
            aside.get(1, SECONDS)
    assert aside.get(2, SECONDS)


def test_what_could_not_be_made_is_tried_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def make(key: int) -> int:
        tries.append(key)
        if len(tries) == 1:
            raise UserError("its process was killed")
        return key

    aside = Aside("test", make)
    with pytest.raises(UserError, match="killed"):
        aside.get(1, SECONDS)
    monkeypatch.setattr(module, "_AGAIN", 0.0)
    assert aside.get(1, SECONDS) is not None
    assert tries == [1, 1]


def test_nothing_is_begun_once_nobody_asks_any_more() -> None:
    made: list[int] = []
    aside: Aside[int, None] = Aside("test", made.append)
    aside.end()
    assert aside.get(1, SECONDS) is None
    assert made == []
