"""Calls that run now, with what each costs so far: C9."""

from __future__ import annotations

from typing import Any

from service.api.problems import Problem
from service.calls.running import RunningCalls, RunningView
from service.portal.components import columns
from service.portal.components.columns import each
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.lists import Cell, Column, asked, table_of
from service.portal.formats import NEVER, duration
from service.portal.printer import PRINTER
from service.portal.screen import Screen, Shown
from service.portal.streams import stream
from service.portal.visit import Visit

SHOWN_MAX = 200
"""Rows of the page; the number of all stands above them."""


def _money(name: str) -> Any:
    def cell(visit: Visit, row: RunningView) -> Cell:
        hold = row.holds[0] if row.holds else None
        return Cell(visit.formats.money(getattr(hold, name), hold.currency) if hold is not None else NEVER)

    return cell


def _lasts(_visit: Visit, row: RunningView) -> Cell:
    return Cell(duration(row.seconds) if row.answered_at else NEVER)


def _cut(visit: Visit, row: RunningView) -> Cell:
    return Cell(visit.say("Cut"), f"/live/{row.call}/cut")


def _columns(visit: Visit) -> list[Column]:
    found = [
        columns.moment("Since", "started_at"),
        columns.other("Account", "account", "account_id"),
        columns.text("From", "caller"),
        columns.text("To", "called"),
        columns.text("Destination", "destination", is_wide=True),
        columns.other("Gateway", "gateway", "gateway_id", is_wide=True),
        columns.state(),
        each("Lasts", _lasts, at_end=True),
        each("Charge so far", _money("charge"), at_end=True),
        each("On hold", _money("held"), at_end=True, is_wide=True),
    ]
    if not visit.can("gateway.show"):
        found = [column for column in found if column.title != "Gateway"]
    return [*found, each("End it", _cut)] if visit.can("call.cut") else found


async def values_of(visit: Visit) -> dict[str, Any]:
    """What the table shows; without a call path: the reason."""
    try:
        query = {**asked(visit, "call.list"), "limit": str(SHOWN_MAX)}
        running = await visit.ask("call.list", RunningCalls, query=query)
    except Problem as problem:
        if problem.kind != "unavailable":
            raise
        return {"table": None, "total": 0, "problem": problem, "sums": []}
    table = await table_of(visit, _columns(visit), running.items)
    return {"table": table, "total": running.total, "problem": None, "sums": sums_of(visit, running)}


def sums_of(visit: Visit, running: RunningCalls) -> list[str]:
    """What all of them cost so far, by currency."""
    return [visit.formats.money(one.charge, one.currency) for one in running.charges]


async def show(visit: Visit) -> Shown:
    """The page, complete; then it is sent again as it changes."""
    return Shown(
        "live.html", visit.say("Running calls"), {**await values_of(visit), "query": visit.request.query_string}
    )


async def piece(visit: Visit) -> str:
    """The table alone."""
    return visit.request.app[PRINTER].piece(visit, "live_table.html", await values_of(visit))


SCREENS = (
    Screen("/live", "call.list", show),
    Screen("/live/stream", "call.list", stream(piece), streams=True),
    form_screen(
        Form(
            "/live/{call}/cut", "call.cut", "Cut this call", "Cut", "/live", said="The call is being ended.",
            text="Both sides get a BYE within a second or two; it is charged until then.", is_danger=True,
        )
    ),
)  # fmt: skip
