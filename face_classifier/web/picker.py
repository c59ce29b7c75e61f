"""A page on this machine on which the user picks faces, round after round. It needs no script."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from face_classifier.core import names
from face_classifier.core.config.parts.page import Web
from face_classifier.core.disk.files import png_bytes
from face_classifier.core.errors import UserError
from face_classifier.photos.finder import TILE
from face_classifier.photos.lookalike.people import Portrait
from face_classifier.photos.lookalike.recommend import Recommendation, shown
from face_classifier.photos.lookalike.rounds import Rounds
from face_classifier.web.doors.doors import doors
from face_classifier.web.pages.assets import Assets
from face_classifier.web.pages.rendering import environment
from face_classifier.web.served import served
from face_classifier.web.words.choice import choose

_HOST = "127.0.0.1"
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
    page = _Page(_Session(rounds, finish, tell))
    with served(page.app, _HOST, 0) as port:
        opened(f"http://{_HOST}:{port}/{page.token}/")
        while not (page.ended.is_set() or stopping.wait(_STEP)):
            pass
    if page.error:
        raise page.error


class _Session:
    """Which page shows what; threads may share it."""

    def __init__(self, rounds: Rounds, finish: Callable[[], Recommendation], tell: Callable[[str], None]) -> None:
        self._rounds, self._finish, self._tell = rounds, finish, tell
        self._lock = threading.Lock()

    def current(self) -> int:
        """The round to be answered next, from 1."""
        return min(self._rounds.answered, self._rounds.total - 1) + 1

    def page(self, turn: int) -> dict[str, Any] | None:
        """What the page of a round shows, from 1; None if it is not its turn."""
        with self._lock:
            try:
                numbers = self._rounds.offer(turn - 1)
            except ValueError:
                return None
            return {
                "turn": turn,
                "total": self._rounds.total,
                "faces": [self._offered(number, turn) for number in numbers],
            }

    def _offered(self, number: int, turn: int) -> dict[str, Any]:
        pick, before = self._rounds.face(number), self._rounds.answer(turn - 1) == number
        return {"number": number, "before": before, **self._face(pick.name, pick.portrait)}

    def _face(self, name: str, portrait: Portrait) -> dict[str, str]:
        content = base64.b64encode(png_bytes(shown(portrait, self._tell))).decode()
        return {"name": names.shown(name), "picture": f"data:image/png;base64,{content}", "distance": ""}

    def pick(self, turn: int, word: str) -> int:
        """Answer a round, from 1; returns the next one, or 0 at the end. What an old page asks for is passed over."""
        with self._lock:
            with suppress(ValueError):
                self._rounds.pick(turn - 1, None if word == _NOBODY else int(word))
                return turn + 1 if turn < self._rounds.total else 0
            return self.current()

    def last_page(self) -> dict[str, Any]:
        """The recommendation."""
        with self._lock:
            try:
                recommendation = self._finish()
            except UserError as error:
                sentence = names.shown(str(error))
                return {"sentence": f"{sentence[0].upper()}{sentence[1:]}.", "near": [], "picked": []}
            near = [
                {**self._face(result.person.name, result.portrait), "distance": f"{result.distance:.3f}"}
                for result in recommendation.results
            ]
            picked = [self._face(pick.name, pick.portrait) for pick in recommendation.picks]
            return {"sentence": "", "near": near, "picked": picked}


class _Page:
    """The application. Doors keep other sites out, the path other users of this machine."""

    def __init__(self, session: _Session) -> None:
        self._session, self.token = session, secrets.token_urlsafe(24)
        self.ended = threading.Event()
        self.error: BaseException | None = None
        routes = [
            Mount("/static", Assets()),
            Route("/{token}/", self._first, methods=["GET"]),
            Route("/{token}/{turn:int}", self._round, methods=["GET"]),
            Route("/{token}/{turn:int}", self._answer, methods=["POST"]),
        ]
        self.app = Starlette(routes=routes, middleware=doors(Web()))
        self.app.router.redirect_slashes = False

    def _first(self, request: Request) -> Response:
        self._check(request)
        return self._to(self._session.current())

    def _round(self, request: Request) -> Response:
        self._check(request)
        return self._guarded(lambda: self._of_round(request, request.path_params["turn"]))

    def _of_round(self, request: Request, turn: int) -> Response:
        values = self._session.page(turn)
        if values is None:
            return self._to(self._session.current())
        return _rendered(request, **values)

    async def _answer(self, request: Request) -> Response:
        self._check(request)
        async with request.form(max_files=0, max_fields=5) as fields:
            word = str(fields.get("pick", ""))
        return await run_in_threadpool(self._guarded, lambda: self._of_answer(request, word))

    def _of_answer(self, request: Request, word: str) -> Response:
        following = self._session.pick(request.path_params["turn"], word)
        return self._to(following) if following else self._last(request)

    def _last(self, request: Request) -> Response:
        answer = _rendered(request, turn=0, **self._session.last_page())
        answer.background = BackgroundTask(self.ended.set)  # when it was sent
        return answer

    def _guarded(self, answer: Callable[[], Response]) -> Response:
        """The answer; a mistake of ours ends it all, and is told where it was begun."""
        try:
            return answer()
        except Exception as error:
            self.error = error
            return PlainTextResponse("The page ends.\n", 500, background=BackgroundTask(self.ended.set))

    def _check(self, request: Request) -> None:
        """Raise HTTPException for whoever does not know the address."""
        given = str(request.path_params["token"]).encode("utf-8", "replace")
        if not secrets.compare_digest(given, self.token.encode()):
            raise HTTPException(404)

    def _to(self, turn: int) -> Response:
        return RedirectResponse(f"/{self.token}/{turn}", 303)


def _rendered(request: Request, **values: Any) -> Response:
    made = environment(choose(None, None, None, request.headers.get("accept-language"))).get_template("pick.html")
    return HTMLResponse(made.render(theme="auto", size=TILE, nobody=_NOBODY, **values))
