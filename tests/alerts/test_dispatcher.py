"""Events on their way to channels: nothing is waited for, nothing told twice, and what is missed is counted."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alerts.receivers import black_hole, closed_port, event, hook, wait_until

from face_classifier.alerts import dispatcher as dispatching
from face_classifier.alerts import router, worker
from face_classifier.alerts.channels.base import Alert, CameraState, ChannelError, PersonState
from face_classifier.alerts.dispatcher import Dispatcher
from face_classifier.alerts.make import make_channel
from face_classifier.alerts.outbox import Outbox
from face_classifier.core.config.parts.alerts import Alerts, AnyChannel, FileChannel, PrintChannel, WebhookChannel
from face_classifier.core.errors import UserError

ALL = ["person", "new_person", "unknown", "camera_lost", "camera_back", "summary"]


def rules(*channels: str, **keys: Any) -> Alerts:
    rule = {"name": "all", "on": ALL, "channels": list(channels)} | keys.pop("rule", {})
    return Alerts.model_validate({"rules": [rule], "per_minute": 10_000, **keys})


def webhook(url: str) -> WebhookChannel:
    return WebhookChannel(type="webhook", url=url, private=True)


class Noted:
    """A channel that notes what it is given, and fails as it is told."""

    def __init__(self, *, wants_all: bool = False) -> None:
        self.wants_all, self.alerts, self.states = wants_all, list[Alert](), list[object]()
        self.tries = list[str]()
        self.fails: Callable[[Alert], Exception | None] = lambda alert: None
        self.gate = threading.Event()
        self.gate.set()
        self.is_closed = False

    def send(self, alert: Alert) -> None:
        self.gate.wait()
        self.tries.append(alert.id)
        if error := self.fails(alert):
            raise error
        self.alerts.append(alert)

    def tell_state(self, cameras: object, people: object) -> None:
        self.states.append((cameras, people))

    def close(self) -> None:
        self.is_closed = True
        self.gate.set()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of hundredths of a second."""
    monkeypatch.setattr(worker, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(worker, "_LONGEST_PAUSE", 0.05)


class Running:
    """A dispatcher with channels that are made by name."""

    def __init__(self, folder: Path, config: Alerts, channels: Mapping[str, Any]) -> None:
        self.told: list[str] = []
        self.made = dict(channels)
        configured = {name: _config(name, channel) for name, channel in channels.items()}
        self.dispatcher = Dispatcher(config, configured, folder, self.make, self.told.append)

    def make(self, name: str, channel: AnyChannel) -> Any:
        made = self.made[name]
        return make_channel(name, channel) if isinstance(made, WebhookChannel | FileChannel) else made

    def put(self, *events: Any) -> None:
        for one in events:
            self.dispatcher.put(one)


def _config(name: str, channel: Any) -> AnyChannel:
    return channel if isinstance(channel, WebhookChannel | FileChannel) else FileChannel(type="file", path=name)


@contextmanager
def running(folder: Path, config: Alerts | None = None, **channels: Any) -> Iterator[Running]:
    it = Running(folder, config or rules(*channels), channels)
    try:
        yield it
    finally:
        begun = time.monotonic()
        it.dispatcher.close()
        assert time.monotonic() - begun < 2


def ids(alerts: list[Alert]) -> list[str]:
    return [alert.id for alert in alerts]


def test_an_event_reaches_the_channels_of_its_rules_alone(tmp_path: Path):
    phone, log = Noted(), Noted()
    with running(tmp_path, rules("phone"), phone=phone, log=log) as it:
        it.put(event("1", picture=b"jpeg"), event("2"))
        wait_until(lambda: len(phone.alerts) == 2)
    assert ids(phone.alerts) == ["1", "2"]
    assert (phone.alerts[0].rule, phone.alerts[0].picture) == ("all", None)
    assert not log.alerts
    assert phone.is_closed
    assert log.is_closed


def test_a_channel_that_wants_all_is_told_of_no_return_without_a_loss(tmp_path: Path):
    home = Noted(wants_all=True)
    with running(tmp_path, rules("home"), home=home) as it:
        it.put(event("start", "camera_back"), event("lost", "camera_lost"), event("back", "camera_back"))
        it.put(event("again", "camera_back"), event("last"))
        wait_until(lambda: "last" in ids(home.alerts))
    assert ids(home.alerts) == ["lost", "back", "last"]


def test_a_channel_that_wants_all_is_told_of_a_return_whose_loss_an_earlier_process_told(tmp_path: Path):
    config = rules("home", blip=0)
    with running(tmp_path, config, home=Noted(wants_all=True)) as it:
        it.put(event("lost", "camera_lost"))
    home = Noted(wants_all=True)
    with running(tmp_path, config, home=home) as it:
        it.put(event("back", "camera_back"), event("again", "camera_back"))
        wait_until(lambda: home.alerts)
    assert ids(home.alerts) == ["back"]


def test_a_channel_that_wants_all_gets_all_at_once_whatever_rules_say(tmp_path: Path):
    home = Noted(wants_all=True)
    with running(tmp_path, rules("home", rule={"on": ["summary"]}), home=home) as it:
        it.put(event("1", picture=b"jpeg"), event("2", "camera_lost"), event("3", "camera_back"), event("4", "summary"))
        wait_until(lambda: len(home.alerts) == 4)
        it.dispatcher.tell_state([CameraState("door", True, 3)], [PersonState("Anna")])
        wait_until(lambda: home.states)
    assert ids(home.alerts) == ["1", "2", "3", "4"]
    assert home.alerts[0].picture == b"jpeg"
    assert Outbox(tmp_path, pytest.fail).pending() == []


def test_one_event_is_told_once_even_after_a_restart(tmp_path: Path):
    before, after = Noted(), Noted()
    with running(tmp_path, phone=before) as it:
        it.put(event("1"), event("1"), event("2"))
        wait_until(lambda: len(before.alerts) == 2)
    with running(tmp_path, phone=after) as it:
        it.put(event("1"), event("2"), event("3"))
        wait_until(lambda: after.alerts)
    assert ids(before.alerts) == ["1", "2"]
    assert ids(after.alerts) == ["3"]


def test_a_trial_that_fails_is_made_again_with_the_same_id(tmp_path: Path):
    with hook() as server, running(tmp_path, hook=webhook(server.url)) as it:
        server.answers += [(500, {}), (503, {"Retry-After": "0"})]
        it.put(event("7:person"))
        wait_until(lambda: it.dispatcher.status().channels[0].sent)
        assert server.ids() == ["7:person"] * 3
        assert [one.headers["webhook-id"] for one in server.asked] == ["7:person"] * 3
        wait_until(lambda: len(it.told) == 2)
    assert "the channel hook does not take alerts (http://127.0.0.1:" in it.told[0]
    assert "answers with 500 (Internal Server Error)); they are tried again for ten minutes" in it.told[0]
    assert it.told[1] == "the channel hook takes alerts again"
    assert "secret-path" not in "".join(it.told)


def test_retry_after_is_honoured(tmp_path: Path):
    with hook() as server, running(tmp_path, hook=webhook(server.url)) as it:
        server.answers += [(429, {"Retry-After": "1"})]
        begun = time.monotonic()
        it.put(event("1"), event("2"))
        wait_until(lambda: it.dispatcher.status().channels[0].sent == 2)
        assert time.monotonic() - begun >= 1
        assert server.ids() == ["1", "1", "2"]


def test_an_alert_that_is_never_taken_lets_the_others_pass(tmp_path: Path):
    phone = Noted()
    phone.fails = lambda alert: ChannelError("no") if alert.id == "bad" else None
    with running(tmp_path, phone=phone) as it:
        it.put(event("bad"), event("2"), event("3"))
        wait_until(lambda: len(phone.alerts) == 2)
        assert phone.tries[:3] == ["bad"] * 3
        phone.fails = lambda alert: None
        wait_until(lambda: len(phone.alerts) == 3)


def test_an_alert_that_is_refused_for_ever_is_missed_at_once(tmp_path: Path):
    with hook() as server, running(tmp_path, hook=webhook(server.url)) as it:
        server.answers += [(413, {})]
        it.put(event("large"))
        wait_until(lambda: len(server.asked) == 2)
        assert server.asked[1].json["kind"] == "missed"
        assert "1 alert was not delivered to hook" in server.asked[1].json["text"]


def test_an_unexpected_error_of_a_channel_is_told_by_its_kind_alone(tmp_path: Path):
    phone = Noted()
    phone.fails = lambda alert: KeyError("https://host/secret") if len(phone.tries) == 1 else None
    with running(tmp_path, phone=phone) as it:
        it.put(event("1"))
        wait_until(lambda: phone.alerts)
    assert "(it fails with KeyError)" in it.told[0]
    assert "secret" not in str(it.told)


def test_what_a_dead_channel_missed_is_counted_and_told_once_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker, "PATIENCE", 0.3)
    phone, log = Noted(), Noted()
    is_dead = True
    phone.fails = lambda alert: ChannelError("dead") if is_dead else None
    with running(tmp_path, phone=phone, log=log) as it:
        it.put(*[event(f"{number}:person") for number in range(5)])
        wait_until(lambda: it.dispatcher.status().channels[0].missed == 5)
        is_dead = False
        wait_until(lambda: phone.alerts)
        it.put(event("next"))
        wait_until(lambda: len(phone.alerts) == 2)
        assert it.dispatcher.status().channels[0].status == "good"
    missed, following = phone.alerts
    assert missed.event.kind == "missed"
    assert "5 alerts were not delivered to phone, between 20" in missed.event.text
    assert following.id == "next"
    assert ids(log.alerts) == [*[f"{number}:person" for number in range(5)], "next"]


