"""What the doctor found: its nights with every check, and the faults that stand or stood."""

from __future__ import annotations

from typing import Any

from service.doctor.api import CheckView
from service.portal.components import columns
from service.portal.components.columns import each, facts
from service.portal.components.facts import Section, page, section
from service.portal.components.lists import Cell, Listed, screens, table_of
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import Visit

RUN = "/doctor/{doctor_run_id}"


def _found(visit: Visit, row: Any) -> Cell:
    if not row.finished_at:
        return Cell(visit.say("at work"), "", "warning")
    return Cell(visit.say("in order"), "", "success") if row.ok else Cell(visit.say("at fault"), "", "danger")


def _check(visit: Visit, check: CheckView) -> Cell:
    if check.is_warning:
        return Cell(visit.say("look at it"), "", "warning")
    return Cell(visit.say("in order"), "", "success") if check.ok else Cell(visit.say("at fault"), "", "danger")


def _name(visit: Visit, row: Any) -> Cell:
    return Cell(visit.say(row.name))


def _detail(visit: Visit, row: Any) -> Cell:
    return Cell(visit.tell(row.said) if row.said else row.detail)


RUNS = Listed(
    "/doctor", "doctor-run.list", "Doctor",
    (
        each("Night", lambda visit, row: Cell(visit.formats.written_day(row.night), f"/doctor/{row.id}")),
        each("Found", _found),
        columns.number("Faults", "failed"),
        columns.moment("Began", "started_at"),
        columns.moment("Ended", "finished_at", is_wide=True),
        columns.text("Node", "node", is_wide=True),
    ),
    ("ok",), "", "The doctor has not looked yet: it does so every night.",
    (("Faults", "/doctor/faults", "doctor-fault.list"),),
)  # fmt: skip
FAULTS = Listed(
    "/doctor/faults", "doctor-fault.list", "Faults",
    (
        each("Checked", _name),
        each("What was found", _detail),
        columns.moment("Since", "raised_at"),
        columns.moment("Mended", "mended_at"),
        each("Last seen", lambda visit, row: Cell(visit.say("run"), f"/doctor/{row.seen_run_id}"), is_wide=True),
    ),
    ("state",), "", "The doctor has found nothing.",
    back=("Doctor", "/doctor"),
)  # fmt: skip


async def show_run(visit: Visit) -> Shown:
    """A night's checks."""
    row: Any = (await visit.look_at("doctor-run.show", visit.path_of("doctor-run.show"))).body
    shown = (each("Checked", _name), each("Found", _check), each("What was found", _detail))
    checks = await table_of(visit, shown, row.checks)
    sections = [
        section(visit, "Run", facts(visit, row, "started_at", "finished_at", "node")),
        Section(visit.say("Checks"), [], checks, empty=visit.say("It is not finished.")),
    ]
    found = _found(visit, row)
    trail = (Crumb(visit.say("Doctor"), "/doctor"),)
    return page(visit, visit.formats.written_day(row.night), sections, badges=[found], trail=trail)


SCREENS = (*screens(FAULTS), *screens(RUNS), Screen(RUN, "doctor-run.show", show_run))
