"""The cluster of this machine: workers that are forked from one process, which has made what they share."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pipeline.spread import forkless_nursery, poor_nursery

from face_classifier.core.config.settings import Settings
from face_classifier.pipeline.spread import local
from face_classifier.pipeline.spread.local import LocalCluster
from face_classifier.pipeline.spread.task import make_ready

SOON = 60.0  # seconds, on a busy machine
SHARED = list[str]()


def share(word: str) -> None:
    SHARED.append(word)


def shared(_number: int = 0) -> tuple[list[str], int, int]:
    """What was made before this worker began, its process and the one that forked it."""
    time.sleep(0.2)  # so that another worker takes the next task
    return SHARED, os.getpid(), os.getppid()


def die_once(mark: str) -> int:
    """Kills the first worker that carries it out."""
    try:
        Path(mark).mkdir()
    except FileExistsError:
        return os.getpid()
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def fail() -> None:
    raise ValueError("it cannot be made")


def is_there(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def until(happens: Callable[[], bool], failure: str) -> None:
    end = time.monotonic() + SOON
    while not happens():
        assert time.monotonic() < end, failure
        time.sleep(0.01)


def test_workers_have_what_was_made_once_and_none_is_left() -> None:
    with LocalCluster(2) as cluster:
        cluster.prepare(share, "engine")
        answers = [future.result(SOON) for future in [cluster.submit(shared, number) for number in range(4)]]
        processes = {process for _, process, _ in answers}
        assert len(cluster.workers()) == 2
    assert [made for made, *_ in answers] == [["engine"]] * 4
    (nursery,) = {parent for *_, parent in answers}
    assert len(processes) == 2
    assert not any(map(is_there, {nursery, *processes}))


def test_no_more_workers_are_begun_than_there_are_tasks() -> None:
    with LocalCluster(8) as cluster:
        assert cluster.slots == 8
        cluster.submit(shared).result(SOON)
        assert len(cluster.workers()) == 1


def test_a_worker_that_dies_has_a_successor_with_all_that_was_made(tmp_path: Path) -> None:
    with LocalCluster(1) as cluster:
        cluster.prepare(share, "engine")
        _, first, nursery = cluster.submit(shared).result(SOON)
        second = cluster.submit(die_once, str(tmp_path / "mark")).result(SOON)
        assert cluster.submit(shared).result(SOON) == (["engine"], second, nursery)
        assert second != first


def test_so_has_the_process_that_forks_them() -> None:
    with LocalCluster(1) as cluster:
        cluster.prepare(share, "engine")
        _, worker, nursery = cluster.submit(shared).result(SOON)
        for process in (nursery, worker):
            os.kill(process, signal.SIGKILL)
        until(lambda: not cluster.workers(), "a worker that is gone counts")
        made, _, another = cluster.submit(shared).result(SOON)
    assert made == ["engine"]
    assert another != nursery


def test_one_that_cannot_fork_any_more_has_a_successor_while_its_workers_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_PROGRAM", poor_nursery.__name__)
    with LocalCluster(2) as cluster:
        answers = [future.result(SOON) for future in [cluster.submit(shared, number) for number in range(2)]]
        assert len(cluster.workers()) == 2
    assert len({nursery for *_, nursery in answers}) == 2


def test_where_none_can_be_forked_each_makes_itself_ready_and_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_PROGRAM", forkless_nursery.__name__)
    with LocalCluster(2) as cluster:
        cluster.prepare(share, "engine")
        answers = [future.result(SOON) for future in [cluster.submit(shared, number) for number in range(2)]]
        (nursery,) = {parent for *_, parent in answers}
        workers = {process for _, process, _ in answers}
        assert [made for made, *_ in answers] == [[], []]
    assert not any(map(is_there, {nursery, *workers}))


def test_forking_tells_the_user_nothing(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # numpy has threads then, of which Python warns from 3.12 on
    with LocalCluster(1) as cluster:
        cluster.submit(shared).result(SOON)
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_made_before_fails_no_task_by_itself() -> None:
    with LocalCluster(1) as cluster:
        cluster.prepare(fail)
        assert cluster.submit(shared).result(SOON)[0] == []
        with pytest.raises(ValueError, match="it cannot be made"):
            cluster.submit(fail).result(SOON)  # type: ignore[arg-type]  # it returns nothing


def test_one_that_has_nothing_to_do_ends_at_once() -> None:
    began = time.monotonic()
    with LocalCluster(2):
        pass
    assert time.monotonic() - began < SOON


def test_making_it_leaves_no_thread_where_workers_are_forked() -> None:
    threads = []
    for settings in (None, Settings()):
        with LocalCluster(1) as cluster:
            if settings:
                cluster.prepare(make_ready, settings)
            *_, nursery = cluster.submit(shared).result(SOON)
            threads.append(len(list(Path(f"/proc/{nursery}/task").iterdir())))
    assert threads[0] == threads[1]  # numpy may have some of its own, which mind forking
