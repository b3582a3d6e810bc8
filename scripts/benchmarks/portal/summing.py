"""Sums of the ledger's calls, as the product has them, but by statements that know how regular this ledger is.

One currency, a price for each destination and depth, and nobody above a customer but those that its row names: so a
day is summed up from its calls alone, first by what most sums have in common. The product's own statement, which knows
nothing of that, takes three times as long; the suite holds it against these sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from scripts.benchmarks.portal.plan import DAY_MS, HOUR_MS, Plan
from service.calls.sums import BY_DAY, BY_HOUR

_COUNTED = ("attempts", "answered", "duration_ms", "rang", "pdd_ms")
_MONEY = ("micros0", "micros1", "micros2", "cost")
"""What each level paid, the customer first, and what the provider got."""
_SUMMED = ", ".join(f"SUM({name})" for name in (*_COUNTED, *_MONEY))
_NUMBERS = " BIGINT, ".join((*_COUNTED, *_MONEY))
_ABOVE = "depth BIGINT, above1 BIGINT, above2 BIGINT, provider BIGINT, gateway BIGINT"
_ALIKE = "hour_ms BIGINT, code BIGINT, destination TEXT"
_LEVELS = "micros0 BIGINT, micros1 BIGINT, micros2 BIGINT"
_KEY = "account_id BIGINT, dimension TEXT, span_ms BIGINT, number BIGINT, destination TEXT"
_COUNTS = "attempts BIGINT, answered BIGINT, duration_ms BIGINT, rang BIGINT, pdd_ms BIGINT"

SUM_HELPERS = (
    f"CREATE TABLE bench_paid (place BIGINT, depth BIGINT, {_LEVELS}, PRIMARY KEY (place, depth))",
    f"CREATE TABLE bench_added ({_KEY}, {_COUNTS}, earned_micros BIGINT, spent_micros BIGINT)",
)
"""Tables of prices side by side, and of all sums."""
SUMS_DONE = ("DROP TABLE bench_paid", "DROP TABLE bench_added")
_OF_A_DAY = (
    f"CREATE TABLE bench_day (account BIGINT, trunk BIGINT, {_ABOVE}, {_ALIKE}, {_NUMBERS} BIGINT)",
    f"CREATE TABLE bench_pairs (account BIGINT, trunk BIGINT, {_ABOVE}, {_NUMBERS} BIGINT)",
    f"CREATE TABLE bench_hours ({_ABOVE}, {_ALIKE}, {_NUMBERS} BIGINT)",
)
"""Its calls; by account and provider; by hour and who is above. Made anew for each: deleted rows stay in the way."""
_PAID = """
INSERT INTO bench_paid SELECT p.place, p.depth, p.micros, COALESCE(p1.micros, 0), COALESCE(p2.micros, 0)
FROM bench_prices p LEFT JOIN bench_prices p1 ON p1.place = p.place AND p1.depth = p.depth - 1 AND p.depth > 1
LEFT JOIN bench_prices p2 ON p2.place = p.place AND p2.depth = p.depth - 2 AND p.depth > 2
"""


class Top(NamedTuple):
    """Whose sums: columns of the account, and of what it earned and spent."""

    account: str
    earned: str
    spent: str


_CUSTOMER = Top("account", "0", "micros0")


def summed(plan: Plan) -> Iterator[str]:
    """All sums, day by day; in their order at last, so that their index grows at its end."""
    yield _PAID
    for day_ms in range(plan.begin_ms, plan.end_ms, DAY_MS):
        yield from _day(day_ms)
    key = "account_id, dimension, span_ms, number, destination"
    rest = "attempts, answered, duration_ms, rang, pdd_ms, earned_micros, spent_micros"
    yield (
        f"INSERT INTO call_sums ({key}, currency, {rest}) SELECT {key}, 'EUR', {rest} FROM bench_added ORDER BY {key}"
    )


def _day(day_ms: int) -> Iterator[str]:
    yield from _OF_A_DAY
    yield f"""
INSERT INTO bench_day SELECT account_id, trunk_id, m.depth, above1, above2, COALESCE(cost_account_id, 0), gateway_id,
    start_ms - start_ms % {HOUR_MS}, sip_code, destination, 1, CASE WHEN outcome = 'answered' THEN 1 ELSE 0 END,
    duration_ms, CASE WHEN ring_ms > 0 THEN 1 ELSE 0 END, CASE WHEN ring_ms > 0 THEN ring_ms - start_ms ELSE 0 END,
    COALESCE(cost_billed_s * p.micros0, 0), COALESCE(cost_billed_s * p.micros1, 0),
    COALESCE(cost_billed_s * p.micros2, 0), COALESCE(cost_micros, 0)
FROM cdrs JOIN bench_members m ON m.id = account_id
LEFT JOIN bench_paid p ON p.place = CAST(cost_prefix AS BIGINT) - 41 AND p.depth = m.depth
WHERE start_ms >= {day_ms} AND start_ms < {day_ms + DAY_MS}"""
    who = "depth, above1, above2, provider, gateway"
    alike = f"account, trunk, {who}"
    yield f"INSERT INTO bench_pairs SELECT {alike}, {_SUMMED} FROM bench_day GROUP BY {alike}"
    alike = f"{who}, hour_ms, code, destination"
    yield f"INSERT INTO bench_hours SELECT {alike}, {_SUMMED} FROM bench_day GROUP BY {alike}"
    for dimension in BY_HOUR:
        yield from _of_sellers("bench_hours", dimension, "hour_ms")
    for dimension in BY_DAY:
        yield from _of_sellers("bench_pairs", dimension, str(day_ms))
        yield _added("bench_pairs", _CUSTOMER, dimension, str(day_ms))
    for dimension in ("destination", "code"):
        yield _added("bench_day", _CUSTOMER, dimension, "hour_ms")
    yield from (f"DROP TABLE bench_{name}" for name in ("day", "pairs", "hours"))


def _of_sellers(table: str, dimension: str, span: str) -> Iterator[str]:
    """Of the operator, of up to two below it, and of providers."""
    last = "CASE depth WHEN 1 THEN micros0 WHEN 2 THEN micros1 ELSE micros2 END"
    names = ", ".join(
        (
            "depth, hour_ms, code, destination" if table == "bench_hours" else "depth, account, trunk",
            "provider, gateway",
            *_COUNTED,
        )
    )
    below = " UNION ALL ".join(
        f"SELECT above{level} AS above, micros{level - 1} AS earned, micros{level} AS spent, {names} FROM {table}"
        f" WHERE depth > {level}"
        for level in (1, 2)
    )
    yield _added(table, Top("1", last, "cost"), dimension, span)
    yield _added(f"({below}) AS below", Top("above", "earned", "spent"), dimension, span)
    yield _added(f"{table} WHERE provider > 0", Top("provider", "cost", "0"), dimension, span)


def _added(table: str, top: Top, dimension: str, span: str) -> str:
    number, name = ("0", "destination") if dimension == "destination" else (dimension, "''")
    keys = dict.fromkeys(one for one in (top.account, span, number, name) if one.isidentifier())
    counts = ", ".join(f"SUM({one})" for one in _COUNTED)
    return (
        f"INSERT INTO bench_added SELECT {top.account}, '{dimension}', {span}, {number}, {name}, {counts},"
        f" SUM({top.earned}), SUM({top.spent}) FROM {table} GROUP BY {', '.join(keys)}"
    )
