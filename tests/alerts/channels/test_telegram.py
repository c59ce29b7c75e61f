"""The Telegram bot against a Bot API on loopback: who may ask, what is told, and what never leaves it."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from alerts.mosquitto import free_port, silent_server, wait_for
from alerts.telegram_server import OTHER, OWNER, TOKEN, Server, bot_api

from face_classifier.alerts.channels.base import Alert, ChannelError
from face_classifier.alerts.channels.bot import Person, Picture, two_names
from face_classifier.alerts.channels.telegram import Telegram
from face_classifier.core.config.parts.alerts import TelegramChannel
from face_classifier.core.errors import UserError
from face_classifier.events.event import Event

JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


class Counter:
    """A desk that counts who asks; tests/daemon/test_answers.py has the real one."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.people_: list[Person] = []
        self.snoozed: set[int] = set()
        self.works = threading.Event()
        self.works.set()

    def people(self, pictures: int) -> Sequence[Person]:
        self.asked.append("people")
        return self.people_

    def rename(self, old: str, new: str) -> str:
        self.asked.append(f"{old} > {new}")
        return "done"

    def status(self) -> str:
        self.asked.append("status")
        self.works.wait(10)
        return "fine"

    def settings(self) -> str:
        raise RuntimeError("nobody expected this")

    def shots(self, camera: str | None) -> Sequence[Picture]:
        return [Picture("door", JPEG)]

    def snooze(self, chat: int, *, snoozed: bool) -> None:
        (self.snoozed.add if snoozed else self.snoozed.discard)(chat)

    def is_snoozed(self, chat: int) -> bool:
        return chat in self.snoozed


@pytest.fixture
def api() -> Iterator[Server]:
    with bot_api() as server:
        yield server


@contextmanager
def bot(server: str, desk: Counter | None = None, chats: Sequence[int] = (OWNER,), token: str = TOKEN) -> Iterator[Any]:
    channel = TelegramChannel(type="telegram", server=server, token_env="TOKEN", chats=tuple(chats))
    made = Telegram(channel, {"TOKEN": token}, desk)
    try:
        yield made
    finally:
        begin = time.monotonic()
        made.close()
        assert time.monotonic() - begin < 5
        wait_for(lambda: not _threads(), "the end of the threads", 2)


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("telegram")]


@contextmanager
def asked(api: Server, desk: Counter, chats: Sequence[int] = (OWNER,)) -> Iterator[Any]:
    """A bot that listens."""
    with bot(api.url, desk, chats) as made:
        wait_for(lambda: api.asked, "the first question for news")
        yield made


def alert(number: int = 1, picture: bytes | None = None, text: str = "김 at door") -> Alert:
    event = Event(f"e{number}", "person", datetime.now(timezone.utc), time.monotonic(), "door", text=text)
    return Alert(event.id, event, "rule", picture)


# Alerts


def test_an_alert_is_a_text_with_its_time_and_id_to_every_chat(api: Server):
    with bot(api.url, chats=(OWNER, 4712)) as telegram:
        told = alert()
        telegram.send(told)
    assert [(sent.method, sent.chat) for sent in api.sent] == [("sendMessage", OWNER), ("sendMessage", 4712)]
    when = told.event.time.astimezone()
    assert api.sent[0].text == f"김 at door\n{when:%Y-%m-%d %H:%M:%S} (e1)"


def test_the_picture_goes_along_only_where_the_rule_lets_it_out(api: Server):
    with bot(api.url) as telegram:
        telegram.send(alert(1, JPEG))
        telegram.send(alert(2))
    assert [(sent.method, sent.pictures) for sent in api.sent] == [("sendPhoto", [JPEG]), ("sendMessage", [])]


def test_a_picture_that_is_not_taken_does_not_hold_the_words_back(api: Server):
    with bot(api.url) as telegram:
        api.busy.append((400, {"description": "Bad Request: IMAGE_PROCESS_FAILED"}))
        telegram.send(alert(1, JPEG))
    assert [(sent.method, sent.pictures) for sent in api.sent] == [("sendMessage", [])]


def test_a_busy_server_says_for_how_long_it_wants_to_be_left_alone(api: Server):
    with bot(api.url) as telegram:
        api.busy.append((429, {"description": "Too Many Requests: retry after 17", "parameters": {"retry_after": 17}}))
        with pytest.raises(ChannelError, match="asks to wait") as error:
            telegram.send(alert())
    assert (error.value.retry_after, error.value.is_final) == (17, False)


