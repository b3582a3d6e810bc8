"""Which calls a list shows, found quickly among millions, whatever is asked for.

Most pages fill from the newest calls: so the first look is at those alone. What is too rare to fill a page from them
is looked for by what makes it rare: the number, or the accounts, each asked for its newest calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row

from service.api.call import Call
from service.api.lists import Condition, Listing, Order, behind, equals, filtered, order_of, page_from
from service.api.nouns import NOUNS, visible
from service.database.engine import is_sqlite
from service.database.tables import accounts, cdrs

NEWEST = 20_000
"""Calls that the first look is at."""
AT_ONCE = 100
"""Accounts whose calls are asked for by one statement."""
TIES_MAX = 50
"""Accounts that may have their newest calls in the same millisecond."""
_END = "\U0010ffff"
"""Behind every text with the same beginning, byte by byte."""


def _below(number: int) -> Condition:
    top = sa.select(accounts.c.path).where(accounts.c.id == number).scalar_subquery()
    return cdrs.c.account_id.in_(sa.select(accounts.c.id).where(_in_path(top)))


def _in_path(top: Any) -> Condition:
    last = sa.func.substr(top, 1, sa.func.length(top) - 1).concat(chr(ord("/") + 1))
    return sa.and_(accounts.c.path >= top, accounts.c.path < last)


LISTING = Listing(
    "cdr",
    {"-started": cdrs.c.start_ms, "id": cdrs.c.id},
    {
        "account_id": _below,
        "outcome": equals(cdrs.c.outcome),
        "trunk_id": equals(cdrs.c.trunk_id),
        "device_id": equals(cdrs.c.device_id),
        "since": lambda moment: cdrs.c.start_ms >= moment,
        "until": lambda moment: cdrs.c.start_ms < moment,
    },
)


def conditions(call: Call, *, in_order: bool = False) -> list[Condition]:
    """What the query and the asker's subtree come to. An account that was asked for lies in the subtree already.

    `in_order`: they are asked of calls one after the other, not looked up.
    """
    seen = [] if call.query.account_id is not None else [visible(NOUNS["cdr"], call.actor)]
    return [*seen, *asked_of_calls(call, in_order=in_order)]


def asked_of_calls(call: Call, *, in_order: bool = True) -> list[Condition]:
    """What the query alone comes to."""
    return [*_narrow(call, in_order=in_order), *filtered(call, LISTING)]


def _narrow(call: Call, *, in_order: bool) -> list[Condition]:
    """What a call's key, or the number that was called, begins with."""
    asked = ((cdrs.c.call, call.query.call.lower()), (cdrs.c.called, call.query.called))
    return [_begins(call, column, text, in_order=in_order) for column, text in asked if text]


def _begins(call: Call, column: sa.Column[str], text: str, *, in_order: bool) -> Condition:
    if is_sqlite(call.conn):  # its LIKE knows no case, and so no index; with a plus before it a column has none
        told: sa.ColumnElement[str] = sa.literal_column(f"+cdrs.{column.name}", sa.Text()) if in_order else column
        return sa.and_(told >= text, told < text + _END)
    if column is cdrs.c.call:  # hex digits stand in the same order wherever one is, as other texts do not
        return sa.and_(column >= text, column < text + "g", column.startswith(text, autoescape=True))
    return column.startswith(text, autoescape=True)


async def page_of_calls(call: Call) -> tuple[list[Row[Any]], str | None]:
    """The page that was asked for, and the next one's cursor; None: there is none. Raises Problem."""
    query, order = call.query, order_of(call.query, LISTING)
    rest = [*conditions(call, in_order=True), behind(query, order)]
    if order.column is not cdrs.c.start_ms or not _may_be_rare(call):
        return page_from(query, order, await _rows(call, order, rest))
    newest = await _newest(call, order)
    if newest is not None:
        rows = await _rows(call, order, [*rest, newest])
        if len(rows) > query.limit:
            return page_from(query, order, rows)
        found = await _chosen(call, order)
        if found is not None:
            rest = [cdrs.c.id.in_(found), behind(query, order)]
    return page_from(query, order, await _rows(call, order, rest))


