"""What the owner is answered from afar, by a real gallery; and a bot that carries it, over real HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from alerts.telegram_server import OWNER, TOKEN, Server, bot_api
from conftest import Gallery, Listener

from face_classifier.alerts.channels.bot import answer
from face_classifier.alerts.dispatcher import Dispatcher
from face_classifier.alerts.make import make_channel
from face_classifier.alerts.worker import ChannelState
from face_classifier.core.config.load import load
from face_classifier.core.config.parts.alerts import Alerts, TelegramChannel
from face_classifier.core.disk.retry import Patience
from face_classifier.core.errors import InUseError, UserError
from face_classifier.curate.commands import HANDLERS
from face_classifier.daemon.answers import Answers
from face_classifier.daemon.status import CameraStatus, GalleryStatus, Status, Times
from face_classifier.pipeline.here import Here
from face_classifier.vision.engine import Engine

SHOT = cv2.imencode(".jpg", np.full((40, 60, 3), 90, np.uint8))[1].tobytes()


def camera(name: str, status: str = "good", reason: str = "") -> CameraStatus:
    return CameraStatus(name, status, 7200.0, reason, False, 0.2, 900, 0, 12, 3, 0, 0.1)


STATUS = Status(
    pid=1,
    uptime=90_000.0,
    gallery=GalleryStatus("result", 0.1, 2, 5, 1, None, Times()),
    cameras=(camera("대문"), camera("garden", "lost", "rtsp://cam refuses the connection")),
    channels=(ChannelState("hook", "webhook", "failing", "no answer", 4, 2, 1),),
    told=Times(),
    memory=1,
    restart=(),
)


class House(NamedTuple):
    """A gallery of two people that a process watches into."""

    answers: Answers
    folder: Path
    here: Here
    alerts: Dispatcher


@pytest.fixture
def house(gallery: Gallery, engine: Engine) -> Iterator[House]:
    gallery.see("obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg")
    with _house(gallery.folder, engine) as house:
        yield house


@contextmanager
def _house(folder: Path, engine: Engine) -> Iterator[House]:
    settings = load({"result": str(folder)}, None, {})
    observer = Listener()
    patience = Patience(settings.patience, threading.Event(), observer.problem)
    alerts = Dispatcher(Alerts(), {}, folder, make_channel, observer.problem)
    try:
        with Here.opened(settings, lambda _: engine, None, observer, patience) as here:
            shots = {"대문": SHOT}
            yield House(
                Answers(here, lambda: settings, lambda: STATUS, shots.get, lambda: alerts), folder, here, alerts
            )
    finally:
        alerts.close()


def people_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_dir() and path.name not in ("unknowns", ".rejected")}


def test_people_come_with_the_picture_of_their_best_face_the_named_ones_first(house: House):
    (person,) = house.answers.people(10)
    assert (person.name, person.faces) == ("person_01", 3)
    assert person.picture is not None
    assert person.picture in {path.read_bytes() for path in (house.folder / "person_01").glob("*.png")}
    assert [one.picture for one in house.answers.people(0)] == [None]


def test_a_rename_renames_the_folder_and_undo_takes_it_back(house: House):
    before = "person_01"
    for name in ("김 철수", "Anna Maria"):
        assert house.answers.rename(before, name) == f"{before} is called {name} now (3 faces)"
        assert people_in(house.folder) == {name}
        assert [person.name for person in house.answers.people(1)] == [name]
        before = name
    for name in ("김 철수", "person_01"):
        house.here.ask(lambda gallery: HANDLERS["undo"](gallery, {"to": None}, Listener()), 5)
        assert people_in(house.folder) == {name}


def test_a_name_cannot_leave_the_folder(house: House):
    outside = sorted(house.folder.parent.iterdir())
    for name in ("../x", ".hidden", "unknowns", "a/b", "/etc/x", "..", "faces.sqlite", ""):
        with pytest.raises(UserError, match=r"^the name .*; give another name$"):
            house.answers.rename("person_01", name)
    assert sorted(house.folder.parent.iterdir()) == outside
    assert people_in(house.folder) == {"person_01"}


def test_status_and_settings_are_lines_without_secrets(house: House):
    lines = house.answers.status().splitlines()
    assert lines[0] == "대문: good for 2 h"
    assert lines[1] == "garden: lost for 2 h, rtsp://cam refuses the connection"
    assert "channel hook: failing, 4 sent, 2 missed, no answer" in lines
    assert "2 persons, 5 known faces, 1 unknown face" in lines
    assert f"result: {house.folder}" in house.answers.settings().splitlines()


def test_a_shot_is_of_one_camera_or_of_all_that_have_a_picture(house: House):
    assert list(house.answers.shots(None)) == [("대문", SHOT)]
    assert list(house.answers.shots("대문")) == [("대문", SHOT)]
    with pytest.raises(UserError, match=r"^there is no camera 'hall'; name one of these: 대문, garden$"):
        house.answers.shots("hall")
    with pytest.raises(UserError, match="no picture of garden now"):
        house.answers.shots("garden")


def test_an_owner_that_is_busy_is_not_waited_for_longer_and_the_rename_is_left_out(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("face_classifier.daemon.answers._PATIENCE", 0.1)
    ending = threading.Event()
    busy = threading.Thread(target=lambda: house.here.ask(lambda _: ending.wait(5), 5))
    busy.start()
    time.sleep(0.05)
    with pytest.raises(InUseError, match="too busy now"):
        house.answers.rename("person_01", "Anna")
    ending.set()
    busy.join()
    assert house.here.ask(lambda _: people_in(house.folder), 5) == {"person_01"}


def test_a_chat_that_was_stopped_stays_so_over_a_restart(house: House, engine: Engine):
    house.answers.snooze(OWNER, snoozed=True)
    _until(lambda: house.answers.is_snoozed(OWNER))
    assert not house.answers.is_snoozed(OWNER + 1)
    again = Dispatcher(Alerts(), {}, house.folder, make_channel, print)
    try:
        _until(lambda: f"chat {OWNER}" in again.status().snoozed)
    finally:
        again.close()
    house.answers.snooze(OWNER, snoozed=False)
    _until(lambda: not house.answers.is_snoozed(OWNER))


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def api() -> Iterator[Server]:
    with bot_api() as server:
        yield server


@pytest.fixture
def asked(house: House, api: Server) -> Iterator[Server]:
    """The server of a bot that answers for the house."""
    channel = TelegramChannel(type="telegram", server=api.url, token_env="TOKEN", chats=(OWNER,))
    bot = make_channel("bot", channel, {"TOKEN": TOKEN}, house.answers)
    try:
        _until(lambda: bool(api.asked))
        yield api
    finally:
        bot.close()
        _until(lambda: not any(thread.name.startswith("telegram") for thread in threading.enumerate()))


def test_the_bot_lists_people_with_a_picture_and_renames_them(house: House, asked: Server):
    (sent,) = asked.ask("/list")
    assert (sent.method, sent.text) == ("sendPhoto", "person_01: 3 faces")
    image = cv2.imdecode(np.frombuffer(sent.pictures[0], np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    (sent,) = asked.ask("/rename person_01 “김 철수”")
    assert sent.text == "person_01 is called 김 철수 now (3 faces)"
    (sent,) = asked.ask("/rename 김 철수 Anna")
    assert sent.text == "김 철수 is called Anna now (3 faces)"
    assert people_in(house.folder) == {"Anna"}


def test_the_bot_refuses_a_name_that_would_leave_the_folder_in_a_sentence(house: House, asked: Server):
    outside = sorted(house.folder.parent.iterdir())
    for name in ("../x", ".hidden", "unknowns", '"a/b"'):
        (sent,) = asked.ask(f"/rename person_01 {name}")
        assert sent.text.startswith("the name ")
        assert "\n" not in sent.text
    assert (people_in(house.folder), sorted(house.folder.parent.iterdir())) == ({"person_01"}, outside)


def test_the_bot_answers_every_command(asked: Server):
    assert asked.ask("/help")[0].text.count("\n/") == 7
    assert asked.ask("/settings")[0].text.startswith("result: ")
    assert asked.ask("/status")[0].text.splitlines()[-1] == "This chat is told of alerts; /stop ends that"
    assert asked.ask("/shot")[0].pictures == [SHOT]
    assert asked.ask("/shot 대문")[0].text == "대문"
    assert asked.ask("/shot nowhere")[0].text.startswith("there is no camera 'nowhere'")
    assert asked.ask("/stop")[0].text == "This chat is told nothing until /start"
    assert asked.ask("/start")[0].text == "This chat is told of alerts; /stop ends that"
    assert asked.ask("/fly")[0].text == "There is no command /fly; /help lists them"


def test_people_of_a_gallery_that_is_empty(tmp_path: Path, engine: Engine):
    with _house(tmp_path / "result", engine) as house:
        assert answer(house.answers, OWNER, "list", "").text == "Nobody is known yet"
