"""Calls that have ended: found by filters, had as a file, and each with its story: P3, C8."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from service.calls.history import ChargeView, CostView
from service.portal.components import columns
from service.portal.components.columns import each, facts, thing
from service.portal.components.facts import Fact, Section, page, section
from service.portal.components.files import FileColumn
from service.portal.components.lists import Cell, Column, Listed, screens, table_of
from service.portal.components.refused import refused
from service.portal.formats import MICROS, NEVER, decimals_of_all, duration
from service.portal.screen import Crumb, Screen, Shown
from service.portal.visit import Visit


def _lasted(_visit: Visit, row: Any) -> Cell:
    return Cell(duration(-(-row.duration_ms // 1000)) if row.answered_at else NEVER)


def _outcome(visit: Visit, row: Any) -> Cell:
    reason = f"{row.sip_code} {row.sip_reason}".strip()
    return columns.badge(visit, row.outcome)._replace(title=reason)


def _charged(row: Any) -> ChargeView | None:
    """What the caller's account paid, or whoever stands next to it in the visitor's subtree."""
    return row.charges[0] if row.charges else None


def _prices(visit: Visit, rows: Sequence[Any]) -> list[Cell]:
    """What was charged for each; before its provider what that gets."""
    found = [_price(visit, row) for row in rows]
    decimals = decimals_of_all([amount for amount, _ in found])
    return [
        Cell(NEVER if amount is None else visit.formats.money(amount, currency, decimals)) for amount, currency in found
    ]


def _price(visit: Visit, row: Any) -> tuple[int | None, str]:
    charge, cost = _charged(row), row.cost
    if charge is not None:
        return charge.charge, charge.currency
    if cost is not None and cost.account_id == visit.account_id:
        return cost.cost, cost.currency
    return None, ""


def _mine(visit: Visit, row: Any) -> ChargeView | None:
    """Where the visitor's account is the seller."""
    return next((one for one in row.charges if one.seller_id == visit.account_id), None)


def _of(name: str, row: Any) -> Any:
    charge = _charged(row)
    return None if charge is None else getattr(charge, name)


def _amount(micros: int | None) -> Any:
    return None if micros is None else Decimal(micros) / MICROS


CALLS = Listed(
    "/calls",
    "cdr.list",
    "Calls",
    (
        each(
            "Started",
            lambda visit, row: Cell(visit.formats.moment(row.started_at).replace(" ", "\u00a0"), f"/calls/{row.id}"),
            sort="started",
        ),
        columns.other("Account", "account", "account_id", is_wide=True),
        columns.text("From", "caller"),
        columns.text("To", "called"),
        columns.text("Destination", "destination", is_wide=True),
        each("Outcome", _outcome),
        each("Lasted", _lasted, at_end=True),
        Column("Charge", _prices, at_end=True),
    ),
    filters=("called", "outcome", "since", "until", "account_id", "trunk_id", "device_id", "call"),
    empty="No call has ended yet.",
    file_columns=(
        FileColumn("charge", "amount", lambda _, row: _amount(_of("charge", row))),
        FileColumn("currency", "text", lambda _, row: _of("currency", row)),
        FileColumn("billed_s", "number", lambda _, row: _of("billed_s", row)),
        FileColumn("prefix", "text", lambda _, row: _of("prefix", row)),
        FileColumn("margin", "amount", lambda visit, row: _amount(getattr(_mine(visit, row), "margin", None))),
        FileColumn("cost", "amount", lambda _, row: _amount(None if row.cost is None else row.cost.cost)),
        FileColumn("cost_currency", "text", lambda _, row: None if row.cost is None else row.cost.currency),
    ),
    of_sellers=frozenset({"margin"}),
)
_BELONGS = ("account_id", "trunk_id", "device_id", "number_id", "gateway_id")
"""Of these a call has some, and a visitor may know of some: the others aren't named."""


async def show(visit: Visit) -> Shown:
    """One call's story."""
    row: Any = (await visit.look_at("cdr.show", visit.path_of("cdr.show"))).body
    for noun in ("account", "trunk", "device", "number", "gateway"):
        await visit.learn(noun, [getattr(row, f"{noun}_id")])
    sold = {one.seller_id for one in row.charges} | {one.account_id for one in row.charges}
    await visit.learn("account", [*sold, row.cost.account_id if row.cost is not None else None])
    parties = [
        Fact("From", Cell(row.caller or NEVER), f"{row.caller_sent}" if row.caller_sent != row.caller else ""),
        Fact("To", Cell(row.called or NEVER), f"{row.called_sent}" if row.called_sent != row.called else ""),
        Fact("Destination", Cell(row.destination or NEVER)),
        *facts(visit, row, *(name for name in _BELONGS if getattr(row, name)), "private"),
    ]
    sections = [
        section(visit, "Who with whom", parties),
        section(visit, "What became of it", _ending(visit, row)),
        Section(visit.say("Timeline"), [], await _timeline(visit, row)),
        await _attempts(visit, row),
        await _paid(visit, row),
        _explained(visit, row),
        section(visit, "What the provider gets", _cost(visit, row.cost)) if row.cost is not None else None,
        section(visit, "In SIP", facts(visit, row, "call_id", "from_tag", "to_tag")) if row.call_id else None,
    ]
    title = f"{row.caller or '?'} → {row.called or row.called_sent}"
    badges = [_outcome(visit, row), Cell(visit.say(row.kind), "", "secondary")]
    return page(visit, title, sections, badges=badges, trail=(Crumb(visit.say("Calls"), "/calls"),), subtitle=row.call)


