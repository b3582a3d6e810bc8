"""The API of summaries: calls by account, trunk, destination, provider, gateway, hour, day or SIP code.

Calls are counted from the hourly sums where those have what is asked for, else from the records; money is what the
account itself earned and paid for them, as it was charged when they ended.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import sqlalchemy as sa
from pydantic import Field

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Page, Paging
from service.api.nouns import within
from service.api.problems import invalid
from service.api.values import AccountId, Moment, Money, Told, When
from service.calls.traffic_api import HOUR_MS, AskedTraffic, is_below, sums_of, traffic_of
from service.database.tables import cdrs, charges, gateways, traffic_hourly, trunks
from service.database.traffic_tables import traffic_sums

DAYS_MAX = 31
DAY_MS = 24 * HOUR_MS
_P = Permission
By = Literal["account", "trunk", "destination", "provider", "gateway", "hour", "day", "code"]


class SummaryQuery(Paging):
    """What is summed up, by what, and whose."""

    by: Annotated[By, Field(description="Hours and days are those of UTC; code: the SIP answer")] = "account"
    since: Annotated[When | None, Field(description="To whole hours; null: a day before `until`")] = None
    until: Annotated[When | None, Field(description="Exclusive; at most 31 days later; null: now")] = None
    account_id: Annotated[AccountId | None, Field(description="Of it and all below it; null: your own")] = None
    currency: Annotated[str, Field(pattern=r"^([A-Z]{3})?$", description="Of the money; empty: the account's")] = ""


class SummaryRow(Told):
    """Calls that have something in common."""

    name: Annotated[str, Field(description="What they have in common; empty: none, such as no gateway was reached")]
    number: Annotated[int | None, Field(description="Of an account, trunk or gateway, or the SIP code; else null")]
    at: Annotated[Moment, Field(description="Beginning of an hour or a day; else null")]
    attempts: int
    answered: int
    asr_percent: int
    duration_ms: Annotated[int, Field(description="Of the answered calls together")]
    acd_s: Annotated[int | None, Field(description="Average of the answered calls; null: there is none")]
    currency: str
    earned: Annotated[Money | None, Field(description="null: for who may not read payments")]
    spent: Annotated[Money | None, Field(description="null: likewise")]
    margin: Annotated[Money | None, Field(description="null: likewise")]


class _Way(NamedTuple):
    """How calls are summed up by something."""

    record: sa.ColumnElement[Any]
    """Of call records."""
    hourly: sa.ColumnElement[Any] | None = None
    """Of the hourly sums; None: they don't have it."""
    owner: sa.ColumnElement[Any] | None = None
    """The account that the thing belongs to: only things of the asker's subtree are told. Of `record`."""
    hourly_owner: sa.ColumnElement[Any] | None = None
    noun: str = ""
    needs: Permission | None = None
    """Beside the endpoint's."""
    summed: sa.ColumnElement[Any] | None = None
    """Of the sums of whole subtrees; None: they don't have it."""


_H, _S = traffic_hourly.c, traffic_sums.c
_PROVIDER = sa.func.coalesce(cdrs.c.cost_account_id, 0)
_TRUNK_OWNER = sa.select(trunks.c.account_id).where(trunks.c.id == cdrs.c.trunk_id).scalar_subquery()
_GATEWAY_OWNER = sa.select(gateways.c.account_id).where(gateways.c.id == cdrs.c.gateway_id).scalar_subquery()
_WAYS: dict[str, _Way] = {
    "account": _Way(cdrs.c.account_id, _H.account_id, cdrs.c.account_id, _H.account_id, "account"),
    "trunk": _Way(cdrs.c.trunk_id, None, _TRUNK_OWNER, noun="trunk", needs=_P.TRUNKS_READ),
    "destination": _Way(cdrs.c.destination, summed=_S.destination),
    "provider": _Way(_PROVIDER, _H.provider_id, _PROVIDER, _H.provider_id, "account", _P.GATEWAYS_READ),
    "gateway": _Way(cdrs.c.gateway_id, None, _GATEWAY_OWNER, noun="gateway", needs=_P.GATEWAYS_READ),
    "hour": _Way(cdrs.c.start_ms - cdrs.c.start_ms % HOUR_MS, summed=_S.hour_ms),
    "day": _Way(cdrs.c.start_ms - cdrs.c.start_ms % DAY_MS, summed=_S.hour_ms - _S.hour_ms % DAY_MS),
    "code": _Way(cdrs.c.sip_code),
}
_SORTS = ("minutes", "attempts", "answered", "name")


