"""Who may read what is made; disks that cannot do all that is asked of them; addresses that hold secrets."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import Ended, need_tool

from face_classifier.core import names
from face_classifier.core.disk.locks import FolderLock, holder_of
from face_classifier.core.disk.markers import MANIFEST
from face_classifier.core.disk.rooted import Root
from face_classifier.gallery.table import Table
from face_classifier.gallery.table.notes import Notes
from face_classifier.photos.albums.album import run_face_recog
from face_classifier.photos.index import INDEX, PhotoIndex

OBAMA, OBAMA_AGAIN, BIDEN = "obama.jpg", "obama2.jpg", "biden.jpg"
Command = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder.parent)): stat.S_IMODE(path.lstat().st_mode)
        for path in [folder, *folder.rglob("*")]
        if not path.is_symlink()
    }


# Who may read it


@pytest.mark.parametrize(("flags", "folder", "file"), [((), 0o700, 0o600), (("--mode", "group"), 0o770, 0o660)])
def test_what_a_run_makes_is_for_the_user_or_the_group_alone(
    flags: tuple[str, ...], folder: int, file: int, photographs: dict[str, Path], tmp_path: Path, command: Command
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    ended = command(photographs[OBAMA], photographs[BIDEN], "--result", made / "result", "--capture", made / "seen",
                    "--jsonl", made / "log", *flags)  # fmt: skip
    assert ended.code == 0, ended.err
    found = modes(made)
    del found["made"]
    assert {"made/result/faces.sqlite", "made/result/face_encodings", "made/seen", "made/log"} <= found.keys()
    for name, mode in found.items():
        assert mode == (folder if (tmp_path / name).is_dir() else file), name


def test_what_exists_keeps_its_mode(photographs: dict[str, Path], tmp_path: Path, command: Command) -> None:
    result, log = tmp_path / "result", tmp_path / "log"
    result.mkdir(0o755)
    log.write_text("")
    assert command(photographs[OBAMA], "--result", result, "--jsonl", log).code == 0
    os.chmod(result / "face_encodings", 0o644)
    assert command(photographs[BIDEN], "--result", result, "--jsonl", log).code == 0
    assert [stat.S_IMODE(path.stat().st_mode) for path in (result, log, result / "face_encodings")] == [
        0o755,
        0o644,
        0o644,
    ]


def test_an_album_follows_the_umask_its_index_not_and_a_sidecar_its_photo(
    photographs: dict[str, Path], tmp_path: Path, command: Command
) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    album.mkdir()
    for name, mode in ((OBAMA, 0o640), (OBAMA_AGAIN, 0o600)):
        shutil.copy(photographs[name], album / name)
        os.chmod(album / name, mode)
    assert command("group", album, "-o", out, "--copies").code == 0
    (out / "person_01").rename(out / "Barack")
    assert command("group", album, "-o", out, "--copies", "--sidecars").code == 0
    found = modes(out)
    assert found["out"] == found["out/Barack"] == 0o755
    assert found["out/groups.json"] == found["out/index.html"] == 0o644
    assert found[f"out/{INDEX}"] == 0o600
    assert found[f"out/Barack/{OBAMA}"] == 0o640
    assert [modes(album)[f"album/{name}.xmp"] for name in (OBAMA, OBAMA_AGAIN)] == [0o640, 0o600]


def test_what_is_deleted_leaves_no_trace_in_any_table(tmp_path: Path) -> None:
    with Root(tmp_path) as root:
        table = Table(root, "faces.sqlite", writing=True)
        Notes(table).set_view("montage.Secret Name-00.png", "digest")
        Notes(table).set_view("montage.Secret Name-00.png", None)
        table.close()
    with PhotoIndex(tmp_path / "index", "space") as index:
        index._database.execute("INSERT INTO files VALUES ('Secret Name', 1, 1, 'content')")
        index.forget(["content"])
    for file in ("faces.sqlite", "index"):
        assert b"Secret Name" not in (tmp_path / file).read_bytes()


# Disks


def refuses(
    monkeypatch: pytest.MonkeyPatch, room: object, name: str, number: int, only: Callable[[int], bool] = lambda _: True
) -> None:
    done = getattr(room, name)

    def refuse(descriptor: int, *rest: object) -> object:
        if only(descriptor):
            raise OSError(number, os.strerror(number))
        return done(descriptor, *rest)

    monkeypatch.setattr(room, name, refuse)


def is_folder(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_disk_without_fsync_of_folders_is_told_once_and_used(
    number: int, photographs: dict[str, Path], tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses(monkeypatch, os, "fsync", number, is_folder)
    ended = command(photographs[OBAMA], photographs[BIDEN], "--result", tmp_path / "result")
    assert ended.code == 0
    assert ended.err.count("cannot make names durable") == 1
    assert str(tmp_path / "result") in ended.err
    shutil.copy(photographs[OBAMA], tmp_path / "a.jpg")
    ended = command("group", tmp_path / "a.jpg", "-o", tmp_path / "out")
    assert (ended.code, ended.err.count("cannot make names durable")) == (0, 1), ended.err


def test_another_error_of_fsync_is_no_lack_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuses(monkeypatch, os, "fsync", errno.EIO, is_folder)
    with Root(tmp_path) as root, pytest.raises(OSError, match="Input/output"):
        root.write("a", b"")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_a_disk_without_locks_is_told_once_and_used(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses(monkeypatch, fcntl, "flock", number)
    with Root(tmp_path) as root:
        FolderLock(root).release()
        FolderLock(root).release()
        assert holder_of(root) is None
        (sentence,) = root.lacks()
        assert "has no locks" in sentence
        assert "one process" in sentence
        assert root.lacks() == []


@pytest.fixture
def exfat(tmp_path: Path) -> Iterator[Path]:
    """A disk that knows neither links nor modes."""
    make, mount = need_tool("mkfs.exfat", "exfatprogs"), need_tool("mount.exfat-fuse", "exfat-fuse")
    image, place = tmp_path / "image", tmp_path / "exfat"
    with image.open("wb") as file:
        file.truncate(40 << 20)
    subprocess.run([make, str(image)], check=True, capture_output=True)
    place.mkdir()
    done = subprocess.run(["losetup", "-f", "--show", str(image)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this user, or this machine, can have no loop device, on which an exFAT file system could lie")
    device = done.stdout.strip()
    try:
        if subprocess.run([mount, device, str(place)], capture_output=True, check=False).returncode:
            pytest.skip("this user, or this kernel, cannot mount an exFAT file system")
        yield place
        subprocess.run(["umount", str(place)], check=True)
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


def test_a_real_disk_without_links_and_modes(
    exfat: Path, photographs: dict[str, Path], tmp_path: Path, command: Command
) -> None:
    ended = command(photographs[OBAMA], photographs[BIDEN], "--result", exfat / "result")
    assert ended.code == 0, ended.err
    assert ended.err.count("keeps no permissions") == 1
    assert command("people", "--result", exfat / "result").code == 0
    (tmp_path / "album").mkdir()
    for name in (OBAMA, OBAMA_AGAIN):
        shutil.copy(photographs[name], tmp_path / "album" / name)
    ended = command("group", tmp_path / "album", "-o", exfat / "out")
    assert ended.code == 1
    assert f"the link {exfat}/out/person_01/" in ended.err
    assert "give --copies" in ended.err
    assert str(tmp_path / "album") not in ended.err
    assert command("group", tmp_path / "album", "-o", exfat / "out", "--copies").code == 0
    assert sorted(os.listdir(exfat / "out" / "person_01")) == [OBAMA, OBAMA_AGAIN]


# Addresses


@pytest.fixture
def served(photographs: dict[str, Path], tmp_path: Path) -> Iterator[str]:
    """The address of a photo on this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """The test's output is not for this."""

    (tmp_path / "served").mkdir()
    shutil.copy(photographs[OBAMA], tmp_path / "served" / OBAMA)
    shutil.copy(photographs[OBAMA_AGAIN], tmp_path / "served" / OBAMA_AGAIN)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "served"))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rtsp://me:secret@cam/1 does not exist", "rtsp://cam/1 does not exist"),
        ("'http://me:se@cret@h:8/a?token=abc' is odd", "'http://h:8/a' is odd"),
        ("https://h/a.jpg?sig=abc;b, or ?", "https://h/a.jpg;b, or ?"),
        ("a@b.jpg, c?d.png and file:///a@b/c", "a@b.jpg, c?d.png and file:///a@b/c"),
    ],
)
def test_of_an_address_neither_password_nor_query_is_shown(text: str, told: str) -> None:
    assert names.shown(text) == told


