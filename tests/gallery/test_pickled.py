"""The pickle `face_encodings`: a view, made from folders and rows, and never trusted."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Gallery

from face_classifier.core.types import Face, Image, as_stored
from face_classifier.gallery.derived import pickled as views
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.vision.sface import SCALE

OBAMA, OBAMA_AGAIN, BIDEN = "obama.jpg", "obama2.jpg", "biden.jpg"


def encodings(count: int = 3) -> dict[str, np.ndarray]:
    numbers = np.random.default_rng(7)
    return {f"20240101_12000{number}.000-0.png": numbers.normal(size=128) for number in range(count)}


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def as_numpy_1(content: bytes) -> bytes:
    """A pickle of the running numpy as numpy 1 would have written it: the modules have no underscore there."""
    for module in (b"multiarray", b"numeric"):
        new, old = b"numpy._core." + module, b"numpy.core." + module
        content = content.replace(b"c" + new + b"\n", b"c" + old + b"\n")  # GLOBAL, protocols 0 to 3
        content = content.replace(bytes([len(new)]) + new, bytes([len(old)]) + old)  # SHORT_BINUNICODE, from 4
    return content


def as_numpy_2(content: bytes) -> bytes:
    for module in (b"multiarray", b"numeric"):
        old, new = b"numpy.core." + module, b"numpy._core." + module
        content = content.replace(b"c" + old + b"\n", b"c" + new + b"\n")
        content = content.replace(bytes([len(old)]) + old, bytes([len(new)]) + new)
    return content


def without_frames(content: bytes) -> bytes:
    """The lengths in the frames of protocols 4 and 5 no longer fit once a name was changed; they may be left out."""
    return content[:2] + content[11:] if content[2:3] == pickle.FRAME else content


class Reduced:
    """Pickles as a call of something."""

    def __init__(self, *call: Any) -> None:
        self._call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


# Reading the pickle


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("numpy_version", [as_numpy_1, as_numpy_2])
def test_pickles_of_numpy_1_and_2_are_read(tmp_path: Path, protocol: int, numpy_version) -> None:
    given = encodings()
    content = numpy_version(without_frames(pickle.dumps(given, protocol)))
    assert (b"numpy.core" in content) == (numpy_version is as_numpy_1)
    read = views.read_pickle(content)
    assert read.keys() == given.keys()
    assert all(np.array_equal(read[name], given[name]) and read[name].dtype == np.float64 for name in given)


def test_a_pickle_that_the_original_wrote_with_numpy_1_is_read() -> None:
    """Spelled out opcode by opcode, as Python 3.8 and numpy 1.19 wrote it, so that no numpy of today has a say."""
    raw = np.arange(128, dtype="<f8").tobytes()

    def text(value: str) -> bytes:
        return b"\x8c" + bytes([len(value)]) + value.encode()

    content = (
        b"\x80\x04}" + text("20200101_120000.000-0.png")
        + text("numpy.core.multiarray") + text("_reconstruct") + b"\x93"
        + text("numpy") + text("ndarray") + b"\x93" + b"K\x00\x85C\x01b\x87R"
        + b"(K\x01K\x80\x85" + text("numpy") + text("dtype") + b"\x93" + text("f8") + b"\x89\x88\x87R"
        + b"(K\x03" + text("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        + b"\x89B" + len(raw).to_bytes(4, "little") + raw + b"tb" + b"s."
    )  # fmt: skip
    (encoding,) = views.read_pickle(content).values()
    assert np.array_equal(encoding, np.arange(128))


def test_an_array_that_is_not_contiguous_is_read() -> None:
    given = {"a.png": np.arange(256, dtype=float)[::2]}
    read = views.read_pickle(pickle.dumps(given))
    assert np.array_equal(read["a.png"], given["a.png"])


def test_an_empty_pickle_is_read() -> None:
    assert views.read_pickle(pickle.dumps({})) == {}


BAD: dict[str, Any] = {
    "a list": [1, 2],
    "text for an array": {"a.png": "text"},
    "nothing for an array": {"a.png": None},
    "a number for a name": {1: np.zeros(128)},
    "another length": {"a.png": np.zeros(127)},
    "another shape": {"a.png": np.zeros((128, 1))},
    "another type": {"a.png": np.zeros(128, np.float32)},
    "another byte order": {"a.png": np.zeros(128, ">f8")},
    "whole numbers": {"a.png": np.zeros(128, np.int64)},
    "objects": {"a.png": np.array([None] * 128, object)},
    "not a number": {"a.png": np.full(128, np.nan)},
    "a scalar": {"a.png": np.float64(1)},
    "a huge shape": {"a.png": Reduced(np.ndarray, ((10**12,), "f8"), (1, (10**12,), np.dtype("f8"), False, b""))},
    "a negative shape": {"a.png": Reduced(np.ndarray, ((0,), "f8"), (1, (-1,), np.dtype("f8"), False, b""))},
    "a shell command": {"a.png": Reduced(os.system, ("touch hostile",))},
    "an evaluation": {"a.png": Reduced(eval, ("open('hostile', 'w')",))},
    "a file made by numpy": {"a.png": Reduced(np.memmap, ("hostile", "f8", "w+", 0, (128,)))},
    "another function of numpy": {"a.png": Reduced(np.fromfile, ("hostile",))},
    "a class of ours": {"a.png": Reduced(Path, ("hostile",))},
    "a name that is built": {Reduced(str, (b"x", "ascii")): np.zeros(128)},
}


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("what", BAD)
def test_nothing_but_names_and_encodings_is_admitted(tmp_path: Path, monkeypatch, what: str, protocol: int) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"."):
        views.read_pickle(pickle.dumps(BAD[what], protocol))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        b"\x80\xff",
        b"cos\nsystem\n(S'touch hostile'\ntR.",
        b"(lp0\n0(dp1\ng0\n.",
        b"\x80\x04N" + b"r" + (2**30).to_bytes(4, "little") + b".",  # claims a billion objects
        b"\x80\x04\x8e" + (2**62).to_bytes(8, "little"),  # and this one a text of four billion gigabytes
        b"\x80\x04" + b"(" * 200_000 + b".",
        b"\x80\x04" + b")\x85" * 100_000 + b".",
        b"\x80\x04\x8c\x05numpy\x8c\x05dtype\x93)R.",
    ],
)
def test_torn_and_hostile_bytes_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"."):
        views.read_pickle(content)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_torn_anywhere_is_told(protocol: int) -> None:
    whole = pickle.dumps(encodings(2), protocol)
    for end in range(0, len(whole) - 1, 37):
        with pytest.raises(ValueError, match=r"."):
            views.read_pickle(whole[:end])


# Writing the pickle


def test_our_pickle_is_plain_numpy(gallery: Gallery, faces: dict[str, Face]) -> None:
    gallery.see(OBAMA, OBAMA_AGAIN, BIDEN)
    loaded = pickle.loads((gallery.folder / "face_encodings").read_bytes())
    assert sorted(loaded) == sorted(picture.split("/")[1] for picture in gallery.pictures())
    for encoding in loaded.values():
        assert type(encoding) is np.ndarray
        assert (encoding.dtype, encoding.shape) == (np.dtype("f8"), (128,))
    assert np.array_equal(loaded[min(loaded)], faces[OBAMA].encoding)


def test_our_pickle_needs_no_module_that_another_numpy_lacks(tmp_path: Path) -> None:
    content = views.pickle_bytes(encodings())
    assert b"core" not in content
    script = f"import pickle; d = pickle.load(open({str(tmp_path / 'p')!r}, 'rb')); print(sum(map(sum, d.values())))"
    written(tmp_path / "p", content)
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert float(told) == pytest.approx(sum(encoding.sum() for encoding in encodings().values()))


def test_our_pickle_is_read_by_ourselves(tmp_path: Path) -> None:
    given = encodings()
    read = views.read_pickle(views.pickle_bytes(given))
    assert all(np.array_equal(read[name], given[name]) for name in given)


def test_names_that_two_pictures_share_are_left_out_of_the_pickle(
    gallery: Gallery, portraits: dict[str, Image]
) -> None:
    for person, name in (("Barack", OBAMA), ("Joe", BIDEN)):
        (gallery.folder / person).mkdir(parents=True)
        cv2.imwrite(str(gallery.folder / person / "me.png"), portraits[name])
    cv2.imwrite(str(gallery.folder / "Joe" / "alone.png"), portraits[OBAMA_AGAIN])
    gallery.look()
    assert views.read_pickle((gallery.folder / "face_encodings").read_bytes()).keys() == {"alone.png"}


def test_who_is_gone_is_not_in_the_pickle(gallery: Gallery) -> None:
    gallery.see(OBAMA, OBAMA_AGAIN, BIDEN)
    shutil.rmtree(gallery.folder / "person_01")
    gallery.look()
    assert views.read_pickle((gallery.folder / "face_encodings").read_bytes()).keys() == {
        gallery.picture(UNKNOWNS).name
    }


def test_an_unchanged_pickle_is_not_written_again(gallery: Gallery) -> None:
    gallery.see(OBAMA)
    before = (gallery.folder / "face_encodings").stat()
    gallery.look()
    after = (gallery.folder / "face_encodings").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("content", [b"torn", pickle.dumps({"a.png": Reduced(os.system, ("touch hostile",))})])
def test_a_bad_pickle_is_told_and_set_aside(gallery: Gallery, content: bytes) -> None:
    gallery.see(OBAMA, OBAMA_AGAIN)
    before = gallery.labels()
    (gallery.folder / "face_encodings").write_bytes(content)
    gallery.look()
    (problem,) = gallery.problems
    assert "face_encodings was damaged" in problem
    assert "face_encodings.damaged" in problem
    assert (gallery.folder / "face_encodings.damaged").read_bytes() == content
    assert len(views.read_pickle((gallery.folder / "face_encodings").read_bytes())) == 2
    assert gallery.labels() == before
    gallery.look()
    assert gallery.problems == []


# Encodings of older folders


def old_folder(gallery: Gallery, image: Image, encoding: np.ndarray) -> Path:
    """A folder that the original program left: one picture, and its encoding in the pickle."""
    path = gallery.folder / "Barack" / "20200101_120000.000-0.png"
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), image)
    (gallery.folder / "face_encodings").write_bytes(pickle.dumps({path.name: encoding}))
    return path


def test_a_picture_of_an_older_folder_is_encoded_anew(
    gallery: Gallery, portraits: dict[str, Image], faces: dict[str, Face]
) -> None:
    old_folder(gallery, portraits[OBAMA], np.zeros(128))  # the original's values were made from BGR pictures
    (sighting,) = gallery.look()
    assert np.linalg.norm(sighting.encoding - faces[OBAMA].encoding) < 0.1


def test_where_no_face_is_found_the_old_value_is_taken(gallery: Gallery) -> None:
    old = encodings(1).popitem()[1]
    old *= SCALE / np.linalg.norm(old)  # as long as all of this encoder's
    old_folder(gallery, np.zeros((90, 90, 3), np.uint8), old)
    (sighting,) = gallery.look()
    assert np.array_equal(sighting.encoding, as_stored(old))
    assert gallery.problems == []


def test_where_the_old_value_is_damaged_the_middle_third_is_taken(gallery: Gallery) -> None:
    path = old_folder(gallery, np.zeros((90, 90, 3), np.uint8), np.zeros(3))
    (sighting,) = gallery.look()
    assert sighting.encoding is not None
    assert sighting.person == path.parent.name
    assert (gallery.folder / "face_encodings.damaged").exists()
