"""Sums of calls that overviews and reports are read from: of each account with all below it, by hours and days.

One statement says what calls add, whoever asks for it: the collector, re-rating, a move in the tree, the rebuilding.
It reads the records themselves, so that no two of these can differ. Its text is made of constants and parameters.
An attempt that a provider is paid for is one of its gateway's, and no other call where these are counted (`OF_CALLS`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kemi.store.queues import ATTEMPT
from service.database.engine import is_sqlite, reading
from service.database.paths import behind
from service.database.tables import cdrs, nodes
from service.database.traffic_tables import call_sums
from service.ledger.rules import ROOT_ID

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BY_HOUR = ("destination", "code", "gateway", "provider")
BY_DAY = ("account", "trunk")
"""These have many values and few calls of each: sums by the hour would be as many as calls."""
OF_CALLS = ("destination", "code")
"""By these attempts that left a record of their own are money, and nothing else: their calls are there."""
OF_CUSTOMERS = ("destination", "code", "account", "trunk")
"""Dimensions of an account that only calls: the others are seldom asked for."""
_KEY = [column.name for column in call_sums.primary_key.columns]
_ADDED = [column.name for column in call_sums.columns if column.name not in _KEY]
_COUNTED = ("attempts", "rang", "pdd_ms")


class Calls(NamedTuple):
    """Some calls, as a condition on `cdrs`."""

    where: str
    values: dict[str, Any]


def numbered(conn: AsyncConnection, ids: Collection[int]) -> Calls:
    """Records by their ids."""
    return Calls(f"id IN {_listed(conn, 'ids')}", {"ids": _list(conn, ids)})


def of_day(day_ms: int) -> Calls:
    """Those that began on a day of UTC."""
    return Calls("start_ms >= :since_ms AND start_ms < :until_ms", {"since_ms": day_ms, "until_ms": day_ms + DAY_MS})


def below(path: str) -> Calls:
    """Those that an account or one below it made, or carried."""
    inside = "SELECT id FROM accounts WHERE path >= :path AND path < :behind"
    made = f"SELECT id FROM cdrs WHERE account_id IN ({inside})"  # noqa: S608 -- a constant, as the next one
    carried = f"SELECT id FROM cdrs WHERE cost_account_id IN ({inside})"  # noqa: S608
    return Calls(f"id IN ({made} UNION {carried})", {"path": path, "behind": behind(path)})


def _listed(conn: AsyncConnection, name: str) -> str:
    """A list of numbers of any length as one parameter: the statement stays the same."""
    items = f"value FROM json_each(:{name})" if is_sqlite(conn) else f"unnest(CAST(:{name} AS bigint[]))"
    return f"(SELECT {items})"


def _list(conn: AsyncConnection, numbers: Collection[int]) -> Any:
    return json.dumps(sorted(numbers)) if is_sqlite(conn) else sorted(numbers)


async def add_calls(conn: AsyncConnection, calls: Calls, tops: Collection[int] = (), *, times: int = 1) -> None:
    """Adds calls to the sums, in the transaction that makes them true; -1: takes them out again.

    `tops`: accounts whose sums these are; none: of all that have to do with the calls.
    """
    among = f" WHERE top IN {_listed(conn, 'tops')}" if tops else ""
    values = calls.values | ({"tops": _list(conn, tops)} if tops else {})
    await conn.execute(sa.text(adding(calls.where, among, times, is_sqlite=is_sqlite(conn))), values)


async def take_out(conn: AsyncConnection, calls: Calls, tops: Collection[int]) -> None:
    """Out of some accounts' sums; what is nothing then is gone."""
    await add_calls(conn, calls, tops, times=-1)
    nothing = (call_sums.c[name] == 0 for name in _ADDED)
    await conn.execute(sa.delete(call_sums).where(call_sums.c.account_id.in_(tops), *nothing))


async def rebuild_day(conn: AsyncConnection, day_ms: int) -> None:
    """All sums of a day anew from the records. Whoever else writes must wait meanwhile."""
    of = (call_sums.c.span_ms >= day_ms) & (call_sums.c.span_ms < day_ms + DAY_MS)
    await conn.execute(sa.delete(call_sums).where(of))
    await add_calls(conn, of_day(day_ms))


