"""A page of calls, found quickly among millions, whatever is asked for.

Most pages fill from the newest calls: so the first look is at those alone. What is too rare to fill a page from them
is looked for by what makes it rare: the number, or the accounts, each asked for its newest calls. If nothing does, the
page has what a bounded look has found, maybe nothing, and the next one goes on from where that ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row

from service.api.call import Call
from service.api.lists import Condition, Order, behind, cursor_of, order_of, page_from
from service.calls.finding import (
    LISTING,
    NO_CALL_MS,
    Times,
    begins,
    calls_of_side,
    conditions,
    is_by_accounts,
    looked_up,
    newest_of_sides,
    on_side,
    path_of,
    side_order,
    sides,
    times_of,
)
from service.calls.stretches import stretch_of
from service.database.engine import is_sqlite
from service.database.tables import accounts, cdrs

NEWEST = 20_000
"""Calls that a look is at."""
AT_ONCE = 100
"""Accounts whose calls are asked for by one statement."""
TIES_MAX = 50
"""Accounts that may have their newest calls in the same millisecond."""
_LAST = 2**63 - 1
"""Behind every call's number."""
Found = tuple[list[Row[Any]], str | None]
"""A page's rows, and the next one's cursor; None: there is none."""


async def page_of_calls(call: Call) -> Found:
    """The page that was asked for. Raises Problem."""
    query, order = call.query, order_of(call.query, LISTING)
    rest = [*conditions(call, in_order=True), behind(query, order)]
    edge = await _edge(call, order) if _may_be_rare(call, order) else None
    if edge is None:
        return page_from(query, order, await _rows(call, order, rest))
    within = order.column >= edge if order.falls else order.column <= edge
    rows = await _rows(call, order, [within, *rest])  # SQLite goes by the first of several limits
    if len(rows) > query.limit:
        return page_from(query, order, rows)
    found = await _all_alike(call, order)
    if found is not None:
        return page_from(query, order, await _numbered(call, order, found))
    return await _of_stretch(call, order) or (rows, cursor_of(order, edge, 0 if order.falls else _LAST))


def _may_be_rare(call: Call, order: Order) -> bool:
    """Whether there may be long stretches without such a call, in the order that was asked for."""
    query = call.query
    if query.call or query.called or query.account_id is not None or not call.actor.is_root:
        return True
    indexed = [one for one in (query.outcome, query.trunk_id, query.device_id) if one]
    if order.column is cdrs.c.start_ms:
        return len(indexed) > 1
    return bool(indexed) or query.since is not None or query.until is not None


async def _rows(call: Call, order: Order, where: Sequence[Condition]) -> list[Row[Any]]:
    """Of a page, and one more."""
    found = sa.select(cdrs, order.column.label("sorted_by")).where(*where).order_by(*order.columns)
    return list(await call.conn.execute(found.limit(call.query.limit + 1)))


async def _numbered(call: Call, order: Order, ids: Sequence[int]) -> list[Row[Any]]:
    return await _rows(call, order, [cdrs.c.id.in_(ids), behind(call.query, order)]) if ids else []


def _times(call: Call, order: Order, table: Any = cdrs) -> list[Condition]:
    """What limits the times: since, until, and where the page begins."""
    query, start = call.query, table.c.start_ms
    by_start = order.column is cdrs.c.start_ms
    columns = order._replace(column=start if by_start else table.c.id, number=table.c.id)
    found = [behind(query, columns)]
    found += [start >= query.since] if query.since is not None else []
    return found + ([start < query.until] if query.until is not None else [])


async def _edge(call: Call, order: Order) -> int | None:
    """Where the first look ends; None: there are no more calls. By times that is one step on an index of these."""
    is_by_time = order.column is cdrs.c.start_ms
    where = [*_times(call, order), *_alike(call)] if is_by_time else [behind(call.query, order)]
    edge = sa.select(order.column).where(*where).order_by(order.columns[0]).offset(NEWEST).limit(1)
    found = (await call.conn.execute(edge)).scalar()
    return None if found is None else int(found)


def _alike(call: Call) -> list[Condition]:
    """The one thing asked for that has the fewest calls, of those that have an index by times."""
    query = call.query
    known = ((cdrs.c.trunk_id, query.trunk_id), (cdrs.c.device_id, query.device_id), (cdrs.c.outcome, query.outcome))
    return [column == value for column, value in known if value][:1]


async def _all_alike(call: Call, order: Order) -> Sequence[int] | None:
    """The calls of the page, found by what makes them rare; None: nothing does."""
    for few in _rare(call, order):
        count = sa.select(sa.func.count()).select_from(few.limit(NEWEST + 1).subquery())
        if (await call.conn.execute(count)).scalar_one() <= NEWEST:
            return await _among(call, order, few)
    is_named = call.query.call or call.query.called
    if order.column is cdrs.c.start_ms and is_by_accounts(call) and not is_named:
        return await _of_accounts(call, order)
    return None


