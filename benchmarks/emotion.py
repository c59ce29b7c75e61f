"""How often emotions are read right: `python benchmarks/emotion.py`.

Reads the emotion of the labelled faces of the real test data with each engine that is there. Prints Markdown tables;
writes all numbers, every face's scores among them, to a JSON file.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import testdata

from face_classifier.core.errors import UserError
from face_classifier.core.types import EMOTIONS, Detection, Image
from face_classifier.sources.picture import read_picture
from face_classifier.vision.emotion import EmotionEngine, make_emotions
from face_classifier.vision.engine import make_engine

_JAFFE = {"disgust": "disgusted", "fear": "fearful", "surprise": "surprised"}  # where its words are others than ours
_NORMAL = 1.96  # standard deviations of the normal distribution that hold 95 %
_ROUNDS = 5  # over all faces, of which the fastest is told

Labelled = tuple[str, str]  # a picture's path in the data, and its emotion


def sets(data: Path) -> dict[str, list[Labelled]]:
    """The labelled pictures of each set."""
    with (data / "emotion_jaffe" / "_emotion_labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    jaffe = [(f"emotion_jaffe/{row['file']}", _JAFFE.get(row["emotion"], row["emotion"])) for row in rows]
    stock = [
        (str(path.relative_to(data)), emotion)
        for emotion in EMOTIONS
        for path in sorted((data / "emotion_stock" / emotion).iterdir())
    ]
    return {"jaffe": jaffe, "stock": stock}


def measure(
    name: str, engine: EmotionEngine, faces: dict[str, tuple[Image, Detection]], labelled: Sequence[Labelled]
) -> Any:
    """What an engine reads in a set; a picture without a face counts as read wrong."""
    shown = [(path, emotion) for path, emotion in labelled if path in faces]
    fastest = math.inf
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        read = [engine.read(faces[path][0], [faces[path][1]])[0] for path, _ in shown]
        fastest = min(fastest, time.perf_counter() - start)
    confusion = np.zeros((len(EMOTIONS), len(EMOTIONS)), int)
    for (_, emotion), found in zip(shown, read, strict=True):
        confusion[EMOTIONS.index(emotion), EMOTIONS.index(found.label)] += 1
    right, total = int(confusion.trace()), len(labelled)
    return {
        "engine": name,
        "pictures": total,
        "without_face": total - len(shown),
        "accuracy": right / total,
        "interval": wilson(right, total),
        "balanced_accuracy": balanced(confusion, labelled),
        "ms_a_face": fastest / len(shown) * 1000,
        "confusion": confusion.tolist(),
        "scores": {path: found.scores for (path, _), found in zip(shown, read, strict=True)},
    }


def balanced(confusion: npt.NDArray[np.int_], labelled: Sequence[Labelled]) -> float:
    """The mean over the emotions that a set has of how often each is read right."""
    there = [sum(emotion == one for _, one in labelled) for emotion in EMOTIONS]
    return float(np.mean([confusion[index, index] / count for index, count in enumerate(there) if count]))


def wilson(right: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a proportion (Wilson 1927)."""
    share, spread = right / total, _NORMAL**2 / total
    centre = (share + spread / 2) / (1 + spread)
    reach = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return centre - reach, centre + reach


def benchmark(data: Path) -> list[Any]:
    """The measurements of every engine on every set."""
    found: list[Any] = []
    finder = make_engine("fast", None, 1.0, print)
    by_set = sets(data)
    by_set["both"] = [one for labelled in by_set.values() for one in labelled]
    faces = {}
    for path, _ in by_set["both"]:
        image = read_picture(data / path)
        if detections := finder.detect(image):
            faces[path] = image, max(detections, key=lambda detection: detection.box.area)
    for name in ("fer", "deepface"):
        try:
            engine = make_emotions(name)
            image, face = next(iter(faces.values()))
            engine.read(image, [face])  # what it loads at the first face is not measured
        except UserError as error:
            print(f"{name} is left out: {error}\n")
            continue
        found += [{"set": title} | measure(name, engine, faces, labelled) for title, labelled in by_set.items()]
    return found


def report(found: list[Any]) -> str:
    """The measurements as Markdown."""
    lines = [
        "| engine | set | pictures | read right [95 %] | balanced | ms a face |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for one in found:
        low, high = one["interval"]
        lines.append(
            f"| {one['engine']} | {one['set']} | {one['pictures']} | {one['accuracy']:.0%} [{low:.0%}–{high:.0%}] "
            f"| {one['balanced_accuracy']:.0%} | {one['ms_a_face']:.1f} |"
        )
    for one in found:
        lines += ["", f"**{one['engine']}, {one['set']}**: shown (down) and read (across)", ""]
        lines += [f"| | {' | '.join(EMOTIONS)} |", f"| --- |{' ---: |' * len(EMOTIONS)}"]
        for emotion, counts in zip(EMOTIONS, one["confusion"], strict=True):
            lines.append(f"| {emotion} | {' | '.join(str(count or '') for count in counts)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("emotion.json"), help="where to write all numbers")
    chosen = testdata.parse(parser)
    found = benchmark(chosen.data)
    chosen.json.write_text(json.dumps(found, indent=1), "utf-8")
    print(report(found))


if __name__ == "__main__":
    main()