def test_a_chat_that_has_an_alert_does_not_get_it_again_when_another_one_failed(api: Server):
    with bot(api.url, chats=(OWNER, 4712)) as telegram:
        api.busy.append((502, {"description": "Bad Gateway"}))
        with pytest.raises(ChannelError) as error:
            telegram.send(alert())
        assert not error.value.is_final
        assert [sent.chat for sent in api.sent] == [4712]
        telegram.send(alert())
    assert [sent.chat for sent in api.sent] == [4712, OWNER]


def test_a_chat_that_blocked_the_bot_is_named_as_final_and_the_others_are_told(api: Server):
    with bot(api.url, chats=(OWNER, 4712)) as telegram:
        api.busy.append((403, {"description": "Forbidden: bot was blocked by the user"}))
        with pytest.raises(ChannelError, match=r"blocked by the user.*see `chats`") as error:
            telegram.send(alert())
    assert error.value.is_final
    assert [sent.chat for sent in api.sent] == [4712]


def test_a_group_that_has_another_number_now_is_told_with_it(api: Server):
    with bot(api.url) as telegram:
        moved = {"description": "Bad Request: group chat was upgraded", "parameters": {"migrate_to_chat_id": -100123}}
        api.busy.append((400, moved))
        with pytest.raises(ChannelError, match=r"has the number -100123 now; write that into `chats`") as error:
            telegram.send(alert())
    assert error.value.is_final


def test_a_chat_that_was_stopped_gets_no_alert(api: Server):
    desk = Counter()
    with asked(api, desk) as telegram:
        api.ask("/stop")
        telegram.send(alert(1))
        api.ask("/start")
        telegram.send(alert(2))
    assert [sent.text.splitlines()[-1][-4:] for sent in api.sent if "at door" in sent.text] == ["(e2)"]


@pytest.mark.parametrize("text", ["x" * 10_000, "\ud800 at door", "<b>*_[`"])
def test_any_text_goes(api: Server, text: str):
    with bot(api.url) as telegram:
        telegram.send(alert(1, None, text))
        telegram.send(alert(2, JPEG, text))
    assert len(api.sent) == 2


# Commands


def test_other_chats_get_no_answer_and_are_counted(api: Server, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "face_classifier")
    desk = Counter()
    with asked(api, desk) as telegram:
        for text in ("/status", "/rename a b", "hello"):
            api.write(text, OTHER)
        (sent,) = api.ask("/status")
        assert telegram.strangers == 3
    assert [one.chat for one in api.sent] == [OWNER]
    assert desk.asked == ["status"]
    assert sent.text.endswith("3 messages of other chats were ignored")
    assert caplog.text.count(f"the chat {OTHER}, which is not in `chats`") == 1, "so that its owner can find the number"


def test_what_was_asked_while_the_program_was_down_is_not_done(api: Server):
    api.write("/rename a b")
    desk = Counter()
    with asked(api, desk):
        api.ask("/status")
    assert desk.asked == ["status"]


def test_a_command_is_carried_out_once(api: Server):
    desk = Counter()
    with asked(api, desk):
        api.ask("/rename a b")
        api.ask("/status")
    assert desk.asked == ["people", "a > b", "status"]


def test_a_command_for_another_bot_in_the_group_is_left_to_it(api: Server):
    desk = Counter()
    with asked(api, desk):
        api.write("/status@OtherBot")
        api.ask("/status@DoorBot")
    assert desk.asked == ["status"]


def test_what_goes_wrong_is_answered_in_a_sentence(api: Server):
    with asked(api, Counter()):
        (sent,) = api.ask("/settings")
        assert sent.text == "That failed (RuntimeError); the log of the program tells more"
        assert api.ask("/rename a")[0].text.startswith("Give the old and the new name")


def test_many_people_come_in_groups_of_ten_and_a_busy_server_is_waited_for(api: Server):
    desk = Counter()
    desk.people_ = [Person(f"person {number}", 2, JPEG if number < 25 else None) for number in range(40)]
    with asked(api, desk):
        api.busy.append((429, {"description": "Too Many Requests", "parameters": {"retry_after": 1}}))
        sent = api.ask("/list", 4)
    assert [(one.method, len(one.pictures)) for one in sent] == [
        ("sendMessage", 0),
        ("sendMediaGroup", 10),
        ("sendMediaGroup", 10),
        ("sendMediaGroup", 5),
    ]
    assert "person 39: 2 faces" in sent[0].text


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("person_01 Anna", ("person_01", "Anna")),
        ('"Anna Maria" Bea', ("Anna Maria", "Bea")),
        ("“Anna Maria” „Bea B“", ("Anna Maria", "Bea B")),
        ("«Анна М» Bea", ("Анна М", "Bea")),
        ("김 철수 이 영희", ("김 철수", "이 영희")),
        ("Anna Maria Bea", ("Anna Maria", "Bea")),
        ("person_01 Anna Maria", ("person_01", "Anna Maria")),
        ("O'Brien Bea", ("O'Brien", "Bea")),
        ('person_01 ""', ("person_01", "")),
    ],
)
def test_names_are_words_or_stand_in_quotation_marks_or_are_known(words: str, names: tuple[str, str]):
    assert two_names(words, ["Anna", "Anna Maria", "김 철수", "person_01"]) == names