def test_what_was_missed_before_a_restart_is_told_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(worker, "PATIENCE", 0.1)
    phone = Noted()
    phone.fails = lambda alert: ChannelError("dead")
    with running(tmp_path, phone=phone) as it:
        it.put(event("1"), event("2"))
        wait_until(lambda: it.dispatcher.status().channels[0].missed == 2)
    for expected in (["missed"], []):
        phone = Noted()
        with running(tmp_path, phone=phone):
            time.sleep(0.2)
        assert [alert.event.kind for alert in phone.alerts] == expected


def test_a_live_channel_drops_what_is_late_and_its_loss_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home = Noted(wants_all=True)
    home.fails = lambda alert: ChannelError("not connected") if len(home.tries) <= 3 else None
    with running(tmp_path, home=home) as it:
        it.put(*[event(str(number)) for number in range(4)])
        wait_until(lambda: home.alerts)
        it.put(replace(event("late"), decided=time.monotonic() - 6))
        wait_until(lambda: it.dispatcher.status().channels[0].missed == 4)
        time.sleep(0.1)
    assert home.tries == ["0", "1", "2", "3"]
    assert it.told == [
        "the channel home does not take alerts (not connected); until it does, they are dropped",
        "the channel home takes alerts again; it has missed 3",
    ]


