"""Clusters of other projects, begun on this machine as a user begins them, and ended by their ids."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent.parent
START = 60.0  # seconds that a process may take, on a machine that does much else
END = 10.0


class Begun:
    """Processes, each the first of a group of its own, so that what it begins ends with it."""

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
                env={**self.environment, **(variables or {})},
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
        process.wait(END)

    def close(self) -> None:
        for process in self.processes:
            self.kill(process)


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
        self.workers = [self.add() for _ in range(workers)]

    def protocol(self) -> list[str]:
        return ["--protocol", "tls"] if "DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in self.environment else []

    def _is_ready(self) -> bool:
        return self._file.exists() and self._file.read_text().endswith("}")

    def add(self, variables: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Another worker, which need not be there so far."""
        return self.begin(
            sys.executable, "-m", "distributed.cli.dask_worker", self.place, "--host", self.host, "--no-nanny",
            "--nthreads", "1", "--no-dashboard", "--memory-limit", "0", "--local-directory", str(self.folder),
            variables=variables,
        )  # fmt: skip


def wait_until(is_so: Any, said: Any = lambda: "", patience: float = START) -> None:
    end = time.monotonic() + patience
    while not is_so():
        assert time.monotonic() < end, f"it was not so within {patience:g} seconds: {said()[-2000:]}"
        time.sleep(0.05)
