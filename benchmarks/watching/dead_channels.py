"""What channels that fail cost: `python benchmarks/watching/dead_channels.py [--rounds N] [--seconds S] [--json FILE]`.

`face-classifier watch` shows the demo's clip to itself as a camera, again and again, ten analysed frames a second, and
tells who comes over a webhook that works. In turn it has that channel alone, or beside it, all at once: a broker that
is stopped, a webhook that is silent for a minute, a black hole, a Telegram server that answers 429, a port on which
nobody listens (webhook, Apprise), an address that is refused, and a file on a disk that is full.

* *frames*: analysed in a second, between two looks at `status`
* *age*: seconds from the deciding frame to the arrival at the webhook that works
* *queued*: alerts that wait for channels that fail, at the end; each may have 100
* *stop*: seconds from SIGTERM to the end
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from alerts.receivers import Hook, black_hole, closed_port, hook  # noqa: E402

from face_classifier.cli import demo  # noqa: E402

WARM = 15.0  # seconds until the first look: by then models are loaded and the clip was shown once
INTERVAL = 0.1  # seconds between two analysed frames
SECRETS = {"BENCHMARK_TOKEN": "1:token", "BENCHMARK_URL": "json://127.0.0.1:{closed}/"}


@dataclass(frozen=True)
class Round:
    """One run of `watch`."""

    failing: bool
    frames: float
    alerts: int
    ages: list[float]
    queued: list[int]
    failed: list[str]
    stop: float
    memory: float  # MB


@contextmanager
def busy_telegram() -> Iterator[str]:
    """The address of a Bot API that wants to be left alone for a minute, whatever it is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told = {"ok": False, "error_code": 429, "description": "busy", "parameters": {"retry_after": 60}}
            body = json.dumps(told).encode()
            self.send_response(429)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def failing(stack: ExitStack, good: Hook) -> dict[str, Any]:
    """Channels that fail, each in another way."""
    slow = stack.enter_context(hook())
    slow.pause = 60
    telegram = stack.enter_context(busy_telegram())
    hole = stack.enter_context(black_hole())
    return {
        "broker": {"type": "mqtt", "host": "127.0.0.1", "port": closed_port()},
        "slow": {"type": "webhook", "url": slow.url, "private": True},
        "hole": {"type": "webhook", "url": hole, "private": True},
        "telegram": {"type": "telegram", "token_env": "BENCHMARK_TOKEN", "chats": [1], "server": telegram},
        "closed": {"type": "webhook", "url": f"http://127.0.0.1:{closed_port()}/", "private": True},
        "apprise": {"type": "apprise", "url_env": "BENCHMARK_URL"},
        "refused": {"type": "webhook", "url": good.url},
        "disk": {"type": "file", "path": "/dev/full"},
    }


def measure(seconds: float, *, has_failing: bool) -> Round:
    """Run `watch` for so long after it has warmed up."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        good = stack.enter_context(hook())
        channels = {"good": {"type": "webhook", "url": good.url, "private": True}}
        if has_failing:
            channels |= failing(stack, good)
        kinds = ["new_person", "person", "unknown", "camera_lost", "camera_back"]
        rule = {"name": "all", "on": kinds, "channels": list(channels), "picture": True}
        config = {
            "result": str(folder / "result"),
            "web": {"listen": "off"},
            "visits": {"gap": 1, "unknown_after": 1},
            "cameras": {"clip": {"url": str(demo.clip()), "repeat": True, "seconds": INTERVAL}},
            "channels": channels,
            "alerts": {"rules": [rule], "per_minute": 1000},
        }
        path = folder / "watch.yaml"
        path.write_text(json.dumps(config), "utf-8")
        environ = os.environ | {name: value.format(closed=closed_port()) for name, value in SECRETS.items()}
        line = [sys.executable, "-m", "face_classifier", "watch", "--config", str(path)]
        with (folder / "log").open("w") as log, subprocess.Popen(line, env=environ, stdout=log, stderr=log) as process:
            time.sleep(WARM)
            before = status(path, environ)
            time.sleep(seconds)
            after = status(path, environ)
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            stop = time.monotonic() - begun
        took = after["uptime"] - before["uptime"]
        bad = [channel for channel in after["channels"] if channel["name"] != "good"]
        return Round(
            has_failing,
            (after["cameras"][0]["analysed"] - before["cameras"][0]["analysed"]) / took,
            len(good.asked),
            [one.json["age"] for one in good.asked],
            [channel["queued"] for channel in bad],
            sorted(channel["name"] for channel in bad if channel["status"] == "failing" or channel["missed"]),
            stop,
            after["memory"] / 1e6,
        )


def status(config: Path, environ: dict[str, str]) -> dict[str, Any]:
    line = [sys.executable, "-m", "face_classifier", "status", "--config", str(config), "--json"]
    return json.loads(subprocess.run(line, env=environ, capture_output=True, text=True, check=True).stdout)


def report(rounds: Sequence[Round]) -> Iterator[str]:
    yield "| channels that fail | frames/s | alerts | age, median | age, 95 % | most queued | fail | stop s | MB |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for one in rounds:
        yield (
            f"| {'all at once' if one.failing else 'none'} | {one.frames:.2f} | {one.alerts} | "
            f"{np.median(one.ages):.2f} | {np.percentile(one.ages, 95):.2f} | {max(one.queued, default=0)} | "
            f"{len(one.failed)} | {one.stop:.1f} | {one.memory:.0f} |"
        )
    mean = {kind: statistics.mean(one.frames for one in rounds if one.failing == kind) for kind in (False, True)}
    yield f"\nanalysed frames with channels that fail: {mean[True] / mean[False] - 1:+.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rounds = [measure(arguments.seconds, has_failing=bad) for _ in range(arguments.rounds) for bad in (False, True)]
    print("\n".join(report(rounds)))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(one) for one in rounds], indent=1), "utf-8")


if __name__ == "__main__":
    main()
