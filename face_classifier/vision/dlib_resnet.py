"""What a face is as numbers: a picture and detections in, 128-d encodings out."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import cv2
import dlib
import numpy as np
import numpy.typing as npt

from face_classifier.core.types import DLIB_SPACE, Detection, Encoding, Image, as_rgb
from face_classifier.vision.light import lit
from face_classifier.vision.models.session import LaterSession, loaded, open_session

Points = npt.NDArray[np.float64]  # shape (5, 2), x and y in pixels of a picture

CHIP_SIZE = 150


class DlibEncoder:
    """dlib's ResNet on 5-point landmarks, called as ``face_recognition.face_encodings`` does by default."""

    space = DLIB_SPACE
    chip = chip_once = "dlib"
    precision = precision_once = "fp32"

    _one_at_a_time = threading.Lock()  # dlib's network keeps state: two threads at once would mix their faces up

    def __init__(self, model: Path, predictor: Path) -> None:
        """``model``: dlib's ``dlib_face_recognition_resnet_model_v1.dat``; ``predictor``: as of `ResNetEncoder`."""
        self._network = dlib.face_recognition_model_v1(str(model))
        self._predictor = dlib.shape_predictor(str(predictor))

    def encode(self, image: Image, detections: Sequence[Detection], once: Collection[int] = ()) -> list[Encoding]:
        """The encodings, (128,) float64 each, of faces in a BGR picture (height, width, 3), in the given order.

        The network wants RGB: with BGR encodings shift by half a threshold. ``once`` changes nothing: no mirror images
        are encoded.
        """
        if not detections:
            return []
        boxes = [detection.box for detection in detections]
        squares = [dlib.rectangle(box.left, box.top, box.right, box.bottom) for box in boxes]
        rgb = as_rgb(image)
        with self._one_at_a_time:
            shapes = [self._predictor(rgb, square) for square in squares]
            return [np.array(self._network.compute_face_descriptor(rgb, shape, 1)) for shape in shapes]


