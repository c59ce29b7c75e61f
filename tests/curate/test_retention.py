"""Retention: what was kept for long enough goes, and nothing else; on small pictures of made-up people."""

from __future__ import annotations

import dataclasses
import errno
import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from conftest import Listener, killed_at_every_line
from gallery.test_forget import rows_in, traces_of
from gallery.test_journal import BOX, MADE_BY, World, encoding_of, picture_of, read_photo

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.beside import keep_beside
from face_classifier.core.disk.retry import DiskError
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.types import Face, Frame, Match, Seen
from face_classifier.curate import retention
from face_classifier.curate.retention import Removed
from face_classifier.display.captures import CaptureFolder, Captures
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.passing.table import TrackRow
from face_classifier.gallery.past import retention as past_retention
from face_classifier.gallery.past.forget import is_tombstone
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.seen.table import seen_row
from face_classifier.gallery.store import Store
from face_classifier.gallery.table import Row, Rows, Table

NOW = datetime.now(timezone.utc).replace(microsecond=0)
HOUR = timedelta(hours=1)


def keep(**limits: object) -> Settings:
    return Settings().but(keep={"unknown": "72h", **limits})


class House(World):
    """A result folder of a live source, with what happens in it."""

    def see_live(
        self,
        who: int,
        look: int,
        ago: timedelta,
        camera: str = "door",
        person: str | None = None,
        track: int | None = None,
    ) -> Row:
        """A live source sees somebody; returns the row."""
        with Store(self.folder, writing=True) as store:
            self.look(store)
            frame = Frame(picture_of(who, look), camera, None, 0, 0.0, 0.02, NOW - ago)
            face = Face(BOX, encoding_of(who, look), MADE_BY)
            kept = store.keep(frame, face, Match(person), 0, track)
            store.write_views(None, self.look(store).faces.hidden)
        return next(row for row in rows_in(self.folder) if row.id == kept.sightings[0].id)

    def retain(
        self, settings: Settings | None = None, now: datetime = NOW, most: int = 50, *, views: bool = True
    ) -> Removed:
        with Store(self.folder, writing=True) as store:
            gallery = Gallery(Settings(result=str(self.folder)), store, read_photo, Listener())
            removed = retention.retain(gallery, settings or keep(), now, most=most)
            if views:
                gallery.write_views()
        return removed

    def name(self, person: str) -> None:
        (self.folder / person).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Ann with an old face, an unknown face of 80 hours ago, and one of an hour ago."""
    house = House(tmp_path / "result")
    house.name("Ann")
    house.see_live(1, 1, 90 * HOUR, person="Ann")
    house.see_live(2, 1, 80 * HOUR)
    house.see_live(3, 1, 1 * HOUR)
    return house


def unknown(folder: Path) -> list[Row]:
    return [row for row in rows_in(folder) if row.folder == UNKNOWNS and not is_tombstone(row)]


def test_old_faces_of_nobody_go_and_nobody_elses(house: House) -> None:
    old, young = unknown(house.folder)
    picture = (house.folder / old.place).read_bytes()
    removed = house.retain()
    assert (removed.faces, removed.more, removed.waits) == (1, False, None)
    assert removed.freed == len(picture)
    assert removed.sentence() == f"1 face of nobody removed, as keep says: {len(picture) / 1e6:.1f} MB"
    assert [row.id for row in unknown(house.folder)] == [young.id]
    assert len(house.pictures("Ann")) == len(house.pictures(UNKNOWNS)) == 1
    assert traces_of(house.folder, [old], ()) == []
    left = b"".join(path.read_bytes() for path in house.folder.rglob("*") if path.is_file())
    assert picture[40:90] not in left
    assert old.id not in {row.id for row in rows_in(house.folder)}, "of a live source there is no tombstone"
    assert house.retain().sentence() is None


def test_what_is_kept_for_ever_stays(house: House) -> None:
    before = rows_in(house.folder)
    assert house.retain(Settings()).sentence() is None
    assert len(rows_in(house.folder)) == len(before)


def test_each_camera_has_its_own_time(house: House) -> None:
    yard = house.see_live(4, 1, 50 * HOUR, camera="yard")
    attic = house.see_live(5, 1, 900 * HOUR, camera="attic")
    settings = Settings().but(
        keep={"unknown": "72h"},
        cameras={"yard": {"url": "0", "keep": {"unknown": "48h"}}, "attic": {"url": "1", "keep": {"unknown": None}}},
    )
    assert house.retain(settings).faces == 2
    left = {row.id for row in unknown(house.folder)}
    assert yard.id not in left
    assert attic.id in left


def test_pictures_that_the_user_put_there_stay(house: House) -> None:
    import cv2

    path = house.folder / UNKNOWNS / "holiday.png"
    cv2.imwrite(str(path), picture_of(7, 1))
    os.utime(path, (0, 0))
    house.start()
    assert house.retain().faces == 1
    assert path.exists()


def test_what_came_to_unknowns_lately_counts_from_then(house: House) -> None:
    path = house.move(house.pictures("Ann")[0], UNKNOWNS)
    house.start()
    assert house.retain().faces == 1, "the old one, not the one that was moved just now"
    assert path.exists()
    later = NOW + 80 * HOUR
    for day in range(4):
        house.retain(now=NOW + timedelta(days=day - 0.1))
    assert path.exists()
    assert house.retain(now=later).faces == 2
    assert not path.exists(), "though the user pinned it: who is to stay gets a folder"


def test_a_face_of_a_file_counts_from_when_it_was_stored_and_a_rerun_does_not_bring_it_back(house: House) -> None:
    house.run((6, 1))  # recorded years ago
    row = unknown(house.folder)[-1]
    assert row.fingerprint == "clip"
    assert house.retain().faces == 1, "that of the live source"
    stored = NOW - 73 * HOUR
    os.utime(house.folder / row.place, (stored.timestamp(), stored.timestamp()))
    house.start()
    assert house.retain().faces == 1
    stone = next(one for one in rows_in(house.folder) if one.id == row.id)
    assert is_tombstone(stone)
    assert (stone.fingerprint, stone.position, stone.box) == (row.fingerprint, row.position, row.box)
    before = house.labels()
    house.run((6, 1))
    assert house.labels() == before
    assert traces_of(house.folder, [row], ()) == []


def test_at_most_so_many_go_at_a_time_the_oldest_first(house: House) -> None:
    for number in range(5):
        house.see_live(10 + number, 1, (100 + number) * HOUR)
    first = house.retain(most=2)
    assert (first.faces, first.more) == (2, True)
    assert sorted(row.time for row in unknown(house.folder) if row.time)[0] == NOW - 102 * HOUR
    rounds = [first]
    while rounds[-1].more:
        rounds.append(house.retain(most=2))
    assert sum(removed.faces for removed in rounds) == 6


class TestAClockThatJumps:
    def test_ahead_removes_nothing_until_it_has_gone_on_for_a_day(self, house: House) -> None:
        house.retain()
        later = NOW + timedelta(days=3650)
        waits = house.retain(now=later)
        assert waits.sentence() is None
        assert waits.waits is not None
        assert waits.waits.startswith("nothing is removed before ")
        assert house.retain(now=later + HOUR).waits is None, "it is told once"
        assert len(unknown(house.folder)) == 1
        back = house.retain(now=NOW + HOUR)
        assert (back.waits, back.faces) == (None, 0)
        assert [house.retain(now=NOW + hours * HOUR).faces for hours in (24, 47, 70, 72)] == [0, 0, 0, 1]

    def test_again_and_again_is_not_believed(self, house: House) -> None:
        house.retain()
        for years in (1, 5, 9):
            assert house.retain(now=NOW + timedelta(days=365 * years)).waits is not None
        assert len(unknown(house.folder)) == 1

    def test_of_a_machine_that_forgets_the_time_at_each_start_is_right_as_soon_as_it_is_set(self, house: House) -> None:
        house.retain()
        for day in range(1, 4):
            for minute in range(2):
                assert house.retain(now=datetime(1970, 1, 1, 1, minute, tzinfo=timezone.utc)).faces == 0
            removed = house.retain(now=NOW + day * 23.9 * HOUR)
            assert removed.waits is None
        assert removed.faces == 1

    def test_is_believed_after_a_day(self, house: House) -> None:
        house.retain()
        later = NOW + timedelta(days=30)
        assert [house.retain(now=later + hours * HOUR).faces for hours in (0, 12, 23, 25)] == [0, 0, 0, 1]

    def test_back_removes_nothing(self, house: House) -> None:
        house.retain()
        assert house.retain(now=NOW - timedelta(days=400)).waits is not None
        assert len(unknown(house.folder)) == 1

    def test_is_noticed_at_the_first_look_by_the_latest_face(self, house: House) -> None:
        assert house.retain(now=NOW + timedelta(days=3650)).waits is not None
        assert len(unknown(house.folder)) == 2

    def test_is_for_the_user_to_confirm_who_asks_for_it(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        class Later(datetime):
            @classmethod
            def now(cls, tz: object = None) -> datetime:
                return NOW + timedelta(days=3650)

        monkeypatch.setattr(retention, "datetime", Later)
        asked = retention.arguments_of(keep(), confirmed=False, dry_run=False)
        with pytest.raises(UserError, match="set the clock, or give --yes if it is right"):
            house.carry_out("retain", asked)
        assert len(unknown(house.folder)) == 2
        assert house.carry_out("retain", {**asked, "confirmed": True})["faces"] == 2


def test_a_dry_run_tells_the_same_and_removes_nothing(house: House) -> None:
    before = {path: path.read_bytes() for path in house.folder.rglob("*.png")}
    asked = retention.arguments_of(keep(), confirmed=False, dry_run=True)
    told = house.carry_out("retain", asked)
    assert {path: path.read_bytes() for path in house.folder.rglob("*.png")} == before
    done = house.carry_out("retain", {**asked, "dry_run": False})
    assert told["faces"] == done["faces"] == 1
    assert told["freed"] == done["freed"] > 0


def test_undo_brings_back_what_is_still_there_and_says_so(house: House) -> None:
    for number in range(2):
        house.see_live(2, 10 + number, (80 - number) * HOUR, person="Ann")
    ann = [row for row in rows_in(house.folder) if row.folder == "Ann"]
    with Store(house.folder, writing=True) as store:
        house.look(store)
        with store.past.entry("command audit"):
            store.move([row.id for row in ann], None)
            house.look(store)
    entry = house.entries()[-1].number
    with closing(sqlite3.connect(house.folder / "faces.sqlite")) as table, table:
        table.execute("UPDATE journal SET time = ?", ((NOW - 79 * HOUR).isoformat(),))
    house.see_live(1, 50, HOUR, person=None)
    assert house.retain().faces == 4
    assert [one.expired for one in house.entries() if one.number == entry] == [3]
    undone = house.undo()
    assert (undone["taken_back"], undone["faces"], undone["expired"]) == ([entry], 0, 3)
    assert "3 faces of nobody were kept no longer than `keep` says, and cannot be brought back" in list(
        retention_lines(undone)
    )


def retention_lines(answer: dict[str, object]) -> Iterator[str]:
    from face_classifier.curate import undo

    return undo.lines(answer)


def test_tracks_go_when_their_time_is_over_and_lose_faces_that_went(house: House) -> None:
    old, young = unknown(house.folder)

    def track(number: int, camera: str, ago: timedelta, best: int | None) -> TrackRow:
        return TrackRow(number, camera, None, 1, NOW - ago, NOW - ago, 0.0, 1.0, 2, best, None)

    with Store(house.folder, writing=True) as store:
        store.tracks.write([track(1, "door", 80 * HOUR, old.id), track(2, "yard", 80 * HOUR, None)])
        store.tracks.write([track(3, "door", 200 * HOUR, None), track(4, "door", HOUR, young.id)])
    settings = Settings().but(
        keep={"unknown": "72h", "tracks": "100h"}, cameras={"yard": {"url": "0", "keep": {"tracks": "10h"}}}
    )
    removed = house.retain(settings)
    assert (removed.faces, removed.tracks) == (1, 2)
    with Store(house.folder, writing=False) as store:
        assert {row.number: row.best for row in store.tracks.all()} == {1: None, 4: young.id}


class TestCaptures:
    @pytest.fixture
    def captures(self, tmp_path: Path) -> Path:
        """Captures of two cameras and of a file, and a picture of the user's that is called like one."""
        folder = tmp_path / "captures"
        into = Captures(folder, pytest.fail)
        for number, (camera, fingerprint) in enumerate((("door", None), ("yard", None), ("clip.mp4", "clip"))):
            for ago in (1, 100):
                time = NOW - (ago + number) * HOUR
                frame = Frame(np.full((60, 60, 3), 9, np.uint8), camera, fingerprint, 0, 0.0, 0.02, time)
                into.show(frame, [Seen(BOX, None, face=f"{camera}-{ago}")])
        into.flush()
        into.close()
        for path in folder.glob("*.png"):
            old = any(f'-{100}"' in path.read_bytes().decode("latin1") for _ in "1")
            os.utime(path, 2 * ((NOW - (100 if old else 1) * HOUR).timestamp(),))
        users = folder / "20200101_000000.000.png"
        users.write_bytes((picture_of(1, 1)).tobytes())
        os.utime(users, (0, 0))
        return folder

    def names(self, folder: Path) -> set[str]:
        found = set()
        for path in folder.glob("*.png"):
            content = path.read_bytes().decode("latin1")
            found |= {
                name for name in ("door-1", "door-100", "yard-1", "yard-100", "clip.mp4-100") if f'"{name}"' in content
            }
        return found

    def test_go_when_their_time_is_over_and_the_users_pictures_stay(self, house: House, captures: Path) -> None:
        settings = Settings(capture=str(captures)).but(
            keep={"captures": "2 d"}, cameras={"yard": {"url": "0", "keep": {"captures": "30 d"}}}
        )
        removed = house.retain(settings)
        assert (removed.faces, removed.captures) == (0, 2)
        assert self.names(captures) == {"door-1", "yard-1", "yard-100"}
        assert (captures / "20200101_000000.000.png").exists()

    def test_pictures_of_alerts_go_as_captures_do(self, house: House, tmp_path: Path) -> None:
        log = tmp_path / "alerts.jsonl"
        for camera in ("door", "yard"):
            for name, hours in (("old", 60), ("young", 1)):
                path = log.parent / keep_beside(log, camera, name, b"jpeg")
                os.utime(path, (when := (NOW - hours * HOUR).timestamp(), when))
        settings = Settings().but(
            keep={"captures": "2 d"},
            cameras={"yard": {"url": "0", "keep": {"captures": "30 d"}}},
            channels={"log": {"type": "file", "path": str(log)}},
        )
        removed = house.retain(settings, most=1)
        assert (removed.captures, removed.freed, removed.more) == (1, 4, True)
        assert house.retain(settings, most=1).more is False
        left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("alerts.jsonl.pictures/*/*"))
        assert left == [f"alerts.jsonl.pictures/{name}.jpg" for name in ("door/young", "yard/old", "yard/young")]

    def test_in_a_folder_that_is_not_ours_nothing_goes(self, house: House, captures: Path) -> None:
        for path in captures.glob(".face-classifier*"):
            path.unlink()
        assert house.retain(Settings(capture=str(captures)).but(keep={"captures": "2 d"})).captures == 0

    def test_a_folder_that_is_away_is_none(self, house: House, tmp_path: Path) -> None:
        removed = house.retain(Settings(capture=str(tmp_path / "away")).but(keep={"captures": "2 d"}))
        assert (removed.captures, removed.problems) == (0, [])

    def test_the_oldest_go_first_where_the_disk_is_too_full_then_faces_of_nobody(
        self, house: House, captures: Path
    ) -> None:
        sizes = {path: path.stat().st_size for path in captures.glob("*.png")}
        with Store(house.folder, writing=True) as store:
            weight = store.retention.weight() + sum(sizes.values())
        removed = house.retain(Settings(capture=str(captures)).but(keep={"disk": weight - 1}))
        assert (removed.faces, removed.captures) == (0, 1)
        assert len(self.names(captures) & {"door-1", "yard-1"}) == 2
        assert removed.over == 0
        removed = house.retain(Settings(capture=str(captures)).but(keep={"disk": 1}))
        assert (removed.faces, removed.captures) == (2, 5)
        assert removed.over > 0
        assert unknown(house.folder) == []
        assert len(house.pictures("Ann")) == 1, "never a person's face"
        assert list(captures.glob("*.png")) == [captures / "20200101_000000.000.png"]

    def test_weight_is_what_lies_there(self, house: House) -> None:
        with Store(house.folder, writing=True) as store:
            weight = store.retention.weight()
            files = [path for path in house.folder.rglob("*") if path.is_file()]
            there = sum(path.stat().st_size for path in files if not path.name.endswith(("-wal", "-shm")))
        assert abs(weight - there) < 0.05 * there


