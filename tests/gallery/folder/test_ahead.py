"""A start whose folders are listed by another process finds what one finds that lists them itself."""

from __future__ import annotations

import marshal
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from gallery.folder.test_compare import Pair, paired, read_photo, step, write

from face_classifier.gallery.folder import ahead, listing
from face_classifier.gallery.folder.ahead import Ahead, listed_ahead
from face_classifier.gallery.folder.listing import listings_in
from face_classifier.gallery.store import Store


@pytest.fixture(autouse=True)
def _however_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_LARGE", 0)


@contextmanager
def started_again(pair: Pair) -> Iterator[Ahead]:
    """Both stores are opened anew, the first one with folders that another process lists."""
    pair.close()
    with listed_ahead(pair.folders[0]) as listed:
        assert listed._process, "no process has begun"
        pair.stores[0] = Store(pair.folders[0], writing=True, ahead=listed)
        other = Store(pair.folders[1], writing=True)
        other._looker._comparer, pair.stores[1] = pair.stores[1]._looker._comparer, other
        other._looker._comparer._folder = other._inside
        yield listed


def wait(listed: Ahead) -> None:
    """Until all is told."""
    assert listed.of("such a folder is not there") is None
    assert listed._told


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("how", ["as it comes", "all is told", "killed"])
def test_what_the_user_did_while_the_program_was_off_is_found(
    tmp_path: Path, frame: Callable[..., Any], seed: int, how: str
) -> None:
    rng = random.Random(seed)
    with paired(tmp_path) as pair:
        for _ in range(4):
            for _ in range(8):
                step(pair, rng, frame)
            with started_again(pair) as listed:
                if how == "all is told":
                    wait(listed)
                elif how == "killed" and listed._process:
                    listed._process.kill()
                pair.check(told=False)
                assert listed._process is None


def test_what_changes_once_it_is_listed_is_found_by_the_next_look(tmp_path: Path) -> None:
    with paired(tmp_path) as pair:
        write(pair, "Ann/a.png", b"1")
        write(pair, "Bob/b.png", b"2")
        pair.check(told=False)
        with started_again(pair) as listed:
            wait(listed)
            write(pair, "Ann/a.png", b"another")
            pair.stores[0].look(read_photo)
            pair.stores[1].look(read_photo)
            assert pair.check(told=False).changed == {"Ann"}


def test_folders_with_anything_but_pictures_are_left_to_a_closer_look(tmp_path: Path) -> None:
    for name in ("Ann", "Bob", "Cem", "empty"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(b"123")
        (tmp_path / name / ".hidden").write_bytes(b"")
        os.utime(tmp_path / name / "a.png", ns=(5, 7))
    (tmp_path / "empty" / "a.png").unlink()
    (tmp_path / "Bob" / "inside").mkdir()
    (tmp_path / "Cem" / "link").symlink_to(tmp_path)
    (tmp_path / "Dan").symlink_to(tmp_path / "Ann")
    (tmp_path / ".rejected").mkdir()
    assert dict(listings_in(str(tmp_path), (".part",))) == {
        "Ann": (1, "a.png", "3", "7"),
        "Bob": None,
        "Cem": None,
        "empty": (0, "", "", ""),
    }


def test_the_listing_goes_on_while_nobody_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{number:03d}" for number in range(600)]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name * 60}.png").touch()  # together more than there is room for in a pipe
    is_listed = threading.Event()

    def listing_of(folder: str, telling: tuple[str, ...]) -> listing.Listing | None:
        if folder.endswith(names[-1]):
            is_listed.set()
        return plain(folder, telling)

    plain = listing.listing_of
    monkeypatch.setattr(listing, "listing_of", listing_of)
    monkeypatch.setattr(listing, "_AT_ONCE", 10)
    reading, writing = os.pipe()
    thread = threading.Thread(target=listing.tell, args=(str(tmp_path), (), writing))
    thread.start()
    in_time = is_listed.wait(10)
    told = dict[str, Any]()
    with os.fdopen(reading, "rb") as pipe:
        while len(told) < len(names):
            told |= marshal.load(pipe)
        thread.join(10)
    os.close(writing)
    assert in_time, "it waits for somebody who reads"
    assert told["007"] == (1, f"{'007' * 60}.png", "0", told["007"][3])


def test_a_small_gallery_is_listed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with Store(tmp_path, writing=True) as store:
        store.look(read_photo)
    with listed_ahead(tmp_path) as listed:
        assert listed._process is None