@pytest.mark.parametrize("words", [(), ("similar",), ("group", "-o", "out"), ("recognize",)])
def test_no_command_tells_a_password(
    words: tuple[str, ...], tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for address in ("rtsp://me:hunter2@camera.invalid/1?token=hunter2", "http://me:hunter2@127.0.0.1:9/a.jpg"):
        ended = command(*words, address)
        assert ended.code != 0
        assert "hunter2" not in ended.err + ended.out


def test_no_log_and_no_manifest_holds_what_is_secret(
    served: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"{served}{OBAMA}?token=hunter2"
    with caplog.at_level(logging.WARNING):
        run_face_recog([address, "http://me:hunter2@127.0.0.1:9/a.jpg"], out=tmp_path / "out", allow_private=True)
    assert "hunter2" not in caplog.text
    assert "hunter2" not in (tmp_path / "out" / MANIFEST).read_text()
    assert len(json.loads((tmp_path / "out" / MANIFEST).read_text())["fetched"]) == 1


def test_an_album_of_an_earlier_version_knows_its_fetched_photos(served: str, tmp_path: Path) -> None:
    addresses = [f"{served}{name}" for name in (OBAMA, OBAMA_AGAIN)]
    run_face_recog(addresses, out=tmp_path / "out", allow_private=True)
    record = json.loads((tmp_path / "out" / MANIFEST).read_text())
    record["fetched"] = dict(zip(addresses, record["fetched"].values(), strict=True))
    (tmp_path / "out" / MANIFEST).write_text(json.dumps(record))
    run_face_recog(addresses, out=tmp_path / "out")  # not fetched again: private addresses are not allowed now
    assert len(json.loads((tmp_path / "out" / "groups.json").read_text())["group_idx_list"]) == 1
