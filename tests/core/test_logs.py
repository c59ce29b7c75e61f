"""A log from which lines are taken while another program goes on writing it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from face_classifier.core.disk.durable import PRIVATE
from face_classifier.core.disk.logs import LogFile, rewrite


def test_lines_that_are_written_meanwhile_are_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(path, PRIVATE)
    written: list[bytes] = []

    def write() -> None:
        for number in range(2000):
            written.append(b"%d\n" % number)
            assert log.write(written[-1]) == len(written[-1])

    writer = threading.Thread(target=write)
    writer.start()
    gone = 0
    while writer.is_alive():
        gone += rewrite(path, lambda line: b"" if line.endswith(b"7\n") else line)
    writer.join()
    gone += rewrite(path, lambda line: b"" if line.endswith(b"7\n") else line)
    log.close()
    assert gone == 200
    assert path.read_bytes() == b"".join(line for line in written if not line.endswith(b"7\n"))


def test_a_log_that_loses_nothing_stays_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo")
    before = path.stat()
    assert rewrite(path, lambda line: line) == 0
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_log_keeps_its_mode_and_a_link_to_it(tmp_path: Path) -> None:
    path, link = tmp_path / "log", tmp_path / "link"
    path.write_bytes(b"one\ntwo\n")
    path.chmod(0o640)
    link.symlink_to(path)
    assert rewrite(link, lambda line: b"1\n" if line == b"one\n" else line) == 1
    assert link.is_symlink()
    assert path.read_bytes() == b"1\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_log_that_the_user_removed_is_written_on(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(path, PRIVATE)
    path.unlink()
    assert log.write(b"one\n") == 4
    log.close()
    assert not path.exists()


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert rewrite(pipe, lambda line: b"") == 0
    with pytest.raises(OSError, match="No such file"):
        rewrite(tmp_path / "nothing", lambda line: b"")
