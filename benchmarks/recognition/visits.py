"""Short visits and odd frame rates, each through the real pipeline."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from face_classifier.sources.base import Sampling
from face_classifier.sources.video import VideoFile
from face_classifier.vision.engine import Engine
from recognition.faces import HALVES, half
from recognition.replay import Recorder, outcome

CLEAR = 0.5  # quality of a face that makes a visit begin
# Seconds, and -S (None: the default): how long a visit lasts, and how often one looks.
VISITS = ((0.5, 0.2), (0.9, 0.2), (1.4, 0.2), (1.4, 0.5), (1.9, 0.5), (1.9, 1.0), (1.9, None), (2.9, 1.0), (2.9, None))
RATES = (24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 60000 / 1001)
STEPS = (0.2, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Visit:
    """What became of one who was seen for a short time."""

    person: str
    faces: int  # encoded
    folders: int  # that have them


@cache
def clear_from(clip: Path, detector: Engine) -> float | None:
    """The position in seconds of the first frame whose largest face is clear; None where there is none."""
    video = VideoFile(str(clip))
    for frame in video.frames(Sampling(every=0), video.start, threading.Event()):
        found = detector.detect(frame.image)
        if found and (max(found, key=lambda face: face.box.area).quality or 0.0) >= CLEAR:
            return frame.position
    return None


def visits(clips: Mapping[str, Path], recorder: Recorder, seconds: float, every: float | None) -> list[Visit]:
    """Each person's clip, cut from the first clear face on, classified into a result folder of its own."""
    answer = []
    step: dict[str, Any] = {} if every is None else {"seconds": every}
    for person, clip in clips.items():
        first = clear_from(clip, recorder.engine)
        if first is None:
            continue
        record = recorder.record(clip, skip=first, stop=first + seconds, **step)
        told = recorder.placed([record], skip=first, stop=first + seconds, **step)
        found = outcome(told.finally_, [record], {str(clip): person})
        folders = 0 if found.without else 2 if found.split else 1
        answer.append(Visit(person, record.faces, folders))
    return answer


VISITS_HEAD = ["seconds", "-S", "people", "get a person", *HALVES, "several", "get none"]


def visit_rows(clips: Mapping[str, Path], recorder: Recorder, *, quick: bool) -> Iterator[list[str]]:
    """Cells of a table: `VISITS_HEAD`."""
    for seconds, every in VISITS[1::5] if quick else VISITS:
        seen = visits(clips, recorder, seconds, every)
        halves = [half([visit.person for visit in seen], number) for number in range(2)]
        yield [
            f"{seconds:g}",
            "default" if every is None else f"{every:g}",
            str(len(seen)),
            str(sum(visit.folders > 0 for visit in seen)),
            *(f"{sum(visit.folders > 0 for visit in seen if visit.person in own)} of {len(own)}" for own in halves),
            ", ".join(visit.person for visit in seen if visit.folders > 1),
            ", ".join(f"{visit.person} ({visit.faces})" for visit in seen if not visit.folders),
        ]


# Frame rates


def at_rate(clip: Path, rate: float, folder: Path) -> Path:
    """The same pictures at another frame rate, as MPEG-4; the clip gets shorter or longer by that."""
    path = folder / f"{clip.stem}-{rate:.3f}.mp4"
    if path.exists():
        return path
    capture = cv2.VideoCapture(str(clip))
    writer = None
    while (read := capture.read())[0]:
        image: npt.NDArray[np.uint8] = np.asarray(read[1], np.uint8)
        if writer is None:
            size = image.shape[1], image.shape[0]
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
        writer.write(image)
    capture.release()
    if writer is not None:
        writer.release()
    return path


RATES_HEAD = ["frames a second", *(f"-S {every:g}: faces / tracks / longest" for every in STEPS)]


def rate_rows(clips: Sequence[Path], recorder: Recorder, folder: Path, *, quick: bool) -> Iterator[list[str]]:
    """Cells of a table: `RATES_HEAD`. Each clip by itself; the numbers are of all together."""
    for rate in RATES[2:4] if quick else RATES:
        cells = [f"{rate:.3f}"]
        for every in STEPS:
            faces, tracks, longest = 0, 0, 0
            for clip in clips:
                record = recorder.record(at_rate(clip, rate, folder), seconds=every)
                found = recorder.placed([record], seconds=every).finally_
                sizes = [len(own) for own in _by_track([face.track for face in found])]
                faces, tracks, longest = faces + len(found), tracks + len(sizes), max([longest, *sizes])
            cells.append(f"{faces} / {tracks} / {longest}")
        yield cells


# Nobody

NOBODY_HEAD = ["", "sources", "faces kept", "people made"]


def nobody_row(name: str, sources: Sequence[Path], recorder: Recorder, **chosen: Any) -> list[str]:
    """Cells of a table, `NOBODY_HEAD`: all of them in one result folder."""
    found = recorder.placed([recorder.record(source, **chosen) for source in sources], **chosen).finally_
    return [name, str(len(sources)), str(len(found)), str(len({face.person for face in found} - {None}))]


def _by_track(tracks: Sequence[int | None]) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for number, track in enumerate(tracks):
        groups.setdefault(-number - 1 if track is None else track, []).append(number)
    return list(groups.values())
