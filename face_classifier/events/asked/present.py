"""Who is in front of the cameras now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from face_classifier.core.config.settings import Settings
from face_classifier.events.visits import Visit, visits
from face_classifier.gallery.passing.passages import latest_passages

_RECENT = timedelta(days=1)  # who was seen last before that is not told


class Present(NamedTuple):
    """Somebody who is before a camera, or was within a day."""

    visit: Visit
    here: bool  # still


def present(settings: Settings, now: datetime) -> list[Present]:
    """The latest visit of everybody on each camera, by camera and the latest first. Raises UserError.

    ``now``: aware.
    """
    found = visits(latest_passages(settings, now - _RECENT), settings.visits.gap)
    latest = {(visit.camera, visit.person): visit for visit in found if visit.fingerprint is None}
    rows = sorted(latest.values(), key=lambda visit: (visit.camera, -visit.last.timestamp()))
    return [Present(visit, visit.goes_on(now, settings.visits.gap)) for visit in rows]