class ResNetEncoder:
    """dlib's face encoder, over ``graphs.encoder``: the same numbers as dlib's own, from nearly the same chips.

    Over ``int8.encoder`` they are .03 off (median of faces in data/lfw, of those people who had no part in its ranges),
    as far as dlib's own are: one space. Several threads may share one: it keeps no state.
    """

    space = DLIB_SPACE
    # The mirror image is always encoded, too: a chip alone is .094 (median of LFW's faces) off the mean of both, and
    # splits people of clips; 8-bit numbers are .031 off, and split nobody who is alone.
    chip = chip_once = "cv2+mirror"

    def __init__(
        self,
        model: Path,
        predictor: Path,
        precision: str = "fp32",
        beside: Executor | None = None,
        rounded: Path | None = None,
    ) -> None:
        """An encoder of a graph.

        Parameters
        ----------
        model : ``graphs.encoder``, or ``int8.encoder``
        predictor : dlib's ``shape_predictor_5_face_landmarks.dat``
        precision : of the graph's arithmetic: "fp32" or "int8"
        beside : as of `open_session`; the predictor is read there, too
        rounded : ``int8.encoder`` for faces that are encoded with less care, opened with the first; None = ``model``
        """
        self.precision, self.precision_once = precision, "int8" if rounded else precision
        # Before the session: dlib lets no other thread get on meanwhile, so this is to end before there is much to do.
        self._predictor = loaded(partial(dlib.shape_predictor, str(predictor)), beside)
        self._session = open_session(model, beside)
        self._rounded = LaterSession(rounded) if rounded else self._session

    def encode(self, image: Image, detections: Sequence[Detection], once: Collection[int] = ()) -> list[Encoding]:
        """An encoding, float64 (128,), for each face: the mean of its chip's and of the chip's mirror image's.

        The mean of the two is nearer to the person's other faces. ``image``: (height, width, 3) uint8, BGR. ``once``:
        numbers of those that are encoded by the rounded graph.
        """
        chips = [lit(face_chip(image, self.landmarks(image, detection))) for detection in detections]
        encodings: dict[int, Encoding] = {}
        for rounded in (False, True):
            numbers = [number for number in range(len(chips)) if (number in once) is rounded]
            upright = [chips[number] for number in numbers]
            both = self.encode_chips([*upright, *(chip[:, ::-1] for chip in upright)], rounded=rounded)
            for number, one, mirrored in zip(numbers, both, both[len(upright) :], strict=False):
                encodings[number] = (one + mirrored) / 2
        return [encodings[number] for number in range(len(chips))]

    def landmarks(self, image: Image, detection: Detection) -> Points:
        """(5, 2) in pixels: outer and inner corner of the person's left eye, of the right eye, base of the nose.

        The predictor averages the three colours, so their order does not matter.
        """
        square = _square(detection)
        # What the predictor looks at lies near the square; lit, it is that of a dark face as of any other.
        side, (height, width) = square.width(), image.shape[:2]
        left, top = (
            max(0, min(start - side // 2, end - 1)) for start, end in ((square.left(), width), (square.top(), height))
        )
        right, bottom = max(left + 1, square.right() + side // 2), max(top + 1, square.bottom() + side // 2)
        part = np.ascontiguousarray(lit(image[top:bottom, left:right]))  # dlib takes any other array for something else
        shape = self._predictor.result()(part, dlib.translate_rect(square, dlib.point(-left, -top)))
        return np.array([(point.x + left, point.y + top) for point in shape.parts()], np.float64)

    def encode_chips(self, chips: Sequence[Image], *, rounded: bool = False) -> list[Encoding]:
        """An encoding for each chip, (150, 150, 3) uint8, BGR; ``rounded``: by the rounded graph, if there is one."""
        session = self._rounded if rounded else self._session
        encodings: list[Encoding] = []
        for start in range(0, len(chips), _BATCH):
            faces = np.stack([cv2.cvtColor(face, cv2.COLOR_BGR2RGB) for face in chips[start : start + _BATCH]])
            encodings += list(session.run(None, {"faces": faces})[0].astype(np.float64))
        return encodings


_BATCH = 8  # faces in one run: a fifth faster than one by one, and memory stays bounded


def _square(detection: Detection) -> dlib.rectangle:
    """The square that the predictor was trained on, dlib's kind of box.

    A box with landmarks is YuNet's, which is higher than wide; the factors were fitted on its and HOG's boxes of the
    same faces.
    """
    box = detection.box
    left, top, right, bottom = float(box.left), float(box.top), float(box.right), float(box.bottom)
    if detection.landmarks is not None:
        unit = (box.width * box.height) ** 0.5
        x, y, half = (left + right) / 2 - 0.018 * unit, (top + bottom) / 2 + 0.038 * unit, 0.93 * unit / 2
        left, top, right, bottom = x - half, y - half, x + half - 1, y + half - 1  # dlib includes the last pixel
    return dlib.rectangle(round(left), round(top), round(right), round(bottom))


# Where the five landmarks of the mean face lie, in a square around it: ``get_face_chip_details`` in dlib's
# ``interpolation.h``. The chip is that square with a quarter of its side added all around.
_MEAN_FACE = np.array(
    [
        (0.8595674595992, 0.2134981538014),
        (0.6460604764104, 0.2289674387677),
        (0.1205750620789, 0.2137274526848),
        (0.3340850613712, 0.2290642403242),
        (0.4901123135679, 0.6277975316475),
    ]
)
_TEMPLATE = (0.25 + _MEAN_FACE) / 1.5 * CHIP_SIZE


def face_chip(image: Image, landmarks: Points) -> Image:
    """The upright face, (150, 150, 3) uint8, in the colours of ``image``; black where it reaches outside.

    ``landmarks``: as ``ResNetEncoder.landmarks`` gives them.
    """
    matrix = _chip_to_image(landmarks)
    # Where it shrinks by more than two, bilinear interpolation would skip pixels; dlib halves the picture then, too.
    halvings = max(0, math.ceil(math.log2(np.hypot(*matrix[:, 0]))) - 1)
    matrix, part = _cropped(matrix, image, margin=4 * 2**halvings)
    for _ in range(halvings):
        part = np.asarray(cv2.pyrDown(part), np.uint8)
        matrix = (matrix - _HALVING_ERROR) / 2
    # In floats, because dlib drops what is behind the point.
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = CHIP_SIZE, CHIP_SIZE
    face = cv2.warpAffine(part.astype(np.float32), matrix, size, flags=flags, borderMode=cv2.BORDER_CONSTANT)
    return face.astype(np.uint8)


# dlib looks for the pixel (x, y) at (x / 2 - 1.25, y / 2 - 0.75) of its halved picture; it is at x / 2 - 1, y / 2 - 1.
# Its encoder learnt from such chips; drawn right, large faces are .039 from dlib's encodings instead of .015.
_HALVING_ERROR = np.array([[0, 0, 0.5], [0, 0, -0.5]])


def _chip_to_image(landmarks: Points) -> Points:
    """The similarity, (2, 3), from pixels of the chip to those of the picture, that lays the template on the landmarks.

    Least squares in closed form (Umeyama 1991; in two dimensions, with points as complex numbers). dlib draws a
    rectangle of 150 scale x 150 scale pixels around what the point (75, 75) becomes, and lays the centres of its corner
    pixels on those of the chip's.
    """
    source, target = _TEMPLATE @ (1, 1j), landmarks @ (1, 1j)
    centred = source - source.mean()
    turn = np.vdot(centred, target) / np.vdot(centred, centred)  # scale * exp(i angle)
    if abs(turn) < 2 / CHIP_SIZE:  # landmarks in one place; dlib draws no chip of less than two pixels either
        turn = 2 / CHIP_SIZE + 0j
    middle = target.mean() + turn * (CHIP_SIZE / 2 * (1 + 1j) - source.mean())
    factor = turn * (CHIP_SIZE - 1 / abs(turn)) / (CHIP_SIZE - 1)
    offset = middle - factor * (CHIP_SIZE - 1) / 2 * (1 + 1j)
    return np.array([[factor.real, -factor.imag, offset.real], [factor.imag, factor.real, offset.imag]])


def _cropped(matrix: Points, image: Image, margin: int) -> tuple[Points, Image]:
    """The similarity into the part of the picture under the chip, ``margin`` pixels wider on each side; that part."""
    corners = matrix @ np.array([[0, 0, 1], [CHIP_SIZE, 0, 1], [0, CHIP_SIZE, 1], [CHIP_SIZE, CHIP_SIZE, 1]]).T
    height, width = image.shape[:2]
    left, top = np.clip(corners.min(axis=1) - margin, 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(corners.max(axis=1) + margin, (left + 1, top + 1), (width, height)).astype(int)
    return matrix - [[0, 0, left], [0, 0, top]], image[top:bottom, left:right]
