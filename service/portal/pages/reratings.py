"""Calls that were charged wrongly: what rating them again would change, and what it did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.portal.components import columns
from service.portal.components.columns import each, facts, thing
from service.portal.components.facts import Section, page, section
from service.portal.components.fields import kinds
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Listed, makes, screens, table_of, told_query
from service.portal.components.questions import Asked, Question, asking
from service.portal.formats import NEVER
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import Visit
from service.rerating.asked import Wanted
from service.rerating.views import PreviewView, SumView

RERATING = "/reratings/{rerating_id}"
RERATINGS = Listed(
    "/reratings", "rerating.list", "Re-ratings",
    (
        columns.moment("When", "created_at"),
        each("Reason", lambda _, row: Cell(row.reason or NEVER, f"/reratings/{row.id}")),
        columns.other("Account", "account", "account_id"),
        columns.text("By", "actor", is_wide=True),
        columns.number("Calls", "calls"),
        columns.number("Corrected", "changed"),
        columns.state(),
    ),
    ("account_id", "state"), empty="No call was rated again.",
    makes=(
        ("Corrections", "/corrections", "correction.list"),
        ("Look what would change", "/reratings/preview", "rerating.preview"),
    ),
)  # fmt: skip
CORRECTIONS = Listed(
    "/corrections", "correction.list", "Corrections",
    (
        columns.moment("When", "created_at"),
        columns.text("Call", "call", is_wide=True),
        columns.other("Account", "account", "account_id"),
        columns.other("Paid to", "account", "seller_id", is_wide=True),
        columns.text("Kind", "kind"),
        columns.money("Before", lambda row: row.before.amount, lambda row: row.currency),
        columns.money("After", lambda row: row.after.amount, lambda row: row.currency),
        columns.money("Difference", lambda row: row.difference, lambda row: row.currency),
    ),
    ("account_id", "call", "rerating_id"), back=("Re-ratings", "/reratings"), empty="Nothing was corrected.",
)  # fmt: skip
_SUMS = (
    each("Account", lambda visit, row: thing(visit, "account", row.account_id)),
    columns.text("Kind", "kind"),
    columns.number("Lines", "lines"),
    columns.money("More", lambda row: row.more, lambda row: row.currency),
    columns.money("Less", lambda row: row.less, lambda row: row.currency),
    columns.money("Together", lambda row: row.net, lambda row: row.currency),
)
_CHANGES = (
    columns.text("Call", "call", is_wide=True),
    each("Account", lambda visit, row: thing(visit, "account", row.account_id)),
    columns.text("Kind", "kind"),
    columns.money("Before", lambda row: row.before.amount, lambda row: row.currency),
    columns.money("After", lambda row: row.after.amount, lambda row: row.currency),
    columns.money("Difference", lambda row: row.difference, lambda row: row.currency),
)


async def _preview(visit: Visit, asked: Asked) -> Sequence[Section | None]:
    found = await visit.ask("rerating.preview", PreviewView, body=dict(asked))
    await visit.learn("account", [row.account_id for row in found.changes])
    start = ("Rate them again", f"/reratings/new?{told_query(visit)}", "rerating.start")
    sums = await _sums(visit, found.sums)
    title = visit.say("{changed} of {calls} calls change").format(changed=found.changed_calls, calls=found.calls)
    actions = makes(visit, [start]) if found.changed_calls else []
    changes = await table_of(visit, _CHANGES, found.changes)
    return [
        sums._replace(title=title, actions=actions),
        Section(visit.say("The first of them"), [], changes) if found.changes else None,
        _left(visit, found.left_alone),
    ]


async def _sums(visit: Visit, rows: list[SumView]) -> Section:
    await visit.learn("account", [row.account_id for row in rows])
    table = await table_of(visit, _SUMS, rows)
    return Section(visit.say("By account"), [], table, empty=visit.say("Nothing changes."))


def _left(visit: Visit, left: dict[str, int]) -> Section | None:
    """Why some stay as they are; None: none does."""
    told = [
        (visit.say(why.replace("_", " ")), Cell(visit.formats.number(count)), "")
        for why, count in left.items()
        if count
    ]
    return Section(visit.say("What stays as it is, and why"), told) if told else None


async def show(visit: Visit) -> Shown:
    """A re-rating with what it changed."""
    row: Any = (await visit.look_at("rerating.show", visit.path_of("rerating.show"))).body
    await visit.learn("account", [row.account_id])
    await visit.learn("tariff", [row.tariff_id])
    told = facts(
        visit, row, "account_id", "actor", "tariff_id", "prefix", "destination", "rates", "calls", "changed",
        "created_at", "finished_at",
    )  # fmt: skip
    sections = [section(visit, "What was asked", told), await _sums(visit, row.sums), _left(visit, row.left_alone)]
    actions = [("Corrections", f"/corrections?rerating_id={row.id}", "correction.list")]
    badges = [columns.badge(visit, row.state)]
    trail = (Crumb(visit.say("Re-ratings"), "/reratings"),)
    return page(visit, row.reason, sections, badges=badges, actions=actions, trail=trail)


PREVIEW = Question(
    "/reratings/preview", "rerating.preview", "Look what would change", "Look", ("Re-ratings", "/reratings"),
    tuple(kinds(Wanted).values()), _preview, text="Nothing is changed by it.",
)  # fmt: skip
START = Form(
    "/reratings/new", "rerating.start", "Rate calls again", "Rate again", "/reratings", said="The re-rating runs.",
    text="What was charged wrongly is corrected in the books, with a line for each account.", is_danger=True,
    made=lambda _, row: f"/reratings/{row.id}",  # type: ignore[attr-defined]
)  # fmt: skip
SCREENS = (
    *screens(RERATINGS),
    *screens(CORRECTIONS),
    asking(PREVIEW),
    form_screen(START),
    Screen(RERATING, "rerating.show", show),
)
