"""Numbers of invoices, credit notes and receipts: none is missing but those that somebody skipped on purpose."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.access_tables import audit
from service.database.billing_tables import invoices
from service.database.receipt_tables import receipts
from service.database.seller_tables import credit_note_numberings, numberings, receipt_numberings
from service.doctor.evidence import RESTORE, Check, check
from service.doctor.sentences import Sentence, sentence
from service.sellers.numbers import reading_of

SERIES = (
    ("invoices", numberings, "numbering.edit"),
    ("credit notes", credit_note_numberings, "numbering.edit-credit-notes"),
    ("receipts", receipt_numberings, "numbering.edit-receipts"),
)
_TAKEN: dict[str, sa.Select[Any]] = {
    "invoices": sa.select(invoices.c.number).where((invoices.c.kind == "invoice") & invoices.c.number.is_not(None)),
    "credit notes": sa.select(invoices.c.number).where(invoices.c.kind == "credit_note"),
    "receipts": sa.select(receipts.c.number),
}
SELLERS = {
    "invoices": sentence("seller {0}, invoices: {1}"),
    "credit notes": sentence("seller {0}, credit notes: {1}"),
    "receipts": sentence("seller {0}, receipts: {1}"),
}
_FIELDS = ("prefix", "pattern", "restarts_yearly")


class Form(NamedTuple):
    """How a seller numbers, or did."""

    prefix: str
    pattern: str
    restarts_yearly: bool


class Series(NamedTuple):
    """Of one seller."""

    forms: tuple[Form, ...]
    """The latest first."""
    skipped: tuple[tuple[int, int], ...]
    """From and to, both inclusive: numbers that somebody has passed over."""


async def gapless(conn: AsyncConnection) -> Check:
    """Each number is the one after another, by the pattern that the seller had then."""
    found: list[Sentence] = []
    count = 0
    for kind, table, action in SERIES:
        for row in (await conn.execute(sa.select(table).order_by(table.c.account_id))).all():
            owner = (receipts if table is receipt_numberings else invoices).c.seller_id
            numbers: list[str] = list((await conn.execute(_TAKEN[kind].where(owner == row.account_id))).scalars())
            missing = missing_of(numbers, await _series(conn, row, action), row.next_number, row.year)
            found += [SELLERS[kind].filled(row.account_id, one) for one in missing]
            count += len(numbers)
    return check("numbers", found, sentence("{0} numbers, none missing", count), RESTORE)


async def _series(conn: AsyncConnection, row: Row[Any], action: str) -> Series:
    """What the audit log tells of its changes, from now back to the first one."""
    form, forms, skipped = {name: row._mapping[name] for name in _FIELDS}, [], []
    edits = sa.select(audit.c.before, audit.c.after).where(audit.c.account_id == row.account_id)
    for edit in await conn.execute(edits.where(audit.c.action == action).order_by(audit.c.id.desc())):
        before, after = (json.loads(one) if one else {} for one in edit)
        forms.append(Form(**form))
        form |= {name: before[name] for name in _FIELDS if name in before}
        if "next_number" in before and "next_number" in after:
            skipped.append((before["next_number"], after["next_number"] - 1))
    return Series(tuple(dict.fromkeys([*forms, Form(**form)])), tuple(reversed(skipped)))


def missing_of(numbers: Iterable[str], series: Series, next_number: int, year: int) -> list[Sentence]:
    """What is missing or strange, in words. Pure."""
    by_year: defaultdict[str, list[int]] = defaultdict(list)
    readers = [(form.restarts_yearly, reading_of(form.pattern, form.prefix)) for form in series.forms]
    strange = []
    for text in numbers:
        for restarts, reader in readers:
            match = reader.fullmatch(text)
            if match is not None:
                by_year[match["year"][-2:] if restarts else ""].append(int(match["number"]))
                break
        else:
            strange.append(sentence("{0} is of no pattern that it had", text))
    latest = f"{year % 100:02}" if series.forms[0].restarts_yearly else ""
    if by_year[latest]:
        by_year[latest].append(next_number)
    return strange + [
        _missing(gap, key)
        for key, found in sorted(by_year.items())
        for gap in _gaps(found if len(series.forms) > 1 else [0, *found])
        if gap not in _joined(series.skipped)
    ]


def _gaps(found: Iterable[int]) -> list[tuple[int, int]]:
    """Between numbers, both ends inclusive."""
    return [(low + 1, high - 1) for low, high in pairwise(sorted(found)) if high > low + 1]


def _joined(skipped: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Skips, and those that came one right after the other as one."""
    joined: list[tuple[int, int]] = []
    for low, high in skipped:
        before = joined[-1] if joined and joined[-1][1] + 1 == low else None
        joined.append((low if before is None else before[0], high))
    return set(joined)


def _missing(gap: tuple[int, int], year: str) -> Sentence:
    low, high = gap
    if low == high:
        return sentence("{0} is missing of the year {1}", low, year) if year else sentence("{0} is missing", low)
    of_year = sentence("{0} to {1} are missing of the year {2}", low, high, year)
    return of_year if year else sentence("{0} to {1} are missing", low, high)
