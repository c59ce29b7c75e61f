"""What a face is as numbers, by another network: SFace, which tells East-Asian faces apart far better than dlib's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from face_classifier.core.types import Box, Detection, Encoding, Face, Image, Landmarks
from face_classifier.vision.light import lit
from face_classifier.vision.models.session import open_session

Matrix = npt.NDArray[np.float64]

CHIP_SIZE = 112

# The network's encodings have length 1. So much shorter, they have dlib's scale: the threshold that served SFace best,
# 1.03, becomes dlib's .46, and what people know of L2 thresholds holds for both.
SCALE = 0.446
FORMER_SPACE = "sface-2021dec"  # of the encodings of length 1 that earlier versions of this program stored


class SFaceEncoder:
    """SFace (Zhong, Deng et al.: SFace, sigmoid-constrained hypersphere loss, 2021), over ``graphs.sface``.

    Its encodings have length ``SCALE``, so that L2 distances are 0 to .89; two people are usually .58 or more apart.
    Over ``int8.sface`` they are .025 off (median of faces in data/lfw, of those people who had no part in its ranges),
    half of what the mirror image changes: one space with those by floats.
    Several threads may share one: it keeps no state.
    """

    space = "sface-2021dec-x.446"
    chip = "yunet-5"
    # Without the mirror image an encoding is .053 (median of 855 faces in clips) off, and as good within 1 in 1,000: of
    # pairs of one person in data/lfw .990 instead of .991 are nearer than all but 1 in 1,000 pairs of strangers.
    chip_once = "yunet-5-upright"

    def __init__(self, model: Path, precision: str = "fp32", beside: Executor | None = None) -> None:
        """``model``: ``graphs.sface``, or ``int8.sface`` for ``precision`` "int8"; ``beside``: as of `open_session`."""
        self.precision = self.precision_once = precision
        self._session = open_session(model, beside)

    def encode(self, image: Image, detections: Sequence[Detection], once: Collection[int] = ()) -> list[Encoding]:
        """An encoding, float64 (128,), for each face. ``image``: (height, width, 3) uint8, BGR.

        A detection without landmarks is taken for an upright face of average proportions, which is less exact.
        ``once``: numbers of those that are encoded without their mirror image, in half the time.
        """
        chips = []
        for detection in detections:
            landmarks = detection.landmarks if detection.landmarks is not None else _landmarks_in(detection.box)
            chips.append(lit(face_chip(image, landmarks)))
        return self.encode_chips(chips, once)

    def encode_chips(self, chips: Sequence[Image], once: Collection[int] = ()) -> list[Encoding]:
        """An encoding for each chip, (112, 112, 3) uint8, BGR: the mean of its own and its mirror image's.

        ``once``: numbers of those whose mirror image is left out.
        """
        # One face at a time: what the network has in hand for more would not stay in the processor's cache.
        return [self._encode(face, mirrored=number not in once) for number, face in enumerate(chips)]

    def _encode(self, face: Image, *, mirrored: bool) -> Encoding:
        rgb = face[:, :, ::-1]
        faces = np.stack([rgb, rgb[:, ::-1]] if mirrored else [rgb])
        found = self._session.run(None, {"faces": faces})[0].astype(np.float64)
        return SCALE * _unit(_unit(found).mean(axis=0))


def is_sface(encoding: Encoding, length: float = SCALE) -> bool:
    """Tells SFace's encodings, which all have one ``length``, from dlib's, whose lengths vary."""
    return abs(float(np.linalg.norm(encoding)) - length) < 1e-6


def in_todays_scale(face: Face) -> Face:
    """The same face, in today's space if its encoding is of ``FORMER_SPACE``."""
    if face.made_by.space != FORMER_SPACE:
        return face
    return replace(face, encoding=SCALE * face.encoding, made_by=replace(face.made_by, space=SFaceEncoder.space))


def face_chip(image: Image, landmarks: npt.NDArray[np.floating]) -> Image:
    """The upright face, (112, 112, 3) uint8, in the colours of ``image``; black where it reaches outside.

    ``landmarks``: (5, 2) as in a ``Detection``. The same chip as ``cv2.FaceRecognizerSF.alignCrop`` cuts.
    """
    chip = cv2.warpAffine(image, _image_to_chip(landmarks), (CHIP_SIZE, CHIP_SIZE), flags=cv2.INTER_LINEAR)
    return np.asarray(chip, np.uint8)


# Where the landmarks lie in a chip, in pixels: ArcFace's (Deng et al. 2019), as in OpenCV's ``face_recognize.cpp``.
_TEMPLATE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)


def _image_to_chip(landmarks: npt.NDArray[np.floating]) -> Matrix:
    """The similarity, (2, 3), that lays the landmarks on the template.

    Least squares in closed form (Umeyama 1991; in two dimensions, with points as complex numbers).
    """
    source, target = landmarks.astype(np.float64) @ (1, 1j), _TEMPLATE @ (1, 1j)
    centred = source - source.mean()
    size = np.vdot(centred, centred).real
    turn = np.vdot(centred, target) / size if size > 0 else 1 + 0j  # landmarks in one place tell no size
    offset = target.mean() - turn * source.mean()
    return np.array([[turn.real, -turn.imag, offset.real], [turn.imag, turn.real, offset.imag]])


def _unit(vectors: Matrix) -> Matrix:
    """The same directions with length 1. ``vectors``: (..., 128)."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))


# Where YuNet finds the landmarks of an average face in dlib's square box: from the centre, in sides of the square; mean
# of 410 faces. The boxes of dlib's detectors sit a little to the left.
_AVERAGE = np.array([(-0.17, -0.19), (0.25, -0.19), (0.04, 0.04), (-0.135, 0.23), (0.225, 0.23)])


def _landmarks_in(box: Box) -> Landmarks:
    centre = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return np.asarray(centre + _AVERAGE * box.area**0.5, np.float32)
