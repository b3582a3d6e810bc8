"""How an account is billed: who it is on paper, its terms, its taxes, the numbers of what it issues; and all taxes."""

from __future__ import annotations

from typing import Any

from service.accounts.api import AccountView
from service.api.problems import Problem
from service.billing.taxes_api import AssignedView
from service.portal.components import columns
from service.portal.components.columns import deed, each, facts
from service.portal.components.facts import Fact, Section, page, part, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, screens
from service.portal.formats import NEVER
from service.portal.pages import dunning
from service.portal.pages.invoices import COLUMNS
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import Visit

ACCOUNT = "/accounts/{account_id}"
BILLING = f"{ACCOUNT}/billing"
PARTY = (
    "legal_name", "address_lines", "postcode", "city", "country", "tax_number", "registration", "buyer_reference",
    "electronic_address", "electronic_scheme", "contact_name", "contact_phone", "contact_email", "iban", "bic",
    "bank_holder", "bank_name",
)  # fmt: skip
TERMS = (
    "cycle", "cycle_day", "zone", "due_days", "language", "lines", "annex", "reviewed", "zero_invoices",
    "prepaid_invoices",
)  # fmt: skip


def _percent(visit: Visit, row: Any) -> Cell:
    return Cell(f"{visit.formats.amount(row.percent, 0)} %")


TAXES = Listed(
    "/taxes", "tax.list", "Taxes",
    (
        columns.text("Name", "name", sort="name"),
        each("Percent", _percent, at_end=True),
        columns.text("Category", "category"),
        columns.other("Seller", "account", "account_id"),
        columns.text("Services", "services", is_wide=True),
        columns.yes("Everybody", "everybody", is_wide=True),
        columns.yes("Added to prepaid prices", "added_to_prepaid", is_wide=True),
        columns.moment("Until", "valid_until", is_wide=True),
        deed("Edit", "/taxes/{}/edit", "tax.edit"),
        deed("Remove", "/taxes/{}/removal", "tax.remove"),
    ),
    ("name", "account_id"), "name", "No tax is asked for yet.",
    (("New tax", "/taxes/new", "tax.make"),),
)  # fmt: skip


async def show(visit: Visit) -> Shown:
    """Everything that says how an account is billed, and its latest invoices."""
    number = int(visit.parameter("account_id"))
    await visit.learn("account", [number])
    here = f"/accounts/{number}"
    is_own = number == visit.account_id
    party, terms = await _said(visit, "party.show"), await _said(visit, "terms.show")
    sections = [
        _party(visit, party, here),
        _terms(visit, terms, here, is_own=is_own, is_known=party is not None),
        await _taxes(visit, here, is_own=is_own),
        *(await _numbers(visit, here)),
        *(await _reminders(visit, number)),
        await part(
            visit, "Invoices", "invoice.list", [one for one in COLUMNS if one.title != "Account"],
            query={"account_id": str(number)}, more=f"/invoices?account_id={number}", empty="There is no invoice yet.",
        ),
    ]  # fmt: skip
    actions = [("All invoices", f"/invoices?account_id={number}", "invoice.list")]
    if terms is not None:
        actions.insert(0, ("Preview of the invoice", f"{here}/invoice-preview", "invoice.preview"))
    trail = (Crumb(visit.name("account", number), here),)
    return page(visit, visit.say("Billing"), sections, actions=actions, trail=trail)


async def _said(visit: Visit, name: str) -> Any:
    """What was said of the account; None: nothing yet."""
    try:
        return (await visit.look_at(name, visit.path_of(name))).body
    except Problem as problem:
        if problem.kind != "not-found":
            raise
        return None


def _party(visit: Visit, row: Any, here: str) -> Section:
    told = [Fact("Legal name", Cell(NEVER), _NOBODY)] if row is None else facts(visit, row, *PARTY)
    return section(visit, "On paper", told, edit=(f"{here}/billing/party", "party.edit"))


_NOBODY = "Nobody has said yet who the account is on paper; invoices need it."


def _terms(visit: Visit, row: Any, here: str, *, is_own: bool, is_known: bool) -> Section:
    edit = (f"{here}/billing/terms", "terms.edit") if is_known and not is_own else None
    if row is None:
        return section(visit, "Terms", [Fact("Cycle", Cell(NEVER), _UNBILLED[is_known])], edit=edit)
    told = facts(visit, row, *TERMS, "tax_status", "period_since", "period_until")
    return section(visit, "Terms", told, edit=edit)


