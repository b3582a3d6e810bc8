"""Files of somebody's calls: found by their accounts, in stretches of time.

A stretch holds about as many of their calls as are wanted: the sums of the subtree say how long it is. So a file of
one call in a hundred doesn't look at the other ninety-nine, and that of every fourth doesn't sort all there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from service.api.call import Call
from service.api.lists import Condition, Order, behind, cursor_of
from service.calls.finding import (
    asked_of_calls,
    calls_of_side,
    is_by_accounts,
    newest_of_sides,
    sides,
    times_of,
    told_of,
)
from service.calls.sums import HOUR_MS
from service.database.among import among
from service.database.columns import BIG
from service.database.engine import is_sqlite
from service.database.tables import accounts, cdrs
from service.database.traffic_tables import call_sums
from service.ledger.rules import ROOT_ID

COMMON = 8
"""Of so many calls one is theirs: then a page looks at all of them in order as quickly."""


class Stretch(NamedTuple):
    """Calls that come next."""

    ids: list[int]
    next: str | None
    """The cursor behind the stretch; None: there are no more calls."""


async def next_stretch(call: Call, order: Order, most: int) -> Stretch | None:
    """None: every call may be seen, or something else finds them."""
    if order.column is not cdrs.c.start_ms or not is_by_accounts(call):
        return None
    return await _found(call, order, most, (await _edge(call, order, most)).at_ms)


async def end_of_batch(call: Call, order: Order, most: int) -> str | None:
    """The cursor behind so many calls, of which nothing is asked but their times; None: there are not more."""
    end = sa.select(order.column, order.number).where(*asked_of_calls(call), behind(call.query, order))
    row = (await call.conn.execute(end.order_by(*order.columns).offset(most - 1).limit(1))).first()
    return None if row is None else cursor_of(order, row[0], row[1])


async def stretch_of(call: Call, order: Order, most: int) -> Stretch | None:
    """Of a list by times whose calls are found by accounts; None: so many are theirs that they are quickly met."""
    edge = await _edge(call, order, most)
    if edge.is_common:
        return None
    return await _found(call, order, most, edge.at_ms)


async def _found(call: Call, order: Order, most: int, edge_ms: int | None) -> Stretch:
    return await (_by_index if is_sqlite(call.conn) else _by_rows)(call, order, most, edge_ms)


async def _by_index(call: Call, order: Order, most: int, edge_ms: int | None) -> Stretch:
    asked = [*asked_of_calls(call), behind(call.query, order), *_within(order, edge_ms)]
    found = sa.union(*(calls_of_side(call, column, *asked) for column in sides(call))).subquery()
    chosen = sa.select(found.c.id, found.c.start_ms).order_by(*_columns(order, found)).limit(most)
    rows = (await call.conn.execute(chosen)).all()
    ids = [row.id for row in rows]
    if len(rows) == most:
        return Stretch(ids, cursor_of(order, rows[-1].start_ms, rows[-1].id))
    return Stretch(ids, _cursor_at(order, edge_ms))


async def _by_rows(call: Call, order: Order, most: int, edge_ms: int | None) -> Stretch:
    """On PostgreSQL: so many of their calls, whatever these are; then those of them that are asked for."""
    times = times_of(call, order)
    if edge_ms is not None:
        times = times._replace(first_ms=edge_ms) if order.falls else times._replace(last_ms=edge_ms - 1)
    asked = told_of(*asked_of_calls(call), behind(call.query, order)).label("asked")
    every = sa.union(*newest_of_sides(call, times, most, asked, falls=order.falls)).subquery()
    theirs = sa.select(every).order_by(*_columns(order, every)).limit(most).subquery("theirs")
    # As one row: twenty thousand objects for each batch were a third of the service's own time for a file.
    ids, starts = (sa.func.array_agg(one, type_=sa.ARRAY(BIG)) for one in (theirs.c.id, theirs.c.start_ms))
    told = sa.select(ids.filter(theirs.c.asked == 1), starts[most], ids[most])
    found, last_ms, last_id = (await call.conn.execute(told)).one()
    following = _cursor_at(order, edge_ms) if last_id is None else cursor_of(order, last_ms, last_id)
    return Stretch(found or [], following)


def _columns(order: Order, table: Any) -> tuple[Any, ...]:
    return order._replace(column=table.c.start_ms, number=table.c.id).columns


def _cursor_at(order: Order, edge_ms: int | None) -> str | None:
    return None if edge_ms is None else cursor_of(order, edge_ms, 0)


def _within(order: Order, edge_ms: int | None) -> list[Condition]:
    """The edge is the stretch's last moment when times fall, and behind it when they rise: no call has the number 0."""
    if edge_ms is None:
        return []
    return [cdrs.c.start_ms >= edge_ms if order.falls else cdrs.c.start_ms < edge_ms]


class _Edge(NamedTuple):
    """Where a stretch ends."""

    at_ms: int | None
    """None: there are not as many calls as are wanted."""
    is_common: bool
    """Whether one of COMMON calls until there is theirs."""


async def _edge(call: Call, order: Order, most: int) -> _Edge:
    """Of the stretch that begins at the cursor."""
    query, span = call.query, call_sums.c.span_ms
    top = call.actor.account_id if query.account_id is None else query.account_id
    hours = order._replace(column=span, number=sa.literal(0, sa.BigInteger()))
    where = [accounts.c.id.in_([top, ROOT_ID]), call_sums.c.dimension == "code", behind(query, hours)]
    where += [span > query.since - HOUR_MS] if query.since is not None else []
    where += [span < query.until] if query.until is not None else []
    # Through the account, of whose sums PostgreSQL knows nothing: of these two it takes all of them for sums of codes.
    own = accounts.join(call_sums, call_sums.c.account_id == accounts.c.id)
    sums = sa.select(span, _attempts(top), _attempts(ROOT_ID)).select_from(own).where(*where)
    sums = sums.group_by(span).order_by(hours.columns[0])
    count = every = 0
    for span_ms, theirs, of_all in await call.conn.execute(sums):
        count, every = count + int(theirs), every + int(of_all)
        if count >= most:
            return _Edge(int(span_ms) if order.falls else int(span_ms) + HOUR_MS, count * COMMON >= every)
    return _Edge(None, count * COMMON >= every > 0)


def _attempts(account_id: int) -> Any:
    return sa.func.sum(sa.case((call_sums.c.account_id == account_id, call_sums.c.attempts), else_=0))


def numbered(call: Call, ids: Sequence[int]) -> Condition:
    """Calls by their numbers."""
    return among(call.conn, cdrs.c.id, ids)
