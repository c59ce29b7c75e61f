"""What a worker answers where it cannot do its work."""

from __future__ import annotations

from pathlib import Path

from face_classifier.core.config.load import load
from face_classifier.pipeline.spread.task import Job, Refused, begin


def test_a_worker_without_the_share_of_the_records_makes_none_on_another_disk(tmp_path: Path, short_clip: Path) -> None:
    records = tmp_path / "share" / "records"
    answer = begin(Job(str(tmp_path), str(records), load({})), str(short_clip), None)
    assert isinstance(answer, Refused)
    assert f"{records} is not there; mount that share" in answer.why
    assert not records.parent.exists()
