"""Pictures of every format and size: read within bounds, or told."""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image as Pillow
from PIL import ImageCms, ImageFile
from sources.clips import BITS, START, numbered, run
from sources.seams import OpenSource, SourceTests

from face_classifier.core.errors import UserError
from face_classifier.core.types import PICTURE_SUFFIXES, RAW_SUFFIXES, Box, Detection, Image, Match
from face_classifier.gallery.opening import photo_reader_of
from face_classifier.gallery.store import Store
from face_classifier.photos.finder import FaceFinder
from face_classifier.sources import capture, picture
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import open_source
from face_classifier.sources.picture import Decoded, decode, read_picture
from face_classifier.vision.engine import Engine

OBAMA = "obama.jpg"
needs_jxl = pytest.mark.skipif(sys.version_info < (3, 11), reason="the reader of JPEG XL needs Python 3.11")
_CHILD = """
import resource, sys
from pathlib import Path
from face_classifier.core.errors import UserError
from face_classifier.sources.discover import open_source
from face_classifier.sources.picture import _formats, decode
_formats()
before = resource.getrusage(resource.RUSAGE_SELF)
try:
    open_source(sys.argv[1])
    told = decode(Path(sys.argv[1]))
    told = f"{told.size} at 1/{told.scale}: {told.image.shape}"
except UserError as error:
    told = error
after = resource.getrusage(resource.RUSAGE_SELF)
kilobytes = after.ru_maxrss - before.ru_maxrss
seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(kilobytes // 1000, seconds, told, sep="|")
"""


def read_in_child(path: Path) -> str:
    """What became of a picture, read in a process of its own, which must not need much."""
    done = subprocess.run([sys.executable, "-c", _CHILD, path], capture_output=True, text=True, check=True)
    megabytes, seconds, told = done.stdout.strip().split("|")
    assert int(megabytes) <= 1000
    assert float(seconds) <= 10
    return told


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, depth: int, colour: int) -> bytes:
    """A PNG of one value; ``colour``: 0 grey, 6 RGBA."""
    packer = zlib.compressobj(1)
    row = b"\0" + b"\x7f" * (width * depth // 8 * (4 if colour == 6 else 1))
    rows = 1 + 1_000_000 // len(row)
    whole, rest = divmod(height, rows)
    data = b"".join(packer.compress(row * rows) for _ in range(whole)) + packer.compress(row * rest) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg(image: Pillow.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def with_exif_segments(count: int) -> bytes:
    content = jpeg(Pillow.new("RGB", (64, 64)))
    segment = b"\xff\xe1" + struct.pack(">H", 65535) + b"Exif\0\0MM\0*\0\0\0\x08\0\0" + bytes(65517)
    return content[:2] + segment * count + content[2:]


def with_scans(count: int) -> bytes:
    """A JPEG of 16 megapixels whose last scan comes again and again, 160 bytes each time."""
    content = jpeg(Pillow.new("RGB", (4000, 4000), "grey"), progressive=True, quality=50)
    table = content.rindex(b"\xff\xc4", 0, content.rindex(b"\xff\xda"))
    return content[:-2] + content[table:-2] * count + content[-2:]


def with_a_far_part() -> bytes:
    """A GIF of 8 x 8 pixels whose second picture lies 30,000 away, so that Pillow makes room for 900 megapixels."""
    frames = [Pillow.new("P", (8, 8), number) for number in range(2)]
    for frame in frames:
        frame.putpalette(range(256))
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], disposal=2, transparency=0)
    content = file.getvalue()
    at = content.rindex(b",\0\0\0\0\x08\0\x08\0")
    return content[: at + 1] + struct.pack("<HH", 30_000, 30_000) + content[at + 5 :]


