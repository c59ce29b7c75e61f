"""What is wrong with a configuration, in sentences: key, place, value, rule; of a misspelt key the nearest one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from face_classifier.core.config.parts import alerts, cameras, nested, page
from face_classifier.core.config.parts.units import DisagreementError
from face_classifier.core.configfile import Fault, Node, meant, quoted
from face_classifier.core.names import without_logins

_CHANNELS = {model.model_fields["type"].annotation: model for model in get_args(get_args(alerts.AnyChannel)[0])}
CHANNELS: dict[str, type[BaseModel]] = {get_args(literal)[0]: model for literal, model in _CHANNELS.items()}
Location = tuple[str | int, ...]  # of pydantic's errors
_UNKNOWN = "extra_forbidden"
_KEYS_OF_CHANNELS = {key for model in CHANNELS.values() for key in model.model_fields}
_HOMES: dict[str, type[BaseModel]] = {
    "keep": cameras.KeepAll,
    "visits": nested.Visits,
    "alerts": alerts.Alerts,
    "web": page.Web,
    "a camera": cameras.Camera,
    "a rule of alerts": alerts.Rule,
}
_SECRETS = ("password", "token", "secret")  # keys that are refused where one that names a variable is known
_SECRET = re.compile("password|token|secret|url_")  # keys whose value is not shown
_RULES = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "string_type": "a word",
    "string_too_short": "a word that is not empty",
    "too_short": "a list of at least one",
    "tuple_type": "a list, each part after `- `",
    "dict_type": "a mapping: each name with a colon, and what belongs to it indented below",
    "model_type": "a mapping, lines of `key: value`",
    "model_attributes_type": "a mapping, lines of `key: value`",
}
_BOUNDS = {
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than_equal": "a number of at most {le:g}",
    "literal_error": "one of {expected}",
}


def sentences(error: ValidationError, tree: Mapping[str, Node]) -> list[Fault]:
    """Each fault as a sentence, line by line; ``tree`` tells where each value stands.

    A misspelt key is not told again as one that is missing.
    """
    faults = sorted(error.errors(include_url=False), key=lambda fault: line_of(_path(fault["loc"]), tree))
    unknown = [fault["loc"] for fault in faults if fault["type"] == _UNKNOWN]
    return [
        Fault(line_of(_path(fault["loc"]), tree), _sentence(fault, tree))
        for fault in faults
        if fault["type"] != "missing" or not _misspelt(fault["loc"], unknown)
    ]


def line_of(path: Sequence[str | int], tree: Mapping[str, Node]) -> int:
    """The line of a value, or of the nearest one that holds it; 0 = it is a variable's."""
    node, _ = _nearest(path, tree)
    return node.line if node else 0


def _misspelt(missing: Location, unknown: Sequence[Location]) -> bool:
    """Whether one of the unknown keys is nearly the missing one."""
    words = [str(location[-1]) for location in unknown if location[:-1] == missing[:-1]]
    return bool(difflib.get_close_matches(str(missing[-1]), words, 1))


def told(path: Sequence[str | int], tree: Mapping[str, Node]) -> str:
    """The dotted key and the place of a value, as a sentence begins: ``cameras.door.url in c.yaml, line 3,``."""
    node, depth = _nearest(path, tree)
    if node is None or (not node.line and depth == len(path) and not isinstance(node.value, dict | list)):
        return node.origin if node else dotted(path)
    return f"{dotted(path)} of {node.origin}" if not node.line else f"{dotted(path)} {node.origin}"


def advice_for(word: str, known: Sequence[str]) -> str:
    """The advice for an unknown key: where it belongs, else the nearest of the ``known`` ones, else all of them."""
    home = next((home for home, model in _HOMES.items() if word in model.model_fields), None)
    return f"it belongs within {home}" if home else meant(word, known)


