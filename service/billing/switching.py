"""An account's billing changes, prepaid to postpaid or back: its period ends then. What it used until now is billed as
it was used, and is on no invoice afterwards: who has paid beforehand isn't asked again.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.billing.allocation import nothing_waits
from service.billing.cycles import Cycle, next_border_ms
from service.billing.run import Scope, close_due, lock_nodes
from service.config import Config
from service.database.billing_tables import billable_items, billing_terms, invoices
from service.database.columns import BIG
from service.database.own import own_of, put_own
from service.database.payment_tables import allocations, payment_rests
from service.database.switch_tables import billing_switches
from service.database.tables import cdrs, entries, postings
from service.faults import Fault
from service.ledger.by import By
from service.ledger.reversals import returned
from service.ledger.rules import BALANCE, PAYMENT
from service.ledger.storage import balance_of


class Unbilled(Fault):
    """What an account has used can't be billed yet."""


async def switch(conn: AsyncConnection, config: Config, account: Row[Any], by: By, now_ms: int) -> None:
    """Before the account's row says what it is from now on. Raises Unbilled."""
    await lock_nodes(conn)
    drafts = (invoices.c.account_id == account.id) & (invoices.c.state == "draft")
    if (await conn.execute(sa.select(invoices.c.id).where(drafts).limit(1))).first() is not None:
        raise Unbilled("drafts of its invoices wait: `invoice issue` or `invoice void` them first")
    terms = await own_of(conn, billing_terms, account.id)
    if terms is not None:
        await _close(conn, config, account, by, now_ms)
        await _begin_anew(conn, account.id, now_ms)
    await _mark(conn, account.id, now_ms)
    await (nothing_waits(conn, account.id) if account.billing == "postpaid" else _wait(conn, account))


async def _close(conn: AsyncConnection, config: Config, account: Row[Any], by: By, now_ms: int) -> None:
    """Periods that are over, then the one that runs."""
    scope = Scope(account_id=account.id)
    for cut in (False, True):
        if cut:
            runs = (billing_terms.c.account_id == account.id) & (billing_terms.c.closed_ms < now_ms)
            await conn.execute(sa.update(billing_terms).where(runs).values(due_ms=now_ms))
        done = await close_due(conn, config, by, now_ms, scope)
        while done.accounts:
            done = await close_due(conn, config, by, now_ms, scope)
        if done.left:
            raise Unbilled(f"what it has used can't be billed: {'; '.join(done.left.values())}")


async def _begin_anew(conn: AsyncConnection, account_id: int, now_ms: int) -> None:
    """The next period begins now, also of who wasn't billed."""
    row = await own_of(conn, billing_terms, account_id)
    assert row is not None, "its terms stand"
    begin_ms = max(row.closed_ms, now_ms)
    border_ms = next_border_ms(Cycle(row.cycle, row.cycle_day, row.zone, row.anchor_ms), begin_ms)
    changed = sa.update(billing_terms).where(billing_terms.c.account_id == account_id)
    await conn.execute(changed.values(closed_ms=begin_ms, due_ms=border_ms))


async def _mark(conn: AsyncConnection, account_id: int, now_ms: int) -> None:
    marks = {"calls_until_id": cdrs.c.id, "items_until_id": billable_items.c.id}
    last = {
        name: (await conn.execute(sa.select(sa.func.coalesce(sa.func.max(column), 0)))).scalar_one()
        for name, column in marks.items()
    }
    await put_own(conn, billing_switches, account_id, {"at_ms": now_ms, **last})


async def _wait(conn: AsyncConnection, account: Row[Any]) -> None:
    """What a prepaid account has left pays its invoices from now on: it is of the payments that came last."""
    left = await balance_of(conn, account.id, account.currency)
    own = (postings.c.account_id == account.id) & (postings.c.book == BALANCE) & (postings.c.amount_micros > 0)
    own &= (postings.c.currency == account.currency) & (entries.c.kind == PAYMENT)
    given = sa.select(sa.cast(sa.func.coalesce(sa.func.sum(allocations.c.amount_micros), 0), BIG))
    given = given.where(allocations.c.entry_id == entries.c.id)
    free = postings.c.amount_micros - returned(entries.c.id) - given.scalar_subquery()
    query = sa.select(entries.c.id, free).join(postings, postings.c.entry_id == entries.c.id)
    await conn.execute(sa.delete(payment_rests).where(payment_rests.c.account_id == account.id))
    for entry_id, micros in (await conn.execute(query.where(own).order_by(entries.c.id.desc()))).all():
        if left <= 0:
            return
        rest = max(0, min(left, micros))
        row = {"entry_id": entry_id, "account_id": account.id, "currency": account.currency}
        await conn.execute(sa.insert(payment_rests).values(**row, rest_micros=rest))
        left -= rest
