"""Commands of other processes over a socket: what comes back, who is refused, and what is left behind."""

from __future__ import annotations

import errno
import os
import random
import resource
import select
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from conftest import Listener
from test_shares import exfat  # noqa: F401

import face_classifier
from face_classifier.core.disk.locks import LOCK, SOCKET, FolderLock, Holder, holder_of
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import InUseError, StoppedError, UserError
from face_classifier.core.progress import Observer
from face_classifier.gallery.owner import client as clients
from face_classifier.gallery.owner import server as servers
from face_classifier.gallery.owner import socket as sockets
from face_classifier.gallery.owner.client import Client, LeftOutError
from face_classifier.gallery.owner.queue import Owner
from face_classifier.gallery.owner.server import Asker, Handler, Server
from face_classifier.gallery.owner.socket import LONGEST, ConnectionEndedError, packed, receive, send


class Folder:
    """A resource: a folder that is locked, with a diary of what was done."""

    def __init__(self, path: Path) -> None:
        path.mkdir(exist_ok=True)
        self.root = Root(path)
        self.lock = FolderLock(self.root)
        self.diary: list[object] = []
        self.go_on = threading.Event()

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.lock.release()
        self.root.close()


def echo(folder: Folder, arguments: dict[str, Any], _: Observer) -> Any:
    folder.diary.append(arguments)
    return arguments


def wait(folder: Folder, arguments: dict[str, Any], _: Observer) -> Any:
    folder.diary.append("waits")
    assert folder.go_on.wait(20)
    return arguments


def work(_: Folder, arguments: dict[str, Any], observer: Observer) -> int:
    observer.problem("a picture is damaged")
    done = 0
    for step in observer.through(range(int(arguments["steps"])), "faces"):
        time.sleep(0.03)
        done += step
    observer.at_end("two files were passed over")
    return done


def fail(_: Folder, arguments: dict[str, Any], __: Observer) -> Any:
    kinds: dict[str, Exception] = {
        "user": UserError("there is nobody called Ann; look at the names"),
        "stopped": StoppedError("it was stopped"),
        "disk": OSError(errno.ENOSPC, "No space left on device", "/a/file"),
        "bug": KeyError("whatever"),
    }
    if arguments["kind"] == "no message":
        return object()
    if arguments["kind"] == "long":
        return b"\0" * 5000
    raise kinds[arguments["kind"]]


def begin(folder: Folder, arguments: dict[str, Any], observer: Observer) -> None:
    assert isinstance(observer, Asker)
    observer.when_gone(lambda: folder.diary.append(f"{arguments['who']} is gone"))


HANDLERS: dict[str, Handler[Folder]] = {"echo": echo, "wait": wait, "work": work, "fail": fail, "begin": begin}


@contextmanager
def serving(path: Path, *, patience: float = 60.0) -> Iterator[tuple[Server[Folder], Folder]]:
    """A folder whose owner takes commands, in this process."""
    with Owner(lambda: Folder(path)) as owner:
        folder = owner.call(lambda it: it)
        announce = lambda told: owner.call(lambda it: it.lock.tell(told))  # noqa: E731
        aside = {"how": lambda arguments: {"busy": "waits" in folder.diary, **arguments}}
        with Root(path) as root, Server(root, owner, HANDLERS.get, announce, aside=aside, patience=patience) as server:
            yield server, folder


@contextmanager
def asking(path: Path, *, silence: float = 10.0) -> Iterator[Client]:
    with Root(path) as root:
        holder = holder_of(root)
        assert holder is not None
        with Client(root, holder, silence=silence) as client:
            yield client


def ask(path: Path, name: str, silence: float = 10.0, **arguments: Any) -> Any:
    with asking(path, silence=silence) as client:
        return client.ask(name, arguments, Listener())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "result"


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A temporary folder with a short path."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def runtime(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program's folder in the user's runtime folder."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(temporary))
    return temporary / "face-classifier"


# What comes back


ANYTHING = {
    "nothing": None, "yes": True, "number": -(2**40), "distance": 0.1, "person": "Zoë 日本", "file": "\udcff.mp4",
    "picture": np.arange(12, dtype=np.uint8).tobytes(), "list": [1, [2, {"three": 3}]],
}  # fmt: skip


def test_arguments_and_answers_arrive_as_they_were_sent(path: Path) -> None:
    with serving(path) as (_, folder):
        assert ask(path, "echo", **ANYTHING) == ANYTHING
        assert folder.diary == [ANYTHING]


