"""The run: closes every period that is over, a batch of accounts in one transaction.

A period is closed with its invoice or not at all, so that a run may be killed anywhere, come twice, or go on beside
another: whoever comes second finds the next period.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.accounts.storage import seller_of
from service.billing.assess import Rules, assess, rules_of
from service.billing.collect import Due, collect, due, first_items
from service.billing.cycles import Cycle, last_border_ms, next_border_ms
from service.billing.falls import credit_falls
from service.billing.issue import issue
from service.config import Config
from service.database.billing_tables import billing_terms, invoices
from service.database.engine import go_by_indexes
from service.database.paths import is_below
from service.database.tables import accounts, cdrs, nodes
from service.ledger.by import By

BATCH_ACCOUNTS = 50
"""Of one transaction: calls go on meanwhile, and their records wait."""


class Run(NamedTuple):
    """What a run, or a batch of it, has done."""

    accounts: int = 0
    """Periods that were closed; several in a row without anything to bill are one."""
    invoice_ids: tuple[int, ...] = ()
    drafts: int = 0
    """Of them, those that wait for somebody."""
    unissued: Mapping[int, str] = MappingProxyType({})
    """Invoices that stay drafts for want of something, and of what."""
    left: Mapping[int, str] = MappingProxyType({})
    """Accounts that were not billed, and why."""

    def plus(self, other: Run) -> Run:
        """Both."""
        return Run(
            self.accounts + other.accounts,
            self.invoice_ids + other.invoice_ids,
            self.drafts + other.drafts,
            {**self.unissued, **other.unissued},
            {**self.left, **other.left},
        )


class Scope(NamedTuple):
    """Whose periods."""

    path: str = ""
    """Of accounts below this one; empty: of all."""
    account_id: int | None = None
    """None: of all of them."""
    at_once: int = BATCH_ACCOUNTS
    """In one transaction."""


EVERYBODY = Scope()


async def run(engine: AsyncEngine, config: Config, by: By, now_ms: int, scope: Scope = EVERYBODY) -> Run:
    """Until no period is left that is over."""
    done = Run()
    while True:
        batch = await step(engine, config, by, now_ms, scope, done.left)
        done = done.plus(batch)
        if not batch.accounts and not batch.left:
            return done


async def step(
    engine: AsyncEngine,
    config: Config,
    by: By,
    now_ms: int,
    scope: Scope = EVERYBODY,
    skipped: Collection[int] = (),
) -> Run:
    """A batch."""
    async with engine.connect() as conn:
        if not (await conn.execute(_over(now_ms, scope, skipped).limit(1))).first():
            return Run()
    async with engine.begin() as conn:
        await lock_nodes(conn)
        return await close_due(conn, config, by, now_ms, scope, skipped)


async def lock_nodes(conn: AsyncConnection) -> None:
    """At the beginning of a transaction that bills: no charge appears before its end."""
    await go_by_indexes(conn)
    await conn.execute(sa.select(nodes.c.id).order_by(nodes.c.id).with_for_update())


async def close_due(
    conn: AsyncConnection,
    config: Config,
    by: By,
    now_ms: int,
    scope: Scope = EVERYBODY,
    skipped: Collection[int] = (),
) -> Run:
    """The periods that were over first, of some accounts. The caller holds every node's lock."""
    rows = list(await conn.execute(_over(now_ms, scope, skipped).limit(scope.at_once)))
    reviewed = {row.account_id for row in rows if row.reviewed}
    owed = await due(conn, [row.account_id for row in rows])
    if await credit_falls(conn, config, owed, reviewed, by, now_ms):
        owed = await due(conn, [row.account_id for row in rows])
    wanted = await _wanted(conn, rows, owed)
    rules = await rules_of(conn, [(one.seller_id, one.account_id) for one in wanted])
    left = _untaxable(rows, wanted, rules)
    rows = [row for row in rows if row.account_id not in left]
    ids = await _draft(conn, rows, [one for one in wanted if one.account_id not in left], by, now_ms)
    if ids:
        await collect(conn, list(ids))
        await assess(conn, list(ids))
    at_once = [number for number, account_id in ids.items() if account_id not in reviewed]
    unissued = await issue(conn, config, at_once, by, now_ms) if at_once else {}
    empty = [row for row in rows if row.account_id not in ids.values()]
    await _move_on(conn, rows, _unbilled(owed, wanted), await _ends(conn, empty, owed, now_ms))
    return Run(len(rows), tuple(ids), len(ids) - len(at_once) + len(unissued), unissued, left)


def _over(now_ms: int, scope: Scope, skipped: Collection[int]) -> sa.Select[Any]:
    """Terms of accounts whose period is over; of prepaid ones only if they get invoices."""
    query = sa.select(billing_terms, accounts.c.billing, accounts.c.currency, accounts.c.path)
    query = query.join(accounts, accounts.c.id == billing_terms.c.account_id)
    billed = (accounts.c.billing == "postpaid") | billing_terms.c.prepaid_invoices
    query = query.where((billing_terms.c.due_ms <= now_ms) & billed)
    if scope.account_id is not None:
        query = query.where(billing_terms.c.account_id == scope.account_id)
    if scope.path:
        query = query.where(is_below(accounts.c.path, scope.path), accounts.c.path != scope.path)
    if skipped:
        query = query.where(billing_terms.c.account_id.not_in(skipped))
    return query.order_by(billing_terms.c.due_ms, billing_terms.c.account_id)


