"""A resource that one thread owns: order, errors, bounds, and the end."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.types import Box, Face, Frame, Match, Provenance
from face_classifier.gallery.owner.queue import Owner, OwnerClosedError
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.store import Store
from face_classifier.gallery.table import Row, Rows, Table

MADE_BY = Provenance("space", "detector", "chip", "float32")
PEOPLE = ["Ann", "Ben", None]


class Diary:
    """A resource that writes down what happens to it, and in which thread."""

    def __init__(self) -> None:
        self.lines: list[object] = []
        self.threads: set[threading.Thread] = set()
        self.is_open = False

    def write(self, line: object) -> int:
        assert self.is_open
        self.threads.add(threading.current_thread())
        self.lines.append(line)
        return len(self.lines)

    @contextmanager
    def opened(self) -> Iterator[Diary]:
        self.is_open = True
        self.write("opened")
        yield self
        self.write("closed")
        self.is_open = False


@pytest.fixture
def diary() -> Diary:
    return Diary()


def test_everything_happens_in_one_thread_that_is_not_the_senders(diary: Diary) -> None:
    with Owner(diary.opened) as owner:
        assert owner.call(lambda it: it.write("command")) == 2
        (thread,) = diary.threads
        assert thread is not threading.current_thread()
    assert diary.lines == ["opened", "command", "closed"]
    assert diary.threads == {thread}
    assert not thread.is_alive()


def test_what_an_action_raises_reaches_its_sender_alone(diary: Diary) -> None:
    def fail(_: Diary) -> None:
        raise UserError("this face is not there")

    with Owner(diary.opened) as owner:
        failed, done = owner.submit(fail), owner.submit(lambda it: it.write("next"))
        with pytest.raises(UserError, match="this face is not there"):
            failed.result()
        assert done.result() == 2


def test_what_opening_raises_is_raised_by_entering() -> None:
    @contextmanager
    def opens() -> Iterator[None]:
        raise UserError("it is locked")
        yield

    owner = Owner(opens)
    with pytest.raises(UserError, match="it is locked"), owner:
        pass
    with pytest.raises(OwnerClosedError):
        owner.submit(print)


def test_an_interrupt_while_it_opens_ends_it_as_soon_as_it_is_open() -> None:
    program = """
import contextlib, os, signal, threading
from face_classifier.gallery.owner.queue import Owner

@contextlib.contextmanager
def opens():
    os.kill(os.getpid(), signal.SIGINT)
    reached.wait(10)
    yield
    print("closed")

def interrupt(*what):
    reached.set()
    signal.default_int_handler(*what)

reached = threading.Event()  # who enters
signal.signal(signal.SIGINT, interrupt)
try:
    with Owner(opens):
        print("entered")
except KeyboardInterrupt:
    print("interrupted")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert (ended.stdout, ended.stderr) == ("closed\ninterrupted\n", "")


def test_what_closing_raises_is_raised_by_leaving() -> None:
    @contextmanager
    def opens() -> Iterator[None]:
        yield
        raise UserError("the disk is full")

    with pytest.raises(UserError, match="the disk is full"), Owner(opens) as owner:
        owner.call(lambda _: None)


def test_a_full_queue_holds_senders_up_until_there_is_room(diary: Diary) -> None:
    go_on, sent = threading.Event(), []

    def send(owner: Owner[Diary]) -> None:
        for number in range(10):
            owner.submit(lambda it, number=number: it.write(number))
            sent.append(number)

    with Owner(diary.opened, waiting=3) as owner:
        owner.submit(lambda _: go_on.wait())
        sender = threading.Thread(target=send, args=(owner,))
        sender.start()
        while len(sent) < 3:
            time.sleep(0.001)
        time.sleep(0.05)
        assert sent == [0, 1, 2]
        go_on.set()
        sender.join()
    assert diary.lines == ["opened", *range(10), "closed"]


def test_leaving_carries_out_what_waits_and_refuses_what_comes_later(diary: Diary) -> None:
    owner = Owner(diary.opened)
    with owner:
        owner.submit(lambda _: time.sleep(0.05))
        for number in range(20):
            owner.submit(lambda it, number=number: it.write(number))
    assert diary.lines == ["opened", *range(20), "closed"]
    with pytest.raises(OwnerClosedError, match="takes no more commands; try again"):
        owner.submit(lambda it: it.write("late"))


