"""The API of money: what is paid in, corrected, paid back and moved, and the lines of an account's books."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from ratebook.money import format_micros
from service.access.actor import Actor
from service.access.permissions import Permission
from service.accounts.storage import lock_account, seller_of
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lists import Listing, Page, Paging, page_of
from service.api.problems import Problem, invalid
from service.api.values import ABOVE, ID_MAX, Asked, InvoiceId, Micros, Moment, Money, Told, Words
from service.billing.states import OPEN_STATES
from service.database.tables import accounts, entries, postings
from service.ledger import rules
from service.ledger.payments import AMOUNT_MAX_MICROS, payment_problem
from service.ledger.postings import Booking, book
from service.ledger.reversals import Reversal, find_payment, reverse
from service.ledger.storage import balance_of, balance_upto


class LineView(Told):
    """A line of an account's books."""

    entry_id: int
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    kind: Annotated[
        str,
        Field(
            description="payment, adjustment, refund, transfer, write_off, netting, charges, correction, item, "
            "invoice, credit_note or payout"
        ),
    ]
    reason: str
    actor: Annotated[str, Field(description="`above`: somebody outside your subtree")]
    amount: Annotated[Money, Field(description="Positive: the account had more afterwards")]
    currency: str
    balance: Annotated[Money, Field(description="Right after it")]


class NewPayment(Asked):
    """Money that an account has paid in; of a provider also what it was paid out (negative)."""

    amount: Micros
    reason: Words
    invoice_id: Annotated[
        InvoiceId | None, Field(description="That it pays; null: of a postpaid account what is due first")
    ] = None


class Adjustment(Asked):
    """A correction: a fee (negative), a goodwill (positive). It is owed whatever is there, and no hold is touched."""

    amount: Micros
    reason: Words


class WriteOff(Asked):
    """Why nobody will pay this debt."""

    reason: Words


class NewReversal(Asked):
    """A payment that went back: the bank has refused it, or it was posted by mistake."""

    entry_id: Annotated[int, Field(ge=1, le=ID_MAX, description="The payment's, as its line or receipt says")]
    amount: Annotated[Micros | None, Field(description="null: all that is left of it")] = None
    reason: Words


_ACTORS = accounts.alias("actor_account")
_LINES = Listing(
    "line",
    {"-id": postings.c.id},
    {},
    sa.select(
        postings.c.id,
        postings.c.entry_id,
        postings.c.amount_micros,
        postings.c.currency,
        entries.c.created_ms,
        entries.c.kind,
        entries.c.reason,
        entries.c.actor,
        _ACTORS.c.path.label("actor_path"),
    )
    .join(entries, entries.c.id == postings.c.entry_id)
    .join(_ACTORS, _ACTORS.c.id == entries.c.actor_account_id, isouter=True),
    lambda call: (postings.c.account_id == call.row.id) & (postings.c.book == rules.BALANCE),
)


def seen_actor(name: str, path: str | None, viewer: Actor) -> str:
    """The name of who did something, if the viewer may know it. `path` None: a part of the system."""
    return name if path is None or viewer.sees(path) else ABOVE


def _line(row: Row[Any], viewer: Actor, balance_micros: int) -> LineView:
    values = dict(row._mapping)
    actor = seen_actor(row.actor, row.actor_path, viewer)
    return LineView.model_validate(values | {"actor": actor, "amount": row.amount_micros, "balance": balance_micros})


async def list_lines(call: Call) -> Answer:
    """A page of them, newest first."""
    rows, following = await page_of(call, _LINES)
    balance = await balance_upto(call.conn, call.row.id, rows[0].id) if rows else 0
    items = []
    for row in rows:
        items.append(_line(row, call.actor, balance))
        balance -= row.amount_micros
    return Answer(Page[LineView](items=items, next=following))


def check_amount(micros: int, pointer: str = "/amount") -> None:
    """Of what is moved on demand: more than nothing. Raises Problem."""
    if not 0 < micros <= AMOUNT_MAX_MICROS:
        raise invalid(pointer, "an amount lies between 0.000001 and 1000000000")


async def make_payment(call: Call) -> Answer:
    """What was paid in can be spent within a second."""
    body: NewPayment = call.body
    problem = payment_problem(body.amount, call.row.kind, call.row.state)
    if problem is not None and "amount lies" in problem:
        raise invalid("/amount", problem)
    if problem is not None:
        raise Problem("conflict", problem)
    if body.invoice_id is not None:
        await _check_invoice(call, body.invoice_id)
    return await _booked(call, rules.PAYMENT, body.amount, body.reason, body.invoice_id)


