"""A record may come from anybody: whatever its bytes and values are, it is read as one or refused in a sentence."""

from __future__ import annotations

import random
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from face_classifier.core.config.load import load
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.pipeline.archive import analyse_into
from face_classifier.records.file import read_record
from face_classifier.vision.engine import Engine

COLUMNS = {
    "head": ["key", "value"],
    "frames": ["index", "position", "tolerance", "time", "scale", "stream"],
    "faces": "place box score landmarks quality track sure discarded encoding made_by emotion picture".split(),
}
VALUES = st.one_of(
    st.none(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(),
    st.text(max_size=30),
    st.binary(max_size=600),
    st.sampled_from(
        ["[]", "{}", "null", "NaN", "[1, 2, 3, 4]", "[" * 5000, '"\\ud800"', "1e999", "2024-05-06T07:08:09+00:00"]
    ),
)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory, short_clip: Path, engine: Engine) -> bytes:
    """A record, as bytes."""
    with Root.made(tmp_path_factory.mktemp("forged") / "records") as root:
        (name,) = analyse_into(root, str(short_clip), load({}), engine, threading.Event()) or []
        return root.read(name)


def read(path: Path) -> int | None:
    """How many frames it has; None: it is refused."""
    try:
        with Root(path.parent) as root, read_record(root, path.name) as (head, frames):
            return sum(1 for _ in frames(head.start))
    except UserError as error:
        sentence = str(error)
    assert "analyse its source with --again" in sentence
    return None


def test_bytes_that_are_changed_or_missing_are_refused_or_make_another_record(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.record"
    chance = random.Random(14)
    outcomes = set()
    for _ in range(150):
        forged = bytearray(content)
        for _ in range(chance.randrange(1, 30)):
            # Most of a record are pictures, whose pixels nobody looks at: hit what is around them as often.
            place = chance.randrange(len(forged)) if chance.random() < 0.5 else chance.randrange(8192)
            forged[place] = chance.randrange(256)
        if chance.random() < 0.3:
            del forged[chance.randrange(len(forged)) :]
        path.write_bytes(forged)
        outcomes.add(read(path))
    assert None in outcomes
    assert outcomes - {None}, "each was refused: the test has no teeth"


@given(
    where=st.sampled_from([(table, column) for table, columns in COLUMNS.items() for column in columns]), value=VALUES
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_values_that_somebody_wrote_are_refused_or_make_another_record(
    content: bytes, tmp_path: Path, where: tuple[str, str], value: object
) -> None:
    path = tmp_path / "a.record"
    path.write_bytes(content)
    table, column = where
    with closing(sqlite3.connect(path)) as database, database:
        try:
            database.execute(f'UPDATE {table} SET "{column}" = ?', (value,))
        except (sqlite3.Error, UnicodeEncodeError):
            return  # a column takes no NULL, or not the same twice
    read(path)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE frames; CREATE VIEW frames AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i AS number, 0 AS \"index\", 0.0 AS position, 0.1 AS tolerance, 'x' AS time, 1 AS scale, 1 AS stream "
        "FROM n",
        "DROP TABLE head; CREATE VIEW head AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i AS key, '1' AS value FROM n",
        "ALTER TABLE faces ADD COLUMN more AS (hex(zeroblob(500000000)))",
        "CREATE TRIGGER t AFTER INSERT ON head BEGIN DELETE FROM faces; END",
        "DELETE FROM frames WHERE number = 2",
        "UPDATE faces SET place = place + 1",
        "UPDATE head SET value = replace(hex(zeroblob(2000000)), '00', '[')",
        "UPDATE faces SET picture = zeroblob(100000000) WHERE frame = 1",
    ],
)
def test_what_would_never_end_or_fill_the_memory_or_lacks_something_is_refused(
    content: bytes, tmp_path: Path, statement: str
) -> None:
    path = tmp_path / "a.record"
    path.write_bytes(content)
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(statement)
    outcome: list[int | None] = []
    reading = threading.Thread(target=lambda: outcome.append(read(path)), daemon=True)
    reading.start()
    reading.join(10)
    assert outcome == [None]
