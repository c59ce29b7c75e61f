"""Draws the clip and the picture of the canary: faces of nobody, which every detector finds.

Needs ffmpeg with libx264. What they show is never changed without need: records of another canary are made anew.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

FOLDER = Path(__file__).parent.parent / "face_classifier" / "pipeline" / "spread"
SIZE = 420, 240  # pixels, width and height of the clip
SKINS = (140, 170, 220), (90, 120, 180), (170, 190, 235), (60, 85, 130)  # BGR
GREY = 110
Image = npt.NDArray[Any]
Colour = tuple[int, int, int]


def face(side: int, skin: Colour, tilt: float, seed: int) -> Image:
    """A face in a picture of side x side pixels, ``tilt`` degrees to the left, with noise."""

    def at(share: float) -> int:
        return int(side * share)

    def darker(factor: float) -> list[int]:
        return [int(part * factor) for part in skin]

    image = np.full((side, side, 3), GREY, np.uint8)
    middle = side // 2
    cv2.ellipse(image, (middle, at(0.93)), (at(0.42), at(0.25)), 0, 180, 360, (90, 60, 40), -1)  # shoulders
    cv2.rectangle(image, (at(0.42), at(0.6)), (at(0.58), at(0.8)), darker(0.85), -1)  # neck
    cv2.ellipse(image, (middle, at(0.40)), (at(0.25), at(0.32)), 0, 0, 360, (30, 25, 25), -1)  # hair
    cv2.ellipse(image, (middle, at(0.47)), (at(0.21), at(0.28)), 0, 0, 360, skin, -1)
    for across in (middle - at(0.09), middle + at(0.09)):
        brow = across, at(0.42) - at(0.06)
        cv2.ellipse(image, brow, (at(0.055), at(0.012)), 0, 180, 360, (35, 30, 40), max(1, at(0.012)))
        cv2.ellipse(image, (across, at(0.42)), (at(0.045), at(0.022)), 0, 0, 360, (235, 235, 235), -1)
        cv2.circle(image, (across, at(0.42)), at(0.02), (50, 40, 30), -1)
        cv2.circle(image, (across, at(0.42)), at(0.009), (5, 5, 5), -1)
    cv2.ellipse(image, (middle, at(0.53)), (at(0.03), at(0.015)), 0, 0, 180, darker(0.7), max(1, at(0.012)))
    nose = (middle - at(0.015), at(0.44)), (middle - at(0.025), at(0.53))
    cv2.line(image, *nose, darker(0.8), max(1, at(0.01)))
    cv2.ellipse(image, (middle, at(0.62)), (at(0.075), at(0.022)), 0, 0, 360, (80, 70, 170), -1)
    lips = (middle - at(0.07), at(0.62)), (middle + at(0.07), at(0.62))
    cv2.line(image, *lips, (40, 30, 90), max(1, at(0.008)))
    lit = cv2.GaussianBlur(_clipped(image * np.linspace(1.12, 0.78, side)[None, :, None]), (0, 0), side * 0.012)
    noisy = _clipped(lit.astype(int) + np.random.default_rng(seed).integers(-6, 7, image.shape))
    turned = cv2.getRotationMatrix2D((middle, middle), tilt, 1)
    return cv2.warpAffine(noisy, turned, (side, side), borderMode=cv2.BORDER_REPLICATE)


def _clipped(image: Image) -> Image:
    return np.clip(image, 0, 255).astype(np.uint8)


def scene(number: int) -> Image:
    """A frame of the clip with two faces."""
    width, height = SIZE
    image = np.full((height, width, 3), GREY, np.uint8)
    image[20:220, 5 + 4 * number : 205 + 4 * number] = face(200, SKINS[number % 2], 6 * number - 8, 3 + number)
    image[40:210, 235 + 3 * number : 405 + 3 * number] = face(170, SKINS[2 + number % 2], 6 - 5 * number, 17 + number)
    return image


def main() -> None:
    width, height = SIZE
    to_ffmpeg = f"-f rawvideo -pix_fmt bgr24 -s {width}x{height} -r 2 -i -"
    coded = "-c:v libx264 -crf 28 -pix_fmt yuv420p -x264-params bframes=1:keyint=3:threads=1"
    plain = "-map_metadata -1 -fflags +bitexact -flags:v +bitexact"
    frames = b"".join(scene(number).tobytes() for number in range(3))
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "canary.mp4"
        command = ["ffmpeg", "-loglevel", "error", *f"{to_ffmpeg} {coded} {plain}".split(), str(clip)]
        subprocess.run(command, input=frames, check=True)
        (FOLDER / clip.name).write_bytes(clip.read_bytes())
    still = cv2.copyMakeBorder(face(240, SKINS[0], 4, 31), 0, 0, 40, 40, cv2.BORDER_CONSTANT, value=(GREY,) * 3)
    cv2.imwrite(str(FOLDER / "canary.jpg"), still, [cv2.IMWRITE_JPEG_QUALITY, 80])


if __name__ == "__main__":
    main()
