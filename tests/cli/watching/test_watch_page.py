"""The page of a daemon is served where that can be, and the daemon does without it otherwise."""

from __future__ import annotations

import logging
import socket
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from face_classifier.cli.watching.watch import _page, _reload, _what_hangs
from face_classifier.core.config.load import load
from face_classifier.core.errors import UserError
from face_classifier.daemon.listeners import Listeners
from face_classifier.daemon.looking import Looking
from face_classifier.daemon.wishes import Wish, Wishes


class Nobody:
    """A daemon that is not asked how it does."""

    here = None
    looking = Looking(cast(Any, None), Listeners())

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def status(self) -> Any:
        raise AssertionError


def told(port: int, caplog: pytest.LogCaptureFixture) -> list[str]:
    settings = load({}, None, {"FACE_CLASSIFIER_WEB__LISTEN": f"127.0.0.1:{port}"})
    daemon = Nobody(settings)
    with caplog.at_level(logging.INFO, "face_classifier"), _page(daemon, settings, lambda: None, None):  # type: ignore[arg-type]
        return [record.getMessage() for record in caplog.records]


def test_without_its_packages_a_sentence_tells_how_to_get_the_page(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setitem(sys.modules, "face_classifier.web.app", None)
    assert told(8470, caplog) == ["there is no page; install face-classifier[web], or set web: {listen: off}"]


def test_a_port_that_is_taken_costs_the_page_alone(caplog: pytest.LogCaptureFixture):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        (sentence,) = told(port := listener.getsockname()[1], caplog)
    assert f"the page cannot be served at 127.0.0.1:{port}" in sentence


def test_without_a_port_there_is_no_page(caplog: pytest.LogCaptureFixture):
    assert told(0, caplog) == []


@pytest.mark.parametrize(
    ("threads", "told"),
    [
        (["alerts", "alerts home", "owner", "server", "stopping"], "the gallery was not closed in time"),
        (["alerts home", "camera door", "stopping"], "is left (alerts home, camera door)"),
        (["a library"], "is left (a library)"),
    ],
)
def test_what_hangs_at_the_end_is_told_in_words(threads: list[str], told: str):
    assert told in _what_hangs(threads)


def test_a_configuration_is_read_anew_as_asked_unless_it_is_wrong(tmp_path: Path):
    wishes, config = Wishes(), tmp_path / "cctv.yaml"
    config.write_text("result: here")
    _reload(lambda: load({}, str(config), {}), wishes)
    assert wishes.next(0.1) is Wish.RELOAD
    config.write_text("result: [")
    with pytest.raises(UserError, match="cctv"):
        _reload(lambda: load({}, str(config), {}), wishes)
    assert wishes.next(0.1) is None
