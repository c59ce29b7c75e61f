"""What systemd is told of a service: the protocol of sd_notify(3), a datagram to the socket that it names."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

READY, STOPPING, WATCHDOG = "READY=1", "STOPPING=1", "WATCHDOG=1"


def reloading() -> str:
    """What a service of ``Type=notify-reload`` says when it begins to reload; READY ends that."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"


def notify(*lines: str, environ: Mapping[str, str] = os.environ) -> None:
    """Tell the service manager, if there is one. One that is gone or busy is not waited for."""
    address = environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return
    address = "\0" + address[1:] if address.startswith("@") else address  # @: abstract, without a file
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager:
        manager.connect(address)
        manager.send("\n".join(lines).encode())


def watchdog(environ: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between two signs of life that the service manager wants; None: it wants none of this process."""
    wanted, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not wanted.isdecimal() or (pid and pid != str(os.getpid())):
        return None
    return int(wanted) / 1e6 / 3 or None
