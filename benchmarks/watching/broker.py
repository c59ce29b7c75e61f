"""What a broker is told that fails: `sh scripts/python benchmarks/watch.py --part broker`; a round takes 35 s.

A program puts ten events a second into a real `Dispatcher`, whose channel is a real Mosquitto on loopback. A round:
the broker is killed and comes back four seconds later; it is held for as long (its connections stay open); a reader
with a persistent session and QoS 1 goes away for as long; the program is killed and started again. All the while
another reader is there.

* *late*: came more than five seconds after its deciding frame, or was decided while the persistent reader was away
* *repeated*: the same id came twice to one reader
* *lost*: of the events decided while nothing was wrong (and had not been for a second), those that did not come
* seconds from the deciding frame to a reader of the broker, of the events that were decided while nothing was wrong
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from alerts.mosquitto import Mosquitto, Reader, wait_for  # noqa: E402

FAULT = 4.0  # seconds
LATE = 5.0  # seconds
CALM = 3.0  # seconds before and after each fault
BEFORE = 0.5  # seconds: what was decided so shortly before a fault may still be on its way
MARGIN = 1.0  # seconds after a fault that still belong to it, but for those in which a program starts
RATE = 10  # events a second

PROGRAM = """
import sys, time, uuid
from datetime import datetime, timezone
from pathlib import Path
from face_classifier.alerts.dispatcher import Dispatcher
from face_classifier.alerts.channels.mqtt.channel import Mqtt
from face_classifier.core.config.parts.alerts import Alerts, MqttChannel
from face_classifier.events.event import Event
channel = MqttChannel(type="mqtt", host="127.0.0.1", port=int(sys.argv[1]))
make, tell = lambda name, one: Mqtt(one), lambda sentence: None
dispatcher = Dispatcher(Alerts(), {"home": channel}, Path(sys.argv[2]), make, tell)
begun, number = time.monotonic(), 0
while True:
    event = Event(uuid.uuid4().hex, "unknown", datetime.now(timezone.utc), time.monotonic(), "door")
    dispatcher.put(event)
    print(event.id, event.time.isoformat(), flush=True)
    number += 1
    time.sleep(max(0.0, begun + number / float(sys.argv[3]) - time.monotonic()))
"""


@dataclass
class Told:
    """What was decided and what came, over all rounds."""

    decided: dict[str, float] = field(default_factory=dict)  # when, seconds of the wall clock, by id
    faults: list[tuple[str, float, float]] = field(default_factory=list)  # kind, from, to
    came: list[tuple[str, float]] = field(default_factory=list)  # id and when, at the reader that is always there
    at_absent: list[tuple[str, float]] = field(default_factory=list)  # the same at the one that goes away

    def calm(self) -> set[str]:
        """The events that were decided while nothing was wrong."""
        return {id_ for id_, when in self.decided.items() if not any(a <= when <= b for _, a, b in self.faults)}

    def figures(self) -> dict[str, Any]:
        """What the head of this file tells."""
        calm, first = self.calm(), dict(reversed(self.came))
        away = [(start, end - MARGIN) for kind, start, end in self.faults if kind == "reader away"]
        missed = {id_ for id_, when in self.decided.items() if any(start <= when <= end for start, end in away)}
        seconds = np.sort([first[id_] - self.decided[id_] for id_ in calm & first.keys()])
        every = [*self.came, *self.at_absent]
        return {
            "events": len(self.decided),
            "came": len(first),
            "calm": len(calm),
            "lost": len(calm - first.keys()),
            "late": sum(when - self.decided[id_] > LATE for id_, when in every)
            + sum(id_ in missed for id_, _ in self.at_absent),
            "repeated": sum(count > 1 for at in (self.came, self.at_absent) for count in _counts(at).values()),
            "oldest": max(when - self.decided[id_] for id_, when in every),
            "p50": float(np.quantile(seconds, 0.5)),
            "p95": float(np.quantile(seconds, 0.95)),
            "greatest": float(seconds[-1]),
        }


def _counts(came: Sequence[tuple[str, float]]) -> Counter[str]:
    return Counter(id_ for id_, _ in came)


def _came(reader: Reader) -> list[tuple[str, float]]:
    return [(json.loads(message.payload)["id"], message.at) for message in reader.on("/face")]


class Round:
    """A broker, a reader, and a program that tells of events."""

    def __init__(self, broker: Mosquitto, folder: Path, told: Told) -> None:
        self._broker, self._folder, self._told = broker, folder, told

    @contextmanager
    def program(self) -> Iterator[None]:
        command = [sys.executable, "-c", PROGRAM, str(self._broker.port), str(self._folder), str(RATE)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            try:
                yield
            finally:
                process.kill()
                assert process.stdout
                for line in process.stdout.read().splitlines():
                    id_, _, when = line.partition(" ")
                    self._told.decided[id_] = _seconds(when)

    def fault(self, kind: str, begin: Callable[[], None], end: Callable[[], None]) -> None:
        start = time.time()
        begin()
        time.sleep(FAULT)
        end()
        self._told.faults.append((kind, start - BEFORE, time.time() + MARGIN))
        time.sleep(MARGIN + CALM)

    def run(self, number: int) -> None:
        broker, told = self._broker, self._told
        with Reader(broker.port, "face-classifier/#") as reader:
            with self._started(reader):
                time.sleep(CALM)
                self.fault("broker down", broker.kill, broker.start)
                self.fault("broker held", broker.hold, broker.let_go)
                self._away(number)
                start = time.time()
            with self._started(reader):
                told.faults.append(("program killed", start, time.time()))
                time.sleep(CALM)
            time.sleep(MARGIN)
            told.came += _came(reader)

    @contextmanager
    def _started(self, reader: Reader) -> Iterator[None]:
        before, start = len(reader.came), time.time()
        with self.program():
            wait_for(lambda: len(reader.came) > before + RATE, "the first events", 60)
            self._told.faults.append(("program starts", start, time.time()))
            yield
            start = time.time()
        self._told.faults.append(("program killed", start - MARGIN, time.time()))

    def _away(self, number: int) -> None:
        """A reader with a persistent session is there, goes away without a word, and comes back."""
        name, told = f"automation-{number}", self._told
        first = Reader(self._broker.port, "face-classifier/#", name=name)
        wait_for(lambda: _came(first), "the first event at the persistent reader")
        told.at_absent += _came(first)
        start = time.time()
        first.leave()
        time.sleep(FAULT)
        told.faults.append(("reader away", start + 0.1, time.time() - 0.1 + MARGIN))
        with Reader(self._broker.port, "face-classifier/#", name=name) as second:
            time.sleep(MARGIN + CALM)
            told.at_absent += _came(second)


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


def measure(chosen: argparse.Namespace) -> None:
    """So many rounds (``times``), each with a broker of its own; a Markdown table. Ends with 1 unless all is well."""
    told = Told()
    for number in range(chosen.times):
        with tempfile.TemporaryDirectory() as folder, Mosquitto(Path(folder)) as broker:
            Round(broker, Path(folder), told).run(number)
        print(f"round {number + 1} of {chosen.times} is over", file=sys.stderr, flush=True)
    figures = told.figures()
    print("| rounds |", " | ".join(figures), "|")
    print("| ---: " * (len(figures) + 1) + "|")
    shown = (f"{value:.3f} s" if isinstance(value, float) else str(value) for value in figures.values())
    print(f"| {chosen.times} |", " | ".join(shown), "|")
    if figures["late"] or figures["repeated"] or figures["lost"]:
        raise SystemExit(1)