class TestBounds:
    @pytest.mark.parametrize(
        ("name", "make", "told"),
        [
            (
                "thin.png",
                lambda: png(1, 99_999_999, 8, 0),
                "has 1 x 99999999 pixels, but a side may have at most 65535",
            ),
            ("deep.png", lambda: png(8100, 8100, 16, 6), r"\(8100, 8100\) at 1/2: \(4050, 4050, 3\)"),
            ("exif.jpg", lambda: with_exif_segments(1000), "66 MB of EXIF, which no camera writes; save it again"),
            ("scans.jpg", lambda: with_scans(2000), "but a JPEG in 2011 scans may have at most 2 megapixels"),
            ("far.gif", with_a_far_part, r"\(8, 8\) at 1/1: \(8, 8, 3\)"),
            (
                "panorama.jpg",
                lambda: jpeg(Pillow.new("RGB", (20_000, 3000), "green")),
                r"\(20000, 3000\) at 1/1: \(3000, 20000, 3\)",
            ),
            (
                "phone.jpg",
                lambda: jpeg(Pillow.new("L", (18_000, 13_800), "grey")),
                r"\(18000, 13800\) at 1/2: \(6900, 9000, 3\)",
            ),
            (
                "large.jpg",
                lambda: jpeg(Pillow.new("L", (18_300, 13_800), "grey")),
                "has more than 250 megapixels, which is more than a picture may have; make it smaller first",
            ),
        ],
    )
    def test_what_would_take_much_is_read_smaller_or_told(
        self, tmp_path: Path, name: str, make: Callable[[], bytes], told: str
    ) -> None:
        (tmp_path / name).write_bytes(make())
        assert re.search(told, read_in_child(tmp_path / name))

    def test_an_animation_of_huge_frames_is_told_before_one_is_decoded(self, tmp_path: Path) -> None:
        frames = [Pillow.new("P", (8, 8), number) for number in range(50)]
        for frame in frames:
            frame.putpalette(range(256))
        file = io.BytesIO()
        frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
        content = file.getvalue()
        (tmp_path / "a.gif").write_bytes(content[:6] + struct.pack("<HH", 10_000, 10_000) + content[10:])
        began = time.process_time()
        with pytest.raises(UserError, match="10000 x 10000 pixels, but a video may have at most 36 megapixels"):
            open_source(str(tmp_path / "a.gif"))
        assert time.process_time() - began < 2

    def test_jpeg_2000_that_takes_long_is_told(self, tmp_path: Path) -> None:
        Pillow.new("RGB", (8, 8)).save(tmp_path / "a.jp2")
        with (tmp_path / "a.jp2").open("ab") as file:
            file.truncate(50_000_000)
        with pytest.raises(UserError, match="has 50 MB, but a JPEG2000 may have at most 30 MB; save it as JPEG"):
            read_picture(tmp_path / "a.jp2")

    def test_a_video_that_leads_its_reader_in_circles_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a.fli").write_bytes(bytes(4) + b"\x11\xaf" + bytes(600))  # frames of no length
        monkeypatch.setattr(capture, "_PATIENCE", 0.3)
        began = time.thread_time()
        with pytest.raises(UserError, match="takes too long to read; convert it to MP4"):
            open_source(str(tmp_path / "a.fli"))
        assert time.thread_time() - began < 2

    def test_a_file_that_keeps_its_reader_busy_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        content = png(8, 8, 8, 0)
        (tmp_path / "a.png").write_bytes(content[:33] + chunk(b"prVt", b"") * 1_000_000 + content[33:])
        monkeypatch.setattr(picture, "_PATIENCE", 0.5)
        began = time.thread_time()
        with pytest.raises(UserError, match="takes too long to read; save it again as JPEG or PNG"):
            read_picture(tmp_path / "a.png")
        assert time.thread_time() - began < 1.5

    @pytest.mark.proof
    @pytest.mark.parametrize(
        ("name", "side", "options", "scale"),
        [
            ("a.jpg", 15_800, {"quality": 95}, 2),
            ("a.jpg", 15_800, {"progressive": True}, 4),
            ("a.jpg", 11_800, {"progressive": True, "subsampling": 0}, 8),
            ("a.png", 10_000, {"compress_level": 1}, 2),
            ("a.tif", 10_000, {"compression": "tiff_lzw", "tiffinfo": {278: 10_000}}, 2),  # in one strip
            ("a.webp", 7070, {"method": 0, "quality": 30}, 1),
            ("a.avif", 8000, {"speed": 10}, 1),
            ("a.heic", 8000, {"quality": 20, "enc_params": {"preset": "ultrafast"}}, 1),
            ("a.jp2", 4800, {"quality_mode": "rates", "quality_layers": [5]}, 1),
        ],
    )
    def test_the_largest_of_each_format_is_read(
        self, tmp_path: Path, name: str, side: int, options: dict[str, object], scale: int
    ) -> None:
        pillow_heif.register_heif_opener()
        few = np.random.default_rng(1).integers(0, 255, (250, 250, 3), np.uint8)
        noise = Pillow.fromarray(few).resize((1000, 1000))
        Pillow.fromarray(np.tile(np.asarray(noise), (16, 16, 1))[:side, :side]).save(tmp_path / name, **options)
        told = read_in_child(tmp_path / name)
        assert told.startswith(f"({side}, {side}) at 1/{scale}: ")

    @pytest.mark.parametrize("suffix", sorted(PICTURE_SUFFIXES | {".gif", ".mp4", ".avi", ".mkv", ".ts", ""}))
    def test_a_file_of_twenty_gigabytes_of_nothing_is_told_at_once(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"a{suffix}"
        with path.open("wb") as file:
            file.truncate(20_000_000_000)
        began = time.process_time()
        with pytest.raises(UserError, match="not "):
            open_source(str(path))
        with pytest.raises(UserError, match="20000 MB, but a picture may have at most 320 MB"):
            read_picture(path)
        assert time.process_time() - began < 5

    def test_such_a_file_in_a_result_folder_is_told_and_not_read(self, tmp_path: Path) -> None:
        (tmp_path / "ann").mkdir()
        with (tmp_path / "ann" / "a.png").open("wb") as file:
            file.truncate(20_000_000_000)
        began = time.process_time()
        with Store(tmp_path, writing=True) as store:
            store.look(pytest.fail)
            assert any("20000 MB" in one for one in store.problems())
        assert time.process_time() - began < 5


class TestReduced:
    """A picture of more than `_WHOLE` pixels, here of less than there are in the photograph."""

    @pytest.fixture
    def whole(self, photographs: dict[str, Path]) -> Decoded:
        return decode(photographs[OBAMA])

    @pytest.fixture
    def reduced(self, photographs: dict[str, Path], whole: Decoded, monkeypatch: pytest.MonkeyPatch) -> Decoded:
        monkeypatch.setattr(picture, "_WHOLE", whole.size[0] * whole.size[1] // 2)
        return decode(photographs[OBAMA])

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_it_is_the_same_picture_upright(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portraits: dict[str, Image], kind: str, orientation: int
    ) -> None:
        exif = Pillow.Exif()
        exif[0x0112] = orientation
        rgb = portraits[OBAMA][:360, :280, ::-1]
        Pillow.fromarray(rgb).save(tmp_path / "a", kind, exif=exif)
        before = decode(tmp_path / "a")
        monkeypatch.setattr(picture, "_WHOLE", before.image.size // 3 // 9)
        after = decode(tmp_path / "a")
        assert (before.scale, after.scale) == (1, 4)
        height, width = before.image.shape[:2]
        assert before.size == after.size == (width, height)
        small = Pillow.fromarray(before.image).reduce(4)
        assert np.abs(np.asarray(small).astype(int) - after.image).mean() < 3

    @pytest.mark.parametrize("name", ["a.jpg", "a.png"])
    @pytest.mark.parametrize(("width", "height"), [(41, 203), (1, 999), (999, 1), (7, 3000)])
    def test_odd_sizes_are_rounded_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, width: int, height: int
    ) -> None:
        Pillow.new("RGB", (width, height), (200, 100, 50)).save(tmp_path / name, quality=95)
        monkeypatch.setattr(picture, "_WHOLE", 100)
        found = decode(tmp_path / name)
        assert found.size == (width, height)
        assert found.image.shape == (-(-height // found.scale), -(-width // found.scale), 3)
        assert np.abs(found.image.astype(int) - (50, 100, 200)).max() < 4

    def test_boxes_in_the_table_are_of_the_whole_picture(
        self, tmp_path: Path, photographs: dict[str, Path], engine: Engine, whole: Decoded, reduced: Decoded
    ) -> None:
        assert reduced.scale == 2
        (face,) = engine.encode(whole.image, engine.detect(whole.image))
        with open_source(str(photographs[OBAMA])) as source, Store(tmp_path, writing=True) as store:
            (frame,) = source.frames(Sampling(), source.start, threading.Event())
            assert frame.image.shape == reduced.image.shape
            (small,) = engine.encode(frame.image, engine.detect(frame.image))
            (kept,) = store.keep(frame, small, Match(), 0).sightings
            assert kept.box
            assert kept.box.overlap(face.box) > 0.8
            assert store.same(frame, [small.box])[0] is not None
            assert store.same(replace(frame, image=whole.image, scale=1), [face.box])[0] is not None
            beside = Box(0, 100, 100, 0)
            store.discard(frame, Detection(beside, 0.9, None, 0.1))
            rejected = [row for row in store._inside.rows.all() if row.box != kept.box]
            assert [row.box for row in rejected] == [beside.scaled(2)]

    def test_boxes_of_photos_are_of_the_whole_photo(
        self, photographs: dict[str, Path], photo_finder: FaceFinder, whole: Decoded, reduced: Decoded
    ) -> None:
        (face,), _ = photo_finder.find_in(whole.image)
        size, (found,), _ = photo_finder.find(photographs[OBAMA])
        assert size == whole.size
        assert found.box.overlap(face.box) > 0.8

    def test_boxes_of_photos_that_a_user_drops_in_are_of_the_whole_photo(
        self, photographs: dict[str, Path], engine: Engine, whole: Decoded, reduced: Decoded
    ) -> None:
        face, _ = engine.photo(whole.image, own_cut=False)
        found, _ = photo_reader_of(lambda: engine)(photographs[OBAMA], False)
        assert found.box.overlap(face.box) > 0.8


class TestFormats:
    def is_like(self, path: Path, image: Image) -> None:
        found = decode(path)
        assert found.image.shape == image.shape
        assert found.size == (image.shape[1], image.shape[0])
        assert np.abs(found.image.astype(int) - image).mean() < 4
        assert path.suffix in PICTURE_SUFFIXES
        with open_source(str(path)) as source:
            (frame,) = source.frames(Sampling(), source.start, threading.Event())
        assert np.array_equal(frame.image, found.image)

    @pytest.mark.parametrize("suffix", [".heic", ".heif", ".hif"])
    def test_heic_is_read(self, tmp_path: Path, portraits: dict[str, Image], suffix: str) -> None:
        path = tmp_path / f"a{suffix}"
        pillow_heif.from_pillow(Pillow.fromarray(portraits[OBAMA][:, :, ::-1])).save(path, quality=90)
        self.is_like(path, portraits[OBAMA])

    def test_heic_of_10_bits_is_read(self, tmp_path: Path, portraits: dict[str, Image]) -> None:
        deep = np.ascontiguousarray(portraits[OBAMA][:, :, ::-1]).astype(np.uint16) << 8
        size = (deep.shape[1], deep.shape[0])
        pillow_heif.from_bytes("RGB;16", size, deep.tobytes()).save(tmp_path / "a.heic", quality=90)
        assert pillow_heif.open_heif(tmp_path / "a.heic").info["bit_depth"] == 10
        self.is_like(tmp_path / "a.heic", portraits[OBAMA])

    def test_heic_tells_when_it_was_taken_and_is_upright(self, tmp_path: Path, portraits: dict[str, Image]) -> None:
        exif = Pillow.Exif()
        exif[0x0112] = 6
        exif.get_ifd(0x8769).update({0x9003: "2019:03:04 05:06:07", 0x9011: "+09:00"})
        lying = np.rot90(portraits[OBAMA])[:, :, ::-1]
        pillow_heif.from_pillow(Pillow.fromarray(np.ascontiguousarray(lying))).save(
            tmp_path / "a.heic", quality=90, exif=exif.tobytes()
        )
        self.is_like(tmp_path / "a.heic", portraits[OBAMA])
        with open_source(str(tmp_path / "a.heic")) as source:
            assert source.start == datetime(2019, 3, 3, 20, 6, 7, tzinfo=timezone.utc)

    @needs_jxl
    def test_jpeg_xl_is_read(self, tmp_path: Path, portraits: dict[str, Image]) -> None:
        import pylibjxl

        content = pylibjxl.encode(np.ascontiguousarray(portraits[OBAMA][:, :, ::-1]), effort=1)
        (tmp_path / "a.jxl").write_bytes(content)
        self.is_like(tmp_path / "a.jxl", portraits[OBAMA])

    @needs_jxl
    def test_jpeg_xl_is_turned_once_and_tells_when_it_was_taken(
        self, tmp_path: Path, portraits: dict[str, Image]
    ) -> None:
        import pylibjxl

        exif = Pillow.Exif()
        exif[0x0112] = 6
        exif.get_ifd(0x8769).update({0x9003: "2019:03:04 05:06:07", 0x9011: "+09:00"})
        lying = Pillow.fromarray(np.ascontiguousarray(np.rot90(portraits[OBAMA])[:, :, ::-1]))
        (tmp_path / "a.jxl").write_bytes(pylibjxl.jpeg_to_jxl(jpeg(lying, exif=exif, quality=90)))
        self.is_like(tmp_path / "a.jxl", portraits[OBAMA])
        with open_source(str(tmp_path / "a.jxl")) as source:
            assert source.start == datetime(2019, 3, 3, 20, 6, 7, tzinfo=timezone.utc)

    @pytest.mark.parametrize("suffix", [".dng", ".nef"])
    def test_a_raw_file_gives_its_preview_upright_with_its_date(
        self, tmp_path: Path, portraits: dict[str, Image], suffix: str
    ) -> None:
        lying = Pillow.fromarray(np.ascontiguousarray(np.rot90(portraits[OBAMA])[:, :, ::-1]))
        path = tmp_path / f"a{suffix}"
        path.write_bytes(dng(jpeg(lying, quality=90), *lying.size, orientation=6, date=b"2019:03:04 05:06:07\0"))
        self.is_like(path, portraits[OBAMA])
        with open_source(str(path)) as source:
            assert source.start == datetime(2019, 3, 4, 5, 6, 7).astimezone()

    @pytest.mark.parametrize("suffix", sorted(RAW_SUFFIXES))
    def test_a_raw_file_without_a_preview_is_told(self, tmp_path: Path, suffix: str) -> None:
        (tmp_path / f"a{suffix}").write_bytes(b"II*\0" + bytes(5000))
        with pytest.raises(UserError, match="is a raw file without a preview that can be read; save the photo as JPEG"):
            open_source(str(tmp_path / f"a{suffix}"))

    def test_a_lab_picture_has_its_colours(self, tmp_path: Path, portraits: dict[str, Image]) -> None:
        rgb = Pillow.fromarray(np.ascontiguousarray(portraits[OBAMA][:, :, ::-1]))
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        lab = ImageCms.applyTransform(rgb, ImageCms.buildTransform(*profiles, "RGB", "LAB"))
        assert lab
        lab.save(tmp_path / "a.tif")
        self.is_like(tmp_path / "a.tif", portraits[OBAMA])

    def test_a_float_picture_with_what_is_no_number_is_read(self, tmp_path: Path, portraits: dict[str, Image]) -> None:
        grey = portraits[OBAMA][:, :, 1].astype(np.float32) / 255
        grey[0, 0], grey[0, 1], grey[-1, -1] = np.nan, np.inf, -np.inf
        Pillow.fromarray(grey).save(tmp_path / "a.tif")
        self.is_like(tmp_path / "a.tif", np.repeat(portraits[OBAMA][:, :, 1:2], 3, axis=2))

    @pytest.mark.parametrize(
        "file",
        ["IMG_0001", "PXL_MP.jpg", "cmyk.jpg", pytest.param("man.jxl", marks=needs_jxl), "stereo.mpo", "still.avif"],
    )
    def test_a_face_is_found_in_formats_that_were_reported(self, data: Path, engine: Engine, file: str) -> None:
        assert len(engine.detect(read_picture(data / "reports" / "formats" / file))) == 1


def dng(preview: bytes, width: int, height: int, *, orientation: int, date: bytes) -> bytes:
    """A raw file of 64 x 48 pixels with a JPEG as its preview."""
    raw = np.arange(64 * 48, dtype="<u2").tobytes()
    exif_at, raw_ifd_at, raw_at = 5000, 6000, 7000
    preview_at = raw_at + len(raw)

    def shorts(*values: int) -> tuple[int, bytes]:
        return 3, struct.pack(f"<{len(values)}H", *values)

    def longs(*values: int) -> tuple[int, bytes]:
        return 4, struct.pack(f"<{len(values)}I", *values)

    first = {
        254: longs(1),
        256: longs(width),
        257: longs(height),
        258: shorts(8, 8, 8),
        259: shorts(7),
        262: shorts(6),
        271: (2, b"Maker\0"),
        272: (2, b"Camera\0"),
        273: longs(preview_at),
        274: shorts(orientation),
        277: shorts(3),
        278: longs(height),
        279: longs(len(preview)),
        306: (2, date),
        330: longs(raw_ifd_at),
        34665: longs(exif_at),
        50706: (1, bytes([1, 4, 0, 0])),
        50708: (2, b"Maker Camera\0"),
        50721: (10, struct.pack("<18i", *[1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1])),
        50778: shorts(21),
    }
    sensor = {
        254: longs(0),
        256: longs(64),
        257: longs(48),
        258: shorts(16),
        259: shorts(1),
        262: shorts(32803),
        273: longs(raw_at),
        277: shorts(1),
        278: longs(48),
        279: longs(len(raw)),
        33421: shorts(2, 2),
        33422: (1, bytes([0, 1, 1, 2])),
        50717: longs(4000),
    }
    content = b"II*\0" + struct.pack("<I", 8) + tiff_directory(first, 8)
    content = content.ljust(exif_at, b"\0") + tiff_directory({0x9003: (2, date)}, exif_at)
    content = content.ljust(raw_ifd_at, b"\0") + tiff_directory(sensor, raw_ifd_at)
    return content.ljust(raw_at, b"\0") + raw + preview


def tiff_directory(entries: dict[int, tuple[int, bytes]], at: int) -> bytes:
    """Of tags with a type and a value each, to lie at an offset of the file."""
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 10: 8}
    content, behind = struct.pack("<H", len(entries)), b""
    for tag, (kind, value) in sorted(entries.items()):
        place = struct.pack("<I", at + 6 + 12 * len(entries) + len(behind))
        content += struct.pack("<HHI", tag, kind, len(value) // sizes[kind])
        content += value.ljust(4, b"\0") if len(value) <= 4 else place
        behind += value if len(value) > 4 else b""
    return content + bytes(4) + behind


def saved(tmp_path: Path, picture: Pillow.Image, name: str, **options: Any) -> Path:
    picture.save(tmp_path / name, **options)
    return tmp_path / name


class TestPicture(SourceTests):
    @pytest.fixture
    def open_it(self, tmp_path: Path) -> OpenSource:
        path = saved(tmp_path, Pillow.new("RGB", (8, 6)), "a.png")
        return lambda: open_source(str(path))

    def test_it_is_one_frame_whatever_the_sampling(self, tmp_path: Path) -> None:
        path = saved(tmp_path, Pillow.new("RGB", (8, 6), (200, 100, 50)), "a.png")
        (frame,) = run(path, Sampling(every=5, skip=60, stop=1))
        assert (frame.index, frame.position, frame.time, frame.source) == (0, 0.0, START, str(path))
        assert frame.tolerance > 0
        assert frame.image.shape == (6, 8, 3)
        assert frame.image[3, 3].tolist() == [50, 100, 200]
        assert re.fullmatch(r"\d+-[0-9a-f]{64}", frame.fingerprint or "")

    def test_it_is_turned_upright(self, tmp_path: Path) -> None:
        picture = Pillow.fromarray(numbered(1))
        exif = Pillow.Exif()
        exif[0x0112] = 6  # a quarter turn clockwise
        image = read_picture(saved(tmp_path, picture, "a.jpg", exif=exif, quality=95))
        assert image.shape == (16 * BITS, 32, 3)
        assert image.flags.c_contiguous
        assert image[:12].mean() > 200 > 50 > image[20:].mean()

    @pytest.mark.parametrize(
        ("mode", "colour", "name", "bgr"),
        [
            ("CMYK", (0, 255, 255, 0), "a.tif", (0, 0, 255)),
            ("L", 77, "a.png", (77, 77, 77)),
            ("1", 1, "a.png", (255, 255, 255)),
            ("RGBA", (10, 20, 30, 0), "a.png", (255, 255, 255)),
            ("RGBA", (10, 20, 30, 255), "a.webp", (30, 20, 10)),
            ("LA", (0, 0), "a.png", (255, 255, 255)),
            ("I;16", 65535, "a.png", (255, 255, 255)),
            ("I;16", 32896, "a.png", (128, 128, 128)),
            ("I;16", 257, "a.tif", (1, 1, 1)),
            ("F", 0.5, "a.tif", (128, 128, 128)),
        ],
    )
    def test_every_mode_becomes_8_bit_bgr(
        self, tmp_path: Path, mode: str, colour: Any, name: str, bgr: tuple[int, ...]
    ) -> None:
        options = {"lossless": True} if name.endswith("webp") else {}
        image = read_picture(saved(tmp_path, Pillow.new(mode, (5, 4), colour), name, **options))
        assert (image.shape, image.dtype) == ((4, 5, 3), np.uint8)
        assert image[2, 2].tolist() == list(bgr)

    def test_a_palette_keeps_its_colours_and_its_transparency_is_white(self, tmp_path: Path) -> None:
        picture = Pillow.new("P", (4, 4), 1)
        picture.putpalette([9, 9, 9, 10, 200, 30])
        picture.putpixel((0, 0), 0)
        image = read_picture(saved(tmp_path, picture, "a.png", transparency=0))
        assert image[0, 0].tolist() == [255, 255, 255]
        assert image[1, 1].tolist() == [30, 200, 10]

    @pytest.mark.parametrize(
        ("tags", "taken"),
        [
            ({0x9003: "2019:03:04 05:06:07", 0x9011: "+09:00"}, datetime(2019, 3, 3, 20, 6, 7, tzinfo=timezone.utc)),
            ({0x9003: "2019:03:04 05:06:07"}, datetime(2019, 3, 4, 5, 6, 7).astimezone()),
            ({0x9003: "0000:00:00 00:00:00"}, None),
            ({}, None),
        ],
    )
    def test_it_starts_when_it_was_taken_else_modified(
        self, tmp_path: Path, tags: dict[int, str], taken: datetime | None
    ) -> None:
        exif = Pillow.Exif()
        exif.get_ifd(0x8769).update(tags)
        path = saved(tmp_path, Pillow.new("RGB", (8, 8)), "a.jpg", exif=exif)
        os.utime(path, (1.6e9, 1.6e9))
        with open_source(str(path)) as source:
            assert source.start == (taken or datetime.fromtimestamp(1.6e9, timezone.utc))
            assert source.start.utcoffset() == timedelta(0)

    @pytest.mark.parametrize("name", ["photo.png", "photo.jpg", "photo.bin", "photo"])
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
    def test_a_torn_picture_is_told_and_never_taken_for_a_video(
        self, tmp_path: Path, kind: str, name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = io.BytesIO()
        noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
        Pillow.fromarray(noise).save(file, kind)
        (tmp_path / name).write_bytes(file.getvalue()[: file.tell() // 2])
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as after importing face_recognition
        with pytest.raises(UserError, match=r"photo\S* is not a (picture|video) that can be read; "):
            open_source(str(tmp_path / name))
        with pytest.raises(UserError, match=r"photo\S* is not a picture that can be read; "):
            read_picture(tmp_path / name)
        assert capfd.readouterr() == ("", "")

    def test_a_missing_picture_is_told_as_such(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="No such file"):
            read_picture(tmp_path / "a.png")

    @pytest.mark.parametrize("side", [10_001, 60_000])
    def test_a_huge_picture_is_refused_before_it_is_decoded(self, tmp_path: Path, side: int) -> None:
        def chunk(name: bytes, content: bytes) -> bytes:
            return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

        header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        data = chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + data)
        with pytest.raises(UserError, match=r"(at most|more than) (100|250) megapixels"):
            open_source(str(tmp_path / "a.png"))