_UNBILLED = {
    True: "The account is not billed.",
    False: "The account is not billed; who it is on paper comes first.",
}
"""By whether it is somebody on paper."""


async def _taxes(visit: Visit, here: str, *, is_own: bool) -> Section:
    found = await visit.ask("tax.assigned", AssignedView, account_id=visit.parameter("account_id"))
    await visit.learn("tax", found.tax_ids)
    names = ", ".join(visit.name("tax", number) for number in found.tax_ids) or visit.say("what everybody pays")
    edit = None if is_own else (f"{here}/billing/taxes", "tax.assign")
    return section(visit, "Taxes", [Fact("Pays", Cell(names))], edit=edit)


async def _numbers(visit: Visit, here: str) -> list[Section]:
    """How what it issues is numbered; none for who sells nothing."""
    found = []
    for title, noun, place in (
        ("Numbers of invoices", "numbering.show", "numbers"),
        ("Numbers of credit notes", "numbering.show-credit-notes", "credit-numbers"),
        ("Numbers of receipts", "numbering.show-receipts", "receipt-numbers"),
    ):
        try:
            row: Any = (await visit.look_at(noun, visit.path_of(noun))).body
        except Problem as problem:
            if problem.kind not in {"conflict", "not-found"}:
                raise
            continue
        told = facts(visit, row, "prefix", "pattern", "next_number", "restarts_yearly")
        edit = (f"{here}/billing/{place}", noun.replace("show", "edit"))
        found.append(section(visit, title, told, edit=edit))
    return found


async def _reminders(visit: Visit, number: int) -> list[Section | None]:
    """What a seller does about unpaid invoices; whether who is billed is spared."""
    row = await visit.ask("account.show", AccountView, account_id=number)
    found = [await dunning.steps(visit, number)] if row.kind in {"root", "reseller"} and not row.commission else []
    return found + ([await dunning.exemption(visit, number)] if row.kind in {"customer", "reseller"} else [])


_FORMS = (
    Form(
        f"{BILLING}/party", "party.edit", "Who the account is on paper", "Save", BILLING, shows="party.show",
        said="It stands on what is issued from now on.",
    ),
    Form(
        f"{BILLING}/terms", "terms.edit", "How the account is billed", "Save", BILLING, shows="terms.show",
        said="The terms are set.", text="A new cycle begins where the period that runs now began.",
    ),
    Form(
        f"{BILLING}/taxes", "tax.assign", "Which taxes the account pays", "Save", BILLING, shows="tax.assigned",
        said="The taxes are set.", text="None chosen: what everybody pays.",
    ),
    Form(
        f"{BILLING}/numbers", "numbering.edit", "How invoices are numbered", "Save", BILLING, shows="numbering.show",
        said="The numbers are set.", text="What was issued keeps its number.",
    ),
    Form(
        f"{BILLING}/credit-numbers", "numbering.edit-credit-notes", "How credit notes are numbered", "Save", BILLING,
        shows="numbering.show-credit-notes", said="The numbers are set.", text="What was issued keeps its number.",
    ),
    Form(
        f"{BILLING}/receipt-numbers", "numbering.edit-receipts", "How receipts are numbered", "Save", BILLING,
        shows="numbering.show-receipts", said="The numbers are set.", text="What was issued keeps its number.",
    ),
    Form(
        "/taxes/new", "tax.make", "New tax", "Make", "/taxes", said="The tax is made.",
        text="Another percentage is another tax: end this one, and begin the next.",
    ),
    Form(
        "/taxes/{tax_id}/edit", "tax.edit", "Edit tax", "Save", "/taxes", shows="tax.show",
        said="The tax is changed.",
    ),
    Form(
        "/taxes/{tax_id}/removal", "tax.remove", "Remove this tax?", "Remove", "/taxes", said="The tax is gone.",
        is_danger=True,
    ),
)  # fmt: skip
SCREENS = (
    *screens(TAXES),
    *(form_screen(form) for form in _FORMS),
    Screen(BILLING, "tax.assigned", show),
)
