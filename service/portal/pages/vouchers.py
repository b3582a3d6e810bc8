"""Vouchers: batches of a seller, whose codes are told once; and an account that uses one."""

from __future__ import annotations

from urllib.parse import quote

from pydantic import BaseModel

from ratebook.money import format_micros
from service.payments.vouchers_api import MadeBatch, Used
from service.portal.components import columns
from service.portal.components.columns import deed
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Listed, screens
from service.portal.screen import Gone, Shown
from service.portal.visit import Visit

TOP_UP = "/accounts/{account_id}/top-up"
BATCHES = Listed(
    "/vouchers", "voucher.list", "Vouchers",
    (
        columns.text("Name", "name"),
        columns.other("Seller", "account", "account_id", is_wide=True),
        columns.money("Each", lambda row: row.amount, lambda row: row.currency),
        columns.number("Made", "count", is_wide=True),
        columns.number("Open", "open"),
        columns.moment("Until (exclusive)", "expires_at", is_wide=True),
        columns.moment("Made at", "created_at", is_wide=True),
        deed("Make void", "/vouchers/{}/void", "voucher.void", lambda row: row.open > 0),
    ),
    ("account_id",), empty="No vouchers were made yet: codes that customers pay in by.",
    makes=(("New vouchers", "/vouchers/new", "voucher.make"),),
)  # fmt: skip


async def tell_codes(_visit: Visit, body: BaseModel) -> Shown:
    """Shown once, and to be kept as a file: nobody can show them again."""
    assert isinstance(body, MadeBatch)
    worth = f"{format_micros(body.amount)},{body.currency}"
    lines = ["code,amount,currency", *(f"{code},{worth}" for code in body.codes)]
    values = {
        "codes": body.codes,
        "file": "data:text/csv;charset=utf-8," + quote("\r\n".join(lines) + "\r\n"),
        "name": f"vouchers-{body.id}.csv",
    }
    return Shown("voucher_codes.html", body.name, values)


async def tell_used(visit: Visit, body: BaseModel) -> Gone:
    """What it was worth."""
    assert isinstance(body, Used)
    money = visit.formats.money
    told = visit.say("{amount} were paid in; the balance is {balance}.")
    said = told.format(amount=money(body.amount, body.currency), balance=money(body.balance, body.currency))
    return Gone(f"/accounts/{visit.parameter('account_id')}/top-up", said)


_FORMS = (
    Form(
        "/vouchers/new", "voucher.make", "New vouchers", "Make", "/vouchers", tells=tell_codes,
        text="Their codes are shown this once. Only accounts of the currency that this seller sells to can use them.",
    ),
    Form(
        "/vouchers/{voucher_batch_id}/void", "voucher.void", "Make void what is left of it?", "Make void", "/vouchers",
        said="What was not used can't be used any more.", is_danger=True,
    ),
    Form(
        "/accounts/{account_id}/voucher", "voucher.use", "Use a voucher", "Pay in", TOP_UP, tells=tell_used,
        text="Small letters and blanks don't matter.",
    ),
)  # fmt: skip
SCREENS = (*screens(BATCHES), *(form_screen(form) for form in _FORMS))
