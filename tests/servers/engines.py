"""Clusters of other projects, begun on this machine as a user begins them, and ended by their ids."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import IO, Any

ROOT = Path(__file__).parent.parent.parent
START = 120.0  # seconds that a process may take, on a machine that does much else
END = 10.0
_MARK = "FACE_TEST_BEGUN"


class Begun:
    """Processes, each with a variable of its own, by which all that it begins is known, and ends with it."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        """``folder``: for files of theirs. ``variables``: of their environment, beside those of this process."""
        self.folder = folder
        paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
        self.environment = {**os.environ, "PYTHONPATH": paths, **variables}
        self.processes: list[subprocess.Popen[bytes]] = []

    def begin(self, *command: str, variables: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        out: IO[Any]
        with open(self.folder / f"{len(self.processes)}.txt", "wb") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.folder,
                env={**self.environment, **(variables or {}), _MARK: f"{self.folder.name}-{len(self.processes)}"},
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def said(self, process: subprocess.Popen[bytes]) -> str:
        return (self.folder / f"{self.processes.index(process)}.txt").read_text("utf-8", "replace")

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """A process and all that it began, at once."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for pid in marked(self.variable(process)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(END)

    def close(self) -> None:
        for process in self.processes:
            self.kill(process)

    def variable(self, process: subprocess.Popen[bytes]) -> str:
        """That of a process, which all have that it begins."""
        return f"{_MARK}={self.folder.name}-{self.processes.index(process)}"


class Dask(Begun):
    """A scheduler, and workers with one thread each."""

    def __init__(
        self, folder: Path, workers: int, *, variables: Mapping[str, str] | None = None, host: str = "127.0.0.1"
    ) -> None:
        super().__init__(folder, variables or {})
        self._file, self.host = folder / "scheduler.json", host
        self.scheduler = self.begin(
            sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", host, "--port", "0", "--no-dashboard",
            "--no-show", "--scheduler-file", str(self._file), *self.protocol(),
        )  # fmt: skip
        wait_until(self._is_ready, lambda: self.said(self.scheduler))
        self.place: str = json.loads(self._file.read_text())["address"]
        self.where = f"dask://{self.place.partition('://')[2]}"
        for _ in range(workers):
            self.add()

    def protocol(self) -> list[str]:
        return ["--protocol", "tls"] if "DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in self.environment else []

    def _is_ready(self) -> bool:
        return self._file.exists() and self._file.read_text().endswith("}")

    def kill_worker(self, chance: Random) -> bool:
        """Kill one -9; another comes. Returns whether there was one."""
        there = [process for process in self.processes if process is not self.scheduler and process.poll() is None]
        self.kill(chance.choice(there))
        self.add()
        return True

    def add(self, variables: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Another worker, which need not be there so far."""
        return self.begin(*self.worker(), "--host", self.host, "--nthreads", "1", variables=variables)

    def worker(self) -> list[str]:
        """The command of a worker, without the address where it listens."""
        return [
            sys.executable, "-m", "distributed.cli.dask_worker", self.place, "--no-nanny", "--no-dashboard",
            "--memory-limit", "0", "--local-directory", str(self.folder),
        ]  # fmt: skip


class Ray(Begun):
    """A head with two slots, which asks for a token."""

    def __init__(self, folder: Path, *, variables: Mapping[str, str] | None = None) -> None:
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)} if variables is None else variables
        super().__init__(folder, {**token, "RAY_TMPDIR": str(folder), "RAY_USAGE_STATS_ENABLED": "0"})
        self.token = token
        self.head = self._start("--head", "--port=0", "--include-dashboard=false")
        wait_until(lambda: self._places(), lambda: self.said(self.head))
        self.place = self._places()[0]
        self.where = f"ray://{self.place}"

    def _places(self) -> list[str]:
        return re.findall(r"ray start --address='([^']+)'", self.said(self.head))

    def add(self) -> subprocess.Popen[bytes]:
        """Another node with two slots, which need not be there so far."""
        return self._start(f"--address={self.place}")

    def kill_worker(self, chance: Random) -> bool:
        """Kill -9 a process that carries out a task; Ray begins another. Returns whether there was one."""
        if carrying := [pid for pid in marked(self.variable(self.head)) if _is_carrying(pid)]:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(carrying), signal.SIGKILL)
                return True
        return False

    def _start(self, *options: str) -> subprocess.Popen[bytes]:
        return self.begin(
            sys.executable, "-m", "ray.scripts.scripts", "start", *options, "--num-cpus=2", "--block",
            "--disable-usage-stats", "--include-log-monitor=false", "--object-store-memory=80000000",
        )  # fmt: skip


def marked(variable: str) -> list[int]:
    """The ids of all processes that were begun with a variable."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def _is_carrying(pid: int) -> bool:
    """Whether a process of Ray is at a task of ours."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::carry_out")
    return False


def wait_until(is_so: Any, said: Any = lambda: "", patience: float = START) -> None:
    end = time.monotonic() + patience
    while not is_so():
        assert time.monotonic() < end, f"it was not so within {patience:g} seconds: {said()[-2000:]}"
        time.sleep(0.05)
