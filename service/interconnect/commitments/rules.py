"""What a commitment comes to: an exact sum, rounded once. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ratebook.money import HALF_UP_6, round_fraction
from service.interconnect.partners import IN

STEPS, MINIMUM, SWAP = "steps", "minimum", "swap"
BOTH = "both"
MONTHS = {"monthly": 1, "quarterly": 3}
"""By period; `whole`: from the commitment's beginning to its end."""
DAY_MAX = 28
"""Of the month in which a period may begin, so that every month has it."""
STEPS_MAX = 20
_PER_UNIT = 60 * 10**9
"""A nano-unit a minute, of a second."""


class Step(NamedTuple):
    """From so much volume on a minute costs so much."""

    from_s: int
    rate_nanos: int


class Terms(NamedTuple):
    """What was agreed on."""

    kind: str
    direction: str
    steps: Sequence[Step] = ()
    """Rising; the first one begins at 0."""
    whole: bool = False
    """The step that is reached prices all of the volume, not what lies behind it only."""
    committed_s: int = 0
    rate_nanos: int = 0
    """Of what is missing."""


class Volume(NamedTuple):
    """What a period's calls come to, in billed seconds."""

    in_s: int
    out_s: int
    charged_micros: int
    """By the calls' own rates, in the commitment's direction."""

    def of(self, direction: str) -> int:
        """Of one direction."""
        return self.in_s if direction == IN else self.out_s


class Period(NamedTuple):
    """A time, the end exclusive."""

    since_ms: int
    until_ms: int


def terms_problem(terms: Terms) -> tuple[str, str] | None:
    """Field and fault; None: there is none."""
    if (terms.kind == SWAP) != (terms.direction == BOTH):
        return "direction", "a swap is of both directions, everything else of one"
    if terms.kind != STEPS:
        if terms.steps or terms.whole:
            return "steps", "only a commitment of the kind steps has them"
        return None if terms.committed_s and terms.rate_nanos else ("committed_minutes", "minutes and rate are needed")
    if terms.committed_s or terms.rate_nanos:
        return "committed_minutes", "a commitment of the kind steps has none: its steps say all"
    starts = [step.from_s for step in terms.steps]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)):
        return "steps", "steps rise, and the first one begins at 0 minutes"
    return None


class Covered(NamedTuple):
    """Which minutes a commitment is about, and how."""

    kind: str
    direction: str
    group: str
    """A destination group's name; empty: every number."""
    since_ms: int
    until_ms: int

    def prices_again(self, other: Covered) -> bool:
        """Whether both would price the same minutes: those that were talked, by their steps; those that are missing, by
        a minimum or a swap. A number is in one destination group at most.
        """
        if (self.kind == STEPS) != (other.kind == STEPS):
            return False
        is_same_way = self.direction == other.direction or BOTH in {self.direction, other.direction}
        is_same_group = self.group == other.group or not (self.group and other.group)
        is_same_time = self.since_ms < other.until_ms and other.since_ms < self.until_ms
        return is_same_way and is_same_group and is_same_time


def settlement_micros(terms: Terms, volume: Volume) -> int:
    """What a period is settled by. Positive: the partner owes us more."""
    if terms.kind == STEPS:
        due = _priced(terms, volume.of(terms.direction))
        more = due - volume.charged_micros
        return more if terms.direction == IN else -more
    missing_in = max(0, terms.committed_s - volume.in_s) if terms.direction != "out" else 0
    missing_out = max(0, terms.committed_s - volume.out_s) if terms.direction != IN else 0
    return _rounded((missing_in - missing_out) * terms.rate_nanos)


def _priced(terms: Terms, volume_s: int) -> int:
    if terms.whole:
        return _rounded(volume_s * terms.steps[reached(terms, volume_s)].rate_nanos)
    ends = [*(step.from_s for step in terms.steps[1:]), volume_s]
    parts = zip(terms.steps, ends, strict=True)
    exact = sum(max(0, min(end, volume_s) - step.from_s) * step.rate_nanos for step, end in parts)
    return _rounded(exact)


def _rounded(exact: int) -> int:
    return round_fraction(exact, _PER_UNIT, HALF_UP_6)


def reached(terms: Terms, volume_s: int) -> int:
    """The index of the step that a volume lies in."""
    return max(at for at, step in enumerate(terms.steps) if step.from_s <= volume_s)


def periods(kind: str, zone: str, since_ms: int, until_ms: int) -> Iterator[Period]:
    """One after the other, by the zone's days; the last one may be shorter. None of a commitment that never began."""
    if kind not in MONTHS:
        if since_ms < until_ms:
            yield Period(since_ms, until_ms)
        return
    begin, count = datetime.fromtimestamp(since_ms // 1000, UTC).astimezone(ZoneInfo(zone)), 0
    start_ms = since_ms
    while start_ms < until_ms:
        count += MONTHS[kind]
        years, month = divmod(begin.month - 1 + count, 12)
        end = begin.replace(year=begin.year + years, month=month + 1, tzinfo=None)
        end_ms = min(int(end.replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000, until_ms)
        yield Period(start_ms, end_ms)
        start_ms = end_ms


def is_month_day(since_ms: int, zone: str) -> bool:
    """Whether every month has the day on which periods would begin."""
    return datetime.fromtimestamp(since_ms // 1000, UTC).astimezone(ZoneInfo(zone)).day <= DAY_MAX
