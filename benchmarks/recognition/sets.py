"""The sets of labelled faces, encoded by the project's engine once and kept."""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from face_classifier.core.types import Frame
from face_classifier.identity.profiles import PROFILES
from face_classifier.identity.tracks import TrackNumbers
from face_classifier.pipeline.analysis.tracker import Follower
from face_classifier.sources.base import Sampling
from face_classifier.sources.picture import read_picture
from face_classifier.sources.video import VideoFile
from face_classifier.vision.engine import Engine
from recognition.faces import NOBODY, Faces, Numbers, numbered, row, tell
from recognition.replay import code


@dataclass(frozen=True)
class Set:
    """Faces and where they are found."""

    name: str
    find: Callable[[Engine], Iterator[Numbers]]  # rows as ``Faces`` has columns, tracks numbered by source
    depends: tuple[str, ...]  # modules of the program that its faces depend on, beside those that name themselves


def sets(data: Path) -> list[Set]:
    """Pictures cut around one face, a talk show, and clips, as a run meets them."""
    clips = [*sorted((data / "videos" / "webcam").glob("*.*")), data / "videos" / "surveillance" / "tld_david.mpg"]
    grid = [clip for clip in clips if clip.stem.startswith("grid_")]
    engine_alone, followed_too = ("vision/quality.py", "vision/engine.py"), (
        "vision/quality.py", "vision/engine.py", "pipeline/analysis", "identity/tracks.py",
    )  # fmt: skip
    return [
        Set("lfw", lambda engine: cut_faces(engine, data / "lfw", 0), engine_alone),
        Set("asian_kpop15", lambda engine: cut_faces(engine, data / "asian_kpop15", 80), engine_alone),
        Set("tv_bbt_crops", lambda engine: cut_faces(engine, data / "tv_bbt_crops", 75), engine_alone),
        Set("tv_talkshow_frames", lambda engine: talkshow(engine, data / "tv_talkshow_frames"), engine_alone),
        Set("grid_*", lambda engine: one_person_clips(engine, grid), followed_too),
        Set("all single-person clips", lambda engine: one_person_clips(engine, clips), followed_too),
    ]


def cut_faces(engine: Engine, folder: Path, border: int) -> Iterator[Numbers]:
    """Pictures of one face each, in a folder for each person; ``border``: pixels of black that tight crops need."""
    pictures = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in (".jpg", ".png"))
    for number, path in enumerate(pictures):
        picture = cv2.copyMakeBorder(read_picture(path), *[border] * 4, cv2.BORDER_CONSTANT)
        face, _ = engine.photo(picture, own_cut=True)
        yield row(face, path.parent.name, source=number, frame=number, track=0)


def talkshow(engine: Engine, folder: Path) -> Iterator[Numbers]:
    """Frames 15 on; who is who in them, from left to right, is known where as many faces are found as are there."""
    with (folder / "_labels.csv").open(encoding="utf-8") as file:
        frames = list(csv.DictReader(file))[15:]
    for number, told in enumerate(frames):
        picture = read_picture(folder / told["file"])
        found = engine.encode(picture, engine.detect(picture))
        there = told["persons"].split("(")[0].split("+") if told["persons"] else []
        people = there if len(there) == len(found) else [NOBODY] * len(found)
        for place, (face, person) in enumerate(zip(found, people, strict=True)):
            yield row(face, person, source=number, frame=number, track=place)


def one_person_clips(engine: Engine, clips: Sequence[Path]) -> Iterator[Numbers]:
    """Five frames a second; the largest face of a frame is the clip's person, the others (pictures) are not scored."""
    for number, clip in enumerate(clips):
        for frame, faces, tracks in followed(engine, clip):
            largest = max((face.box.area for face in faces), default=0)
            for face, track in zip(faces, tracks, strict=True):
                person = clip.stem if face.box.area == largest else NOBODY
                yield row(face, person, source=number, frame=(number << 20) + (frame.index or 0), track=track)


def followed(engine: Engine, clip: Path) -> Iterator[tuple[Frame, list[Any], list[int]]]:
    follower, tracks = Follower(0.0), TrackNumbers(PROFILES[engine.made_by.space].threshold)
    video = VideoFile(str(clip))
    for frame in video.frames(Sampling(every=0.2), video.start, threading.Event()):
        detections = engine.detect(frame.image)
        faces = engine.encode(frame.image, detections)
        both = zip(follower.follow(frame, detections), faces, strict=True)
        yield frame, faces, [tracks.of(one.track, face.encoding, sure=one.sure) for one, face in both]


def load(one: Set, engine: Engine, cache: Path) -> Faces:
    """The faces of a set, from the cache if they are there."""
    name = f"{one.name.replace('*', 'all').replace(' ', '_').replace('/', '_')}-{code(*one.depends)}.npz"
    path = cache / "-".join(vars(engine.made_by).values()) / name
    if not path.exists():
        tell(f"encoding {one.name}")
        rows = list(one.find(engine))
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **{key: np.array([row[key] for row in rows]) for key in rows[0]})  # type: ignore[arg-type]
    with np.load(path) as columns:
        return numbered(Faces(**columns))
