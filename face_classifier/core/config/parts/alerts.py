"""Who is told what, where: channels, and the rules that choose among them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from face_classifier.core.config.parts.units import (
    Clock,
    Days,
    DisagreementError,
    Duration,
    File,
    Hours,
    Name,
    Part,
    Port,
    Variable,
    Words,
    listed,
)
from face_classifier.core.config.secrets import Secret

Kind = Literal["person", "new_person", "unknown", "camera_lost", "camera_back", "summary"]


def _web_address(given: str) -> str:
    if not _is_web_address(given):
        raise ValueError("an address http:// or https://")
    return given


def _is_web_address(given: str) -> bool:
    try:
        parts = urlsplit(given)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the host or the port can be none
        return False
    return is_whole and not re.search(r"\s", given)


def _one_of_both(part: Part, secret: str, *, needed: bool) -> None:
    named = [key for key in (f"{secret}_env", f"{secret}_file") if getattr(part, key)]
    if len(named) == 2:
        raise DisagreementError(f"names {secret}_env and {secret}_file; leave one out")
    if needed and not named:
        raise DisagreementError(
            f"has neither {secret}_env nor {secret}_file; name the variable or the file that holds it"
        )


class PrintChannel(Part):
    """A line on stdout."""

    type: Literal["print"]


class FileChannel(Part):
    """A JSON line in a file."""

    type: Literal["file"]
    path: File = Field(description="the file to which JSON lines are added")


class MqttChannel(Part):
    """A broker, and Home Assistant behind it."""

    type: Literal["mqtt"]
    host: str = Field(default="localhost", min_length=1, description="name or address of the broker")
    port: Port = Field(default=1883, description="port of the broker; with tls mostly 8883")
    tls: bool = Field(default=False, description="the connection is encrypted, and the certificate checked")
    ca: str | None = Field(
        default=None, description="file of the certificates to trust with tls, PEM; null = the system's"
    )
    user: str | None = Field(default=None, description="who logs in")
    password_env: Variable | None = Field(
        default=None, description="the variable of the environment that holds the password"
    )
    password_file: File | None = Field(default=None, description="the file that holds the password")
    prefix: str = Field(default="face-classifier", min_length=1, description="how topics begin")
    discovery: str = Field(default="homeassistant", description='prefix of Home Assistant\'s discovery; "" = none')
    pictures: bool = Field(default=False, description="send the face of an alert as a picture")

    @property
    def password(self) -> Secret:
        return Secret("the password of the broker", self.password_env, self.password_file)

    @model_validator(mode="after")
    def _agrees(self) -> MqttChannel:
        _one_of_both(self, "password", needed=False)
        for key in ("prefix", "discovery"):
            if set("#+\0") & set(getattr(self, key)) or getattr(self, key).endswith("/"):
                raise DisagreementError(f"has a {key} with '+', '#' or a '/' at its end; leave them out")
        return self


class WebhookChannel(Part):
    """A POST of JSON, signed where there is a secret."""

    type: Literal["webhook"]
    url: Annotated[str, AfterValidator(_web_address)] = Field(description="http:// or https://, to which it is sent")
    secret_env: Variable | None = Field(
        default=None, description="the variable of the environment that holds the key of signatures"
    )
    secret_file: File | None = Field(default=None, description="the file that holds the key of signatures")
    private: bool = Field(default=False, description="the address may lie in a private network")

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What ``repr`` and ``str`` show: of the address the host, for its path may be a secret."""
        for key, value in super().__repr_args__():
            yield key, self.shown if key == "url" else value

    @property
    def shown(self) -> str:
        """The address without what may be a secret: its path, its query and who logs in."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"

    @property
    def secret(self) -> Secret:
        return Secret("the key of a webhook", self.secret_env, self.secret_file)

    @model_validator(mode="after")
    def _agrees(self) -> WebhookChannel:
        _one_of_both(self, "secret", needed=False)
        return self


class AppriseChannel(Part):
    """Everything that Apprise reaches. Its addresses hold secrets, so they are never written in the open."""

    type: Literal["apprise"]
    url_env: Variable | None = Field(
        default=None, description="the variable of the environment that holds Apprise's address"
    )
    url_file: File | None = Field(default=None, description="the file that holds Apprise's address")

    @property
    def url(self) -> Secret:
        return Secret("the address for Apprise", self.url_env, self.url_file)

    @model_validator(mode="after")
    def _agrees(self) -> AppriseChannel:
        _one_of_both(self, "url", needed=True)
        return self


class TelegramChannel(Part):
    """A bot of Telegram, which obeys the named chats alone."""

    type: Literal["telegram"]
    server: Annotated[str, AfterValidator(_web_address)] = Field(
        default="https://api.telegram.org", description="of the Bot API"
    )
    token_env: Variable | None = Field(
        default=None, description="the variable of the environment that holds the bot's token"
    )
    token_file: File | None = Field(default=None, description="the file that holds the bot's token")
    chats: Annotated[tuple[int, ...], BeforeValidator(listed), Field(min_length=1)] = Field(
        description="numbers of the chats that are told and may ask, such as [1234]"
    )

    @property
    def token(self) -> Secret:
        return Secret("the token of the bot", self.token_env, self.token_file)

    @model_validator(mode="after")
    def _agrees(self) -> TelegramChannel:
        _one_of_both(self, "token", needed=True)
        return self


AnyChannel = Annotated[
    PrintChannel | FileChannel | MqttChannel | WebhookChannel | AppriseChannel | TelegramChannel,
    Field(discriminator="type"),
]


class Rule(Part):
    """Which events go to which channels. Empty lists are no condition."""

    name: Name = Field(description="what the rule is called")
    on: Annotated[tuple[Kind, ...], BeforeValidator(listed), Field(min_length=1)] = Field(
        description="events: person, new_person, unknown, camera_lost, camera_back, summary"
    )
    people: Words = Field(default=(), description="of these people alone; [] = of any")
    not_people: Words = Field(default=(), description="of all people but these")
    cameras: Words = Field(default=(), description="of these cameras alone; [] = of any")
    zones: Words = Field(default=(), description="in these zones alone; [] = anywhere")
    hours: Hours = Field(default=(), description='within these hours, such as "22:00-06:00", local time; [] = always')
    days: Days = Field(default=(), description="on these days: mon, tue, wed, thu, fri, sat, sun; [] = every day")
    channels: Annotated[Words, Field(min_length=1)] = Field(description="names of the channels that are told")
    picture: bool = Field(default=False, description="send the face, to third parties too")
    cooldown: Duration = Field(
        default=0.0, description="duration until the same person is told again (of unknown: the same camera)"
    )


class Alerts(Part):
    """What holds for all rules, and the rules."""

    per_minute: int = Field(
        default=20, ge=1, description="alerts at most, of all rules and channels together; the others are counted"
    )
    blip: Duration = Field(default=30.0, description="duration: a camera that is lost for less is not told")
    daily: Clock | None = Field(
        default=None, description='when the summary of the day is told, such as "21:00"; null = never'
    )
    rules: Annotated[tuple[Rule, ...], BeforeValidator(listed)] = Field(
        default=(), description="which events go to which channels"
    )
