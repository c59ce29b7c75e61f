"""Albums: from photos to a folder of people, and back from what the user made of it."""

from __future__ import annotations

import csv
import errno
import json
import os
import random
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import cv2
import numpy as np
import pytest
from conftest import killed_at_every_line

import face_classifier
from face_classifier.cli.console import Screen
from face_classifier.core.disk import durable, rooted
from face_classifier.core.disk.durable import PART
from face_classifier.core.errors import UserError
from face_classifier.core.types import Image
from face_classifier.display.patches import SHADE, Color
from face_classifier.photos.albums import album as albums
from face_classifier.photos.albums import folder as album_folder
from face_classifier.photos.albums import links, manifest, output, sidecars
from face_classifier.photos.albums.album import AlbumOptions, group_album, run_face_recog
from face_classifier.photos.albums.result import NO_FACE, Album
from face_classifier.photos.finder import FaceFinder
from face_classifier.photos.index import INDEX, PhotoIndex

GROUP_KEYS = {
    *("original_images_idx_list", "crop_path_list", "face_list"),
    *("face2_idx_list", "face1_idx_list", "cosine_similarity_list"),
}


FOUND: dict[bytes, tuple] = {}


@pytest.fixture(autouse=True)
def _one_finder(photo_finder: FaceFinder, monkeypatch: pytest.MonkeyPatch) -> None:
    """To make one takes longer than to group, and the photos are the same in each test."""

    class Remembering(FaceFinder):
        def __init__(self) -> None:
            self.space, self.name = photo_finder.space, photo_finder.name

        def find(self, path: Path) -> tuple:
            content = path.read_bytes()
            if content not in FOUND:
                FOUND[content] = photo_finder.find(path)
            return FOUND[content]

    monkeypatch.setattr(albums, "finder_of", lambda *_: Remembering)


