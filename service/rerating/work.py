"""Runs go on page by page: looked at beside everybody else, posted in one transaction under the node's lock.

Whoever works at a run (the service, a command, both at once) looks first, and posts only if the run still stands where
it stood and the lines still say what they said. So a page is posted once, whatever is killed or comes twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.accounts.storage import sellers_of
from service.calls.sums import add_calls, numbered
from service.commands.bodies import credit_body
from service.commands.outbox import Command, enqueue_all, writing
from service.commission.accrual import take_back_calls
from service.config import Config
from service.database.engine import reading
from service.database.rerating_tables import corrections, reratings
from service.database.tables import cdrs, charges
from service.ledger.rules import BALANCE, CORRECTION, Entry
from service.ledger.storage import post_entry
from service.rerating.changes import Change, Judged, judge, postings_of
from service.rerating.lines import Page, lines_again, page_of
from service.rerating.rates import Rates, owners_of
from service.rerating.runs import DONE, RUNNING, Run, find_run, oldest_at_work

PAGE_CALLS = 500
"""Of one transaction: it takes a fraction of a second, and payments wait for it."""


class Rerater:
    """Works at runs."""

    def __init__(self, engine: AsyncEngine, config: Config, page_calls: int = PAGE_CALLS) -> None:
        self._engine = engine
        self._config = config
        self._page_calls = page_calls
        self._rates: dict[int, Rates] = {}
        """By run: read once, and forgotten with it."""

    async def work(self, now_ms: int) -> bool:
        """A page of the oldest run; False: there is none at work."""
        async with reading(self._engine) as conn:
            number = await oldest_at_work(conn)
        if number is None:
            self._rates.clear()
            return False
        await self.step(number, now_ms)
        return True

    async def step(self, number: int, now_ms: int) -> Run:
        """A page of one run, which may be done; returns how it stood before."""
        async with reading(self._engine) as conn:
            run = await find_run(conn, number)
            if run.state != RUNNING:
                self._rates.pop(number, None)
                return run
            page = await page_of(conn, run.selection, run.position, self._page_calls)
            owners = await owners_of(conn, [line.price.tariff for line in page.lines])
        rates = self._rates.setdefault(number, Rates(self._config))
        judged = await judge(page, owners, run.pins, rates, Counter())
        async with writing(self._engine, self._config.node) as conn:
            if await find_run(conn, number) == run and await _stands(conn, run, page):
                await _post(conn, self._config.node, run, judged.changes, now_ms)
                await _go_on(conn, run, page, judged, now_ms)
        return run


async def _stands(conn: AsyncConnection, run: Run, page: Page) -> bool:
    """Whether nobody has changed these lines since they were looked at."""
    return await lines_again(conn, run.selection, run.position, page) == page.lines


async def _post(conn: AsyncConnection, node: str, run: Run, changes: Sequence[Change], now_ms: int) -> None:
    if not changes:
        return
    postings = postings_of(changes, await _sellers_now(conn, changes))
    entry_id = None
    if postings:
        reason = f"re-rating {run.id}: {run.reason}"
        entry = Entry(CORRECTION, run.actor, reason, now_ms, postings, actor_account_id=run.actor_account_id)
        entry_id = await post_entry(conn, entry)
    calls = numbered(conn, {change.line.call.id for change in changes})
    await add_calls(conn, calls, times=-1)
    await _correct(conn, changes)
    await add_calls(conn, calls)
    made = sa.insert(corrections).returning(corrections.c.id, corrections.c.cdr_id, corrections.c.level)
    rows = await conn.execute(made, [_row(run.id, entry_id, change, now_ms) for change in changes])
    nets = {(change.line.call.id, change.line.level): change.delta_net_micros for change in changes}
    earned = [{"id": row.id, "cdr_id": row.cdr_id, "level": row.level} for row in rows]
    await take_back_calls(conn, [one | {"net_micros": nets[one["cdr_id"], one["level"]]} for one in earned], now_ms)
    owed = [(line.account_id, line.amount_micros) for line in postings if line.book == BALANCE]
    wanted = [Command(credit_body(account_id, micros), account_id, micros) for account_id, micros in owed]
    await enqueue_all(conn, node, wanted, now_ms=now_ms)


async def _sellers_now(conn: AsyncConnection, changes: Sequence[Change]) -> dict[int, int]:
    return await sellers_of(conn, {change.line.account_id for change in changes if not change.line.is_cost})


async def _correct(conn: AsyncConnection, changes: Sequence[Change]) -> None:
    """What readers of calls see."""
    paid = [change for change in changes if not change.line.is_cost]
    if paid:
        where = (charges.c.cdr_id == sa.bindparam("of_cdr")) & (charges.c.level == sa.bindparam("of_level"))
        rows = [{"of_cdr": one.line.call.id, "of_level": one.line.level, **_columns(one, "")} for one in paid]
        await conn.execute(sa.update(charges).where(where), rows)
    owed = [change for change in changes if change.line.is_cost]
    if owed:
        rows = [{"of_cdr": one.line.call.id, **_columns(one, "cost_")} for one in owed]
        await conn.execute(sa.update(cdrs).where(cdrs.c.id == sa.bindparam("of_cdr")), rows)


def _columns(change: Change, before: str) -> dict[str, object]:
    """Of `charges`; with `cost_` before their names of `cdrs`."""
    tariff, prefix, terms, exchange, billed_s, micros = change.after
    amount = "charge_micros" if not before else "cost_micros"
    named = {"tariff": tariff, "prefix": prefix, "terms": terms, "exchange": exchange, "billed_s": billed_s}
    taxed = {} if before else {"tax_micros": change.tax_micros}
    return {amount: micros, **taxed, **{f"{before}{name}": value for name, value in named.items()}}


def _row(number: int, entry_id: int | None, change: Change, now_ms: int) -> dict[str, object]:
    """Of `corrections`."""
    line = change.line
    prices = {"before": line.price, "after": change.after}
    return {
        "rerating_id": number,
        "cdr_id": line.call.id,
        "level": line.level,
        "account_id": line.account_id,
        "seller_id": line.seller_id,
        "entry_id": entry_id,
        "delta_micros": change.delta_micros,
        "currency": line.currency,
        "created_ms": now_ms,
        **{f"{when}_{name}": value for when, price in prices.items() for name, value in price._asdict().items()},
    }


async def _go_on(conn: AsyncConnection, run: Run, page: Page, judged: Judged, now_ms: int) -> None:
    left = Counter(run.left_alone) + Counter(one.why.value for one in judged.left)
    values = {
        "at_ms": page.end.start_ms,
        "at_cdr_id": page.end.cdr_id,
        "calls": run.calls + len(page.cdr_ids),
        "changed": run.changed + len(judged.changes),
        "left_alone": dict(left),
    }
    if page.is_last:
        values |= {"state": DONE, "finished_ms": now_ms}
    await conn.execute(sa.update(reratings).where(reratings.c.id == run.id).values(**values))
