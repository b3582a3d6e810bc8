"""The API of vouchers: a seller makes batches, an account uses a code."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from pydantic import Field

from service.access.permissions import Permission
from service.accounts.storage import seller_of
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import FieldError, Problem, invalid
from service.api.values import AccountId, Asked, Micros, Moment, Money, Told, When, Words
from service.database.payment_tables import voucher_batches, vouchers
from service.ledger.api import check_amount
from service.ledger.payments import payment_problem
from service.ledger.storage import balance_of
from service.payments.vouchers import find_open, make_codes, use
from service.sellers.brand import check_sells

COUNT_MAX = 10_000


class BatchView(Told):
    """Vouchers that were made together."""

    id: int
    account_id: Annotated[int, Field(description="The seller")]
    name: str
    amount: Annotated[Money, Field(validation_alias="amount_micros")]
    currency: str
    count: int
    expires_at: Annotated[Moment, Field(validation_alias="expires_ms", description="Exclusive; null: never")]
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    open: Annotated[int, Field(description="Not used, not void")] = 0


class BatchQuery(Paging):
    """Whose."""

    account_id: AccountId | None = None


class NewBatch(Asked):
    """Vouchers to make."""

    account_id: Annotated[AccountId, Field(description="The seller")]
    name: Words
    amount: Micros
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="Only accounts of this currency can use them")]
    count: Annotated[int, Field(ge=1, le=COUNT_MAX)]
    expires_at: When | None = None


class MadeBatch(BatchView):
    """With their codes, which nobody can show again."""

    codes: list[str]


class Code(Asked):
    """What stands on the voucher."""

    code: Annotated[str, Field(min_length=4, max_length=100)]


class Used(Told):
    """It was paid in."""

    entry_id: int
    amount: Money
    currency: str
    balance: Money


_OPEN = (
    sa.select(sa.func.count())
    .where((vouchers.c.batch_id == voucher_batches.c.id) & (vouchers.c.state == "open"))
    .scalar_subquery()
)
_LISTING = Listing(
    "voucher-batch",
    {"-id": voucher_batches.c.id},
    {"account_id": equals(voucher_batches.c.account_id)},
    sa.select(voucher_batches, _OPEN.label("open")),
)


async def list_batches(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[BatchView](items=[BatchView.model_validate(row) for row in rows], next=following))


async def make_batch(call: Call) -> Answer:
    """The codes are in this answer alone."""
    body: NewBatch = call.body
    seller = await call.find("account", body.account_id, to_change=True)
    check_sells(seller)
    check_amount(body.amount)
    if body.expires_at is not None and body.expires_at <= call.now_ms:
        raise invalid("/expires_at", "this is over already")
    values = {
        "account_id": seller.id, "name": body.name, "amount_micros": body.amount, "currency": body.currency,
        "count": body.count, "expires_ms": body.expires_at, "actor": call.actor.name, "created_ms": call.now_ms,
    }  # fmt: skip
    row = (await call.conn.execute(sa.insert(voucher_batches).values(**values).returning(voucher_batches))).one()
    codes = await make_codes(call.conn, row.id, body.count)
    told = {**row._mapping, "open": body.count}
    view = BatchView.model_validate(told)
    await call.audit("voucher.make", "voucher-batch", row.id, seller.id, None, view)
    return Answer(MadeBatch.model_validate({**told, "codes": codes}))


async def void_batch(call: Call) -> Answer:
    """Of what is not used yet."""
    gone = sa.update(vouchers).where((vouchers.c.batch_id == call.row.id) & (vouchers.c.state == "open"))
    await call.conn.execute(gone.values(state="void"))
    row = (
        await call.conn.execute(
            sa.select(voucher_batches, _OPEN.label("open")).where(voucher_batches.c.id == call.row.id)
        )
    ).one()
    view = BatchView.model_validate(row)
    await call.audit("voucher.void", "voucher-batch", view.id, view.account_id, None, view)
    return Answer(view)


_NO_VOUCHER = "this is no voucher that can be used here: compare its symbols, and until when it holds"


async def use_code(call: Call) -> Answer:
    """Into an account. A wrong code, a used one, another seller's, one of another currency: all answered alike."""
    body: Code = call.body
    problem = payment_problem(1, call.row.kind, call.row.state)
    if problem is not None:
        raise Problem("conflict", problem)
    seller_id = await seller_of(call.conn, call.row)
    found = await find_open(call.conn, body.code, seller_id, call.row.currency, call.now_ms)
    if found is None:
        raise Problem("conflict", _NO_VOUCHER, [FieldError("body", "/code", _NO_VOUCHER)])
    by = call.by
    entry_id = await use(call.conn, call.node, call.row, found, by, call.now_ms)
    balance = await balance_of(call.conn, call.row.id, call.row.currency)
    view = Used(entry_id=entry_id, amount=found.amount_micros, currency=call.row.currency, balance=balance)
    await call.audit("voucher.use", "account", call.row.id, call.row.id, None, view)
    return Answer(view)


_P = Permission
ENDPOINTS = [
    Endpoint(
        "voucher.list", "GET", "/voucher-batches", _P.PAYMENTS_CHANGE, list_batches, "List batches of vouchers",
        query=BatchQuery, answer=Page[BatchView], for_paid=True,
    ),
    Endpoint(
        "voucher.make", "POST", "/voucher-batches", _P.PAYMENTS_CHANGE, make_batch, "Make vouchers", NewBatch,
        answer=MadeBatch, status=201, for_paid=True,
    ),
    Endpoint(
        "voucher.void", "POST", "/voucher-batches/{voucher_batch_id}/void", _P.PAYMENTS_CHANGE, void_batch,
        "Make void what is not used of a batch", answer=BatchView,
    ),
    Endpoint(
        "voucher.use", "POST", "/accounts/{account_id}/vouchers", _P.PAYMENTS_TOP_UP, use_code, "Use a voucher", Code,
        answer=Used, status=201,
    ),
]  # fmt: skip
