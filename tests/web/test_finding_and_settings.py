"""The pages where somebody is searched, and where the configuration is read."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from servers.pages import SECONDS, settings_of, site_of

from face_classifier.core.config.load import load
from face_classifier.web.app import make_app
from face_classifier.web.served import served

if TYPE_CHECKING:
    from playwright.sync_api import Page

CONFIG = """\
cameras:
  door:
    url: rtsp://guest:hidden-word@192.0.2.7/stream
    hours: [7:00-22:00]
channels:
  phone:
    type: webhook
    url: https://alerts.example/hook?token=hidden-too
    secret_env: NOBODY_SET_THIS
alerts:
  rules:
    - {name: strangers, on: [unknown], channels: [phone]}
web:
  password: PASSWORD
"""


def settings_page(result: Path, config: Path | None) -> str:
    settings = load({"result": str(result)}, str(config) if config else None, {})
    settings = settings.but(web=settings_of(result).web)  # none is asked for a password here
    site = dataclasses.replace(site_of(settings), config=str(config) if config else None)
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/settings", timeout=SECONDS)
    assert answer.status_code == 200
    return answer.text


def test_the_configuration_is_told_with_its_advice_and_without_secrets(result: Path, tmp_path: Path) -> None:
    from face_classifier.web.doors.passwords import hashed

    config = tmp_path / "watch.yaml"
    config.write_text(CONFIG.replace("PASSWORD", hashed("a secret of mine")), "utf-8")
    page = settings_page(result, config)
    assert "camera door: rtsp://" in page
    assert "rule strangers: unknown to phone" in page
    assert "holds a password in plain text" in page
    assert "NOBODY_SET_THIS" in page
    assert "phone (webhook)" in page
    for secret in ("hidden-word", "hidden-too", "argon2"):
        assert secret not in page


def test_a_file_that_was_made_wrong_since_is_told(result: Path, tmp_path: Path) -> None:
    config = tmp_path / "watch.yaml"
    config.write_text("threshold: 0.4\n", "utf-8")
    settings = load({"result": str(result)}, str(config), {})
    config.write_text("treshold: <b>0.4</b>\n", "utf-8")
    site = dataclasses.replace(site_of(settings), config=str(config))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        page = httpx.get(f"http://127.0.0.1:{port}/settings", timeout=SECONDS).text
    assert "not sound" in page
    assert "treshold" in page
    assert "<b>0.4" not in page
    assert '<tr class="changed"><th scope="row"><code>threshold</code></th><td>0.4</td>' in page


def test_without_a_file_everything_is_as_usual(result: Path) -> None:
    page = settings_page(result, None)
    assert "No file" in page
    assert "Nothing: pictures and numbers of faces stay here." in page
    assert str(result) in page
    assert "Reload the configuration" not in page.partition("<main")[2]


@pytest.mark.parametrize("picture", ["obama2.jpg", "nobody.png"])
def test_who_looks_like_a_face_of_a_picture_is_found_and_can_be_corrected(
    picture: str, page_of: str, photographs: dict[str, Path], tab: Page, tmp_path: Path
) -> None:
    path = photographs.get(picture)
    if path is None:
        import cv2
        import numpy as np

        path = tmp_path / picture
        cv2.imwrite(str(path), np.full((200, 200, 3), 120, np.uint8))
    tab.goto(f"{page_of}/search")
    tab.locator("[data-picture]").set_input_files(path)
    tab.get_by_text("in the picture.").wait_for()
    faces = tab.locator(".found .faces [role=option]")
    if picture == "nobody.png":
        assert faces.count() == 0
        return
    assert faces.count() == 24
    likely = tab.locator(".found .likely a").first.get_attribute("href")
    assert likely in ("/people/person_01", "/people/person_02")
    assert f"/people/{faces.first.get_attribute('data-person')}" == likely
    faces.first.click()
    assert faces.first.get_attribute("aria-selected") == "true"
    assert tab.locator("#tray").is_visible()
