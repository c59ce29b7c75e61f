"""Who is who, by several rules on the same encodings in one run: `python benchmarks/identity.py`.

Encodes the sets with the project's engine once (and keeps that in a cache), then groups their faces by each rule, with
the sources in several orders. Prints Markdown tables; writes all numbers to a JSON file and plots beside it. Rules and
plots whose packages are missing are left out.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import dlib
import numpy as np
import numpy.typing as npt
import testdata

from face_classifier.core.types import Frame, Sighting
from face_classifier.curate.questions.evaluate import evaluate
from face_classifier.identity.calibrate import Calibration, calibrate
from face_classifier.identity.grouping.people import UNKNOWN, second_thoughts
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.grouping.templates import Constraints, shared_frames, templates
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.profiles import BY_ENCODER, PROFILES, EncoderProfile
from face_classifier.identity.tracks import TrackNumbers
from face_classifier.pipeline.analysis.tracker import Follower
from face_classifier.sources.base import Sampling
from face_classifier.sources.picture import read_picture
from face_classifier.sources.video import VideoFile
from face_classifier.vision.engine import Engine, make_engine

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Numbers = dict[str, Any]
NOBODY = "?"  # the label of a face that is not scored: in the background, or unclear by eye


# What is compared


@dataclass(frozen=True)
class Thresholds:
    """L2 limits for one encoder. dlib's are the usual ones; SFace's are those that suit LFW best."""

    original: float  # the original program's default
    whispers: float
    dbscan: float
    average: float
    ours: EncoderProfile  # what the project itself uses


THRESHOLDS = {
    "dlib": Thresholds(0.44, 0.45, 0.45, 0.50, BY_ENCODER["dlib"]),
    "sface": Thresholds(0.96, 1.00, 1.00, 1.08, BY_ENCODER["sface"]),
}


@dataclass(frozen=True)
class Faces:
    """A set of faces, in the order of its sources: parallel arrays of length n."""

    encoding: Floats  # (n, 128)
    person: npt.NDArray[np.str_]  # the true one, or NOBODY
    source: Ints  # number of the clip or picture
    frame: Ints  # number of the frame among all frames of the set
    track: Ints  # numbers from 0
    quality: Floats

    @property
    def scored(self) -> npt.NDArray[np.bool_]:
        return self.person != NOBODY


def original(faces: Faces, order: Ints, threshold: float) -> Ints:
    """The original program: the nearest average below the threshold, else a new person with the nearest unknown."""
    label = np.full(len(order), UNKNOWN)
    sums, counts = np.zeros((0, faces.encoding.shape[1])), np.zeros(0)
    unknown: list[int] = []
    for face in order:
        x = faces.encoding[face]
        person, distance = _nearest(sums / counts[:, None], x)
        if distance < threshold:
            sums[person] += x
            counts[person] += 1
            label[face] = person
            continue
        partner, distance = _nearest(faces.encoding[unknown], x)
        if distance < threshold:
            other = unknown.pop(partner)
            label[[face, other]] = len(sums)
            sums, counts = np.vstack([sums, x + faces.encoding[other]]), np.append(counts, 2)
        else:
            unknown.append(face)
    return label


def _nearest(points: Floats, x: Floats) -> tuple[int, float]:
    distance = np.linalg.norm(points - x, axis=1)
    return (int(distance.argmin()), float(distance.min())) if len(distance) else (-1, np.inf)


def thought_again(faces: Faces, rule: Rule) -> Ints:
    tracks = templates(faces.encoding, faces.quality, faces.track)
    return second_thoughts(tracks, Constraints(shared_frames(faces.frame, faces.track)), rule)[faces.track]


def whispers(faces: Faces, order: Ints, threshold: float) -> Ints:
    """dlib's Chinese whispers."""
    found = dlib.chinese_whispers_clustering([dlib.vector(faces.encoding[face]) for face in order], threshold)
    label = np.empty(len(order), np.int64)
    label[order] = found
    return without_singles(label)


def dbscan(faces: Faces, order: Ints, threshold: float, neighbours: int = 3) -> Ints:
    """DBSCAN; with three neighbours it is as Immich groups faces."""
    from sklearn.cluster import DBSCAN

    label = np.empty(len(order), np.int64)
    label[order] = DBSCAN(eps=threshold, min_samples=neighbours).fit_predict(faces.encoding[order])
    return label


