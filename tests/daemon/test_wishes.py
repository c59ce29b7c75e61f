"""Signals are wishes, and a process that hangs ends in time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from face_classifier.daemon.wishes import IN_TIME, Wish, Wishes

HANG = """
import threading, time
from face_classifier.daemon.wishes import Wish, Wishes

wishes = Wishes()
with wishes.of_signals(lambda: print("hangs", flush=True)):
    threading.Thread(target=time.sleep, args=(60,)).start()  # no daemon
    print("begun", flush=True)
    while (wish := wishes.next(1)) is not Wish.STOP:
        print(wish, flush=True)
    assert wishes.stopping.wait(1)
    time.sleep(60)
"""


def test_wishes_come_in_their_order():
    wishes = Wishes()
    assert wishes.next(0.01) is None
    for wish in (Wish.RELOAD, Wish.RELOAD, Wish.STOP):
        wishes.ask(wish)
    assert [wishes.next(1) for _ in range(3)] == [Wish.RELOAD, Wish.RELOAD, Wish.STOP]


def test_signals_ask_and_their_handlers_are_put_back():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    wishes = Wishes()
    with wishes.of_signals(lambda: None):
        for number, wish in [(signal.SIGHUP, Wish.RELOAD), (signal.SIGHUP, Wish.RELOAD), (signal.SIGTERM, Wish.STOP)]:
            signal.raise_signal(number)
            assert wishes.next(1) is wish
        assert wishes.stopping.wait(1)
    assert {number: signal.getsignal(number) for number in before} == before
    assert "stopping" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("twice", [False, True])
def test_a_process_that_hangs_ends_in_time_or_at_once_if_it_is_asked_twice(twice: bool):
    with subprocess.Popen([sys.executable, "-c", HANG], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGHUP)
            assert process.stdout.readline() == "Wish.RELOAD\n"
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            if twice:
                time.sleep(0.3)
                process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=30)
        finally:
            process.kill()
    took = time.monotonic() - asked
    assert (process.returncode, out) == ((-signal.SIGTERM, "") if twice else (1, "hangs\n"))
    assert took < (2 if twice else IN_TIME + 0.5)


def test_a_process_ends_in_time_though_nobody_reads_what_it_tells_at_last():
    mute = HANG.replace('print("hangs", flush=True)', 'print("x" * 1_000_000, flush=True)')
    with subprocess.Popen([sys.executable, "-c", mute], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(IN_TIME + 0.5) == 1
        finally:
            process.kill()