async def _wanted(conn: AsyncConnection, rows: Sequence[Row[Any]], owed: Sequence[Due]) -> list[Due]:
    """Invoices that are to be: of who has anything to bill, and of who wants one of nothing."""
    found: defaultdict[int, list[Due]] = defaultdict(list)
    for one in owed:
        found[one.account_id].append(one)
    wanted = []
    for row in rows:
        own = found[row.account_id]
        some = [one for one in own if one.things]
        if not some and row.zero_invoices:
            some = own or [Due(row.account_id, await seller_of(conn, row), 0, 0)]
        wanted += some
    return wanted


def _untaxable(rows: Sequence[Row[Any]], wanted: Sequence[Due], rules: Rules) -> dict[int, str]:
    at_ms = {row.account_id: row.due_ms - 1 for row in rows}
    found = {}
    for one in wanted:
        problem = rules.problem((one.seller_id, one.account_id), at_ms[one.account_id])
        if problem is not None:
            found[one.account_id] = problem
    return found


async def _draft(
    conn: AsyncConnection, rows: Sequence[Row[Any]], wanted: Sequence[Due], by: By, now_ms: int
) -> dict[int, int]:
    """Makes drafts; returns whose each is."""
    terms = {row.account_id: row for row in rows}
    values = [
        {
            "seller_id": one.seller_id, "account_id": one.account_id, "kind": "invoice",
            "prepaid": terms[one.account_id].billing == "prepaid", "currency": terms[one.account_id].currency,
            "language": terms[one.account_id].language, "zone": terms[one.account_id].zone,
            "period_from_ms": terms[one.account_id].closed_ms, "period_to_ms": terms[one.account_id].due_ms,
            "seller": {}, "buyer": {}, "actor": by.name, "created_ms": now_ms,
        }
        for one in wanted
    ]  # fmt: skip
    if not values:
        return {}
    made = await conn.execute(sa.insert(invoices).returning(invoices.c.id, invoices.c.account_id), values)
    return {row.id: row.account_id for row in sorted(made, key=lambda row: row.id)}


def _unbilled(owed: Sequence[Due], wanted: Sequence[Due]) -> dict[int, int]:
    """By account, the first call that is on no invoice; accounts without any are left out."""
    billed = {(one.account_id, one.seller_id) for one in wanted}
    found: dict[int, int] = {}
    for one in owed:
        left = (one.later_id,) if (one.account_id, one.seller_id) in billed else (one.first_id, one.later_id)
        for cdr_id in filter(None, left):
            found[one.account_id] = min(cdr_id, found.get(one.account_id, cdr_id))
    return found


async def _ends(conn: AsyncConnection, empty: Sequence[Row[Any]], owed: Sequence[Due], now_ms: int) -> dict[int, int]:
    """By account that has nothing to bill, the end of its last period in a row that has nothing: all are closed at
    once. Only of those that have several behind them.
    """
    late = [row for row in empty if not row.zero_invoices and next_border_ms(_cycle(row), row.due_ms) <= now_ms]
    if not late:
        return {}
    first_ms = await first_items(conn, [row.account_id for row in late])
    for one in owed:
        if one.later_ms is not None:
            first_ms[one.account_id] = min(one.later_ms, first_ms.get(one.account_id, now_ms))
    upto = {row.account_id: min(now_ms, first_ms.get(row.account_id, now_ms)) for row in late}
    return {row.account_id: max(row.due_ms, last_border_ms(_cycle(row), upto[row.account_id])) for row in late}


def _cycle(row: Row[Any]) -> Cycle:
    return Cycle(row.cycle, row.cycle_day, row.zone, row.anchor_ms)


async def _move_on(
    conn: AsyncConnection, rows: Sequence[Row[Any]], first: Mapping[int, int], ends: Mapping[int, int]
) -> None:
    """The next period begins where this one ended, or the last of several. `first`: by account, the first call that no
    invoice has.
    """
    if not rows:
        return
    last = (await conn.execute(sa.select(sa.func.coalesce(sa.func.max(cdrs.c.id), 0)))).scalar_one()
    values = [
        {
            "of_account": row.account_id,
            "closed": ends.get(row.account_id, row.due_ms),
            "due": next_border_ms(_cycle(row), ends.get(row.account_id, row.due_ms)),
            "after": max(first.get(row.account_id, last + 1) - 1, row.calls_after_id),
        }
        for row in rows
    ]
    moved = sa.update(billing_terms).where(billing_terms.c.account_id == sa.bindparam("of_account"))
    fresh: dict[str, Any] = {"closed_ms": sa.bindparam("closed"), "due_ms": sa.bindparam("due")}
    await conn.execute(moved.values(**fresh, calls_after_id=sa.bindparam("after")), values)
