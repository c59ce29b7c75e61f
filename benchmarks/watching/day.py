"""A compressed day with a fault again and again: `sh scripts/python benchmarks/watch.py --part day --seconds 480`.

`face-classifier watch` has four cameras (Motion JPEG over HTTP), before which people come and go by a random plan with
a fixed seed. An hour of the day takes a minute: the pauses between two visits are shortened (and with them the gap
that ends a visit, to 3 s), the visits are not, for they take 3 to 7 s. Two presidents and up to four others come
again and again, the first of them gets a name from the user; every sixth is somebody else, who comes once. Everybody
is a photograph that moves a little, always the same one: who is who is easy here, for that is not what is measured.

Every 12 s a camera has a fault for 3 to 8 s: it stops in mid-stream, accepts and says nothing, sends half a picture,
loses its power, asks for another password (until the configuration is read anew), or its reader is killed.

* *calm*: visits during which, and for `MARGIN` seconds around which, their camera had no fault and was not lost
* *found*: those with one visit of the right person; *ends*: how far the worse end of it is wrong
* *extra*: visits of the log at a time when nobody was there
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
from servers.streams import HttpCamera

from face_classifier.core.types import Image
from watching.day_plan import FAULTS, Fault, Visit, people, planned, view
from watching.day_score import compared, match_alerts, names_in

CAMERAS, GAP, HOUR = 4, 3.0, 60.0  # seconds that an hour takes
WARM = 90.0  # seconds whose memory does not count: by then everybody who comes again has come
NAME = "Anna"


class Door(HttpCamera):
    """A camera that shows who is there, and may stop in mid-stream."""

    def __init__(self) -> None:
        super().__init__(10.0, self._now)
        self.face: Image | None = None
        self.stalled = False

    def _now(self, number: int) -> Image:
        while self.stalled and not self._ending.is_set():
            time.sleep(0.02)
        return view(number, self.face)

    def fail(self, kind: str) -> None:
        if kind == "stall":
            self.stalled = True
        elif kind != "killed reader":
            self.become(kind)

    def cure(self) -> None:
        self.stalled = False
        if self.mode != "good":
            self.become("good")


class Daemon:
    """The program that is measured."""

    def __init__(self, folder: Path, doors: dict[str, Door]) -> None:
        self.folder, self.doors = folder, doors
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        kinds = ["person", "new_person", "unknown", "camera_lost", "camera_back"]
        config = {
            "result": str(folder / "result"),
            "seconds": 0.25,
            "cameras": {name: {"url": door.address(), "silence": 2} for name, door in doors.items()},
            "visits": {"gap": GAP, "unknown_after": 1},
            "channels": {"log": {"type": "file", "path": str(folder / "alerts.jsonl")}},
            "alerts": {"per_minute": 1000, "blip": 0, "rules": [{"name": "all", "on": kinds, "channels": ["log"]}]},
            "web": {"listen": f"127.0.0.1:{self.port}"},
        }
        (folder / "watch.yaml").write_text(json.dumps(config), "utf-8")
        line = [sys.executable, "-m", "face_classifier", "watch", "--config", str(folder / "watch.yaml")]
        self.process = subprocess.Popen(line, stderr=(folder / "log").open("w"), env=os.environ | {"PYTHONPATH": ROOT})

    def cameras(self) -> dict[str, dict[str, Any]]:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
            return {one["name"]: one for one in json.load(answer)["cameras"]}
        return {}

    def children(self) -> list[int]:
        pid = self.process.pid
        threads = Path(f"/proc/{pid}/task").iterdir()
        return [int(word) for thread in threads for word in (thread / "children").read_text().split()]

    def reader_of(self, camera: str) -> int:
        """The process that is connected with a camera."""
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ours = {f"socket:[{line[9]}]" for line in lines if int(line[2].split(":")[1], 16) == self.doors[camera].port}
        for child in self.children():
            with suppress(OSError):
                if ours & {os.readlink(one) for one in Path(f"/proc/{child}/fd").iterdir()}:
                    return child
        raise LookupError(camera)

    def used(self) -> dict[str, float]:
        proc = Path(f"/proc/{self.process.pid}")
        children = self.children()
        return {
            "memory": _memory(self.process.pid),
            "memory of readers": sum(map(_memory, children)),
            "threads": len(list((proc / "task").iterdir())),
            "descriptors": len(list((proc / "fd").iterdir())),
            "children": len(children),
        }

    def visits(self) -> list[dict[str, Any]]:
        line = [sys.executable, "-m", "face_classifier", "events", "--result", str(self.folder / "result")]
        line += ["--config", str(self.folder / "watch.yaml"), "--format", "jsonl"]
        told = subprocess.run(line, check=True, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": ROOT})
        return [json.loads(one) for one in told.stdout.splitlines()]

    def alerts(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "alerts.jsonl").read_text("utf-8").splitlines()]


ROOT = str(Path(__file__).resolve().parent.parent.parent)


def _memory(pid: int) -> float:
    """MB in RAM; 0 of a process that is gone."""
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * 4096 / 1e6
    return 0.0


class Day:
    """Lets the plan happen, and looks at the daemon meanwhile."""

    def __init__(self, daemon: Daemon, faces: dict[str, Image], visits: Iterable[Visit], faults: list[Fault]) -> None:
        self._daemon, self._faces, self._faults = daemon, faces, faults
        self._coming = sorted(visits, key=lambda one: one.begin)
        self.used: list[tuple[float, dict[str, float]]] = []
        self._is_named = False

    def pass_by(self, seconds: float) -> None:
        began, looked = time.monotonic(), -1.0
        while (now := time.monotonic() - began) < seconds:
            for visit in self._coming:
                self._happen(visit, now)
            for fault in self._faults:
                self._fail(fault, now)
            if now >= self._faults[0].begin and not self._is_named:
                self._is_named = True
                self._name_the_first()
            if now - looked >= 0.5:
                looked = now
                self._look(now)
            time.sleep(0.02)

    def _name_the_first(self) -> None:
        """As the user does it: with a file manager."""
        result = self._daemon.folder / "result"
        person = next(one["person"] for one in self._daemon.alerts() if one["camera"] == self._coming[0].camera)
        (result / person).rename(result / NAME)

    def _happen(self, visit: Visit, now: float) -> None:
        door = self._daemon.doors[visit.camera]
        if not visit.first and now >= visit.begin:
            door.face, visit.first = self._faces[visit.person], time.time()
        if visit.first and not visit.last and now >= visit.begin + (visit.end - visit.begin):
            door.face, visit.last = None, time.time()

    def _fail(self, fault: Fault, now: float) -> None:
        door = self._daemon.doors[fault.camera]
        if not fault.first and now >= fault.begin:
            fault.first = time.time()
            door.fail(fault.kind)
            if fault.kind == "killed reader":
                with suppress(LookupError, ProcessLookupError):
                    os.kill(self._daemon.reader_of(fault.camera), signal.SIGKILL)
        if fault.first and not fault.cured and now >= fault.end:
            fault.cured = time.time()
            door.cure()
            if fault.kind == "401":
                self._daemon.process.send_signal(signal.SIGHUP)

    def _look(self, now: float) -> None:
        cameras = self._daemon.cameras()
        for fault in self._faults:
            status = cameras.get(fault.camera, {}).get("status")
            if fault.first and not fault.back:
                fault.noticed |= status == "lost"
                if fault.cured and status == "good":
                    fault.back = time.time()
        if not self.used or now - self.used[-1][0] >= 2:
            self.used.append((now, self._daemon.used()))


def measure(chosen: argparse.Namespace) -> None:
    """Let a day pass that takes ``seconds``; tables, and what is not as it should be."""
    with ExitStack() as stack:
        doors = {f"camera{number + 1}": stack.enter_context(Door()) for number in range(CAMERAS)}
        regular, once = people(chosen.data, round(chosen.seconds / 15))
        visits, faults = planned(list(doors), list(regular), list(once), chosen.seconds, random.Random(1))
        daemon = Daemon(Path(stack.enter_context(tempfile.TemporaryDirectory())), doors)
        stack.callback(daemon.process.kill)
        while [one["status"] for one in daemon.cameras().values()] != ["good"] * CAMERAS:
            time.sleep(0.2)
        print(f"{len(visits)} visits, {len(faults)} faults in {chosen.seconds:g} s", file=sys.stderr, flush=True)
        day = Day(daemon, regular | once, visits, faults)
        day.pass_by(chosen.seconds)
        time.sleep(GAP + 2)
        analysed = {name: (one["analysed"], one["dropped"]) for name, one in daemon.cameras().items()}
        day.used.append((chosen.seconds, daemon.used()))
        daemon.process.terminate()
        daemon.process.wait(30)
        visits = [one for one in visits if one.last]
        _tell(visits, faults, daemon)
        print(f"\nFrames analysed and dropped: {analysed}.")
        _tell_memory(day.used)


def _tell(visits: list[Visit], faults: list[Fault], daemon: Daemon) -> None:
    alerts = daemon.alerts()
    loose = match_alerts(visits, [one for one in alerts if one["kind"] in ("person", "new_person", "unknown")])
    calm, troubled, extra = compared(visits, faults, daemon.visits())
    print("| visits | of them | found | missed | wrong | twice | ends wrong (median, most) | alerts: visits |")
    print("|---|---:|---:|---:|---:|---:|---:|---|")
    for name, score in (("calm", calm), ("at a fault", troubled)):
        ends = f"{np.median(score.ends):.2f}, {max(score.ends):.2f} s" if score.ends else "–"
        counts = ", ".join(f"{often}: {count}" for often, count in sorted(score.alerts.items()))
        row = (name, score.visits, score.found, score.missed, score.wrong, score.twice, ends, counts)
        print("|", " | ".join(map(str, row)), "|")
    seen = {one.person for one in visits if one.told}
    print(
        f"\nExtra: {extra} visits, {loose} alerts. {len(seen)} people were seen, {len(names_in(visits))} have names.\n"
    )
    print(*(f"* calm: {note}" for note in calm.notes), *(f"* at a fault: {note}" for note in troubled.notes), sep="\n")
    kinds = Counter(one["kind"] for one in alerts)
    print(f"\n{len(faults)} faults; told: lost {kinds['camera_lost']}, back {kinds['camera_back']}.\n")
    print("| fault | times | noticed | back (median, most) |\n|---|---:|---:|---:|")
    for kind in FAULTS:
        mine = [one for one in faults if one.kind == kind and one.first]
        back = [one.back - one.cured for one in mine if one.back]
        shown = f"{np.median(back):.1f}, {max(back):.1f} s" if back else "–"
        print(f"| {kind} | {len(mine)} | {sum(one.noticed for one in mine)} | {shown} |")


def _tell_memory(used: list[tuple[float, dict[str, float]]]) -> None:
    print("\n| | at 10 s | after the warm-up | at the end |\n|---|---:|---:|---:|")
    looks = [next((one for at, one in used if at >= least), used[-1][1]) for least in (10, WARM)] + [used[-1][1]]
    for what in used[0][1]:
        print(f"| {what} |", " | ".join(f"{one[what]:.0f}" for one in looks), "|")
    for least in _halves(used[-1][0]):
        after = [(at / HOUR, one["memory"]) for at, one in used if at >= least]
        if len(after) > 10:
            slope = np.polyfit(*np.array(after).T, 1)[0]
            print(f"\nMemory grew by {slope:.2f} MB a simulated hour from second {least:.0f} on ({len(after)} looks).")


def _halves(seconds: float) -> Iterator[float]:
    yield WARM
    if seconds / 2 > WARM:
        yield seconds / 2
