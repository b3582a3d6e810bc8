"""Receipts: listed, as paper, and who gets them by mail."""

from __future__ import annotations

from typing import Any

from service.portal.components import columns
from service.portal.components.columns import each
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, screens
from service.portal.components.papers import paper
from service.portal.screen import Screen
from service.portal.visit import Visit

LINES_PATH = "/accounts/{account_id}/lines"


def _number(_visit: Visit, row: Any) -> Cell:
    return Cell(row.number, f"/receipts/{row.id}/paper.html")


RECEIPTS = Listed(
    "/receipts", "receipt.list", "Receipts",
    (
        each("Number", _number),
        columns.other("Account", "account", "account_id"),
        columns.moment("When", "issued_at"),
        columns.text("Reason", "reason", is_wide=True),
        columns.money("Amount", lambda row: row.amount, lambda row: row.currency, sort="amount"),
        columns.money("Went back", lambda row: row.returned, lambda row: row.currency),
        columns.deed("PDF", "/receipts/{}/paper.pdf", "receipt.paper"),
        columns.deed(
            "Take back", "/accounts/{row.account_id}/reversal?entry_id={row.entry_id}", "payment.reverse",
            lambda row: row.returned < row.amount,
        ),
    ),
    ("number", "account_id", "since", "until"), empty="There is no receipt yet: each payment has one.",
)  # fmt: skip
_WISH = Form(
    "/accounts/{account_id}/receipt-mail", "receipt-mail.edit", "Receipts by mail", "Save", LINES_PATH,
    shows="receipt-mail.show", said="It is so from the next payment on.",
    text="They go to the contact that the account names on paper, and to its people who may see payments.",
)  # fmt: skip
SCREENS = (
    *screens(RECEIPTS),
    form_screen(_WISH),
    Screen("/receipts/{receipt_id}/paper.{form:pdf|html}", "receipt.paper", paper("receipt.paper")),
)
