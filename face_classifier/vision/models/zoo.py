"""Reads the block-quantised ONNX files of the OpenCV Zoo, which ONNX Runtime refuses as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, helper, numpy_helper

from face_classifier.vision.models.dlib_dat import Array, Convolution


@dataclass(frozen=True, eq=False)
class SFace:
    """The face encoder SFace: convolutions one after the other, 3 x 3 ones of single channels between 1 x 1 ones."""

    mean: Array  # (1,) 0..255; the network sees (pixel - mean) * scale, and zero around the picture
    scale: Array  # (1,)
    layers: tuple[tuple[Convolution, Array], ...]  # 27, each with its PReLU's slopes, (channels,)
    matrix: Array  # (128, 1024 x 7 x 7): encoding = matrix @ the last picture, channel by channel, + bias
    bias: Array  # (128,)


def read_sface(quantised: ModelProto) -> SFace:
    """The weights in ``face_recognition_sface_2021dec_int8bq.onnx``. Raises ValueError for another model."""
    read = list(layers(quantised))
    block = ["Conv", "BatchNormalization", "PRelu"]
    tail = ["BatchNormalization", "Constant", "Dropout", "Flatten", "Gemm", "BatchNormalization"]
    if [layer.operation for layer in read] != ["Sub", "Mul", *block * 27, *tail]:
        raise ValueError("this model is not SFace: its operations differ")
    blocks = tuple(
        (convolution.as_convolution().scaled(*norm.as_scale()), prelu.constants[0].ravel())
        for convolution, norm, prelu in zip(read[2:83:3], read[3:83:3], read[4:83:3], strict=True)
    )
    (factor, summand), (weights, bias), last = read[83].as_scale(), read[87].constants, read[88].as_scale()
    # Both normalisations around the last matrix are folded into it; 7 x 7 of its columns belong to a channel.
    bias = bias + weights @ np.repeat(summand, 49)
    weights, bias = weights * np.repeat(factor, 49) * last[0][:, None], bias * last[0] + last[1]
    matrix, bias = weights.astype(np.float32), bias.astype(np.float32)
    return SFace(read[0].constants[0], read[1].constants[0], blocks, matrix, bias)


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


class Layer(NamedTuple):
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


def layers(model: ModelProto) -> Iterator[Layer]:
    """The nodes of a model in the order of its file, without those that only make constants."""
    known = _constants(model)
    for node in model.graph.node:
        if node.output[0] not in known:
            constants = [known[name] for name in node.input if name in known]
            yield Layer(node.op_type, constants, _attributes(node))
