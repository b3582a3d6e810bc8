"""What a tariff is: rates by prefix, each with dates and terms. Values only."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ratebook.money import HALF_UP_6, Rounding


class DurationMode(StrEnum):
    """How a duration in milliseconds becomes whole seconds."""

    UP = "up"
    DOWN = "down"
    NEAREST = "nearest"
    """Half a second counts as one."""


class FreeMode(StrEnum):
    """Where free seconds are taken off."""

    BEFORE = "before"
    """Off the duration; increments and intervals are counted on what remains."""
    AFTER = "after"
    """Off the billed seconds: the first ones are billed and cost nothing."""


class Interval(NamedTuple):
    """A stretch of the call with a rate and an increment of its own; it ends where the next one begins."""

    from_s: int
    """Seconds from the answer."""
    rate_nanos: int
    """Per minute."""
    increment_s: int
    """At least 1. A step that begins inside the interval is priced whole, past its end too."""


class Border(StrEnum):
    """What happens to a call when a time band ends inside it."""

    START = "start"
    """Nothing: the band of the answer holds to the end."""
    SPLIT = "split"
    """The call is cut at the border; each part is rounded up to its increment, and the next one begins there."""
    INTERVAL = "interval"
    """As SPLIT, and behind a border the first of several intervals counts no more: it is the call's beginning."""


class Window(NamedTuple):
    """Hours of some days, by the clocks of the timetable's zone."""

    weekdays: int
    """Bit 0: Monday."""
    dates: tuple[int, ...]
    """Days besides the weekdays, as the number YYYYMMDD; a year of 0: each year."""
    from_s: int
    """Seconds since the day's midnight."""
    to_s: int
    """Exclusive; beyond 86400: into the next day."""


class Band(NamedTuple):
    """A time band: all hours that lie in one of its windows."""

    name: str
    windows: tuple[Window, ...]


class Hours(NamedTuple):
    """Time bands on the clocks of a zone."""

    zone: str
    bands: tuple[Band, ...]
    """The first one that fits a moment holds."""


class Timetable(NamedTuple):
    """Other terms at other hours."""

    zone: str
    border: Border
    bands: tuple[tuple[Band, Terms], ...]
    """The first band that fits a moment holds. Terms have no timetable of their own."""


class Terms(NamedTuple):
    """All that prices a call, without where and when it applies: thousands of rates share the same terms."""

    currency: str
    intervals: tuple[Interval, ...]
    """The first one begins at 0; rising. Never empty."""
    connect_fee_nanos: int = 0
    """For each answered call, once."""
    minimum_nanos: int = 0
    """What an answered call costs at least."""
    maximum_nanos: int | None = None
    """What a call costs at most; None: no bound."""
    grace_s: int = 0
    """An answered call up to this long costs nothing at all."""
    free_s: int = 0
    free_mode: FreeMode = FreeMode.BEFORE
    attempt_fee_nanos: int = 0
    """For a call that was not answered."""
    blocked: bool = False
    rounding: Rounding = HALF_UP_6
    duration_mode: DurationMode = DurationMode.UP
    message_fee_nanos: int | None = None
    """For each delivered MESSAGE; None: there are none at this rate."""
    timetable: Timetable | None = None
    """These terms hold outside its bands. Fees, bounds, free seconds, grace and rounding are those of the answer."""


class Rate(NamedTuple):
    """Terms for a prefix, from a moment to a moment."""

    prefix: str
    """Digits; empty: every number."""
    destination: str
    effective_s: int | None
    """Wall-clock seconds since 1970; None: always was."""
    until_s: int | None
    """Exclusive; None: for ever."""
    terms: Terms


class Tariff(NamedTuple):
    """What an account pays (or a provider asks)."""

    name: str
    currency: str
    timezone: str
    """In which its dates and hours were written."""
    rates: tuple[Rate, ...]
    """By prefix; those of a prefix in any order."""
