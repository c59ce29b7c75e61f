"""What a worker answers where it cannot do its work."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from face_classifier.core.config.load import load
from face_classifier.core.errors import UserError
from face_classifier.pipeline.inputs import sampling_of
from face_classifier.pipeline.spread.task import Analysed, Begun, Job, Refused, begin
from face_classifier.records import AnalysedFrame
from face_classifier.records.file import read_record
from face_classifier.records.folder import Records


def test_a_worker_without_the_share_of_the_records_makes_none_on_another_disk(tmp_path: Path, short_clip: Path) -> None:
    records = tmp_path / "share" / "records"
    answer = begin(Job(str(tmp_path), str(records), load({})), str(short_clip), None)
    assert isinstance(answer, Refused)
    assert f"{records} is not there; mount that share" in answer.why
    assert not records.parent.exists()


@pytest.mark.parametrize("kept", [100, -20_000])  # the latter without its last page
def test_a_damaged_record_is_made_anew_where_it_is_to_be(tmp_path: Path, short_clip: Path, kept: int) -> None:
    with Records.made(tmp_path / "records") as records:
        job = Job(str(tmp_path), str(records.root.path), load({}))
        first = begin(job, str(short_clip), sampling_of(job.settings))
        assert isinstance(first, Begun)
        assert isinstance(first.outcome, Analysed)
        (name,) = first.outcome.names
        damaged = records.root.path / name
        damaged.write_bytes(damaged.read_bytes()[:kept])
        with pytest.raises(UserError, match="analyse its source with --again"):
            deque(frames_of(records, name), 0)
        again = begin(replace(job, again=True), str(short_clip), sampling_of(job.settings))
        assert isinstance(again, Begun)
        assert again.outcome == first.outcome
        assert list(frames_of(records, name))


def frames_of(records: Records, name: str) -> Iterator[AnalysedFrame]:
    with read_record(records.root, name) as (head, frames):
        yield from frames(head.start)
