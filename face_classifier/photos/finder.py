"""Finding faces in a photo: looked for hard, from left to right, with a small picture of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from face_classifier.core.types import Box, Detection, Encoding, Image
from face_classifier.sources.picture import decode
from face_classifier.vision.engine import Engine

TILE = 160  # pixels
# Of the encoders: albums of people when young and when old lose F .025 by 8-bit numbers (`benchmarks/identity.md`).
PRECISION = "fp32"
PLAIN, LARGER, TURNED, UNSURE = "plain", "enlarged", "turned", "unsure"
# Raised when photos that were searched before are to be searched anew. 1: without faces that are small in a large
# picture or fill it; indexes of that time do not tell it. 2: dark pictures as they are.
_SEARCH = 3
BEST = f"yunet {_SEARCH}"  # the name of the finder beyond which there is none


@dataclass(frozen=True, eq=False)
class PhotoFace:
    """A face in a photo."""

    box: Box  # pixels of the upright photo
    encoding: Encoding  # (128,) float64
    quality: float | None  # 0 to 1
    tile: bytes  # JPEG, 160 x 160, the upright face with half a box around it, as far as the photo goes


class FoundFaces(NamedTuple):
    """What was found in a photo."""

    size: tuple[int, int]  # width and height of the upright photo, pixels
    faces: list[PhotoFace]  # from left to right
    how: str  # which attempt found them: PLAIN, or one of those after it


def tile_image(tile: bytes) -> Image:
    """A face's tile as a picture: (160, 160, 3) uint8 BGR."""
    return np.asarray(cv2.imdecode(np.frombuffer(tile, np.uint8), cv2.IMREAD_COLOR), np.uint8)


class FaceFinder:
    """Finds and encodes all faces of a photo, and tries harder where there seems to be none. Threads may share one."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._keen = engine, engine.keener()
        self.space = engine.made_by.space
        self.name = f"{engine.made_by.detector} {_SEARCH}"  # of the detector, and how it is used

    def find(self, path: Path) -> FoundFaces:
        """The faces of a photo. Raises UserError where it cannot be read."""
        photo = decode(path)
        faces, how = self.find_in(photo.image)
        return FoundFaces(photo.size, [replace(face, box=face.box.scaled(photo.scale)) for face in faces], how)

    def find_in(self, image: Image) -> tuple[list[PhotoFace], str]:
        """The faces in an upright BGR picture (height, width, 3) uint8, and which attempt found them."""
        for attempt in self._attempts(image):
            faces = [
                PhotoFace(attempt.back(face.box), face.encoding, face.quality, attempt.tile(face.box, image))
                for face in self._engine.encode(attempt.image, attempt.detections)
            ]
            if faces:
                return sorted(faces, key=lambda face: (face.box.left, face.box.top)), attempt.name
        return [], PLAIN

    def _attempts(self, image: Image) -> Iterator[_Attempt]:
        """One after the other, the cheap and the sure ones first.

        UNSURE is for photos of which one knows that they show somebody: it finds a face in many that show none.
        """
        plain = _Attempt(PLAIN, image, self._engine.detect(image, thorough=True), _same)
        yield plain if plain.score() >= _UPRIGHT else self._turned(image, plain)
        if max(image.shape[:2]) > _SMALL:
            yield _Attempt(UNSURE, image, self._keen.detect(image, thorough=True), _same)
            return
        larger = np.asarray(cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
        keen = self._keen.detect(larger, thorough=True)
        yield _Attempt(LARGER, larger, _sure(keen, _USUAL), _halved)
        yield _Attempt(UNSURE, image, self._keen.detect(image, thorough=True), _same)
        yield _Attempt(UNSURE, larger, keen, _halved)

    def _turned(self, image: Image, plain: _Attempt) -> _Attempt:
        """As the photo shows most of a face: some cameras and scanners leave the turn out of EXIF."""
        factor = min(1.0, _SMALL / max(image.shape[:2]))  # one large copy is made, and only if it is needed
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else image
        scores = {turns: self._turned_by(np.asarray(small, np.uint8), turns).score() for turns in (1, 3, 2)}
        best = max(scores, key=lambda turns: scores[turns])
        return self._turned_by(image, best) if scores[best] > plain.score() + _CLEARLY else plain

    def _turned_by(self, image: Image, turns: int) -> _Attempt:
        """``turns``: by 90 degrees, counter-clockwise."""
        turned = np.ascontiguousarray(np.rot90(image, turns))
        detections = _sure(self._engine.detect(turned, thorough=True), _SURE)
        return _Attempt(
            TURNED, turned, detections, lambda box: _turned_back(box, turns, image.shape[1], image.shape[0])
        )


_SMALL = 1280  # pixels: smaller photos are searched at twice their size
_USUAL, _SURE = 0.8, 0.85  # least scores
# YuNet finds most faces upside down, and a third of those on their side, but takes the chin for a forehead: their
# encodings are wrong. Of 857 upright photos in data/ two had a higher score when turned, one of them by little; 96 %
# had more than this as they were, and all but one of those upside down less.
_UPRIGHT = 0.91
# By so much higher must the score of a turned face be: all but 12 of 2,571 turned photos are turned back then (7 with
# any), and tilted heads, which look about the same both ways, are left as they are.
_CLEARLY = 0.005


class _Attempt(NamedTuple):
    name: str
    image: Image  # the photo as it was searched
    detections: list[Detection]  # in that picture
    back: Callable[[Box], Box]  # to the photo's own pixels

    def tile(self, box: Box, photo: Image) -> bytes:
        """A face's tile, of the ``photo`` itself unless that is not upright. ``box``: in the picture searched."""
        return _tile(self.image, box) if self.name == TURNED else _tile(photo, self.back(box))

    def score(self) -> float:
        return max((1.0 if detection.score is None else detection.score for detection in self.detections), default=0.0)


def _sure(detections: Iterable[Detection], least: float) -> list[Detection]:
    return [detection for detection in detections if detection.score is None or detection.score >= least]


def _same(box: Box) -> Box:
    return box


def _halved(box: Box) -> Box:
    return box.scaled(0.5)


def _turned_back(box: Box, turns: int, width: int, height: int) -> Box:
    """A box of a picture that was turned counter-clockwise, in the picture of ``width`` x ``height`` as it was."""
    for turn in range(turns, 0, -1):
        across = width if turn % 2 else height  # before this turn, which swaps the sides
        box = Box(box.left, across - box.top, box.right, across - box.bottom)
    return box


def _tile(image: Image, box: Box) -> bytes:
    """Less than half a box around the face where the picture ends, rather than black."""
    height, width = image.shape[:2]
    side = min(2 * max(box.width, box.height), height, width)
    x = min(max((box.left + box.right) / 2, side / 2), width - side / 2)
    y = min(max((box.top + box.bottom) / 2, side / 2), height - side / 2)
    scale = TILE / side
    matrix = np.array([[scale, 0, TILE / 2 - scale * x], [0, scale, TILE / 2 - scale * y]])
    # Where it shrinks a lot, every pixel must count, or the tile flickers with noise.
    while scale < 0.5 and min(image.shape[:2]) > 1:
        image, scale = np.asarray(cv2.pyrDown(image), np.uint8), scale * 2
        matrix[:, :2] *= 2
    tile = cv2.warpAffine(image, matrix, (TILE, TILE), flags=cv2.INTER_LINEAR)
    return cv2.imencode(".jpg", tile, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
