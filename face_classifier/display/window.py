"""What others see of a run: the window, captures, JSON lines."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TextIO

import cv2

from face_classifier.core import names
from face_classifier.core.disk.files import png_bytes, time_name
from face_classifier.core.disk.markers import CAPTURES, is_litter, kind_of, mark, refuse_place
from face_classifier.core.disk.retry import Held, asking_the_disk
from face_classifier.core.disk.rooted import PRIVATE, Modes, Root, open_log
from face_classifier.core.errors import UserError
from face_classifier.core.types import EMOTIONS, Emotion, Frame, Seen, Sighting
from face_classifier.display.overlay import annotate

_CAPTURE = re.compile(r"[0-9]{8}_[0-9]{6}\.[0-9]{3}(_[0-9]+)?\.png")  # as earlier versions named them, too
_BOX = ("top", "right", "bottom", "left")
_NOBODY = Sighting(0, "", None, None)
_MOST_LINES = 8 << 20  # bytes of them that are held in memory while the disk takes none


class Viewer(Protocol):
    def show(self, frame: Frame, seen: Sequence[Seen]) -> None:
        """A frame with the faces in it."""

    def flush(self) -> None:
        """Write what is still to be written of what was shown. Raises DiskError; then it is to be called again."""

    def close(self) -> None: ...


def record(sighting: Sighting) -> dict[str, Any]:
    """A sighting as the fields of a line: the contract's names and units; ``emotion`` only where it has one, ``kept``
    only where it is not.
    """
    fields: dict[str, Any] = {
        "source": sighting.source,
        "frame": sighting.frame,
        "position": sighting.position,
        "time": sighting.time.isoformat() if sighting.time else None,
        "box": sighting.box.css if sighting.box else None,
        "face": sighting.face,
        "person": sighting.person,
        "distance": sighting.distance,
    }
    if sighting.emotion:
        fields["emotion"] = emotion_record(sighting.emotion)
    if not sighting.kept:
        fields["kept"] = False
    return fields | {"fingerprint": sighting.fingerprint}


def emotion_record(emotion: Emotion) -> dict[str, Any]:
    """An emotion as JSON: its label, and the score of each class, 0 to 1."""
    scores = (round(score, 4) for score in emotion.scores)
    return {"label": emotion.label, "scores": dict(zip(EMOTIONS, scores, strict=True))}


class JsonLines:
    """A JSON object a line for each face kept, met again, or changed; complete after every `flush`."""

    def __init__(self, path: Path, tell: Callable[[str], None], modes: Modes = PRIVATE) -> None:
        """``tell``: is told how many lines are lost because the disk does not take them."""
        self._path = path
        try:
            self._file = os.fdopen(open_log(path, modes), "wb", buffering=0)
        except OSError as error:
            raise UserError(f"{path} cannot be written ({error.strerror}); give another file to --jsonl") from error
        self._held: Held[bytes] = Held(f"lines of {path}", self._write, tell, _MOST_LINES)
        self._rest = b""  # of a line of which the disk took a part

    def tell(self, changed: Sequence[Sighting]) -> None:
        """Take lines for `flush` to write."""
        for sighting in changed:
            line = json_line(sighting).encode()
            self._held.add(line, len(line))

    def flush(self) -> None:
        """Write all lines that there are. Raises DiskError, and goes on from there the next time."""
        self._held.flush()

    def _write(self, line: bytes) -> None:
        self._rest = self._rest or line
        while self._rest:
            with asking_the_disk(self._path):
                self._rest = self._rest[self._file.write(self._rest) :]

    def close(self) -> None:
        self._held.give_up()
        with suppress(OSError):  # of a file on another machine; what was refused was told when it was written
            self._file.close()


def json_line(sighting: Sighting, encoding: str = "utf-8") -> str:
    return names.json_text(record(sighting), encoding=encoding) + "\n"


def write_json_lines(file: TextIO, sightings: Iterable[Sighting]) -> None:
    for sighting in sightings:
        file.write(json_line(sighting, file.encoding or "utf-8"))


def write_csv(file: TextIO, sightings: Iterable[Sighting]) -> None:
    """The same fields as columns, the box as four; if any face has an emotion, eight more for it before the last."""
    sightings = list(sightings)
    *columns, last = (name for field in record(_NOBODY) for name in (_BOX if field == "box" else [field]))
    if any(sighting.emotion for sighting in sightings):
        columns += ["emotion", *EMOTIONS]
    columns.append(last)
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    for sighting in sightings:
        fields = record(sighting)
        box = fields.pop("box") or (None, None, None, None)
        if emotion := fields.get("emotion"):
            fields |= {"emotion": emotion["label"], **emotion["scores"]}
        fields |= dict(zip(_BOX, box, strict=True))
        writer.writerow({key: names.shown(value) if isinstance(value, str) else value for key, value in fields.items()})


class Captures:
    """Every analysed frame with a face in it, drawn, as `YYYYmmdd_HHMMSS.mmm.png` (local time)."""

    def __init__(self, folder: Path, tell: Callable[[str], None], modes: Modes = PRIVATE) -> None:
        """``tell``: is told what the file system cannot do, and how many captures are lost because it takes none."""
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
        """Raise UserError if the folder is somebody else's: marked as ours, it would never be looked through again."""
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


class Window:
    """A live window; `q` or closing it sets ``stopping``."""

    _TITLE = "Face Classifier"

    def __init__(self, stopping: threading.Event) -> None:
        """Raises UserError where no window can be opened."""
        check_display()
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")  # it complains of fonts that it does not need
        self._stopping = stopping
        cv2.namedWindow(self._TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        self._sized = False

    def show(self, frame: Frame, seen: Sequence[Seen]) -> None:
        if self._stopping.is_set():
            return  # it would come up again
        if not self._sized:
            height, width = frame.image.shape[:2]
            shrink = min(1.0, 1280 / width, 720 / height)
            cv2.resizeWindow(self._TITLE, max(1, int(width * shrink)), max(1, int(height * shrink)))
            self._sized = True
        cv2.imshow(self._TITLE, annotate(frame.image, seen))
        pressed = cv2.waitKey(1) & 0xFF
        if pressed == ord("q") or self._is_closed():
            self._stopping.set()

    def flush(self) -> None:
        """Nothing is written."""

    def _is_closed(self) -> bool:
        try:
            return cv2.getWindowProperty(self._TITLE, cv2.WND_PROP_VISIBLE) < 1
        except cv2.error:  # with its last window Qt forgets that it had any
            return True

    def close(self) -> None:
        cv2.destroyAllWindows()


def check_display() -> None:
    """Raises UserError where OpenCV's window would abort the whole process, which is tried in another one."""
    advice = "run without -d, or on a machine with a screen"
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UserError(f"-d needs a display, but neither DISPLAY nor WAYLAND_DISPLAY is set; {advice}")
    trial = "import cv2; cv2.namedWindow('trial'); cv2.destroyAllWindows()"
    try:
        done = (
            subprocess.run([sys.executable, "-c", trial], capture_output=True, timeout=30, check=False).returncode == 0
        )
    except subprocess.TimeoutExpired:
        done = False
    if not done:
        raise UserError(f"-d cannot open a window on the display {os.environ.get('DISPLAY', '')!r}; {advice}")
