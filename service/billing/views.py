"""What the API of invoices is sent and sends."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import Row

from ratebook.money import format_nanos
from service.api.lists import Paging
from service.api.values import ID_MAX, AccountId, Asked, Micros, Moment, Money, Number, Text, Told, When, Words
from service.billing.prices import price_nanos_of
from service.billing.taxes_api import PercentText


class LineView(Told):
    """A line of an invoice."""

    id: int
    position: int
    kind: Annotated[str, Field(description="calls, messages, correction (of calls on earlier invoices), or an item's")]
    service: str
    description: str
    caller: Annotated[str, Field(description="Of lines by number; empty: of any")]
    quantity: Annotated[int, Field(description="Calls, or of what there is")]
    duration_ms: Annotated[int, Field(description="What was talked")]
    billed_s: int
    rate: Annotated[str | None, Field(description="A minute's price, in the invoice's currency; null: there is no one")]
    amount: Annotated[Money, Field(validation_alias="amount_micros", description="As the books have it")]
    net: Annotated[Money, Field(validation_alias="net_micros", description="Without taxes")]
    tax_group: Annotated[int, Field(description="Of the invoice's taxes")]
    since: Annotated[Moment, Field(validation_alias="period_from_ms")]
    until: Annotated[Moment, Field(validation_alias="period_to_ms")]
    credits_line_id: Annotated[int | None, Field(description="Of a credit note: the invoice's line")]
    left: Annotated[
        Money | None, Field(description="What can still be credited of it; null: it is on no issued invoice")
    ] = None


class TaxOfInvoice(Told):
    """A tax on an invoice."""

    tax_group: Annotated[int, Field(description="Lines that are taxed alike")]
    name: str
    category: str
    percent: Annotated[PercentText, Field(validation_alias="percent_millionths")]
    exemption_reason: str
    exemption_code: str
    inclusive: bool
    base: Annotated[Money, Field(validation_alias="base_micros")]
    tax: Annotated[Money, Field(validation_alias="tax_micros")]


class InvoiceView(Told):
    """An invoice or a credit note."""

    id: int
    kind: Annotated[str, Field(description="invoice, or credit_note: its amounts are what is given back")]
    number: Annotated[str | None, Field(description="null: a draft, or it was one")]
    state: Annotated[str, Field(description="draft, issued, part_paid, paid, overdue or void")]
    account_id: int
    seller_id: Annotated[int | None, Field(description="null: somebody above you")]
    prepaid: bool
    currency: str
    language: str
    zone: str
    period_since: Annotated[Moment, Field(validation_alias="period_from_ms")]
    period_until: Annotated[Moment, Field(validation_alias="period_to_ms", description="Exclusive")]
    issued_at: Annotated[Moment, Field(validation_alias="issued_ms")]
    due_at: Annotated[Moment, Field(validation_alias="due_ms")]
    net: Annotated[Money, Field(validation_alias="net_micros", description="Exact: the sum of its lines")]
    rounding: Annotated[Money, Field(validation_alias="rounding_micros", description="To what can be paid")]
    tax: Annotated[Money, Field(validation_alias="tax_micros")]
    total: Annotated[Money, Field(validation_alias="total_micros")]
    paid: Annotated[Money, Field(validation_alias="paid_micros")]
    credited: Annotated[Money, Field(validation_alias="credited_micros")]
    open: Annotated[Money, Field(description="What is yet to be paid")]
    refers_to_id: Annotated[int | None, Field(description="Of a credit note: the invoice")]
    reason: str
    created_at: Annotated[Moment, Field(validation_alias="created_ms")]
    version: int


class InvoiceText(InvoiceView):
    """An invoice with its taxes and both parties, as they were when it was issued."""

    seller: dict[str, Any]
    buyer: dict[str, Any]
    taxes: list[TaxOfInvoice]


class InvoicePreview(Told):
    """What an account would be billed now. Nothing was made."""

    invoices: list[InvoiceText]
    lines: Annotated[list[LineView], Field(description="Of all of them, the first thousand")]


class CallOfInvoice(Told):
    """A call on an invoice."""

    id: Annotated[int, Field(description="Of the call record")]
    call: str
    started_at: Annotated[Moment, Field(validation_alias="start_ms")]
    caller: str
    called: str
    destination: str
    duration_ms: int
    billed_s: Annotated[int, Field(validation_alias="own_billed_s")]
    amount: Annotated[Money, Field(validation_alias="amount_micros", description="As the invoice has it")]
    line_id: Annotated[int | None, Field(description="null: neither answered nor charged")]


class InvoiceQuery(Paging):
    """Which ones."""

    account_id: AccountId | None = None
    seller_id: Annotated[AccountId | None, Field(description="Sold by this account")] = None
    kind: Literal["", "invoice", "credit_note"] = ""
    state: Literal["", "draft", "issued", "part_paid", "paid", "overdue", "void"] = ""
    number: Text = ""
    since: Annotated[When | None, Field(description="Issued from then on")] = None
    until: Annotated[When | None, Field(description="Exclusive")] = None


class AnnexQuery(Asked):
    """Which part."""

    after: Annotated[int, Field(ge=0, le=ID_MAX, description="`next` of the part before")] = 0


class AnnexView(Told):
    """A part of a list of calls, as CSV (RFC 4180). Parts put together are the file."""

    name: str
    content: str
    next: Annotated[int | None, Field(description="For `after`; null: this is the last part")]


class Wish(Asked):
    """What of a line is given back."""

    line_id: Number
    amount: Annotated[Micros, Field(description="As the books have the line")]


class NewCredit(Asked):
    """What is given back: all that is left of the invoice, lines of it, or what re-rating has found."""

    reason: Words
    lines: Annotated[list[Wish] | None, Field(min_length=1, max_length=1000, description="null: all that is left")] = (
        None
    )
    corrections: Annotated[bool, Field(description="What its calls were charged too much")] = False


class NewRun(Asked):
    """Whose periods are closed."""

    account_id: Annotated[AccountId | None, Field(description="null: everybody's that you sell to, or below them")] = (
        None
    )


class LeftOver(Told):
    """What a run has not billed, or not issued."""

    account_id: int
    invoice_id: Annotated[int | None, Field(description="The draft; null: its period was not billed")]
    why: str


class RunView(Told):
    """What a run has done."""

    periods: int
    invoices: int
    drafts: Annotated[int, Field(description="Of them, those that wait for somebody")]
    problems: Annotated[list[str], Field(description="What was not billed or not issued, and why; the first hundred")]
    left_over: Annotated[list[LeftOver], Field(description="The same, one by one")]


def rate_text(row: Row[Any]) -> str | None:
    """A minute's price of a line's terms where they have one."""
    nanos = price_nanos_of(row)
    return None if nanos is None else format_nanos(nanos)
