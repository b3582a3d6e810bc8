"""Commitments in SQL: a period's volume, and its settlement, which is posted once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.groups import Groups
from service.database.interconnect_tables import commitment_settlements
from service.database.tables import accounts, cdrs, charges
from service.interconnect.adjustments import COMMITMENT, Adjusting, adjust
from service.interconnect.commitments.rules import Period, Step, Terms, Volume, periods, settlement_micros
from service.interconnect.partners import IN, OUT
from service.ledger.by import By
from service.tariffs.switching import load_groups


class Standing(NamedTuple):
    """A period and what it comes to."""

    period: Period
    volume: Volume
    micros: int
    """Positive: the partner owes us more."""
    settled: Row[Any] | None
    """None: not yet; what stands above may still change."""


def terms_of(row: Row[Any]) -> Terms:
    """Of a commitment."""
    steps = tuple(Step(*step) for step in row.steps)
    return Terms(row.kind, row.direction, steps, row.whole, row.committed_s, row.rate_nanos)


def periods_of(row: Row[Any]) -> list[Period]:
    """Of a commitment."""
    return list(periods(row.period, row.zone, row.since_ms, row.until_ms))


async def standing(conn: AsyncConnection, row: Row[Any], period: Period) -> Standing:
    """As it was settled, or as it is now."""
    return (await standings(conn, row, [period]))[0]


async def standings(conn: AsyncConnection, row: Row[Any], wanted: Sequence[Period]) -> list[Standing]:
    """Of several periods: what all of them need is looked up once."""
    query = sa.select(commitment_settlements).where(commitment_settlements.c.commitment_id == row.id)
    settled = {one.since_ms: one for one in await conn.execute(query)}
    is_open = any(period.since_ms not in settled for period in wanted)
    groups = Groups(await load_groups(conn)) if row.group_name and is_open else None
    return [await _standing(conn, row, period, settled.get(period.since_ms), groups) for period in wanted]


async def _standing(
    conn: AsyncConnection, row: Row[Any], period: Period, settled: Row[Any] | None, groups: Groups | None
) -> Standing:
    if settled is not None:
        volume = Volume(settled.in_s, settled.out_s, settled.charged_micros)
        return Standing(period, volume, settled.micros, settled)
    volume = await _volume_of(conn, row, period, groups)
    return Standing(period, volume, settlement_micros(terms_of(row), volume), None)


async def _volume_of(conn: AsyncConnection, row: Row[Any], period: Period, groups: Groups | None) -> Volume:
    """Of the calls that ended in a period, in both directions; what they were charged in the commitment's own."""
    in_s, in_micros = await _sums(conn, _in(row, period), row.group_name, groups)
    out_s, out_micros = await _sums(conn, _out(row, period), row.group_name, groups)
    charged = {IN: in_micros, OUT: out_micros}.get(row.direction, 0)
    return Volume(in_s, out_s, charged)


def _in(row: Row[Any], period: Period) -> sa.Select[Any]:
    query = sa.select(cdrs.c.called, charges.c.billed_s.label("billed_s"), charges.c.charge_micros.label("micros"))
    query = query.join(charges, charges.c.cdr_id == cdrs.c.id)
    return _within(query.where(charges.c.account_id == row.account_id, charges.c.currency == row.currency), period)


def _out(row: Row[Any], period: Period) -> sa.Select[Any]:
    query = sa.select(cdrs.c.called, cdrs.c.cost_billed_s.label("billed_s"), cdrs.c.cost_micros.label("micros"))
    return _within(query.where(cdrs.c.cost_account_id == row.account_id, cdrs.c.cost_currency == row.currency), period)


def _within(query: sa.Select[Any], period: Period) -> sa.Select[Any]:
    return query.where(cdrs.c.outcome == "answered", cdrs.c.end_ms >= period.since_ms, cdrs.c.end_ms < period.until_ms)


async def _sums(conn: AsyncConnection, calls: sa.Select[Any], group: str, groups: Groups | None) -> tuple[int, int]:
    """Seconds and micro-units; of a group's numbers, which no SQL knows: by called number first."""
    lines = calls.subquery()
    sums = [sa.func.coalesce(sa.func.sum(column), 0) for column in (lines.c.billed_s, lines.c.micros)]
    if groups is None:
        row = (await conn.execute(sa.select(*sums))).one()
        return int(row[0]), int(row[1])
    seconds = micros = 0
    for called, more_s, more in await conn.execute(sa.select(lines.c.called, *sums).group_by(lines.c.called)):
        if groups.find(called) == group:
            seconds, micros = seconds + int(more_s), micros + int(more)
    return seconds, micros


async def settle(conn: AsyncConnection, node: str, row: Row[Any], period: Period, by: By, now_ms: int) -> Standing:
    """Posts what a period comes to. The caller holds the node's lock, and has seen that it is not settled yet."""
    found = await standing(conn, row, period)
    entry_id = None
    if found.micros:
        account = (await conn.execute(sa.select(accounts).where(accounts.c.id == row.account_id))).one()
        key = f"commitment {row.id} {period.since_ms}"
        wanted = Adjusting(row.direction, COMMITMENT, f"commitment {row.name}", found.micros, key)
        entry_id = await adjust(conn, node, account, wanted, by, now_ms)
    values = {"commitment_id": row.id, "since_ms": period.since_ms, "until_ms": period.until_ms, "entry_id": entry_id}
    values |= found.volume._asdict() | {"micros": found.micros, "currency": row.currency}
    values |= {"actor": by.name, "settled_ms": now_ms}
    made = sa.insert(commitment_settlements).values(**values).returning(commitment_settlements)
    return found._replace(settled=(await conn.execute(made)).one())
