"""Enrolment: which views are kept, which are declined and why, and whose word that is."""

from __future__ import annotations

import json
import shutil
import signal
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.cli.console import Screen
from face_classifier.core.config.settings import Settings
from face_classifier.core.errors import UserError
from face_classifier.core.types import Face, Image
from face_classifier.curate.best_views import VIEWS, View, majority
from face_classifier.curate.enrolment import (
    AWAY,
    BLURRED,
    BRIGHT,
    CROWD,
    CUT_OFF,
    DARK,
    HINTS,
    NO_FACE,
    OTHER,
    REMOVED,
    TINY,
    UNLIKE,
)
from face_classifier.gallery.snapshot import faces_of
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import open_source
from face_classifier.teach import enrol
from face_classifier.teach.judge import judge
from face_classifier.teach.outcome import Enrolment
from face_classifier.vision.engine import Engine
from face_classifier.vision.quality import turn


@pytest.fixture
def album(tmp_path: Path, closeups: dict[str, Image]) -> Path:
    """The presidents' photographs, small."""
    folder = tmp_path / "album"
    folder.mkdir()
    for name, image in closeups.items():
        cv2.imwrite(str(folder / name), image)
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(result=str(tmp_path / "result"))


@pytest.fixture
def enroll(settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Enrolment]:
    monkeypatch.setattr(enrol, "make_engine", lambda *_, **__: engine)  # to make one takes longer than to enrol

    def run(name: str, *sources: Path | str, **options: int) -> Enrolment:
        return enrol.enrol(settings, name, [str(one) for one in sources], threading.Event(), Screen(), **options)

    return run


def names(settings: Settings) -> dict[str, str | None]:
    return {face.face: face.person for face in faces_of(settings, Screen())}


def test_photos_become_the_persons_faces_by_the_users_own_word(album: Path, settings: Settings, enroll):
    enrolled = enroll("Barack", album / "obama.jpg", album / "obama2.jpg")
    assert enrolled.new == len(enrolled.kept) == 2
    faces = faces_of(settings, Screen())
    assert [face.person for face in faces] == ["Barack"] * 2
    assert all(face.corrected and face.source and face.box and face.position == 0 for face in faces)
    assert {path.name for path in Path(settings.result).glob("*.png")} == {"montage.Barack-00.png"}


def test_the_kept_picture_is_the_face_with_one_box_on_every_side(album: Path, settings: Settings, enroll):
    (face,) = enroll("Barack", album / "obama.jpg").kept
    (path,) = Path(settings.result, "Barack").iterdir()
    assert cv2.imread(str(path)).shape == (3 * face.box.height, 3 * face.box.width, 3)


def test_running_again_adds_nothing(album: Path, settings: Settings, enroll, short_clip: Path):
    sources = album / "obama.jpg", short_clip
    before = enroll("Barack", *sources)
    again = enroll("Barack", *sources)
    assert before.new == len(again.kept) > 1
    assert again.new == 0
    assert {face.id for face in again.kept} == {face.id for face in before.kept}
    assert len(names(settings)) == before.new


def test_a_photo_given_twice_counts_once(album: Path, tmp_path: Path, enroll):
    twice = album / "obama.jpg", Path(shutil.copy(album / "obama.jpg", tmp_path / "copy.jpg"))
    assert [len(enroll("Barack", *twice).kept) for _ in range(2)] == [1, 1]


def test_what_lies_with_somebody_whom_the_user_named_stays_there(settings: Settings, enroll, short_clip: Path):
    """A name with a typing error loses nothing."""
    enroll("Barack", short_clip)
    before = names(settings)
    with pytest.raises(UserError, match="2 of the views are Barack's already and stay there; if Barack is Barak, re"):
        enroll("Barak", short_clip)
    assert names(settings) == before


def test_beside_views_that_stay_with_somebody_else_the_others_are_kept(album: Path, settings: Settings, enroll):
    first = enroll("Barack", album / "obama.jpg")
    second = enroll("Mister X", *(album / name for name in ("obama.jpg", "obama2.jpg", "obama3.jpg")))
    assert second.stay == second.record()["stay"] == {"Barack": 1}
    assert sorted(str(person) for person in names(settings).values()) == ["Barack", "Mister X", "Mister X"]
    assert not {face.id for face in first.kept} & {face.id for face in second.kept}
    (warning,) = second.warnings()
    assert warning == "1 of the views is Barack's already and stays there; if Barack is Mister X, rename that folder"


