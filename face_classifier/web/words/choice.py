"""Which language a visitor gets."""

from __future__ import annotations

LANGUAGES = {"en": "English", "ko": "한국어"}  # each by its own name, for the menu
DEFAULT = "en"


def choose(asked: str | None, kept: str | None, configured: str | None, accepted: str | None) -> str:
    """The language of a page: the first of these that there is a catalogue of, else English.

    Parameters
    ----------
    asked
        ``?lang=`` of the address.
    kept
        The cookie of an earlier choice.
    configured
        ``web: {language}`` of the configuration; None leaves it to the browser.
    accepted
        The browser's header ``Accept-Language``.
    """
    wishes = [asked, kept, configured, *_preferences(accepted or "")]
    return next((wish for wish in wishes if wish in LANGUAGES), DEFAULT)


def _preferences(header: str) -> list[str]:
    """The languages of an ``Accept-Language`` header (RFC 9110), the most wanted first; ``ko-KR`` is ``ko``."""
    weighed = []
    for place, part in enumerate(header.split(",")[:20]):
        name, _, rest = part.partition(";")
        weighed.append((-_weight(rest), place, name.strip().lower().partition("-")[0]))
    return [name for weight, _, name in sorted(weighed) if weight < 0]


def _weight(parameters: str) -> float:
    """``q=0.8`` as a number; 1 without one, 0 when it is none."""
    key, is_given, value = parameters.strip().partition("=")
    if not is_given or key.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
