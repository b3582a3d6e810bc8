"""What one currency is worth in another at a moment: dated rates, looked up as exact fractions.

Pure; runs inside Kamailio.

A pair is given one way and used the other way as its exact reciprocal. Where a base is named, two currencies without a
pair of their own are exchanged over it, and over nothing else.
"""

from __future__ import annotations

from bisect import bisect_right
from math import gcd
from typing import Any, NamedTuple

from ratebook.compiled.layout import FOR_EVER
from ratebook.money import HALF_UP_6, MICROS, NANOS, format_nanos, round_fraction
from ratebook.price import Factor

PAR: Factor = (1, 1)
"""Of a currency to itself."""
ALWAYS_S = -(2**62)
"""From when a rate without a date holds."""

Pair = tuple[str, str]
"""From one currency to the other."""
Course = tuple[tuple[int, int], ...]
"""From which wall-clock second how many billionths hold; rising, never empty."""


class Exchange(NamedTuple):
    """Dated rates of exchange."""

    base: str
    """Over which currencies without a pair of their own are exchanged; empty: over none."""
    courses: dict[Pair, Course]
    """Billionths of the second currency for one of the first. A pair stands one way only."""

    def factor(self, have: str, want: str, at_s: int) -> Factor | None:
        """What an amount of one currency is multiplied by to be one of the other, reduced; None: nobody says."""
        if have == want:
            return PAR
        direct = self._given(have, want, at_s)
        if direct is not None or not self.base or self.base in {have, want}:
            return direct
        there, back = self._given(have, self.base, at_s), self._given(self.base, want, at_s)
        return None if there is None or back is None else reduced(there[0] * back[0], there[1] * back[1])

    def _given(self, have: str, want: str, at_s: int) -> Factor | None:
        nanos = _held(self.courses.get((have, want)), at_s)
        if nanos:
            return reduced(nanos, NANOS)
        nanos = _held(self.courses.get((want, have)), at_s)
        return reduced(NANOS, nanos) if nanos else None

    def changes_s(self, at_s: int) -> int:
        """The first second after this one from which anything is worth something else; FOR_EVER: it stays so."""
        return min(
            [from_s for course in self.courses.values() for from_s, _ in course if from_s > at_s], default=FOR_EVER
        )

    def since(self, at_s: int) -> Exchange:
        """What holds at a moment and later: all that new calls ask for."""
        left = {}
        for pair, course in self.courses.items():
            first = bisect_right(course, at_s, key=_from_s) - 1
            left[pair] = course[max(first, 0) :]
        return Exchange(self.base, left)

    def to_record(self) -> dict[str, Any]:
        """As JSON; `from_record` reads it back."""
        rates = [[*pair, [list(one) for one in course]] for pair, course in sorted(self.courses.items())]
        return {"base": self.base, "rates": rates}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Exchange:
        """The rates of a record. Raises KeyError, TypeError or ValueError for what `to_record` didn't make."""
        rates = record["rates"]
        return cls(
            record["base"],
            {(have, want): tuple((from_s, nanos) for from_s, nanos in course) for have, want, course in rates},
        )


NO_EXCHANGE = Exchange("", {})
"""Every currency for itself."""


def _from_s(one: tuple[int, int]) -> int:
    return one[0]


def _held(course: Course | None, at_s: int) -> int:
    """The billionths that hold at a moment; 0: none do."""
    if course is None:
        return 0
    found = bisect_right(course, at_s, key=_from_s)
    return course[found - 1][1] if found else 0


def reduced(times: int, parts: int) -> Factor:
    """The same factor in its smallest numbers."""
    common = gcd(times, parts)
    return times // common, parts // common


def exchanged_up(micros: int, factor: Factor) -> int:
    """An amount in another currency, for comparing only: rounded up, so that no cost looks smaller than it is."""
    return -(-micros * factor[0] // factor[1])


def exchanged(micros: int, factor: Factor) -> int:
    """An amount in another currency, for reports: to the nearest micro-unit."""
    return round_fraction(micros * factor[0], MICROS * factor[1], HALF_UP_6)


def pair_text(have: str, want: str) -> str:
    """A pair as refusals, logs and advice name it."""
    return f"{have}/{want}"


def factor_text(factor: Factor) -> str:
    """A factor as records keep it: `23/25`."""
    return f"{factor[0]}/{factor[1]}"


def parse_factor(text: str) -> Factor:
    """The factor of such a text. Raises ValueError."""
    times, slash, parts = text.partition("/")
    if not slash or not (times + parts).isdecimal() or not int(times) or not int(parts):
        raise ValueError(f"{text!r} is no factor such as 23/25")
    return int(times), int(parts)


def factor_shown(factor: Factor) -> str:
    """A factor for people: `0.92`, or the fraction where nine decimals don't say it exactly."""
    nanos, rest = divmod(factor[0] * NANOS, factor[1])
    return factor_text(factor) if rest else format_nanos(nanos)