def test_a_picture_of_somebody_else_whose_origin_the_table_lost_stays_there(album: Path, settings: Settings, enroll):
    enroll("Barack", album / "obama.jpg")
    for path in Path(settings.result).glob("faces.sqlite*"):
        path.unlink()
    with pytest.raises(UserError, match="1 of the views is Barack's already"):
        enroll("Mister X", album / "obama.jpg")
    assert list(names(settings).values()) == ["Barack"]


def test_a_name_is_the_same_however_its_signs_are_composed(album: Path, settings: Settings, enroll):
    composed, parts = (unicodedata.normalize(form, "김유정 José") for form in ("NFC", "NFD"))
    assert enroll(parts, album / "obama.jpg").name == parts
    assert enroll(composed, album / "obama.jpg", album / "obama2.jpg").new == 1
    assert set(names(settings).values()) == {parts}
    (Path(settings.result) / parts).rename(Path(settings.result) / "someone")
    assert enroll(composed, album / "obama3.jpg").name == composed


def test_a_person_renamed_while_the_sources_are_watched_is_warned_of_by_the_name_of_today(
    album: Path, settings: Settings, enroll, monkeypatch: pytest.MonkeyPatch
):
    enroll("Barack", album / "obama.jpg")
    folder = Path(settings.result)
    choose = enrol.choose

    def choose_while_the_user_renames(*given):
        if (folder / "Barack").exists():
            (folder / "Barack").rename(folder / "Barry")
        return choose(*given)

    monkeypatch.setattr(enrol, "choose", choose_while_the_user_renames)
    enrolled = enroll("Mister X", album / "obama2.jpg")
    assert enrolled.looks_like is not None
    assert enrolled.looks_like.name == "Barry"


def test_faces_that_lay_elsewhere_are_moved_over(settings: Settings, enroll, command, short_clip: Path):
    command(short_clip, "--founding", "2", "--result", settings.result)
    before = names(settings)
    enrolled = enroll("Barack", short_clip)
    after = names(settings)
    assert enrolled.new == sum(enrolled.taken_from.values()) == len(enrolled.kept)
    assert before.keys() == after.keys()
    assert {face for face in after if after[face] == "Barack"} == {face.face for face in enrolled.kept}
    assert all(face.corrected for face in faces_of(settings, Screen()) if face.person == "Barack")


def test_what_the_program_put_into_the_folder_becomes_the_users_word(album: Path, settings: Settings, enroll, command):
    enroll("Barack", album / "obama.jpg")
    command(album / "obama2.jpg", "--result", settings.result, "-t", "0.6")
    assert [face.corrected for face in faces_of(settings, Screen())] == [True, False]
    enrolled = enroll("Barack", album / "obama2.jpg")
    assert (len(enrolled.kept), enrolled.new) == (1, 0)
    assert [face.corrected for face in faces_of(settings, Screen())] == [True, True]


def test_a_view_that_the_user_removed_stays_away(album: Path, settings: Settings, enroll):
    enrolled = enroll("Barack", album / "obama.jpg", album / "obama2.jpg")
    gone = next(face for face in enrolled.kept if face.source.endswith("obama.jpg"))
    Path(settings.result, "Barack", f"{gone.face}.png").unlink()
    again = enroll("Barack", album / "obama.jpg", album / "obama2.jpg")
    assert again.new == 0
    assert [(Path(one.source).name, one.reason) for one in again.declined] == [("obama.jpg", REMOVED)]
    assert len(names(settings)) == 1


def test_of_two_people_the_one_with_most_frames_is_enrolled(album: Path, enroll):
    enrolled = enroll("Barack", album / "biden.jpg", album / "obama.jpg", album / "obama2.jpg")
    assert {Path(face.source).name for face in enrolled.kept} == {"obama.jpg", "obama2.jpg"}
    assert [(Path(one.source).name, one.reason) for one in enrolled.declined] == [("biden.jpg", UNLIKE)]
    assert not list(enrolled.warnings())


def test_two_people_with_about_equally_many_frames_are_told_with_both_counts(album: Path, enroll):
    enrolled = enroll("Barack", album / "biden.jpg", album / "obama.jpg")
    (warning,) = enrolled.warnings()
    assert warning.startswith("1 picture shows one person and 1 picture shows another, so it is not clear who is meant")


