r"""Regular expressions of number translation: a part of the language that can't explode. Pure.

Numbers have 32 symbols at most. Python's matcher tries one way after another, so that the count of ways is what a
match can cost: each repetition of a symbol has as many as it has lengths, a choice the sum of its branches, a sequence
the product of its parts. What could have more than WAYS_MAX is refused where it is entered, and so is whatever makes
the count wrong: repeated groups, references, looking around.

    symbols   0-9 * # +  (\* and \+ where they would repeat)   .   \d   [0-9*#]   [^0]
    repeated  ?   *   +   {3}   {2,4}   {2,}                   of a symbol; ? of a group too
    groups    ( )   (?: )   |
    ends      ^ and $ may stand there; a pattern is always of the whole number
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

NUMBER_MAX = 32
"""Symbols of a number."""
PATTERN_MAX = 200
"""Characters of a pattern: it is read by recursion, a step a bracket."""
WAYS_MAX = 2_000
"""Ways that a match may have to try: two repetitions without end, or ten optional symbols. A tenth of a millisecond."""
GROUPS_MAX = 9

_SYMBOLS = frozenset("0123456789*#+")
_CLASS = re.compile(r"\[\^?([0-9*#+](-[0-9])?)+\]")
_TIMES = re.compile(r"\{([0-9]{1,2})(,([0-9]{1,2})?)?\}")


class BadPattern(ValueError):
    """A pattern that is not taken, with what is wrong."""


class Shape(NamedTuple):
    """What a part of a pattern can take, and what that costs."""

    ways: int
    length_min: int
    length_max: int


EMPTY = Shape(1, 0, 0)


class Pattern(NamedTuple):
    """A pattern that may be used."""

    text: str
    groups: int
    length_min: int
    """Of the numbers that it can fit."""
    length_max: int


def parse_pattern(text: str) -> Pattern:
    """The pattern of a text. Raises BadPattern."""
    if len(text) > PATTERN_MAX:
        raise BadPattern(f"it has {len(text)} characters: {PATTERN_MAX} at most")
    if not text.isascii():
        raise BadPattern("only the symbols of numbers, and . \\d [ ] ( ) | ? * + { } ^ $, can stand in it")
    inner = text.removeprefix("^")
    inner = inner if inner.endswith("\\$") else inner.removesuffix("$")
    reader = _Reader(inner)
    shape = reader.choice()
    if reader.at < len(inner):
        raise BadPattern(
            f"{inner[reader.at]!r} stands where nothing of the kind is expected: {_place(inner, reader.at)}"
        )
    if shape.ways > WAYS_MAX:
        raise BadPattern(
            f"a number could fit it in {shape.ways} ways, which takes too long to try ({WAYS_MAX} at most): "
            "say how many digits, such as \\d{8}, in place of * and +"
        )
    if shape.length_min > NUMBER_MAX:
        raise BadPattern(f"it never applies: it takes {shape.length_min} symbols, a number has {NUMBER_MAX} at most")
    return Pattern(inner, reader.groups, shape.length_min, min(shape.length_max, NUMBER_MAX))


@lru_cache(maxsize=4096)
def compiled(text: str) -> re.Pattern[str]:
    """Python's form of a pattern that `parse_pattern` has taken."""
    return re.compile(parse_pattern(text).text, re.ASCII)


def _place(text: str, at: int) -> str:
    return f"character {at + 1} of {text!r}"


class _Reader:
    """Reads a pattern from the left."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.groups = text, 0, 0

    def choice(self) -> Shape:
        """Branches, divided by `|`."""
        shape = self._sequence()
        while self._next("|"):
            other = self._sequence()
            shape = Shape(
                shape.ways + other.ways,
                min(shape.length_min, other.length_min),
                max(shape.length_max, other.length_max),
            )
        return shape

    def _sequence(self) -> Shape:
        shape = EMPTY
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            part = self._part()
            shape = Shape(
                shape.ways * part.ways, shape.length_min + part.length_min, shape.length_max + part.length_max
            )
        return shape

    def _part(self) -> Shape:
        if self._next("("):
            return self._group()
        self._symbol()
        least, most = self._times()
        if most < least:
            raise BadPattern(f"{most} is less than {least}: {_place(self.text, self.at - 1)}")
        return Shape(most - least + 1, least, most)

    def _group(self) -> Shape:
        if self._next("?:"):
            pass
        elif self.text[self.at : self.at + 1] == "?":
            raise BadPattern(f"of groups with ? only (?: can be used: {_place(self.text, self.at)}")
        else:
            self.groups += 1
            if self.groups > GROUPS_MAX:
                raise BadPattern(f"it has more than {GROUPS_MAX} groups")
        shape = self.choice()
        if not self._next(")"):
            raise BadPattern(f"a ) is missing: {_place(self.text, self.at)}")
        optional = self._next("?")
        if self.text[self.at : self.at + 1] in {"?", "*", "+", "{"}:
            raise BadPattern(f"a group can't be repeated, which could take for ever: {_place(self.text, self.at)}")
        return Shape(shape.ways + 1, 0, shape.length_max) if optional else shape

    def _symbol(self) -> None:
        """One place of a number."""
        text, at = self.text, self.at
        found = _CLASS.match(text, at)
        if found is not None:
            self.at = found.end()
        elif text.startswith("\\d", at) or (text[at] == "\\" and text[at + 1 : at + 2] in {"*", "+", "#", "."}):
            self.at += 2
        elif text[at] == "." or text[at] in _SYMBOLS - {"*", "+"}:
            self.at += 1
        else:
            raise BadPattern(f"{text[at]!r} can't stand here: {_place(text, at)}")

    def _times(self) -> tuple[int, int]:
        """How often the symbol before stands, at least and at most."""
        times = (1, 1)
        counted = _TIMES.match(self.text, self.at)
        if counted is not None:
            self.at = counted.end()
            least, comma, most = counted.groups()
            times = (int(least), int(most) if most else NUMBER_MAX if comma else int(least))
        for mark, meant in (("?", (0, 1)), ("*", (0, NUMBER_MAX)), ("+", (1, NUMBER_MAX))):
            if counted is None and self._next(mark):
                times = meant
                break
        if self.text[self.at : self.at + 1] in {"?", "*", "+", "{"}:
            raise BadPattern(f"one repetition is enough: {_place(self.text, self.at)}")
        return times

    def _next(self, expected: str) -> bool:
        found = self.text.startswith(expected, self.at)
        self.at += len(expected) if found else 0
        return found
