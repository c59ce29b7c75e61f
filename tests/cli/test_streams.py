"""A stream as a plain source of the program, from the address that somebody types to the result folder."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from servers.streams import HttpCamera

from face_classifier.core.types import Image

SECRET = "pa55w0rd"


def test_the_faces_of_a_stream_are_kept_a_loss_is_told_and_its_password_is_nowhere(
    tmp_path: Path, closeups: dict[str, Image]
) -> None:
    with HttpCamera(15, lambda _number: closeups["obama.jpg"]) as camera:

        def lose_it() -> None:
            while camera.served == 0:
                time.sleep(0.1)
            time.sleep(2)
            camera.become("404")

        camera.login = f"anna:{SECRET}"
        address = camera.address(f"/stream?token={SECRET}", f"anna:{SECRET}@")
        line = [sys.executable, "-m", "face_classifier", address, "-S", "0.2", "-s", "5", "--refresh", "0.3"]
        files = ["--result", str(tmp_path / "result"), "--jsonl", str(tmp_path / "lines.jsonl")]
        environment = os.environ | {"FACE_CLASSIFIER_LOG": "debug"}
        losing = threading.Thread(target=lose_it)
        losing.start()
        ended = subprocess.run([*line, *files], env=environment, capture_output=True, text=True, timeout=90)
        losing.join()
    assert ended.returncode == 0
    said = ended.stdout + ended.stderr
    assert SECRET not in said
    assert "anna" not in said
    told = [line for line in said.splitlines() if line.endswith("; it is tried again")]
    assert len(told) == 1
    assert camera.address() in told[0]
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".png" for path in written)
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]


def test_one_that_is_not_there_ends_with_a_sentence(tmp_path: Path) -> None:
    with HttpCamera() as camera:
        camera.become("refused")
        ended = subprocess.run(
            [sys.executable, "-m", "face_classifier", camera.address(login=f"anna:{SECRET}@"),
             "--result", str(tmp_path / "result")],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"face-classifier: {camera.address()} refuses the connection; check that it is switched on, and the port"
    )
