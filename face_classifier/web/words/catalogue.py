"""The catalogues: files ``LANGUAGE/*.po`` beside this one, a file a part of the page, read as one."""

from __future__ import annotations

import io
from functools import lru_cache
from gettext import NullTranslations
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from face_classifier.web.words.choice import DEFAULT

HERE = Path(__file__).parent
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}  # what marks a string in templates, scripts and modules


def read_catalogue(language: str) -> Catalog:
    """All files of a language as one. A key that two files translate keeps the words of the later one."""
    together = Catalog(locale=language)
    for path in sorted((HERE / language).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language, abort_invalid=True):
                if message.id:
                    together.add(message.id, message.string, flags=message.flags)
    return together


@lru_cache
def translations(language: str) -> NullTranslations:
    """gettext and ngettext of a language; English is what the keys say."""
    if language == DEFAULT:
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read_catalogue(language))
    compiled.seek(0)
    return Translations(compiled)


@lru_cache
def script_keys(folder: Path) -> tuple[str | tuple[str, str], ...]:
    """The keys that the scripts of a folder name in ``_("…")`` and ``ngettext("…", "…", n)``; a pair is a plural."""
    found: dict[str | tuple[str, str], None] = {}
    for path in sorted(folder.rglob("*.js")):
        if path.parent.name != "vendor":
            with path.open("rb") as file:
                for _, words, _, _ in extract("javascript", file, keywords=KEYWORDS):
                    found[words if isinstance(words, str) else (words[0], words[1])] = None
    return tuple(found)


@lru_cache
def script_words(language: str, folder: Path) -> dict[str, str]:
    """What the scripts of a folder say in a language, by key. A plural is under its key for one, ``|``, and the key
    for many: languages here have one form for all numbers. Keys that say themselves are left out."""
    said = translations(language)
    words = {}
    for key in script_keys(folder):
        name, text = (key, said.gettext(key)) if isinstance(key, str) else ("|".join(key), said.ngettext(*key, 2))
        if text not in (name, key[-1]):
            words[name] = text
    return words
