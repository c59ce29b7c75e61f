"""Makes pages of templates, in which everything is escaped, in the language of who asks."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from face_classifier.core.names import in_utf8, shown
from face_classifier.gallery.reading.cards import PersonCard
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.web.addresses import face_url, person_url
from face_classifier.web.asked import site_of
from face_classifier.web.pages.assets import STATIC, address
from face_classifier.web.words import times
from face_classifier.web.words.catalogue import script_words, translations
from face_classifier.web.words.choice import LANGUAGES, choose

_TEMPLATES = Path(__file__).parent.parent / "templates"
_YEAR = 31_536_000
THEMES = ("auto", "light", "dark")


def language_of(request: Request) -> str:
    """The language of who asks: by the address, their earlier choice, the configuration, the browser."""
    return choose(
        request.query_params.get("lang"),
        request.cookies.get("lang"),
        site_of(request).settings().web.language,
        request.headers.get("accept-language"),
    )


def page(
    request: Request, template: str, part: str | None = None, status_code: int = 200, **values: Any
) -> HTMLResponse:
    """A page of a template.

    Parameters
    ----------
    template
        ``NAME.html``.
    part
        The block of it that htmx gets, which asks for the same address when a part of the page is to change. Macros
        that it uses are within it.
    values
        What the template names, besides what `environment` gives. ``catalogue`` is the one that the page was
        made of, so that all of it is of one revision; else the one of now.
    """
    language, theme = language_of(request), _theme_of(request)
    made = environment(language).get_template(template)
    catalogue = values.get("catalogue") or site_of(request).reader.now()
    values = {"request": request, "theme": theme, **values, "catalogue": catalogue}
    if part and request.headers.get("hx-request") and not request.headers.get("hx-history-restore-request"):
        text = "".join(made.blocks[part](made.new_context(values)))
    else:
        text = made.render(values)
    response = HTMLResponse(in_utf8(text), status_code, {"Vary": "HX-Request, Cookie"})
    for name, choice in (("lang", language), ("theme", theme)):
        if name in request.query_params:
            is_secure = request.url.scheme == "https"
            response.set_cookie(name, choice, max_age=_YEAR, samesite="strict", secure=is_secure)
    return response


def _theme_of(request: Request) -> str:
    wished = request.query_params.get("theme", request.cookies.get("theme"))
    return wished if wished in THEMES else "auto"


@lru_cache
def environment(language: str) -> Environment:
    """Templates of one language.

    They have ``_("…")``, ``ngettext("…", "…", n)``; the parts of ``ui.html`` as ``ui``; addresses (``asset``,
    ``person_url``, ``face_url``, ``cover_url``, ``with_query``), and filters for times and numbers (those of
    `words.times`) and for sources (``shown``: without logins; ``file_name``: short, too).
    """
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    said = translations(language)
    made.install_gettext_callables(said.gettext, said.ngettext, newstyle=True)  # type: ignore[attr-defined]
    for form in (
        times.moment,
        times.clock,
        times.day,
        times.date_of,
        times.ago,
        times.lasting,
        times.number,
        times.weekday,
    ):
        made.filters[form.__name__] = partial(form, language=language)
    made.filters["percent"] = partial(times.percent, language=language)
    made.filters.update(utc=utc, shown=shown, file_name=file_name)
    made.globals.update(
        lang=language,
        languages=LANGUAGES,
        themes=THEMES,
        asset=address,
        person_url=person_url,
        face_url=face_url,
        cover_url=cover_url,
        with_query=with_query,
        script_words=json.dumps(script_words(language, STATIC), ensure_ascii=False),
    )
    made.globals["ui"] = made.get_template("ui.html").module
    return made


def utc(time: datetime) -> str:
    """A time for machines (RFC 3339)."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def file_name(source: str) -> str:
    """A source as it is told where there is little room: of a file its name alone; without logins."""
    text = shown(source)
    return text if "://" in text else re.split(r"[/\\]", text.rstrip("/\\"))[-1] or text


def cover_url(catalogue: Catalogue, person: PersonCard, width: int = 224) -> str:
    """The picture that stands for a person of a catalogue."""
    face = catalogue.face(person.best)
    return face_url(person.best, face.hash if face else "", width)


def with_query(request: Request, **values: Any) -> str:
    """The address of a page with other values in its query; None takes one out, and a cursor never stays."""
    given = {**dict(request.query_params), "cursor": None, **values}
    query = "&".join(f"{quote(key)}={quote(str(value))}" for key, value in given.items() if value is not None)
    path = "/" + request.url.path.lstrip("/")  # `//elsewhere/` would be another site
    return f"{path}?{query}" if query else path
