"""Sorts the faces in videos, webcams and photos into one folder a person.

``import face_classifier as fc`` is for other programs; docs/library.md tells it with examples. Pictures are (height,
width, 3) uint8 arrays in BGR order, encodings (128,) float64, boxes in pixels. What the user can mend raises
`UserError` with a sentence, wrong arguments raise ValueError. Importing is quick: a name loads what it needs when it is
first asked for.
"""

__version__ = "0.1.0"

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from face_classifier.core.errors import UserError
    from face_classifier.core.types import Box, Detection, Emotion, Face, Frame, Match, Seen, Sighting, as_rgb
    from face_classifier.curate.questions.evaluate import Evaluation, evaluate
    from face_classifier.events.visits import Visit
    from face_classifier.identity.grouping.rule import Rule
    from face_classifier.library.faces import Comparison, compare, detect, distances, encode, threshold
    from face_classifier.library.gallery import Gallery, Person, open_gallery, visits
    from face_classifier.library.people import cluster
    from face_classifier.library.runs import run
    from face_classifier.photos.albums.album import run_face_recog
    from face_classifier.pipeline.run import RunResult
    from face_classifier.sources.picture import read_picture

__all__ = [
    "Box",
    "Comparison",
    "Detection",
    "Emotion",
    "Evaluation",
    "Face",
    "Frame",
    "Gallery",
    "Match",
    "Person",
    "Rule",
    "RunResult",
    "Seen",
    "Sighting",
    "UserError",
    "Visit",
    "as_rgb",
    "cluster",
    "compare",
    "detect",
    "distances",
    "encode",
    "evaluate",
    "open_gallery",
    "read_picture",
    "run",
    "run_face_recog",
    "threshold",
    "visits",
]

# From 1.29 on ONNX Runtime sends usage data to its maker unless this is set before it is loaded; children inherit it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_HOMES = {
    "core.errors": "UserError",
    "core.types": "Box Detection Emotion Face Frame Match Seen Sighting as_rgb",
    "events.visits": "Visit",
    "identity.grouping.rule": "Rule",
    "curate.questions.evaluate": "Evaluation evaluate",
    "library.faces": "Comparison compare detect distances encode threshold",
    "library.gallery": "Gallery Person open_gallery visits",
    "library.people": "cluster",
    "library.runs": "run",
    "photos.albums.album": "run_face_recog",
    "pipeline.run": "RunResult",
    "sources.picture": "read_picture",
}


if not TYPE_CHECKING:  # else a misspelt name would be one of any type

    def __getattr__(name: str) -> Any:
        """A name of `__all__`, whose imports wait until somebody asks for it."""
        from importlib import import_module

        for home, names in _HOMES.items():
            if name in names.split():
                value = getattr(import_module(f"face_classifier.{home}"), name)
                globals()[name] = value
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
