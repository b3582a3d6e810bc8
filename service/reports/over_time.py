"""Reports by the hour or day of one thing's calls, or split by those things that have most of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from service.api.call import Call
from service.calls.sums import DAY_MS, HOUR_MS, OF_CALLS
from service.calls.traffic_api import AskedTraffic
from service.database.traffic_tables import call_sums
from service.reports.adding import WAYS, Expression, Keys, Way, counted, keys_of
from service.reports.leading import Ranking, rows_from
from service.reports.spans import Spans, hours_of, spans_of

_SPAN = call_sums.c.span_ms
STEPS_MS = {"hour": HOUR_MS, "day": DAY_MS}
THINGS_MAX = 5
"""That a report is split by: lines of a plot which can be told apart."""
RECORD_DAYS_MAX = 2
"""By the hour, of things of which nobody but the operator has hours' sums: their calls are read one by one."""
SPLIT_DAYS_MAX = 7
"""By the hour: a month of hours, each of six things, takes longer than a page may."""
_COUNTS = ("attempts", "answered", "minutes", "rang", "pdd_ms", "earned", "spent", "margin")
_NOTHING = [0] * len(_COUNTS)
_MOST_MINUTES = Ranking("minutes", falls=True)


class Thing(NamedTuple):
    """Of which calls a report is."""

    by: str
    """A name of WAYS."""
    key: int | str
    """Its number; of a destination its name."""


class SplitRow(NamedTuple):
    """As a row of `counted`, of one thing in one hour or day."""

    at: int
    key: int | str
    """0 or empty: the others."""
    named: str
    attempts: int
    answered: int
    minutes: int
    rang: int
    pdd_ms: int
    earned: int
    spent: int
    margin: int

    @property
    def counts(self) -> list[int]:
        """That are added up."""
        return _counts(self)


class Narrowed(NamedTuple):
    """What `counted` is asked with."""

    way: Way
    spans: Spans
    keys: Keys | None


def reads_records(by: str, thing_by: str, asked: AskedTraffic) -> bool:
    """Whether hours are read call by call."""
    has_records = bool(hours_of(WAYS[thing_by].dimension, asked).records)
    return by == "hour" and has_records and not _is_whole(thing_by, asked)


def _is_whole(thing_by: str, asked: AskedTraffic) -> bool:
    """Whether the account's calls are all that there are: who sells to nobody has none below."""
    return thing_by == "account" and asked.account.kind == "customer"


async def narrowed(call: Call, by: str, asked: AskedTraffic, thing: Thing) -> Narrowed:
    """Rows of hours or days, of one thing's calls."""
    way, at = WAYS[thing.by], _begins(STEPS_MS[by])
    if _is_whole(thing.by, asked) and thing.key == asked.account.id:
        way = WAYS["destination"]._replace(key=at(_SPAN))
        return Narrowed(way, hours_of(way.dimension, asked), None)
    spans = hours_of(way.dimension, asked) if by == "hour" else await spans_of(call, way.dimension, asked)
    number = 0 if thing.by == "destination" else int(thing.key)
    keys = await keys_of(call, way, asked, [number])
    name = str(thing.key) if thing.by == "destination" else ""
    return Narrowed(way._replace(key=at(_SPAN), at=at, destination=name), spans, keys)


async def split(call: Call, by: str, split_by: str, asked: AskedTraffic, currency: str) -> list[SplitRow]:
    """Of each hour or day what the things with most minutes had, these first, and then all others together."""
    way = WAYS[split_by]
    spans = await spans_of(call, way.dimension, asked)
    most = await rows_from(call, way, asked, spans, currency, _MOST_MINUTES, 0, THINGS_MAX + 1)
    keys = [row.key for row in most if row.key][:THINGS_MAX]
    names: Mapping[Any, Any] = await call.find_all(way.noun, keys) if way.noun else {}
    found: dict[int, list[SplitRow]] = {}
    for key in keys:
        one = await narrowed(call, by, asked, Thing(split_by, key))
        named = _name(split_by, key, names)
        for row in await _rows(call, one.way, asked, one.spans, currency, one.keys):
            found.setdefault(int(row.key), []).append(SplitRow(int(row.key), key, named, *_counts(row)))
    whole = {int(row.key): _counts(row) for row in await _all(call, by, split_by, asked, currency)}
    rows: list[SplitRow] = []
    for at in sorted({*whole, *found}):
        own = found.get(at, [])
        told = [whole.get(at, _NOTHING), *(row.counts for row in own)]
        rest = [all_of_it - sum(parts) for all_of_it, *parts in zip(*told, strict=True)]
        rows += [*own, *([SplitRow(at, "", "", *rest)] if any(rest) else [])]
    return rows


def _name(split_by: str, key: int | str, names: Mapping[Any, Any]) -> str:
    return str(names[key].name) if key in names else str(key) if split_by in {"destination", "code"} else ""


async def _all(call: Call, by: str, split_by: str, asked: AskedTraffic, currency: str) -> Sequence[Any]:
    """All of the account's calls, counted as those of the things are: a paid attempt is one of a gateway."""
    is_counted = split_by not in OF_CALLS and asked.account.kind != "customer"
    way = Way("provider" if is_counted else "destination", _begins(STEPS_MS[by])(_SPAN))
    return await _rows(call, way, asked, hours_of(way.dimension, asked), currency, None)


async def _rows(
    call: Call, way: Way, asked: AskedTraffic, spans: Spans, currency: str, keys: Keys | None
) -> Sequence[Any]:
    found = counted(call, way, asked, spans, currency, with_money=True, keys=keys)
    return list(await call.conn.execute(found.order_by("key")))


def _counts(row: Any) -> list[int]:
    return [int(getattr(row, name)) for name in _COUNTS]


def _begins(step_ms: int) -> Callable[[Expression], Expression]:
    """Its length stands in the statement: PostgreSQL doesn't see that two parameters are one."""
    length: Expression = sa.literal_column(str(step_ms))
    return lambda moment: moment - moment % length
