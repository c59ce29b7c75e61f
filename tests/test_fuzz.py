"""Damaged and hostile files: read, or told in a sentence, within bounds. Run as a program, it is the limited child."""

from __future__ import annotations

import io
import itertools
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from face_classifier.core.errors import UserError
from face_classifier.core.types import PICTURE_SUFFIXES
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import open_source
from face_classifier.sources.picture import decode

SECONDS = 10  # of a processor for a file
MEGABYTES = 1000  # that a process may grow by
_LARGEST = 600_000  # bytes of a seed
_FRAMES = 4  # of a video
_VALUES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 10_000, 65_500)


def mutated(seeds: list[bytes], number: int) -> tuple[int, bytes]:
    """Which of the seeds the file of this number comes from, and the file; the same number gives the same."""
    chance = random.Random(number)
    which = chance.randrange(len(seeds))
    content = bytearray(seeds[which])
    for _ in range(chance.choice((1, 1, 2, 4, 8, 32))):
        if not content:
            break
        # most of what a reader believes stands at the beginning
        at = chance.randrange(min(len(content), chance.choice((32, 200, 2000, len(content)))))
        match chance.randrange(8):
            case 0 | 1:
                content[at] ^= 1 << chance.randrange(8)
            case 2:
                content[at] = chance.randrange(256)
            case 3 | 4:
                size = chance.choice((2, 4))
                value = chance.choice(_VALUES) & (256**size - 1)
                content[at : at + size] = value.to_bytes(size, chance.choice(("big", "little")))
            case 5:
                del content[at : at + chance.choice((1, 4, 100, len(content)))]
            case 6:
                end = at + chance.choice((1, 8, 1000, 20_000))
                content[at:at] = content[at:end] * chance.choice((1, 3, 100))
            case 7:
                other = seeds[chance.randrange(len(seeds))]
                start = chance.randrange(len(other))
                content[at : at + 64] = other[start : start + 64]
    return which, bytes(content[: 4 * _LARGEST])


def read(path: Path) -> None:
    """As a run reads a source, and as the commands on photos read a picture."""
    told = ""
    try:
        with open_source(str(path)) as source:
            frames = source.frames(Sampling(every=0), source.start, threading.Event())
            for frame in itertools.islice(frames, _FRAMES):
                assert frame.image.size
    except UserError as error:
        told += str(error)
    if path.suffix in PICTURE_SUFFIXES:
        try:
            assert decode(path).image.size
        except UserError as error:
            told += str(error)
    assert "\n" not in told


