"""The plot above a report by the hour or day: a figure over time, of all calls or of each of several things."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from service.api.values import moment_text, number_in
from service.calls.sums import DAY_MS, HOUR_MS
from service.portal.components.files import hidden_from
from service.portal.components.lists import OF_PLACE, asked, same_page
from service.portal.components.plots import Line, Plot, plot
from service.portal.formats import MICROS, NEVER, duration
from service.portal.visit import Visit
from service.reports.adding import WAYS
from service.reports.summary_api import THINGS, SummaryPage, SummaryRow

DAYS_BY_HOUR = 7
"""Drawn at once by the hour: each is a line of the table beside the plot, of which a page has no thousands."""
ROWS_MAX = 2_000
"""More than a plot has: hours or days, each of six things."""
MINUTE_MS = 60_000
STEPS_MS = {"hour": HOUR_MS, "day": DAY_MS}
_ENDPOINT = "report.summary"
_OF_LIST = OF_PLACE | {"sort", "since", "until"}
_OTHERS = ("", None)
"""What the rows of all others are called."""
Amount = Callable[[SummaryRow], int | None]


class Measure(NamedTuple):
    """A figure of a row, as it is drawn and told."""

    title: str
    value: Amount
    """None: it isn't known, such as the ASR of no calls: a gap."""
    text: Callable[[Visit, int, str], str]
    """With the row's currency."""
    unit: str = ""
    """Of what is drawn; of money its currency."""
    divisor: int = 1
    without: int | None = None
    """What it is in an hour or day without calls."""


class Drawing(NamedTuple):
    """What can be chosen to be drawn."""

    title: str
    measures: tuple[str, ...]
    """Lines of one plot."""


def _money(value: Amount) -> tuple[Amount, Callable[[Visit, int, str], str], str, int, int]:
    return value, lambda visit, micros, currency: visit.formats.money(micros, currency), "", MICROS, 0


def _number(visit: Visit, value: int, _currency: str) -> str:
    return visit.formats.number(value)


def _lasted(_visit: Visit, value: int, _currency: str) -> str:
    return duration(value)


