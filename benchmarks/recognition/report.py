"""The tables of rules, and the plots."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from recognition.faces import HALVES, Faces, Ints, Numbers, of_half, tell
from recognition.rules import Thresholds, rules
from recognition.scores import scores, shuffled


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


HALVES_HEAD = ["", "faces", "people", "F", "precision", "recall", "edits", *(f"F / edits, {name}" for name in HALVES)]


def halves_row(name: str, faces: Faces, rule: Callable[[Faces], Ints]) -> list[str]:
    """Cells of a table, `HALVES_HEAD`: how right a rule is, with all people together and with those of either half."""
    all_of_them = scores(faces, rule(faces))
    cells = [name, str(int(faces.scored.sum())), str(all_of_them["true_people"])]
    cells += [*(f"{all_of_them[key]:.3f}" for key in ("f", "precision", "recall")), str(all_of_them["edits"])]
    for number in range(len(HALVES)):
        some = of_half(faces, number)
        if not some.scored.any():
            cells.append("")
            continue
        told = scores(some, rule(some))
        cells.append(f"{told['f']:.3f} / {told['edits']}")
    return cells


def report(found: Numbers) -> str:
    """Means over the orders."""
    names = list(dict.fromkeys(name for one in found["sets"].values() for name in one["rules"]))
    lines = [f"Encoder {found['encoder']}: BCubed F / edits to clean / people made (unknown left)", ""]
    lines += table(["", "faces", "people", *names], [_rules_row(name, one, names) for name, one in _shown(found)])
    lines += [
        "",
        "Threshold of the online rule: the default, calibrated [90 %], the best afterwards, and F with each",
    ]
    lines += ["", *table(["", "default", "auto", "best"], [_threshold_row(name, one) for name, one in _shown(found)])]
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


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table."""
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
