"""The threshold that suits a gallery, as a question to it."""

from __future__ import annotations

from face_classifier.core.config.settings import Settings
from face_classifier.core.errors import UserError
from face_classifier.core.progress import Teller
from face_classifier.gallery.snapshot import take_snapshot
from face_classifier.identity.calibrate import Calibration, calibrated
from face_classifier.identity.rules import crowded, spread_of, threshold_of


def calibrate_gallery(settings: Settings, observer: Teller) -> tuple[Calibration, float]:
    """What the gallery tells about distances, and the threshold at present. Raises UserError where it is too small."""
    snapshot = take_snapshot(settings, observer)
    calibration = calibrated(snapshot.faces, snapshot.cannot_links, spread_of(snapshot.settings))
    if calibration is None:
        raise UserError(
            f"the gallery {settings.result} is too small to tell a threshold; classify more faces of several people, "
            "and correct the wrong ones"
        )
    if sentence := crowded(snapshot.settings, calibration.people):
        observer.problem(sentence)
    return calibration, threshold_of(snapshot.settings, calibration.people)