MEASURES = {
    "attempts": Measure("Attempts", lambda row: row.attempts, _number, without=0),
    "answered": Measure("Answered", lambda row: row.answered, _number, without=0),
    "minutes": Measure(
        "Minutes", lambda row: row.duration_ms, lambda _, value, __: duration(value // 1000), "min", MINUTE_MS, 0
    ),
    "asr": Measure("ASR", lambda row: row.asr_percent if row.attempts else None, lambda _, one, __: f"{one} %", "%"),
    "acd": Measure("ACD", lambda row: row.acd_s, _lasted, "s"),
    "pdd": Measure("PDD", lambda row: row.pdd_ms, lambda visit, value, _: f"{visit.formats.number(value)} ms", "ms"),
    "earned": Measure("Earned", *_money(lambda row: row.earned)),
    "spent": Measure("Paid", *_money(lambda row: row.spent)),
    "margin": Measure("Margin", *_money(lambda row: row.margin)),
}
OF_MONEY = ("earned", "spent", "margin")
_EACH = {name: Drawing(MEASURES[name].title, (name,)) for name in ("minutes", "asr", "acd", "pdd", *OF_MONEY)}
_QUALITY = {name: drawing for name, drawing in _EACH.items() if name not in OF_MONEY}
WHOLE = {"calls": Drawing("Calls", ("attempts", "answered")), **_QUALITY, "money": Drawing("Money", OF_MONEY)}
"""Of all calls, by the word in the address."""
SPLIT = {"calls": Drawing("Calls", ("attempts",)), **_EACH}
"""Of each of several things."""
_ALIKE = {"money": "earned", "earned": "money", "spent": "money", "margin": "money"}
"""What is drawn of the one where it was chosen of the other."""


class Plotted(NamedTuple):
    """As it is printed."""

    plot: Plot
    chosen: str
    choices: list[tuple[str, str, bool]]
    """Text, link, and whether it is what is drawn."""
    note: str
    """What isn't drawn; empty: all is."""
    wider: str
    """Where the rest of it is."""


async def plotted(visit: Visit, page: SummaryPage) -> Plotted | None:
    """None: it is no report over time, or nobody called."""
    by = visit.request.query.get("by", "")
    if by not in STEPS_MS or not page.items:
        return None
    since_ms, until_ms = page.since or 0, page.until or 0
    first_ms = max(since_ms, until_ms - DAYS_BY_HOUR * DAY_MS) if by == "hour" else since_ms
    rows = await _rows(visit, page, first_ms)
    drawings = SPLIT if visit.request.query.get("split") else WHOLE
    offered = {name: found for name, one in drawings.items() if (found := _drawable(visit, one.measures, rows))}
    chosen = visit.request.query.get("plot", "")
    chosen = next((name for name in (chosen, _ALIKE.get(chosen)) if name in offered), "calls")
    assert chosen is not None
    times = range(first_ms - first_ms % STEPS_MS[by], until_ms, STEPS_MS[by])
    lines = _lines(visit, rows, times, offered[chosen])
    unit = page.currency if offered[chosen][0] in OF_MONEY else MEASURES[offered[chosen][0]].unit
    choices = [(visit.say(drawings[one].title), f"{same_page(visit, plot=one)}#plot", one == chosen) for one in offered]
    drawn = _plot(visit, by, await _what(visit, drawings[chosen].title), times, lines, unit)
    if first_ms == since_ms:
        return Plotted(drawn, chosen, choices, "", "")
    note = visit.say("The plot is of the last {count} days.").format(count=DAYS_BY_HOUR)
    return Plotted(drawn, chosen, choices, note, same_page(visit, by="day", cursor="", sort=""))


async def _rows(visit: Visit, page: SummaryPage, first_ms: int) -> Sequence[SummaryRow]:
    """All from a moment on, in whatever order and on whatever page of it the list is."""
    if page.next is None and not visit.request.query.get("cursor"):
        return [row for row in page.items if (row.at or 0) >= first_ms - first_ms % HOUR_MS]
    query = {name: text for name, text in asked(visit, _ENDPOINT).items() if name not in _OF_LIST}
    query |= {"since": str(moment_text(first_ms)), "until": str(moment_text(page.until or 0))}
    found: Any = (await visit.look_at(_ENDPOINT, {}, query, rows=ROWS_MAX)).body
    return found.items  # type: ignore[no-any-return]


def _drawable(visit: Visit, measures: Sequence[str], rows: Sequence[SummaryRow]) -> list[str]:
    """Without money that isn't for the visitor's eyes, and sides on which there was none."""
    hidden = hidden_from(visit, frozenset({"margin"}))
    kept = [name for name in measures if name not in hidden]
    return [name for name in kept if name not in OF_MONEY or any(MEASURES[name].value(row) for row in rows)]


def _lines(visit: Visit, rows: Sequence[SummaryRow], times: Sequence[int], measures: Sequence[str]) -> list[Line]:
    if visit.request.query.get("split"):
        return _split_lines(visit, rows, times, MEASURES[measures[0]])
    at = {row.at or 0: row for row in rows}
    return [_line(visit, visit.say(MEASURES[name].title), MEASURES[name], times, at) for name in measures]


def _split_lines(visit: Visit, rows: Sequence[SummaryRow], times: Sequence[int], measure: Measure) -> list[Line]:
    """Of each thing one: who has most minutes first, all others together at last."""
    things: dict[tuple[str, int | None], dict[int, SummaryRow]] = {}
    for row in rows:
        things.setdefault((row.name, row.number), {})[row.at or 0] = row

    def place(thing: tuple[str, int | None]) -> tuple[bool, int, tuple[str, int]]:
        name, number = thing
        return thing == _OTHERS, -sum(row.duration_ms for row in things[thing].values()), (name, number or 0)

    labels = {thing: thing[0] or f"#{thing[1]}" for thing in sorted(things, key=place)}
    if _OTHERS in labels:
        labels[_OTHERS] = visit.say("Others")
    return [_line(visit, label, measure, times, things[thing]) for thing, label in labels.items()]


def _line(visit: Visit, label: str, measure: Measure, times: Sequence[int], rows: Mapping[int, SummaryRow]) -> Line:
    values = [measure.value(rows[at]) if at in rows else measure.without for at in times]
    currency = next((row.currency for row in rows.values()), "")
    texts = [NEVER if value is None else measure.text(visit, value, currency) for value in values]
    return Line(label, values, texts, measure.divisor)


async def _what(visit: Visit, title: str) -> str:
    """What is drawn, and of which one thing, if it is of one."""
    said = visit.say(title)
    for field, of in THINGS.items():
        if text := visit.request.query.get(field, ""):
            noun = WAYS[of].noun
            await visit.learn(noun, [number_in(text)] if noun else [])
            return f"{visit.name(noun, number_in(text)) if noun else text}: {said}"
    return said


def _plot(visit: Visit, by: str, what: str, times: Sequence[int], lines: Sequence[Line], unit: str) -> Plot:
    said = visit.say("{what} by the hour" if by == "hour" else "{what} by the day").format(what=what)
    title = f"{said}, {unit}" if unit else said
    texts = [moment_of(visit, by, at) for at in times]
    head, zone = ("Hour", str(visit.formats.zone)) if by == "hour" else ("Day", "UTC")
    return plot(title, visit.say(head), times, texts, lines, zone, unit)


def moment_of(visit: Visit, by: str, at: int) -> str:
    """An hour by the visitor's clock; a day is one of UTC, wherever they are."""
    if by == "hour":
        return visit.formats.moment(at)
    return visit.formats.written_day(datetime.fromtimestamp(at // 1000, UTC).date().isoformat())
