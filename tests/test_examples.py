"""The scripts in examples/ do what their first lines say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from conftest import Gallery

from face_classifier.core.types import Face

FOLDER = Path(__file__).parent.parent / "examples"


def run(script: str, *arguments: object) -> list[str]:
    """Runs a script, and returns the lines that it prints."""
    line = [sys.executable, str(FOLDER / script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parent)}
    return subprocess.run(line, capture_output=True, text=True, check=True, env=environment).stdout.splitlines()


def test_every_script_is_tested():
    tests = Path(__file__).read_text("utf-8")
    assert [path.name for path in FOLDER.glob("*.py") if f'run("{path.name}"' not in tests] == []


def test_photos_to_people(photographs: dict[str, Path], tmp_path: Path):
    for name in ("biden.jpg", "obama.jpg", "obama2.jpg"):
        shutil.copy(photographs[name], tmp_path / name)
    (tmp_path / "notes.txt").write_text("no photo")
    note, *lines = run("photos_to_people.py", tmp_path)
    assert f"{tmp_path / 'notes.txt'} is not a picture" in note
    assert lines == ["biden.jpg: somebody", "obama.jpg: person 0", "obama2.jpg: person 0"]


def test_cluster_encodings(faces: dict[str, Face], tmp_path: Path):
    names = ["biden.jpg", *sorted(name for name in faces if name.startswith("obama"))]
    np.savez(tmp_path / "faces.npz", encoding=np.array([faces[name].encoding for name in names]))
    lines = run("cluster_encodings.py", tmp_path / "faces.npz")
    assert lines == ["0 nobody", *(f"{number} person 0" for number in range(1, len(names)))]


def test_evaluate_rules_and_gallery_to_csv(gallery: Gallery, tmp_path: Path):
    gallery.see("obama.jpg", "obama2.jpg", "biden.jpg", "obama3.jpg", "biden.jpg")
    line = [sys.executable, "-m", "face_classifier", "export", "--result", str(gallery.folder), "--format", "npz"]
    exported = subprocess.run(line, capture_output=True, check=True, cwd=FOLDER.parent).stdout
    (tmp_path / "faces.npz").write_bytes(exported)
    lines = run("evaluate_rules.py", tmp_path / "faces.npz")
    assert len(lines) == 5
    assert lines[2] == "0.460: F 1.000, 0 edits, 2 people for 2"

    head, *rows = (line.split(",") for line in run("gallery_to_csv.py", gallery.folder))
    assert head == ["person", "faces", "first", "last", "spread"]
    assert [(person, faces) for person, faces, *_ in rows] == [("person_01", "3"), ("person_02", "2")]
    assert rows[0][2:4] == ["2024-05-06 07:08:09+00:00", "2024-05-06 07:08:12+00:00"]
    assert 0 < float(rows[0][4]) < 0.46


def test_video_to_csv(short_clip: Path, tmp_path: Path):
    head, *lines = run("video_to_csv.py", short_clip, tmp_path / "result")
    assert head == "seconds,person,top,right,bottom,left"
    assert [line.split(",")[:2] for line in lines][-2:] == [["2.00", "person_01"], ["3.00", "person_02"]]
    assert (tmp_path / "result" / "person_01").is_dir()
