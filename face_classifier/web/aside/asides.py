"""All that is made aside for the pages of one site."""

from __future__ import annotations

from collections.abc import Callable

from face_classifier.core.config.settings import Settings
from face_classifier.web.aside.apart import Apart
from face_classifier.web.aside.passed import Passed
from face_classifier.web.aside.plane import Planes, lay_out
from face_classifier.web.aside.questions import Asking
from face_classifier.web.aside.unknown import Unknown


class Asides:
    """Nothing is made before a page asks for it."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        """``settings``: name the result folder."""
        self._apart = Apart()
        self.passed = Passed(settings, self._apart)
        self.asking = Asking(settings, self._apart)
        self.planes = Planes(lambda asked: self._apart.do(lay_out, asked))
        self.unknown = Unknown(settings, self._apart)

    def end(self) -> None:
        """What goes on ends, since no page asks any more."""
        self._apart.end()
        for aside in (self.passed, self.asking, self.planes, self.unknown):
            aside.end()
