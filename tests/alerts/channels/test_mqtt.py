"""MQTT with a real broker: at once or never, once, and harmless whatever the names."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import trustme
from alerts.mosquitto import Mosquitto, Reader, free_port, silent_server, wait_for
from conftest import ROOT, need_tool

from face_classifier.alerts.channels.base import Alert, CameraState, ChannelError, PersonState
from face_classifier.alerts.channels.mqtt.channel import Mqtt
from face_classifier.alerts.make import make_channel
from face_classifier.core.config.parts.alerts import MqttChannel
from face_classifier.core.errors import UserError
from face_classifier.events.event import Event

NAME = "김/#+"
JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    need_tool("mosquitto", "mosquitto")
    with Mosquitto(tmp_path) as broker:
        yield broker


@contextmanager
def channel(port: int, environ: dict[str, str] | None = None, **keys: Any) -> Iterator[Mqtt]:
    before = set(threading.enumerate())
    made = Mqtt(MqttChannel(type="mqtt", host="127.0.0.1", port=port, **keys), environ or {})
    try:
        yield made
    finally:
        begin = time.monotonic()
        made.close()
        assert time.monotonic() - begin < 3
        assert set(threading.enumerate()) <= before, "a thread is left"


def event(number: int = 1, kind: str = "person", **others: Any) -> Event:
    fields: dict[str, Any] = {"camera": "door", "person": NAME, "named": True, "text": f"{NAME} at door"} | others
    return Event(f"{kind}-{number}", kind, datetime.now(timezone.utc), time.monotonic(), **fields)


def alert(number: int = 1, kind: str = "person", picture: bytes | None = None, age: float = 0, **others: Any) -> Alert:
    told = event(number, kind, **others)
    told = replace(told, decided=told.decided - age, time=told.time - timedelta(seconds=age))
    return Alert(told.id, told, None, picture)


def faces(reader: Reader) -> list[dict[str, Any]]:
    return [json.loads(message.payload) for message in reader.on("/face")]


def connected(mqtt: Mqtt, seconds: float = 10) -> None:
    wait_for(lambda: mqtt.is_connected, "a connection", seconds)


def test_an_event_comes_at_once_with_its_id_its_time_and_its_age(broker: Mosquitto):
    with Reader(broker.port) as reader, channel(broker.port) as mqtt:
        connected(mqtt)
        sent = alert()
        time.sleep(0.05)
        mqtt.send(sent)
        wait_for(lambda: faces(reader), "the event")
        (told,), (message,) = faces(reader), reader.on("/face")
    assert told["event_type"] == "recognized"
    assert (told["id"], told["person"], told["camera"], told["named"]) == (sent.id, NAME, "door", True)
    assert datetime.fromisoformat(told["time"]) == sent.event.time
    assert 0.05 <= told["age"] < 5
    assert not message.retained


@pytest.mark.parametrize(
    ("kind", "event_type"), [("person", "recognized"), ("unknown", "unknown"), ("new_person", "new_person")]
)
def test_each_kind_of_face_is_a_type_of_the_event_entity(broker: Mosquitto, kind: str, event_type: str):
    with Reader(broker.port) as reader, channel(broker.port) as mqtt:
        mqtt.send(alert(kind=kind, person=None, named=False))
        wait_for(lambda: faces(reader), "the event")
        assert faces(reader)[0]["event_type"] == event_type


def test_what_is_of_no_face_goes_to_a_topic_of_its_own(broker: Mosquitto):
    with Reader(broker.port) as reader, channel(broker.port) as mqtt:
        mqtt.send(alert(kind="summary", camera="", person=None, named=False, text="3 people came"))
        wait_for(lambda: reader.on("face-classifier/alert"), "the summary")
        assert json.loads(reader.on("face-classifier/alert")[0].payload)["text"] == "3 people came"


@pytest.mark.parametrize("pictures", [True, False])
def test_a_picture_comes_before_its_event_as_a_raw_jpeg_if_the_channel_may_show_it(broker: Mosquitto, pictures: bool):
    with Reader(broker.port) as reader, channel(broker.port, pictures=pictures) as mqtt:
        mqtt.send(alert(picture=JPEG))
        wait_for(lambda: faces(reader), "the event")
        ours = [message.topic.rpartition("/")[2] for message in reader.came if "/camera/" in message.topic]
        assert ours == (["image", "face"] if pictures else ["face"])
        assert [message.payload for message in reader.on("/image")] == ([JPEG] if pictures else [])
    with Reader(broker.port) as late:
        time.sleep(0.2)
        assert not late.on("/image"), "a picture of somebody is not left at the broker"
        assert not late.on("/face")


def state(*names: str, people: dict[str, datetime] | None = None, lost: str = "") -> tuple[list[Any], list[Any]]:
    return (
        [CameraState(name, name != lost, 2) for name in names],
        [PersonState(name, seen, names[0]) for name, seen in (people or {}).items()],
    )


def test_devices_are_announced_and_kept_with_their_states(broker: Mosquitto):
    seen = datetime(2026, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
    with channel(broker.port, pictures=True) as mqtt:
        connected(mqtt)
        mqtt.tell_state(*state("대문", "garden", people={NAME: seen}, lost="garden"))
        with Reader(broker.port) as reader:
            wait_for(lambda: len(reader.kept()) >= 9, "what the broker keeps")
            kept = reader.kept()
        configs = {
            json.loads(text)["dev"]["name"]: json.loads(text) for topic, text in kept.items() if "config" in topic
        }
        assert configs.keys() == {"대문", "garden", NAME}
        lost = configs["garden"]["cmps"]["connectivity"]["state_topic"]
        good = configs["대문"]["cmps"]
        assert (kept[lost], kept[good["connectivity"]["state_topic"]]) == (b"OFF", b"ON")
        assert kept[good["unknown"]["state_topic"]] == b"2"
        assert kept[good["image"]["availability_topic"]] == b"online"
        told = json.loads(kept[configs[NAME]["cmps"]["last_seen"]["state_topic"]])
        assert told == {"last_seen": seen.isoformat(), "where": "대문"}


def test_a_person_who_is_named_meanwhile_is_announced_with_the_first_event(broker: Mosquitto):
    with Reader(broker.port) as reader, channel(broker.port) as mqtt:
        connected(mqtt)
        mqtt.tell_state(*state("door"))
        mqtt.send(alert())
        wait_for(lambda: reader.on("/seen"), "the state of the person")
        names = [json.loads(message.payload)["dev"]["name"] for message in reader.on("/config")]
        assert names == ["door", NAME]
        assert json.loads(reader.on("/seen")[0].payload)["where"] == "door"


def test_what_a_track_tells_late_does_not_turn_last_seen_back(broker: Mosquitto):
    with Reader(broker.port) as reader, channel(broker.port) as mqtt:
        connected(mqtt)
        mqtt.send(alert())
        mqtt.tell_state(*state("door", people={NAME: datetime.now(timezone.utc) - timedelta(hours=1)}))
        mqtt.send(alert(2, "unknown", person=None, named=False))
        wait_for(lambda: len(faces(reader)) == 2, "both events")
        times = {json.loads(message.payload)["last_seen"] for message in reader.on("/seen")}
        assert times == {faces(reader)[0]["time"]}


def test_whoever_is_renamed_forgotten_or_removed_leaves_nothing_at_the_broker(broker: Mosquitto):
    seen = datetime.now(timezone.utc)
    with channel(broker.port) as mqtt:
        connected(mqtt)
        mqtt.tell_state(*state("door", "garden", people={"person to forget": seen}))
        mqtt.tell_state(*state("door", people={"her new name": seen}))
        with Reader(broker.port) as reader:
            wait_for(lambda: len(reader.kept()) == 6, "what the broker keeps")
            assert b"garden" not in b"".join(reader.kept().values())
            assert b"person to forget" not in b"".join(reader.kept().values())


def test_without_discovery_too_nothing_of_the_forgotten_is_left(broker: Mosquitto):
    with channel(broker.port, discovery="") as mqtt:
        connected(mqtt)
        mqtt.tell_state(*state("door", people={NAME: datetime.now(timezone.utc)}))
    with channel(broker.port, discovery="") as mqtt:
        connected(mqtt)
        mqtt.tell_state(*state("door"))
        wait_for(lambda: _ends_kept(broker) == {"status", "connectivity", "unknown"}, "the end of the person")


def _ends_kept(broker: Mosquitto) -> set[str]:
    with Reader(broker.port) as reader:
        time.sleep(0.1)
        return {message.topic.rpartition("/")[2] for message in reader.came}


def test_what_was_removed_while_the_program_was_down_is_taken_back_at_its_start(broker: Mosquitto):
    with channel(broker.port) as mqtt:
        connected(mqtt)
        mqtt.tell_state(*state("door", "garden", people={NAME: datetime.now(timezone.utc)}))
    with channel(broker.port, prefix="another/program") as other:
        connected(other)
        other.tell_state(*state("hall"))
    with channel(broker.port) as mqtt:
        connected(mqtt)
        mqtt.tell_state(*state("door"))
        wait_for(lambda: _names_kept(broker) == {"door", "hall"}, "the end of the old devices")
    with Reader(broker.port) as reader:
        wait_for(lambda: len(reader.kept()) == 8, "what the broker keeps")
        assert not reader.on("/seen")


def _names_kept(broker: Mosquitto) -> set[str]:
    with Reader(broker.port, "homeassistant/#") as reader:
        time.sleep(0.1)
        return {json.loads(message.payload)["dev"]["name"] for message in reader.came}


def test_everything_is_told_again_when_home_assistant_starts(broker: Mosquitto):
    with Reader(broker.port) as reader, channel(broker.port) as mqtt:
        connected(mqtt)
        mqtt.tell_state(*state("door", people={NAME: datetime.now(timezone.utc)}))
        mqtt.send(alert())
        wait_for(lambda: faces(reader), "the event")
        before = len(reader.on("/config"))
        reader._client.publish("homeassistant/status", "online")
        wait_for(lambda: len(reader.on("/config")) == before + 2, "both announcements")
        wait_for(lambda: len(reader.on("/connectivity")) == 2, "the state")
        assert len(faces(reader)) == 1, "no event comes again"


def test_without_discovery_nothing_is_announced(broker: Mosquitto):
    with Reader(broker.port) as reader, channel(broker.port, discovery="") as mqtt:
        connected(mqtt)
        mqtt.tell_state(*state("door", people={NAME: datetime.now(timezone.utc)}))
        mqtt.send(alert())
        wait_for(lambda: faces(reader), "the event")
        assert {message.topic.partition("/")[0] for message in reader.came} == {"face-classifier"}


def test_the_broker_says_that_the_program_has_gone_when_it_ends_and_when_it_is_killed(broker: Mosquitto):
    with Reader(broker.port, "face-classifier/status") as reader:
        with channel(broker.port) as mqtt:
            connected(mqtt)
        wait_for(lambda: [message.payload for message in reader.came] == [b"online", b"offline"], "both states")
        with program(broker.port) as process:
            wait_for(lambda: len(reader.came) == 3, "the next start")
            process.kill()
            wait_for(lambda: [message.payload for message in reader.came][2:] == [b"online", b"offline"], "the will")


def test_a_test_message_beside_a_program_that_runs_leaves_its_connection_and_its_states_alone(broker: Mosquitto):
    with Reader(broker.port) as reader, channel(broker.port) as mqtt:
        connected(mqtt)
        wait_for(lambda: reader.on("/status"), "the program's state")
        beside = make_channel("home", MqttChannel(type="mqtt", host="127.0.0.1", port=broker.port), {})
        beside.send(alert(1, "test", person=None, named=False, text="Test"))
        beside.close()
        wait_for(lambda: reader.on("face-classifier/alert"), "the test message")
        mqtt.send(alert(2, "unknown"))
        assert [message.payload for message in reader.on("/status")] == [b"online"]


PROGRAM = """
import sys, time
from datetime import datetime, timezone
from face_classifier.alerts.channels.base import Alert, ChannelError
from face_classifier.alerts.channels.mqtt.channel import Mqtt
from face_classifier.core.config.parts.alerts import MqttChannel
from face_classifier.events.event import Event
mqtt = Mqtt(MqttChannel(type="mqtt", host="127.0.0.1", port=int(sys.argv[1])), {})
number = int(sys.argv[2])
while True:
    number += 1
    event = Event(f"e{number}", "unknown", datetime.now(timezone.utc), time.monotonic(), "door")
    print(number, flush=True)
    try:
        mqtt.send(Alert(event.id, event))
    except ChannelError as error:
        assert error.is_final
    time.sleep(0.02)
