"""At most so many pictures a track: which faces keep theirs, which are `seen`, and what becomes of those."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Ended, Listener, killed_at_every_line
from gallery.test_journal import BOX, MADE_BY, picture_of, read_photo

from face_classifier.core.config.load import load
from face_classifier.core.disk.files import png_bytes
from face_classifier.core.types import Face, Frame, Image, Sighting, cut
from face_classifier.curate.checks.folder import ENCODINGS, UNFINISHED
from face_classifier.curate.checks.verify import verify
from face_classifier.curate.commands import HANDLERS
from face_classifier.gallery import keep
from face_classifier.gallery.folder import carry
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.passing.table import TrackRow
from face_classifier.gallery.past import journal
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.seen import room
from face_classifier.gallery.store import Kept, Store

BEGINNING = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
_VECTORS = np.linalg.qr(np.random.default_rng(1).normal(size=(128, 128)))[0]
MOST = 3


def encoding_of(who: int, look: int) -> np.ndarray:
    """As `read_photo` finds it in a picture of them."""
    noise = np.random.default_rng(1000 * who + look).normal(size=128)
    return _VECTORS[who] + 0.15 * noise / np.linalg.norm(noise)


def frame_of(who: int, look: int, clip: str | None) -> Frame:
    """The second ``look`` of a clip, or of a live source (None)."""
    time = BEGINNING + timedelta(seconds=look)
    return Frame(picture_of(who, look), clip or "camera", clip, look, float(look), 0.02, time)


class World:
    """A result folder in which somebody is seen, as pictures by which `read_photo` knows them."""

    def __init__(self, folder: Path, most: int | None = MOST) -> None:
        self.folder = folder
        self.settings = load(
            {"result": str(folder), "pictures_per_track": most, "engine": "original", "threshold": 0.44}, None, {}
        )

    def opened(self, store: Store) -> Gallery:
        return Gallery(self.settings, store, read_photo, Listener())

    def see(
        self,
        gallery: Gallery,
        who: int,
        looks: Iterable[int],
        track: int = 1,
        clip: str | None = "clip",
        quality: Callable[[int], float | None] = lambda look: 0.5,
    ) -> list[Kept]:
        """A face of somebody a second, of one track; ``clip``: None = a live source."""
        found = []
        for look in looks:
            frame = frame_of(who, look, clip)
            if gallery.same(frame, [BOX], ()):
                continue
            face = Face(BOX, encoding_of(who, look), MADE_BY, quality(look))
            found.append(gallery.keep(frame, face, 0, track, png_bytes(cut(frame.image, BOX.grown()))))
        return found

    def run(self, who: int, looks: Iterable[int], **named: Any) -> list[Kept]:
        with Store(self.folder, writing=True) as store:
            gallery = self.opened(store)
            found = self.see(gallery, who, looks, **named)
            gallery.write_views()
        return found

    def met(self, who: int, looks: Iterable[int], clip: str = "clip") -> list[Sighting | None]:
        """What the gallery says of these faces when the clip is seen again."""
        with Store(self.folder, writing=True) as store:
            gallery = self.opened(store)
            return [gallery.same(frame_of(who, look, clip), [BOX], ()).get(0) for look in looks]

    def start(self) -> list[Sighting]:
        with Store(self.folder, writing=True) as store:
            gallery = self.opened(store)
            gallery.write_views()
            return list(gallery.faces.values())

    def carry_out(self, name: str, arguments: dict[str, Any]) -> Any:
        listener = Listener()
        with Store(self.folder, writing=True) as store:
            return HANDLERS[name](self.opened(store), arguments, listener)

    def pictures(self, person: str = "*") -> list[Path]:
        return sorted(self.folder.glob(f"{person}/*.png"))

    def rows(self, what: str = "state, count(*)", clause: str = "GROUP BY state") -> Any:
        with closing(sqlite3.connect(self.folder / "faces.sqlite")) as database:
            return database.execute(f"SELECT {what} FROM faces {clause}").fetchall()

    def states(self) -> dict[str, int]:
        return dict(self.rows())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "result")


def test_a_track_has_so_many_pictures_and_its_other_faces_are_seen(world: World) -> None:
    world.run(1, range(20))
    assert len(world.pictures("person_01")) == MOST
    assert world.states() == {"kept": MOST, "seen": 20 - MOST}
    assert {face.person for face in world.start()} == {"person_01"}


def test_each_track_has_as_many(world: World) -> None:
    world.run(1, range(10), track=1)
    world.run(1, range(10, 20), track=2)
    world.run(2, range(20, 30), track=3)
    assert len(world.pictures()) == 3 * MOST
    assert len(world.pictures("person_01")) == 2 * MOST


def test_without_a_number_every_face_of_a_file_is_kept_and_eight_of_a_live_track(tmp_path: Path) -> None:
    world = World(tmp_path / "result", None)
    world.run(1, range(20))
    assert len(world.pictures()) == 20
    world.run(2, range(20, 40), track=2, clip=None)
    assert len(world.pictures()) == 20 + 8


def test_faces_without_a_track_are_all_kept(world: World) -> None:
    world.run(1, range(10), track=None)
    assert len(world.pictures()) == 10


def test_the_best_face_keeps_its_picture_wherever_it_comes(world: World) -> None:
    world.run(1, range(20), quality=lambda look: 0.9 if look == 7 else 0.5)
    assert [path.name for path in world.pictures("person_01") if "070816.000" in path.name]


def test_a_poor_face_gives_way_to_a_good_one_and_has_its_label(world: World) -> None:
    kept = world.run(1, range(6), quality=lambda look: 0.1 * (1 + look))
    names = {path.stem for path in world.pictures("person_01")}
    assert names == {face.sightings[0].face for face in kept[-MOST:]}
    assert [face.person for face in world.met(1, range(6)) if face] == ["person_01"] * 6


def test_a_track_that_never_ends_has_few_pictures_written(world: World) -> None:
    kept = world.run(1, range(600), clip=None, quality=lambda look: 0.5 + 0.3 * np.random.default_rng(look).random())
    assert len(world.pictures()) == MOST
    assert sum(one.new for one in kept) < 60
    assert world.rows("sum(length(hash)), sum(encoding IS NOT NULL)", "WHERE state = 'seen' AND face = ''") == [(0, 0)]


def test_people_are_as_they_would_be_after_a_start(world: World) -> None:
    with Store(world.folder, writing=True) as store:
        gallery = world.opened(store)
        for who, track in ((1, 1), (2, 2)):
            world.see(gallery, who, range(30 * who, 30 * who + 25), track=track, quality=lambda look: (look % 7) / 10)
        world.see(gallery, 3, range(100, 101), track=3)
        people, anew = gallery.people, world.opened(store).people
        assert (people.persons, people.known_faces, people.unknown_faces) == (2, 2 * MOST, 1)
        for name in ("person_01", "person_02"):
            assert people.holds(name, [face for face in gallery.faces.values() if face.person == name])
            np.testing.assert_allclose(people._people.average(name), anew._people.average(name), atol=1e-12)


def test_somebody_unknown_founds_a_person_with_one_picture_a_track(tmp_path: Path) -> None:
    world = World(tmp_path / "result", 1)
    world.run(1, range(4), quality=lambda look: 0.2)
    assert len(world.pictures(UNKNOWNS)) == 1
    world.run(1, range(4, 8), quality=lambda look: 0.9)
    assert [path.parent.name for path in world.pictures()] == ["person_01"]


# What the user had a hand in stays


def test_a_picture_that_the_user_moved_never_gives_way(world: World) -> None:
    world.run(1, range(4), quality=lambda look: 0.4)
    moved = world.pictures("person_01")[0]
    (world.folder / "Ann").mkdir()
    moved.rename(world.folder / "Ann" / moved.name)
    world.run(1, range(4, 20), quality=lambda look: 0.9)
    assert (world.folder / "Ann" / moved.name).exists()


def test_a_picture_that_the_user_put_back_never_gives_way(world: World) -> None:
    world.run(1, range(4), quality=lambda look: 0.4)
    deleted = world.pictures("person_01")[0]
    content = deleted.read_bytes()
    deleted.unlink()
    world.start()
    deleted.write_bytes(content)
    world.start()
    world.run(1, range(4, 20), quality=lambda look: 0.9)
    assert deleted.exists()


def test_a_picture_of_which_the_user_said_who_it_is_not_never_gives_way(world: World) -> None:
    world.run(1, range(4), quality=lambda look: 0.4)
    world.run(2, range(10, 14), track=2)
    spoken = {path.name for path in world.pictures("person_01")}
    with Store(world.folder, writing=True) as store:
        faces = list(world.opened(store).faces.values())
        ones, others = ([face.id for face in faces if face.person == name] for name in ("person_01", "person_02"))
        store.words.keep_apart(ones, others)
    world.run(1, range(20, 30), quality=lambda look: 0.9)
    assert spoken <= {path.name for path in world.pictures("person_01")}


def test_a_picture_that_the_user_edits_just_then_never_gives_way(world: World) -> None:
    with Store(world.folder, writing=True) as store:
        gallery = world.opened(store)
        world.see(gallery, 1, range(4), quality=lambda look: 0.4)
        for path in world.pictures("person_01"):
            path.write_bytes(path.read_bytes() + b"edited")
        world.see(gallery, 1, range(4, 8), quality=lambda look: 0.9)
    assert sum(path.read_bytes().endswith(b"edited") for path in world.pictures("person_01")) == MOST


def test_pictures_of_a_person_whom_the_user_named_may_give_way(world: World) -> None:
    world.run(1, range(4), quality=lambda look: 0.4)
    (world.folder / "person_01").rename(world.folder / "Ann")
    world.run(1, range(4, 20), quality=lambda look: 0.9)
    assert len(world.pictures("Ann")) == MOST
    assert {face.person for face in world.met(1, range(20)) if face} == {"Ann"}


# What becomes of seen faces


def test_seen_faces_go_where_the_user_moves_the_one_that_they_are_like(world: World) -> None:
    world.run(1, range(12))
    (world.folder / "Ann").mkdir()
    for path in world.pictures("person_01"):
        path.rename(world.folder / "Ann" / path.name)
    assert [face.person for face in world.met(1, range(12)) if face] == ["Ann"] * 12


def test_seen_faces_are_deleted_with_the_one_that_they_are_like_and_back_with_it(world: World) -> None:
    world.run(1, range(12))
    contents = {path: path.read_bytes() for path in world.pictures("person_01")}
    for path in contents:
        path.unlink()
    assert world.met(1, range(12)) == [None] * 12
    assert world.run(1, range(12)) == []
    (world.folder / "person_01").mkdir(exist_ok=True)
    for path, content in contents.items():
        path.write_bytes(content)
    assert [face.person for face in world.met(1, range(12)) if face] == ["person_01"] * 12


def test_a_rerun_meets_what_was_seen_whatever_number_it_asks_for(world: World) -> None:
    world.run(1, range(12))
    before = world.rows("*", "")
    for most in (MOST, 1, None):
        assert World(world.folder, most).run(1, range(12)) == []
    assert world.rows("*", "") == before


def test_forgetting_leaves_nothing_of_what_was_seen_and_a_rerun_brings_nothing_back(world: World) -> None:
    world.run(1, range(12), quality=lambda look: 0.4 + 0.04 * look)
    world.run(1, range(100, 112), track=2, clip=None)
    world.run(2, range(200, 212), track=3)
    world.carry_out("forget", {"what": "person_01", "path": str(world.folder / "person_01")})
    assert world.rows("count(*)", "WHERE source IS NOT NULL AND (time LIKE '%07:08%' OR fingerprint IS NULL)") == [(0,)]
    assert world.rows("count(*)", "WHERE state = 'deleted' AND fingerprint = 'clip'") == [(12,)]
    assert world.rows("count(*)", "WHERE state = 'seen' AND fingerprint IS NULL") == [(0,)]
    assert world.rows("count(*)", "WHERE hash <> '' OR source IS NOT NULL") == world.rows("count(*)", "WHERE time > ''")
    assert world.run(1, range(12)) == []
    assert [path.parent.name for path in world.pictures()] == ["person_02"] * MOST


def test_a_copy_of_a_picture_that_gave_way_counts_from_then_on(world: World) -> None:
    with Store(world.folder, writing=True) as store:
        gallery = world.opened(store)
        world.see(gallery, 1, range(4), quality=lambda look: 0.4)
        (world.folder / "Ann").mkdir()
        copied = world.pictures("person_01")[0]
        shutil.copy(copied, world.folder / "Ann" / copied.name)
        world.see(gallery, 1, range(4, 20), quality=lambda look: 0.9)
    assert not copied.exists()
    assert [face.face for face in world.start() if face.person == "Ann"] == [copied.stem]
    assert world.states() == {"kept": MOST + 1, "seen": 20 - MOST - 1}


def test_undo_goes_on_after_faces_gave_way(world: World) -> None:
    world.run(1, range(2), quality=lambda look: 0.2)
    world.run(1, range(2, 20), quality=lambda look: 0.9)
    for path in world.pictures("person_01"):
        (world.folder / "Ann").mkdir(exist_ok=True)
        path.rename(world.folder / "Ann" / path.name)
    world.start()
    world.carry_out("undo", {"to": None})
    assert len(world.pictures("person_01")) == MOST
    world.carry_out("undo", {"to": 0})
    assert len(world.pictures()) == MOST
    assert {face.person for face in world.start()} - {"person_01"} <= {None}


def test_the_folder_is_sound(world: World) -> None:
    world.run(1, range(30), quality=lambda look: (look % 9) / 10)
    found = verify(world.settings, Listener())
    assert [finding for finding in found.findings if finding.check != ENCODINGS] == []  # they are made up


def test_a_giving_way_that_is_killed_anywhere_deletes_and_loses_no_face(world: World, tmp_path: Path) -> None:
    world.run(1, range(MOST), quality=lambda look: 0.4)
    assert len(world.pictures()) == MOST

    def act() -> None:
        with Store(world.folder, writing=True) as store:
            (kept,) = world.see(world.opened(store), 1, [MOST], quality=lambda look: 0.9)
            assert kept.new

    copies = killed_at_every_line(world.folder, [carry, keep, journal, room], tmp_path / "copies", act)
    assert len(copies) > 5
    seen = set()
    for copy in copies:
        killed = World(copy)
        unfinished = killed.rows("count(*)", "WHERE state = 'seen' AND folder <> ''") == [(1,)]
        found = verify(killed.settings, Listener(), dry_run=True).findings
        assert any(finding.check == UNFINISHED for finding in found) >= unfinished
        killed.start()
        states = killed.states()
        seen.add((states.get("kept"), states.get("seen", 0)))
        assert states.keys() <= {"kept", "seen"}
        assert len(killed.pictures()) == states["kept"]
        assert {path.parent.name for path in killed.pictures()} == {"person_01"}
        assert [face.person for face in killed.met(1, range(MOST)) if face] == ["person_01"] * MOST
        assert killed.rows("count(*)", "WHERE state = 'seen' AND folder <> ''") == [(0,)]
        assert not [path for path in copy.rglob("*") if path.name.endswith(".part")]
        killed.run(1, range(MOST + 1), quality=lambda look: 0.9)
        assert [face.person for face in killed.met(1, range(MOST + 1)) if face] == ["person_01"] * (MOST + 1)
    assert seen == {(MOST, 0), (MOST + 1, 0), (MOST, 1)}


def test_what_was_only_seen_goes_with_the_row_of_its_track(world: World) -> None:
    world.run(1, range(12), clip=None)
    world.run(1, range(20, 32), track=2, clip=None)
    world.run(1, range(40, 52), track=3)
    with Store(world.folder, writing=True) as store:
        for number, fingerprint in ((1, None), (3, "clip")):
            time = BEGINNING + timedelta(seconds=60)
            row = TrackRow(number, "camera", fingerprint, 1, BEGINNING, time, 0.0, 60.0, 12, None, None)
            store.tracks.write([row])
        assert store.tracks.remove_tracks(BEGINNING + timedelta(hours=1)) == 1
    seen = "WHERE hash = '' AND nearest IN (SELECT id FROM faces WHERE track = {})"
    assert [world.rows("count(*)", seen.format(track))[0][0] > 0 for track in (1, 2, 3)] == [False, True, True]
    assert world.states()["kept"] == 3 * MOST


def test_a_clip_shows_the_same_people_with_fewer_pictures_and_nothing_new_when_run_again(
    command: Callable[..., Ended], closeups: dict[str, Image], tmp_path: Path
) -> None:
    clip, all_of_it, few = tmp_path / "clip.mp4", tmp_path / "all", tmp_path / "few"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"mp4v"), 4, (240, 240))
    for name in ("obama.jpg", "biden.jpg"):
        for brighter in range(4):
            writer.write(cv2.convertScaleAbs(closeups[name], beta=4.0 * brighter))
    writer.release()
    flags = "--refresh", 0, "-S", 0
    assert command(clip, "--result", all_of_it, *flags).code == 0
    for _ in range(2):
        assert command(clip, "--result", few, *flags, "--pictures-per-track", 2).code == 0
        people = [{path.parent.name for path in folder.glob("*/*.png")} for folder in (all_of_it, few)]
        assert people[0] == people[1]
        assert World(all_of_it).states() == {"kept": 8}
        assert World(few).states() == {"kept": 4, "seen": 4}
    assert command("verify", "--result", few).code == 0
