"""A partner's call records against ours: the file, what it says otherwise than we do, down to the call."""

from __future__ import annotations

import base64
from typing import Any

from aiohttp import web

from service.interconnect.reconcile.api import ENDPOINTS
from service.interconnect.reconcile.views import ClassView, DifferenceSheet, ReconciliationText
from service.portal.components import columns
from service.portal.components.columns import each, facts
from service.portal.components.facts import Fact, Section, page, section
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.labels import value_of
from service.portal.components.lists import Cell, Listed, screens, table_of
from service.portal.components.sides import sided, sided_head
from service.portal.formats import NEVER, duration
from service.portal.pages.partners import deals, direction
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import Visit

ONE = "/reconciliations/{reconciliation_id}"
DISPUTE = "/disputes/of-differences"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CLASSES = {
    "matched": "Both say the same", "duration": "Other lengths", "rate": "Other prices", "time": "Another hour",
    "only_ours": "Only we have them", "only_theirs": "Only they have them",
}  # fmt: skip
COMPARISONS = Listed(
    "/reconciliations", "reconciliation.list", "Comparisons",
    (
        columns.itself("Name", "reconciliation", "name"),
        columns.other("Partner", "account", "account_id"),
        each("Direction", direction, is_wide=True),
        columns.moment("From", "since", is_wide=True),
        columns.moment("Until", "until", is_wide=True),
        columns.number("Differences", "differences"),
        columns.moment("Made", "created_at", is_wide=True),
    ),
    ("account_id", "direction"), empty="No partner's call records were compared yet.",
    makes=(("Compare a file", "/reconciliations/new", "reconciliation.make"),),
)  # fmt: skip


def _kind(visit: Visit, row: Any) -> Cell:
    return Cell(visit.say(sided_head(visit, CLASSES[row.kind])))


