"""What the page says: every language has every string that templates and scripts name, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

import face_classifier.web
from face_classifier.web.pages.assets import STATIC
from face_classifier.web.pages.rendering import environment
from face_classifier.web.words import times
from face_classifier.web.words.catalogue import HERE, KEYWORDS, read_catalogue, script_keys, script_words, translations
from face_classifier.web.words.choice import DEFAULT, LANGUAGES, choose

WEB = Path(face_classifier.web.__file__).parent
OTHERS = [language for language in LANGUAGES if language != DEFAULT]
Key = str | tuple[str, ...]
PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%|%")
HANGUL = re.compile("[가-힣]")
NOW = datetime(2026, 11, 27, 13, 5, tzinfo=timezone.utc)


def named() -> dict[Key, str]:
    """Every key, and the file that names it."""
    kinds = {"*.html": "jinja2.ext:babel_extract", "*.py": "python"}
    files = [(path, kind) for pattern, kind in kinds.items() for path in sorted(WEB.rglob(pattern))]
    keys: dict[Key, str] = {}
    for path, kind in files:
        with path.open("rb") as file:
            options = {"silent": "false", "trimmed": "true"}
            for _, words, _, _ in extract(kind, file, keywords=KEYWORDS, options=options):
                keys[words] = path.name
    return {**keys, **dict.fromkeys(script_keys(STATIC), "a script")}


def entry(key: Key) -> str:
    return f'msgid "{key}"' if isinstance(key, str) else f'msgid "{key[0]}" msgid_plural "{key[1]}"'


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_every_string_of_the_page_and_no_other(language: str):
    keys = named()
    assert len(keys) > 40
    has = {message.id: message.string for message in read_catalogue(language) if message.id}
    missing = [f"{entry(key)} ({where})" for key, where in keys.items() if key not in has]
    assert not missing, f"words/{language}/*.po lack: " + "; ".join(missing)
    unused = [entry(key) for key in has if key not in keys]
    assert not unused, f"no page says any more what words/{language}/*.po have: " + "; ".join(unused)
    empty = [entry(key) for key, words in has.items() if not (all(words) if isinstance(words, tuple) else words)]
    assert not empty, f"without words in {language}: " + "; ".join(empty)


@pytest.mark.parametrize("language", OTHERS)
def test_a_string_keeps_its_placeholders_in_every_language(language: str):
    for message in read_catalogue(language):
        if message.id:
            key = message.id[1] if isinstance(message.id, tuple) else message.id
            words = message.string if isinstance(message.string, tuple) else (message.string,)
            for each in words:
                assert sorted(PLACEHOLDER.findall(each)) == sorted(PLACEHOLDER.findall(key)), entry(message.id)
                assert "fuzzy" not in message.flags, entry(message.id)


@pytest.mark.parametrize("language", OTHERS)
def test_two_files_of_a_language_say_the_same_by_the_same_key(language: str):
    said: dict[object, object] = {}
    for path in sorted((HERE / language).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                if message.id:
                    assert said.setdefault(message.id, message.string) == message.string, f"{path.name}: {message.id}"


def sentences() -> Iterator[tuple[str, str]]:
    """Strings that stand between tags in templates, which would stay English."""
    for path in sorted((WEB / "templates").rglob("*.html")):
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", path.read_text("utf-8"), flags=re.DOTALL)
        text = re.sub(r"<(code|kbd|title)\b.*?</\1>", " ", text, flags=re.DOTALL)
        for piece in re.sub(r"<[^>]*>", "\n", text).splitlines():
            if re.search(r"[A-Za-z]{2}", piece) and piece.strip() != "Face Classifier":
                yield path.name, piece.strip()


def test_no_template_says_anything_past_the_catalogues():
    assert not list(sentences())


def test_a_script_gets_the_words_it_names_and_no_other(tmp_path: Path):
    (tmp_path / "a.js").write_text('_("Merge"); ngettext("%(num)s face", "%(num)s faces", 3); _("unheard of")', "utf-8")
    assert script_words("ko", tmp_path) == {"Merge": "합치기", "%(num)s face|%(num)s faces": "얼굴 %(num)s개"}
    assert script_words("en", tmp_path) == {}


@pytest.mark.parametrize(
    ("asked", "kept", "configured", "accepted", "language"),
    [
        ("ko", "en", "en", "en", "ko"),
        ("xx", "ko", "en", "en", "ko"),
        (None, None, "ko", "en-US,en;q=0.9", "ko"),
        (None, None, None, "fr;q=1, ko-KR;q=0.8, en;q=0.7", "ko"),
        (None, None, None, "ko;q=0, en;q=0.1", "en"),
        (None, None, None, "ko;q=never", "en"),
        (None, None, None, None, "en"),
    ],
)
def test_a_visitor_gets_the_language_they_asked_for_last(
    asked: str | None, kept: str | None, configured: str | None, accepted: str | None, language: str
):
    assert choose(asked, kept, configured, accepted) == language


def test_times_and_numbers_are_written_as_people_of_the_language_write_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(times, "local", lambda time: time)  # as on a machine in UTC
    assert times.moment(NOW, "en") == "Nov 27, 2026, 1:05 PM"
    assert times.moment(NOW, "ko") == "2026. 11. 27. 오후 1:05"
    assert times.ago(NOW - timedelta(hours=3), "en", NOW) == "3 hours ago"
    assert times.ago(NOW - timedelta(hours=3), "ko", NOW) == "3시간 전"
    assert times.ago(NOW - timedelta(days=90), "en", NOW) == "Aug 29, 2026"
    assert times.lasting(240, "ko") == "4분"
    assert (times.number(12345, "en"), times.percent(0.734, "en")) == ("12,345", "73%")


def test_plurals_follow_the_number():
    said = translations("en")
    assert [said.ngettext("one", "many", number) for number in (0, 1, 2)] == ["many", "one", "many"]


def test_a_name_is_data_wherever_a_template_says_it():
    name = '<img src=x onerror=alert(1)> van der "Berg" %s'
    for language in LANGUAGES:
        made = environment(language)
        made_of = made.from_string("{{ ui.name(name) }} {{ _('Name') }} {{ person_url(name) }}").render(name=name)
        assert "<img" not in made_of
        assert "van der" in made_of
        assert "%22" in made_of


def test_korean_sentences_are_polite_in_one_way():
    """Each that ends with a full stop is told (…니다) or asked for (…세요); never …어요, as friends talk."""
    told = [words for message in read_catalogue("ko") for words in _each(message.string)]
    ends = [end for words in told for end in re.findall(r"(\S+)\.(?:\s|$)", words) if HANGUL.search(end[-1:])]
    assert len(ends) > 50
    assert [end for end in ends if not re.search("(니다|세요)$", end)] == []
    assert [words for words in told if re.search(r"[아어해]요[.!]?$", words)] == []


def _each(words: str | tuple[str, ...]) -> tuple[str, ...]:
    return words if isinstance(words, tuple) else (words,)
