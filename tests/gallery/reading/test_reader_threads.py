"""A reader in many threads, beside an owner that writes, forgets, and ends; and a system that refuses for a moment."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gallery.reading.made_up import keep, unread
from gallery.test_readers import writing

from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.gallery.reading.reader import Reader
from face_classifier.gallery.store import Store

WAIT = 10.0  # seconds


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ann has three faces, and Ben two."""
    result = tmp_path / "result"
    with Store(result, writing=True) as store:
        store.look(unread)
        for number, person in enumerate(("Ann", "Ann", "Ann", "Ben", "Ben")):
            keep(store, number, person)
    return result


@contextmanager
def asked(question: Callable[[], object], threads: int = 3) -> Iterator[list[object]]:
    """Within, threads ask again and again; yields what they were answered that is not None."""
    stopping, answers = threading.Event(), list[object]()

    def go_on() -> None:
        while not stopping.is_set():
            try:
                answer = question()
            except Exception as error:
                answer = error
            if answer is not None:
                answers.append(answer)

    started = [threading.Thread(target=go_on) for _ in range(threads)]
    for thread in started:
        thread.start()
    try:
        yield answers
    finally:
        stopping.set()
        for thread in started:
            thread.join(WAIT)
        assert not any(thread.is_alive() for thread in started)


def fault_of(catalogue: Catalogue) -> object:
    """What is inconsistent in a catalogue of Ann and Ben, whatever they are called; None: nothing."""
    counts = sorted(person.faces for person in catalogue.people)
    listed = sorted(len(catalogue.faces_of(name)) for name in catalogue.names)
    cards = [catalogue.face(face) for name in catalogue.names for face in catalogue.ids_of(name)]
    found = {card.person for card in cards if card}
    if counts == listed == [2, 3] and len(cards) == 5 and found == set(catalogue.names) and not catalogue.problem:
        return None
    return counts, listed, found, catalogue.problem


def test_threads_read_one_revision_each_while_the_owner_writes(folder: Path) -> None:
    with (
        Reader(folder) as reader,
        asked(lambda: fault_of(reader.now())) as faults,
        Store(folder, writing=True) as store,
    ):
        store.look(unread)
        for turn in range(6):
            store.words.rename(*(("Ann", "Anna") if turn % 2 == 0 else ("Anna", "Ann")))
            store.look(unread)
    assert not faults


def test_what_is_forgotten_is_overwritten_though_threads_read_all_the_time(folder: Path) -> None:
    with Reader(folder) as reader, Store(folder, writing=True) as store:
        store.look(unread)
        path = min((folder / "Ben").iterdir())

        def ask() -> None:
            reader.now()
            reader.ask(lambda table: table.execute("SELECT * FROM faces").fetchall())

        with asked(ask) as faults:
            with store.past.entry("command forget"):
                store.past.forget(store.past.to_forget(path.name, path))
            store.look(unread)
            assert store.past.compact() == []
        assert not faults
        assert path.stem.encode() not in (folder / "faces.sqlite").read_bytes()
        assert not (folder / "faces.sqlite-wal").read_bytes()


def test_an_owner_in_another_process_comes_and_goes(folder: Path) -> None:
    with Reader(folder) as reader:
        for turn in range(2):
            before = reader.now().person("Ann")
            assert before is not None
            with writing(folder) as writer:
                for number in range(3):
                    writer.keep(100 * turn + number + 10)
                    now = reader.now().person("Ann")
                    assert now is not None
                    assert now.faces == before.faces + number + 1
            now = reader.now().person("Ann")
            assert now is not None
            assert (now.faces, reader.now().problem) == (before.faces + 3, None)


@contextmanager
def no_more_files() -> Iterator[None]:
    """Within, this process can open no file, also where it closes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_system_that_refuses_for_a_moment_is_told_in_a_sentence(folder: Path) -> None:
    with Reader(folder) as reader:
        with no_more_files():
            refused = reader.now()
        assert refused.people == ()
        assert refused.problem is not None
        assert "cannot be read just now (Too many open files)" in refused.problem
        known = reader.now()
        assert (known.problem, len(known.people)) == (None, 2)
        os.utime(folder / "faces.sqlite", ns=(time.time_ns(), time.time_ns()))  # so that it is opened anew
        with no_more_files():
            refused = reader.now()
        assert refused.problem is not None
        assert refused.people == known.people
        assert reader.now().problem is None
