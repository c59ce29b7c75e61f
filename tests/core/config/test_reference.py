"""The reference tells every key of the configuration, and the examples in configs/ are sound."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import time
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from face_classifier.core.config.cross import advice, disagreements
from face_classifier.core.config.flat import Flat
from face_classifier.core.config.load import examine
from face_classifier.core.config.parts.nested import Nested
from face_classifier.core.config.settings import OWN, changes

ROOT = Path(__file__).parents[3]
KEYS = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")


def models(kind: Any) -> Iterator[type[BaseModel]]:
    """The models that a type holds, and those that these hold."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from models(field.annotation)
    for inner in get_args(kind):
        yield from models(inner)


MODELS = sorted(set(models(Nested)) - {Nested}, key=lambda one: one.__name__)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_reference_tells_every_key(model: type[BaseModel]):
    for key, field in model.model_fields.items():
        assert key == "type" or isinstance(field.default, BaseModel) or f".{key}`" in KEYS, key


def test_every_part_of_the_settings_is_told():
    assert tuple(Nested.model_fields) == OWN
    for name in (*(field.name for field in dataclasses.fields(Flat)), *OWN):
        assert f"| `{name}`" in KEYS or f"| `{name}." in KEYS, name


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
