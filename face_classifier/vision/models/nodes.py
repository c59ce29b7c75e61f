"""Nodes and constants of an ONNX graph in the making."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from face_classifier.vision.models.dlib_dat import Array, Convolution

CONTRIB = "com.microsoft"  # the domain of ONNX Runtime's own operations
_OPSET = 17  # the oldest that has all we need, so that old runtimes read our files
_IR_VERSION = 8  # the format that came with it


class Graph:
    """Nodes and constants in the making; every method returns the name of its result."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def add(self, operation: str, inputs: Iterable[str], output: str | None = None, **attributes: Any) -> str:
        """A node of an operation over named inputs, called ``output`` or by a name of its own.

        ``attributes``: those of the operation, and ``domain`` where it is none of ONNX itself.
        """
        name = output or f"{operation}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, list(inputs), [name], name, **attributes))
        return name

    def constant(self, values: npt.NDArray[Any]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
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

    def prelu(self, x: str, slopes: Array, scales: Array | None = None, bias: Array | None = None) -> str:
        """y where positive, else slope * y, where y = scale * x + bias, with numbers for each channel.

        For slopes up to 1 it is slope * y + relu((1 - slope) * y), for all slope * y + (1 - slope) * relu(y). ONNX
        Runtime's own PRelu leaves its blocked layout: 20 ms instead of 8 for the whole of SFace.
        """
        scales = np.ones_like(slopes) if scales is None else scales
        bias = np.zeros_like(slopes) if bias is None else bias
        linear = self._scaled(x, slopes * scales, slopes * bias)
        rest = 1 - slopes
        if slopes.max() <= 1:
            return self.add("Add", [linear, self.relu(self._scaled(x, rest * scales, rest * bias))])
        positive = self.relu(self._scaled(x, scales, bias))
        return self.add("Add", [linear, self._scaled(positive, rest, np.zeros_like(rest))])

    def _scaled(self, x: str, factors: Array, bias: Array) -> str:
        """Each channel times its factor, plus its bias, as the convolution that ONNX Runtime does in place."""
        if (factors == 1).all() and not bias.any():
            return x
        return self.convolution(x, Convolution(factors.reshape(-1, 1, 1, 1), bias, 1, 0))

    def model(self, source: onnx.ValueInfoProto, results: Sequence[onnx.ValueInfoProto]) -> ModelProto:
        graph = helper.make_graph(self._nodes, "face-classifier", [source], results, self._constants)
        ours = all(node.domain != CONTRIB for node in self._nodes)
        opset = [helper.make_opsetid("", _OPSET), *([] if ours else [helper.make_opsetid(CONTRIB, 1)])]
        model = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION, producer_name="face-classifier")
        onnx.checker.check_model(model, full_check=True)
        return model
