"""What overviews and reports are read from is what the records and the books say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from kemi.store.queues import ATTEMPT
from service.calls.sums import DAY_MS, HOUR_MS, differing, of_day
from service.database.columns import BIG
from service.database.engine import is_sqlite
from service.database.tables import cdrs
from service.database.traffic_tables import call_sums, money_hourly
from service.doctor.evidence import Check, book_of, check
from service.doctor.sentences import Sentence, sentence
from service.ledger.hourly import posted
from service.ledger.rules import ROOT_ID

FOUND_MAX = 20
"""Of each kind."""
DAYS_EXACT = 2
"""Of the latest days on which calls began each sum is worked out anew, whenever the doctor looks."""
ROUND_DAYS = 30
"""And of every so-manieth day before them, others each night: all of them in as many nights."""
REBUILD = sentence(
    "`kambill cdr add-up` makes them anew from the records; what calls were charged is not touched by it"
)


async def agree(conn: AsyncConnection, now_ms: int, *, whole: bool = False) -> Check:
    """Records ↔ sums of calls; postings ↔ sums of money by the hour. `whole`: each sum of every day."""
    first, last = await _span(conn)
    days = [day for day in range(last, first - 1, -1) if whole or _is_due(day, last, now_ms // DAY_MS)]
    found = [*await _counted_wrong(conn), *await _summed_wrong(conn, days), *await _money_wrong(conn)]
    sums = (await conn.execute(sa.select(sa.func.count()).select_from(call_sums))).scalar_one()
    hours = (await conn.execute(sa.select(sa.func.count()).select_from(money_hourly))).scalar_one()
    good = sentence("{0} sums of calls and {1} of money are those of the records, each one of {2} days")
    return check("sums", found, good.filled(sums, hours, len(days)), REBUILD)


_NOT_THEIRS = sentence("account {0}, {1} {2}, from {3}: not the records' sum in {4}")
_OF = {
    "destination": sentence("destination"),
    "code": sentence("code"),
    "gateway": sentence("gateway"),
    "provider": sentence("provider"),
    "account": sentence("account"),
    "trunk": sentence("trunk"),
}
"""What sums are of."""


async def _counted_wrong(conn: AsyncConnection) -> list[Sentence]:
    """By the hour: how many calls there were, and how long they were."""
    own = (call_sums.c.account_id == ROOT_ID) & (call_sums.c.dimension == "code")
    told = sa.select(call_sums.c.span_ms.label("hour_ms"), call_sums.c.attempts, call_sums.c.duration_ms).where(own)
    hour_ms = (cdrs.c.start_ms - cdrs.c.start_ms % HOUR_MS).label("hour_ms")
    were = sa.select(hour_ms, -sa.func.count(), -sa.func.sum(cdrs.c.duration_ms)).group_by(hour_ms)
    were = were.where(cdrs.c.kind != ATTEMPT)
    both = sa.union_all(told, were).subquery()
    attempts, duration = sa.func.sum(both.c.attempts), sa.func.sum(both.c.duration_ms)
    query = sa.select(both.c.hour_ms, sa.cast(attempts, BIG), sa.cast(duration, BIG)).group_by(both.c.hour_ms)
    query = query.having((attempts != 0) | (duration != 0)).order_by(both.c.hour_ms).limit(FOUND_MAX)
    more = sentence("{0}: the sums have {1} calls and {2} ms more than the records")
    return [more.filled(_hour(ms), *rest) for ms, *rest in await conn.execute(query)]


def _hour(wall_ms: int) -> str:
    return f"{datetime.fromtimestamp(wall_ms // 1000, UTC):%Y-%m-%d %H:%M %Z}"


async def _span(conn: AsyncConnection) -> tuple[int, int]:
    """The first and the last day, in days since 1970, of records and of sums; none: the first lies behind the last."""
    spans = [
        (await conn.execute(sa.select(sa.func.min(column), sa.func.max(column)))).one()
        for column in (cdrs.c.start_ms, call_sums.c.span_ms)
    ]
    edges = [edge // DAY_MS for span in spans for edge in span if edge is not None]
    return min(edges, default=0), max(edges, default=-1)


def _is_due(day: int, last: int, night: int) -> bool:
    return day > last - DAYS_EXACT or (day - night) % ROUND_DAYS == 0


async def _summed_wrong(conn: AsyncConnection, days: Iterable[int]) -> list[Sentence]:
    """Each account's, by what calls have in common."""
    found: list[Sentence] = []
    for day in days:
        rows = await conn.execute(sa.text(differing(FOUND_MAX, is_sqlite=is_sqlite(conn))), of_day(day * DAY_MS).values)
        found += [_not_theirs(*row) for row in rows]
        if len(found) >= FOUND_MAX:
            break
    return found[:FOUND_MAX]


def _not_theirs(account: int, dimension: str, span_ms: int, number: int, text: str, currency: str) -> Sentence:
    of = text or number
    return _NOT_THEIRS.filled(account, _OF[dimension], of, _hour(span_ms), currency)


async def _money_wrong(conn: AsyncConnection) -> list[Sentence]:
    """All of them."""
    were, key = posted().subquery(), ("account_id", "hour_ms", "book", "currency")
    told = sa.select(*(money_hourly.c[name] for name in key), money_hourly.c.amount_micros)
    both = sa.union_all(told, sa.select(*(were.c[name] for name in key), -were.c.amount_micros)).subquery()
    more = sa.func.sum(both.c.amount_micros)
    columns = [both.c[name] for name in key]
    query = sa.select(*columns, sa.cast(more, BIG).label("micros")).group_by(*columns).having(more != 0)
    unlike = sentence("{0} of account {1}, {2}: {3} micro-units of {4} more than is posted")
    return [
        unlike.filled(book_of(row.book), row.account_id, _hour(row.hour_ms), row.micros, row.currency)
        for row in await conn.execute(query.order_by(*columns).limit(FOUND_MAX))
    ]
