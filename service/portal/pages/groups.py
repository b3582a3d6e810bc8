"""Destination groups: which numbers each has, what names it; groups.yaml, written and published by the operator."""

from __future__ import annotations

from typing import Any

from service.portal.components import columns
from service.portal.components.columns import each
from service.portal.components.facts import Fact, Section, page, section
from service.portal.components.lists import Cell, Listed, screens, table_of
from service.portal.components.writing import Pen, Text, writing
from service.portal.formats import NEVER
from service.portal.screen import Crumb, Gone, Screen, Shown
from service.portal.visit import OPERATOR, Visit
from service.tariffs.groups_api import Checked, GroupText, SourceView

ALL = "/destination-groups"
EDIT = f"{ALL}/source"
PREFIXES_SHOWN_MAX = 500
GROUPS = Listed(
    ALL, "destination-group.list", "Destination groups",
    (
        columns.itself("Name", "destination-group", "name", sort="name"),
        columns.number("Prefixes", "prefixes"),
        columns.number("Left out", "excepted", is_wide=True),
        columns.moment("Published", "published_at"),
    ),
    ("name",), "name",
    "There is no group yet. The operator's groups.yaml names sets of numbers, for limits, packages and reports.",
    makes=(
        ("Group of a number", "/lookup", "tariff.lookup"),
        ("Edit groups", EDIT, f"destination-group.write {OPERATOR}"),
    ),
)  # fmt: skip
_USES = {
    "limit": ("Limits", "/limits"), "product": ("Products", "/products"),
    "commission-rule": ("Rules of commission", "/commission-rules"), "commitment": ("Commitments", "/commitments"),
}  # fmt: skip


async def show(visit: Visit) -> Shown:
    """A group's numbers, and what names it."""
    row = await visit.ask(
        "destination-group.show", GroupText, destination_group_id=visit.parameter("destination_group_id")
    )
    told = [
        Fact("Numbers that begin with", Cell(_prefixes(visit, row.numbers))),
        Fact("Left out", Cell(_prefixes(visit, row.but))),
        Fact("Published", Cell(visit.formats.moment(row.published_at))),
    ]
    await visit.learn("account", [one.account_id for one in row.uses])
    uses = (
        each("What", _use),
        each("Name", lambda _, one: Cell(one.name or f"#{one.id}")),
        columns.other("Account", "account", "account_id"),
    )
    used = Section(
        visit.say("What names it"), [], await table_of(visit, uses, row.uses),
        empty=visit.say("Nothing that you see names it: neither a limit nor a product, commission or commitment."),
    )  # fmt: skip
    trail = (Crumb(visit.say("Destination groups"), ALL),)
    return page(visit, row.name, [section(visit, "Numbers", told)._replace(is_full=True), used], trail=trail)


def _use(visit: Visit, row: Any) -> Cell:
    title, link = _USES[row.noun]
    return Cell(visit.say(title), link)


def _prefixes(visit: Visit, prefixes: list[str]) -> str:
    """The first ones; an empty one is every number."""
    told = [one or visit.say("every number") for one in prefixes[:PREFIXES_SHOWN_MAX]]
    more = len(prefixes) - len(told)
    rest = [visit.say("{count} more").format(count=visit.formats.number(more))] if more else []
    return ", ".join([*told, *rest]) or NEVER


async def _first(visit: Visit) -> Text:
    found = await visit.ask("destination-group.source", SourceView)
    return Text(found.source or _SAMPLE, str(found.version))


_SAMPLE = "groups:\n  mobile: {prefixes: [49151-49179], description: of all networks}\n"


async def _check(visit: Visit, text: Text) -> list[str]:
    found = await visit.ask("destination-group.check", Checked, body={"source": text.source})
    changed = ", ".join(found.changed) or visit.say("nothing")
    told = [visit.say("Publishing it changes: {names}").format(names=changed)]
    if found.lacking:
        names = ", ".join(found.lacking)
        told.append(visit.say("Still named by limits, products or commission, and gone: {names}").format(names=names))
    return told


async def _write(visit: Visit, text: Text) -> Gone:
    await visit.do("destination-group.write", {"source": text.source}, version=text.version)
    return Gone(ALL, visit.say("The groups are published: they hold from the next call on."))


_PEN = writing(
    Pen(
        EDIT, "destination-group.write", "Edit groups", ALL, _first, _check, _write,
        text="This is groups.yaml of the ratebook: it is checked with all of it, written there, and published.",
    )
)  # fmt: skip


async def show_source(visit: Visit) -> Shown:
    """The text to write in; or, where it is written elsewhere, the text and why."""
    found = await visit.ask("destination-group.source", SourceView)
    if not found.refusal:
        shown = await _PEN.show(visit)
        assert isinstance(shown, Shown)
        return shown
    told = section(visit, "groups.yaml", [Fact("Not written here", Cell(visit.refuse(found.refusal)))])
    sections = [told._replace(template="source.html", data=found.source, is_full=True)]
    return page(visit, visit.say("Destination groups"), sections, trail=(Crumb(visit.say("Back"), ALL),))


SCREENS = (
    *screens(GROUPS),
    _PEN._replace(show=show_source),
    Screen(f"{ALL}/{{destination_group_id}}", "destination-group.show", show),
)
