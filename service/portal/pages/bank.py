"""What sellers' banks say: files with their lines, and the lines that a person has to look at."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from service.payments.bank_api import ENDPOINTS, FileView
from service.portal.components import columns
from service.portal.components.columns import deed, each, facts
from service.portal.components.facts import Fact, page, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.labels import label_of, value_of
from service.portal.components.lists import Cell, Listed, screens
from service.portal.formats import NEVER
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import Visit

ONE = "/bank-lines/{bank_line_id}"
_BYTES_MAX = next(one.body_bytes_max for one in ENDPOINTS if one.name == "bank-line.take-file")
LINES = Listed(
    "/bank-lines", "bank-line.list", "Bank files",
    (
        each("Booked", lambda visit, row: Cell(visit.formats.written_day(row.booked_on), f"/bank-lines/{row.id}")),
        columns.text("Payer", "payer"),
        columns.text("Remittance", "remittance"),
        columns.money("Amount", lambda row: row.amount, lambda row: row.currency, sort="amount"),
        columns.state(),
        columns.said("Why", "why", is_wide=True),
        columns.other("Posted to", "account", "payer_account_id", is_wide=True),
        columns.other("Seller", "account", "account_id", is_wide=True),
    ),
    ("state", "remittance", "account_id"), "remittance", "No bank file was taken yet.",
    (
        ("How files are read", "/bank-layouts", "bank-layout.list"),
        ("Take a file", "/bank-lines/new", "bank-line.take-file"),
    ),
)  # fmt: skip


def _columns(visit: Visit, row: Any) -> Cell:
    """What stands in which column of the bank's."""
    return Cell("; ".join(f"{visit.say(label_of(name))}: {column}" for name, column in row.columns.items()))


LAYOUTS = Listed(
    "/bank-layouts", "bank-layout.list", "How banks' files are read",
    (
        each("Bank", lambda visit, row: Cell(row.bank or visit.say("the only one"))),
        columns.other("Seller", "account", "account_id"),
        each("Columns", _columns),
        each("Order of dates", lambda visit, row: Cell(value_of(row.date_order, visit.say)), is_wide=True),
        each("Sign before decimals", lambda visit, row: Cell(value_of(row.decimal_mark, visit.say)), is_wide=True),
        columns.text("Currency", "currency", is_wide=True),
        deed("Forget", "/bank-layouts/{}/removal", "bank-layout.remove"),
    ),
    ("account_id",), back=("Bank files", "/bank-lines"),
    empty="Nothing is kept yet: it is with the first CSV of a bank that could be read.",
    makes=(("Take a file", "/bank-lines/new", "bank-line.take-file"),),
)  # fmt: skip


async def show(visit: Visit) -> Shown:
    """A line, and who may have paid it."""
    row: Any = (await visit.look_at("bank-line.show", visit.path_of("bank-line.show"))).body
    await visit.learn("account", [row.account_id, row.payer_account_id])
    told = [
        Fact("Amount", Cell(visit.formats.money(row.amount, row.currency))),
        Fact("Booked on", Cell(visit.formats.written_day(row.booked_on))),
        *facts(visit, row, "payer", "remittance"),
        Fact("Seller", columns.thing(visit, "account", row.account_id)),
        Fact("Why", Cell(visit.refuse(row.why) or NEVER)),
        Fact("Posted to", columns.thing(visit, "account", row.payer_account_id)),
        *facts(visit, row, "created_at"),
    ]
    here = f"/bank-lines/{row.id}"
    actions = [
        ("An account has paid it", f"{here}/account", "bank-line.match"),
        ("It pays an invoice", f"{here}/invoice", "bank-line.match"),
        ("It is no payment", f"{here}/ignore", "bank-line.ignore"),
    ]
    trail = (Crumb(visit.say("Bank files"), "/bank-lines"),)
    return page(
        visit, visit.say("Line of a bank file"), [section(visit, "What it says", told)],
        badges=[columns.badge(visit, row.state)], actions=actions if row.state == "open" else (), trail=trail,
    )  # fmt: skip


async def tell_taken(visit: Visit, body: BaseModel) -> Shown:
    """What has become of the lines."""
    assert isinstance(body, FileView)
    hints = {
        "posted": "As payments of the accounts that they name.", "open": "A person says who has paid them.",
        "ignored": "Money that went out.", "known": "They were taken before.",
    }  # fmt: skip
    number = visit.formats.number
    told = [Fact("Lines", Cell(number(body.lines)))]
    told += [Fact(name.capitalize(), Cell(number(getattr(body, name))), hint) for name, hint in hints.items()]
    waiting = [(visit.say("Those that wait"), "/bank-lines?state=open")] if body.open else []
    sections = [section(visit, "What has become of its lines", told)._replace(actions=waiting)]
    trail = (Crumb(visit.say("Bank files"), "/bank-lines"),)
    return page(visit, visit.say("The file is taken"), sections, trail=trail)


_FORMS = (
    Form(
        f"{ONE}/account", "bank-line.match", "Which account has paid it?", "Post", ONE, ("account_id",),
        said="It is posted.",
    ),
    Form(
        f"{ONE}/invoice", "bank-line.match", "Which invoice does it pay?", "Post", ONE, ("invoice_id",),
        said="It is posted.", text="What is more than the invoice pays what is due next, or stays in the balance.",
    ),
    Form(
        "/bank-layouts/{bank_layout_id}/removal", "bank-layout.remove", "Forget how this bank's files are read?",
        "Forget", "/bank-layouts", said="It is forgotten.", is_danger=True,
        text="The next file has to say again which column is what. Lines that were taken stay.",
    ),
    Form(f"{ONE}/ignore", "bank-line.ignore", "Why is it no payment?", "Ignore", ONE, said="It is ignored."),
)  # fmt: skip
_TAKE = Form(
    "/bank-lines/new", "bank-line.take-file", "Take a bank's file", "Take", "/bank-lines", tells=tell_taken,
    text="Lines that name an open invoice or an account are posted at once. The same file again posts nothing.",
)  # fmt: skip
SCREENS = (
    *screens(LINES),
    *screens(LAYOUTS),
    form_screen(_TAKE)._replace(body_bytes_max=_BYTES_MAX),
    *(form_screen(form) for form in _FORMS),
    Screen(ONE, "bank-line.show", show),
)
