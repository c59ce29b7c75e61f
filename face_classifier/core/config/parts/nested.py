"""Everything of a configuration that has no flag: cameras, channels and rules, the page, how long things are kept."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from face_classifier.core.config.parts.alerts import Alerts, AnyChannel
from face_classifier.core.config.parts.cameras import Camera, KeepAll
from face_classifier.core.config.parts.page import Web
from face_classifier.core.config.parts.units import Duration, Name, Part


class Visits(Part):
    """When a visit ends, and when somebody counts as unknown."""

    gap: Duration = Field(default=30.0, description="duration unseen until a visit has ended")
    unknown_after: Duration = Field(default=2.0, description="duration of nobody until an unknown one is told")


class Nested(Part):
    """What stands in a file or in variables alone."""

    log: Literal["text", "json"] = "text"
    cameras: dict[Name, Camera] = Field(default={})
    keep: KeepAll = KeepAll()
    visits: Visits = Visits()
    channels: dict[Name, AnyChannel] = Field(default={})
    alerts: Alerts = Alerts()
    web: Web = Web()
