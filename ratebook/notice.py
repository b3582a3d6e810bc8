"""What whoever pays by a tariff is told of a new version: which numbers cost something else, from when. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from ratebook.bulk import RateIndex
from ratebook.compare import Change, Difference, compare_terms, differences
from ratebook.model import Rate, Terms


class Direction(StrEnum):
    """Which way a price moves."""

    NEW = "New"
    """These numbers could not be called before."""
    INCREASE = "Increase"
    DECREASE = "Decrease"
    CHANGE = "Changed"
    """Dearer for some calls, cheaper for others."""
    CLOSED = "Closed"
    """These numbers can't be called any more."""


class Notice(NamedTuple):
    """A prefix whose numbers cost something else, in one time band."""

    prefix: str
    destination: str
    direction: Direction
    before: Terms | None
    """None: they can't be called."""
    after: Terms | None
    from_s: int
    until_s: int | None
    """Exclusive; None: for ever."""
    band: str
    """Empty: outside of all bands."""


def notices(before: Iterable[Rate], after: Iterable[Rate], at_s: int) -> list[Notice]:
    """By prefix and time, from a moment on: the new version holds from then.

    A prefix that comes or goes is held against the shorter one that had, or will have, its numbers: a customer is told
    what a call costs, not how the table is written.
    """
    old, new = list(before), list(after)
    found = [one for one in differences(old, new) if one.until_s is None or one.until_s > at_s]
    some_come_or_go = any(one.before is None or one.after is None for one in found)
    indexes = RateIndex(old if some_come_or_go else ()), RateIndex(new if some_come_or_go else ())
    return [line for one in found for line in _lines(one, max(at_s, one.from_s or at_s), indexes)]


def first_effect_s(found: Iterable[Difference], at_s: int) -> int | None:
    """When the first price moves, if the new version holds from a moment on; None: none does."""
    moved = [one for one in found if one.change is not Change.RENAMED and (one.until_s is None or one.until_s > at_s)]
    return min((max(at_s, one.from_s or at_s) for one in moved), default=None)


def _lines(one: Difference, from_s: int, indexes: tuple[RateIndex, RateIndex]) -> Iterator[Notice]:
    old, new = indexes
    then = _open(one.before or old.find(one.prefix, from_s))
    now = _open(one.after or new.find(one.prefix, from_s))
    if then == now:
        return
    for band, held, holds in _bands(then, now):
        yield Notice(one.prefix, one.destination, _direction(held, holds), held, holds, from_s, one.until_s, band)


def _open(rate: Rate | None) -> Terms | None:
    return None if rate is None or rate.terms.blocked else rate.terms


def _direction(before: Terms | None, after: Terms | None) -> Direction:
    if before is None:
        return Direction.NEW
    return Direction.CLOSED if after is None else _MOVED[compare_terms(before, after)]


_MOVED = {
    Change.INCREASED: Direction.INCREASE, Change.DECREASED: Direction.DECREASE, Change.CHANGED: Direction.CHANGE,
}  # fmt: skip


def _bands(before: Terms | None, after: Terms | None) -> list[tuple[str, Terms | None, Terms | None]]:
    """Each band whose terms are others, outside of all bands first; that one too if only their hours are others."""
    held, holds = _by_band(before), _by_band(after)
    pairs = [(name, held.get(name, held.get("")), holds.get(name, holds.get(""))) for name in {**held, **holds}]
    return [one for one in pairs if one[1] != one[2]] or pairs[:1]


def _by_band(terms: Terms | None) -> dict[str, Terms]:
    if terms is None:
        return {}
    bands = terms.timetable.bands if terms.timetable is not None else ()
    return {"": terms._replace(timetable=None)} | {band.name: held for band, held in bands}
