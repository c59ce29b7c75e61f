"""A gallery that goes over to another encoder and back: the labels stay, the encodings are never mixed."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Ended, Gallery

from face_classifier.core.config.load import load
from face_classifier.core.disk.locks import FolderLock
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.types import DLIB_SPACE, Encoding, Face, Image, Sighting
from face_classifier.curate.reencode import Agreement, agreement, reencode
from face_classifier.gallery.derived.pickled import read_pickle
from face_classifier.gallery.store import Store
from face_classifier.identity import profiles as spaces
from face_classifier.sources.picture import Decoded, decode
from face_classifier.vision.engine import Engine, make_engine
from face_classifier.vision.sface import SCALE, SFaceEncoder

Command = Callable[..., Ended]
Step = Callable[[], None]


@pytest.fixture(scope="session")
def engine() -> Engine:
    """With dlib's encoder, from which galleries go over."""
    return make_engine("fast", None, 1.0, pytest.fail, "dlib")


@pytest.fixture
def presidents(gallery: Gallery, photographs: dict[str, Path]) -> Gallery:
    """Faces of a clip, some of which the user named, corrected, pinned, deleted, and a photograph of the user's."""
    gallery.see("obama.jpg", "biden.jpg", "obama2.jpg", "biden.jpg", "obama3.jpg", "biden.jpg")
    people = sorted(path for path in gallery.folder.glob("person_*"))
    assert len(people) == 2
    first, second = (sorted(folder.iterdir()) for folder in people)
    gallery.move(first[0], "unknowns")  # pinned
    gallery.move(second[0], people[0].name)  # not right, but so the user wants it
    second[1].unlink()
    people[0].rename(gallery.folder / "Barack")
    shutil.copy(photographs["biden.jpg"], people[1] / "my own.jpg")
    gallery.look()
    return gallery


def state(gallery: Gallery) -> list[Sighting]:
    """Every face, without what belongs to the encoder."""
    return [replace(sighting, encoding=None, distance=None) for sighting in gallery.look(writing=False)]


def encodings(gallery: Gallery) -> dict[str, Encoding]:
    return {face.face: face.encoding for face in gallery.look(writing=False) if face.encoding is not None}


def gallery_spaces(gallery: Gallery) -> set[str]:
    with Store(gallery.folder, writing=False) as store:
        return store.spaces()


def assert_the_same(one: dict[str, Encoding], other: dict[str, Encoding]) -> None:
    assert one.keys() == other.keys()
    for face, encoding in one.items():
        np.testing.assert_array_equal(encoding, other[face])


class Watcher:
    """Sees what a reencoding does, and stops it before a step."""

    def __init__(self, stop_before: int | None = None) -> None:
        self.stopping = threading.Event()
        self.problems: list[str] = []
        self.steps = 0
        self._stop_before = stop_before

    def problem(self, sentence: str) -> None:
        self.problems.append(sentence)

    def through(self, steps: Sequence[Step], name: str) -> Iterator[Step]:
        self.steps = len(steps)
        for number, step in enumerate(steps):
            if number == self._stop_before:
                self.stopping.set()
            yield step


def go_over(gallery: Gallery, encoder: str, watcher: Watcher) -> None:
    reencode(load({"result": str(gallery.folder), "encoder": encoder}), watcher.stopping, watcher)


def test_going_over_keeps_every_label_and_going_back_every_encoding(presidents: Gallery, command: Command):
    labels, before = state(presidents), encodings(presidents)
    assert {label.person for label in labels} == {"Barack", "person_02", None}
    assert any(label.pinned for label in labels)
    assert any(label.corrected for label in labels)
    sheet = (presidents.folder / "face_encodings").read_bytes()

    ended = command("reencode", "--encoder", "sface", "--result", presidents.folder)
    assert ended.code == 0, ended.err
    assert f"{len(labels)} pictures were encoded" in ended.out
    assert state(presidents) == labels
    assert gallery_spaces(presidents) == {SFaceEncoder.space}
    assert all(np.linalg.norm(encoding) == pytest.approx(SCALE) for encoding in encodings(presidents).values())
    shown = read_pickle((presidents.folder / "face_encodings").read_bytes())
    assert {Path(file).stem: encoding.tobytes() for file, encoding in shown.items()} == {
        face: encoding.tobytes() for face, encoding in encodings(presidents).items()
    }

    ended = command("reencode", "--encoder", "dlib", "--result", presidents.folder)
    assert ended.code == 0, ended.err
    assert " 0 pictures were encoded" in ended.out
    assert state(presidents) == labels
    assert_the_same(encodings(presidents), before)
    assert (presidents.folder / "face_encodings").read_bytes() == sheet
    assert all(face.distance is not None for face in presidents.look(writing=False) if face.face != "my own")


