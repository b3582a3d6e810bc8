"""Payments: money that an account pays in to its seller, exactly once per key."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.money import MICROS, format_micros
from service.accounts.storage import find_account, seller_of
from service.commands.bodies import credit_body
from service.commands.outbox import enqueue, lock_node
from service.faults import Fault
from service.ledger.rules import PAYMENT, Entry, payment_postings
from service.ledger.storage import balance_after, entry_of_key, post_entry

AMOUNT_MAX_MICROS = 1_000_000_000 * MICROS
"""Of one payment: a billion. What is more is a slip of the finger."""
KEY_CHARACTERS_MAX = 200


class PaymentRefused(Fault):
    """This payment can't be posted. Nothing was."""


class PaymentRequest(NamedTuple):
    """What is asked for."""

    account: str
    """Name, or `#` and id."""
    amount_micros: int
    """Negative: paid out, which only a provider can be."""
    reason: str
    actor: str
    key: str | None = None
    """The same key again changes nothing and gives the same receipt."""


class Receipt(NamedTuple):
    """A payment that stands."""

    entry_id: int
    account_id: int
    account: str
    amount_micros: int
    currency: str
    balance_micros: int
    """Right after it."""
    created_ms: int
    repeated: bool
    """It stood already, under its key."""


async def pay(conn: AsyncConnection, node: str, request: PaymentRequest, now_ms: int) -> Receipt:
    """Posts a payment and numbers the store's credit. Raises UnknownAccount, PaymentRefused, KeyTaken."""
    await lock_node(conn, node)
    account = await find_account(conn, request.account)
    asked = json.dumps({"account": account.id, "micros": request.amount_micros, "reason": request.reason})
    known = None if request.key is None else await entry_of_key(conn, request.key, asked)
    if known is None:
        problem = _problem(request, account.kind, account.state)
        if problem:
            raise PaymentRefused(problem)
        entry_id, created_ms = await _post(conn, node, request, account, asked, now_ms), now_ms
    else:
        entry_id, created_ms = known.id, known.created_ms
    return Receipt(
        entry_id=entry_id,
        account_id=account.id,
        account=account.name,
        amount_micros=request.amount_micros,
        currency=account.currency,
        balance_micros=await balance_after(conn, account.id, entry_id),
        created_ms=created_ms,
        repeated=known is not None,
    )


async def _post(
    conn: AsyncConnection, node: str, request: PaymentRequest, account: Row[Any], asked: str, now_ms: int
) -> int:
    micros = request.amount_micros
    entry = Entry(
        kind=PAYMENT,
        actor=request.actor,
        reason=request.reason,
        created_ms=now_ms,
        postings=payment_postings(account.id, await seller_of(conn, account), micros, account.currency),
        idempotency_key=request.key,
        request=asked,
    )
    entry_id = await post_entry(conn, entry)
    body = credit_body(account.id, micros)
    await enqueue(conn, node, body, now_ms=now_ms, account_id=account.id, amount_micros=micros)
    return entry_id


def _problem(request: PaymentRequest, kind: str, state: str) -> str | None:
    if kind == "root":
        return "the operator pays nobody above itself: name the account that the money came from"
    if state == "closed":
        return f"account {request.account!r} is closed: open it again first (`state: active` in what you apply)"
    if not 0 < abs(request.amount_micros) <= AMOUNT_MAX_MICROS:
        return f"an amount lies between 0.000001 and {format_micros(AMOUNT_MAX_MICROS)}"
    if request.amount_micros < 0 and kind != "provider":
        return "only a provider is paid out: a refund to others first sets the money aside, which is not built yet"
    if request.key is not None and not 0 < len(request.key) <= KEY_CHARACTERS_MAX:
        return f"a key has 1 to {KEY_CHARACTERS_MAX} characters"
    return None