"""


@contextmanager
def program(port: int, first: int = 0) -> Iterator[subprocess.Popen[str]]:
    """A program that tells the broker of an event fifty times a second."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM, str(port), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        try:
            yield process
        finally:
            process.kill()


def ages(reader: Reader) -> list[float]:
    """Seconds from the deciding frame of each event until it came, by the clock on the wall."""
    return [
        message.at - datetime.fromisoformat(json.loads(message.payload)["time"]).timestamp()
        for message in reader.on("/face")
    ]


def ids(reader: Reader) -> list[str]:
    return [told["id"] for told in faces(reader)]


def test_a_program_that_is_killed_tells_nothing_late_and_nothing_twice(broker: Mosquitto):
    with Reader(broker.port) as reader:
        with program(broker.port) as process:
            wait_for(lambda: len(faces(reader)) > 20, "events")
            process.kill()
            assert process.stdout
            last = int(process.stdout.read().split()[-1])
        with program(broker.port, last):
            wait_for(lambda: f"e{last + 20}" in ids(reader), "events of the next start")
        assert len(ids(reader)) == len(set(ids(reader)))
        assert max(ages(reader)) < 1


def test_an_event_that_waited_while_the_machine_slept_is_not_told(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch):
    with Reader(broker.port) as reader, channel(broker.port) as mqtt:
        connected(mqtt)
        broker.hold()
        waits = alert(1, "unknown")
        monkeypatch.setattr("face_classifier.alerts.channels.base.asleep", lambda: waits.slept)
        with (
            _soon(0.3, lambda: _sleep_an_hour(monkeypatch, waits, broker)),
            pytest.raises(ChannelError, match="too old"),
        ):
            mqtt.send(waits)
        monkeypatch.undo()
        mqtt.send(alert(2, "unknown"))
        wait_for(lambda: faces(reader), "the next event")
        assert ids(reader) == ["unknown-2"]


