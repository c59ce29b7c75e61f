"""Where the time of a run goes: each stage in the thread that does it, with one worker."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from face_classifier.gallery import store
from face_classifier.identity import person_db as people
from face_classifier.pipeline import place
from face_classifier.pipeline.analysis import analyse, carrying, motion, tracker
from face_classifier.vision import dlib_resnet, engine, sface, yunet
from pace import runs
from pace.process import Numbers

STAGES: list[tuple[str, Any, str]] = [
    ("moved, or a cut?", motion.Searches, "next"),
    ("detect", yunet.YuNet, "detect"),
    ("quality", engine, "assess"),
    ("carry", carrying.Carrier, "carry"),
    ("follow", tracker.Follower, "follow"),
    ("kept before?", store.Store, "same"),
    ("landmarks", dlib_resnet.ResNetEncoder, "landmarks"),
    ("chip", dlib_resnet, "face_chip"),
    ("encode", dlib_resnet.ResNetEncoder, "encode_chips"),
    ("chip", sface, "face_chip"),
    ("encode", sface.SFaceEncoder, "encode_chips"),
    ("match", people.PersonDB, "decide"),
    ("picture: PNG", analyse, "face_picture"),
    ("keep: all", store.Store, "keep"),
    ("place: all", place.Session, "place"),
]


def measured(source: str, settings: Numbers) -> Numbers:
    """CPU and wall milliseconds of each stage a frame, so that stages hardly wait for each other."""
    spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for label, owner, name in STAGES:
        setattr(owner, name, _timed(getattr(owner, name), spent[label]))
    total = runs.whole(source, {**settings, "workers": 1})
    frames, floor = total["frames"], runs.floor(source, settings["seconds"])
    table = {"decode floor": {"calls": 1.0, "cpu_ms": floor["cpu_ms"], "ms": floor["ms"]}}
    for label, (calls, cpu, wall) in spent.items():
        if calls:
            table[label] = {"calls": calls / frames, "cpu_ms": 1000 * cpu / frames, "ms": 1000 * wall / frames}
    table["whole"] = {"calls": 1.0, "cpu_ms": total["cpu_ms"], "ms": total["ms"]}
    return {"stages": table}


def _timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def timed(*arguments: Any, **options: Any) -> Any:
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            return function(*arguments, **options)
        finally:
            spent[0] += 1
            spent[1] += time.thread_time() - cpu
            spent[2] += time.perf_counter() - wall

    return timed
