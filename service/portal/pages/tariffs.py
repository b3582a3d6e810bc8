"""What accounts pay by: tariffs with their drafts, written as YAML, published now or at a moment, put back."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from service.api.values import number_in
from service.portal.components import columns
from service.portal.components.columns import each, thing
from service.portal.components.facts import Fact, Section, page, part, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, makes, screens
from service.portal.components.writing import Pen, Text, writing
from service.portal.formats import NEVER
from service.portal.screen import Crumb, Gone, Screen, Shown
from service.portal.visit import Visit
from service.tariffs.api import Checked, PublishedText
from service.tariffs.sheets_api import TariffSheet

TARIFF = "/tariffs/{tariff_id}"


def _seller(visit: Visit, row: Any) -> Cell:
    """Who isn't named stands above."""
    return thing(visit, "account", row.account_id) if row.account_id else Cell(visit.say("above you"))


COLUMNS = (
    columns.itself("Name", "tariff", "name", sort="name"),
    each("Seller", _seller, learns=(("account", "account_id"),)),
    columns.text("Currency", "currency"),
    columns.number("Rates", "rates"),
    columns.text("Version in force", "published", is_wide=True),
)
TARIFFS = Listed(
    "/tariffs", "tariff.list", "Tariffs", COLUMNS, ("name", "account_id"), "name",
    "There is no tariff yet: it says what a minute to each destination costs.",
    (("Look a number up", "/lookup", "tariff.lookup"), ("New tariff", "/tariffs/new", "tariff.make")),
)  # fmt: skip


def _changes(_visit: Visit, row: Any) -> Cell:
    return Cell(", ".join(f"{count} {change}" for change, count in row.changes.items() if count) or NEVER)


VERSION_COLUMNS = (
    columns.moment("Published", "published_at"),
    columns.text("By", "published_by"),
    columns.text("Version", "version"),
    columns.number("Rates", "rates"),
    each("Changes", _changes),
    columns.text("Note", "note", is_wide=True),
)


def _against(visit: Visit, row: Any) -> Cell:
    """What has changed since then."""
    link = f"/tariffs/{visit.parameter('tariff_id')}/comparison?before={row.version}"
    return Cell(visit.say("Against what is in force"), link)


def _put_back(visit: Visit, row: Any) -> Cell:
    link = f"/tariffs/{visit.parameter('tariff_id')}/reversion?version={row.version}"
    return Cell(visit.say("Put back"), link) if visit.can("tariff.revert") else Cell("")


HISTORY = Listed(
    f"{TARIFF}/versions", "tariff.history", "Versions",
    (*VERSION_COLUMNS, each("Compare", _against), each("Put back", _put_back)._replace(needs="tariff.revert")),
    back=("Tariff", TARIFF), empty="Nothing was published yet.",
)  # fmt: skip


async def show(visit: Visit) -> Shown:
    """A tariff: what is in force, what is written, and all that can be done with it."""
    row: Any = (await visit.look_at("tariff.show", visit.path_of("tariff.show"))).body
    await visit.learn("account", [row.account_id])
    here = f"/tariffs/{row.id}"
    is_written = row.source is not None
    sections = [
        section(visit, "In force", _in_force(visit, row)),
        _draft(visit, row, here) if is_written else None,
        await _history(visit, row) if row.account_id is not None else None,
    ]
    actions = [
        ("Rates", f"{here}/rates", "tariff.rates"),
        ("Price a call", f"{here}/pricing", "tariff.price"),
        ("Compare versions", f"{here}/comparison", "tariff.compare"),
        ("As a sheet", f"{here}/sheet.csv", "tariff.export"),
    ]
    if is_written:
        actions.append(("Publish", f"{here}/publication", "tariff.bring-into-force"))
    trail = (Crumb(visit.say("Tariffs"), "/tariffs"),)
    return page(visit, row.name, sections, actions=actions, trail=trail)


def _in_force(visit: Visit, row: Any) -> list[Fact]:
    return [
        Fact("Seller", _seller(visit, row)),
        Fact("Currency", Cell(row.currency)),
        Fact("Version", Cell(row.published or NEVER)),
        Fact("Rates", Cell(visit.formats.number(row.rates))),
    ]


def _draft(visit: Visit, row: Any, here: str) -> Section:
    """What is written, and not in force by itself."""
    actions = makes(
        visit,
        [
            ("Edit", f"{here}/edit", "tariff.edit"),
            ("Import a sheet", f"{here}/import", "tariff.import"),
            ("Undo an import", f"{here}/import/undo", "tariff.undo-import"),
            ("What it changes", f"{here}/changes", "tariff.diff"),
            ("Where it loses", f"{here}/losses", "tariff.margin"),
            ("By calls of before", f"{here}/simulation", "tariff.simulate"),
        ],
    )
    told = [
        (visit.say("Version"), Cell(visit.formats.number(row.version)), ""),
        (visit.say("Sheets"), Cell(", ".join(sorted(row.decks)) or NEVER), ""),
    ]
    return Section(
        visit.say("Draft"), told, actions=actions, template="source.html", data=row.source, is_full=True,
    )  # fmt: skip


