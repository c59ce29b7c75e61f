"""What a bot answers to the owner's commands: words in, words and pictures out, whichever messenger carries them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from face_classifier.core.errors import UserError
from face_classifier.core.names import composed, in_utf8
from face_classifier.core.words import counted

COMMANDS = {
    "help": "what you can ask",
    "settings": "what the program is set to",
    "start": "tell this chat of alerts",
    "stop": "tell this chat nothing until /start",
    "status": "how cameras, channels and the gallery do",
    "shot": "what a camera sees now: /shot, /shot door",
    "list": "the people, with a picture of each",
    "rename": 'another name for a person: /rename person_01 Anna, /rename "Anna Maria" "Anna M"',
}
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "「": "」", "”": "”"}  # phones write them as they like
_QUOTED = re.compile("|".join(f"{left}([^{right}]*){right}" for left, right in _QUOTES.items()) + r"|(\S+)")
_SHOWN = 30  # people with a picture in an answer; the others are named


class Picture(NamedTuple):
    """A picture as a file, JPEG or PNG, and what is said of it."""

    caption: str
    content: bytes


class Answer(NamedTuple):
    """What goes back to the chat."""

    text: str = ""
    pictures: Sequence[Picture] = ()


class Person(NamedTuple):
    """Somebody in the gallery."""

    name: str
    faces: int
    picture: bytes | None  # JPEG or PNG, the best face with what is around it


class Desk(Protocol):
    """What a bot may ask of the program. All may take some seconds, and raise UserError with the sentence to answer."""

    def people(self, pictures: int) -> Sequence[Person]:
        """Everybody, the named ones first. ``pictures``: how many of them are shown, the first ones."""

    def rename(self, old: str, new: str) -> str:
        """Give a person another name, as renaming the folder does. Returns a sentence."""

    def status(self) -> str:
        """How everything does, in some lines."""

    def settings(self) -> str:
        """What the program is set to, in some lines without secrets."""

    def shots(self, camera: str | None) -> Sequence[Picture]:
        """What a camera sees, or all of them: JPEG, masked and pixelated as their captures."""

    def snooze(self, chat: int, *, snoozed: bool) -> None:
        """Whether a chat is told nothing; it holds over a restart."""

    def is_snoozed(self, chat: int) -> bool: ...


def answer(desk: Desk, chat: int, command: str, words: str) -> Answer:
    """What a command is answered.

    Parameters
    ----------
    desk : what is asked
    chat : the number of the chat that asks, which is allowed to
    command : one of `COMMANDS`, or another word
    words : what follows it

    Raises
    ------
    UserError : the sentence is the answer
    """
    answers: dict[str, Callable[[], Answer]] = {
        "help": lambda: Answer(_help()),
        "settings": lambda: Answer(desk.settings()),
        "start": lambda: _snooze(desk, chat, snoozed=False),
        "stop": lambda: _snooze(desk, chat, snoozed=True),
        "status": lambda: Answer(f"{desk.status()}\n{_told(desk.is_snoozed(chat))}"),
        "shot": lambda: Answer(pictures=desk.shots(words.strip() or None)),
        "list": lambda: _list(desk),
        "rename": lambda: Answer(desk.rename(*two_names(words, [person.name for person in desk.people(0)]))),
    }
    if command not in answers:
        raise UserError(f"There is no command /{command}; /help lists them")
    return answers[command]()


def _help() -> str:
    return "\n".join(f"/{command}: {what}" for command, what in COMMANDS.items())


def _told(snoozed: bool) -> str:
    return "This chat is told nothing until /start" if snoozed else "This chat is told of alerts; /stop ends that"


def _snooze(desk: Desk, chat: int, *, snoozed: bool) -> Answer:
    desk.snooze(chat, snoozed=snoozed)
    return Answer(_told(snoozed))


def _list(desk: Desk) -> Answer:
    people = desk.people(_SHOWN)
    if not people:
        return Answer("Nobody is known yet")
    shown = [Picture(_person(person), person.picture) for person in people if person.picture]
    named = [_person(person) for person in people if not person.picture]
    return Answer("\n".join(named), shown)


def _person(person: Person) -> str:
    return f"{in_utf8(person.name)}: {counted(person.faces, 'face')}"


def two_names(words: str, people: Sequence[str]) -> tuple[str, str]:
    """A person's name and another one: two words, or names in quotation marks, or the name of one of ``people`` and
    the rest. Raises UserError where they cannot be told apart.
    """
    parts = ["".join(groups) for groups in _QUOTED.findall(words)]
    if len(parts) == 2:
        return parts[0], parts[1]
    if any(mark in words for mark in _QUOTES):
        parts = []
    starts = [(" ".join(parts[:count]), " ".join(parts[count:])) for count in range(len(parts) - 1, 0, -1)]
    known = {composed(name) for name in people}
    for old, new in starts:  # the longest name first
        if composed(old) in known:
            return old, new
    raise UserError('Give the old and the new name, such as: /rename person_01 Anna, or /rename "Anna Maria" "Anna M"')
