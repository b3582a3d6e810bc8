"""What a call would cost: by a tariff, by all of them, by a draft beside what is in force and beside its cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from service.api.problems import Problem
from service.portal.components import columns
from service.portal.components.choosing import choices_of
from service.portal.components.columns import each
from service.portal.components.facts import Fact, Section, page, section
from service.portal.components.fields import Choice, Field, errors_by_field, field, kinds
from service.portal.components.lists import Cell, Column, Listed, screens, table_of
from service.portal.components.questions import Asked, Question, asking
from service.portal.formats import NEVER, duration
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import Visit
from service.tariffs.rates_api import (
    Calls,
    Changes,
    ChangeView,
    Compared,
    LookedUp,
    LookUp,
    Losses,
    Period,
    PricedCall,
    PricedRow,
    PricedRows,
    PriceView,
    Simulated,
    TermView,
)

TARIFF = "/tariffs/{tariff_id}"
BACK = ("Tariff", TARIFF)
ROWS_MAX = 200
"""Of changes: who wants all of them takes the sheet."""
CellOf = Callable[[Visit, Any], Cell]


# --- a call, and a number

_CALL = kinds(PricedCall)
_PRICING = (
    _CALL["number"],
    _CALL["duration_s"]._replace(called="lasts_s"),
    _CALL["answered_at"]._replace(is_required=False),
    kinds(Calls)["draft"],
)


async def _price(visit: Visit, asked: Asked) -> list[Section | None]:
    now = datetime.fromtimestamp(visit.now_ms // 1000, UTC).isoformat()
    call = {"answered_at": now, **{name: value for name, value in asked.items() if name != "draft"}}
    body = {"calls": [call], "draft": bool(asked.get("draft"))}
    found = await visit.ask("tariff.price", PricedRows, body=body, tariff_id=visit.parameter("tariff_id"))
    return [_priced(visit, found.items[0])]


def _priced(visit: Visit, row: PricedRow) -> Section:
    if row.error is not None:
        return section(visit, "The call would be refused", [Fact("Why", Cell(visit.say(row.error)))])
    told = [
        Fact("Charge", Cell(f"{visit.formats.decimal(row.charge or '')} {row.currency}")),
        Fact("Prefix", Cell(row.prefix or NEVER)),
        Fact("Billed seconds", Cell(NEVER if row.billed_s is None else visit.formats.number(row.billed_s))),
    ]
    return section(visit, "What it costs", told)._replace(
        template="lines.html", data=visit.explain(row.steps), is_full=True
    )


PRICING = Question(f"{TARIFF}/pricing", "tariff.price", "Price a call", "Price", BACK, _PRICING, _price)


def _minute(visit: Visit, row: Any) -> Cell:
    return Cell(visit.say("blocked") if row.blocked else visit.formats.decimal(row.rate))


async def _look_up(visit: Visit, asked: Asked) -> list[Section | None]:
    found = await visit.ask("tariff.lookup", LookedUp, query={name: str(value) for name, value in asked.items()})
    shown = (
        each("Tariff", lambda _, row: Cell(row.tariff, f"/tariffs/{row.tariff_id}")),
        columns.text("Prefix", "prefix"),
        columns.text("Destination", "destination"),
        each("A minute", _minute, at_end=True),
        columns.text("Increments", "increments", is_wide=True),
        columns.money("First minute costs", lambda row: row.minute, lambda row: row.currency),
    )
    table = await table_of(visit, shown, found.items)
    title = visit.say("In all tariffs that you see, the cheapest first")
    group = [(visit.say("Destination group"), Cell(found.group or NEVER), "")]
    return [Section(title, group, table, empty=visit.say("No tariff has a rate for it."))]


LOOKUP = Question(
    "/lookup", "tariff.lookup", "Look a number up", "Look it up", ("Tariffs", "/tariffs"),
    (kinds(LookUp)["number"], kinds(LookUp)["at"]), _look_up,
)  # fmt: skip

# --- rates


RATES = Listed(
    f"{TARIFF}/rates", "tariff.rates", "Rates",
    (
        each("Prefix", lambda visit, row: Cell(row.prefix or visit.say("every number"))),
        columns.text("Destination", "destination"),
        each("A minute", _minute, at_end=True),
        columns.text("Increments", "increments"),
        each("Fee", lambda visit, row: Cell(visit.formats.decimal(row.fee) or NEVER), is_wide=True),
        columns.moment("From", "effective_at", is_wide=True),
        columns.moment("Until (exclusive)", "until", is_wide=True),
        columns.text("Time band", "band", is_wide=True),
    ),
    ("look_for",), "look_for", "Nothing is published yet.", back=BACK,
)  # fmt: skip

# --- a draft


async def _answered(visit: Visit, title: str, sections: Sequence[Section]) -> Shown:
    number = visit.parameter("tariff_id")
    trail = (Crumb(visit.say("Tariff"), f"/tariffs/{number}"),)
    actions = [("Publish", f"/tariffs/{number}/publication", "tariff.bring-into-force")]
    return page(visit, visit.say(title), sections, actions=actions, trail=trail)


def _minute_of(name: str) -> CellOf:
    """Per minute; a dash: there is none."""

    def cell(visit: Visit, row: Any) -> Cell:
        price: PriceView | None = getattr(row, name)
        return Cell(NEVER) if price is None else _minute(visit, price)

    return cell


def _both(name: str, first: str = "before", second: str = "after") -> CellOf:
    """What two rates say: one text where they say the same."""

    def cell(visit: Visit, row: Any) -> Cell:
        prices: list[PriceView | None] = [getattr(row, first), getattr(row, second)]
        found = [getattr(one, name) for one in prices if one is not None and not one.blocked]
        return Cell(" → ".join(dict.fromkeys(visit.formats.decimal(one) or NEVER for one in found)) or NEVER)

    return cell


_TERMS = {
    "rate": "a minute", "increments": "increments", "intervals": "seconds at which rates begin", "connect_fee": "fee",
    "minimum": "least charge", "maximum": "greatest charge", "grace": "seconds of grace",
    "free_seconds": "free seconds", "attempt_fee": "fee of an attempt", "message_fee": "fee of a message",
    "rounding": "rounding", "duration": "how part of a second counts", "currency": "currency", "timezone": "time zone",
    "border": "where a band ends", "bands": "time bands", "hours": "hours",
}  # fmt: skip
_SHOWN = frozenset({"rate", "increments", "connect_fee", "blocked"})
"""Have columns of their own, outside of bands."""


def _terms(visit: Visit, row: ChangeView) -> Cell:
    """Which others differ, in words; what differs outside of all bands too isn't told of each."""
    everywhere = {(one.term, one.before, one.after) for one in row.terms if not one.band}
    outside = [one for one in row.terms if not one.band and one.term not in _SHOWN]
    within = [one for one in row.terms if one.band and (one.term, one.before, one.after) not in everywhere]
    return Cell("; ".join(_term(visit, one) for one in [*outside, *within]) or NEVER)


