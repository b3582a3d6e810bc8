"""By how much the partner's times are off: the zone, daylight saving, the clock; and what its times and durations mean.

A sample of the file votes: each of its calls for all calls of ours with the same numbers and about the same length.
True pairs agree with each other, chance pairs lie anywhere. Whole quarters of an hour are a zone, seconds a clock.
Which shift holds when is the cheapest reading of the file: a change of it must explain CHANGE_ROWS calls.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from service.interconnect.reconcile.sides import QUARTER_MS, Ours, Rules, Theirs

SHIFT_QUARTERS_MAX = 56
"""Fourteen hours: no zone lies further away."""
CLOCK_MS_MAX = 120_000
"""A clock that is further off is none."""
SAMPLE = 20_000
GROUP_MAX = 64
"""Calls of ours that a vote looks at; more with the same numbers are sampled."""
LENGTH_MS = 1_500
"""Lengths that are so near are about the same, before it is known how the partner rounds."""
NEAR_MAX = 32
"""Calls with the same numbers and moment that are looked at."""
SHIFTS_MAX = 6
CHANGE_ROWS = 12
FEW = 3
"""Votes that are chance."""

Groups = dict[str, list[int]]
"""Indexes by key."""
Measure = Callable[[int, int], int]
"""From our duration and billed time, in milliseconds, to what the partner's file says of such a call."""