def _may_be_rare(call: Call) -> bool:
    """Whether there may be long stretches without such a call, in the order of their starts."""
    query = call.query
    if query.trunk_id is not None or query.device_id is not None:
        return False  # they have indices of their own
    return bool(query.call or query.called or query.account_id is not None or not call.actor.is_root)


async def _rows(call: Call, order: Order, where: Sequence[Condition]) -> list[Row[Any]]:
    """Of a page, and one more."""
    found = sa.select(cdrs, order.column.label("sorted_by")).where(*where).order_by(*order.columns)
    return list(await call.conn.execute(found.limit(call.query.limit + 1)))


def _times(call: Call, order: Order, table: Any = cdrs) -> list[Condition]:
    """What limits the times: since, until, and where the page begins."""
    query, start = call.query, table.c.start_ms
    found = [behind(query, order._replace(column=start, number=table.c.id))]
    found += [start >= query.since] if query.since is not None else []
    return found + ([start < query.until] if query.until is not None else [])


async def _newest(call: Call, order: Order) -> Condition | None:
    """Where the first look ends, at calls of the outcome that is asked for; None: there are no more."""
    alike = [cdrs.c.outcome == call.query.outcome] if call.query.outcome else []
    edge = sa.select(cdrs.c.start_ms).where(*_times(call, order), *alike)
    edge = edge.order_by(order.columns[0]).offset(NEWEST).limit(1)
    found = (await call.conn.execute(edge)).scalar()
    if found is None:
        return None
    edge_ms = int(found)
    return cdrs.c.start_ms >= edge_ms if order.falls else cdrs.c.start_ms <= edge_ms


async def _chosen(call: Call, order: Order) -> Sequence[int] | sa.Select[Any] | None:
    """Calls among which the page is; None: nothing makes them rare."""
    if call.query.called or call.query.call:
        return await _named(call, order)
    return await _of_accounts(call, order) if sides(call) else None


async def _named(call: Call, order: Order) -> list[int]:
    """The calls of the page by their key or the number that was called: all of them are looked at, in its index."""
    rare = sa.select(cdrs.c.id, cdrs.c.start_ms).where(*conditions(call), *_times(call, order))
    kept = rare.cte("rare").prefix_with("MATERIALIZED")
    columns = order._replace(column=kept.c.start_ms, number=kept.c.id).columns
    return list(
        (await call.conn.execute(sa.select(kept.c.id).order_by(*columns).limit(call.query.limit + 1))).scalars()
    )


def is_by_accounts(call: Call) -> bool:
    """Whether accounts are what calls are seen by, and nothing finds them that is quicker."""
    query = call.query
    return bool(sides(call)) and query.trunk_id is None and query.device_id is None


def sides(call: Call) -> tuple[str, ...]:
    """Columns that name accounts by which calls are seen; none: by everybody who asks."""
    if call.query.account_id is not None:
        return ("account_id",)
    return () if call.actor.is_root else ("account_id", "cost_account_id", "owner_id")


def path_of(call: Call) -> Condition:
    """The accounts that count in those columns."""
    if call.query.account_id is None:
        return _in_path(sa.literal(call.actor.path))
    return _in_path(sa.select(accounts.c.path).where(accounts.c.id == call.query.account_id).scalar_subquery())


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
    edge = sa.func.max(own.c.start_ms) if order.falls else sa.func.min(own.c.start_ms)
    first = sa.select(edge).where(own.c[column] == accounts.c.id, *_times(call, order, own))
    if call.query.outcome:
        first = first.where(own.c.outcome == call.query.outcome)
    heads = sa.select(accounts.c.id, first.correlate(accounts).scalar_subquery().label("first"))
    heads_of = heads.where(path_of(call)).subquery("heads")
    by = heads_of.c.first.desc() if order.falls else heads_of.c.first
    found = sa.select(heads_of).where(heads_of.c.first.is_not(None)).order_by(by)
    return found.limit(call.query.limit + TIES_MAX)


def _own(call: Call, order: Order, column: str, number: int) -> sa.Select[Any]:
    """A page of one account's calls."""
    found = sa.select(cdrs.c.id).where(cdrs.c[column] == number, *_times(call, order))
    if call.query.outcome:
        found = found.where(cdrs.c.outcome == call.query.outcome)
    return sa.select(found.order_by(*order.columns).limit(call.query.limit + 1).subquery())
