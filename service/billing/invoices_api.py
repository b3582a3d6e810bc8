"""The API of invoices and credit notes: looked at, run, issued, made void, credited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.permissions import Permission
from service.accounts.storage import lock_account
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint, Key
from service.api.lines import Expression
from service.api.listed import lines_of
from service.api.lists import Listing, Page, Paging, equals, page_of
from service.api.nouns import within
from service.api.problems import ONLY_OF_PAID, FieldError, Problem, not_found
from service.billing import credit, run
from service.billing.annex import annex_of
from service.billing.called import CALLS, PART_CALLS, calls_on
from service.billing.issue import issue
from service.billing.run import Scope
from service.billing.views import (
    AnnexQuery,
    AnnexView,
    CallOfInvoice,
    InvoicePreview,
    InvoiceQuery,
    InvoiceText,
    InvoiceView,
    LeftOver,
    LineView,
    NewCredit,
    NewRun,
    RunView,
    TaxOfInvoice,
    rate_text,
)
from service.billing.void import void
from service.database.billing_tables import (
    billing_terms,
    invoice_calls,
    invoice_lines,
    invoice_taxes,
    invoices,
    open_micros,
)
from service.database.engine import reading
from service.database.own import own_of
from service.database.switch_tables import billing_switches
from service.database.tables import cdrs

PROBLEMS_SHOWN = 100
PREVIEW_LINES = 1_000


def _not_own_draft(call: Call) -> sa.ColumnElement[bool]:
    """Whom an invoice is for sees it once it is issued."""
    shown: sa.ColumnElement[bool] = (invoices.c.account_id != call.actor.account_id) | (
        invoices.c.state.not_in(("draft", "void"))
    )
    return shown


_LISTING = Listing(
    "invoice",
    {"-id": invoices.c.id, "total": invoices.c.total_micros, "open": open_micros},
    {
        "account_id": equals(invoices.c.account_id),
        "seller_id": equals(invoices.c.seller_id),
        "kind": equals(invoices.c.kind),
        "state": equals(invoices.c.state),
        "number": equals(invoices.c.number),
        "since": lambda moment: invoices.c.issued_ms >= moment,
        "until": lambda moment: invoices.c.issued_ms < moment,
    },
    where=_not_own_draft,
)
_LINES = Listing(
    "invoice-line",
    {"position": invoice_lines.c.position},
    {},
    where=lambda call: invoice_lines.c.invoice_id == call.row.id,
)
_CALLS = Listing(
    "cdr",
    {"id": cdrs.c.id},
    {},
    CALLS,
    lambda call: invoice_calls.c.invoice_id == call.row.id,
)


def _cells(call: Call) -> dict[str, Expression]:
    return {
        "seller_id": sa.case((within(invoices.c.seller_id, call.actor), invoices.c.seller_id)),
        "open": open_micros,
    }


async def _views(call: Call, rows: list[Row[Any]]) -> list[InvoiceView]:
    sellers = await call.find_all("account", {row.seller_id for row in rows})
    return [InvoiceView.model_validate(_told(row, sellers)) for row in rows]


def _told(row: Row[Any], sellers: dict[int, Row[Any]]) -> dict[str, Any]:
    seller_id = row.seller_id if row.seller_id in sellers else None
    rest = row.total_micros - row.paid_micros - row.credited_micros
    is_open = row.kind == "invoice" and row.number is not None
    return dict(row._mapping) | {"seller_id": seller_id, "open": rest if is_open else 0}


async def _text(call: Call, row: Row[Any]) -> InvoiceText:
    sellers = await call.find_all("account", {row.seller_id})
    order = (invoice_taxes.c.tax_group, invoice_taxes.c.position)
    query = sa.select(invoice_taxes).where(invoice_taxes.c.invoice_id == row.id).order_by(*order)
    taxes = [TaxOfInvoice.model_validate(one) for one in await call.conn.execute(query)]
    hidden = {"account", "account_id"}
    people = {who: {name: value for name, value in getattr(row, who).items() if name not in hidden} for who in _WHO}
    return InvoiceText.model_validate(_told(row, sellers) | people | {"taxes": taxes})


_WHO = ("seller", "buyer")


def _line(row: Row[Any]) -> LineView:
    return LineView.model_validate(dict(row._mapping) | {"rate": rate_text(row)})


async def list_invoices(call: Call) -> Answer:
    """A page of them, the latest first. Drafts are for those who stand above the account."""
    rows, following = await page_of(call, _LISTING)
    return Answer(Page[InvoiceView](items=await _views(call, rows), next=following))


def check_shown(call: Call) -> None:
    """Drafts are for those who stand above the account. Raises Problem."""
    if call.row.account_id == call.actor.account_id and call.row.state in {"draft", "void"}:
        raise not_found()


async def show_invoice(call: Call) -> Answer:
    """One."""
    check_shown(call)
    view = await _text(call, call.row)
    return Answer(view, version=view.version)


async def list_lines(call: Call) -> Answer:
    """A page of them."""
    check_shown(call)
    rows, following = await page_of(call, _LINES)
    lines = [_line(row) for row in rows]
    if call.row.kind == "invoice" and call.row.number is not None:
        left = await credit.left_of(call.conn, call.row, {row.id: row for row in rows})
        lines = [line.model_copy(update={"left": left[line.id]}) for line in lines]
    return Answer(Page[LineView](items=lines, next=following))


async def list_calls(call: Call) -> Answer:
    """A page of them."""
    check_shown(call)
    rows, following = await page_of(call, _CALLS)
    return Answer(Page[CallOfInvoice](items=[CallOfInvoice.model_validate(row) for row in rows], next=following))


async def show_annex(call: Call) -> Answer:
    """The calls that its lines count, in the account's time zone."""
    check_shown(call)
    query: AnnexQuery = call.query
    rows = await calls_on(call.conn, call.row.id, query.after)
    content = "".join([piece async for piece in annex_of(_each(rows), zone=call.row.zone)])
    if query.after:
        content = content.partition("\r\n")[2]  # names stand in the first part
    following = rows[-1].id if len(rows) == PART_CALLS else None
    name = f"{call.row.number or f'draft-{call.row.id}'}-calls.csv"
    return Answer(AnnexView(name=name, content=content, next=following))


