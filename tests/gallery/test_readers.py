"""Reading a result folder while another process writes to it, or begins to."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gallery.owner.test_queue import face_of, frame_of

from face_classifier.core.disk.locks import FolderLock, holder_of
from face_classifier.core.disk.rooted import Root
from face_classifier.core.types import Match
from face_classifier.gallery.store import Store

WRITE = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from gallery.test_readers import keep
from face_classifier.gallery.store import Store
with Store(Path(sys.argv[1]), writing=True) as store:
    print("writes", flush=True)
    for line in sys.stdin:
        keep(store, int(line))
        print("kept", flush=True)
"""


def keep(store: Store, number: int) -> None:
    face, picture = face_of(number)
    store.keep(frame_of(number), face, Match("Ann"), 0, picture=picture)


class Writer:
    """Another process that writes to a folder."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def keep(self, number: int) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(number, file=self._process.stdin, flush=True)
        assert self._process.stdout.readline() == "kept\n"


@contextmanager
def writing(folder: Path) -> Iterator[Writer]:
    line = [sys.executable, "-c", WRITE, str(folder), str(Path(__file__).parents[1])]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writes\n"
        yield Writer(process)
        process.communicate()


def faces_seen(store: Store) -> int:
    return len(store.look(pytest.fail).faces)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A result folder with one face, at rest."""
    result = tmp_path / "result"
    with Store(result, writing=True) as store:
        keep(store, 0)
    assert not (result / "faces.sqlite-wal").exists()
    return result


def test_a_reader_sees_what_is_written_after_it_opened(folder: Path) -> None:
    with writing(folder) as writer, Store(folder, writing=False) as reader:
        assert faces_seen(reader) == 1
        for number in range(1, 4):
            writer.keep(number)
            assert faces_seen(reader) == 1 + number


def test_a_reader_that_opened_before_the_writer_sees_what_that_writes(folder: Path) -> None:
    with Store(folder, writing=False) as reader:
        assert faces_seen(reader) == 1
        with writing(folder) as writer:
            writer.keep(1)
            assert faces_seen(reader) == 2
            writer.keep(2)
            assert faces_seen(reader) == 3
        assert faces_seen(reader) == 3
        with writing(folder) as writer:
            writer.keep(3)
            assert faces_seen(reader) == 4


def test_no_reader_takes_the_table_for_unchanging_while_it_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    connect = sqlite3.connect

    def note(address: str, **more: object) -> sqlite3.Connection:
        opened.append(address.rpartition("?")[2])
        return connect(address, **more)

    monkeypatch.setattr(sqlite3, "connect", note)
    with Root(folder) as root:  # a writer that has not opened the table yet
        lock = FolderLock(root)
        with Store(folder, writing=False) as reader:
            assert faces_seen(reader) == 1
        lock.release()
    with writing(folder) as writer:
        writer.keep(1)
        with Store(folder, writing=False) as reader:
            assert faces_seen(reader) == 2
    assert opened == ["mode=ro"] * 2
    with Store(folder, writing=False) as reader:
        assert faces_seen(reader) == 2
    assert opened[-1] == "immutable=1"
    assert not (folder / "faces.sqlite-wal").exists()  # of which the writer took care


def test_a_writer_can_begin_while_readers_look_whether_there_is_one(folder: Path) -> None:
    stopping = threading.Event()

    def look() -> None:
        with Root(folder) as root:
            while not stopping.is_set():
                holder_of(root)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        with Root(folder) as root:
            for _ in range(300):
                FolderLock(root).release()
    finally:
        stopping.set()
        reader.join()