def test_put_waits_for_nobody_and_queues_are_bounded(tmp_path: Path):
    stuck, live, good = Noted(), Noted(wants_all=True), Noted()
    stuck.gate.clear()
    live.gate.clear()
    with running(tmp_path, stuck=stuck, live=live, good=good) as it:
        for number in range(3 * worker.MOST):
            begun = time.monotonic()
            it.put(event(f"{number}:person", picture=bytes(1000)))
            assert time.monotonic() - begun < 2
            time.sleep(0.001)
        wait_until(lambda: len(good.alerts) == 3 * worker.MOST)
        states = {state.name: state for state in it.dispatcher.status().channels}
        assert states["stuck"].queued == states["live"].queued == worker.MOST
        assert states["stuck"].missed == 2 * worker.MOST
        stuck.gate.set()
        wait_until(lambda: len(stuck.alerts) == worker.MOST + 1)
    assert ids(stuck.alerts)[:2] == ["0:person", f"{2 * worker.MOST + 1}:person"]
    assert f"{2 * worker.MOST} alerts were not delivered" in stuck.alerts[-1].event.text


def test_a_flood_of_events_is_bounded_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(router, "MOST_EVENTS", 10)
    gate = threading.Event()
    monkeypatch.setattr(Outbox, "memory", _after(gate, Outbox.memory))
    phone = Noted()
    with running(tmp_path, phone=phone) as it:
        it.put(*[event(str(number)) for number in range(50)])
        gate.set()
        wait_until(lambda: len(phone.alerts) == 10)
    assert ids(phone.alerts) == [str(number) for number in range(40, 50)]
    assert it.told == ["40 events came faster than they could be told, and are not told"]


