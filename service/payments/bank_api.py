"""The API of bank files: a seller's bank says who has paid; what it doesn't say clearly a person does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import BeforeValidator, Field, WithJsonSchema
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.files import encoded
from service.api.lists import Listing, Page, Paging, contains, equals, page_of
from service.api.problems import Problem, invalid
from service.api.values import AccountId, Asked, InvoiceId, Moment, Money, Text, Told, Words
from service.billing.states import OPEN_STATES, PAID
from service.database.again import until_alone
from service.database.billing_tables import billing_parties
from service.database.engine import reading
from service.database.payment_tables import bank_lines
from service.database.tables import accounts
from service.payments.bank_csv import Layout, read_csv
from service.payments.bank_file import FILE_BYTES_MAX, BankLine, UnreadableFile, digests
from service.payments.bank_lines import Invoices, Paid, match, open_invoices, settle, take
from service.payments.camt import read_camt
from service.payments.layouts_api import keep_layout, layout_of
from service.sellers.brand import check_sells

AT_ONCE = 50
"""Lines of a transaction: calls of the node's accounts wait as long."""
File = Annotated[
    bytes,
    BeforeValidator(encoded),
    Field(min_length=1, max_length=FILE_BYTES_MAX),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "description": "CSV or CAMT.053; 8 MiB"}),
]
Field_ = Literal["booked", "amount", "remittance", "currency", "payer", "sign", "reference"]
NEEDED = ("booked", "amount", "remittance")


class NewFile(Asked):
    """A bank's file. Of CSV it is said how it is read; a CAMT.053 says that itself."""

    account_id: Annotated[AccountId, Field(description="The seller whose bank it is")]
    format: Literal["csv", "camt"]
    file: File
    bank: Annotated[
        Text, Field(max_length=100, description="Of a CSV, and a seller with several: how it is read is kept by bank")
    ] = ""
    columns: Annotated[
        dict[Field_, Words],
        Field(default_factory=dict, description="The header's names: by what stands there. Empty: as in the last file"),
    ]
    date_order: Annotated[
        Literal["ymd", "dmy", "mdy"] | None, Field(description="null: as in the last file; with columns ymd")
    ] = None
    decimal_mark: Annotated[
        Literal[".", ","] | None, Field(description="null: as in the last file; with columns a point")
    ] = None
    currency: Annotated[
        str | None, Field(pattern=r"^([A-Z]{3})?$", description="Where no column says it; null: as in the last file")
    ] = None


class FileView(Told):
    """What has become of a file's lines."""

    lines: int
    posted: int
    open: Annotated[int, Field(description="To be looked at by a person")]
    ignored: Annotated[int, Field(description="Money that went out")]
    known: Annotated[int, Field(description="That were taken before")]


class LineView(Told):
    """A line of a bank's file."""

    id: int
    account_id: Annotated[int, Field(description="The seller")]
    booked_on: str
    amount: Annotated[Money, Field(validation_alias="amount_micros", description="Below zero: it went out")]
    currency: str
    payer: str
    remittance: str
    state: Annotated[str, Field(description="open, posted or ignored")]
    why: Annotated[str, Field(description="It is open, or ignored")]
    payer_account_id: Annotated[int | None, Field(description="That it was posted to")]
    entry_id: int | None
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]


class LineQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None
    state: Literal["open", "posted", "ignored", ""] = ""
    remittance: Annotated[Text, Field(description="What stands somewhere in it")] = ""


class Match(Asked):
    """Who has paid it: an account, or whoever owes an invoice. One of them."""

    account_id: AccountId | None = None
    invoice_id: InvoiceId | None = None


class Ignoring(Asked):
    """Why it is no payment of a customer."""

    reason: Words


_LISTING = Listing(
    "bank-line",
    {"-id": bank_lines.c.id, "amount": bank_lines.c.amount_micros},
    {
        "account_id": equals(bank_lines.c.account_id),
        "state": equals(bank_lines.c.state),
        "remittance": contains(bank_lines.c.remittance),
    },
)


async def take_file(call: Call) -> Answer:
    """What names an invoice that is open, or an account, is posted; the same file again posts nothing."""
    body: NewFile = call.body
    async with reading(call.api.engine) as conn:
        call.conn = conn
        seller = await call.find("account", body.account_id, to_change=True)
        check_sells(seller)
        own = sa.select(billing_parties.c.iban).where(billing_parties.c.account_id == seller.id)
        iban = (await conn.execute(own)).scalar() or ""
        layout = await _layout(call, seller.id)
    try:
        lines = await asyncio.to_thread(_read, body, layout, iban)
    except UnreadableFile as fault:
        raise invalid("/file", str(fault)) from None
    if layout is not None:
        async with call.writing():
            await keep_layout(call, seller.id, body.bank, layout)
    counts = await _take_all(call, seller.id, lines)
    known = counts.pop("", 0)
    return Answer(FileView(lines=len(lines), known=known, **{name: counts[name] for name in _STATES}))


_STATES = ("open", "posted", "ignored")


async def _layout(call: Call, seller_id: int) -> Layout | None:
    """How a CSV is read: as it is said, else as in the last file; None: it is none. Raises Problem."""
    body: NewFile = call.body
    if body.format == "camt":
        if body.columns:
            raise invalid("/columns", "only a CSV has columns")
        return None
    columns: dict[str, str] = {str(field): name for field, name in body.columns.items()}
    known = None if columns else await layout_of(call.conn, seller_id, body.bank)
    before = Layout(columns) if known is None else Layout(*(known._mapping[name] for name in Layout._fields))
    said = {name: getattr(body, name) for name in ("date_order", "decimal_mark", "currency")}
    layout = before._replace(**{name: value for name, value in said.items() if value is not None})
    _check(layout)
    return layout


