"""The API of summaries: calls by account, trunk, destination, provider, gateway, hour, day or SIP code.

Money is what the account itself earned and paid for the calls that began in this time, re-rating included.
"""

from __future__ import annotations

import asyncio
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
from service.api.values import AccountId, Moment, Money, Told, When
from service.calls.sums import BY_DAY, DAY_MS, HOUR_MS
from service.calls.traffic_api import AskedTraffic
from service.reports.adding import OF_MONEY, WAYS, Earned, Way, counted, money_of_records
from service.reports.leading import Ranking, following, leading
from service.reports.lines import ROWS_MAX, Telling, rows_of
from service.reports.spans import Spans, spans_of

DAYS_MAX = 31
_P = Permission
_SINCE = "To whole hours; null: the beginning of the day (UTC) in which one is that is a day before `until`"
By = Literal["account", "trunk", "destination", "provider", "gateway", "hour", "day", "code"]


class SummaryQuery(Paging):
    """What is summed up, by what, and whose."""

    by: Annotated[By, Field(description="Hours and days are those of UTC; code: the SIP answer")] = "account"
    since: Annotated[When | None, Field(description=_SINCE)] = None
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


async def _prepared(call: Call) -> _Prepared:
    """Raises Problem."""
    query: SummaryQuery = call.query
    way = WAYS[query.by]
    if way.needs is not None:
        call.need(way.needs)
    asked = await _asked(call)
    currency, spans = query.currency or asked.account.currency, await spans_of(call, way.dimension, asked)
    if query.sort.removeprefix("-") in OF_MONEY:
        call.need(_P.PAYMENTS_READ)
    sells = asked.account.kind in SELLERS
    if not sells and query.sort.removeprefix("-") == "margin":
        raise invalid("/sort", "this account sells nothing, and has no margin", "query")
    return _Prepared(way, asked, spans, currency, _ranking(query), sells)


async def summarise(call: Call) -> Answer:
    """A page of the sums; by hour and day in order, else the most minutes first."""
    query: SummaryQuery = call.query
    way, asked, spans, currency, ranking, sells = await _prepared(call)
    rows = await _rows(call, way, asked, spans, currency, sells=sells)
    more, rows = len(rows) > query.limit, rows[: query.limit]
    keys = [row.key for row in rows]
    by_money = ranking.by in OF_MONEY
    rest = {} if by_money else await money_of_records(call, way, asked, spans, currency, keys)
    money = None
    if call.may(_P.PAYMENTS_READ):
        money = {row.key: rest.get(row.key, Earned()).plus(int(row.earned), int(row.spent)) for row in rows}
    names = await call.find_all(way.noun, [key for key in keys if key]) if way.noun else {}
    items = [_row(query.by, row, names, currency, money) for row in rows]
    if not sells:
        items = [one.model_copy(update={"margin": None}) for one in items]
    following = str(_offset(query) + query.limit) if more else None
    page = SummaryPage(items=items, next=following, since=asked.since_ms, until=asked.until_ms, currency=currency)
    return Answer(page)


async def read_lines(call: Call, asked: LinesAsked) -> Lines:
    """The same as lines of a file, very many at once: all is added up for each batch."""
    way, traffic, spans, currency, ranking, sells = await _prepared(call)
    offset, has_money = _offset(call.query), call.may(_P.PAYMENTS_READ)
    sums = counted(call, way, traffic, spans, currency, with_money=has_money).offset(offset).limit(ROWS_MAX + 1)
    rows = await rows_of(call, way, sums, _order(ranking))
    following = str(offset + ROWS_MAX) if len(rows) > ROWS_MAX else None
    telling = Telling(call.query.by, currency, asked.zone, has_money=has_money, sells=sells)
    text, is_escaped = await asyncio.to_thread(telling.lines, asked.columns, rows[:ROWS_MAX])
    return Lines(text, min(len(rows), ROWS_MAX), following, is_escaped)


async def _asked(call: Call) -> AskedTraffic:
    query: SummaryQuery = call.query
    until_ms = _whole_hour(query.until or call.now_ms + 1)
    since_ms = _whole_hour(query.since) if query.since else (until_ms - DAY_MS) // DAY_MS * DAY_MS
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


async def _rows(call: Call, way: Way, asked: AskedTraffic, spans: Spans, currency: str, *, sells: bool) -> list[Any]:
    """Those of the page, and one more if there is one. Whoever sells to nobody has few in all: they are read once."""
    query, ranking, offset = call.query, _ranking(call.query), _offset(call.query)
    first = await leading(call, way, asked, spans, currency, ranking, offset + query.limit + 1)
    if first is not None:
        return first[offset:]
    if way.dimension in BY_DAY and ranking.by != "key" and sells:
        return await following(call, way, asked, spans, currency, ranking, offset, query.limit + 1)
    found = counted(call, way, asked, spans, currency, with_money=ranking.by in OF_MONEY).order_by(*_order(ranking))
    return list(await call.conn.execute(found.offset(offset).limit(query.limit + 1)))


def _ranking(query: SummaryQuery) -> Ranking:
    """Raises Problem."""
    asked = query.sort or ("name" if query.by in {"hour", "day"} else "-minutes")
    name = asked.removeprefix("-")
    if name not in _SORTS:
        raise invalid("/sort", f"one of {', '.join(_SORTS)} was expected, with or without - before it", "query")
    return Ranking("key" if name == "name" else name, asked.startswith("-"))


def _order(ranking: Ranking) -> list[Any]:
    by: Any = sa.desc(ranking.by) if ranking.falls else sa.asc(ranking.by)
    return [by] if ranking.by == "key" else [by, sa.asc("key")]


def _row(by: str, row: Any, names: dict[int, Any], currency: str, money: dict[Any, Earned] | None) -> SummaryRow:
    key, answered = row.key, int(row.answered)
    found = None if money is None else money[key]
    is_time, is_text = by in {"hour", "day"}, by == "destination"
    return SummaryRow(
        name=key if is_text else str(key) if by == "code" else names[key].name if key in names else "",
        number=None if is_time or is_text or not key else int(key),
        at=int(key) if is_time else None,
        attempts=int(row.attempts), answered=answered, asr_percent=answered * 100 // (int(row.attempts) or 1),
        duration_ms=int(row.minutes), acd_s=int(row.minutes) // answered // 1000 if answered else None,
        pdd_ms=int(row.pdd_ms) // int(row.rang) if row.rang else None,
        currency=currency,
        earned=None if found is None else found.earned,
        spent=None if found is None else found.spent,
        margin=None if found is None else found.earned - found.spent,
    )  # fmt: skip


ENDPOINTS = [
    Endpoint(
        "report.summary", "GET", "/reports/summary", _P.CDRS_READ, summarise, "Sum up calls and money",
        query=SummaryQuery, answer=SummaryPage, lines=read_lines,
    ),
]  # fmt: skip
