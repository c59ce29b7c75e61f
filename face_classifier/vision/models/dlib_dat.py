"""Reads dlib's ``.dat`` files: the weights of its face encoder and of its CNN face detector, as numpy arrays.

A ``.dat`` file is a stream of values without names and without the plan of the network: whoever reads it must know
the layers. Nothing in it is executed, and the first value that is not the expected one raises ValueError with its
offset. Formats: ``serialize.h``, ``dnn/core.h``, ``dnn/layers.h``, ``dnn/input.h``, ``dnn/loss.h`` and
``cuda/tensor.h`` of dlib 20.0; plans: ``face_recognition.cpp`` and ``cnn_face_detector.cpp`` of its Python binding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
T = TypeVar("T")
_Layer = Callable[["_Stream"], Any]  # reads a layer's values
_Scale = tuple[Array, Array]  # factor and summand of each channel


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution with the affine or batch normalisation layer behind it folded in; no activation."""

    weights: Array  # (output channels, input channels, rows, columns)
    bias: Array  # (output channels,)
    stride: int  # pixels, both ways
    padding: int  # pixels of zero on each side

    def scaled(self, factor: Array, summand: Array) -> Convolution:
        """This convolution with its outputs, channel by channel, times ``factor`` plus ``summand``."""
        weights = (self.weights * factor[:, None, None, None]).astype(np.float32)
        return Convolution(weights, (self.bias * factor + summand).astype(np.float32), self.stride, self.padding)


@dataclass(frozen=True, eq=False)
class Encoder:
    """dlib's ResNet that encodes a face of 150 x 150 pixels."""

    mean: Array  # (3,) RGB, 0..255; the network sees (pixel - mean) / 256
    stem: Convolution  # 7 x 7, stride 2
    blocks: tuple[
        tuple[Convolution, Convolution], ...
    ]  # 3 x 3 each; the picture is halved where the first has stride 2
    projection: Array  # (256, 128): encoding = pooled features @ projection


@dataclass(frozen=True, eq=False)
class Detector:
    """dlib's MMOD detector of human faces."""

    mean: Array  # (3,) RGB, 0..255; the network sees (pixel - mean) / 256
    convolutions: tuple[Convolution, ...]  # all but the last are followed by a relu
    window: tuple[int, int]  # (width, height) of a face in pixels of its level of the pyramid
    overlap: float  # two boxes are one face above this intersection over the box around both
    covered: float  # or when more than this part of one lies in the other
    padding: int  # pixels of zero between the levels of the pyramid
    outer_padding: int  # pixels of zero around them all


# input channels, output channels, stride of the 14 residual blocks, from the picture to the encoding
_BLOCKS = (
    *[(32, 32, 1)] * 3,
    *[(32, 64, 2), *[(64, 64, 1)] * 3],
    *[(64, 128, 2), *[(128, 128, 1)] * 2],
    *[(128, 256, 2), *[(256, 256, 1)] * 2],
    (256, 256, 2),
)


def read_encoder(path: Path) -> Encoder:
    """Read ``dlib_face_recognition_resnet_model_v1.dat``; ValueError if it is anything else or damaged."""
    stream = _Stream(path)
    stream.expect(1, stream.integer)
    stream.expect("loss_metric_2", stream.string)
    stream.many(2, stream.number)  # margin and distance: for training
    stem = [_convolution(3, 32, 7, 2, 0), _affine(32), _word("relu_"), _pool("max_pool_2", 3, 2)]
    body = [layer for block in _BLOCKS for layer in _residual(*block)]
    mean, *layers = stream.network(_sized_input, [*stem, *body, _pool("avg_pool_2", 0, 1), _projection(256, 128)])
    stream.end()
    first, *others = _fold(layers[:-1])
    return Encoder(mean, first, tuple(zip(others[::2], others[1::2], strict=True)), layers[-1])