def test_a_sender_who_waits_for_room_while_the_owner_ends_is_refused(diary: Diary) -> None:
    go_on, refused = threading.Event(), threading.Event()

    def send(owner: Owner[Diary]) -> None:
        try:
            owner.submit(lambda it: it.write("too late"))
        except OwnerClosedError:
            refused.set()

    with Owner(diary.opened, waiting=1) as owner:
        owner.submit(lambda _: go_on.wait())
        while owner._waiting:
            time.sleep(0.001)
        owner.submit(lambda it: it.write("in time"))
        sender = threading.Thread(target=send, args=(owner,))
        sender.start()
        time.sleep(0.05)
        assert not refused.is_set()
        ending = threading.Thread(target=owner.__exit__, args=(None, None, None))
        ending.start()
        assert refused.wait(5)
        go_on.set()
        sender.join()
        ending.join()
    assert diary.lines == ["opened", "in time", "closed"]


def test_an_action_that_is_cancelled_before_its_turn_is_left_out(diary: Diary) -> None:
    go_on = threading.Event()
    with Owner(diary.opened) as owner:
        owner.submit(lambda _: go_on.wait())
        future = owner.submit(lambda it: it.write("not wanted any more"))
        assert future.cancel()
        go_on.set()
        with pytest.raises(CancelledError):
            future.result()
    assert diary.lines == ["opened", "closed"]


def test_an_action_that_would_wait_for_itself_is_refused(diary: Diary) -> None:
    with Owner(diary.opened) as owner, pytest.raises(RuntimeError, match="its own owner"):
        owner.call(lambda _: owner.call(lambda it: it.write("never")))


def test_an_owner_at_rest_holds_nothing_of_the_latest_action(diary: Diary) -> None:
    picture = np.zeros(3)
    gone = threading.Event()

    class Action:
        def __init__(self) -> None:
            self.picture = picture

        def __call__(self, _: Diary) -> None: ...

        def __del__(self) -> None:
            gone.set()

    with Owner(diary.opened) as owner:
        owner.call(Action())
        assert gone.wait(5)


def test_a_regular_action_takes_its_turn_however_many_others_wait(diary: Diary) -> None:
    with Owner(diary.opened) as owner:
        owner.every(0.02, lambda it: it.write("regular"))
        for _ in range(100):
            owner.submit(lambda it: time.sleep(0.002) or it.write("command"))
    assert 3 <= diary.lines.count("regular") <= 20
    assert diary.lines.count("command") == 100


def test_a_regular_action_is_carried_out_at_rest_until_it_is_cancelled(diary: Diary) -> None:
    with Owner(diary.opened) as owner:
        regular = owner.every(0.01, lambda it: it.write("regular"))
        while diary.lines.count("regular") < 3:
            time.sleep(0.001)
        regular.cancel()
        count = owner.call(lambda it: it.lines.count("regular"))
        time.sleep(0.05)
        assert diary.lines.count("regular") == count


def test_a_regular_action_that_fails_stops_and_is_told_when_the_owner_is_left(diary: Diary) -> None:
    def fail(it: Diary) -> None:
        it.write("regular")
        raise UserError("the folder is gone")

    owner = Owner(diary.opened).__enter__()
    regular = owner.every(0.01, fail)
    assert isinstance(regular.exception(5), UserError)
    owner.call(lambda it: it.write("command"))
    time.sleep(0.03)
    with pytest.raises(UserError, match="the folder is gone"):
        owner.__exit__(None, None, None)
    assert diary.lines == ["opened", "regular", "command", "closed"]


def test_a_regular_action_ends_with_the_owner(diary: Diary) -> None:
    with Owner(diary.opened) as owner:
        regular = owner.every(60, lambda it: it.write("regular"))
    assert regular.done()
    assert regular.result() is None


# Many senders of one result folder


def face_of(number: int) -> tuple[Face, bytes]:
    """A face and its picture that no other number has."""
    numbers = np.random.default_rng(number)
    encoding = numbers.standard_normal(128)
    return Face(Box(10, 20, 20, 10), encoding / np.linalg.norm(encoding), MADE_BY), b"picture %d" % number


def frame_of(camera: int) -> Frame:
    """All frames of all cameras are of one moment, so that all pictures would have one name."""
    moment = datetime(2026, 11, 27, tzinfo=timezone.utc)
    return Frame(np.zeros((1, 1, 3), np.uint8), f"camera {camera}", None, None, 0.0, 0.0, moment)


