"""What the README promises of the rehearsal: a name that is given meanwhile is in the next alert."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml
from conftest import ROOT
from servers.watched import until, watched


def test_a_name_that_is_given_during_the_rehearsal_is_in_the_next_alert(demo_clip: Path, tmp_path: Path):
    text = (ROOT / "configs" / "rehearsal.yaml").read_text("utf-8")
    settings: dict[str, Any] = yaml.load(text, yaml.BaseLoader)  # for which `on` is a word
    clip = Path(shutil.copy(demo_clip, tmp_path / "demo.mp4"))
    cameras = {name: {**camera, "url": str(clip)} for name, camera in settings.pop("cameras").items()}
    result, log = tmp_path / "result", tmp_path / "alerts.jsonl"
    settings.pop("result")
    settings["channels"] = {**settings["channels"], "log": {"type": "file", "path": str(log)}}
    with watched(result, cameras, **settings):
        until(lambda: (result / "person_01").is_dir(), "somebody new has a folder")
        (result / "person_01").rename(result / "Anna")
        until(lambda: log.exists() and '"Anna"' in log.read_text("utf-8"), "an alert says the name", 90)
