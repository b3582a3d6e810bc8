"""What the books tell webhooks: that a line was posted, that a balance has crossed nothing."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.money import format_micros
from service.database.tables import book_balances
from service.ledger.rules import BALANCE, CHARGES, Entry, Posting, sum_postings
from service.webhooks.events import Event, emit, has_any


async def tell(conn: AsyncConnection, entry_id: int, entry: Entry) -> None:
    """Called when an entry stands and the balances have moved."""
    moved = [line for line in sum_postings(entry.postings) if line.book == BALANCE]
    if not moved or not await has_any(conn):
        return
    after = await _balances(conn, moved)
    for line in moved:
        balance = after[line.account_id, line.currency]
        shown = {"balance": format_micros(balance), "currency": line.currency}
        if entry.kind != CHARGES:
            data = {"entry_id": entry_id, "kind": entry.kind, "amount": format_micros(line.amount_micros)}
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


async def _balances(conn: AsyncConnection, lines: list[Posting]) -> dict[tuple[int, str], int]:
    where = (book_balances.c.book == BALANCE) & book_balances.c.account_id.in_([line.account_id for line in lines])
    rows = await conn.execute(sa.select(book_balances).where(where))
    return {(row.account_id, row.currency): int(row.amount_micros) for row in rows}
