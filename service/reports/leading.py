"""The first rows of a report by account or trunk, found without adding up those of all.

Each day's sums are looked through for the ones that lead it. What a key comes to in all days together is at most what
it has in those that it leads, and in each other one what the last of that day's leaders has. So keys are added up
exactly, the most promising ones first, until the page is full of such that no other key can come before: with some
accounts that call more than most, that is a few hundred of tens of thousands, and of their calls alone those of a cut
day are read (of the operator, sums of its hours). Where accounts are too much alike for that, all are added up, as for
an order that rises.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from service.accounts.rules import SELLERS
from service.api.call import Call
from service.api.nouns import within
from service.calls.sums import BY_DAY, DAY_MS
from service.calls.traffic_api import AskedTraffic
from service.database.columns import BIG
from service.database.engine import is_sqlite
from service.database.traffic_tables import EARNING, LEADING, LEADING_OF, call_sums
from service.reports.adding import OF_MONEY, Way, counted, keys_of, ranked
from service.reports.spans import Spans

ROWS_MAX = 500
"""Of a page with all before it: further behind, all are added up."""
MARGINS = 5_000
"""Leaders of all days together, at least, by what stays of what they earned: of cut days that may be far less."""
TRIED_MAX = 4_000
"""Keys that are added up before it is all of them."""
Found = list[Any] | None
"""The first rows; None: they can't be told so."""
Leaders = Sequence[tuple[int, int]]
"""Keys of a day with their values, so many that come first; fewer: all there are."""
Place = tuple[int, ...]
"""Where a row stands in its order: the least is the first."""
_S = call_sums.c
_HIGHEST = {
    "minutes": _S.duration_ms, "attempts": _S.attempts, "answered": _S.answered,
    "earned": _S.earned_micros, "spent": _S.spent_micros, "margin": _S.earned_micros,
}  # fmt: skip
"""What a row's value is at most the sum of, by what reports are sorted by."""
_INDICES = {"minutes": LEADING, "earned": EARNING, "margin": EARNING}
"""By which the operator's highest are found. Of a margin what was earned is the most."""


class Ranking(NamedTuple):
    """How a report is sorted."""

    by: str
    """A column of `counted`; alike ones by their key."""
    falls: bool

    @property
    def order(self) -> list[Any]:
        """For ORDER BY."""
        by: Any = sa.desc(self.by) if self.falls else sa.asc(self.by)
        return [by] if self.by == "key" else [by, sa.asc("key")]

    def place(self, row: Any) -> Place:
        """Of a row of `counted`."""
        return self.place_of(int(getattr(row, self.by)), int(row.key))

    def place_of(self, value: int, key: int) -> Place:
        """Of a value."""
        sign = -1 if self.falls else 1
        return (sign * key,) if self.by == "key" else (sign * value, key)


class Promising(NamedTuple):
    """Keys with the first place that each may have, in that order."""

    keys: list[tuple[Place, int]]
    others: Place | None
    """No other key comes before that; None: there is no other."""


async def rows_from(
    call: Call, way: Way, asked: AskedTraffic, spans: Spans, currency: str, ranking: Ranking, offset: int, most: int
) -> list[Any]:
    """Rows of `counted` from any place on. Whoever sells to nobody has few in all: they are read once."""
    first = await leading(call, way, asked, spans, currency, ranking, offset + most)
    if first is not None:
        return first[offset:]
    if way.dimension in BY_DAY and ranking.by != "key" and asked.account.kind in SELLERS:
        return await following(call, way, asked, spans, currency, ranking, offset, most)
    found = counted(call, way, asked, spans, currency, with_money=ranking.by in OF_MONEY).order_by(*ranking.order)
    return list(await call.conn.execute(found.offset(offset).limit(most)))


