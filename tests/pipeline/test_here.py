"""What a run says when it opens its gallery."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from conftest import Listener
from gallery.folder.test_compare import read_photo

from face_classifier.core.config.load import load
from face_classifier.core.disk.retry import Patience
from face_classifier.gallery.store import Store
from face_classifier.pipeline.here import Here
from face_classifier.vision.engine import Engine


@pytest.mark.parametrize(
    ("people", "threshold", "told"), [(101, 0.46, 1), (100, 0.46, 0), (101, None, 0), (101, 0.3, 0), (101, "auto", 0)]
)
def test_a_run_tells_that_its_threshold_lets_strangers_in_among_so_many_people(
    people: int, threshold: float | str | None, told: int, tmp_path: Path, engine: Engine
) -> None:
    for number in range(people):
        (tmp_path / f"Ann {number}").mkdir()
        (tmp_path / f"Ann {number}" / f"20240506_070809.000-{number}.png").write_bytes(bytes([number]))
    with Store(tmp_path, writing=True) as store:
        store.look(read_photo)
    chosen = load({"result": str(tmp_path), "threshold": threshold, "encoder": "dlib"}, None, {})
    observer = Listener()
    patience = Patience(chosen.patience, threading.Event(), observer.problem)
    with Here.opened(chosen, lambda _: engine, None, observer, patience):
        assert sum("101 people; among so many" in sentence for sentence in observer.problems) == told
