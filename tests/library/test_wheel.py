"""What a user installs: the wheel has the types, and a strict checker sees them."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SNIPPET = """
from collections.abc import Sequence
from pathlib import Path

import face_classifier as fc


def on_frame(frame: fc.Frame, faces: Sequence[fc.Seen]) -> None:
    print(frame.position, [face.person for face in faces])


one, other = fc.encode(fc.read_picture(Path("photo.jpg")))
same: bool = fc.compare(one, other).same
labels: list[int] = fc.cluster([one.encoding, other.encoding], frames=[0, 0]).tolist()
failed: int = fc.run("clip.mp4", on_frame=on_frame, seconds=0.5).failed
names: list[str] = [person.name for person in fc.open_gallery("result")]
f: float = fc.evaluate(["Ada"], [0]).f
"""
WRONG = """
fc.detekt(fc.read_picture(Path("photo.jpg")))
fc.encode("photo.jpg")
"""


@pytest.mark.proof
def test_a_users_program_is_checked_strictly_against_the_wheel(tmp_path: Path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("face_classifier-*.whl")
    venv.create(tmp_path / "venv")
    packages = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))  # NumPy, which the types name
    program = tmp_path / "program.py"

    def mypy(text: str) -> list[str]:
        program.write_text(text)
        line = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(tmp_path / "venv/bin/python")]
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
        done = subprocess.run(
            [*line, "program.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        return [message for message in done.stdout.splitlines() if ": error:" in message]

    assert mypy(SNIPPET) == []
    misspelt, no_picture = mypy(SNIPPET + WRONG)
    assert 'Module has no attribute "detekt"' in misspelt
    assert 'has incompatible type "str"; expected "ndarray' in no_picture