def _after(gate: threading.Event, call: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*arguments: object) -> object:
        gate.wait(5)
        return call(*arguments)

    return wrapped


def test_all_that_can_be_wrong_at_once_delays_neither_put_nor_a_good_channel(tmp_path: Path):
    """Closed port, black hole, 60 s of silence, 500 then 200, redirect, a disk that refuses: beside a good one."""
    with hook() as good, hook() as slow, hook() as moody, hook() as moved, black_hole() as hole:
        slow.pause = 60
        moody.answers += [(500, {})] * 3
        moved.answers += [(302, {"Location": good.url})] * 10_000
        channels = {
            "good": webhook(good.url),
            "slow": webhook(slow.url),
            "moody": webhook(moody.url),
            "moved": webhook(moved.url),
            "hole": webhook(hole),
            "closed": webhook(f"http://127.0.0.1:{closed_port()}/"),
            "disk": FileChannel(type="file", path="/dev/full"),
        }
        with running(tmp_path, **channels) as it:
            slowest = 0.0
            for number in range(30):
                begun = time.monotonic()
                it.put(event(f"{number}:person", picture=bytes(50_000)))
                slowest = max(slowest, time.monotonic() - begun)
                time.sleep(0.02)
            wait_until(lambda: len(good.asked) == 30 and len(moody.asked) >= 33)
            assert slowest < 0.1
            assert good.ids() == [f"{number}:person" for number in range(30)]
            assert max(one.json["age"] for one in good.asked) < 2
            states = {state.name: state for state in it.dispatcher.status().channels}
            bad = "moved", "closed", "disk"
            assert [states[name].status for name in bad] == ["failing"] * 3
            assert "redirects (302)" in states["moved"].reason
            assert all(states[name].queued == 30 for name in ("slow", "hole", *bad))
            assert states["good"].status == states["moody"].status == "good"


TELL = """
import sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from alerts.receivers import event
from face_classifier.alerts.make import make_channel
from face_classifier.alerts.dispatcher import Dispatcher
from face_classifier.core.config.parts.alerts import Alerts, WebhookChannel

rule = {"name": "all", "on": ["person"], "channels": ["hook"], "picture": True}
channels = {"hook": WebhookChannel(type="webhook", url=sys.argv[1], private=True)}
dispatcher = Dispatcher(Alerts.model_validate({"rules": [rule]}), channels, Path(sys.argv[2]), make_channel, print)
for name in sys.argv[3].split(","):
    dispatcher.put(event(name, picture=b"jpeg of Anna"))
threading.Event().wait()
"""


def test_killed_it_goes_on_where_it_was_with_the_same_ids_and_repeats_nothing(tmp_path: Path):
    with hook() as server:
        server.answers += [(200, {}), (500, {})]
        arguments = [server.url, str(tmp_path), "1:person,2:person", str(Path(__file__).parent.parent)]
        with subprocess.Popen([sys.executable, "-c", TELL, *arguments], stdout=subprocess.DEVNULL) as process:
            wait_until(lambda: len(server.asked) >= 2, 30)
            time.sleep(0.2)
            process.send_signal(signal.SIGKILL)
        assert server.ids() == ["1:person", "2:person"]
        with running(tmp_path, hook=webhook(server.url)) as it:
            wait_until(lambda: len(server.asked) == 3)
            it.put(event("1:person"), event("2:person"), event("3:person"))
            wait_until(lambda: len(server.asked) == 4)
        last = server.asked[2].json
        assert server.ids()[2:] == ["2:person", "3:person"]
        assert (last["person"], last["picture"]) == ("Anna", server.asked[1].json["picture"])
        assert last["age"] > 0.2
    assert b"Anna" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_a_cooldown_and_a_loss_that_was_told_outlive_a_restart(tmp_path: Path):
    config = rules("phone", rule={"cooldown": 3600}, blip=0)
    before, after = Noted(), Noted()
    with running(tmp_path, config, phone=before) as it:
        it.put(event("1"), event("lost", "camera_lost"))
        wait_until(lambda: len(before.alerts) == 2)
    assert b"Anna" not in (tmp_path / "alerts.sqlite").read_bytes()
    with running(tmp_path, config, phone=after) as it:
        it.put(event("2"), event("3", person="Ben"), event("lost again", "camera_lost"), event("back", "camera_back"))
        wait_until(lambda: len(after.alerts) == 2)
    assert ids(after.alerts) == ["3", "back"]


