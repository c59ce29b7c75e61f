"""What every cluster does alike: processes of this machine, Dask, Ray. Real ones, whose workers are killed."""

from __future__ import annotations

import importlib.util
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
from servers import chores
from servers.engines import Dask, Ray, wait_until

from face_classifier.core.errors import SetUpError, UserError, WrongUseError
from face_classifier.pipeline.spread.cluster import MOST_DEATHS, Cluster, DiedError
from face_classifier.pipeline.spread.where import open_cluster

PATIENCE = 30.0  # seconds for a task of a moment, on a machine that does much else
_T = TypeVar("_T")


def need_extra(extra: str, library: str) -> None:
    if importlib.util.find_spec(library) is None:
        reason = f"{library} is missing; install the extra {extra}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


class Ground:
    """Where a cluster runs."""

    def __init__(self, where: str, add: Callable[[], object] | None = None) -> None:
        """``add``: has another worker join within seconds, if that can be."""
        self.where, self.add = where, add


@pytest.fixture(scope="module", params=["local", "dask", "ray"])
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    if request.param == "local":
        yield Ground("local:2")
        return
    need_extra(request.param, "distributed" if request.param == "dask" else "ray")
    with tempfile.TemporaryDirectory(prefix="fc") as folder, pytest.MonkeyPatch.context() as patch:
        begun = Dask(Path(folder), 2) if request.param == "dask" else Ray(Path(folder))
        try:
            if isinstance(begun, Ray):
                for name, value in begun.token.items():
                    patch.setenv(name, value)
            yield Ground(begun.where, begun.add if isinstance(begun, Dask) else None)
        finally:
            begun.close()


@pytest.fixture(scope="module")
def entered(ground: Ground) -> Iterator[Cluster]:
    with open_cluster(ground.where) as cluster:
        yield cluster


@pytest.fixture
def cluster(ground: Ground, entered: Cluster) -> Cluster:
    """One with two slots at least; workers that are lacking join."""
    if ground.add:
        for _ in range(2 - there(entered, 2)):
            ground.add()
    wait_until(lambda: entered.slots >= 2)
    return entered


def there(cluster: Cluster, number: int) -> int:
    """How many workers are there, once that is known of those who were killed before."""
    end = time.monotonic() + 2
    while cluster.slots != number and time.monotonic() < end:
        time.sleep(0.05)
    return cluster.slots


def got(future: Future[_T]) -> _T:
    return future.result(PATIENCE)


