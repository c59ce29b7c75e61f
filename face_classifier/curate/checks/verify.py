"""Checks that the pictures, the table, the views and the logs of a result folder agree, and repairs what can be.

First everything is only read, so that a sound folder stays as it is to the byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from face_classifier.core.config.settings import Settings
from face_classifier.core.progress import Observer
from face_classifier.core.words import counted
from face_classifier.curate.ask import carry_out
from face_classifier.curate.checks.findings import Finding, Verified
from face_classifier.curate.checks.folder import FolderInspection, inspect
from face_classifier.curate.checks.repair import opened_to_repair
from face_classifier.gallery.opening import check_result_folder


def verify(
    settings: Settings,
    observer: Observer,
    *,
    logs: Sequence[str] = (),
    encodings: bool = False,
    dry_run: bool = False,
    confirmed: bool = False,
) -> Verified:
    """Check the result folder of ``settings``, and repair what is wrong.

    ``confirmed``: the user deleted the faces that are missing, and those that went at once.
    ``logs``: files of ``--jsonl``, which are never changed. ``encodings``: encode every picture anew to compare.
    ``dry_run``: change nothing. Raises UserError where there is no such folder, or its owner cannot repair it.
    """
    check_result_folder(Path(settings.result))
    observer = _Once(observer)
    inspection = inspect(settings, observer, logs, encodings)
    first, findings = inspection, {_key(finding): finding for finding in inspection.findings}
    while not dry_run and (inspection.is_to_repair or (confirmed and inspection.missing)):
        before = inspection
        _repair(settings, observer, inspection, confirmed=confirmed)
        inspection = inspect(settings, observer, logs, encodings)
        findings |= {_key(finding): finding for finding in inspection.findings if _key(finding) not in findings}
        if (inspection.findings, inspection.missing) == (before.findings, before.missing):
            break
    if first.missing > inspection.missing:
        deleted = counted(first.missing - inspection.missing, "face that was missing is", "faces that were missing are")
        inspection.notes.append(f"{deleted} deleted now")
    left = {_key(finding) for finding in inspection.findings}
    return Verified(
        inspection.checked | first.checked,
        [replace(finding, repaired=None if dry_run else key not in left) for key, finding in findings.items()],
        inspection.notes,
    )


class _Once:
    """Tells an observer each sentence once: a folder is looked through several times."""

    def __init__(self, observer: Observer) -> None:
        self._problem, self._told = observer.problem, set[str]()
        self.through, self.at_end = observer.through, observer.at_end

    def problem(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            self._problem(sentence)


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.check, finding.where, finding.sentence


def _repair(settings: Settings, observer: Observer, inspection: FolderInspection, *, confirmed: bool) -> None:
    arguments = {
        "contents": sorted(inspection.contents),
        "encodings": sorted(inspection.encodings),
        "montages": sorted(inspection.montages),
        "confirmed": confirmed,
    }
    carry_out(settings, "verify", arguments, observer, opens=partial(opened_to_repair, confirmed=confirmed))
