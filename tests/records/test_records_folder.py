"""A folder of records tells by names what there is of a part; many may write one record, and only whole ones count."""

from __future__ import annotations

import errno
import math
import os
import pickle
import select
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from face_classifier.core.disk.durable import PRIVATE
from face_classifier.core.disk.markers import RECORDS, kind_of
from face_classifier.core.errors import UserError
from face_classifier.records.file import RecordWriter, read_record
from face_classifier.records.folder import Records
from face_classifier.records.head import Head, is_name
from face_classifier.records.plain import Origin
from face_classifier.sources.base import Sampling
from face_classifier.sources.chapters import Chapter

HEAD = Head(
    Origin("clip.mp4", "12-abc"),
    datetime(2024, 5, 6, tzinfo=timezone.utc),
    Sampling(),
    True,
    {"engine": "fast", "quality": 0.5, "detector": None},
    {"face-classifier": "1", "numpy": "2"},
    Chapter(1, 3, 600.0, 1200.0),
    "0123456789abcdef",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "records"


def write(records: Records, head: Head) -> str:
    with RecordWriter(records.root, head) as record:
        pass
    return record.name


def test_what_is_analysed_and_by_what_are_the_two_parts_of_a_name() -> None:
    same = (replace(HEAD, origin=Origin("another/place.mp4", "12-abc")), replace(HEAD, start=HEAD.start + timedelta(1)))
    assert {head.name for head in same} == {HEAD.name}
    assert is_name(HEAD.name)
    by_others = [replace(HEAD, kernel="another"), replace(HEAD, versions={"face-classifier": "2", "numpy": "2"})]
    assert {head.part for head in by_others} == {HEAD.part}
    assert len({head.name for head in (HEAD, *by_others)}) == 3
    others = [
        replace(HEAD, origin=Origin("clip.mp4", "12-abd")),
        replace(HEAD, chapter=None),
        replace(HEAD, chapter=Chapter(2, 3, 1200.0, math.inf)),
        replace(HEAD, sampling=Sampling(2.0)),
        replace(HEAD, follows=False),
        replace(HEAD, settings={**HEAD.settings, "quality": 0.6}),
    ]
    assert len({head.part for head in (HEAD, *others)}) == 7
    assert [head.part[:8] == HEAD.part[:8] for head in others] == [False, *[True] * 5]  # of one source alike


def test_two_cameras_without_a_fingerprint_have_records_of_their_own() -> None:
    heads = [replace(HEAD, origin=Origin(name, None)) for name in ("one", "other")]
    assert heads[0].part != heads[1].part


@pytest.mark.parametrize("chapter", [None, Chapter(1, 3, 600.0, 1200.0), Chapter(2, 3, 1200.0, math.inf)])
def test_a_head_reads_back_as_it_was_written(folder: Path, chapter: Chapter | None) -> None:
    head = replace(HEAD, chapter=chapter, failure="clip.mp4 is no video; give another file")
    with Records.made(folder) as records:
        assert records.head(write(records, head)) == head


def test_a_record_is_found_by_what_it_is_of(folder: Path) -> None:
    another = replace(HEAD, kernel="another")
    with Records.made(folder) as records:
        assert records.find(HEAD) is None
        name = write(records, HEAD)
        assert (records.find(HEAD), records.find(another)) == (name, None)
        assert records.find(another, mixed=True) == name
        assert records.find(replace(another, chapter=None), mixed=True) is None
        both = sorted([name, write(records, another)])
        assert records.names() == both
        assert records.find(another, mixed=True) == another.name


def test_what_cannot_be_analysed_is_told_until_it_is_removed(folder: Path) -> None:
    failed = replace(HEAD, failure="clip.mp4 is no video; give another file")
    assert failed.name == HEAD.name
    with Records.made(folder) as records:
        write(records, replace(HEAD, chapter=None))
        name = write(records, failed)
        assert records.head(name) == failed
        assert records.find(HEAD) == name
        records.remove(name)
        assert records.find(HEAD) is None


def test_the_folder_is_marked_and_private_and_another_one_is_refused(folder: Path, tmp_path: Path) -> None:
    with Records.made(folder, PRIVATE) as records:
        path = folder / write(records, HEAD)
    assert kind_of(folder) == RECORDS
    assert [oct(one.stat().st_mode & 0o777) for one in (folder, path)] == ["0o700", "0o600"]
    with Records.made(folder), Records(folder):
        pass
    other = tmp_path / "other"
    with pytest.raises(UserError, match="there is no folder of records"):
        Records(other)
    other.mkdir()
    (other / "letter.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty and no folder of records"):
        Records.made(other)
    with pytest.raises(UserError, match="is no folder of records"):
        Records(other)
    with pytest.raises(UserError, match="is a file"):
        Records.made(other / "letter.txt")
    with pytest.raises(UserError, match="lies in the folder of records"):
        Records.made(folder / "within")


def test_the_first_of_two_writers_gives_it_its_name(folder: Path) -> None:
    with Records.made(folder) as records:
        with RecordWriter(records.root, HEAD) as slow:
            name = write(records, replace(HEAD, origin=Origin("first.mp4", "12-abc")))
        assert slow.name == name
        assert records.head(name).origin.source == "first.mp4"
        assert not [one for one in records.root.names() if one.endswith(".part")]


@pytest.mark.parametrize("refusal", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_share_without_hard_links_folder_sync_and_locks_has_records_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    sync = os.fsync

    def no_link(*_: object, **__: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    def files_only(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        sync(descriptor)

    monkeypatch.setattr(os, "link", no_link)
    monkeypatch.setattr(os, "fsync", files_only)
    with Records.made(folder) as records:
        name = write(records, HEAD)
        write(records, replace(HEAD, origin=Origin("second.mp4", "12-abc")))
        assert records.head(name).origin.source == "clip.mp4"
        assert [sentence for sentence in records.root.lacks() if "cannot make names durable" in sentence]
    assert {path.name for path in folder.iterdir()} == {name, ".face-classifier-folder.json"}


WRITER = """
import pickle, sys
from pathlib import Path
from face_classifier.records.file import RecordWriter
from face_classifier.records.folder import Records
with Records(Path(sys.argv[1])) as records, RecordWriter(records.root, pickle.loads(bytes.fromhex(sys.argv[2]))):
    print("begun", flush=True)
    sys.stdin.readline()
"""


def writer(folder: Path) -> subprocess.Popen[str]:
    """A process that writes the record of `HEAD` until it is told to end."""
    arguments = [sys.executable, "-c", WRITER, str(folder), pickle.dumps(HEAD).hex()]
    return subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONWARNINGS": ""}
    )


def wait_for(process: subprocess.Popen[str]) -> None:
    assert process.stdout
    assert select.select([process.stdout], [], [], 10)[0], "the writer does not begin within 10 s"
    assert process.stdout.readline() == "begun\n"


def test_processes_that_write_one_record_at_a_time_leave_one_and_a_killed_one_none(folder: Path) -> None:
    Records.made(folder).root.close()
    processes = [writer(folder) for _ in range(3)]
    try:
        for process in processes:
            wait_for(process)
        killed = processes.pop()
        killed.send_signal(signal.SIGKILL)
        killed.communicate(timeout=10)
        with Records(folder) as records:
            assert records.names() == []
            assert len([name for name in records.root.names() if name.endswith(".part")]) == 3
            records.remove_left()  # of the dead one alone
            assert len([name for name in records.root.names() if name.endswith(".part")]) == 2
        for process in processes:
            process.communicate("\n", timeout=10)
            assert process.returncode == 0
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    with Records(folder) as records:
        assert records.names() == [HEAD.name]
        assert records.head(HEAD.name) == HEAD
        assert not [name for name in records.root.names() if name.endswith(".part")]


def test_what_a_writer_of_another_machine_left_goes_after_a_day(folder: Path) -> None:
    with Records.made(folder) as records:
        left = [folder / f".{HEAD.name}.0123456789ab.1-{number}-00.part" for number in (1, 2)]
        for path in left:
            path.touch()
        os.utime(left[0], (1_700_000_000, 1_700_000_000))
        records.remove_left()
    assert [path.exists() for path in left] == [False, True]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("chapter", "[]"),
        ("chapter", '{"number": 1, "count": 3, "begin": 600, "end": 500}'),
        ("chapter", '{"number": 4, "count": 3, "begin": 600, "end": 1200}'),
        ("chapter", '{"number": 1, "count": 3, "begin": NaN, "end": 1200}'),
        ("chapter", '{"number": 1, "count": 3, "begin": 600}'),
        ("kernel", "7"),
        ("failure", "[]"),
        ("failure", '"failed, and has frames"'),
        ("settings", '["engine"]'),
        ("settings", '{"engine": []}'),
        ("versions", '{"numpy": 2}'),
        ("sampling", '{"every": -1}'),
        ("sampling", '{"unheard": 1}'),
        ("follows", "2"),
        ("fingerprint", "1"),
        ("source", "{}"),
    ],
)
def test_a_head_that_cannot_be_is_refused(folder: Path, key: str, value: str) -> None:
    with Records.made(folder) as records:
        name = write(records, HEAD)
        with closing(sqlite3.connect(folder / name)) as database, database:
            database.execute("UPDATE head SET value = ? WHERE key = ?", (value, key))
            database.execute("INSERT INTO frames VALUES (1, 0, 0.0, 0.02, '2024-05-06T00:00:00+00:00', 1, 1)")
        with pytest.raises(UserError, match=r"is no record \(.*\); analyse its source with --again"):
            records.head(name)


def test_a_record_of_the_first_version_is_refused_in_a_sentence(folder: Path) -> None:
    with Records.made(folder) as records:
        name = write(records, HEAD)
        with closing(sqlite3.connect(folder / name)) as database, database:
            database.execute("PRAGMA user_version = 1")
        with (
            pytest.raises(UserError, match="it has version 1, but this program reads version 2"),
            read_record(records.root, name),
        ):
            pass
