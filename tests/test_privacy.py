"""Nothing leaves the machine: no command looks up a name or opens a connection, or writes outside its own cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import need_tool

from face_classifier.core.types import Image
from face_classifier.vision.models.packages import cache_folder

# A connection to a socket file goes to a program on this machine, such as the name service cache.
_OUTWARD = re.compile(r"(connect|sendto|sendmsg|sendmmsg)\(.*AF_INET")


class Watched:
    """Runs commands without a network, in a home of their own, and records whom they tried to reach."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._trace = home.with_name("trace")
        self._strace = need_tool("strace", "strace")
        self._offline = [need_tool("unshare", "util-linux"), "--user", "--map-root-user", "--net"]
        if subprocess.run([*self._offline, "true"], capture_output=True, check=False).returncode:
            pytest.skip("this system allows no network namespaces")
        # The models are there: to fetch them is what the README names as the exception.
        shutil.copytree(cache_folder(), home / ".cache" / "face_classifier")

    def run(self, *line: object) -> list[str]:
        """The system calls by which a command and its children tried to reach another machine."""
        traced = [self._strace, "-f", "-qq", "-e", "trace=network", "-o", str(self._trace)]
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
        done = subprocess.run(
            [*self._offline, *traced, sys.executable, *map(str, line)],
            env={**keep, "HOME": str(self.home)},
            cwd=self.home.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [call for call in self._trace.read_text().splitlines() if _OUTWARD.search(call)]

    def written(self) -> set[str]:
        """What is in the home folder beside the program's own cache."""
        ours = self.home / ".cache" / "face_classifier"
        return {
            str(path.relative_to(self.home))
            for path in self.home.rglob("*")
            if path.is_file() and not path.is_relative_to(ours)
        }


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    home = tmp_path / "home"
    home.mkdir()
    return Watched(home)


def test_a_look_up_would_be_seen(watched: Watched):
    look_up = "import socket, contextlib\nwith contextlib.suppress(OSError): socket.getaddrinfo('example.org', 80)"
    literal = look_up.replace("getaddrinfo('example.org', 80)", "create_connection(('192.0.2.1', 9), 1)")
    assert watched.run("-c", look_up)
    assert watched.run("-c", literal)


def test_no_command_reaches_out_or_writes_elsewhere(
    watched: Watched, short_clip: Path, photo_folder: Callable[..., Path], closeups: dict[str, Image]
):
    photos = photo_folder({"Anna/a.jpg": "obama.jpg", "Anna/b.jpg": "obama2.jpg", "Berta.jpg": "biden.jpg"})
    commands = {
        "run": [short_clip, "-S", "0"],
        "group": ["group", photos, "-o", watched.home.parent / "people"],
        "similar": ["similar", photos / "Berta.jpg", "--gallery", photos],
        "recognize": ["recognize", photos / "Berta.jpg", "--emotion"],
        "people": ["people"],
    }
    reached = {name: watched.run("-m", "face_classifier", *line) for name, line in commands.items()}
    assert reached == {name: [] for name in commands}
    assert watched.written() == set()
