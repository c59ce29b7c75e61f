"""A Bot API on loopback, over real HTTP: what a bot needs of it, and what it does when it is busy."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

TOKEN = "123456:AAH-secret-of-the-bot"
OWNER, OTHER = 4711, 666  # chats


class Sent(NamedTuple):
    """A message that the bot sent."""

    method: str
    chat: int
    text: str
    pictures: list[bytes]


class Server(ThreadingHTTPServer):
    daemon_threads = False  # `server_close` waits for them, so whoever asks is to go away first

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.changed = threading.Condition()
        self.updates: list[dict[str, Any]] = []
        self.calls: list[tuple[str, float]] = []  # every method that was called, and when
        self.sent: list[Sent] = []
        self.asked: list[dict[str, str]] = []  # the parameters of each getUpdates
        self.busy: list[tuple[int, dict[str, Any]]] = []  # answers to the next things that are sent
        self.holds: float = 25  # seconds for which getUpdates waits at most
        self.ending = False
        self._number = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def write(self, text: str, chat: int = OWNER) -> None:
        """Somebody writes to the bot."""
        with self.changed:
            self._number += 1
            entities = []
            if text.startswith("/"):
                entities = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]
            message = {
                "message_id": self._number,
                "date": int(time.time()),
                "chat": {"id": chat, "type": "private"},
                "from": {"id": chat, "is_bot": False, "first_name": "x"},
                "text": text,
                "entities": entities,
            }
            self.updates.append({"update_id": 1000 + self._number, "message": message})
            self.changed.notify_all()

    def wait(self, count: int, seconds: float = 10) -> list[Sent]:
        """The messages, once there are so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.sent) >= count, seconds), f"{self.sent} after {seconds} s"
            return list(self.sent)

    def ask(self, text: str, count: int = 1) -> list[Sent]:
        """What the bot answers to a message, so many messages."""
        before = len(self.sent)
        self.write(text)
        return self.wait(before + count)[before:]

    def handle_error(self, *_request: object) -> None:
        """A bot that goes away in the middle of a question is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds for another question over the same connection

    def log_message(self, *_words: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        _, bot, method = self.path.split("/")
        fields, files = _fields(self.headers.get("Content-Type") or "", body)
        with self.server.changed:
            self.server.calls.append((method, time.monotonic()))
        if bot != f"bot{TOKEN}":
            return self._answer(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
        result = getattr(self, f"_{method}", lambda *_: True)(fields, files)
        if isinstance(result, tuple):
            return self._answer(*result)
        return self._answer(200, {"ok": True, "result": result})

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _getMe(self, *_: Any) -> Any:  # noqa: N802
        return {"id": 1, "is_bot": True, "first_name": "Door", "username": "DoorBot"}

    def _deleteWebhook(self, fields: dict[str, str], _: Any) -> Any:  # noqa: N802
        if fields.get("drop_pending_updates") == "true":
            with self.server.changed:
                self.server.updates.clear()
        return True

    def _getUpdates(self, fields: dict[str, str], _: Any) -> Any:  # noqa: N802
        server, offset = self.server, int(fields.get("offset", 0))
        seconds = min(float(fields.get("timeout", 0)), server.holds)
        with server.changed:
            server.asked.append(fields)
            server.updates[:] = [update for update in server.updates if update["update_id"] >= offset]
            server.changed.wait_for(lambda: server.updates or server.ending, seconds)
            return list(server.updates)

    def _sent(self, method: str, fields: dict[str, str], text: str, files: dict[str, bytes]) -> Any:
        server = self.server
        with server.changed:
            if server.busy:
                status, value = server.busy.pop(0)
                return status, {"ok": False, "error_code": status} | value
            server.sent.append(Sent(method, int(fields["chat_id"]), text, list(files.values())))
            server.changed.notify_all()
        return {"message_id": 1, "date": 1, "chat": {"id": int(fields["chat_id"]), "type": "private"}}

    def _sendMessage(self, fields: dict[str, str], files: dict[str, bytes]) -> Any:  # noqa: N802
        return self._sent("sendMessage", fields, fields["text"], files)

    def _sendPhoto(self, fields: dict[str, str], files: dict[str, bytes]) -> Any:  # noqa: N802
        return self._sent("sendPhoto", fields, fields.get("caption", ""), files)

    def _sendMediaGroup(self, fields: dict[str, str], files: dict[str, bytes]) -> Any:  # noqa: N802
        media = json.loads(fields["media"])
        assert 2 <= len(media) <= 10
        result = self._sent("sendMediaGroup", fields, "\n".join(one["caption"] for one in media), files)
        return result if isinstance(result, tuple) else [result]


def _fields(kind: str, body: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
    """Fields and files of a form."""
    if not kind.startswith("multipart/"):
        return dict(parse_qsl(body.decode())), {}
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part in message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body).get_payload():
        assert not isinstance(part, str)
        name, content = str(part.get_param("name", header="content-disposition")), part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if part.get_filename():
            files[name] = content
        else:
            fields[name] = content.decode()
    return fields, files


@contextmanager
def bot_api(port: int = 0) -> Iterator[Server]:
    server = Server(port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        with server.changed:
            server.ending = True
            server.changed.notify_all()
        server.shutdown()
        thread.join()
        server.server_close()
