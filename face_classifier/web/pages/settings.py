"""``/settings``: what the program was told, whether that is sound, and what it is; only to be read."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from face_classifier import __version__
from face_classifier.core.config.flat import Flat
from face_classifier.core.config.reach import is_own
from face_classifier.core.config.settings import Settings
from face_classifier.core.errors import UserError
from face_classifier.daemon.described import Checked, checked, lines
from face_classifier.web.asked import site_of
from face_classifier.web.pages.rendering import page

_HERE = ("print", "file")  # kinds of channels by which nothing leaves this machine

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@dataclass(frozen=True)
class Told:
    """A setting that has a flag."""

    name: str
    value: str
    text: str  # what it does, as `--help` tells it
    is_usual: bool


@router.get("/settings")
def settings(request: Request) -> HTMLResponse:
    """The configuration as it is now, without secrets, and its file as it would be read now."""
    site = site_of(request)
    chosen = site.settings()
    check: Checked | None = None
    problem = None
    if site.config is not None:
        try:
            check = checked(site.config, os.environ)
        except UserError as error:
            problem = str(error)
    return page(
        request,
        "settings.html",
        version=__version__,
        chosen=chosen,
        folder=Path(chosen.result).absolute(),
        address=str(request.base_url).rstrip("/"),
        is_here_only=is_own(chosen.web.host or "localhost"),
        watched=list(lines(chosen)) if chosen.cameras or chosen.channels else [],
        told=flat_of(chosen),
        leaving=leaving(chosen),
        config=site.config,
        check=check,
        problem=problem,
        can_reload=site.reload is not None,
    )


def flat_of(chosen: Settings) -> Sequence[Told]:
    """The settings that have flags, those that were changed first; none of them is a secret."""
    told = [
        Told(
            field.name,
            _shown(getattr(chosen, field.name)),
            field.metadata["text"],
            getattr(chosen, field.name) == field.default,
        )
        for field in dataclasses.fields(Flat)
        if "text" in field.metadata
    ]
    return sorted(told, key=lambda one: one.is_usual)


def _shown(value: Any) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def leaving(chosen: Settings) -> list[str]:
    """The channels by which alerts leave this machine, by name and kind."""
    return [f"{name} ({channel.type})" for name, channel in chosen.channels.items() if channel.type not in _HERE]
