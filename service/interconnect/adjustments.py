"""What is posted between us and a partner beside calls: disputes, commitments. Each is on a statement."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.storage import seller_of
from service.commands.bodies import credit_body
from service.commands.outbox import enqueue
from service.database.interconnect_tables import partner_adjustments
from service.interconnect.partners import OUT
from service.ledger.by import By
from service.ledger.rules import ADJUSTMENT, BALANCE, COST, REVENUE, ROOT_ID, Entry, Posting
from service.ledger.storage import post_entry

DISPUTE, COMMITMENT = "dispute", "commitment"


class Adjusting(NamedTuple):
    """What is to be posted."""

    direction: str
    """out: it changes our costs; else our revenue."""
    kind: str
    subject: str
    micros: int
    """Positive: the partner owes us more."""
    key: str
    """The same one can't be posted twice."""


def adjusting_postings(
    account_id: int, seller_id: int, direction: str, micros: int, currency: str
) -> tuple[Posting, Posting]:
    """What the partner has with its seller falls by what it owes more."""
    book, whose = (COST, ROOT_ID) if direction == OUT else (REVENUE, seller_id)
    return Posting(BALANCE, account_id, -micros, currency), Posting(book, whose, micros, currency)


async def adjust(conn: AsyncConnection, node: str, account: Row[Any], wanted: Adjusting, by: By, now_ms: int) -> int:
    """Posts it; returns the entry's id. The caller holds the node's lock and has seen that it isn't posted yet."""
    currency, seller_id = account.currency, await seller_of(conn, account)
    lines = adjusting_postings(account.id, seller_id, wanted.direction, wanted.micros, currency)
    entry = Entry(ADJUSTMENT, by.name, wanted.subject, now_ms, lines, wanted.key, actor_account_id=by.account_id)
    entry_id = await post_entry(conn, entry)
    values = {"account_id": account.id, "direction": wanted.direction, "kind": wanted.kind, "subject": wanted.subject}
    values |= {"currency": currency, "amount_micros": wanted.micros, "entry_id": entry_id, "created_ms": now_ms}
    await conn.execute(sa.insert(partner_adjustments).values(**values))
    body = credit_body(account.id, -wanted.micros)
    await enqueue(conn, node, body, now_ms=now_ms, account_id=account.id, amount_micros=-wanted.micros)
    return entry_id
