from __future__ import annotations

import json
from pathlib import Path

import pytest

from face_classifier.cli.main import main

HOUSE = """
cameras:
  door:
    url: rtsp://anna:geheim@cam/sub
    main: rtsp://cam/main
    hours: ["07:00-22:00"]
    zones: {porch: [[0.1, 0.2], [0.5, 0.2], [0.5, 0.9]]}
    pixelate: strangers
  desk: {url: 0}
keep: {unknown: 72h}
channels:
  log: {type: file, path: alerts.jsonl}
  hook: {type: webhook, url: "https://example.org/geheim?token=geheim"}
  bot: {type: telegram, token_env: BOT_TOKEN, chats: [1]}
alerts:
  rules:
    - {name: strangers, on: [unknown], zones: [porch], channels: [log], cooldown: 120}
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / "house.yaml").write_text(HOUSE)
    return tmp_path / "house.yaml"


def test_what_would_be_watched_is_told_in_a_line_each_without_secrets(
    house: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("BOT_TOKEN", "geheim")
    assert main(["check-config", str(house)]) == 0
    told = capsys.readouterr().out
    assert told.replace(str(house), "FILE").splitlines() == [
        "result: result",
        "camera door: rtsp://cam/sub, best views of its main stream, 07:00-22:00, 1 zone, strangers are pixelated, "
        "faces of nobody are kept 3 d",
        "camera desk: 0, faces of nobody are kept 3 d",
        "channel log: file alerts.jsonl",
        "channel hook: webhook https://example.org/",
        "channel bot: telegram, 1 chat",
        "rule strangers: unknown to log, in porch, once in 2 min",
        "advice: cameras.door.url in FILE, line 4, holds a password in plain text; name the variable that holds it "
        "(password_env) or a file (password_file)",
        "advice: channels.hook.url in FILE, line 13, has a query ('token') that looks like a secret in plain "
        "text; set the whole address by the environment, or let only its owner read the file",
        "advice: channels.hook in FILE, line 13, is in no rule, so nothing goes there",
    ]


def test_of_a_camera_that_keeps_no_strangers_it_is_not_told_how_long_they_are_kept(
    house: Path, capsys: pytest.CaptureFixture[str]
):
    house.write_text("cameras: {desk: {url: 0, known_only: true}}\nkeep: {unknown: 72h, tracks: 2 d}\n")
    assert main(["check-config", str(house)]) == 0
    assert "camera desk: 0, nothing of strangers is kept, tracks are kept 2 d\n" in capsys.readouterr().out


def test_every_fault_is_told_and_a_secret_that_cannot_be_read_is_one(house: Path, capsys: pytest.CaptureFixture[str]):
    house.write_text(HOUSE.replace("desk: {url: 0}", "desk: {url: clip.mp4, password_file: none}"))
    with pytest.raises(SystemExit, match="2"):
        main(["check-config", str(house)])
    told = capsys.readouterr()
    assert told.err.replace(str(house), "FILE").splitlines() == [
        "face-classifier: cameras.desk.password_file in FILE, line 9: the password of a camera is to be in the file "
        "none, which cannot be read (No such file or directory); make it readable, or name another",
        "face-classifier: cameras.desk.url in FILE, line 9, is 'clip.mp4', which is not a file here; name a video or "
        "an address",
    ]
    assert not told.out


def test_all_stages_are_told_in_one_call_in_the_order_of_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = tmp_path / "c.yaml"
    config.write_text(
        "cameras:\n"
        "  door: {url: 0, silence: x, only: [porhc], zones: {porch: [[0, 0], [1, 0], [1, 1]]}}\n"
        "  yard: {url: rtsp://cam/, password_file: nowhere}\n"
        "visist: {gap: 1}\n"
        "channels: {log: {type: print}}\n"
        "alerts:\n"
        "  rules:\n"
        "    - {name: a, on: [person], channels: [nope], cooldown: soon}\n"
        "    - {name: a, on: [persn], channels: [log], cameras: [frnt]}\n"
    )
    with pytest.raises(SystemExit, match="2"):
        main(["check-config", str(config)])
    told = capsys.readouterr().err.splitlines()
    words = ("silence", "'porhc'", "nowhere", "'visist'", "cooldown", "'nope'", "persn", "is 'a', the", "'frnt'")
    assert len(told) == len(words)
    assert [word for word, sentence in zip(words, told, strict=True) if word not in sentence] == []


def test_a_variable_that_is_not_set_is_still_to_do_and_what_would_be_watched_is_told(
    house: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["check-config", str(house)]) == 0
    told = capsys.readouterr().out
    assert "channel bot: telegram, 1 chat\n" in told
    assert "token_env in " in told
    assert "is to be in the variable BOT_TOKEN, which is not set; set it\n" in told


@pytest.mark.parametrize(
    ("url", "fails"),
    [
        ("http://127.0.0.1:8000/", True),
        ("http://192.168.1.4/hook", True),
        ("http://[::1]/", True),
        ("http://localhost/", True),
        ("https://93.184.216.34/", False),
        ("https://example.org/", False),
    ],
)
def test_a_webhook_that_surely_fails_is_advised_against(
    url: str, fails: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    config = tmp_path / "c.yaml"
    text = f"cameras: {{desk: {{url: 0}}}}\nchannels: {{hook: {{type: webhook, url: '{url}'}}}}\n"
    for private in ("", "private: true, "):
        config.write_text(text.replace("type:", f"{private}type:"))
        assert main(["check-config", str(config)]) == 0
        assert ("private: true" in capsys.readouterr().out) == (fails and not private)


@pytest.mark.parametrize("text", ["alerts:", "alerts: {rules: }", "cameras:", "channels:", ""])
def test_a_key_with_nothing_behind_it_is_no_fault(text: str, tmp_path: Path):
    (tmp_path / "c.yaml").write_text(text)
    assert main(["check-config", str(tmp_path / "c.yaml")]) == 0


def test_a_type_that_is_a_list_is_told_as_it_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "c.yaml").write_text("channels: {b: {type: [x]}}")
    with pytest.raises(SystemExit, match="2"):
        main(["check-config", str(tmp_path / "c.yaml")])
    assert "is ['x'], but must be one of print" in capsys.readouterr().err


def test_the_faults_are_data_too(house: Path, capsys: pytest.CaptureFixture[str]):
    house.write_text("cameras: {door: {ulr: 0}}")
    with pytest.raises(SystemExit, match="2"):
        main(["check-config", str(house), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert not told["sound"]
    assert [fault.replace(str(house), "FILE") for fault in told["faults"]] == [
        "FILE, line 1, has the unknown key 'cameras.door.ulr'; did you mean url?"
    ]


def test_the_example_of_a_house_tells_what_it_would_watch_and_what_is_still_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.delenv("DOOR_PASSWORD", raising=False)
    assert main(["check-config", str(Path(__file__).parents[3] / "configs" / "cctv.yaml")]) == 0
    told = capsys.readouterr().out
    assert "camera door: rtsp://192.168.0.20/sub" in told
    assert "is to be in the variable DOOR_PASSWORD, which is not set; set it\n" in told
