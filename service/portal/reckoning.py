"""What an overview says, from hours of calls and money: sums, rates, and how long the money lasts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.calls.traffic_api import HourView, MoneyView

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Sums(NamedTuple):
    """Of some hours' calls."""

    attempts: int = 0
    answered: int = 0
    duration_ms: int = 0
    rang: int = 0
    pdd_ms: int = 0

    @property
    def minutes(self) -> int:
        """Begun ones."""
        return -(-self.duration_ms // 60_000)

    @property
    def asr_percent(self) -> int | None:
        """Answered of all attempts, to the nearest; None: there was none."""
        return (200 * self.answered + self.attempts) // (2 * self.attempts) if self.attempts else None

    @property
    def acd_s(self) -> int | None:
        """Seconds of an answered call on the average; None: there was none."""
        return self.duration_ms // 1000 // self.answered if self.answered else None

    @property
    def delay_ms(self) -> int | None:
        """From INVITE to ringing on the average; None: none rang."""
        return self.pdd_ms // self.rang if self.rang else None


class Cash(NamedTuple):
    """What some hours' calls brought and cost, in one currency: micro-units."""

    earned: int = 0
    spent: int = 0

    @property
    def margin(self) -> int:
        """What is left of it."""
        return self.earned - self.spent


def sums(hours: Iterable[HourView], since_ms: int, until_ms: int) -> Sums:
    """Of the hours that begin in a span; `until_ms` is exclusive."""
    inside = [one for one in hours if one.at is not None and since_ms <= one.at < until_ms]
    return Sums(*(sum(getattr(one, name) for one in inside) for name in Sums._fields))


def cash(money: Iterable[MoneyView], currency: str, since_ms: int, until_ms: int) -> Cash:
    """Likewise, of one currency."""
    inside = [one for one in money if one.currency == currency and since_ms <= (one.at or 0) < until_ms]
    return Cash(sum(one.earned for one in inside), sum(one.spent for one in inside))


def currencies(money: Sequence[MoneyView], first: str) -> list[str]:
    """Those that there is money in, the account's own first."""
    return [first, *sorted({one.currency for one in money} - {first})]


def day_begins(now_ms: int, zone: ZoneInfo, back: int = 0) -> int:
    """The first moment of today in a zone, or of a day so many days back. Days may have 23 or 25 hours."""
    today = datetime.fromtimestamp(now_ms // 1000, UTC).astimezone(zone).date() - timedelta(days=back)
    begins = datetime(today.year, today.month, today.day, tzinfo=zone)
    return int(begins.timestamp()) * 1000


def counted_from(begins_ms: int) -> int:
    """The first whole hour of a day that begins so: calls and money are summed up by the hour of UTC, and in some zones
    (India, Nepal) a day begins within one. Its part of that hour stands in the day before.
    """
    return -(-begins_ms // HOUR_MS) * HOUR_MS


def month_begins(now_ms: int, zone: ZoneInfo) -> int:
    """The first moment of this month in a zone."""
    today = datetime.fromtimestamp(now_ms // 1000, UTC).astimezone(zone).date()
    return int(datetime(today.year, today.month, 1, tzinfo=zone).timestamp()) * 1000


def hours_back(now_ms: int, hours: int) -> list[int]:
    """The beginnings of the latest hours, the present one last."""
    present = now_ms // HOUR_MS * HOUR_MS
    return [present - back * HOUR_MS for back in range(hours - 1, -1, -1)]


def lasts_ms(available_micros: int, spent_micros: int, over_ms: int) -> int | None:
    """How long money lasts when it goes on as in a span of time; None: nothing was spent. 0: there is none left."""
    if spent_micros <= 0:
        return None
    return max(0, available_micros) * over_ms // spent_micros
