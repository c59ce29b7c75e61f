"""What a folder of records has of each source, so that nothing of it needs to be analysed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from face_classifier.core.config.settings import Settings
from face_classifier.pipeline.archive import head_of
from face_classifier.pipeline.spread.task import Analysed, Failed, Looked, Outcome
from face_classifier.records.folder import Records
from face_classifier.sources.base import Sampling
from face_classifier.sources.chapters import Chapter


class Found:
    """Finds the records of sources. All are of processors and versions that compute alike, unless they may be mixed."""

    def __init__(self, records: Records, settings: Settings, *, mixed: bool) -> None:
        """``settings``: with which the sources were analysed. Raises OSError."""
        self._records, self._settings, self._mixed = records, settings, mixed
        self._names: dict[str, list[str]] = defaultdict(list)  # by part, sorted
        for name in records.names():
            self._names[name.partition("-")[0]].append(name)
        self._made: str | None = None  # how the names end of those that were found so far

    def find(self, looked: Looked, sampling: Sampling, chapters: Sequence[Chapter]) -> Outcome:
        """The records of chapters of a source. Raises UserError where one is none."""
        found: list[str] = []
        whole = head_of(looked, self._settings, sampling)
        for chapter in chapters:
            outcome = self._find(looked.name, whole.of(chapter).part)
            if isinstance(outcome, Failed):
                return outcome
            found += outcome.names
        return Analysed(tuple(found))

    def _find(self, source: str, part: str) -> Outcome:
        folder = self._records.root.path
        names = self._names.get(part, [])
        alike = [name for name in names if self._made is None or self._mixed or name.endswith(self._made)]
        if not names:
            return Failed(f"{folder} has no record of {source} with these settings; analyse it first")
        if not alike:
            return Failed(
                f"the record of {source} was made by another processor, or other versions, than those before it; "
                "analyse it anew, or add --mixed"
            )
        self._made = alike[0].partition("-")[2]
        failure = self._records.head(alike[0]).failure
        return Analysed((alike[0],)) if failure is None else Failed(failure)
