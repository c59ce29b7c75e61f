"""How near is near enough: the numbers of second thoughts, of each encoder its own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from face_classifier.identity.certainty import DLIB_CERTAINTY, SFACE_CERTAINTY, Certainty, Floats
from face_classifier.identity.tracks import GOOD

# What a stricter threshold shrinks.
_LENGTHS = ("start", "limit", "several", "clear", "track", "guests", "members", "lonely", "lead", "fall", "meeting")


@dataclass(frozen=True)
class Rule:
    """The numbers of one encoder. Limits are L2 as they hold where strangers are ``ordinary`` apart: where the other
    people of this gallery lie nearer, every limit shrinks (see ``people.crowding``).
    """

    start: float  # tracks nearer than this are joined before anything is known about the gallery
    limit: float  # clusters are joined below this
    clear: float  # two ``heavy`` clusters are joined only below this; up to ``limit`` the user decides
    ordinary: float  # how far apart the nearest strangers of an uncrowded gallery are
    slope: float  # how much of the crowding a limit follows, 0 to 1
    track: float  # the threshold face by face, whatever the crowding: a face farther from its track may be another's
    unclear: float  # how far beyond ``limit`` a pair is still worth asking about
    # Two clusters of several tracks each, of which one is not ``lasting``, are joined below this: the mean
    # of four distances and more is known better than one alone. Less than ``limit`` says nothing.
    several: float = 0.0
    guests: float = math.inf  # people take in small clusters below this, if it is less than ``limit``
    members: float = 0.0  # the same of single tracks by the mean of one of ten people, see ``among``; 0 = none of them
    # How much farther two clusters count that were not seen in one scene, where the gallery has no cohort to tell how
    # near strangers are in it: second thoughts go little farther than the rule face by face then.
    lonely: float = 0.0
    spread: float = 0.5  # how much of a scatter counts where a mean has averaged the rest of it away
    cohort: int = 2  # how many of the nearest other people say how crowded it is ...
    settled: int = 4  # ... of those with so many tracks
    known: int = 3  # scenes or photos in which each of so many others must have been seen to be a cohort at all
    twice: float = 0.07  # how much of a known person somebody is who was seen in two of them: it may be by chance
    heavy: float = 20.0  # weight from which a cluster is a person in its own right
    ratio: float = 3.0  # how many times heavier a person must be to take in a cluster
    founding: float = 2.5  # weight, three fair faces, that lets a lone track take others in; it is one as `founds` says
    worth: float = GOOD  # of all faces of a person together, at least
    lasting: float = 7.0  # weight from which a cluster does not come apart, and its mean attracts single tracks
    lead: float = 0.06  # at most so much of what the next person is farther, L2, is in favour of the nearest
    fall: float = 0.027  # L2 by which ``members`` falls with ten times as many people: strangers near by chance grow so
    # What each meeting that two strangers would have had, but had not, takes off their distance: the odds of one person
    # to two fall by e in .020 L2 with dlib, .018 with SFace (`benchmarks/likeness.py`), and meetings depend on another.
    meeting: float = 0.0134
    meetings: float = 3.0  # more say no more
    chance: float = 0.5  # of a meeting: less says nothing
    certainty: Certainty | None = None  # None = nothing is known of the encoder's space: no face casts a doubt

    @property
    def evidence(self) -> float:
        """By how much, L2, two people who never met may count as nearer, at most."""
        return self.meeting * self.meetings

    def among(self, people: int) -> float:
        """``members`` among so many people, of ``founding`` or more; of less than five it is never known that there are
        no more."""
        return self.members - self.fall * math.log10(max(people, 5) / 10)

    def doubt(self, encodings: Floats, quality: Floats) -> Floats:
        """By how much faces count as farther from such as have as much doubt, L2: (faces,), as `templates` takes it."""
        if self.certainty is None or not len(quality):
            return np.zeros(len(quality))
        return self.certainty.of_faces(encodings, quality)

    def stricter(self, factor: float, founding: float) -> Rule:
        """The same rule with limits ``factor`` times as high, but no higher, and ``founding`` faces of a lone track for
        a person."""
        limits = {name: getattr(self, name) * min(factor, 1.0) for name in _LENGTHS}
        return replace(self, founding=founding - 0.5, **limits)  # one of them may be half as good


# Fitted to mirror-averaged encodings of LFW people, singers, actors and clips together; one rule for all of them.
DLIB = Rule(
    start=0.39, limit=0.53, clear=0.47, members=0.465, ordinary=0.60, slope=0.6, track=0.46, unclear=0.04,
    lonely=0.07, certainty=DLIB_CERTAINTY,
)  # fmt: skip
# With SFace following the crowding loses: at a slope of .3 the singers' BCubed F falls from .98 to .90.
SFACE = Rule(
    start=0.379, limit=0.482, several=0.5, clear=0.482, guests=0.45, members=0.42, ordinary=0.491, slope=0.0,
    track=0.46, unclear=0.027, lonely=0.03, spread=0.6, certainty=SFACE_CERTAINTY,
)  # fmt: skip