def _rare(call: Call, order: Order) -> Iterator[sa.Select[Any]]:
    """Calls that have one of the things asked for: if they are few, they are looked at one by one."""
    for column, text in ((cdrs.c.call, call.query.call.lower()), (cdrs.c.called, call.query.called)):
        if text:
            yield sa.select(cdrs.c.id).where(begins(call, column, text, in_order=False))
    if order.column is not cdrs.c.start_ms and sides(call):
        parts = [one.limit(NEWEST + 1).subquery() for one in _of_sides(call)]
        yield sa.select(sa.union(*(sa.select(part.c.id) for part in parts)).subquery().c.id)


def _of_sides(call: Call) -> list[sa.Select[Any]]:
    if is_sqlite(call.conn):
        return [calls_of_side(call, column) for column in sides(call)]
    return newest_of_sides(call, Times(0, NO_CALL_MS), NEWEST + 1)


async def _among(call: Call, order: Order, few: sa.Select[Any]) -> list[int]:
    """The calls of the page among some."""
    numbers = few.limit(NEWEST).cte("few").prefix_with("MATERIALIZED")
    chosen = looked_up(call, numbers, *conditions(call, in_order=True), *_times(call, order))
    kept = chosen.cte("rare").prefix_with("MATERIALIZED")
    sorted_by = kept.c.start_ms if order.column is cdrs.c.start_ms else kept.c.id
    columns = order._replace(column=sorted_by, number=kept.c.id).columns
    found = sa.select(kept.c.id).order_by(*columns).limit(call.query.limit + 1)
    return list((await call.conn.execute(found)).scalars())


async def _of_stretch(call: Call, order: Order) -> Found | None:
    """What so many calls of the accounts have of it that are the asker's; None: nearly all calls are."""
    if order.column is not cdrs.c.start_ms or not is_by_accounts(call):
        return None
    stretch = await stretch_of(call, order, NEWEST)
    if stretch is None:
        return None
    rows = await _numbered(call, order, stretch.ids[: call.query.limit + 1])
    return page_from(call.query, order, rows) if len(rows) > call.query.limit else (rows, stretch.next)


async def _of_accounts(call: Call, order: Order) -> list[int]:
    """The newest calls of the accounts that have the newest ones: the page is among them."""
    accounts_found: list[tuple[int, str, int]] = []
    for column in sides(call):
        found = await call.conn.execute(_heads(call, order, column))
        accounts_found += [(row.first, column, row.id) for row in found]
    accounts_found.sort(reverse=order.falls)
    accounts_found = accounts_found[: call.query.limit + TIES_MAX]
    ids: set[int] = set()
    for at in range(0, len(accounts_found), AT_ONCE):
        parts = [_own(call, order, column, number) for _, column, number in accounts_found[at : at + AT_ONCE]]
        ids |= set((await call.conn.execute(sa.union_all(*parts))).scalars())
    return list(ids)


def _heads(call: Call, order: Order, column: str) -> sa.Select[Any]:
    """Of each account the time of its newest call: one step on the index for each."""
    own = cdrs.alias("own")
    first = _of_account(call, order, own, column, accounts.c.id)(own.c.start_ms).limit(1)
    heads = sa.select(accounts.c.id, first.correlate(accounts).scalar_subquery().label("first"))
    heads_of = heads.where(path_of(call)).subquery("heads")
    by = heads_of.c.first.desc() if order.falls else heads_of.c.first
    found = sa.select(heads_of).where(heads_of.c.first.is_not(None)).order_by(by)
    return found.limit(call.query.limit + TIES_MAX)


def _own(call: Call, order: Order, column: str, number: int) -> sa.Select[Any]:
    """A page of one account's calls, and those that the page before ended with."""
    found = _of_account(call, order, cdrs, column, sa.literal(number, sa.BigInteger()))(cdrs.c.id)
    return sa.select(found.limit(call.query.limit + 1 + TIES_MAX).subquery())


def _of_account(call: Call, order: Order, table: Any, column: str, number: Any) -> Callable[[Any], sa.Select[Any]]:
    """Selects of an account's calls on a side, in their order; some are of the moment at which the page begins."""
    outcome, times = call.query.outcome, times_of(call, order)
    columns = side_order(table, column, outcome, falls=order.falls)
    where = on_side(call, table, column, number, times, outcome)
    return lambda chosen: sa.select(chosen).where(*where).order_by(*columns)
