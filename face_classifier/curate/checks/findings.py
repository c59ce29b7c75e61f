"""What a check found: the words of every check, of a result folder as of an index of photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """Something that does not agree."""

    check: str
    where: str  # a path in the result folder, the name of a face, or the path of a log
    sentence: str  # what is wrong with it
    repaired: bool | None = None  # None = it was not tried


@dataclass(frozen=True)
class Verified:
    """What was checked, and what was found."""

    checked: dict[str, int]  # how many things each check looked at; one that was left out is not among them
    findings: list[Finding]
    notes: list[str]  # sentences about what is no error

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong any more."""
        return all(finding.repaired for finding in self.findings)


@dataclass
class Inspection:
    """What a way through files that changes nothing has found so far."""

    checked: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def find(self, check: str, where: object, sentence: str) -> None:
        self.findings.append(Finding(check, str(where), sentence))


def joined(parts: Sequence[Verified]) -> Verified:
    """Everything that was checked and found."""
    checked: Counter[str] = Counter()
    for part in parts:
        checked.update(part.checked)
    return Verified(
        dict(checked),
        [finding for part in parts for finding in part.findings],
        [note for part in parts for note in part.notes],
    )


def table(verified: Verified) -> Iterator[tuple[str, str, str, str]]:
    """Of each check: its name, how many things were fine, how many findings there are and how many are repaired."""
    for check, checked in verified.checked.items():
        findings = [finding for finding in verified.findings if finding.check == check]
        wrong = len({finding.where for finding in findings})
        repaired = sum(bool(finding.repaired) for finding in findings)
        yield check, str(max(0, checked - wrong)), str(len(findings)), str(repaired)


def lines(verified: Verified) -> Iterator[str]:
    """What was found, in words."""
    for finding in verified.findings:
        state = "" if finding.repaired is None else " (repaired)" if finding.repaired else " (NOT repaired)"
        yield f"{finding.check}: {finding.where}: {finding.sentence}{state}"
    yield from verified.notes
