"""Accounts that are suspended for what they owe, and go on at once when it is paid. In the caller's transaction.

Only what dunning has suspended is lifted here: whoever was suspended for something else stays so.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access import audit
from service.access.actor import local_actor
from service.accounts import changes
from service.billing.states import OPEN_STATES
from service.database.billing_tables import invoices
from service.database.dunning_tables import dunning_actions, dunning_exemptions
from service.database.tables import accounts

REASON = "dunning"
"""What `accounts.suspended_for` says."""
SYSTEM = local_actor("")._replace(name="dunning")


async def bar(conn: AsyncConnection, node: str, account_id: int, now_ms: int) -> None:
    """Its calls end, and those of all below it. Under the node's lock."""
    await _change(conn, node, account_id, ("active", ""), ("suspended", REASON), now_ms)


async def lift_paid(conn: AsyncConnection, node: str, account_id: int, now_ms: int) -> None:
    """Something of the account was paid or credited: unless an invoice that barred it is still open, it goes on."""
    barred = (dunning_actions.c.account_id == account_id) & (dunning_actions.c.kind == "bar")
    barred &= dunning_actions.c.lifted_ms == 0
    joined = dunning_actions.join(invoices, invoices.c.id == dunning_actions.c.invoice_id)
    states = list((await conn.execute(sa.select(invoices.c.state).select_from(joined).where(barred))).scalars())
    if states and not set(OPEN_STATES) & set(states):
        await lift(conn, node, account_id, now_ms)


async def bar_again(
    conn: AsyncConnection, node: str, account_id: int, invoice_ids: Collection[int], now_ms: int
) -> None:
    """What had paid these invoices went back: whoever they had barred is barred again where they are still open."""
    joined = dunning_actions.join(invoices, invoices.c.id == dunning_actions.c.invoice_id)
    lifted = (dunning_actions.c.kind == "bar") & (dunning_actions.c.lifted_ms > 0)
    still = lifted & dunning_actions.c.invoice_id.in_(invoice_ids) & invoices.c.state.in_(OPEN_STATES)
    ids = list((await conn.execute(sa.select(dunning_actions.c.id).select_from(joined).where(still))).scalars())
    if not ids or await _is_spared(conn, account_id, now_ms):
        return
    await conn.execute(sa.update(dunning_actions).where(dunning_actions.c.id.in_(ids)).values(lifted_ms=0))
    await bar(conn, node, account_id, now_ms)


async def _is_spared(conn: AsyncConnection, account_id: int, now_ms: int) -> bool:
    lasting = dunning_exemptions.c.until_ms.is_(None) | (dunning_exemptions.c.until_ms > now_ms)
    query = sa.select(dunning_exemptions.c.account_id).where(dunning_exemptions.c.account_id == account_id)
    return (await conn.execute(query.where(lasting))).first() is not None


async def lift(conn: AsyncConnection, node: str, account_id: int, now_ms: int) -> None:
    """Whatever is open: it is spared from now on, or has paid."""
    barred = (dunning_actions.c.account_id == account_id) & (dunning_actions.c.kind == "bar")
    done = sa.update(dunning_actions).where(barred & (dunning_actions.c.lifted_ms == 0))
    await conn.execute(done.values(lifted_ms=now_ms))
    await _change(conn, node, account_id, ("suspended", REASON), ("active", ""), now_ms)


async def _change(
    conn: AsyncConnection, node: str, account_id: int, before: tuple[str, str], after: tuple[str, str], now_ms: int
) -> None:
    """Only from what is expected; tells the call path, and the audit."""
    stands = (accounts.c.id == account_id) & (accounts.c.state == before[0])
    stands &= accounts.c.suspended_for == before[1]
    values = {"state": after[0], "suspended_for": after[1], "version": accounts.c.version + 1}
    if (await conn.execute(sa.update(accounts).where(stands).values(**values))).rowcount == 0:
        return
    await changes.tell(conn, node, account_id, now_ms)
    action = "account.suspend" if after[0] == "suspended" else "account.resume"
    told = [{"state": state, "suspended_for": reason} for state, reason in (before, after)]
    await audit.write(conn, SYSTEM, audit.Change(action, "account", account_id, account_id, *told), now_ms)
