"""Calls as lines of a file: what `cdr.list` tells of each, and what its own level paid, put together by the database.

Who may see what is decided once a batch, by what is joined: exactly as `service.calls.history` does row by row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row

from ratebook.money import format_micros
from service.access.permissions import Permission
from service.api.call import Call
from service.api.lines import LINES_MAX, Expression, Lines, LinesAsked, Spelling, Text, Told, as_text, constant, told
from service.api.lists import behind, cursor_of, order_of
from service.api.nouns import within
from service.calls.browse import moment_of, paid_in
from service.calls.finding import LISTING, conditions
from service.calls.stretches import next_stretch, numbered
from service.database.engine import go_row_by_row
from service.database.peer_tables import devices, numbers
from service.database.tables import accounts, cdrs, charges, gateways, trunks
from service.ledger.rules import ROOT_ID
from service.tariffs.exchange import history

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


class _Beside(NamedTuple):
    """What is joined to a record, as far as the asker may see it: a row that isn't there is not for their eyes."""

    caller: Any
    refuser: Any
    trunk: Any
    device: Any
    number: Any
    gateway: Any
    own: Any
    """The first charge that they see."""
    mine: Any
    """The first charge that they are the seller of."""
    bought: Any
    """What they paid for that call themselves."""


_BESIDE = _Beside(
    accounts.alias("caller"), accounts.alias("refuser"), trunks.alias("trunk"), devices.alias("device"),
    numbers.alias("number"), gateways.alias("gateway"), charges.alias("own"), charges.alias("mine"),
    charges.alias("bought"),
)  # fmt: skip


async def read_lines(call: Call, asked: LinesAsked) -> Lines:
    """A batch of calls, in the list's order."""
    order, paid = order_of(call.query, LISTING), _paid(call)
    stretch = await next_stretch(call, order, LINES_MAX)
    if stretch is not None and not stretch.ids:
        return Lines("", 0, stretch.next)
    values = _values(call)
    sells = any(column.name == MARGIN for column in asked.columns)
    mixed = _is_mixed(paid) if sells else sa.false()
    await go_row_by_row(call.conn)

    def query(spelling: Spelling) -> sa.Select[Any]:
        cells = [spelling.cell(column.kind, values[column.name]) for column in asked.columns]
        names = [column.name for column in asked.columns]
        if MARGIN in names:
            cells[names.index(MARGIN)] = sa.case((mixed, _place()), else_=cells[names.index(MARGIN)])
        chosen = sa.select(spelling.line(asked.columns, cells), order.column, cdrs.c.id, sa.case((mixed, cdrs.c.id)))
        joined = _joined(call, chosen, sells=sells)
        if stretch is not None:  # sorted here: the database would carry whole lines through its sort
            return joined.where(numbered(call, stretch.ids))
        where = [*conditions(call, in_order=not _is_narrow(call)), behind(call.query, order)]
        return joined.where(*where).order_by(*order.columns).limit(LINES_MAX)

    found = await told(call, asked, query)
    if stretch is not None:
        found = found._replace(rows=sorted(found.rows, key=lambda row: (row[1], row[2]), reverse=order.falls))
    lines = await _with_margins(call, found)
    following = cursor_of(order, found.rows[-1][1], found.rows[-1][2]) if len(lines) == LINES_MAX else None
    return Lines("".join(lines), len(lines), following if stretch is None else stretch.next, found.is_escaped)


async def _with_margins(call: Call, found: Told) -> list[str]:
    """Lines with the margins that are worked out here."""
    lines = found.lines
    places = {row[3]: at for at, row in enumerate(found.rows) if row[3] is not None}
    for number, margin in (await _worked_out(call, list(places))).items():
        at = places[number]
        lines[at] = lines[at].replace(_PLACE.format(number), margin)
    return lines


def _is_narrow(call: Call) -> bool:
    """Whether so much of a key or number is asked for that few calls have it."""
    return max(len(call.query.call), len(call.query.called)) >= NARROW_CHARACTERS


_PLACE = "\x01{}\x01"
"""Of a margin that is yet to be worked out, in its line: with the record's number."""


def _place() -> Text:
    return constant("\x01").concat(as_text(cdrs.c.id)).concat(constant("\x01"))


def _joined(call: Call, query: sa.Select[Any], *, sells: bool = True) -> sa.Select[Any]:
    """`sells`: with what the asker sold and bought."""
    caller, refuser, trunk, device, number, gateway, own, mine, bought = _BESIDE
    actor, may, is_root = call.actor, call.may, call.actor.is_root
    on = {
        caller: (caller.c.id == cdrs.c.account_id) & _inside(call, caller),
        refuser: None if is_root else (refuser.c.id == cdrs.c.refused_by) & _inside(call, refuser),
        trunk: (trunk.c.id == _key(cdrs.c.trunk_id, may=may(_P.TRUNKS_READ))) & within(trunk.c.account_id, actor),
        device: (device.c.id == _key(cdrs.c.device_id, may=may(_P.DEVICES_READ))) & within(device.c.account_id, actor),
        number: (number.c.id == cdrs.c.number_id) & within(number.c.account_id, actor),
        gateway: (gateway.c.id == _key(cdrs.c.gateway_id, may=may(_P.GATEWAYS_READ)))
        & within(gateway.c.account_id, actor),
        own: (own.c.cdr_id == cdrs.c.id) & (own.c.level == _lowest(call)),
    }
    if sells:
        on[mine] = (mine.c.cdr_id == cdrs.c.id) & (mine.c.seller_id == actor.account_id) & _is_first(call)
    if sells and not is_root:
        on[bought] = (bought.c.cdr_id == mine.c.cdr_id) & (bought.c.level == _level_of_seller())
    tables: Any = cdrs
    for table, condition in on.items():
        tables = tables if condition is None else tables.outerjoin(table, condition)
    return query.select_from(tables)


