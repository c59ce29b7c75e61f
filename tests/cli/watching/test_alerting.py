"""The command `alert`: trying channels, playing a day again, silence."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alerts.receivers import black_hole, closed_port, event, hook, wait_until
from conftest import Ended, held
from gallery.test_journal import World

from face_classifier.alerts.channels import webhook
from face_classifier.alerts.dispatcher import Dispatcher
from face_classifier.alerts.make import make_channel
from face_classifier.cli.watching import alerting
from face_classifier.core.config.load import load
from face_classifier.gallery.passing.table import TrackRow
from face_classifier.gallery.store import Store

Command = Callable[..., Ended]
NOON = datetime(2026, 11, 27, 11, tzinfo=timezone.utc)  # twelve o'clock in Berlin
pytestmark = pytest.mark.usefixtures("berlin")


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "house.yaml"
        path.write_text(text)
        return path

    return write


# --test


@pytest.mark.parametrize("kind", ["print", "file", "webhook", "apprise"])
def test_a_channel_that_works_gets_a_message_and_it_is_said(
    config: Callable[[str], Path], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with hook() as server:
        monkeypatch.setenv("PHONE", f"json://127.0.0.1:{server.port}/")
        text = f"""
        channels:
          print: {{type: print}}
          file: {{type: file, path: "{tmp_path}/alerts.jsonl"}}
          webhook: {{type: webhook, url: "{server.url}", private: true}}
          apprise: {{type: apprise, url_env: PHONE}}
        """
        ended = command("alert", "--test", kind, "--config", config(text))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == f"the channel {kind} has taken the test message"
    told = {
        "print": ended.out,
        "file": (tmp_path / "alerts.jsonl").read_text() if kind == "file" else "",
        "webhook": server.asked[0].body.decode() if kind == "webhook" else "",
        "apprise": server.asked[0].body.decode() if kind == "apprise" else "",
    }[kind]
    assert f"Test of the channel {kind}" in told


def test_the_outcome_of_a_test_is_json_on_request(config: Callable[[str], Path], command: Command) -> None:
    ended = command("alert", "--test", "terminal", "--json", "--config", config("channels: {terminal: {type: print}}"))
    assert json.loads(ended.out.split("\n", 1)[1]) == {"channel": "terminal", "type": "print", "taken": True}


def test_a_channel_that_fails_is_told_in_a_sentence(config: Callable[[str], Path], command: Command) -> None:
    url = f"http://127.0.0.1:{closed_port()}/secret"
    path = config(f"channels: {{hook: {{type: webhook, url: '{url}', private: true}}}}")
    ended = command("alert", "--test", "hook", "--config", path)
    assert ended.code == 1
    assert ended.err == (
        f"face-classifier: the channel hook did not take the test message ({url.removesuffix('/secret')} cannot be "
        "reached (Connection refused)); correct that, and try it again\n"
    )


def test_a_channel_that_hangs_is_not_waited_for(
    config: Callable[[str], Path], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "_PATIENCE", 0.3)
    with black_hole() as hole:
        path = config(f"channels: {{hook: {{type: webhook, url: '{hole}', private: true}}}}")
        ended = command("alert", "--test", "hook", "--config", path)
    assert ended.code == 1
    assert "it has not answered for 0.3 seconds" in ended.err
    assert webhook.PATIENCE < 20


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("channels: {phone: {type: print}}", "there is no channel phne; did you mean phone?"),
        ("result: result", "no channel is named; name one in channels, and give --config FILE"),
    ],
)
def test_a_channel_that_is_not_there_is_told(
    config: Callable[[str], Path], command: Command, text: str, sentence: str
) -> None:
    ended = command("alert", "--test", "phne", "--config", config(text))
    assert (ended.code, ended.err) == (1, f"face-classifier: {sentence}\n")


def test_a_secret_that_is_missing_is_told(config: Callable[[str], Path], command: Command) -> None:
    ended = command("alert", "--test", "phone", "--config", config("channels: {phone: {type: apprise, url_env: NONE}}"))
    assert ended.code == 1
    assert "is to be in the variable NONE, which is not set; set it" in ended.err


# --replay


def row(number: int, after: float, seconds: float = 10, **others: object) -> TrackRow:
    first = NOON + timedelta(seconds=after)
    values = {"source": "door", "fingerprint": None, "session": 1, "best": None, "said": None, "zones": ()} | others
    return TrackRow(
        number=number,
        first=first,
        last=first + timedelta(seconds=seconds),
        first_position=after,
        last_position=after + seconds,
        frames=9,
        **values,  # type: ignore[arg-type]
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Anna (tracks 1, 3 and 6), person_02 (2 and 4), and an unknown face (5)."""
    world = World(tmp_path / "house")
    world.run((1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (1, 3))
    world.rename("person_01", "Anna")
    world.start()
    with closing(sqlite3.connect(world.folder / "faces.sqlite", isolation_level=None)) as table:
        table.execute("UPDATE faces SET track = id")
    day = 86_400
    with Store(world.folder, writing=True) as store:
        store.tracks.write(
            [
                row(1, -day),
                row(2, 0, source="yard", zones=("gate",)),
                row(3, 60),
                row(4, 500, source="yard"),
                row(5, 600, source="yard"),
                row(6, 620),
            ]
        )
    return world.folder


RULES = """
channels: {log: {type: print}, phone: {type: print}}
alerts:
  rules:
    - {name: family, on: [person], people: [anna], channels: [log], cooldown: 10 min}
    - {name: strangers, on: [new_person, unknown], channels: [phone, log]}
"""


def test_a_day_is_played_again_by_the_rules_of_today(
    config: Callable[[str], Path], command: Command, house: Path
) -> None:
    line = "alert", "--replay", "2026-11-27", "--dry-run", "--result", house, "--config", config(RULES)
    assert [" ".join(told.split()) for told in command(*line).out.splitlines()] == [
        "time what rule channel",
        "2026-11-27 12:00:00 New person person_02 at yard strangers phone",
        "2026-11-27 12:00:00 New person person_02 at yard strangers log",
        "2026-11-27 12:01:00 Anna at door family log",
        "2026-11-27 12:10:02 Somebody unknown at yard strangers phone",
        "2026-11-27 12:10:02 Somebody unknown at yard strangers log",
    ]


def test_replaying_sends_and_writes_nothing(config: Callable[[str], Path], command: Command, house: Path) -> None:
    text = RULES.replace("phone: {type: print}", "phone: {type: webhook, url: 'http://127.0.0.1:9/'}")
    with held(house):
        before = {path: path.stat().st_mtime_ns for path in house.rglob("*") if path.is_file()}
        line = "--replay", "2026-11-27", "--dry-run", "--json", "--result", house, "--config", config(text)
        ended = command("alert", *line)
        assert {path: path.stat().st_mtime_ns for path in house.rglob("*") if path.is_file()} == before
    told = json.loads(ended.out)
    assert [(one["kind"], one["channel"]) for one in told][:2] == [("new_person", "phone"), ("new_person", "log")]
    assert told[2]["time"] == "2026-11-27T11:01:00+00:00"


def test_the_ceiling_holds_in_a_replay_and_a_correction_changes_it(
    config: Callable[[str], Path], command: Command, house: Path
) -> None:
    (house / "person_02").rename(house / "Ben")
    text = """
        channels: {log: {type: print}}
        alerts: {per_minute: 1, rules: [{name: all, on: [person, new_person, unknown], channels: [log]}]}
    """
    line = "--replay", "2026-11-27", "--dry-run", "--json", "--result", house, "--config", config(text)
    assert [one["text"] for one in json.loads(command("alert", *line).out)] == [
        "New person Ben at yard",
        "Anna at door",
        "Ben at yard",
        "Somebody unknown at yard",
        "1 more alert was held back, since 1 a minute are told: 1 of people",
    ]


def test_a_quiet_day_is_told(config: Callable[[str], Path], command: Command, house: Path) -> None:
    ended = command("alert", "--replay", "2026-11-20", "--dry-run", "--result", house, "--config", config(RULES))
    assert ended.out == "no alert would have been sent\n"


# --snooze


def test_a_snooze_silences_the_running_program(
    config: Callable[[str], Path], command: Command, house: Path, tmp_path: Path
) -> None:
    path = config(
        f"""
        channels: {{log: {{type: file, path: "{tmp_path}/alerts.jsonl"}}}}
        alerts: {{rules: [{{name: family, on: [person], channels: [log]}}]}}
        """
    )
    settings = load({}, str(path))
    told: list[str] = []
    dispatcher = Dispatcher(settings.alerts, settings.channels, house, make_channel, told.append)
    try:
        ended = command("alert", "--snooze", "1h", "--rule", "family", "--result", house, "--config", path)
        assert ended.out.startswith("the rule family is silent until 20")
        wait_until(lambda: "family" in dispatcher.status().snoozed)
        dispatcher.put(event("1"))
        time.sleep(0.2)
        ended = command("alert", "--snooze", "off", "--rule", "family", "--result", house, "--config", path)
        assert ended.out == "the rule family speaks again\n"
        wait_until(lambda: not dispatcher.status().snoozed)
        dispatcher.put(event("2"))
        wait_until(lambda: dispatcher.status().channels[0].sent)
    finally:
        dispatcher.close()
    assert [json.loads(line)["id"] for line in (tmp_path / "alerts.jsonl").read_text().splitlines()] == ["2"]
    assert told == []


def test_all_alerts_are_snoozed_without_a_configuration(command: Command, house: Path) -> None:
    assert command("alert", "--snooze", "30 min", "--result", house).out.startswith("all alerts are silent until 20")
    ended = command("alert", "--snooze", "off", "--json", "--result", house)
    assert json.loads(ended.out) == {"rule": None, "until": None}


@pytest.mark.parametrize("given", ["", "soon", "0", "-1", "1e99d", "99999999 d"])
def test_what_is_no_duration_is_told(command: Command, house: Path, given: str) -> None:
    ended = command("alert", "--snooze", given, "--result", house)
    assert (ended.code, ended.out) == (2, "")
    assert "but must be a duration, such as 30min, 1h or 2d, or off" in ended.err


def test_a_snooze_needs_a_result_folder_and_a_rule_that_is_there(
    config: Callable[[str], Path], command: Command, house: Path, tmp_path: Path
) -> None:
    assert "there is no result folder" in command("alert", "--snooze", "1h", "--result", tmp_path / "none").err
    line = "alert", "--snooze", "1h", "--rule", "famly", "--result", house
    assert "there is no rule famly; give --config FILE" in command(*line).err
    assert "there is no rule famly; did you mean family?" in command(*line, "--config", config(RULES)).err
    assert not os.path.exists(house / "alerts.sqlite")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "alert does one thing at a time"),
        (["--test", "a", "--snooze", "1h"], "alert does one thing at a time"),
        (["--replay", "yesterday"], "--replay and --dry-run belong together"),
        (["--test", "a", "--dry-run"], "--replay and --dry-run belong together"),
        (["--test", "a", "--rule", "b"], "--rule belongs to --snooze"),
        (["--replay", "someday", "--dry-run"], "there are no rules"),
    ],
)
def test_wrong_use_is_told(command: Command, words: list[str], sentence: str) -> None:
    ended = command("alert", *words)
    assert ended.code in (1, 2)
    assert sentence in ended.err
