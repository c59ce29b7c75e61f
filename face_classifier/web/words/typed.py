"""Whether a name is meant by what somebody has typed of it so far, Hangul by its initials, too."""

from __future__ import annotations

from face_classifier.core.names import alike

# The initials of Hangul syllables, in the order of Unicode: U+AC00 + (initial * 21 + vowel) * 28 + final.
_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_FIRST, _LAST, _FINALS, _VOWELS = 0xAC00, 0xD7A3, 28, 21


def is_meant(typed: str, name: str) -> bool:
    """Whether a part of the name begins as typed.

    Case and the spelling of accents do not matter. ``ㄱㅇㅅ`` and ``김ㅇ`` mean 김영수; so does ``기``, which is how 김
    looks while it is typed.
    """
    wanted, there = alike(typed.strip()), alike(name)
    return any(
        all(_fits(sign, other) for sign, other in zip(wanted, there[start:], strict=False))
        for start in range(len(there) - len(wanted) + 1)
    )


def _fits(typed: str, sign: str) -> bool:
    code = ord(sign)
    if typed == sign or not _FIRST <= code <= _LAST:
        return typed == sign
    if typed == _INITIALS[(code - _FIRST) // (_VOWELS * _FINALS)]:
        return True
    other = ord(typed)
    return _FIRST <= other <= _LAST and (other - _FIRST) % _FINALS == 0 and other == code - (code - _FIRST) % _FINALS