def test_the_person_with_most_frames_wins_also_if_the_others_are_more_alike(faces: dict[str, Face]):
    """Five views of one person, of which no more than four are near any one of them; four of another, alike."""

    def view(at: float) -> View:
        return View(None, replace(faces["obama.jpg"], encoding=at * np.eye(128)[0]), 0, (0.0, 0.0))

    wide, alike = ([view(at) for at in line] for line in ((-0.48, -0.45, 0.05, 0.1, 0.45), (3.0, 3.01, 3.02, 3.03)))
    assert majority([*alike, *wide], 0.53) == wide


def test_photos_of_one_person_that_differ_a_lot_are_not_taken_for_two(data: Path, enroll):
    enrolled = enroll("Anna", data / "lfw" / "Anna_Kournikova")
    assert enrolled.declined == []
    assert len(enrolled.kept) == VIEWS


def test_no_more_views_are_kept_than_wished(album: Path, enroll):
    enrolled = enroll("Barack", album / "obama.jpg", album / "obama2.jpg", album / "obama3.jpg", views=2)
    assert len(enrolled.kept) == 2
    assert enrolled.alike == 1


def test_the_same_view_is_not_kept_twice(album: Path, tmp_path: Path, enroll):
    image = cv2.imread(str(album / "obama.jpg"))
    cv2.imwrite(str(tmp_path / "again.png"), image[2:])
    assert len(enroll("Barack", album / "obama.jpg", tmp_path / "again.png").kept) == 1


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda image: cv2.GaussianBlur(image, (0, 0), 5), BLURRED),
        (lambda image: (image * 0.18).astype(np.uint8), DARK),
        (lambda image: (image * 0.12).astype(np.uint8), DARK),
        (lambda image: (cv2.GaussianBlur(image, (0, 0), 5) * 0.5).astype(np.uint8), BLURRED),
        (lambda image: cv2.resize(image[94:146, 94:146], (480, 480)), CUT_OFF),
        (lambda image: np.clip(image * 1.0 + 130, 0, 255).astype(np.uint8), BRIGHT),
        (lambda image: cv2.resize(image, (72, 72), interpolation=cv2.INTER_AREA), TINY),
        (lambda image: np.hstack([image, image]), CROWD),
        (lambda image: np.full_like(image, 90), NO_FACE),
    ],
)
def test_a_poor_picture_is_declined_with_the_reason(
    closeups: dict[str, Image], engine: Engine, spoil: Callable[[Image], Image], reason: str
):
    image = closeups["obama.jpg"]
    assert judge(image, engine.detect(image)) == (0, None)
    poor = np.ascontiguousarray(spoil(image))
    assert judge(poor, engine.detect(poor))[1] == reason


def test_advice_for_real_people_names_what_was_done_to_their_pictures(lfw_portraits: list[Image], engine: Engine):
    good = [image for image in lfw_portraits if judge(image, engine.detect(image))[1] is None]
    assert len(good) >= 9

    def near(image: Image) -> Image:
        box = engine.detect(image)[0].box
        half, x, y = round(0.3 * box.height), (box.left + box.right) // 2, (box.top + box.bottom) // 2
        return cv2.resize(image[y - half : y + half, x - half : x + half], (480, 480))

    for spoil, reason in (
        (near, CUT_OFF),
        (lambda image: (image * 0.2).astype(np.uint8), DARK),
        (lambda image: cv2.GaussianBlur(image, (0, 0), 5), BLURRED),
        (lambda image: cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), TINY),
    ):
        poor = [np.ascontiguousarray(spoil(image)) for image in good]
        reasons = [judge(image, engine.detect(image))[1] for image in poor]
        assert reasons.count(reason) >= 0.9 * len(good), (reason, reasons)


def test_the_direction_to_turn_is_the_one_that_the_views_lack(data: Path, engine: Engine):
    """A woman looks to her left at 8.6 s, and to her right at .7 s."""
    turns = []
    with open_source(str(data / "videos" / "webcam" / "lp_d3.mp4")) as clip:
        for at in (8.6, 0.7):
            frame = next(clip.frames(Sampling(0.1, skip=at), clip.start, threading.Event()))
            turns.append(turn(engine.detect(frame.image)[0].landmarks))
    left, right = turns
    assert enrol._where_to_turn([left]) == "turn your head a little to your right"
    assert enrol._where_to_turn([right]) == "turn your head a little to your left"


def test_a_face_in_the_background_is_no_second_person(closeups: dict[str, Image], engine: Engine):
    small = cv2.resize(closeups["biden.jpg"], (100, 100), interpolation=cv2.INTER_AREA)
    image = np.hstack([np.vstack([small, np.zeros((140, 100, 3), np.uint8)]), closeups["obama.jpg"]])
    found = engine.detect(image)
    assert len(found) == 2
    assert judge(image, found) == (1, None)


