"""Summaries of calls and money by what one asks for; kept by a name, and had as a file."""

from __future__ import annotations

from typing import Any

from service.portal.components import columns
from service.portal.components.columns import PLACES, each
from service.portal.components.lists import Cell, Listed, screens
from service.portal.formats import NEVER, duration
from service.portal.visit import Visit

NOUNS = {"account": "account", "provider": "account", "": "account", "trunk": "trunk", "gateway": "gateway"}
"""What the numbers name, by what is summed up by."""


def _what(visit: Visit, row: Any) -> Cell:
    by = visit.request.query.get("by", "")
    if row.at:
        return Cell(visit.formats.moment(row.at))
    link = PLACES[NOUNS[by]].format(row.number) if by in NOUNS and row.number and row.name else ""
    return Cell(row.name or NEVER, link)


def _acd(_visit: Visit, row: Any) -> Cell:
    return Cell(NEVER if row.acd_s is None else duration(row.acd_s))


def _money(title: str, name: str) -> Any:
    return columns.money(title, lambda row: getattr(row, name), lambda row: row.currency)


SUMMARY = Listed(
    "/reports", "report.summary", "Reports",
    (
        each("What", _what, sort="name"),
        columns.number("Attempts", "attempts", sort="attempts"),
        columns.number("Answered", "answered", sort="answered", is_wide=True),
        each("ASR", lambda _, row: Cell(f"{row.asr_percent} %"), at_end=True),
        each("Lasted", lambda _, row: Cell(duration(row.duration_ms // 1000)), sort="minutes", at_end=True),
        each("ACD", _acd, at_end=True, is_wide=True),
        _money("Earned", "earned"),
        _money("Paid", "spent"),
        _money("Margin", "margin"),
    ),
    ("by", "account_id", "since", "until", "currency"), empty="No call was made in this time.",
)  # fmt: skip
SCREENS = (*screens(SUMMARY),)