async def _each(rows: list[Row[Any]]) -> AsyncIterator[Row[Any]]:
    for row in rows:
        yield row


async def preview(call: Call) -> Answer:
    """Of the period that runs now, up to this moment: made as a run would make it, and undone."""
    row = call.row
    async with call.api.engine.connect() as conn, conn.begin() as transaction:
        call.conn = conn
        await run.lock_nodes(conn)
        own = billing_terms.c.account_id == row.id
        terms = (await conn.execute(sa.select(billing_terms).where(own))).first()
        if terms is None:
            raise Problem("conflict", "the account has no terms of billing: `kambill terms edit` sets them")
        until_ms = max(call.now_ms, terms.closed_ms + 1)
        looked = {"due_ms": until_ms, "reviewed": True, "prepaid_invoices": True}
        await conn.execute(sa.update(billing_terms).where(own).values(**looked))
        done = await run.close_due(conn, call.api.config, call.by, until_ms, Scope(account_id=row.id))
        if done.left:
            raise Problem("conflict", "; ".join(done.left.values()))
        made = sa.select(invoices).where(invoices.c.id.in_(done.invoice_ids)).order_by(invoices.c.id)
        texts = [await _text(call, one) for one in (await conn.execute(made)).all()]
        lines = sa.select(invoice_lines).where(invoice_lines.c.invoice_id.in_(done.invoice_ids))
        lines = lines.order_by(invoice_lines.c.invoice_id, invoice_lines.c.position).limit(PREVIEW_LINES)
        view = InvoicePreview(invoices=texts, lines=[_line(one) for one in await conn.execute(lines)])
        await transaction.rollback()
    return Answer(view)


async def start_run(call: Call) -> Answer:
    """Every period that is over is closed; the service does the same by itself, each minute."""
    body: NewRun = call.body
    await _check_run(call, body.account_id or call.actor.account_id)
    path = "" if call.actor.is_root else call.actor.path
    done = await run.run(call.api.engine, call.api.config, call.by, call.now_ms, Scope(path, body.account_id))
    left = await _left_over(call, done)
    nouns = [("account", one.account_id) if one.invoice_id is None else ("invoice", one.invoice_id) for one in left]
    problems = [f"{noun} {number}: {one.why}" for (noun, number), one in zip(nouns, left, strict=True)]
    view = RunView(
        periods=done.accounts, invoices=len(done.invoice_ids), drafts=done.drafts, problems=problems, left_over=left
    )
    async with call.writing():
        whose = body.account_id or call.actor.account_id
        await call.audit("invoice.run", "account", whose, whose, None, view)
    return Answer(view)


async def _check_run(call: Call, account_id: int) -> None:
    """What the accounts owe must be the asker's, or of those below it. Raises Problem."""
    async with reading(call.api.engine) as conn:
        call.conn = conn
        account = await call.find("account", account_id, to_change=True)
        if account_id != call.actor.account_id:
            await call.need_seller(account.path)
        elif account.commission:
            raise Problem("conflict", ONLY_OF_PAID)


async def _left_over(call: Call, done: run.Run) -> list[LeftOver]:
    """The first of them."""
    query = sa.select(invoices.c.id, invoices.c.account_id).where(invoices.c.id.in_(done.unissued))
    async with reading(call.api.engine) as conn:
        owners = {row.id: row.account_id for row in await conn.execute(query)}
    left = [LeftOver(account_id=number, invoice_id=None, why=why) for number, why in done.left.items()]
    left += [LeftOver(account_id=owners[one], invoice_id=one, why=why) for one, why in done.unissued.items()]
    return left[:PROBLEMS_SHOWN]


async def _locked(call: Call) -> Row[Any]:
    """The invoice as it stands, until the end of the transaction; its account's payments wait, too. Raises Problem."""
    await call.need_seller_then(call.row.seller_id)
    await lock_account(call.conn, call.row.account_id)
    query = sa.select(invoices).where(invoices.c.id == call.row.id).with_for_update()
    return (await call.conn.execute(query)).one()


