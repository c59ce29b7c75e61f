"""What the owner is answered who asks a daemon from afar: people, a rename, how it does, what a camera sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent import futures
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol, TypeVar

from face_classifier.alerts.channels.bot import Person, Picture
from face_classifier.alerts.dispatcher import Dispatcher
from face_classifier.core.config.settings import Settings
from face_classifier.core.errors import InUseError, UserError
from face_classifier.core.names import shown
from face_classifier.core.progress import Observer
from face_classifier.core.words import counted, counts_of
from face_classifier.curate.ask import CarriedOut
from face_classifier.curate.commands import HANDLERS
from face_classifier.daemon.described import age, lines
from face_classifier.daemon.status import Status
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.store import Store
from face_classifier.identity.naming import is_named

_T = TypeVar("_T")
_PATIENCE = 15.0  # seconds for a turn of the gallery's owner
_FOR_EVER = timedelta(days=36_500)


class Asks(Protocol):
    """Whoever has the gallery's owner do something."""

    def ask(self, action: Callable[[Gallery], _T], seconds: float) -> _T:
        """Have something done with the gallery. Raises TimeoutError where its turn does not come in that time."""


class Answers:
    """What a bot may ask of a daemon (`Desk`), from any thread."""

    def __init__(
        self,
        here: Asks,
        settings: Callable[[], Settings],
        status: Callable[[], Status],
        shoot: Callable[[str], bytes | None],
        alerts: Callable[[], Dispatcher],
    ) -> None:
        """Does nothing yet.

        Parameters
        ----------
        here : has the gallery
        settings : as they are now
        status : how everything does now
        shoot : what a camera (name) saw last, drawn as its captures: JPEG; None: nothing, or not for long
        alerts : keeps over restarts which chats are told nothing
        """
        self._here, self._settings, self._status, self._shoot, self._alerts = here, settings, status, shoot, alerts

    def people(self, pictures: int) -> Sequence[Person]:
        """Everybody, the named ones first, the first ``pictures`` of them with a picture. Raises UserError."""
        return _asked(self._here, lambda gallery: _people(gallery.store, pictures))

    def rename(self, old: str, new: str) -> str:
        """Give a person another name; `undo` takes it back. Returns a sentence. Raises UserError."""
        answer, notes = carry_out(self._here, "rename", {"person": old, "name": new})
        faces = counted(answer["faces"], "face")
        done = f"{answer['person']} is called {answer['name']} now ({faces})"
        return shown(". ".join([done, *notes]))

    def status(self) -> str:
        """How cameras, channels and the gallery do, in some lines."""
        return "\n".join(shown(line) for line in _status(self._status()))

    def settings(self) -> str:
        """What is watched and told, in some lines without secrets."""
        return "\n".join(shown(line) for line in lines(self._settings()))

    def shots(self, camera: str | None) -> Sequence[Picture]:
        """What a camera sees, or each of them. Raises UserError where there is no such camera, or no picture."""
        cameras = [one.name for one in self._status().cameras]
        if camera is not None and camera not in cameras:
            known = ", ".join(cameras) or "there is none"
            raise UserError(f"there is no camera {camera!r}; name one of these: {known}")
        asked = cameras if camera is None else [camera]
        taken = [(name, self._shoot(name)) for name in asked]
        pictures = [Picture(name, content) for name, content in taken if content is not None]
        if not pictures:
            raise UserError(f"there is no picture of {' or '.join(asked) or 'any camera'} now; /status tells more")
        return pictures

    def snooze(self, chat: int, *, snoozed: bool) -> None:
        """Whether a chat is told nothing."""
        self._alerts().snooze(_of(chat), datetime.now(timezone.utc) + _FOR_EVER if snoozed else None)

    def is_snoozed(self, chat: int) -> bool:
        return _of(chat) in self._alerts().status().snoozed


def carry_out(here: Asks, name: str, arguments: dict[str, Any]) -> CarriedOut:
    """Have a command carried out on the gallery of a daemon, from any thread. Raises UserError, InUseError."""
    notes = Notes()
    return CarriedOut(answered(here, name, arguments, notes), notes.sentences)


def answered(here: Asks, name: str, arguments: dict[str, Any], observer: Observer) -> Any:
    """What a command answers that the owner of this process carries out. Raises UserError, InUseError."""
    return _asked(here, lambda gallery: HANDLERS[name](gallery, arguments, observer))


def _asked(here: Asks, action: Callable[[Gallery], _T]) -> _T:
    try:
        return here.ask(action, _PATIENCE)
    except (TimeoutError, futures.TimeoutError):
        raise InUseError("the gallery is too busy now; ask again in a minute") from None


def _of(chat: int) -> str:
    """What stands for a chat among the rules that are silent."""
    return f"chat {chat}"


def _people(store: Store, pictures: int) -> list[Person]:
    portraits = sorted(store.portraits(), key=lambda portrait: not is_named(portrait.person))
    shown_ones = {portrait.person for portrait in portraits[:pictures]}
    return [
        Person(person, faces, store.read_picture(place) if person in shown_ones else None)
        for person, faces, place in portraits
    ]


def _status(status: Status) -> list[str]:
    cameras = [
        f"{camera.name}: {camera.status} for {age(camera.since)}" + (f", {camera.reason}" if camera.reason else "")
        for camera in status.cameras
    ]
    channels = [
        f"channel {channel.name}: {channel.status}, {channel.sent} sent, {channel.missed} missed"
        + (f", {channel.reason}" if channel.reason else "")
        for channel in status.channels
    ]
    gallery = status.gallery
    people = counts_of(gallery.people, gallery.known, gallery.unknown)
    stuck = [f"stuck: {', '.join(status.stuck)}; restart it"] if status.stuck else []
    return [*cameras, *channels, people, f"watches for {age(status.uptime)}", *stuck]


class Notes:
    """Keeps the sentences about what a command could not do. An `Observer`."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def problem(self, sentence: str) -> None:
        self.sentences.append(sentence)

    at_end = problem

    def through(self, steps: Sequence[Any], name: str) -> Any:
        return iter(steps)