def test_it_is_told_how_far_the_two_encoders_agree(gallery: Gallery, command: Command):
    gallery.see("obama.jpg", "biden.jpg", "obama2.jpg", "biden.jpg", "obama3.jpg", "biden.jpg")
    ended = command("reencode", "--encoder", "sface", "--result", gallery.folder)
    assert "Of 6 faces, both encoders find 6 nearest to the same person." in ended.out
    again = command("reencode", "--encoder", "sface", "--result", gallery.folder)
    assert again.code == 0
    assert "both encoders" not in again.out  # there is no other one to agree with


def test_a_face_is_not_compared_with_itself_and_two_encoders_may_differ():
    def faces(*places: tuple[int, str | None, float]) -> list[Sighting]:
        return [
            Sighting(number, str(number), person, None, encoding=np.full(128, place))
            for number, person, place in places
        ]

    before = faces((1, "A", 0.0), (2, "A", 0.1), (3, "B", 1.0), (4, None, 0.9))
    after = faces((1, "A", 0.0), (2, "A", 0.1), (3, "B", 1.0), (4, None, 0.2))
    assert agreement(before, after) == Agreement(same=3, faces=4)
    assert agreement(faces((3, "B", 1.0)), faces((3, "B", 1.0))) == Agreement(0, 0)
    assert agreement(faces((4, None, 0.9)), faces((4, None, 0.2))) == Agreement(0, 0)


def test_a_run_with_the_other_encoder_is_refused_in_a_sentence(presidents: Gallery, short_clip: Path, command: Command):
    before = state(presidents)
    ended = command(short_clip, "--encoder", "sface", "--result", presidents.folder)
    assert ended.code == 1
    assert "belongs to the encoder dlib, not sface" in ended.err
    assert f"reencode --encoder sface --result {presidents.folder}" in ended.err
    assert ended.err.count("\n") == 1
    assert state(presidents) == before


def test_a_gallery_of_sface_goes_on_with_sface_and_is_read_without_a_flag(
    gallery: Gallery, short_clip: Path, photographs: dict[str, Path], command: Command
):
    run = (short_clip, "--result", gallery.folder, "--founding", "2", "--online-only")
    assert command(*run, "--encoder", "sface").code == 0
    assert gallery_spaces(gallery) == {SFaceEncoder.space}
    people = {face.person for face in gallery.look(writing=False)}
    assert people == {"person_01", "person_02"}
    shutil.copy(photographs["obama3.jpg"], gallery.folder / "person_01" / "new.jpg")  # read, but not yet kept
    ended = command("people", "--matrix", "--result", gallery.folder)
    assert ended.code == 0
    (_, first, _second) = ended.out.splitlines()
    assert "3 faces" in first
    assert float(first.split("]")[1].split(",")[2]) < 0.446  # the furthest of them; a dlib encoding would be beyond
    assert command(*run, "--encoder", "dlib").code == 1
    assert command(*run).code == 0
    assert gallery_spaces(gallery) == {SFaceEncoder.space}


def test_a_face_that_is_followed_stays_one_track_by_the_limit_of_its_encoder(
    gallery: Gallery, closeups: dict[str, Image], command: Command, tmp_path: Path
):
    """Blurred, a face is farther from itself in SFace's space than any dlib encoding of one face would be."""
    clip, sharp = tmp_path / "clip.mp4", closeups["obama.jpg"]
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"mp4v"), 10, (240, 240))
    for size in (240, 80, 240):
        writer.write(cv2.resize(cv2.resize(sharp, (size, size), interpolation=cv2.INTER_AREA), (240, 240)))
    writer.release()
    run = (clip, "--result", gallery.folder, "--encoder", "sface", "--quality", "0", "--search-still", "--online-only")
    assert command(*run, "--refresh", "0", "--seconds", "0").code == 0
    first, blurred, last = gallery.look(writing=False)
    assert first.encoding is not None
    assert blurred.encoding is not None
    assert 0.22 < np.linalg.norm(first.encoding - blurred.encoding) < 0.49
    assert first.track == blurred.track == last.track is not None


def test_what_is_stopped_leaves_the_gallery_as_it_was_and_goes_on_from_there(presidents: Gallery):
    labels, before = state(presidents), encodings(presidents)
    watcher = Watcher(stop_before=2)
    with pytest.raises(UserError, match=rf"2 of {len(labels)} pictures encoded.* run the same command again"):
        go_over(presidents, "sface", watcher)
    assert gallery_spaces(presidents) == {DLIB_SPACE}
    assert_the_same(encodings(presidents), before)
    assert state(presidents) == labels

    watcher = Watcher()
    go_over(presidents, "sface", watcher)
    assert watcher.steps == len(labels) - 2
    assert watcher.problems == []
    assert gallery_spaces(presidents) == {SFaceEncoder.space}
    assert state(presidents) == labels


