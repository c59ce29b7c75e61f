"""What a face is as numbers: a picture and boxes in, 128-d encodings out."""

from __future__ import annotations

from collections.abc import Sequence

import face_recognition

from face_classifier.faces import Detection, Encoding, Image, as_rgb


class DlibEncoder:
    """dlib's ResNet on 5-point landmarks, as ``face_recognition.face_encodings`` calls it by default."""

    space = "dlib-resnet-v1"
    chip = "dlib"
    precision = "fp32"

    def encode(self, image: Image, detections: Sequence[Detection]) -> list[Encoding]:
        """The encodings, (128,) float64 each, of faces in a BGR picture (height, width, 3), in the given order.

        dlib's network wants RGB: with BGR encodings shift by half a threshold.
        """
        if not detections:
            return []
        boxes = [detection.box.css for detection in detections]
        return [encoding.astype(float) for encoding in face_recognition.face_encodings(as_rgb(image), boxes)]
