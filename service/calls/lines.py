"""Calls as lines of a file: what `cdr.list` tells of each, and what its own level paid, put together by the database.

Who may see what is decided once a batch, by what is joined: exactly as `service.calls.history` does row by row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.lines import (
    LINES_MAX,
    Cell,
    Expression,
    Lines,
    LinesAsked,
    Spelling,
    Text,
    as_text,
    constant,
    joined,
    offsets,
)
from service.api.lists import Condition, Order, behind, cursor_of, order_of
from service.api.nouns import within
from service.calls.browse import moment_of, paid_in
from service.calls.finding import LISTING, conditions
from service.calls.stretches import Stretch, next_stretch, numbered
from service.database.engine import is_sqlite
from service.database.peer_tables import devices, numbers
from service.database.tables import accounts, cdrs, charges, gateways, trunks
from service.ledger.rules import ROOT_ID
from service.tariffs.exchange import history

DAY_S = 86_400
NARROW_CHARACTERS = 6
MARGIN = "margin"
"""The one column that is worked out here where currencies differ."""
_TEXTS = ("sip_reason", "called", "called_sent", "identity", "destination")
_WORDS = ("call", "kind", "outcome", "ended_by", "routing_number", "attested")
"""Which nobody but the call path writes."""
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
    spelling = await _spelling(call, asked)
    cells = _cells(call, spelling)
    mixed = sa.case((_is_mixed(paid), cdrs.c.id))
    cells[MARGIN] = sa.case((_is_mixed(paid), _place()), else_=spelling.amount(_margin(call)))
    line = spelling.line([cells[name] for name in asked.names])
    query = sa.select(line, order.column, cdrs.c.id, mixed)
    query = _joined(call, query).where(*_chosen(call, order, stretch))
    rows = (await call.conn.execute(query.order_by(*order.columns).limit(LINES_MAX))).all()
    told = [row[0] for row in rows]
    worked = await _worked_out(call, spelling, [row[3] for row in rows if row[3] is not None])
    for at, row in enumerate(rows) if worked else ():
        if row[3] is not None:
            told[at] = told[at].replace(_PLACE.format(row[3]), worked[row[3]])
    following = cursor_of(order, *rows[-1][1:3]) if len(rows) == LINES_MAX else None
    return Lines("".join(told), len(rows), following if stretch is None else stretch.next)


def _chosen(call: Call, order: Order, stretch: Stretch | None) -> list[Condition]:
    """Which calls the batch is of."""
    if stretch is not None:
        return [numbered(stretch.ids)]
    return [*conditions(call, in_order=not _is_narrow(call)), behind(call.query, order)]


def _is_narrow(call: Call) -> bool:
    """Whether so much of a key or number is asked for that few calls have it."""
    return max(len(call.query.call), len(call.query.called)) >= NARROW_CHARACTERS


_PLACE = "\x01{}\x01"
"""Of a margin that is yet to be worked out, in its line: with the record's number."""


def _place() -> Text:
    return joined([constant("\x01"), as_text(cdrs.c.id), constant("\x01")])


async def _spelling(call: Call, asked: LinesAsked) -> Spelling:
    """With the offsets of the zone since the first call: whole days, so that they are found once a day."""
    first_ms = (await call.conn.execute(sa.select(sa.func.min(cdrs.c.start_ms)))).scalar() or call.now_ms
    from_s, until_s = (at_ms // 1000 // DAY_S * DAY_S for at_ms in (first_ms, call.now_ms))
    return Spelling(asked.kind, offsets(asked.zone, from_s - DAY_S, until_s + DAY_S), is_sqlite=is_sqlite(call.conn))


def _joined(call: Call, query: sa.Select[Any]) -> sa.Select[Any]:
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
        mine: (mine.c.cdr_id == cdrs.c.id) & (mine.c.seller_id == actor.account_id) & _is_first(call),
        bought: None if is_root else (bought.c.cdr_id == mine.c.cdr_id) & (bought.c.level == _level_of_seller()),
    }
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
    found = sa.select(sa.func.min(levels.c.level)).where(levels.c.cdr_id == cdrs.c.id)
    return found.where(within(levels.c.account_id, call.actor)).correlate(cdrs).scalar_subquery()


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


