"""A part is placed at once: as frame by frame, all of it or nothing, whoever is killed and whatever the user does."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Watcher, killed_at_every_line
from gallery.test_journal import BEGINNING, BOX, encoding_of, picture_of, read_photo

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk import durable, rooted
from face_classifier.core.disk.files import png_bytes
from face_classifier.core.disk.retry import DiskError, Patience
from face_classifier.core.errors import UserError
from face_classifier.core.types import NO_IMAGE, Box, Detection, Face, Frame, Match, Provenance
from face_classifier.gallery import keep
from face_classifier.gallery.encodings import file as encodings_file
from face_classifier.gallery.folder import carry, opened
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.owner.queue import Owner
from face_classifier.gallery.placing import undo
from face_classifier.gallery.seen import room
from face_classifier.gallery.store import Store
from face_classifier.gallery.table import file
from face_classifier.gallery.thoughts.thoughts import Thoughts
from face_classifier.pipeline.desk import Desk
from face_classifier.pipeline.place import Session
from face_classifier.pipeline.placing.discretion import discretion_of
from face_classifier.records import AnalysedFace, AnalysedFrame
from face_classifier.records.head import Head
from face_classifier.records.plain import Origin
from face_classifier.sources.base import Sampling

MADE_BY = Provenance("made-up", "none", "none", "fp64")
RIGHT = Box(10, 29, 20, 19)

Clip = list[
    list[tuple[int, int, int] | None]
]  # frames of faces: who, look, track of the record; None: too poor to keep


def head_of(clip: str) -> Head:
    return Head(Origin(f"{clip}.mp4", clip), BEGINNING, Sampling(), True, {}, {})


def frames_of(name: str, clip: Clip) -> Callable[[datetime], Iterator[AnalysedFrame]]:
    def frames(start: datetime) -> Iterator[AnalysedFrame]:
        for second, faces in enumerate(clip):
            time = start + timedelta(seconds=second)
            frame = Frame(NO_IMAGE, f"{name}.mp4", name, second, float(second), 0.02, time)
            yield AnalysedFrame(frame, tuple(map(face_of, (BOX, RIGHT), faces)))

    return frames


def face_of(box: Box, seen: tuple[int, int, int] | None) -> AnalysedFace:
    if seen is None:
        return AnalysedFace(Detection(box, quality=0.1), 99, True, None, None, True)
    who, look, track = seen
    face = Face(box, encoding_of(who, look), MADE_BY, 0.5 + look / 1000)
    return AnalysedFace(Detection(box, quality=0.5), track, True, face, png_bytes(picture_of(who, look)), False)


# Somebody alone, two together (who are two people), one who is known by then, and faces that are nothing.
CLIPS: dict[str, Clip] = {
    "first": [[(1, 1, 0)], [(2, 1, 1), (3, 1, 2)], [(2, 2, 1), (3, 2, 2)], [(4, 1, 3)], [None]],
    "second": [[(1, 2, 0)], [(1, 3, 0), (4, 2, 1)], [(5, 1, 2), None], [(2, 3, 3)], [], [(2, 4, 3), (6, 1, 4)]],
    "third": [[(6, 2, 0)], [(5, 2, 1), (7, 1, 2)], [(5, 3, 1)], [(5, 4, 1)], [(1, 4, 3)]],
}


class Placing:
    """A gallery whose records are placed by its owner, and what the user sees of it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings(result=str(folder), threshold=0.44, **settings)
        self.folder, self.observer = folder, Watcher()

    def place(self, *clips: str, at_once: bool = True, seconds: float = 0.0) -> list[int | None]:
        """How many frames of each were placed."""
        patience = Patience(seconds, threading.Event(), self.observer.problem)
        with Store(self.folder, writing=True, until_done=patience.until_done) as store:
            gallery = Gallery(self.settings, store, read_photo, self.observer)
            desk = Desk(gallery, None, self.observer, patience)
            return [(self.at_once if at_once else self.singly)(desk, clip) for clip in clips]

    def at_once(self, desk: Desk, clip: str) -> int | None:
        return desk.place_part(f"{clip}.record", head_of(clip), frames_of(clip, CLIPS[clip]))

    def singly(self, desk: Desk, clip: str) -> int:
        discretion = discretion_of(self.settings, f"{clip}.mp4")
        begun = desk.begin(clip, BEGINNING, Sampling(), given=False, follows=True, discretion=discretion)
        frames = list(frames_of(clip, CLIPS[clip])(begun.start))
        for analysed in frames:
            desk.place(begun.session, analysed)
        desk.end_all([begun.session])
        return len(frames)


