"""With how exact numbers the encoders compute on this machine."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from face_classifier.vision.models.session import open_session

PROBE = Path(__file__).with_name("probe.onnx")  # `int8.probe`


@cache
def multiplies_exactly() -> bool:
    """Whether products of 8-bit numbers come out right, as by processors with VNNI, AVX-VNNI or on ARM.

    Others add pairs of products in 16 bits, which saturate where both are large (Intel: vpmaddubsw).
    """
    given = np.full((1, 64), 255, np.uint8)
    products = open_session(PROBE).run(None, {"given": given})[0]
    return bool((products == 255 * 127 * 64).all())


def precision_of(wanted: str) -> str:
    """The encoders' arithmetic, "fp32" or "int8". ``wanted``: "fp32", or "auto": int8 wherever it is exact."""
    return "int8" if wanted == "auto" and multiplies_exactly() else "fp32"