def read_detector(path: Path) -> Detector:
    """Read ``mmod_human_face_detector.dat``; ValueError if it is anything else or damaged."""
    stream = _Stream(path)
    stream.expect(1, stream.integer)
    stream.expect("loss_mmod_", stream.string)
    stream.expect(1, stream.integer)
    width, height = stream.many(2, stream.integer)
    stream.many(3, stream.number)  # two losses and the overlap with a true box: for training
    overlap, covered = stream.many(2, stream.number)
    stream.many(2, stream.number)  # overlap with boxes to ignore: for training
    shapes = [(3, 16, 5, 2, 0), (16, 32, 5, 2, 0), (32, 32, 5, 2, 0), (32, 45, 5, 1, 2), *[(45, 45, 5, 1, 2)] * 2]
    hidden = [layer for shape in shapes for layer in (_convolution(*shape), _batch_norm(shape[1]), _word("relu_"))]
    (mean, padding, outer), *layers = stream.network(_pyramid_input, [*hidden, _convolution(45, 1, 9, 1, 4)])
    stream.end()
    return Detector(mean, tuple(_fold(layers)), (width, height), overlap, covered, padding, outer)


class _Stream:
    """The values of a file, one after the other."""

    def __init__(self, path: Path) -> None:
        self._path, self._data, self._at = path, path.read_bytes(), 0

    def fail(self, reason: str) -> NoReturn:
        raise ValueError(f"{self._path} is not the dlib model it should be: {reason}, before offset {self._at}")

    def bytes(self, count: int) -> bytes:
        start, self._at = self._at, self._at + count
        if self._at > len(self._data):
            self.fail(f"it ends after {len(self._data)} bytes")
        return self._data[start : self._at]

    def integer(self) -> int:
        """A control byte (low nibble: count of bytes; 0x80: negative), then the magnitude, little-endian."""
        control = self.bytes(1)[0]
        size = control & 0x0F
        if control & 0x70 or not 1 <= size <= 8:
            self.fail(f"no integer starts with the byte {control:#04x}")
        magnitude = int.from_bytes(self.bytes(size), "little")
        return -magnitude if control & 0x80 else magnitude

    def number(self) -> float:
        """Mantissa m and exponent e, of m * 2^e; exponents from 32000 on mean infinite or not a number."""
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > 1000 or abs(mantissa) > 2**53:
            self.fail(f"no finite number is {mantissa} * 2^{exponent}")
        return math.ldexp(mantissa, exponent)

    def boolean(self) -> bool:
        byte = self.bytes(1)
        if byte not in (b"0", b"1"):
            self.fail(f"{byte!r} is neither true nor false")
        return byte == b"1"

    def string(self) -> str:
        size = self.integer()
        if not 0 <= size <= 64:
            self.fail(f"no layer's name has {size} letters")
        return self.bytes(size).decode("latin-1")

    def tensor(self, shape: tuple[int, int, int, int]) -> Array:
        self.expect(2, self.integer)
        self.expect(list(shape), lambda: self.many(4, self.integer))
        values = np.frombuffer(self.bytes(4 * math.prod(shape)), "<f4").astype(np.float32)
        if not np.isfinite(values).all():
            self.fail("a weight is not a finite number")
        return values

    def alias(self, shape: tuple[int, int, int, int]) -> None:
        """The shape of a part of a tensor."""
        self.expect([1, *shape], lambda: self.many(5, self.integer))

    def many(self, count: int, read: Callable[[], T]) -> list[T]:
        return [read() for _ in range(count)]

    def expect(self, value: T, read: Callable[[], T]) -> None:
        actual = read()
        if actual != value:
            self.fail(f"{actual!r} instead of {value!r}")

    def end(self) -> None:
        if self._at != len(self._data):
            self.fail(f"{len(self._data) - self._at} more bytes than expected")

    def network(self, read_input: _Layer, layers: Sequence[_Layer | None]) -> list[Any]:
        """The input's values and those of every layer that has some, given the layers from input to output.

        They are nested, the last outermost, and each writes its version before what it contains and its own values
        after it: all versions come first. None is a tag or a skip, which has a version and nothing else.
        """
        for layer in reversed(layers[1:]):
            self.expect(1 if layer is None else 2, self.integer)
        self.expect(3, self.integer)
        values = [read_input(self)]
        for number, layer in enumerate(layers):
            if layer is not None:
                values.append(layer(self))
                self._leave_layer(innermost=number == 0)
        return [value for value in values if value is not None]

    def _leave_layer(self, innermost: bool) -> None:
        """Three flags and three empty tensors end a layer; the innermost also has a count of samples for one input."""
        self.many(3, self.boolean)
        for _ in range(3):
            self.tensor((0, 0, 0, 0))
        if innermost:
            self.expect(1, self.integer)


