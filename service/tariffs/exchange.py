"""Rates of exchange in the ledger: what was published when, what holds, and who lacks one.

A version holds what was in effect at its publishing and what comes later. What held at a moment is what the version
that was published last before it says of that moment.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.exchange import NO_EXCHANGE, Exchange, pair_text
from service.accounts.rules import ROOT_ID
from service.commands import bodies
from service.commands.outbox import enqueue
from service.database.peer_tables import devices
from service.database.tables import accounts, exchange_versions, gateways, tariffs, trunks
from service.faults import Fault

Pairs = set[tuple[str, str]]


class ExchangeTakenAway(Fault):
    """A rate that calls are charged by is no longer in exchange.yaml."""

    def __init__(self, pairs: Iterable[str]) -> None:
        super().__init__(
            f"exchange.yaml has no rate of {', '.join(pairs)} any more, and accounts pay by it: nothing was published; "
            "put the rate back, or change their tariffs first"
        )


async def in_force(conn: AsyncConnection) -> Exchange:
    """What was published last; no rates at all: nothing was."""
    latest = sa.select(exchange_versions.c.record).order_by(exchange_versions.c.id.desc()).limit(1)
    record = (await conn.execute(latest)).scalar()
    return NO_EXCHANGE if record is None else Exchange.from_record(record)


async def publish_exchange(
    conn: AsyncConnection, node: str, wanted: Exchange, *, by: str, note: str, now_ms: int
) -> bool:
    """The rates that hold now and later; False: they are those of before. Raises ExchangeTakenAway."""
    now_s = now_ms // 1000
    before, after = (await in_force(conn)).since(now_s), wanted.since(now_s)
    if after == before:
        return False
    used = await _used(conn)
    gone = [pair_text(*pair) for pair in used if before.factor(*pair, now_s) and not after.factor(*pair, now_s)]
    if gone:
        raise ExchangeTakenAway(gone)
    values = {"record": after.to_record(), "published_ms": now_ms, "published_by": by, "note": note}
    await conn.execute(sa.insert(exchange_versions).values(**values))
    await enqueue(conn, node, bodies.exchange_body(after), now_ms=now_ms)
    return True


async def lacking(conn: AsyncConnection, exchange: Exchange, at_s: int) -> list[str]:
    """A line for each pair that calls ask for and that has no rate: they are refused, or go another way."""
    own = {pair for pair in await _used(conn) if exchange.factor(*pair, at_s) is None}
    compared = {pair for pair in await _compared(conn) if exchange.factor(*pair, at_s) is None} - own
    return [
        *(f"no rate of exchange {pair_text(*pair)}: calls of accounts that pay by it get 503" for pair in sorted(own)),
        *(f"no rate of exchange {pair_text(*pair)}: these providers are no way then" for pair in sorted(compared)),
    ]


async def _used(conn: AsyncConnection) -> list[tuple[str, str]]:
    """From the currency of a tariff to that of an account which pays, or is paid, by it."""
    found: Pairs = set()
    own = sa.select(tariffs.c.currency, accounts.c.currency).where(accounts.c.state != "closed")
    for table in (accounts, trunks, devices, gateways):
        query = own.where(tariffs.c.id == table.c.tariff_id, tariffs.c.currency != accounts.c.currency)
        if table is not accounts:
            query = query.where(table.c.account_id == accounts.c.id)
        found |= {(have, want) for have, want in await conn.execute(query.distinct())}
    return sorted(found)


async def _compared(conn: AsyncConnection) -> Pairs:
    """From the currencies of providers to those that the operator sells in."""
    query = sa.select(accounts.c.currency, accounts.c.kind == "provider")
    rows = await conn.execute(query.where(accounts.c.parent_id == ROOT_ID, accounts.c.state != "closed").distinct())
    found = [(currency, bool(provides)) for currency, provides in rows]
    costs = {currency for currency, provides in found if provides}
    return {(have, want) for have in costs for want, provides in found if not provides and want != have}


class History(NamedTuple):
    """What currencies were worth, over some time."""

    published_ms: tuple[int, ...]
    """Rising."""
    versions: tuple[Exchange, ...]

    def factor(self, have: str, want: str, at_ms: int) -> tuple[int, int] | None:
        """What one was worth in the other at a moment; None: nobody said so."""
        found = bisect_right(self.published_ms, at_ms)
        return (
            self.versions[found - 1].factor(have, want, at_ms // 1000) if found else NO_EXCHANGE.factor(have, want, 0)
        )


async def history(conn: AsyncConnection, moments_ms: Iterable[int]) -> History:
    """What held in the time of these moments."""
    moments = list(moments_ms)
    if not moments:
        return History((), ())
    table = exchange_versions
    first = sa.select(sa.func.max(table.c.id)).where(table.c.published_ms <= min(moments)).scalar_subquery()
    query = sa.select(table.c.published_ms, table.c.record).where(table.c.published_ms <= max(moments))
    rows = (await conn.execute(query.where(table.c.id >= sa.func.coalesce(first, 0)).order_by(table.c.id))).all()
    return History(tuple(ms for ms, _ in rows), tuple(Exchange.from_record(record) for _, record in rows))
