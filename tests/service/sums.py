"""Sums of calls the slow way: call by call, from records, charges and the tree; and random calls to sum up."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from service.calls.sums import BY_DAY, BY_HOUR, DAY_MS, HOUR_MS, OF_CUSTOMERS
from service.database.tables import accounts, cdrs, charges
from service.database.traffic_tables import call_sums

Sums = dict[tuple[Any, ...], tuple[int, ...]]
_KEY = len(call_sums.primary_key.columns)


class Fact(NamedTuple):
    """What a call is for an account that has to do with it."""

    top: Any
    call: Any
    currency: str
    counted: int
    earned: int
    spent: int

    def counts(self, dimension: str) -> tuple[int, ...]:
        """Attempts, answered, duration, those that rang, their delay; earned, spent."""
        if self.call.kind == "attempt" and dimension in {"destination", "code"}:
            return (0,) * 5 + (self.earned, self.spent)
        call, rang = self.call, self.call.ring_ms > 0
        delay = max(0, call.ring_ms - call.start_ms) if rang else 0
        counts = (1, call.outcome == "answered", call.duration_ms, rang, delay)
        return (*(int(one) * self.counted for one in counts), self.earned, self.spent)

    def key(self, dimension: str) -> tuple[int, str]:
        """Number and destination."""
        numbers = {
            "code": self.call.sip_code, "gateway": self.call.gateway_id, "provider": self.call.cost_account_id or 0,
            "account": self.call.account_id, "trunk": self.call.trunk_id,
        }  # fmt: skip
        return numbers.get(dimension, 0), self.call.destination if dimension == "destination" else ""


async def facts(conn: AsyncConnection) -> list[Fact]:
    """Of all calls."""
    tree = {row.id: row for row in await conn.execute(sa.select(accounts))}
    paid: defaultdict[int, list[Any]] = defaultdict(list)
    for row in await conn.execute(sa.select(charges)):
        paid[row.cdr_id].append(row)
    return [one for call in (await conn.execute(sa.select(cdrs))).all() for one in _of(call, paid[call.id], tree)]


def _of(call: Any, paid: Sequence[Any], tree: dict[int, Any]) -> Iterator[Fact]:
    sides = [tree[one].path for one in (call.account_id, call.cost_account_id) if one in tree]
    for number in {1, *(int(step) for path in sides for step in path.strip("/").split("/"))}:
        top = tree[number]
        yield Fact(top, call, top.currency, 1, 0, 0)
        for charge in paid:
            net = charge.charge_micros - charge.tax_micros
            earned, spent = net * (number == charge.seller_id), net * (number == charge.account_id)
            if earned or spent:
                yield Fact(top, call, charge.currency, 0, earned, spent)
        if call.cost_micros and number in {1, call.cost_account_id}:
            sides_of = (0, call.cost_micros) if number == 1 else (call.cost_micros, 0)
            yield Fact(top, call, call.cost_currency, 0, *sides_of)


async def expected(conn: AsyncConnection) -> Sums:
    """What stands in `call_sums`, beside rows of nothing."""
    sums: Sums = {}
    for fact in await facts(conn):
        for dimension in OF_CUSTOMERS if fact.top.kind == "customer" else (*BY_HOUR, *BY_DAY):
            step_ms = DAY_MS if dimension in BY_DAY else HOUR_MS
            span_ms = fact.call.start_ms // step_ms * step_ms
            key = (fact.top.id, dimension, span_ms, *fact.key(dimension), fact.currency)
            counts = fact.counts(dimension)
            before = sums.get(key, (0,) * len(counts))
            sums[key] = tuple(one + more for one, more in zip(before, counts, strict=True))
    return {key: counts for key, counts in sums.items() if any(counts)}


async def stored(conn: AsyncConnection) -> Sums:
    """What does stand there, beside rows of nothing."""
    rows = (tuple(row) for row in await conn.execute(sa.select(call_sums)))
    return {row[:_KEY]: row[_KEY:] for row in rows if any(row[_KEY:])}


async def scatter(
    conn: AsyncConnection, dice: random.Random, ids: Sequence[int], carriers: Sequence[int], spans: tuple[int, int]
) -> list[int]:
    """Calls of anybody, carried by anybody, in several currencies; somebody from outside has no account."""
    found = []
    for _ in range(30):
        start_ms, carrier = dice.randrange(*spans), dice.choice([*carriers, None])
        row = {
            "call": f"{dice.getrandbits(128):032x}", "node_id": 1, "epoch": 1, "sequence": dice.getrandbits(60),
            "kind": "call", "outcome": dice.choice(["answered", "failed", "refused"]),
            "sip_code": dice.choice([200, 402, 503]),
            "start_ms": start_ms, "ring_ms": dice.choice([0, start_ms - 5, start_ms + dice.randrange(3_000)]),
            "end_ms": start_ms, "duration_ms": dice.randrange(99_999), "trunk_id": dice.randrange(3),
            "gateway_id": dice.randrange(3), "account_id": dice.choice([*ids, 0]), "path": [], "attempts": [],
            "destination": dice.choice("ab"), "cost_account_id": carrier,
        }  # fmt: skip
        texts = ("sip_reason", "ended_by", "caller", "called", "called_sent", "call_id", "from_tag", "to_tag")
        row |= dict.fromkeys(texts, "")
        if carrier is not None and dice.random() < 0.3:
            row |= {"kind": "attempt", "outcome": "failed", "duration_ms": 0, "account_id": 1, "trunk_id": 0}
        if carrier is not None:
            row |= {"cost_micros": dice.randrange(3), "cost_currency": dice.choice(["EUR", "USD"])}
        number = (await conn.execute(sa.insert(cdrs).values(**row).returning(cdrs.c.id))).scalar_one()
        found.append(number)
        for level in range(0 if row["kind"] == "attempt" else dice.randrange(3)):
            line = {"level": level, "account_id": dice.choice(ids), "seller_id": dice.choice([*ids, 1])}
            money = {"charge_micros": dice.randrange(9), "tax_micros": dice.randrange(2), "billed_s": 1}
            named = {"currency": dice.choice(["EUR", "USD"]), "tariff": "", "prefix": "", "terms": ""}
            await conn.execute(sa.insert(charges).values(cdr_id=number, **line, **money, **named))
    return found