class _Money(NamedTuple):
    """What the account itself earned and paid."""

    earned: int = 0
    spent: int = 0


async def summarise(call: Call) -> Answer:
    """A page of the sums; by hour and day in order, else the most minutes first."""
    query: SummaryQuery = call.query
    way = _WAYS[query.by]
    if way.needs is not None:
        call.need(way.needs)
    asked = await _asked(call)
    rows = await _counted(call, way, asked)
    more, rows = len(rows) > query.limit, rows[: query.limit]
    currency = query.currency or asked.account.currency
    keys = [row.key for row in rows]
    money = await _money(call, way, asked, currency, keys) if call.may(_P.PAYMENTS_READ) else None
    names = await call.find_all(way.noun, [key for key in keys if key]) if way.noun else {}
    items = [_row(query.by, row, names, currency, money) for row in rows]
    following = str(_offset(query) + query.limit) if more else None
    return Answer(Page[SummaryRow](items=items, next=following))


async def _asked(call: Call) -> AskedTraffic:
    query: SummaryQuery = call.query
    until_ms = _whole_hour(query.until or call.now_ms + 1)
    since_ms = _whole_hour(query.since) if query.since else until_ms - DAY_MS
    if not since_ms < until_ms <= since_ms + DAYS_MAX * DAY_MS + HOUR_MS:  # a month in which clocks are put back
        raise invalid("/until", f"a time after `since`, at most {DAYS_MAX} days, was expected", "query")
    return AskedTraffic(await call.find("account", query.account_id or call.actor.account_id), since_ms, until_ms)


