"""A camera of the configuration: where it is, what of its pictures counts, and how long what it saw is kept."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from face_classifier.core.config.addresses import Kind, kind_of, with_login, without_login
from face_classifier.core.config.parts.units import (
    Days,
    DisagreementError,
    Duration,
    File,
    Hours,
    Name,
    Part,
    Polygon,
    Polygons,
    Size,
    Variable,
    Words,
)
from face_classifier.core.config.secrets import Secret


def _address(given: Any) -> str:
    address = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if not isinstance(address, str):
        raise ValueError("an address, the number of a webcam, or a file")
    kind_of(address)
    return address


Address = Annotated[str, BeforeValidator(_address)]


class Keep(Part):
    """How long something is kept, in seconds; None = for ever."""

    unknown: Duration | None = Field(
        default=None, description="duration: how long faces of nobody are kept; null = for ever"
    )
    captures: Duration | None = Field(
        default=None, description="duration: how long pictures of --capture are kept; null = for ever"
    )
    tracks: Duration | None = Field(
        default=None, description="duration: how long it is kept who passed when; null = for ever"
    )


class KeepAll(Keep):
    """The same of all cameras, and what the result folder and its captures may weigh."""

    disk: Size | None = Field(
        default=None, description='size that result folder and captures may have, such as "2 GB"; null = no limit'
    )


class Camera(Part):
    """One camera. The description of each field tells its unit."""

    url: Address = Field(
        description="rtsp://, rtsps://, http:// or https://, the number of a webcam, /dev/video0, or a file"
    )
    main: Address | None = Field(
        default=None, description="a second stream of more pixels: the best view is cut from it"
    )
    user: str | None = Field(default=None, description="who logs in; null = as in the address")
    password_env: Variable | None = Field(
        default=None, description="the variable of the environment that holds the password"
    )
    password_file: File | None = Field(default=None, description="the file that holds the password")
    snapshot: Annotated[Duration, Field(gt=0)] | None = Field(
        default=None, description="duration: fetch a JPEG from the address so often; null = it is a stream"
    )
    speed: float = Field(
        default=1.0, ge=0, description="how many times its own speed a file is played; 0 = as fast as it can"
    )
    repeat: bool = Field(default=False, description="a file begins anew at its end")
    seconds: float | None = Field(default=None, ge=0, description="s between its analysed frames; null = as `seconds`")
    silence: Annotated[Duration, Field(gt=0)] = Field(
        default=5.0, description="duration without a new frame until it counts as lost"
    )
    frozen: Duration = Field(
        default=60.0, description="duration without a change until it is told that the picture stands still; 0 = never"
    )
    hours: Hours = Field(default=(), description='when it watches, such as "07:00-22:00", local time; [] = always')
    days: Days = Field(default=(), description="on which days: mon, tue, wed, thu, fri, sat, sun; [] = every day")
    zones: dict[Name, Polygon] = Field(
        default={}, description="polygons by name, of points [x, y] in fractions of the picture"
    )
    only: Words = Field(default=(), description="names of zones: faces elsewhere are ignored; [] = everywhere")
    ignore: Words = Field(default=(), description="names of zones: faces there are ignored")
    masks: Polygons = Field(
        default=(), description="polygons that are blackened before anything is stored, shown or sent"
    )
    min_face: int = Field(
        default=0, ge=0, description="px: smaller faces are ignored, by the height of the box in the analysed picture"
    )
    known_only: bool | None = Field(
        default=None, description="nothing of strangers is stored but how many they were; null = as known_only of all"
    )
    pixelate: Literal["nobody", "strangers"] | None = Field(
        default=None,
        description="nobody, or strangers: pictures show only the named clearly; null = as pixelate of all",
    )
    keep: Keep = Field(default=Keep(), description="as keep of all cameras, where it differs")

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What ``repr`` and ``str`` show: addresses as they may be shown."""
        for key, value in super().__repr_args__():
            yield key, without_login(value) if key in ("url", "main") and value else value

    @property
    def kind(self) -> Kind:
        """What the address is: a stream (snapshots, too), a device or a file."""
        return kind_of(self.url)

    @property
    def password(self) -> Secret:
        return Secret("the password of a camera", self.password_env, self.password_file)

    @property
    def shown(self) -> str:
        """The address without user, password and query."""
        return without_login(self.url)

    def address(self, environ: Mapping[str, str] = os.environ) -> str:
        """The address with who logs in, never to be shown. Raises UserError if the password cannot be read."""
        return with_login(self.url, self.user, self.password.read(environ))

    def main_address(self, environ: Mapping[str, str] = os.environ) -> str | None:
        """The same of the main stream; None = none is named."""
        return with_login(self.main, self.user, self.password.read(environ)) if self.main else None

    @model_validator(mode="after")
    def _agrees(self) -> Camera:
        if self.password_env and self.password_file:
            raise DisagreementError("names password_env and password_file; leave one out")
        is_http = self.url.lower().startswith(("http://", "https://"))
        if self.snapshot is not None and not is_http:
            raise DisagreementError(
                "has snapshot, but its url is not an http:// or https:// address; leave snapshot out"
            )
        if self.kind != "file" and (self.repeat or self.speed != 1):
            raise DisagreementError("has speed or repeat, but its url is not a file; leave them out")
        return self
