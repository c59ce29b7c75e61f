"""A page on this machine on which the user picks faces, round after round. It needs no script and nothing from afar."""

from __future__ import annotations

import base64
import hashlib
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from face_classifier.core import names
from face_classifier.core.disk.files import png_bytes
from face_classifier.core.errors import UserError
from face_classifier.photos.finder import TILE
from face_classifier.photos.lookalike.people import Portrait
from face_classifier.photos.lookalike.recommend import Recommendation, shown
from face_classifier.photos.lookalike.rounds import Rounds

_HOSTS = ("127.0.0.1", "localhost")
_MOST_BODY = 1000  # bytes; what the page's form sends has 20
_PATIENCE = 10  # seconds for a request to arrive
_STEP = 0.2  # seconds between looks whether to end
_NOBODY = "none"  # in the form


def show(
    rounds: Rounds,
    finish: Callable[[], Recommendation],
    stopping: threading.Event,
    tell: Callable[[str], None],
    opened: Callable[[str], object],
) -> None:
    """Serve the page at 127.0.0.1, on a free port and a path that cannot be guessed, until all rounds are answered.

    Parameters
    ----------
    rounds: whom to choose among; what is picked goes into it.
    finish: recommends for what was picked, to be shown at the end.
    stopping: ends it early.
    tell: is told which photos are gone.
    opened: called with the address.
    """
    server = _Server(_Session(rounds, finish, tell))
    loop = threading.Thread(target=server.serve, args=(stopping,), name="page")
    try:
        loop.start()
        opened(server.address)
        loop.join()
    finally:
        server.ended.set()
        loop.join()
        server.server_close()
    if server.error:
        raise server.error


class _Session:
    """Which page answers what; threads may share it."""

    def __init__(self, rounds: Rounds, finish: Callable[[], Recommendation], tell: Callable[[str], None]) -> None:
        self._rounds, self._finish, self._tell = rounds, finish, tell
        self._lock = threading.Lock()

    def current(self) -> int:
        """The round to be answered next, from 1."""
        return min(self._rounds.answered, self._rounds.total - 1) + 1

    def page(self, turn: int) -> str | None:
        """The page of a round, from 1; None if it is not its turn."""
        with self._lock:
            try:
                numbers = self._rounds.offer(turn - 1)
            except ValueError:
                return None
            buttons = [self._button(number, place, len(numbers), turn) for place, number in enumerate(numbers, 1)]
            return _round_page(turn, self._rounds.total, buttons)

    def _button(self, number: int, place: int, of: int, turn: int) -> str:
        pick = self._rounds.face(number)
        before = self._rounds.answer(turn - 1) == number
        alt = f"Face {place} of {of}: {pick.name}" + (", picked before" if before else "")
        mark = ' class="before"' if before else ""
        return f'<button name="pick" value="{number}"{mark}>{self._image(pick.portrait, alt)}</button>'

    def _image(self, portrait: Portrait, alt: str) -> str:
        content = base64.b64encode(png_bytes(shown(portrait, self._tell))).decode()
        return f'<img src="data:image/png;base64,{content}" alt="{_text(alt)}" width="{TILE}" height="{TILE}">'

    def pick(self, turn: int, word: str) -> int:
        """Answer a round, from 1; returns the next one, or 0 at the end. What an old page asks for is passed over."""
        with self._lock:
            with suppress(ValueError):
                self._rounds.pick(turn - 1, None if word == _NOBODY else int(word))
                return turn + 1 if turn < self._rounds.total else 0
            return self.current()

    def last_page(self) -> str:
        """The recommendation."""
        with self._lock:
            try:
                recommendation = self._finish()
            except UserError as error:
                sentence = str(error)
                return _page("Nobody to recommend", [f"<p>{_text(sentence[0].upper() + sentence[1:])}.</p>", _CLOSE])
            picked = [_figure(self._image(pick.portrait, ""), pick.name) for pick in recommendation.picks]
            near = [
                _figure(self._image(result.portrait, ""), result.person.name, f"{result.distance:.3f}")
                for result in recommendation.results
            ]
            return _page("Recommended for you", [_faces(near), "<h2>You picked</h2>", _faces(picked), _CLOSE])


# HTML

