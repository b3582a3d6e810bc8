"""The API of summaries: calls by account, trunk, destination, provider, gateway, hour, day or SIP code.

Money is what the account itself earned and paid for the calls that began in this time, re-rating included.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import sqlalchemy as sa
from pydantic import Field

from service.access.permissions import Permission
from service.accounts.rules import SELLERS
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lines import Lines, LinesAsked
from service.api.lists import Page, Paging
from service.api.problems import invalid
from service.api.values import AccountId, GatewayId, Moment, Money, Text, Told, TrunkId, When
from service.calls.sums import DAY_MS, HOUR_MS
from service.calls.traffic_api import AskedTraffic
from service.reports.adding import OF_MONEY, WAYS, Earned, Keys, Way, counted, money_of_records
from service.reports.leading import Ranking, rows_from
from service.reports.lines import ROWS_MAX, Telling, rows_of
from service.reports.over_time import (
    RECORD_DAYS_MAX,
    SPLIT_DAYS_MAX,
    STEPS_MS,
    SplitRow,
    Thing,
    narrowed,
    reads_records,
    split,
)
from service.reports.spans import Spans, spans_of

DAYS_MAX = 31
_P = Permission
_SINCE = "To whole hours; null: the beginning of the day (UTC) in which one is that is a day before `until`"
_ONE = "Of hours or days, one of these at most: only calls"
_SPLIT = (
    "Of hours or days: the five with most minutes, and all others; of hours at most a week, days are whole ones: "
    "the answer says from when to when"
)
By = Literal["account", "trunk", "destination", "provider", "gateway", "hour", "day", "code"]
Split = Literal["", "account", "trunk", "destination", "provider", "gateway", "code"]
THINGS = {
    "customer_id": "account", "trunk_id": "trunk", "destination": "destination", "provider_id": "provider",
    "gateway_id": "gateway", "sip_code": "code",
}  # fmt: skip
"""What a report over time can be of alone: fields of its query, and by what sums tell them."""


class SummaryQuery(Paging):
    """What is summed up, by what, and whose."""

    by: Annotated[By, Field(description="Hours and days are those of UTC; code: the SIP answer")] = "account"
    since: Annotated[When | None, Field(description=_SINCE)] = None
    until: Annotated[When | None, Field(description="Exclusive; at most 31 days later; null: now")] = None
    account_id: Annotated[AccountId | None, Field(description="Of it and all below it; null: your own")] = None
    currency: Annotated[str, Field(pattern=r"^([A-Z]{3})?$", description="Of the money; empty: the account's")] = ""
    split: Annotated[Split, Field(description=_SPLIT)] = ""
    customer_id: Annotated[AccountId | None, Field(description=f"{_ONE} that this account itself made")] = None
    trunk_id: Annotated[TrunkId | None, Field(description=f"{_ONE} that came by it")] = None
    destination: Annotated[Text, Field(description=f"{_ONE} to it, by its whole name")] = ""
    provider_id: Annotated[AccountId | None, Field(description=f"{_ONE} that it carried")] = None
    gateway_id: Annotated[GatewayId | None, Field(description=f"{_ONE} that ended at it")] = None
    sip_code: Annotated[int | None, Field(ge=1, le=999, description=f"{_ONE} that had this answer")] = None


class SummaryRow(Told):
    """Calls that have something in common."""

    name: Annotated[
        str,
        Field(
            description="What they have in common; empty: none, such as no gateway was reached; of a split the others"
        ),
    ]
    number: Annotated[int | None, Field(description="Of an account, trunk or gateway, or the SIP code; else null")]
    at: Annotated[Moment, Field(description="Beginning of an hour or a day; else null")]
    attempts: int
    answered: int
    asr_percent: int
    duration_ms: Annotated[int, Field(description="Of the answered calls together")]
    acd_s: Annotated[int | None, Field(description="Average of the answered calls; null: there is none")]
    pdd_ms: Annotated[int | None, Field(description="From INVITE to ringing, average of those that rang; null: none")]
    currency: str
    earned: Annotated[Money | None, Field(description="null: for who may not read payments")]
    spent: Annotated[Money | None, Field(description="null: likewise")]
    margin: Annotated[Money | None, Field(description="null: likewise, and of an account that sells nothing")]


class SummaryPage(Page[SummaryRow]):
    """Some of the rows, and what all of them are of."""

    since: Annotated[Moment, Field(description="As it was rounded")]
    until: Annotated[Moment, Field(description="Likewise; exclusive")]
    currency: Annotated[str, Field(description="Of the money")]


_SORTS = ("minutes", "attempts", "answered", "name", "earned", "spent", "margin")


class _Prepared(NamedTuple):
    """What was asked for."""

    way: Way
    asked: AskedTraffic
    spans: Spans
    currency: str
    ranking: Ranking
    sells: bool
    """Whether the account has a margin."""
    keys: Keys | None = None
    """Of the one thing that the report is of; None: it is of all."""


async def _prepared(call: Call) -> _Prepared:
    """Raises Problem."""
    query: SummaryQuery = call.query
    thing, way = _thing(query), WAYS[query.by]
    for needs in {way.needs, WAYS[query.split or query.by].needs, WAYS[thing.by if thing else query.by].needs} - {None}:
        assert needs is not None
        call.need(needs)
    asked = await _asked(call)
    currency, ranking = query.currency or asked.account.currency, _ranking(query)
    if ranking.by in OF_MONEY:
        call.need(_P.PAYMENTS_READ)
    sells = asked.account.kind in SELLERS
    if not sells and ranking.by == "margin":
        raise invalid("/sort", "this account sells nothing, and has no margin", "query")
    _check_hours(query, thing, asked)
    if thing is None:
        return _Prepared(way, asked, await spans_of(call, way.dimension, asked), currency, ranking, sells)
    one = await narrowed(call, query.by, asked, thing)
    return _Prepared(one.way, asked, one.spans, currency, ranking, sells, one.keys)


def _check_hours(query: SummaryQuery, thing: Thing | None, asked: AskedTraffic) -> None:
    """That hours are not more than can be read while somebody waits. Raises Problem."""
    of_things = query.split or (thing.by if thing else "")
    if query.by != "hour" or not of_things:
        return
    days = SPLIT_DAYS_MAX if query.split else DAYS_MAX + 1
    days = RECORD_DAYS_MAX if reads_records(query.by, of_things, asked) else days
    if asked.until_ms - asked.since_ms > days * DAY_MS:
        raise invalid("/since", f"at most {days} days by the hour were expected here", "query")


def _thing(query: SummaryQuery) -> Thing | None:
    """What the report is of; None: of all, or of several. Raises Problem."""
    given = [(name, value) for name in ("split", *THINGS) if (value := getattr(query, name)) not in {None, ""}]
    if given and query.by not in STEPS_MS:
        raise invalid(f"/{given[0][0]}", "this is for reports by hour or day alone", "query")
    if len(given) > 1:
        raise invalid(f"/{given[1][0]}", "a report is split, or of one thing: this is one too many", "query")
    return Thing(THINGS[given[0][0]], given[0][1]) if given and given[0][0] != "split" else None


async def summarise(call: Call) -> Answer:
    """A page of the sums; by hour and day in order, else the most minutes first."""
    query: SummaryQuery = call.query
    ready = await _prepared(call)
    offset, has_money = _offset(query), call.may(_P.PAYMENTS_READ)
    if query.split:
        rows: Sequence[Any] = (await _split(call, ready))[offset : offset + query.limit + 1]
    else:
        rows = await _rows(call, ready)
    more, rows = len(rows) > query.limit, rows[: query.limit]
    money = await _money(call, ready, rows) if has_money else None
    noun = WAYS[query.by].noun
    names = await call.find_all(noun, [row.key for row in rows if row.key]) if noun else {}
    items = [_row(query.split or query.by, row, _name(row, names), ready, money) for row in rows]
    following, asked = str(offset + query.limit) if more else None, ready.asked
    page = SummaryPage(items=items, next=following, since=asked.since_ms, until=asked.until_ms, currency=ready.currency)
    return Answer(page)


def _name(row: Any, names: Mapping[int, Any]) -> str:
    if isinstance(row, SplitRow):
        return row.named
    return str(names[row.key].name) if row.key in names else ""


async def read_lines(call: Call, asked: LinesAsked) -> Lines:
    """The same as lines of a file, very many at once: all is added up for each batch."""
    query: SummaryQuery = call.query
    ready = await _prepared(call)
    offset, has_money = _offset(query), call.may(_P.PAYMENTS_READ)
    if query.split:
        rows: Sequence[Any] = (await _split(call, ready))[offset:]
    else:
        sums = _counted(call, ready, with_money=has_money).offset(offset).limit(ROWS_MAX + 1)
        rows = await rows_of(call, WAYS[query.by], sums, ready.ranking.order)
    following = str(offset + ROWS_MAX) if len(rows) > ROWS_MAX else None
    telling = Telling(query.split or query.by, ready.currency, asked.zone, has_money=has_money, sells=ready.sells)
    text, is_escaped = await asyncio.to_thread(telling.lines, asked.columns, rows[:ROWS_MAX])
    return Lines(text, min(len(rows), ROWS_MAX), following, is_escaped)


async def _split(call: Call, ready: _Prepared) -> list[SplitRow]:
    """All rows; alike ones in the order of time."""
    rows = await split(call, call.query.by, call.query.split, ready.asked, ready.currency)
    by, falls = ready.ranking
    return sorted(rows, key=lambda row: row.at if by == "key" else getattr(row, by), reverse=falls)


async def _money(call: Call, ready: _Prepared, rows: Sequence[Any]) -> dict[Any, Earned] | None:
    """Beside that of the sums, by key: of records; where rows have it all there is none beside."""
    if call.query.split or ready.keys is not None or ready.ranking.by in OF_MONEY:
        return {}
    keys = [row.key for row in rows]
    return await money_of_records(call, ready.way, ready.asked, ready.spans, ready.currency, keys)


async def _asked(call: Call) -> AskedTraffic:
    query: SummaryQuery = call.query
    until_ms = _whole_hour(query.until or call.now_ms + 1)
    since_ms = _whole_hour(query.since) if query.since else (until_ms - DAY_MS) // DAY_MS * DAY_MS
    if not since_ms < until_ms <= since_ms + DAYS_MAX * DAY_MS + HOUR_MS:  # a month in which clocks are put back
        raise invalid("/until", f"a time after `since`, at most {DAYS_MAX} days, was expected", "query")
    if query.split and query.by == "day":  # a cut day would be read for each of the things
        since_ms, until_ms = since_ms // DAY_MS * DAY_MS, -(-until_ms // DAY_MS) * DAY_MS
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


async def _rows(call: Call, ready: _Prepared) -> list[Any]:
    """Those of the page, and one more if there is one."""
    way, asked, spans, currency, ranking, _, keys = ready
    offset, most = _offset(call.query), call.query.limit + 1
    if keys is None:
        return await rows_from(call, way, asked, spans, currency, ranking, offset, most)
    return list(await call.conn.execute(_counted(call, ready, with_money=True).offset(offset).limit(most)))


def _counted(call: Call, ready: _Prepared, *, with_money: bool) -> sa.Select[Any]:
    found = counted(call, ready.way, ready.asked, ready.spans, ready.currency, with_money=with_money, keys=ready.keys)
    return found.order_by(*ready.ranking.order)


def _ranking(query: SummaryQuery) -> Ranking:
    """Raises Problem."""
    asked = query.sort or ("name" if query.by in STEPS_MS else "-minutes")
    name = asked.removeprefix("-")
    if name not in _SORTS:
        raise invalid("/sort", f"one of {', '.join(_SORTS)} was expected, with or without - before it", "query")
    return Ranking("key" if name == "name" else name, asked.startswith("-"))


def _row(of: str, row: Any, name: str, ready: _Prepared, money: dict[Any, Earned] | None) -> SummaryRow:
    """`of`: what it is of, beside its time. `money`: what its sums don't have; None: money is not for the asker."""
    key, answered = row.key, int(row.answered)
    at = row.at if isinstance(row, SplitRow) else int(key) if of in STEPS_MS else None
    found = None if money is None else money.get(key, Earned()).plus(int(row.earned), int(row.spent))
    return SummaryRow(
        name=key if of == "destination" else str(key) if of == "code" else name,
        number=None if of in {*STEPS_MS, "destination"} or not key else int(key),
        at=at,
        attempts=int(row.attempts), answered=answered, asr_percent=answered * 100 // (int(row.attempts) or 1),
        duration_ms=int(row.minutes), acd_s=int(row.minutes) // answered // 1000 if answered else None,
        pdd_ms=int(row.pdd_ms) // int(row.rang) if row.rang else None,
        currency=ready.currency,
        earned=None if found is None else found.earned,
        spent=None if found is None else found.spent,
        margin=None if found is None or not ready.sells else found.earned - found.spent,
    )  # fmt: skip


ENDPOINTS = [
    Endpoint(
        "report.summary", "GET", "/reports/summary", _P.CDRS_READ, summarise, "Sum up calls and money",
        query=SummaryQuery, answer=SummaryPage, lines=read_lines,
    ),
]  # fmt: skip
