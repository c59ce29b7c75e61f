"""Second thoughts of a live run: what is done beside the owner's thread, and what that thread does bit by bit."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
from conftest import Listener
from gallery.test_journal import BEGINNING, BOX, MADE_BY, World, encoding_of, picture_of, read_photo

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.files import png_bytes
from face_classifier.core.types import Face, Frame
from face_classifier.curate.forget import forget
from face_classifier.gallery.derived import views
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.store import Store
from face_classifier.gallery.thoughts.carry_out import MOST
from face_classifier.pipeline.placing.thoughts import SecondThoughts

PEOPLE = 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Faces of six people, each in two folders, and some of them unknown, as an earlier program left them."""
    world = World(tmp_path / "result")
    for half in range(2):
        world.run(*((who, 20 * half + look) for who in range(1, PEOPLE) for look in range(3)), clip=f"clip{half}")
    rng = np.random.default_rng(5)
    with Store(world.folder, writing=True) as store:
        faces = list(world.look(store).faces)
        for face in rng.permutation([face.id for face in faces])[:12]:
            store.move([int(face)], None)
        world.look(store)
        for _ in range(3):
            of_one = [face.id for face in world.look(store).faces if face.person is None][:2]
            store.move(of_one, None, new=True)
    return world.folder


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Gallery, SecondThoughts, list[Any]]]:
    told: list[Any] = []
    with Store(folder, writing=True) as store:
        gallery = Gallery(Settings(result=str(folder)), store, read_photo, Listener())
        yield gallery, SecondThoughts(gallery, told.append), told


def go_through(thoughts: SecondThoughts) -> None:
    """As the owner's thread does it."""
    thoughts._not_before = 0.0
    thoughts.begin()
    end = monotonic() + 30
    while thoughts._steps is not None:
        assert monotonic() < end
        thoughts.go_on()
        sleep(0.005)


def see(gallery: Gallery, who: int, look: int, track: int | None = None) -> None:
    image = picture_of(who, look)
    frame = Frame(image, "camera", None, look, float(look), 0.02, BEGINNING + timedelta(days=1, seconds=look))
    gallery.keep(frame, Face(BOX, encoding_of(who, look), MADE_BY), 0, track, png_bytes(image))


def labels(gallery: Gallery) -> dict[str, str | None]:
    return {face.face: face.person for face in gallery.faces.values()}


