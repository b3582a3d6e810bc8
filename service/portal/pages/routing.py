"""Where calls go: routing plans, what would happen to one call, special numbers, numbers that have moved."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from ratebook.document import ROUTING_FILE
from service.api.problems import FieldError, Problem
from service.peers.plans_api import Checked
from service.portal.components import columns
from service.portal.components.columns import deed, each
from service.portal.components.facts import Fact, Section, page, section
from service.portal.components.forms import UNSAID, Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, screens
from service.portal.components.writing import Pen, Text, writing
from service.portal.formats import NEVER
from service.portal.screen import Crumb, Gone, Screen, Shown
from service.portal.visit import Visit

PLAN, SPECIAL, PORTING = "/plans/{plan_id}", "/specials/{special_id}", "/portings/{porting_id}"


def _routes(visit: Visit, row: Any) -> Cell:
    """How many; none is told to who may not see gateways."""
    return Cell(visit.formats.number(len(row.record["routes"])) if row.record else NEVER)


PLANS = Listed(
    "/plans", "plan.list", "Routing plans",
    (
        columns.itself("Name", "plan", "name", sort="name"),
        each("Routes", _routes, at_end=True),
        columns.text("Written in", "source"),
    ),
    empty="There is no plan yet: it says by which gateways calls leave.",
    makes=(("New plan", "/plans/new", "plan.write"),),
)  # fmt: skip
_SAMPLE = "plans:\n  standard:\n    routes:\n      - {{prefix: '', gateways: [{gateways}]}}\n"
_NO_GATEWAY = "carrier/gateway"
NAMED_MAX = 8
"""Gateways that a sample names: who has more writes a plan of their own."""


async def show_plan(visit: Visit) -> Shown:
    """A plan as it is written."""
    row: Any = (await visit.look_at("plan.show", visit.path_of("plan.show"))).body
    told = [Fact("Written in", Cell(row.source or NEVER), "" if row.text else _NOT_TOLD)]
    sections = [
        section(visit, "Plan", told),
        Section(visit.say("As it is written"), template="source.html", data=row.text, is_full=True)
        if row.text
        else None,
    ]
    is_ours = bool(row.text) and row.source != ROUTING_FILE
    actions = [("Edit", f"/plans/{row.id}/edit", "plan.write")] if is_ours else []
    trail = (Crumb(visit.say("Routing plans"), "/plans"),)
    return page(visit, row.name, sections, actions=actions, trail=trail)


_NOT_TOLD = "By which gateways its calls leave is told to those who may see gateways."


async def _first(visit: Visit) -> Text:
    """What stands, or a sample with the gateways that there are."""
    if "plan_id" not in visit.request.match_info:
        return Text(_SAMPLE.format(gateways=", ".join(await _gateways(visit)) or _NO_GATEWAY), UNSAID)
    answer = await visit.look_at("plan.show", visit.path_of("plan.show"))
    row: Any = answer.body
    return Text(row.text, str(answer.version))


async def _gateways(visit: Visit) -> list[str]:
    """As a plan's text names them."""
    if not visit.can("gateway.list"):
        return []
    page: Any = (await visit.look_at("gateway.list", query={"limit": str(NAMED_MAX), "state": "active"})).body
    return [json.dumps(row.name, ensure_ascii=False) for row in page.items]


async def _check(visit: Visit, text: Text) -> list[str]:
    """Raises Problem with every fault."""
    found = await visit.ask("plan.check", Checked, body={"source": text.source})
    if not found.ok:
        raise visit.told(Problem("invalid", errors=[FieldError("body", "/source", said) for said in found.problems]))
    return []


async def _write(visit: Visit, text: Text) -> Gone:
    await visit.do("plan.write", {"source": text.source}, version=text.version)
    return Gone("/plans", visit.say("The plans hold from the next call on."))


