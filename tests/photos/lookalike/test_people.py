"""A gallery of people: photos named after them, or a result folder; what cannot be used is told, all of it."""

from __future__ import annotations

import shutil
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Ended, Listener
from conftest import Gallery as ResultFolder

from face_classifier.core.errors import UserError
from face_classifier.core.types import Image
from face_classifier.identity.profiles import BY_ENCODER
from face_classifier.photos.finder import TILE
from face_classifier.photos.index import INDEX, PhotoIndex
from face_classifier.photos.lookalike import people as portraits
from face_classifier.photos.lookalike.people import Person, PhotoGallery, Portrait
from face_classifier.vision.models import registry as models

PhotoFolder = Callable[..., Path]
OBAMA, AGAIN, OLD, BIDEN = "obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"


@pytest.fixture(scope="module", autouse=True)
def _models() -> None:
    models.graph("sface")


def open_gallery(
    folder: Path | str | None,
    index: Path | None = None,
    encoder: str | None = None,
    observer: Listener | None = None,
    stopping: threading.Event | None = None,
) -> PhotoGallery:
    return portraits.open_gallery(
        None if folder is None else str(folder),
        None if index is None else str(index),
        encoder,
        observer or Listener(),
        stopping or threading.Event(),
    )


def photos_of(gallery: PhotoGallery) -> dict[str, list[str]]:
    return {person.name: [portrait.photo for portrait in person.portraits] for person in gallery.people}


# Names


def test_people_are_named_by_file_or_by_folder(photo_folder: PhotoFolder):
    folder = photo_folder({"Joe.jpg": BIDEN, "Barack/1.jpg": OBAMA, "Barack/later/2.jpg": AGAIN})
    gallery = open_gallery(folder)
    assert photos_of(gallery) == {
        "Barack": [f"{folder}/Barack/1.jpg", f"{folder}/Barack/later/2.jpg"],
        "Joe": [f"{folder}/Joe.jpg"],
    }
    assert (gallery.encoder, gallery.photos) == ("sface", 3)
    assert gallery.averages.shape == (2, 128)


@pytest.mark.parametrize("name", ["박원상", "J. Lo", "J.R.R. Tolkien", "محمد", "🎬 Star", " a  b "])
def test_a_name_may_be_in_any_script_and_have_dots(photo_folder: PhotoFolder, name: str):
    assert list(photos_of(open_gallery(photo_folder({f"{name}.jpg": OBAMA})))) == [name]


def test_names_that_a_mac_decomposed_are_the_same_names(photo_folder: PhotoFolder):
    decomposed = unicodedata.normalize("NFD", "박원상")
    folder = photo_folder({f"{decomposed}/1.jpg": OBAMA, "박원상.jpg": AGAIN})
    (person,) = open_gallery(folder).people
    assert person.name == "박원상"
    assert all(Path(portrait.photo).is_file() for portrait in person.portraits)


def test_links_to_photos_are_photos(photo_folder: PhotoFolder, tmp_path: Path):
    folder = photo_folder({"a.jpg": OBAMA}, name="elsewhere")
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "Barack.jpg").symlink_to(folder / "a.jpg")
    assert list(photos_of(open_gallery(tmp_path / "gallery"))) == ["Barack"]


# Faces


def test_of_a_photo_of_several_the_face_counts_that_the_other_photos_show(
    photo_folder: PhotoFolder, closeups: dict[str, Image]
):
    small = np.full((240, 240, 3), 90, np.uint8)
    small[60:180, 60:180] = closeups[OLD][::2, ::2]
    crowd = np.hstack([small, closeups[BIDEN]])
    folder = photo_folder({"Barack/1.jpg": OBAMA, "Barack/2.jpg": AGAIN, "Barack/3.jpg": crowd, "Joe.jpg": BIDEN})
    barack, joe = open_gallery(folder).people
    assert all(np.linalg.norm(portrait.encoding - joe.average) > 0.446 for portrait in barack.portraits)