class Camera(threading.Thread):
    """Sends mixed commands to the owner of a store, and notes what should come of them."""

    def __init__(self, number: int, commands: int, owner: Owner[Store]) -> None:
        super().__init__()
        self.number, self.commands, self.owner = number, commands, owner
        self.random = random.Random(number)
        self.lies: dict[int, str | None] = {}  # face id: person
        self.pictures: dict[int, bytes] = {}  # face id: content
        self.tracks: list[int] = []
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            for number in range(self.commands):
                self.owner.call(self._command(number))
        except BaseException as error:
            self.failed = error

    def _command(self, number: int) -> Callable[[Store], None]:
        kind = self.random.choices(["keep", "move", "track", "apart"], [6, 2, 1, 1])[0]
        if kind == "keep" or len(self.lies) < 2:
            return self._keep(number)
        if kind == "move":
            return self._move
        return self._track if kind == "track" else self._apart

    def _keep(self, number: int) -> Callable[[Store], None]:
        face, picture = face_of(self.number * 1_000_000 + number)
        person = self.random.choice(PEOPLE)

        def keep(store: Store) -> None:
            kept = store.keep(frame_of(self.number), face, Match(person), 0, picture=picture)
            assert kept.new
            (sighting,) = kept.sightings
            self.lies[sighting.id], self.pictures[sighting.id] = person, picture

        return keep

    def _move(self, store: Store) -> None:
        face, person = self.random.choice(sorted(self.lies)), self.random.choice(PEOPLE)
        store.move([face], person)
        self.lies[face] = person

    def _track(self, store: Store) -> None:
        first = store.first_track()
        store.add_cannot_links([(first, first + 1)])
        self.tracks += [first, first + 1]

    def _apart(self, store: Store) -> None:
        ones, others = self.random.sample(sorted(self.lies), 2)
        store.words.keep_apart([ones], [others])


def rows_in(folder: Path) -> dict[int, Row]:
    with Root(folder) as root:
        table = Table(root, "faces.sqlite", writing=False)
        try:
            return {row.id: row for row in Rows(table).all()}
        finally:
            table.close()


def send_from_eight_threads(folder: Path, commands: int) -> None:
    """Send so many mixed commands, and check that every one of them was done, once, in its sender's order."""
    with Owner(lambda: Store(folder, writing=True)) as owner:
        cameras = [Camera(number, commands // 8, owner) for number in range(8)]
        for camera in cameras:
            camera.start()
        for camera in cameras:
            camera.join()
    assert [camera.failed for camera in cameras] == [None] * 8
    rows = rows_in(folder)
    lies = {face: person for camera in cameras for face, person in camera.lies.items()}
    pictures = {face: picture for camera in cameras for face, picture in camera.pictures.items()}
    assert len(lies) == sum(len(camera.lies) for camera in cameras)  # no id was given twice
    assert {face: row.folder for face, row in rows.items()} == {
        face: person or UNKNOWNS for face, person in lies.items()
    }
    for face, row in rows.items():
        assert (folder / row.folder / row.file).read_bytes() == pictures[face]
        assert row.hash == hashlib.sha256(pictures[face]).hexdigest()
    assert sum(1 for _ in folder.glob("*/*")) == len(pictures)  # and no other pictures
    tracks = [track for camera in cameras for track in camera.tracks]
    assert len(set(tracks)) == len(tracks) > 0


def test_what_many_threads_send_is_all_done_and_nothing_is_overwritten(tmp_path: Path) -> None:
    send_from_eight_threads(tmp_path / "result", 400)


@pytest.mark.proof
def test_ten_thousand_commands_of_eight_threads_are_all_done_and_nothing_is_overwritten(tmp_path: Path) -> None:
    send_from_eight_threads(tmp_path / "result", 10_000)


def test_each_senders_order_is_kept(diary: Diary) -> None:
    def send(owner: Owner[Diary], sender: int) -> None:
        for number in range(1250):
            owner.submit(lambda it, number=number: it.write((sender, number)))

    with Owner(diary.opened) as owner:
        senders = [threading.Thread(target=send, args=(owner, sender)) for sender in range(8)]
        for thread in senders:
            thread.start()
        for thread in senders:
            thread.join()
    lines = [line for line in diary.lines if isinstance(line, tuple)]
    assert len(lines) == 10_000
    for sender in range(8):
        assert [number for other, number in lines if other == sender] == list(range(1250))
