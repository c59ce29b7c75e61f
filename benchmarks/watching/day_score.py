"""How visits and alerts of the daemon agree with the plan of `day_plan.py`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from watching.day_plan import Fault, Visit

MARGIN = 1.5  # seconds


@dataclass
class Score:
    """How the log agrees with the plan; ``calm`` as the head of this file tells."""

    visits: int = 0
    found: int = 0
    missed: int = 0
    wrong: int = 0  # is somebody else in the log
    twice: int = 0
    alerts: Counter[int] = field(default_factory=Counter)  # how many alerts a visit had
    ends: list[float] = field(default_factory=list)  # seconds
    notes: list[str] = field(default_factory=list)


def compared(visits: list[Visit], faults: list[Fault], log: list[dict[str, Any]]) -> tuple[Score, Score, int]:
    """Of calm visits, of the others, and how many of the log are extra."""
    extra = 0
    for told in log:
        first, last = (datetime.fromisoformat(told[end]).timestamp() for end in ("first", "last"))
        there = [one for one in visits if one.camera == told["camera"] and one.first - 0.5 <= last and
                 first <= one.last + MARGIN]  # fmt: skip
        whose = max(there, key=lambda one: min(one.last, last) - max(one.first, first), default=None)
        extra += whose is None
        if whose:
            whose.told.append(told | {"from": first, "to": last})
    names = names_in(visits)
    calm, troubled = Score(), Score()
    for visit in visits:
        _judge(visit, names, troubled if any(_is_near(visit, fault) for fault in faults) else calm)
    return calm, troubled, extra


def _is_near(visit: Visit, fault: Fault) -> bool:
    back = fault.back or float("inf")
    return fault.camera == visit.camera and fault.first - MARGIN <= visit.last and visit.first <= back + MARGIN


def names_in(visits: Iterable[Visit]) -> dict[str, str]:
    """By the name in the log the person of the plan who has it most often."""
    often: dict[str, Counter[str]] = defaultdict(Counter)
    for visit in visits:
        for told in visit.told:
            if told["person"]:
                often[told["person"]][visit.person] += 1
    return {name: counts.most_common(1)[0][0] for name, counts in often.items()}


def _is_right(told: str | None, visit: Visit, names: dict[str, str]) -> bool:
    """Who comes once may stay unknown."""
    return visit.once if told is None else names[told] == visit.person


def _judge(visit: Visit, names: dict[str, str], score: Score) -> None:
    score.visits += 1
    score.alerts[len(visit.alerts)] += 1
    right = [told for told in visit.told if _is_right(told["person"], visit, names)]
    score.missed += not visit.told
    score.wrong += bool(visit.told) and not right
    score.twice += len(visit.told) > 1
    score.found += len(visit.told) == len(right) == 1
    if right:
        score.ends.append(max(abs(right[0]["from"] - visit.first), abs(right[0]["to"] - visit.last)))
    if len(visit.told) != 1 or not right or len(visit.alerts) != 1:
        told = ", ".join(f"{one['person']} {one['from']:.1f} to {one['to']:.1f}" for one in visit.told) or "nothing"
        alerts = ", ".join(str(one["text"]) for one in visit.alerts) or "no alert"
        score.notes.append(f"{visit.person} at {visit.camera} {visit.first:.1f} to {visit.last:.1f}: {told}; {alerts}")


def match_alerts(visits: list[Visit], alerts: Iterable[dict[str, Any]]) -> int:
    """Give each alert about somebody to its visit; how many belong to none."""
    extra = 0
    for alert in alerts:
        at = datetime.fromisoformat(alert["time"]).timestamp()
        whose = [one for one in visits if one.camera == alert["camera"] and one.first - 0.5 <= at <= one.last + MARGIN]
        extra += not whose
        for one in whose[:1]:
            one.alerts.append(alert)
    return extra
