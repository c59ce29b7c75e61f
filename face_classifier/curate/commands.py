"""The commands that change a gallery, by name: what its owner carries out, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from face_classifier.core.progress import Observer
from face_classifier.curate import decide
from face_classifier.curate.checks.repair import repair
from face_classifier.curate.enrolment import enrol
from face_classifier.gallery.gallery import Gallery

# (gallery, arguments, who is told what goes wrong) -> answer; both hold only what `gallery.owner.socket.packed` takes
Handler = Callable[[Gallery, dict[str, Any], Observer], Any]


def _command(handler: Handler) -> Handler:
    """The handler, after which the gallery is looked at again and its views are brought up to date."""

    def carry_out(gallery: Gallery, arguments: dict[str, Any], observer: Observer) -> Any:
        answer = handler(gallery, arguments, observer)
        gallery.look()
        gallery.write_views()
        gallery.tell_problems(observer)
        return answer

    return carry_out


HANDLERS: dict[str, Handler] = {
    "rethink": _command(decide.think_again),
    "suggest accept": _command(decide.accept),
    "suggest reject": _command(decide.keep_apart),
    "reject": _command(decide.exclude),
    "audit": _command(decide.take_out),
    "enroll": _command(enrol),
    "verify": _command(repair),
}
