"""The commands that change a gallery, by name: what its owner carries out, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from face_classifier.core.disk.retry import DiskError
from face_classifier.core.progress import Observer
from face_classifier.curate import decide
from face_classifier.curate.checks.repair import repair
from face_classifier.curate.enrolment import enrol
from face_classifier.curate.forget import forget, note_use
from face_classifier.curate.retention import retain_now
from face_classifier.curate.undo import undo
from face_classifier.gallery.gallery import Gallery

# (gallery, arguments, who is told what goes wrong) -> answer; both hold only what `gallery.owner.socket.packed` takes
Handler = Callable[[Gallery, dict[str, Any], Observer], Any]


def _command(name: str, handler: Handler) -> Handler:
    """The handler, after which the gallery is looked at again and its views are brought up to date.

    All that it changes is one entry of the journal. Views that the disk refuses are told and drawn later: the command
    itself is done, and somebody who was told that it failed would have it done twice.
    """

    def carry_out(gallery: Gallery, arguments: dict[str, Any], observer: Observer) -> Any:
        with gallery.store.past.entry(f"command {name}"):
            try:
                answer = handler(gallery, arguments, observer)
            finally:
                gallery.look()  # whoever uses the gallery next needs it as it is, also after half a command
        try:
            gallery.write_views()
        except DiskError as error:
            observer.problem(f"{error.fault}, so montages and pickle are as they were before; {error.cure}")
        gallery.tell_problems(observer)
        return answer

    return carry_out


HANDLERS: dict[str, Handler] = {
    name: _command(name, handler)
    for name, handler in {
        "rethink": decide.think_again,
        "suggest accept": decide.accept,
        "suggest reject": decide.keep_apart,
        "suggest accept --split": decide.split,
        "suggest reject --split": decide.keep_whole,
        "reject": decide.exclude,
        "rename": decide.rename,
        "audit": decide.take_out,
        "enroll": enrol,
        "verify": repair,
        "undo": undo,
        "forget": forget,
        "retain": retain_now,
    }.items()
} | {"note use": note_use}
