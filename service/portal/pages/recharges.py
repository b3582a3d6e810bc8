"""Accounts that are recharged by a card: when, how much, and what became of it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from service.api.problems import Problem
from service.payments.recharges_api import CardPage
from service.portal.components import columns
from service.portal.components.columns import badge, each, thing
from service.portal.components.facts import Fact, Section, page, part, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, screens
from service.portal.formats import NEVER
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import Visit

ONE = "/accounts/{account_id}/recharge"


def _account(visit: Visit, row: Any) -> Cell:
    """To the page of its recharges."""
    return Cell(visit.name("account", row.account_id), f"/accounts/{row.account_id}/recharge")


def _state(visit: Visit, row: Any) -> Cell:
    return Cell(visit.say("no card yet" if row.state == "asked" else row.state), "", columns.STATES[row.state])


RECHARGES = Listed(
    "/recharges", "recharge.list", "Recharges",
    (
        each("Account", _account, learns=(("account", "account_id"),)),
        columns.money("Below", lambda row: row.threshold, lambda row: row.currency),
        columns.money("Amount", lambda row: row.amount, lambda row: row.currency),
        columns.money("A month, at most", lambda row: row.month_max, lambda row: row.currency),
        columns.other("Gateway", "payment-gateway", "gateway_id", is_wide=True),
        each("State", _state),
        columns.said("Why", "fault", is_wide=True),
    ),
    ("account_id", "state"),
    empty="Nobody is recharged by a card yet. It is set on an account's page, under Recharge.",
    makes=(("What was recharged", "/recharges/history", "recharge.history"),),
)  # fmt: skip
ATTEMPTS = (
    columns.moment("Begun", "created_at"),
    columns.other("Account", "account", "account_id"),
    columns.money("Amount", lambda row: row.amount, lambda row: row.currency),
    columns.state(),
    columns.number("Declined", "declines", is_wide=True),
    columns.moment("Next", "next_at", is_wide=True),
    columns.said("Why", "fault"),
)
HISTORY = Listed(
    "/recharges/history", "recharge.history", "What was recharged", ATTEMPTS, ("account_id", "state"),
    empty="Nothing was recharged yet: it begins when a balance falls below what its account has set.",
    back=("Recharges", "/recharges"),
)  # fmt: skip


async def show(visit: Visit) -> Shown:
    """What an account wants, and what was asked of its card."""
    number = int(visit.parameter("account_id"))
    await visit.learn("account", [number])
    here = f"/accounts/{number}"
    row = await _wish(visit)
    sections = [
        await _terms(visit, row, here),
        await part(
            visit, "What was recharged", "recharge.history", [one for one in ATTEMPTS if one.title != "Account"],
            query={"account_id": str(number)}, more=f"/recharges/history?account_id={number}",
            empty="Nothing was recharged yet.",
        ),
    ]  # fmt: skip
    trail = (Crumb(visit.name("account", number), here),)
    badges = [] if row is None else [_state(visit, row)]
    dangers = [] if row is None else [("Recharge no more", f"{here}/recharge/removal", "recharge.remove")]
    return page(visit, visit.say("Recharge"), sections, badges=badges, dangers=dangers, trail=trail)


async def _wish(visit: Visit) -> Any:
    """What is set; None: nothing."""
    try:
        return (await visit.look_at("recharge.show", visit.path_of("recharge.show"))).body
    except Problem as problem:
        if problem.kind != "not-found" or not visit.knows("account", int(visit.parameter("account_id"))):
            raise
    return None


async def _terms(visit: Visit, row: Any, here: str) -> Section:
    edit = (f"{here}/recharge/edit", "recharge.edit")
    if row is None:
        told = [Fact("By a card", Cell(visit.say("no")), "Set when and how much; then leave a card at the gateway.")]
        return section(visit, "When and how much", told, edit=edit)
    await visit.learn("payment-gateway", [row.gateway_id])
    money = visit.formats.money
    told = [
        Fact("Each time that the balance falls below", Cell(money(row.threshold, row.currency))),
        Fact("Amount", Cell(money(row.amount, row.currency))),
        Fact("In a calendar month, at most", Cell(money(row.month_max, row.currency))),
        Fact("Gateway", thing(visit, "payment-gateway", row.gateway_id)),
        Fact("Card", badge(visit, row.state), _CARDS[row.state]),
        Fact("What was wrong last", Cell(visit.refuse(row.fault) or NEVER)),
    ]
    card = [(visit.say("Leave a card"), f"{here}/recharge/card")] if visit.can("recharge.card") else []
    return section(visit, "When and how much", told, edit=edit)._replace(actions=card)


_CARDS = {
    "asked": "No card is kept yet: leave one at the gateway.",
    "on": "The gateway keeps one.",
    "off": "It was declined too often, or nothing may be asked of it: set it anew, or leave another one.",
}


_LEAVING = "The payment gateway's page opens. It tells us when it keeps a card, mostly within a minute."


async def tell_link(visit: Visit, body: BaseModel) -> Shown:
    """The gateway's own page takes the card."""
    assert isinstance(body, CardPage)
    values = {
        "link": body.link,
        "pay": visit.say("Leave a card there"),
        "back": f"/accounts/{visit.parameter('account_id')}/recharge",
        "text": visit.say(_LEAVING),
    }
    return Shown("pay.html", visit.say("Leave a card"), values)


_FORMS = (
    Form(
        f"{ONE}/edit", "recharge.edit", "Recharge by a card", "Save", ONE, shows="recharge.show",
        said="It is set.", text="A card that is kept at the same gateway stays; what was off begins anew.",
    ),
    Form(
        f"{ONE}/card", "recharge.card", "Leave a card", "Go on", ONE, tells=tell_link,
        text="The gateway keeps it; its number never comes here.",
    ),
    Form(
        f"{ONE}/removal", "recharge.remove", "Recharge this account no more?", "Recharge no more", ONE,
        said="It is recharged no more.", is_danger=True,
    ),
)  # fmt: skip
SCREENS = (
    *screens(RECHARGES),
    *screens(HISTORY),
    *(form_screen(form) for form in _FORMS),
    Screen(ONE, "recharge.show", show),
)