_PENS = tuple(
    Pen(
        path, "plan.write", title, "/plans", _first, _check, _write, text=text,
    )
    for path, title, text in (
        (
            "/plans/new", "New plan",
            (
                "A route has the gateways for all numbers that its prefix begins; '' begins every number. "
                "A plan that stands already is changed on its own page."
            ),
        ),
        (
            f"{PLAN}/edit", "Edit plan",
            (
                "A route has the gateways for all numbers that its prefix begins; '' begins every number. "
                "Every plan that is named here is written anew; others stay."
            ),
        ),
    )
)  # fmt: skip
SPECIALS = Listed(
    "/specials", "special.list", "Special numbers",
    (
        columns.text("Number", "number", sort="number"),
        columns.yes("Longer ones too", "prefix"),
        columns.state("Kind", "kind"),
        columns.other("Route", "plan", "plan_id"),
        columns.other("Account", "account", "account_id"),
        columns.other("Trunk", "trunk", "trunk_id", is_wide=True),
        columns.text("Note", "note", is_wide=True),
        deed("Edit", "/specials/{}/edit", "special.edit"),
        deed("Remove", "/specials/{}/removal", "special.remove"),
    ),
    ("number", "kind", "account_id"), "number",
    "There is none yet: emergency calls and free numbers have a route of their own, with money or without.",
    (("New number", "/specials/new", "special.make"),),
)  # fmt: skip
PORTINGS = Listed(
    "/portings", "porting.list", "Ported numbers",
    (
        columns.text("Name", "name", sort="name"),
        columns.text("Prefix", "prefix"),
        columns.text("File", "file", is_wide=True),
        columns.number("Numbers", "numbers"),
        columns.moment("Loaded", "loaded_at"),
        columns.state(),
        columns.text("Fault", "fault", is_wide=True),
        deed("Load again", "/portings/{}/load", "porting.load"),
        deed("Remove", "/portings/{}/removal", "porting.remove"),
    ),
    ("state",), empty="No list of ported numbers is loaded: numbers are routed and rated as they are dialled.",
    makes=(("Look a number up", "/portings/trial", "porting.find"), ("New list", "/portings/new", "porting.make")),
)  # fmt: skip


async def tell_moved(visit: Visit, body: BaseModel) -> Shown:
    """Where a number stands now."""
    row: Any = body
    told = [
        Fact("Number", Cell(row.number)),
        Fact("List", Cell(row.list or NEVER)),
        Fact("Routing number", Cell(row.routing_number or visit.say("It has not moved, as far as lists know."))),
    ]
    trail = (Crumb(visit.say("Ported numbers"), "/portings"),)
    actions = [("Another one", "/portings/trial", "porting.find")]
    return page(visit, visit.say("Looked up"), [section(visit, "Number", told)], actions=actions, trail=trail)


_FORMS = (
    Form("/specials/new", "special.make", "New special number", "Make", "/specials", said="The number holds."),
    Form(
        f"{SPECIAL}/edit", "special.edit", "Edit special number", "Save", "/specials", shows="special.show",
        said="The number is changed.",
    ),
    Form(
        f"{SPECIAL}/removal", "special.remove", "Remove this special number?", "Remove", "/specials",
        text="It is an ordinary number again.", said="The number is gone.", is_danger=True,
    ),
    Form("/portings/new", "porting.make", "New list", "Load", "/portings", said="The list is being loaded."),
    Form(
        f"{PORTING}/load", "porting.load", "Load this list again", "Load", "/portings",
        said="The list is being loaded.",
    ),
    Form(
        f"{PORTING}/removal", "porting.remove", "Remove this list?", "Remove", "/portings", said="The list is gone.",
        is_danger=True,
    ),
    Form("/portings/trial", "porting.find", "Has a number moved?", "Look it up", "/portings", tells=tell_moved),
)  # fmt: skip
SCREENS = (
    *screens(PLANS),
    *screens(SPECIALS),
    *screens(PORTINGS),
    *(form_screen(form) for form in _FORMS),
    *map(writing, _PENS),
    Screen(PLAN, "plan.show", show_plan),
)