def test_a_profile_is_declined(data: Path, engine: Engine):
    image = cv2.imread(str(next((data / "hard_faces").rglob("00000014.jpg"))))
    assert judge(image, engine.detect(image))[1] == AWAY


def test_portraits_pass(lfw_portraits: list[Image], engine: Engine):
    declined = [reason for image in lfw_portraits if (reason := judge(image, engine.detect(image))[1])]
    assert declined in ([], [CROWD], [CROWD, CROWD])


def test_each_declined_photo_is_told_with_a_hint(album: Path, tmp_path: Path, settings: Settings, command):
    cv2.imwrite(str(album / "blurred.png"), cv2.GaussianBlur(cv2.imread(str(album / "obama.jpg")), (0, 0), 5))
    ended = command("enroll", "Barack", album / "obama.jpg", album / "blurred.png", "--result", settings.result)
    assert f"blurred.png is declined (blurred); {HINTS[BLURRED]}" in ended.err
    assert "blurred" not in ended.out
    assert "Barack: 1 view, 1 of them new" in ended.out
    assert ended.code == 0


def test_declined_frames_of_a_video_are_counted_by_reason(short_clip: Path, settings: Settings, command):
    ended = command("enroll", "Barack", short_clip, "--result", settings.result)
    assert f"{short_clip}: 2 declined, another person; {HINTS[OTHER]}" in ended.out


def test_nothing_good_enough_is_an_error_and_keeps_nothing(tmp_path: Path, settings: Settings, command):
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((200, 200, 3), 120, np.uint8))
    ended = command("enroll", "Barack", tmp_path / "wall.png", "--result", settings.result)
    assert ended.code == 1
    assert "no view of Barack is good enough" in ended.err
    assert HINTS[NO_FACE] in ended.err
    assert names(settings) == {}


def test_of_a_video_frames_are_counted(tmp_path: Path, enroll):
    path = tmp_path / "wall.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 1, (160, 160))
    for _ in range(2):
        writer.write(np.full((160, 160, 3), 120, np.uint8))
    writer.release()
    with pytest.raises(UserError, match="2 of 2 frames"):
        enroll("Barack", path)


def test_where_nothing_could_be_looked_at_only_that_is_told(tmp_path: Path, settings: Settings, command):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff torn")
    ended = command("enroll", "Barack", tmp_path / "torn.jpg", "--result", settings.result)
    assert ended.code == 1
    assert ended.err.count("face-classifier: ") == 1
    assert "torn.jpg" in ended.err


@pytest.fixture
def stopped_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """^C comes while picture NUMBER (from 1) is judged."""

    def stop(number: int) -> None:
        left, judge_it = [number], enrol.judge

        def judge(*given):
            left[0] -= 1
            if left[0] == 0:
                signal.raise_signal(signal.SIGINT)
            return judge_it(*given)

        monkeypatch.setattr(enrol, "judge", judge)

    return stop


def test_of_files_nothing_is_kept_when_it_is_stopped(album: Path, settings: Settings, command, stopped_at):
    stopped_at(2)
    ended = command("enroll", "Barack", album / "obama.jpg", album / "obama2.jpg", "--result", settings.result)
    assert (ended.code, ended.out) == (130, "")
    assert "nothing of Barack is kept" in ended.err
    assert not Path(settings.result).exists()


def test_of_a_webcam_what_was_seen_is_kept_when_it_is_stopped(
    closeups: dict[str, Image], settings: Settings, command, webcam, stopped_at
):
    webcam([closeups["obama.jpg"]])
    stopped_at(2)
    ended = command("enroll", "Barack", "0", "--result", settings.result)
    assert ended.code == 130
    assert "Barack: 1 view, 1 of them new" in ended.out
    assert "stopped; what was seen of Barack until then is kept" in ended.err
    assert list(names(settings).values()) == ["Barack"]


def test_an_unreadable_photo_is_told_and_the_others_go_on(album: Path, tmp_path: Path, settings: Settings, command):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff torn")
    ended = command(
        "enroll",
        "Barack",
        tmp_path / "torn.jpg",
        tmp_path / "none.jpg",
        album / "obama.jpg",
        "--result",
        settings.result,
    )
    assert ended.code == 1
    assert "torn.jpg" in ended.err
    assert "none.jpg" in ended.err
    assert list(names(settings).values()) == ["Barack"]