def _sleep_an_hour(monkeypatch: pytest.MonkeyPatch, waits: Alert, broker: Mosquitto) -> None:
    monkeypatch.setattr("face_classifier.alerts.channels.base.asleep", lambda: waits.slept + 3600)
    broker.let_go()


@contextmanager
def _soon(seconds: float, action: Callable[[], None]) -> Iterator[None]:
    """Within, something is done by another thread after so many seconds."""
    timer = threading.Timer(seconds, action)
    timer.start()
    yield
    timer.join()


def test_while_the_broker_is_down_events_wait_for_five_seconds_at_most(broker: Mosquitto):
    with channel(broker.port) as mqtt:
        connected(mqtt)
        broker.kill()
        begin = time.monotonic()
        early = alert(1, "unknown", age=3.5)
        with pytest.raises(ChannelError, match=rf"^the MQTT broker 127.0.0.1:{broker.port} .*") as error:
            mqtt.send(early)
        assert 1.4 < time.monotonic() - begin < 4
        assert error.value.is_final
        later = alert(2, "unknown")
        with _soon(1, broker.start):
            mqtt.send(later)  # which waits for the broker
        assert time.monotonic() - later.event.decided < 5
        with Reader(broker.port) as reader:
            time.sleep(0.3)
            assert not reader.on("/face"), "neither of them was kept"