async def _worked_out(call: Call, spelling: Spelling, ids: list[int]) -> dict[int, Text]:
    """Margins between currencies, by the rates of each call's moment."""
    if not ids:
        return {}
    paid, mine = _paid(call), _BESIDE.mine
    columns = (cdrs.c.start_ms, cdrs.c.answer_ms, _net(mine).label("earned"), mine.c.currency)
    query = sa.select(cdrs.c.id, *columns, paid.micros.label("paid"), paid.currency.label("paid_currency"))
    query = _joined(call, query).where(cdrs.c.id.between(min(ids), max(ids)), *conditions(call), _is_mixed(paid))
    rows: list[Row[Any]] = list(await call.conn.execute(query))
    worth = await history(call.conn, [moment_of(row) for row in rows])
    found: dict[int, Any] = {}
    for row in rows:
        spent = paid_in(row.paid, worth.factor(row.paid_currency, row.currency, moment_of(row)))
        found[row.id] = spelling.amount_text(None if spent is None else row.earned - spent)
    return found


def _cells(call: Call, spelling: Spelling) -> dict[str, Cell]:
    """By the names of a file's columns."""
    beside, own = _BESIDE, _BESIDE.own
    number, text, word = spelling.number, spelling.text, spelling.word
    is_caller_seen = beside.caller.c.id.is_not(None)
    carries = cdrs.c.cost_account_id == call.actor.account_id
    sees_all = call.actor.is_root
    sees_gateway = None if sees_all and call.may(_P.GATEWAYS_READ) else _if(call.may(_P.GATEWAYS_READ), carries)
    sees_cost = None if sees_all and call.may(_P.PROVIDERS_READ) else carries
    sees_rule = None if sees_all else (cdrs.c.refused_by == 0) | beside.refuser.c.id.is_not(None)
    numbered = {
        "trunk_id": sa.case((is_caller_seen, sa.func.nullif(cdrs.c.trunk_id, 0))),
        "device_id": sa.case((is_caller_seen, sa.func.nullif(cdrs.c.device_id, 0))),
        "number_id": beside.number.c.id,
        "gateway_id": _seen(sees_gateway, sa.func.nullif(cdrs.c.gateway_id, 0)),
    }
    names = call.may(_P.NUMBERS_READ)
    found: dict[str, Cell] = {name: text(cdrs.c[name]) for name in _TEXTS}
    found |= {name: word(cdrs.c[name]) for name in _WORDS}
    found |= {name: text(_caller(call, cdrs.c[name], is_caller_seen)) for name in ("caller", "caller_sent")}
    found |= {name: spelling.moment(cdrs.c[column]) for name, column in _MOMENTS.items()}
    found |= {name: number(column) for name, column in numbered.items()}
    found |= {
        "id": number(cdrs.c.id),
        "duration_ms": number(cdrs.c.duration_ms),
        "pdd_ms": number(pdd()),
        "sip_code": number(cdrs.c.sip_code),
        "private": spelling.flag(cdrs.c.private),
        "rule": text(_seen(sees_rule, cdrs.c.rule)),
        "account_id": number(beside.caller.c.id),
        "account": text(beside.caller.c.name if call.may(_P.ACCOUNTS_READ) else constant("")),
        "trunk": text(sa.case((is_caller_seen, beside.trunk.c.name))),
        "device": text(sa.case((is_caller_seen, beside.device.c.username))),
        "number": text(beside.number.c.number if names else constant("")),
        "gateway": text(_seen(sees_gateway, beside.gateway.c.name)),
        **{name: text(sa.case((is_caller_seen, cdrs.c[name]))) for name in ("call_id", "from_tag", "to_tag")},
        "charge": spelling.amount(own.c.charge_micros),
        "currency": word(own.c.currency),
        "billed_s": number(own.c.billed_s),
        "prefix": word(own.c.prefix),
        "cost": spelling.amount(_seen(sees_cost, cdrs.c.cost_micros)),
        "cost_currency": word(_seen(sees_cost, cdrs.c.cost_currency)),
    }
    return found


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


def pdd() -> Expression:
    """As `service.calls.attempts.delay_ms`."""
    delay = cdrs.c.ring_ms - cdrs.c.start_ms
    return sa.case((cdrs.c.ring_ms > 0, sa.case((delay > 0, delay), else_=sa.literal_column("0"))))
