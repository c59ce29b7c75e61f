"""Cameras on the network for tests and benchmarks, which listen on loopback and end with the test.

An RTSP server can be stopped, killed and restarted; an HTTP server keeps its word or breaks it.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

PYTHON = "/usr/bin/python3"  # which has the bindings of GStreamer (Debian: python3-gi)
PACKAGES = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"


def missing_gstreamer() -> str | None:
    """Why the RTSP server cannot be had here; None = it can."""
    check = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer, Gst; " + (
        "Gst.init(None); assert all(Gst.ElementFactory.find(name) for name in ('x264enc', 'rtph264pay'))"
    )
    with suppress(OSError):
        if subprocess.run([PYTHON, "-c", check], capture_output=True, check=False).returncode == 0:
            return None
    return f"GStreamer's RTSP server is missing; on Debian: apt-get install {PACKAGES}"


def moving(width: int = 320, height: int = 240, rate: int = 15, pattern: str = "ball", key: int = 15) -> str:
    """A pipeline: a test picture, H.264, with a key picture every ``key`` pictures."""
    return (
        f"videotestsrc is-live=true pattern={pattern} ! video/x-raw,framerate={rate}/1 ! videoscale ! "
        f"capsfilter name=size caps=video/x-raw,width={width},height={height} ! "
        f"x264enc tune=zerolatency speed-preset=ultrafast key-int-max={key} threads=1 ! "
        "rtph264pay name=pay0 pt=96 config-interval=-1"
    )


class RtspServer:
    """A server process; use it in a ``with`` statement."""

    def __init__(
        self,
        streams: dict[str, str],
        login: tuple[str, str] | None = None,
        switch: dict[str, list[tuple[int, int]]] | None = None,
    ) -> None:
        self.streams, self.login, self.switch = streams, login, switch or {}
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """On the port that it had, if it was started before."""
        for _ in range(50):
            self._process = subprocess.Popen(
                [PYTHON, str(Path(__file__).with_name("rtsp_server.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": "", "GST_DEBUG": "0"},
            )
            user, password = self.login or (None, None)
            wanted = {"port": self.port, "streams": self.streams, "user": user, "password": password}
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps({**wanted, "switch": self.switch}).encode() + b"\n")
            self._process.stdin.flush()
            if line := self._process.stdout.readline():
                self.port = int(line)
                return
            self.end()
            time.sleep(0.1)
        raise OSError(f"no RTSP server at port {self.port}")

    def address(self, path: str, login: str = "") -> str:
        return f"rtsp://{login}127.0.0.1:{self.port}{path}"

    def signal(self, number: int) -> None:
        assert self._process
        self._process.send_signal(number)

    def kill(self) -> None:
        """As a camera that loses its power."""
        self.signal(signal.SIGKILL)
        self.end()

    def end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe:
                    pipe.close()
            self._process = None

    def __enter__(self) -> RtspServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image)[1].tobytes()


def noisy(number: int, width: int = 320, height: int = 240) -> np.ndarray:
    """A picture as a live camera's: with noise of its own, and a mark that moves."""
    image = np.random.default_rng(number).integers(90, 110, (height, width, 3), np.uint8)
    left = number * 7 % (width - 20)
    image[20:40, left : left + 20] = 255
    return image


