"""What the own account's seller offers it: to look at, and to take."""

from __future__ import annotations

from typing import Any

from service.portal.components import columns
from service.portal.components.columns import deed, each
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, screens
from service.portal.formats import duration
from service.portal.visit import Visit


def _period(visit: Visit, row: Any) -> Cell:
    text = visit.say("{period}, renews by itself") if row.renews else visit.say("{period}, once")
    return Cell(text.format(period=visit.say(row.period)))


def _gives(visit: Visit, row: Any) -> Cell:
    """Of a package what is in it, and for which calls."""
    if row.kind != "package":
        return Cell(visit.say(row.kind))
    given = visit.formats.money(row.money, row.currency) if row.money else duration(row.seconds)
    return Cell(f"{given}: {', '.join(row.groups) or visit.say('every number')}")


OFFERS = Listed(
    "/offers", "offer.list", "Offers",
    (
        columns.text("Name", "name", sort="name"),
        each("What it gives", _gives),
        columns.text("Description", "description", is_wide=True),
        columns.money("Price", lambda row: row.price, lambda row: row.currency, sort="price"),
        columns.money("Set-up", lambda row: row.setup or None, lambda row: row.currency),
        each("Period", _period, is_wide=True),
        deed("Take it", "/offers/take?offer_id={}", "offer.take"),
    ),
    ("name", "kind"), "name", "Your seller offers nothing now.",
    (("What you have", "/subscriptions", "subscription.list"),),
)  # fmt: skip
_FORMS = (
    Form(
        "/offers/take", "offer.take", "Take this offer?", "Take it", "/offers",
        text="Set-up and first period are paid from your balance before it begins.",
        made=lambda _, row: f"/subscriptions/{row.id}", said="It is yours.",  # type: ignore[attr-defined]
    ),
    Form(
        "/subscriptions/{subscription_id}/notice", "subscription.notice", "Give notice?", "Give notice",
        "/subscriptions/{subscription_id}", said="It ends with the period that is paid.", is_danger=True,
    ),
)  # fmt: skip
SCREENS = (*screens(OFFERS), *(form_screen(form) for form in _FORMS))
