"""How near is near enough: the numbers of second thoughts, of each encoder its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from face_classifier.identity.certainty import DLIB_CERTAINTY, SFACE_CERTAINTY, Certainty, Floats


@dataclass(frozen=True)
class Rule:
    """The numbers of one encoder. Limits are L2 as they hold where strangers are ``ordinary`` apart: where the other
    people of this gallery lie nearer, every limit shrinks (see ``people.crowding``).
    """

    start: float  # tracks nearer than this are joined before anything is known about the gallery
    limit: float  # clusters are joined, and people take in small ones, below this
    clear: float  # two ``heavy`` clusters are joined only below this; up to ``limit`` the user decides
    ordinary: float  # how far apart the nearest strangers of an uncrowded gallery are
    slope: float  # how much of the crowding a limit follows, 0 to 1
    track: float  # the threshold face by face, whatever the crowding: a face farther from its track may be another's
    unclear: float  # how far beyond ``limit`` a pair is still worth asking about
    spread: float = 0.5  # how much of a scatter counts where a mean has averaged the rest of it away
    cohort: int = 2  # how many of the nearest other people say how crowded it is ...
    settled: int = 4  # ... of those with so many tracks
    heavy: float = 20.0  # weight from which a cluster is a person in its own right
    ratio: float = 3.0  # how many times heavier a person must be to take in a cluster
    founding: float = 2.5  # weight, three fair faces, that lets a lone track take others in; it is one as `founds` says
    worth: float = 1.0  # of all faces of a person together, at least
    certainty: Certainty | None = None  # None = nothing is known of the encoder's space: no face casts a doubt

    def doubt(self, encodings: Floats, quality: Floats) -> Floats:
        """By how much faces count as farther from such as have as much doubt, L2: (faces,), as `templates` takes it."""
        if self.certainty is None or not len(quality):
            return np.zeros(len(quality))
        return self.certainty.of_faces(encodings, quality)

    def stricter(self, factor: float, founding: float) -> Rule:
        """The same rule with limits ``factor`` times as high, and ``founding`` faces of a lone track for a person."""
        limits = {name: getattr(self, name) * factor for name in ("start", "limit", "clear", "track")}
        return replace(self, founding=founding - 0.5, **limits)  # one of them may be half as good


# Fitted to mirror-averaged encodings of LFW people, singers, actors and clips together; one rule for all of them.
DLIB = Rule(
    start=0.39, limit=0.53, clear=0.47, ordinary=0.60, slope=0.6, track=0.46, unclear=0.04, certainty=DLIB_CERTAINTY
)
# With SFace following the crowding loses: at a slope of .3 the singers' BCubed F falls from .98 to .90.
SFACE = Rule(
    start=0.379,
    limit=0.482,
    clear=0.482,
    ordinary=0.491,
    slope=0.0,
    track=0.46,
    unclear=0.027,
    spread=0.6,
    certainty=SFACE_CERTAINTY,
)
