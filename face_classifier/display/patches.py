"""Small pictures that are laid over others, and their colours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import Image

Patch = npt.NDArray[np.uint8]  # shape (height, width, 4), BGRA, alpha not multiplied in; cached, hence read-only
Color = tuple[int, int, int]  # blue, green, red
SHADE: Color = (24, 24, 24)


def paste(image: Image, patch: Patch, left: int, top: int) -> None:
    """Lays a patch over a picture, in place. What leaves the picture is cut off.

    Parameters
    ----------
    image : (height, width, 3) uint8, BGR
    patch : (h, w, 4) uint8, BGRA, alpha not multiplied in
    left, top : of the patch, in pixels of ``image``; may lie outside
    """
    height, width = image.shape[:2]
    under = image[max(top, 0) : max(top + patch.shape[0], 0), max(left, 0) : max(left + patch.shape[1], 0)]
    over = patch[max(-top, 0) : max(height - top, 0), max(-left, 0) : max(width - left, 0)].astype(np.uint16)
    alpha = over[:, :, 3:]
    under[:] = (under * (255 - alpha) + over[:, :, :3] * alpha + 127) // 255
