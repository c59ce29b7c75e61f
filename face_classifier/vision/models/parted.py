"""A graph in two parts: its nodes, and beside them its weights, which ONNX Runtime maps instead of copying them."""

from __future__ import annotations

import onnx
from onnx.external_data_helper import set_external_data

_LEAST = 1024  # bytes of a tensor, from which on it is one of the weights
_ALIGNED = 64  # bytes: where processors read vectors fast


def parted(model: bytes, name: str) -> tuple[bytes, bytes]:
    """The nodes and the weights of an ONNX graph; ``name``: of the file of the weights, in the same folder."""
    graph, weights = onnx.load_from_string(model), bytearray()
    for tensor in graph.graph.initializer:
        if len(tensor.raw_data) >= _LEAST:
            weights += bytes(-len(weights) % _ALIGNED)
            set_external_data(tensor, name, offset=len(weights), length=len(tensor.raw_data))
            weights += tensor.raw_data
            tensor.ClearField("raw_data")
    return graph.SerializeToString(), bytes(weights)
