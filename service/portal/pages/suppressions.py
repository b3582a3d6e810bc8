"""Addresses that get no broadcast: looked for, and let in again."""

from __future__ import annotations

from service.portal.components import columns
from service.portal.components.columns import deed, each
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, screens

SUPPRESSIONS = Listed(
    "/suppressions", "suppression.list", "Addresses without broadcasts",
    (
        columns.text("Address", "address", sort="address"),
        each("Why", lambda visit, row: Cell(visit.say(row.reason))),
        columns.moment("Since", "created_at"),
        columns.other("Seller", "account", "account_id", is_wide=True),
        deed("Lift", "/suppressions/{}/removal", "suppression.lift"),
    ),
    ("address", "reason", "account_id"), "address", "Nobody has unsubscribed, and no address was found to be none.",
)  # fmt: skip
_LIFT = Form(
    "/suppressions/{suppression_id}/removal", "suppression.lift", "Let this address get broadcasts again?", "Lift",
    "/suppressions", said="It gets the next broadcast again.", is_danger=True,
    text="Whoever has unsubscribed must have asked for it.",
)  # fmt: skip
SCREENS = (*screens(SUPPRESSIONS), form_screen(_LIFT))
