"""What changes between two tariffs: prefix by prefix, rate by rate, each with its moment. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from itertools import groupby, pairwise
from operator import attrgetter
from typing import NamedTuple

from ratebook.model import Rate, Terms
from ratebook.price import charge

COMPARED_S = (1, 30, 61, 300)
"""Lengths of the calls by which a rate is dearer or cheaper than another."""

_ALWAYS_S = -(2**62)
_FOR_EVER_S = 2**62


class Change(StrEnum):
    """What becomes of a prefix at a moment."""

    NEW = "new"
    INCREASED = "increased"
    DECREASED = "decreased"
    CHANGED = "changed"
    """Dearer for some calls, cheaper for others."""
    RENAMED = "renamed"
    """Only its destination has another name."""
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"
    WITHDRAWN = "withdrawn"
    UNCHANGED = "unchanged"


class Difference(NamedTuple):
    """A prefix that is priced otherwise for some time."""

    prefix: str
    destination: str
    from_s: int | None
    """Wall-clock second; None: always was."""
    until_s: int | None
    """Exclusive; None: for ever."""
    change: Change
    before: Rate | None
    after: Rate | None


def differences(before: Iterable[Rate], after: Iterable[Rate]) -> list[Difference]:
    """By prefix and time. What holds for both is left out."""
    old, new = _by_prefix(before), _by_prefix(after)
    found: list[Difference] = []
    for prefix in sorted(old.keys() | new.keys()):
        then, now = old.get(prefix, []), new.get(prefix, [])
        if then != now:
            found += _of_prefix(prefix, then, now)
    return found


def counts(found: Iterable[Difference]) -> dict[Change, int]:
    """Of each kind that occurs."""
    counted = Counter(one.change for one in found)
    return {change: counted[change] for change in Change if counted[change]}


def _by_prefix(rates: Iterable[Rate]) -> dict[str, list[Rate]]:
    prefix = attrgetter("prefix")
    return {key: list(group) for key, group in groupby(sorted(rates, key=prefix), key=prefix)}


def _of_prefix(prefix: str, before: list[Rate], after: list[Rate]) -> list[Difference]:
    edges = {_ALWAYS_S} | {edge for rate in [*before, *after] for edge in (_from_s(rate), _until_s(rate))}
    moments = [*sorted(edges - {_FOR_EVER_S}), _FOR_EVER_S]
    found: list[Difference] = []
    for start_s, end_s in pairwise(moments):
        then, now = _at(before, start_s), _at(after, start_s)
        change = _change(then, now)
        if change is None:
            continue
        shown = now or then
        assert shown is not None
        until_s = None if end_s == _FOR_EVER_S else end_s
        last = found[-1] if found else None
        if last is not None and last.until_s == start_s and (last.before, last.after) == (then, now):
            found[-1] = last._replace(until_s=until_s)
            continue
        from_s = None if start_s == _ALWAYS_S else start_s
        found.append(Difference(prefix, shown.destination, from_s, until_s, change, then, now))
    return found


def _at(rates: list[Rate], at_s: int) -> Rate | None:
    held = [rate for rate in rates if _from_s(rate) <= at_s < _until_s(rate)]
    return max(held, key=_from_s) if held else None


def _change(before: Rate | None, after: Rate | None) -> Change | None:
    if before is None or after is None:
        if after is not None:
            return Change.NEW
        return None if before is None else Change.WITHDRAWN
    if before.terms == after.terms:
        return None if before.destination == after.destination else Change.RENAMED
    if before.terms.blocked != after.terms.blocked:
        return Change.BLOCKED if after.terms.blocked else Change.UNBLOCKED
    return compare_terms(before.terms, after.terms)


@lru_cache(maxsize=4_096)
def compare_terms(before: Terms, after: Terms) -> Change:
    """Dearer, cheaper, or neither, by calls of some lengths, in each band. Remembered: thousands of rates are alike."""
    pairs = [(then, now) for _, then, now in compared_calls(before, after)]
    dearer, cheaper = any(now > then for then, now in pairs), any(now < then for then, now in pairs)
    if dearer == cheaper:
        return Change.CHANGED
    return Change.INCREASED if dearer else Change.DECREASED


def compared_calls(before: Terms, after: Terms) -> list[tuple[int, int, int]]:
    """Seconds of calls of some lengths in each band of either, and what they cost by both."""
    names = dict.fromkeys(["", *_bands(before), *_bands(after)])
    held = [[_bands(one).get(name, one)._replace(timetable=None) for name in names] for one in (before, after)]
    return [
        (seconds, charge(then, seconds * 1000, 0).micros, charge(now, seconds * 1000, 0).micros)
        for then, now in zip(*held, strict=True)
        for seconds in COMPARED_S
    ]


def _bands(terms: Terms) -> dict[str, Terms]:
    return {} if terms.timetable is None else {band.name: held for band, held in terms.timetable.bands}


def _from_s(rate: Rate) -> int:
    return _ALWAYS_S if rate.effective_s is None else rate.effective_s


def _until_s(rate: Rate) -> int:
    return _FOR_EVER_S if rate.until_s is None else rate.until_s
