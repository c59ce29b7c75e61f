"""How right a grouping of faces is, measured against the truth. Numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face_classifier.identity.cluster import UNKNOWN

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


def evaluate(truth: Ints, labels: Ints) -> Evaluation:
    """Measure a grouping of faces.

    Parameters
    ----------
    truth : (faces,) int64, which person each face is of; any numbers
    labels : (faces,) int64, the group of each face from 0 up; UNKNOWN = none

    Raises ValueError if there is no face, or the two are not of one length.
    """
    if len(truth) == 0 or truth.shape != labels.shape:
        raise ValueError(f"truth and labels are of the same faces, not of {len(truth)} and {len(labels)}")
    truth = np.unique(truth, return_inverse=True)[1]
    precision, recall = bcubed(truth, labels)
    return Evaluation(
        faces=len(truth),
        true_people=int(truth.max()) + 1,
        people=len(np.unique(labels[labels != UNKNOWN])),
        unknown=int((labels == UNKNOWN).sum()),
        precision=precision,
        recall=recall,
        edits=edits(truth, labels),
    )


def bcubed(truth: Ints, labels: Ints) -> tuple[float, float]:
    """BCubed precision and recall, 0 to 1, of faces as in `evaluate`.

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
    """How many moves of single faces and merges of whole groups lead to the truth, as one works with a file manager.

    Every group becomes its most frequent person's (the largest such share first; of equal ones somebody without a group
    yet), and each other face in it is moved: one edit. Each further group of a person is merged: one edit. Each unknown
    face of a person with more than one face is moved: one edit; whoever has a single face may stay unknown.

    It follows the labelling cost of Guillaumin, Verbeek and Schmid, "Is that you? Metric learning approaches for face
    identification" (2009), but does not count the name that each person gets once, whatever the grouping.

    Parameters as of `evaluate`.
    """
    truth = np.unique(truth, return_inverse=True)[1]
    size = np.bincount(truth)
    groups = [
        np.bincount(truth[labels == group], minlength=len(size)) for group in np.unique(labels[labels != UNKNOWN])
    ]
    moves, owners = 0, set[int]()
    for group in sorted(groups, key=lambda group: -int(group.max())):
        best = [int(person) for person in np.flatnonzero(group == group.max())]
        owner = next((person for person in best if person not in owners), best[0])
        moves += int(group.sum() - group[owner]) + (owner in owners)
        owners.add(owner)
    return moves + int((size[truth[labels == UNKNOWN]] >= 2).sum())
