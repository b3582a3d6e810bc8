"""Money that customers pay in by themselves: where they can, what became of it; and the gateways of their sellers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from service.accounts.api import AccountView
from service.api.lists import PAGE_ROWS_MAX, Page
from service.payments.gateways_api import GatewayView, OpenTopUp
from service.portal.components import columns
from service.portal.components.columns import badge, deed, each
from service.portal.components.facts import Fact, Section, page, part, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, screens, table_of
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import Visit

TOP_UP = "/accounts/{account_id}/top-up"


def _state(visit: Visit, row: Any) -> Cell:
    """Paid, or what was paid and taken back since."""
    return badge(visit, "taken back" if row.returned else row.state)


TOP_UP_COLUMNS = (
    columns.moment("Begun", "created_at"),
    columns.other("Account", "account", "account_id"),
    columns.money("Amount", lambda row: row.amount, lambda row: row.currency, sort="amount"),
    columns.money("Taken back", lambda row: row.returned or None, lambda row: row.currency),
    each("State", _state),
    columns.text("The gateway's name for it", "external", is_wide=True),
)
TOP_UPS = Listed(
    "/top-ups", "top-up.list", "Top-ups", TOP_UP_COLUMNS, ("account_id",), empty="Nobody has paid in online yet.",
)  # fmt: skip
GATEWAYS = Listed(
    "/payment-gateways", "payment-gateway.list", "Payment gateways",
    (
        columns.text("Name", "name"),
        columns.other("Seller", "account", "account_id"),
        columns.text("Kind", "kind", is_wide=True),
        columns.text("Link", "link", is_wide=True),
        each("State", lambda visit, row: badge(visit, "on" if row.active else "off")),
        deed("Edit", "/payment-gateways/{}/edit", "payment-gateway.edit"),
    ),
    ("account_id",), empty="Customers can't pay online yet: a payment link of Stripe lets them.",
    makes=(
        ("What they have told", "/payment-gateways/events", "payment-gateway.events"),
        ("New payment gateway", "/payment-gateways/new", "payment-gateway.make"),
    ),
)  # fmt: skip
EVENTS = Listed(
    "/payment-gateways/events", "payment-gateway.events", "What payment gateways have told",
    (
        columns.moment("When", "created_at"),
        columns.other("Gateway", "payment-gateway", "gateway_id"),
        columns.text("Event", "kind"),
        columns.said("What became of it", "outcome"),
    ),
    ("account_id",), back=("Payment gateways", "/payment-gateways"), empty="They have told nothing yet.",
)  # fmt: skip


async def show(visit: Visit) -> Shown:
    """By which ways money comes in, and what came in lately."""
    number = int(visit.parameter("account_id"))
    account = await visit.find("account", "account_id")
    here = f"/accounts/{number}"
    voucher = [(visit.say("Use a voucher"), f"{here}/voucher")] if visit.can("voucher.use") else []
    sections = [
        await _balance(visit, number),
        section(visit, "By voucher", [Fact("Code", Cell(visit.say(_VOUCHER)))])._replace(actions=voucher),
        await _online(visit, number, here),
        await part(
            visit, "Paid in online", "top-up.list", [one for one in TOP_UP_COLUMNS if one.title != "Account"],
            query={"account_id": str(number)}, more=f"/top-ups?account_id={number}",
            empty="Nothing was paid in online yet.",
        ),
    ]  # fmt: skip
    actions = [("Recharge", f"{here}/recharge", "recharge.show")]
    return page(visit, visit.say("Top up"), sections, actions=actions, trail=(Crumb(account.name, here),))


async def _balance(visit: Visit, number: int) -> Section | None:
    """Who may pay in needn't see what is there."""
    if not visit.can("account.show"):
        return None
    row = await visit.ask("account.show", AccountView, account_id=number)
    return section(visit, "Money", [Fact("Balance", Cell(visit.formats.money(row.balance, row.currency)))])


_VOUCHER = "It stands on the voucher that you bought."


async def _online(visit: Visit, number: int, here: str) -> Section | None:
    """Gateways of the account's seller; those of accounts below the visitor's own are for others."""
    if not visit.can("payment-gateway.list"):
        return None
    found: Any = await visit.ask("payment-gateway.list", Page[GatewayView], query={"limit": str(PAGE_ROWS_MAX)})
    await visit.learn("account", [one.account_id for one in found.items])
    is_own = number == visit.account_id
    open_ones = [one for one in found.items if one.active and not (is_own and visit.knows("account", one.account_id))]
    pay = each("Pay", lambda visit, one: Cell(visit.say("Pay here"), f"{here}/top-ups/new?gateway_id={one.id}"))
    shown = (columns.text("Name", "name"), pay._replace(needs="top-up.make"))
    offered = [one for one in shown if not one.needs or visit.can(one.needs)]
    table = await table_of(visit, offered, open_ones)
    return Section(visit.say("Online"), [], table, empty=visit.say("Your seller takes no money online."), is_half=True)


_PAYING = "The payment gateway's page opens. Its answer brings the money into your balance, mostly within a minute."


async def tell_link(visit: Visit, body: BaseModel) -> Shown:
    """Where to pay it; the balance has it when the gateway says so."""
    assert isinstance(body, OpenTopUp)
    amount = visit.formats.money(body.amount, body.currency)
    values = {
        "link": body.link,
        "pay": visit.say("Pay {amount}").format(amount=amount),
        "back": f"/accounts/{visit.parameter('account_id')}/top-up",
        "text": visit.say(_PAYING),
    }
    return Shown("pay.html", visit.say("Pay online"), values)


_FORMS = (
    Form("/accounts/{account_id}/top-ups/new", "top-up.make", "Pay online", "Go on", TOP_UP, tells=tell_link),
    Form(
        "/payment-gateways/new", "payment-gateway.make", "New payment gateway", "Add", "/payment-gateways",
        said="The payment gateway is added: have its messages sent to /api/v1/payment-gateways/NUMBER/events.",
    ),
    Form(
        "/payment-gateways/{payment_gateway_id}/edit", "payment-gateway.edit", "Edit payment gateway", "Save",
        "/payment-gateways", shows="payment-gateway.show", said="The payment gateway is changed.",
        text="One that is off takes neither messages nor top-ups.",
    ),
)  # fmt: skip
SCREENS = (
    *screens(TOP_UPS),
    *screens(EVENTS),
    *screens(GATEWAYS),
    *(form_screen(form) for form in _FORMS),
    Screen(TOP_UP, "top-up.make", show),
)
