"""Calls as lines of a file: what `cdr.list` tells of each, and what its own level paid, put together by the database.

Who may see what is decided once a batch, by what is joined: exactly as `service.calls.history` does row by row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row

from ratebook.money import format_micros
from service.access.permissions import Permission
from service.api.call import Call
from service.api.lines import (
    LINES_MAX,
    NUMBER,
    Expression,
    Lines,
    LinesAsked,
    Spelling,
    Text,
    as_text,
    at_once,
    constant,
    told,
)
from service.api.lists import Order, behind, cursor_of, order_of
from service.calls.beside import Joined, has_few_below, joined
from service.calls.browse import moment_of, paid_in
from service.calls.finding import LISTING, conditions, is_any
from service.calls.stretches import end_of_batch, next_stretch, numbered
from service.database.engine import go_row_by_row, is_sqlite
from service.database.tables import cdrs
from service.tariffs.exchange import history

AT_ONCE_MAX = 40_000
"""Lines of a batch that come as one text, which take no more memory than half as many that come one by one: what is
done once for a batch, such as looking through a subtree and reading its names, was a sixth of its work.
"""
DAY_S = 86_400
NARROW_CHARACTERS = 6
MARGIN = "margin"
"""The one column that is worked out here where currencies differ."""
_PLAIN = (
    "id", "call", "kind", "outcome", "ended_by", "routing_number", "attested", "sip_code", "sip_reason", "called",
    "called_sent", "identity", "destination", "duration_ms", "private",
)  # fmt: skip
"""Fields that say what stands in the record."""
_MOMENTS = {"started_at": "start_ms", "rung_at": "ring_ms", "answered_at": "answer_ms", "ended_at": "end_ms"}
_P = Permission


async def read_lines(call: Call, asked: LinesAsked) -> Lines:
    """A batch of calls, in the list's order."""
    order = order_of(call.query, LISTING)
    stretch = await next_stretch(call, order, LINES_MAX if is_sqlite(call.conn) else AT_ONCE_MAX)
    if stretch is not None:
        asked.told(stretch.next)
        if not stretch.ids:
            return Lines("", 0, stretch.next)
    elif is_any(call):
        asked.told(await end_of_batch(call, order, LINES_MAX))
    sells, has_few = any(column.name == MARGIN for column in asked.columns), await has_few_below(call)
    beside = joined(call, sells=sells, at_once=has_few)
    values = _values(call, beside)
    await go_row_by_row(call.conn, has_small_tables=has_few)

    def query(spelling: Spelling) -> sa.Select[Any]:
        cells = {column.name: spelling.cell(column.kind, values[column.name]) for column in asked.columns}
        if sells:
            cells[MARGIN] = sa.case((_is_mixed(beside), _place()), else_=cells[MARGIN])
        chosen = sa.select(spelling.line(asked.columns, list(cells.values())), order.column, cdrs.c.id)
        if stretch is not None:
            return _of_numbers(call, chosen, beside, order, sorted(stretch.ids))
        where = [*conditions(call, in_order=not _is_narrow(call)), behind(call.query, order)]
        return beside.of(chosen).where(*where).order_by(*order.columns).limit(LINES_MAX)

    if stretch is not None:
        found = await told(call, asked, query, None if is_sqlite(call.conn) else len(stretch.ids))
        if is_sqlite(call.conn):  # sorted here: it would carry whole lines through its sort
            found = found._replace(rows=sorted(found.rows, key=lambda row: (row[1], row[2]), reverse=order.falls))
        count, following = len(stretch.ids), stretch.next
    else:
        found = await told(call, asked, query)
        count = len(found.rows)
        following = cursor_of(order, *found.rows[-1][1:]) if count == LINES_MAX else None
    return Lines(await _with_margins(call, found.text), count, following, found.is_escaped)


def _of_numbers(call: Call, query: sa.Select[Any], beside: Joined, order: Order, ids: Sequence[int]) -> sa.Select[Any]:
    """Of these records. PostgreSQL would look at each value of an array that a column is to be among while it plans."""
    if is_sqlite(call.conn):
        return beside.of(query).where(numbered(call, ids))
    each = sa.func.unnest(sa.literal(list(ids), sa.ARRAY(sa.BigInteger)))
    given = each.table_valued("id", name="given").render_derived()
    found = beside.of(query, given.join(cdrs, cdrs.c.id == given.c.id))
    return at_once(found.order_by(*order.columns))


async def _with_margins(call: Call, text: str) -> str:
    """Lines with the margins that are worked out here."""
    if _PLACED not in text:
        return text
    margins = await _worked_out(call, [int(one) for one in _PLACE.findall(text)])
    return _PLACE.sub(lambda found: NUMBER + margins[int(found[1])], text)


def _is_narrow(call: Call) -> bool:
    """Whether so much of a key or number is asked for that few calls have it."""
    return max(len(call.query.call), len(call.query.called)) >= NARROW_CHARACTERS


