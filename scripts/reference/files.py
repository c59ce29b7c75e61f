"""The page of the files that the program writes, and of the tables in them, by the statements that make them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from types import ModuleType

from face_classifier.alerts import kept
from face_classifier.core.disk import durable, locks, markers
from face_classifier.core.types import Sighting
from face_classifier.events import records, visits
from face_classifier.gallery import places
from face_classifier.gallery.placing import undo
from face_classifier.gallery.table import schema
from face_classifier.photos import index
from face_classifier.records import file as record_file
from face_classifier.records import head, known
from scripts.reference.tables import plain, table

NAMES: dict[ModuleType, str] = {
    markers: "TABLE ENCODINGS ALERTS PICKLE MANIFEST MARKER",
    places: "UNKNOWNS EXCLUDED",
    locks: "LOCK SOCKET",
    undo: "LOG",
    durable: "PART",
    index: "INDEX",
    head: "SUFFIX",
    known: "_SUFFIX",
}
TEXT = """# Files and tables

Names and tables are those of the code. [The result folder](result-folder.md) tells what you may do with them, and
[Records](../records.md) what stands in a record. Read them as you like; write to them by the program alone.

## Names
"""
LINES = """## Lines

A line of `--jsonl` and of `export` has these fields, which [Look and correct](correct.md) explains:
{faces}. A visit of `events` has {visits}, which [Who passed when](visits.md) explains.
"""


def page() -> str:
    fields = records.record(Sighting(0, "", None, None))
    main = dict(_statements(schema._SCHEMA)) | {
        name: f"CREATE TABLE {name} {columns};" for name, columns in schema._ADDED.items()
    }
    alerts = {name: f"CREATE TABLE {name} ({columns});" for name, columns in kept._TABLES.items()}
    return "\n".join(
        [
            TEXT,
            table(("name", "what it is"), _names()),
            LINES.format(faces=_listed(fields), visits=_listed(visits.COLUMNS)),
            *_tables(f"`{markers.TABLE}`, of a result folder, version {schema.VERSION}", main),
            *_tables(f"`{markers.ALERTS}`, of a result folder, version {kept._VERSION}", alerts),
            *_tables(f"`….{head.SUFFIX.strip('.')}`, a record", dict(_statements(record_file._SCHEMA))),
            *_tables(f"`{index.INDEX}`, of a gallery of photos", dict(_statements(index._SCHEMA))),
        ]
    )


def _listed(names: object) -> str:
    return ", ".join(f"`{name}`" for name in names)  # type: ignore[attr-defined]


def _names() -> Iterator[tuple[str, str]]:
    """Each name with the comment beside it in the code."""
    for module, constants in NAMES.items():
        text = inspect.getsource(module)
        for constant in constants.split():
            found = re.search(rf"^{constant} = \(?\s*\"[^\"]*\"  # (.*)$", text, re.MULTILINE)
            assert found, f"{module.__name__}.{constant} has no comment that tells what it is"
            yield f"`{getattr(module, constant)}`", plain(found[1])


def _statements(schema_text: str) -> Iterator[tuple[str, str]]:
    """The tables of a schema by name, each with its indexes."""
    for statement in re.split(r"^(?=CREATE TABLE)", schema_text.strip(), flags=re.MULTILINE):
        if statement:
            yield statement.split()[2], statement.strip()


def _tables(title: str, statements: Mapping[str, str]) -> Iterator[str]:
    yield f"## {title}\n"
    for statement in statements.values():
        yield f"```sql\n{statement}\n```\n"
