"""Pictures enter: a video file, a camera or a photo becomes a stream of Frames, sampled by the source's own time."""

from __future__ import annotations

import ctypes
import hashlib
import math
import os
import struct
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, TypeAlias, TypeVar

# -8 is ffmpeg's AV_LOG_QUIET. OpenCV reads it when it opens its first video, so it works although cv2 may be loaded.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image as Pillow
from PIL import ImageFile, ImageOps

from face_classifier.errors import UserError
from face_classifier.faces import PICTURE_SUFFIXES, Frame, Image

if "OPENCV_LOG_LEVEL" not in os.environ:  # its own complaints would stand between the user and our sentence
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _silence_libtiff() -> None:
    """So does the libtiff that Pillow's wheels bring, with up to a hundred lines a file; any other is left alone."""
    package = Path(PIL.__file__).parent
    for path in (*package.parent.glob("pillow.libs/libtiff*"), *package.glob(".dylibs/libtiff*")):
        library = ctypes.CDLL(str(path))
        for handler in ("WarningHandler", "WarningHandlerExt", "ErrorHandler", "ErrorHandlerExt"):
            getattr(library, f"TIFFSet{handler}")(None)


_silence_libtiff()

VIDEO_SUFFIXES = frozenset(
    ".264 .265 .3g2 .3gp .asf .avi .divx .dv .f4v .flv .gif .h264 .h265 .hevc .m2ts .m2v .m4v .mkv .mov .mp4 .mpe "
    ".mpeg .mpg .mts .mxf .ogv .ts .vob .webm .wmv .y4m".split()
)

