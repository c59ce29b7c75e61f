"""Sorts the faces in videos, webcams and photos into one folder a person."""

__version__ = "0.1.0"

import os
import warnings
from typing import Any

# From 1.29 on ONNX Runtime sends usage data to its maker unless this is set before it is loaded; children inherit it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# face_recognition_models still asks pkg_resources for its files, which warns at import.
warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)


def __getattr__(name: str) -> Any:
    """`run_face_recog`, whose imports wait until somebody asks for it."""
    if name == "run_face_recog":
        from face_classifier.photos.albums.album import run_face_recog

        return run_face_recog
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
