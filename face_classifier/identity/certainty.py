"""How little a face tells about who it is: small children, and blurred faces, of different people lie nearer to each
other than good faces of adults do.

Each face has a *doubt*, L2: 0 for an ordinary good face of an adult. Two faces, tracks or people count as farther from
each other by what both of them have, the lesser of the two doubts: a baby is as far from an adult as adults are.
Measured in `benchmarks/identity.md`; pure numpy, no files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import ENCODING_SIZE

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Certainty:
    """What is known of an encoder's space.

    How child-like a face is, is a linear function of its encoding: 0 for adults, 1 for babies, give or take .12. It was
    fitted by `benchmarks/children.py` to some 3,700 faces, 105 of them children's.
    """

    axis: Floats  # (128,) child-likeness for each unit of the encoding
    constant: float  # child-likeness of an encoding of zeros
    adult: float  # child-likeness up to which a face is taken for an adult's; one of 20 adults is beyond
    gain: float  # L2 for each unit of child-likeness beyond
    poor: float  # doubt of a face of no quality, L2
    fair: float = 0.2  # quality from which it casts no doubt

    def of_faces(self, encodings: Floats, quality: Floats | None = None) -> Floats:
        """The doubt of each face: (faces,) L2, >= 0.

        Parameters
        ----------
        encodings: (faces, 128) float64, of faces or means of some.
        quality: (faces,) 0 to 1; None = good ones.
        """
        childlike = np.asarray(encodings @ self.axis + self.constant, np.float64)
        doubt = self.gain * np.maximum(childlike - self.adult, 0.0)
        if quality is None:
            return doubt
        return np.maximum(doubt, self.poor * np.maximum(1.0 - quality / self.fair, 0.0))

    def shared(self, one: Floats, other: Floats) -> float:
        """How much farther two good faces count than they are: L2. ``one``, ``other``: (128,) encodings or means."""
        return float(self.of_faces(np.stack([one, other])).min())


def _axis(thousandths: str) -> Floats:
    axis = np.array(thousandths.split(), np.float64) / 1000
    assert axis.shape == (ENCODING_SIZE,)
    return axis


# ``adult`` and ``gain`` are flat around what they are; ``poor`` is how much nearer two such people in one picture are.
DLIB_CERTAINTY = Certainty(
    axis=_axis("""
    -54 -186 -238 -492 -245 -102 -177 -25 39 -361 449 216 310 208 101 4 -184 309 -180 197 -180 163 -216 182 -63
    -35 139 -281 -1 540 68 434 64 -63 -92 -31 -300 102 -8 -33 -98 -159 -300 57 -281 -314 252 474 -224 33 -459
    -235 -67 -122 107 -8 280 125 -355 -192 -457 -72 71 115 308 203 -72 204 111 273 -146 -212 -222 -155 -66 -163
    134 -74 48 283 215 -475 179 -126 126 -22 251 63 -47 -80 42 28 -118 -337 73 -30 148 58 160 345 206 -265 -103
    -14 -65 -14 115 63 69 234 -207 -229 81 131 140 72 -65 153 56 -530 -22 169 -281 -293 217 -30 18 59
    """),
    constant=-0.072,
    adult=0.24,
    gain=0.45,
    poor=0.1,
)
SFACE_CERTAINTY = Certainty(
    axis=_axis("""
    -93 -43 -30 -52 -19 164 -356 -1 -70 -144 562 215 340 272 133 -78 -65 170 197 80 260 -164 5 4 379 439 -99 -19
    263 177 513 -308 80 84 -305 -162 34 -288 17 196 -240 -179 92 -122 369 -452 -5 -191 471 441 196 -8 27 116 402
    114 -14 -245 294 -115 -128 -363 -408 -2 583 -121 387 192 -582 598 -537 17 131 -386 17 -59 184 -191 -278 -571
    8 73 -20 -40 -414 165 37 -171 92 2 -66 -23 -374 402 100 -36 -348 134 -146 152 -268 -110 -185 320 -124 -858
    359 -519 -408 484 502 65 -189 -495 254 -59 -71 507 -395 501 299 -67 169 -86 -156 4 -299 -487
    """),
    constant=0.048,
    adult=0.22,
    gain=0.27,
    poor=0.03,
)
