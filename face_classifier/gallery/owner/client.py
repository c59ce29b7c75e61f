"""Sends commands to the process that owns a folder."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any

from face_classifier import __version__
from face_classifier.core.disk.locks import Holder
from face_classifier.core.disk.retry import DiskError
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import InUseError, StoppedError, UserError
from face_classifier.core.progress import Observer
from face_classifier.gallery.owner.server import PROGRAM, SILENCE
from face_classifier.gallery.owner.socket import ConnectionEndedError, connected, receive, send


class LeftOutError(InUseError):
    """The owner was about to end and did not begin the command: it can be asked for again."""


class Client:
    """A connection to the owner of a folder, for commands one after the other. A context manager, which ends it."""

    def __init__(self, folder: Root, holder: Holder, *, silence: float = SILENCE) -> None:
        """Connect.

        Parameters
        ----------
        folder: that ``holder`` has locked.
        silence: seconds without a sign of life after which the owner counts as dead.

        Raises
        ------
        InUseError: it takes no commands, does not answer, or has another version of the program.
        UserError: it is another user's.
        """
        self._folder, self._holder = folder, holder
        self._broken: InUseError | None = None  # what ended the conversation: what comes late is no answer any more
        if holder.version not in (None, __version__):
            raise self._other_version(holder.version)
        if holder.socket is None:
            raise self._in_use("which takes no commands")
        try:
            self._connection = connected(folder, holder.socket, silence)
        except OSError as error:
            raise self._in_use(f"which does not answer ({error.strerror or error})") from error
        try:
            self._greet()
        except BaseException:
            self._connection.close()
            raise

    def _greet(self) -> None:
        try:
            greeting = receive(self._connection)
        except (OSError, ConnectionEndedError) as error:
            raise self._in_use(f"which does not answer ({error})") from error
        if greeting.get("program") != PROGRAM:
            raise self._in_use("which does not answer as this program does")
        if greeting.get("version") != __version__:
            raise self._other_version(greeting.get("version"))

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._connection.close()

    def ask(self, name: str, arguments: dict[str, Any], observer: Observer) -> Any:
        """Have the owner carry out a command.

        Parameters
        ----------
        name: of the command.
        arguments: of the command; as `packed` takes them.
        observer: is told what the owner tells meanwhile.

        Returns what the command answers.

        Raises
        ------
        InUseError: the owner is too busy, or does not answer; then nothing more can be asked over this connection.
        LeftOutError: the owner ended before it began the command.
        UserError, OSError: what the command raised.
        UserError: the arguments are too long for a message.
        """
        if self._broken:
            raise self._broken
        try:
            send(self._connection, {"version": __version__, "command": name, "arguments": arguments})
        except TimeoutError as error:
            raise self._break(self._in_use("which does not answer (time is out)")) from error
        except OSError as error:
            raise self._break(self._left_out()) from error
        except ValueError as error:
            raise UserError(
                f"{name} is too large a command for process {self._holder.pid} ({error}); stop that process, or ask "
                "for less"
            ) from error
        progress: Iterator[int] = iter(())
        done = 0
        while True:
            news = self._receive()
            if "answer" in news:
                next(progress, None)  # which ends it
                return news["answer"]
            if "ended" in news:
                raise self._break(self._left_out())
            if isinstance(news.get("disk"), dict):
                raise DiskError.from_told(news["disk"])
            if "error" in news:
                raise _error(str(news["error"]), news.get("code"))
            if "os" in news:
                raise OSError(*news["os"])
            if "problem" in news:
                observer.problem(str(news["problem"]))
            elif "at_end" in news:
                observer.at_end(str(news["at_end"]))
            elif "steps" in news:
                progress, done = iter(observer.through(range(int(news["steps"])), str(news["name"]))), 0
                next(progress, None)
            elif "step" in news:
                for _ in range(done, int(news["step"])):
                    next(progress, None)
                done = int(news["step"])

    def _receive(self) -> dict[str, Any]:
        try:
            return receive(self._connection)
        except (OSError, ConnectionEndedError) as error:
            raise self._break(self._silent(error)) from error

    def _break(self, error: InUseError) -> InUseError:
        self._broken = error
        return error

    def _left_out(self) -> LeftOutError:
        folder, pid = self._folder.path, self._holder.pid
        return LeftOutError(f"process {pid}, which used the folder {folder}, has just ended; run it again")

    def _silent(self, error: Exception) -> InUseError:
        reason = "time is out" if isinstance(error, TimeoutError) else str(error)
        return self._in_use(f"which no longer answers ({reason})", "; check later whether it was carried out")

    def _other_version(self, version: object) -> InUseError:
        return self._in_use(f"which has version {version} of the program, while this is version {__version__}")

    def _in_use(self, which: str, then: str = "; wait until it ends, or stop it") -> InUseError:
        return InUseError(f"the folder {self._folder.path} is in use by process {self._holder.pid}, {which}{then}")


def _error(sentence: str, code: object) -> UserError:
    kinds = {kind.exit_code: kind for kind in (InUseError, StoppedError)}
    return kinds.get(code, UserError)(sentence) if isinstance(code, int) else UserError(sentence)
