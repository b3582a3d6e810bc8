"""What comes into force when: publications that wait, and rates of exchange."""

from __future__ import annotations

from typing import Any

from service.portal.components import columns
from service.portal.components.columns import deed, each
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, screens
from service.portal.formats import NEVER
from service.portal.visit import Visit

PUBLICATION = "/publications/{publication_id}"


def _what(visit: Visit, row: Any) -> Cell:
    """Names of all that comes into force."""
    names = [one.name for one in row.tariffs] + [*row.plans, *row.groups]
    names += [visit.say("rates of exchange")] if row.exchange else []
    return Cell(", ".join(names) or NEVER)


PUBLICATIONS = Listed(
    "/publications", "publication.list", "Publications",
    (
        columns.moment("Due", "due_at", sort="due"),
        each("What", _what),
        columns.other("Account", "account", "account_id"),
        columns.state(),
        columns.text("By", "asked_by", is_wide=True),
        columns.text("Note", "note", is_wide=True),
        columns.text("Outcome", "outcome", is_wide=True),
        deed("Call off", "/publications/{}/cancellation", "publication.cancel", lambda row: row.state == "waiting"),
    ),
    ("state", "account_id"),
    empty="Nothing waits for its moment: what is published without one is in force at once.",
)  # fmt: skip
EXCHANGE = Listed(
    "/exchange", "exchange.history", "Rates of exchange",
    (
        columns.moment("Published", "published_at"),
        columns.text("By", "published_by"),
        columns.text("Base", "base"),
        each("Rates", lambda _, row: Cell(", ".join(_pair(one) for one in row.rates) or NEVER)),
        columns.text("Note", "note", is_wide=True),
    ),
    empty="There are none: all have one currency. Another one needs exchange.yaml in the ratebook's folder.",
)  # fmt: skip


def _pair(one: Any) -> str:
    return f"1 {one.from_currency} = {one.rate} {one.to_currency}"


_FORMS = (
    Form(
        f"{PUBLICATION}/cancellation", "publication.cancel", "Call this publication off?", "Call off", "/publications",
        said="The publication is called off.", is_danger=True,
    ),
)  # fmt: skip
SCREENS = (*screens(PUBLICATIONS), *screens(EXCHANGE), *(form_screen(form) for form in _FORMS))