@pytest.mark.parametrize("words", ["", "Anna", "Nobody Known Here", '"a" "b" "c"', '"a'])
def test_names_that_cannot_be_told_apart_are_asked_for(words: str):
    with pytest.raises(UserError, match=r"^Give the old and the new name"):
        two_names(words, ["Anna"])


# The other side


def test_closing_does_not_wait_for_the_question_that_is_held_nor_for_a_desk_that_hangs(api: Server):
    desk = Counter()
    desk.works.clear()
    with asked(api, desk) as telegram:
        api.write("/status")
        wait_for(lambda: desk.asked, "the command")
        begin = time.monotonic()
        telegram.close()
        assert time.monotonic() - begin < 5
        assert not telegram._thread.is_alive()
        desk.works.set()


@pytest.mark.parametrize("kind", ["silent", "closed"])
def test_a_server_that_does_not_answer_is_told_in_a_sentence_and_closing_takes_no_time(kind: str):
    with (
        silent_server() as port,
        bot(f"http://127.0.0.1:{port if kind == 'silent' else free_port()}", Counter()) as made,
    ):
        if kind == "closed":
            with pytest.raises(ChannelError, match=r"^Telegram cannot be reached \(NetworkError\); check whether"):
                made.send(alert())
        else:
            ending = threading.Timer(0.3, made.close)
            ending.start()
            with pytest.raises(ChannelError, match="has ended"):
                made.send(alert())
            ending.join()


def test_a_server_that_comes_late_is_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("face_classifier.alerts.channels.telegram._WAITS", (0.05,))
    port = free_port()
    with bot(f"http://127.0.0.1:{port}", Counter()) as telegram:
        time.sleep(0.2)
        with bot_api(port) as api:
            wait_for(lambda: api.asked, "the first question for news")
            assert api.ask("/status")
            telegram.close()


def test_the_token_comes_from_a_file_too(api: Server, tmp_path: Path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    channel = TelegramChannel(type="telegram", server=api.url, token_file=str(tmp_path / "token"), chats=(OWNER,))
    telegram = Telegram(channel, {})
    try:
        telegram.send(alert())
    finally:
        telegram.close()
    with pytest.raises(UserError, match="token of the bot is to be in the variable TOKEN, which is not set"):
        Telegram(TelegramChannel(type="telegram", token_env="TOKEN", chats=(OWNER,)), {})


def test_the_token_is_in_no_log_and_no_exception(api: Server, capfd: pytest.CaptureFixture[str]):
    records: list[str] = []

    class Everything(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(self.format(record))

    root, handler = logging.getLogger(), Everything(0)
    before = root.level
    root.addHandler(handler)
    root.setLevel(0)
    wrong = "987654:BBB-another-secret"
    texts: list[str] = []
    try:
        for server, token in ((api.url, TOKEN), (api.url, wrong), (f"http://127.0.0.1:{free_port()}", TOKEN)):
            with bot(server, Counter(), token=token) as telegram:
                if token == wrong:
                    wait_for(lambda: any("refuses the token" in line for line in records), "the warning")
                for answer in ((500, {"description": f"error of bot{TOKEN}"}), (400, {"description": TOKEN})):
                    api.busy[:] = [answer]
                    try:
                        telegram.send(alert(len(texts)))
                    except ChannelError as error:
                        texts.append("".join(traceback.format_exception(error)))
                        chain = error.__cause__ or error.__context__
                        assert chain is None
                texts.append(repr(telegram))
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    assert len(texts) > 6
    told = "\n".join((*texts, *records, *capfd.readouterr()))
    assert "refuses the token" in told
    for secret in (TOKEN, wrong, TOKEN.partition(":")[2], wrong.partition(":")[2]):
        assert secret not in told


def test_no_other_command_waits_for_the_library():
    assert (
        os.spawnv(
            os.P_WAIT,
            sys.executable,
            [sys.executable, "-c", "import face_classifier.alerts.make, sys; sys.exit('telegram' in sys.modules)"],
        )
        == 0
    )
