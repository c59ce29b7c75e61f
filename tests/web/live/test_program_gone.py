"""A program that is killed while its page is open, and started again."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import yaml
from servers.pages import SECONDS
from servers.watched import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

STARTS = 60.0  # seconds for a program on a machine that is busy


@contextmanager
def program(config: Path, address: str) -> Iterator[subprocess.Popen[bytes]]:
    line = [sys.executable, "-m", "face_classifier", "watch", "--config", str(config)]
    with subprocess.Popen(line, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            until(lambda: answers(address), "the page is served", STARTS)
            yield process
        finally:
            process.kill()


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz", timeout=SECONDS).status_code == 200
    except httpx.HTTPError:
        return False


def test_a_page_says_that_the_program_is_gone_and_works_again_by_itself(
    browser: Browser, demo_clip: Path, tmp_path: Path
):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    address, config = f"http://127.0.0.1:{port}", tmp_path / "house.yaml"
    settings = {
        "result": str(tmp_path / "result"),
        "cameras": {"door": {"url": str(demo_clip), "repeat": True}},
        "web": {"listen": f"127.0.0.1:{port}"},
    }
    config.write_text(yaml.safe_dump(settings), "utf-8")
    context = browser.new_context()
    context.set_default_timeout(SECONDS * 1000)
    try:
        tab = context.new_page()
        with program(config, address) as process:
            tab.goto(f"{address}/live/door")
            tab.wait_for_selector('[data-camera="door"][data-shown][data-status=good]')
            button = tab.get_by_role("button", name="Pause")
            assert button.is_enabled()
            assert not tab.locator("#banner").is_visible()
            process.kill()
            tab.locator("#banner").wait_for()
            assert "does not answer" in tab.locator("#banner").inner_text()
            assert button.is_disabled()
            tab.wait_for_selector('[data-camera="door"][data-stale]')
            assert tab.locator("[data-state]").inner_text() == "Not known"
        with program(config, address):
            tab.locator("#banner").wait_for(state="hidden")
            assert button.is_enabled()
            tab.wait_for_selector('[data-camera="door"][data-status=good]:not([data-stale])')
            button.click()
            tab.wait_for_selector('[data-camera="door"][data-status=paused]')
    finally:
        context.close()