def test_large_messages_arrive_whole(path: Path) -> None:
    picture = os.urandom(5 << 20)
    with serving(path):
        assert ask(path, "echo", picture=picture) == {"picture": picture}


def test_one_connection_carries_many_commands_in_order(path: Path) -> None:
    with serving(path) as (_, folder), asking(path) as client:
        for number in range(200):
            assert client.ask("echo", {"number": number}, Listener()) == {"number": number}
        assert folder.diary == [{"number": number} for number in range(200)]


def test_many_clients_are_served_and_each_gets_its_own_answer(path: Path) -> None:
    wrong: list[object] = []

    def send_some(sender: int) -> None:
        with asking(path) as client:
            for number in range(50):
                asked = {"sender": sender, "number": number}
                if client.ask("echo", asked, Listener()) != asked:
                    wrong.append(asked)

    with serving(path) as (_, folder):
        senders = [threading.Thread(target=send_some, args=(sender,)) for sender in range(8)]
        for thread in senders:
            thread.start()
        for thread in senders:
            thread.join()
        assert not wrong
        assert len(folder.diary) == 400
        for sender in range(8):
            assert [one["number"] for one in folder.diary if one["sender"] == sender] == list(range(50))


class Steps(Listener):
    """Notes the steps, and when they came."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[object] = []
        self.times: list[float] = []

    def through(self, steps: Any, name: str) -> Iterator[object]:
        self.steps.append((len(steps), name))
        for step in steps:
            yield step
            self.steps.append(step)
            self.times.append(time.monotonic())


def test_problems_and_progress_are_told_while_a_command_runs(path: Path) -> None:
    told = Steps()
    with serving(path), asking(path) as client:
        assert client.ask("work", {"steps": 20}, told) == sum(range(20))
    assert told.problems == ["a picture is damaged", "two files were passed over"]
    assert told.steps == [(20, "faces"), *range(20)]
    assert told.times[-1] - told.times[0] > 0.2  # it was not all told at the end


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("user", UserError, "there is nobody called Ann; look at the names"),
        ("stopped", StoppedError, "it was stopped"),
        ("disk", OSError, "No space left on device: '/a/file'"),
        ("bug", UserError, "the command fail failed in process [0-9]+ .KeyError: 'whatever'.; stop that process"),
        ("no message", UserError, "failed in process [0-9]+ .TypeError"),
        ("long", UserError, "failed in process [0-9]+ .ValueError: a message of [0-9]+ bytes is longer"),
    ],
)
def test_what_a_command_raises_reaches_who_asked_and_the_next_one_works(
    kind: str, error: type[Exception], words: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("face_classifier.gallery.owner.socket.LONGEST", 4000)
    with serving(path), asking(path) as client:
        with pytest.raises(error, match=words) as raised:
            client.ask("fail", {"kind": kind}, Listener())
        assert type(raised.value) is error
        assert client.ask("echo", {}, Listener()) == {}


def test_arguments_that_are_too_long_are_refused_before_they_are_sent(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("face_classifier.gallery.owner.socket.LONGEST", 1000)
    with serving(path), asking(path) as client:
        with pytest.raises(UserError, match=r"too large a command for process .* is longer than 1000"):
            client.ask("echo", {"picture": b"\0" * 1001}, Listener())
        assert client.ask("echo", {}, Listener()) == {}


def test_a_command_that_the_owner_does_not_have_is_refused_in_a_sentence(path: Path) -> None:
    with serving(path), pytest.raises(UserError, match=f"process {os.getpid()} has no command 'fly'; stop it"):
        ask(path, "fly")


# Where the socket is


def test_the_socket_is_beside_the_lock_for_the_user_alone_and_gone_at_the_end(path: Path) -> None:
    with serving(path):
        state = (path / SOCKET).lstat()
        assert stat.S_ISSOCK(state.st_mode)
        assert stat.S_IMODE(state.st_mode) == 0o600
        assert (path / LOCK).read_text().splitlines() == [str(os.getpid()), SOCKET, face_classifier.__version__]
    assert sorted(os.listdir(path)) == [LOCK]
    assert (path / LOCK).read_text().splitlines() == [str(os.getpid()), "", face_classifier.__version__]


def assert_served_from(runtime: Path, path: Path) -> None:
    with serving(path) as (_, folder):
        (place,) = runtime.iterdir()
        assert stat.S_IMODE(place.lstat().st_mode) == 0o600
        assert stat.S_IMODE(runtime.lstat().st_mode) == 0o700
        assert (path / LOCK).read_text().splitlines()[1] == str(place)
        assert ask(path, "echo", a=1) == {"a": 1}
        assert folder.diary == [{"a": 1}]
    assert list(runtime.iterdir()) == []


def test_where_the_path_is_too_long_the_socket_is_in_the_runtime_folder(tmp_path: Path, runtime: Path) -> None:
    path = tmp_path / ("a" * 60) / ("b" * 60)
    path.parent.mkdir()
    assert_served_from(runtime, path)
    assert not (path / SOCKET).exists()


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS])
def test_where_the_file_system_refuses_sockets_they_are_in_the_runtime_folder(
    number: int, path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(socket.socket):
        def bind(self, address: Any) -> None:
            if str(address).startswith(str(path)):
                raise OSError(number, os.strerror(number))
            super().bind(address)

    monkeypatch.setattr(sockets.socket, "socket", Refusing)
    assert_served_from(runtime, path)


def test_where_something_else_has_its_name_the_socket_is_in_the_runtime_folder(path: Path, runtime: Path) -> None:
    path.mkdir()
    (path / SOCKET).write_text("mine")
    assert_served_from(runtime, path)
    (path / SOCKET).rename(path / "elsewhere")
    (path / SOCKET).symlink_to("elsewhere")
    assert_served_from(runtime, path)
    assert (path / "elsewhere").read_text() == "mine"


def test_without_a_runtime_folder_of_the_system_one_is_made_in_the_temporary_folder(
    path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if Path(f"/run/user/{os.geteuid()}").is_dir():
        pytest.skip("this system has a runtime folder for its users")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    path.mkdir()
    (path / SOCKET).write_text("mine")
    assert_served_from(temporary / f"runtime-{os.getuid()}" / "face-classifier", path)


def test_a_runtime_folder_that_others_may_enter_is_not_used(path: Path, runtime: Path) -> None:
    path.mkdir()
    (path / SOCKET).write_text("mine")
    runtime.mkdir()
    runtime.chmod(0o755)
    with pytest.raises(UserError, match="must belong to you alone"), serving(path):
        pass
    assert list(runtime.iterdir()) == []


def test_two_folders_have_two_sockets_in_the_runtime_folder(tmp_path: Path, runtime: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / SOCKET).write_text("mine")
    with serving(tmp_path / "one") as (_, one), serving(tmp_path / "other") as (_, other):
        assert len(list(runtime.iterdir())) == 2
        ask(tmp_path / "one", "echo", to="one")
        ask(tmp_path / "other", "echo", to="other")
    assert (one.diary, other.diary) == ([{"to": "one"}], [{"to": "other"}])


def test_a_folder_that_is_renamed_meanwhile_is_reached_by_its_new_name(path: Path, tmp_path: Path) -> None:
    with serving(path):
        path.rename(tmp_path / "renamed")
        assert ask(tmp_path / "renamed", "echo", a=1) == {"a": 1}
        (tmp_path / "renamed").rename(path)


# Who is refused


def test_what_a_lock_file_tells_is_followed_to_own_places_only(path: Path, tmp_path: Path) -> None:
    path.mkdir()
    (tmp_path / "open").mkdir(0o755)
    with Root(path) as root:
        for told in ("elsewhere", "../elsewhere", str(tmp_path / "open" / "docker.sock")):
            with pytest.raises(UserError, match=r"not this program's|must belong to you"):
                Client(root, Holder("1", told, face_classifier.__version__))
        (path / SOCKET).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(UserError, match="is a link"):
            Client(root, Holder("1", SOCKET, face_classifier.__version__))


def assert_in_use(error: InUseError, *words: object) -> None:
    assert error.exit_code == 75
    assert all(str(word) in str(error) for word in words), error


def test_an_owner_that_takes_no_commands_is_told_with_its_number(path: Path) -> None:
    with Folder(path), pytest.raises(InUseError) as raised:
        ask(path, "echo")
    assert_in_use(raised.value, path, f"in use by process {os.getpid()}, which takes no commands")


def test_another_version_is_refused_before_anything_is_sent(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(path):
        monkeypatch.setattr(clients, "__version__", "9.9")
        with pytest.raises(InUseError) as raised:
            ask(path, "echo")
    assert_in_use(raised.value, f"process {os.getpid()}, which has version 0.1.0", "this is version 9.9")


def test_another_version_is_refused_by_its_greeting(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "__version__", "9.9")
    with serving(path), pytest.raises(InUseError) as raised:
        ask(path, "echo")
    assert_in_use(raised.value, os.getpid(), "has version 9.9", "this is version 0.1.0")


def test_a_command_of_another_version_is_refused_by_the_owner(path: Path) -> None:
    with serving(path) as (_, folder), socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(path / SOCKET))
        assert receive(raw)["version"] == face_classifier.__version__
        send(raw, {"version": "9.9", "command": "echo", "arguments": {}})
        answer = receive(raw)
        assert answer["code"] == 75
        assert f"process {os.getpid()} has version 0.1.0" in answer["error"]
        assert not folder.diary


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_is_refused_on_both_sides(path: Path, tmp_path: Path) -> None:
    with serving(path) as (_, folder):
        (path / SOCKET).chmod(0o666)
        for place in (tmp_path, path):
            place.chmod(0o755)
        code = f"""