_STYLE = """
:root { color-scheme: light dark; font: 1.1rem/1.4 system-ui, sans-serif }
body { max-width: 46rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.5rem; margin: .5rem 0 }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem }
p { margin: .5rem 0 }
progress { width: 100% }
.faces { display: grid; gap: .75rem; margin: 1rem 0 }
.faces { grid-template-columns: repeat(auto-fill, minmax(min(9rem, 45%), 1fr)) }
img { display: block; width: 100%; height: auto; border-radius: .5rem }
button { font: inherit; cursor: pointer; border: 3px solid transparent; border-radius: .75rem; padding: .2rem }
.faces button { background: none }
.none { padding: .6rem 1.2rem; border-color: #888 }
button:hover, .before { border-color: #2a7 }
:focus-visible { outline: 3px solid #48f; outline-offset: 2px }
figure { margin: 0; text-align: center; overflow-wrap: anywhere }
small { opacity: .75 }
nav { margin: 1rem 0 }
a { color: inherit }
"""
_POLICY = (
    "default-src 'none'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
_CLOSE = "<p>That is all; you may close this page.</p>"


def _round_page(turn: int, total: int, buttons: Iterable[str]) -> str:
    back = f'<nav><a href="{turn - 1}">Back to round {turn - 1}</a></nav>' if turn > 1 else ""
    return _page(
        "Which face do you like best?",
        [
            f'<p>Round {turn} of {total}</p><progress aria-hidden="true" max="{total}" value="{turn - 1}"></progress>',
            f'<form method="post">{_faces(buttons)}',
            f'<button class="none" name="pick" value="{_NOBODY}">None of these</button></form>{back}',
        ],
    )


def _text(text: str) -> str:
    """For HTML, where names of files may hold anything."""
    return escape(names.shown(text))


def _faces(parts: Iterable[str]) -> str:
    return f'<div class="faces">{"".join(parts)}</div>'


def _figure(image: str, *lines: str) -> str:
    first, *others = (_text(line) for line in lines)
    below = "".join(f"<br><small>{line}</small>" for line in others)
    return f"<figure>{image}<figcaption>{first}{below}</figcaption></figure>"


def _page(title: str, parts: Iterable[str]) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_text(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>{_text(title)}</h1>{''.join(parts)}</main></body></html>"
    )


# HTTP


class _Server(ThreadingHTTPServer):
    """A thread a connection, since browsers open some on which they say nothing."""

    daemon_threads = False

    def __init__(self, session: _Session) -> None:
        self.session = session
        self.token = secrets.token_urlsafe(24)
        self.ended = threading.Event()
        self.error: BaseException | None = None
        self.timeout = _STEP
        self._open: set[socket.socket] = set()
        super().__init__((_HOSTS[0], 0), _Handler)

    @property
    def address(self) -> str:
        return f"http://{_HOSTS[0]}:{self.server_address[1]}/{self.token}/"

    def serve(self, stopping: threading.Event) -> None:
        while not (stopping.is_set() or self.ended.is_set()):
            self.handle_request()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Ends every connection and its thread."""
        for request in list(self._open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # the browser has gone
            self.error = error
            self.ended.set()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE

    def do_GET(self) -> None:
        turn = self._turn()
        if turn is None:
            return
        page = self.server.session.page(turn)
        if page is None:
            self._redirect(self.server.session.current())
        else:
            self._answer(HTTPStatus.OK, page)

    def do_POST(self) -> None:
        turn = self._turn()
        if turn is None:
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal() and len(length) < 10):
            self._answer(HTTPStatus.LENGTH_REQUIRED)
        elif int(length) > _MOST_BODY:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            words = parse_qs(self.rfile.read(int(length)).decode("ascii", "replace"))
            following = self.server.session.pick(turn, words.get("pick", [""])[0])
            if following:
                self._redirect(following)
            else:
                self._answer(HTTPStatus.OK, self.server.session.last_page())
                self.server.ended.set()

    def _turn(self) -> int | None:
        """The round that is asked for, 0 for whichever it is; None if the request is refused, which is answered."""
        # A foreign page whose name was made to lead here could read the faces.
        if self.headers.get("Host", "").split(":")[0] not in _HOSTS:
            self._answer(HTTPStatus.FORBIDDEN)
            return None
        _, token, rest = (*self.path.split("/", 2), "", "")[:3]
        known = secrets.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode())
        if not known or not (rest == "" or (rest.isascii() and rest.isdecimal() and len(rest) < 10)):
            self._answer(HTTPStatus.NOT_FOUND)
            return None
        return int(rest or 0)

    def _redirect(self, turn: int) -> None:
        self._answer(HTTPStatus.SEE_OTHER, location=f"/{self.server.token}/{turn}")

    def _answer(self, status: HTTPStatus, page: str | None = None, location: str | None = None) -> None:
        page = page if page is not None else f"<!doctype html><title>{status.phrase}</title>"
        content = page.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(content)

    def end_headers(self) -> None:
        """With every answer, also the library's own to other methods."""
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """The terminal is not for the server's log."""
