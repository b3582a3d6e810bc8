"""The API of traffic: calls and money by the hour, and where the calls go. What plots and overviews are made of."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Any, NamedTuple

import sqlalchemy as sa
from pydantic import Field

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.problems import invalid
from service.api.values import AccountId, Asked, Moment, Money, Told, When
from service.calls.sums import HOUR_MS
from service.database.traffic_tables import call_sums, money_hourly

DAY_HOURS = 24
HOURS_MAX = 100 * DAY_HOURS
"""What can be asked for at once: a quarter of a year."""
DESTINATIONS_MAX = 50
_SUMMED = ("attempts", "answered", "duration_ms", "rang", "pdd_ms")


class TrafficQuery(Asked):
    """Which hours, and whose calls."""

    since: Annotated[When | None, Field(description="null: a day before `until`")] = None
    until: Annotated[When | None, Field(description="Exclusive; at most 100 days later; null: now")] = None
    account_id: Annotated[AccountId | None, Field(description="Of it and all below it; null: your own")] = None


class HourView(Told):
    """An hour's calls."""

    at: Annotated[Moment, Field(description="Its beginning")]
    attempts: int
    answered: int
    duration_ms: Annotated[int, Field(description="Of the answered calls together")]
    rang: int
    pdd_ms: Annotated[int, Field(description="From INVITE to ringing, of those that rang together")]


class MoneyView(Told):
    """What an hour's calls brought the account, and what it paid for them, when they were booked."""

    at: Moment
    currency: str
    earned: Annotated[Money, Field(description="From those below; of a provider, for the calls that it carried")]
    spent: Annotated[Money, Field(description="To its seller; of the operator, to providers")]


class TrafficView(Told):
    """Hours with calls, in order; one without is left out."""

    account_id: int
    hours: list[HourView]
    money: Annotated[list[MoneyView], Field(description="Empty for who may not read payments")]
    pdd_ms: Annotated[int | None, Field(description="Average of all calls that rang; null: there is none")]


class DestinationView(Told):
    """Calls to one destination."""

    destination: str
    attempts: int
    answered: int
    duration_ms: int


class DestinationsView(Told):
    """The most minutes first."""

    items: list[DestinationView]


class AskedTraffic(NamedTuple):
    """What is asked for."""

    account: Any
    """Whose calls: its path says which ones."""
    since_ms: int
    until_ms: int
    """Exclusive."""


async def _asked(call: Call) -> AskedTraffic:
    query: TrafficQuery = call.query
    until_ms = query.until or call.now_ms + 1
    since_ms = query.since or until_ms - DAY_HOURS * HOUR_MS
    if not since_ms < until_ms <= since_ms + HOURS_MAX * HOUR_MS:
        raise invalid("/until", f"a time after `since`, at most {HOURS_MAX // DAY_HOURS} days, was expected", "query")
    return AskedTraffic(await call.find("account", query.account_id or call.actor.account_id), since_ms, until_ms)


def sums_of(asked: AskedTraffic) -> sa.ColumnElement[bool]:
    """Calls that an account and those below it made, or carried as providers: by destination and hour."""
    table = call_sums.c
    hours = (table.span_ms >= asked.since_ms, table.span_ms < asked.until_ms)
    return sa.and_(table.account_id == int(asked.account.id), table.dimension == "destination", *hours)


async def show_hours(call: Call) -> Answer:
    """Of the subtree, or of an account in it."""
    asked = await _asked(call)
    span = call_sums.c.span_ms
    found = sa.select(span.label("at"), *_sums()).where(sums_of(asked)).group_by(span).order_by(span)
    hours = [HourView.model_validate(one._mapping) for one in await call.conn.execute(found)]
    rang, pdd_ms = sum(one.rang for one in hours), sum(one.pdd_ms for one in hours)
    view = TrafficView(
        account_id=asked.account.id,
        hours=hours,
        money=await _money(call, asked) if call.may(Permission.PAYMENTS_READ) else [],
        pdd_ms=pdd_ms // rang if rang else None,
    )
    return Answer(view)


def _sums() -> list[sa.ColumnElement[Any]]:
    return [sa.func.sum(call_sums.c[name]).label(name) for name in _SUMMED]


async def _money(call: Call, asked: AskedTraffic) -> list[MoneyView]:
    """As it was booked: a call is booked with its batch, within a second of its end."""
    table = money_hourly.c
    found = sa.select(table.hour_ms, table.book, table.currency, table.amount_micros).where(
        (table.account_id == asked.account.id) & (table.hour_ms >= asked.since_ms) & (table.hour_ms < asked.until_ms)
    )
    sums: defaultdict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
    for one in await call.conn.execute(found):
        earns = one.book == "revenue" or (one.book == "balance" and one.amount_micros > 0)
        sums[one.hour_ms, one.currency][0 if earns else 1] += one.amount_micros
    return [
        MoneyView(at=at, currency=currency, earned=earned, spent=-spent)
        for (at, currency), (earned, spent) in sorted(sums.items())
    ]


async def show_destinations(call: Call) -> Answer:
    """Of the same calls."""
    asked = await _asked(call)
    destination = call_sums.c.destination
    found = sa.select(destination, *_sums()).where(sums_of(asked)).group_by(destination)
    most = found.order_by(sa.desc("duration_ms"), sa.desc("attempts"), destination).limit(DESTINATIONS_MAX)
    rows = await call.conn.execute(most)
    return Answer(DestinationsView(items=[DestinationView.model_validate(one._mapping) for one in rows]))


_P = Permission
ENDPOINTS = [
    Endpoint(
        "traffic.hours", "GET", "/traffic", _P.CDRS_READ, show_hours, "Show calls and money by the hour",
        query=TrafficQuery, answer=TrafficView,
    ),
    Endpoint(
        "traffic.destinations", "GET", "/traffic/destinations", _P.CDRS_READ, show_destinations,
        "Show where calls go", query=TrafficQuery, answer=DestinationsView,
    ),
]  # fmt: skip