# Pillow's readers that decode by themselves and recognise their format by more than a guess.
_PICTURE_FORMATS = ("AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
_STILL_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
_STILL_BRANDS = (b"avif", b"heic", b"heix", b"heim", b"heis", b"mif1")  # ISO/IEC 23008-12: pictures in a video's box
# What an MP4 or QuickTime file begins with.
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_MATROSKA = b"\x1a\x45\xdf\xa3"

_LARGEST = 100_000_000  # pixels of a picture or frame; three bytes each, a few copies
_SAME_TIME = 0.0005  # seconds: containers round their times to a millisecond
_USUAL_FPS = 25.0
_LONGEST = 10 * 365 * 86400.0  # seconds: a position beyond ten years is noise
_SEEK_FROM = 10.0  # seconds: below, decoding costs little and keeps the frames' numbers
_SEEK_AHEAD = 2.0  # seconds before the wanted time: leaves room for landing late, and for the decoder to settle
_CAMERA_PATIENCE = 2.0  # seconds without a picture until a camera counts as gone
_CAMERA_RETRY = 0.05  # seconds
_LOOK_UP = 0.1  # seconds between two looks at ``stopping`` while a camera is silent

_AnyFile = TypeVar("_AnyFile", bound="_File")


@dataclass(frozen=True)
class Sampling:
    """Which frames are analysed. Every field in seconds of the source's own time.

    The first analysed frame is the first at or after ``skip``, then the first at or after ``skip + every``,
    ``skip + 2 * every`` ... Half a millisecond early counts as in time. Raises ValueError.
    """

    every: float = 1.0  # 0 = every frame
    skip: float = 0.0  # nothing before this position
    stop: float = 0.0  # nothing after this position; 0 = until the end

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is a number of seconds from 0 up, not {value}")

    def ends_before(self, position: float) -> bool:
        return self.stop > 0 and position > self.stop + _SAME_TIME


class _Grid:
    """Which positions of one run are due."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._next = sampling.skip

    def due(self, position: float) -> bool:
        return position >= self._next - _SAME_TIME

    def advance(self, position: float) -> None:
        """The frame at ``position`` was taken; it also stands for the grid times that it came too late for."""
        every, skip = self._sampling.every, self._sampling.skip
        if every > 0:
            self._next = skip + every * (math.floor((position + _SAME_TIME - skip) / every) + 1)


class _Clock:
    """Positions of successive frames, always rising, in seconds, from the times a container tells.

    A time that does not rise is not a time (raw streams say 0 for ever, some AVIs for the last frame): such a frame
    comes one frame's duration after the one before.
    """

    def __init__(self, step: float) -> None:
        self._step = step  # seconds a frame
        self._last = -step

    def position(self, told: float) -> float:
        usable = max(self._last, -_SAME_TIME) < told < _LONGEST  # False for NaN
        self._last = max(told, 0.0) if usable else self._last + self._step
        return self._last


class _File:
    """What video files and pictures have in common.

    ``name`` is the path as given; ``duration`` in seconds, None where the file does not tell.
    """

    live = False
    duration: float | None = None

    def __init__(self, path: str) -> None:
        self.name = path
        self._path = Path(path)

    @cached_property
    def fingerprint(self) -> str:
        """Who this content is, wherever it lies: ``<size in bytes>-<SHA-256 in hex>`` of the file. Reads it once."""
        digest = hashlib.sha256()
        size = 0
        try:
            with self._path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
                    size += len(block)
        except OSError as error:
            raise _unreadable(self.name, error) from error
        return f"{size}-{digest.hexdigest()}"

    def close(self) -> None:
        """Nothing to do: the file is open only while its frames are read."""

    def __enter__(self: _AnyFile) -> _AnyFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _modified(self) -> datetime:
        try:
            return datetime.fromtimestamp(self._path.stat().st_mtime, timezone.utc)
        except OSError as error:
            raise _unreadable(self.name, error) from error


class VideoFile(_File):
    """A video file, decoded by OpenCV's ffmpeg; an animated GIF is one too.

    Raises UserError when not one frame of it can be decoded. ``frames`` begins anew at every call.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        capture = self._open()
        try:
            width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
            _check_size(path, width, height)
            if not capture.grab() or _retrieve(capture) is None:
                raise _not_a_video(path)
            fps, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        finally:
            capture.release()
        self._step = _frame_duration(fps)
        if math.isfinite(count) and 0 < count * self._step < _LONGEST:
            self.duration = count * self._step

    @cached_property
    def start(self) -> datetime:
        """When the clip begins, UTC: the creation time in an MP4 or QuickTime file, else its modification time."""
        return _creation_time(self._path) or self._modified()

    def frames(
        self, sampling: Sampling, start: datetime, stopping: threading.Event, between: bool = False
    ) -> Iterator[Frame]:
        """Yield the sampled frames in order; ``Frame.time`` = ``start`` (aware, UTC) + position.

        A position is the presentation time in the container, so a variable frame rate is right; where the container
        tells none, index / fps (25 where that is missing too). ``Frame.index`` is None after a seek. A damaged file
        gives the frames that it has. ``stopping`` ends it within one frame; ``between`` is for cameras.
        """
        grid = _Grid(sampling)
        capture, index = self._open_near(sampling.skip)
        clock = _Clock(self._step)
        try:
            while not stopping.is_set() and capture.grab():
                position = clock.position(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
                if sampling.ends_before(position):
                    return
                if grid.due(position) and (image := _retrieve(capture)) is not None:
                    grid.advance(position)
                    when = start + timedelta(seconds=position)
                    yield Frame(image, self.name, self.fingerprint, index, position, self._step / 2, when)
                index = None if index is None else index + 1
        finally:
            capture.release()

    def _open(self) -> cv2.VideoCapture:
        try:
            # absolute, or ffmpeg takes "12:30.mp4" for an address of the protocol "12"
            capture = cv2.VideoCapture(os.path.abspath(self.name), cv2.CAP_FFMPEG)
        except (cv2.error, UnicodeEncodeError) as error:
            raise _not_a_video(self.name) from error
        if not capture.isOpened():
            raise _not_a_video(self.name)
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        return capture

    def _open_near(self, skip: float) -> tuple[cv2.VideoCapture, int | None]:
        """Return the video before or at ``skip`` seconds and the index of the next frame, None if not known.

        Only MP4, QuickTime and Matroska are sought. Of 135 seeks in 27 such clips (B-frames, open GOPs, intra refresh,
        variable rates, edit lists, fragments) every one landed on the picture of the time that it told, one of them
        late. In GIF, AVI, MPEG and transport streams OpenCV lands late, by a frame up to many seconds. The landing is
        checked none the less, and a late one is undone.
        """
        capture = self._open()
        if skip < _SEEK_FROM or not _is_seekable(_head(self.name)):
            return capture, 0
        if capture.set(cv2.CAP_PROP_POS_MSEC, (skip - _SEEK_AHEAD) * 1000) and capture.grab():
            landed = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if 0 < landed < skip - _SAME_TIME:
                return capture, None
        capture.release()
        return self._open(), 0


class Picture(_File):
    """A photograph, decoded when opened. Raises UserError."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._image = read_picture(self._path)

    @cached_property
    def start(self) -> datetime:
        """When the picture was taken, UTC: EXIF DateTimeOriginal (local time if it has no offset), else its
        modification time."""
        return _time_taken(self._path) or self._modified()

    def frames(
        self, sampling: Sampling, start: datetime, stopping: threading.Event, between: bool = False
    ) -> Iterator[Frame]:
        """Yield the picture: position 0, index 0, ``Frame.time`` = ``start``. ``sampling`` does not apply."""
        if not stopping.is_set():
            yield Frame(self._image, self.name, self.fingerprint, 0, 0.0, 0.5 / _USUAL_FPS, start)


class Device(Protocol):
    """What a Camera needs of ``cv2.VideoCapture``."""

    def isOpened(self) -> bool: ...  # noqa: N802
    def read(self) -> tuple[bool, Any]: ...
    def get(self, propId: int, /) -> float: ...  # noqa: N803
    def release(self) -> None: ...


@dataclass(frozen=True, eq=False)
class _Shot:
    image: Image
    index: int
    position: float  # monotonic seconds since the camera was opened
    time: datetime


class Camera:
    """A camera by its number. A thread of its own keeps the newest picture, so that slow analysis never sees old ones.

    ``dropped`` counts the pictures that were replaced before anybody took them. Use it in a ``with`` statement: the
    thread is no daemon and ends with ``close``. Raises UserError if there is no such camera.
    """

    live = True
    fingerprint = None  # a live source never repeats
    duration = None

    def __init__(self, number: int, open_device: Callable[[int], Device] = cv2.VideoCapture) -> None:
        self.name = f"camera {number}"
        self.dropped = 0
        self._device = self._open(number, open_device)
        self._tolerance = _frame_duration(self._device.get(cv2.CAP_PROP_FPS)) / 2
        self.start = datetime.now(timezone.utc)
        self._opened = time.monotonic()
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._newest: _Shot | None = None
        self._taken = -1  # index of the newest picture handed out
        self._error: BaseException | None = None
        self._reader: threading.Thread | None = None

    def frames(
        self, sampling: Sampling, start: datetime, stopping: threading.Event, between: bool = False
    ) -> Iterator[Frame]:
        """Yield sampled frames until ``stopping``; with ``between`` also the others, as ``due=False``.

        Positions are monotonic seconds since the camera was opened; ``Frame.time`` is the wall clock (UTC) at which
        the picture came, so ``start`` does not matter. Raises UserError when no picture comes for 2 seconds.
        """
        self._start_reading()
        grid = _Grid(sampling)
        while not stopping.is_set() and not sampling.ends_before(time.monotonic() - self._opened):
            shot = self._take()
            if shot is None:
                continue
            if sampling.ends_before(shot.position):
                return
            due = grid.due(shot.position)
            if due:
                grid.advance(shot.position)
            if due or between:
                yield Frame(shot.image, self.name, None, shot.index, shot.position, self._tolerance, shot.time, due)

    def close(self) -> None:
        """End the thread and free the camera; raises what ended the thread, unless ``frames`` has raised it."""
        self._closing.set()
        if self._reader is not None:
            self._reader.join()
        self._device.release()
        self._raise_error()

    def __enter__(self) -> Camera:
        self._start_reading()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            self.close()
        except BaseException:
            if error is None:
                raise

    def _open(self, number: int, open_device: Callable[[int], Device]) -> Device:
        missing = UserError(
            f"{self.name} cannot be opened; check that it is plugged in and no other program uses it, or give another "
            f"number (0 is the first), or ./{number} if you mean a file"
        )
        try:
            device = open_device(number)
        except (cv2.error, OverflowError) as error:
            raise missing from error
        if not device.isOpened():
            device.release()
            raise missing
        return device

    def _start_reading(self) -> None:
        if self._reader is None:
            self._reader = threading.Thread(target=self._read, name=self.name)
            self._reader.start()

    def _read(self) -> None:
        try:
            self._read_on()
        except BaseException as error:  # handed to whoever waits for a picture
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _read_on(self) -> None:
        index, alive = 0, time.monotonic()
        while not self._closing.is_set():
            good, image = self._device.read()
            now = time.monotonic()
            if good:
                self._keep(_Shot(image, index, now - self._opened, datetime.now(timezone.utc)))
                index, alive = index + 1, now
            elif now - alive < _CAMERA_PATIENCE:
                self._closing.wait(_CAMERA_RETRY)
            else:
                raise UserError(f"{self.name} sends no pictures any more; check its cable and start again")

    def _keep(self, shot: _Shot) -> None:
        with self._changed:
            if self._newest is not None and self._newest.index > self._taken:
                self.dropped += 1
            self._newest = shot
            self._changed.notify_all()

    def _take(self) -> _Shot | None:
        """Return a picture that nobody has had yet, or None if none comes within a moment."""

        def new() -> bool:
            return self._newest is not None and self._newest.index > self._taken

        with self._changed:
            self._changed.wait_for(lambda: new() or self._error is not None, _LOOK_UP)
            if not new():
                self._raise_error()
                return None
            assert self._newest is not None
            self._taken = self._newest.index
            return self._newest

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error


Source: TypeAlias = VideoFile | Camera | Picture


def find_sources(given: str, skip: Collection[Path]) -> list[str]:
    """Turn one argument of the command line into what ``open_source`` opens, in order.

    Digits are a camera, always. A file is itself. A folder stands for every picture and video in it and below, known
    by file extension, sorted; hidden entries, the folders in ``skip`` and symbolic links to folders are left out. Its
    paths begin with the folder as given. A folder that cannot be looked into stands for itself, so that opening it
    tells the user why. Raises UserError.
    """
    if _is_camera(given) or os.path.isfile(given):
        return [given]
    if not os.path.isdir(given):
        raise _missing(given)
    skipped = {path.resolve() for path in skip}
    found = sorted(_walk(given, skipped), key=lambda path: Path(path).parts)
    if not found:
        raise UserError(f"{given} has no picture or video in it; give another folder or a file")
    return found


def _walk(folder: str, skipped: Collection[Path]) -> Iterator[str]:
    locked: list[str] = []
    for here, folders, files in os.walk(folder, onerror=lambda error: locked.append(error.filename)):
        place = Path(here).resolve()
        if any(place.is_relative_to(path) for path in skipped):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = os.path.join(here, name)
            known = Path(name).suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES
            if known and not name.startswith(".") and os.path.isfile(path):
                yield path
    yield from locked


def open_source(path: str) -> Source:
    """Open a camera (digits) or a file; its content, not its name, tells whether it is a picture or a video.

    Of an animated GIF, which is a video, every frame counts; of other pictures the first. Raises UserError.
    """
    if _is_camera(path):
        return Camera(int(path))
    if not os.path.exists(path):
        raise _missing(path)
    if os.path.isdir(path):
        raise UserError(f"{path} is a folder that cannot be opened; check that you may read it")
    if not os.path.isfile(path):
        raise UserError(f"{path} is no ordinary file; give a video, a picture, a folder or a camera's number")
    head = _head(path)
    if _is_still(head):
        return Picture(path)
    # Pillow takes a tenth of a second to make ready, which a plain video need not wait for.
    return VideoFile(path) if _is_seekable(head) or not _is_single_picture(path) else Picture(path)


def read_picture(path: Path) -> Image:
    """Read a picture, upright by its EXIF orientation: (height, width, 3) uint8, BGR, contiguous.

    Transparent parts become white, 16 bits a channel are scaled to 8; of several pictures in a file the first counts.
    Colour profiles are not applied. Raises UserError, also above 100 megapixels.
    """
    try:
        with _opened(path) as picture:
            _check_size(str(path), *picture.size)
            rgb = np.asarray(_to_rgb(_upright(picture)))
    except UserError:
        raise
    except Pillow.DecompressionBombError as error:
        raise _too_large(str(path)) from error
    except Exception as error:  # hostile bytes make Pillow's readers raise nearly anything
        if isinstance(error, OSError) and error.errno:
            raise _unreadable(str(path), error) from error
        raise UserError(
            f"{path} is not a picture that can be read; if it opens elsewhere, save it as JPEG or PNG"
        ) from error
    return np.ascontiguousarray(rgb[:, :, ::-1])


@contextmanager
def _opened(path: Path | str) -> Iterator[Pillow.Image]:
    """A picture of which only the header has been read."""
    # importing face_recognition turns it on, and then the missing part of a torn picture is grey
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Pillow.init()
        with Pillow.open(path, formats=[name for name in _PICTURE_FORMATS if name in Pillow.OPEN]) as picture:
            yield picture


def _is_single_picture(path: str) -> bool:
    try:
        with _opened(path) as picture:
            return picture.format != "GIF" or not getattr(picture, "is_animated", False)
    except Pillow.DecompressionBombError:
        return True
    except Exception:  # as in read_picture
        return False


def _upright(picture: Pillow.Image) -> Pillow.Image:
    picture.load()
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # damaged EXIF is no reason to lose the picture
        return picture


def _to_rgb(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode.startswith(("I", "F")):
        return Pillow.fromarray(_to_8_bits(np.asarray(picture))).convert("RGB")
    if picture.has_transparency_data:
        # white: cut-out portraits are made for light pages, and dark hair keeps its outline
        picture = picture.convert("RGBA")
        page = Pillow.new("RGBA", picture.size, "white")
        return Pillow.alpha_composite(page, picture).convert("RGB")
    return picture.convert("RGB")


def _to_8_bits(grey: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Scale a grey picture of integers (taken as 16 bits, unless they are larger) or floats (0 to 1, or to 255)."""
    values = np.nan_to_num(grey.astype(np.float32), posinf=0.0, neginf=0.0)
    usual = (1.0, 255.0) if grey.dtype.kind == "f" else (65535.0,)
    highest = float(values.max(initial=0.0))
    top = next((value for value in usual if highest <= value), highest)
    scaled: npt.NDArray[np.uint8] = np.clip(values * (255.0 / top) + 0.5, 0, 255).astype(np.uint8)
    return scaled


def _time_taken(path: Path) -> datetime | None:
    """EXIF DateTimeOriginal (0x9003) with OffsetTimeOriginal (0x9011), both of the Exif directory (0x8769)."""
    try:
        with _opened(path) as picture:
            exif = picture.getexif().get_ifd(0x8769)
        text, offset = str(exif[0x9003]).strip("\0 "), str(exif.get(0x9011, "")).strip("\0 ")
        taken = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
        zone = datetime.strptime(offset, "%z").tzinfo if offset else None
        return _plausible((taken.replace(tzinfo=zone) if zone else taken.astimezone()).astimezone(timezone.utc))
    except Exception:  # absent or damaged: both mean that it is not known
        return None


def _creation_time(path: Path) -> datetime | None:
    """Creation time in the ``mvhd`` box of an MP4 or QuickTime file: seconds since 1904, UTC (ISO/IEC 14496-12, 8.2.2).

    None if there is none, or a time before 1970: it is 0 where the writer had no clock.
    """
    try:
        with path.open("rb") as file:
            if file.read(8)[4:] not in _MP4_BOXES:
                return None
            whole = (0, file.seek(0, os.SEEK_END))
            moov = _find_box(file, b"moov", *whole)
            mvhd = _find_box(file, b"mvhd", *moov) if moov else None
            if mvhd is None:
                return None
            file.seek(mvhd[0])
            body = file.read(min(12, mvhd[1] - mvhd[0]))
        (seconds,) = struct.unpack_from(">Q" if body[0] == 1 else ">I", body, 4)
        return _plausible(datetime(1904, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds))
    except (OSError, IndexError, OverflowError, struct.error):
        return None


def _find_box(file: BinaryIO, kind: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Return where the content of the first box of this kind between two offsets begins and ends."""
    for _ in range(10_000):  # bounds the time that a file of tiny boxes can take
        file.seek(start)
        header = file.read(16)
        if start >= end or len(header) < 8:
            return None
        size, name = struct.unpack_from(">I4s", header)
        begin = start + 8
        if size == 1:  # a 64-bit size follows
            (size,) = struct.unpack_from(">Q", header, 8)
            begin = start + 16
        elif size == 0:  # to the end
            size = end - start
        if start + size < begin:
            return None
        if name == kind:
            return begin, min(start + size, end)
        start += size
    return None


def _plausible(when: datetime) -> datetime | None:
    return when if 1970 <= when.year < 2100 else None


def _retrieve(capture: cv2.VideoCapture) -> Image | None:
    """Decode the grabbed frame; None if it cannot be."""
    try:
        good, image = capture.retrieve()
    except cv2.error:
        return None
    if not good or image is None:
        return None
    return np.ascontiguousarray(image, np.uint8)


def _frame_duration(fps: float) -> float:
    """Seconds; of 25 frames a second where the source tells nothing that can be true."""
    return 1 / (fps if 0 < fps <= 1000 else _USUAL_FPS)


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(16)
    except OSError as error:
        raise _unreadable(path, error) from error


def _is_still(head: bytes) -> bool:
    """Begins like a picture. ffmpeg would take a damaged one for a video, or a tile of a HEIC for all of it."""
    return head.startswith(_STILL_STARTS) or (head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS)


def _is_seekable(head: bytes) -> bool:
    return head[4:8] in _MP4_BOXES or head.startswith(_MATROSKA)


def _is_camera(given: str) -> bool:
    return given.isascii() and given.isdecimal()


def _check_size(path: str, width: float, height: float) -> None:
    if width * height > _LARGEST:
        raise _too_large(path)


def _too_large(path: str) -> UserError:
    return UserError(f"{path} has more than {_LARGEST // 1_000_000} megapixels; make it smaller first")


def _missing(path: str) -> UserError:
    return UserError(f"{path!r} does not exist; give a video, a picture, a folder or a camera's number")


def _unreadable(path: str, error: OSError) -> UserError:
    return UserError(f"{path} cannot be read ({error.strerror}); check that it is there and that you may read it")


def _not_a_video(path: str) -> UserError:
    return UserError(
        f"{path} is not a video that can be read; give a video or picture, or convert it to MP4 if it plays elsewhere"
    )
