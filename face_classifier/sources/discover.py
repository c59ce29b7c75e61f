"""Pictures enter: what the user names becomes sources, each a stream of Frames."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from face_classifier.core.disk.markers import is_litter, kind_of
from face_classifier.core.errors import UserError
from face_classifier.core.types import PICTURE_SUFFIXES, Frame
from face_classifier.core.words import counted
from face_classifier.sources.base import Sampling, missing
from face_classifier.sources.chapters import WHOLE, Chapter
from face_classifier.sources.formats.kinds import head_of, is_moving, is_riff, is_seekable, is_still, shows_picture
from face_classifier.sources.formats.streams import shows_video
from face_classifier.sources.live.opening import check_address, is_address, is_device, open_camera
from face_classifier.sources.live.source import LiveSource
from face_classifier.sources.video import VIDEO_SUFFIXES, VideoFile

if TYPE_CHECKING:
    from face_classifier.sources.animation import Animation
    from face_classifier.sources.picture import Picture

Source: TypeAlias = "VideoFile | LiveSource | Picture | Animation"

_COMPANIONS = frozenset({".thm", ".lrv"})  # small copies that cameras write beside their videos
_NAMED, _KINDS = 3, 6  # so many names a kind, and kinds, are told


@dataclass
class Listing:
    """What one argument of the command line stands for."""

    argument: str
    paths: list[str] = field(default_factory=list)  # what `open_source` opens, in order
    odd_pictures: set[str] = field(default_factory=set)  # those of them that only their content shows to be pictures
    unknown: list[str] = field(default_factory=list)  # files of no known format, which are passed over
    ours: list[str] = field(default_factory=list)  # folders in it that the program wrote, which are passed over

    def but(self) -> str:
        """What is there instead of pictures and videos, for a sentence that says that there are none."""
        others = [f"files of no known format: {_by_kind(self.unknown)}"] if self.unknown else []
        others += [self._ours()] if self.ours else []
        return f", but {' and '.join(others)}" if others else ""

    def passed_over(self) -> Iterator[str]:
        """Sentences about what was passed over."""
        if self.unknown:
            files = counted(len(self.unknown), "file")
            yield f"passed over {files} of no known format in {self.argument}: {_by_kind(self.unknown)}"
        if self.ours:
            yield f"passed over {self._ours()} in {self.argument}, such as {self.ours[0]}"

    def is_of_photos(self) -> bool:
        """Whether it is a folder in which there is no video."""
        return self.paths != [self.argument] and all(
            Path(path).suffix.lower() in PICTURE_SUFFIXES or path in self.odd_pictures for path in self.paths
        )

    def _ours(self) -> str:
        return f"{counted(len(self.ours), 'folder')} that the program wrote"


def find_sources(argument: str, skip: Collection[Path]) -> Listing:
    """Turns one argument of the command line into what ``open_source`` opens, in order.

    Digits and addresses (``scheme://``) are always a camera, and a file is itself. A folder stands for every picture
    and video in it and below, sorted by path; its paths begin with the folder as given. They are known by file
    extension, or by content where there is none or an odd one. Left out are hidden entries, the folders in ``skip``,
    folders that the program wrote (`markers`) and symbolic links to folders. A folder that cannot be listed stands for
    itself, so that opening it tells the user why. Raises UserError if there is nothing to open.
    """
    if is_address(argument):
        check_address(argument)
    if is_camera(argument) or os.path.isfile(argument):
        return Listing(argument, [argument])
    if not os.path.isdir(argument):
        raise _of_no_kind(argument) if os.path.exists(argument) else missing(argument)
    listing = look_through(argument, skip)
    if not listing.paths:
        raise UserError(f"{argument} has no picture or video in it{listing.but()}; give another folder or a file")
    return listing


def look_through(folder: str, skip: Collection[Path]) -> Listing:
    """Lists a folder and all below it as `find_sources` does; the listing may be empty."""
    listing = Listing(folder)
    listing.paths = sorted(_walk(listing, {path.resolve() for path in skip}), key=lambda path: Path(path).parts)
    listing.unknown.sort(key=lambda path: Path(path).parts)
    return listing


def _walk(listing: Listing, skipped: Collection[Path]) -> Iterator[str]:
    locked: list[str] = []
    for here, folders, files in os.walk(listing.argument, onerror=lambda error: locked.append(error.filename)):
        place = Path(here).resolve()
        if any(place.is_relative_to(path) for path in skipped):
            folders.clear()
            continue
        if here != listing.argument and kind_of(here):
            listing.ours.append(here)
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [path for name in folders if os.path.islink(path := os.path.join(here, name))]
        listing.unknown += [path for path in links if Path(path).resolve() not in skipped]
        for name in files:
            path = os.path.join(here, name)
            if name.startswith(".") or is_litter(name):
                continue
            if _is_known(path, listing):
                yield path
            else:
                listing.unknown.append(path)
    yield from locked


def _is_known(path: str, listing: Listing) -> bool:
    suffix = Path(path).suffix.lower()
    if not os.path.isfile(path) or suffix in _COMPANIONS:
        return False
    if suffix in PICTURE_SUFFIXES | VIDEO_SUFFIXES:
        return True
    try:
        head = head_of(path)
    except UserError:
        return False
    if shows_picture(head):
        listing.odd_pictures.add(path)
        return True
    return shows_video(path, head)


def _by_kind(paths: Iterable[str]) -> str:
    """The files of each kind, the most first: how many, and the first names."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        kinds[_kind(path)].append(os.path.basename(path))
    phrases = []
    most_first = sorted(kinds.items(), key=lambda kind: -len(kind[1]))
    for kind, names in most_first[:_KINDS]:
        more = ", …" if len(names) > _NAMED else ""
        phrases.append(f"{len(names)} {kind} ({', '.join(names[:_NAMED])}{more})")
    others = sum(len(names) for _, names in most_first[_KINDS:])
    return ", ".join([*phrases, *([f"{others} of other kinds"] if others else [])])


def _kind(path: str) -> str:
    if os.path.islink(path) and not os.path.exists(path):
        return "leading nowhere"
    if os.path.isdir(path):
        return "leading to folders"
    if not os.path.isfile(path):
        return "of no ordinary kind"
    return Path(path).suffix.lower() or "without extension"


def open_source(path: str) -> Source:
    """Open a camera (digits, an address) or a file; its content, not its name, tells if it is a picture or a video.

    An animated GIF, PNG or WebP and raw Motion JPEG are videos; of other pictures the first counts. Raises UserError.
    """
    if is_camera(path):
        return open_camera(path)
    if not os.path.exists(path):
        raise missing(path)
    if os.path.isdir(path):
        raise UserError(f"{path} is a folder that cannot be opened; check that you may read it")
    if not os.path.isfile(path):
        raise _of_no_kind(path)
    head = head_of(path)
    if not head:
        raise UserError(f"{path} is empty; copy it again from where it came from")
    if is_moving(path, head):
        with suppress(UserError):  # of a damaged one the first picture may count
            return _animation(path) if is_riff(head) else VideoFile(path)
    if is_seekable(head) and not is_still(head):
        return VideoFile(path)
    # Pillow takes a tenth of a second to make ready, which a plain video need not wait for.
    from face_classifier.sources.picture import Picture, is_single_picture

    return Picture(path) if is_still(head) or is_single_picture(path) else VideoFile(path)


def _animation(path: str) -> Animation:
    from face_classifier.sources.animation import Animation  # Pillow, as above

    return Animation(path)


def chapters_of(source: Source, seconds: float) -> Sequence[Chapter]:
    """The parts of a source that are analysed each by itself; most have one.

    Of a long file this takes a look at each frame, some microseconds, and reads all of it. ``seconds``: of a chapter; 0
    = never. Raises UserError if it cannot be read.
    """
    return source.chapters(seconds) if isinstance(source, VideoFile) else [WHOLE]


def chapter_frames(
    source: Source,
    chapter: Chapter,
    sampling: Sampling,
    start: datetime,
    stopping: threading.Event,
    *,
    between: bool = False,
) -> Iterator[Frame]:
    """The frames of a part of a source; parameters as of its ``frames``, of which `VideoFile` tells the most."""
    if isinstance(source, VideoFile):
        return source.frames(sampling, start, stopping, between, chapter)
    return source.frames(sampling, start, stopping, between)


def _of_no_kind(path: str) -> UserError:
    return UserError(f"{path} is not an ordinary file; give a video, a picture, a folder or a camera's number")


def is_camera(argument: str) -> bool:
    """Whether an argument is the number, the device or the address of a camera rather than a path."""
    return is_address(argument) or is_device(argument)