@pytest.fixture
def photos(tmp_path: Path, closeups: dict[str, Image]) -> Path:
    """Three photos of one president, two of the other, one of both, and one of nobody."""
    folder = tmp_path / "photos"
    folder.mkdir()
    pictures = {
        **{name: closeups[name] for name in ("obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg")},
        "biden2.jpg": np.ascontiguousarray(closeups["biden.jpg"][:, ::-1]),
        "both.jpg": np.hstack([closeups["biden.jpg"] // 4 * 3, closeups["obama2.jpg"] // 4 * 3]),
        "sky.jpg": np.linspace(90, 220, 240 * 240 * 3).reshape(240, 240, 3).astype(np.uint8),
    }
    for name, image in pictures.items():
        cv2.imwrite(str(folder / name), image)
    return folder


@pytest.fixture
def sort(photos: Path, tmp_path: Path) -> Callable[..., Album]:
    """Sorts the photos into OUT."""

    def run(*given: Path | str | dict, observer: Screen | None = None, **options: object) -> Album:
        made = AlbumOptions(**{"out": str(tmp_path / "out"), **options})  # type: ignore[arg-type]
        return group_album([*given] or [photos], made, observer or Screen(), threading.Event())

    return run


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def people_in(out: Path) -> dict[str, list[str]]:
    """The visible entries of each person's folder."""
    folders = [path for path in out.iterdir() if path.is_dir() and path.name not in ("faces", "photos")]
    return {path.name: sorted(os.listdir(path)) for path in sorted(folders)}


OBAMA, BIDEN = ["both.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg"], ["biden.jpg", "biden2.jpg", "both.jpg"]


# The function


def test_the_documented_answer_of_the_function(photos: Path):
    groups, valid, images = run_face_recog(photos)
    assert face_classifier.run_face_recog is run_face_recog
    assert valid == [0, 1]
    names = [Path(image["id"]).name for image in images]
    assert names == sorted(names)
    assert {Path(image["url"]).name: image["group_idx"] for image in images} == {
        **{name: [0] for name in OBAMA},
        **{name: [1] for name in BIDEN},
        "both.jpg": [0, 1],
        "sky.jpg": [NO_FACE],
    }
    for one in groups:
        assert set(one) == GROUP_KEYS
        assert {len(values) for values in one.values()} == {len(one["face_list"])}
        assert one["face1_idx_list"][0] == []
        assert one["cosine_similarity_list"][0] == -1
        assert set(one["face1_idx_list"][1:]) <= set(one["face2_idx_list"])
        assert all(0 < similarity <= 1 for similarity in one["cosine_similarity_list"][1:])
        assert all(crop.shape == (112, 112, 3) and crop.dtype == np.uint8 for crop in one["face_list"])
        assert set(one["crop_path_list"]) == {""}
    assert sorted(face for one in groups for face in one["face2_idx_list"]) == list(range(7))
    assert sorted(names[place] for place in groups[0]["original_images_idx_list"]) == OBAMA


def test_items_are_given_back_as_they_were_and_one_that_fails_stops_nothing(photos: Path, caplog):
    broken = photos / "broken.jpg"
    broken.write_bytes((photos / "obama.jpg").read_bytes()[:500])
    given = [
        {"id": 7, "url": (photos / "obama.jpg").as_uri(), "album": "summer"},
        {"id": 7, "url": str(photos / "obama2.jpg")},
        {"id": "gone", "url": str(photos / "gone.jpg")},
        {"id": "near", "url": "http://127.0.0.1:9/me.jpg"},
        broken,
        photos / "biden.jpg",
    ]
    _, valid, images = run_face_recog(given)
    assert valid == [0]
    assert images[0] == {**given[0], "group_idx": [0]}
    assert [image["id"] for image in images] == [7, 7, "gone", "near", str(broken), str(photos / "biden.jpg")]
    assert [image["group_idx"] for image in images] == [[0], [0], [-2], [-2], [-2], [-1]]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    assert ["gone.jpg" in told[0], "public internet" in told[1], "broken.jpg" in told[2]] == [True] * 3


def test_the_same_photo_twice_is_one_photo(photos: Path):
    shutil.copy(photos / "obama.jpg", photos / "copy of obama.jpg")
    given = photos / "obama.jpg"
    groups, _, images = run_face_recog([photos, given, given])
    assert len(groups[0]["face_list"]) == 4
    assert [image["group_idx"] for image in images if "obama.jpg" in image["id"]] == [[0], [0], [0]]
    assert [image["url"] for image in images[-2:]] == [str(given)] * 2


def test_folders_that_overlap_are_read_and_told_once(photos: Path, sort, capsys, monkeypatch):
    (photos / "more").mkdir()
    (photos / "more" / "broken.jpg").write_bytes(b"torn")
    monkeypatch.chdir(photos)
    album = sort(photos, photos / "more", ".", "more", photos)
    assert len(album.items) == 8
    assert len(capsys.readouterr().err.splitlines()) == 1
    (photos / "empty").mkdir()
    sort("empty", "empty", photos / "obama.jpg")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_videos_in_folders_are_counted(photos: Path, sort, capsys):
    for name in ("a.mp4", "b.MOV", ".hidden.mp4"):
        (photos / name).touch()
    cv2.imwrite(str(photos / "still.png"), np.zeros((99, 99, 3), np.uint8))
    album = sort(photos, photos)
    assert not album.failed
    assert capsys.readouterr().err == (
        "face-classifier: 2 videos are left out; sort those with `face-classifier SOURCE`\n"
    )


def test_shuffled_photos_make_the_same_people(photos: Path, sort, out: Path):
    paths = sorted(photos.iterdir())
    want = None
    for seed in range(3):
        random.Random(seed).shuffle(paths)
        shutil.rmtree(out, ignore_errors=True)
        album = sort(*paths)
        found = {image["id"]: image["group_idx"] for image in album.images()}
        got = (
            found,
            people_in(out),
            [[one["crop_path_list"], one["cosine_similarity_list"]] for one in album.record()["groups"]],
        )
        want = want or got
        assert got == want


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The address of a site of these files, and the paths that it was asked for."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    asked: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_photos_come_from_addresses_once(photos: Path, sort, out: Path):
    with serving(photos) as (site, asked):
        given = [f"{site}/{name}?secret=1" for name in ("obama.jpg", "obama2.jpg")]
        album = sort(*given, allow_private=True)
        again = sort(*given, allow_private=True)
    assert len(asked) == 2
    assert album.record() == again.record()
    assert album.images()[0] == {"id": given[0], "url": given[0], "group_idx": [0]}
    assert len(list((out / "photos").iterdir())) == 2
    assert all((out / "person_01" / name).resolve().parent == out / "photos" for name in people_in(out)["person_01"])


def test_what_is_no_picture_at_an_address_is_called_by_the_address_and_fetched_anew(
    photos: Path, sort, out: Path, capsys
):
    (photos / "page.jpg").write_text("<html>Come back later")
    with serving(photos) as (site, asked):
        for _ in range(2):
            assert sort(f"{site}/page.jpg?secret=1", photos / "obama.jpg", allow_private=True).failed
            told = capsys.readouterr().err
            assert f"{site}/page.jpg is not a picture" in told
            assert "secret" not in told
    assert len(asked) == 2
    assert not list((out / "photos").iterdir())


def test_a_json_list_is_read_with_paths_from_where_it_lies(photos: Path, sort):
    listed = photos / "list.json"
    listed.write_text(json.dumps([{"id": 1, "url": "obama.jpg"}, {"id": 2, "url": "obama2.jpg"}, "biden.jpg"]))
    album = sort(listed)
    assert [image["group_idx"] for image in album.images()] == [[0], [0], [-1]]
    assert not album.failed


@pytest.mark.parametrize("content", ["{}", "[1]", "[{}]", "no JSON", '[{"url": ""}]'])
def test_a_list_that_is_none_is_told(content: str, photos: Path, sort, capsys):
    (photos / "list.json").write_text(content)
    assert sort(photos / "list.json", photos / "obama.jpg").failed
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "bad",
    [{}, {"url": ""}, {"id": 3, "url": None}, 5, None, "a\0b", "x" * 5000, "file://host/a", "file://[/a", "file:a"],
)
def test_one_bad_item_of_a_list_stops_no_other_and_keeps_its_place(bad: object, photos: Path, caplog):
    _, valid, images = run_face_recog([photos / "obama.jpg", bad, {"id": 1, "url": photos / "obama2.jpg"}])
    assert valid == [0]
    assert [image["group_idx"] for image in images] == [[0], [NO_FACE], [0]]
    assert all({"id", "url", "group_idx"} == set(image) for image in images)
    assert len(caplog.records) == 1
    assert len(caplog.text) < 600


@pytest.mark.parametrize(("names", "want"), [([], []), (["obama.jpg"], [[-1]]), (["sky.jpg"], [[-2]])])
def test_no_photo_and_one_photo_make_no_person(names: list[str], want: list[list[int]], photos: Path, sort, out: Path):
    given = [{"id": number, "url": str(photos / name)} for number, name in enumerate(names)]
    groups, valid, images = run_face_recog(given)
    assert (len(groups), valid, [image["group_idx"] for image in images]) == (want.count([-1]), [], want)
    album = sort(*given) if given else group_album([], AlbumOptions(str(out)), Screen(), threading.Event())
    assert json.loads((out / "groups.json").read_text("utf-8")) == album.record()
    assert album.record()["images"] == images


def test_damaged_photos_in_a_folder_are_told_and_no_failure(photos: Path, sort, capsys):
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    album = sort()
    assert not album.failed
    assert "broken.jpg" in capsys.readouterr().err
    assert "1 photo that could not be read" in album.summary()


# The folder


def test_a_folder_a_person_with_links_sheets_and_a_page(sort, out: Path, photos: Path):
    album = sort()
    assert people_in(out) == {"person_01": OBAMA, "person_02": BIDEN}
    for folder, names in people_in(out).items():
        for name in names:
            link = out / folder / name
            assert not os.path.isabs(os.readlink(link))
            assert link.resolve() == photos / name
        height, width, _ = cv2.imread(str(out / f"sheet.{folder}.png")).shape
        assert (height > 100, width > 100) == (True, True)
    assert json.loads((out / "groups.json").read_text("utf-8")) == album.record()
    for path in album.record()["groups"][0]["crop_path_list"]:
        assert cv2.imread(str(out / path)).shape == (112, 112, 3)
    rows = list(csv.DictReader((out / "faces.csv").read_text("utf-8").splitlines()))
    assert sorted(Path(row["file"]).name for row in rows if row["name"] == "person_02") == BIDEN
    assert next(album.rows()) == ("person_01", "4", "4", str(out / "person_01"))
    assert album.summary().startswith("1 photo without a face, 0 people seen once")


def test_the_crops_of_the_function_open_from_where_it_was_called(photos: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    groups, _, _ = run_face_recog("photos", out="sorted")
    assert {cv2.imread(path).shape for path in groups[0]["crop_path_list"]} == {(112, 112, 3)}
    written = json.loads(Path("sorted/groups.json").read_text("utf-8"))["groups"][0]["crop_path_list"]
    assert [os.path.join("sorted", path) for path in written] == groups[0]["crop_path_list"]


def test_copies_are_whole_photos(sort, out: Path, photos: Path):
    sort(copies=True)
    assert people_in(out) == {"person_01": OBAMA, "person_02": BIDEN}
    copy = out / "person_01" / "both.jpg"
    assert not copy.is_symlink()
    assert copy.read_bytes() == (photos / "both.jpg").read_bytes()
    sort()
    assert copy.is_symlink()
    sort(copies=True)
    assert not copy.is_symlink()


def test_a_copy_of_a_photo_that_is_gone_stays(sort, out: Path, photos: Path):
    sort(copies=True)
    (photos / "obama.jpg").unlink()
    for copies in (True, False, False):
        sort(copies=copies)
        assert people_in(out) == {"person_01": OBAMA, "person_02": BIDEN}
    assert not (out / "person_01" / "obama.jpg").is_symlink()


def test_photos_of_one_name_get_a_counter(sort, out: Path, photos: Path):
    (photos / "more").mkdir()
    shutil.move(photos / "obama2.jpg", photos / "more" / "obama.jpg")
    sort()
    assert people_in(out)["person_01"] == ["both.jpg", "obama.jpg", "obama3.jpg", "obama_2.jpg"]


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


def test_every_link_of_the_page_leads_somewhere_whatever_the_names(sort, out: Path, photos: Path):
    (photos / "obama.jpg").rename(photos / '오바마 <b>&"#1%.jpg')
    (photos / "obama2.jpg").rename(photos / os.fsdecode(b"\xff\xfe.jpg"))
    album = sort()
    assert json.loads((out / "groups.json").read_text("utf-8")) == album.record()
    (out / "person_01").rename(out / "<script>alert(1)</script> & ‮أوباما #1".replace("/", "∕"))
    sort()
    content = (out / "index.html").read_text("utf-8")
    page = Links()
    page.feed(content)
    assert "script" not in page.tags
    files = [link for link in page.found if not link.startswith("#")]
    assert len(files) > 14
    assert {"./faces.csv", "./groups.json"} < set(files)
    assert "./plot.png" not in files
    assert all((out / unquote(link, errors="surrogateescape")).is_file() for link in files)


@pytest.mark.parametrize("suffix", [".tif", ".jp2", ".bmp"])
def test_every_picture_of_the_page_is_one_that_browsers_show(sort, out: Path, photos: Path, suffix: str):
    cv2.imwrite(str(photos / f"sky{suffix}"), cv2.imread(str(photos / "sky.jpg")))
    cv2.imwrite(str(photos / f"obama{suffix}"), cv2.imread(str(photos / "obama.jpg")))
    for _ in range(2):
        sort()
        shown = re.findall('<img src="([^"]*)"', (out / "index.html").read_text("utf-8"))
        assert len(shown) >= 12
        for address in shown:
            assert (out / unquote(address)).read_bytes().startswith((b"\xff\xd8\xff", b"\x89PNG")), address
            assert max(cv2.imread(str(out / unquote(address))).shape) <= 240


def test_the_page_tells_at_its_end_what_could_not_be_read(sort, out: Path, photos: Path):
    sort()
    assert "could not be read" not in (out / "index.html").read_text("utf-8")
    (photos / "<torn>.jpg").write_bytes(b"torn")
    sort()
    page = (out / "index.html").read_text("utf-8")
    assert page.index("Photos that could not be read") > page.index("Photos without a face")
    assert "&lt;torn&gt;.jpg is not a picture" in page


def test_every_colour_of_the_plot_is_seen_on_its_ground():
    def luminance(color: Color) -> float:
        return float(np.dot((np.array(color) / 255) ** 2.2, (0.0722, 0.7152, 0.2126)))  # near to that of sRGB

    colors = [output._color(place) for place in range(100)]
    assert min((luminance(color) + 0.05) / (luminance(SHADE) + 0.05) for color in colors) > 4.2
    assert len(set(colors[:60])) == 60


def test_a_plot_shows_everybody(sort, out: Path):
    pytest.importorskip("sklearn")
    sort(plot=True)
    assert "./plot.png" in (out / "index.html").read_text("utf-8")
    assert min(cv2.imread(str(out / "plot.png")).shape[:2]) > 200
    sort()
    assert not (out / "plot.png").exists()


def test_sidecars_tell_names_and_the_photos_stay_as_they_are(sort, out: Path, photos: Path):
    before = {path.name: path.read_bytes() for path in photos.iterdir()}
    sort()
    (out / "person_01").rename(out / "Obama")
    sort(sidecars=True)
    assert "Obama" in (photos / "both.jpg.xmp").read_text("utf-8")
    assert "person_02" not in (photos / "both.jpg.xmp").read_text("utf-8")
    assert {name: (photos / name).read_bytes() for name in before} == before


def test_a_folder_that_takes_no_sidecars_is_told_once(sort, photos: Path, capsys, monkeypatch):
    def refuse(path: Path, _content: bytes, _mode: int) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(sidecars, "write_durably", refuse)
    assert sort(sidecars=True).failed
    assert capsys.readouterr().err == (
        f"face-classifier: 6 sidecars cannot be written into {photos} (Permission denied); "
        "check that you may write there\n"
    )


def test_a_second_run_reads_no_photo_again_and_writes_nothing_else(sort, out: Path, monkeypatch):
    def state() -> dict[str, int]:
        return {str(path): path.lstat().st_mtime_ns for path in out.rglob("*") if not path.name.startswith(".")}

    sort()
    before, reads = state(), []
    read = PhotoIndex.read
    monkeypatch.setattr(PhotoIndex, "read", lambda *given, **named: reads.append(read(*given, **named)) or reads[-1])
    sort()
    assert reads[0].fresh == 0
    files = {path for path in before if not Path(path).is_dir()}
    assert {path: state()[path] for path in files} == {path: before[path] for path in files}


def test_an_out_inside_the_album_is_not_read_as_photos(sort, photos: Path, tmp_path: Path):
    inside = photos / "sorted"
    first = sort(out=str(inside), copies=True)
    assert sort(out=str(inside), copies=True).record() == first.record()
    other = sort(out=str(tmp_path / "other"))
    assert len(other.items) == len(first.items) == 7


@pytest.mark.parametrize("left", [manifest.MANIFEST, ".lock", f"{PART}7-7", ".DS_Store"])
def test_what_a_run_leaves_that_is_killed_at_once_makes_no_folder_somebody_elses(left: str, sort, out: Path):
    out.mkdir()
    if left != manifest.MANIFEST:
        (out / left).touch()
    sort()
    assert people_in(out) == {"person_01": OBAMA, "person_02": BIDEN}


def test_a_file_out_of_the_sorted_folder_is_refused_and_stays(sort, out: Path):
    """Else its link would lead to itself."""
    sort(copies=True)
    before = (out / "person_01" / "obama.jpg").read_bytes()
    album = sort(out / "person_01" / "obama.jpg")
    assert album.failed
    assert "lies in" in str(album.items[0].problem)
    assert (out / "person_01" / "obama.jpg").read_bytes() == before


def test_where_no_photo_of_a_folder_can_be_read_the_folder_stays_as_it_is(sort, out: Path, photos: Path):
    sort()
    for path in photos.iterdir():
        path.write_bytes(b"torn")
    assert sort().failed
    assert people_in(out) == {"person_01": OBAMA, "person_02": BIDEN}


@pytest.mark.parametrize("given", ["photos", "empty", "nowhere", "http://127.0.0.1:9/me.jpg"])
def test_where_nothing_can_be_read_nothing_is_made(given: str, command, out: Path, photos: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    for path in photos.iterdir():
        path.unlink()
    (photos / "torn.jpg").write_bytes(b"torn")
    ended = command("group", given if "/" in given else tmp_path / given, "-o", out)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith(f"no photo could be read, and {out} is not made\n")
    assert len(ended.err.splitlines()) == 2
    assert not out.exists()


def test_a_folder_of_somebody_elses_is_refused_and_left_alone(sort, out: Path):
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="not empty"):
        sort()
    assert os.listdir(out) == ["thesis.txt"]


@pytest.mark.parametrize("words", [["people"], ["rethink"], ["verify"]])
def test_a_sorted_album_is_refused_as_a_result_folder(words: list[str], sort, out: Path, command):
    sort()
    before = sorted(os.listdir(out))
    ended = command(*words, "--result", out)
    assert (ended.code, ended.out) == (1, "")
    assert re.search(r"is an? .*album.*, not a result folder", ended.err)
    assert len(ended.err.splitlines()) == 1
    assert sorted(os.listdir(out)) == before


def test_two_runs_at_once_are_refused(sort, out: Path):
    with album_folder.AlbumFolder(out), pytest.raises(UserError, match="in use by process"):
        sort()


@pytest.mark.parametrize("damage", ["", "{", '{"version": 1}', "[]"])
def test_a_damaged_manifest_is_told_and_nothing_is_touched(sort, out: Path, damage: str):
    sort()
    (out / manifest.MANIFEST).write_text(damage)
    before = people_in(out)
    with pytest.raises(UserError, match="is damaged"):
        sort()
    assert people_in(out) == before


def test_an_address_or_a_file_with_a_wrong_name_is_told_in_a_sentence_each(command, photos: Path, out: Path):
    ended = command(
        "group", photos / "obama.jpg", photos / "gone.jpg", "http://localhost:9/a.jpg", "ftp://a/b", "-o", out
    )
    assert ended.code == 1
    assert len(ended.err.splitlines()) == 3
    assert "seen once" in ended.out


def test_an_empty_folder_and_one_of_videos_are_told(command, tmp_path: Path, short_clip: Path, out: Path):
    (tmp_path / "empty").mkdir()
    ended = command("group", tmp_path / "empty", short_clip.parent, "-o", out)
    assert ended.code == 1
    empty, videos, _ = ended.err.splitlines()
    assert "empty has no picture" in empty
    assert "videos" in videos


@pytest.mark.parametrize("given", [["-t", "auto"], ["-t", "3"], ["--encoder", "vgg"], ["--result", "nowhere"]])
def test_wrong_wishes_are_told_before_anything_is_made(given: list[str], command, photos: Path, out: Path):
    ended = command("group", photos, "-o", out, *given)
    assert ended.code == (1 if "nowhere" in given else 2)
    assert len(ended.err.splitlines()) == 1
    assert not out.exists()


def test_the_command_prints_what_it_wrote(command, photos: Path, out: Path):
    ended = command("group", photos, "-o", out, "--json")
    assert ended.code == 0
    assert json.loads(ended.out) == json.loads((out / "groups.json").read_text("utf-8"))
    assert command("group", photos, "-o", out).out.splitlines()[1].split() == [
        "person_01",
        "4",
        "4",
        str(out / "person_01"),
    ]


def test_a_threshold_of_sfaces_former_scale_is_refused_with_todays(sort):
    with pytest.raises(UserError, match=r"at most 0\.8, such as 0\.46; .* former 1\.1 give 0\.49$"):
        sort(threshold="1.1")


def test_a_stricter_threshold_parts_people(sort):
    assert len(sort(threshold=0.3).groups) > len(sort().groups)


# What the user made of it


def test_a_renamed_folder_keeps_its_name_and_gets_new_photos(sort, out: Path, photos: Path):
    shutil.move(photos / "obama3.jpg", photos.parent)
    sort()
    (out / "person_01").rename(out / "Barack")
    shutil.move(photos.parent / "obama3.jpg", photos)
    sort()
    assert people_in(out) == {"Barack": OBAMA, "person_02": BIDEN}
    assert (out / "sheet.Barack.png").exists()
    assert not (out / "sheet.person_01.png").exists()


def test_renaming_two_folders_at_once_mixes_nobody_up(sort, out: Path):
    sort()
    (out / "person_01").rename(out / "Barack")
    (out / "person_02").rename(out / "Joe")
    sort()
    assert people_in(out) == {"Barack": OBAMA, "Joe": BIDEN}


def test_two_folders_that_swapped_names_are_told_apart(sort, out: Path):
    sort()
    for old, new in (("person_01", "away"), ("person_02", "person_01"), ("away", "person_02")):
        (out / old).rename(out / new)
    for _ in range(2):
        sort()
        assert people_in(out) == {"person_01": BIDEN, "person_02": OBAMA}


def test_two_people_who_are_always_together_keep_the_names_that_each_was_given(sort, out: Path, photos: Path):
    for path in photos.iterdir():
        if path.name != "both.jpg":
            path.unlink()
    cv2.imwrite(str(photos / "both2.jpg"), cv2.imread(str(photos / "both.jpg")) // 10 * 9)
    album = sort()
    assert people_in(out) == {f"person_0{number}": ["both.jpg", "both2.jpg"] for number in (1, 2)}
    first = {album.faces[joined.face].number for joined in album.groups[0].faces}
    (out / "person_01").rename(out / "Zoe")
    (out / "person_02").rename(out / "Adam")
    album = sort()
    (zoe,) = (one for one in album.groups if one.name == "Zoe")
    assert {album.faces[joined.face].number for joined in zoe.faces} == first


def test_a_folder_merged_into_another_is_one_person_with_it(sort, out: Path):
    sort()
    for name in BIDEN[:2]:
        os.rename(out / "person_02" / name, out / "person_01" / name)
    os.rename(out / "person_02" / "both.jpg", out / "person_01" / "both (1).jpg")  # as file managers do
    (out / "person_02").rmdir()
    for _ in range(2):
        sort()
        assert people_in(out) == {"person_01": sorted({*OBAMA, *BIDEN, "both (1).jpg"})}


@pytest.mark.parametrize("removed", [False, True])
def test_links_that_took_the_place_of_others_are_told(removed: bool, sort, out: Path, photos: Path, capsys):
    for path in photos.iterdir():
        if path.name != "both.jpg":
            path.unlink()
    cv2.imwrite(str(photos / "both2.jpg"), cv2.imread(str(photos / "both.jpg")) // 10 * 9)
    sort()
    (out / "person_01").rename(out / "Joe")
    sort()
    assert capsys.readouterr().err == ""
    for name in ("both.jpg", "both2.jpg"):
        (out / "person_02" / name).replace(out / "Joe" / name)
    if removed:
        (out / "person_02").rmdir()
    sort()
    told = capsys.readouterr().err
    assert f"both.jpg and 1 more are gone from {out / 'person_02'}, and Joe has the same for another face" in told
    sort()
    assert capsys.readouterr().err == ""
    assert people_in(out) == {name: ["both.jpg", "both2.jpg"] for name in ("Joe", f"person_0{2 if removed else 3}")}


def test_what_was_said_of_a_face_stays_when_a_later_version_finds_another_one_left_of_it(sort, out: Path):
    def change(*statements: str) -> None:
        with closing(sqlite3.connect(out / INDEX, isolation_level=None)) as database:
            for statement in statements:
                database.execute(statement)

    sort()
    shutil.copy(out / INDEX, out.parent / "index")
    shutil.rmtree(out)
    out.mkdir()
    shutil.copy(out.parent / "index", out / INDEX)
    (out / manifest.MANIFEST).write_text(json.dumps(manifest.Manifest().record()))
    wide = "(SELECT content FROM photos ORDER BY width DESC LIMIT 1)"
    change(f'DELETE FROM faces WHERE content = {wide} AND "left" < 200')  # the one on the left in both.jpg
    sort()
    assert people_in(out) == {"person_01": OBAMA, "person_02": BIDEN[:2]}
    (out / "Brother").mkdir()
    os.rename(out / "person_01" / "both.jpg", out / "Brother" / "both.jpg")
    sort()
    change("ALTER TABLE photos DROP COLUMN finder", "PRAGMA user_version = 1")  # as of that version
    for _ in range(2):
        sort()
        assert people_in(out) == {"Brother": ["both.jpg"], "person_01": OBAMA[1:], "person_02": BIDEN}


@pytest.mark.parametrize("copies", [False, True])
def test_an_edited_photo_keeps_what_was_said_of_it(copies: bool, sort, out: Path, photos: Path):
    """As programs do that write names and dates into photos."""
    sort(copies=copies)
    (out / "person_01").rename(out / "Barack")
    os.rename(out / "person_02" / "biden.jpg", out / "Barack" / "biden.jpg")
    sort(copies=copies)
    for path in photos.iterdir():
        path.write_bytes(path.read_bytes() + b"a note")
    for _ in range(2):
        sort(copies=copies)
        assert people_in(out) == {"Barack": ["biden.jpg", *OBAMA], "person_02": BIDEN[1:]}
    assert (out / "Barack" / "obama.jpg").read_bytes() == (photos / "obama.jpg").read_bytes()


def test_a_photo_that_took_the_place_of_another_is_not_taken_for_it(sort, out: Path, photos: Path):
    sort()
    (out / "person_01").rename(out / "Barack")
    sort()
    (photos / "biden.jpg").replace(photos / "obama.jpg")
    sort()
    assert {path.resolve().name for path in (out / "person_02").iterdir()} == {"biden2.jpg", "both.jpg", "obama.jpg"}


def test_names_that_differ_in_case_or_in_the_spelling_of_an_accent_get_a_counter(sort, out: Path, photos: Path):
    for old, new in (("obama.jpg", "Jos\u00e9.jpg"), ("obama2.jpg", "more/JOSE\u0301.jpg")):
        (photos / new).parent.mkdir(exist_ok=True)
        shutil.move(photos / old, photos / new)
    sort()
    assert {"JOSE\u0301.jpg", "Jos\u00e9_2.jpg"} <= set(people_in(out)["person_01"])


def test_folders_of_the_user_with_photos_from_elsewhere_are_left_alone(sort, out: Path, photos: Path):
    sort()
    mine = photos.parent / "mine"
    mine.mkdir()
    shutil.copy(photos / "sky.jpg", mine / "trip.jpg")
    cv2.imwrite(str(mine / "other.png"), np.zeros((9, 9, 3), np.uint8))
    shutil.move(mine, out / "mine")
    (out / "mine" / "obama.jpg").symlink_to(photos / "nowhere.jpg")
    for _ in range(2):
        sort()
        assert people_in(out)["mine"] == ["obama.jpg", "other.png", "trip.jpg"]


@pytest.mark.parametrize("copies", [False, True])
def test_a_link_moved_to_another_person_stays_there(copies: bool, sort, out: Path, photos: Path):
    sort(copies=copies)
    os.rename(out / "person_01" / "obama3.jpg", out / "person_02" / "obama3.jpg")
    want = {"person_01": OBAMA[:-1], "person_02": sorted([*BIDEN, "obama3.jpg"])}
    for _ in range(2):
        sort(copies=copies)
        assert people_in(out) == want
    os.rename(out / "person_02" / "obama3.jpg", out / "person_01" / "obama3.jpg")
    sort(copies=copies)
    assert people_in(out) == {"person_01": OBAMA, "person_02": BIDEN}


def test_a_new_folder_with_moved_links_is_a_new_person(sort, out: Path):
    sort()
    (out / "Brother").mkdir()
    for name in OBAMA[1:3]:
        os.rename(out / "person_01" / name, out / "Brother" / name)
    for _ in range(2):
        sort()
        assert people_in(out) == {"Brother": OBAMA[1:3], "person_01": ["both.jpg", "obama3.jpg"], "person_02": BIDEN}


def test_two_people_are_joined_by_moving_all_links(sort, out: Path):
    sort(threshold=0.3)
    sort()
    one, other = (
        next(folder for folder, files in people_in(out).items() if name in files) for name in ("obama.jpg", "biden.jpg")
    )
    os.rename(out / other / "biden.jpg", out / one / "biden.jpg")
    os.rename(out / other / "biden2.jpg", out / one / "biden2.jpg")
    sort()
    assert {"biden.jpg", "biden2.jpg"} <= set(people_in(out)[one])


def test_a_deleted_link_stays_away_and_the_photo_is_told_as_somebody_else(sort, out: Path):
    sort()
    (out / "person_01" / "obama2.jpg").unlink()
    for _ in range(2):
        album = sort()
        assert "obama2.jpg" not in people_in(out)["person_01"]
        assert (len(album.groups), len(album.valid)) == (3, 2)


def test_a_deleted_folder_is_made_anew(sort, out: Path):
    sort()
    shutil.rmtree(out / "person_02")
    sort()
    assert people_in(out) == {"person_01": OBAMA, "person_02": BIDEN}


def test_files_of_the_user_are_never_touched(sort, out: Path, photos: Path):
    sort()
    (out / "person_01" / "notes.txt").write_text("met in May")
    (out / "person_01" / "obama_x.jpg").write_bytes((photos / "sky.jpg").read_bytes())
    (out / "plans").mkdir()
    (out / "plans" / "trip.txt").write_text("x")
    (photos / "obama.jpg").unlink()
    sort(threshold=0.3)  # parts people, so that folders change
    left = people_in(out)
    assert left["plans"] == ["trip.txt"]
    assert {"notes.txt", "obama_x.jpg"} <= set(left["person_01"])
    assert "obama.jpg" not in [name for names in left.values() for name in names]


def test_an_edited_copy_is_the_users(sort, out: Path):
    sort(copies=True)
    copy = out / "person_01" / "obama.jpg"
    cv2.imwrite(str(copy), cv2.imread(str(copy)) // 2)
    edited = copy.read_bytes()
    sort(copies=True)
    sort()
    assert copy.read_bytes() == edited


@pytest.mark.parametrize("copies", [False, True])
def test_a_photo_that_the_user_put_into_a_folder_says_whose_it_is_and_stays(
    copies: bool, sort, out: Path, photos: Path
):
    for name in ("obama.jpg", "obama2.jpg", "obama3.jpg", "both.jpg"):
        if name != "obama3.jpg":
            shutil.move(photos / name, photos.parent)
    sort(copies=copies)
    assert people_in(out) == {"person_01": BIDEN[:2]}
    (out / "Barack").mkdir()
    shutil.copy(photos / "obama3.jpg", out / "Barack" / "mine.jpg")
    for more in (copies, not copies, copies):
        sort(copies=more)
        assert people_in(out) == {"Barack": ["mine.jpg"], "person_01": BIDEN[:2]}
    (photos / "obama3.jpg").unlink()
    sort(copies=not copies)
    assert people_in(out)["Barack"] == ["mine.jpg"]


def test_a_file_in_the_way_of_a_link_is_left_and_the_link_gets_a_counter(sort, out: Path, photos: Path):
    shutil.move(photos / "obama3.jpg", photos.parent)
    sort()
    (out / "person_01" / "obama3.jpg").write_text("not a photo")
    shutil.move(photos.parent / "obama3.jpg", photos)
    sort()
    assert (out / "person_01" / "obama3.jpg").read_text() == "not a photo"
    assert (out / "person_01" / "obama3_2.jpg").resolve() == photos / "obama3.jpg"


def test_numbers_are_never_given_twice(sort, out: Path, photos: Path):
    sort()
    (out / "person_02").rename(out / "Joe")
    shutil.copy(photos / "obama.jpg", photos / "new.jpg")
    sort(threshold=0.3)
    assert "person_02" not in people_in(out)


def test_an_album_that_moved_away_and_back_is_linked_anew(sort, out: Path, photos: Path):
    sort()
    (out / "person_01").rename(out / "Barack")
    moved = photos.rename(photos.parent / "elsewhere")
    sort(moved)
    assert people_in(out) == {"Barack": OBAMA, "person_02": BIDEN}
    assert all(link.exists() for link in (out / "Barack").iterdir())


def test_where_a_part_of_the_album_is_missing_its_links_stay(sort, out: Path, photos: Path):
    away = photos.parent / "away"
    away.mkdir()
    for name in ("obama.jpg", "biden.jpg"):
        shutil.move(photos / name, away)
    sort(photos, away)
    (out / "person_01").rename(out / "Barack")
    want = {"Barack": OBAMA, "person_02": BIDEN}
    away.rename(photos.parent / "unmounted")
    for missing in ((photos, away), (away,)):
        assert sort(*missing).failed
        assert people_in(out) == want
    (photos.parent / "unmounted").rename(away)
    sort(photos, away)
    assert people_in(out) == want
    sort(photos)
    assert people_in(out) == {"Barack": ["both.jpg", "obama2.jpg", "obama3.jpg"], "person_02": BIDEN[1:]}


@pytest.fixture
def killed(out: Path, tmp_path: Path) -> Callable[[Callable[[], object]], list[Path]]:
    """Folders as `out` is at every line of what writes it: as a run killed there leaves it."""

    return partial(killed_at_every_line, out, (album_folder, links, manifest, rooted, durable), tmp_path)


def check_that_each_goes_on(folders: list[Path], want: dict[str, list[str]], run: Callable[..., Album]) -> None:
    assert len(folders) > 20
    for folder in folders:
        run(out=str(folder))
        assert people_in(folder) == want, folder
        assert not list(folder.rglob(f"{PART}*"))
        assert {path.name for path in folder.glob("[!.]*.*")} == {
            *("groups.json", "index.html", "faces.csv"),
            *(f"sheet.{name}.png" for name in want),
        }


def test_a_first_run_may_be_killed_at_any_line(sort, out: Path, killed, photos: Path, capsys):
    shutil.move(photos / "obama3.jpg", photos.parent)
    folders = killed(sort)
    shutil.move(photos.parent / "obama3.jpg", photos)
    check_that_each_goes_on(folders, {"person_01": OBAMA, "person_02": BIDEN}, sort)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("copies", [False, True])
def test_after_a_kill_at_any_line_the_next_run_goes_on(copies: bool, sort, out: Path, killed, photos: Path, capsys):
    sort(copies=copies)
    (out / "person_01").rename(out / "Barack")
    os.rename(out / "person_02" / "biden.jpg", out / "Barack" / "biden.jpg")
    (out / "Barack" / "obama2.jpg").unlink()
    shutil.move(photos / "obama3.jpg", photos / "new.jpg")
    (photos / "obama.jpg").write_bytes((photos / "obama.jpg").read_bytes() + b"a note")
    folders = killed(lambda: sort(copies=not copies))
    want = {"Barack": ["biden.jpg", "both.jpg", "obama.jpg", "obama3.jpg"], "person_02": BIDEN[1:]}
    assert people_in(out) == want
    check_that_each_goes_on(folders, want, partial(sort, copies=not copies))
    assert capsys.readouterr().err == ""


# Known people


def test_known_people_of_a_result_folder_give_their_names(
    sort, out: Path, gallery, photo_finder: FaceFinder, engine, monkeypatch
):
    monkeypatch.setattr(albums, "finder_of", lambda *_: lambda: FaceFinder(engine))  # of that folder's encoder
    gallery.see("obama.jpg", "obama2.jpg", "biden.jpg")
    for path in list(gallery.folder.glob("*/*.png")):
        name = {"person_01": "Barack"}.get(path.parent.name, "Joe")
        gallery.move(path, name)
    gallery.look()
    remembers = gallery.folder / "faces.sqlite", gallery.folder / ".lock"  # where the album is, once
    files = [path for path in gallery.folder.rglob("*") if path.is_file() and path not in remembers]
    before = {path: path.stat().st_mtime_ns for path in files}
    album = sort(result=str(gallery.folder))
    before |= {path: path.stat().st_mtime_ns for path in remembers}
    sort(result=str(gallery.folder))
    assert people_in(out) == {"Barack": OBAMA, "Joe": BIDEN}
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [one.name for one in album.groups] == ["Barack", "Joe"]
    with pytest.raises(UserError, match="belongs to the encoder sface"):
        sort(result=str(gallery.folder), encoder="dlib")


def test_a_known_name_is_that_of_the_folder_whose_name_differs_in_case_or_accents_only(out: Path):
    with album_folder.AlbumFolder(out) as opened:
        (out / "Jos\u00e9").mkdir()
        assert opened.spelled("jose\u0301") == "Jos\u00e9"
        assert opened.spelled("Josef") == "Josef"
    assert album_folder.usable("faces") == "faces_2"


@pytest.fixture(autouse=True)
def _no_part_is_left(out: Path) -> Iterator[None]:
    yield
    if out.exists():
        assert not [path for path in out.rglob("*part*") if path.name.startswith(".face")]