def _whole_hour(wall_ms: int) -> int:
    """This moment's if an hour begins then, else the next one's."""
    return -(-wall_ms // HOUR_MS) * HOUR_MS


def _offset(query: SummaryQuery) -> int:
    """Sums are made anew for each page, so a place among them is a plain number. Raises Problem."""
    if not query.cursor:
        return 0
    if not (query.cursor.isascii() and query.cursor.isdecimal() and len(query.cursor) <= 9):
        raise invalid("/cursor", "this is no cursor of this list: begin again without it", "query")
    return int(query.cursor)


async def _counted(call: Call, way: _Way, asked: AskedTraffic) -> list[Any]:
    """Rows of key, attempts, answered, duration_ms: one more than asked for, if there is one."""
    query: SummaryQuery = call.query
    if way.summed is not None:
        key, where, owner = way.summed, sums_of(asked), None
        counts = (sa.func.sum(_S.attempts), sa.func.sum(_S.answered))
        duration: sa.ColumnElement[Any] = sa.func.sum(_S.duration_ms)
    elif way.hourly is None:
        key, where = way.record, _records_of(call, asked)
        one, answered = sa.literal(1), sa.case((cdrs.c.outcome == "answered", 1), else_=0)
        counts = (sa.func.sum(one), sa.func.sum(answered))
        duration, owner = sa.func.sum(cdrs.c.duration_ms), way.owner
    else:
        key, where = way.hourly, traffic_of(call, asked)
        counts = (sa.func.sum(_H.attempts), sa.func.sum(_H.answered))
        duration, owner = sa.func.sum(_H.duration_ms), way.hourly_owner
    if owner is not None:
        where &= within(owner, call.actor)
    named = (key.label("key"), counts[0].label("attempts"), counts[1].label("answered"), duration.label("minutes"))
    found = sa.select(*named).where(where).group_by(key).order_by(*_order(query))
    return list(await call.conn.execute(found.offset(_offset(query)).limit(query.limit + 1)))


def _order(query: SummaryQuery) -> list[Any]:
    """Raises Problem."""
    default = "name" if query.by in {"hour", "day"} else "-minutes"
    asked = query.sort or default
    name = asked.removeprefix("-")
    if name not in _SORTS:
        raise invalid("/sort", f"one of {', '.join(_SORTS)} was expected, with or without - before it", "query")
    label = "key" if name == "name" else name
    return [sa.desc(label) if asked.startswith("-") else sa.asc(label), *([] if label == "key" else [sa.asc("key")])]


def _records_of(call: Call, asked: AskedTraffic) -> sa.ColumnElement[bool]:
    """The same calls as the hourly sums have, one by one."""
    hours = (cdrs.c.start_ms >= asked.since_ms) & (cdrs.c.start_ms < asked.until_ms)
    if asked.account.depth == 0:
        return hours
    made = within(cdrs.c.account_id, call.actor) & is_below(asked.account, cdrs.c.account_id)
    carried = within(cdrs.c.cost_account_id, call.actor) & is_below(asked.account, cdrs.c.cost_account_id)
    return hours & (made | carried)


async def _money(call: Call, way: _Way, asked: AskedTraffic, currency: str, keys: list[Any]) -> dict[Any, _Money]:
    """By key: from those below and for what it carried; to its seller, or of the operator to providers. Without the
    taxes that were added.
    """
    number = asked.account.id
    where = _records_of(call, asked) & way.record.in_(keys)
    sums: dict[Any, _Money] = {}
    for is_earned, column in ((True, charges.c.seller_id), (False, charges.c.account_id)):
        net = charges.c.charge_micros - charges.c.tax_micros
        found = sa.select(way.record.label("key"), sa.func.sum(net).label("micros"))
        found = found.join(charges, charges.c.cdr_id == cdrs.c.id)
        found = found.where(where, column == number, charges.c.currency == currency).group_by(way.record)
        _add(sums, await call.conn.execute(found), is_earned=is_earned)
    costs = sa.select(way.record.label("key"), sa.func.sum(cdrs.c.cost_micros).label("micros"))
    costs = costs.where(where, cdrs.c.cost_currency == currency).group_by(way.record)
    is_root = asked.account.depth == 0
    if not is_root:
        costs = costs.where(cdrs.c.cost_account_id == number)
    _add(sums, await call.conn.execute(costs), is_earned=not is_root)
    return sums


def _add(sums: dict[Any, _Money], rows: Any, *, is_earned: bool) -> None:
    for row in rows:
        before, micros = sums.get(row.key, _Money()), int(row.micros)
        earned, spent = (micros, 0) if is_earned else (0, micros)
        sums[row.key] = _Money(before.earned + earned, before.spent + spent)


def _row(by: str, row: Any, names: dict[int, Any], currency: str, money: dict[Any, _Money] | None) -> SummaryRow:
    key, answered = row.key, int(row.answered)
    found = None if money is None else money.get(key, _Money())
    is_time, is_text = by in {"hour", "day"}, by == "destination"
    return SummaryRow(
        name=key if is_text else str(key) if by == "code" else names[key].name if key in names else "",
        number=None if is_time or is_text or not key else int(key),
        at=int(key) if is_time else None,
        attempts=int(row.attempts), answered=answered, asr_percent=answered * 100 // int(row.attempts),
        duration_ms=int(row.minutes), acd_s=int(row.minutes) // answered // 1000 if answered else None,
        currency=currency,
        earned=None if found is None else found.earned,
        spent=None if found is None else found.spent,
        margin=None if found is None else found.earned - found.spent,
    )  # fmt: skip


ENDPOINTS = [
    Endpoint(
        "report.summary", "GET", "/reports/summary", _P.CDRS_READ, summarise, "Sum up calls and money",
        query=SummaryQuery, answer=Page[SummaryRow],
    ),
]  # fmt: skip
