from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from face_classifier.core.config.load import load
from face_classifier.core.config.parts.alerts import AppriseChannel
from face_classifier.core.config.parts.cameras import Camera
from face_classifier.core.config.secrets import Secret
from face_classifier.core.config.settings import Settings
from face_classifier.core.errors import UserError

Write = Callable[[str], str]

WHOLE = """
result: people
cameras:
  door:
    url: rtsp://anna:geheim@cam/sub?token=1
    main: rtsp://anna:geheim@cam/main
    hours: ["7:00 - 22:00", 22:30-01:00]
    days: [mon, Sunday]
    zones: {porch: [[0.1, 0.2], [0.5, 0.2], [0.5, 0.9]]}
    only: [porch]
    masks: [[[0, 0], [1, 0], [1, 0.5]]]
    keep: {unknown: null, tracks: 7 d}
  desk: {url: 0, min_face: 40}
keep: {unknown: 72 hours, captures: 10 min, disk: 2 GB}
channels:
  terminal: {type: print}
  bot: {type: telegram, token_env: TOKEN, chats: [12, -1001]}
alerts:
  daily: 21:00
  rules:
    - {name: strangers, on: [unknown], people: [No, 007], channels: [bot], hours: "22:00-06:00"}
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> str:
        (tmp_path / "c.yaml").write_text(text, "utf-8")
        return str(tmp_path / "c.yaml")

    return written


def test_nested_keys_become_models_with_units_and_words_as_they_are_written(write: Write):
    chosen = load({}, write(WHOLE), {})
    door, desk = chosen.cameras["door"], chosen.cameras["desk"]
    assert chosen.result == "people"
    assert door.hours == ("07:00-22:00", "22:30-01:00")
    assert door.days == ("mon", "sun")
    assert door.zones == {"porch": ((0.1, 0.2), (0.5, 0.2), (0.5, 0.9))}
    assert (desk.url, desk.kind, desk.min_face) == ("0", "device", 40)
    assert chosen.keep.disk == 2_000_000_000
    assert chosen.channels["bot"].chats == (12, -1001)  # type: ignore[union-attr]
    assert chosen.alerts.daily == datetime.time(21)
    assert chosen.alerts.rules[0].people == ("No", "007")


def test_a_camera_keeps_as_all_do_where_it_says_nothing(write: Write):
    chosen = load({}, write(WHOLE), {})
    door, desk, other = (chosen.keep_of(name) for name in ("door", "desk", "garden"))
    assert (door.unknown, door.captures, door.tracks) == (None, 600, 7 * 86_400)
    assert (desk.unknown, desk.captures, desk.tracks) == (72 * 3600, 600, None)
    assert other == desk


def test_the_environment_wins_over_the_file_for_single_keys(write: Write):
    environ = {
        "FACE_CLASSIFIER_CAMERAS__DOOR__URL": "https://cam/video",
        "FACE_CLASSIFIER_CAMERAS__DOOR__DAYS": "tue, wed",
        "FACE_CLASSIFIER_CAMERAS__DOOR__ONLY": "[]",
        "FACE_CLASSIFIER_CAMERAS__GARDEN__URL": "1",
        "FACE_CLASSIFIER_CAMERAS__GARDEN__ZONES": '{"gate": [[0, 0], [1, 0], [1, 1]]}',
        "FACE_CLASSIFIER_KEEP__UNKNOWN": "null",
        "FACE_CLASSIFIER_WEB__LISTEN": "off",
    }
    chosen = load({}, write(WHOLE), environ)
    door, garden = chosen.cameras["door"], chosen.cameras["garden"]
    assert (door.url, door.days, door.only) == ("https://cam/video", ("tue", "wed"), ())
    assert door.hours
    assert (garden.url, garden.zones["gate"]) == ("1", ((0, 0), (1, 0), (1, 1)))
    assert (chosen.keep.unknown, chosen.keep.captures) == (None, 600)
    assert not chosen.web


def test_a_camera_of_the_file_is_found_by_a_variable_without_its_hyphen(write: Write):
    path = write("cameras: {Front-Door: {url: 0}}")
    chosen = load({}, path, {"FACE_CLASSIFIER_CAMERAS__FRONT_DOOR__URL": "1"})
    assert {name: camera.url for name, camera in chosen.cameras.items()} == {"Front-Door": "1"}


def test_a_password_of_the_environment_is_read_when_it_is_needed_and_never_shown():
    environ = {
        "FACE_CLASSIFIER_CAMERAS__DOOR__URL": "rtsp://cam/sub",
        "FACE_CLASSIFIER_CAMERAS__DOOR__USER": "anna",
        "FACE_CLASSIFIER_CAMERAS__DOOR__PASSWORD": "ge/he@im",
    }
    chosen = load({}, None, environ)
    assert "im" not in repr(chosen.cameras["door"]).replace("min_face", "").replace("ignore", "")
    assert chosen.cameras["door"].address(environ) == "rtsp://anna:ge%2Fhe%40im@cam/sub"


def test_an_address_for_apprise_is_a_secret_of_the_environment():
    environ = {
        "FACE_CLASSIFIER_CHANNELS__PHONE__TYPE": "apprise",
        "FACE_CLASSIFIER_CHANNELS__PHONE__URL": "mailto://anna:geheim@example.org",
    }
    phone = load({}, None, environ).channels["phone"]
    assert isinstance(phone, AppriseChannel)
    assert phone.url.read(environ) == "mailto://anna:geheim@example.org"
    assert "geheim" not in repr(phone)


def test_no_text_of_settings_shows_a_password_of_an_address(write: Write):
    chosen = load({}, write(WHOLE), {})
    assert "geheim" not in f"{chosen} {chosen!r} {chosen.cameras['door']}"
    assert chosen.cameras["door"].shown == "rtsp://cam/sub"


def test_a_secret_is_read_of_a_variable_or_a_file_and_else_the_sentence_names_it(tmp_path: Path):
    file = tmp_path / "token"
    file.write_text("abc\n")
    assert Secret("the token", file=str(file)).read({}) == "abc"
    assert Secret("the token", "T").read({"T": "xyz"}) == "xyz"
    assert Secret("the token").read({}) is None
    with pytest.raises(UserError, match="the token is to be in the variable T, which is not set; set it"):
        Secret("the token", "T").read({})
    with pytest.raises(UserError, match="none, which cannot be read"):
        Secret("the token", file=str(tmp_path / "none")).read({})


def test_what_is_replaced_is_checked():
    chosen = Settings().but(cameras={"door": Camera(url="0")})
    assert chosen.cameras["door"].url == "0"
    with pytest.raises(ValueError, match="engine"):
        replace(Settings(), engine=3)  # type: ignore[arg-type]
