"""The process between ours and Ray: hands tasks over, and tells what comes of them and who is there.

It hears (number, function, arguments, ids of nodes that are refused), or None at the end. It tells
("nodes", {id: (name, slots)}), ("answer", number, whether it went well, what came out or was raised), ("end", a
sentence).
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from functools import partial
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from face_classifier.core.errors import SetUpError, needing
from face_classifier.pipeline.spread.cluster import MOST_DEATHS, DiedError
from face_classifier.pipeline.spread.clusters.address import joined
from face_classifier.pipeline.spread.clusters.on_ray import carry_out, node_name

_ANSWER = 30.0  # seconds in which a head answers, also one whose machine does much else
_TURN = 1.0  # seconds between two looks at who is there
_MISSED = 5  # looks in a row in which the head is not there, until it is gone
_FAREWELL = 3.0  # seconds
# Ray tells its makers nothing of us, and keeps its own log to itself.
_VARIABLES = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
# Asks a head without a token: it must not answer. A process of its own, since Ray reads its mode once.
_DOOR = """
import sys
from ray._raylet import GcsClient
from ray.exceptions import AuthenticationError
try:
    GcsClient(address=sys.argv[1]).get_all_node_info(timeout=30)
    print("open")
except AuthenticationError:
    print("closed")
"""


class _Side:
    """What is connected to both."""

    def __init__(self, connection: Connection, host: str, port: int) -> None:
        self._connection, self._host, self._port = connection, host, port
        self._address = joined(host, port)
        self._lock = threading.Lock()

    def run(self) -> None:
        """Until the other end is closed, or Ray is gone."""
        try:
            self._connect()
            self._tell("nodes", self._nodes())
        except SetUpError as error:
            self._tell("end", str(error))
            return
        for watch in (self._watch_head, self._watch_nodes):
            threading.Thread(target=watch, daemon=True).start()
        self._serve()
        threading.Timer(_FAREWELL, os._exit, (0,)).start()
        self._ray.shutdown()
        os._exit(0)

    def _serve(self) -> None:
        carried = self._ray.remote(num_cpus=1, max_retries=MOST_DEATHS - 1)(carry_out)
        while call := self._heard():
            number, function, arguments, refused = call
            others = {"label_selector": {"ray.io/node-id": f"!in({','.join(refused)})"}} if refused else {}
            try:
                future = carried.options(**others).remote(function, arguments).future()
            except Exception as error:
                self._answer(number, False, error)
            else:
                future.add_done_callback(partial(self._take, number))

    def _heard(self) -> Any:
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            return None

    def _take(self, number: int, future: Future[Any]) -> None:
        from ray import exceptions

        error = future.exception()
        if error is None:
            self._answer(number, True, future.result())
        elif isinstance(error, (exceptions.WorkerCrashedError, exceptions.NodeDiedError)):
            self._answer(number, False, DiedError())
        else:
            self._answer(number, False, error.cause if isinstance(error, exceptions.RayTaskError) else error)

    def _answer(self, number: int, went_well: bool, answer: Any) -> None:
        try:
            self._tell("answer", number, went_well, answer)
        except (TypeError, AttributeError, ValueError) as error:  # what cannot be pickled
            self._tell("answer", number, False, TypeError(f"{type(answer).__name__} cannot be sent ({error})"))

    def _tell(self, *told: Any) -> None:
        with self._lock:
            try:
                self._connection.send(told)
            except OSError:  # nobody is left at the other end
                os._exit(0)

    def _watch_head(self) -> None:
        missed = 0
        while missed < _MISSED:
            time.sleep(_TURN)
            missed = 0 if _answers(self._host, self._port, _TURN) else missed + 1
        os._exit(1)  # which tells that it is gone: Ray itself would wait for it, and end this process with much noise

    def _watch_nodes(self) -> None:
        while True:
            time.sleep(_TURN)
            self._tell("nodes", self._nodes())

    def _nodes(self) -> dict[str, tuple[str, int]]:
        """Name and slots of the nodes that are there, by id."""
        return {
            node["NodeID"]: (
                node_name(node["NodeManagerHostname"], node["NodeID"]),
                int(node["Resources"].get("CPU", 0)),
            )
            for node in self._ray.nodes()
            if node["Alive"]
        }

    def _connect(self) -> None:
        """Raises SetUpError."""
        where = f"ray://{self._address}"
        os.environ.update(_VARIABLES)
        if not _answers(self._host, self._port, _ANSWER):
            raise SetUpError(f"no head of Ray answers at {where} within {_ANSWER:g} seconds; start it")
        with needing(where, "ray"):
            import ray
            from ray.exceptions import AuthenticationError, RayError
        _check_door(self._address)
        try:
            import_module("ray._raylet").GcsClient(address=self._address).get_all_node_info(
                timeout=_ANSWER
            )  # `init` would try for minutes
            ray.init(address=self._address, log_to_driver=False, logging_level=logging.CRITICAL)
        except AuthenticationError as error:
            raise SetUpError(
                f"the head at {where} has another token; take its own, as docs/clusters.md tells"
            ) from error
        except (ConnectionError, RuntimeError, ValueError, RayError) as error:
            raise SetUpError(
                f"this machine is no node of {where}, or has other versions ({_line(error)}); run: ray start "
                f"--address={self._address}"
            ) from error
        self._ray = ray


def _check_door(address: str) -> None:
    """Raises SetUpError where whoever is on the network could use the cluster."""
    from ray._private.authentication.authentication_token_setup import maybe_enable_token_auth_if_token_available

    if not maybe_enable_token_auth_if_token_available(warn_if_disabled=False):
        raise SetUpError(
            f"ray://{address} is used without a token, so others on the network could give it work; make one as "
            "docs/clusters.md tells, and set RAY_AUTH_MODE=token"
        )
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    asked = subprocess.run(
        [sys.executable, "-c", _DOOR, address],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if asked.stdout == "open\n":
        raise SetUpError(
            f"the head at ray://{address} asks nobody for a token, so others on the network could give it work; start "
            "it with RAY_AUTH_MODE=token, as docs/clusters.md tells"
        )
    if asked.stdout != "closed\n":
        raise SetUpError(f"what listens at ray://{address} does not answer as Ray does; name the head of a cluster")


def _answers(host: str, port: int, seconds: float) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection((host, port), seconds).close()
    except OSError:
        return False
    return True


def _line(error: Exception) -> str:
    """What an error says, in a line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C reaches the whole group: whoever started this says when it ends
    _Side(Connection(int(sys.argv[1])), sys.argv[2], int(sys.argv[3])).run()
