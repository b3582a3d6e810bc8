"""The API of traffic: calls and money by the hour, and where the calls go. What plots and overviews are made of."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Any, NamedTuple

import sqlalchemy as sa
from pydantic import Field

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.nouns import within
from service.api.problems import invalid
from service.api.values import AccountId, Asked, Moment, Money, Told, When
from service.calls.finding import NEWEST
from service.database.tables import accounts, cdrs, traffic_hourly
from service.database.traffic_tables import money_hourly, traffic_sums

HOUR_MS = 3_600_000
DAY_HOURS = 24
HOURS_MAX = 100 * DAY_HOURS
"""What can be asked for at once: a quarter of a year."""
DESTINATIONS_MAX = 50
LATEST_CALLS = 500
"""Of these the post-dial delay is the average."""
_OF_LATEST = (
    f"From INVITE to ringing, of the latest {LATEST_CALLS} that rang; of a reseller or provider, of those among the "
    f"{NEWEST} newest calls of all"
)


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
    pdd_ms: Annotated[int | None, Field(description=_OF_LATEST)]


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


def is_below(row: Any, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether an account's number is that of an account or of one below it."""
    last = row.path[:-1] + chr(ord("/") + 1)
    return column.in_(sa.select(accounts.c.id).where((accounts.c.path >= row.path) & (accounts.c.path < last)))


def traffic_of(call: Call, asked: AskedTraffic) -> sa.ColumnElement[bool]:
    """Hours of the calls that an account and those below it made, or carried as providers."""
    hours = (traffic_hourly.c.hour_ms >= asked.since_ms) & (traffic_hourly.c.hour_ms < asked.until_ms)
    if asked.account.depth == 0:
        return hours
    made = within(traffic_hourly.c.account_id, call.actor) & is_below(asked.account, traffic_hourly.c.account_id)
    carried = within(traffic_hourly.c.provider_id, call.actor) & is_below(asked.account, traffic_hourly.c.provider_id)
    return hours & (made | carried)


def sums_of(asked: AskedTraffic) -> sa.ColumnElement[bool]:
    """The same calls, where they are added up already."""
    table = traffic_sums.c
    hours = (table.hour_ms >= asked.since_ms, table.hour_ms < asked.until_ms)
    return sa.and_(table.account_id == int(asked.account.id), *hours)


async def show_hours(call: Call) -> Answer:
    """Of the subtree, or of an account in it."""
    asked = await _asked(call)
    table = traffic_sums.c
    sums = [sa.func.sum(column).label(column.name) for column in (table.attempts, table.answered, table.duration_ms)]
    found = sa.select(table.hour_ms.label("at"), *sums).where(sums_of(asked))
    rows = await call.conn.execute(found.group_by(table.hour_ms).order_by(table.hour_ms))
    view = TrafficView(
        account_id=asked.account.id,
        hours=[HourView.model_validate(one._mapping) for one in rows],
        money=await _money(call, asked) if call.may(Permission.PAYMENTS_READ) else [],
        pdd_ms=await _pdd_ms(call, asked),
    )
    return Answer(view)


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


async def _pdd_ms(call: Call, asked: AskedTraffic) -> int | None:
    """On the average."""
    rang = (cdrs.c.ring_ms > 0) & (cdrs.c.start_ms >= asked.since_ms) & (cdrs.c.start_ms < asked.until_ms)
    latest = sa.select(cdrs.c.start_ms, cdrs.c.ring_ms)
    if asked.account.kind == "customer":
        rang &= cdrs.c.account_id == asked.account.id
    elif asked.account.depth:
        newest = sa.select(cdrs.c.start_ms).where(cdrs.c.start_ms < asked.until_ms).order_by(cdrs.c.start_ms.desc())
        edge = newest.offset(NEWEST).limit(1).scalar_subquery()
        rang &= cdrs.c.start_ms >= sa.func.coalesce(edge, 0)
        rang &= is_below(asked.account, cdrs.c.account_id) | is_below(asked.account, cdrs.c.cost_account_id)
    latest = latest.where(rang).order_by(cdrs.c.start_ms.desc()).limit(LATEST_CALLS)
    delays = [max(0, one.ring_ms - one.start_ms) for one in await call.conn.execute(latest)]
    return sum(delays) // len(delays) if delays else None


async def show_destinations(call: Call) -> Answer:
    """Of the same calls."""
    asked = await _asked(call)
    table = traffic_sums.c
    sums = [sa.func.sum(column).label(column.name) for column in (table.attempts, table.answered, table.duration_ms)]
    found = sa.select(table.destination, *sums).where(sums_of(asked)).group_by(table.destination)
    most = found.order_by(sa.desc("duration_ms"), sa.desc("attempts"), table.destination).limit(DESTINATIONS_MAX)
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