def child(folder: Path, first: int, last: int) -> None:
    """Reads files of these numbers; says before each its number, after each how many kilobytes it has grown by."""
    paths = sorted(folder.iterdir())
    seeds = [path.read_bytes() for path in paths]
    for path in paths:  # so that all libraries are loaded
        read(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    for number in range(first, last):
        which, content = mutated(seeds, number)
        path = folder.parent / f"{first}{paths[which].suffix}"
        path.write_bytes(content)
        print("file", number, paths[which].name, flush=True)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # its signal ends the process
        read(path)
        signal.setitimer(signal.ITIMER_PROF, 0)
        print("done", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, flush=True)
        path.unlink()


def fuzz(folder: Path, first: int, last: int) -> list[str]:
    """What went wrong with the files of these numbers, made of the seeds in a folder."""
    wrong: list[str] = []
    while first < last:
        command = [
            sys.executable,
            "-X",
            "faulthandler",
            "-W",
            "ignore",
            __file__,
            folder,
            str(first),
            str(min(first + 500, last)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        lines = [line.split() for line in done.stdout.splitlines()]
        files = [line for line in lines if line[0] == "file"]
        assert files, f"ended with {done.returncode} before the first file: {done.stderr}"
        sizes = [int(line[1]) // 1000 for line in lines if line[0] == "done"]
        for number, (one, file) in enumerate(zip(sizes, files, strict=False)):
            if one > MEGABYTES and (number == 0 or sizes[number - 1] <= MEGABYTES):
                wrong.append(f"{' '.join(file)}: {one} MB")
        if done.returncode:
            died = signal.Signals(-done.returncode).name if done.returncode < 0 else done.stderr[-2000:]
            wrong.append(f"{' '.join(files[-1])}: {died}")
        first = int(files[-1][1]) + 1
    return wrong


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small files that can be read, one or more of each format."""
    folder = tmp_path_factory.mktemp("fuzz") / "seeds"
    folder.mkdir()
    make_seeds(folder)
    return folder


def make_seeds(folder: Path) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    smooth = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (60, 80, 3), np.uint8), (9, 9), 3)
    picture = Pillow.fromarray(np.ascontiguousarray(smooth))
    exif = Pillow.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x9003] = "2019:03:04 05:06:07"
    for name, mode, options in (
        ("a.jpg", "RGB", {"exif": exif}),
        ("b.jpg", "RGB", {"progressive": True, "subsampling": 0}),
        ("c.jpg", "CMYK", {}),
        ("a.png", "RGB", {"exif": exif}),
        ("b.png", "P", {}),
        ("c.png", "RGBA", {}),
        ("d.png", "I;16", {}),
        ("a.tif", "RGB", {"exif": exif}),
        ("b.tif", "RGB", {"compression": "tiff_lzw"}),
        ("c.tif", "RGB", {"compression": "jpeg"}),
        ("d.tif", "F", {}),
        ("e.tif", "1", {"compression": "group4"}),
        ("a.webp", "RGB", {"exif": exif}),
        ("b.webp", "RGBA", {"lossless": True}),
        ("a.avif", "RGB", {"speed": 10, "exif": exif}),
        ("a.heic", "RGB", {"exif": exif}),
        ("a.jp2", "RGB", {}),
        ("a.bmp", "RGB", {}),
        ("a.gif", "P", {}),
        ("a.ppm", "RGB", {}),
    ):
        (picture.convert("L").convert(mode) if mode == "I;16" else picture.convert(mode)).save(folder / name, **options)
    picture.convert("P").save(folder / "b.gif", save_all=True, append_images=[picture.rotate(90 * n) for n in (1, 2)])
    picture.save(folder / "a.mpo", save_all=True, append_images=[picture.rotate(90)])
    if sys.version_info >= (3, 11):
        import pylibjxl

        (folder / "a.jxl").write_bytes(pylibjxl.encode(smooth, effort=1, exif=exif.tobytes()))
    from sources.test_picture import dng

    file = io.BytesIO()
    picture.save(file, "JPEG")
    raw = dng(file.getvalue(), 80, 60, orientation=6, date=b"2019:03:04 05:06:07\0")
    for suffix in (".dng", ".nef"):
        (folder / f"a{suffix}").write_bytes(raw)
    for name, codec in (("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "mp4v"), ("b.avi", "FFV1"), ("a.mov", "mp4v")):
        writer = cv2.VideoWriter(str(folder / name), cv2.VideoWriter.fourcc(*codec), 25, (80, 60))
        for turn in range(6):
            writer.write(np.roll(smooth, 5 * turn, axis=1))
        writer.release()


def test_damaged_files_are_read_or_told(seeds: Path) -> None:
    assert fuzz(seeds, 0, 150) == []


@pytest.mark.proof
def test_ten_thousand_damaged_files_are_read_or_told(seeds: Path, data: Path) -> None:
    for number, path in enumerate(sorted([*(data / "badfiles").rglob("*"), *(data / "reports").rglob("*")])):
        if path.is_file() and 0 < path.stat().st_size < _LARGEST:
            shutil.copyfile(path, seeds / f"{number:03d}-{path.name}")
    assert fuzz(seeds, 1_000_000, 1_010_000) == []


if __name__ == "__main__":
    os.nice(5)
    child(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
