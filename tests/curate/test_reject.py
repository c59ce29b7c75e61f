"""The false-image list: a rejected face counts for nobody, and neither it nor what is like it is ever that person."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Ended, Gallery, Listener, killed_at_every_line

from face_classifier.core.config.load import load
from face_classifier.core.config.settings import Settings
from face_classifier.core.disk import files
from face_classifier.core.disk.files import content_hash
from face_classifier.core.types import Face, Frame, Image, Sighting
from face_classifier.curate.corrections import exclude
from face_classifier.gallery import check, keep, look, reconcile, snapshot, store
from face_classifier.gallery.derived import pickled, views
from face_classifier.gallery.folder import carry, opened, scan
from face_classifier.gallery.gallery import Gallery as LivingGallery
from face_classifier.gallery.places import EXCLUDED
from face_classifier.gallery.snapshot import Snapshot
from face_classifier.gallery.store import Store
from face_classifier.gallery.table import file, notes, rows
from face_classifier.identity.matching.columns import columns_of
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.rethink import rethink
from face_classifier.pipeline.analysis.analyse import Analyst
from face_classifier.pipeline.analysis.tracker import Follower
from face_classifier.pipeline.place import Session
from face_classifier.vision.sface import SCALE

OBAMA, OBAMA_AGAIN, OBAMA_OLD, BIDEN = "obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"
AGAIN = "20240506_070809.000-0"  # the face of the first frame, in UTC

Command = Callable[..., Ended]
ROOMS = (files, file, notes, rows, carry, opened, scan, reconcile, look, keep, check, store, pickled, views, snapshot)


@pytest.fixture
def named(gallery: Gallery) -> Gallery:
    """Barack, of two faces, and an unknown one."""
    gallery.see(OBAMA_AGAIN, OBAMA, BIDEN)
    (gallery.folder / "person_01").rename(gallery.folder / "Barack")
    gallery.look()
    return gallery


@pytest.fixture
def darker(portraits: dict[str, Image], frame: Callable[..., Frame]) -> Frame:
    """Another picture of what is on the first face of `named`, of another source."""
    image = np.ascontiguousarray((portraits[OBAMA_AGAIN] * 0.8).astype(np.uint8))
    return replace(frame(OBAMA_AGAIN, 7.0, "another clip"), image=image)


@pytest.fixture
def reject(command: Command) -> Callable[..., Ended]:
    def run(gallery: Gallery, *names: object) -> Ended:
        return command("reject", *names, "--result", gallery.folder)

    return run


def first_of(gallery: Gallery, person: str) -> Path:
    """The picture that was written first."""
    return min((gallery.folder / person).glob("*.png"))


def seen(gallery: Gallery, frame: Frame) -> Sighting:
    """The face in a frame of a clip, as the program places it."""
    with Store(gallery.folder, writing=True) as opened:
        (sighting,) = gallery.classify(opened, [frame])
    return sighting


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_rejected_face_is_kept_aside_and_counts_nowhere(
    named: Gallery, reject: Callable[..., Ended], command: Command
) -> None:
    picture = first_of(named, "Barack")
    content = content_hash(picture)
    ended = reject(named, picture)
    aside = named.folder / EXCLUDED / "Barack" / picture.name
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"{picture.stem} is not Barack; {aside}\n"
    assert content_hash(aside) == content
    assert not picture.exists()
    assert picture.stem not in named.labels()
    assert picture.name not in views.read_pickle((named.folder / "face_encodings").read_bytes())
    assert command("people", "--result", named.folder).out.startswith("1 person, 1 known face, 1 unknown face")
    assert picture.stem not in command("export", "--result", named.folder).out
    sheet = cv2.imread(str(named.folder / "montage.Barack-00.png"))
    assert sheet[:, :128].any()
    assert not sheet[:, 128:].any()
    named.look()
    assert named.problems == []


def test_a_face_is_rejected_by_name_and_told_as_json(named: Gallery, command: Command) -> None:
    picture = named.picture("unknowns")
    ended = command("reject", picture.stem, picture, "--json", "--result", named.folder)
    aside = named.folder / EXCLUDED / "unknowns" / picture.name
    assert json.loads(ended.out) == [{"face": picture.stem, "person": None, "picture": str(aside)}]
    assert aside.exists()
    assert len(named.labels()) == 2


def test_what_is_no_face_is_told_and_the_others_are_rejected(named: Gallery, reject: Callable[..., Ended]) -> None:
    picture = first_of(named, "Barack")
    ended = reject(named, "nobody", picture)
    assert ended.code == 1
    assert "is called nobody" in ended.err
    assert ended.err.count("\n") == 1
    assert not picture.exists()
    assert reject(named).err == "face-classifier: no face is given; name one, or the path of its picture\n"


def test_a_rerun_does_not_bring_it_back(named: Gallery, reject: Callable[..., Ended]) -> None:
    reject(named, first_of(named, "Barack"), named.picture("unknowns"))
    before = everything(named.folder)
    named.see(OBAMA_AGAIN, OBAMA, BIDEN)
    assert everything(named.folder) == before
    assert list(named.labels().values()) == ["Barack"]


def test_a_new_face_that_is_like_it_is_not_that_person(
    named: Gallery, reject: Callable[..., Ended], darker: Frame
) -> None:
    copy = Gallery(named.folder.with_name("copy"), named._engine, named._frame)
    shutil.copytree(named.folder, copy.folder)
    assert seen(copy, darker).person == "Barack"
    reject(named, first_of(named, "Barack"))
    assert seen(named, darker).person is None


def test_the_same_picture_in_another_source_is_not_that_person(
    named: Gallery, reject: Callable[..., Ended], frame: Callable[..., Frame]
) -> None:
    reject(named, first_of(named, "Barack"))
    assert seen(named, frame(OBAMA_AGAIN, 3.0, "another clip")).person is None


def test_it_goes_to_the_next_person(named: Gallery, reject: Callable[..., Ended], darker: Frame) -> None:
    named.see(OBAMA_OLD, fingerprint="third clip")
    old = next(face for face in named.look() if face.source and face.id == 4)
    assert old.person == "Barack"
    named.move(named.folder / "Barack" / f"{old.face}.png", "His brother")
    reject(named, first_of(named, "Barack"))
    with Store(named.folder, writing=True) as opened:
        looked = opened.look(named.read_photo)
        sightings = list(looked.faces)
        whole = Snapshot(load({}), sightings, [], [], [], [], looked.excluded)
        database = whole.nobody()
    for sighting in sightings:
        database.add(sighting)
    probe = named._engine.photo(darker.image, own_cut=False)[0].encoding
    assert database.decide(probe).person == "His brother"


@pytest.mark.parametrize("name", ["renamed", "joined"])
def test_it_follows_the_person(named: Gallery, reject: Callable[..., Ended], darker: Frame, name: str) -> None:
    picture = first_of(named, "Barack")
    reject(named, picture)
    if name == "joined":
        named.move(named.picture("unknowns"), name)
        named.look()
        named.move(first_of(named, "Barack"), name)
    else:
        (named.folder / "Barack").rename(named.folder / name)
    with Store(named.folder, writing=False) as opened:
        looked = opened.look(named.read_photo)
        assert [person for person, _ in looked.excluded] == [name]
    assert seen(named, darker).person is None
    assert [path.name for path in (named.folder / EXCLUDED).iterdir()] == [name]
    assert (named.folder / EXCLUDED / name / picture.name).exists()
    named.look()
    assert named.problems == []


def test_it_follows_a_person_whom_the_program_joins_with_another(named: Gallery, reject: Callable[..., Ended]) -> None:
    (named.folder / "Barack").rename(named.folder / "person_05")
    named.look()
    reject(named, first_of(named, "person_05"))
    with Store(named.folder, writing=True) as opened:
        faces = opened.look(named.read_photo).faces
        (joe,) = (face.id for face in faces if face.person is None)
        (barack,) = (face.id for face in faces if face.person)
        (joe,) = opened.move([joe], None, new=True)
        opened.move([barack], joe.person)
        looked = opened.look(named.read_photo)
        assert [person for person, _ in looked.excluded] == [joe.person]
    assert [path.name for path in (named.folder / EXCLUDED).iterdir()] == [joe.person]


def test_second_thoughts_do_not_take_in_what_is_like_it(
    named: Gallery, reject: Callable[..., Ended], darker: Frame, command: Command
) -> None:
    with Store(named.folder, writing=True) as opened:
        opened.look(named.read_photo)
        face = named._engine.photo(darker.image, own_cut=False)[0]
        opened.keep(darker, face, store.Match(), 0)
    assert "Barack: 1 face joined" in command("rethink", "--dry-run", "--result", named.folder).out
    reject(named, first_of(named, "Barack"))
    assert command("rethink", "--dry-run", "--result", named.folder).out == "0 faces would move\n"
    assert command("suggest", "--result", named.folder).out == "no two people are near enough to be asked about\n"


def test_a_run_does_not_take_it_in_at_its_end(
    named: Gallery, reject: Callable[..., Ended], darker: Frame, command: Command, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), darker.image)
    for online_only in ((), ("--online-only",)):
        reject(named, first_of(named, "Barack"))
        ended = command(tmp_path / "photo.png", "--result", named.folder, *online_only)
        assert ended.out.startswith("1 person, 1 known face, 2 unknown faces\n")
        (back,) = (named.folder / EXCLUDED / "Barack").iterdir()
        named.move(back, "Barack")
        named.look()


def test_explain_and_replay_know_of_it(
    named: Gallery, reject: Callable[..., Ended], darker: Frame, command: Command
) -> None:
    reject(named, first_of(named, "Barack"))
    face = seen(named, darker).face
    assert "rule: it is unknown" in command("explain", face, "--result", named.folder).out
    named.move(first_of(named, "Barack"), "Barry")  # by the user's word, which a replay leaves
    ended = command("replay", "--threshold", 0.5, "--result", named.folder)
    assert ended.out == "threshold 0.5: 0 of 3 faces would change; 1 person now, 1 then\n"


def test_moved_back_it_counts_as_the_users_word(named: Gallery, reject: Callable[..., Ended], darker: Frame) -> None:
    picture = first_of(named, "Barack")
    reject(named, picture)
    named.move(named.folder / EXCLUDED / "Barack" / picture.name, "Barack")
    (back,) = (face for face in named.look() if face.face == picture.stem)
    assert (back.person, back.corrected) == ("Barack", True)
    assert seen(named, darker).person == "Barack"
    with Store(named.folder, writing=True) as opened:
        looked = opened.look(named.read_photo)
        assert (looked.excluded, looked.kept_apart) == ([], [])
    assert named.problems == []


def test_moved_to_another_person_it_still_is_not_the_one(named: Gallery, reject: Callable[..., Ended]) -> None:
    picture = first_of(named, "Barack")
    reject(named, picture)
    named.move(named.folder / EXCLUDED / "Barack" / picture.name, "His brother")
    found = named.look()
    (back,) = (face for face in found if face.face == picture.stem)
    (barack,) = (face for face in found if face.person == "Barack")
    assert (back.person, back.corrected) == ("His brother", True)
    with Store(named.folder, writing=True) as opened:
        looked = opened.look(named.read_photo)
        assert looked.kept_apart == [(back.id, barack.id)]


def test_moved_to_the_unknown_it_is_pinned(named: Gallery, reject: Callable[..., Ended]) -> None:
    picture = first_of(named, "Barack")
    reject(named, picture)
    named.move(named.folder / EXCLUDED / "Barack" / picture.name, "unknowns")
    (back,) = (face for face in named.look() if face.face == picture.stem)
    assert (back.person, back.pinned) == (None, True)


def test_copied_back_it_is_told_and_not_counted(named: Gallery, reject: Callable[..., Ended]) -> None:
    picture = first_of(named, "Barack")
    reject(named, picture)
    named.copy(named.folder / EXCLUDED / "Barack" / picture.name, "Barack")
    assert picture.stem not in {face.face for face in named.look()}
    assert len(named.problems) == 1
    assert "is a copy of .rejected/Barack/" in named.problems[0]


def test_deleted_out_of_there_the_face_stays_gone_and_likeness_is_forgotten(
    named: Gallery, reject: Callable[..., Ended], darker: Frame
) -> None:
    picture = first_of(named, "Barack")
    reject(named, picture)
    shutil.rmtree(named.folder / EXCLUDED)
    named.see(OBAMA_AGAIN, OBAMA, BIDEN)
    assert picture.stem not in named.labels()
    assert seen(named, darker).person == "Barack"
    database = sqlite3.connect(named.folder / "faces.sqlite")
    assert database.execute("SELECT encoding, folder FROM faces WHERE state = 'deleted'").fetchall() == [
        (None, "Barack")
    ]
    database.close()


def test_a_picture_put_there_with_the_file_manager_is_rejected(named: Gallery, darker: Frame) -> None:
    (named.folder / EXCLUDED).mkdir()
    named.move(first_of(named, "Barack"), f"{EXCLUDED}/Barack")
    assert len(named.look()) == 2
    assert seen(named, darker).person is None


def test_without_the_table_the_folder_still_tells(named: Gallery, reject: Callable[..., Ended], darker: Frame) -> None:
    reject(named, first_of(named, "Barack"))
    for path in named.folder.glob("faces.sqlite*"):
        path.unlink()
    before = everything(named.folder)
    with Store(named.folder, writing=False) as opened:
        looked = opened.look(named.read_photo)
        assert [person for person, _ in looked.excluded] == ["Barack"]
    named.see(OBAMA_AGAIN, OBAMA, BIDEN)
    assert set(everything(named.folder)) - {"faces.sqlite"} == set(before)
    assert seen(named, darker).person is None


def test_it_goes_over_to_another_encoder_and_back(
    named: Gallery, reject: Callable[..., Ended], command: Command
) -> None:
    reject(named, first_of(named, "Barack"))

    def told() -> tuple[set[str], float]:
        with Store(named.folder, writing=False) as opened:
            looked = opened.look(pytest.fail)  # type: ignore[arg-type]
            ((person, encoding),) = looked.excluded
            assert person == "Barack"
            return opened.spaces(), float(np.linalg.norm(encoding))

    before = told()
    assert before[1] == pytest.approx(SCALE)
    assert command("reencode", "--encoder", "dlib", "--result", named.folder).err == ""
    spaces, length = told()
    assert spaces != before[0]
    assert len(spaces) == 1
    assert length > 1
    assert command("reencode", "--encoder", "sface", "--result", named.folder).out.startswith(
        f"{named.folder} belongs to the encoder sface now; 0 pictures were encoded."
    )
    assert told() == before


def test_a_followed_face_that_is_like_it_leaves_its_track(
    gallery: Gallery, reject: Callable[..., Ended], frame: Callable[..., Frame]
) -> None:
    def darkened(position: float, factor: float) -> Frame:
        plain = frame(OBAMA_AGAIN, position)
        return replace(plain, image=np.ascontiguousarray((plain.image * factor).astype(np.uint8)))

    rule = Settings(engine="original", threshold=0.46)

    def follow(*frames: Frame) -> list[Sighting]:
        with Store(gallery.folder, writing=True) as opened:
            living = LivingGallery(rule, opened, gallery.read_photo, Listener())
            analyst = Analyst(gallery._engine, Follower(0.0))
            session = Session(living, follows=True)
            for one in frames:
                plan = analyst.plan(one, gallery._engine.detect(one.image))
                changed = session.place(analyst.encode(plan)).changed
            return changed

    first, second, third, fourth = (darkened(number / 5, 1 - 0.3 * (number % 2)) for number in range(4))
    follow(first, second)
    (gallery.folder / "person_01").rename(gallery.folder / "Barack")
    gallery.look()
    reject(gallery, first_of(gallery, "Barack"))
    (like_it,) = follow(first, second, third)
    assert (like_it.person, like_it.track) == (None, None)
    (like_barack,) = follow(second, third, fourth)
    assert like_barack.person == "Barack"
    assert like_barack.track is not None


def test_of_a_deleted_face_no_encoding_is_left(named: Gallery, reject: Callable[..., Ended], command: Command) -> None:
    reject(named, first_of(named, "Barack"))
    for encoder in ("dlib", "sface"):
        command("reencode", "--encoder", encoder, "--result", named.folder)
    named.picture("unknowns").unlink()
    shutil.rmtree(named.folder / EXCLUDED)
    named.look()
    database = sqlite3.connect(named.folder / "faces.sqlite")
    faces = "SELECT id FROM faces WHERE encoding IS NOT NULL UNION SELECT face FROM encodings"
    assert database.execute(f"SELECT count(*), min(state) FROM faces WHERE id IN ({faces})").fetchall() == [(1, "kept")]
    database.close()


# The rule, on real encodings


@pytest.fixture
def barack(faces: dict[str, Face]) -> Callable[..., PersonDB]:
    """A gallery with Barack of these faces, and what the user rejected."""

    def make(*names: str, rejected: str, threshold: float = 0.5, track: int | None = None) -> PersonDB:
        database = PersonDB(threshold)
        for number, name in enumerate(names, 1):
            encoding = faces[name].encoding
            database.add(Sighting(number, name, "Barack", None, encoding=encoding, track=track))
        database.exclude("Barack", faces[rejected].encoding)
        return database

    return make


def test_the_nearer_of_person_and_rejected_picture_decides(
    barack: Callable[..., PersonDB], faces: dict[str, Face]
) -> None:
    database = barack(OBAMA, rejected=OBAMA_AGAIN)
    one, other = faces[OBAMA].encoding, faces[OBAMA_AGAIN].encoding
    assert database.decide(0.6 * one + 0.4 * other).person == "Barack"
    assert database.decide(0.4 * one + 0.6 * other).person is None
    assert database.decide((one + other) / 2 + 1e-9 * (other - one)).person is None


def test_a_rejected_picture_beyond_the_threshold_says_nothing(
    barack: Callable[..., PersonDB], faces: dict[str, Face]
) -> None:
    probe = faces[OBAMA_OLD].encoding
    distance = float(np.linalg.norm(probe - faces[BIDEN].encoding))
    for threshold, excluded in ((distance - 0.01, False), (distance + 0.01, True)):
        database = PersonDB(threshold)
        database.add(Sighting(1, "far", "Barack", None, encoding=probe + 0.2, track=5))
        database.exclude("Barack", faces[BIDEN].encoding)
        assert database.leaves(5, probe) is excluded


def test_a_face_that_is_like_it_is_no_part_of_the_persons_track(
    barack: Callable[..., PersonDB], faces: dict[str, Face]
) -> None:
    database = barack(OBAMA, rejected=OBAMA_AGAIN, track=4)
    assert database.decide(faces[OBAMA_AGAIN].encoding, 4).person is None
    assert database.decide(faces[OBAMA_OLD].encoding, 4).person == "Barack"


def test_what_lies_with_the_person_stays(barack: Callable[..., PersonDB], faces: dict[str, Face]) -> None:
    like_it = Sighting(1, "one", "Barack", None, encoding=faces[OBAMA_AGAIN].encoding)
    other = Sighting(2, "other", "Barack", None, encoding=faces[OBAMA].encoding)
    unknown = replace(like_it, id=3, person=None)
    database = barack(OBAMA, OBAMA_OLD, rejected=OBAMA_AGAIN)
    assert database.excluded_pairs(columns_of([like_it, other])) == []
    assert database.excluded_pairs(columns_of([other, unknown])) == [(3, 2)]
    assert rethink([other, unknown], [], [(3, 2)]).moves == []


# kill -9


@pytest.fixture
def killed(named: Gallery) -> Callable[[Callable[[], object]], list[Gallery]]:
    """The result folder as it was at every line of the rooms that write while something is done, and at its end."""

    def run(action: Callable[[], object]) -> list[Gallery]:
        folders = killed_at_every_line(named.folder, ROOMS, named.folder.parent, action)
        return [Gallery(folder, named._engine, named._frame) for folder in folders]

    return run


def test_reject_killed_at_any_line_neither_loses_the_picture_nor_counts_it(named: Gallery, killed) -> None:
    picture = first_of(named, "Barack")
    content = content_hash(picture)
    chosen = load({"result": str(named.folder)})
    folders = killed(lambda: exclude(chosen, Silent(), [str(picture)]))
    done = 0
    for left in folders:
        rejected = picture.stem not in {face.face for face in left.look()}
        kept = [path.parent for path in left.folder.rglob("*.png") if content_hash(path) == content]
        assert kept == [left.folder / (f"{EXCLUDED}/Barack" if rejected else "Barack")]
        assert left.problems == [], left.folder
        with Store(left.folder, writing=False) as opened:
            looked = opened.look(left.read_photo)
            assert len(looked.faces) == (2 if rejected else 3), left.folder
            assert len(looked.excluded) == rejected, left.folder
        done += rejected
    assert 4 < done < len(folders)


def test_a_look_killed_while_it_follows_a_renamed_person_goes_on_the_next_time(
    named: Gallery, reject: Callable[..., Ended], killed
) -> None:
    named.see(OBAMA_OLD, fingerprint="third clip")
    for _ in range(2):
        reject(named, first_of(named, "Barack"))
    (named.folder / "Barack").rename(named.folder / "Barry")
    folders = killed(named.look)
    assert len(folders) > 5
    for left in folders:
        assert {face.person for face in left.look()} == {"Barry", None}
        assert left.problems == [], left.folder
        assert [path.name for path in (left.folder / EXCLUDED).iterdir()] == ["Barry"]
        assert len(list((left.folder / EXCLUDED / "Barry").iterdir())) == 2
        with Store(left.folder, writing=True) as opened:
            looked = opened.look(left.read_photo)
            assert [person for person, _ in looked.excluded] == ["Barry", "Barry"]


class Silent:
    def problem(self, sentence: str) -> None:
        raise AssertionError(sentence)