def test_killed_anywhere_it_is_finished_by_the_next_look(house: House, tmp_path: Path) -> None:
    old, young = unknown(house.folder)
    copies = killed_at_every_line(
        house.folder, [past_retention, retention], tmp_path / "copies", lambda: house.retain(views=False)
    )
    assert len(copies) > 4
    unfinished = 0
    for copy in copies:
        killed = House(copy)
        with Store(copy, writing=False) as store:
            assert store.check.stock().gone == [], "nobody takes it for what the user deleted"
            unfinished += bool(store.check.stock().unfinished)
        killed.start()
        with Store(copy, writing=False) as store:
            assert store.check.faults() == []
            stock = store.check.stock()
            assert (stock.new, stock.gone, stock.missing, stock.unfinished) == ([], [], [], [])
        if old.id in {row.id for row in rows_in(copy)}:  # nothing was written down yet
            assert killed.retain().faces == 1
        assert [row.id for row in unknown(copy)] == [young.id]
        assert len(killed.pictures("Ann")) == 1
        assert [entry for entry in killed.entries() if entry.door == "file manager"] == []
        assert traces_of(copy, [old], ()) == [], copy
    assert unfinished > 0


def test_a_picture_that_the_user_moves_meanwhile_is_theirs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    old, _ = unknown(house.folder)
    write_down = past_retention.Retention._write_down

    def slowly(self: object, faces: object) -> None:
        write_down(self, faces)  # type: ignore[arg-type]
        house.move(house.folder / old.place, "Bea")

    monkeypatch.setattr(past_retention.Retention, "_write_down", slowly)
    house.retain()
    house.start()
    assert len(house.pictures("Bea")) == 1
    assert house.labels()[old.face] == "Bea"