@pytest.mark.parametrize("fault", ["kill", "hold"])
def test_a_broker_that_is_down_for_four_seconds_tells_nothing_late_and_nothing_twice(broker: Mosquitto, fault: str):
    with Reader(broker.port) as reader, program(broker.port) as process:
        wait_for(lambda: len(faces(reader)) > 20, "events")
        before = time.time()
        getattr(broker, fault)()
        time.sleep(4)
        broker.start() if fault == "kill" else broker.let_go()
        back = time.time()
        wait_for(lambda: any(message.at > back + 1 for message in reader.on("/face")), "events after the cure")
        process.kill()
        assert len(ids(reader)) == len(set(ids(reader)))
        assert max(ages(reader)) < 5.2
        assert not [message for message in reader.on("/face") if before + 1 < message.at < back - 0.5]


def test_an_absent_reader_with_a_persistent_session_gets_nothing_late(broker: Mosquitto):
    with channel(broker.port) as mqtt:
        connected(mqtt)
        first = Reader(broker.port, name="automation")
        with first:
            mqtt.send(alert(1, "unknown"))
            wait_for(lambda: faces(first), "the event")
            first.leave()
        mqtt.send(alert(2, "unknown"))
        with Reader(broker.port, name="automation") as second:
            mqtt.send(alert(3, "unknown"))
            wait_for(lambda: faces(second), "the event")
            assert ids(second) == ["unknown-3"]


