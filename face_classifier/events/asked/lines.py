"""Visits as lines of a table in CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from face_classifier.core.names import shown

_FORMULAS = ("=", "+", "-", "@")  # by which spreadsheets know what they carry out


def csv_lines(columns: Sequence[str], records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The header and a line for each record, each with its end of line.

    Names that a spreadsheet would take for a formula have an apostrophe before them, which it does not show.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for record in records:
        yield _taken(buffer)
        writer.writerow({key: _cell(value) for key, value in record.items()})
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = " ".join(map(str, value))
    if not isinstance(value, str):
        return value
    return f"'{shown(value)}" if value.lstrip().startswith(_FORMULAS) else shown(value)
