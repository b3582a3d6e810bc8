"""Sheets of rates that change, for whoever pays by them: what a call costs until then, and what from then on."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ratebook.model import Terms
from ratebook.money import format_nanos
from ratebook.notice import Notice
from ratebook.sheets.write import Column, Sheet, inert, workbook

COLUMNS = (
    Column("Destination", 36),
    Column("Prefix", 16),
    Column("Direction", 12),
    Column("Old Rate/Min", 14, is_price=True),
    Column("New Rate/Min", 14, is_price=True),
    Column("Old Increments", 14),
    Column("New Increments", 14),
    Column("Old Connect Fee", 15, is_price=True),
    Column("New Connect Fee", 15, is_price=True),
    Column("Currency", 10),
    Column("Effective From", 26),
    Column("Valid Until (exclusive)", 26),
    Column("Time Band", 12),
)
CONCERNED = "Applies To"
"""The last column of CSV, which has no other place for it; above the table of a workbook."""
Say = Callable[[str], str]


class Head(NamedTuple):
    """What a sheet of changes is about, and for whom."""

    tariff: str
    currency: str
    zone: str
    """Of whoever reads it."""
    say: Say
    """Puts the headings into their language."""
    concerned: str = ""
    """What of the reader's account the prices are for; empty: the account."""


def to_csv(found: Iterable[Notice], head: Head) -> bytes:
    """For programs too: headings are English, times have their distance from UTC."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*(column.name for column in COLUMNS), CONCERNED])
    zone, last = ZoneInfo(head.zone), inert(head.concerned)
    writer.writerows([*_cells(one, head.currency, lambda at_s: _local(at_s, zone).isoformat()), last] for one in found)
    return out.getvalue().encode()


def to_xlsx(found: Iterable[Notice], head: Head, made_at: datetime) -> bytes:
    """For people: headings in their language."""
    zone = ZoneInfo(head.zone)
    about = head.say("Currency: {currency} per minute; times in {zone}").format(currency=head.currency, zone=head.zone)
    if head.concerned:
        about += f"; {head.say(CONCERNED)}: {head.concerned}"
    columns = [column._replace(name=head.say(column.name)) for column in COLUMNS]
    sheet = Sheet(head.say("Changes"), head.tariff, about, columns)

    def row(one: Notice) -> Sequence[str]:
        cells = _cells(one, head.currency, lambda at_s: f"{_local(at_s, zone):%Y-%m-%d %H:%M:%S}")
        return [*cells[:2], head.say(cells[2]), *cells[3:]]

    return workbook(sheet, map(row, found), made_at)


def _local(at_s: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_s, UTC).astimezone(zone)


def _cells(one: Notice, currency: str, moment: Callable[[int], str]) -> list[str]:
    return [
        inert(one.destination),
        one.prefix,
        one.direction.value,
        rate_text(one.before),
        rate_text(one.after),
        increments_text(one.before),
        increments_text(one.after),
        _fee(one.before),
        _fee(one.after),
        currency,
        moment(one.from_s),
        "" if one.until_s is None else moment(one.until_s),
        inert(one.band),
    ]


def rate_text(terms: Terms | None) -> str:
    """Per minute, of each of its intervals; empty: these numbers can't be called."""
    return " / ".join(dict.fromkeys(format_nanos(step.rate_nanos) for step in terms.intervals)) if terms else ""


def increments_text(terms: Terms | None) -> str:
    """Such as 60/1."""
    return f"{terms.intervals[0].increment_s}/{terms.intervals[-1].increment_s}" if terms else ""


def _fee(terms: Terms | None) -> str:
    return format_nanos(terms.connect_fee_nanos) if terms and terms.connect_fee_nanos else ""
