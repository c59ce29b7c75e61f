"""Builds the encoders' graphs with 8-bit numbers, for processors that multiply those without saturating.

The weights are those of ``graphs``, rounded for each output channel; what flows between the layers is rounded to ranges
that real faces have, which `benchmarks/precision.py` found and ``ranges.json`` beside this module holds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto, helper

from face_classifier.vision.models.dlib_dat import Array, Convolution, Encoder
from face_classifier.vision.models.graphs import halving, normalising, residual
from face_classifier.vision.models.nodes import CONTRIB, Graph
from face_classifier.vision.models.zoo import SFace

RANGES = Path(__file__).with_name("ranges.json")
STEPS = 4  # of an octave: how finely the channels' sizes are told
_MIDDLE = 114  # of 0..255: what dlib's stem takes for zero before its bias, near the mean of its three colours
_HALF = 128  # of 256 bytes
_SFACE_SIDE = 112  # pixels of its pictures
_BLOCK = 32  # columns of SFace's last matrix that share a scale, as in the Zoo's file


class SFaceRanges(NamedTuple):
    """What goes into SFace's 13 pointwise convolutions."""

    sizes: list[list[int]]  # of each channel: log2 of its largest absolute value, times STEPS
    ranges: list[tuple[float, float]]  # of all channels together, once they are divided by `balanced` factors


def probe() -> ModelProto:
    """A product of large numbers, which comes out too small where pairs of products saturate at 16 bits.

    Input ``given``: uint8 (1, 64). Output ``products``: int32 (1, 16), each the sum of the input times 127.
    """
    graph = Graph()
    graph.add("MatMulInteger", ["given", graph.constant(np.full((64, 16), 127, np.int8))], output="products")
    given = helper.make_tensor_value_info("given", TensorProto.UINT8, [1, 64])
    return graph.model(given, [helper.make_tensor_value_info("products", TensorProto.INT32, [1, 16])])


def dlib_ranges() -> list[tuple[float, float]]:
    """Least and greatest value of the stem's picture, then for each block of that between its convolutions, of that
    behind them, and of its result."""
    return [(low, high) for low, high in json.loads(RANGES.read_text("ascii"))["dlib-resnet"]]


def sface_ranges() -> SFaceRanges:
    """The ranges of SFace."""
    told = json.loads(RANGES.read_text("ascii"))["sface"]
    return SFaceRanges(told["sizes"], [(low, high) for low, high in told["ranges"]])


def encoder(weights: Encoder, ranges: list[tuple[float, float]]) -> ModelProto:
    """dlib's face encoder, with the input and output of ``graphs.encoder``. ``ranges``: as of `dlib_ranges`."""
    graph, told = Graph(), iter(ranges)
    stem = normalising(weights.stem, weights.mean)
    shifted = stem.bias + _MIDDLE * stem.weights.sum(axis=(1, 2, 3))
    stem = Convolution(stem.weights, shifted.astype(np.float32), stem.stride, 0)
    x = _convolution(graph, _Tensor("faces", np.float32(1), np.uint8(_MIDDLE)), stem, next(told))
    pooled = graph.add("NhwcMaxPool", [x.name], domain=CONTRIB, kernel_shape=[3, 3], strides=[2, 2])
    x = x._replace(name=pooled)
    for first, second, short in residual(weights):
        y = _convolution(graph, _convolution(graph, x, first, next(told)), second, next(told))
        if first.stride == 2:
            half = halving(first.weights.shape[1], first.weights.shape[0])
            x = _convolution(graph, x, half, (0.0, float(x.scale) * 255))
        if short:
            pads = graph.constant(np.array([0] * 5 + [short, short, 0]))
            y = y._replace(name=graph.add("Pad", [y.name, pads, graph.constant(np.array(y.zero))]))
        x = _sum(graph, y, x, next(told))
    x_values = graph.add("DequantizeLinear", [x.name, *_constants(graph, x)])
    mean = graph.add("ReduceMean", [x_values], axes=[1, 2], keepdims=0)
    graph.add("MatMul", [mean, graph.constant(weights.projection)], output="encodings")
    return _model(graph, 150)


def sface(weights: SFace, ranges: SFaceRanges) -> ModelProto:
    """SFace, with the input and output of ``graphs.sface``. ``ranges``: as of `sface_ranges`.

    Its pointwise convolutions alone, nine tenths of its work, have 8-bit numbers. Channels differ so much in size that
    one range for all would lose the small ones (encodings shift by .036): the depthwise convolution before makes them
    alike, which a PReLU lets through, and the pointwise one undoes it (Nagel et al.: Data-Free Quantization Through
    Weight Equalization and Bias Correction, 2019).
    """
    graph, told = Graph(), zip(ranges.sizes, ranges.ranges, strict=True)
    x = graph.add("Transpose", [graph.add("Cast", ["faces"], to=TensorProto.FLOAT)], perm=[0, 3, 1, 2])
    x = graph.add("Mul", [graph.add("Sub", [x, graph.constant(weights.mean)]), graph.constant(weights.scale)])
    (stem, slopes), *others = weights.layers
    x, side = graph.prelu(graph.convolution(x, stem), slopes), _SFACE_SIDE
    for (depthwise, between), (pointwise, behind) in zip(others[::2], others[1::2], strict=True):
        sizes, own = next(told)
        factors = balanced(sizes, pointwise)
        smaller = depthwise.scaled(np.asarray(1 / factors, np.float32), np.zeros_like(factors))
        x = graph.prelu(graph.convolution(x, smaller), between)
        side //= depthwise.stride
        x, scales = _pointwise(graph, x, pointwise.weights[:, :, 0, 0] * factors, own, side)
        x = graph.prelu(x, behind, scales, pointwise.bias)
    _last(graph, graph.add("Flatten", [x]), weights)
    return _model(graph, _SFACE_SIDE)