def _length(ms: int | None) -> str:
    return NEVER if ms is None else duration(ms // 1000)


def _their_length(_visit: Visit, row: Any) -> Cell:
    return Cell(_length(row.their_duration_ms))


def _record(visit: Visit, row: Any) -> Cell:
    """Our call: found by its key, by whoever may see call records."""
    if not row.call:
        return Cell(NEVER)
    return Cell(row.call[:8], f"/calls?call={row.call}" if visit.can("cdr.list") else "", "", row.call)


DIFFERENCES = Listed(
    f"{ONE}/differences", "reconciliation.differences", "Differences",
    (
        each("What", _kind),
        columns.text("To", "called"),
        columns.moment("Ours", "our_answer"),
        columns.moment("Theirs", "their_time", is_wide=True)._replace(head=sided_head),
        each("Our length", lambda _, row: Cell(_length(row.our_duration_ms)), at_end=True),
        each("Their length", _their_length, at_end=True)._replace(head=sided_head),
        columns.amount("Our price", lambda row: row.ours),
        columns.amount("Their price", lambda row: row.theirs)._replace(head=sided_head),
        each("Line", lambda _, row: Cell(str(row.line or NEVER)), at_end=True, is_wide=True),
        each("Our record", _record, is_wide=True),
        columns.other("Dispute", "dispute", "dispute_id", is_wide=True),
    ),
    ("kind",), back=("Comparison", ONE), empty="Nothing differs.",
)  # fmt: skip


async def show(visit: Visit) -> Shown:
    """What came of it, class by class, each with its way down to the calls."""
    row = await visit.ask(
        "reconciliation.show", ReconciliationText, reconciliation_id=visit.parameter("reconciliation_id")
    )
    await visit.learn("account", [row.account_id])
    here = f"/reconciliations/{row.id}"
    sections = [
        Section(visit.say("What it came to"), [], await _classes(visit, row, here)),
        section(visit, "What was compared", _compared(visit, row)),
        section(visit, "How the file was read", _read(visit, row)),
        *([_notices(visit, row)] if row.notices else []),
    ]
    actions = [
        ("Open a dispute", f"{DISPUTE}?reconciliation_id={row.id}", "dispute.open"),
        ("Differences", f"{here}/differences", "reconciliation.differences"),
        ("Sheet (CSV)", f"{here}/sheet.csv", "reconciliation.export"),
        ("Sheet (XLSX)", f"{here}/sheet.xlsx", "reconciliation.export"),
    ]
    is_own = row.account_id == visit.account_id
    dangers = [] if is_own else [("Remove", f"{here}/removal", "reconciliation.remove")]
    trail = (Crumb(visit.say("Comparisons"), "/reconciliations"),)
    name = visit.name("account", row.account_id)
    actions = actions if deals(visit, row) else actions[1:]
    return page(visit, row.name, sections, actions=actions, dangers=dangers, trail=trail, subtitle=name)


async def _classes(visit: Visit, row: ReconciliationText, here: str) -> Any:
    def kind(visit: Visit, one: ClassView) -> Cell:
        has_calls = one.calls and one.kind != "matched"
        return _kind(visit, one)._replace(link=f"{here}/differences?kind={one.kind}" if has_calls else "")

    shown = (
        each("What", kind),
        columns.number("Calls", "calls"),
        each("Our length", lambda _, one: Cell(duration(one.our_seconds)), at_end=True, is_wide=True),
        each("Their length", lambda _, one: Cell(duration(one.their_seconds)), at_end=True, is_wide=True)._replace(
            head=sided_head
        ),
        columns.money("Ours", lambda one: one.ours, lambda _: row.currency),
        columns.money("Theirs", lambda one: one.theirs, lambda _: row.currency)._replace(head=sided_head),
        columns.money("At stake", lambda one: one.at_stake, lambda _: row.currency),
    )
    return await table_of(visit, shown, row.classes)


def _compared(visit: Visit, row: ReconciliationText) -> list[Fact]:
    number = visit.formats.number
    return [
        Fact("Partner", columns.thing(visit, "account", row.account_id)),
        Fact("Direction", direction(visit, row)),
        *facts(visit, row, "since", "until", "rows", "unanswered", "outside"),
        Fact("Differences kept", Cell(f"{number(row.kept)} / {number(row.differences)}")),
    ]


def _read(visit: Visit, row: ReconciliationText) -> list[Fact]:
    shifts = [
        f"{visit.formats.moment(one.since)}: {one.minutes} min ({one.calls})" for one in row.shifts if one.minutes
    ]
    money = visit.formats.money(row.money, row.currency)
    return [
        Fact("Columns", Cell(", ".join(f"{value_of(one, visit.say)}: {title}" for one, title in row.columns.items()))),
        Fact(sided(visit, row.account_id, "Their moments are"), Cell(visit.say(row.basis))),
        Fact(sided(visit, row.account_id, "Their lengths are"), Cell(visit.say(row.measure))),
        Fact(sided(visit, row.account_id, "Their clock is later by"), Cell(f"{row.clock_s} s")),
        Fact("Parts of another hour", Cell("; ".join(shifts) or NEVER)),
        Fact("It names amounts", Cell(visit.say("yes" if row.amounts else "no"))),
        Fact("Taken as the same", Cell(f"± {row.time_s} s, ± {row.duration_s} s, ± {money}")),
    ]


def _notices(visit: Visit, row: ReconciliationText) -> Section:
    return section(
        visit, "Notices", [Fact(str(at), Cell(visit.refuse(text))) for at, text in enumerate(row.notices, 1)]
    )


async def send_sheet(visit: Visit) -> web.Response:
    """The differences as a file: as the API makes it."""
    suffix = visit.parameter("format")
    query = {"format": suffix, "kind": visit.request.query.get("kind", "")}
    parameters = visit.parameter("reconciliation_id")
    found = await visit.ask("reconciliation.export", DifferenceSheet, query, reconciliation_id=parameters)
    data = found.content.encode() if suffix == "csv" else base64.b64decode(found.content)
    headers = {"Content-Disposition": f'attachment; filename="{found.name}"'}
    kind = "text/csv" if suffix == "csv" else WORKBOOK
    return web.Response(body=data, content_type=kind, headers=headers)


_BYTES_MAX = next(one.body_bytes_max for one in ENDPOINTS if one.name == "reconciliation.make")
_NEW = Form(
    "/reconciliations/new", "reconciliation.make", "Compare a file", "Compare", "/reconciliations",
    text=(
        "A partner's call records: CSV, plain or as gzip, or a workbook. What was said once of its files is kept: "
        "leave empty what the file shows by itself."
    ),
    made=lambda _, row: f"/reconciliations/{row.id}", said="The file is compared.",  # type: ignore[attr-defined]
)  # fmt: skip


_FORMS = (
    Form(
        DISPUTE, "dispute.open", "Open a dispute", "Open", "/disputes",
        ("reconciliation_id", "subject", "kinds", "due_days"), said="The dispute is open.",
        made=lambda _, row: f"/disputes/{row.id}",  # type: ignore[attr-defined]
        text="About the comparison's differences of these kinds that are in no dispute yet.",
    ),
    Form(
        f"{ONE}/removal", "reconciliation.remove", "Remove this comparison?", "Remove", "/reconciliations",
        said="The comparison is gone.", text="With its differences, unless one of them is disputed.", is_danger=True,
    ),
)  # fmt: skip
SCREENS = (
    *screens(COMPARISONS),
    *screens(DIFFERENCES),
    form_screen(_NEW)._replace(body_bytes_max=_BYTES_MAX),
    *(form_screen(form) for form in _FORMS),
    Screen(ONE, "reconciliation.show", show),
    Screen(f"{ONE}/sheet.{{format:csv|xlsx}}", "reconciliation.export", send_sheet),
)
