"""Which code points a reader takes for one character."""

from __future__ import annotations

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=1024)
def clusters_of(line: str) -> tuple[str, ...]:
    """Split a line into what a reader takes for characters: a base with its marks, a flag, an emoji sequence.

    A small part of Unicode's UAX #29, enough to keep one cluster in one font.
    """
    clusters: list[str] = []
    for char in _harmless(line):
        if clusters and _continues(clusters[-1], char):
            clusters[-1] += char
        else:
            clusters.append(char)
    return tuple(clusters)


def _harmless(line: str) -> str:
    chars = []
    # Folder names from a Mac are decomposed (NFD): few fonts join loose Hangul letters again.
    for char in unicodedata.normalize("NFC", line):
        category = unicodedata.category(char)
        if category in ("Zs", "Zl", "Zp") or char in "\t\n\v\f\r\x85":
            chars.append(" ")
        elif category == "Cs":  # half a character, or a byte of a file name that is not UTF-8
            chars.append("\N{REPLACEMENT CHARACTER}")
        elif category != "Cc" and (category != "Cf" or is_silent(char)):
            chars.append(char)
    return " ".join("".join(chars).split())


def _continues(cluster: str, char: str) -> bool:
    if unicodedata.category(char)[0] == "M" or is_silent(char) or "\U0001f3fb" <= char <= "\U0001f3ff":
        return cluster != " "
    if cluster[-1] == "\u200d":
        return True
    return len(cluster) == 1 and _is_flag_letter(cluster) and _is_flag_letter(char)


def is_silent(char: str) -> bool:
    """Joiners, variation selectors and tags: they shape their neighbours, and fonts need not have them."""
    return char in "\u200c\u200d" or "\ufe00" <= char <= "\ufe0f" or "\U000e0020" <= char <= "\U000e01ef"


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def is_emoji(cluster: str) -> bool:
    return "\ufe0e" not in cluster and ("\U0001f000" <= cluster[0] <= "\U0001ffff" or "\ufe0f" in cluster)