def _term(visit: Visit, one: TermView) -> str:
    name = visit.say(_TERMS.get(one.term, one.term))
    name = f"{one.band}: {name}" if one.band else name
    if not one.before and not one.after:
        return name
    before, after = (visit.formats.decimal(text) or NEVER for text in (one.before, one.after))
    return f"{name} {before} → {after}"


_CHANGED = (
    columns.text("Prefix", "prefix"),
    columns.text("Destination", "destination"),
    each("What", lambda visit, row: Cell(visit.say(row.change))),
    each("A minute before", _minute_of("before"), at_end=True),
    each("A minute after", _minute_of("after"), at_end=True),
    each("Increments", _both("increments"), is_wide=True),
    each("Fee", _both("fee"), at_end=True, is_wide=True),
    each("What else differs", _terms),
    columns.moment("From", "from_at", is_wide=True),
    columns.moment("Until (exclusive)", "until", is_wide=True),
)
_LOSING = (
    columns.text("Prefix", "prefix"),
    columns.text("Destination", "destination"),
    each("A minute sold", _minute_of("price"), at_end=True),
    each("A minute bought", _minute_of("cost"), at_end=True),
    each("Increments", _both("increments", "price", "cost"), is_wide=True),
    each("Fee", _both("fee", "price", "cost"), at_end=True, is_wide=True),
    each("At seconds", lambda visit, row: Cell(visit.formats.number(row.seconds)), at_end=True),
    columns.amount("Earned", lambda row: row.earned),
    columns.amount("Paid", lambda row: row.paid),
)


async def _first_of(visit: Visit, title: str, shown: Sequence[Column], rows: Sequence[Any], empty: str) -> Section:
    table = await table_of(visit, shown, rows[:ROWS_MAX])
    return Section(title, [], table, empty=visit.say(empty))


async def show_changes(visit: Visit) -> Shown:
    """What publishing would change."""
    found = await visit.ask("tariff.diff", Changes, tariff_id=visit.parameter("tariff_id"))
    rows = await _changed(visit, found, "The draft says what is in force.")
    return await _answered(visit, "What the draft changes", [rows])


async def _changed(visit: Visit, found: Changes, empty: str) -> Section:
    """How many of each kind, and the first ones."""
    total = counted(visit, found.counts) or visit.say("Nothing changes")
    return await _first_of(visit, total, _CHANGED, found.items, empty)


def counted(visit: Visit, counts: Mapping[str, int]) -> str:
    """How many of each kind of change, where there are any."""
    return ", ".join(f"{visit.formats.number(count)} {visit.say(kind)}" for kind, count in counts.items() if count)


