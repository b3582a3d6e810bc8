"""Payments: money that an account pays in to its seller, exactly once per key."""

from __future__ import annotations

import json
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from ratebook.money import MICROS, format_micros
from service.access import audit
from service.access.actor import local_actor
from service.accounts.storage import find_account
from service.commands.outbox import lock_node
from service.faults import Fault
from service.ledger.postings import Booking, book
from service.ledger.rules import PAYMENT
from service.ledger.storage import balance_after, entry_of_key

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
        problem = payment_problem(request.amount_micros, account.kind, account.state)
        if problem is None and request.key is not None and not 0 < len(request.key) <= KEY_CHARACTERS_MAX:
            problem = f"a key has 1 to {KEY_CHARACTERS_MAX} characters"
        if problem:
            raise PaymentRefused(problem)
        booking = Booking(PAYMENT, request.amount_micros, request.reason, request.actor, key=request.key, request=asked)
        entry_id, created_ms = await book(conn, node, account, booking, now_ms), now_ms
        told = {"entry_id": entry_id, "amount": format_micros(request.amount_micros), "reason": request.reason}
        change = audit.Change("account.payment", "account", account.id, account.id, None, told)
        await audit.write(conn, local_actor("")._replace(name=request.actor), change, now_ms)
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


def payment_problem(amount_micros: int, kind: str, state: str) -> str | None:
    """Why an account can't be paid this in (negative: out); None: it can."""
    if kind == "root":
        return "the operator pays nobody above itself: name the account that the money came from"
    if state == "closed":
        return "the account is closed: resume it first"
    if not 0 < abs(amount_micros) <= AMOUNT_MAX_MICROS:
        return f"an amount lies between 0.000001 and {format_micros(AMOUNT_MAX_MICROS)}"
    if amount_micros < 0 and kind != "provider":
        return "only a provider is paid out: what others get back is a refund"
    return None
