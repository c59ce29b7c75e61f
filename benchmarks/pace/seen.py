"""Whose face is where in every frame of a run, as it is labelled at the end."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from face_classifier.core.config.load import load
from face_classifier.pipeline import run as pipeline
from face_classifier.pipeline.place import Placed
from face_classifier.records import AnalysedFrame
from pace.process import Numbers
from pace.runs import Watch, placed_frames, warm_engine


def apart(sources: Sequence[str], settings: Numbers) -> Numbers:
    """Each source into a result folder of its own."""
    with warm_engine(load(settings, environ={})):
        return {source: _classified([source], settings) for source in sources}


def together(sources: Sequence[str], settings: Numbers) -> Numbers:
    """All sources into one result folder."""
    with warm_engine(load(settings, environ={})):
        return _classified(sources, settings)


def _classified(sources: Sequence[str], settings: Numbers) -> Numbers:
    """``frames``: source, position in seconds, and of each face its box [top, right, bottom, left] and its person."""
    frames: list[tuple[str, float, list[tuple[list[int], int | None]]]] = []

    def note(analysed: AnalysedFrame, placed: Placed) -> None:
        frame = analysed.frame
        frames.append((frame.source, frame.position, [(list(one.box.css), one.face) for one in placed.observed]))

    with tempfile.TemporaryDirectory() as folder, placed_frames(note):
        chosen = load({**settings, "result": str(Path(folder) / "result")}, environ={})
        faces = pipeline.run(chosen, sources, threading.Event(), Watch()).sightings or []
    person = {face.id: face.person for face in faces}
    return {
        "frames": [
            [source, position, [[box, None if face is None else person.get(face)] for box, face in there]]
            for source, position, there in frames
        ],
        "kept": len(faces),
        "people": len(set(person.values()) - {None}),
    }
