"""With how exact numbers the encoders compute on this machine."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from face_classifier.vision.models.session import open_session

PROBE = Path(__file__).with_name("probe.onnx")  # `int8.probe`
# Encoders with which 8-bit numbers cost no set of `benchmarks/identity.md` more than F .003 in runs. dlib's loses more,
# since its distances of one person and of strangers lie closer together.
_HARMLESS = ("sface",)


@cache
def multiplies_exactly() -> bool:
    """Whether products of 8-bit numbers come out right, as by processors with VNNI, AVX-VNNI or on ARM.

    Others add pairs of products in 16 bits, which saturate where both are large (Intel: vpmaddubsw).
    """
    given = np.full((1, 64), 255, np.uint8)
    products = open_session(PROBE).run(None, {"given": given})[0]
    return bool((products == 255 * 127 * 64).all())


def precision_of(wanted: str, encoder: str) -> str:
    """An encoder's arithmetic, "fp32" or "int8".

    ``wanted``: "fp32"; "int8", if the processor is exact with it; or "auto", which is "int8" where it was measured
    to be harmless, else "fp32". ``encoder``: "sface" or "dlib".
    """
    asked = wanted == "int8" or (wanted == "auto" and encoder in _HARMLESS)
    return "int8" if asked and multiplies_exactly() else "fp32"


def precision_once(wanted: str) -> str:
    """The arithmetic of either encoder for faces of which others decide who they are; ``wanted``: as `precision_of`."""
    return "int8" if wanted != "fp32" and multiplies_exactly() else "fp32"
