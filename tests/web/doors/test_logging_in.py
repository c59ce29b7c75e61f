"""Logging in with the password, guesses of strangers, sessions, and tokens of programs."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from servers.asking import HASH, PASSWORD, Answer, ask, behind_doors, run

from face_classifier.core.config import tokens
from face_classifier.web.doors import passwords, sessions
from face_classifier.web.doors.passwords import Attempts, LaterError, Password, hashed
from face_classifier.web.doors.sessions import Sessions
from face_classifier.web.doors.who import local, scope_of

OURS = {"Origin": "http://localhost:8470", "Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Any]:
    with behind_doors(tmp_path / "result", password=HASH) as one:
        yield one


def log_in(app: Any, word: str = PASSWORD, path: str = "/login", **how: Any) -> Answer:
    headers = {**OURS, "Origin": f"{how.get('scheme', 'http')}://localhost:8470"}
    return ask(app, path, headers, method="POST", body=urlencode({"password": word}).encode(), **how)


def cookie_of(answer: Answer) -> dict[str, str]:
    return {"Cookie": answer.cookies[0].partition(";")[0]}


def test_who_gives_the_password_is_let_in(app: Any):
    answer = log_in(app)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert ask(app, "/readyz", cookie_of(answer)).status == 200
    assert ask(app, "/login", cookie_of(answer)).headers["location"] == "/"


def test_a_wrong_password_lets_nobody_in(app: Any):
    for word in ("", "correct hors", PASSWORD + " ", "x" * 1001, "\x00"):
        answer = log_in(app, word, client=f"192.0.2.{len(word) % 250}")
        assert answer.status == 401
        assert not answer.cookies
        assert "This is not the password" in answer.text


def test_the_cookie_is_for_this_page_alone(app: Any):
    (plain,) = log_in(app).cookies
    (secure,) = log_in(app, scheme="https").cookies
    for cookie in (plain, secure):
        assert {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={sessions.SECONDS}"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
    assert "Secure" in secure
    assert "Secure" not in plain


def test_a_trusted_proxy_with_https_has_secure_cookies(tmp_path: Path):
    with behind_doors(tmp_path / "result", password=HASH, proxy=("10.0.0.1",), hosts=("cctv.example",)) as app:
        headers = {**OURS, "Origin": "https://cctv.example", "X-Forwarded-Proto": "https"}
        headers |= {"X-Forwarded-Host": "cctv.example", "X-Forwarded-For": "192.0.2.7"}
        body = urlencode({"password": PASSWORD}).encode()
        (cookie,) = ask(app, "/login", headers, method="POST", body=body, client="10.0.0.1").cookies
    assert "Secure" in cookie


def test_a_proxy_that_asks_for_the_password_itself_is_the_only_way_in(tmp_path: Path):
    with behind_doors(tmp_path / "result", listen="0.0.0.0:8470", proxy=("10.0.0.0/24",)) as app:
        assert ask(app, "/readyz", client="10.0.0.9").status == 200
        assert ask(app, "/readyz", client="10.0.1.9").status == 403
        assert ask(app, "/readyz", {"X-Forwarded-For": "10.0.0.9"}, client="10.0.1.9").status == 403
        assert ask(app, "/healthz", client="10.0.1.9").status == 200


def test_logging_out_ends_the_session_wherever_its_cookie_was_copied_to(app: Any):
    cookie = cookie_of(log_in(app))
    other = cookie_of(log_in(app))
    answer = ask(app, "/logout", {**OURS, **cookie}, method="POST")
    assert answer.status == 303
    assert "Max-Age=0" in answer.cookies[0]
    assert ask(app, "/readyz", cookie).status == 401
    assert ask(app, "/readyz", other).status == 200


def test_a_new_password_ends_all_sessions():
    cookie = Sessions(HASH).begin()
    assert Sessions(HASH).holds(cookie)
    assert not Sessions(hashed("another one")).holds(cookie)


def test_a_session_ends_by_itself(monkeypatch: pytest.MonkeyPatch):
    those = Sessions(HASH)
    cookie, now = those.begin(), time.time()
    monkeypatch.setattr(time, "time", lambda: now + sessions.SECONDS - 10)
    assert those.holds(cookie)
    monkeypatch.setattr(time, "time", lambda: now + sessions.SECONDS + 10)
    assert not those.holds(cookie)


def test_a_cookie_that_was_changed_is_worth_nothing():
    those = Sessions(HASH)
    cookie = those.begin()
    for place in range(len(cookie)):
        assert not those.holds(cookie[:place] + ("A" if cookie[place] != "A" else "B") + cookie[place + 1 :]) or (
            place == len(cookie) - 1  # whose last bits count for nothing in base64
        )
    assert not those.holds("")
    assert not those.holds("é")


@pytest.mark.parametrize(
    "address",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\/evil.example", "javascript:alert(1)",
     "", "people",
     "/\t/evil.example", "/\r\nSet-Cookie: a=b", "///evil.example", "/login?next=/login", " /people", "/ //evil"],
)  # fmt: skip
def test_who_has_logged_in_is_led_to_no_other_page(app: Any, address: str):
    answer = log_in(app, path=f"/login?next={quote(address)}")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert local(address) == "/"


@pytest.mark.parametrize("address", ["/people/%EA%B9%80?tab=visits", "/events?person=a%2Fb&unknown=1", "/people/a%20b"])
def test_who_has_logged_in_is_led_to_where_they_were_going(app: Any, address: str):
    form = ask(app, address, {"Accept": "text/html"}).headers["location"]
    assert form == f"/login?next={quote(address, safe='/')}"
    assert f'action="{form}"' in ask(app, form).text
    assert log_in(app, path=form).headers["location"] == address


@pytest.mark.parametrize("address", ["//evil.example/x", "//evil.example", "/\\evil.example"])
def test_a_link_elsewhere_leads_through_this_page_to_no_other(app: Any, address: str):
    link = {"Accept": "text/html", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    answer = ask(app, address, {**link, "Sec-Fetch-Dest": "document"})
    assert (answer.status, "evil" in answer.text) == (200, False)


def test_a_part_of_a_page_leads_to_the_form_when_the_session_has_ended(app: Any):
    answer = ask(app, "/people", {"HX-Request": "true"})
    assert (answer.status, answer.headers["hx-redirect"]) == (204, "/login")


def test_five_wrong_guesses_and_one_waits(app: Any):
    statuses = [log_in(app, "wrong", client="192.0.2.7").status for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    answer = log_in(app, client="192.0.2.7")
    assert answer.status == 429, "the right one waits too"
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert "Try again in" in answer.text
    assert log_in(app, client="192.0.2.8").status == 303, "nobody else does"


class Clock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def guesses(attempts: Attempts, address: str, count: int) -> int:
    """How many of so many guesses are let through."""
    done = 0
    for _ in range(count):
        try:
            attempts.take(address)
        except LaterError:
            continue
        done += 1
    return done


def test_one_guess_in_half_a_minute_is_allowed_again():
    attempts = Attempts(clock := Clock())
    assert guesses(attempts, "192.0.2.7", 100) == 5
    clock.now += 31
    assert guesses(attempts, "192.0.2.7", 100) == 1
    clock.now += 86_400
    assert guesses(attempts, "192.0.2.7", 100) == 5


def test_a_household_is_one_guesser_by_ipv6():
    attempts = Attempts(Clock())
    assert guesses(attempts, "2001:db8::1", 3) + guesses(attempts, "2001:db8::ffff:2", 9) == 5
    assert guesses(attempts, "2001:db8:0:1::1", 3) == 3
    assert guesses(attempts, "::ffff:192.0.2.7", 3) + guesses(attempts, "192.0.2.7", 9) == 5


def test_strangers_of_many_addresses_guess_slowly_and_lock_out_nobody_who_was_let_in():
    attempts = Attempts(clock := Clock())
    attempts.welcome("198.100.1.7")
    assert sum(guesses(attempts, f"8.8.{i % 250}.{i // 250}", 2) for i in range(5000)) == 30
    assert guesses(attempts, "198.100.1.7", 3) == 3
    assert guesses(attempts, "192.168.0.7", 3) == guesses(attempts, "127.0.0.1", 3) == 3, "nor those at home"
    assert guesses(attempts, "198.100.1.8", 3) == 0
    clock.now += 60
    assert sum(guesses(attempts, f"8.1.{i % 250}.{i // 250}", 2) for i in range(5000)) == 30


def test_memory_of_guessers_is_bounded():
    attempts = Attempts(Clock())
    for number in range(5000):
        guesses(attempts, f"10.0.{number % 250}.{number // 250}", 1)
        attempts.welcome(f"10.1.{number % 250}.{number // 250}")
    assert len(attempts._of) <= passwords._ADDRESSES
    assert len(attempts._welcome) <= passwords._WELCOME


def test_two_passwords_are_compared_at_a_time_and_the_loop_turns_meanwhile(monkeypatch: pytest.MonkeyPatch):
    running, most = 0, 0

    def compare(_self: Password, _word: str) -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.05)
        running -= 1
        return False

    monkeypatch.setattr(Password, "_compare", compare)
    password, turns = Password(HASH), 0

    async def attack() -> list[Any]:
        nonlocal turns
        tries = [asyncio.create_task(password.is_right("x", f"192.0.2.{number}")) for number in range(20)]
        while not all(one.done() for one in tries):
            await asyncio.sleep(0)
            turns += running > 0
        return await asyncio.gather(*tries, return_exceptions=True)

    told = run(attack())
    assert most == 2
    assert turns > 10
    assert sum(isinstance(one, LaterError) for one in told) == 12, "eight wait, others are told to come back"


def test_what_looks_the_same_is_the_same_password():
    given = hashed("비밀번호입니다")
    in_parts = unicodedata.normalize("NFD", "비밀번호입니다")
    assert run(Password(given).is_right(in_parts, "127.0.0.1"))
    assert re.match(r"\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$", given)


# Tokens


@pytest.fixture
def words(tmp_path: Path) -> dict[str, str]:
    """A token of each scope."""
    return {scope: tokens.add(str(tmp_path / "tokens"), f"my-{scope}", [scope]) for scope in tokens.SCOPES}


@pytest.fixture
def app_with_tokens(tmp_path: Path, words: dict[str, str]) -> Iterator[Any]:
    with behind_doors(tmp_path / "result", password=HASH, tokens_file=str(tmp_path / "tokens")) as one:
        yield one


def bearer(word: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {word}"}


def test_a_token_may_what_its_scopes_say(app_with_tokens: Any, words: dict[str, str]):
    for scope, word in words.items():
        assert ask(app_with_tokens, "/readyz", bearer(word)).status == (200 if scope == "read" else 403)
        assert (ask(app_with_tokens, "/logout", bearer(word), method="POST").status == 303) == (scope == "write")
        answer = ask(app_with_tokens, "/api/v1/ws", bearer(word), scheme="ws")
        assert (answer.status == 403 and "lacks the scope live" in answer.text) == (scope != "live")


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/api/v1/people", "read"),
        ("HEAD", "/faces/1.jpg", "read"),
        ("POST", "/api/v1/faces/assign", "write"),
        ("PATCH", "/api/v1/people/1", "write"),
        ("POST", "/api/v1/cameras/door/pause", "write"),
        ("GET", "/api/v1/cameras", "read"),
        ("GET", "/api/v1/cameras/door/snapshot.jpg", "live"),
        ("GET", "/cameras/door/stream.mjpg", "live"),
        ("GET", "/live", "live"),
        ("GET", "/live/door", "live"),
        ("GET", "/lively", "read"),
        ("FOO", "/api/v1/people", "write"),
    ],
)
def test_which_scope_is_needed_goes_by_method_and_path(method: str, path: str, needed: str):
    assert scope_of({"type": "http", "method": method, "path": path}) == needed


def test_a_wrong_token_is_no_right_one(app_with_tokens: Any, words: dict[str, str]):
    for word in ("", "x", words["read"][:-1], words["read"].upper(), "my-read", "é"):
        answer = ask(app_with_tokens, "/readyz", bearer(word))
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_counts_on_this_machine_too(tmp_path: Path, words: dict[str, str]):
    with behind_doors(tmp_path / "result", tokens_file=str(tmp_path / "tokens")) as app:
        assert ask(app, "/readyz").status == 200
        assert ask(app, "/readyz", bearer(words["write"])).status == 403
        assert ask(app, "/readyz", bearer("x")).status == 401


def test_a_token_that_is_taken_out_of_the_file_is_worth_nothing_from_then_on(
    app_with_tokens: Any, words: dict[str, str], tmp_path: Path
):
    path = tmp_path / "tokens"
    assert ask(app_with_tokens, "/readyz", bearer(words["read"])).status == 200
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("my-read ")))
    assert ask(app_with_tokens, "/readyz", bearer(words["read"])).status == 401
    new = tokens.add(str(path), "new", ["read"])
    assert ask(app_with_tokens, "/readyz", bearer(new)).status == 200


def test_a_file_of_tokens_that_others_may_read_counts_for_nothing(
    app_with_tokens: Any, words: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        os.chmod(tmp_path / "tokens", 0o644)
        assert [ask(app_with_tokens, "/readyz", bearer(words["read"])).status for _ in range(3)] == [401] * 3
    assert len(caplog.records) == 1
    os.chmod(tmp_path / "tokens", 0o600)
    assert ask(app_with_tokens, "/readyz", bearer(words["read"])).status == 200


def test_passwords_and_tokens_are_in_no_line_of_the_log_and_in_no_answer(
    app_with_tokens: Any, words: dict[str, str], caplog: pytest.LogCaptureFixture
):
    secrets = [PASSWORD, "battery staple", HASH, *words.values()]
    told = []
    with caplog.at_level(logging.DEBUG):
        answers = [log_in(app_with_tokens), log_in(app_with_tokens, "battery staple")]
        cookie = cookie_of(answers[0])
        secrets.append(cookie["Cookie"].partition("=")[2])
        for headers in ({}, cookie, *(bearer(word) for word in words.values())):
            answers += [ask(app_with_tokens, path, headers) for path in ("/readyz", "/none", "/login")]
        told = [str(record.__dict__) for record in caplog.records]
    for answer in answers:
        told += [answer.text, *(value for name, value in answer.headers.items() if name != "set-cookie")]
    assert not [secret for secret in secrets if any(secret in text for text in told)]
