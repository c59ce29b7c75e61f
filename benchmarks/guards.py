"""Is anybody merged, split or lost by what saves time? `python benchmarks/guards.py`.

All clips of the real test data whose people are known, each into a result folder of its own, with both encoders: as the
program is (*now*), with a search for faces in every frame (*every*), and as an earlier commit was (*before*, with
--before CHECKOUT). Faces and people of *now* are compared with those of *every*, frame by frame. Then all clips that
show one person, into one folder: in every frame the largest face is theirs.

* found: faces of *every* that *now* has in the same place, by an overlap of .3; overlap: of those boxes;
* extra: faces that *every* does not have there;
* merged, split, lost: people of *now* who are several of *every*, people of *every* who are several or none of *now*;
  in three frames at least.

Prints Markdown, and writes it to a file, too.
"""

from __future__ import annotations

import argparse
import csv
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import testdata
from pace.boxes import pairs
from pace.process import ROOT, Numbers, folder, measured, tell
from pace.report import table

EVERY = {"detect_every": 0}
SOME = 3  # frames
ENCODERS = "dlib", "sface"


class Clip(NamedTuple):
    """A clip of which it is known who is in it."""

    path: str
    name: str
    people: str  # a number, or more words


def clips(data: Path) -> list[Clip]:
    with (data / "videos" / "_truth.tsv").open(encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [Clip(str(data / "videos" / row["clip"]), row["clip"], row["distinct_people"]) for row in rows]


# One run beside another


class Comparison:
    """What one run found beside another one of the same clip."""

    def __init__(self, told: Numbers, reference: Numbers) -> None:
        self.faces = self.extra = 0
        self.overlaps: list[float] = []
        both: Counter[tuple[str, str]] = Counter()
        owners: Counter[str] = Counter()
        for frame, usual in zip(told["frames"], reference["frames"], strict=True):
            assert frame[:2] == usual[:2], f"other frames: {frame[:2]}, {usual[:2]}"
            now, then = frame[2], usual[2]
            same = pairs([box for box, _ in now], [box for box, _ in then])
            self.faces, self.extra = self.faces + len(then), self.extra + len(now) - len(same)
            self.overlaps += [overlap for *_, overlap in same]
            owners.update(person for _, person in then if person)
            both.update(
                (now[number][1], then[index][1]) for number, index, _ in same if now[number][1] and then[index][1]
            )
        often = [pair for pair, frames in both.items() if frames >= SOME]
        self.merged = sum(count > 1 for count in Counter(mine for mine, _ in often).values())
        self.split = sum(count > 1 for count in Counter(theirs for _, theirs in often).values())
        self.lost = sum(
            frames >= SOME and not any(theirs == person for _, theirs in both) for person, frames in owners.items()
        )


def people_of(told: Numbers) -> dict[str, set[str]]:
    """Of each source: who has its largest faces, in so many frames at least."""
    frames: dict[str, Counter[str]] = defaultdict(Counter)
    for source, _, faces in told["frames"]:
        seen = frames[source]
        if faces:
            _, person = max(faces, key=lambda face: (face[0][2] - face[0][0]) * (face[0][1] - face[0][3]))
            if person:
                seen[person] += 1
    return {source: {person for person, count in seen.items() if count >= SOME} for source, seen in frames.items()}


# Tables

Told = Mapping[str, Numbers]  # by variant: now, every, before


def apart_table(known: Sequence[Clip], told: Told) -> Iterator[str]:
    rows, totals, overlaps = [], Counter[str](), list[float]()
    for clip in known:
        of_clip = {variant: numbers[clip.path] for variant, numbers in told.items()}
        seen = Comparison(of_clip["now"], of_clip["every"])
        kept, people = ({variant: numbers[key] for variant, numbers in of_clip.items()} for key in ("kept", "people"))
        rows.append([clip.name, *_cells(seen.faces, seen.overlaps, seen.extra), *_each(kept), clip.people,
                     *_each(people), seen.merged, seen.split, seen.lost])  # fmt: skip
        totals.update(faces=seen.faces, extra=seen.extra, merged=seen.merged, split=seen.split, lost=seen.lost)
        totals.update({f"kept {variant}": count for variant, count in kept.items()})
        totals.update({f"people {variant}": count for variant, count in people.items()})
        overlaps += seen.overlaps
    sums = [
        " / ".join(str(totals[f"{what} {variant}"]) for variant in told) for what in ("kept", "people")
    ]  # fmt: skip
    rows.append(["all", *_cells(totals["faces"], overlaps, totals["extra"]), sums[0], "", sums[1],
                 totals["merged"], totals["split"], totals["lost"]])  # fmt: skip
    variants = " / ".join(told)
    yield from table(
        ("", "faces", "found", "overlap, median (5 %)", "extra", f"kept: {variants}", "true people",
         f"people: {variants}", "merged", "split", "lost"),
        rows,
    )  # fmt: skip


def _cells(faces: int, overlaps: Sequence[float], extra: int) -> list[object]:
    if not overlaps:
        return [faces, "", "", extra]
    worst = sorted(overlaps)[len(overlaps) // 20]
    return [faces, f"{len(overlaps) / faces:.2%}", f"{statistics.median(overlaps):.3f} ({worst:.3f})", extra]


def _each(counts: Mapping[str, int]) -> list[str]:
    return [" / ".join(str(count) for count in counts.values())]


def together_table(known: Sequence[Clip], told: Told) -> Iterator[str]:
    """Of people of whom each has a clip."""
    names = {clip.path: clip.name for clip in known}
    rows = []
    for variant, numbers in told.items():
        owners = people_of(numbers)
        shared = Counter(person for people in owners.values() for person in people)
        split = [names[source] for source, people in owners.items() if len(people) > 1]
        without = [name for source, name in names.items() if not owners.get(source)]
        rows.append([variant, len(known), sum(count > 1 for count in shared.values()),
                     _named(split), _named(without)])  # fmt: skip
    yield from table(("", "people", "folders of strangers", "split", "without a folder"), rows)


def _named(names: Sequence[str]) -> str:
    return f"{len(names)}: {', '.join(names)}" if names else "0"


def guarded(known: Sequence[Clip], encoder: str, every: float, before: Path | None) -> Iterator[str]:
    """The tables of one encoder. ``every``: -S; ``before``: the other checkout."""
    settings = {"encoder": encoder, "seconds": every}
    variants = {"now": (ROOT, settings), "every": (ROOT, settings | EVERY)}
    if before:
        variants["before"] = before, settings
    alone = [clip for clip in known if clip.people == "1"]
    told: dict[str, dict[str, Numbers]] = {"apart": {}, "together": {}}
    for how, shown in (("apart", known), ("together", alone)):
        for variant, (tree, chosen) in variants.items():
            tell(f"{encoder}, {how}: {variant}")
            sources = [clip.path for clip in shown]
            told[how][variant] = measured(f"seen.{how}", tree, sources=sources, settings=chosen)
    yield f"**{encoder}, -S {every:g}: each clip by itself**\n"
    yield from apart_table(known, told["apart"])
    yield f"\n**{encoder}, -S {every:g}: all clips of one person in one folder**\n"
    yield from together_table(alone, told["together"])
    yield ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", choices=ENCODERS, action="append", help="only this one (default: both)")
    parser.add_argument("--every", type=float, default=0.0, help="-S of all runs (seconds; default every frame)")
    parser.add_argument("--before", type=folder, help="a checkout of an earlier commit")
    parser.add_argument("--markdown", type=Path, default=Path("guards.md"), help="where to write the tables")
    chosen = testdata.parse(parser)
    known = clips(chosen.data.resolve())
    lines = []
    for encoder in chosen.encoder or ENCODERS:
        for line in guarded(known, encoder, chosen.every, chosen.before):
            print(line, flush=True)
            lines.append(line)
            chosen.markdown.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