def _inside(call: Call, table: Any) -> Expression:
    """Whether an account lies in the asker's subtree."""
    if call.actor.is_root:
        return sa.true()
    path = call.actor.path
    return sa.and_(table.c.path >= path, table.c.path < path[:-1] + chr(ord("/") + 1))


def _key(column: Expression, *, may: bool) -> Expression:
    """What a row beside is looked up by; 0: it may not be seen. (A join on false goes through the whole table.)"""
    return column if may else sa.literal_column("0")


def _if(may: bool, condition: Expression) -> Expression:  # noqa: FBT001 -- one word at each of its few uses
    return condition if may else sa.false()


def _lowest(call: Call) -> Expression:
    """The lowest level of the asker's subtree."""
    if call.actor.is_root:
        return sa.literal_column("0")
    levels = charges.alias("levels")
    seen = (levels.c.account_id == _BESIDE.caller.c.id) | within(levels.c.account_id, call.actor)
    found = sa.select(levels.c.level).where(levels.c.cdr_id == cdrs.c.id, seen).order_by(levels.c.level).limit(1)
    return found.correlate(cdrs, _BESIDE.caller).scalar_subquery()


def _is_first(call: Call) -> Expression:
    """Whether `mine` is the asker's first sale of the call."""
    mine, lower = _BESIDE.mine, charges.alias("lower")
    alike = (lower.c.cdr_id == mine.c.cdr_id) & (lower.c.seller_id == call.actor.account_id)
    found: sa.Select[Any] = sa.select(sa.literal_column("1")).where(alike & (lower.c.level < mine.c.level))
    return sa.or_(mine.c.level == sa.literal_column("0"), ~sa.exists(found.correlate(mine)))


def _level_of_seller() -> Expression:
    """Of the charge that the seller of `mine` paid itself."""
    levels, mine = charges.alias("levels"), _BESIDE.mine
    found = sa.select(sa.func.min(levels.c.level)).where(levels.c.cdr_id == mine.c.cdr_id)
    return found.where(levels.c.account_id == mine.c.seller_id).correlate(mine).scalar_subquery()


class _Paid(NamedTuple):
    """What the asker paid for a call that it sold: null if nothing."""

    micros: Expression
    currency: Expression


def _paid(call: Call) -> _Paid:
    """The operator to the provider, everybody else to their seller."""
    if call.actor.account_id == ROOT_ID:
        return _Paid(cdrs.c.cost_micros, cdrs.c.cost_currency)
    return _Paid(_net(_BESIDE.bought), _BESIDE.bought.c.currency)


def _net(level: Any) -> Expression:
    """A charge without the taxes that were added."""
    micros: Expression = level.c.charge_micros - level.c.tax_micros
    return micros


def _is_mixed(paid: _Paid) -> Expression:
    """Whether that was in another currency than what it earned."""
    return sa.and_(paid.micros.is_not(None), paid.currency != _BESIDE.mine.c.currency)


async def _worked_out(call: Call, ids: list[int]) -> dict[int, str]:
    """Margins between currencies, by the rates of each call's moment."""
    if not ids:
        return {}
    paid, mine = _paid(call), _BESIDE.mine
    columns = (cdrs.c.start_ms, cdrs.c.answer_ms, _net(mine).label("earned"), mine.c.currency)
    query = sa.select(cdrs.c.id, *columns, paid.micros.label("paid"), paid.currency.label("paid_currency"))
    query = _joined(call, query).where(numbered(call, ids), _is_mixed(paid))
    rows: list[Row[Any]] = list(await call.conn.execute(query))
    worth = await history(call.conn, [moment_of(row) for row in rows])
    found: dict[int, str] = {}
    for row in rows:
        spent = paid_in(row.paid, worth.factor(row.paid_currency, row.currency, moment_of(row)))
        found[row.id] = "" if spent is None else format_micros(row.earned - spent)
    return found


def _values(call: Call) -> dict[str, Expression]:
    """By the names of a file's columns."""
    beside, own = _BESIDE, _BESIDE.own
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
        MARGIN: _margin(call),
        "cost": _seen(sees_cost, cdrs.c.cost_micros),
        "cost_currency": _seen(sees_cost, cdrs.c.cost_currency),
    }


def _caller(call: Call, told: Expression, is_its_side: Expression) -> Expression:
    """Who calls, to whom may know it."""
    if call.actor.is_root:
        return sa.case((told == "", cdrs.c.withheld), else_=told)
    return sa.case((is_its_side | ~cdrs.c.private, told), else_="")


def _margin(call: Call) -> Expression:
    """In one currency."""
    return _net(_BESIDE.mine) - sa.func.coalesce(_paid(call).micros, 0)


def _seen(who: Expression | None, value: Expression) -> Expression:
    """Of those that may see it. None: the asker may, of every call."""
    return value if who is None else sa.case((who, value))


def pdd(calls: Any = cdrs) -> Expression:
    """As `service.calls.attempts.delay_ms`."""
    delay = calls.c.ring_ms - calls.c.start_ms
    return sa.case((calls.c.ring_ms > 0, sa.case((delay > 0, delay), else_=sa.literal_column("0"))))
