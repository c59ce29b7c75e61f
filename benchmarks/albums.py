"""Albums: look-alikes, speed, grouping and bad input, each as a user meets it: `python benchmarks/albums.py`.

Photos are read by the same rooms as the commands read them; speed and bad input run the commands themselves, each in a
process of its own. Rules that are compared get the same encodings in one run. Prints Markdown tables; writes all
numbers to a JSON file.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import testdata
from emotion import wilson
from pace.report import machine, markdown, middle
from recognition.faces import NOBODY, Faces, Ints, Numbers, gathered, tell
from recognition.faces import row as row_of
from recognition.rules import THRESHOLDS, average_linkage, dbscan, grouped
from recognition.scores import scores, shuffled

from face_classifier.identity.profiles import BY_ENCODER
from face_classifier.photos.finder import UNSURE
from face_classifier.photos.index import Photo, PhotoIndex
from face_classifier.photos.lookalike import people as portraits
from face_classifier.photos.lookalike import similar

ROOT = Path(__file__).parent.parent

FEWEST = 4  # photos of a person of lfw/ who is looked for
DRAWS = 3
CUT = ("lfw", "asian_kpop15", "tv_bbt_crops")  # sets whose pictures are cut around one face
ALBUM = 60  # faces
QUERIES = 100
CLEARLY = 2.0  # times the area of the next face: then a photo's largest face is the person of its folder
FACTORS = np.linspace(0.6, 1.4, 41)  # of the usual threshold: among these the best one for a set is looked for
_PICTURES = (".jpg", ".jpeg", ".png")


# The photos


class Shot(NamedTuple):
    path: Path
    person: str  # whom it shows, or NOBODY
    cut: bool = False  # for that person, who is in the middle then


def labelled(folder: Path) -> list[Shot]:
    """The photos of a set, in a folder for each person."""
    pictures = (path for path in sorted(folder.glob("*/*")) if path.suffix.lower() in _PICTURES)
    return [Shot(path, path.parent.name, folder.name in CUT) for path in pictures]


def lfw(data: Path, *, quick: bool) -> tuple[list[Shot], list[Shot]]:
    """The photos of people with several, and those of people with one."""
    by_person: dict[str, list[Shot]] = {}
    for shot in labelled(data / "lfw"):
        by_person.setdefault(shot.person, []).append(shot)
    several = [photos for photos in by_person.values() if len(photos) >= FEWEST]
    singles = [photos for photos in by_person.values() if len(photos) < FEWEST]
    most = 40 if quick else None
    return [one for photos in several[:most] for one in photos], [one for photos in singles[:most] for one in photos]


def portrait_sets(data: Path, *, quick: bool) -> dict[str, list[Shot]]:
    """The sets of which each photo is about one person who is looked for."""
    several, singles = lfw(data, quick=quick)
    names = ["asian_kpop15", "tv_bbt_crops", "celeb13_photos"]
    return {"lfw": several + singles, **{name: labelled(data / name) for name in names}}


def albums(data: Path, *, quick: bool) -> dict[str, list[Shot]]:
    several, singles = lfw(data, quick=quick)
    cast = [Shot(path, NOBODY) for path in sorted((data / "groups").glob("bbt*.jpg"))]
    return {
        f"lfw, people with ≥ {FEWEST}": several,
        "lfw, singles too": several + singles,
        "asian_kpop15": labelled(data / "asian_kpop15"),
        "celeb13_photos": labelled(data / "celeb13_photos"),
        "tv_bbt_crops + groups/bbt*": labelled(data / "tv_bbt_crops") + cast,
        "asian_aespa4": labelled(data / "asian_aespa4"),
    }


class Reader:
    """Reads photos as the commands do, once each."""

    def __init__(self, encoder: str, work: Path) -> None:
        self.encoder, self._work = encoder, work
        self._index = work / f"photos-{encoder}.sqlite"
        self._photos: dict[Path, Photo | None] = {}

    def read(self, paths: Sequence[Path]) -> list[Photo | None]:
        """The photos in the same order; None where one could not be read."""
        if missing := [path for path in dict.fromkeys(paths) if path not in self._photos]:
            tell(f"reading {len(missing)} photos with {self.encoder}")
            # All of them, since an index forgets what it is not asked for.
            everything = [*self._photos, *missing]
            with PhotoIndex(self._index, BY_ENCODER[self.encoder].name) as index:
                reading = index.read(
                    [(str(path), path) for path in everything],
                    portraits.finder_of(self.encoder, tell),
                    threading.Event(),
                )
            found = {Path(photo.name): photo for photo in reading.photos}
            self._photos = {path: found.get(path) for path in everything}
        return [self._photos[path] for path in paths]

    def index(self, name: str) -> Path:
        """A copy of the index for a gallery of its own, which need not encode what was read here."""
        return Path(shutil.copyfile(self._index, self._work / name))


def about(photo: Photo, *, cut: bool) -> int | None:
    """The number of the face that a photo of somebody is about; None if it has none, or none that is clear."""
    if not photo.faces:
        return None
    if cut:
        width, height = photo.size
        boxes = [face.box for face in photo.faces]
        off = [(box.left + box.right - width) ** 2 + (box.top + box.bottom - height) ** 2 for box in boxes]
        return int(np.argmin(off))
    areas = [face.box.area for face in photo.faces]
    largest = int(np.argmax(areas))
    others = max((area for number, area in enumerate(areas) if number != largest), default=0)
    return largest if areas[largest] >= CLEARLY * others else None


# Look-alikes


class _Silence:
    """An observer of what is told elsewhere."""

    def problem(self, sentence: str) -> None:
        pass

    at_end = problem

    def through(self, steps: Sequence[Any], name: str) -> Iterator[Any]:
        return iter(steps)


def gallery_of(photos: Sequence[Shot], reader: Reader) -> portraits.PhotoGallery:
    """The gallery of photos, opened as the command opens a folder."""
    reader.read([shot.path for shot in photos])
    with tempfile.TemporaryDirectory() as folder:
        for shot in photos:
            (Path(folder) / shot.person).mkdir(exist_ok=True)
            (Path(folder) / shot.person / shot.path.name).symlink_to(shot.path)
        index = reader.index(f"gallery-{reader.encoder}.sqlite")
        return portraits.open_gallery(folder, str(index), reader.encoder, _Silence(), threading.Event())


def asked(gallery: portraits.PhotoGallery, photo: Photo, face: int, k: int) -> Sequence[similar.LookAlike]:
    """What the command answers for a face of a photo, which is left out of the gallery."""
    return similar.search(gallery, [photo], k)[face].results


def look_alikes(data: Path, reader: Reader, *, quick: bool) -> list[Numbers]:
    """How often the right person comes first: for each choice of one photo a person, and for every photo."""
    rows = []
    for name, photos in portrait_sets(data, quick=quick).items():
        gallery = gallery_of(photos, reader)
        ranks = _ranks(gallery, photos, reader, FEWEST if name == "lfw" else 2)
        draws = {str(draw + 1): held_back(list(ranks), draw) for draw in range(1 if quick else DRAWS)}
        for draw, queries in {**draws, "every photo": list(ranks)}.items():
            rows.append(_look_alike_row([ranks[query] for query in queries]))
            rows[-1] = {"set": name, "encoder": reader.encoder, "draw": draw, **rows[-1]}
    return rows


def _ranks(
    gallery: portraits.PhotoGallery, photos: Sequence[Shot], reader: Reader, least: int
) -> dict[Shot, int | None]:
    """For each photo of people with at least so many the place of the right person: 0 beyond the fifth, None without a
    clear face.
    """
    count = Counter(shot.person for shot in photos)
    ranks: dict[Shot, int | None] = {}
    for shot, photo in zip(photos, reader.read([shot.path for shot in photos]), strict=True):
        if count[shot.person] < least:
            continue
        if photo is None or (face := about(photo, cut=shot.cut)) is None:
            ranks[shot] = None
            continue
        names = [result.name for result in asked(gallery, photo, face, 5)]
        ranks[shot] = names.index(shot.person) + 1 if shot.person in names else 0
    return ranks


def held_back(photos: Sequence[Shot], draw: int) -> list[Shot]:
    """One photo of everybody: the first, or in later draws one by chance."""
    by_person: dict[str, list[Shot]] = {}
    for shot in photos:
        by_person.setdefault(shot.person, []).append(shot)
    chance = np.random.default_rng(draw)
    return [own[int(chance.integers(len(own))) if draw else 0] for own in by_person.values()]


def _look_alike_row(ranks: Sequence[int | None]) -> Numbers:
    first, five, total = ranks.count(1), sum(bool(rank) for rank in ranks), len(ranks)
    return {
        "queries": total, "without_face": ranks.count(None), "first": first, "within_5": five,
        "interval": wilson(first, total), "interval_5": wilson(five, total),
    }  # fmt: skip


# The commands


@dataclass(frozen=True)
class Ran:
    code: int
    seconds: float
    cpu: float  # seconds of all its threads
    out: str
    err: str


def command(*words: object, work: Path) -> Ran:
    """The program itself, in a process of its own."""
    line = [sys.executable, "-m", "face_classifier", *map(str, words)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.perf_counter()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(line, stdout=out, stderr=err, stdin=subprocess.DEVNULL, cwd=work, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        told = []
        for file in (out, err):
            file.seek(0)
            told.append(file.read().decode("utf-8", "replace"))
    return Ran(process.returncode, seconds, used.ru_utime + used.ru_stime, *told)


def must(ran: Ran) -> Ran:
    if ran.code:
        raise SystemExit(f"the command that is measured failed:\n{ran.err}")
    return ran


# Speed


def speeds(data: Path, encoders: Sequence[str], work: Path, runs: int, *, quick: bool) -> Numbers:
    """Indexing, starting and asking, the encoders in turn."""
    several, singles = lfw(data, quick=quick)
    photos, query = several + singles, next(iter(sorted((data / "celeb13_photos").glob("*/*.jpg"))))
    found: Numbers = {encoder: [] for encoder in encoders}
    gallery, small = work / "gallery", work / "small"
    for number, shot in enumerate(photos):
        for folder in (gallery, small) if number < 2 else (gallery,):
            _copy(shot.path, folder / shot.person)
    for number in range(runs):
        for encoder in encoders:
            tell(f"indexing {len(photos)} photos with {encoder}, {number + 1} of {runs}")
            found[encoder].append(_speed(gallery, small, len(photos), query, encoder, work))
    queries = photos[:: max(1, len(photos) // QUERIES)][:QUERIES]
    took = {encoder: asking(gallery, queries, encoder, work) for encoder in encoders}
    shutil.rmtree(gallery)
    return {"photos": len(photos), "runs": found, "asked": took}


def _copy(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / path.name)


def _speed(gallery: Path, small: Path, photos: int, query: Path, encoder: str, work: Path) -> Numbers:
    index = work / f"speed-{encoder}.sqlite"
    options = ["--encoder", encoder, "--index", index]
    index.unlink(missing_ok=True)
    start = must(command("similar", query, "--gallery", small, *options, work=work))
    index.unlink()
    whole = must(command("similar", query, "--gallery", gallery, *options, work=work))
    again = must(command("similar", query, "--gallery", gallery, *options, work=work))
    return {
        "start_s": start.seconds,
        "whole_s": whole.seconds,
        "photos_per_s": photos / whole.seconds,
        "photos_per_s_after_start": (photos - 2) / (whole.seconds - start.seconds),
        "cpu_ms_a_photo": 1000 * (whole.cpu - start.cpu) / (photos - 2),
        "again_s": again.seconds,
        "again_cpu_s": again.cpu,
    }


def asking(gallery: Path, queries: Sequence[Shot], encoder: str, work: Path) -> Numbers:
    """Milliseconds from a photo's path to the ranking, once everything is loaded."""
    index = work / f"speed-{encoder}.sqlite"
    opened = portraits.open_gallery(str(gallery), str(index), encoder, _Silence(), threading.Event())
    took = []
    with PhotoIndex(None, BY_ENCODER[encoder].name) as none_of_them:
        finder = functools.cache(portraits.finder_of(encoder, tell))
        for shot in [*queries[:3], *queries]:
            begin = time.perf_counter()
            reading = none_of_them.read([(str(shot.path), shot.path)], finder, threading.Event())
            similar.search(opened, reading.photos, 5)
            took.append(1000 * (time.perf_counter() - begin))
    took = sorted(took[3:])  # the first ones load models
    return {"queries": len(took), "median_ms": statistics.median(took), "p95_ms": took[len(took) * 95 // 100]}


# Grouping


def groupings(data: Path, reader: Reader, *, quick: bool) -> list[Numbers]:
    answer = []
    for name, photos in albums(data, quick=quick).items():
        faces, faceless = album_faces(photos, reader)
        tell(f"grouping {name}: {len(faces.person)} faces")
        rows = {rule: scores(faces, label) for rule, label in _by_every_rule(faces, reader.encoder)}
        answer.append(
            {
                "set": name, "encoder": reader.encoder, "photos": len(photos), "without_face": faceless,
                "faces": len(faces.person), "scored": int(faces.scored.sum()), "rules": rows,
                "same_in_5_orders": _same_in_every_order(faces, reader.encoder),
            }
        )  # fmt: skip
    return answer


def album_faces(photos: Sequence[Shot], reader: Reader) -> tuple[Faces, int]:
    """The faces that an album uses, and how many photos have none."""
    rows, faceless = [], 0
    for number, (shot, photo) in enumerate(zip(photos, reader.read([shot.path for shot in photos]), strict=True)):
        if photo is None or not photo.faces or photo.how == UNSURE:
            faceless += 1
            continue
        main = about(photo, cut=shot.cut)
        for place, face in enumerate(photo.faces):
            person = shot.person if place == main else NOBODY
            rows.append(row_of(face, person, source=number, frame=number, track=place))
    return gathered(rows), faceless  # a photo's face is a track of its own


def _by_every_rule(faces: Faces, encoder: str) -> Iterator[tuple[str, Ints]]:
    order, limits = np.arange(len(faces.person)), THRESHOLDS[encoder]
    others: dict[str, tuple[float, Callable[[float], Ints]]] = {
        "average linkage": (limits.average, lambda limit: average_linkage(faces, order, limit)),
        "DBSCAN, 3": (limits.dbscan, lambda limit: dbscan(faces, order, limit)),
        "DBSCAN, 2": (limits.dbscan, lambda limit: dbscan(faces, order, limit, neighbours=2)),
    }
    yield "ours", grouped(faces, order, limits.ours.rule)
    for name, (usual, rule) in others.items():
        yield name, rule(usual)
        tried = [rule(usual * factor) for factor in FACTORS]
        yield f"{name}, best", max(tried, key=lambda label: float(scores(faces, label)["f"]))


def _same_in_every_order(faces: Faces, encoder: str) -> bool:
    """Whether five shuffles make the same groups with the same numbers."""
    rule = BY_ENCODER[encoder].rule
    first = grouped(faces, np.arange(len(faces.person)), rule)
    return all(np.array_equal(first, grouped(faces, shuffled(faces, seed), rule)) for seed in range(1, 6))


def album_speeds(data: Path, encoders: Sequence[str], work: Path, runs: int) -> Numbers:
    """Sixty photos of one face each, from nothing to groups, start included; and the clustering of their faces."""
    photos = lfw(data, quick=False)[0][:ALBUM]
    for shot in photos:
        _copy(shot.path, work / "sixty")
    answer: Numbers = {encoder: [] for encoder in encoders}
    for number in range(runs):
        for encoder in encoders:
            out = work / f"out-{encoder}-{number}"
            whole = must(command("group", work / "sixty", "-o", out, "--encoder", encoder, work=work))
            again = must(command("group", work / "sixty", "-o", out, "--encoder", encoder, work=work))
            answer[encoder].append({"whole_s": whole.seconds, "cpu_s": whole.cpu, "again_s": again.seconds})
    for encoder in encoders:
        faces, _ = album_faces(photos, Reader(encoder, work))
        took = []
        for _ in range(5):
            begin = time.perf_counter()
            grouped(faces, np.arange(len(faces.person)), BY_ENCODER[encoder].rule)
            took.append(1000 * (time.perf_counter() - begin))
        answer[f"{encoder} clustering_ms"] = statistics.median(took)
    return answer


# Bad input


def bad_inputs(data: Path, work: Path) -> list[Numbers]:
    """What the commands say of what they cannot use, alone and among three good photos."""
    good, empty, videos = work / "good", work / "empty", work / "videos"
    for shot in labelled(data / "lfw")[:3]:
        _copy(shot.path, good)
    empty.mkdir()
    for path in sorted((data / "videos" / "webcam").glob("*.*"))[:2]:
        _copy(path, videos)
    large = _large_photo(work / "large.bmp")
    items: dict[str, list[object]] = {
        "badfiles/": [data / "badfiles"],
        "empty folder": [empty],
        "folder of videos": [videos],
        "200 MB photo": [large],
        "no such file": [work / "nothing.jpg"],
        "private address": ["http://127.0.0.1:9/a.jpg"],
        "the same, --allow-private": ["http://127.0.0.1:9/a.jpg", "--allow-private"],
        "address that does not resolve": ["http://nowhere.invalid/a.jpg"],
    }
    rows = []
    for name, words in items.items():
        for among in ([], [good]):
            ran = command("group", *among, *words, "-o", work / f"bad-{len(rows)}", work=work)
            rows.append(_bad_row("group", name, bool(among), ran))
    index = ["--index", work / "bad.sqlite"]
    for name, words in list(items.items())[:5]:
        ran = command("similar", *words, "--gallery", good, *index, work=work)
        rows.append(_bad_row("similar PHOTO", name, False, ran))
        ran = command("similar", next(good.iterdir()), "--gallery", *words, "--index", work / f"{len(rows)}.sqlite",
                      work=work)  # fmt: skip
        rows.append(_bad_row("similar --gallery", name, False, ran))
    return rows


def _large_photo(path: Path) -> Path:
    """A bitmap of 200 MB, all black, whose pixels take no place on the disk."""
    side, header = 8192, 54
    size = header + 3 * side * side
    words = [(size, 4), (0, 4), (header, 4), (40, 4), (side, 4), (side, 4), (1, 2), (24, 2), (0, 4), (0, 4)]
    path.write_bytes(b"BM" + b"".join(value.to_bytes(length, "little") for value, length in words) + bytes(16))
    os.truncate(path, size)
    return path


def _bad_row(name: str, what: str, among: bool, ran: Ran) -> Numbers:
    lines = [line for line in ran.err.splitlines() if line.strip()]
    sentences = [line for line in lines if line.startswith("face-classifier: ")]
    listed = [line for line in lines if line.startswith("    ")]
    return {
        "command": name, "item": what, "among_good": among, "code": ran.code, "seconds": ran.seconds,
        "sentences": len(sentences), "listed": len(listed), "other_lines": len(lines) - len(sentences) - len(listed),
        "traceback": "Traceback" in ran.err + ran.out, "first": sentences[0] if sentences else "", "err": ran.err,
        "out": ran.out,
    }  # fmt: skip


# The report


def percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def look_alike_table(rows: Sequence[Numbers]) -> str:
    def cell(row: Numbers) -> str:
        first, within = (percent(row[key] / row["queries"]) for key in ("first", "within_5"))
        return f"{first} [{'–'.join(map(percent, row['interval']))}] / {within}"

    by_set: dict[tuple[str, str], list[Numbers]] = {}
    for row in rows:
        by_set.setdefault((row["set"], row["encoder"]), []).append(row)
    heads = [f"draw {row['draw']}" if row["draw"].isdigit() else row["draw"] for row in next(iter(by_set.values()))]
    cells = [
        [*key, own[0]["queries"], own[-1]["queries"], own[-1]["without_face"], *map(cell, own)]
        for key, own in by_set.items()
    ]
    return markdown(["", "encoder", "people", "photos", "without a clear face", *heads], cells)


def speed_tables(found: Numbers) -> str:
    keys = {
        "photos_per_s": ("photos/s, start included", 1), "photos_per_s_after_start": ("photos/s, start excluded", 1),
        "cpu_ms_a_photo": ("CPU ms a photo", 1), "start_s": ("with two photos, fresh, s", 2),
        "again_s": ("again with the index, s", 2), "again_cpu_s": ("CPU s of that", 2),
    }  # fmt: skip
    runs, took = found["runs"], found["asked"]
    rows: list[list[object]] = [
        [title, *(middle([run[key] for run in runs[encoder]], digits) for encoder in runs)]
        for key, (title, digits) in keys.items()
    ]
    rows.append(["a query once loaded, ms: median", *(f"{took[encoder]['median_ms']:.1f}" for encoder in runs)])
    rows.append(["p95", *(f"{took[encoder]['p95_ms']:.1f}" for encoder in runs)])
    return markdown([f"{found['photos']} photos", *runs], rows)


def grouping_table(rows: Sequence[Numbers]) -> str:
    rules = list(rows[0]["rules"])
    cells = []
    for row in rows:
        scores = [
            f"{one['precision']:.3f} {one['recall']:.3f} **{one['f']:.3f}** {one['edits']}"
            for one in row["rules"].values()
        ]
        people = next(iter(row["rules"].values()))["true_people"]
        cells.append([row["set"], row["encoder"], f"{row['scored']} of {row['faces']}", row["without_face"], people,
                      *scores, "yes" if row["same_in_5_orders"] else "**no**"])  # fmt: skip
    return markdown(["", "encoder", "faces scored", "photos without", "people", *rules, "5 orders alike"], cells)


def album_table(found: Numbers) -> str:
    encoders = [key for key in found if " " not in key]
    titles = {"whole_s": "whole, s", "cpu_s": "CPU s of that", "again_s": "again, s"}
    rows: list[list[object]] = [
        [title, *(middle([run[key] for run in found[encoder]], 2) for encoder in encoders)]
        for key, title in titles.items()
    ]
    rows.append(["the clustering, ms", *(f"{found[f'{encoder} clustering_ms']:.1f}" for encoder in encoders)])
    return markdown([f"{ALBUM} faces", *encoders], rows)


def bad_table(rows: Sequence[Numbers]) -> str:
    cells = []
    for row in rows:
        first = re.sub(r"(?<![:/\w])/\S*/", "", row["first"].removeprefix("face-classifier: ")).replace("|", "\\|")
        cells.append(
            [
                f"{row['command']}: {row['item']}{', and good photos' if row['among_good'] else ''}", row["code"],
                row["sentences"], row["listed"], row["other_lines"], "**yes**" if row["traceback"] else "no",
                f"{row['seconds']:.1f}", first[:150],
            ]
        )  # fmt: skip
    return markdown(["", "exit code", "sentences", "listed below", "other lines", "traceback", "s", "the first"], cells)


def report(found: Numbers) -> str:
    told = ", ".join(f"{key} {value}" for key, value in found["machine"].items())
    load = [f"{one:.1f}" for one in found["load"]]
    parts = [f"{told}; load {load[0]} before, {load[1]} after.\n"]
    if "look_alike" in found:
        parts += ["### Look-alikes\n", look_alike_table(found["look_alike"])]
    if "speed" in found:
        parts += ["### Indexing and asking\n", speed_tables(found["speed"])]
    if "grouping" in found:
        parts += ["### Grouping\n", "BCubed precision, recall, **F**, edits\n", grouping_table(found["grouping"])]
    if "album" in found:
        parts += ["### An album of sixty faces\n", album_table(found["album"])]
    if "bad" in found:
        parts += ["### Bad input\n", bad_table(found["bad"])]
    return "\n".join(parts)


PARTS = ("look_alike", "grouping", "speed", "album", "bad")


def benchmark(
    data: Path, encoders: Sequence[str], work: Path, runs: int, parts: Sequence[str], *, quick: bool
) -> Numbers:
    found: Numbers = {"machine": machine(), "load": [os.getloadavg()[0]], "quick": quick}
    for encoder in encoders:
        reader = Reader(encoder, work)
        for part, measure in (("look_alike", look_alikes), ("grouping", groupings)):
            if part in parts:
                found.setdefault(part, []).extend(measure(data, reader, quick=quick))
    if "speed" in parts:
        found["speed"] = speeds(data, encoders, work, runs, quick=quick)
    if "album" in parts:
        found["album"] = album_speeds(data, encoders, work, runs)
    if "bad" in parts:
        found["bad"] = bad_inputs(data, work)
    found["load"].append(os.getloadavg()[0])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--encoder", choices=tuple(BY_ENCODER), help="only this encoder")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; may be given several times")
    parser.add_argument("--runs", type=int, default=3, help="rounds of what is timed (default 3)")
    parser.add_argument("--quick", action="store_true", help="80 people of lfw, one draw, one round: two minutes")
    parser.add_argument("--json", type=Path, default=Path("albums.json"), help="where to write all numbers")
    chosen = testdata.parse(parser)
    encoders = [chosen.encoder] if chosen.encoder else ["sface", "dlib"]
    with tempfile.TemporaryDirectory() as work:
        found = benchmark(
            chosen.data.resolve(), encoders, Path(work), 1 if chosen.quick else chosen.runs, chosen.part or PARTS,
            quick=chosen.quick,
        )  # fmt: skip
    chosen.json.write_text(json.dumps(found, indent=1), "utf-8")
    print(report(found))


if __name__ == "__main__":
    main()
