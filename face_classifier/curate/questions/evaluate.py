"""How right a grouping of faces is, measured against the truth."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face_classifier.identity.grouping.people import UNKNOWN

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Evaluation:
    """A grouping against the truth."""

    faces: int
    true_people: int
    people: int  # groups made: of the faces that take part, whatever their size
    unknown: int  # faces in no group
    precision: float  # BCubed, 0 to 1: falls where groups mix people
    recall: float  # BCubed, 0 to 1: falls where people are split or unknown
    edits: int  # until all is clean

    @property
    def f(self) -> float:
        """The harmonic mean of precision and recall, 0 to 1."""
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def evaluate(truth: Iterable[Hashable], labels: Iterable[Hashable]) -> Evaluation:
    """Measures a grouping of faces.

    Parameters
    ----------
    truth : (faces,) whose each face is: names, numbers, or whatever can be compared
    labels : (faces,) the group of each face, likewise; None or -1 = none

    Raises ValueError if there is no face, or the two are not of one length.
    """
    people, groups = _numbered(truth), _numbered(None if label == UNKNOWN else label for label in labels)
    if len(people) == 0 or people.shape != groups.shape:
        raise ValueError(f"truth and labels are of the same faces, not of {len(people)} and {len(groups)}")
    precision, recall = bcubed(people, groups)
    return Evaluation(
        faces=len(people),
        true_people=len(np.unique(people)),
        people=len(np.unique(groups[groups != UNKNOWN])),
        unknown=int((groups == UNKNOWN).sum()),
        precision=precision,
        recall=recall,
        edits=edits(people, groups),
    )


def _numbered(values: Iterable[Hashable]) -> Ints:
    """A number from 0 up for each value, the same for equal ones; UNKNOWN for None."""
    numbers: dict[Hashable, int] = {}
    return np.array([UNKNOWN if one is None else numbers.setdefault(one, len(numbers)) for one in values], np.int64)


def bcubed(truth: Ints, labels: Ints) -> tuple[float, float]:
    """BCubed precision and recall, 0 to 1. ``truth``: (faces,) whose each is; ``labels``: its group, UNKNOWN = none.

    Precision: of the faces in a face's group, itself included, the share that is of its person; recall: of the faces of
    its person the share that is in its group; both on average over faces. An unknown face is a group of its own.

    Bagga and Baldwin, "Algorithms for scoring coreference chains" (1998); on why it suits clusters: Amigó, Gonzalo,
    Artiles and Verdejo, "A comparison of extrinsic clustering evaluation metrics" (2009).
    """
    truth = np.unique(truth, return_inverse=True)[1]
    own = np.where(labels == UNKNOWN, labels.max(initial=0) + 1 + np.arange(len(labels)), labels)
    own = np.unique(own, return_inverse=True)[1]
    _, pair, count = np.unique(np.stack([truth, own]), axis=1, return_inverse=True, return_counts=True)
    both = count[pair.reshape(-1)]
    return float((both / np.bincount(own)[own]).mean()), float((both / np.bincount(truth)[truth]).mean())


def edits(truth: Ints, labels: Ints) -> int:
    """The fewest moves of single faces and merges of whole groups that lead to the truth, as with a file manager.

    Every group becomes its most frequent person's, and each other face in it is moved: one edit. Each further group of
    a person is merged: one edit; where several people are as frequent in a group, it goes to the one with whom there
    are the fewest merges. Each unknown face of a person with more than one face is moved: one edit; whoever has a
    single face may stay unknown.

    It follows the labelling cost of Guillaumin, Verbeek and Schmid, "Is that you? Metric learning approaches for face
    identification" (2009), but does not count the name that each person gets once, whatever the grouping.

    ``truth`` and ``labels`` as of `bcubed`.
    """
    truth = np.unique(truth, return_inverse=True)[1]
    known = labels != UNKNOWN
    pairs, counts = np.unique(np.stack([labels[known], truth[known]]), axis=1, return_counts=True)
    group = np.unique(pairs[0], return_inverse=True)[1]
    most = np.zeros(group.max(initial=-1) + 1, np.int64)  # faces of a group's most frequent person
    np.maximum.at(most, group, counts)
    owners: list[list[int]] = [[] for _ in most]
    for at in np.flatnonzero(counts == most[group]):
        owners[group[at]].append(int(pairs[1, at]))
    merges = len(owners) - _with_a_group(owners)
    alone = np.bincount(truth)[truth[~known]] < 2
    return int(known.sum() - most.sum()) + merges + int((~alone).sum())


def _with_a_group(choices: list[list[int]]) -> int:
    """How many people can have a group if each group goes to one of its ``choices``; found by augmenting paths."""
    group_of: dict[int, int] = {}
    person_of: dict[int, int] = {}
    for start in range(len(choices)):
        reached: dict[int, int] = {}  # person -> the group that would take them
        queue, free = [start], None
        for group in queue:
            for person in choices[group]:
                if person not in reached:
                    reached[person] = group
                    if person not in group_of:
                        free = person
                        break
                    queue.append(group_of[person])
            if free is not None:
                break
        while free is not None:
            group = reached[free]
            before = person_of.get(group)
            group_of[free], person_of[group] = group, free
            free = before
    return len(group_of)