@pytest.mark.parametrize("most", [1, 2, MOST])
def test_they_move_the_same_faces_as_all_at_once(
    most: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("face_classifier.gallery.thoughts.thoughts.MOST", most)
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    with opened(folder) as (gallery, thoughts, told):
        before = labels(gallery)
        go_through(thoughts)
        live, live_told = labels(gallery), {face.face: face.person for faces in told for face in faces}
        assert gallery.people.persons == len({person for person in live.values() if person})
    with opened(copy) as (gallery, thoughts, _):
        thoughts.at_once()
        at_once = labels(gallery)
    assert live == at_once != before
    assert live_told == {face: person for face, person in live.items() if before[face] != person}


def test_what_they_left_is_the_same_at_the_end_of_the_run(folder: Path) -> None:
    with opened(folder) as (gallery, thoughts, _):
        go_through(thoughts)
        after = labels(gallery)
        thoughts.at_once()
        assert labels(gallery) == after


def test_where_nothing_is_new_nothing_is_thought(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(folder) as (_, thoughts, _told):
        go_through(thoughts)
        go_through(thoughts)
        count = thoughts.count
        monkeypatch.setattr(Store, "answer_beside", None)
        monkeypatch.setattr(Store, "answer", None)
        go_through(thoughts)
        thoughts.at_once()
        assert thoughts.count == count


def test_somebody_who_only_goes_on_to_be_seen_is_nothing_new(folder: Path) -> None:
    with opened(folder) as (gallery, thoughts, _):
        track = gallery.new_track()
        for look in range(40, 50):
            see(gallery, 1, look, track)
        go_through(thoughts)
        go_through(thoughts)
        count, kept = thoughts.count, len(gallery.faces)
        see(gallery, 1, 40, track)  # as it was before, so that it takes no place
        assert len(gallery.faces) == kept
        go_through(thoughts)
        assert thoughts.count == count
        see(gallery, 1, 60, gallery.new_track())
        go_through(thoughts)
        assert thoughts.count == count + 1


def test_faces_are_placed_while_they_are_thought_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, answer_beside = threading.Event(), Store.answer_beside

    def wait(*arguments: Any) -> Any:
        assert goes_on.wait(20)
        return answer_beside(*arguments)

    monkeypatch.setattr(Store, "answer_beside", wait)
    with opened(folder) as (gallery, thoughts, _):
        thoughts.begin()
        before = len(gallery.faces)
        for look in range(5):
            began = monotonic()
            thoughts.go_on()
            assert monotonic() - began < 10
            see(gallery, 2, 70 + look)
        goes_on.set()
        go_through(thoughts)
        assert len(gallery.faces) == before + 5
        assert sum(face.person is not None for face in gallery.faces.values() if face.source == "camera") == 5


def test_what_the_user_did_meanwhile_stands(folder: Path) -> None:
    with opened(folder) as (gallery, thoughts, told):
        thoughts.begin()
        thoughts.go_on()
        assert thoughts._thread
        thoughts._thread.join()
        question = thoughts._thoughts.question()
        assert question
        going = [face for move in gallery.store.answer(question).moves for face in move.faces]
        moved = gallery.faces[going[0]]
        (folder / "Zoe").mkdir()
        (path,) = folder.glob(f"*/{moved.face}.png")
        path.rename(folder / "Zoe" / path.name)
        gallery.look()
        go_through(thoughts)
        assert gallery.faces[moved.id].person == "Zoe"
        assert moved.id not in {face.id for faces in told for face in faces}


def test_nothing_is_moved_once_the_user_has_spoken(folder: Path) -> None:
    with opened(folder) as (gallery, thoughts, _):
        question = thoughts._thoughts.question()
        assert question
        answer = gallery.store.answer(question)
        assert sum(len(move.faces) for move in answer.moves) > 1
        steps = thoughts._thoughts.follow(answer)
        next(steps)
        after = labels(gallery)
        first, second = sorted({person for person in after.values() if person})[:2]
        of = {name: [face.id for face in gallery.faces.values() if face.person == name] for name in (first, second)}
        gallery.store.words.keep_apart(of[first], of[second])
        gallery.look()
        assert list(steps) == []
        assert labels(gallery) == after


def test_their_thread_ends_with_the_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, answer_beside = threading.Event(), Store.answer_beside

    def answer(store: Store, question: Any, check: Any) -> Any:
        def check_slowly() -> None:
            reading.set()
            sleep(0.1)
            check()

        return answer_beside(store, question, check_slowly)

    monkeypatch.setattr(Store, "answer_beside", answer)
    with opened(folder) as (gallery, thoughts, _):
        before = labels(gallery)
        thoughts.begin()
        thoughts.go_on()
        assert reading.wait(10)
        thoughts.end()
        assert thoughts._thread
        assert not thoughts._thread.is_alive()
        assert labels(gallery) == before


def test_a_thought_that_fails_is_raised_by_the_owner(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no thought")

    monkeypatch.setattr(Store, "answer_beside", fail)
    with opened(folder) as (_, thoughts, _told), pytest.raises(ValueError, match="no thought"):
        go_through(thoughts)


def test_montages_follow_while_the_run_goes_on_and_the_pickle_at_its_end(folder: Path) -> None:
    with opened(folder) as (gallery, thoughts, _):
        go_through(thoughts)
        gallery.write_views()
        montages = {path: path.read_bytes() for path in folder.glob("montage.*.png")}
        assert montages
        pickle = (folder / "face_encodings").read_bytes()
        see(gallery, 3, 90)
        person = next(face.person for face in gallery.faces.values() if face.source == "camera")
        go_through(thoughts)
        changed = {path.name for path, content in montages.items() if path.read_bytes() != content}
        assert changed == {f"montage.{person}-00.png"}
        assert (folder / "face_encodings").read_bytes() == pickle
        gallery.write_views()
        assert (folder / "face_encodings").read_bytes() != pickle
        assert dict(gallery.store.check.wrong_views(gallery.store.check.stock())) == {}


def test_montages_of_people_who_are_gone_go_too(folder: Path) -> None:
    with opened(folder) as (gallery, thoughts, _):
        gallery.write_views()
        person = next(face.person for face in gallery.faces.values() if face.person)
        assert list(folder.glob(f"montage.{person}-*.png"))
        for path in (folder / person).iterdir():
            path.rename(folder / UNKNOWNS / path.name)
        gallery.look()
        go_through(thoughts)
        assert not list(folder.glob(f"montage.{person}-*.png"))
        check = gallery.store.check
        assert {name for name, _ in check.wrong_views(check.stock())} <= {"face_encodings"}


def test_who_was_beside_whom_is_forgotten_with_the_faces(folder: Path) -> None:
    with opened(folder) as (gallery, thoughts, _):
        for track in (101, 102, 103):
            see(gallery, 2, track, track)
        gallery.cannot_link([(101, 102), (101, 103), (104, 105), (106, 107)])
        gallery.save_cannot_links()
        gallery.end_tracks([101, 102, 103, 104, 105])
        face = next(face.face for face in gallery.faces.values() if face.track == 103)
        with gallery.store.past.entry("command forget"):
            forget(gallery, {"what": face, "path": str(folder / face)}, Listener())
        go_through(thoughts)
        assert sorted(gallery.store.cannot_links()) == [(101, 102), (106, 107)]


def test_a_live_run_that_only_stops_leaves_a_whole_pickle(folder: Path) -> None:
    with opened(folder) as (gallery, thoughts, _):
        go_through(thoughts)
        gallery.write_views()
        before = (folder / "face_encodings").read_bytes()
        see(gallery, 3, 91)
        gallery.look()
        gallery.write_views(within=0)
        assert (folder / "face_encodings").read_bytes() != before
        check = gallery.store.check
        assert "face_encodings" not in dict(check.wrong_views(check.stock()))
        gallery.write_views()
        assert dict(check.wrong_views(check.stock())) == {}


def test_a_montage_that_nobody_knows_of_is_removed(folder: Path) -> None:
    with opened(folder) as (gallery, _, _told):
        (folder / "montage.Zoe-00.png").write_bytes(b"left by a process that was killed")
        gallery.write_views()
        assert not (folder / "montage.Zoe-00.png").exists()


def test_montages_of_a_person_who_is_renamed_go_with_the_look_that_finds_it(folder: Path) -> None:
    with opened(folder) as (gallery, _, _told):
        gallery.write_views()
        person = next(face.person for face in gallery.faces.values() if face.person)
        (folder / person).rename(folder / "Zoe")
        gallery.look(touched={person, "Zoe"})
        assert not list(folder.glob(f"montage.{person}-*.png"))


def test_montages_of_a_person_who_was_renamed_meanwhile_go_when_the_folder_is_opened(folder: Path) -> None:
    with opened(folder) as (gallery, _, _told):
        gallery.write_views()
        person = next(face.person for face in gallery.faces.values() if face.person)
    (folder / person).rename(folder / "Zoe")
    with opened(folder):
        assert not list(folder.glob(f"montage.{person}-*.png"))


def test_whoever_is_in_a_hurry_leaves_montages_for_the_next_time_but_the_pickle_is_whole(folder: Path) -> None:
    with opened(folder) as (gallery, _, _told):
        gallery.write_views(within=0)
        check = gallery.store.check
        wrong = dict(check.wrong_views(check.stock()))
        assert len(wrong) > 1
        assert "face_encodings" not in wrong
        drawn: list[float] = []
        draw = views.montages.draw_montage

        def slowly(portraits: Any) -> bytes:
            drawn.append(monotonic())
            sleep(0.1)
            return draw(portraits)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(views.montages, "draw_montage", slowly)
            gallery.write_views(within=0.15)
        assert 1 <= len(drawn) <= 2  # the second one only where the first one took no longer than it should
        assert len(dict(check.wrong_views(check.stock()))) == len(wrong) - len(drawn)
    with opened(folder) as (gallery, _, _told):
        gallery.write_views()
        assert dict(gallery.store.check.wrong_views(gallery.store.check.stock())) == {}