def test_how_far_apart_somebody_is_from_photos_is_no_less_than_from_their_average():
    chance = np.random.default_rng(1)
    encodings, probe = chance.normal(size=(5, 128)), chance.normal(size=128)
    person = Person("somebody", tuple(Portrait("", encoding, b"") for encoding in encodings))
    scatter = ((encodings - person.average) ** 2).sum(axis=1).mean()
    assert person.distance_to(probe) ** 2 == pytest.approx(((probe - person.average) ** 2).sum() + scatter)
    alone = Person("alone", person.portraits[:1])
    assert alone.distance_to(probe) == pytest.approx(np.linalg.norm(probe - encodings[0]))


# The index


def test_the_index_stands_for_photos_that_are_away(photo_folder: PhotoFolder, tmp_path: Path):
    folder, index = photo_folder({"Barack/1.jpg": OBAMA, "Joe.jpg": BIDEN}), tmp_path / "index"
    before = open_gallery(folder, index)
    assert not (folder / INDEX).exists()
    shutil.rmtree(folder)
    for away in (open_gallery(folder, index), open_gallery(None, index)):
        assert [person.name for person in away.people] == ["Barack", "Joe"]
        assert np.array_equal(away.averages, before.averages)
        assert away.people[0].portraits[0].image().shape == (TILE, TILE, 3)
    assert photos_of(open_gallery(None, index)) == {"Barack": ["Barack/1.jpg"], "Joe": ["Joe.jpg"]}


def test_the_index_lies_hidden_in_the_folder_and_is_no_photo(photo_folder: PhotoFolder):
    folder = photo_folder({"Joe.jpg": BIDEN})
    assert open_gallery(folder).photos == open_gallery(folder).photos == 1
    assert (folder / INDEX).is_file()
    (folder / "Joe.jpg").unlink()
    assert [person.name for person in open_gallery(folder).people] == ["Joe"]


def test_a_stop_is_told_and_the_next_time_goes_on(photo_folder: PhotoFolder):
    folder = photo_folder({"Joe.jpg": BIDEN, "Barack.jpg": OBAMA})
    stopping = threading.Event()

    class Stopper(Listener):
        def through(self, steps: Sequence[object], name: str) -> Iterator[object]:
            stopping.set()
            return iter(steps)

    with pytest.raises(UserError, match=r"of 2 photos .*run it again"):
        open_gallery(folder, observer=Stopper(), stopping=stopping)
    assert len(open_gallery(folder).people) == 2


# What goes wrong


def test_all_photos_that_are_of_no_use_are_listed(photo_folder: PhotoFolder):
    blank = np.full((64, 64, 3), 128, np.uint8)
    folder = photo_folder(
        {"Joe.jpg": BIDEN, **{f"{number:02}.jpg": blank for number in range(30)}, "torn.jpg": b"no picture"}
    )
    gallery = open_gallery(folder)
    (faceless, names), (failed, sentences) = gallery.left_out()
    assert "30 of 32 photos" in faceless
    assert names == [f"{number:02}.jpg" for number in range(30)]
    assert "1 of 32 photos" in failed
    assert [sentence.startswith(f"{folder}/torn.jpg ") for sentence in sentences] == [True]


def test_a_face_that_was_found_with_a_low_score_only_is_told(photo_folder: PhotoFolder, closeups: dict[str, Image]):
    tiny = np.full((240, 320, 3), 128, np.uint8)
    tiny[100:130, 200:230] = cv2.resize(closeups[OBAMA], (30, 30), interpolation=cv2.INTER_AREA)
    folder = photo_folder({"Joe.jpg": BIDEN, "Barack.png": cv2.imencode(".png", tiny)[1].tobytes()})
    gallery = open_gallery(folder)
    assert [person.name for person in gallery.people] == ["Barack", "Joe"]
    ((_, names),) = gallery.left_out()
    assert names == ["Barack.png"]