def test_a_server_that_never_answers_is_not_waited_for_longer():
    with silent_server() as port, channel(port) as mqtt:
        begin = time.monotonic()
        with pytest.raises(ChannelError, match=f"^the MQTT broker 127.0.0.1:{port} (did not|does not) answer"):
            mqtt.send(alert(age=4))
        assert time.monotonic() - begin < 4
        with pytest.raises(ChannelError):
            mqtt.tell_state(*state("door"))


def test_no_server_is_told_in_a_sentence():
    with channel(free_port()) as mqtt:
        time.sleep(0.2)
        with pytest.raises(
            ChannelError, match=r"^the MQTT broker .* cannot be reached \(Connection refused\); check whether it runs"
        ):
            mqtt.tell_state(*state("door"))


def test_closing_ends_a_send_that_waits():
    with silent_server() as port:
        mqtt = Mqtt(MqttChannel(type="mqtt", host="127.0.0.1", port=port), {})
        begin = time.monotonic()
        with _soon(0.2, mqtt.close), pytest.raises(ChannelError):
            mqtt.send(alert())
        assert time.monotonic() - begin < 4


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that lets in door with the password open sesame."""
    need_tool("mosquitto_passwd", "mosquitto")
    words = tmp_path / "passwords"
    words.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(words), "door", "open sesame"], check=True, capture_output=True)
    with Mosquitto(tmp_path, "allow_anonymous false", f"password_file {words}") as broker:
        yield broker


def test_the_password_comes_from_the_environment_or_a_file(locked: Mosquitto, tmp_path: Path):
    (tmp_path / "secret").write_text("open sesame\n")
    sources: list[dict[str, Any]] = [{"password_env": "WORD"}, {"password_file": str(tmp_path / "secret")}]
    for source in sources:
        with channel(locked.port, {"WORD": "open sesame"}, user="door", **source) as mqtt:
            connected(mqtt)
            mqtt.send(alert())


def test_a_wrong_password_is_told_without_it(locked: Mosquitto, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    with channel(locked.port, {"WORD": "abracadabra"}, user="door", password_env="WORD") as mqtt:
        with pytest.raises(ChannelError, match=r"refuses the user name or the password; see .*password_env") as error:
            mqtt.send(alert())
        assert "abracadabra" not in f"{error.value!r} {mqtt._broker.trouble} {mqtt._broker._address!r} {caplog.text}"


def test_a_broker_with_a_certificate_is_trusted_by_the_authority_that_is_named(tmp_path: Path):
    need_tool("mosquitto", "mosquitto")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    lines = f"certfile {tmp_path}/cert.pem", f"keyfile {tmp_path}/key.pem", "allow_anonymous true"
    with Mosquitto(tmp_path, *lines) as broker:
        with channel(broker.port, tls=True, ca=str(tmp_path / "ca.pem")) as mqtt:
            for number in range(20):
                mqtt.send(alert(number, picture=JPEG * 1000))
        with channel(broker.port, tls=True) as mqtt, pytest.raises(ChannelError, match=r"(?i)certificate"):
            mqtt.send(alert(age=4.5))


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path):
    channel_ = MqttChannel(type="mqtt", tls=True, ca=str(tmp_path / "none.pem"))
    with pytest.raises(UserError, match=r"none\.pem cannot be read \(No such file or directory\); name a file"):
        Mqtt(channel_, {})