def average_linkage(faces: Faces, order: Ints, threshold: float) -> Ints:
    from scipy.cluster.hierarchy import fcluster, linkage

    label = np.empty(len(order), np.int64)
    label[order] = fcluster(linkage(faces.encoding[order], "average"), threshold, "distance")
    return without_singles(label)


def without_singles(label: Ints) -> Ints:
    """A cluster of one face is no person."""
    _, into, counts = np.unique(label, return_inverse=True, return_counts=True)
    return np.where(counts[into] >= 2, into, UNKNOWN)


def rules(limits: Thresholds) -> dict[str, Callable[[Faces, Ints], Ints]]:
    """Name -> labels of a set's faces in a given order."""
    return {
        "original": lambda faces, order: original(faces, order, limits.original),
        "online": lambda faces, order: online(faces, order, limits.ours),
        "second thoughts": lambda faces, _: thought_again(faces, limits.ours.rule),
        "whispers": lambda faces, order: whispers(faces, order, limits.whispers),
        "DBSCAN": lambda faces, order: dbscan(faces, order, limits.dbscan),
        "average linkage": lambda faces, order: average_linkage(faces, order, limits.average),
    }


def online(faces: Faces, order: Ints, space: EncoderProfile) -> Ints:
    """The project's own PersonDB, face after face."""
    people = PersonDB(space.threshold, spread=space.spread, founding=3)
    placed: dict[int, Sighting] = {}
    for group in np.split(order, np.flatnonzero(np.diff(faces.frame[order])) + 1):
        for one, other in combinations(sorted({int(faces.track[face]) for face in group}), 2):
            people.cannot_link(one, other)
        for face in group.tolist():
            match = people.decide(faces.encoding[face], int(faces.track[face]))
            person = match.person or (f"person {len(placed)}" if match.partners else None)
            for partner in match.partners:
                people.remove_unknown(placed[partner])
                placed[partner] = replace(placed[partner], person=person)
                people.add(placed[partner])
            placed[face] = Sighting(
                face, str(face), person, None, encoding=faces.encoding[face], track=int(faces.track[face])
            )
            people.add(placed[face])
    names = {name: number for number, name in enumerate(sorted({one.person for one in placed.values() if one.person}))}
    return np.array([names.get(placed[face].person or "", UNKNOWN) for face in range(len(faces.track))])


# How right it is


def scores(faces: Faces, label: Ints) -> Numbers:
    """The measures of `curate/questions/evaluate.py`, of the faces that are scored."""
    told = evaluate(faces.person[faces.scored].tolist(), label[faces.scored].tolist())
    return {**asdict(told), "f": told.f}


def shuffled(faces: Faces, seed: int) -> Ints:
    """Numbers of the faces with the sources in a random order, the faces of each in their own; 0 = as they are."""
    count = int(faces.source.max()) + 1
    rank = np.random.default_rng(seed).permutation(count) if seed else np.arange(count)
    return np.argsort(rank[faces.source], kind="stable")


# Distances, and the threshold that finds itself


def distances(faces: Faces, limits: Thresholds) -> Numbers:
    """Histograms of both kinds of pairs by truth, and what calibration finds without it."""
    encoding, person = faces.encoding[faces.scored], faces.person[faces.scored]
    distance = np.sqrt(np.maximum(_squares(encoding), 0))
    upper = np.triu(np.ones(distance.shape, bool), 1) & (
        faces.frame[faces.scored][:, None] != faces.frame[faces.scored]
    )
    same = upper & (person[:, None] == person)
    bins = np.arange(0, 1.7, 0.02)
    found: Numbers = {
        "bins": [round(float(edge), 2) for edge in bins],
        "same": np.histogram(distance[same], bins)[0].tolist(),
        "different": np.histogram(distance[upper & ~same], bins)[0].tolist(),
    }
    label = thought_again(faces, limits.ours.rule)
    cannot_links, spread = shared_frames(faces.frame, faces.track), limits.ours.spread
    known = calibrate(faces.encoding, faces.track, label, cannot_links, spread=spread)
    return {**found, **thresholds(faces, limits, known)}


def _squares(encoding: Floats) -> Floats:
    squares = (encoding * encoding).sum(axis=1)
    return np.asarray(squares[:, None] + squares - 2 * encoding @ encoding.T)


