"""What 8-bit numbers change in the encoders: `python benchmarks/precision.py [--part ranges|shift|time]`.

* ranges: of what flows in the networks, of faces of every second person in each set; written to `ranges.json`;
* shift: L2 between the encodings of one face by 8-bit numbers and by floats, of the other half of the people;
* time: CPU milliseconds a face of both, in turn.

*shift* and *time* print Markdown tables. The sets are lfw, asian_kpop15, tv_bbt_crops and the webcam clips (five frames
a second) of the real test data.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import testdata
from onnx import TensorProto, helper
from recognition.faces import Floats, tell
from recognition.faces import half as half_of
from recognition.report import table
from recognition.sets import sets

from face_classifier.core.types import Encoding, Image
from face_classifier.vision.engine import make_engine
from face_classifier.vision.models import int8, zoo
from face_classifier.vision.models import registry as models
from face_classifier.vision.models.session import open_session

Chips = npt.NDArray[np.uint8]  # (faces, side, side, 3) BGR
GRAPHS = {"dlib": "dlib-resnet", "sface": "sface"}
SETS = "lfw", "asian_kpop15", "tv_bbt_crops", "all single-person clips"
RANGED, SHIFTED, TIMED = 400, 400, 20  # faces of each set at most
REPEATS = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--part", choices=("ranges", "shift", "time"), action="append", help="only this one")
    chosen = testdata.parse(parser)
    parts: dict[str, Callable[[Path], None]] = {"ranges": ranges, "shift": shift, "time": timed}
    for part in chosen.part or ("shift", "time"):
        parts[part](chosen.data)


def chips(data: Path, encoder: str, half: int, most: int) -> dict[str, Chips]:
    """By name of the set, chips as the encoder gets them: spread evenly over the faces of either half of its people."""
    engine = make_engine("fast", None, 1.0, tell, encoder, precision="fp32")
    kept: list[Image] = []

    def keep(some: Sequence[Image], once: Collection[int] = ()) -> list[Encoding]:
        kept.extend(np.array(chip) for chip in (some[: len(some) // 2] if encoder == "dlib" else some))
        return [np.full(128, 0.0884)] * len(some)

    engine._encoder.encode_chips = keep  # type: ignore[attr-defined]
    found = {}
    for one in (one for one in sets(data) if one.name in SETS):
        kept.clear()
        people = [row["person"] for row in one.find(engine)]
        tell(f"{one.name}: {len(people)} faces")
        ours = np.flatnonzero(np.isin(people, half_of(sorted(set(people)), half)))
        found[one.name] = np.array([kept[number] for number in ours[:: -(-len(ours) // most)]])
    return found


def ranges(data: Path) -> None:
    """Writes what goes through the networks."""
    flows = {encoder: _flow(encoder, chips(data, encoder, 0, RANGED)) for encoder in GRAPHS}
    sizes = [np.maximum(np.abs(low), np.abs(high)) for low, high in flows["sface"]]
    floors = [np.maximum(size, size.max() / 1000) for size in sizes]  # what is always zero has no logarithm
    steps = [[round(step) for step in int8.STEPS * np.log2(size)] for size in floors]
    read = zoo.read_sface(onnx.load(models.find(models.MODELS["sface"].weights)))
    factors = [int8.balanced(step, layer) for step, (layer, _) in zip(steps, read.layers[2::2], strict=True)]
    pairs = [(low / by, high / by) for (low, high), by in zip(flows["sface"], factors, strict=True)]
    told = {
        "dlib-resnet": [_pair(low, high) for low, high in flows["dlib"]],
        "sface": {"ranges": [_pair(low, high) for low, high in pairs], "sizes": steps},
    }
    lines = json.dumps(told).replace('], "', '],\n"').replace("]], ", "]],\n").replace("], [", "],\n[")
    int8.RANGES.write_text(lines + "\n", "ascii")


def _pair(low: Floats, high: Floats) -> list[float]:
    return [float(f"{min(0.0, float(low.min())):.4g}"), float(f"{max(0.0, float(high.max())):.4g}")]


def _flow(encoder: str, found: dict[str, Chips]) -> list[tuple[Floats, Floats]]:
    """The least and the greatest value of each channel in what is rounded, in the order in which it is computed."""
    graph = onnx.load(models.graph(GRAPHS[encoder]))
    shapes = {tensor.name: list(tensor.dims) for tensor in graph.graph.initializer}
    readers = {name: node.op_type for node in graph.graph.node for name in node.input}
    wanted = []
    for node in graph.graph.node:
        kernel = shapes[node.input[1]] if node.op_type == "Conv" else []
        if encoder == "sface" and kernel[2:] == [1, 1] and kernel[1] > 1:
            wanted.append(node.input[0])
        is_second = kernel[2:] == [3, 3] and readers[node.output[0]] != "Relu"  # of the two in a block
        if encoder == "dlib" and (is_second or node.op_type == "Relu"):
            wanted.append(node.output[0])
    graph.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in wanted)
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(graph, Path(folder) / "graph.onnx")
        session = open_session(Path(folder) / "graph.onnx")
    lows, highs = [np.inf] * len(wanted), [-np.inf] * len(wanted)
    for some in found.values():
        for chip in some:
            rgb = chip[..., ::-1]
            values = session.run(None, {"faces": np.stack([rgb, rgb[:, ::-1]])})[1:]
            lows = [np.minimum(low, value.min(axis=(0, 2, 3))) for low, value in zip(lows, values, strict=True)]
            highs = [np.maximum(high, value.max(axis=(0, 2, 3))) for high, value in zip(highs, values, strict=True)]
    return list(zip(lows, highs, strict=True))


def shift(data: Path) -> None:
    """Prints how far encodings lie from those by floats; by nothing where the processor has no exact 8-bit products."""
    rows = []
    for encoder in GRAPHS:
        found = chips(data, encoder, 1, SHIFTED)
        one, other = (_encode(encoder, precision) for precision in ("fp32", "int8"))
        for name, some in found.items():
            far = [float(np.linalg.norm(one([chip])[0] - other([chip])[0])) for chip in some]
            cells = [f"{value:.4f}" for value in (np.median(far), np.quantile(far, 0.95), max(far))]
            rows.append([encoder, name, str(len(far)), *cells])
    print("\nL2 between fp32 and int8, second half of the people\n")
    print(*table(["encoder", "set", "faces", "median", "95 %", "greatest"], rows), sep="\n", flush=True)


def _encode(encoder: str, precision: str) -> Callable[[Sequence[Image]], list[Encoding]]:
    """Chips in, encodings out, each of the chip and of its mirror image."""
    made: Any = make_engine("fast", None, 1.0, tell, encoder, precision=precision)._encoder
    if encoder == "sface":
        return made.encode_chips  # type: ignore[no-any-return]
    return lambda some: [sum(made.encode_chips([chip, chip[:, ::-1]])) / 2 for chip in some]


def timed(data: Path) -> None:
    """Prints the CPU time a face, of one and of both in turn; the least of several, since the machine is shared."""
    rows = []
    picture = np.random.default_rng(0).integers(0, 256, (400, 150, 150, 3), dtype=np.uint8)
    for encoder in GRAPHS:
        side = 112 if encoder == "sface" else 150
        some = [np.ascontiguousarray(chip[:side, :side]) for chip in picture[:TIMED]]
        encoders = {precision: _encode(encoder, precision) for precision in ("fp32", "int8")}
        found: dict[str, list[float]] = {precision: [] for precision in encoders}
        for _ in range(REPEATS):
            for precision, encode in encoders.items():
                began = time.process_time()
                encode(some)
                found[precision].append((time.process_time() - began) * 1000 / len(some))
        rows += [[encoder, *(f"{statistics.median(found[one]):.2f} [{min(found[one]):.2f}]" for one in found)]]
    print("\nCPU ms a face with its mirror image, median [least]\n")
    print(*table(["encoder", "fp32", "int8"], rows), sep="\n", flush=True)


if __name__ == "__main__":
    main()
