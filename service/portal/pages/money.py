"""The books of an account: its lines, and what is posted to them by hand."""

from __future__ import annotations

from typing import Any

from service.portal.components import columns
from service.portal.components.columns import deed, each
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, screens
from service.portal.visit import Visit

ACCOUNT = "/accounts/{account_id}"
LINES_PATH = f"{ACCOUNT}/lines"


def _kind(visit: Visit, row: Any) -> Cell:
    return Cell(visit.say(row.kind.replace("_", " ")))


LINE_COLUMNS = (
    columns.moment("When", "created_at"),
    each("What", _kind),
    columns.text("Reason", "reason"),
    columns.text("By", "actor", is_wide=True),
    columns.money("Amount", lambda row: row.amount, lambda row: row.currency),
    columns.money("Balance", lambda row: row.balance, lambda row: row.currency),
)
LINES = Listed(
    LINES_PATH, "payment.list", "Payments and other lines", LINE_COLUMNS,
    empty="Nothing has been booked yet.", back=("Account", ACCOUNT),
    makes=(
        ("Post a payment", f"{ACCOUNT}/payment", "payment.make"),
        ("Adjust", f"{ACCOUNT}/adjustment", "payment.adjust"),
        ("Refund", f"{ACCOUNT}/refund", "payment.refund"),
        ("Take a payment back", f"{ACCOUNT}/reversal", "payment.reverse"),
        ("Transfer", "/transfers/new?from_account_id={account_id}", "payment.transfer"),
        ("Receipts", "/receipts?account_id={account_id}", "receipt.list"),
        ("Receipts by mail", f"{ACCOUNT}/receipt-mail", "receipt-mail.edit"),
    ),
)  # fmt: skip
OPERATIONS = Listed(
    "/operations", "operation.list", "Refunds and transfers",
    (
        columns.moment("When", "created_at"),
        columns.text("What", "kind"),
        columns.other("From", "account", "account_id"),
        columns.other("To", "account", "to_account_id"),
        columns.money("Amount", lambda row: row.amount, lambda row: row.currency),
        columns.text("Reason", "reason", is_wide=True),
        columns.state(),
        deed("Call it off", "/operations/{}/cancellation", "operation.cancel", lambda row: row.state == "asked"),
    ),
    ("state", "account_id"), empty="There is no refund or transfer.",
)  # fmt: skip
_FORMS = (
    Form(f"{ACCOUNT}/payment", "payment.make", "Post a payment", "Post", LINES_PATH, said="The payment is posted."),
    Form(
        f"{ACCOUNT}/adjustment", "payment.adjust", "Adjust the balance", "Post", LINES_PATH,
        said="The adjustment is posted.", text="A correction in the account's favour, or with a minus against it.",
    ),
    Form(
        f"{ACCOUNT}/refund", "payment.refund", "Pay money back", "Refund", LINES_PATH, said="The refund is on its way.",
        text="Never money that running calls hold.", is_danger=True,
    ),
    Form(
        f"{ACCOUNT}/reversal", "payment.reverse", "Take a payment back", "Take back", LINES_PATH,
        said="The payment is taken back.", is_danger=True,
        text="One that the bank has refused, or that was posted by mistake. What it had paid is open again.",
    ),
    Form(
        f"{ACCOUNT}/write-off", "payment.write-off", "Write the debt off", "Write off", LINES_PATH,
        said="The debt is written off.", is_danger=True,
    ),
    Form(
        "/transfers/new", "payment.transfer", "Transfer money", "Transfer", "/operations",
        said="The transfer is on its way.", text="Never money that running calls hold.",
    ),
    Form(
        "/operations/{operation_id}/cancellation", "operation.cancel", "Cancel it?", "Call it off", "/operations",
        said="It is cancelled.", text="While the call path has not answered yet.", is_danger=True,
    ),
    Form(
        f"{ACCOUNT}/credit-limit", "account.credit-limit", "Set the credit limit", "Set", ACCOUNT,
        shows="account.show", said="The credit limit is set.", text="How far below nothing the balance may go.",
    ),
)  # fmt: skip
SCREENS = (*screens(LINES), *screens(OPERATIONS), *(form_screen(form) for form in _FORMS))