def _residual(inputs: int, filters: int, stride: int) -> list[_Layer | None]:
    """A residual block: two convolutions beside a short cut, which halves the picture where they do."""
    tag = skip = None
    main = [_convolution(inputs, filters, 3, stride, 1 if stride == 1 else 0), _affine(filters), _word("relu_")]
    main += [_convolution(filters, filters, 3, 1, 1), _affine(filters)]
    short_cut = [] if stride == 1 else [tag, skip, _pool("avg_pool_2", 2, 2)]
    return [tag, *main, *short_cut, _word("add_prev_"), _word("relu_")]


def _convolution(inputs: int, filters: int, size: int, stride: int, padding: int) -> _Layer:
    def read(stream: _Stream) -> Convolution:
        stream.expect("con_4", stream.string)
        count = filters * inputs * size * size
        values = stream.tensor((count + filters, 1, 1, 1))
        expected = [filters, size, size, stride, stride, padding, padding]
        stream.expect(expected, lambda: stream.many(7, stream.integer))
        stream.alias((filters, inputs, size, size))
        stream.alias((1, filters, 1, 1))
        stream.many(4, stream.number)  # learning rates and weight decays
        weights = values[:count].reshape(filters, inputs, size, size)
        return Convolution(weights, values[count:], stride, padding)

    return read


def _affine(channels: int) -> _Layer:
    def read(stream: _Stream) -> _Scale:
        stream.expect("affine_", stream.string)
        values = stream.tensor((2 * channels, 1, 1, 1))
        stream.many(2, lambda: stream.alias((1, channels, 1, 1)))
        stream.expect(0, stream.integer)  # the mode for convolutions: one value a channel
        return values[:channels], values[channels:]

    return read


def _batch_norm(channels: int) -> _Layer:
    shape = (1, channels, 1, 1)

    def read(stream: _Stream) -> _Scale:
        stream.expect("bn_con2", stream.string)
        gamma, beta = np.split(stream.tensor((2 * channels, 1, 1, 1)), 2)
        stream.many(2, lambda: stream.alias(shape))
        stream.many(2, lambda: stream.tensor(shape))  # mean and deviation of the last batch: for training
        mean, variance = stream.many(2, lambda: stream.tensor(shape))
        stream.many(2, stream.integer)  # updates so far, window of the running mean
        stream.many(4, stream.number)  # learning rates and weight decays
        factor = gamma / np.sqrt(variance + np.float32(stream.number()))
        return factor, beta - mean * factor

    return read


def _projection(inputs: int, outputs: int) -> _Layer:
    def read(stream: _Stream) -> Array:
        stream.expect("fc_2", stream.string)
        stream.expect([outputs, inputs], lambda: stream.many(2, stream.integer))
        values = stream.tensor((inputs, outputs, 1, 1))
        stream.alias((inputs, outputs, 1, 1))
        stream.alias((0, 0, 0, 0))
        stream.expect(1, stream.integer)  # the mode without bias
        stream.many(4, stream.number)  # learning rates and weight decays
        return values.reshape(inputs, outputs)

    return read


def _pool(name: str, size: int, stride: int) -> _Layer:
    """A pooling layer without padding; size 0 is the whole picture."""

    def read(stream: _Stream) -> None:
        stream.expect(name, stream.string)
        stream.expect([size, size, stride, stride, 0, 0], lambda: stream.many(6, stream.integer))

    return read


def _word(name: str) -> _Layer:
    """A layer that is nothing but its name."""
    return lambda stream: stream.expect(name, stream.string)


def _sized_input(stream: _Stream) -> Array:
    stream.expect("input_rgb_image_sized", stream.string)
    mean = stream.many(3, stream.number)
    stream.expect([150, 150], lambda: stream.many(2, stream.integer))
    return np.array(mean, np.float32)


def _pyramid_input(stream: _Stream) -> tuple[Array, int, int]:
    stream.expect("input_rgb_image_pyramid", stream.string)
    mean = stream.many(3, stream.number)
    return np.array(mean, np.float32), 10, 11  # both paddings are dlib's defaults; this file has none of them


def _fold(layers: Iterable[Any]) -> list[Convolution]:
    """Multiply the scale behind a convolution into its weights."""
    folded: list[Convolution] = []
    for layer in layers:
        if isinstance(layer, Convolution):
            folded.append(layer)
        else:
            folded[-1] = folded[-1].scaled(*layer)
    return folded
