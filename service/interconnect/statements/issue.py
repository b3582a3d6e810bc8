"""Issues statements and settles them. Once issued a statement stays as it is: what comes later is on the next one."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.storage import seller_of, sellers_of
from service.commands.bodies import credit_body
from service.commands.outbox import enqueue
from service.database.interconnect_tables import statement_settlements, statements
from service.database.rerating_tables import corrections
from service.faults import Fault
from service.interconnect.statements.paper import frozen
from service.interconnect.statements.sums import Sums, Wanted, link, sums_of
from service.ledger.by import By
from service.ledger.rules import NETTING, Entry, handed_over, netting_postings
from service.ledger.storage import post_entry


class NothingToState(Fault):
    """No call is on it."""

    def __init__(self) -> None:
        super().__init__("no call has ended by then that is on no statement yet, and none was rated again")


class CallsCameIn(Fault):
    """Another node has written calls between the sums and the links."""

    def __init__(self) -> None:
        super().__init__("calls came in while it was made: ask again")


class AlreadySettled(Fault):
    """It was settled before."""

    def __init__(self, number: str) -> None:
        super().__init__(f"statement {number} is settled already")


async def last_until_ms(conn: AsyncConnection, account_id: int) -> int | None:
    """Where the next statement of a partner begins; None: it has none yet."""
    query = sa.select(sa.func.max(statements.c.until_ms)).where(statements.c.account_id == account_id)
    found: int | None = (await conn.execute(query)).scalar()
    return found


async def issue(
    conn: AsyncConnection, account: Row[Any], since_ms: int, wanted: Wanted, by: By, now_ms: int
) -> Row[Any]:
    """Its row. The caller holds the node's lock. Raises NothingToState, CallsCameIn."""
    sums = await sums_of(conn, wanted)
    if sums.is_empty:
        raise NothingToState
    seller_id = await seller_of(conn, account)
    values = await _values(conn, seller_id, sums)
    values |= {"account_id": account.id, "seller_id": seller_id, "since_ms": since_ms, "until_ms": wanted.until_ms}
    values |= {"currency": wanted.currency, "actor": by.name, "issued_ms": now_ms}
    values |= {"paper": await frozen(conn, account, seller_id)}
    row: Row[Any] = (await conn.execute(sa.insert(statements).values(**values).returning(statements))).one()
    if await link(conn, wanted, row.id) != sums.ours.calls + sums.theirs.calls:
        raise CallsCameIn
    return row


async def _values(conn: AsyncConnection, seller_id: int, sums: Sums) -> dict[str, Any]:
    """Numbers are without a gap: two that are taken at once collide, and the second one is asked again."""
    taken = sa.select(sa.func.coalesce(sa.func.max(statements.c.sequence), 0)).where(
        statements.c.seller_id == seller_id
    )
    sequence = int((await conn.execute(taken)).scalar_one()) + 1
    last = sa.select(sa.func.coalesce(sa.func.max(corrections.c.id), 0))
    return {
        "sequence": sequence,
        "number": f"S-{sequence:06}",
        "in_calls": sums.ours.calls,
        "in_micros": sums.ours.micros,
        "in_tax_micros": sums.ours.tax_micros,
        "in_corrected_micros": sums.ours.corrected_micros,
        "in_corrected_tax_micros": sums.ours.corrected_tax_micros,
        "out_calls": sums.theirs.calls,
        "out_micros": sums.theirs.micros,
        "out_corrected_micros": sums.theirs.corrected_micros,
        "adjusted_micros": sums.adjusted_micros,
        "net_micros": sums.net_micros,
        "corrections_up_to": int((await conn.execute(last)).scalar_one()),
    }


async def settle(conn: AsyncConnection, node: str, statement: Row[Any], reason: str, by: By, now_ms: int) -> Row[Any]:
    """Both directions are paid at once; the store learns what that comes to. Raises AlreadySettled."""
    known = sa.select(statement_settlements).where(statement_settlements.c.statement_id == statement.id)
    if (await conn.execute(known)).first() is not None:
        raise AlreadySettled(statement.number)
    ours = statement.in_micros + statement.in_corrected_micros + max(0, statement.adjusted_micros)
    theirs = statement.out_micros + statement.out_corrected_micros - min(0, statement.adjusted_micros)
    net, seller_now = ours - theirs, (await sellers_of(conn, [statement.account_id]))[statement.account_id]
    lines = netting_postings(statement.account_id, statement.seller_id, ours, theirs, statement.currency)
    lines += handed_over(statement.seller_id, seller_now, net, statement.currency)
    entry = Entry(NETTING, by.name, f"statement {statement.number}: {reason}", now_ms, lines,
                  f"statement {statement.id}", actor_account_id=by.account_id)  # fmt: skip
    entry_id = await post_entry(conn, entry)
    body = credit_body(statement.account_id, net)
    await enqueue(conn, node, body, now_ms=now_ms, account_id=statement.account_id, amount_micros=net)
    values = {"statement_id": statement.id, "entry_id": entry_id, "reason": reason, "actor": by.name}
    made = sa.insert(statement_settlements).values(**values, settled_ms=now_ms).returning(statement_settlements)
    settled: Row[Any] = (await conn.execute(made)).one()
    return settled
