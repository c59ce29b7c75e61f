"""Others' calls for every face of a picture, timed alone: decoding is not in them.

Each peer is handed BGR pictures one by one, as its own examples do, and finds and encodes all faces in them.
`speed.py` times them on a clip; `peers.py` compares what they find, and whose they say it is, too.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from face_classifier.cli import demo
from face_classifier.core.types import Image
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import open_source
from face_classifier.sources.picture import read_picture
from face_classifier.vision.models import registry as models
from pace.process import Numbers
from pace.runs import frames_of

_YUNET, _SFACE = "face_detection_yunet_2023mar_int8bq.onnx", "face_recognition_sface_2021dec_int8bq.onnx"
_LARGEST = 640  # pixels: the longer side that the Zoo's YuNet is given here
_SURE, _OVERLAP, _MOST = 0.9, 0.3, 5000  # the defaults of the Zoo's demo


def calls(peer: str, source: str, every: int) -> Numbers:
    """Milliseconds that a peer needs for all faces of a frame, of every so many-th frame; the first warms it up."""
    find = _PEERS[peer]()
    spent, faces = [], 0
    with open_source(source) as opened:
        for number, frame in enumerate(frames_of(opened, Sampling(0))):
            if number % every:
                continue
            wall, cpu = time.perf_counter(), time.process_time()
            found = find(frame.image)
            spent.append((time.perf_counter() - wall, time.process_time() - cpu))
            faces += len(found)
    walls, cpus = zip(*spent[1:], strict=True)
    return {
        "frames": len(spent),
        "faces": faces,
        "ms": 1000 * sum(walls) / len(walls),
        "cpu_ms": 1000 * sum(cpus) / len(cpus),
    }


def pictures(peer: str, paths: list[str], every: float, out: str) -> Numbers:
    """What a peer finds in photos, and in clips every so many seconds; the first picture warms it up.

    ``out``: a file of NumPy's that gets a row a picture: its path's number, whether there is a face, and of the largest
    one the encoding at length 1.
    """
    find = _PEERS[peer]()
    rows: list[tuple[int, Found | None]] = []
    find(read_picture(demo.photographs()["obama.jpg"]))
    wall = cpu = 0.0
    for number, path in enumerate(paths):
        with open_source(path) as opened:
            for frame in frames_of(opened, Sampling(every)):
                began, worked = time.perf_counter(), time.process_time()
                found = find(frame.image)
                wall, cpu = wall + time.perf_counter() - began, cpu + time.process_time() - worked
                rows.append((number, max(found, key=lambda one: one.area, default=None)))
    size = next((len(one.encoding) for _, one in rows if one), 1)
    encodings = np.zeros((len(rows), size))
    for row, (_, one) in enumerate(rows):
        if one:
            encodings[row] = one.encoding / (np.linalg.norm(one.encoding) if peer != "original" else 1.0)
    there = np.array([one is not None for _, one in rows])
    np.savez(out, path=np.array([number for number, _ in rows]), there=there, encoding=encodings)
    return {"pictures": len(rows), "ms": 1000 * wall / len(rows), "cpu_ms": 1000 * cpu / len(rows)}


class Found(NamedTuple):
    area: float  # px²
    encoding: npt.NDArray[np.float64]


Finds = Callable[[Image], list[Found]]  # finds and encodes the faces of a BGR picture


def original() -> Finds:
    """The calls of the original program: `face_recognition`, with HOG and dlib's ResNet."""
    import face_recognition

    def find(image: Image) -> list[Found]:
        rgb = np.ascontiguousarray(image[:, :, ::-1])
        boxes = face_recognition.face_locations(rgb)
        encodings = face_recognition.face_encodings(rgb, boxes)
        return [
            Found((bottom - top) * (right - left), encoding)
            for (top, right, bottom, left), encoding in zip(boxes, encodings, strict=True)
        ]

    return find


def zoo() -> Finds:
    """OpenCV Zoo's pipeline: YuNet and SFace by OpenCV's own classes, in fp32."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [_in_fp32(_file(name), Path(folder)) for name in (_YUNET, _SFACE)]
        detector = cv2.FaceDetectorYN.create(str(paths[0]), "", (320, 320), _SURE, _OVERLAP, _MOST)
        encoder = cv2.FaceRecognizerSF.create(str(paths[1]), "")

    def find(image: Image) -> list[Found]:
        scale = min(1.0, _LARGEST / max(image.shape[:2]))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        detector.setInputSize((small.shape[1], small.shape[0]))
        _, found = detector.detect(small)
        found = [] if found is None else found
        for face in found:
            face[:14] /= scale
        crops = [(face[2] * face[3], encoder.alignCrop(image, face)) for face in found]
        return [Found(float(area), encoder.feature(crop)[0].astype(float)) for area, crop in crops]

    return find


def deepface() -> Finds:
    """DeepFace with YuNet and SFace, whose weights it can read from files of the Zoo's names."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["DEEPFACE_HOME"] = home
        from deepface import DeepFace

        weights = Path(home) / ".deepface" / "weights"
        weights.mkdir(parents=True, exist_ok=True)
        for name in (_YUNET, _SFACE):
            _in_fp32(_file(name), weights)

        def find(image: Image) -> list[Found]:
            told = DeepFace.represent(image, "SFace", detector_backend="yunet", enforce_detection=False)
            return [
                Found(face["facial_area"]["w"] * face["facial_area"]["h"], np.array(face["embedding"]))
                for face in told
                if face["face_confidence"] > 0
            ]

        find(read_picture(demo.photographs()["obama.jpg"]))  # which loads them
    return find


_PEERS: dict[str, Callable[[], Finds]] = {"original": original, "zoo": zoo, "deepface": deepface}


def there() -> Numbers:
    """Which peers are installed."""
    import importlib.util

    wanted = {"original": "face_recognition", "zoo": "cv2", "deepface": "deepface"}
    return {name: importlib.util.find_spec(package) is not None for name, package in wanted.items()}


def _file(name: str) -> Path:
    return models.find(next(model.weights for model in models.MODELS.values() if model.weights.file == name))


def _in_fp32(path: Path, folder: Path) -> Path:
    """The Zoo's int8bq file as its fp32 one: OpenCV cannot read some that dequantise their own weights."""
    import onnx
    from onnx import numpy_helper
    from onnx.reference import ReferenceEvaluator

    model = onnx.load(path)
    graph = model.graph
    known: dict[str, Any] = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    left, read = [], set()
    for node in graph.node:
        if node.op_type in ("DequantizeLinear", "Reshape") and all(name in known for name in node.input):
            known[node.output[0]] = ReferenceEvaluator(node).run(None, {name: known[name] for name in node.input})[0]
        else:
            left.append(node)
            read.update(node.input)
    inputs = [one for one in graph.input if one.name in read - known.keys()]
    for field, values in (("node", left), ("input", inputs), ("initializer", [])):
        graph.ClearField(field)
        getattr(graph, field).extend(values)
    graph.initializer.extend(numpy_helper.from_array(known[name], name) for name in sorted(read & known.keys()))
    made = folder / path.name.replace("_int8bq", "")
    onnx.save(model, made)
    return made
