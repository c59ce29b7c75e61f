"""Who is forgotten, or kept for a while only, is not left in the records that were placed."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from conftest import Ended, Watcher
from curate.test_retention import HOUR, House, keep
from gallery.test_forget import rows_in

from face_classifier.core.config.load import load
from face_classifier.core.disk.durable import PRIVATE
from face_classifier.core.disk.retry import Patience
from face_classifier.gallery.past.back import RECORDS
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.store import Store
from face_classifier.pipeline.archive import analyse_into
from face_classifier.pipeline.here import Here
from face_classifier.records.file import read_record
from face_classifier.records.folder import Records
from face_classifier.vision.engine import Engine

Command = Callable[..., Ended]


def place(tmp_path: Path, sources: list[Path], engine: Engine, **flags: object) -> list[str]:
    """Analyse sources into records, and place those; returns the names of the records."""
    settings, observer, stopping = load({"result": str(tmp_path / "result"), **flags}), Watcher(), threading.Event()
    patience = Patience(0, stopping, observer.problem)
    with (
        Records.made(tmp_path / "records", PRIVATE) as records,
        Here.opened(settings, lambda _: engine, None, observer, patience) as here,
    ):
        here.note_records(records.root.path)
        analyse = partial(analyse_into, records.root, settings=settings, engine=engine, stopping=stopping)
        names = [name for source in sources for name in analyse(str(source)) or ()]
        for name in names:
            with read_record(records.root, name) as (head, frames):
                here.place_part(name, head, frames).result()
        here.finish()
    assert observer.problems == []
    return names


def test_the_records_in_which_somebody_is_go_with_them(
    tmp_path: Path, short_clip: Path, demo_clip: Path, command: Command, engine: Engine
) -> None:
    demo = tmp_path / "demo.mp4"
    shutil.copy2(demo_clip, demo)
    short, long = place(tmp_path, [short_clip, demo], engine)
    result = tmp_path / "result"
    (row,) = [row for row in rows_in(result) if row.source == str(short_clip) and row.position == 0.0]
    ended = command("forget", row.face, "--result", result, "--json")
    answer = json.loads(ended.out)
    assert (answer["faces"], answer["records"], answer["left"]) == (1, 1, [])
    with Records(tmp_path / "records") as records:
        assert records.names() == [long]
    assert short != long
    before = sorted(path.name for path in result.rglob("*.png"))
    assert place(tmp_path, [short_clip], engine) == [short]  # it is made anew, and they do not come back
    assert sorted(path.name for path in result.rglob("*.png")) == before


def test_a_folder_of_records_that_is_away_is_left_to_the_user(
    tmp_path: Path, short_clip: Path, command: Command, engine: Engine
) -> None:
    place(tmp_path, [short_clip], engine)
    (tmp_path / "records").rename(tmp_path / "moved")
    face = rows_in(tmp_path / "result")[0].face
    ended = command("forget", face, "--result", tmp_path / "result")
    assert ended.code == 0
    assert "records: 0" in ended.out
    assert f"the records {tmp_path / 'records'} could not be looked through" in ended.out


def test_retention_removes_the_records_of_strangers_that_it_removes(
    tmp_path: Path, short_clip: Path, engine: Engine
) -> None:
    (name,) = place(tmp_path, [short_clip], engine, stop=1.0)  # each of the two once
    house, now = House(tmp_path / "result"), datetime.now(timezone.utc)
    assert [row.folder for row in rows_in(house.folder) if row.folder == UNKNOWNS]
    assert house.retain(keep(), now).records == 0
    assert (tmp_path / "records" / name).exists()
    with Store(house.folder, writing=True) as store:
        assert store.past.uses() == [(RECORDS, tmp_path / "records")]
    removed = house.retain(keep(unknown="10 min"), now + HOUR)
    assert removed.faces > 0
    assert removed.records == 1
    assert not (tmp_path / "records" / name).exists()
