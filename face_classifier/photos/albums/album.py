"""An album: photos in, people out, and a folder of them to look through."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from face_classifier.core.config import flat
from face_classifier.core.config.load import load
from face_classifier.core.disk.durable import MODES
from face_classifier.core.errors import StoppedError, UserError, WrongUseError
from face_classifier.core.network.dial import shown_address
from face_classifier.core.progress import Log, Observer
from face_classifier.core.types import ENCODING_SIZE
from face_classifier.gallery.snapshot import take_snapshot
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.naming import is_named
from face_classifier.identity.profiles import BY_ENCODER, EncoderProfile
from face_classifier.identity.rules import profile_of
from face_classifier.identity.tracks import worth_of
from face_classifier.photos.albums import output, sidecars
from face_classifier.photos.albums.corrections import Said
from face_classifier.photos.albums.folder import AlbumFolder, usable
from face_classifier.photos.albums.groups import Faces, Group, Known, group
from face_classifier.photos.albums.manifest import ManifestEntry
from face_classifier.photos.albums.result import Album, AlbumFace
from face_classifier.photos.finder import UNSURE
from face_classifier.photos.forget_index import note_index
from face_classifier.photos.index import INDEX, Photo, PhotoIndex
from face_classifier.photos.inputs import Item, TemporaryKeeper, fetch_all, items_of
from face_classifier.photos.lookalike.people import finder_of
from face_classifier.photos.reading import Looking
from face_classifier.photos.spread.look import look_on

_NEVER = threading.Event()

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AlbumOptions:
    """What is to be made of an album."""

    out: str | None = None  # the folder to sort it into; None = nowhere
    threshold: float | str | None = None  # L2; None = the encoder's
    encoder: str | None = None  # None = the result folder's, else the usual one of photos
    result: str | None = None  # a result folder, whose people give their names
    copies: bool = False  # of the photos, not links
    plot: bool = False
    sidecars: bool = False
    allow_private: bool = False  # addresses
    where: str | None = None  # a cluster that looks at the photos; None = this process
    mixed: bool = False  # the workers of that may compute otherwise


def run_face_recog(
    images: str | os.PathLike[str] | Iterable[str | os.PathLike[str] | Mapping[str, Any]],
    *,
    out: str | os.PathLike[str] | None = None,
    threshold: float | None = None,
    encoder: str | None = None,
    result: str | os.PathLike[str] | None = None,
    allow_private: bool = False,
    observer: Observer | None = None,
) -> tuple[list[dict[str, Any]], list[int], list[dict[str, Any]]]:
    """Group the faces of photos by person: ``groups, group_idx_list, images``.

    ``images``: a folder (with all below), or a list of files, folders, addresses, and mappings of an ``id`` (anything)
    and a ``url`` (http, https, file, or a path). ``out``: the folder that they are sorted into, as by the command
    `group`; None = nowhere. ``threshold``: L2 between encodings; None = the encoder's. ``encoder``: "dlib" or "sface".
    ``result``: a result folder, whose people give their names to the groups; it only remembers where ``out`` is.
    ``allow_private``: fetch from addresses that are not on the public internet. ``observer`` is told of each photo that
    cannot be read; None = the log is.

    ``groups``, the largest first, every face in one of them; a group's id is its place in the list. Each is a dict of
    lists, with an entry for each of its faces in the order in which they joined: first the one nearest to their mean,
    then always the one most like any that is in.

    * ``original_images_idx_list``: the place of the face's photo in ``images``; the first of those with that content.
    * ``crop_path_list``: where the crop was written, beginning with ``out`` as given; "" without ``out``. (In the file
      ``groups.json`` these paths are relative to the folder that it lies in.)
    * ``face_list``: the crop, (112, 112, 3) uint8 BGR.
    * ``face2_idx_list``: the number of the face among all faces, from 0, photo by photo and from left to right.
    * ``face1_idx_list``: the number of the face that it matched when it joined; for the first an empty list.
    * ``cosine_similarity_list``: of these two encodings, -1 to 1; for the first -1.

    ``group_idx_list``: the ids of the valid groups: those of at least two faces, or with the name of somebody known.

    ``images``: a dict for each photo in the given order, a folder's sorted by path: as it was given, with an ``id``
    (the url if there was none), ``url``, and ``group_idx``: the valid groups that are in it, sorted; [-1] = faces, but
    none in a valid group; [-2] = no face, or not to be read, or no photo at all. Two items of the same content are one
    photo, whose faces count once; ids need not differ.

    The same photos in another order make the same groups with the same ids. Raises UserError where nothing can be done:
    a folder that cannot be used, a result folder of another encoder.
    """
    options = AlbumOptions(
        os.fspath(out) if out is not None else None,
        threshold,
        encoder,
        os.fspath(result) if result is not None else None,
        allow_private=allow_private,
    )
    photos = [images] if isinstance(images, (str, os.PathLike, Mapping)) else list(images)
    album = group_album(photos, options, observer or Log(logger), _NEVER)
    groups = [
        {**record, "face_list": [album.faces[joined.face].crop for joined in members.faces]}
        for record, members in zip(album.group_records(Path(options.out or "")), album.groups, strict=True)
    ]
    return groups, album.valid, album.images()


def group_album(
    photos: Sequence[str | os.PathLike[str] | Mapping[str, Any]],
    options: AlbumOptions,
    observer: Observer,
    stopping: threading.Event,
) -> Album:
    """Group photos as `run_face_recog` does, and sort them into ``options.out``. Raises UserError, StoppedError."""
    known, profile = _known(options, observer)
    founding = load({}).founding
    rule = profile.rule.stricter(_threshold(options, profile) / profile.threshold, founding)
    with ExitStack() as stack:
        folder = stack.enter_context(AlbumFolder(Path(options.out))) if options.out is not None else None
        for sentence in folder.lacks() if folder else ():
            observer.problem(sentence)
        aside = [Path(place) for place in (options.out, options.result) if place is not None]
        items, missing = items_of(photos, folder.path if folder else None, aside, observer)
        keeper = folder or TemporaryKeeper(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        fetch_all(items, keeper, options.allow_private, observer, stopping)
        look = look_on(options.where, profile.encoder, observer.problem, mixed=options.mixed)
        read = _read(items, profile, folder, observer, stopping, look)
        faces = _faces(items, read)
        said = _said(folder, items, faces, observer)
        if folder is not None:
            known = [replace(person, name=folder.spelled(person.name)) for person in known]
        groups = _grouped(faces, rule, known, said)
        nothing = not read and bool(items or missing)
        failed = missing or nothing or any(item.named and item.content is None for item in items)
        album = Album(items, faces, groups, _folders(folder, faces, groups), options.out, failed)
        if folder is not None and nothing:
            folder.discard(INDEX)
            outcome = "is not made" if folder.is_new else "stays as it is"
            observer.problem(f"no photo could be read, and {options.out} {outcome}")
        elif folder is not None and not _sort_into(folder, album, options, observer):
            album = replace(album, failed=True)
        if folder is not None and options.result is not None and not nothing:
            note_index(load({"result": options.result}), folder.path / INDEX, observer)
    return album


# What comes in


def _known(options: AlbumOptions, observer: Observer) -> tuple[list[Known], EncoderProfile]:
    """The people of the result folder, if there is one, and the profile of the encoder of all."""
    flat.check_encoder(options.encoder, "--encoder")
    if options.result is None:
        return [], BY_ENCODER[options.encoder or flat.USUAL_ENCODER]
    snapshot = take_snapshot(load({"result": options.result}), observer)
    own = profile_of(snapshot.settings)
    if options.encoder not in (None, own.encoder):
        raise UserError(
            f"the result folder {options.result} belongs to the encoder {own.encoder}, not {options.encoder}; "
            "leave out --encoder"
        )
    faces_of: dict[str, list[tuple[Any, float]]] = {}
    for face in snapshot.faces:
        if is_named(face.person) and face.encoding is not None:
            faces_of.setdefault(str(face.person), []).append((face.encoding, worth_of(face.quality)))
    people = [
        Known(usable(name), np.array([encoding for encoding, _ in faces]), np.array([weight for _, weight in faces]))
        for name, faces in faces_of.items()
    ]
    return people, own


def _threshold(options: AlbumOptions, profile: EncoderProfile) -> float:
    """The user's, or the encoder's. Raises UserError, also for "auto", which result folders alone know."""
    try:
        threshold = load({"threshold": options.threshold}).threshold
        return profile.threshold if threshold is None else float(threshold)
    except (UserError, ValueError) as error:
        meant = flat.todays_threshold(options.threshold)
        raise WrongUseError(
            f"the threshold is {options.threshold or 'auto'!r}, but must be a number above 0 and at most "
            f"{flat.HIGHEST_THRESHOLD:g}, such as {profile.threshold:g}{meant}"
        ) from error


def _read(
    items: Sequence[Item],
    profile: EncoderProfile,
    folder: AlbumFolder | None,
    observer: Observer,
    stopping: threading.Event,
    look: Looking,
) -> dict[str, Photo]:
    """The photos by content; each item is told its own. What cannot be read is told."""
    paths = sorted({item.path for item in items if item.path is not None})
    with PhotoIndex(folder.path / INDEX if folder else None, profile.name, MODES[load({}).mode]) as index:
        reading = index.read(
            [(str(path), path) for path in paths],
            finder_of(profile.encoder, observer.problem),
            stopping,
            lambda steps: observer.through(steps, "photos"),
            look=look,
        )
    if reading.stopped or stopping.is_set():
        raise StoppedError("stopped before all photos were read; run it again, and it goes on from there")
    failed = dict(reading.failed)
    by_name = {photo.name: photo for photo in reading.photos}
    for item in items:
        if item.path is not None:
            item.problem = _problem(item, failed.get(str(item.path)))
            photo = by_name.get(str(item.path))
            item.content = photo.content if photo else None
    for problem in dict.fromkeys(item.problem for item in items if item.problem is not None):
        observer.problem(problem)
    return {photo.content: photo for photo in reading.photos}


def _problem(item: Item, sentence: str | None) -> str | None:
    """What came from an address is called by that, and is fetched anew the next time."""
    if sentence is None or item.address is None or item.path is None:
        return sentence
    item.path.unlink(missing_ok=True)
    return sentence.replace(str(item.path), shown_address(item.address))


def _faces(items: Iterable[Item], photos: Mapping[str, Photo]) -> list[AlbumFace]:
    """Photo by photo. What only a doubtful search found is not meant."""
    path_of: dict[str, Path] = {}
    for item in items:
        if item.content is not None and item.path is not None:
            path_of[item.content] = min(item.path, path_of.get(item.content, item.path))
    return [
        AlbumFace(photos[content], number, face, path)
        for content, path in path_of.items()
        if photos[content].how != UNSURE
        for number, face in enumerate(photos[content].faces)
    ]


# Who is who


def _said(folder: AlbumFolder | None, items: Iterable[Item], faces: Iterable[AlbumFace], observer: Observer) -> Said:
    """What the user made of the folder since it was written."""
    if folder is None:
        return Said({}, [])
    photos = {os.path.realpath(item.path): item.content for item in items if item.path and item.content}
    counts = dict.fromkeys(photos.values(), 0)
    for face in faces:
        counts[face.photo.content] += 1
    return folder.listen(photos, counts, observer.problem)


def _grouped(faces: Sequence[AlbumFace], rule: Rule, known: Iterable[Known], said: Said) -> list[Group]:
    contents = {content: number for number, content in enumerate(dict.fromkeys(face.photo.content for face in faces))}
    place = {face.key: number for number, face in enumerate(faces)}
    cannot_links = [(place[one], place[other]) for one, other in said.cannot_links if one in place and other in place]
    return group(
        Faces(
            np.array([face.face.encoding for face in faces], np.float64).reshape(len(faces), ENCODING_SIZE),
            np.array([worth_of(face.face.quality) for face in faces], np.float64),
            np.array([contents[face.photo.content] for face in faces], np.int64),
        ),
        rule,
        known,
        [said.together.get(face.key) for face in faces],
        np.array(cannot_links, np.int64).reshape(-1, 2),
    )


# What comes out


def _folders(folder: AlbumFolder | None, faces: Sequence[AlbumFace], groups: Sequence[Group]) -> dict[int, str]:
    """Of each valid group: the name of its folder in OUT."""
    if folder is None:
        return {}
    valid = {number: members for number, members in enumerate(groups) if members.is_valid}
    keys = [(members.name, [faces[joined.face].key for joined in members.faces]) for members in valid.values()]
    return dict(zip(valid, folder.name_groups(keys), strict=True))


def _sort_into(folder: AlbumFolder, album: Album, options: AlbumOptions, observer: Observer) -> bool:
    """False where sidecars could not be written."""
    people = {
        album.folders[number]: [
            (face.key, face.path) for joined in album.groups[number].faces for face in [album.faces[joined.face]]
        ]
        for number in album.valid
    }
    here = {item.content for item in album.items}

    def stays(entry: ManifestEntry) -> bool:
        """A copy may be all that there is of a photo, and a part of the album that failed will be back."""
        return entry.content not in here and (album.failed or entry.link is None)

    links = folder.fill(people, copies=options.copies, stays=stays)
    regions = output.regions(album, named_only=True)
    written = not options.sidecars or sidecars.write_sidecars(regions, observer.problem)
    folder.write(list(output.files(album, links, plot=options.plot)), observer.problem)
    return written
