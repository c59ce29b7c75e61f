"""Work that is done in a process of its own."""

from __future__ import annotations

import os
import pickle
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from servers.pages import SECONDS, settings_of, site_of
from servers.watched import until
from web.past.days import fill

from face_classifier.core.errors import UserError
from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.app import make_app
from face_classifier.web.aside import apart as aside
from face_classifier.web.aside import passed, questions, unknown
from face_classifier.web.aside.apart import Apart, size_of
from face_classifier.web.pages import suggestions
from face_classifier.web.served import served

LONG = 60.0  # seconds for processes on a busy machine


@pytest.fixture
def apart() -> Iterator[Apart]:
    apart = Apart()
    yield apart
    apart.end()


def working(apart: Apart) -> subprocess.Popen[bytes] | None:
    """A process that works for it now, if there is one."""
    return next(iter(apart._working.copy()), None)


def test_work_is_done_by_another_process_that_yields_to_others_and_is_bounded(apart: Apart) -> None:
    assert apart.do(os.getpid) != os.getpid()
    assert apart.do(os.nice, 0) >= 10
    assert apart.do(resource.getrlimit, resource.RLIMIT_DATA)[1] == 3 << 30
    with pytest.raises(UserError, match="more than 3 GB of memory"):
        apart.do(bytearray, 4 << 30)


def test_a_process_that_is_killed_is_begun_again(apart: Apart, tmp_path: Path) -> None:
    pipe, killed = tmp_path / "pipe", list[int]()
    os.mkfifo(pipe)

    def kill() -> None:
        process = until(lambda: working(apart), "it works")
        process.kill()
        until(lambda: process.poll() is not None, "it is gone")
        killed.append(process.pid)
        pipe.write_text("begun again", "ascii")  # waits for the next one, which reads it

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    assert apart.do(Path.read_text, pipe) == "begun again"
    killer.join(LONG)
    assert killed


def test_what_is_always_killed_is_told(apart: Apart) -> None:
    with pytest.raises(UserError, match="look at the page again later"):
        apart.do(os.abort)


def test_nothing_is_left_when_a_page_ends(apart: Apart) -> None:
    found: list[subprocess.Popen[bytes]] = []

    def end() -> None:
        found.append(until(lambda: working(apart), "it works"))
        apart.end()

    ender = threading.Thread(target=end)
    ender.start()
    with pytest.raises(UserError, match="could not be worked out"):
        apart.do(time.sleep, LONG)
    ender.join(LONG)
    assert found[0].poll() is not None
    with pytest.raises(UserError, match="could not be worked out"):
        apart.do(os.getpid)


def test_a_process_whose_parent_is_gone_ends() -> None:
    task = pickle.dumps((time.sleep, (LONG,)))
    line = [sys.executable, "-m", "face_classifier.web.aside.worker"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        worker.stdin.write(b"%d\n" % len(task) + task)
        worker.stdin.close()
        assert worker.wait(LONG / 2) == 1


class Sent(Apart):
    """Sends all there and back, and works here, which is quicker."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def do(self, work: Callable[..., Any], *given: Any) -> Any:
        self.done.append(work.__name__)
        work, given = pickle.loads(pickle.dumps((work, given)))
        return pickle.loads(pickle.dumps(work(*given)))


def test_a_large_gallery_is_worked_out_apart_with_the_same_answers(
    result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(result)
    settings = settings_of(result)
    answers, sent = [], Sent()
    with Reader(result) as reader:
        catalogue = reader.now()
        assert 0 < size_of(catalogue) < min(questions.FEW, unknown.FEW, passed.FEW)
        for done in ([], ["calendar_of", "compared", "unknown_faces"]):
            asking, groups = questions.Asking(lambda: settings, sent), unknown.Unknown(lambda: settings, sent)
            calendar = passed.Passed(lambda: settings, sent).calendar(catalogue, LONG)
            assert calendar is not None
            found = [asking.now(catalogue, LONG), asking.elsewhere(catalogue, LONG), groups.now(catalogue, LONG)]
            answers.append([*found, *(np.asarray(column).tolist() for column in vars(calendar).values())])
            assert sent.done == done
            for module in (questions, unknown, passed):
                monkeypatch.setattr(module, "FEW", -1)
    assert answers[0] == answers[1]
    assert None not in answers[0]


def test_a_page_that_ends_leaves_no_process(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "FEW", -1)
    monkeypatch.setattr(suggestions, "_PATIENCE", 0.0)
    monkeypatch.setattr(aside, "_PROGRAM", "servers.patient")  # or it might be done by then
    site = site_of(settings_of(result))
    app = make_app(site)
    with site.reader, served(app, "127.0.0.1", 0) as port:
        assert "goes on by itself" in httpx.get(f"http://127.0.0.1:{port}/suggestions", timeout=SECONDS).text
        process = until(lambda: working(app.state.asides._apart), "it works")
    assert process.wait(SECONDS) != 0


def test_a_folder_that_is_of_no_use_is_told_from_there(apart: Apart, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no result folder"):
        apart.do(questions.compared, settings_of(tmp_path / "nothing"))
