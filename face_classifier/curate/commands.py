"""The commands that change a gallery, by name: what its owner carries out, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from face_classifier.core.disk.retry import DiskError
from face_classifier.core.errors import UserError
from face_classifier.core.progress import Observer
from face_classifier.curate import decide
from face_classifier.curate.checks.repair import repair
from face_classifier.curate.enrolment import enrol
from face_classifier.curate.forget import forget, note_use
from face_classifier.curate.hands import faces, marks, people
from face_classifier.curate.hands.hand import answering, answering_conflicts
from face_classifier.curate.retention import retain_now
from face_classifier.curate.undo import undo
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.past.journal import PAGE

# (gallery, arguments, who is told what goes wrong) -> answer; both hold only what `gallery.owner.socket.packed` takes
Handler = Callable[[Gallery, dict[str, Any], Observer], Any]


_LONGEST_DOOR = 80  # signs


def _command(name: str, handler: Handler) -> Handler:
    """The handler, after which the gallery is looked at again and its views are brought up to date.

    All that it changes is one entry of the journal. Whoever tells what they saw waits before a page: the views are
    drawn later then.
    """

    def carry_out(gallery: Gallery, arguments: dict[str, Any], observer: Observer) -> Any:
        is_page = "seen" in arguments
        with gallery.store.past.entry(_door(arguments, name)):
            try:
                answer = handler(gallery, arguments, observer)
            except BaseException:
                gallery.look()  # whoever uses the gallery next needs it as it is, also after half a command
                raise
            gallery.look(touched=() if is_page else None)
        if not is_page:
            draw(gallery, observer)
        gallery.tell_problems(observer)
        return answer

    return carry_out


def _by_hand(name: str, handler: Handler) -> Handler:
    """A handler that looks by itself, and only where it changes something; the views are drawn later."""

    def carry_out(gallery: Gallery, arguments: dict[str, Any], observer: Observer) -> Any:
        with gallery.store.past.entry(_door(arguments, name)):
            try:
                answer = handler(gallery, arguments, observer)
            except BaseException:
                gallery.look()
                raise
        gallery.tell_problems(observer)
        return answer

    return carry_out


def draw(gallery: Gallery, observer: Observer) -> None:
    """Bring the views up to date.

    Those that the disk refuses are told and drawn later: the command itself is done, and somebody who was told that it
    failed would have it done twice.
    """
    try:
        gallery.write_views()
    except DiskError as error:
        observer.problem(f"{error.fault}, so montages and pickle are as they were before; {error.cure}")


def draw_montages(gallery: Gallery, arguments: dict[str, Any], observer: Observer) -> dict[str, list[str]]:
    """Handler: bring the montages of some ``folders`` up to date, however many people there are.

    Answers their files, by folder. Raises UserError where no face lies in one of them.
    """
    gallery.look()
    draw(gallery, observer)
    made: dict[str, list[str]] = {}
    for name in arguments["folders"]:
        made[name] = gallery.store.draw_montages_of(name, gallery.looked.faces.hidden)
        if not made[name]:
            raise UserError(f"there is no face of {name!r} in {gallery.store.folder}; `people` lists who is there")
    gallery.tell_problems(observer)
    return made


def _door(arguments: dict[str, Any], name: str) -> str:
    """Through which door a command comes. Raises UserError where it tells one that is no page's."""
    door = arguments.get("door")
    if door is None:
        return f"command {name}"
    page, _, who = door.partition(" ") if isinstance(door, str) else ("", "", "")
    if page != PAGE or who != who.strip() or not door.isprintable() or len(door) > _LONGEST_DOOR or door == f"{PAGE} ":
        raise UserError(f"the door is {door!r}, but must be `page`, or `page` and the name of who asks")
    return str(door)


HANDLERS: dict[str, Handler] = {
    name: _command(name, handler)
    for name, handler in {
        "rethink": decide.think_again,
        "suggest accept": decide.accept,
        "suggest reject": decide.keep_apart,
        "suggest accept --split": decide.split,
        "suggest reject --split": decide.keep_whole,
        "reject": decide.exclude,
        "audit": decide.take_out,
        "enroll": enrol,
        "verify": repair,
        "undo": answering_conflicts(undo),
        "forget": answering_conflicts(forget),
        "retain": retain_now,
    }.items()
} | {"note use": note_use, "montage": draw_montages}
HANDLERS |= {
    name: _by_hand(name, answering(act))
    for name, act in {
        "assign": faces.assign,
        "ignore": faces.ignore,
        "exclude": faces.exclude,
        "restore": faces.restore,
        "merge": people.merge,
        "part": people.part,
        "rename": people.rename,
        "judge": people.judge,
        "hide": marks.hide,
        "show": marks.show,
        "cover": marks.cover,
        "review": marks.review,
    }.items()
}
