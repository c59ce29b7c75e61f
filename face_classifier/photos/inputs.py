"""What an album is made of: the photos that folders, files, addresses and lists of {id, url} stand for."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes, urlsplit

from face_classifier.core.disk.markers import refuse_source
from face_classifier.core.errors import UserError
from face_classifier.core.names import is_path
from face_classifier.core.network.dial import shown_address
from face_classifier.core.progress import Observer
from face_classifier.core.supervise import supervised
from face_classifier.core.types import PICTURE_SUFFIXES
from face_classifier.core.words import counted
from face_classifier.photos.download import fetch
from face_classifier.photos.find import find_pictures, find_videos

_AT_ONCE = 8  # addresses
_MOST_BYTES = 100_000_000  # of a list
_DEEPEST = 50  # levels
_LONGEST = 200  # characters of the user's, in a sentence


@dataclass(eq=False)
class Item:
    """A photo of an album."""

    record: dict[str, Any]  # id, url and whatever else, as the user gave it
    path: Path | None = None  # None: at an address and not fetched (yet), or nowhere
    address: str | None = None  # None: a file
    named: bool = True  # by the user, and not found in a folder
    problem: str | None = None  # why it cannot be read
    content: str | None = None  # SHA-256, hexadecimal; None: not read


class PhotoKeeper(Protocol):
    """Where photos from addresses are kept."""

    def kept(self, address: str) -> Path | None:
        """The photo that was fetched from an address, if it is still there."""

    def keep(self, address: str, name: str, content: bytes) -> Path:
        """Store a fetched photo under a name that no other content has. Raises OSError."""


@dataclass(frozen=True)
class TemporaryKeeper:
    """Keeps photos in a folder for the time of one run."""

    path: Path

    def kept(self, _address: str) -> None:
        """Nothing was there before."""

    def keep(self, _address: str, name: str, content: bytes) -> Path:
        (self.path / name).write_bytes(content)
        return self.path / name


def items_of(
    photos: Iterable[Any], out: Path | None, aside: Sequence[Path], observer: Observer
) -> tuple[list[Item], bool]:
    """The photos that are meant, and whether a folder or list was named that holds none, which the observer is told.

    What is found in a folder and was also named, or found before, is not meant twice.

    Parameters
    ----------
    photos: paths, addresses, and mappings with a ``url``; what is none of these becomes an item with a problem.
    out: the folder that they are sorted into.
    aside: folders to be passed over in folders.
    observer: is told how many videos are in the folders.
    """
    items: list[Item] = []
    problems: dict[str, None] = {}
    videos: set[Path] = set()
    for photo in photos:
        try:
            with supervised(_short(photo)):
                items += _items_of(photo, out, aside, videos, observer)
        except UserError as error:
            problems[str(error)] = None
    for sentence in problems:
        observer.problem(sentence)
    if videos:
        left_out = counted(len(videos), "video is left out; sort it", "videos are left out; sort those")
        observer.problem(f"{left_out} with `face-classifier SOURCE`")
    return _once(items), bool(problems)


def _items_of(photo: Any, out: Path | None, aside: Sequence[Path], videos: set[Path], observer: Observer) -> list[Item]:
    if isinstance(photo, (str, bytes, os.PathLike)):
        return _of_path(os.fsdecode(photo), out, aside, videos, observer)
    return [_of_record(photo, Path(), out)]


def _once(items: Sequence[Item]) -> list[Item]:
    met = {_place(item.path) for item in items if item.named and item.path is not None}
    kept = []
    for item in items:
        if item.named or item.path is None or _place(item.path) not in met:
            kept.append(item)
        if item.path is not None:
            met.add(_place(item.path))
    return kept


def _place(path: Path) -> Path:
    """The same for all ways to write a path; a link is not the file that it leads to."""
    return Path(os.path.realpath(path.parent)) / path.name


def _of_path(path: str, out: Path | None, aside: Sequence[Path], videos: set[Path], observer: Observer) -> list[Item]:
    """``videos``: those of folders are added to it."""
    if os.path.isdir(path):
        refuse_source(path)
        pictures = find_pictures(path, observer.at_end, aside)
        videos |= {_place(video) for video in find_videos(path, aside)}
        return [Item({"id": str(picture), "url": str(picture)}, picture, named=False) for picture in pictures]
    if path.lower().endswith(".json") and os.path.isfile(path):
        return [_of_record(record, Path(path).parent, out) for record in _listed(path)]
    return [_of_record(path, Path(), out)]


def _listed(file: str) -> list[Any]:
    try:
        with open(file, "rb") as listed:
            content = listed.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise UserError(f"{file} is larger than {_MOST_BYTES // 1_000_000} MB; give a list of {{id, url}}")
        records = json.loads(content.decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file} cannot be read as JSON ({error}); give a list of {{id, url}}") from error
    if _nests_deeper(records, _DEEPEST):
        raise UserError(f"{file} nests more than {_DEEPEST} levels deep; give a list of {{id, url}}")
    if not isinstance(records, list):
        raise UserError(f"{file} holds a {type(records).__name__}; give a list of {{id, url}}")
    if not records:
        raise UserError(f"{file} lists no photo; give a list of {{id, url}}")
    return records


def _nests_deeper(value: Any, levels: int) -> bool:
    """Whether lists and mappings nest deeper: what can be read may be too deep to be written again."""
    layer = [value]
    for _ in range(levels + 1):
        parts = (node.values() if isinstance(node, dict) else node for node in layer if isinstance(node, (dict, list)))
        layer = [part for children in parts for part in children]
    return bool(layer)


def _of_record(record: Any, base: Path, out: Path | None) -> Item:
    """One photo of a list. ``base``: where relative paths begin."""
    url = record.get("url") if isinstance(record, Mapping) else record
    if isinstance(url, (bytes, os.PathLike)):
        url = os.fsdecode(url)
    item = {"id": url, **record, "url": url} if isinstance(record, Mapping) else {"id": url, "url": url}
    if not isinstance(url, str) or not is_path(url):
        return Item(item, problem=f"{_short(record)} is not a photo to look at; give an id and a url, or a path")
    scheme = url.partition(":")[0].lower()
    if "://" in url and scheme != "file":
        return Item(item, address=url)
    try:
        path = base / (_local(url) if scheme == "file" else url)
        _check_file(path, out)
    except UserError as error:
        return Item(item, problem=str(error))
    return Item(item, path)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _local(url: str) -> Path:
    try:
        parts = urlsplit(url)
        path = unquote_to_bytes(parts.path)
    except ValueError:
        path = b""
    if b"/" not in path[:1] or b"\0" in path or parts.netloc not in ("", "localhost"):
        raise UserError(f"{_short(url)} is not a file of this computer; write it as file:///folder/file")
    return Path(os.fsdecode(path))


def _check_file(path: Path, out: Path | None) -> None:
    if not os.path.exists(path):
        raise UserError(f"{_short(path)} is not there; check its name")
    if not os.path.isfile(path):
        raise UserError(f"{path} is not an ordinary file; give a picture")
    if out is not None and path.parent.resolve().is_relative_to(out.resolve()):
        raise UserError(f"{path} lies in {out}, which photos are sorted into; give the original photo")


def fetch_all(
    items: Iterable[Item], keeper: PhotoKeeper, allow_private: bool, observer: Observer, stopping: threading.Event
) -> None:
    """Get what lies at addresses and is not kept yet; each item is told its path or problem.

    Raises UserError where it cannot be stored.
    """
    waiting: dict[str, list[Item]] = {}
    for item in items:
        if item.address is not None:
            item.path = keeper.kept(item.address)
            if item.path is None:
                waiting.setdefault(item.address, []).append(item)
    addresses = list(waiting)
    batches = [addresses[at : at + _AT_ONCE] for at in range(0, len(addresses), _AT_ONCE)]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="addresses") as pool:
        for batch in observer.through(batches, "addresses"):
            if stopping.is_set():
                break
            got = pool.map(lambda address: _content_at(address, allow_private), batch)
            for address, content in zip(batch, got, strict=True):
                if isinstance(content, UserError):
                    for item in waiting[address]:
                        item.problem = str(content)
                else:
                    path = _kept(keeper, address, content)
                    for item in waiting[address]:
                        item.path = path


def _content_at(address: str, allow_private: bool) -> bytes | UserError:
    try:
        with supervised(shown_address(address)):
            return fetch(address, allow_private=allow_private)
    except UserError as error:
        return error


def _kept(keeper: PhotoKeeper, address: str, content: bytes) -> Path:
    try:
        return keeper.keep(address, _file_name(address, content), content)
    except OSError as error:
        raise UserError(
            f"the photo from {shown_address(address)} cannot be stored ({error.strerror}); choose another place with -o"
        ) from error


def _file_name(address: str, content: bytes) -> str:
    """The last part of the address, and of the content's hash: what differs has two names."""
    last = os.fsdecode(unquote_to_bytes(address.split("?")[0].split("#")[0])).rpartition("/")[2]
    stem, suffix = os.path.splitext(re.sub(r"[^\w.-]", "_", last, flags=re.ASCII))
    kind = suffix.lower() if suffix.lower() in PICTURE_SUFFIXES else ".jpg"
    return f"{stem.lstrip('.')[:80] or 'photo'}-{hashlib.sha256(content).hexdigest()[:8]}{kind}"