def contents(folder: Path) -> dict[str, object]:
    """All files by their contents, and the table but for the times of files and of the journal."""
    told: dict[str, object] = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in folder.rglob("*")
        if not path.name.startswith((".face", "faces.sqlite"))
    }
    with closing(sqlite3.connect(folder / "faces.sqlite")) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            columns = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")]
            left_out = {("faces", "mtime"), ("journal", "time")}
            names = ", ".join(f'"{name}"' for name in columns if (table, name) not in left_out)
            if table not in ("placed", "batch"):
                told[table] = sorted(database.execute(f"SELECT {names} FROM {table}").fetchall(), key=repr)
    told["marks"] = [mark for mark in told["marks"] if mark[0] != "root"]  # type: ignore[attr-defined]
    return told


def hidden(folder: Path) -> set[str]:
    return {
        path.name for path in folder.iterdir() if path.name.startswith((".face-classifier-undo", ".face-classifier-a"))
    }


SETTINGS: list[dict[str, Any]] = [
    {},
    {"pictures_per_track": 1},
    {"pictures_per_track": 2},
    {"known_only": True},
    {"known_only": True, "pixelate": "unknown"},
    {"founding": 1},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_it_is_placed_as_frame_by_frame(tmp_path: Path, settings: dict[str, Any]) -> None:
    before = ["first", "second"] if "known_only" in settings else []
    for name, at_once in (("at once", True), ("singly", False)):
        Placing(tmp_path / name).place(*before, at_once=at_once)
        placing = Placing(tmp_path / name, **settings)
        clips = [clip for clip in CLIPS if clip not in before]
        assert placing.place(*clips, at_once=at_once) == [len(CLIPS[clip]) for clip in clips]
        assert placing.observer.problems == []
    assert len(contents(tmp_path / "singly")["faces"]) > 5  # type: ignore[arg-type]
    assert contents(tmp_path / "at once") == contents(tmp_path / "singly")
    assert not hidden(tmp_path / "at once")


@pytest.mark.parametrize("settings", [{}, {"known_only": True}], ids=str)
def test_a_program_that_is_started_anew_for_each_part_gives_the_same(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers of which nothing is left but that they were given, too: of sources without faces, of strangers."""
    monkeypatch.setitem(CLIPS, "empty", [[], []])
    monkeypatch.setitem(CLIPS, "strangers", [[(8, 1, 0), (9, 1, 1)], [(10, 1, 2)]])
    for folder in ("at once", "singly"):
        Placing(tmp_path / folder).place("first")
    clips = "empty", "strangers", "second", "third"
    Placing(tmp_path / "at once", **settings).place(*clips)
    for clip in clips:
        Placing(tmp_path / "singly", **settings).place(clip)
    assert contents(tmp_path / "at once") == contents(tmp_path / "singly")


def change(folder: Path) -> None:
    """What the user does: a rename, a move, a deletion, an exclusion."""
    people = sorted(path for path in folder.glob("person_*") if len(list(path.iterdir())) > 1)
    people[0].rename(folder / "Anna")
    first, second = sorted(people[1].iterdir())[:2]
    (folder / "Somebody").mkdir()
    first.rename(folder / "Somebody" / first.name)
    second.unlink()
    (folder / ".rejected" / "Anna").mkdir(parents=True)
    face = sorted((folder / "Anna").iterdir())[0]
    face.rename(folder / ".rejected" / "Anna" / face.name)


def test_what_the_user_does_between_parts_counts(tmp_path: Path) -> None:
    for name, at_once in (("at once", True), ("singly", False)):
        Placing(tmp_path / name).place("first", "second", at_once=at_once)
        change(tmp_path / name)
        Placing(tmp_path / name).place("third", at_once=at_once)
    told = contents(tmp_path / "at once")
    assert told == contents(tmp_path / "singly")
    assert any(str(place).startswith("Anna/") for place in told)


def test_what_the_user_does_while_a_part_is_placed_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is renamed between two faces that go there."""
    placing = Placing(tmp_path / "result")
    placing.place("first", "second")
    keep_face, renamed = keep.Keeper.keep, []

    def keep_and_rename(keeper: Any, frame: Frame, face: Face, match: Match, *arguments: Any, **named: Any) -> Any:
        if match.person and not renamed:
            renamed.append(match.person)
            (tmp_path / "result" / match.person).rename(tmp_path / "result" / "Anna")
        return keep_face(keeper, frame, face, match, *arguments, **named)

    monkeypatch.setattr(keep.Keeper, "keep", keep_and_rename)
    assert placing.place("third") == [5]
    assert not (tmp_path / "result" / renamed[0]).exists()
    assert len(list((tmp_path / "result" / "Anna").iterdir())) > 2
    before = contents(tmp_path / "result")
    with Store(tmp_path / "result", writing=True) as store:
        looked = store.look(read_photo)
        assert not looked.moves
    assert contents(tmp_path / "result") == before


def test_one_that_was_placed_is_passed_over_unless_it_is_wanted_again(tmp_path: Path) -> None:
    placing = Placing(tmp_path / "result")
    assert placing.place("first", "second", "first") == [5, 6, None]
    change(tmp_path / "result")
    with Store(tmp_path / "result", writing=True) as store:
        store.look(read_photo)
    before = contents(tmp_path / "result")
    assert placing.place("first", "second") == [None, None]
    assert contents(tmp_path / "result") == before


def test_one_that_is_placed_again_is_met_as_by_a_run(tmp_path: Path) -> None:
    for name in ("at once", "singly"):
        placing = Placing(tmp_path / name)
        placing.place("first", "second")
        change(tmp_path / name)
        with Store(tmp_path / name, writing=True) as store:
            gallery = Gallery(placing.settings, store, read_photo, placing.observer)
            desk = Desk(gallery, None, placing.observer, Patience(0, threading.Event(), placing.observer.problem))
            if name == "singly":
                assert placing.singly(desk, "first") == 5
            else:
                frames = frames_of("first", CLIPS["first"])
                assert desk.place_part("first.record", head_of("first"), frames, again=True) == 5
    assert contents(tmp_path / "at once") == contents(tmp_path / "singly")


def test_one_that_is_no_record_to_its_end_is_not_placed_at_all(tmp_path: Path) -> None:
    placing = Placing(tmp_path / "result")
    placing.place("first")
    before = contents(tmp_path / "result")

    def frames(start: datetime) -> Iterable[AnalysedFrame]:
        yield from frames_of("second", CLIPS["second"])(start)
        raise UserError("it is no record")

    with Store(tmp_path / "result", writing=True) as store:
        gallery = Gallery(placing.settings, store, read_photo, placing.observer)
        desk = Desk(gallery, None, placing.observer, Patience(0, threading.Event(), placing.observer.problem))
        with pytest.raises(UserError, match="it is no record"):
            desk.place_part("second.record", head_of("second"), frames)
        assert contents(tmp_path / "result") == before
        for clip in ("second", "third"):
            assert placing.at_once(desk, clip)
    assert not hidden(tmp_path / "result")
    Placing(tmp_path / "other").place(*CLIPS)
    assert contents(tmp_path / "result") == contents(tmp_path / "other")


ROOMS = undo, keep, carry, opened, room, durable, rooted, file


@pytest.mark.parametrize("settings", [{}, {"pictures_per_track": 1}], ids=str)
def test_whoever_is_killed_leaves_a_part_that_is_placed_or_not(tmp_path: Path, settings: dict[str, Any]) -> None:
    placing = Placing(tmp_path / "result", **settings)
    placing.place("first", "second")
    before = contents(tmp_path / "result")
    copies = killed_at_every_line(placing.folder, ROOMS, tmp_path, lambda: placing.place("third"))
    after = contents(tmp_path / "result")
    assert after != before
    assert len(copies) > 20
    found = []
    for copy in copies:
        again = Placing(copy, **settings)
        with Store(copy, writing=True) as store:
            assert not store.look(read_photo).moves
        assert not hidden(copy)
        found.append(contents(copy) == after)
        assert found[-1] or contents(copy) == before
        assert again.place("third") == [None if found[-1] else 5]
        assert contents(copy) == after
        assert again.observer.problems == []
    assert found == sorted(found)
    assert {True, False} == set(found)


def test_whoever_is_killed_in_second_thoughts_has_had_them_or_not(tmp_path: Path) -> None:
    """Faces of three people lie in wrong places, and one who is known is still unknown."""
    placing = Placing(tmp_path / "result")
    looks: Clip = [[(who, look, 10 * who)] for who in (1, 2, 3) for look in range(1, 9)]
    CLIPS["many"] = [*looks, *([(who, 20, 10 * who + 1)] for who in (1, 2, 3)), [(4, 1, 40)], [(4, 2, 41)]]
    try:
        placing.place("many")
    finally:
        del CLIPS["many"]
    with Store(placing.folder, writing=True) as store:
        last = {face.id: face.person for face in store.look(read_photo).faces}
        one, other, third, stranger, twin = sorted(last)[-5:]
        store.move([one, stranger], last[other])
        store.move([other], last[third])
        store.move([third, twin], None)
    with closing(sqlite3.connect(placing.folder / "faces.sqlite")) as database, database:
        database.execute("DELETE FROM journal")
        database.execute("DELETE FROM changes")
    before = contents(placing.folder)

    def think(folder: Path) -> int:
        with Store(folder, writing=True) as store:
            return len(Thoughts(Gallery(placing.settings, store, read_photo, placing.observer)).think_again())

    copies = killed_at_every_line(placing.folder, ROOMS, tmp_path, lambda: think(placing.folder))
    after = contents(placing.folder)
    assert len(after["changes"]) > 2  # type: ignore[arg-type]
    for copy in copies:
        Store(copy, writing=True).close()
        assert contents(copy) in (before, after)
        think(copy)
        assert contents(copy) == after


def test_what_the_user_did_with_pictures_of_a_part_half_placed_stays(tmp_path: Path) -> None:
    placing = Placing(tmp_path / "result")
    placing.place("first", "second")
    copies = killed_at_every_line(placing.folder, ROOMS, tmp_path, lambda: placing.place("third"))
    known = {path.name for path in copies[0].rglob("*.png")}
    half = [copy for copy in copies if hidden(copy) and {path.name for path in copy.rglob("*.png")} - known]
    assert len(half) > 5
    for copy in half:
        new = sorted(path for path in copy.rglob("*.png") if path.name not in known)
        content = new[0].read_bytes()
        (copy / "Somebody").mkdir()
        new[0].rename(copy / "Somebody" / new[0].name)
        own = copy / "unknowns" / "of the user.png"
        shutil.copy(new[-1] if new[-1].exists() else copy / "Somebody" / new[0].name, own)
        Placing(copy).place("third")
        assert (copy / "Somebody" / new[0].name).read_bytes() == content
        assert own.exists()
        with Store(copy, writing=True) as store:
            faces = list(store.look(read_photo).faces)
        assert [face.person for face in faces if face.face == new[0].stem] == ["Somebody"]


@pytest.mark.parametrize("refuses", ["write", "rename", "make_durable", "execute"])
def test_a_full_disk_has_the_part_tried_again_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: str
) -> None:
    Placing(tmp_path / "other").place(*CLIPS)
    whole = contents(tmp_path / "other")
    where: Any = file.Table if refuses == "execute" else undo.UndoRoot
    usual, count, most = getattr(where, refuses), [0], 40 if refuses == "execute" else 3

    def refuse(self: Any, *arguments: Any, **named: Any) -> Any:
        if refuses != "make_durable" and not (isinstance(self, file.Table) or self._open):
            return usual(self, *arguments, **named)
        count[0] += 1
        if count[0] == (1 if refuses == "make_durable" else most):
            raise DiskError("disk", "No space left on device", "make room on that disk")
        return usual(self, *arguments, **named)

    placing = Placing(tmp_path / "result")
    monkeypatch.setattr(where, refuses, refuse)
    assert placing.place(*CLIPS, seconds=5) == [5, 6, 5]
    assert contents(tmp_path / "result") == whole
    assert len(placing.observer.problems) == 2, "a refusal and a cure"
    assert not hidden(tmp_path / "result")


@pytest.mark.parametrize("refuses", ["write", "make_durable"])
def test_a_full_disk_has_the_faces_of_a_frame_tried_again_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: str
) -> None:
    Placing(tmp_path / "other").place(*CLIPS, at_once=False)
    whole = contents(tmp_path / "other")
    usual, pictures = getattr(undo.UndoRoot, refuses), [0]

    def refuse(self: undo.UndoRoot, *arguments: Any, **named: Any) -> Any:
        if self._open:
            pictures[0] += 1
            if pictures[0] == 2:
                raise DiskError("disk", "No space left on device", "make room on that disk")
        return usual(self, *arguments, **named)

    placing = Placing(tmp_path / "result")
    monkeypatch.setattr(undo.UndoRoot, refuses, refuse)
    assert placing.place(*CLIPS, at_once=False, seconds=5) == [5, 6, 5]
    assert contents(tmp_path / "result") == whole
    assert len(placing.observer.problems) == 2, "a refusal and a cure"
    assert not hidden(tmp_path / "result")


