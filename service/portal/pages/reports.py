"""Summaries of calls and money by what one asks for; kept by a name, and had as a file."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from service.portal.components import columns
from service.portal.components.columns import PLACES, deed, each
from service.portal.components.forms import Form
from service.portal.components.forms import screen as form_screen
from service.portal.components.labels import value_of
from service.portal.components.lists import Cell, Listed, same_page, screens
from service.portal.formats import NEVER, duration
from service.portal.pages import report_plots
from service.portal.visit import Visit
from service.reports.summary_api import THINGS

FIELDS = {of: name for name, of in THINGS.items()}
"""By what a row is of, the filter that leaves its calls alone."""
DAYS_BY_HOUR = 2
DAY_S = 86_400
_NOTHING = dict.fromkeys(("split", "sort", "cursor", "limit", *THINGS), "")
SCHEDULES = "/reports/schedules"
SCHEDULE = f"{SCHEDULES}/{{report_schedule_id}}"
NOUNS = {"account": "account", "provider": "account", "": "account", "trunk": "trunk", "gateway": "gateway"}
"""What the numbers name, by what is summed up by."""


def _what(visit: Visit, row: Any) -> Cell:
    by = visit.request.query.get("by", "")
    if row.at:
        return Cell(report_plots.moment_of(visit, by, row.at))
    link = PLACES[NOUNS[by]].format(row.number) if by in NOUNS and row.number and row.name else ""
    return Cell(row.name or NEVER, link if visit.opens(link) else "")


def _head(visit: Visit, _title: str) -> str:
    """What the report is split by."""
    return value_of(visit.request.query.get("split", ""), str)


def _thing(visit: Visit, row: Any) -> Cell:
    """Of a report that is split, with a link to the same time of it alone."""
    by = visit.request.query.get("split", "")
    if not by or not row.at:
        return Cell("")
    told = row.name or (f"#{row.number}" if row.number else visit.say("Others"))
    return Cell(told, _alone(visit, by, row, visit.request.query.get("by", "")))


def _over_time(visit: Visit, row: Any) -> Cell:
    """Of a report of things: a month's by the day, a day's by the hour."""
    by = visit.request.query.get("by", "") or "account"
    link = "" if row.at else _alone(visit, by, row, "hour" if _days(visit) <= DAYS_BY_HOUR else "day")
    return Cell(visit.say("Over time") if link else "", link)


def _alone(visit: Visit, of: str, row: Any, by: str) -> str:
    """Where a thing's calls are, of the same time and currency; empty: it is none."""
    key = row.name if of == "destination" else row.number if row.name else None
    if not key or of not in FIELDS:
        return ""
    return same_page(visit, **{**_NOTHING, "by": by, FIELDS[of]: str(key)})


def _days(visit: Visit) -> float:
    """How long the report's time is, as far as the address says; what is no time is long."""
    said = visit.request.query
    try:
        since = datetime.fromisoformat(said["since"]) if said.get("since") else None
        now = datetime.fromtimestamp(visit.now_ms // 1000, visit.formats.zone).replace(tzinfo=None)
        until = datetime.fromisoformat(said["until"]) if said.get("until") else now
        return 0 if since is None else (until - since).total_seconds() / DAY_S
    except (ValueError, TypeError):
        return DAYS_BY_HOUR + 1


def _acd(_visit: Visit, row: Any) -> Cell:
    return Cell(NEVER if row.acd_s is None else duration(row.acd_s))


def _pdd(visit: Visit, row: Any) -> Cell:
    return Cell(NEVER if row.pdd_ms is None else f"{visit.formats.number(row.pdd_ms)} ms")


def _money(title: str, name: str) -> Any:
    found = columns.money(title, lambda row: getattr(row, name), lambda row: row.currency, sort=name)
    return found._replace(needs="payment.list")


SUMMARY = Listed(
    "/reports", "report.summary", "Reports",
    (
        each("What", _what, sort="name"),
        each("What", _thing)._replace(needs="report.summary", head=_head),
        columns.number("Attempts", "attempts", sort="attempts"),
        columns.number("Answered", "answered", sort="answered", is_wide=True),
        each("ASR", lambda _, row: Cell(f"{row.asr_percent} %"), at_end=True),
        each("Lasted", lambda _, row: Cell(duration(row.duration_ms // 1000)), sort="minutes", at_end=True),
        each("ACD", _acd, at_end=True, is_wide=True),
        each("PDD", _pdd, at_end=True, is_wide=True),
        _money("Earned", "earned"),
        _money("Paid", "spent"),
        _money("Margin", "margin"),
        each("Over time", _over_time)._replace(needs="report.summary"),
    ),
    ("by", "split", "account_id", "since", "until", "currency", *THINGS), empty="No call was made in this time.",
    makes=(
        ("Mail it on schedule", f"{SCHEDULES}/new", "report-schedule.make"),
        ("Reports by mail", SCHEDULES, "report-schedule.list"),
    ),
    hands_on=True, of_sellers=frozenset({"margin"}), plots=report_plots.plotted,
    led_to=frozenset(THINGS), not_handed=frozenset({"split", *THINGS}),
)  # fmt: skip
MAILED = Listed(
    SCHEDULES, "report-schedule.list", "Reports by mail",
    (
        columns.text("Name", "name", sort="name"),
        each("Summed up by", lambda visit, row: Cell(visit.say(row.query["by"]))),
        columns.other("Account", "account", "account_id", is_wide=True),
        each("How often", lambda visit, row: Cell(visit.say(row.period))),
        each("Recipients", lambda visit, row: Cell(visit.formats.number(len(row.recipients))), at_end=True),
        columns.moment("Next", "due_at", sort="due"),
        columns.state(),
        deed("Edit", f"{SCHEDULES}/{{}}/edit", "report-schedule.edit"),
        deed("Remove", f"{SCHEDULES}/{{}}/removal", "report-schedule.remove"),
    ),
    ("name", "state", "account_id"), "name", "No report is mailed yet: ask for one from the page of reports.",
    (("New report by mail", f"{SCHEDULES}/new", "report-schedule.make"),), back=("Reports", "/reports"),
)  # fmt: skip
_FORMS = (
    Form(
        f"{SCHEDULES}/new", "report-schedule.make", "New report by mail", "Make", SCHEDULES,
        said="It is mailed from the next period on.",
        text="Each reader gets a file of the whole day, week or month behind them, as they may see it themselves.",
    ),
    Form(
        f"{SCHEDULE}/edit", "report-schedule.edit", "Edit report by mail", "Save", SCHEDULES,
        shows="report-schedule.show", said="It is so from the next one on.",
        text="While it is paused nothing is mailed; what it would have told then is not told later.",
    ),
    Form(
        f"{SCHEDULE}/removal", "report-schedule.remove", "Remove this report by mail?", "Remove", SCHEDULES,
        said="It is mailed no more.", is_danger=True,
    ),
)  # fmt: skip
SCREENS = (
    *screens(SUMMARY),
    *screens(MAILED),
    *(form_screen(form) for form in _FORMS),
)
