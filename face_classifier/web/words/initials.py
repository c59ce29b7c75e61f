"""Whether a name fits what somebody has typed of it so far; of Korean names the first consonants are enough."""

from __future__ import annotations

import unicodedata

_FIRST, _LAST = 0xAC00, 0xD7A3  # the syllables of Hangul (Unicode, 3.12)
_VOWELS_AND_ENDS, _ENDS = 588, 28  # syllables with one first consonant; with one first consonant and vowel
_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"


def fits(name: str, typed: str) -> bool:
    """Whether ``typed`` is a part of a name, whatever its case and spaces.

    A consonant stands for every syllable that begins with it, and a syllable for those that it may yet become while
    an input method composes: 김영수 fits ㄱㅇㅅ, 김ㅇ and 기.
    """
    whole, part = _plain(name), _plain(typed)
    places = range(len(whole) - len(part) + 1)
    return any(all(map(_stands_for, part, whole[place : place + len(part)])) for place in places)


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", text).casefold().split())


def _stands_for(typed: str, letter: str) -> bool:
    if typed == letter:
        return True
    place = ord(letter) - _FIRST
    if not 0 <= place <= _LAST - _FIRST:
        return False
    if typed in _INITIALS:
        return _INITIALS[place // _VOWELS_AND_ENDS] == typed
    begun = ord(typed) - _FIRST
    return 0 <= begun <= _LAST - _FIRST and begun % _ENDS == 0 and begun == place - place % _ENDS
