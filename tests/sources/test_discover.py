"""What the user names becomes sources: folders are looked through, files opened by their content."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import need_tool
from PIL import Image as Pillow
from sources.clips import number_of, numbered, run, write_clip

from face_classifier.core.errors import UserError
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import find_sources, open_source
from face_classifier.sources.picture import Picture


class TestFindSources:
    def test_digits_are_a_camera_even_beside_a_file_of_that_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "0").touch()
        monkeypatch.chdir(tmp_path)
        assert find_sources("0", []).paths == ["0"]
        assert find_sources("./0", []).paths == ["./0"]

    def test_a_file_is_itself_whatever_its_name(self, tmp_path: Path) -> None:
        (tmp_path / "clip.backup").touch()
        assert find_sources(str(tmp_path / "clip.backup"), []).paths == [str(tmp_path / "clip.backup")]

    def test_a_folder_gives_pictures_and_videos_below_it_sorted_under_the_path_as_given(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("b.MP4", "a.Jpg", "c/d.gif", "c/notes.txt", "c/e/f.avi", "c-1/z.png"):
            (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "in" / name).touch()
        monkeypatch.chdir(tmp_path)
        wanted = ["./in/a.Jpg", "./in/b.MP4", "./in/c/d.gif", "./in/c/e/f.avi", "./in/c-1/z.png"]
        assert find_sources("./in", []).paths == [os.path.join("./in", *name.split("/")[2:]) for name in wanted]

    def test_result_folder_captures_and_hidden_entries_are_left_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("a.jpg", "result/bob/b.png", "shots/c.png", ".hidden.jpg", ".cache/d.jpg", "resulting/e.png"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        monkeypatch.chdir(tmp_path)
        skip = [Path("result"), tmp_path / "x" / ".." / "shots"]
        found = find_sources(str(tmp_path), skip).paths
        assert found == [str(tmp_path / "a.jpg"), str(tmp_path / "resulting" / "e.png")]
        with pytest.raises(UserError, match="no picture or video"):
            find_sources(str(tmp_path / "result" / "bob"), skip)

    def test_links_to_folders_are_counted(self, tmp_path: Path) -> None:
        (tmp_path / "disk").mkdir()
        (tmp_path / "disk" / "b.jpg").touch()
        (tmp_path / "photos").mkdir()
        (tmp_path / "photos" / "album").symlink_to(tmp_path / "disk")
        with pytest.raises(UserError, match=r"1 leading to folders \(album\)"):
            find_sources(str(tmp_path / "photos"), [])
        (tmp_path / "photos" / "a.jpg").touch()
        found = find_sources(str(tmp_path / "photos"), [])
        assert found.paths == [str(tmp_path / "photos" / "a.jpg")]
        assert "1 leading to folders (album)" in next(found.passed_over())

    def test_an_empty_file_and_a_pipe_are_told_as_that(self, tmp_path: Path) -> None:
        (tmp_path / "empty.jpg").touch()
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(UserError, match=r"empty\.jpg is empty; copy it again"):
            open_source(str(tmp_path / "empty.jpg"))
        with pytest.raises(UserError, match=r"pipe\.jpg is not an ordinary file"):
            find_sources(str(tmp_path / "pipe.jpg"), [])

    def test_files_of_no_known_format_are_counted_by_kind_with_the_first_names(self, tmp_path: Path) -> None:
        texts = [f"{number}.txt" for number in range(5)]
        for name in ("a.jpg", *texts, "deep/b.PDF", "README", ".hidden", "Thumbs.db", "a.jpg.xmp", "clip.thm", "BMW"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("BM, as a text may begin")
        (tmp_path / "gone.png").symlink_to("nowhere")
        found = find_sources(str(tmp_path), [])
        assert found.paths == [str(tmp_path / "a.jpg")]
        (sentence,) = found.passed_over()
        assert sentence == (
            f"passed over 10 files of no known format in {tmp_path}: 5 .txt (0.txt, 1.txt, 2.txt, …), "
            "2 without extension (BMW, README), 1 .thm (clip.thm), 1 .pdf (b.PDF), 1 leading nowhere (gone.png)"
        )

    def test_nothing_is_told_where_nothing_was_passed_over(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").touch()
        assert list(find_sources(str(tmp_path), []).passed_over()) == []

    def test_pictures_and_videos_under_odd_names_are_known_by_their_content(self, tmp_path: Path) -> None:
        picture = Pillow.fromarray(numbered(5))
        for name, form in (("IMG_0001", "JPEG"), ("a.jpg_large", "JPEG"), ("b.backup", "PNG"), ("c.x", "WEBP")):
            picture.save(tmp_path / name, form)
        for name in ("clip.mp4", "clip.mkv", "clip.avi", "clip.flv"):
            codec = {"clip.avi": "MJPG", "clip.flv": "FLV1"}.get(name, "mp4v")
            write_clip(tmp_path / name, 3, codec=codec).rename(tmp_path / f"{name}_old")
        (tmp_path / "part").write_bytes((tmp_path / "clip.mp4_old").read_bytes()[:200])
        found = find_sources(str(tmp_path), [])
        names = [Path(path).name for path in found.paths]
        videos = [f"clip.{container}_old" for container in ("avi", "flv", "mkv", "mp4")]
        assert names == ["IMG_0001", "a.jpg_large", "b.backup", "c.x", *videos]
        assert {Path(path).name for path in found.odd_pictures} == set(names[:4])
        assert found.unknown == [str(tmp_path / "part")]
        for path in found.paths:
            assert run(path)

    def test_sound_in_a_container_of_videos_is_no_video(self, tmp_path: Path) -> None:
        for name in ("a.m4a", "b.mka"):
            line = [need_tool("ffmpeg", "ffmpeg"), "-v", "error", "-f", "lavfi", "-i", "sine=duration=1"]
            subprocess.run([*line, str(tmp_path / name)], check=True)
        (tmp_path / "a.jpg").touch()
        found = find_sources(str(tmp_path), [])
        assert [Path(path).name for path in found.paths] == ["a.jpg"]
        assert [Path(path).name for path in found.unknown] == ["a.m4a", "b.mka"]

    def test_symbolic_links_to_folders_do_not_loop(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "x.jpg").touch()
        try:
            (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
            (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
        except OSError:
            pytest.skip("this system makes no symbolic links")
        assert find_sources(str(tmp_path), []).paths == [str(tmp_path / "a" / "x.jpg")]

    @pytest.mark.parametrize("open_it", [lambda given: find_sources(given, []), open_source])
    def test_what_does_not_exist_is_told(self, tmp_path: Path, open_it: Callable[[str], Any]) -> None:
        with pytest.raises(UserError, match=r"nothing\.mp4' does not exist"):
            open_it(str(tmp_path / "nothing.mp4"))

    def test_a_folder_without_pictures_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").touch()
        with pytest.raises(UserError, match=r"no picture or video in it, but files .*: 1 \.txt \(notes\.txt\);"):
            find_sources(str(tmp_path), [])


class TestKindOfFile:
    @pytest.mark.parametrize("name", ["clip", "clip.jpg", "clip.backup"])
    def test_a_video_is_one_under_any_name(self, tmp_path: Path, name: str) -> None:
        write_clip(tmp_path / "a.mp4").rename(tmp_path / name)
        assert len(run(tmp_path / name)) == 50

    @pytest.mark.parametrize("name", ["photo", "photo.mp4", "photo.backup"])
    def test_a_picture_is_one_under_any_name(self, tmp_path: Path, name: str) -> None:
        Pillow.fromarray(numbered(5)).save(tmp_path / name, "PNG")
        with open_source(str(tmp_path / name)) as source:
            assert isinstance(source, Picture)

    def test_an_animated_gif_is_a_video_and_a_still_one_a_picture(self, tmp_path: Path) -> None:
        still, *others = (Pillow.fromarray(numbered(number)) for number in range(6))
        still.save(tmp_path / "still.gif")
        still.save(tmp_path / "moving.gif", save_all=True, append_images=others, duration=200)
        assert isinstance(open_source(str(tmp_path / "still.gif")), Picture)
        found = run(tmp_path / "moving.gif", Sampling(every=0.4))
        assert [number_of(frame.image) for frame in found] == [0, 2, 4]
        assert [frame.position for frame in found] == pytest.approx([0, 0.4, 0.8])

    def test_a_folder_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="is a folder"):
            open_source(str(tmp_path))

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_a_pipe_is_told_instead_of_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.mp4")
        with pytest.raises(UserError, match="not an ordinary file"):
            open_source(str(tmp_path / "pipe.mp4"))

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything may be read here")
    def test_a_locked_file_or_folder_is_told(self, tmp_path: Path) -> None:
        locked = tmp_path / "locked"
        locked.mkdir()
        (locked / "a.jpg").touch()
        locked.chmod(0)
        try:
            (found,) = find_sources(str(tmp_path), []).paths
            with pytest.raises(UserError, match="check that you may read it"):
                open_source(found)
        finally:
            locked.chmod(0o700)