async def _check_invoice(call: Call, number: int) -> None:
    """Raises Problem unless it is the account's, and open."""
    invoice = await call.find("invoice", number)
    if invoice.account_id != call.row.id or invoice.kind != "invoice":
        raise invalid("/invoice_id", "this is not an invoice of the account")
    if invoice.state not in OPEN_STATES:
        raise Problem("conflict", f"the invoice is {invoice.state}: there is nothing to pay")


async def reverse_payment(call: Call) -> Answer:
    """Invoices that it had paid are open again. The account owes it, whatever is there; the receipt stays, marked."""
    body: NewReversal = call.body
    await lock_account(call.conn, call.row.id)
    payment = await find_payment(call.conn, call.row.id, body.entry_id)
    if payment is None or call.row.kind == "provider":
        raise invalid("/entry_id", "this is no payment that the account has made")
    if payment.seller_id != await seller_of(call.conn, call.row):
        raise Problem("conflict", "the account has another seller now than when it paid this")
    if not payment.left_micros:
        raise Problem("conflict", "all of it went back already")
    micros = payment.left_micros if body.amount is None else body.amount
    if not 0 < micros <= payment.left_micros:
        raise invalid("/amount", f"{format_micros(payment.left_micros)} of it can go back")
    by = call.by
    wanted = Reversal(payment.entry_id, micros, body.reason, *by)
    entry_id = await reverse(call.conn, call.node, call.row, wanted, call.now_ms)
    return await _posted(call, entry_id, ("payment", "account.reversal"), -micros, body.reason)


async def adjust(call: Call) -> Answer:
    """A fee may leave an account below nothing; it gets no new hold then."""
    body: Adjustment = call.body
    check_amount(abs(body.amount))
    if call.row.state == "closed":
        raise Problem("conflict", "the account is closed: resume it first")
    return await _booked(call, rules.ADJUSTMENT, body.amount, body.reason)


async def write_off(call: Call) -> Answer:
    """The whole debt of an account that is suspended, so that it can be closed."""
    body: WriteOff = call.body
    if call.row.state != "suspended":
        raise Problem("conflict", "only a suspended account's debt is written off: suspend it first")
    await lock_account(call.conn, call.row.id)
    balance = await balance_of(call.conn, call.row.id, call.row.currency)
    if balance >= 0:
        raise Problem("conflict", "the account owes nothing: what it has left is refunded")
    return await _booked(call, rules.WRITE_OFF, -balance, body.reason)


async def _booked(call: Call, kind: str, micros: int, reason: str, invoice_id: int | None = None) -> Answer:
    booking = Booking(kind, micros, reason, call.actor.name, call.actor.own_account_id, invoice_id=invoice_id)
    entry_id = await book(call.conn, call.node, call.row, booking, call.now_ms)
    return await _posted(call, entry_id, (kind, f"account.{kind}"), micros, reason)


async def _posted(call: Call, entry_id: int, kind_action: tuple[str, str], micros: int, reason: str) -> Answer:
    kind, action = kind_action
    values = {"entry_id": entry_id, "created_ms": call.now_ms, "kind": kind, "reason": reason}
    balance = await balance_of(call.conn, call.row.id, call.row.currency)
    values |= {"actor": call.actor.name, "amount": micros, "currency": call.row.currency, "balance": balance}
    view = LineView.model_validate(values)
    await call.audit(action, "account", call.row.id, call.row.id, None, view)
    return Answer(view)


_P = Permission
_ONE = "/accounts/{account_id}"
ENDPOINTS = [
    Endpoint(
        "payment.list", "GET", f"{_ONE}/lines", _P.PAYMENTS_READ, list_lines, "List the lines of an account's books",
        query=Paging, answer=Page[LineView],
    ),
    Endpoint(
        "payment.make", "POST", f"{_ONE}/payments", _P.PAYMENTS_CHANGE, make_payment, "Post a payment", NewPayment,
        answer=LineView, status=201, below=True, of_seller=True, key=Key.NEEDED,
    ),
    Endpoint(
        "payment.reverse", "POST", f"{_ONE}/reversals", _P.PAYMENTS_CHANGE, reverse_payment, "Take a payment back",
        NewReversal, answer=LineView, status=201, below=True, of_seller=True, key=Key.NEEDED,
    ),
    Endpoint(
        "payment.adjust", "POST", f"{_ONE}/adjustments", _P.PAYMENTS_CHANGE, adjust, "Correct a balance", Adjustment,
        answer=LineView, status=201, below=True, of_seller=True, key=Key.NEEDED,
    ),
    Endpoint(
        "payment.write-off", "POST", f"{_ONE}/write-off", _P.PAYMENTS_CHANGE, write_off, "Write a debt off", WriteOff,
        answer=LineView, status=201, below=True, of_seller=True, key=Key.NEEDED,
    ),
]  # fmt: skip
