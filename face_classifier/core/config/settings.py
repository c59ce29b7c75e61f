"""One frozen Settings: the flat ones, which have flags, and the nested ones of a configuration file."""

from __future__ import annotations

import dataclasses
from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from face_classifier.core.config.flat import Flat
from face_classifier.core.config.parts.alerts import Alerts, AnyChannel
from face_classifier.core.config.parts.cameras import Camera, Keep, KeepAll
from face_classifier.core.config.parts.page import Web
from face_classifier.core.config.units import Duration, Name, Part


class Visits(Part):
    """When a visit ends, and when somebody counts as unknown."""

    gap: Duration = Field(default=30.0, description="duration unseen until a visit has ended")
    unknown_after: Duration = Field(default=2.0, description="duration of nobody until an unknown one is told")


@dataclass(
    frozen=True,
    config=ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True, defer_build=True),
)
class Settings(Flat):
    """What the user wants. Flat fields have flags; the others stand in a file or the environment."""

    log: Literal["text", "json"] = "text"
    cameras: dict[Name, Camera] = dataclasses.field(default_factory=dict)
    keep: KeepAll = KeepAll()
    visits: Visits = Visits()
    channels: dict[Name, AnyChannel] = dataclasses.field(default_factory=dict)
    alerts: Alerts = Alerts()
    web: Web = Web()

    def keep_of(self, camera: str) -> Keep:
        """How long what a camera saw is kept: as the camera says, else as all do. Cameras without an entry: as all."""
        common = {key: getattr(self.keep, key) for key in Keep.model_fields}
        own = self.cameras[camera].keep if camera in self.cameras else Keep()
        return Keep(**(common | {key: getattr(own, key) for key in own.model_fields_set}))


OWN = tuple(field.name for field in dataclasses.fields(Settings) if not field.metadata)  # keys without a flag
NESTED = tuple(name for name in OWN if name != "log")  # those that hold others
_AT_ONCE = (
    "cameras",
    "keep",
    "channels",
    "alerts",
)  # what a daemon takes over when it reloads; the rest needs a restart


@dataclasses.dataclass(frozen=True)
class Changes:
    """What a reload is to do: keys and names in the order of the configuration."""

    added: tuple[str, ...]  # cameras
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    keep: bool  # how long things are kept, of all cameras
    alerts: bool  # channels or rules
    restart: tuple[str, ...]  # keys that differ, but count from the next start on

    def __bool__(self) -> bool:
        return self != Changes((), (), (), False, False, ())


def changes(old: Settings, new: Settings) -> Changes:
    """What differs between two configurations. Cameras that are named nowhere go on as they are."""
    return Changes(
        tuple(name for name in new.cameras if name not in old.cameras),
        tuple(name for name in old.cameras if name not in new.cameras),
        tuple(name for name, camera in new.cameras.items() if old.cameras.get(name, camera) != camera),
        old.keep != new.keep,
        (old.channels, old.alerts) != (new.channels, new.alerts),
        tuple(
            field.name
            for field in dataclasses.fields(Settings)
            if field.name not in _AT_ONCE and getattr(old, field.name) != getattr(new, field.name)
        ),
    )
