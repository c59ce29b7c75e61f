"""Every analysed frame with a face in it, drawn, as a picture in a folder."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

import cv2
import numpy as np

from face_classifier.core.disk.durable import PRIVATE, Modes
from face_classifier.core.disk.files import note_in, png_bytes, time_name, with_note
from face_classifier.core.disk.markers import CAPTURES, is_litter, kind_of, mark, refuse_place
from face_classifier.core.disk.retry import Held, asking_the_disk
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.types import Box, Frame, Seen
from face_classifier.display.overlay import annotate, drawn_area, make_unknowable, pixelate

_CAPTURE = re.compile(r"[0-9]{8}_[0-9]{6}\.[0-9]{3}(_[0-9]+)?\.png")  # as earlier versions named them, too


@dataclass(frozen=True)
class _Note:
    """Whom a capture shows, and where."""

    faces: Sequence[tuple[str | None, Box, Box]]  # (name of the face, where it is drawn, where the person's is); pixels
    camera: str | None = None  # the name of a live source

    def text(self) -> str:
        faces = [[face, around.css, text.css] for face, around, text in self.faces]
        return json.dumps({"faces": faces} if self.camera is None else {"faces": faces, "camera": self.camera})

    @classmethod
    def read(cls, path: Path) -> _Note | None:
        """None: the capture has none. Raises OSError."""
        with path.open("rb") as file:
            text = note_in(file)
        try:
            told = json.loads(text or "")
            camera = told.get("camera")
            faces = [(face, Box(*around), Box(*text)) for face, around, text in told["faces"]]
            return cls(faces, camera if isinstance(camera, str) else None)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


class Capture(NamedTuple):
    """A picture in a folder of captures."""

    made: float  # seconds since 1970
    name: str
    size: int  # bytes


class CaptureFolder:
    """The captures in a folder, to remove those that were kept for long enough. A context manager."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError, UserError where it cannot be opened."""
        self._is_ours = kind_of(folder) == CAPTURES
        self._root = Root(folder)

    def __enter__(self) -> CaptureFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self._root.close()

    def captures(self, before: datetime | None = None) -> list[Capture]:
        """Those that lie in the folder, the oldest first. Where nothing is of our making there is none.

        ``before``: only those that were made before a time. By its name none is made before what it shows.
        """
        if not self._is_ours:
            return []
        if before is None:
            states = self._root.states()
        else:
            day = f"{(before + timedelta(days=2)).astimezone():%Y%m%d}"  # two: a clock may have been put forward since
            found = ((name, self._root.state(name)) for name in self._root.names() if name < day)
            states = ((name, state) for name, state in found if state)
        return sorted(
            Capture(state.st_mtime, name, state.st_size)
            for name, state in states
            if _CAPTURE.fullmatch(name)
            and S_ISREG(state.st_mode)
            and (before is None or state.st_mtime < before.timestamp())
        )

    def origin(self, capture: Capture) -> tuple[bool, str | None]:
        """Whether a capture is surely of the program's own making, and the camera that it is of, if it is of one."""
        try:
            note = _Note.read(self._root.path / capture.name)
        except OSError:
            note = None
        return note is not None, note.camera if note else None

    def remove(self, captures: Collection[Capture]) -> None:
        """Raises OSError."""
        for capture in captures:
            with suppress(FileNotFoundError):
                self._root.remove(capture.name)
        if captures:
            self._root.sync()


class Forgotten(NamedTuple):
    """What became of the captures that show somebody."""

    removed: int  # they showed nobody else
    pixelated: int
    unknown: int  # which do not tell whom they show


def forget_in_captures(folder: Path, faces: Collection[str]) -> Forgotten:
    """Remove captures that show these faces (names); where others are seen, too, pixelate them there.

    Raises OSError, UserError.
    """
    removed = pixelated = unknown = 0
    with Root(folder) as root:
        for name in sorted(root.names()):
            if not _CAPTURE.fullmatch(name) or not root.has_file(name):
                continue
            note = _Note.read(folder / name)
            unknown += note is None
            if note is None or not any(face in faces for face, *_ in note.faces):
                continue
            others = [shown for shown in note.faces if shown[0] not in faces]
            found = cv2.imdecode(np.frombuffer(root.read(name), np.uint8), cv2.IMREAD_COLOR) if others else None
            if found is not None:
                image = np.asarray(found, np.uint8)
                for face, around, text in note.faces:
                    if face in faces:
                        make_unknowable(image, around)
                        pixelate(image, text, 1)  # letters can be made out of fewer pixels than a face
                root.write(name, with_note(png_bytes(image), _Note(others, note.camera).text()))
                pixelated += 1
            else:  # or it is damaged
                root.remove(name)
                removed += 1
        root.sync()
    return Forgotten(removed, pixelated, unknown)


class Captures:
    """Every analysed frame with a face in it, drawn, as `YYYYmmdd_HHMMSS.mmm.png` (local time).

    Who was forgotten or is hidden is pixelated; where nobody but the forgotten is seen there is none.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None], modes: Modes = PRIVATE) -> None:
        """Opens the folder, and makes it if it is missing.

        Parameters
        ----------
        folder : for the captures; a new or empty one, or one of captures
        tell : is told what the file system cannot do, and how many captures are lost because the disk is full
        modes : permissions of what is made

        Raises
        ------
        UserError : the folder holds other files, lies in a folder of ours, or cannot be made
        """
        refuse_place(folder, CAPTURES, "--capture")
        try:
            self._root = Root.made(folder, modes)
            try:
                self._refuse_foreign(folder)
                mark(self._root, CAPTURES)
                for sentence in self._root.lacks():
                    tell(sentence)
            except BaseException:
                self._root.close()
                raise
        except OSError as error:
            raise UserError(
                f"the folder {folder} cannot be made ({error.strerror}); give another folder to --capture"
            ) from error
        self._held: Held[tuple[str, bytes]] = Held("captures", self._write, tell)

    @staticmethod
    def _refuse_foreign(folder: Path) -> None:
        """Raises UserError if the folder holds other files: marked as ours, it would never be input again."""
        if kind_of(folder) is None:
            for name in os.listdir(folder):
                if not (name.startswith(".") or is_litter(name) or _CAPTURE.fullmatch(name)):
                    raise UserError(
                        f"{folder} holds other files than captures, such as {name}; give a new or empty folder to "
                        "--capture"
                    )

    def show(self, frame: Frame, seen: Sequence[Seen]) -> None:
        shown = [face for face in seen if not face.forgotten]
        if not frame.due or not shown:
            return
        camera = frame.source if frame.fingerprint is None else None
        note = _Note([(face.face, *drawn_area(frame.image, face)) for face in shown], camera)
        content = with_note(png_bytes(annotate(frame.image, seen)), note.text())
        self._held.add((f"{time_name(frame.time)}.png", content), len(content))

    def flush(self) -> None:
        self._held.flush()

    def _write(self, capture: tuple[str, bytes]) -> None:
        name, content = capture
        with asking_the_disk():
            if not (self._root.has_file(name) and self._root.read(name) == content):
                self._root.write(self._root.free(name), content)

    def close(self) -> None:
        self._held.give_up()
        self._root.close()
