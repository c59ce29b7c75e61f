"""Which pictures and videos an argument of the command line stands for."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path

from face_classifier.core.errors import UserError
from face_classifier.core.types import PICTURE_SUFFIXES
from face_classifier.sources.discover import Listing, look_through
from face_classifier.sources.video import VIDEO_SUFFIXES

_PICTURES = PICTURE_SUFFIXES | {".gif"}


def find_pictures(path: str, tell: Callable[[str], object] = lambda _: None, skip: Collection[Path] = ()) -> list[Path]:
    """The pictures that one argument of the command line stands for: itself, or those in a folder and below, sorted.

    Raises UserError where there is none.

    Parameters
    ----------
    path: a file, or a folder, which is looked through with all below.
    tell: is told sentences about what was passed over.
    skip: folders that are left out without a word.
    """
    if not os.path.lexists(path):
        raise UserError(f"{path} does not exist; give a photo or a folder of photos")
    if not os.path.isdir(path):
        if Path(path).suffix.lower() in VIDEO_SUFFIXES - _PICTURES:
            raise UserError(f"{path} is a video; give photos")
        return [Path(path)]
    sources = look_through(path, skip)
    for sentence in sources.passed_over():
        tell(sentence)
    # A folder among them cannot be looked into, which reading it tells.
    pictures = [Path(source) for source in sources.paths if not _is_video(source, sources)]
    if not pictures:
        only = f", only {len(sources.paths)} videos" if sources.paths else sources.but()
        raise UserError(f"{path} has no picture in it{only}; give a folder of photos")
    return pictures


def _is_video(path: str, sources: Listing) -> bool:
    known = Path(path).suffix.lower() in _PICTURES or path in sources.odd_pictures
    return not known and not os.path.isdir(path)


def find_videos(folder: str, skip: Collection[Path] = ()) -> list[Path]:
    """Those in a folder and below, sorted."""
    sources = look_through(folder, skip)
    return [Path(path) for path in sources.paths if _is_video(path, sources)]