MEASURES: dict[str, Measure] = {
    "as measured": lambda duration, _: duration,
    "rounded up": lambda duration, _: -(-duration // 1000) * 1000,
    "rounded": lambda duration, _: (duration + 500) // 1000 * 1000,
    "cut": lambda duration, _: duration // 1000 * 1000,
    "billed": lambda _, billed: billed,
}


class Segment(NamedTuple):
    """A part of the time whose calls the file has later by the same."""

    from_ms: int
    """By our clock; the first one begins before all calls."""
    shift_ms: int
    """How much later the file has them."""
    calls: int


class Reading(NamedTuple):
    """How a partner's times and durations are to be understood."""

    basis: str
    """`start` or `answer`: which of our moments theirs is."""
    measure: str
    clock_ms: int
    """How much later theirs is, beside the shift."""
    segments: list[Segment]

    def moments(self, ours: Ours) -> array[int]:
        """Ours that theirs are compared with."""
        return ours.start_ms if self.basis == "start" else ours.answer_ms

    def shift_of(self, our_ms: int) -> int:
        """Of the part that a moment of ours lies in."""
        found = self.segments[0].shift_ms
        for segment in self.segments:
            if our_ms < segment.from_ms:
                break
            found = segment.shift_ms
        return found

    def shift_at(self, their_ms: int) -> int:
        """Of the part that a moment of theirs lies in; of an hour that comes twice the first one."""
        found = self.segments[0].shift_ms
        for segment, following in pairwise([*self.segments, None]):
            assert segment is not None
            our_ms = their_ms - segment.shift_ms - self.clock_ms
            if our_ms < segment.from_ms:
                break
            found = segment.shift_ms
            if following is None or our_ms < following.from_ms:
                break
        return found


class _Vote(NamedTuple):
    """A call of theirs and one of ours that may be it."""

    row: int
    ours: int
    late_ms: int


def groups_of(keys: list[str]) -> Groups:
    """Indexes by key, in order."""
    found: Groups = defaultdict(list)
    for index, key in enumerate(keys):
        found[key].append(index)
    return found


def read_times(ours: Ours, theirs: Theirs, keys: list[str], groups: Groups, rules: Rules) -> Reading:
    """What the file's times and durations mean. Afterwards each group is in order of the moments that count."""
    best: tuple[int, str, list[_Vote], Counter[int], int] | None = None
    for basis in ("start", "answer"):
        moments = ours.start_ms if basis == "start" else ours.answer_ms
        votes = list(_votes(ours, theirs, keys, groups, moments))
        quarters = _quarters(votes)
        clock_ms, many = _clock(votes, quarters, rules.time_s * 1000)
        if best is None or (many, -abs(clock_ms)) > (best[0], -abs(best[4])):
            best = (many, basis, votes, quarters, clock_ms)
    assert best is not None
    _, basis, votes, quarters, clock_ms = best
    moments = ours.start_ms if basis == "start" else ours.answer_ms
    for group in groups.values():
        if len(group) > 1:
            group.sort(key=moments.__getitem__)
    measure = _measure(ours, theirs, votes, clock_ms, rules)
    reading = Reading(basis, measure, clock_ms, [Segment(0, 0, len(keys))])
    shifts = _candidates(quarters)
    return reading._replace(segments=_segments(ours, theirs, keys, groups, reading, shifts, rules))


def _votes(ours: Ours, theirs: Theirs, keys: list[str], groups: Groups, moments: array[int]) -> Iterator[_Vote]:
    for row in range(0, len(keys), max(1, len(keys) // SAMPLE)):
        group = groups.get(keys[row], ())
        at_ms, duration = theirs.at_ms[row], theirs.duration_ms[row]
        for one in group[:: max(1, len(group) // GROUP_MAX)]:
            near = abs(ours.duration_ms[one] - duration) <= LENGTH_MS or ours.billed_ms[one] == duration
            late = at_ms - moments[one]
            if near and abs(late) <= SHIFT_QUARTERS_MAX * QUARTER_MS + CLOCK_MS_MAX:
                yield _Vote(row, one, late)


def nearest_quarter(late_ms: int) -> int:
    """In quarters of an hour."""
    return (late_ms + QUARTER_MS // 2) // QUARTER_MS


def _quarters(votes: list[_Vote]) -> Counter[int]:
    found: Counter[int] = Counter()
    for vote in votes:
        if _beside_quarter(vote) <= CLOCK_MS_MAX:
            found[nearest_quarter(vote.late_ms)] += 1
    return found


def _clock(votes: list[_Vote], quarters: Counter[int], tolerance_ms: int) -> tuple[int, int]:
    """The middle of what the votes for the first shift leave over, and how many lie about it; of few votes how many lie
    about a quarter of an hour at all.
    """
    if not quarters:
        return 0, 0
    first = _candidates(quarters)[0]
    rests = sorted(rest for vote in votes if abs(rest := vote.late_ms - first * QUARTER_MS) <= CLOCK_MS_MAX)
    if len(rests) < FEW:
        return 0, sum(_beside_quarter(vote) <= tolerance_ms for vote in votes)
    middle = rests[len(rests) // 2]
    many = sum(abs(rest - middle) <= tolerance_ms for rest in rests)
    return (middle if many * 2 > len(rests) else 0), many


def _beside_quarter(vote: _Vote) -> int:
    return abs(vote.late_ms - nearest_quarter(vote.late_ms) * QUARTER_MS)


def _candidates(quarters: Counter[int]) -> list[int]:
    """Shifts with the most votes, none without some; of two with as many the smaller one."""
    ranked = sorted(quarters.items(), key=lambda found: (-found[1], abs(found[0])))
    few = max(FEW, ranked[0][1] // 200) if ranked else FEW
    return [quarter for quarter, votes in ranked[:SHIFTS_MAX] if votes >= few] or [0]


def _measure(ours: Ours, theirs: Theirs, votes: list[_Vote], clock_ms: int, rules: Rules) -> str:
    """The one by which most lengths of likely pairs agree."""
    counts = dict.fromkeys(MEASURES, 0)
    for vote in votes:
        rest = vote.late_ms - clock_ms
        if abs(rest - nearest_quarter(rest) * QUARTER_MS) > rules.time_s * 1000:
            continue
        duration, billed = ours.duration_ms[vote.ours], ours.billed_ms[vote.ours]
        for name, measure in MEASURES.items():
            counts[name] += measure(duration, billed) == theirs.duration_ms[vote.row]
    return max(counts, key=lambda name: counts[name])


def _segments(
    ours: Ours, theirs: Theirs, keys: list[str], groups: Groups, reading: Reading, shifts: list[int], rules: Rules
) -> list[Segment]:
    """The cheapest sequence of shifts, by our quarters of an hour."""
    if len(shifts) == 1:
        return [Segment(0, shifts[0] * QUARTER_MS, len(keys))]
    quarters = _explained(ours, theirs, keys, groups, reading, shifts, rules)
    ordered = sorted(quarters)
    cost = [0] * len(shifts)
    came: list[list[int]] = []
    for quarter in ordered:
        cheapest = min(range(len(shifts)), key=lambda state: cost[state])
        steps, after = [], []
        seen, counts = quarters[quarter]
        for state in range(len(shifts)):
            stay = cost[state] <= cost[cheapest] + CHANGE_ROWS
            steps.append(state if stay else cheapest)
            after.append((cost[state] if stay else cost[cheapest] + CHANGE_ROWS) + seen - counts[state])
        came.append(steps)
        cost = after
    state = min(range(len(shifts)), key=lambda one: (cost[one], one))
    path = []
    for steps in reversed(came):
        path.append(state)
        state = steps[state]
    return _merged(ordered, path[::-1], shifts, quarters)


def _explained(
    ours: Ours, theirs: Theirs, keys: list[str], groups: Groups, reading: Reading, shifts: list[int], rules: Rules
) -> dict[int, tuple[int, list[int]]]:
    """By our quarters of an hour: how many calls any shift explains, and how many each one does."""
    moments, tolerance_ms = reading.moments(ours), rules.time_s * 1000
    measure = MEASURES[reading.measure]
    sought = [shift * QUARTER_MS + reading.clock_ms for shift in shifts]
    found: dict[int, tuple[int, list[int]]] = {}
    for row, key in enumerate(keys):
        group = groups.get(key)
        if group is None:
            continue
        duration = theirs.duration_ms[row]
        for state, late in enumerate(sought):
            our_ms = theirs.at_ms[row] - late
            near = around(group, moments, our_ms, tolerance_ms)
            if any(measure(ours.duration_ms[one], ours.billed_ms[one]) == duration for one in near):
                seen, counts = found.get(our_ms // QUARTER_MS) or (0, [0] * len(shifts))
                counts[state] += 1
                found[our_ms // QUARTER_MS] = (seen + 1, counts)
                if state == 0:
                    break  # most rows: the usual shift explains them, and nobody asks for another
    return found


def around(group: list[int], moments: array[int], at_ms: int, within_ms: int, most: int = NEAR_MAX) -> list[int]:
    """Those of a group, in order of their moments, that lie so near; the nearest ones if there are many."""
    if len(group) == 1:
        return group if abs(moments[group[0]] - at_ms) <= within_ms else []
    middle = bisect_left(group, at_ms, key=moments.__getitem__)
    first = bisect_left(group, at_ms - within_ms, max(0, middle - most), middle, key=moments.__getitem__)
    last = bisect_right(group, at_ms + within_ms, middle, min(len(group), middle + most), key=moments.__getitem__)
    return group[first:last]


def _merged(
    quarters: list[int], path: list[int], shifts: list[int], counts: dict[int, tuple[int, list[int]]]
) -> list[Segment]:
    found: list[Segment] = []
    for quarter, state in zip(quarters, path, strict=True):
        shift_ms, calls = shifts[state] * QUARTER_MS, counts[quarter][1][state]
        if found and found[-1].shift_ms == shift_ms:
            found[-1] = found[-1]._replace(calls=found[-1].calls + calls)
        else:
            found.append(Segment(quarter * QUARTER_MS if found else 0, shift_ms, calls))
    return found or [Segment(0, shifts[0] * QUARTER_MS, 0)]