def test_a_picture_edited_in_between_is_encoded_anew_when_going_back(presidents: Gallery, photographs: dict[str, Path]):
    before = encodings(presidents)
    go_over(presidents, "sface", Watcher())
    shutil.copy(photographs["obama.jpg"], presidents.folder / "person_02" / "my own.jpg")
    watcher = Watcher()
    go_over(presidents, "dlib", watcher)
    after = encodings(presidents)
    assert watcher.steps == 1
    assert gallery_spaces(presidents) == {DLIB_SPACE}
    own = "my own"
    assert np.linalg.norm(after[own] - before[own]) > 0.6
    assert_the_same({**after, own: before[own]}, before)


def test_a_picture_that_cannot_be_read_now_is_told_and_never_compared_with_the_others(
    presidents: Gallery, monkeypatch: pytest.MonkeyPatch
):
    """As on a disk with a bad block; permissions would not stop root."""

    def fail(path: Path) -> Decoded:
        if path.stem == "my own":
            raise UserError(f"{path} cannot be read")
        return decode(path)

    labels = state(presidents)
    with monkeypatch.context() as patch:
        patch.setattr("face_classifier.sources.picture.decode", fail)
        watcher = Watcher()
        go_over(presidents, "sface", watcher)
    assert any("my own.jpg cannot be read; it is left alone" in problem for problem in watcher.problems)
    assert gallery_spaces(presidents) == {SFaceEncoder.space}
    watcher = Watcher()
    go_over(presidents, "sface", watcher)
    assert state(presidents) == labels
    assert gallery_spaces(presidents) == {SFaceEncoder.space}


def test_an_old_pickle_of_another_encoder_helps_nobody_out(gallery: Gallery):
    """Where the table was deleted and no face is found, the pickle tells the numbers: not those of SFace to dlib."""
    (gallery.folder / "A").mkdir(parents=True)
    cv2.imwrite(str(gallery.folder / "A" / "grey.png"), np.full((90, 90, 3), 128, np.uint8))
    gallery.look()
    go_over(gallery, "sface", Watcher())
    (gallery.folder / "faces.sqlite").unlink()
    (face,) = gallery.look()
    assert face.encoding is not None
    assert np.linalg.norm(face.encoding) > 1.1


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "no encoder is given"),
        (["--encoder", "facenet"], 2, "--encoder is 'facenet', but must be one of sface, dlib"),
        (["--encoder", "sface", "--result", "nowhere"], 1, "there is no result folder nowhere"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    arguments: list[str], code: int, sentence: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    ended = command("reencode", *arguments)
    assert ended.code == code
    assert sentence in ended.err
    assert ended.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_it_waits_for_nobody_where_another_process_writes(gallery: Gallery, command: Command):
    gallery.see("obama.jpg")
    lock = FolderLock(Root(gallery.folder))
    try:
        ended = command("reencode", "--encoder", "sface", "--result", gallery.folder)
    finally:
        lock.release()
    assert ended.code == 75
    assert gallery_spaces(gallery) == {DLIB_SPACE}


def test_encodings_of_two_encoders_in_one_gallery_are_refused_until_reencoded(presidents: Gallery, command: Command):
    def read_by_sface(path: Path, own_cut: bool) -> tuple[Face, bool]:
        face, found = presidents.read_photo(path, own_cut)
        return replace(face, made_by=replace(face.made_by, space=SFaceEncoder.space)), found

    shutil.copy(presidents.folder / "person_02" / "my own.jpg", presidents.folder / "Barack" / "another.jpg")
    (presidents.folder / "person_02" / "my own.jpg").unlink()
    path = presidents.folder / "Barack" / "another.jpg"
    path.write_bytes(path.read_bytes() + b"\0")  # a picture of its own
    with Store(presidents.folder, writing=True) as store:
        store.look(read_by_sface)
    ended = command("people", "--result", presidents.folder)
    assert ended.code == 1
    assert "cannot be compared; run `face-classifier reencode" in ended.err
    assert command("reencode", "--encoder", "dlib", "--result", presidents.folder).code == 0
    assert command("people", "--result", presidents.folder).code == 0
    assert gallery_spaces(presidents) == {DLIB_SPACE}


def test_the_original_engine_has_no_sface():
    with pytest.raises(UserError, match="the original engine has only dlib's"):
        load({"engine": "original", "encoder": "sface"}, None, {})


def test_every_encoder_that_can_be_chosen_has_its_limits():
    for encoder in ("dlib", "sface"):
        space = spaces.BY_ENCODER[encoder]
        assert spaces.PROFILES[space.name] is space
        assert 0 < space.rule.track == space.threshold < space.anew < 2