def test_a_warning_tells_who_looks_like_somebody_known(album: Path, enroll):
    assert not list(enroll("Barack", album / "obama.jpg").warnings())
    (warning,) = enroll("Mister X", album / "obama2.jpg").warnings()
    assert warning.startswith("Mister X looks like Barack (distance 0.")
    assert "suggest accept 'Mister X' Barack" in warning


def test_a_warning_tells_that_a_name_is_taken_by_another_face(album: Path, enroll):
    enroll("Barack", album / "obama.jpg")
    (warning,) = enroll("Barack", album / "biden.jpg").warnings()
    assert "do not look like Barack so far" in warning


@pytest.mark.parametrize(
    "name", ["", " ", "unknowns", "a/b", "..", ".hidden", "a\nb", "faces.sqlite", "montage.x-00.png", "é" * 101, "\0"]
)
def test_a_name_that_no_folder_can_have_is_refused_before_anything_is_done(
    name: str, album: Path, settings: Settings, enroll
):
    with pytest.raises(UserError, match="give another name"):
        enroll(name, album / "obama.jpg")
    assert not Path(settings.result).exists()


def test_a_name_in_any_script_will_do(album: Path, settings: Settings, enroll):
    enroll("박원상 §", album / "obama.jpg")
    assert set(names(settings).values()) == {"박원상 §"}


def test_later_runs_know_the_person(album: Path, settings: Settings, enroll, command, short_clip: Path):
    enroll("Barack", album / "obama.jpg", album / "obama2.jpg", album / "obama3.jpg")
    command(short_clip, "--result", settings.result)
    found = [face for face in faces_of(settings, Screen()) if face.source == str(short_clip)]
    assert [face.person for face in found if face.position in (0, 2)] == ["Barack"] * 2


def test_a_webcam_is_watched_until_the_views_are_enough(closeups: dict[str, Image], enroll, webcam):
    webcam([closeups["obama.jpg"], closeups["obama2.jpg"], np.zeros_like(closeups["obama.jpg"])])
    enrolled = enroll("Barack", "0", views=2)
    assert len(enrolled.kept) == enrolled.new == 2
    assert {face.source for face in enrolled.kept} == {"camera 0"}


def test_a_webcam_that_shows_nobody_is_given_up(closeups: dict[str, Image], enroll, webcam, monkeypatch):
    monkeypatch.setattr(enrol, "_LONGEST", 1.0)
    webcam([np.zeros_like(closeups["obama.jpg"])])
    with pytest.raises(UserError, match=HINTS[NO_FACE]):
        enroll("Barack", "0")


def test_a_long_source_is_remembered_by_its_most_different_views(album: Path, enroll, monkeypatch):
    monkeypatch.setattr(enrol, "_POOL", 1)
    enrolled = enroll("Barack", *[album / name for name in ("obama.jpg", "obama2.jpg", "obama3.jpg")], views=2)
    assert len(enrolled.kept) == 2
    assert enrolled.alike == 1  # the one that was merged counts


def test_json_tells_what_was_kept_and_declined(album: Path, settings: Settings, command):
    ended = command(
        "enroll", "Barack", album / "biden.jpg", album / "obama.jpg", album / "obama2.jpg", "--json",
        "--result", settings.result,
    )  # fmt: skip
    told = json.loads(ended.out)
    assert [sorted(one) for one in told["kept"]] == [["box", "face", "position", "quality", "source"]] * 2
    assert told["refused"] == [
        {
            "source": str(album / "biden.jpg"),
            "reason": UNLIKE,
            "frames": 1,
            "photo": True,
            "hint": HINTS[UNLIKE],
        }
    ]
    assert told["new"] == 2
    assert told["looks_like"] is None


def test_another_encoder_than_the_folders_is_refused(album: Path, settings: Settings, command, enroll):
    enroll("Barack", album / "obama.jpg")
    ended = command("enroll", "Barack", album / "obama2.jpg", "--encoder", "dlib", "--result", settings.result)
    assert ended.code == 1
    assert "belongs to the encoder sface" in ended.err


def test_the_words_in_the_window_are_drawn_on_a_copy(closeups: dict[str, Image], faces: dict[str, Face]):
    image = closeups["obama.jpg"]
    before = image.copy()
    drawn = enrol.with_words(image, HINTS[TINY])
    assert (image == before).all()
    assert (drawn[:40] != image[:40]).any()
    assert (drawn[120:] == image[120:]).all()