async def _history(visit: Visit, row: Any) -> Section | None:
    return await part(
        visit, "Versions", "tariff.history", VERSION_COLUMNS, parameters={"tariff_id": row.id},
        more=f"/tariffs/{row.id}/versions", empty="Nothing was published yet.",
        actions=(("All versions", f"/tariffs/{row.id}/versions", "tariff.history"),),
    )  # fmt: skip


# --- writing

_SAMPLE = """\
currency: {currency}
rates:
  - {{prefix: '44', destination: Great Britain, rate: 0.012, increments: 60/60, connect_fee: 0}}
"""
_WRITING = (
    "A rate is of a minute, for the numbers that its prefix begins; the longest prefix counts. Increments are the "
    "seconds that are billed at first, and then each time."
)


async def _new(visit: Visit) -> Text:
    """A tariff of one rate, in the seller's currency."""
    account = visit.request.query.get("account_id") or str(visit.account_id)
    source = _SAMPLE.format(currency=await visit.currency_of(number_in(account) or visit.account_id))
    return Text(source, values={"account_id": account})


async def _check_new(visit: Visit, text: Text) -> list[str]:
    return visit.explain((await visit.ask("tariff.check-text", Checked, body=_written(text))).warnings)


def _written(text: Text) -> dict[str, Any]:
    """As the endpoint takes it; what is no number it refuses, beside its field."""
    account = text.values["account_id"]
    return {"account_id": number_in(account) or account, "name": text.values["name"], "source": text.source}


async def _make(visit: Visit, text: Text) -> Gone:
    made: Any = (await visit.do("tariff.make", _written(text))).body
    return Gone(f"/tariffs/{made.id}", visit.say("The draft is written. Nobody pays by it until it is published."))


async def _standing(visit: Visit) -> Text:
    """With the sheet that was just imported, if the text doesn't name any yet."""
    row: Any = (await visit.look_at("tariff.show", visit.path_of("tariff.show"))).body
    source, deck = row.source or "", visit.request.query.get("deck", "")
    if deck in row.decks and not re.search("^decks:", source, re.MULTILINE):
        source = f"{source.rstrip()}\ndecks: [{deck}]\n"
    return Text(source, str(row.version), row.decks)


async def _check(visit: Visit, text: Text) -> list[str]:
    row: Any = (await visit.look_at("tariff.show", visit.path_of("tariff.show"))).body
    body = {"account_id": row.account_id, "name": row.name, "source": text.source, "decks": dict(text.files)}
    return visit.explain((await visit.ask("tariff.check-text", Checked, body=body)).warnings)


async def _edit(visit: Visit, text: Text) -> Gone:
    """With its sheets as they are: a version that somebody else changed meanwhile is refused."""
    parameters = visit.path_of("tariff.edit")
    body = {"source": text.source, "decks": dict(text.files)}
    await visit.do("tariff.edit", body, version=text.version, **parameters)
    return Gone(f"/tariffs/{visit.parameter('tariff_id')}", visit.say("The draft is written."))


_PENS = (
    Pen(
        "/tariffs/new", "tariff.make", "New tariff", "/tariffs", _new, _check_new, _make, ("account_id", "name"),
        _WRITING,
    ),
    Pen(
        f"{TARIFF}/edit", "tariff.edit", "Edit draft", TARIFF, _standing, _check, _edit,
        text="What is in force stays until the draft is published.",
    ),
)  # fmt: skip

# --- publishing


async def tell_published(visit: Visit, body: BaseModel) -> Shown | Gone:
    """What is worth a look, if there is something."""
    assert isinstance(body, PublishedText)
    said = visit.say("The tariff is in force.")
    if body.due_at:
        said = visit.say("The tariff comes into force at {moment}.").format(moment=visit.formats.moment(body.due_at))
    if not body.warnings:
        return Gone(f"/tariffs/{body.id}", said)
    lines = visit.explain(body.warnings)
    warned = Section(visit.say("Worth a look"), template="lines.html", data=lines, is_full=True)
    actions = [("Back to the tariff", f"/tariffs/{body.id}", "tariff.show")]
    return page(visit, said, [warned], actions=actions)


_FORMS = (
    Form(
        f"{TARIFF}/publication", "tariff.bring-into-force", "Publish the draft", "Publish", TARIFF,
        shows="tariff.show", links=(("What it changes", f"{TARIFF}/changes", "tariff.diff"),), tells=tell_published,
        text="New calls are priced by it from then on; running ones keep what they began with.",
    ),
    Form(
        f"{TARIFF}/reversion", "tariff.revert", "Put a version back", "Put back", TARIFF, is_danger=True,
        said="The version of before is in force again.", text="At once; the draft says what it said.",
    ),
)  # fmt: skip


async def save_sheet(visit: Visit) -> web.StreamResponse:
    """What is in force, as a file for those who buy by it."""
    sheet = await visit.ask("tariff.export", TariffSheet, tariff_id=visit.parameter("tariff_id"))
    name = sheet.name.replace("/", "-")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(text=sheet.content, content_type="text/csv", headers=headers)


SCREENS = (
    *screens(TARIFFS),
    *screens(HISTORY),
    *(form_screen(form) for form in _FORMS),
    *map(writing, _PENS),
    Screen(TARIFF, "tariff.show", show),
    Screen(f"{TARIFF}/sheet.csv", "tariff.export", save_sheet),
)
