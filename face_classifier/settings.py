"""One frozen Settings for a run: defaults, then a YAML file, then the environment, then flags."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from face_classifier.errors import UserError

ENVIRONMENT = "FACE_CLASSIFIER_"
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


def _setting(
    default: Any, flags: str, text: str, low: float = 0.0, high: float = math.inf, *, above: bool = False
) -> Any:
    """A field with its flags (``-t --threshold``), its help, and for numbers its range (``above``: low excluded)."""
    return dataclasses.field(
        default=default, metadata={"flags": flags.split(), "text": text, "low": low, "high": high, "above": above}
    )


@dataclass(frozen=True)
class Settings:
    """What the user wants of a run. The help of each field tells its unit."""

    threshold: float = _setting(
        0.44, "-t --threshold", "Similarity threshold: L2 distance between 128-d encodings.", high=2, above=True
    )
    seconds: float = _setting(1.0, "-S --seconds", "Seconds of the source between analysed frames; 0 = every frame.")
    stop: float = _setting(0.0, "-s --stop", "Stop at this second of the source; 0 = never.")
    skip: float = _setting(0.0, "-k --skip", "Skip so many seconds from the start of the source.")
    display: bool = _setting(False, "-d --display", "Show the frames live with boxes and names; q stops.")
    capture: str | None = _setting(None, "-c --capture", "Save every analysed frame with a face in it to this folder.")
    resize_ratio: float = _setting(
        1.0, "-r --resize-ratio", "Detect on a frame this many times as large (0.5 = half).", high=1, above=True
    )
    result: str = _setting("result", "--result", "The result folder.")
    jsonl: str | None = _setting(None, "--jsonl", "Write a JSON line to this file for each face that is kept.")

    def __post_init__(self) -> None:
        if self.stop and self.stop <= self.skip:
            raise UserError(
                f"stop is {self.stop:g} s and skip is {self.skip:g} s, so nothing is left between them; "
                "give a stop after the skip"
            )


def load(flags: Mapping[str, Any], config: str | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from a YAML file, the environment and flags, the last one winning.

    ``flags`` maps field names to what the user typed, None = not given. Raises UserError naming key, rule and value.
    """
    values: dict[str, Any] = {}
    for field in dataclasses.fields(Settings):
        variable = ENVIRONMENT + field.name.upper()
        for given, origin in (
            (flags.get(field.name), field.metadata["flags"][-1]),
            (environ.get(variable), variable),
        ):
            if given is not None:
                values[field.name] = _parse(field, given, origin)
                break
    for key, given in (_read_yaml(Path(config)) if config else {}).items():
        if key not in values and given is not None:
            values[key] = _parse(_field(key, config), given, f"{key} in {config}")
    return Settings(**values)


def _field(key: Any, config: str | None) -> dataclasses.Field[Any]:
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    if key not in fields:
        raise UserError(f"{config} has the unknown key {key!r}; the keys are {', '.join(fields)}")
    return fields[key]


def _read_yaml(path: Path) -> dict[Any, Any]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"the configuration file {path} cannot be read ({reason}); give a YAML file") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"the configuration file {path} holds a {type(content).__name__}; give lines of `key: value`")
    return content


def _parse(field: dataclasses.Field[Any], given: Any, origin: str) -> Any:
    kind = str(field.type)
    if kind == "float":
        return _number(field, given, origin)
    if kind == "bool":
        return _truth(given, origin)
    if not isinstance(given, str) or not given or "\0" in given:
        raise UserError(f"{origin} is {given!r}, which is no path; give the path of a file or folder")
    return given


def _number(field: dataclasses.Field[Any], given: Any, origin: str) -> float:
    low, high, above = (field.metadata[key] for key in ("low", "high", "above"))
    rule = f"a number {'above' if above else 'of at least'} {low:g}" + (
        f" and at most {high:g}" if high < math.inf else ""
    )
    sentence = f"{origin} is {given!r}, but must be {rule}; the default is {field.default:g}"
    try:
        number = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError):
        raise UserError(sentence) from None
    if not math.isfinite(number) or not low <= number <= high or (above and number == low):
        raise UserError(sentence)
    return number


def _truth(given: Any, origin: str) -> bool:
    if isinstance(given, bool):
        return given
    if str(given).lower() in _TRUE:
        return True
    if str(given).lower() in _FALSE:
        return False
    raise UserError(f"{origin} is {given!r}, but must be true or false")
