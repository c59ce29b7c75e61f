"""What every cluster does alike: processes of this machine, Dask, Ray. Real ones, whose workers are killed."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
import trustme
from conftest import Watcher
from pipeline.spread.same import clips_of, contents, differences, records_of
from servers import chores
from servers.engines import ROOT, START, Dask, Ray, wait_until

from face_classifier.core.config.load import load
from face_classifier.core.errors import SetUpError, UserError, WrongUseError
from face_classifier.core.types import Image
from face_classifier.pipeline.run import run
from face_classifier.pipeline.spread.cluster import MOST_DEATHS, Cluster, DiedError
from face_classifier.pipeline.spread.where import open_cluster

PATIENCE = 30.0  # seconds for a task of a moment, on a machine that does much else
LONG = 300.0  # seconds for a run, likewise
_T = TypeVar("_T")


def need_extra(extra: str, library: str) -> None:
    if importlib.util.find_spec(library) is None:
        reason = f"{library} is missing; install the extra {extra}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


class Ground:
    """Where a cluster runs."""

    def __init__(self, where: str, begun: Dask | Ray | None = None) -> None:
        """``begun``: what it runs on, if that is not `local`."""
        self.where, self.begun = where, begun
        # has another worker join within seconds, if that can be
        self.add = begun.add if isinstance(begun, Dask) else None


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
            yield Ground(begun.where, begun)
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
        held = [cluster.submit(chores.hold, str(tmp_path / str(number)), end, START) for number in range(before)]
        waiting = cluster.submit(chores.double, 4)
        ground.add()
        try:
            assert waiting.result(START) == 8
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


@pytest.fixture(scope="module")
def files(closeups: dict[str, Image], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Six clips of two presidents, and a file that is no video."""
    folder = tmp_path_factory.mktemp("sources")
    images = [closeups[name] for name in ("obama.jpg", "biden.jpg", "obama2.jpg")]
    clips = clips_of(folder / "clips", images, 6, frames=6)
    (folder / "broken.mp4").write_bytes(b"no video" * 100)
    return [*map(str, clips[:3]), str(folder / "broken.mp4"), *map(str, clips[3:])]


