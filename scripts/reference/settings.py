"""The page of every key of a settings file."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from face_classifier.core.config.flat import ENVIRONMENT, Flat, metavar
from face_classifier.core.config.parts.alerts import Alerts, AnyChannel, Rule
from face_classifier.core.config.parts.cameras import Camera, Keep, KeepAll
from face_classifier.core.config.parts.nested import Visits
from face_classifier.core.config.parts.page import Web
from face_classifier.core.config.settings import Settings
from scripts.reference.tables import code, plain, table, value

PARTS: dict[str, type[BaseModel]] = {
    "cameras.NAME": Camera,
    "cameras.NAME.keep": Keep,
    "keep": KeepAll,
    "visits": Visits,
    "alerts": Alerts,
    "alerts.rules[]": Rule,
    "web": Web,
}
CHANNELS: dict[str, type[BaseModel]] = {
    get_args(part.model_fields["type"].annotation)[0]: part for part in get_args(get_args(AnyChannel)[0])
}
TEXT = f"""# All keys of the settings

Every key that a file of `--config` may have. [Configuration](configuration.md) tells what units and words mean, and
[default.yaml](../../configs/default.yaml) has the keys at their defaults, to copy from.

A flag wins over the environment, the environment over the file. The variable of `seconds` is `{ENVIRONMENT}SECONDS`,
that of `cameras.door.url` is `{ENVIRONMENT}CAMERAS__DOOR__URL`.
"""


def page() -> str:
    header = ("key", "meaning", "default")
    channels = (row for kind, part in CHANNELS.items() for row in _rows(f"channels.NAME.{{}}` ({kind})", part))
    return "\n".join(
        [
            TEXT,
            "## Of a run\n",
            "Each is a [flag of a run](commands.md#run), too, with `-` for `_`.\n",
            table(("key", "value", "meaning", "default"), _flat()),
            "## Of cameras, alerts and the page\n",
            table(header, (row for prefix, part in PARTS.items() for row in _rows(f"{prefix}.{{}}`", part))),
            table(header, [("`log`", "how `watch` writes its log: text, or json", value(Settings().log))]),
            "## Of channels\n",
            "Behind each key stands the `type` of the channels that have it.\n",
            table(header, channels),
        ]
    )


def _rows(key: str, part: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    for name, field in part.model_fields.items():
        if name == "type" or isinstance(field.default, BaseModel):
            continue
        default = (
            "as `keep`"
            if part is Keep
            else "must be given"
            if field.default is PydanticUndefined
            else value(field.default)
        )
        yield "`" + key.format(name), plain(field.description or ""), default


def _flat() -> Iterator[tuple[str, ...]]:
    for field in dataclasses.fields(Flat):
        told, _, default = field.metadata["text"].partition(" [default: ")
        yield (
            f"`{field.name}`",
            _kind(field),
            plain(told),
            plain(default.rstrip("]")) or value(field.default),
        )


def _kind(field: dataclasses.Field[Any]) -> str:
    """What a key may hold, with its range."""
    if field.type == "bool":
        return "`true`, `false`"
    words = metavar(field)
    if not words.startswith("NUMBER"):
        return code(words)
    low, high, above = (field.metadata[key] for key in ("low", "high", "above"))
    rule = f"{'above' if above else 'from'} {low:g}" + (f" to {high:g}" if high < math.inf else "")
    choices = field.metadata["choices"]
    return f"a number {rule}" + (f", or {code('|'.join(choices))}" if choices else "")