def dotted(path: Sequence[str | int]) -> str:
    """Keys with dots between them, places in a list in brackets."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")
    return without_logins(text) if len(text) <= 100 else quoted(text)


def _sentence(details: ErrorDetails, tree: Mapping[str, Node]) -> str:
    path, kind = _path(details["loc"]), details["type"]
    model = _model(details["loc"][:-1])
    if kind == _UNKNOWN:
        return _unknown(path, model, tree)
    if kind == "missing":
        field = model.model_fields[str(path[-1])] if model else None
        what = f": {field.description}" if field and field.description else "; give it"
        return f"{told(path[:-1], tree)} has no {path[-1]}{what}"
    if _is_too_high(path, details["input"]):
        return (
            f"{told(path, tree)} belongs to one of the {path[0]}; write its name in the line above, and indent the key"
        )
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _no_type(path, tree)
    context: dict[str, Any] = details.get("ctx", {})
    fault = context.get("error")
    if isinstance(fault, DisagreementError):
        return f"{told(path, tree)} {fault}"
    value = _value(path, details["input"])
    return f"{told(path, tree)} is {value}, but must be {_rule(kind, context, details['msg'])}"


def _is_too_high(path: Sequence[str | int], value: object) -> bool:
    """Whether a key of a camera or channel stands where its name should."""
    keys = {"cameras": set(cameras.Camera.model_fields), "channels": _KEYS_OF_CHANNELS}
    return len(path) == 2 and path[1] in keys.get(str(path[0]), ()) and not isinstance(value, dict)


def _rule(kind: str, context: Mapping[str, Any], message: str) -> str:
    if kind == "value_error":
        return str(context["error"])
    if kind in _BOUNDS:
        rule = _BOUNDS[kind].format(**context)
        return rule.replace("'", "").replace(" or ", ", ")
    return _RULES.get(kind, message[:1].lower() + message[1:])


def _value(path: Sequence[str | int], value: object) -> str:
    """A value as it may be shown: never a secret, no login of an address."""
    if _SECRET.search(str(path[-1])):
        return "a value that is not shown"
    if isinstance(value, dict):
        return "a mapping"
    if path[-1] in ("url", "main") and isinstance(value, str) and "@" in (shown := without_logins(value)):
        return quoted("…" + shown[shown.rindex("@") :])  # one that is misspelt; who logs in may stand before
    if isinstance(value, list | tuple) and (len(value) > 6 or any(isinstance(part, dict) for part in value)):
        return "a list"  # within a mapping there may be a secret
    return "empty" if value is None else quoted(value)


def _unknown(path: list[str | int], model: type[BaseModel] | None, tree: Mapping[str, Node]) -> str:
    known = list(model.model_fields) if model else []
    word = str(path[-1])
    if word.lower() in (*_SECRETS, "url") and f"{word.lower()}_env" in known:
        return (
            f"{told(path, tree)} would be in plain text; give the name of the variable of the environment that holds "
            "it "
            f"({word.lower()}_env) or of a file ({word.lower()}_file)"
        )
    node, _ = _nearest(path, tree)
    where = node.origin.removeprefix("in ") if node else "the configuration"
    return f"{where} has the unknown key {quoted(dotted(path))}; {advice_for(word, known)}"


def _no_type(path: list[str | int], tree: Mapping[str, Node]) -> str:
    known = ", ".join(CHANNELS)
    node, depth = _nearest([*path, "type"], tree)
    if node is None or depth <= len(path):
        return f"{told(path, tree)} has no type; give one of {known}"
    return f"{told([*path, 'type'], tree)} is {_value(['type'], node.plain())}, but must be one of {known}"


def _path(location: Location) -> list[str | int]:
    """The keys to a value, without the names that pydantic gives to kinds of channels and to keys of mappings."""
    path = [key for key in location if key != "[key]"]
    if path[0] == "channels" and len(path) > 2:
        del path[2]
    return path


def _nearest(path: Sequence[str | int], tree: Mapping[str, Node]) -> tuple[Node | None, int]:
    """The node of a path, or of as much of it as there is, and how many keys that is."""
    node: Node | None = None
    inside: Any = tree
    for depth, key in enumerate(path):
        if isinstance(inside, Mapping) and key in inside:
            node = inside[str(key)]
        elif isinstance(inside, list) and isinstance(key, int) and key < len(inside):
            node = inside[key]
        else:
            return node, depth
        inside = node.value
    return node, len(path)


def _model(location: Location) -> type[BaseModel] | None:
    """The model whose keys stand at a location of pydantic's."""
    match location:
        case ["channels", _, kind]:
            return CHANNELS[str(kind)]
        case ["cameras", _]:
            return cameras.Camera
        case ["cameras", _, "keep"]:
            return cameras.Keep
        case ["keep"]:
            return cameras.KeepAll
        case ["visits"]:
            return nested.Visits
        case ["web"]:
            return page.Web
        case ["alerts"]:
            return alerts.Alerts
        case ["alerts", "rules", _]:
            return alerts.Rule
    return None
