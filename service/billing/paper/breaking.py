"""Where a word may be broken that no language divides: a name of capitals alone, a code. Pure."""

from __future__ import annotations

import re
import unicodedata

NARROW, WIDE = 26, 60
"""Characters that surely stand on a line: of a table's cell or an address, of the whole paper."""
ZERO_WIDTH_SPACE = "\u200b"
_PIECE = 5
_WINDOW = 12
"""Letters of a language's word, in which there is a place to divide it: a vowel and a consonant."""
_VOWELS = frozenset("aeiouyæøœаеёиоуыэюяіїєαεηιουω")  # noqa: RUF001 -- Cyrillic and Greek ones too


def breakable(text: str, whole: int) -> str:
    """The same text, with places to break at in words of more characters than `whole` that aren't divided otherwise."""
    return _longer_than(whole).sub(lambda found: _broken(found[0]), text) if len(text) > whole else text


def _longer_than(whole: int) -> re.Pattern[str]:
    return re.compile(rf"\S{{{whole + 1},}}")


def _broken(word: str) -> str:
    if _is_divided(word):
        return word
    pieces: list[str] = []
    for char in word:
        if not pieces or (len(pieces[-1]) >= _PIECE and not unicodedata.combining(char)):
            pieces.append("")
        pieces[-1] += char
    return ZERO_WIDTH_SPACE.join(pieces)


def _is_divided(word: str) -> bool:
    """Whether hyphens find their places all along it."""
    plain = unicodedata.normalize("NFD", word)
    letters = "".join("v" if char in _VOWELS else "c" for char in plain if char.isalpha())
    if len(letters) < len(word) or word[1:] != word[1:].lower():
        return False
    windows = (letters[at : at + _WINDOW] for at in range(0, len(letters), _WINDOW))
    return all(len({*window}) == 2 for window in windows if len(window) == _WINDOW)
