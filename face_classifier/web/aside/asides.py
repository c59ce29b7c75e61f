"""All that is made aside for the pages of one site."""

from __future__ import annotations

from collections.abc import Callable

from face_classifier.core.config.settings import Settings
from face_classifier.web.aside.elsewhere import Elsewhere
from face_classifier.web.aside.passed import Passed
from face_classifier.web.aside.plane import Planes
from face_classifier.web.aside.questions import Asking
from face_classifier.web.aside.unknown import Unknown


class Asides:
    """Nothing is made before a page asks for it."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        """``settings``: name the result folder."""
        self.passed = Passed(settings)
        self.asking = Asking(settings)
        self.elsewhere = Elsewhere(settings)
        self.planes = Planes()
        self.unknown = Unknown(settings)

    def end(self) -> None:
        """What can be ended is, since no page asks any more."""
        self.planes.end()
