"""A real MQTT broker and a real reader of it, on loopback; for tests and the benchmark of brokers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {seconds:g} seconds"
        time.sleep(0.005)


class Mosquitto:
    """A broker that can be stopped, killed, held, and started again at its port. A context manager."""

    def __init__(self, folder: Path, *lines: str) -> None:
        """``lines``: of the configuration, instead of letting in everybody without encryption."""
        program = shutil.which("mosquitto")
        assert program, "mosquitto is missing; on Debian: apt-get install mosquitto"
        self.port = free_port()
        self._folder = folder
        configuration = folder / "mosquitto.conf"
        what = lines or ("allow_anonymous true",)
        user = "user root" if os.geteuid() == 0 else ""  # else it cannot read a test's files
        configuration.write_text("\n".join((f"listener {self.port} 127.0.0.1", user, *what, "")))
        self._command = [program, "-c", str(configuration)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.kill()

    def start(self) -> None:
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_for(self._listens, "the broker's start")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """As ``kill -9``."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hold(self) -> None:
        """Its connections stay open, and it does nothing until it is let go."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def let_go(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)


class Came(NamedTuple):
    """A message, and when it came."""

    topic: str
    payload: bytes
    retained: bool
    at: float  # seconds, time.time()


class Reader:
    """Reads what a broker tells, as a home automation does; connects anew by itself. A context manager."""

    def __init__(self, port: int, topic: str = "#", *, name: str | None = None, **login: str) -> None:
        """``name``: of a persistent session with QoS 1, which the broker keeps while the reader is away."""
        self.came: list[Came] = []
        self.topic, self.qos, self.ready = topic, 1 if name else 0, False
        self._client = client = paho.Client(CallbackAPIVersion.VERSION2, name or "", clean_session=name is None)
        client.reconnect_delay_set(1, 1)
        if login:
            client.username_pw_set(login["user"], login["password"])
        client.on_connect, client.on_subscribe, client.on_message = self._connected, self._subscribed, self._message
        client.connect("127.0.0.1", port)
        client.loop_start()

    def _connected(self, client: paho.Client, *_others: Any) -> None:
        client.subscribe(self.topic, self.qos)

    def _subscribed(self, *_others: Any) -> None:
        self.ready = True

    def _message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self.came.append(Came(message.topic, bytes(message.payload), message.retain, time.time()))

    def __enter__(self) -> Reader:
        wait_for(lambda: self.ready, "the reader's subscription")
        return self

    def __exit__(self, *_exception: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def leave(self) -> None:
        """Go away without a word, as a reader that is killed; the broker keeps a persistent session."""
        connection: Any = self._client.socket()
        self._client.loop_stop()
        if connection is not None:
            connection.close()

    def on(self, end: str) -> list[Came]:
        """What came to topics that end so."""
        return [message for message in list(self.came) if message.topic.endswith(end)]

    def kept(self) -> dict[str, bytes]:
        """What the broker had kept, by topic."""
        return {message.topic: message.payload for message in self.came if message.retained}


@contextmanager
def silent_server() -> Iterator[int]:
    """The port of a server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield int(server.getsockname()[1])