def balanced(sizes: list[int], pointwise: Convolution) -> Array:
    """By what the channels before a pointwise convolution are divided, (channels,): mostly by their sizes.

    The rest of the way to its weights, so that neither loses all (Xiao et al.: SmoothQuant, 2023, with .85).
    """
    values = np.exp2(np.array(sizes) / STEPS)
    largest = np.maximum(np.abs(pointwise.weights).max(axis=(0, 2, 3)), 1e-6)
    factors = values**0.85 / largest**0.15
    return np.asarray(factors / np.exp(np.log(factors).mean()), np.float32)


class _Tensor(NamedTuple):
    """8-bit numbers, each (number - zero) * scale."""

    name: str
    scale: np.float32
    zero: np.uint8


def _grid(low: float, high: float) -> tuple[np.float32, np.uint8]:
    """Scale and zero of 8-bit numbers for a range, widened to zero."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32((high - low) / 255)
    return scale, np.uint8(round(-low / float(scale)))


def _rounded(weights: Array) -> tuple[npt.NDArray[np.int8], Array]:
    """Weights (outputs, ...) as numbers of -127..127, and the scale of each output, (outputs,)."""
    largest = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return np.round(weights / scales.reshape(-1, *[1] * (weights.ndim - 1))).astype(np.int8), scales


def _constants(graph: Graph, x: _Tensor) -> list[str]:
    return [graph.constant(np.array(value)) for value in (x.scale, x.zero)]


def _convolution(graph: Graph, x: _Tensor, convolution: Convolution, result: tuple[float, float]) -> _Tensor:
    """A convolution; a ``result`` that begins at 0 makes it a relu, too, since nothing below can be told."""
    values, scales = _rounded(convolution.weights)
    bias = np.round(convolution.bias / (np.float64(x.scale) * scales)).astype(np.int32)
    scale, zero = _grid(*result)
    inputs = [x.name, *_constants(graph, x), graph.constant(values), graph.constant(scales)]
    inputs += [graph.constant(np.zeros(len(scales), np.int8)), *_constants(graph, _Tensor("", scale, zero))]
    stride, padding = [convolution.stride] * 2, [convolution.padding] * 4
    kernel = list(convolution.weights.shape[2:])
    shape: dict[str, Any] = {"strides": stride, "pads": padding, "kernel_shape": kernel, "channels_last": 1}
    name = graph.add("QLinearConv", [*inputs, graph.constant(bias)], domain=CONTRIB, **shape)
    return _Tensor(name, scale, zero)


def _sum(graph: Graph, one: _Tensor, other: _Tensor, result: tuple[float, float]) -> _Tensor:
    scale, zero = _grid(*result)
    terms = [name for x in (one, other) for name in (x.name, *_constants(graph, x))]
    name = graph.add("QLinearAdd", [*terms, *_constants(graph, _Tensor("", scale, zero))], domain=CONTRIB)
    return _Tensor(name, scale, zero)


def _pointwise(graph: Graph, x: str, weights: Array, given: tuple[float, float], side: int) -> tuple[str, Array]:
    """A convolution of single pixels without its bias, floats in and out, (n, channels, side, side), inputs rounded.

    ``weights``: (outputs, inputs). Each output channel is still to be multiplied by its number in the second result.
    The weights come first, so that no picture is turned, and their zero is 128: bytes times signed ones are what
    processors multiply best.
    """
    values, scales = _rounded(weights)
    scale, zero = _grid(*given)
    centre = graph.constant(np.array(int(zero) - _HALF, np.int8))
    rounded = graph.add("QuantizeLinear", [x, graph.constant(np.array(scale)), centre])
    flat = graph.add("Reshape", [rounded, graph.constant(np.array([0, 0, -1]))])
    matrix = (values.astype(np.int16) + _HALF).astype(np.uint8)
    inputs = [graph.constant(matrix), flat, graph.constant(np.array(_HALF, np.uint8)), centre]
    sums = graph.add("Cast", [graph.add("MatMulInteger", inputs)], to=TensorProto.FLOAT)
    return graph.add("Reshape", [sums, graph.constant(np.array([0, 0, side, side]))]), scales * scale


def _last(graph: Graph, x: str, weights: SFace) -> None:
    """The last matrix, whose 26 MB of floats would take longer to read than to multiply."""
    outputs, inputs = weights.matrix.shape
    blocks = weights.matrix.reshape(outputs, inputs // _BLOCK, _BLOCK)
    scales = np.maximum(np.abs(blocks).max(axis=2) / 127, 1e-12).astype(np.float32)
    values = (np.round(blocks / scales[..., None]) + 128).astype(np.uint8)
    given = [x, graph.constant(values), graph.constant(scales), "", "", graph.constant(weights.bias)]
    sizes: dict[str, Any] = {
        "K": inputs,
        "N": outputs,
        "bits": 8,
        "block_size": _BLOCK,
        "accuracy_level": 4,
    }  # 4: 8-bit numbers
    graph.add("MatMulNBits", given, output="encodings", domain=CONTRIB, **sizes)


def _model(graph: Graph, side: int) -> ModelProto:
    faces = helper.make_tensor_value_info("faces", TensorProto.UINT8, ["n", side, side, 3])
    return graph.model(faces, [helper.make_tensor_value_info("encodings", TensorProto.FLOAT, ["n", 128])])
