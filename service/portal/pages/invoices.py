"""Invoices and credit notes: looked at, previewed, issued, made void, credited; and the run that makes them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel

from service.billing.views import InvoicePreview, InvoiceText, LeftOver, LineView, RunView, TaxOfInvoice
from service.portal.components import columns
from service.portal.components.annexes import sending
from service.portal.components.columns import each, facts
from service.portal.components.facts import Fact, Section, page, part, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Column, Listed, screens, table_of
from service.portal.components.papers import paper
from service.portal.formats import NEVER, duration
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import Visit

ONE = "/invoices/{invoice_id}"
PREVIEW = "/accounts/{account_id}/invoice-preview"
PAPERS = (("Document", "html"), ("PDF", "pdf"), ("UBL", "ubl"), ("CII", "cii"))
AMOUNTS = ("net", "rounding", "tax", "total", "paid", "credited", "open")


def _number(visit: Visit, row: Any) -> Cell:
    return Cell(row.number or visit.say("Draft"), f"/invoices/{row.id}")


def _kind(visit: Visit, row: Any) -> Cell:
    return Cell(visit.say(row.kind.replace("_", " ").capitalize()))


def _owes(row: Any) -> bool:
    """Whether something of it can be open: of no credit note, nor of what was not issued (yet)."""
    return bool(row.kind == "invoice" and row.number)


def _open(row: Any) -> int | None:
    """None: a dash."""
    return row.open if _owes(row) else None


COLUMNS = (
    each("Number", _number),
    each("Kind", _kind, is_wide=True),
    columns.other("Account", "account", "account_id"),
    columns.moment("Issued", "issued_at", is_wide=True),
    columns.moment("Due", "due_at", is_wide=True),
    columns.money("Total", lambda row: row.total, lambda row: row.currency, sort="total"),
    columns.money("Open", _open, lambda row: row.currency, sort="open"),
    columns.state(),
)
INVOICES = Listed(
    "/invoices", "invoice.list", "Invoices", COLUMNS,
    ("number", "kind", "state", "account_id", "since", "until"),
    empty="There is no invoice yet: one is made when a period of an account's terms is over (its page, Billing).",
    makes=(("Bill what is due", "/invoices/run", "invoice.run"),),
)  # fmt: skip


def _lasted(_visit: Visit, row: Any) -> Cell:
    return Cell(duration(-(-row.duration_ms // 1000)) if row.duration_ms else NEVER)


def _rate(visit: Visit, row: LineView) -> Cell:
    return Cell(visit.formats.decimal(row.rate or "") or NEVER)


def _what(visit: Visit, row: LineView) -> Cell:
    """Calls to numbers without a destination are just calls."""
    return Cell(row.description or visit.say(row.kind.capitalize()))


def _line_columns(currency: str) -> tuple[Column, ...]:
    return (
        each("What", _what),
        columns.number("Quantity", "quantity"),
        each("Lasted", _lasted, at_end=True, is_wide=True),
        each("Rate of a minute", _rate, at_end=True, is_wide=True),
        columns.money("Net", lambda row: row.net, lambda _: currency),
        columns.money("In the books", lambda row: row.amount, lambda _: currency),
    )


LINES = Listed(
    f"{ONE}/lines", "invoice.lines", "Lines of the invoice",
    (
        columns.number("Position", "position"),
        each("What", _what),
        columns.moment("From", "since", is_wide=True),
        columns.moment("Until", "until", is_wide=True),
        columns.number("Quantity", "quantity"),
        each("Lasted", _lasted, at_end=True, is_wide=True),
        each("Rate of a minute", _rate, at_end=True, is_wide=True),
        columns.amount("Net", lambda row: row.net),
        columns.amount("In the books", lambda row: row.amount),
    ),
    back=("Invoice", ONE), empty="Nothing was billed.",
)  # fmt: skip


def _began(visit: Visit, row: Any) -> Cell:
    """The way to its record, for whoever may see call records."""
    return Cell(visit.formats.moment(row.started_at), f"/calls/{row.id}" if visit.can("cdr.show") else "")


CALLS = Listed(
    f"{ONE}/calls", "invoice.calls", "Calls on the invoice",
    (
        each("Began", _began),
        columns.text("From", "caller", is_wide=True),
        columns.text("To", "called"),
        columns.text("Destination", "destination", is_wide=True),
        each("Lasted", _lasted, at_end=True),
        columns.amount("Charge", lambda row: row.amount),
    ),
    back=("Invoice", ONE), empty="No call is on it.",
)  # fmt: skip


async def show(visit: Visit) -> Shown:
    """All about an invoice or a credit note."""
    row = await visit.ask("invoice.show", InvoiceText, invoice_id=visit.parameter("invoice_id"))
    await visit.learn("account", [row.account_id])
    await visit.learn("invoice", [row.refers_to_id])
    here = f"/invoices/{row.id}"
    sections = [
        section(visit, "About", _about(visit, row)),
        section(visit, "Amounts", _amounts(visit, row)),
        Section(
            visit.say("Taxes"), [], await table_of(visit, _tax_columns(row.currency), row.taxes),
            empty=visit.say("There is no tax on it."),
        ),
        await part(
            visit, "Lines", "invoice.lines", _line_columns(row.currency), parameters={"invoice_id": row.id},
            more=f"{here}/lines", empty="Nothing was billed.",
        ),
    ]  # fmt: skip
    papers = [(text, f"{here}/paper.{form}", "invoice.paper") for text, form in PAPERS] if row.number else []
    actions = [
        *papers,
        ("All lines", f"{here}/lines", "invoice.lines"),
        ("Its calls", f"{here}/calls", "invoice.calls"),
        ("Calls as CSV", f"{here}/annex.csv", "invoice.annex"),
        *_paying(visit, row),
    ]
    title = row.number or visit.say("Draft")
    badges = [columns.badge(visit, row.state), Cell(_kind(visit, row).text, "", "secondary")]
    trail = (Crumb(visit.say("Invoices"), "/invoices"),)
    dangers = _dangers(row, here) if row.account_id != visit.account_id else []
    return page(visit, title, sections, badges=badges, actions=actions, dangers=dangers, trail=trail)


def _paying(visit: Visit, row: InvoiceText) -> list[tuple[str, str, str]]:
    """What came in for it, by whoever stands above."""
    if not _owes(row) or row.open <= 0 or row.account_id == visit.account_id:
        return []
    asked = urlencode({"invoice_id": row.id, "amount": visit.formats.field_amount(row.open, row.currency)})
    return [("Post a payment", f"/accounts/{row.account_id}/payment?{asked}", "payment.make")]


def _dangers(row: InvoiceText, here: str) -> list[tuple[str, str, str]]:
    if row.state == "draft":
        return [("Issue", f"{here}/issue", "invoice.issue"), ("Make void", f"{here}/void", "invoice.void")]
    is_credited = row.kind != "invoice" or row.number is None or row.credited >= row.total
    if is_credited:
        return []
    lines = ("Credit lines", f"{here}/credit/lines", "invoice.credit")
    return [("Credit", f"{here}/credit", "invoice.credit"), lines]


def _about(visit: Visit, row: InvoiceText) -> list[Fact]:
    refers = [Fact("Of the invoice", columns.thing(visit, "invoice", row.refers_to_id))] if row.refers_to_id else []
    return [
        *refers,
        *([Fact("Reason", Cell(row.reason))] if row.reason else []),
        Fact("Account", columns.thing(visit, "account", row.account_id)),
        Fact("From", Cell(str(row.seller.get("legal_name") or NEVER))),
        Fact("To", Cell(str(row.buyer.get("legal_name") or NEVER))),
        *facts(visit, row, "period_since", "period_until", "issued_at", "due_at"),
    ]


def _amounts(visit: Visit, row: InvoiceText) -> list[Fact]:
    names = AMOUNTS if _owes(row) else AMOUNTS[:4]
    return [Fact(name.capitalize(), Cell(visit.formats.money(getattr(row, name), row.currency))) for name in names]


def _tax_columns(currency: str) -> tuple[Column, ...]:
    def percent(visit: Visit, row: TaxOfInvoice) -> Cell:
        return Cell(f"{visit.formats.amount(row.percent, 0)} %", "", "", row.exemption_reason)

    return (
        columns.text("Name", "name"),
        columns.text("Exemption", "exemption_reason", is_wide=True),
        each("Percent", percent, at_end=True),
        columns.money("Of", lambda row: row.base, lambda _: currency),
        columns.money("Tax", lambda row: row.tax, lambda _: currency),
    )


async def show_preview(visit: Visit) -> Shown:
    """What the account would be billed now. Nothing is made."""
    number = visit.parameter("account_id")
    found = await visit.ask("invoice.preview", InvoicePreview, account_id=number)
    await visit.learn("account", [int(number)])
    sections: list[Section] = []
    for one in found.invoices:
        sections.append(section(visit, "Amounts", [*_about(visit, one)[:1], *_amounts(visit, one)]))
        sections.append(await _table(visit, "Taxes", _tax_columns(one.currency), one.taxes))
    currency = found.invoices[0].currency if found.invoices else ""
    sections.append(await _table(visit, "Lines", _line_columns(currency), found.lines))
    text = visit.say("Nothing was made: this is what the period that runs now would come to.")
    trail = (Crumb(visit.say("Billing"), f"/accounts/{number}/billing"),)
    return page(visit, visit.say("Preview of the invoice"), sections, subtitle=text, trail=trail)


async def _table(
    visit: Visit, title: str, shown: tuple[Column, ...], rows: list[LineView] | list[TaxOfInvoice]
) -> Section:
    table = await table_of(visit, shown, rows)
    return Section(visit.say(title), [], table, empty=visit.say("Nothing is to be billed."))


_NOT_DUE = "No period is over. An account without terms is not billed: they stand on its page, under Billing."


def _left_draft(visit: Visit, one: LeftOver) -> Cell:
    """The draft that could not be issued; of a period that could not be billed there is none."""
    return Cell(NEVER) if one.invoice_id is None else Cell(visit.say("Draft"), f"/invoices/{one.invoice_id}")


async def tell_run(visit: Visit, body: BaseModel) -> Shown:
    """What a run has done, and what it couldn't."""
    assert isinstance(body, RunView)
    figures = [Fact(name.capitalize(), Cell(str(getattr(body, name)))) for name in ("periods", "invoices", "drafts")]
    left_over = (
        columns.other("Account", "account", "account_id"),
        each("Invoice", _left_draft),
        columns.said("Why", "why"),
    )
    sections = [
        section(visit, "Done", figures),
        Section(
            visit.say("Left over"), [], await table_of(visit, left_over, body.left_over),
            empty=visit.say("Nothing was left over." if body.periods else _NOT_DUE),
        ),
    ]  # fmt: skip
    trail = (Crumb(visit.say("Invoices"), "/invoices"),)
    return page(visit, visit.say("The run is done"), sections, trail=trail)


