"""The reference tells every key of the configuration as the models do, and the examples in configs/ are sound."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import time
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from face_classifier.core.config.cross import advice, disagreements
from face_classifier.core.config.load import examine
from face_classifier.core.config.parts.alerts import Alerts, AnyChannel, Rule
from face_classifier.core.config.parts.cameras import Camera, Keep, KeepAll
from face_classifier.core.config.parts.page import Web
from face_classifier.core.config.settings import Settings, Visits, changes

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "docs" / "reference" / "configuration.md").read_text("utf-8")
PARTS: dict[str, type[BaseModel]] = {
    "cameras.NAME": Camera,
    "cameras.NAME.keep": Keep,
    "keep": KeepAll,
    "visits": Visits,
    "alerts": Alerts,
    "alerts.rules[]": Rule,
    "web": Web,
} | {
    f"channels.NAME ({get_args(part.model_fields['type'].annotation)[0]})": part
    for part in get_args(get_args(AnyChannel)[0])
}


def rows() -> Iterator[str]:
    """The lines of the tables, as the reference has them."""
    for prefix, part in PARTS.items():
        name, _, kind = prefix.partition(" ")
        for key, field in part.model_fields.items():
            if key == "type" or isinstance(field.default, BaseModel):
                continue
            default = "as `keep`" if part is Keep else shown(field.default)
            yield f"| `{name}.{key}`{' ' * bool(kind)}{kind} | {field.description} | {default} |"


def shown(default: object) -> str:
    if default is PydanticUndefined:
        return "must be given"
    if default is None:
        return "null"
    if default in ((), {}):
        return "none"
    return (
        str(default).lower()
        if isinstance(default, bool)
        else f"{default:g}"
        if isinstance(default, float)
        else f"{default}"
    )


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row.split("`")[1])
def test_the_reference_tells_every_key_with_its_default(row: str):
    assert row in REFERENCE.splitlines()


def test_every_part_of_the_settings_is_told():
    told = {prefix.split(".")[0].split(" ")[0] for prefix in PARTS}
    nested = {field.name for field in dataclasses.fields(Settings) if not field.metadata}
    assert nested - {"log"} == told


@pytest.mark.parametrize(
    "path",
    [ROOT / "configs" / name for name in ("default.yaml", "cctv.yaml", "rehearsal.yaml")],
    ids=lambda path: path.name,
)
def test_an_example_is_sound(path: Path):
    settings, faults, parts, tree = examine({}, str(path), {})
    assert not faults
    assert settings
    assert not [*disagreements(parts, tree), *advice(parts, tree)]


def test_the_example_of_a_house_keeps_strangers_for_72_hours():
    settings, _, _, _ = examine({}, str(ROOT / "configs" / "cctv.yaml"), {})
    assert settings
    assert len(settings.cameras) == 2
    assert {settings.keep_of(name).unknown for name in settings.cameras} == {72 * 3600}
    assert settings.alerts.daily == time(21)
    assert not changes(settings, settings)
