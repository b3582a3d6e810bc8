"""Corrections: each is explained by the one before it and the call as it stands, and posted as it says."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.rerating_tables import corrections
from service.database.tables import cdrs, charges, entries, postings
from service.doctor.evidence import RESTORE, Check, book_of, check
from service.doctor.sentences import Sentence, sentence
from service.ledger.rules import BALANCE, CORRECTION, REVENUE
from service.rerating.lines import COST_LEVEL

_LINE = (corrections.c.cdr_id, corrections.c.level)
_IS_COST = corrections.c.level == COST_LEVEL


async def explained(conn: AsyncConnection) -> Check:
    """H3: each correction begins where the one before it ended; the last one is what the call says; each is posted."""
    found = [*await _broken_chains(conn), *await _unlike_calls(conn), *await _unposted(conn)]
    count = (await conn.execute(sa.select(sa.func.count()).select_from(corrections))).scalar_one()
    return check("corrections", found, sentence("{0} corrections, each posted once and explained", count), RESTORE)


async def _broken_chains(conn: AsyncConnection) -> list[Sentence]:
    before = sa.func.lag(corrections.c.after_micros).over(partition_by=_LINE, order_by=corrections.c.id)
    chain = sa.select(corrections.c.id, corrections.c.before_micros, before.label("prior")).subquery()
    query = sa.select(chain).where(chain.c.prior != chain.c.before_micros).order_by(chain.c.id)
    return [
        sentence("correction {0} corrects {1}, and the one before it came to {2}", row.id, row.before_micros, row.prior)
        for row in await conn.execute(query)
    ]


async def _unlike_calls(conn: AsyncConnection) -> list[Sentence]:
    last = sa.select(sa.func.max(corrections.c.id)).group_by(*_LINE)
    now = sa.case((_IS_COST, cdrs.c.cost_micros), else_=charges.c.charge_micros)
    query = (
        sa.select(corrections.c.id, corrections.c.after_micros, now.label("now"))
        .join(cdrs, cdrs.c.id == corrections.c.cdr_id)
        .join(charges, (charges.c.cdr_id == cdrs.c.id) & (charges.c.level == corrections.c.level), isouter=True)
        .where(corrections.c.id.in_(last) & now.is_distinct_from(corrections.c.after_micros))
        .order_by(corrections.c.id)
    )
    return [
        sentence("correction {0} came to {1}, and the call says {2}", row.id, row.after_micros, row.now)
        for row in await conn.execute(query)
    ]


async def _unposted(conn: AsyncConnection) -> list[Sentence]:
    """Sums by entry and account; of what a batch comes to nothing there is no entry, and no sum."""
    findings = []
    told = sentence("entry {0}, {1} of account {2}: corrections and postings differ by {3} micro-units of {4}")
    delta = corrections.c.delta_micros
    for book in (BALANCE, REVENUE):
        account = corrections.c.account_id if book == BALANCE else corrections.c.seller_id
        micros = sa.case((_IS_COST, delta), else_=-delta) if book == BALANCE else delta
        said = sa.select(
            corrections.c.entry_id, account.label("account_id"), corrections.c.currency, micros.label("micros")
        )
        said = said if book == BALANCE else said.where(~_IS_COST)
        posted = (
            sa.select(postings.c.entry_id, postings.c.account_id, postings.c.currency, -postings.c.amount_micros)
            .join(entries, entries.c.id == postings.c.entry_id)
            .where((entries.c.kind == CORRECTION) & (postings.c.book == book))
        )
        both = sa.union_all(said, posted).subquery()
        total = sa.func.sum(both.c.micros)
        key = (both.c.entry_id, both.c.account_id, both.c.currency)
        query = sa.select(*key, total).group_by(*key)
        findings += [
            told.filled(entry, book_of(book), number, rest, currency)
            for entry, number, currency, rest in await conn.execute(query.having(total != 0))
        ]
    return findings
