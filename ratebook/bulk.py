"""Many calls by one tariff in memory: the same rates and the same pricing function, asked once for equal questions.

The call path reads the compiled form instead (`compiled.read`), which all workers share.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ratebook.bands import stretches
from ratebook.exchange import PAR
from ratebook.model import Border, FreeMode, Rate, Terms
from ratebook.price import UNCOVERED, Charge, Cover, Factor, charge, whole_seconds

ANSWERS_MAX = 1_000_000
"""Kept charges; then they are forgotten, all at once."""
AHEAD_S = 86_400

_ALWAYS_S = -(2**62)
_new = tuple.__new__


class RateIndex:
    """The rates of a tariff by prefix."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        self._rates: dict[str, tuple[Rate, ...]] = {}
        for rate in rates:
            known = self._rates.get(rate.prefix)
            self._rates[rate.prefix] = (rate,) if known is None else tuple(sorted((*known, rate), key=_latest))
        self._lengths = sorted(set(map(len, self._rates)), reverse=True)

    def find(self, number: str, at_s: int) -> Rate | None:
        """The rate of the longest prefix that has one in effect at a wall-clock second; None: none."""
        rates = self._rates
        for length in self._lengths:
            found = rates.get(number[:length])
            if found is not None:
                for rate in found:
                    _, _, effective_s, until_s, _ = rate
                    if (effective_s is None or effective_s <= at_s) and (until_s is None or at_s < until_s):
                        return rate
        return None


def _latest(rate: Rate) -> int:
    return -(_ALWAYS_S if rate.effective_s is None else rate.effective_s)


class Priced(NamedTuple):
    """A call by a tariff."""

    rate: Rate
    charge: Charge


class Pricer:
    """Prices calls by a tariff."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        self.index = RateIndex(rates)
        self._charges: dict[tuple[int, int, Factor], Charge] = {}
        """By the identity of terms, which the index and `_alone` keep, whole seconds, and factor."""
        self._held: dict[int, tuple[int, int, Terms]] = {}
        """By the identity of terms with a timetable: the last stretch that was asked for, and its terms alone."""
        self._alone: dict[Terms, Terms] = {}

    def price(self, number: str, answered_s: int, duration_ms: int) -> Priced | None:
        """An answered call; None: there is no rate for it."""
        rate = self.index.find(number, answered_s)
        if rate is None:
            return None
        return _new(Priced, (rate, self.charge(rate[4], duration_ms, answered_s)))

    def charge(
        self, terms: Terms, duration_ms: int, answered_s: int, factor: Factor = PAR, cover: Cover = UNCOVERED
    ) -> Charge:
        """What `ratebook.price.charge` says, of terms that are kept by somebody else."""
        if cover != UNCOVERED:  # few calls, and hardly two are alike
            return charge(terms, duration_ms, answered_s, factor, cover)
        if terms.timetable is not None:
            held = self._terms_in_force(terms, duration_ms, answered_s)
            if held is None:
                return charge(terms, duration_ms, answered_s, factor)
            terms = held
        seconds = whole_seconds(terms, duration_ms)
        key = (id(terms), seconds, factor)
        found = self._charges.get(key)
        if found is None:
            if len(self._charges) >= ANSWERS_MAX:
                self._charges.clear()
            found = self._charges[key] = charge(terms, seconds * 1000, answered_s, factor)
        return found

    def _terms_in_force(self, terms: Terms, duration_ms: int, answered_s: int) -> Terms | None:
        """The terms of a band, if they hold for the whole call; None: a border may lie in it."""
        timetable = terms.timetable
        assert timetable is not None
        if terms.blocked or any(held.blocked for _, held in timetable.bands):
            return None  # what held before a blocked band counts in it, for calls that began then
        from_s, until_s, held = self._held.get(id(terms)) or (0, 0, terms)
        if not from_s <= answered_s < until_s:
            found = next(stretches(terms, timetable, answered_s, answered_s + AHEAD_S))
            alone = found.terms._replace(timetable=None)
            held = self._alone.setdefault(alone, alone)
            from_s, until_s = answered_s, found.until_s
            self._held[id(terms)] = (from_s, until_s, held)
        free_s = held.free_s if held.free_mode is FreeMode.BEFORE else 0
        if timetable.border is Border.START or answered_s + max(free_s, whole_seconds(held, duration_ms)) <= until_s:
            return held
        return None
