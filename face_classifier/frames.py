"""Pictures enter: what the user names becomes sources, each a stream of Frames."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from face_classifier.camera import Camera
from face_classifier.containers import head_of, is_moving, is_seekable, is_still
from face_classifier.errors import UserError
from face_classifier.faces import PICTURE_SUFFIXES
from face_classifier.picture import Picture, is_single_picture
from face_classifier.source import missing
from face_classifier.video import VIDEO_SUFFIXES, VideoFile

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
        raise missing(given)
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

    An animated GIF, PNG or WebP and raw Motion JPEG are videos; of other pictures the first counts. Raises UserError.
    """
    if _is_camera(path):
        return Camera(int(path))
    if not os.path.exists(path):
        raise missing(path)
    if os.path.isdir(path):
        raise UserError(f"{path} is a folder that cannot be opened; check that you may read it")
    if not os.path.isfile(path):
        raise UserError(f"{path} is no ordinary file; give a video, a picture, a folder or a camera's number")
    head = head_of(path)
    if is_moving(path, head):
        with suppress(UserError):  # OpenCV's ffmpeg reads animated WebP from 5.1 on; before, its first picture counts
            return VideoFile(path)
    if is_still(head):
        return Picture(path)
    # Pillow takes a tenth of a second to make ready, which a plain video need not wait for.
    return VideoFile(path) if is_seekable(head) or not is_single_picture(path) else Picture(path)


def _is_camera(given: str) -> bool:
    return given.isascii() and given.isdecimal()