@pytest.fixture(scope="module")
def plain(files: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result folder of a plain run on the files."""
    result = tmp_path_factory.mktemp("plain") / "result"
    assert run(load({"result": str(result)}), files, threading.Event(), Watcher()).failed == 1
    assert len(contents(result)) > 20
    return result


class Program:
    """The command of a user on the files, as a process of its own."""

    def __init__(self, result: Path, files: list[str], where: str) -> None:
        self.records = result.with_name(f"{result.name}.records")
        self._errors = result.with_name("errors.txt").open("w+b")
        command = [sys.executable, "-m", "face_classifier", *files, "--result", str(result), "--on", where]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._errors, env=environment
        )

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def wait_for_records(self, count: int, seconds: float = 0.0) -> None:
        """Until so many are there, or it has ended; and ``seconds`` more."""
        wait_until(lambda: len(records_of(self.records)) >= count or self.has_ended, self.errors, LONG)
        time.sleep(seconds)

    def kill_worker_of(self, begun: Dask | Ray, chance: Random) -> int:
        """Kill one as soon as there is one; returns how many were killed, none if it has ended before."""
        end = time.monotonic() + LONG
        while not (killed := begun.kill_worker(chance)) and not self.has_ended:
            assert time.monotonic() < end, self.errors()
            time.sleep(0.05)
        return int(killed)

    def errors(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode()

    def end(self) -> None:
        """Let it end by itself: it tells of the file that is no video, and of nothing else."""
        code = self.process.wait(LONG)
        first, *rest = self.errors().splitlines() or [""]
        assert (code, first) == (1, "face-classifier: 1 source could not be analysed:"), self.errors()
        assert "broken.mp4 is a text" in " ".join(" ".join(rest).split())
        assert len(rest) == 1, self.errors()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.said = self.errors()
        self.process.kill()
        self.process.wait(PATIENCE)
        self._errors.close()


@pytest.mark.usefixtures("cluster")
class TestRun:
    """The result folder is that of a plain run, whatever dies meanwhile."""

    def test_workers_and_the_program_are_killed_and_it_is_started_again(
        self, ground: Ground, files: list[str], plain: Path, tmp_path: Path
    ) -> None:
        if ground.begun is None:
            pytest.skip("its own tests kill processes of this machine")
        chance = Random(14)
        with Program(tmp_path / "result", files, ground.where) as program:
            program.wait_for_records(1)
            ground.begun.kill_worker(chance)
            program.wait_for_records(3)
        made = records_of(program.records)
        with Program(tmp_path / "result", files, ground.where) as program:
            program.end()
        assert differences(plain, tmp_path / "result") == [], program.said
        assert made.items() <= records_of(program.records).items()
        assert len(records_of(program.records)) == len(files)

    def test_a_worker_with_another_version_gets_no_work(
        self, ground: Ground, files: list[str], plain: Path, tmp_path: Path
    ) -> None:
        if not isinstance(ground.begun, Dask):
            pytest.skip("processes of this machine have its versions; a node of Ray takes long to join")
        odd = ground.begun.add({"PYTHONPATH": os.pathsep.join([str(odd_python(tmp_path)), str(ROOT)])})
        try:
            with open_cluster(ground.where) as cluster:
                wait_until(lambda: cluster.slots >= 3)
            with Program(tmp_path / "result", files, ground.where) as program:
                assert program.process.wait(LONG) == 1, program.errors()
                said = " ".join(program.errors().split())
        finally:
            ground.begun.kill(odd)
        assert len(re.findall(r"gets no work, since numpy is 0\.0\.1 there and \S+ here; make it alike", said)) == 1
        assert differences(plain, tmp_path / "result") == []
        assert len({name.partition("-")[2] for name in records_of(program.records)}) == 1

    @pytest.mark.proof
    def test_workers_and_the_program_are_killed_at_ten_moments_each(
        self, ground: Ground, files: list[str], plain: Path, tmp_path: Path
    ) -> None:
        if ground.begun is None:
            pytest.skip("its own tests kill processes of this machine")
        chance, killed = Random(2026), 0
        for moment in range(10):
            result = tmp_path / str(moment) / "result"
            result.parent.mkdir()
            # How many records are made by then:
            first, second, last = sorted(chance.randrange(len(files)) for _ in range(3))
            with Program(result, files, ground.where) as program:
                for count in (first, second):
                    program.wait_for_records(count, chance.uniform(0, 0.5))
                    killed += program.kill_worker_of(ground.begun, chance)
                program.wait_for_records(last, chance.uniform(0, 0.5))
            made, said = records_of(program.records), program.said
            with Program(result, files, ground.where) as program:
                program.end()
            print(f"moment {moment}: {killed} workers killed so far, the program at {len(made)} records", flush=True)
            assert differences(plain, result) == [], (moment, said)
            assert made.items() <= records_of(program.records).items()
            assert len(records_of(program.records)) == len(files)
        assert killed >= 10


def odd_python(folder: Path) -> Path:
    """Where a module lies that any Python imports when it begins, and by which numpy has another version."""
    (folder / "odd").mkdir()
    (folder / "odd" / "sitecustomize.py").write_text(
        """import importlib.metadata
usual = importlib.metadata.version
importlib.metadata.version = lambda name: "0.0.1" if name == "numpy" else usual(name)
"""
    )
    return folder / "odd"


def is_told_when_gone(where: str, kill: Callable[[], None], folder: Path, sentence: str) -> None:
    """A cluster that is killed at a task tells it by that task, and by each that comes after."""
    with open_cluster(where) as cluster:
        held = cluster.submit(chores.hold, str(folder / "begun"), str(folder / "never"))
        wait_until((folder / "begun").exists)
        kill()
        with pytest.raises(SetUpError, match=sentence):
            got(held)
        with pytest.raises(SetUpError, match="is gone"):
            got(cluster.submit(chores.double, 1))


class TestDask:
    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        need_extra("dask", "distributed")
        with tempfile.TemporaryDirectory(prefix="fc") as folder:
            yield Path(folder)

    def test_a_scheduler_that_is_killed_is_told_in_a_sentence(self, folder: Path, tmp_path: Path) -> None:
        dask = Dask(folder, 1)
        try:
            sentence = r"^the scheduler at dask://127.0.0.1:\d+ is gone; start it"
            is_told_when_gone(dask.where, lambda: dask.kill(dask.scheduler), tmp_path, sentence)
        finally:
            dask.close()

    def test_a_worker_at_a_task_is_never_taken_for_lost(self, folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
        """Dask's client asks the scheduler for its own use, too, and not for workers; here all the time."""
        config = importlib.import_module("dask.config")
        importlib.import_module("distributed")  # which adds its own settings to what is set

        monkeypatch.setattr("face_classifier.pipeline.spread.clusters.on_dask._TURN", 0.0)
        dask, end = Dask(folder, 1), tmp_path / "end"
        try:
            with config.set({"distributed.client.scheduler-info-interval": "1ms"}), open_cluster(dask.where) as cluster:
                held = cluster.submit(chores.hold, str(tmp_path / "begun"), str(end), START)
                wait_until((tmp_path / "begun").exists)
                for _ in range(2000):
                    assert cluster.slots == 1
                    time.sleep(0.001)
                end.touch()
                assert got(held) in cluster.workers()
        finally:
            dask.close()

    def test_a_worker_that_does_not_tell_where_it_listens_gets_no_task(self, folder: Path, monkeypatch: Any) -> None:
        monkeypatch.setattr("face_classifier.pipeline.spread.clusters.on_dask._listening", chores.fail)
        dask = Dask(folder, 0)
        try:
            worker = dask.add()
            with open_cluster(dask.where) as cluster:
                waiting = cluster.submit(chores.double, 4)
                wait_until(lambda: dask.said(worker).count("Run Failed") >= 2)
                assert cluster.slots == 0
                assert not waiting.done()
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

    def test_a_worker_whose_door_others_reach_is_not_used_without_certificates(self, folder: Path) -> None:
        dask = Dask(folder, 0)
        try:
            dask.begin(*dask.worker(), "--nthreads", "1")
            with open_cluster(dask.where) as cluster:
                task = cluster.submit(chores.double, 1)
                with pytest.raises(SetUpError, match=r"without encryption \(tcp://0.0.0.0:\d+\); start it with --host"):
                    task.result(START)
        finally:
            dask.close()


class TestCertificates:
    """Dask on this machine's own address in the network, where others could listen."""

    @pytest.fixture
    def place(self) -> str:
        need_extra("dask", "distributed")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line, suppress(OSError):
            line.connect(("192.0.2.1", 9))  # sends nothing: asks which of our addresses would
            if not (found := str(line.getsockname()[0])).startswith("127."):
                return found
        return pytest.skip("this machine is in no network")

    @pytest.fixture
    def trust(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, str]], None]]:
        """Has Dask read other settings, as by a new program."""
        from dask import config

        def set_to(variables: dict[str, str]) -> None:
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            config.refresh()

        yield set_to
        monkeypatch.undo()
        config.refresh()

    def test_who_has_none_or_others_is_left_outside(
        self,
        place: str,
        tmp_path: Path,
        trust: Callable[[dict[str, str]], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        (tmp_path / "dask").mkdir()
        ours, others = certificates(tmp_path / "ours"), certificates(tmp_path / "others")
        dask = Dask(tmp_path / "dask", 1, variables=ours, host=place)
        try:
            assert dask.place.startswith(f"tls://{place}:")
            with pytest.raises(
                SetUpError, match=r"is another machine .* and Dask's configuration names no certificates"
            ):
                open_cluster(dask.where).__enter__()
            trust(others)
            with pytest.raises(
                SetUpError, match=r"^no scheduler of Dask answers at tls://.* or look at its certificates"
            ):
                open_cluster(dask.where).__enter__()
            trust(ours)
            with open_cluster(dask.where) as cluster:
                assert got(cluster.submit(chores.double, 4)) == 8
                assert [name.startswith(f"tls://{place}:") for name in cluster.workers()] == [True]
        finally:
            dask.close()


def certificates(folder: Path) -> dict[str, str]:
    """Of an authority of its own, and of one who belongs to it; the variables by which Dask finds them."""
    folder.mkdir()
    authority = trustme.CA()
    member = authority.issue_cert("member")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    member.private_key_and_cert_chain_pem.write_to_path(folder / "member.pem")
    prefix, pem = "DASK_DISTRIBUTED__COMM__TLS__", str(folder / "member.pem")
    roles = [f"{role}__{what}" for role in ("SCHEDULER", "WORKER", "CLIENT") for what in ("CERT", "KEY")]
    return {f"{prefix}CA_FILE": str(folder / "ca.pem")} | {prefix + role: pem for role in roles}


class TestRay:
    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        need_extra("ray", "ray")
        with tempfile.TemporaryDirectory(prefix="fc") as folder:
            yield Path(folder)

    def test_a_head_that_is_not_there_is_told_in_a_sentence(self, folder: Path) -> None:
        with pytest.raises(
            SetUpError, match=r"^no head of Ray answers at ray://127.0.0.1:9 within 30 seconds; start it$"
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
                held = [cluster.submit(chores.hold, str(tmp_path / str(number)), end, START) for number in range(2)]
                waiting = cluster.submit(chores.who)
                ray.add()
                joined, _ = waiting.result(START)
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
            sentence = r"^the head of Ray at ray://.* is gone; start it"
            is_told_when_gone(ray.where, lambda: ray.kill(ray.head), tmp_path, sentence)
        finally:
            ray.close()


def test_an_address_that_is_none_is_told() -> None:
    for where in ("dask://", "dask://host:0", "dask://host:70000", "dask://user@host", "dask:host"):
        with pytest.raises(WrongUseError, match=r"is not the address of a cluster; write it as dask://host:8786"):
            open_cluster(where)