class TestCluster:
    def test_results_are_those_of_their_tasks(self, cluster: Cluster) -> None:
        futures = [cluster.submit(chores.double, number) for number in range(12)]
        assert [got(future) for future in futures] == list(range(0, 24, 2))

    def test_other_processes_work_at_the_same_time(self, cluster: Cluster, tmp_path: Path) -> None:
        one, other = str(tmp_path / "one"), str(tmp_path / "other")
        processes = {
            got(future) for future in [cluster.submit(chores.meet, *names) for names in ((one, other), (other, one))]
        }
        assert len(processes) == 2
        assert os.getpid() not in processes

    def test_what_a_task_raises_is_raised_here(self, cluster: Cluster) -> None:
        with pytest.raises(UserError, match=r"^nobody is there; come again$"):
            got(cluster.submit(chores.fail, "nobody is there; come again"))
        assert got(cluster.submit(chores.double, 3)) == 6

    def test_large_results_arrive(self, cluster: Cluster) -> None:
        assert got(cluster.submit(chores.much, 20 << 20)) == chores.much(20 << 20)

    def test_the_task_of_a_worker_that_is_killed_is_done_again_and_others_go_on(
        self, cluster: Cluster, tmp_path: Path
    ) -> None:
        futures: list[Future[Any]] = [cluster.submit(chores.double, number) for number in range(4)]
        dying = cluster.submit(chores.die, str(tmp_path), 1)
        futures += [cluster.submit(chores.double, number) for number in range(4, 8)]
        assert [got(future) for future in futures] == list(range(0, 16, 2))
        assert got(dying) == 2

    @pytest.mark.usefixtures("cluster")
    def test_a_worker_that_is_refused_gets_no_more_tasks(self, ground: Ground) -> None:
        if ground.where.startswith("ray:"):
            pytest.skip("a second node of Ray takes long to join")
        with open_cluster(ground.where) as cluster:
            wait_until(lambda: cluster.slots >= 2)
            name, process = got(cluster.submit(chores.who))
            before = cluster.slots
            cluster.refuse(name)
            assert cluster.slots == before - 1
            assert name not in cluster.workers()
            found = {got(future) for future in [cluster.submit(chores.who, number) for number in range(10)]}
            assert name not in {name for name, _ in found}
            assert process not in {process for _, process in found}

    def test_a_worker_that_joins_gets_tasks(self, ground: Ground, cluster: Cluster, tmp_path: Path) -> None:
        if not ground.add:
            pytest.skip(
                "processes of this machine are as many as the user says; of Ray, one has joined before the tests"
            )
        before = cluster.slots
        end = str(tmp_path / "end")
        held = [cluster.submit(chores.hold, str(tmp_path / str(number)), end) for number in range(before)]
        waiting = cluster.submit(chores.double, 4)
        ground.add()
        try:
            assert got(waiting) == 8
            wait_until(lambda: cluster.slots == before + 1)
        finally:
            Path(end).touch()
        assert len({got(future) for future in held}) == before

    @pytest.mark.proof
    def test_a_task_of_which_five_workers_died_is_given_up(
        self, ground: Ground, cluster: Cluster, tmp_path: Path
    ) -> None:
        dying = cluster.submit(chores.die, str(tmp_path), 99)
        if ground.add:
            for _ in range(MOST_DEATHS - cluster.slots):
                ground.add()
        assert isinstance(dying.exception(3 * PATIENCE), DiedError)
        assert len(list(tmp_path.iterdir())) == MOST_DEATHS


class TestDask:
    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        need_extra("dask", "distributed")
        with tempfile.TemporaryDirectory(prefix="fc") as folder:
            yield Path(folder)

    def test_a_scheduler_that_is_killed_is_told_in_a_sentence(self, folder: Path, tmp_path: Path) -> None:
        dask = Dask(folder, 1)
        try:
            with open_cluster(dask.where) as cluster:
                held = cluster.submit(chores.hold, str(tmp_path / "begun"), str(tmp_path / "never"))
                wait_until((tmp_path / "begun").exists)
                dask.kill(dask.scheduler)
                with pytest.raises(SetUpError, match=r"^the scheduler at dask://127.0.0.1:\d+ is gone; start it"):
                    got(held)
                with pytest.raises(SetUpError, match="is gone"):
                    got(cluster.submit(chores.double, 1))
        finally:
            dask.close()

    def test_a_scheduler_that_is_not_there_is_told_in_a_sentence(self, folder: Path, monkeypatch: Any) -> None:
        monkeypatch.setattr("face_classifier.pipeline.spread.clusters.on_dask._ANSWER", 0.5)
        with pytest.raises(SetUpError, match=r"^no scheduler of Dask answers at tcp://127.0.0.1:9 within 0.5 seconds"):
            open_cluster("dask://127.0.0.1:9").__enter__()

    def test_another_machine_is_not_asked_without_certificates(self, folder: Path, monkeypatch: Any) -> None:
        found = [(2, 1, 6, "", (number, 8786)) for number in ("127.0.0.1", "192.0.2.7")]
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
        with pytest.raises(SetUpError, match=r"^dask://nas:8786 is another machine \(192.0.2.7\), and .* certificates"):
            open_cluster("dask://nas").__enter__()

    def test_a_scheduler_whose_door_others_reach_is_not_used_without_certificates(self, folder: Path) -> None:
        dask = Dask(folder, 0, host="0.0.0.0")
        try:
            port = dask.place.rpartition(":")[2]
            with pytest.raises(SetUpError, match=r"without encryption \(tcp://.*\); start it with --host 127.0.0.1"):
                open_cluster(f"dask://localhost:{port}").__enter__()
        finally:
            dask.close()