async def show_comparison(visit: Visit) -> Shown:
    """Two versions of the tariff, or one beside another tariff, chosen on the page."""
    names = ("before", "after", "other_id")
    asked = {name: visit.request.query.get(name, "").strip() for name in names}
    query = {name: value for name, value in asked.items() if value}
    problem, sections = None, []
    if query:
        try:
            found = await visit.ask("tariff.compare", Changes, query, tariff_id=visit.parameter("tariff_id"))
            sections.append(await _changed(visit, found, "Both say the same."))
        except Problem as refused:
            if refused.kind not in {"invalid", "conflict"}:
                raise
            problem = refused
    beside, above = errors_by_field([] if problem is None else problem.errors, list(names))
    values = {
        "fields": await _compared(visit, asked, beside),
        "sections": sections,
        "problem": problem,
        "above": above,
        "submit": visit.say("Compare"),
        "text": visit.say("What becomes dearer, cheaper, new or gone from the first one to the second."),
    }
    trail = (Crumb(visit.say("Tariff"), f"/tariffs/{visit.parameter('tariff_id')}"),)
    status = 200 if problem is None else problem.status
    return Shown("question.html", visit.say("Compare versions"), values, status, trail)


async def _compared(visit: Visit, asked: Mapping[str, str], beside: Mapping[str, list[str]]) -> list[Field]:
    """The fields: versions by when they were published, tariffs by their names."""
    versions = await _versions(visit)
    found = []
    for kind in kinds(Compared).values():
        is_version = kind.name != "other_id"
        choices = versions if is_version else await choices_of(visit, kind)
        shape = "choice" if choices is not None else "number"
        shown = kind._replace(shape=shape, hint="" if is_version else kind.hint)
        value = (asked[kind.name],) if asked[kind.name] else ()
        found.append(field(shown, visit.say(_ENDS[kind.name]), value, beside.get(kind.name, ()), choices or ()))
    return found


async def _versions(visit: Visit) -> list[Choice]:
    """The latest ones; only what is in force for who may not see the history."""
    in_force = Choice("", visit.say("In force"))
    try:
        page: Any = (await visit.look_at("tariff.history", visit.path_of("tariff.compare"), {"limit": "200"})).body
    except Problem as problem:
        if problem.kind != "not-found":
            raise
        return [in_force]
    told = {one.version: f"{visit.formats.moment(one.published_at)}: {one.version}" for one in reversed(page.items)}
    return [in_force, *(Choice(version, text) for version, text in reversed(told.items()))]


_ENDS = {"before": "The first one", "after": "The second one", "other_id": "Or another tariff"}


async def show_losses(visit: Visit) -> Shown:
    """Where the draft sells below what its seller pays."""
    found = await visit.ask("tariff.margin", Losses, tariff_id=visit.parameter("tariff_id"))
    against = visit.say("Against the tariff {name}").format(name=found.against or NEVER)
    empty = "It sells nothing below its cost." if found.against else "There is no cost that it can be held against."
    rows = await _first_of(visit, f"{against}: {visit.formats.number(found.total)}", _LOSING, found.items, empty)
    return await _answered(visit, "Where the draft loses", [rows])


def _simulated(currency: str) -> tuple[Column, ...]:
    return (
        columns.text("Destination", "destination"),
        columns.number("Calls", "calls"),
        each("Minutes and seconds", lambda _, row: Cell(duration(row.duration_ms // 1000)), at_end=True),
        columns.money("Charged", lambda row: row.charged, lambda row: row.currency),
        columns.money("By the draft", lambda row: row.draft, lambda _: currency),
        columns.number("Refused", "refused", is_wide=True),
    )


async def _simulate(visit: Visit, asked: Asked) -> list[Section | None]:
    query = {name: "true" if value is True else str(value) for name, value in asked.items()}
    found = await visit.ask("tariff.simulate", Simulated, query=query, tariff_id=visit.parameter("tariff_id"))
    title = visit.say("By the draft, in {currency}").format(currency=found.currency)
    table = await table_of(visit, _simulated(found.currency), found.items)
    return [Section(title, [], table, empty=visit.say("No call of these days was charged by this tariff."))]


SIMULATION = Question(
    f"{TARIFF}/simulation", "tariff.simulate", "Calls of before, by the draft", "Reckon", BACK,
    tuple(kinds(Period).values()), _simulate,
)  # fmt: skip
SCREENS = (
    *screens(RATES),
    asking(PRICING),
    asking(LOOKUP),
    asking(SIMULATION),
    Screen(f"{TARIFF}/changes", "tariff.diff", show_changes),
    Screen(f"{TARIFF}/comparison", "tariff.compare", show_comparison),
    Screen(f"{TARIFF}/losses", "tariff.margin", show_losses),
)
