"""The API of how a seller's invoices are numbered."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Row

from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.problems import Problem, invalid, not_found
from service.api.values import Asked, Text, Told
from service.database.own import own_of, put_own
from service.database.seller_tables import credit_note_numberings, numberings, receipt_numberings
from service.sellers.brand import check_sells
from service.sellers.numbers import PATTERN, PATTERNS, number_text, pattern_problem, year_of
from service.sellers.taken import Coming, clash, first_again

Pattern = Annotated[Text, Field(min_length=1, max_length=60, examples=[PATTERN])]


class Numbering(Asked):
    """How invoices are numbered from now on."""

    prefix: Annotated[Text, Field(max_length=20)] = ""
    pattern: Pattern = PATTERN
    restarts_yearly: bool = True
    next_number: Annotated[
        int | None, Field(ge=1, le=10**12, description="null: it goes on; a number that was passed can't come again")
    ] = None


class CreditNoteNumbering(Numbering):
    """How credit notes are numbered from now on."""

    pattern: Pattern = PATTERNS[credit_note_numberings.name]


class ReceiptNumbering(Numbering):
    """How receipts are numbered from now on."""

    pattern: Pattern = PATTERNS[receipt_numberings.name]


class NumberingView(Told):
    """How invoices are numbered."""

    prefix: str
    pattern: str
    restarts_yearly: bool
    next_number: int
    example: Annotated[str, Field(description="The next one, if it were taken now")]
    version: Annotated[int, Field(description="0: nothing was set yet")]


def _view(call: Call, row: Row[Any] | None, series: sa.Table) -> NumberingView:
    year = year_of(call.now_ms, call.api.config.timezone)
    if row is None:
        values: dict[str, Any] = {"prefix": "", "pattern": PATTERNS[series.name], "restarts_yearly": True, "version": 0}
        number = 1
    else:
        values, year = dict(row._mapping), max(year, row.year)
        number = 1 if row.restarts_yearly and 0 < row.year < year else row.next_number
    example = number_text(values["pattern"], values["prefix"], year, number)
    return NumberingView.model_validate(values | {"next_number": number, "example": example})


async def show_numbering(call: Call) -> Answer:
    """Of a seller; nobody else has any."""
    return await _show(call, numberings)


async def show_credit_notes(call: Call) -> Answer:
    """Of a seller; nobody else has any."""
    return await _show(call, credit_note_numberings)


async def show_receipts(call: Call) -> Answer:
    """Of a seller; nobody else has any."""
    return await _show(call, receipt_numberings)


async def _show(call: Call, series: sa.Table) -> Answer:
    if call.row.kind not in {"root", "reseller"} or call.row.commission:
        raise not_found()
    view = _view(call, await own_of(call.conn, series, call.row.id), series)
    return Answer(view, version=view.version)


async def edit_numbering(call: Call) -> Answer:
    """What was issued keeps its number."""
    return await _edit(call, numberings)


async def edit_credit_notes(call: Call) -> Answer:
    """What was issued keeps its number."""
    return await _edit(call, credit_note_numberings)


async def edit_receipts(call: Call) -> Answer:
    """What was issued keeps its number."""
    return await _edit(call, receipt_numberings)


async def _edit(call: Call, series: sa.Table) -> Answer:
    body: Numbering = call.body
    check_sells(call.row)
    before = await own_of(call.conn, series, call.row.id)
    shown = _view(call, before, series)
    call.check_match(shown.version)
    problem = pattern_problem(body.pattern, restarts_yearly=body.restarts_yearly)
    if problem is not None:
        raise invalid("/pattern", problem)
    number = shown.next_number if body.next_number is None else body.next_number
    if number < shown.next_number:
        raise Problem("conflict", f"numbers up to {shown.next_number - 1} are taken: they can't come again")
    year = year_of(call.now_ms, call.api.config.timezone)
    values = body.model_dump(exclude={"next_number"}) | {"next_number": number}
    values["year"] = year if before is None else max(before.year, year)
    await _check_new(call, series, Coming(**values))
    after = _view(call, await put_own(call.conn, series, call.row.id, values), series)
    await call.audit(_ACTIONS[series.name], "numbering", call.row.id, call.row.id, shown, after)
    return Answer(after, version=after.version)


async def _check_new(call: Call, series: sa.Table, coming: Coming) -> None:
    """A number that stands already would stop every run that comes to it."""
    again = await first_again(call.conn, call.row.id, series, coming)
    if again is not None:
        raise Problem(
            "conflict", f"{again} stands already, and would come again: another prefix, or a next number behind it"
        )
    both = await clash(call.conn, call.row.id, series, coming)
    if both is not None:
        raise Problem("conflict", f"an invoice and a credit note would both be {both}: give one of them another prefix")


_ACTIONS = {
    numberings.name: "numbering.edit",
    credit_note_numberings.name: "numbering.edit-credit-notes",
    receipt_numberings.name: "numbering.edit-receipts",
}
_P = Permission
_ONE = "/accounts/{account_id}/invoice-numbering"
_CREDIT_NOTES = "/accounts/{account_id}/credit-note-numbering"
_RECEIPTS = "/accounts/{account_id}/receipt-numbering"
ENDPOINTS = [
    Endpoint(
        "numbering.show", "GET", _ONE, _P.INVOICES_READ, show_numbering, "Show how invoices are numbered",
        answer=NumberingView, for_paid=True,
    ),
    Endpoint(
        "numbering.edit", "PUT", _ONE, _P.INVOICES_CHANGE, edit_numbering, "Set how invoices are numbered", Numbering,
        answer=NumberingView, for_paid=True,
    ),
    Endpoint(
        "numbering.show-credit-notes", "GET", _CREDIT_NOTES, _P.INVOICES_READ, show_credit_notes,
        "Show how credit notes are numbered", answer=NumberingView, for_paid=True,
    ),
    Endpoint(
        "numbering.edit-credit-notes", "PUT", _CREDIT_NOTES, _P.INVOICES_CHANGE, edit_credit_notes,
        "Set how credit notes are numbered", CreditNoteNumbering, answer=NumberingView, for_paid=True,
    ),
    Endpoint(
        "numbering.show-receipts", "GET", _RECEIPTS, _P.INVOICES_READ, show_receipts, "Show how receipts are numbered",
        answer=NumberingView, for_paid=True,
    ),
    Endpoint(
        "numbering.edit-receipts", "PUT", _RECEIPTS, _P.INVOICES_CHANGE, edit_receipts, "Set how receipts are numbered",
        ReceiptNumbering, answer=NumberingView, for_paid=True,
    ),
]  # fmt: skip