async def leading(
    call: Call, way: Way, asked: AskedTraffic, spans: Spans, currency: str, ranking: Ranking, most: int
) -> Found:
    """The first rows of `counted`, so many at most; None: that takes to add up all."""
    rises = ranking.by != "key" and not ranking.falls
    if way.dimension not in BY_DAY or most > ROWS_MAX or (rises and asked.account.kind in SELLERS):
        return None
    days = range(asked.since_ms // DAY_MS * DAY_MS, asked.until_ms, DAY_MS)
    each = 4 * most + 100
    if ranking.by == "margin":
        each = max(2 * each, MARGINS // len(days))
    found = promising(await _leaders(call, way, asked, days, currency, ranking, each), ranking, each)
    if found.others is None and ranking.by in OF_MONEY and _is_indexed(asked, ranking):
        found = found._replace(others=(0,))  # who has only sums of another currency has earned nothing
    if rises and (found.others is not None or len(found.keys) > 2 * most):
        return None  # who has most at most may still have least: only all of them at once can be told

    async def rows_of(keys: Sequence[int]) -> Iterable[Any]:
        return await _rows_of(call, way, asked, spans, currency, ranking, keys)

    return await first_of(found, ranking, most, rows_of)


async def following(
    call: Call, way: Way, asked: AskedTraffic, spans: Spans, currency: str, ranking: Ranking, offset: int, most: int
) -> list[Any]:
    """Rows of `counted` from any place on: all are added up, but only by what they are sorted by. Not by key."""
    value: Any = sa.desc("value") if ranking.falls else sa.asc("value")
    ranks = ranked(call, way, asked, spans, currency, ranking.by).order_by(value, "key").offset(offset).limit(most)
    keys = [int(row.key) for row in await call.conn.execute(ranks)]
    return sorted(await _rows_of(call, way, asked, spans, currency, ranking, keys), key=ranking.place)


async def _rows_of(
    call: Call, way: Way, asked: AskedTraffic, spans: Spans, currency: str, ranking: Ranking, keys: Sequence[int]
) -> Iterable[Any]:
    """Those that there are of some keys."""
    known = await keys_of(call, way, asked, keys)
    found = counted(call, way, asked, spans, currency, with_money=ranking.by in OF_MONEY, keys=known)
    return await call.conn.execute(found)


async def first_of(
    found: Promising, ranking: Ranking, most: int, rows_of: Callable[[Sequence[int]], Awaitable[Iterable[Any]]]
) -> Found:
    """So many rows of the promising keys, twice as many of these each time. `rows_of`: those that there are of some."""
    keys, size, at = found.keys, 2 * most, 0
    rows: list[Any] = []
    while True:
        rows = sorted([*rows, *await rows_of([key for _, key in keys[at : at + size]])], key=ranking.place)[:most]
        at, size = at + size, 2 * size
        behind = [keys[at][0]] if at < len(keys) else []
        behind += [] if found.others is None else [found.others]
        if not behind or (len(rows) == most and ranking.place(rows[-1]) < min(behind)):
            return rows
        if at >= min(len(keys), TRIED_MAX):
            return None


async def _leaders(
    call: Call, way: Way, asked: AskedTraffic, days: range, currency: str, ranking: Ranking, each: int
) -> Sequence[Leaders]:
    """Key and value of each day's first ones, so many of each at most."""
    of = _of(call, way, asked)

    def sums(day_ms: int) -> sa.Select[Any]:
        if _is_indexed(asked, ranking):
            return _indexed(call, way, currency, ranking.by)
        is_whole = asked.since_ms <= day_ms and day_ms + DAY_MS <= asked.until_ms
        value = _highest(ranking.by, currency, is_whole=is_whole)
        return sa.select(_S.number.label("number"), value.label("value")).where(of)

    parts = [
        sums(day_ms)
        .add_columns(sa.literal(number).label("day"))
        .where(sa.literal_column("span_ms", BIG) == day_ms)
        .order_by(sa.desc("value") if ranking.falls else sa.asc("value"))
        .limit(each)
        .subquery()
        for number, day_ms in enumerate(days)
    ]
    lists: list[list[tuple[int, int]]] = [[] for _ in days]
    for key, highest, day in await call.conn.execute(sa.union_all(*(sa.select(part) for part in parts))):
        lists[day].append((int(key), int(highest)))
    return lists


def _is_indexed(asked: AskedTraffic, ranking: Ranking) -> bool:
    return ranking.by in _INDICES and asked.account.depth == 0


def _highest(by: str, currency: str, *, is_whole: bool) -> sa.ColumnElement[Any]:
    """What a key comes to on a day at most. What it earned in a part of one may be all, and have cost nothing."""
    value: Any = _S.earned_micros - _S.spent_micros if by == "margin" and is_whole else _HIGHEST.get(by, _S.number)
    return sa.case((_S.currency == currency, value), else_=0) if by in OF_MONEY else value


def _of(call: Call, way: Way, asked: AskedTraffic) -> sa.ColumnElement[bool]:
    found = (_S.account_id == int(asked.account.id)) & (_S.dimension == way.dimension)
    if way.owner is None or not (asked.account.kind == "provider" or asked.account.provides):
        return found  # nearly all are within
    return found & within(way.owner(_S.number), call.actor)


def _indexed(call: Call, way: Way, currency: str, by: str) -> sa.Select[Any]:
    """The operator's, which have an index. SQLite must be told: believing that each account has as few sums a day as
    most have it goes through all of them, and by a parameter it doesn't see that the index has these.
    """
    number: sa.ColumnElement[Any] = sa.literal_column("number")
    value: sa.ColumnElement[Any] = sa.literal_column(_HIGHEST[by].name)
    table = f"call_sums INDEXED BY {_INDICES[by]}" if is_sqlite(call.conn) else "call_sums"
    found = sa.select(number.label("number"), value.label("value")).select_from(sa.text(table))
    found = found.where(sa.text(LEADING_OF), sa.literal_column("dimension", sa.Text()) == way.dimension)
    return found.where(sa.literal_column("currency", sa.Text()) == currency) if by in OF_MONEY else found


def promising(lists: Sequence[Leaders], ranking: Ranking, each: int) -> Promising:
    """What days' leaders say; a list with `each` of them may go on."""
    return (_by_key if ranking.by == "key" else _by_value)(lists, ranking, each)


def _by_value(lists: Sequence[Leaders], ranking: Ranking, each: int) -> Promising:
    """A list that is full may go on with the value that it ends with, or with nothing, where that is more."""
    lasts = [max(0, min(value for _, value in found)) if len(found) == each else 0 for found in lists]
    highest: defaultdict[int, int] = defaultdict(lambda: sum(lasts))
    for found, last in zip(lists, lasts, strict=True):
        for key, value in found:
            highest[key] += value - last
    is_all = all(len(found) < each for found in lists)
    keys = sorted((ranking.place_of(value, key), key) for key, value in highest.items())
    return Promising(keys, None if is_all else (-sum(lasts),))


def _by_key(lists: Sequence[Leaders], ranking: Ranking, each: int) -> Promising:
    """A list that is full has all keys up to its last one: beyond the first of these nothing is known."""
    places = {ranking.place_of(0, key): key for found in lists for key, _ in found}
    ends = [max(ranking.place_of(0, key) for key, _ in found) for found in lists if len(found) == each]
    if not ends:
        return Promising(sorted(places.items()), None)
    known = sorted((place, key) for place, key in places.items() if place <= min(ends))
    return Promising(known, (*min(ends), 0))
