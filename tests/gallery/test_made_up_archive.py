"""The gallery that `benchmarks/archive.py` measures is one as the program makes it; its faces are like real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Listener

from face_classifier.core.config.load import load
from face_classifier.curate.checks.verify import verify
from face_classifier.gallery.gallery import Gallery

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def test_a_made_up_folder_is_sound_and_as_it_was_asked_for(tmp_path: Path) -> None:
    from large.folder import make_folder

    make_folder(tmp_path / "result", 20, 150)
    settings, told = load({"result": str(tmp_path / "result"), "encoder": "sface"}), Listener()
    with Gallery.open(settings, told) as gallery:
        assert gallery.people.persons == 20
        assert len(gallery.faces) == 150
        assert gallery.people.unknown_faces > 0
        gallery.write_views()
    assert verify(settings, told, dry_run=True).findings == []
    assert told.problems == []


def test_made_up_faces_know_their_own_and_no_other() -> None:
    """As measured in data/lfw: own averages lie around .27, the nearest of 600 others around .47."""
    from large.crowd import Crowd, stored

    people = np.repeat(np.arange(600), 4)
    drawn = Crowd(stored()).faces(people, np.arange(len(people)), np.random.default_rng(1)).astype(float)
    means = drawn.reshape(600, 4, -1).mean(axis=1)
    away = np.linalg.norm(drawn[:200, None] - means[None], axis=2)
    own = away[np.arange(200), people[:200]].copy()
    away[np.arange(200), people[:200]] = np.inf
    assert 0.2 < np.median(own) < 0.3  # a quarter of the average is the face itself
    assert 0.44 < np.median(away.min(axis=1)) < 0.5