def thresholds(faces: Faces, limits: Thresholds, known: Calibration | None) -> Numbers:
    """The threshold with which the online rule does best, the calibrated one, and how well it does with each."""
    order = shuffled(faces, 1)

    def f(threshold: float) -> float:
        return float(scores(faces, online(faces, order, replace(limits.ours, threshold=threshold)))["f"])

    default = limits.ours.threshold
    tried = {round(float(factor * default), 3): 0.0 for factor in np.arange(0.65, 1.4, 0.05)}
    tried = {threshold: f(threshold) for threshold in tried}
    best = max(tried, key=lambda threshold: tried[threshold])
    answer: Numbers = {"best": best, "best_f": tried[best], "default": default, "default_f": f(default)}
    if known is not None:
        auto = known.balanced()
        answer |= {"auto": auto, "auto_f": f(auto.value), "one_in_1000": known.threshold(1e-3)}
    return answer


# The sets


def sets(data: Path) -> dict[str, Callable[[Engine], Iterator[Numbers]]]:
    """Name -> a function that finds the faces of a set: rows as ``Faces`` has columns, tracks numbered by source."""
    clips = [
        *sorted((data / "videos" / "webcam").glob("*.*")),
        data / "videos" / "surveillance" / "tld_david.mpg",
    ]
    grid = [clip for clip in clips if clip.stem.startswith("grid_")]
    alone = [clip for clip in clips if clip not in grid]
    return {
        "lfw": lambda engine: cut_faces(engine, data / "lfw", 0),
        "asian_kpop15": lambda engine: cut_faces(engine, data / "asian_kpop15", 80),
        "tv_bbt_crops": lambda engine: cut_faces(engine, data / "tv_bbt_crops", 75),
        "tv_talkshow_frames": lambda engine: talkshow(engine, data / "tv_talkshow_frames"),
        "grid_*": lambda engine: one_person_clips(engine, grid),
        "all single-person clips": lambda engine: one_person_clips(engine, [*grid, *alone]),
        **{clip.stem: lambda engine, clip=clip: one_person_clips(engine, [clip]) for clip in alone},  # type: ignore[misc]
    }


def cut_faces(engine: Engine, folder: Path, border: int) -> Iterator[Numbers]:
    """Pictures of one face each, in a folder for each person; ``border``: pixels of black that tight crops need."""
    pictures = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in (".jpg", ".png"))
    for number, path in enumerate(pictures):
        picture = cv2.copyMakeBorder(read_picture(path), *[border] * 4, cv2.BORDER_CONSTANT)
        face, _ = engine.photo(picture, own_cut=True)
        yield row(face, path.parent.name, source=number, frame=number, track=0)


def talkshow(engine: Engine, folder: Path) -> Iterator[Numbers]:
    """Frames 15 on; who is who in them, from left to right, is known where as many faces are found as are there."""
    with (folder / "_labels.csv").open(encoding="utf-8") as file:
        frames = list(csv.DictReader(file))[15:]
    for number, told in enumerate(frames):
        picture = read_picture(folder / told["file"])
        found = engine.encode(picture, engine.detect(picture))
        there = told["persons"].split("(")[0].split("+") if told["persons"] else []
        people = there if len(there) == len(found) else [NOBODY] * len(found)
        for place, (face, person) in enumerate(zip(found, people, strict=True)):
            yield row(face, person, source=number, frame=number, track=place)


def one_person_clips(engine: Engine, clips: Sequence[Path]) -> Iterator[Numbers]:
    """Five frames a second; the largest face of a frame is the clip's person, the others (pictures) are not scored."""
    for number, clip in enumerate(clips):
        for frame, faces, tracks in followed(engine, clip):
            largest = max((face.box.area for face in faces), default=0)
            for face, track in zip(faces, tracks, strict=True):
                person = clip.stem if face.box.area == largest else NOBODY
                yield row(face, person, source=number, frame=(number << 20) + (frame.index or 0), track=track)


def followed(engine: Engine, clip: Path) -> Iterator[tuple[Frame, list[Any], list[int]]]:
    follower, tracks = Follower(0.0), TrackNumbers(PROFILES[engine.made_by.space].threshold)
    video = VideoFile(str(clip))
    for frame in video.frames(Sampling(every=0.2), video.start, threading.Event()):
        detections = engine.detect(frame.image)
        faces = engine.encode(frame.image, detections)
        both = zip(follower.follow(frame, detections), faces, strict=True)
        yield frame, faces, [tracks.of(one.track, face.encoding, sure=one.sure) for one, face in both]