def test_an_error_that_nobody_expected_costs_what_was_at_hand_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    phone = Noted()
    with running(tmp_path, phone=phone) as it:
        keep = Outbox.keep

        def fail_once(*_: object) -> None:
            monkeypatch.setattr(Outbox, "keep", keep)
            raise RuntimeError("a bug")

        monkeypatch.setattr(Outbox, "keep", fail_once)
        it.put(event("1"))
        wait_until(lambda: it.told)
        it.put(event("2"))
        wait_until(lambda: phone.alerts)
    assert it.told == ["some alerts could not be told or noted (RuntimeError)"]


def test_what_is_too_old_after_a_restart_is_missed_and_not_sent(tmp_path: Path):
    phone = Noted()
    phone.fails = lambda alert: ChannelError("dead")
    with running(tmp_path, phone=phone) as it:
        it.put(event("old"), event("new"))
        wait_until(lambda: len(phone.tries) > 3)
    database = sqlite3.connect(tmp_path / "alerts.sqlite")
    database.execute(
        "UPDATE alerts SET decided = ? WHERE id = 'old'",
        ((datetime.now(timezone.utc) - timedelta(seconds=601)).isoformat(timespec="microseconds"),),
    )
    database.commit()
    database.close()
    phone = Noted()
    with running(tmp_path, phone=phone):
        wait_until(lambda: len(phone.alerts) == 2)
    assert (phone.alerts[0].id, phone.alerts[0].event.kind) == ("new", "person")
    assert phone.alerts[1].event.kind == "missed"
    assert b"Anna" not in (tmp_path / "alerts.sqlite").read_bytes()


def test_what_waits_for_a_channel_that_is_not_configured_any_more_is_given_up(tmp_path: Path):
    phone = Noted()
    phone.fails = lambda alert: ChannelError("dead")
    with running(tmp_path, phone=phone) as it:
        it.put(event("1"))
        wait_until(lambda: phone.tries)
    log = Noted()
    with running(tmp_path, log=log):
        wait_until(lambda: b"Anna" not in (tmp_path / "alerts.sqlite").read_bytes())
    assert not log.alerts


def test_a_channel_that_hangs_keeps_no_name_for_longer_than_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(worker, "PATIENCE", 0.3)
    stuck = Noted()
    stuck.gate.clear()
    with running(tmp_path, stuck=stuck) as it:
        it.put(event("1"), event("2"))
        wait_until(lambda: it.dispatcher.status().channels[0].missed == 2)
        wait_until(lambda: b"Anna" not in (tmp_path / "alerts.sqlite").read_bytes())


def test_a_reload_keeps_what_did_not_change_and_hands_over_what_waits(tmp_path: Path):
    kept, old, new, gone = Noted(), Noted(), Noted(), Noted()
    for one in (kept, old, gone):
        one.fails = lambda alert: ChannelError("dead")
    with running(tmp_path, kept=kept, changed=old, gone=gone) as it:
        it.put(event("1"))
        wait_until(lambda: kept.tries and old.tries and gone.tries)
        it.made["changed"] = new
        channels = {"kept": _config("kept", kept), "changed": PrintChannel(type="print")}
        it.dispatcher.reload(rules("kept"), channels)
        wait_until(lambda: ids(new.alerts) == ["1"])
        wait_until(lambda: old.is_closed and gone.is_closed)
        assert not kept.is_closed
        kept.fails = lambda alert: None
        wait_until(lambda: ids(kept.alerts) == ["1"])
        it.put(event("2"))
        wait_until(lambda: ids(kept.alerts) == ["1", "2"])
        assert ids(new.alerts) == ["1"]
        assert {state.name for state in it.dispatcher.status().channels} == {"kept", "changed"}


def test_a_reload_that_cannot_be_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    phone, fresh = Noted(), Noted()
    with running(tmp_path, phone=phone) as it:

        def make(name: str, channel: AnyChannel) -> Noted:
            if name == "broken":
                raise UserError("a secret is missing")
            return fresh

        monkeypatch.setattr(it.dispatcher, "_make", make)
        channels = {"fresh": PrintChannel(type="print"), "broken": PrintChannel(type="print")}
        with pytest.raises(UserError, match="a secret is missing"):
            it.dispatcher.reload(rules("fresh"), channels)
        assert fresh.is_closed
        it.put(event("1"))
        wait_until(lambda: phone.alerts)