import os, socket
os.setuid(65534)
with socket.socket(socket.AF_UNIX) as raw:
    raw.connect({str(path / SOCKET)!r})
    print(raw.recv(100))
"""
        place = Path("/proc/self/cwd")  # of a folder below one that only root may enter
        code = code.replace(repr(str(path / SOCKET)), repr(str(place / SOCKET)))
        ended = subprocess.run([sys.executable, "-c", code], cwd=path, capture_output=True, text=True, check=False)
        assert ended.stdout == "b''\n", ended.stderr
        assert not folder.diary


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_socket_of_another_user_is_not_spoken_to(path: Path, tmp_path: Path) -> None:
    path.mkdir(mode=0o777)
    path.chmod(0o777)
    code = """
import os, socket, sys
os.setuid(65534)
with socket.socket(socket.AF_UNIX) as raw:
    raw.bind("/proc/self/cwd/.socket")
    raw.listen()
    print("listens", flush=True)
    connection, _ = raw.accept()
    print(connection.recv(100), flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=path, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "listens\n"
        with Root(path) as root, pytest.raises(UserError, match="belongs to another user"):
            Client(root, Holder(str(other.pid), SOCKET, face_classifier.__version__))
        assert other.stdout.read() == "b''\n"


# What goes wrong


SERVE = """
import sys, threading
from pathlib import Path
sys.path[:0] = sys.argv[2:]
import test_socket
with test_socket.serving(Path(sys.argv[1])) as (_, folder):
    print("serves", flush=True)
    sys.stdin.readline()
    folder.go_on.set()
"""


@contextmanager
def process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that serves a folder, until it is killed or its input ends."""
    line = [sys.executable, "-c", SERVE, str(path), str(Path(__file__).parent), str(Path(__file__).parents[2])]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "serves\n"
        try:
            yield other
        finally:
            other.kill()


def test_another_process_is_asked_and_one_that_is_stopped_does_not_answer(path: Path) -> None:
    with process(path) as other:
        assert ask(path, "echo", a=1) == {"a": 1}
        other.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(InUseError) as raised:
            ask(path, "echo", silence=0.5)
        assert time.monotonic() - started < 5
        assert_in_use(raised.value, other.pid, "does not answer")
        other.send_signal(signal.SIGCONT)
        assert ask(path, "echo", a=2) == {"a": 2}


def test_an_answer_that_comes_too_late_is_not_taken_for_that_of_the_next_command(path: Path) -> None:
    with process(path) as other, asking(path, silence=0.5) as client:
        other.send_signal(signal.SIGSTOP)
        os.waitpid(other.pid, os.WUNTRACED)  # until all its threads have stopped
        with pytest.raises(InUseError, match="no longer answers"):
            client.ask("echo", {"a": 1}, Listener())
        other.send_signal(signal.SIGCONT)
        with pytest.raises(InUseError, match="no longer answers"):
            client.ask("echo", {"a": 2}, Listener())


def test_what_a_killed_process_left_is_replaced(path: Path) -> None:
    with process(path) as other:
        other.kill()
    assert stat.S_ISSOCK((path / SOCKET).lstat().st_mode)
    with Root(path) as root:
        assert holder_of(root) is None
    with serving(path):
        assert ask(path, "echo", a=1) == {"a": 1}
    assert not (path / SOCKET).exists()


def test_a_process_that_dies_while_it_carries_out_a_command_is_told(path: Path) -> None:
    with process(path) as other, asking(path) as client:
        killer = threading.Timer(0.3, other.kill)
        killer.start()
        with pytest.raises(InUseError) as raised:
            client.ask("wait", {}, Listener())
        killer.join()
    assert_in_use(raised.value, other.pid, "no longer answers", "check later whether it was carried out")


def test_an_owner_that_works_long_shows_that_it_is_alive(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_SIGN", 0.1)
    with serving(path) as (_, folder):
        timer = threading.Timer(1.5, folder.go_on.set)
        timer.start()
        assert ask(path, "wait", silence=0.5, a=1) == {"a": 1}
        timer.join()


def test_a_command_that_does_not_get_its_turn_is_given_up_and_not_carried_out_later(path: Path) -> None:
    with serving(path, patience=0.2) as (_, folder):
        waits = threading.Thread(target=ask, args=(path, "wait"))
        waits.start()
        while not folder.diary:
            time.sleep(0.01)
        with pytest.raises(InUseError) as raised:
            ask(path, "echo")
        assert_in_use(raised.value, os.getpid(), "too busy for 0.2 seconds", "try again later")
        folder.go_on.set()
        waits.join()
        assert ask(path, "echo", a=1) == {"a": 1}
        assert folder.diary == ["waits", {"a": 1}]


def test_what_needs_no_turn_of_the_owner_is_answered_while_it_is_busy(path: Path) -> None:
    with serving(path) as (_, folder):
        waits = threading.Thread(target=ask, args=(path, "wait"))
        waits.start()
        while not folder.diary:
            time.sleep(0.01)
        assert ask(path, "how", a=1) == {"busy": True, "a": 1}
        folder.go_on.set()
        waits.join()


def conversing(server: servers.Server[Any]) -> list[threading.Thread]:
    return [thread for thread in server._threads if thread.is_alive()]


def test_a_command_whose_sender_went_away_before_its_turn_is_not_carried_out(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_SIGN", 0.05)
    with serving(path) as (server, folder):
        waits = threading.Thread(target=ask, args=(path, "wait"))
        waits.start()
        while not folder.diary:
            time.sleep(0.01)
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(str(path / SOCKET))
            receive(raw)
            send(raw, {"version": face_classifier.__version__, "command": "echo", "arguments": {}})
            deadline = time.monotonic() + 5
            while len(conversing(server)) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
        while len(conversing(server)) > 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        folder.go_on.set()
        waits.join()
    assert folder.diary == ["waits"]


def test_what_a_process_left_is_put_in_order_when_it_is_gone(path: Path) -> None:
    with serving(path) as (_, folder):
        with asking(path) as client:
            client.ask("begin", {"who": "Ann"}, Listener())
            client.ask("begin", {"who": "Ben"}, Listener())
            client.ask("echo", {}, Listener())
            assert folder.diary == [{}]
        deadline = time.monotonic() + 5
        while len(folder.diary) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert folder.diary == [{}, "Ann is gone", "Ben is gone"]
        lasting = asking(path)
        lasting.__enter__().ask("begin", {"who": "Cleo"}, Listener())
    assert folder.diary[3:] == ["Cleo is gone"]  # before the owner ended
    lasting.__exit__(None, None, None)


def test_the_end_waits_for_what_was_begun_and_ends_idle_connections(path: Path) -> None:
    answers: list[object] = []
    with serving(path) as (_, folder):
        idle = asking(path)
        client = idle.__enter__()
        waits = threading.Thread(target=lambda: answers.append(ask(path, "wait", a=1)))
        waits.start()
        while not folder.diary:
            time.sleep(0.01)
        threading.Timer(0.2, folder.go_on.set).start()
    waits.join()
    assert answers == [{"a": 1}]
    with pytest.raises(LeftOutError, match="has just ended; run it again"):
        client.ask("echo", {}, Listener())
    idle.__exit__(None, None, None)


@contextmanager
def idle_connections(path: Path, number: int) -> Iterator[list[socket.socket]]:
    """Connections that were greeted and send nothing."""
    with ExitStack() as stack:
        idle = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(number)]
        for connection in idle:
            connection.settimeout(5)
            connection.connect(str(path / SOCKET))
            assert receive(connection)["program"] == servers.PROGRAM
        yield idle


def test_idle_connections_give_way_to_commands_but_for_those_that_have_begun_something(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_IDLE", 2.0)  # longer than it takes to make them
    with serving(path) as (_, folder), asking(path) as guest:
        guest.ask("begin", {"who": "a camera"}, Listener())
        with idle_connections(path, servers._MOST - 1) as idle:
            with pytest.raises(InUseError, match="does not answer"):
                ask(path, "echo", a=1)
            time.sleep(2.1)
            with asking(path) as first, asking(path) as second:
                assert [client.ask("echo", {"a": 2}, Listener()) for client in (first, second)] == [{"a": 2}] * 2
            ended = [connection for connection in idle if select.select([connection], [], [], 0.1)[0]]
            assert [receive(connection) for connection in ended] == [{"ended": True}] * 2  # whichever they are
            assert guest.ask("echo", {"a": 3}, Listener()) == {"a": 3}
            assert "a camera is gone" not in folder.diary


def test_without_free_descriptors_a_connection_waits_and_the_owner_does_not_spin(path: Path) -> None:
    with serving(path), socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(5)
        free = os.dup(0)
        os.close(free)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            used = time.process_time()
            raw.connect(str(path / SOCKET))
            time.sleep(0.6)
            used = time.process_time() - used
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert used < 0.2
        assert receive(raw)["program"] == servers.PROGRAM


def test_a_thread_that_cannot_start_costs_one_connection_and_not_the_server(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "connection":
            raise RuntimeError("can't start new thread")
        start(thread)

    with serving(path):
        with monkeypatch.context() as short:
            short.setattr(threading.Thread, "start", refuse)
            with pytest.raises(InUseError, match="does not answer"):
                ask(path, "echo", a=1)
        assert ask(path, "echo", a=2) == {"a": 2}


def test_a_folder_that_is_gone_does_not_keep_its_owner_from_ending(path: Path) -> None:
    told: list[str | None] = []

    def announce(at: str | None) -> None:
        told.append(at)
        if at is None:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    with Owner(lambda: Folder(path)) as owner, Root(path) as root, Server(root, owner, HANDLERS.get, announce):
        (path / SOCKET).unlink()
        (path / LOCK).unlink()
        path.rmdir()
    assert told == [SOCKET, None]


NO_MESSAGES = [
    b"", b"\0", b"\0\0\0", b"\0\0\0\0", struct.pack(">I", LONGEST + 1), b"\xff\xff\xff\xff" + b"x" * 100,
    struct.pack(">I", 10) + b"short", struct.pack(">I", 3) + b"\xc1\xc1\xc1", b"GET / HTTP/1.1\r\n\r\n",
    struct.pack(">I", 5000) + b"\x91" * 5000, struct.pack(">I", 1) + b"\x01", struct.pack(">I", 2) + b"\x81\x90",
    packed({"command": 5}), packed({"version": "0.1.0", "command": "echo", "arguments": 5}),
    packed({"version": "0.1.0", "command": ["echo"], "arguments": {}}),
]  # fmt: skip


@pytest.mark.parametrize("content", NO_MESSAGES)
def test_what_is_no_message_harms_nobody(content: bytes, path: Path) -> None:
    with serving(path) as (_, folder):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.settimeout(5)
            raw.connect(str(path / SOCKET))
            receive(raw)
            raw.sendall(content)
            raw.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):  # it did not read all of it
                while raw.recv(1000):
                    pass
        assert not folder.diary
        assert ask(path, "echo", a=1) == {"a": 1}


def test_whatever_comes_is_a_message_or_ends_the_connection() -> None:
    numbers = random.Random(1)
    for _ in range(2000):
        content = numbers.randbytes(numbers.randrange(60))
        if numbers.random() < 0.8:  # else hardly any would be as long as it says
            content = struct.pack(">I", len(content)) + numbers.choice((b"", b"\x81\xa1a")) + content
        one, other = socket.socketpair()
        with one, other:
            other.sendall(content)
            other.shutdown(socket.SHUT_WR)
            with suppress(ConnectionEndedError):
                assert isinstance(receive(one), dict)


def test_a_stranger_who_listens_in_the_place_of_the_owner_is_told(path: Path) -> None:
    path.mkdir()
    for greeting in (b"SSH-2.0-OpenSSH\r\n", packed({"program": "other"}), msgpack.packb(5), b""):
        with socket.socket(socket.AF_UNIX) as listener, Root(path) as root:
            (path / SOCKET).unlink(missing_ok=True)
            listener.bind(str(path / SOCKET))
            listener.listen()

            def greet(listener: socket.socket = listener, greeting: bytes = greeting) -> None:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(greeting)

            stranger = threading.Thread(target=greet)
            stranger.start()
            with pytest.raises(InUseError, match="in use by process 1, which does not answer"):
                Client(root, Holder("1", SOCKET, face_classifier.__version__))
            stranger.join()


def test_on_a_real_disk_without_sockets_they_are_in_the_runtime_folder(exfat: Path, runtime: Path) -> None:  # noqa: F811
    assert_served_from(runtime, exfat / "result")
