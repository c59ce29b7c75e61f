"""What systemd is told, over a socket as it makes one."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from face_classifier.daemon.notify import READY, notify, reloading, watchdog


@contextmanager
def manager(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(5)
        yield listener


def test_a_service_manager_is_told_at_a_socket_with_a_file(tmp_path: Path):
    path = os.path.relpath(tmp_path / "notify")  # addresses of sockets are short
    with manager(path) as listener:
        notify(READY, "STATUS=2 cameras", environ={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert listener.recv(1000) == b"READY=1\nSTATUS=2 cameras"


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="only Linux has sockets without a file")
def test_a_service_manager_is_told_at_a_socket_without_a_file():
    name = f"face-classifier-test-{os.getpid()}"
    with manager(f"\0{name}") as listener:
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        notify(reloading(), environ={"NOTIFY_SOCKET": f"@{name}"})
        first, second = listener.recv(1000).decode().split("\n")
    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= before + 5_000_000


@pytest.mark.parametrize("address", ["", "/no/such/socket", "@nobody-listens-there", "odd"])
def test_nobody_to_be_told_is_no_error(address: str):
    notify(READY, environ={"NOTIFY_SOCKET": address} if address else {})


def test_a_manager_that_reads_nothing_is_not_waited_for(tmp_path: Path):
    with manager(os.path.relpath(tmp_path / "notify")):
        began = time.monotonic()
        for _ in range(2000):
            notify("STATUS=" + "x" * 1000, environ={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 10),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 10),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "odd"}, None),
    ],
)
def test_signs_of_life_are_wanted_as_the_manager_says(environ: dict[str, str], seconds: float | None):
    assert watchdog(environ) == seconds