def test_the_faces_of_a_frame_wait_for_the_disk_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = [0]

    def count(usual: Callable[[int], None]) -> Callable[[int], None]:
        def counted(descriptor: int) -> None:
            waits[0] += 1
            usual(descriptor)

        return counted

    monkeypatch.setattr(os, "fsync", count(os.fsync))
    monkeypatch.setattr(encodings_file, "_sync", count(encodings_file._sync))
    waited = []
    with Store(tmp_path / "result", writing=True) as store:
        session = Session(Gallery(Settings(result=str(store.folder)), store, read_photo, Watcher()), follows=False)
        for second, people in enumerate(([1], [2], [3, 4])):  # folders and files are made for the first
            clip = [[(who, 1, who) for who in people]]
            (analysed,) = frames_of(str(second), clip)(BEGINNING + timedelta(seconds=second))
            waits[0] = 0
            session.place(analysed)
            waited.append(waits[0])
    assert waited[1] >= 3, "for the picture, its folder and its encoding; SQLite waits by itself"
    assert waited[2] == waited[1] + 1, "for the other picture"


@pytest.mark.parametrize("settings", [{}, {"pictures_per_track": 1}], ids=str)
def test_who_only_reads_sees_nothing_of_a_part_that_is_half_placed(tmp_path: Path, settings: dict[str, Any]) -> None:
    placing = Placing(tmp_path / "result", **settings)
    placing.place("first", "second")

    def seen() -> list[tuple[int, str | None]]:
        with Store(placing.folder, writing=False) as store:
            looked = store.look(lambda *_: pytest.fail("a picture was read"))
            assert not looked.moves
            assert store.problems() == []
            return [(face.id, face.person) for face in looked.faces]

    before, found = seen(), []

    with Store(placing.folder, writing=True) as store, pytest.MonkeyPatch.context() as patch:
        gallery = Gallery(placing.settings, store, read_photo, placing.observer)
        desk = Desk(gallery, None, placing.observer, Patience(0, threading.Event(), placing.observer.problem))
        place = Session.place

        def place_and_look(session: Session, analysed: AnalysedFrame) -> Any:
            placed = place(session, analysed)
            found.append(seen())
            return placed

        patch.setattr(Session, "place", place_and_look)
        desk.place_part("third.record", head_of("third"), frames_of("third", CLIPS["third"]))
        assert found == [before] * len(CLIPS["third"])
        assert len(seen()) > len(before)