def row(face: Any, person: str, *, source: int, frame: int, track: int) -> Numbers:
    quality = 1.0 if face.quality is None else face.quality
    return {
        "encoding": face.encoding, "person": person, "source": source, "frame": frame, "track": (source << 20) + track,
        "quality": quality,
    }  # fmt: skip


def load(name: str, find: Callable[[Engine], Iterator[Numbers]], engine: Engine, cache: Path) -> Faces:
    """The faces of a set, from the cache if they are there."""
    path = cache / "-".join(vars(engine.made_by).values()) / f"{name.replace('*', 'all').replace(' ', '_')}.npz"
    if not path.exists():
        tell(f"encoding {name}")
        rows = list(find(engine))
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **{key: np.array([one[key] for one in rows]) for key in rows[0]})  # type: ignore[arg-type]
    with np.load(path) as columns:
        faces = Faces(**columns)
    frame, track = (np.unique(numbers, return_inverse=True)[1] for numbers in (faces.frame, faces.track))
    return Faces(faces.encoding, faces.person, faces.source, frame, track, faces.quality)


def nobody_there(data: Path, engine: Engine, limits: Thresholds) -> int:
    """People made of the clips without a face."""
    people = 0
    for clip in sorted((data / "videos" / "noface").glob("*.*")):
        rows = [
            row(face, NOBODY, source=0, frame=frame.index or 0, track=track)
            for frame, faces, tracks in followed(engine, clip)
            for face, track in zip(faces, tracks, strict=True)
        ]
        if rows:
            found = Faces(**{key: np.array([one[key] for one in rows]) for key in rows[0]})
            people += len(set(thought_again(found, limits.ours.rule).tolist()) - {UNKNOWN})
    return people


# The engine


# The report


def benchmark(data: Path, encoder: str, cache: Path, orders: int, only: Sequence[str]) -> Numbers:
    engine, limits = make_engine("fast", None, 1.0, tell, encoder), THRESHOLDS[encoder]
    chosen = {name: find for name, find in sets(data).items() if not only or name in only}
    found: Numbers = {"encoder": encoder, "made_by": vars(engine.made_by), "orders": orders, "sets": {}}
    for name, find in chosen.items():
        faces = load(name, find, engine, cache)
        tell(f"{name}: {len(faces.person)} faces")
        found["sets"][name] = {
            "faces": int(faces.scored.sum()),
            "tracks": int(faces.track.max()) + 1,
            "rules": compared(faces, limits, orders),
            "distances": distances(faces, limits),
        }
    if not only:
        found["people_in_noface"] = nobody_there(data, engine, limits)
    return found


def compared(faces: Faces, limits: Thresholds, orders: int) -> dict[str, list[Numbers]]:
    """Rule -> scores for each order; the first order is mixed, too."""
    answer: dict[str, list[Numbers]] = {}
    for name, rule in rules(limits).items():
        for seed in range(1, orders + 1):
            order = shuffled(faces, seed)
            begin = time.perf_counter()
            try:
                label = rule(faces, order)
            except ImportError as error:
                tell(f"{name} is left out: {error.name} is not installed")
                break
            seconds = time.perf_counter() - begin
            answer.setdefault(name, []).append({**scores(faces, label), "seconds": round(seconds, 3)})
    return answer


def report(found: Numbers) -> str:
    """Means over the orders."""
    names = list(dict.fromkeys(name for one in found["sets"].values() for name in one["rules"]))
    lines = [f"Encoder {found['encoder']}: BCubed F / edits to clean / people made (unknown left)", ""]
    lines += _table(["", "faces", "people", *names], [_rules_row(name, one, names) for name, one in _shown(found)])
    lines += [
        "",
        "Threshold of the online rule: the default, calibrated [90 %], the best afterwards, and F with each",
    ]
    lines += ["", *_table(["", "default", "auto", "best"], [_threshold_row(name, one) for name, one in _shown(found)])]
    if "people_in_noface" in found:
        lines += ["", f"People in clips without a face: {found['people_in_noface']}"]
    return "\n".join(lines)


def _shown(found: Numbers) -> list[tuple[str, Numbers]]:
    return list(found["sets"].items())


