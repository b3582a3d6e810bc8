"""What follows from a posting: webhooks are told, alerts are mailed, recharges begin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.money import format_micros
from service.database.access_tables import mails
from service.database.payment_tables import balance_alerts
from service.database.tables import book_balances
from service.ledger.rules import BALANCE, CHARGES, Entry, Posting, sum_postings
from service.payments import recharging
from service.webhooks.events import Event, emit, has_any


async def tell(conn: AsyncConnection, stood: Sequence[tuple[int, Entry]]) -> None:
    """Called when entries stand, with their ids in their order, and the balances have moved."""
    moves = [
        _Moved(entry_id, entry, [line for line in sum_postings(entry.postings) if line.book == BALANCE])
        for entry_id, entry in stood
    ]
    lines = [line for move in moves for line in move.lines]
    if not lines:
        return
    alerts = await _alerts(conn, lines)
    wanted = await recharging.wanted(conn, {line.account_id for line in lines if line.amount_micros < 0})
    is_told = await has_any(conn)
    if not alerts and not wanted and not is_told:
        return
    balances = await _balances(conn, lines)
    for line in lines:  # back to before the first of them: each is told as if it had come alone
        balances[_key(line)] -= line.amount_micros
    for move in moves:
        for line in move.lines:
            balances[_key(line)] += line.amount_micros
        await _recharge(conn, wanted, move.lines, balances, move.entry.created_ms)
        await _alert(conn, alerts, move.lines, balances, move.entry.created_ms)
        if is_told:
            await _tell_webhooks(conn, move, balances)


class _Moved(NamedTuple):
    entry_id: int
    entry: Entry
    lines: list[Posting]
    """Of balances, one for each account and currency."""


Balances = Counter[tuple[int, str]]
"""Micro-units by account and currency."""


def _key(line: Posting) -> tuple[int, str]:
    return line.account_id, line.currency


async def _alerts(conn: AsyncConnection, moved: list[Posting]) -> list[Row[Any]]:
    """Thresholds that somebody wants to be told of; most accounts have none."""
    falling = [line.account_id for line in moved if line.amount_micros < 0]
    query = sa.select(balance_alerts)
    return list(await conn.execute(query.where(balance_alerts.c.account_id.in_(falling)))) if falling else []


async def _recharge(
    conn: AsyncConnection, wanted: list[Row[Any]], moved: list[Posting], after: Balances, now_ms: int
) -> None:
    """At the crossing, as alerts."""
    by_account = {row.account_id: row for row in wanted}
    for line in moved:
        if line.account_id in by_account:
            left = after[line.account_id, line.currency]
            fall = recharging.Fall(line.account_id, line.currency, left - line.amount_micros, left)
            await recharging.begin(conn, by_account[line.account_id], fall, now_ms)


async def _alert(
    conn: AsyncConnection, alerts: list[Row[Any]], moved: list[Posting], after: Balances, now_ms: int
) -> None:
    """At the crossing, downwards: what is below already is not told again."""
    deltas = {_key(line): line.amount_micros for line in moved}
    told: set[tuple[int, int]] = set()
    for row in alerts:
        key = (row.account_id, row.currency)
        if key not in deltas or not after[key] < row.threshold_micros <= after[key] - deltas[key]:
            continue
        shown = {
            "balance": format_micros(after[key]), "threshold": format_micros(row.threshold_micros),
            "currency": row.currency,
        }  # fmt: skip
        mail = {"account_id": row.account_id, "template": "low_balance", "recipient": row.email, "fields": shown}
        await conn.execute(sa.insert(mails).values(**mail, created_ms=now_ms))
        if (row.account_id, row.threshold_micros) not in told:
            told.add((row.account_id, row.threshold_micros))
            await emit(conn, Event.BALANCE_LOW, row.account_id, shown, now_ms)


async def _tell_webhooks(conn: AsyncConnection, move: _Moved, after: Balances) -> None:
    entry = move.entry
    for line in move.lines:
        balance = after[_key(line)]
        shown = {"balance": format_micros(balance), "currency": line.currency}
        if entry.kind != CHARGES:
            data = {"entry_id": move.entry_id, "kind": entry.kind, "amount": format_micros(line.amount_micros)}
            told = {**data, **shown, "reason": entry.reason}
            await emit(conn, Event.PAYMENT_POSTED, line.account_id, told, entry.created_ms)
        event = crossing(balance - line.amount_micros, balance)
        if event is not None:
            await emit(conn, event, line.account_id, shown, entry.created_ms)


def crossing(before_micros: int, after_micros: int) -> Event | None:
    """What a balance has crossed; None: nothing."""
    if before_micros >= 0 > after_micros:
        return Event.BALANCE_NEGATIVE
    if before_micros < 0 <= after_micros:
        return Event.BALANCE_RESTORED
    return None


async def _balances(conn: AsyncConnection, lines: list[Posting]) -> Balances:
    where = (book_balances.c.book == BALANCE) & book_balances.c.account_id.in_([line.account_id for line in lines])
    rows = await conn.execute(sa.select(book_balances).where(where))
    return Counter({(row.account_id, row.currency): int(row.amount_micros) for row in rows})