def test_others_wait_for_one_part_only(tmp_path: Path) -> None:
    placing = Placing(tmp_path / "result")
    told: list[str] = []

    class Opened:
        def __enter__(self) -> Gallery:
            self.store = Store(placing.folder, writing=True)
            return Gallery(placing.settings, self.store, read_photo, placing.observer)

        def __exit__(self, *_: object) -> None:
            self.store.close()

    with Owner(Opened) as owner:  # type: ignore[arg-type]
        patience = Patience(0, threading.Event(), placing.observer.problem)
        desk = owner.call(lambda gallery: Desk(gallery, None, placing.observer, patience))
        asked = threading.Event()

        def frames(start: datetime) -> Iterator[AnalysedFrame]:
            assert asked.wait(10), "nobody asked"
            yield from frames_of("first", CLIPS["first"])(start)

        def place(clip: str, read: Any) -> None:
            desk.place_part(f"{clip}.record", head_of(clip), read)
            told.append(clip)

        futures = [owner.submit(lambda _: place("first", frames))]
        futures.append(owner.submit(lambda gallery: told.append(f"{len(gallery.faces)} faces")))
        futures.append(owner.submit(lambda _: place("second", frames_of("second", CLIPS["second"]))))
        asked.set()
        for future in futures:
            future.result(10)
    assert told == ["first", "6 faces", "second"]
