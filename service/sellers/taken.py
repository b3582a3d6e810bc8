"""Whether numbers would come again: those that a seller's earlier patterns gave, and those of another series.

The database refuses a number that stands already, and with it the whole run that wanted it: so this is told before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.billing_tables import invoices
from service.database.own import own_of
from service.database.receipt_tables import receipts
from service.database.seller_tables import credit_note_numberings, numberings, receipt_numberings
from service.sellers.numbers import DIGITS_MAX, PATTERNS, number_text, reading_of

_BESIDE = {numberings.name: credit_note_numberings, credit_note_numberings.name: numberings}
"""Invoices and credit notes are told apart by their numbers."""
_CENTURY = 100


class Coming(NamedTuple):
    """The numbers that a series gives from now on."""

    prefix: str
    pattern: str
    next_number: int
    year: int
    """That `next_number` is of."""
    restarts_yearly: bool = True

    def gives(self, text: str) -> bool:
        """Whether it will come to a number."""
        match = reading_of(self.pattern, self.prefix).fullmatch(text)
        if match is None:
            return False
        number, told = int(match["number"]), match.groupdict().get("year")
        year = self.year if told is None else _whole(told, self.year)
        if number_text(self.pattern, self.prefix, year, number) != text:
            return False
        behind = number >= self.next_number
        return (year == self.year and behind) or (year > self.year and (self.restarts_yearly or behind))

    def some(self) -> Iterable[str]:
        """One number of each length, for a year."""
        for digits in range(DIGITS_MAX):
            number = max(10**digits, self.next_number)
            yield number_text(self.pattern, self.prefix, self.year, number)


def _whole(told: str, year: int) -> int:
    return int(told) if len(told) > 2 else year // _CENTURY * _CENTURY + int(told)


async def first_again(conn: AsyncConnection, seller_id: int, series: sa.Table, coming: Coming) -> str | None:
    """A number of the series that stands already; None: there is none."""
    table = receipts if series is receipt_numberings else invoices
    numbers = sa.select(table.c.number).where((table.c.seller_id == seller_id) & table.c.number.is_not(None))
    found = await conn.execute(numbers.order_by(table.c.id))
    return next((text for text in found.scalars() if coming.gives(text)), None)


async def clash(conn: AsyncConnection, seller_id: int, series: sa.Table, coming: Coming) -> str | None:
    """A number that invoices and credit notes would both come to; None: there is none."""
    beside = _BESIDE.get(series.name)
    if beside is None:
        return None
    row = await own_of(conn, beside, seller_id)
    if row is None:
        other = Coming("", PATTERNS[beside.name], 1, coming.year)
    else:
        other = Coming(row.prefix, row.pattern, row.next_number, coming.year, row.restarts_yearly)
    anywhere = [one._replace(next_number=1) for one in (coming, other)]
    texts = [text for mine, its in (anywhere, anywhere[::-1]) for text in mine.some() if its.gives(text)]
    return next(iter(texts), None)
