"""A detector and an encoder as one: pictures in, faces out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from face_classifier.core.config.flat import ORIGINALS_ENCODER, USUAL_ENCODER
from face_classifier.core.errors import SetUpError, UserError, needing
from face_classifier.core.types import Box, Detection, Encoding, Face, Image, Provenance, Search
from face_classifier.vision.models import registry as models
from face_classifier.vision.models.precision import precision_of, precision_once
from face_classifier.vision.quality import assess, inside
from face_classifier.vision.yunet import YuNet, search_around

if TYPE_CHECKING:
    from face_classifier.core.config.settings import Settings
    from face_classifier.vision.emotion import EmotionEngine

logger = logging.getLogger(__name__)

_FILLING = 0.75  # share of the picture's height or width from which on a face may reach outside
_WHOLE = 0.98  # share of a face's box from which on it is in the picture, as boxes are not exact
_SAME = 0.3  # intersection over union from which two boxes are one face, as in the detector


class Detector(Protocol):
    name: str

    def detect(self, image: Image, *, thorough: bool = False) -> list[Detection]:
        """The faces in a BGR picture (height, width, 3) uint8, boxes in its pixels, in any order.

        ``thorough``: the small ones too, whatever that costs.
        """


class Encoder(Protocol):
    space: str
    chip: str
    chip_once: str  # of a face that is encoded with less care
    precision: str
    precision_once: str  # likewise

    def encode(self, image: Image, detections: Sequence[Detection], once: Collection[int] = ()) -> list[Encoding]:
        """The encodings, (128,) float64 each, of faces in a BGR picture, in the given order.

        ``once``: numbers of those that may be encoded with less care, where that saves time.
        """


class Engine:
    """Finds and encodes faces. Several threads may use one at a time."""

    def __init__(
        self,
        detector: Detector,
        encoder: Encoder,
        *,
        resize_ratio: float = 1.0,
        assesses: bool = True,
        emotions: EmotionEngine | None = None,
    ) -> None:
        """An engine of a detector and an encoder.

        Parameters
        ----------
        detector, encoder : what finds faces, and what makes numbers of them
        resize_ratio : search frames at this size, above 0 and up to 1; smaller is faster and misses more
        assesses : give each detection a quality, and search again with room around the picture if no face is found;
            the original program does neither
        emotions : what gives each face its emotion; None = faces have none
        """
        self._detector, self._encoder = detector, encoder
        self._ratio, self._assesses, self._emotions = resize_ratio, assesses, emotions
        self.reads_emotion = emotions is not None
        self.made_by = Provenance(encoder.space, detector.name, encoder.chip, encoder.precision)
        self.made_once = replace(self.made_by, chip=encoder.chip_once, precision=encoder.precision_once)

    def keener(self) -> Engine:
        """The same encoder with a detector that also finds doubtful faces."""
        detector = self._detector
        if isinstance(detector, YuNet):
            detector = YuNet(models.graph("yunet"), threshold=0.6)
        return Engine(detector, self._encoder, assesses=self._assesses)

    def detect(self, image: Image, *, thorough: bool = False) -> list[Detection]:
        """The faces in a BGR picture (height, width, 3) uint8, from left to right.

        ``thorough``: search for small faces, too, at up to ten times the cost; larger pictures than full HD always are.
        """
        if self._ratio == 1:
            return self._search(image, image, thorough)
        height, width = image.shape[:2]
        size = max(1, round(width * self._ratio)), max(1, round(height * self._ratio))
        smaller = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return self._search(np.asarray(smaller, np.uint8), image, thorough)

    def search(self, image: Image, how: Search) -> list[Detection]:
        """The faces in a BGR picture (height, width, 3) uint8, as `detect` gives them, by one search or two."""
        detections = [] if how in (Search.NONE, Search.CARRY) else self.detect(image, thorough=how is Search.THOROUGH)
        return detections or (self.detect(image, thorough=True) if how is Search.KEEN else [])

    def _search(self, smaller: Image, image: Image, thorough: bool) -> list[Detection]:
        detections = self._detector.detect(smaller, thorough=thorough)
        if self._assesses and (not detections or any(_fills(detection.box, smaller) for detection in detections)):
            detections = _with_outer(detections, search_around(self._detector.detect, smaller), smaller)
        if smaller is not image:
            detections = [detection.scaled(1 / self._ratio) for detection in detections]
        if self._assesses:
            detections = [replace(detection, quality=assess(image, detection).value) for detection in detections]
        return sorted(detections, key=lambda detection: (detection.box.left, detection.box.top))

    def encode(self, image: Image, detections: Sequence[Detection], once: Collection[int] = ()) -> list[Face]:
        """The detected faces of the same picture as numbers, in the same order.

        ``once``: numbers of those of which others have been encoded, so that less care will do.
        """
        encodings = self._encoder.encode(image, detections, once)
        emotions = self._emotions.read(image, detections) if self._emotions else [None] * len(detections)
        return [
            Face(
                detection.box,
                encoding,
                self.made_once if number in once else self.made_by,
                detection.quality,
                emotion,
            )
            for number, (detection, encoding, emotion) in enumerate(zip(detections, encodings, emotions, strict=True))
        ]

    def photo(self, image: Image, *, own_cut: bool) -> tuple[Face, bool]:
        """The face that a BGR photo, (height, width, 3) uint8, is about, and whether a detector found it.

        In a picture that the program cut itself (3 x 3 boxes) that is the most central face, in any other photo the
        largest. If there is none, the middle third of the picture is taken for its box, without an emotion. Photos are
        searched thoroughly, whatever the resize ratio: a missed face would be a wrong encoding.
        """
        detections = self._search(image, image, thorough=True)
        if not detections:
            return replace(self.encode(image, [Detection(_middle_third(image))])[0], emotion=None), False
        chosen = min(detections, key=_off_centre(image)) if own_cut else max(detections, key=_area)
        return self.encode(image, [chosen])[0], True


def make_engine(
    name: str,
    detector: str | None,
    resize_ratio: float,
    tell: Callable[[str], None],
    encoder: str | None = None,
    *,
    emotion: str | None = None,
    beside: Executor | None = None,
    precision: str = "auto",
) -> Engine:
    """Makes an engine. HOG stands in for YuNet where its file is missing and there is no network.

    Parameters
    ----------
    name : "fast" or "original"
    detector : "yunet", "hog" or "cnn"; None = the engine's own
    resize_ratio : search frames at this size, above 0 and up to 1
    tell : is told, in a sentence, that HOG stands in
    encoder : "sface", which the fast engine alone has, or "dlib"; None = the usual one of the engine
    emotion : "fer" or "deepface", which give each face its emotion; None = faces have none
    beside : loads the encoder's network in a thread while the caller goes on; the first face waits for it
    precision : of the fast engine's encoders, as `precision_of` takes it

    Raises
    ------
    SetUpError : another model cannot be had
    """
    logger.debug("the engine %s, the detector %s, the encoder %s, emotions %s", name, detector, encoder, emotion)
    try:
        usual = ORIGINALS_ENCODER if name == "original" else USUAL_ENCODER
        of_faces = _encoder(name, encoder or usual, precision, beside)
        return Engine(
            _detector(name, detector, tell),
            of_faces,
            resize_ratio=resize_ratio,
            assesses=name != "original",
            emotions=_emotions(emotion) if emotion else None,
        )
    except SetUpError:
        raise
    except UserError as error:
        raise SetUpError(str(error)) from error


def engine_of(settings: Settings, tell: Callable[[str], None], encoder: str, beside: Executor | None = None) -> Engine:
    """The engine that the settings ask for, with this encoder, made as by `make_engine`."""
    return make_engine(
        settings.engine,
        settings.detector,
        settings.resize_ratio,
        tell,
        encoder,
        emotion=settings.emotion_reader,
        beside=beside,
        precision=settings.precision,
    )


# Each has libraries of its own, for which a run with others does not wait.


def _emotions(name: str) -> EmotionEngine:
    from face_classifier.vision.emotion import make_emotions

    return make_emotions(name)


def _encoder(engine: str, name: str, wanted: str, beside: Executor | None) -> Encoder:
    precision = "fp32" if engine == "original" else precision_of(wanted, name)
    kind = "-int8" if precision == "int8" else ""
    if name == "sface":
        from face_classifier.vision.sface import SFaceEncoder

        try:
            return SFaceEncoder(models.graph(f"sface{kind}"), precision, beside)
        except SetUpError:
            raise
        except UserError as error:
            raise UserError(f"{error}, or give --encoder dlib for a new result folder") from error
    with needing("dlib's encoder", models.DLIB):
        from face_classifier.vision.dlib_resnet import DlibEncoder, ResNetEncoder

    if engine == "original":
        return DlibEncoder(models.find(models.RESNET), models.find(models.LANDMARKS))
    rounded = models.graph("dlib-resnet-int8") if precision_once(wanted) != precision else None
    return ResNetEncoder(models.graph(f"dlib-resnet{kind}"), models.find(models.LANDMARKS), precision, beside, rounded)


def check_detector(name: str, detector: str | None, tell: Callable[[str], None]) -> None:
    """Tell what `make_engine` would, for whoever has others analyse. Parameters as of that; raises SetUpError."""
    try:
        _detector(name, detector, tell)
    except SetUpError:
        raise
    except UserError as error:
        raise SetUpError(str(error)) from error


def _detector(engine: str, name: str | None, tell: Callable[[str], None]) -> Detector:
    name = name or ("hog" if engine == "original" else "yunet")
    if name == "cnn":
        from face_classifier.vision.mmod import Mmod

        return Mmod(models.graph("mmod"))
    if name == "yunet":
        try:
            return YuNet(models.graph("yunet"))
        except UserError as error:
            tell(f"the slower detector hog stands in for yunet: {error} (or run `face-classifier models fetch` later)")
    with needing("the detector hog", models.DLIB):
        from face_classifier.vision.hog import HogDetector

    return HogDetector()


def _fills(box: Box, image: Image) -> bool:
    height, width = image.shape[:2]
    return box.height > _FILLING * height or box.width > _FILLING * width


def _with_outer(detections: Sequence[Detection], around: Sequence[Detection], image: Image) -> list[Detection]:
    """Faces in a picture, those that reach outside as they were found with room ``around`` it.

    Where a detector finds such a face without that room, its box ends about where the picture does.
    """
    if not detections:
        return list(around)
    outer = [detection for detection in around if inside(detection.box, image) < _WHOLE]
    return outer + [face for face in detections if not any(face.box.overlap(other.box) > _SAME for other in outer)]


def _area(detection: Detection) -> int:
    return detection.box.area


def _off_centre(image: Image) -> Callable[[Detection], float]:
    height, width = image.shape[:2]

    def distance(detection: Detection) -> float:
        box = detection.box
        return float((box.left + box.right - width) ** 2 + (box.top + box.bottom - height) ** 2)

    return distance


def _middle_third(image: Image) -> Box:
    height, width = image.shape[:2]
    return Box(height // 3, max(width // 3 + 1, 2 * width // 3), max(height // 3 + 1, 2 * height // 3), width // 3)
