"""Finds the same call on both sides, and says what each difference is. Pure.

First what agrees in numbers, moment and length; then, nearest moment first, what agrees in the moment but not in the
length, or in the length but a whole number of quarters of an hour away by itself. Rows that repeat an earlier row
wait until all others have found theirs. What is left stands on one side only.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from service.interconnect.reconcile.numbers import alike
from service.interconnect.reconcile.shifts import (
    MEASURES,
    SHIFT_QUARTERS_MAX,
    Groups,
    Measure,
    Reading,
    around,
    groups_of,
    nearest_quarter,
    read_times,
)
from service.interconnect.reconcile.sides import QUARTER_MS, Ours, Rules, Theirs

FAR_MAX = 128
"""Calls with the same numbers before and after one that are looked at, if it may be shifted."""
NONE = -1


class Class(StrEnum):
    """What the two sides say of a call."""

    MATCHED = "matched"
    DURATION = "duration"
    """Another length."""
    RATE = "rate"
    """The same length, another amount."""
    TIME = "time"
    """The same in all, at another quarter of an hour than the calls about it."""
    ONLY_OURS = "only_ours"
    ONLY_THEIRS = "only_theirs"


class Pair(NamedTuple):
    """A difference: a call, or two that are one."""

    kind: Class
    ours: int
    """Index; -1: it stands on the other side only."""
    theirs: int
    shift_ms: int = 0
    """Of TIME and DURATION: how much later theirs is than the calls about it."""
    twin: int = NONE
    """Of ONLY_THEIRS: the row that it repeats."""


class Sums(NamedTuple):
    """Of a class."""

    calls: int = 0
    ours_ms: int = 0
    theirs_ms: int = 0
    ours_micros: int = 0
    theirs_micros: int = 0

    def plus(self, ours: tuple[int, int], theirs: tuple[int, int]) -> Sums:
        """With one more call: its length and amount on each side."""
        return Sums(
            self.calls + 1, self.ours_ms + ours[0], self.theirs_ms + theirs[0], self.ours_micros + ours[1],
            self.theirs_micros + theirs[1],
        )  # fmt: skip

    @property
    def stake_micros(self) -> int:
        """What they count more than we do."""
        return self.theirs_micros - self.ours_micros


class Comparison(NamedTuple):
    """What came of it."""

    sums: dict[Class, Sums]
    differences: list[Pair]
    """All but what is matched."""
    reading: Reading
    outside: int
    """Rows of theirs that lie outside the time that is judged."""
    notices: tuple[str, ...]


def compare(ours: Ours, theirs: Theirs, rules: Rules) -> Comparison:
    """Every call of either side in exactly one class."""
    keys = alike(ours, theirs)
    groups = groups_of(keys.ours)
    reading = read_times(ours, theirs, keys.theirs, groups, rules)
    search = _Search(ours, theirs, rules, reading, groups, keys.theirs)
    search.run()
    return _told(search, keys.notices)


class _Near(NamedTuple):
    """A pair that may be one call; the smaller, the likelier."""

    rest_s: int
    quarters: int
    """By itself; 0: it stands where it should."""
    length_ms: int
    rest_ms: int
    ours: int
    theirs: int


class _Search:
    """One comparison at work."""

    def __init__(
        self, ours: Ours, theirs: Theirs, rules: Rules, reading: Reading, groups: Groups, keys: list[str]
    ) -> None:
        self.ours, self.theirs, self.rules, self.reading = ours, theirs, rules, reading
        self.partner = array("q", [NONE]) * len(keys)
        """Of each row of theirs."""
        self.quarters: dict[int, int] = {}
        """Of rows that stand at another quarter of an hour."""
        self.twins: dict[int, int] = {}
        """Rows that repeat an earlier one."""
        self._taken = bytearray(len(ours.called))
        self._groups, self._keys = groups, keys
        self._moments = reading.moments(ours)
        self._measure: Measure = MEASURES[reading.measure]
        self._tolerance_ms, self._length_ms = rules.time_s * 1000, rules.duration_s * 1000

    def run(self) -> None:
        """Finds partners."""
        rows = groups_of(self._keys)
        self._find_twins(rows)
        for key, own in rows.items():
            group = self._groups.get(key)
            if group is not None:
                self._agreeing(group, [row for row in own if row not in self.twins])
        for key, own in rows.items():
            left = [row for row in own if self.partner[row] == NONE]
            group = [one for one in self._groups.get(key, ()) if not self._taken[one]] if left else []
            if group:
                self._take(sorted(self._likely(group, [row for row in left if row not in self.twins])))
                self._agreeing(
                    [one for one in group if not self._taken[one]], [row for row in left if row in self.twins]
                )

    def is_judged(self, one: int, row: int) -> bool:
        """Whether a call lies in the time that is judged, by our clock."""
        our_ms = self._moments[one] if one != NONE else self._sought(row)
        return self.rules.since_ms <= our_ms < self.rules.until_ms

    def is_shifted(self, row: int) -> bool:
        """Whether a row stands elsewhere than the calls about it; an hour that comes twice is read both ways."""
        if row not in self.quarters:
            return False
        shift = self.reading.shift_at(self.theirs.at_ms[row]) + self.quarters[row] * QUARTER_MS
        our_ms = self._moments[self.partner[row]]
        return all(shift != self.reading.shift_of(our_ms + step) for step in (0, -QUARTER_MS, QUARTER_MS))

    def left(self) -> Iterator[int]:
        """Ours that have no partner."""
        return (index for index, taken in enumerate(self._taken) if not taken)

    def _find_twins(self, rows: Groups) -> None:
        for own in rows.values():
            if len(own) == 1:
                continue
            first: dict[tuple[int, int], int] = {}
            for row in own:
                known = first.setdefault((self.theirs.at_ms[row], self.theirs.duration_ms[row]), row)
                if known != row:
                    self.twins[row] = known

    def _sought(self, row: int) -> int:
        """Where a row of theirs stands by our clock."""
        at_ms = self.theirs.at_ms[row]
        return at_ms - self.reading.shift_at(at_ms) - self.reading.clock_ms

    def _apart_ms(self, one: int, row: int) -> int:
        """By how much the lengths differ."""
        return abs(self._measure(self.ours.duration_ms[one], self.ours.billed_ms[one]) - self.theirs.duration_ms[row])

    def _agreeing(self, group: list[int], own: list[int]) -> None:
        """Pairs that agree in moment and length, the nearest first."""
        if len(own) == 1 and len(group) == 1:  # most numbers
            row, one = own[0], group[0]
            if (
                abs(self._sought(row) - self._moments[one]) <= self._tolerance_ms
                and self._apart_ms(one, row) <= self._length_ms
            ):
                self._pair(one, row)
            return
        near = []
        for row in own:
            sought = self._sought(row)
            for one in around(group, self._moments, sought, self._tolerance_ms):
                apart = self._apart_ms(one, row)
                if apart <= self._length_ms and not self._taken[one]:
                    rest = abs(sought - self._moments[one])
                    near.append(_Near(rest // 1000, 0, apart, rest, one, row))
        self._take(sorted(near))

    def _likely(self, group: list[int], own: list[int]) -> Iterator[_Near]:
        """Pairs of what is left: another length, or another quarter of an hour."""
        far_ms = SHIFT_QUARTERS_MAX * QUARTER_MS + self._tolerance_ms
        for row in own:
            sought = self._sought(row)
            for one in around(group, self._moments, sought, far_ms, FAR_MAX):
                late = sought - self._moments[one]
                apart = self._apart_ms(one, row)
                quarters = nearest_quarter(late)
                rest = abs(late - quarters * QUARTER_MS)
                if rest <= self._tolerance_ms and (not quarters or apart <= self._length_ms):
                    yield _Near(rest // 1000, abs(quarters), apart, rest, one, row)

    def _take(self, near: list[_Near]) -> None:
        for pair in near:
            if not self._taken[pair.ours] and self.partner[pair.theirs] == NONE:
                self._pair(pair.ours, pair.theirs)
                if pair.quarters:
                    late = self._sought(pair.theirs) - self._moments[pair.ours]
                    self.quarters[pair.theirs] = nearest_quarter(late)

    def _pair(self, one: int, row: int) -> None:
        self._taken[one] = 1
        self.partner[row] = one


class _Books:
    """What is found, summed up."""

    def __init__(self, search: _Search) -> None:
        self.sums: defaultdict[Class, Sums] = defaultdict(Sums)
        self.differences: list[Pair] = []
        self.outside = 0
        self._search, self._ours, self._theirs = search, search.ours, search.theirs
        self._measure = MEASURES[search.reading.measure]

    def row(self, row: int, one: int) -> None:
        """Of theirs, with its partner."""
        if not self._search.is_judged(one, row):
            self.outside += 1
        elif one == NONE:
            twin = self._search.twins.get(row, NONE)
            self._add(Pair(Class.ONLY_THEIRS, NONE, row, twin=twin), (0, 0), self._their_side(row, 0, 0))
        else:
            ours = self._our_side(one)
            theirs = self._their_side(row, *ours)
            kind = _class(self._search, row, ours[0] - theirs[0], ours[1] - theirs[1])
            self._add(Pair(kind, one, row, self._search.quarters.get(row, 0) * QUARTER_MS), ours, theirs)

    def alone(self, one: int) -> None:
        """Of ours, without a partner. Theirs of neither time nor money are not there: nor are such of ours."""
        length, micros = self._our_side(one)
        counts = length or (micros and self._theirs.amount_micros)
        if counts and self._search.is_judged(one, NONE):
            self._add(Pair(Class.ONLY_OURS, one, NONE), (length, micros), (0, 0))

    def _add(self, pair: Pair, ours: tuple[int, int], theirs: tuple[int, int]) -> None:
        self.sums[pair.kind] = self.sums[pair.kind].plus(ours, theirs)
        if pair.kind is not Class.MATCHED:
            self.differences.append(pair)

    def _our_side(self, one: int) -> tuple[int, int]:
        ours = self._ours
        return self._measure(ours.duration_ms[one], ours.billed_ms[one]), ours.amount_micros[one]

    def _their_side(self, row: int, own_ms: int, own_micros: int) -> tuple[int, int]:
        """Of a partner that names no amount what it would be by our price."""
        length = self._theirs.duration_ms[row]
        if self._theirs.amount_micros:
            return length, self._theirs.amount_micros[row]
        return length, _worth(own_micros, own_ms, length)


def _told(search: _Search, notices: tuple[str, ...]) -> Comparison:
    books = _Books(search)
    for row, one in enumerate(search.partner):
        books.row(row, one)
    for one in search.left():
        books.alone(one)
    sums = {kind: books.sums[kind] for kind in Class}
    return Comparison(sums, books.differences, search.reading, books.outside, notices)


def _class(search: _Search, row: int, length_ms: int, micros: int) -> Class:
    """Where the length is off within its tolerance the amount may be off with it: that is no other rate."""
    rules = search.rules
    if abs(length_ms) > rules.duration_s * 1000:
        return Class.DURATION
    if abs(micros) > rules.money_micros:
        return Class.DURATION if length_ms else Class.RATE
    return Class.TIME if search.is_shifted(row) else Class.MATCHED


def _worth(micros: int, own_ms: int, their_ms: int) -> int:
    """What a partner that names no amount would count, by our price of the call: half away from zero."""
    if not own_ms:
        return micros
    sign = -1 if micros < 0 else 1
    return sign * ((2 * abs(micros) * their_ms + own_ms) // (2 * own_ms))
