"""Sources of other processes, whose records the owner of the gallery places: commands of its socket."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from face_classifier.core.config.settings import Settings
from face_classifier.core.errors import UserError
from face_classifier.core.messages import seen_message, sighting_message, time_from
from face_classifier.core.progress import Observer
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.owner.server import Asker, Handler
from face_classifier.gallery.past.back import CAPTURES, LOG, Past
from face_classifier.identity.rules import profile_of
from face_classifier.pipeline.desk import Desk
from face_classifier.pipeline.place import Session
from face_classifier.pipeline.placing.discretion import Discretion
from face_classifier.records.plain import Origin, frame_from
from face_classifier.sources.base import Sampling

ENCODER, BEGIN, CHAPTER, PLACE, END = "place encoder", "place begin", "place chapter", "place", "place end"
_MOST = 64  # sources of other processes at a time
_OF_A_LINE = (  # what a line about a face needs
    *("id", "face", "person", "distance", "source", "frame", "position", "fingerprint", "kept"),
    *("time", "box", "emotion"),
)


def uses_of(settings: Settings) -> list[tuple[str, str]]:
    """Where else the faces of a run, and alerts about them, will be seen: what it is, and its path."""
    files = [channel.path for channel in settings.channels.values() if channel.type == "file"]
    named = (CAPTURES, settings.capture), (LOG, settings.jsonl), *((LOG, path) for path in files)
    return [(kind, str(Path(path).resolve())) for kind, path in named if path]


def note_uses(past: Past, uses: Iterable[tuple[str, str]]) -> None:
    """Have the gallery remember where else its faces will be seen, so that they can be forgotten there, too."""
    for kind, path in uses:
        if kind in (CAPTURES, LOG):
            past.note_use(kind, Path(path))


class Guests:
    """Handlers by which other processes have the frames of their sources placed; the owner's thread calls them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._sessions: dict[int, tuple[Session, Origin]] = {}
        self._count = 0
        self.handlers: dict[str, Handler[Gallery]] = {
            ENCODER: _encoder,
            BEGIN: self._begin,
            CHAPTER: self._begin_chapter,
            PLACE: self._place,
            END: self._end,
        }

    def _begin(self, gallery: Gallery, arguments: dict[str, Any], observer: Observer) -> dict[str, Any]:
        """Takes ``source``, ``fingerprint``, ``start``, ``sampling``, ``given``, ``follows``, ``encoder``, ``uses``,
        ``known_only``, ``pixelate``.
        """
        if arguments["encoder"] != gallery.settings.encoder:
            raise UserError(
                f"the result folder {gallery.settings.result} belongs to the encoder {gallery.settings.encoder}, not "
                f"{arguments['encoder']}; give --encoder {gallery.settings.encoder}"
            )
        if len(self._sessions) >= _MOST:
            raise UserError(f"{_MOST} sources of other processes are placed already; wait until one of them ends")
        note_uses(gallery.store.past, arguments["uses"])
        fingerprint = arguments["fingerprint"]
        try:
            start, sampling = time_from(arguments["start"]), Sampling(**arguments["sampling"])
        except (TypeError, ValueError) as error:
            raise UserError(
                f"what came of {arguments['source']} is not a source ({error}); use the same program"
            ) from error
        given, follows = bool(arguments["given"]), bool(arguments["follows"])
        discretion = Discretion(bool(arguments["known_only"]), bool(arguments["pixelate"]))
        begun = self._desk.begin(fingerprint, start, sampling, given=given, follows=follows, discretion=discretion)
        self._count += 1
        self._sessions[self._count] = begun.session, Origin(str(arguments["source"]), fingerprint)
        if isinstance(observer, Asker):
            observer.when_gone(partial(self._end_one, self._count))
        places = gallery.store.places_of_source(fingerprint) if fingerprint else []
        return {
            "session": self._count,
            "start": begun.start.isoformat(),
            "sampling": vars(begun.sampling),
            "kept": [[position, number, list(box.css)] for position, number, box in places],
        }

    def _begin_chapter(self, gallery: Gallery, arguments: dict[str, Any], observer: Observer) -> None:
        """``session``: of the source whose next chapter begins."""
        number = arguments["session"]
        session, origin = self._sessions[number]
        self._sessions[number] = self._desk.begin_chapter(session), origin
        gallery.tell_problems(observer)

    def _place(self, gallery: Gallery, arguments: dict[str, Any], observer: Observer) -> dict[str, Any]:
        """``session``, ``frame``; answers who is seen, which faces changed, and how many there are."""
        session, origin = self._sessions[arguments["session"]]
        try:
            analysed = frame_from(arguments["frame"], origin)
        except ValueError as error:
            raise UserError(f"what came of {origin.source} is not a record ({error}); use the same program") from error
        placed = self._desk.place_for(session, analysed)
        gallery.tell_problems(observer)
        people = gallery.people
        return {
            "seen": [seen_message(face) for face in placed.seen],
            "changed": [sighting_message(face, _OF_A_LINE) for face in placed.changed],
            "counts": [people.persons, people.known_faces, people.unknown_faces],
        }

    def _end(self, gallery: Gallery, arguments: dict[str, Any], observer: Observer) -> None:
        """``sessions``: that have ended, after which it is thought again."""
        for number in arguments["sessions"]:
            self._end_one(number)
        gallery.tell_problems(observer)

    def _end_one(self, number: int) -> None:
        """End a source, unless it has ended: that of a process which was killed, too."""
        session, _ = self._sessions.pop(number, (None, None))
        if session:
            self._desk.end(session)


def _encoder(gallery: Gallery, _arguments: dict[str, Any], _observer: Observer) -> str:
    """The encoder that the result folder belongs to."""
    return profile_of(gallery.settings).encoder