def _rules_row(name: str, one: Numbers, rules: Sequence[str]) -> list[str]:
    cells = [name, str(one["faces"]), str(next(iter(one["rules"].values()))[0]["true_people"])]
    for rule in rules:
        runs = one["rules"].get(rule, [])
        f, edits, people, unknown = (
            float(np.mean([run[key] for run in runs])) if runs else np.nan
            for key in ("f", "edits", "people", "unknown")
        )
        cells.append(f"{f:.3f} / {edits:.0f} / {people:.0f} ({unknown:.0f})" if runs else "")
    return cells


def _threshold_row(name: str, one: Numbers) -> list[str]:
    told = one["distances"]
    auto = "too little is known"
    if "auto" in told:
        value, low, high = told["auto"]
        auto = f"{value:.3f} [{low:.3f}, {high:.3f}]: {told['auto_f']:.3f}"
    return [
        name, f"{told['default']:.2f}: {told['default_f']:.3f}", auto, f"{told['best']:.3f}: {told['best_f']:.3f}",
    ]  # fmt: skip


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def plot(found: Numbers, folder: Path) -> None:
    """``rules.png``: F of every rule on every set; ``distances.png``: histograms with both thresholds."""
    try:
        import matplotlib
    except ImportError:
        tell("no plots: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    several = {
        name: one for name, one in found["sets"].items() if next(iter(one["rules"].values()))[0]["true_people"] > 1
    }
    names = list(dict.fromkeys(rule for one in several.values() for rule in one["rules"]))
    figure, axes = pyplot.subplots(figsize=(11, 5), layout="constrained")
    for number, rule in enumerate(names):
        f = [np.mean([run["f"] for run in one["rules"].get(rule, [])] or [np.nan]) for one in several.values()]
        axes.bar(np.arange(len(f)) + 0.8 * number / len(names), f, 0.8 / len(names), label=rule, align="edge")
    axes.set(xticks=np.arange(len(several)) + 0.4, xticklabels=list(several), ylim=(0, 1), ylabel="BCubed F")
    axes.set_title(f"encoder {found['encoder']}")
    axes.legend(ncols=3, loc="lower center")
    figure.savefig(folder / f"rules-{found['encoder']}.png", dpi=100)
    figure, grid = pyplot.subplots(len(several), 1, figsize=(9, 2.2 * len(several)), sharex=True, layout="constrained")
    for axes, (name, one) in zip(np.atleast_1d(grid), several.items(), strict=True):
        told = one["distances"]
        for kind in ("same", "different"):
            counts = np.array(told[kind]) / max(1, sum(told[kind]))
            axes.stairs(counts, told["bins"], label=f"{kind} person", fill=True, alpha=0.5)
        axes.axvline(told["best"], color="black", label="best threshold of the online rule")
        if "auto" in told:
            axes.axvline(told["auto"][0], color="red", linestyle="--", label="the calibrated one")
        axes.set(title=name, yticks=[])
    np.atleast_1d(grid)[0].legend(loc="upper left")
    np.atleast_1d(grid)[-1].set(xlabel="L2 distance of two faces")
    figure.savefig(folder / f"distances-{found['encoder']}.png", dpi=100)
    pyplot.close("all")


def tell(sentence: str) -> None:
    print(f"... {sentence}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--encoder", choices=tuple(THRESHOLDS), default="dlib")
    parser.add_argument("--orders", type=int, default=3, help="input orders (default 3)")
    parser.add_argument("--set", action="append", default=[], help="only this set; may be given several times")
    cache = Path(tempfile.gettempdir()) / "face-classifier-identity"
    parser.add_argument("--cache", type=Path, default=cache, help="where encodings are kept (default: temporary)")
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the JSON file and the plots")
    chosen = testdata.parse(parser)
    data = chosen.data
    unknown = sorted(set(chosen.set) - set(sets(data)))
    if unknown:
        parser.error(f"there is no set {unknown[0]}; choose from {', '.join(sets(data))}")
    found = benchmark(data, chosen.encoder, chosen.cache, chosen.orders, chosen.set)
    chosen.output.mkdir(parents=True, exist_ok=True)
    (chosen.output / f"identity-{chosen.encoder}.json").write_text(json.dumps(found, indent=1), "utf-8")
    plot(found, chosen.output)
    print(report(found))


if __name__ == "__main__":
    main()
