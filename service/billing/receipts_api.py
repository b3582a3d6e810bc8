"""The API of receipts: looked at, as paper, and who gets them by mail."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.problems import Problem
from service.api.values import AccountId, Asked, Moment, Money, Text, Told, When
from service.billing.papers import PaperView, PlainQuery, answer_of
from service.billing.receipt_paper import receipt_document
from service.billing.receipts import GATEWAYS
from service.database.own import own_of, put_own
from service.database.receipt_tables import receipt_wishes, receipts
from service.ledger.reversals import returned, returned_of


class ReceiptView(Told):
    """A receipt."""

    id: int
    account_id: Annotated[int, Field(description="Who has paid")]
    number: str
    amount: Annotated[Money, Field(validation_alias="amount_micros")]
    currency: str
    reason: str
    returned: Annotated[
        Money, Field(validation_alias="returned_micros", description="What of the payment went back: void so far")
    ]
    entry_id: Annotated[int, Field(description="The payment")]
    issued_at: Annotated[Moment, Field(validation_alias="issued_ms")]


class PaidView(Told):
    """What an invoice got of it at once."""

    number: str
    amount: Annotated[Money, Field(validation_alias="amount_micros")]


class ReceiptText(ReceiptView):
    """A receipt with what it was for."""

    paid: Annotated[list[PaidView], Field(description="Invoices; none: it is kept on the account")]


class ReceiptQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None
    number: Annotated[Text, Field(max_length=100)] = ""
    since: When | None = None
    until: When | None = None


class Wish(Asked):
    """Of which payments an account wants its receipts by mail."""

    mailed: Annotated[
        Literal["all", "gateways", "none"], Field(description="gateways: of payments that a gateway tells of")
    ]


class WishView(Told):
    """Of which payments an account gets its receipts by mail."""

    account_id: int
    mailed: str
    version: Annotated[int, Field(description="0: nothing was set")]


_LISTING = Listing(
    "receipt",
    {"-id": receipts.c.id, "amount": receipts.c.amount_micros},
    {
        "account_id": equals(receipts.c.account_id),
        "number": equals(receipts.c.number),
        "since": lambda moment: receipts.c.issued_ms >= moment,
        "until": lambda moment: receipts.c.issued_ms < moment,
    },
    sa.select(receipts, returned(receipts.c.entry_id).label("returned_micros")),
)


async def list_receipts(call: Call) -> Answer:
    """A page of them, the latest first. Each payment of a customer or reseller has one."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[ReceiptView](items=[ReceiptView.model_validate(row) for row in rows], next=following))


async def show_receipt(call: Call) -> Answer:
    """One."""
    paid = [PaidView.model_validate(one) for one in call.row.paid]
    back = await returned_of(call.conn, call.row.entry_id)
    return Answer(ReceiptText.model_validate({**call.row._mapping, "paid": paid, "returned_micros": back}))


async def show_paper(call: Call) -> Answer:
    """As it was given, in the account's language; what of the payment went back is noted on it."""
    query: PlainQuery = call.query
    return await answer_of(call, receipt_document, query.form)


def _view(call: Call, row: Any) -> WishView:
    if row is None:
        return WishView(account_id=call.row.id, mailed=GATEWAYS, version=0)
    return WishView.model_validate(row)


async def show_wish(call: Call) -> Answer:
    """Nobody has said: those of payments that a gateway tells of."""
    view = _view(call, await own_of(call.conn, receipt_wishes, call.row.id))
    return Answer(view, version=view.version)


async def edit_wish(call: Call) -> Answer:
    """From the next payment on."""
    body: Wish = call.body
    if call.row.kind not in {"customer", "reseller"}:
        raise Problem("conflict", f"customers and resellers get receipts, and this is a {call.row.kind}")
    before = _view(call, await own_of(call.conn, receipt_wishes, call.row.id))
    call.check_match(before.version)
    view = _view(call, await put_own(call.conn, receipt_wishes, call.row.id, body.model_dump()))
    await call.audit("receipt-mail.edit", "receipt-mail", call.row.id, call.row.id, before, view)
    return Answer(view, version=view.version)


_P = Permission
_ONE = "/receipts/{receipt_id}"
_WISH = "/accounts/{account_id}/receipt-mail"
ENDPOINTS = [
    Endpoint(
        "receipt.list", "GET", "/receipts", _P.PAYMENTS_READ, list_receipts, "List receipts", query=ReceiptQuery,
        answer=Page[ReceiptView],
    ),
    Endpoint("receipt.show", "GET", _ONE, _P.PAYMENTS_READ, show_receipt, "Show a receipt", answer=ReceiptText),
    Endpoint(
        "receipt.paper", "GET", f"{_ONE}/paper", _P.PAYMENTS_READ, show_paper, "Show a receipt as PDF or HTML",
        query=PlainQuery, answer=PaperView, own_transaction=True,
    ),
    Endpoint(
        "receipt-mail.show", "GET", _WISH, _P.PAYMENTS_READ, show_wish, "Show which receipts are mailed",
        answer=WishView,
    ),
    Endpoint(
        "receipt-mail.edit", "PUT", _WISH, _P.SETTINGS_WEBHOOKS, edit_wish, "Set which receipts are mailed",
        Wish, answer=WishView,
    ),
]  # fmt: skip
