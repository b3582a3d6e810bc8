"""Which calls a list shows: what its filters and the asker's subtree come to, and what can find such calls."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.api.call import Call
from service.api.lists import Condition, Listing, equals, filtered
from service.api.nouns import NOUNS, visible
from service.database.engine import is_sqlite
from service.database.tables import accounts, cdrs

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
    return [begins(call, column, text, in_order=in_order) for column, text in asked if text]


def begins(call: Call, column: sa.Column[str], text: str, *, in_order: bool) -> Condition:
    """Texts that begin so: a step on the column's index, unless they are asked of calls in order."""
    if is_sqlite(call.conn):  # its LIKE knows no case, and so no index; with a plus before it a column has none
        told: sa.ColumnElement[str] = sa.literal_column(f"+cdrs.{column.name}", sa.Text()) if in_order else column
        return sa.and_(told >= text, told < text + _END)
    if in_order:  # PostgreSQL has no index of what is put together
        return column.concat("").startswith(text, autoescape=True)
    if column is cdrs.c.call:  # hex digits stand in the same order wherever one is, as other texts do not
        return sa.and_(column >= text, column < text + "g", column.startswith(text, autoescape=True))
    return column.startswith(text, autoescape=True)


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


def calls_of_side(call: Call, column: str, *where: Condition) -> sa.Select[Any]:
    """Number and start of calls of the accounts that a column names: each account is a step on its index.

    PostgreSQL is told so: else it goes through all calls of a time.
    """
    below = sa.select(accounts.c.id).where(path_of(call))
    if is_sqlite(call.conn):
        return sa.select(cdrs.c.id, cdrs.c.start_ms).where(cdrs.c[column].in_(below), *where)
    each = below.subquery("below")
    own = sa.select(cdrs.c.id, cdrs.c.start_ms).where(cdrs.c[column] == each.c.id, *where).offset(0).lateral("own")
    return sa.select(own.c.id, own.c.start_ms).select_from(each.join(own, sa.true()))