def test_a_disk_that_refuses_is_told_and_the_next_call_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr("face_classifier.core.disk.rooted.Root.remove", refuse)
        with pytest.raises(DiskError):
            house.retain()
    assert len(unknown(house.folder)) == 2
    house.retain()
    assert len(unknown(house.folder)) == 1


@pytest.mark.parametrize("seed", range(6))
def test_in_whatever_order_nothing_of_what_went_is_left_in_any_file(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    house = House(tmp_path / "result")
    for person in ("Ann", "Bea"):
        house.name(person)
    for number in range(10):
        person = chance.choice([None, "Ann", "Bea"])
        ago = chance.choice([1, 30, 80, 100]) * HOUR + timedelta(minutes=number)
        house.see_live(number % 4, number, ago, person=person)
    house.run((1, 30), (2, 31), clip="clip")
    rows = {row.id: row for row in rows_in(house.folder)}
    pictures = {row.id: (house.folder / row.place).read_bytes()[40:90] for row in rows.values()}

    def shuffle() -> None:
        pngs = sorted(house.folder.glob("*/*.png"))
        if pngs:
            house.move(chance.choice(pngs), chance.choice(["Ann", "Bea", UNKNOWNS]))
        house.start()

    def undo() -> None:
        with suppress(UserError):
            house.undo(to=chance.choice([None, 0]))

    def forget() -> None:
        people = sorted({row.folder for row in rows_in(house.folder) if row.state == "kept"} - {UNKNOWNS})
        if people:
            house.forget(chance.choice(people))

    def retain() -> None:
        hours = chance.choice([24, 72])
        house.carry_out(
            "retain",
            retention.arguments_of(Settings().but(keep={"unknown": f"{hours}h"}), confirmed=True, dry_run=False),
        )

    actions: list[Callable[[], None]] = [shuffle, undo, forget, retain, retain]
    for action in [chance.choice(actions) for _ in range(8)] + [retain, undo]:
        action()
        alive = {row.hash for row in rows_in(house.folder)}
        gone = [row for row in rows.values() if row.hash not in alive]
        assert traces_of(house.folder, gone, ()) == [], action.__name__
        content = b"".join(path.read_bytes() for path in house.folder.rglob("*") if path.is_file())
        assert not any(pictures[row.id] in content for row in gone), action.__name__
        with Store(house.folder, writing=False) as store:
            assert store.check.faults() == []


def test_faces_without_a_picture_go_with_the_one_whose_label_they_have(house: House) -> None:
    old, young = unknown(house.folder)
    ann = next(row for row in rows_in(house.folder) if row.folder == "Ann")
    frame = Frame(picture_of(2, 2), "door", None, 1, 0.5, 0.02, NOW - 80 * HOUR)
    with Root(house.folder) as root, closing(Table(root, "faces.sqlite", writing=True)) as written:
        for nearest in (old.id, young.id, ann.id):
            Rows(written).add(seen_row(frame, BOX, 0.5, 0.1, nearest))
    house.retain()
    with closing(sqlite3.connect(house.folder / "faces.sqlite")) as table:
        left = table.execute("SELECT nearest FROM faces WHERE state = 'seen' ORDER BY id").fetchall()
    assert left == [(young.id,), (ann.id,)]


def test_whoever_decides_next_knows_no_more_of_what_went_without_a_look(house: House) -> None:
    for number, ago in enumerate((80, 79, 10)):  # of one track only the old ones go
        house.see_live(5, 20 + number, ago * HOUR, track=7)
    house.see_live(6, 1, 81 * HOUR, track=8)
    with Store(house.folder, writing=True) as store:
        gallery = Gallery(Settings(result=str(house.folder)), store, read_photo, Listener())
        assert gallery.people.unknown_faces == 6
        assert retention.retain(gallery, keep(), NOW).faces == 4
        people = gallery.people
        assert people.unknown_faces == len(unknown(house.folder)) == 2
        gallery.look(touched={UNKNOWNS})
        assert gallery.people is people
        assert people.holds(None, store.look(read_photo).faces.columns_of(None))
        made_anew = Gallery(Settings(result=str(house.folder)), store, read_photo, Listener()).people
        for who, look in ((5, 22), (5, 99), (6, 1), (2, 1), (3, 2)):
            one, other = (who_is.decide(encoding_of(who, look), None) for who_is in (people, made_anew))
            assert (one.person, one.partners) == (other.person, other.partners)


class TestRegularly:
    @pytest.fixture
    def told(self, house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Settings], list[str]]]:
        """Has a gallery looked at three times, a moment after one another; returns what was told."""
        monkeypatch.setattr(retention, "_EVERY", 0.0)
        monkeypatch.setattr(retention, "_SOON", 0.0)
        sentences: list[str] = []

        with Store(house.folder, writing=True) as store:
            gallery = Gallery(Settings(result=str(house.folder)), store, read_photo, Listener())

            def look(settings: Settings) -> list[str]:
                retaining = retention.Retaining(lambda: settings, sentences.append)
                for _ in range(3):
                    retaining.look(gallery)
                return sentences

            yield look

    def test_what_was_removed_is_told_once_with_its_count(
        self, house: House, told: Callable[[Settings], list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retention, "_MOST", 1)
        monkeypatch.setattr(retention.retain, "__kwdefaults__", {"most": 1})
        sentences = told(keep(unknown="0.5 h"))
        assert len(sentences) == 1
        assert sentences[0].startswith("2 faces of nobody removed, as keep says: ")

    def test_a_budget_that_peoples_faces_exceed_is_told_once(self, told: Callable[[Settings], list[str]]) -> None:
        sentences = told(Settings().but(keep={"disk": 1}))
        assert len(sentences) == 2
        assert sentences[0].startswith("2 faces of nobody removed")
        assert sentences[1].endswith(": people's faces stay")

    def test_captures_on_a_disk_that_stumbles_are_told_once_and_faces_go_all_the_same(
        self, tmp_path: Path, told: Callable[[Settings], list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stumble(*_: object, **__: object) -> list[str]:
            raise OSError(errno.EIO, "Input/output error")

        captures = tmp_path / "captures"
        Captures(captures, [].append).close()
        monkeypatch.setattr(CaptureFolder, "captures", stumble)
        sentences = told(dataclasses.replace(keep(captures="1h"), capture=str(captures)))
        assert sentences[0].startswith(f"the captures in {captures} cannot be searched (")
        assert [sentence.partition(",")[0] for sentence in sentences[1:]] == ["1 face of nobody removed"]

    def test_a_clock_that_jumped_is_told_once(self, house: House, told: Callable[[Settings], list[str]]) -> None:
        with closing(sqlite3.connect(house.folder / "faces.sqlite")) as table, table:
            table.execute("INSERT INTO marks VALUES ('clock believed', 1000000000)")
        sentences = told(keep())
        assert len(sentences) == 1
        assert sentences[0].startswith("nothing is removed before ")
