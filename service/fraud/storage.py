"""From the ledger's rows to what the call path knows: an account's precautions, the ranges of all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from kemi.store.limits import DIGITS
from service.commands.bodies import Body
from service.commands.outbox import enqueue
from service.database.fraud_tables import call_limits, number_filters, risk_choices, risk_ranges
from service.database.tables import cdrs, charges
from service.fraud.words import PERIOD_S

LOOKED_BACK_MS = 90 * 86_400_000
"""A destination that nobody has called for so long is new again when a store begins, or a limit is made."""
DESTINATIONS_MAX = 10_000
REMEMBERING = ("destinations", "first_call")
"""Measures that ask whether a destination was called before."""


async def tell_precautions(conn: AsyncConnection, node: str, account_id: int, now_ms: int) -> None:
    """Numbers the command with all that an account has."""
    await enqueue(conn, node, (await _bodies(conn, [account_id]))[account_id], now_ms=now_ms)


async def tell_ranges(conn: AsyncConnection, node: str, now_ms: int) -> None:
    """Numbers the command with all ranges."""
    await enqueue(conn, node, await _ranges_body(conn), now_ms=now_ms)


async def tell_met(conn: AsyncConnection, node: str, limit: Row[Any], now_ms: int) -> None:
    """Numbers the command with what was called before, if a new limit asks for that."""
    if limit.measure in REMEMBERING:
        await enqueue(conn, node, await _met_body(conn, limit.account_id, limit.trunk_id, now_ms), now_ms=now_ms)


async def filling(conn: AsyncConnection, now_ms: int) -> list[Body]:
    """The commands that tell a new store of everything."""
    accounts: set[int] = set()
    for table in (call_limits, number_filters, risk_choices):
        accounts.update((await conn.execute(sa.select(table.c.account_id).distinct())).scalars())
    found = [*(await _bodies(conn, sorted(accounts))).values()]
    ranges = await _ranges_body(conn)
    if ranges["ranges"]:
        found.append(ranges)
    scopes = sa.select(call_limits.c.account_id, call_limits.c.trunk_id).distinct()
    rows = await conn.execute(scopes.where(call_limits.c.measure.in_(REMEMBERING)))
    return found + [await _met_body(conn, row.account_id, row.trunk_id, now_ms) for row in rows]


async def _ranges_body(conn: AsyncConnection) -> Body:
    rows = await conn.execute(sa.select(risk_ranges).order_by(risk_ranges.c.id))
    return {"do": "ranges", "ranges": [[prefix, row.id, row.open_through] for row in rows for prefix in row.prefixes]}


async def _bodies(conn: AsyncConnection, account_ids: list[int]) -> dict[int, Body]:
    """By account; one that has nothing has an empty one."""
    found: dict[int, Body] = {
        number: {"do": "precautions", "account": number, "rules": [], "numbers": [], "opened": [], "closed": []}
        for number in account_ids
    }
    for row in await _rows(conn, call_limits, account_ids, call_limits.c.id):
        found[row.account_id]["rules"].append(_rule(row))
    for row in await _rows(conn, number_filters, account_ids, number_filters.c.id):
        entry = [row.trunk_id or 0, row.subject, row.digits, row.whole, row.kind == "allow"]
        found[row.account_id]["numbers"].append(entry)
    for row in await _rows(conn, risk_choices, account_ids, risk_choices.c.range_id):
        found[row.account_id]["opened" if row.open else "closed"].append(row.range_id)
    return found


async def _rows(
    conn: AsyncConnection, table: sa.Table, account_ids: list[int], order: sa.Column[int]
) -> Iterable[Row[Any]]:
    rows: list[Row[Any]] = []
    for start in range(0, len(account_ids), 500):
        some = table.c.account_id.in_(account_ids[start : start + 500])
        rows += (await conn.execute(sa.select(table).where(some).order_by(order))).all()
    return rows


def _rule(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "trunk": row.trunk_id or 0,
        "measure": row.measure,
        "group": row.destinations,
        "limit": row.amount,
        "window_s": PERIOD_S[row.period],
        "action": row.action,
    }


async def _met_body(conn: AsyncConnection, account_id: int, trunk_id: int | None, now_ms: int) -> Body:
    """What an account, or its trunk, has talked to; by the prefix that it paid by, as the call path names it."""
    named = sa.case((charges.c.prefix == "", sa.func.substr(cdrs.c.called, 1, DIGITS)), else_=charges.c.prefix)
    query = sa.select(named).select_from(charges.join(cdrs, cdrs.c.id == charges.c.cdr_id)).distinct()
    where = (charges.c.account_id == account_id) & (cdrs.c.outcome == "answered")
    where &= cdrs.c.end_ms > now_ms - LOOKED_BACK_MS
    if trunk_id is not None:
        where &= cdrs.c.trunk_id == trunk_id
    found = (await conn.execute(query.where(where).limit(DESTINATIONS_MAX))).scalars()
    return {"do": "met", "account": account_id, "trunk": trunk_id or 0, "destinations": sorted(filter(None, found))}
