"""Where one begins: the overview of whoever is signed in, and the menu as a page."""

from __future__ import annotations

from service.portal.components.facts import page
from service.portal.screen import Screen, Shown
from service.portal.visit import Visit


async def show(visit: Visit) -> Shown:
    """What matters to the visitor now."""
    return page(visit, visit.say("Overview"), [])


async def show_menu(visit: Visit) -> Shown:
    """For who has no room for it beside the page, and no scripts."""
    return Shown("menu.html", visit.say("Menu"), {})


SCREENS = (
    Screen("/", "me.show", show),
    Screen("/menu", "me.show", show_menu),
)
