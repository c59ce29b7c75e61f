"""A program that is killed again and again, in any moment: what it was to tell is told, and next to nothing twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alerts.receivers import hook, wait_until

from face_classifier.alerts.dispatcher import Dispatcher
from face_classifier.alerts.make import make_channel
from face_classifier.core.config.parts.alerts import Alerts, WebhookChannel

TESTS = Path(__file__).parent.parent
SOON = 0.5  # seconds within which an event is durable, and a delivery noted

TELL = """
import itertools, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from alerts.receivers import event
from face_classifier.alerts.dispatcher import Dispatcher
from face_classifier.alerts.make import make_channel
from face_classifier.core.config.parts.alerts import Alerts, WebhookChannel

rules = Alerts.model_validate({"rules": [{"name": "all", "on": ["person"], "channels": ["hook"]}], "per_minute": 10**6})
hook = WebhookChannel(type="webhook", url=sys.argv[1], private=True)
dispatcher = Dispatcher(rules, {"hook": hook}, Path(sys.argv[2]), make_channel, lambda sentence: None)
for number in itertools.count():
    name = f"{sys.argv[4]}-{number}"
    dispatcher.put(event(name))
    print(name, time.time(), flush=True)
    time.sleep(0.15)
"""


@pytest.mark.parametrize("kills", [2, pytest.param(25, marks=pytest.mark.proof)])
def test_nothing_is_lost_and_nothing_is_told_again(tmp_path: Path, kills: int) -> None:
    chance = random.Random(12)
    put: dict[str, float] = {}
    killed: list[float] = []
    with hook() as server:
        for number in range(kills):
            server.answers += [(500, {}) if chance.random() < 0.2 else (200, {}) for _ in range(5)]
            line = [
                sys.executable,
                "-c",
                TELL,
                server.url,
                str(tmp_path),
                str(Path(__file__).parent.parent),
                f"{number}",
            ]
            with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                told = process.stdout.readline()
                time.sleep(chance.uniform(0.0, 1.5))
                process.kill()
                killed.append(time.time())
                told += process.stdout.read()
            for words in map(str.split, told.splitlines()):
                if len(words) == 2:
                    put[words[0]] = float(words[1])
        rules = Alerts.model_validate({"rules": [{"name": "all", "on": ["person"], "channels": ["hook"]}]})
        channels = {"hook": WebhookChannel(type="webhook", url=server.url, private=True)}
        dispatcher = Dispatcher(rules, channels, tmp_path, make_channel, lambda sentence: None)
        try:
            safe = {name for name, when in put.items() if all(end < when or end - when > SOON for end in killed)}
            wait_until(lambda: safe <= set(server.ids()), 30)
            time.sleep(0.5)
        finally:
            dispatcher.close()
    taken: dict[str, list[float]] = {}
    for one in server.asked:
        if one.status == 200:
            taken.setdefault(one.json["id"], []).append(one.time)
    again = {name: times for name, times in taken.items() if len(times) > 1}
    for name, times in again.items():
        assert len(times) == 2, name
        assert any(0 <= end - times[0] < SOON for end in killed), f"{name} had been delivered, and is told again"