class TestRay:
    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        need_extra("ray", "ray")
        with tempfile.TemporaryDirectory(prefix="fc") as folder:
            yield Path(folder)

    def test_a_head_that_is_not_there_is_told_in_a_sentence(self, folder: Path) -> None:
        with pytest.raises(
            SetUpError, match=r"^no head of Ray answers at ray://127.0.0.1:9 within 10 seconds; start it$"
        ):
            open_cluster("ray://127.0.0.1:9").__enter__()

    def test_no_head_is_asked_without_a_token(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(folder))  # where Ray keeps a token
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        with closing(socket.create_server(("127.0.0.1", 0))) as server:
            where = f"ray://127.0.0.1:{server.getsockname()[1]}"
            with pytest.raises(SetUpError, match=rf"^{where} is used without a token, .* set RAY_AUTH_MODE=token$"):
                open_cluster(where).__enter__()

    @pytest.mark.proof
    def test_a_head_that_asks_nobody_for_a_token_is_not_used(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ray = Ray(folder, variables={"RAY_AUTH_MODE": "disabled"})
        try:
            monkeypatch.setenv("RAY_AUTH_MODE", "token")
            monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 32)
            with pytest.raises(SetUpError, match=r"asks nobody for a token, .* start it with RAY_AUTH_MODE=token"):
                open_cluster(ray.where).__enter__()
        finally:
            ray.close()

    @pytest.mark.proof
    def test_a_node_that_joins_gets_tasks_until_it_is_refused(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ray = Ray(folder)
        try:
            for name, value in ray.token.items():
                monkeypatch.setenv(name, value)
            with open_cluster(ray.where) as cluster:
                end = str(tmp_path / "end")
                held = [cluster.submit(chores.hold, str(tmp_path / str(number)), end) for number in range(2)]
                waiting = cluster.submit(chores.who)
                ray.add()
                joined, _ = waiting.result(60)
                wait_until(lambda: cluster.slots == 4)
                assert len(cluster.workers()) == 2
                cluster.refuse(joined)
                assert cluster.slots == 2
                assert joined not in cluster.workers()
                Path(end).touch()
                assert {got(future) for future in held} == set(cluster.workers())
                found = {got(future) for future in [cluster.submit(chores.who, number) for number in range(10)]}
                assert {name for name, _ in found} == set(cluster.workers())
        finally:
            ray.close()

    @pytest.mark.proof
    def test_another_token_and_a_head_that_is_killed_are_told_in_a_sentence(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ray = Ray(folder)
        try:
            for name, value in ray.token.items():
                monkeypatch.setenv(name, value)
            with monkeypatch.context() as patch:
                patch.setenv("RAY_AUTH_TOKEN", "0" * 32)
                with pytest.raises(SetUpError, match=r"^the head at ray://.* has another token; take its own"):
                    open_cluster(ray.where).__enter__()
            with open_cluster(ray.where) as cluster:
                held = cluster.submit(chores.hold, str(tmp_path / "begun"), str(tmp_path / "never"))
                wait_until((tmp_path / "begun").exists)
                ray.kill(ray.head)
                with pytest.raises(SetUpError, match=r"^the head of Ray at ray://.* is gone; start it"):
                    got(held)
                with pytest.raises(SetUpError, match="is gone"):
                    got(cluster.submit(chores.double, 1))
        finally:
            ray.close()


def test_an_address_that_is_none_is_told() -> None:
    for where in ("dask://", "dask://host:0", "dask://host:70000", "dask://user@host", "dask:host"):
        with pytest.raises(WrongUseError, match=r"is not the address of a cluster; write it as dask://host:8786"):
            open_cluster(where)
