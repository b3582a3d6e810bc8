"""A page about one thing: sections of facts and tables, each with what can be done there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from service.portal.components.lists import Cell, Column, Table, columns_for, makes, table_of
from service.portal.screen import Crumb, Shown
from service.portal.visit import Visit

PART_ROWS = 8
"""Of a list that is shown in part."""


class Fact(NamedTuple):
    """A line that says something."""

    label: str
    """English."""
    cell: Cell
    hint: str = ""


class Section(NamedTuple):
    """A part of a page."""

    title: str
    """In the visitor's language."""
    facts: Sequence[tuple[str, Cell, str]] = ()
    table: Table | None = None
    actions: Sequence[tuple[str, str]] = ()
    """Text and link of what can be done here."""
    empty: str = ""
    """What a table without rows says."""
    more: tuple[str, str] | None = None
    """Text and link to all rows, where the table shows only some."""
    edit: str = ""
    """The page of a form that changes what stands here, opened in place; empty: it can't be changed."""
    template: str = ""
    """Prints the section where facts and a table are not enough; it gets `section` and `data`."""
    data: object = None
    is_full: bool = False
    """Takes the page's whole width, as a table does unless it `is_half`."""
    is_half: bool = False


def section(visit: Visit, title: str, facts: Sequence[Fact], *, edit: tuple[str, str] | None = None) -> Section:
    """Facts. `edit`: link of the form, and the endpoint that it needs."""
    told = [(visit.say(fact.label), fact.cell, visit.say(fact.hint) if fact.hint else "") for fact in facts]
    link = edit[0] if edit is not None and visit.offers(*edit) else ""
    return Section(visit.say(title), told, edit=link)


async def part(
    visit: Visit,
    title: str,
    endpoint: str,
    columns: Sequence[Column],
    *,
    query: Mapping[str, str] | None = None,
    parameters: Mapping[str, object] | None = None,
    more: str = "",
    actions: Sequence[tuple[str, str, str]] = (),
    empty: str = "",
) -> Section | None:
    """The first rows of a list as a section; None: it isn't for the visitor's eyes. `more`: the page of all of them."""
    if not visit.can(endpoint):
        return None
    found: Any = (await visit.look_at(endpoint, parameters, {**(query or {}), "limit": str(PART_ROWS)})).body
    table = await table_of(visit, columns_for(visit, columns), found.items)
    link = (visit.say("All of them"), more) if found.next is not None and more else None
    return Section(visit.say(title), [], table, makes(visit, actions), visit.say(empty) if empty else "", link)


def page(
    visit: Visit,
    title: str,
    sections: Sequence[Section | None],
    *,
    badges: Sequence[Cell] = (),
    actions: Sequence[tuple[str, str, str]] = (),
    dangers: Sequence[tuple[str, str, str]] = (),
    trail: tuple[Crumb, ...] = (),
    subtitle: str = "",
) -> Shown:
    """The page of a thing. Actions and dangers: text, path and the endpoint that it needs; None: nothing."""
    values = {
        "subtitle": subtitle,
        "badges": badges,
        "sections": [one for one in sections if one is not None],
        "actions": makes(visit, actions),
        "dangers": makes(visit, dangers),
    }
    return Shown("facts.html", title, values, trail=trail)
