"""Which calls a list shows: what its filters and the asker's subtree come to, and what can find such calls."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from service.api.call import Call
from service.api.lists import Condition, Listing, Order, equals, filtered, place_of
from service.api.nouns import NOUNS, visible
from service.database.engine import is_sqlite
from service.database.paths import is_below, is_below_account
from service.database.tables import accounts, cdrs

_END = "\U0010ffff"
"""Behind every text with the same beginning, byte by byte."""
NO_CALL_MS = 2**62
"""Later than every call."""


def _below(number: int) -> Condition:
    return cdrs.c.account_id.in_(sa.select(accounts.c.id).where(is_below_account(accounts.c.path, number)))


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
    return [begins(call, column, text, in_order=in_order) for column, text in asked if text]


def begins(call: Call, column: sa.Column[str], text: str, *, in_order: bool) -> Condition:
    """Texts that begin so: a step on the column's index, unless they are asked of calls in order."""
    if is_sqlite(call.conn):  # its LIKE knows no case, and so no index; with a plus before it a column has none
        told: sa.ColumnElement[str] = sa.literal_column(f"+cdrs.{column.name}", sa.Text()) if in_order else column
        return sa.and_(told >= text, told < text + _END)
    if in_order:  # PostgreSQL sees no index in it, and takes it for true of each third call: so it goes one by one
        return told_of(column.startswith(text, autoescape=True)) > 0
    if column is cdrs.c.call:  # hex digits stand in the same order wherever one is, as other texts do not
        return sa.and_(column >= text, column < text + "g", column.startswith(text, autoescape=True))
    return column.startswith(text, autoescape=True)


def is_by_accounts(call: Call) -> bool:
    """Whether accounts are what calls are seen by, and nothing finds them that is quicker."""
    query = call.query
    return bool(sides(call)) and query.trunk_id is None and query.device_id is None


def is_by_times(call: Call) -> bool:
    """Whether nothing is asked of calls but whose they are and when they began."""
    query = call.query
    return not (query.trunk_id or query.device_id or query.outcome or query.call or query.called)


def is_any(call: Call) -> bool:
    """Whether every call of some time is asked for: the asker may see all of them."""
    return not sides(call) and is_by_times(call)


def sides(call: Call) -> tuple[str, ...]:
    """Columns that name accounts by which calls are seen; none: by everybody who asks."""
    if call.query.account_id is not None:
        return ("account_id",)
    return () if call.actor.is_root else ("account_id", "cost_account_id", "owner_id")


def path_of(call: Call) -> Condition:
    """The accounts that count in those columns."""
    if call.query.account_id is None:
        return is_below(accounts.c.path, call.actor.path)
    return is_below_account(accounts.c.path, call.query.account_id)


class Times(NamedTuple):
    """Of calls' starts, both inclusive."""

    first_ms: int
    last_ms: int


def times_of(call: Call, order: Order) -> Times:
    """What the query, and in an order of times the page's place, leave of all times. Raises Problem."""
    query, place = call.query, place_of(call.query, order) if order.column is cdrs.c.start_ms else None
    first_ms = 0 if query.since is None else query.since
    last_ms = NO_CALL_MS if query.until is None else query.until - 1
    if place is None:
        return Times(first_ms, last_ms)
    at_ms = place[0]
    return Times(first_ms, min(last_ms, at_ms)) if order.falls else Times(max(first_ms, at_ms), last_ms)


def on_side(call: Call, table: Any, column: str, number: Any, times: Times, outcome: str = "") -> list[Condition]:
    """An account's calls on a side, as a stretch of the side's own index.

    PostgreSQL is asked by rows, which no other index has in their order. Asked for the account and its times, it goes
    by what it believes of all accounts: where some carry a quarter of all calls each, it reads the table or all calls
    of a time, once for each account below.
    """
    names, at = ((column, "outcome"), (number, outcome)) if outcome else ((column,), (number,))
    if is_sqlite(call.conn):
        same = [table.c[name] == value for name, value in zip(names, at, strict=True)]
        return [*same, table.c.start_ms.between(*times), *_indexed(table, names)]
    row = sa.tuple_(*(table.c[name] for name in names), table.c.start_ms)
    first, last = (sa.tuple_(*at, sa.literal(edge, sa.BigInteger())) for edge in times)
    return [row >= first, row <= last, *_indexed(table, names)]


def side_order(table: Any, column: str, outcome: str = "", *, falls: bool) -> list[Any]:
    """In which `on_side` reads."""
    columns = [table.c[column], *([table.c.outcome] if outcome else []), table.c.start_ms]
    return [one.desc() for one in columns] if falls else columns


def _indexed(table: Any, names: tuple[str, ...]) -> list[Condition]:
    """An index of a side and an outcome has only calls that have such a side."""
    if "outcome" not in names:
        return []
    known = {"owner_id": table.c.owner_id != 0, "cost_account_id": table.c.cost_account_id.is_not(None)}
    return [known[names[0]]] if names[0] in known else []


def newest_of_sides(
    call: Call, times: Times, most: int, *beside: sa.ColumnElement[Any], falls: bool = True
) -> list[sa.Select[Any]]:
    """Number and start of calls of the accounts that count on each side, and what stands beside these, so many of each
    account at most. For PostgreSQL.
    """
    below = sa.select(accounts.c.id).where(path_of(call)).cte("below").prefix_with("MATERIALIZED")

    def newest(column: str) -> sa.Select[Any]:
        own = sa.select(cdrs.c.id, cdrs.c.start_ms, *beside).where(*on_side(call, cdrs, column, below.c.id, times))
        own_of = own.order_by(*side_order(cdrs, column, falls=falls)).limit(most).lateral("own")
        return sa.select(*own_of.c).select_from(below.join(own_of, sa.true()))

    return [newest(column) for column in sides(call)]


def calls_of_side(call: Call, column: str, *where: Condition) -> sa.Select[Any]:
    """Number and start of calls of the accounts that a column names, each a step on its index. For SQLite."""
    below = sa.select(accounts.c.id).where(path_of(call))
    return sa.select(cdrs.c.id, cdrs.c.start_ms).where(cdrs.c[column].in_(below), *where)


def told_of(*where: Condition) -> sa.ColumnElement[int]:
    """1 of calls that the conditions hold for, 0 of others."""
    return sa.case((sa.and_(*where), 1), else_=0)


def looked_up(call: Call, numbers: sa.CTE, *where: Condition) -> sa.Select[Any]:
    """Number and start of those that the conditions hold for, of some calls: each of these is one step, and no other
    way is left to either engine.
    """
    is_asked = told_of(*where) == 1  # in which it sees no index of all calls since some time
    found = sa.select(cdrs.c.id, cdrs.c.start_ms)
    if is_sqlite(call.conn):
        return found.where(cdrs.c.id.in_(sa.select(numbers.c.id)), is_asked)
    own = found.where(cdrs.c.id == numbers.c.id, is_asked).offset(0).lateral("asked")
    return sa.select(own.c.id, own.c.start_ms).select_from(numbers.join(own, sa.true()))
