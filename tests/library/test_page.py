"""The session in docs/library.md runs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

import face_classifier as fc
from face_classifier.core.types import Image

PAGE = (Path(__file__).parent.parent.parent / "docs" / "library.md").read_text("utf-8")


def test_the_session_of_the_page_runs(
    closeups: dict[str, Image],
    short_clip: Path,
    photo_folder: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("photo.jpg", np.hstack([closeups["obama.jpg"], closeups["biden.jpg"]]))
    shutil.copy(short_clip, "holiday.mp4")
    photo_folder({"a.jpg": "obama.jpg", "b.jpg": "obama2.jpg", "c.jpg": "biden.jpg"})
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(block, "docs/library.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "two people" in printed
    assert "person_01" in printed
    assert names["valid"] == [0]


@pytest.mark.parametrize("name", fc.__all__)
def test_the_page_tells_every_function(name: str):
    if callable(getattr(fc, name)) and not isinstance(getattr(fc, name), type):
        assert f"fc.{name}" in PAGE