async def rebuild(engine: AsyncEngine) -> AsyncIterator[int]:
    """All sums that are not the records', a day in a transaction; tells each day's first millisecond when it is done.

    What is right is only looked at: of 240,000 calls on a day that is a quarter of a minute, in which nobody need wait.
    Killed, it has done so many days, each whole: what it does is right whenever it is done.
    """
    async with reading(engine) as conn:
        first_ms, last_ms = await _times(conn)
    for day_ms in range(first_ms // DAY_MS * DAY_MS, last_ms + 1, DAY_MS):
        async with reading(engine) as conn:
            is_wrong = await _is_wrong(conn, day_ms)
        if is_wrong:
            async with engine.begin() as conn:
                await conn.execute(sa.select(nodes.c.id).order_by(nodes.c.id).with_for_update())
                await rebuild_day(conn, day_ms)
        yield day_ms


async def _is_wrong(conn: AsyncConnection, day_ms: int) -> bool:
    """Whether one of a day's sums is not the records': both are written in the same transactions."""
    looked = sa.text(differing(1, is_sqlite=is_sqlite(conn)))
    return (await conn.execute(looked, of_day(day_ms).values)).first() is not None


async def _times(conn: AsyncConnection) -> tuple[int, int]:
    """The first and last moment of which there is a record or a sum; 0 and -1: none."""
    times = [(cdrs.c.start_ms, cdrs), (call_sums.c.span_ms, call_sums)]
    found = [
        (await conn.execute(sa.select(edge(column)).select_from(table))).scalar()
        for column, table in times
        for edge in (sa.func.min, sa.func.max)
    ]
    known = [one for one in found if one is not None]
    return min(known, default=0), max(known, default=-1)


def adding(where: str, among: str = "", times: int = 1, *, is_sqlite: bool) -> str:
    """The statement. In the order of the key, so that no two writers wait for each other."""
    adds = ",\n    ".join(f"{name} = call_sums.{name} + excluded.{name}" for name in _ADDED)
    return f"""
INSERT INTO call_sums ({", ".join(_KEY)},
    {", ".join(_ADDED)})
{_summed(where, among, times, is_sqlite=is_sqlite)} ORDER BY 1, 2, 3, 4, 5, 6
ON CONFLICT ({", ".join(_KEY)}) DO UPDATE SET
    {adds}
"""


def differing(limit: int, *, is_sqlite: bool) -> str:
    """A statement that tells which sums of a day (`of_day`) are not those of the records: their keys."""
    should = _summed(of_day(0).where, "", 1, is_sqlite=is_sqlite)
    key, names = ", ".join(_KEY), ", ".join(_ADDED)
    less = ", ".join(f"-{name}" for name in _ADDED)
    wrong = " OR ".join(f"SUM({name}) <> 0" for name in _ADDED)
    return f"""
WITH should({key}, {names}) AS ({should})
SELECT {key} FROM (
    SELECT * FROM should UNION ALL SELECT {key}, {less} FROM call_sums
    WHERE span_ms >= :since_ms AND span_ms < :until_ms
) AS both_of_them GROUP BY {key} HAVING {wrong} ORDER BY 1, 2, 3, 4, 5, 6 LIMIT {limit}
"""  # noqa: S608 -- constants and parameters


def _summed(where: str, among: str, times: int, *, is_sqlite: bool) -> str:
    """What calls come to, by the key of the sums."""
    steps = _STEPS_SQLITE if is_sqlite else _STEPS_POSTGRESQL
    counts = f"CASE WHEN dimension IN {_words(OF_CALLS)} THEN calls ELSE 1 END"
    sums = ",\n    ".join(f"{times} * SUM({name}{f' * {counts}' if name in _COUNTED else ''})" for name in _ADDED)
    return f"""WITH chosen AS (
    SELECT id, account_id, COALESCE(cost_account_id, 0) AS provider_id, trunk_id, gateway_id, sip_code, destination,
        CASE kind WHEN '{ATTEMPT}' THEN 0 ELSE 1 END AS calls, start_ms,
        CASE WHEN outcome = 'answered' THEN 1 ELSE 0 END AS answered, duration_ms,
        CASE WHEN ring_ms > 0 THEN 1 ELSE 0 END AS rang,
        CASE WHEN ring_ms > start_ms THEN ring_ms - start_ms ELSE 0 END AS pdd_ms,
        COALESCE(cost_micros, 0) AS cost_micros, cost_currency
    FROM cdrs WHERE {where}
), up AS (
    SELECT below.id, above.id AS top, above.kind, above.currency FROM accounts below, {steps}
    JOIN accounts above ON above.id = CAST(step.value AS BIGINT)
    WHERE below.id IN (SELECT account_id FROM chosen UNION SELECT provider_id FROM chosen)
), every(cdr_id, top, kind, currency) AS (
    SELECT chosen.id, top, kind, currency FROM chosen JOIN up ON up.id = chosen.account_id
    UNION SELECT chosen.id, top, kind, currency FROM chosen JOIN up ON up.id = chosen.provider_id
    UNION SELECT chosen.id, accounts.id, kind, currency FROM chosen JOIN accounts ON accounts.id = {ROOT_ID}
), seen AS (
    SELECT cdr_id, top, kind, currency FROM every{among}
), paid AS (
    SELECT cdr_id, account_id, seller_id, currency, charge_micros - tax_micros AS micros FROM charges
    WHERE cdr_id IN (SELECT id FROM chosen) AND charge_micros <> tax_micros
), facts(cdr_id, top, kind, currency, counted, earned_micros, spent_micros) AS (
    SELECT cdr_id, top, kind, currency, 1, 0, 0 FROM seen
    UNION ALL
    SELECT seen.cdr_id, top, kind, paid.currency, 0, micros, 0
    FROM seen JOIN paid ON paid.cdr_id = seen.cdr_id AND seller_id = top
    UNION ALL
    SELECT seen.cdr_id, top, kind, paid.currency, 0, 0, micros
    FROM seen JOIN paid ON paid.cdr_id = seen.cdr_id AND account_id = top
    UNION ALL
    SELECT cdr_id, top, kind, cost_currency, 0, CASE top WHEN {ROOT_ID} THEN 0 ELSE cost_micros END,
        CASE top WHEN {ROOT_ID} THEN cost_micros ELSE 0 END
    FROM seen JOIN chosen ON chosen.id = cdr_id AND (top = {ROOT_ID} OR top = provider_id) WHERE cost_micros <> 0
), alike AS (
    SELECT top, kind, start_ms - start_ms % {HOUR_MS} AS hour_ms, account_id, trunk_id, provider_id, gateway_id,
        sip_code, destination, currency, calls, SUM(counted) AS attempts, SUM(counted * answered) AS answered,
        SUM(counted * duration_ms) AS duration_ms, SUM(counted * rang) AS rang, SUM(counted * pdd_ms) AS pdd_ms,
        SUM(earned_micros) AS earned_micros, SUM(spent_micros) AS spent_micros
    FROM facts JOIN chosen ON chosen.id = cdr_id GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
), dimensions(dimension) AS (
    VALUES {_rows((*BY_HOUR, *BY_DAY))}
)
SELECT top, dimension,
    CASE WHEN dimension IN {_words(BY_DAY)} THEN hour_ms - hour_ms % {DAY_MS} ELSE hour_ms END,
    CASE dimension WHEN 'code' THEN sip_code WHEN 'gateway' THEN gateway_id WHEN 'provider' THEN provider_id
        WHEN 'account' THEN account_id WHEN 'trunk' THEN trunk_id ELSE 0 END,
    CASE dimension WHEN 'destination' THEN alike.destination ELSE '' END, alike.currency,
    {sums}
FROM alike JOIN dimensions ON kind <> 'customer' OR dimension IN {_words(OF_CUSTOMERS)}
GROUP BY 1, 2, 3, 4, 5, 6"""  # noqa: S608 -- constants and parameters


_STEPS_SQLITE = "json_each('[' || replace(trim(below.path, '/'), '/', ',') || ']') AS step"
_STEPS_POSTGRESQL = "unnest(string_to_array(btrim(below.path, '/'), '/')) AS step(value)"
"""The ids of a path."""


def _words(words: Sequence[str]) -> str:
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"


def _rows(words: Sequence[str]) -> str:
    return ", ".join(f"('{word}')" for word in words)
