"""Refunds and transfers: debits that somebody asks for. The store sets the money aside, then it is posted, then taken.

asked ─ the store says yes ─▶ posted; ─ it says no ─▶ refused; ─ who asked thinks better of it ─▶ cancelled. Each step
is one transaction under the node's lock, so that an operation is posted once, whatever comes twice or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.storage import seller_of
from service.billing.allocation import is_allocated, take_from_waiting, take_payment
from service.commands.bodies import credit_body, let_go_body, set_aside_body, take_body
from service.commands.outbox import Command, Node, enqueue, enqueue_all
from service.database.tables import accounts, operations
from service.ledger.rules import Entry, Posting, payment_postings, sum_postings
from service.ledger.storage import post_entry

REFUND, TRANSFER, FEE = "refund", "transfer", "fee"
ASKED, POSTED, REFUSED, CANCELLED = "asked", "posted", "refused", "cancelled"
Answered = dict[str, Any]
"""A `set_aside` line of the journal."""


class Debit(NamedTuple):
    """What is asked for."""

    kind: str
    account_id: int
    to_account_id: int | None
    """None: it is paid out."""
    amount_micros: int
    currency: str
    reason: str
    actor: str
    actor_account_id: int


async def ask(conn: AsyncConnection, node: Node, name: str, debit: Debit, now_ms: int) -> int:
    """Asks the store to set the money aside; returns the operation's id. `name`: the node's."""
    values = debit._asdict() | {"node_id": node.id, "created_ms": now_ms}
    made = await conn.execute(sa.insert(operations).values(**values).returning(operations.c.id))
    number = int(made.scalar_one())
    await enqueue(conn, name, _ask_body(number, debit.kind, debit.account_id, debit.amount_micros), now_ms=now_ms)
    return number


def _ask_body(number: int, kind: str, account_id: int, micros: int) -> dict[str, Any]:
    """A fee may be owed, as calls may."""
    return set_aside_body(number, account_id, micros, credit=kind == FEE)


async def find_operation(conn: AsyncConnection, number: int) -> Row[Any]:
    """The row as it stands now."""
    return (await conn.execute(sa.select(operations).where(operations.c.id == number))).one()


async def decide(conn: AsyncConnection, node: str, answers: Iterable[Answered], now_ms: int) -> None:
    """Posts or refuses what the store has answered. What is no longer asked for stays as it is; fees are for
    `service.products` to post.
    """
    for answer in answers:
        row = await find_operation(conn, answer["operation"])
        if row.state != ASKED or row.kind == FEE:
            continue
        if answer["done"]:
            await _post(conn, node, row, now_ms)
        else:
            await close(conn, row.id, now_ms, state=REFUSED, free_micros=answer["free"])


async def _post(conn: AsyncConnection, node: str, row: Row[Any], now_ms: int) -> None:
    postings = await _postings(conn, row)
    by = row.actor_account_id
    entry = Entry(row.kind, row.actor, row.reason, now_ms, postings, actor_account_id=by)
    entry_id = await post_entry(conn, entry)
    wanted = [Command(take_body(row.id), row.account_id, -row.amount_micros)]
    if row.to_account_id is not None:
        body = credit_body(row.to_account_id, row.amount_micros)
        wanted.append(Command(body, row.to_account_id, row.amount_micros))
    last = await enqueue_all(conn, node, wanted, now_ms=now_ms)
    taken = last - len(wanted) + 1
    await close(conn, row.id, now_ms, state=POSTED, entry_id=entry_id, closed_by=taken)
    await _beside_invoices(conn, node, row, entry_id, now_ms)


async def _beside_invoices(conn: AsyncConnection, node: str, row: Row[Any], entry_id: int, now_ms: int) -> None:
    """What goes out pays no invoice any more, what comes in does."""
    await take_from_waiting(conn, row.account_id, row.amount_micros)
    if row.to_account_id is None:
        return
    account = (await conn.execute(sa.select(accounts).where(accounts.c.id == row.to_account_id))).one()
    if is_allocated(account):
        await take_payment(conn, node, account, entry_id, row.amount_micros, now_ms)


async def _postings(conn: AsyncConnection, row: Row[Any]) -> tuple[Posting, ...]:
    """Out of one account with its seller, into another with its own: where the sellers are one, no cash moves."""
    lines = await _payment(conn, row.account_id, -row.amount_micros, row.currency)
    if row.to_account_id is not None:
        lines += await _payment(conn, row.to_account_id, row.amount_micros, row.currency)
    return sum_postings(lines)


async def _payment(conn: AsyncConnection, account_id: int, micros: int, currency: str) -> tuple[Posting, ...]:
    account = (await conn.execute(sa.select(accounts).where(accounts.c.id == account_id))).one()
    return payment_postings(account_id, await seller_of(conn, account), micros, currency)


async def cancel(conn: AsyncConnection, node: str, row: Row[Any], now_ms: int) -> None:
    """Of an operation that the store has not answered yet; if it sets the money aside after all, it lets it go."""
    number = await enqueue(conn, node, let_go_body(row.id), now_ms=now_ms)
    await close(conn, row.id, now_ms, state=CANCELLED, closed_by=number)


async def close(conn: AsyncConnection, number: int, now_ms: int, **values: Any) -> None:
    """It is decided."""
    await conn.execute(sa.update(operations).where(operations.c.id == number).values(decided_ms=now_ms, **values))


async def asked_again(conn: AsyncConnection, node_id: int) -> list[dict[str, Any]]:
    """For a new store: what the one before was asked and didn't answer."""
    where = (operations.c.node_id == node_id) & (operations.c.state == ASKED)
    rows = await conn.execute(sa.select(operations).where(where).order_by(operations.c.id))
    return [_ask_body(row.id, row.kind, row.account_id, row.amount_micros) for row in rows]