def test_a_gallery_without_any_face_is_told_with_the_reasons(photo_folder: PhotoFolder):
    observer = Listener()
    folder = photo_folder({"torn.jpg": b"no picture"})
    with pytest.raises(UserError, match="no face was found"):
        open_gallery(folder, observer=observer)
    assert [str(folder / "torn.jpg") in sentence for sentence in observer.problems] == [True]


def test_what_is_no_gallery_is_told(photo_folder: PhotoFolder, tmp_path: Path):
    folder = photo_folder({"Joe.jpg": BIDEN})
    with pytest.raises(UserError, match="--gallery"):
        open_gallery(None)
    with pytest.raises(UserError, match="is a file"):
        open_gallery(folder / "Joe.jpg")
    with pytest.raises(UserError, match="does not exist"):
        open_gallery(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no index"):
        open_gallery(None, tmp_path / "nowhere")
    with pytest.raises(UserError, match="only 1 video"):
        open_gallery(photo_folder({"clip.mp4": b""}, name="videos"))
    with pytest.raises(UserError, match="must be one of sface, dlib"):
        open_gallery(folder, encoder="arcface")


# Sorted albums


def test_of_a_sorted_album_the_folders_of_people_are_the_gallery(
    photo_folder: PhotoFolder, closeups: dict[str, Image], command: Callable[..., Ended], tmp_path: Path
):
    both = np.hstack([closeups[BIDEN], closeups[OLD]])
    album = photo_folder({"1.jpg": OBAMA, "2.jpg": both, "3.jpg": cv2.flip(closeups[BIDEN], 1)})
    out = tmp_path / "out"
    assert command("group", album, "-o", out).code == 0
    barack = next(folder for folder in out.glob("person_*") if (folder / "1.jpg").exists())
    barack.rename(out / "Barack")
    gallery = open_gallery(out)
    first, second = gallery.people
    assert first.name == "Barack"
    assert second.name.startswith("person_")
    assert [len(person.portraits) for person in gallery.people] == [2, 2]
    for person in gallery.people:  # the photo of both shows each of them
        assert np.linalg.norm(person.portraits[0].encoding - person.portraits[1].encoding) < 1.0
    assert not gallery.faceless
    with PhotoIndex(out / INDEX, BY_ENCODER["sface"].name) as index:
        assert {str(album / name) for name in ("1.jpg", "2.jpg", "3.jpg")} <= index.stamps().keys()


def test_a_sorted_album_in_a_gallery_is_nobody(
    photo_folder: PhotoFolder, closeups: dict[str, Image], command: Callable[..., Ended]
):
    folder = photo_folder({"Barack/1.jpg": OBAMA, "Barack/2.jpg": AGAIN, "Joe.jpg": BIDEN})
    assert command("group", folder, "-o", folder / "sorted").code == 0
    assert [person.name for person in open_gallery(folder).people] == ["Barack", "Joe"]


# Result folders


def test_a_result_folder_is_a_gallery_of_its_people(gallery: ResultFolder):
    gallery.see(OBAMA, BIDEN)
    for face, name in zip(sorted((gallery.folder / "unknowns").iterdir()), ("Barack", "Joe"), strict=True):
        gallery.move(face, name)
    found = open_gallery(gallery.folder)
    assert [person.name for person in found.people] == ["Barack", "Joe"]
    assert found.encoder == "sface"
    portrait = found.people[0].portraits[0]
    assert Path(portrait.photo) == gallery.picture("Barack")
    assert portrait.image().shape == (TILE, TILE, 3)
    assert not (gallery.folder / INDEX).exists()
    with pytest.raises(UserError, match="belongs to the encoder sface, not dlib; leave out --encoder"):
        open_gallery(gallery.folder, encoder="dlib")


def test_a_result_folder_of_unknown_faces_only_is_no_gallery(gallery: ResultFolder):
    gallery.see(OBAMA)
    with pytest.raises(UserError, match="no person with a face"):
        open_gallery(gallery.folder)