async def _reread(conn: AsyncConnection, number: int) -> Row[Any]:
    return (await conn.execute(sa.select(invoices).where(invoices.c.id == number))).one()


async def issue_draft(call: Call) -> Answer:
    """It gets its number, and can't be changed any more."""
    row = await _locked(call)
    call.check_match(row.version)
    if row.state != "draft":
        raise Problem("conflict", f"it is {row.state.replace('_', ' ')}: only a draft is issued")
    left = await issue(call.conn, call.api.config, [row.id], call.by, call.now_ms)
    if left:
        raise Problem("conflict", left[row.id])
    return await _done(call, "invoice.issue", row, row.id)


async def void_draft(call: Call) -> Answer:
    """What stands on it is billed with the next invoice."""
    row = await _locked(call)
    call.check_match(row.version)
    if row.state != "draft":
        raise Problem("conflict", f"it is {row.state.replace('_', ' ')}: what was issued is credited instead")
    switched = await own_of(call.conn, billing_switches, row.account_id)
    if switched is not None and row.period_to_ms <= switched.at_ms:
        raise Problem("conflict", "the account was billed otherwise by then, and no later invoice has this: issue it")
    await void(call.conn, row.id, row.account_id)
    return await _done(call, "invoice.void", row, row.id)


async def credit_invoice(call: Call) -> Answer:
    """A credit note, issued and posted."""
    body: NewCredit = call.body
    row = await _locked(call)
    if body.corrections and body.lines is not None:
        raise Problem("conflict", "lines, or corrections: not both in one note")
    who, config, now_ms = call.by, call.api.config, call.now_ms
    if body.corrections:
        number = await credit.credit_corrections(call.conn, config, row, who, body.reason, now_ms)
    else:
        wanted = None if body.lines is None else [credit.Wanted(one.line_id, one.amount) for one in body.lines]
        try:
            number = await credit.credit(call.conn, config, row, wanted, who, body.reason, now_ms)
        except credit.CreditRefused as fault:
            place = [] if fault.at is None else [FieldError("body", f"/lines/{fault.at}/amount", str(fault))]
            raise Problem("conflict", str(fault), errors=place) from fault
    answer = await _done(call, "invoice.credit", None, number)
    return answer._replace(location=f"/api/v1/invoices/{number}")


async def _done(call: Call, action: str, before: Row[Any] | None, number: int) -> Answer:
    after = await _reread(call.conn, number)
    told = None if before is None else (await _views(call, [before]))[0]
    await call.audit(action, "invoice", number, after.account_id, told, (await _views(call, [after]))[0])
    return Answer(await _text(call, after), version=after.version)


_P = Permission
_ONE = "/invoices/{invoice_id}"
ENDPOINTS = [
    Endpoint(
        "invoice.list", "GET", "/invoices", _P.INVOICES_READ, list_invoices, "List invoices and credit notes",
        query=InvoiceQuery, answer=Page[InvoiceView], lines=lines_of(_LISTING, InvoiceView, _cells),
    ),
    Endpoint("invoice.show", "GET", _ONE, _P.INVOICES_READ, show_invoice, "Show an invoice", answer=InvoiceText),
    Endpoint(
        "invoice.lines", "GET", f"{_ONE}/lines", _P.INVOICES_READ, list_lines, "List an invoice's lines",
        query=Paging, answer=Page[LineView],
    ),
    Endpoint(
        "invoice.calls", "GET", f"{_ONE}/calls", _P.INVOICES_READ, list_calls, "List the calls on an invoice",
        query=Paging, answer=Page[CallOfInvoice],
    ),
    Endpoint(
        "invoice.annex", "GET", f"{_ONE}/annex", _P.INVOICES_READ, show_annex, "Show an invoice's calls as CSV",
        query=AnnexQuery, answer=AnnexView,
    ),
    Endpoint(
        "invoice.preview", "POST", "/accounts/{account_id}/invoice-preview", _P.INVOICES_READ, preview,
        "Show what an account would be billed now", answer=InvoicePreview, reads=True, own_transaction=True,
    ),
    Endpoint(
        "invoice.run", "POST", "/invoice-runs", _P.INVOICES_ISSUE, start_run, "Bill every period that is over", NewRun,
        answer=RunView, own_transaction=True, key=Key.NONE, for_paid=True,
    ),
    Endpoint(
        "invoice.issue", "POST", f"{_ONE}/issue", _P.INVOICES_ISSUE, issue_draft, "Issue a draft", answer=InvoiceText,
        below=True, of_seller=True,
    ),
    Endpoint(
        "invoice.void", "POST", f"{_ONE}/void", _P.INVOICES_ISSUE, void_draft, "Make a draft void", answer=InvoiceText,
        below=True, of_seller=True,
    ),
    Endpoint(
        "invoice.credit", "POST", f"{_ONE}/credit", _P.INVOICES_ISSUE, credit_invoice, "Credit an invoice", NewCredit,
        answer=InvoiceText, status=201, below=True, of_seller=True, key=Key.NEEDED,
    ),
]  # fmt: skip
