"""The lock of a folder, and what its holder tells in it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from face_classifier import __version__
from face_classifier.core.disk.locks import FolderLock, Holder, holder_of
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import InUseError, UserError

HOLD = """
import sys
from pathlib import Path
from face_classifier.core.disk.locks import FolderLock
from face_classifier.core.disk.rooted import Root
lock = FolderLock(Root(Path(sys.argv[1])))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_that_another_process_holds_is_refused_with_its_number(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InUseError, match=rf"in use by process {holder.pid};"):
            FolderLock(Root(tmp_path))
        holder.kill()
    FolderLock(Root(tmp_path)).release()  # a killed process holds nothing


def test_the_number_of_an_earlier_process_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("123456789012\n")
    lock = FolderLock(Root(tmp_path))
    try:
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n\n{__version__}\n"
        lock.tell("a very long name of a socket")
        lock.tell("socket")
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\nsocket\n{__version__}\n"
    finally:
        lock.release()


def test_a_child_process_does_not_hold_the_lock_on(tmp_path: Path) -> None:
    lock = FolderLock(Root(tmp_path))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        lock.release()
        FolderLock(Root(tmp_path)).release()
        child.kill()


def test_who_holds_a_folder_is_told_while_it_is_held(tmp_path: Path) -> None:
    with Root(tmp_path) as root:
        assert holder_of(root) is None
        lock = FolderLock(root)
        assert holder_of(root) == Holder(str(os.getpid()), None, __version__)
        lock.tell("/run/user/1000/face-classifier/\udcff.sock")  # a name that is no UTF-8
        assert holder_of(root) == Holder(str(os.getpid()), "/run/user/1000/face-classifier/\udcff.sock", __version__)
        lock.release()
        assert holder_of(root) is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"4711\n", Holder("4711", None, None)),  # as earlier versions write it
        (b"", Holder("?", None, None)),
        (b"4711\nsocket\n0.1.0\nfrom a later version\n", Holder("4711", "socket", "0.1.0")),
        (b"\x1b[2J\n\n\n", Holder("?", None, None)),
    ],
)
def test_what_others_wrote_into_a_lock_file_is_read(content: bytes, told: Holder, tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    path.write_bytes(content)
    with Root(tmp_path) as root, path.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert holder_of(root) == told
        with pytest.raises(InUseError, match=f"in use by process {told.pid.replace('?', '[?]')};"):
            FolderLock(root)


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "elsewhere").write_text("precious")
    (tmp_path / "folder" / ".lock").symlink_to(tmp_path / "elsewhere")
    with Root(tmp_path / "folder") as root:
        for look in (FolderLock, holder_of):
            with pytest.raises(UserError, match="is a link"):
                look(root)
    assert (tmp_path / "elsewhere").read_text() == "precious"
