"""Who is who, as it is measured: `python benchmarks/identity.py [--part rules|photos|draws|visits|rates|mixed|nobody]`.

* rules: the faces of labelled sets grouped by several rules, with the sources in several orders;
* photos: albums by the rule of `face-classifier group`, with twins, and people when young and when old;
* draws: small galleries of random people, and whether strangers share a folder;
* visits: who gets a folder that was seen for a second or two;
* rates: faces and tracks at odd frame rates;
* mixed: folders that hold two people, and single faces in a stranger's folder, as `audit` and `suggest` find them;
* nobody: people made of clips and pictures that show nobody.

Prints Markdown tables for one encoder after the other; writes all numbers to a JSON file and plots beside it. Encodings
and records of analysis are kept in a cache. Without the real test data, *draws*, *visits* and *rates* are measured on
the demo's photographs. Rules and plots whose packages are missing are left out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import testdata
from recognition import demo, draws, mixed, visits
from recognition.faces import Faces, Ints, Numbers, tell
from recognition.photos import albums
from recognition.replay import Recorder
from recognition.report import HALVES_HEAD, compared, halves_row, plot, report, table
from recognition.rules import THRESHOLDS, grouped, thought_again
from recognition.scores import distances
from recognition.sets import load, sets

from face_classifier.photos.finder import PRECISION
from face_classifier.vision.engine import make_engine

PARTS = "rules", "photos", "draws", "visits", "rates", "mixed", "nobody"
ENCODERS = tuple(THRESHOLDS)
MIXED = "lfw", "asian_kpop15", "tv_bbt_crops", "all single-person clips", "sports5, photos", "age31, photos"
QUICK_DRAWS = 5
QUICK_SETS = "asian_kpop15", "tv_bbt_crops", "tv_talkshow_frames", "grid_*"


class Benchmark:
    """All parts with one encoder. A part yields the lines that are to be printed."""

    def __init__(self, data: Path | None, encoder: str, chosen: argparse.Namespace) -> None:
        """``data``: None: there is none but the demo's photographs."""
        self._data, self._encoder, self._chosen = data, encoder, chosen
        self._engine = make_engine("fast", None, 1.0, tell, encoder, precision=chosen.precision)
        self._recorder = Recorder(self._engine, encoder, chosen.cache)
        self._limits = THRESHOLDS[encoder]
        self.found: Numbers = {"encoder": encoder, "made_by": vars(self._engine.made_by), "orders": chosen.orders}

    def rules(self) -> Iterator[str]:
        """All rules on all sets, second thoughts on either half of the people, and the threshold that finds itself."""
        if self._data is None:
            return
        rows = []
        self.found["sets"] = {}
        for one in sets(self._data):
            if not self._is_wanted(one.name):
                continue
            faces = load(one, self._engine, self._chosen.cache)
            tell(f"{one.name}: {len(faces.person)} faces")
            rows.append(halves_row(one.name, faces, partial(thought_again, rule=self._limits.ours.rule)))
            self.found["sets"][one.name] = {
                "faces": int(faces.scored.sum()),
                "tracks": int(faces.track.max()) + 1,
                "rules": compared(faces, self._limits, self._chosen.orders),
                "distances": distances(faces, self._limits),
            }
        yield report(self.found)
        yield from ["", "Second thoughts by either half of the people", "", *table(HALVES_HEAD, rows)]
        plot(self.found, self._chosen.output)

    def _is_wanted(self, name: str) -> bool:
        if self._chosen.set:
            return name in self._chosen.set
        return not self._chosen.quick or name in QUICK_SETS

    def photos(self) -> Iterator[str]:
        """Albums by the rule of `group`."""
        if self._data is None:
            return
        rows = []
        precision = PRECISION if self._chosen.precision == "auto" else self._chosen.precision
        engine = make_engine("fast", None, 1.0, tell, self._encoder, precision=precision)
        for one in albums(self._data):
            faces = load(one, engine, self._chosen.cache)

            def rule(some: Faces) -> Ints:
                return grouped(some, np.arange(len(some.person)), self._limits.ours.rule)

            rows.append(halves_row(one.name, faces, rule))
        self.found["photos"] = rows
        yield from ["Albums", "", *table(HALVES_HEAD, rows)]

    def draws(self) -> Iterator[str]:
        """Small galleries."""
        count = QUICK_DRAWS if self._chosen.quick else draws.DRAWS
        with tempfile.TemporaryDirectory() as folder:
            kinds = [draws.of_scenes(demo.scenes(Path(folder)))] if self._data is None else draws.kinds(self._data)
            rows = list(draws.rows([draws.drawn(kind, self._recorder, count) for kind in kinds]))
        self.found["draws"] = rows
        yield from ["Small galleries", "", *table(draws.HEAD, rows)]

    def visits(self) -> Iterator[str]:
        """Short visits."""
        with tempfile.TemporaryDirectory() as folder:
            clips = demo.scenes(Path(folder)) if self._data is None else self._clips()
            rows = list(visits.visit_rows(clips, self._recorder, quick=self._chosen.quick))
        self.found["visits"] = rows
        yield from ["Short visits", "", *table(visits.VISITS_HEAD, rows)]

    def rates(self) -> Iterator[str]:
        """Frame rates."""
        with tempfile.TemporaryDirectory() as folder:
            clips = list((demo.scenes(Path(folder)) if self._data is None else self._clips()).values())
            rows = list(visits.rate_rows(clips, self._recorder, Path(folder), quick=self._chosen.quick))
        self.found["rates"] = rows
        yield from [f"{len(clips)} clips of one person each", "", *table(visits.RATES_HEAD, rows)]

    def _clips(self) -> dict[str, Path]:
        assert self._data is not None
        return {path.stem: path for path in sorted((self._data / "videos" / "webcam").glob("*.*"))}

    def mixed(self) -> Iterator[str]:
        """Folders of two people."""
        if self._data is None:
            return
        rows: list[list[str]] = []
        for one in [*sets(self._data), *albums(self._data)]:
            if one.name in MIXED:
                faces = load(one, self._engine, self._chosen.cache)
                rows += mixed.rows(one.name, faces, self._limits.ours.rule)
        self.found["mixed"] = rows
        yield from ["Two people in one folder", "", *table(mixed.HEAD, rows)]

    def nobody(self) -> Iterator[str]:
        """People who are not there."""
        if self._data is None:
            return
        clips = sorted((self._data / "videos" / "noface").glob("*.*"))
        pictures = sorted(path for path in (self._data / "negatives").rglob("*") if path.suffix in (".jpg", ".png"))
        rows = [visits.nobody_row("clips without a face, -S 0.2", clips, self._recorder, seconds=0.2)]
        rows.append(visits.nobody_row("pictures of no real face", pictures, self._recorder))
        self.found["nobody"] = rows
        yield from ["Nobody is there", "", *table(visits.NOBODY_HEAD, rows)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--encoder", choices=(*ENCODERS, "both"), default="both")
    parser.add_argument("--precision", choices=("auto", "fp32", "int8"), default="auto", help="as of the program")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; may be given several times")
    parser.add_argument("--quick", action="store_true", help="fewer sets, draws and visits: a few minutes")
    parser.add_argument("--orders", type=int, default=3, help="input orders of the rules (default 3)")
    parser.add_argument(
        "--set", action="append", default=[], help="only this set of the rules; may be given several times"
    )
    cache = Path(tempfile.gettempdir()) / "face-classifier-identity"
    parser.add_argument("--cache", type=Path, default=cache, help="where encodings are kept (default: temporary)")
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the JSON files and the plots")
    parser.add_argument("--data", type=Path, default=testdata.usual(), help="the real test data (default %(default)s)")
    chosen = parser.parse_args(arguments)
    data = chosen.data if chosen.data.is_dir() else None
    if data is None:
        tell(f"the real test data is not at {chosen.data}: only the demo's photographs are there to be measured")
    chosen.output.mkdir(parents=True, exist_ok=True)
    for encoder in ENCODERS if chosen.encoder == "both" else (chosen.encoder,):
        benchmark = Benchmark(data, encoder, chosen)
        for part in chosen.part or PARTS:
            lines = list(getattr(benchmark, part)())
            if lines:
                print(f"\n{encoder}, {part}\n", *lines, sep="\n", flush=True)
        (chosen.output / f"identity-{encoder}.json").write_text(json.dumps(benchmark.found, indent=1), "utf-8")


if __name__ == "__main__":
    main()
