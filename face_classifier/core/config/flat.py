"""The flat settings of a run: their flags, ranges and help, and how each is read from a text.

The command line is made of them, so nothing that takes long to import is imported here.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

from face_classifier.core.configfile import quoted
from face_classifier.core.errors import WrongUseError
from face_classifier.core.names import is_path

ENVIRONMENT = "FACE_CLASSIFIER_"
STRANGERS = "strangers"  # who may be pixelated
ENCODERS = USUAL_ENCODER, ORIGINALS_ENCODER = "sface", "dlib"
HIGHEST_THRESHOLD = 0.8  # L2: most strangers are nearer, with either encoder
_FORMER_SCALE = 0.446  # of SFace's distances in earlier versions (up to 2) to those of today, as in ``vision.sface``
STEP, ORIGINAL_STEP = 0.5, 1.0  # seconds: defaults of -S, of the fast engine and of the original program
_NUMBERS = ("float", "int")  # how their types begin
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


def _setting(
    default: Any,
    flags: str,
    text: str,
    low: float = 0.0,
    high: float = math.inf,
    *,
    above: bool = False,
    choices: tuple[str, ...] = (),
) -> Any:
    """A field with its flags (``-t --threshold``) and its help.

    Numbers have a range (``above``: low excluded), words their ``choices``; with both it is a number or such a word.
    """
    metadata = {"flags": flags.split(), "text": text, "low": low, "high": high, "above": above, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Flat:
    """What the user wants of a run. The help of each field tells its unit."""

    threshold: float | str | None = _setting(
        None,
        "-t --threshold",
        "Similarity threshold: L2 distance between 128-d encodings; auto = as this gallery tells. "
        "[default: 0.46, less among more than 100 people, original engine 0.44]",
        high=HIGHEST_THRESHOLD,
        above=True,
        choices=("auto",),
    )
    seconds: float | None = _setting(
        None,
        "-S --seconds",
        "Seconds of the source between analysed frames; 0 = every frame. "
        "[default: as when it was first seen, else 0.5, original engine 1]",
    )
    stop: float = _setting(0.0, "-s --stop", "Stop at this second of the source; 0 = never.")
    skip: float = _setting(0.0, "-k --skip", "Skip so many seconds from the start of the source.")
    display: bool = _setting(False, "-d --display", "Show the frames live with boxes and names; q stops.")
    capture: str | None = _setting(None, "-c --capture", "Save every analysed frame with a face in it to this folder.")
    resize_ratio: float = _setting(
        1.0, "-r --resize-ratio", "Detect on a frame this many times as large (0.5 = half).", high=1, above=True
    )
    engine: str = _setting(
        "fast",
        "--engine",
        "fast, or original: the calls of face_recognition, every face in every analysed frame.",
        choices=("fast", "original"),
    )
    encoder: str | None = _setting(
        None,
        "--encoder",
        "sface, or dlib, which is the original program's. [default: the result folder's; of a new one sface]",
        choices=ENCODERS,
    )
    precision: str = _setting(
        "auto",
        "--precision",
        "Of the encoders' numbers: fp32, int8 (if the processor multiplies 8 bits exactly), or auto: where harmless.",
        choices=("auto", "fp32", "int8"),
    )
    detector: str | None = _setting(
        None,
        "--detector",
        "Another detector than the engine's: hog, cnn (dlib's MMOD) or yunet.",
        choices=("hog", "cnn", "yunet"),
    )
    workers: float = _setting(2.0, "--workers", "Threads that analyse frames; the result does not depend on it.", 1, 64)
    parallel: float = _setting(1.0, "--parallel", "Files analysed at a time; the result does not depend on it.", 1, 64)
    emotion: bool = _setting(False, "--emotion", "Read what each face seems to express; mind where the law forbids it.")
    emotion_engine: str = _setting(
        "fer", "--emotion-engine", "fer, or deepface if you have installed it.", choices=("fer", "deepface")
    )
    chapter: float = _setting(
        600.0, "--chapter", "Seconds of a file after which nobody in it is followed any further; 0 = never."
    )
    refresh: float = _setting(
        1.0,
        "--refresh",
        "Encode and keep a followed face anew after so many seconds (four times as many with 8 pictures of a camera); "
        "0 = in every analysed frame.",
    )
    founding: float = _setting(
        3.0,
        "--founding",
        "One fewer than so many good faces (but two) of one track found a person; two tracks always do.",
        2,
        1000,
    )
    online_only: bool = _setting(
        False, "--online-only", "Do not think again about all faces together, at the end and every --rethink seconds."
    )
    rethink: float = _setting(300.0, "--rethink", "Seconds after which a live run thinks again about all its faces.", 1)
    detect_every: float = _setting(
        0.2,
        "--detect-every",
        "Search for faces after so many seconds, and between, if in doubt; 0 = in every analysed frame.",
    )
    search_still: bool = _setting(False, "--search-still", "Search every frame, also where nothing has moved.")
    quality: float = _setting(
        0.02, "--quality", "Keep no face of a lower quality (size, sharpness, light, wholeness, pose, score).", high=1
    )
    mode: str = _setting(
        "private",
        "--mode",
        "Who may read what is made: private, or group, which may write it, too; what exists keeps its mode.",
        choices=("private", "group"),
    )
    patience: float = _setting(
        60.0, "--patience", "Seconds for which files wait for a disk that is full or fails; then the run ends."
    )
    pictures_per_track: int | None = _setting(
        None,
        "--pictures-per-track",
        "Keep at most so many pictures of a track, the best and most different. [default: all of files, 8 of cameras]",
        1,
        100_000,
    )
    known_only: bool = _setting(
        False, "--known-only", "Keep nothing of strangers but how many passed: no picture, no numbers, no line."
    )
    pixelate: str = _setting(
        "nobody",
        "--pixelate",
        "nobody, or strangers: show whoever has no name of yours pixelated, in the window and in captures.",
        choices=("nobody", STRANGERS),
    )
    result: str = _setting("result", "--result", "The result folder.")
    adopt: bool = _setting(False, "--adopt", "Make a result folder of one that is none yet: its subfolders are people.")
    jsonl: str | None = _setting(None, "--jsonl", "Write a JSON line to this file for each face that is kept.")

    @property
    def threshold_number(self) -> float | None:
        """The threshold if it is a number; None = the default, or what the gallery tells."""
        return None if isinstance(self.threshold, str) else self.threshold

    @property
    def step(self) -> float:
        """Seconds between the analysed frames of a source that was never seen."""
        if self.seconds is not None:
            return self.seconds
        return ORIGINAL_STEP if self.engine == "original" else STEP

    @property
    def asked_encoder(self) -> str | None:
        """The encoder that a result folder must belong to; None = its own, whichever that is."""
        return self.encoder or (ORIGINALS_ENCODER if self.engine == "original" else None)

    @property
    def emotion_reader(self) -> str | None:
        """The engine that reads emotions; None = they are not asked for."""
        return self.emotion_engine if self.emotion else None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(Flat):
            object.__setattr__(self, field.name, _of_its_kind(field, getattr(self, field.name)))
        if self.stop and self.stop <= self.skip:
            raise WrongUseError(
                f"stop is {self.stop:g} s and skip is {self.skip:g} s, so nothing is left between them; "
                "give a stop after the skip"
            )
        if self.engine == "original" and self.encoder not in (None, ORIGINALS_ENCODER):
            raise WrongUseError(
                f"the encoder is {self.encoder}, but the original engine has only dlib's; leave out --engine original"
            )


def _of_its_kind(field: dataclasses.Field[Any], value: Any) -> Any:
    """The value as its field has it. Raises ValueError if it is of another kind; ranges are for `parse`."""
    kind = str(field.type)
    if kind == "bool" or isinstance(value, bool):
        good = kind == "bool" and isinstance(value, bool)
    elif kind.startswith(_NUMBERS) and isinstance(value, Real):
        number, whole = float(value), kind.startswith("int")
        if math.isfinite(number) and not (whole and number % 1):
            return int(number) if whole else number
        good = False
    else:
        is_word = isinstance(value, str) and ("str" in kind or value in field.metadata["choices"])
        good = is_word or (value is None and field.default is None)
    if not good:
        raise ValueError(f"{field.name} is {quoted(value)}, but must be of the kind {kind}")
    return value


def metavar(field: dataclasses.Field[Any]) -> str:
    """What kind of value a setting takes, in a word."""
    number = ("NUMBER",) if str(field.type).startswith(_NUMBERS) else ()
    return "|".join((*number, *field.metadata["choices"])) or "PATH"


def parse(field: dataclasses.Field[Any], value: Any, origin: str) -> Any:
    """The value of a flat setting.

    Parameters
    ----------
    field : of `Flat`
    value : a text of the command line or the environment, or what YAML makes of one
    origin : what to call it in a sentence: a flag, a variable, a key with file and line

    Raises
    ------
    WrongUseError : it is out of its range, or of another kind
    """
    kind = str(field.type)
    choices = field.metadata["choices"]
    if kind.startswith(_NUMBERS):
        return value if value in choices else _number(field, value, origin)
    if kind == "bool":
        return _truth(value, origin)
    if choices and value not in choices:
        raise WrongUseError(f"{origin} is {quoted(value)}, but must be one of {', '.join(choices)}")
    if not isinstance(value, str) or not is_path(value):
        raise WrongUseError(f"{origin} is {quoted(value)}, which is not a path; give the path of a file or folder")
    return value


def _number(field: dataclasses.Field[Any], value: Any, origin: str) -> float:
    low, high, above = (field.metadata[key] for key in ("low", "high", "above"))
    whole = str(field.type).startswith("int")
    rule = f"a {'whole ' * whole}number {'above' if above else 'of at least'} {low:g}" + (
        f" and at most {high:g}" if high < math.inf else ""
    )
    example = (8 if whole else 0.44) if field.default is None else field.default
    words = "".join(f", or {word}" for word in field.metadata["choices"])
    sentence = f"{origin} is {quoted(value)}, but must be {rule}, such as {example:g}{words}"
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        raise WrongUseError(sentence) from None
    if not math.isfinite(number) or not low <= number <= high or (above and number == low) or (whole and number % 1):
        raise WrongUseError(sentence + (todays_threshold(number) if field.name == "threshold" else ""))
    return int(number) if whole else number


def todays_threshold(given: float | str | None) -> str:
    """What to add to a sentence that refuses a threshold: what is meant by one on the scale that SFace once had."""
    try:
        number = float(given or 0)
    except ValueError:
        return ""
    if not HIGHEST_THRESHOLD < number <= 2:
        return ""
    return f"; SFace's distances have dlib's scale now, so for its former {number:g} give {number * _FORMER_SCALE:.2g}"


def check_encoder(name: str | None, origin: str) -> None:
    """Raises WrongUseError unless there is an encoder of that name, or none is named."""
    if name not in (None, *ENCODERS):
        raise WrongUseError(f"{origin} is {quoted(name)}, but must be one of {', '.join(ENCODERS)}")


def fraction(value: str, origin: str) -> float:
    """A number between 0 and 1, both excluded. Raises WrongUseError."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 < number < 1:
        raise WrongUseError(f"{origin} is {quoted(value)}, but must be a number above 0 and below 1, such as 0.001")
    return number


def count(value: str, origin: str) -> int:
    """A whole number from 1 up. Raises WrongUseError."""
    if not (value.isascii() and value.isdecimal() and len(value) < 10 and int(value) > 0):
        raise WrongUseError(f"{origin} is {quoted(value)}, but must be a whole number of at least 1, such as 8")
    return int(value)


def _truth(value: Any, origin: str) -> bool:
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else quoted(value)
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise WrongUseError(f"{origin} is {quoted(value)}, but must be true or false")