def test_a_snooze_of_another_process_silences_until_it_ends(tmp_path: Path):
    phone = Noted()
    with running(tmp_path, phone=phone) as it:
        wait_until(lambda: (tmp_path / "alerts.sqlite").exists())
        command = Outbox(tmp_path, pytest.fail)
        command.snooze("all", datetime.now(timezone.utc) + timedelta(hours=1))
        wait_until(lambda: "all" in it.dispatcher.status().snoozed)
        it.put(event("1"))
        time.sleep(0.1)
        command.snooze("all", None)
        command.close()
        wait_until(lambda: not it.dispatcher.status().snoozed)
        it.dispatcher.snooze(None, datetime.now(timezone.utc) + timedelta(seconds=0.3))
        it.put(event("2"))
        time.sleep(0.4)
        it.put(event("3"))
        wait_until(lambda: phone.alerts)
    assert ids(phone.alerts) == ["3"]


def test_whoever_is_forgotten_meanwhile_is_not_told_any_more(tmp_path: Path):
    phone = Noted()
    phone.fails = lambda alert: ChannelError("dead")
    with running(tmp_path, phone=phone) as it:
        it.put(event("1"), event("2", person="Ben", text="Ben at door"))
        wait_until(lambda: phone.tries)
        command = Outbox(tmp_path, pytest.fail)
        assert command.forget("Anna") == 1
        command.close()
        wait_until(lambda: it.dispatcher.status().channels[0].queued == 1)
        phone.fails = lambda alert: None
        wait_until(lambda: phone.alerts)
    assert ids(phone.alerts) == ["2"]


def test_a_camera_that_stays_lost_is_told_without_another_event(tmp_path: Path):
    phone = Noted()
    with running(tmp_path, rules("phone", blip=0.2), phone=phone) as it:
        it.put(event("1", "camera_lost"), event("2", "camera_back"), event("3", "camera_lost"))
        wait_until(lambda: phone.alerts)
    assert ids(phone.alerts) == ["3"]


def test_closing_sends_what_can_be_sent_and_keeps_the_rest(tmp_path: Path):
    good, stuck = Noted(), Noted()
    stuck.gate.clear()
    with running(tmp_path, good=good, stuck=stuck) as it:
        it.put(*[event(str(number)) for number in range(20)])
    assert len(good.alerts) == 20
    again = Noted()
    with running(tmp_path, good=Noted(), stuck=again):
        wait_until(lambda: len(again.alerts) >= 19)


def test_closing_takes_no_two_seconds_whatever_hangs(tmp_path: Path):
    """A server that is silent for a minute, and a black hole: `running` looks at the clock."""
    with hook() as slow, black_hole() as hole:
        slow.pause = 60
        with running(tmp_path, slow=webhook(slow.url), hole=webhook(hole)) as it:
            it.put(event("1"))
            wait_until(lambda: slow.asked)
        it.put(event("2"))  # after the end: nothing happens


def test_how_long_alerts_took_is_counted(tmp_path: Path):
    with running(tmp_path, phone=Noted()) as it:
        it.put(event("1"), replace(event("2"), decided=time.monotonic() - 3))
        wait_until(lambda: it.dispatcher.status().told == 2)
        status = it.dispatcher.status()
    assert status.limits == dispatching._LIMITS
    assert status.counts[status.limits.index(1.0)] == 1
    assert status.counts[status.limits.index(5.0)] == status.counts[-1] == 2
    assert 3 < status.took < 6


def test_a_file_and_a_picture_beside_it(tmp_path: Path):
    log = FileChannel(type="file", path=str(tmp_path / "alerts.jsonl"))
    with running(tmp_path, rules("log", rule={"picture": True}), log=log) as it:
        it.put(event("7:person", picture=b"jpeg"))
        wait_until(lambda: it.dispatcher.status().channels[0].sent)
    record = json.loads((tmp_path / "alerts.jsonl").read_text())
    assert (tmp_path / record["picture"]).read_bytes() == b"jpeg"
    assert os.listdir(tmp_path / "alerts.jsonl.pictures" / "door") == ["7_person.jpg"]
