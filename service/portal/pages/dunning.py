"""What sellers do about invoices that aren't paid: their steps, whom they spare, what was done."""

from __future__ import annotations

from typing import Any

from service.billing.dunning.api import DunningView, ExemptionView
from service.portal.components import columns
from service.portal.components.columns import each, facts
from service.portal.components.facts import Fact, Section, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, screens, table_of
from service.portal.visit import Visit

BILLING = "/accounts/{account_id}/billing"


def _kind(visit: Visit, row: Any) -> Cell:
    return Cell(visit.say(row.kind))


def _day(visit: Visit, row: Any) -> Cell:
    """In words, from the last day to pay."""
    if not row.days:
        return Cell(visit.say("on the last day"))
    text = visit.say("{days} days after it") if row.days > 0 else visit.say("{days} days before it")
    return Cell(text.format(days=visit.formats.number(abs(row.days))))


def _fee(visit: Visit, row: Any) -> Cell:
    if row.amount is not None:
        return Cell(visit.formats.money(row.amount, row.currency))
    return Cell("" if row.percent is None else f"{visit.formats.amount(row.percent, 0)} %")


STEP_COLUMNS = (each("What", _kind), each("When", _day), each("Fee", _fee, at_end=True))
ACTIONS = Listed(
    "/reminders", "dunning.list", "Reminders and late fees",
    (
        columns.moment("When", "done_at"),
        columns.other("Account", "account", "account_id"),
        columns.other("Invoice", "invoice", "invoice_id"),
        each("What", _kind),
        each("Step", _day, is_wide=True),
        columns.money("Was open", lambda row: row.open, lambda row: row.currency),
        columns.money("Fee", lambda row: row.fee or None, lambda row: row.currency),
        each("What became of it", lambda visit, row: Cell(visit.say(row.outcome)), is_wide=True),
        columns.text("Recipients", "recipients", is_wide=True),
    ),
    ("kind", "account_id", "invoice_id"), empty="Nobody had to be reminded yet.",
)  # fmt: skip


async def steps(visit: Visit, number: int) -> Section | None:
    """What a seller does."""
    if not visit.can("dunning.show"):
        return None
    found = await visit.ask("dunning.show", DunningView, account_id=number)
    table = await table_of(visit, STEP_COLUMNS, found.steps)
    edit = f"/accounts/{number}/dunning" if visit.can("dunning.edit") else ""
    empty = visit.say("Nothing is done about invoices that aren't paid.")
    return Section(visit.say("Unpaid invoices"), [], table, empty=empty, edit=edit, is_half=True)


async def exemption(visit: Visit, number: int) -> Section | None:
    """Whether an account is spared; nobody spares themselves."""
    if not visit.can("dunning.exemption"):
        return None
    found = await visit.ask("dunning.exemption", ExemptionView, account_id=number)
    told = [Fact("Spared", Cell(visit.say("yes" if found.exempt else "no")), "Neither reminded nor barred.")]
    if found.exempt:
        told += facts(visit, found, "reason", "until")
    edit = None if number == visit.account_id else (f"/accounts/{number}/exemption", "dunning.exempt")
    return section(visit, "Reminders", told, edit=edit)


_FORMS = (
    Form(
        "/accounts/{account_id}/dunning", "dunning.edit", "What is done about unpaid invoices", "Save", BILLING,
        shows="dunning.show", said="The steps are set.",
        text="A reminder, a fee or barring, each on a day. It holds for every invoice that is open; what was done "
        "already isn't done again.",
    ),
    Form(
        "/accounts/{account_id}/exemption", "dunning.exempt", "Spare this account?", "Save", BILLING,
        shows="dunning.exemption", said="It is noted.",
        text="Nothing is done from now on, and what was barred goes on; else steps that are due are taken.",
    ),
)  # fmt: skip
SCREENS = (*screens(ACTIONS), *(form_screen(form) for form in _FORMS))