_FORMS = (
    Form(
        "/invoices/run", "invoice.run", "Bill what is due", "Bill", "/invoices", tells=tell_run,
        text="Every period that is over is closed, as the service does each minute by itself.",
    ),
    Form(
        f"{ONE}/issue", "invoice.issue", "Issue this draft?", "Issue", ONE, shows="invoice.show",
        said="The invoice is issued.",
        text="It gets its number, and can't be changed any more.", is_danger=True,
    ),
    Form(
        f"{ONE}/void", "invoice.void", "Make this draft void?", "Make void", ONE, shows="invoice.show",
        said="The draft is void.",
        text="What stands on it is billed with the next invoice.", is_danger=True,
    ),
    Form(
        f"{ONE}/credit", "invoice.credit", "Credit this invoice", "Credit", ONE, ("reason", "corrections"),
        text="All that is left of it is given back by a credit note, or what re-rating has found.", is_danger=True,
        made=lambda _, row: f"/invoices/{row.id}", said="The credit note is issued.",  # type: ignore[attr-defined]
    ),
)  # fmt: skip
SCREENS = (
    *screens(INVOICES),
    *screens(LINES),
    *screens(CALLS),
    *(form_screen(form) for form in _FORMS),
    Screen(ONE, "invoice.show", show),
    Screen(f"{ONE}/annex.csv", "invoice.annex", sending("invoice.annex", "invoice_id"), streams=True),
    Screen(f"{ONE}/paper.{{form:pdf|html|ubl|cii}}", "invoice.paper", paper("invoice.paper")),
    Screen(PREVIEW, "invoice.preview", show_preview),
)