def _ending(visit: Visit, row: Any) -> list[Fact]:
    return [
        Fact("SIP answer", Cell(f"{row.sip_code} {row.sip_reason}".strip())),
        Fact("Ended by", Cell(visit.say(row.ended_by))),
        *([Fact("Refused because of", Cell(refused(visit, row.rule)))] if row.rule else []),
        Fact("Lasted", _lasted(visit, row)),
    ]


class _Step(NamedTuple):
    """A moment of a call."""

    at: int
    what: str
    later_ms: int
    """After the INVITE."""


async def _timeline(visit: Visit, row: Any) -> Any:
    moments = [(row.started_at, "The call arrived"), (row.rung_at, "It rang"), (row.answered_at, "It was answered")]
    moments.append((row.ended_at, "It ended"))
    steps = [_Step(at, what, at - row.started_at) for at, what in moments if at]
    shown = (
        columns.moment("When", "at"),
        each("What", lambda visit, step: Cell(visit.say(step.what))),
        each("After", lambda visit, step: Cell(f"{visit.formats.number(step.later_ms)} ms"), at_end=True),
    )
    return await table_of(visit, shown, steps)


async def _attempts(visit: Visit, row: Any) -> Section | None:
    """Gateways tried, one after the other; None: none is for the visitor's eyes."""
    if not row.attempts:
        return None
    await visit.learn("gateway", [one.gateway_id for one in row.attempts])
    has_fees = any(one.fee is not None for one in row.attempts)
    shown = (
        each("Gateway", lambda visit, one: thing(visit, "gateway", one.gateway_id)),
        columns.moment("When", "started_at"),
        each("SIP answer", lambda _, one: Cell(str(one.sip_code) if one.sip_code else NEVER), at_end=True),
        columns.number("PDD, ms", "pdd_ms"),
        columns.moment("Ended", "ended_at", is_wide=True),
        *([columns.money("Fee of the attempt", lambda one: one.fee, lambda one: one.currency)] if has_fees else []),
    )
    return Section(visit.say("Gateways tried"), [], await table_of(visit, shown, row.attempts))


def _explained(visit: Visit, row: Any) -> Section | None:
    """How each level's charge came about."""
    told = [
        (visit.name("account", one.account_id), visit.formats.money(one.charge, one.currency), visit.explain(one.steps))
        for one in row.charges
        if one.steps
    ]
    return Section(visit.say("How it was priced"), template="priced.html", data=told, is_full=True) if told else None


async def _paid(visit: Visit, row: Any) -> Section | None:
    """None: what was paid for the call isn't for who gets money for carrying it."""
    if not row.charges and row.cost is not None and not visit.sells:
        return None
    table = await _levels(visit, row)
    return Section(visit.say("What each level paid"), [], table, empty=visit.say("Nothing was charged."))


async def _levels(visit: Visit, row: Any) -> Any:
    shown = [
        each("Account", lambda visit, one: thing(visit, "account", one.account_id)),
        each("Paid to", lambda visit, one: thing(visit, "account", one.seller_id)),
        columns.text("Prefix", "prefix"),
        columns.rate("A minute", "rate", is_wide=True),
        columns.text("Increments", "increments", is_wide=True),
        columns.number("Billed seconds", "billed_s"),
        columns.money("Charge", lambda one: one.charge, lambda one: one.currency),
        columns.money("Tax in it", lambda one: one.tax or None, lambda one: one.currency),
    ]
    if any(one.margin is not None for one in row.charges):  # not for the buyer's eyes
        shown.append(columns.money("Seller's margin", lambda one: one.margin, lambda one: one.currency))
    return await table_of(visit, shown, row.charges)


def _cost(visit: Visit, cost: CostView) -> list[Fact]:
    return [
        Fact("Provider", thing(visit, "account", cost.account_id)),
        Fact("Prefix", Cell(cost.prefix or NEVER)),
        Fact("Billed seconds", Cell(visit.formats.number(cost.billed_s))),
        Fact("Cost", Cell(visit.formats.money(cost.cost, cost.currency))),
    ]


SCREENS = (*screens(CALLS), Screen("/calls/{cdr_id}", "cdr.show", show))