def _check(layout: Layout) -> None:
    """Raises Problem."""
    missing = [name for name in NEEDED if name not in layout.columns]
    if missing:
        raise invalid(
            "/columns", f"say which columns these are: {', '.join(missing)}; no file of this bank has said it"
        )
    if "currency" not in layout.columns and not layout.currency:
        raise invalid("/currency", "no column says the currency: say it here")


def _read(body: NewFile, layout: Layout | None, iban: str) -> list[BankLine]:
    return read_camt(body.file, iban) if layout is None else read_csv(body.file, layout)


async def _take_all(call: Call, seller_id: int, lines: list[BankLine]) -> Counter[str]:
    """In several transactions: who stops between two of them sends the file again."""
    counts: Counter[str] = Counter()
    async with reading(call.api.engine) as conn:
        known = await open_invoices(conn, seller_id)
    named = list(zip(lines, digests(lines), strict=True))
    for first in range(0, max(len(named), 1), AT_ONCE):
        counts += await until_alone(partial(_take_part, call, seller_id, named[first : first + AT_ONCE], known))
    return counts


async def _take_part(
    call: Call, seller_id: int, named: Sequence[tuple[BankLine, str]], known: Invoices
) -> Counter[str]:  # fmt: skip
    """Lines with their digests, in one transaction."""
    part: Counter[str] = Counter()
    async with call.writing() as conn:
        for line, digest in named:
            part[await take(conn, call.node, seller_id, line, digest, known, call.by, call.now_ms)] += 1
        told = {name or "known": count for name, count in sorted(part.items())}
        await call.audit("bank-line.take-file", "account", seller_id, seller_id, None, told)
    return part


async def list_lines(call: Call) -> Answer:
    """A page of them, the latest first."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[LineView](items=[LineView.model_validate(row) for row in rows], next=following))


async def show_line(call: Call) -> Answer:
    """One."""
    return Answer(LineView.model_validate(call.row))


async def match_line(call: Call) -> Answer:
    """It is posted as a payment of the account; an invoice that is named is paid first. Money that went out takes back
    the payment that it was: the latest of just this amount.
    """
    body: Match = call.body
    if (body.account_id is None) == (body.invoice_id is None):
        raise invalid("/account_id", "an account or an invoice was expected, one of them")
    line = await _open(call)
    paid = await _payer(call, body, is_back=line.amount_micros < 0)
    problem = await match(call.conn, call.node, line, paid, call.by, call.now_ms)
    if problem:
        raise Problem("conflict", problem)
    return await _changed(call, "bank-line.match", line)


async def _open(call: Call) -> Row[Any]:
    """Locked. Raises Problem."""
    query = sa.select(bank_lines).where(bank_lines.c.id == call.row.id).with_for_update()
    line = (await call.conn.execute(query)).one()
    if line.state != "open":
        raise Problem("conflict", f"the line is {line.state}")
    return line


async def _payer(call: Call, body: Match, *, is_back: bool) -> Paid:
    """Raises Problem."""
    if body.account_id is not None:
        return Paid(await call.find("account", body.account_id, to_change=True))
    assert body.invoice_id is not None
    invoice = await call.find("invoice", body.invoice_id, to_change=True)
    states = (*OPEN_STATES, PAID) if is_back else OPEN_STATES
    if invoice.kind != "invoice" or invoice.state not in states:
        raise Problem("conflict", f"the {invoice.kind.replace('_', ' ')} is {invoice.state}: there is nothing to pay")
    query = sa.select(accounts).where(accounts.c.id == invoice.account_id)
    return Paid((await call.conn.execute(query)).one(), invoice.id)


async def ignore_line(call: Call) -> Answer:
    """It is no payment of a customer: nothing is posted."""
    line = await _open(call)
    await settle(call.conn, line.id, "ignored", call.body.reason)
    return await _changed(call, "bank-line.ignore", line)


async def _changed(call: Call, action: str, before: Row[Any]) -> Answer:
    row = (await call.conn.execute(sa.select(bank_lines).where(bank_lines.c.id == before.id))).one()
    view = LineView.model_validate(row)
    await call.audit(action, "bank-line", row.id, row.account_id, LineView.model_validate(before), view)
    return Answer(view)


_P = Permission
_ONE = "/bank-lines/{bank_line_id}"
ENDPOINTS = [
    Endpoint(
        "bank-line.take-file", "POST", "/bank-files", _P.PAYMENTS_CHANGE, take_file, "Take a bank's file", NewFile,
        answer=FileView, key=Key.NONE, own_transaction=True, body_bytes_max=FILE_BYTES_MAX * 4 // 3 + (1 << 16),
        for_paid=True,
    ),
    Endpoint(
        "bank-line.list", "GET", "/bank-lines", _P.PAYMENTS_CHANGE, list_lines, "List lines of bank files",
        query=LineQuery, answer=Page[LineView], for_paid=True,
    ),
    Endpoint("bank-line.show", "GET", _ONE, _P.PAYMENTS_CHANGE, show_line, "Show a line", answer=LineView),
    Endpoint(
        "bank-line.match", "POST", f"{_ONE}/match", _P.PAYMENTS_CHANGE, match_line, "Say who has paid a line", Match,
        answer=LineView,
    ),
    Endpoint(
        "bank-line.ignore", "POST", f"{_ONE}/ignore", _P.PAYMENTS_CHANGE, ignore_line, "Ignore a line", Ignoring,
        answer=LineView,
    ),
]  # fmt: skip
