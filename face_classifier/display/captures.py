"""Every analysed frame with a face in it, drawn, as a picture in a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from face_classifier.core.disk.durable import PRIVATE, Modes
from face_classifier.core.disk.files import png_bytes, time_name
from face_classifier.core.disk.markers import CAPTURES, is_litter, kind_of, mark, refuse_place
from face_classifier.core.disk.retry import Held, asking_the_disk
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.types import Frame, Seen
from face_classifier.display.overlay import annotate

_CAPTURE = re.compile(r"[0-9]{8}_[0-9]{6}\.[0-9]{3}(_[0-9]+)?\.png")  # as earlier versions named them, too


class Captures:
    """Every analysed frame with a face in it, drawn, as `YYYYmmdd_HHMMSS.mmm.png` (local time)."""

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
        if not frame.due or not seen:
            return
        content = png_bytes(annotate(frame.image, seen))
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