class HttpCamera:
    """An HTTP server on a socket of its own that behaves as its ``mode`` says; use it in a ``with`` statement.

    Modes: good; frozen (the same picture again and again); silent (accepts and says nothing); drip (one byte a second);
    half (half a JPEG, then silence); halves (nothing but half JPEGs); flap (some pictures, then silence); header
    (without end); 401, 404; refused (nobody listens); redirect (to ``target``).
    """

    def __init__(
        self,
        rate: float = 15.0,
        picture: Callable[[int], np.ndarray] = noisy,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self.mode = "good"
        self.target = ""
        self.login: str | None = None  # "user:password" that Basic authentication asks for
        self.body = b""  # of ``/file``; ``/again`` sends it once a second
        self.port = 0
        self.requests = self.served = 0  # in all; streams that were begun
        self._rate, self._picture = rate, picture
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._socket: socket.socket | None = None

    def address(self, path: str = "/stream", login: str = "") -> str:
        return f"{'https' if self._tls else 'http'}://{login}127.0.0.1:{self.port}{path}"

    def become(self, mode: str, *, cut: bool = True) -> None:
        """Behave otherwise from now on; ``cut``: whoever is connected loses the connection."""
        listens = mode != "refused"
        if not listens and self._socket:
            self._stop_listening()
        self.mode = mode
        if cut:
            for connection in list(self._open):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        if listens and not self._socket:
            self._listen()

    def __enter__(self) -> HttpCamera:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self.become("refused")
        for thread in self._threads:
            thread.join()

    def _listen(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = self._socket.getsockname()[1]
        thread = threading.Thread(target=self._accept, args=(self._socket,), name="http camera")
        self._threads.append(thread)
        thread.start()

    def _stop_listening(self) -> None:
        assert self._socket
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._socket = None

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                if self._tls:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                self._threads = [thread for thread in self._threads if thread.is_alive()]
                thread = threading.Thread(target=self._serve, args=(connection,), name="http camera")
                self._threads.append(thread)
                self._open.add(connection)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(OSError):
                request = b""
                while b"\r\n\r\n" not in request:
                    part = connection.recv(4096)
                    if not part:
                        return
                    request += part
                self.requests += 1
                for part in self._answer(self.mode, request.decode("latin-1")):
                    connection.sendall(part)
        finally:
            self._open.discard(connection)

    def _answer(self, mode: str, request: str) -> Iterator[bytes]:
        expected = self.login and base64.b64encode(self.login.encode()).decode()
        if mode == "401" or (expected and f"Basic {expected}" not in request):
            yield b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="cam"\r\nContent-Length: 0\r\n\r\n'
            return
        if mode == "404":
            yield b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
            return
        if mode == "redirect":
            yield f"HTTP/1.1 302 Found\r\nLocation: {self.target}\r\nContent-Length: 0\r\n\r\n".encode()
            return
        if mode == "silent":
            self._wait(mode)
            return
        if mode in ("drip", "header"):
            text = b"HTTP/1.1 200 OK\r\nX-Filler: " + (b"y" * 1_000_000)
            step = 1 if mode == "drip" else 4096
            for place in range(0, len(text), step):
                yield text[place : place + step]
                if self._wait(mode, 1.0 if mode == "drip" else 0.01):
                    return
            return
        if " /snapshot" in request:
            whole = jpeg(self._picture(self.requests))
            shown = whole[: len(whole) // 2] if mode in ("half", "halves") else whole
            yield b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(shown)
            yield shown
            return
        if " /file" in request:
            yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(self.body) + self.body
        elif " /again" in request:
            yield b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n" + self.body
            while not self._wait(mode, 1.0):
                yield self.body
        else:
            yield from self._stream(mode)

    def _stream(self, mode: str) -> Iterator[bytes]:
        self.served += 1
        yield b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
        number = 0
        while not self._wait(mode, 1 / self._rate):
            data = jpeg(self._picture(0 if mode == "frozen" else number))
            number += 1
            part = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
            if mode == "half":
                yield part % len(data) + data[: len(data) // 2]
                self._wait(mode)
                return
            if mode == "flap" and number > 3:
                self._wait(mode)
                return
            if mode == "halves":
                data = data[: len(data) // 2]
            yield part % len(data) + data + b"\r\n"

    def _wait(self, mode: str, seconds: float = 1e9) -> bool:
        """True as soon as it is to behave otherwise."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.mode != mode or self._ending.is_set():
                return True
            time.sleep(min(0.02, max(0.0, until - time.monotonic())))
        return False