_PLACED = "\x01"
_PLACE = re.compile(f"{NUMBER}{_PLACED}([0-9]+){_PLACED}")
"""Of a margin that is yet to be worked out: the record's number. No text can be that, as none holds a cell's mark."""


def _place() -> Text:
    return constant(_PLACED).concat(as_text(cdrs.c.id)).concat(constant(_PLACED))


def _is_mixed(beside: Joined) -> Expression:
    """Whether they paid in another currency than they earned."""
    return sa.and_(beside.paid.is_not(None), beside.paid_currency != beside.earned_currency)


def _if(may: bool, condition: Expression) -> Expression:  # noqa: FBT001 -- one word at each of its few uses
    return condition if may else sa.false()


async def _worked_out(call: Call, ids: list[int]) -> dict[int, str]:
    """Margins between currencies, by the rates of each call's moment."""
    if not ids:
        return {}
    beside = joined(call, sells=True)
    earned = (beside.earned.label("earned"), beside.earned_currency.label("currency"))
    paid = (beside.paid.label("paid"), beside.paid_currency.label("paid_currency"))
    query = beside.of(sa.select(cdrs.c.id, cdrs.c.start_ms, cdrs.c.answer_ms, *earned, *paid))
    query = query.where(numbered(call, ids), _is_mixed(beside))
    rows: list[Row[Any]] = list(await call.conn.execute(query))
    worth = await history(call.conn, [moment_of(row) for row in rows])
    found: dict[int, str] = {}
    for row in rows:
        spent = paid_in(row.paid, worth.factor(row.paid_currency, row.currency, moment_of(row)))
        found[row.id] = "" if spent is None else format_micros(row.earned - spent)
    return found


def _values(call: Call, joined_to: Joined) -> dict[str, Expression]:
    """By the names of a file's columns."""
    beside, own = joined_to.beside, joined_to.beside.own
    is_caller_seen = beside.caller.c.id.is_not(None)
    carries = cdrs.c.cost_account_id == call.actor.account_id
    sees_all = call.actor.is_root
    sees_gateway = None if sees_all and call.may(_P.GATEWAYS_READ) else _if(call.may(_P.GATEWAYS_READ), carries)
    sees_cost = None if sees_all and call.may(_P.PROVIDERS_READ) else carries
    sees_rule = None if sees_all else (cdrs.c.refused_by == 0) | beside.refuser.c.id.is_not(None)
    found: dict[str, Expression] = {name: cdrs.c[name] for name in _PLAIN}
    found |= {name: cdrs.c[column] for name, column in _MOMENTS.items()}
    found |= {name: _caller(call, cdrs.c[name], is_caller_seen) for name in ("caller", "caller_sent")}
    found |= {name: sa.case((is_caller_seen, cdrs.c[name])) for name in ("call_id", "from_tag", "to_tag")}
    return found | {
        "pdd_ms": pdd(),
        "rule": _seen(sees_rule, cdrs.c.rule),
        "account_id": beside.caller.c.id,
        "account": beside.caller.c.name if call.may(_P.ACCOUNTS_READ) else constant(""),
        "trunk_id": sa.case((is_caller_seen, sa.func.nullif(cdrs.c.trunk_id, 0))),
        "trunk": sa.case((is_caller_seen, beside.trunk.c.name)),
        "device_id": sa.case((is_caller_seen, sa.func.nullif(cdrs.c.device_id, 0))),
        "device": sa.case((is_caller_seen, beside.device.c.username)),
        "number_id": beside.number.c.id,
        "number": beside.number.c.number if call.may(_P.NUMBERS_READ) else constant(""),
        "gateway_id": _seen(sees_gateway, sa.func.nullif(cdrs.c.gateway_id, 0)),
        "gateway": _seen(sees_gateway, beside.gateway.c.name),
        "charge": own.c.charge_micros,
        "currency": own.c.currency,
        "billed_s": own.c.billed_s,
        "prefix": own.c.prefix,
        MARGIN: joined_to.earned - sa.func.coalesce(joined_to.paid, 0),
        "cost": _seen(sees_cost, cdrs.c.cost_micros),
        "cost_currency": _seen(sees_cost, cdrs.c.cost_currency),
    }


def _caller(call: Call, told: Expression, is_its_side: Expression) -> Expression:
    """Who calls, to whom may know it."""
    if call.actor.is_root:
        return sa.case((told == "", cdrs.c.withheld), else_=told)
    return sa.case((is_its_side | ~cdrs.c.private, told), else_="")


def _seen(who: Expression | None, value: Expression) -> Expression:
    """Of those that may see it. None: the asker may, of every call."""
    return value if who is None else sa.case((who, value))


def pdd(calls: Any = cdrs) -> Expression:
    """As `service.calls.attempts.delay_ms`."""
    delay = calls.c.ring_ms - calls.c.start_ms
    return sa.case((calls.c.ring_ms > 0, sa.case((delay > 0, delay), else_=sa.literal_column("0"))))
