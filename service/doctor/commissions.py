"""Commissions: each part is what its rule says, all of them are posted, and no more is handed out."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.commission.rules import WHOLE, earned
from service.database.columns import BIG
from service.database.commission_tables import commission_carries, commission_payouts, commissions
from service.database.tables import charges, entries, postings
from service.doctor.evidence import RESTORE, Check, book_of, check
from service.doctor.sentences import Sentence, sentence
from service.ledger.rules import COMMISSION, COST

FOUND_MAX = 20
"""Of each kind."""
Sums = defaultdict[tuple[int, str], int]
"""By account and currency, in hundred-millionths of a micro-unit."""


async def explained(conn: AsyncConnection) -> Check:
    """What was earned on each thing, what the books say, what was handed out."""
    found = [*await _unlike_rules(conn), *await _unlike_charges(conn), *await _unposted(conn), *await _unpaid(conn)]
    count = (await conn.execute(sa.select(sa.func.count()).select_from(commissions))).scalar_one()
    good = sentence("{0} commissions, each explained by its rule and posted", count)
    return check("commissions", found, good, RESTORE)


async def _unlike_rules(conn: AsyncConnection) -> list[Sentence]:
    query = sa.select(commissions).where((commissions.c.percent_millionths > 0) & ~_is_right())
    return [
        sentence("commission {0} is {1} micro-units, and its percentage comes to {2}", row.id, row.micros, right[0])
        for row in await conn.execute(query.order_by(commissions.c.id).limit(FOUND_MAX))
        for right in [earned(row.base_micros, row.percent_millionths)]
    ]


def _is_right() -> sa.ColumnElement[bool]:
    """`earned`, said to the database: bringing every sale here would take all the memory. In two steps, since the
    product of both passes 64 bits; below nothing it is rounded down too, which SQL's division isn't.
    """
    base, part = sa.func.abs(commissions.c.base_micros, type_=BIG), commissions.c.percent_millionths
    rest = (base % WHOLE) * part
    micros, remainder = (base // WHOLE) * part + rest // WHOLE, rest % WHOLE
    is_back, is_broken = commissions.c.base_micros < 0, remainder > 0
    down = sa.case((is_broken, -micros - 1), else_=-micros)
    up = sa.case((is_broken, WHOLE - remainder), else_=0)
    return (commissions.c.micros == sa.case((is_back, down), else_=micros)) & (
        commissions.c.remainder == sa.case((is_back, up), else_=remainder)
    )


async def _unlike_charges(conn: AsyncConnection) -> list[Sentence]:
    """Of a call, corrections included: the bases are its charge, without the taxes that were added."""
    of_calls = commissions.c.source.in_(("call", "correction"))
    key = (commissions.c.account_id, commissions.c.cdr_id, commissions.c.level)
    base = sa.func.sum(commissions.c.base_micros).label("base")
    sums = sa.select(*key, base).where(of_calls).group_by(*key).subquery()
    of_charge = (charges.c.cdr_id == sums.c.cdr_id) & (charges.c.level == sums.c.level)
    net = charges.c.charge_micros - charges.c.tax_micros
    query = sa.select(sums, net.label("net")).join(charges, of_charge, isouter=True)
    wrong = net.is_distinct_from(sums.c.base)
    told = sentence("account {0} earned on {1} of call {2}, which was charged {3}")
    return [
        told.filled(row.account_id, row.base, row.cdr_id, row.net)
        for row in await conn.execute(query.where(wrong).order_by(sums.c.cdr_id))
    ]


async def _unposted(conn: AsyncConnection) -> list[Sentence]:
    """Both books, and what is carried on."""
    of_earner = await _summed(conn, commissions.c.account_id)
    of_seller = await _summed(conn, commissions.c.seller_id)
    for sums, column in ((of_earner, "account_id"), (of_seller, "seller_id")):
        for row in await conn.execute(sa.select(commission_carries)):
            sums[getattr(row, column), row.currency] -= row.remainder
    found = await _unlike_books(conn, COMMISSION, of_earner, 1)
    return found + await _unlike_books(conn, COST, of_seller, -1)


async def _summed(conn: AsyncConnection, column: sa.Column[int]) -> Sums:
    micros, remainder = sa.func.sum(commissions.c.micros), sa.func.sum(commissions.c.remainder)
    sums: Sums = defaultdict(int)
    query = sa.select(column, commissions.c.currency, micros, remainder).group_by(column, commissions.c.currency)
    for account_id, currency, whole, rest in await conn.execute(query):
        sums[account_id, currency] = int(whole) * WHOLE + int(rest)
    return sums


async def _unlike_books(conn: AsyncConnection, book: str, expected: Sums, sign: int) -> list[Sentence]:
    posted = sa.func.sum(postings.c.amount_micros)
    query = sa.select(postings.c.account_id, postings.c.currency, posted)
    query = query.join(entries, entries.c.id == postings.c.entry_id)
    query = query.where((entries.c.kind == COMMISSION) & (postings.c.book == book))
    rows = await conn.execute(query.group_by(postings.c.account_id, postings.c.currency))
    said = {(account_id, currency): int(micros) * WHOLE * sign for account_id, currency, micros in rows}
    told = sentence("account {0}: commissions in {1} come to {2} micro-units, and {3} are posted in {4}")
    return [
        told.filled(*key, expected.get(key, 0) // WHOLE, said.get(key, 0) // WHOLE, book_of(book))
        for key in sorted(expected.keys() | said.keys())
        if expected.get(key, 0) != said.get(key, 0)
    ]


async def _unpaid(conn: AsyncConnection) -> list[Sentence]:
    """All payouts of somebody come to what they name, rounded down once."""
    key: tuple[Any, ...] = (commissions.c.account_id, commissions.c.seller_id, commissions.c.currency)
    micros, remainder = sa.func.sum(commissions.c.micros), sa.func.sum(commissions.c.remainder)
    named = sa.select(*key, micros, remainder).where(commissions.c.payout_id.is_not(None)).group_by(*key)
    table = commission_payouts
    paid = sa.select(table.c.account_id, table.c.seller_id, table.c.currency, sa.func.sum(table.c.amount_micros))
    rows = await conn.execute(paid.group_by(table.c.account_id, table.c.seller_id, table.c.currency))
    handed = {tuple(row[:3]): int(row[3]) for row in rows}
    owed = {tuple(row[:3]): (int(row[3]) * WHOLE + int(row[4])) // WHOLE for row in await conn.execute(named)}
    told = sentence("account {0} was handed {1} micro-units of {2}, and had earned {3}")
    return [
        told.filled(one[0], handed.get(one, 0), one[2], owed.get(one, 0))
        for one in sorted(handed.keys() | owed.keys())
        if handed.get(one, 0) != owed.get(one, 0)
    ]
