"""One frozen Settings: the flat ones, which have flags, and the nested ones of a configuration file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from face_classifier.core.config.flat import Flat

if TYPE_CHECKING:  # most runs name nothing nested, and do not wait for the models of it
    from face_classifier.core.config.parts.alerts import Alerts, AnyChannel
    from face_classifier.core.config.parts.cameras import Camera, Keep, KeepAll
    from face_classifier.core.config.parts.nested import Nested, Visits
    from face_classifier.core.config.parts.page import Web

OWN = "log", "cameras", "keep", "visits", "channels", "alerts", "web"  # keys without a flag, those of `Nested`
NESTED = tuple(name for name in OWN if name != "log")  # those that hold others


@dataclasses.dataclass(frozen=True)
class Settings(Flat):
    """What the user wants. Flat fields have flags; the nested ones stand in a file or the environment."""

    nested: Nested | None = None  # None = all of them are as usual

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nested is not None and self.nested == type(self.nested)():
            object.__setattr__(self, "nested", None)

    @property
    def parts(self) -> Nested:
        """The nested ones."""
        from face_classifier.core.config.parts.nested import Nested

        return self.nested or Nested()

    @property
    def log(self) -> Literal["text", "json"]:
        return self.parts.log

    @property
    def cameras(self) -> Mapping[str, Camera]:
        return self.nested.cameras if self.nested else {}

    @property
    def channels(self) -> Mapping[str, AnyChannel]:
        return self.nested.channels if self.nested else {}

    @property
    def keep(self) -> KeepAll:
        return self.parts.keep

    @property
    def visits(self) -> Visits:
        return self.parts.visits

    @property
    def alerts(self) -> Alerts:
        return self.parts.alerts

    @property
    def web(self) -> Web:
        return self.parts.web

    def but(self, **parts: Any) -> Settings:
        """The same with other nested ones, by their keys. Raises pydantic's ValidationError."""
        from face_classifier.core.config.parts.nested import Nested

        given = {name: getattr(self.parts, name) for name in self.parts.model_fields_set}
        return dataclasses.replace(self, nested=Nested(**(given | parts)))

    def keep_of(self, camera: str) -> Keep:
        """How long what a camera saw is kept: as the camera says, else as all do. Cameras without an entry: as all."""
        from face_classifier.core.config.parts.cameras import Keep

        common = {key: getattr(self.keep, key) for key in Keep.model_fields}
        own = self.cameras[camera].keep if camera in self.cameras else Keep()
        return Keep(**(common | {key: getattr(own, key) for key in own.model_fields_set}))


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
            name
            for name in (*(field.name for field in dataclasses.fields(Flat)), *OWN)
            if name not in _AT_ONCE and getattr(old, name) != getattr(new, name)
        ),
    )
