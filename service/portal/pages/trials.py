"""What would happen to a call, asked before somebody makes it: every decision, in order."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from service.access.rights import ROOT_ID
from service.calls.simulation import Trial
from service.calls.simulation_views import SimulationView
from service.calls.telling import Names, steps_of, why
from service.doctor.sentences import Sentence
from service.portal.components import columns
from service.portal.components.columns import each, thing
from service.portal.components.facts import Fact, Section, section
from service.portal.components.fields import kinds
from service.portal.components.lists import Cell, table_of
from service.portal.components.questions import Asked, Question, asking
from service.portal.components.refused import refused
from service.portal.formats import NEVER, duration
from service.portal.visit import Visit

NAMED = ("account", "trunk", "device", "gateway")
OUTCOMES = {"admitted": "success", "refused": "danger", "elsewhere": "warning"}


async def answer(visit: Visit, asked: Asked) -> Sequence[Section | None]:
    """The whole way of the call."""
    found = await visit.ask("call.simulate", SimulationView, body=dict(asked))
    await _learn(visit, found)
    told = steps_of(found, _names(visit))
    steps = Section(visit.say("Step by step"), template="steps.html", data=_sentences(visit, told), is_full=True)
    return [
        section(visit, "What would happen", _outcome(visit, found)),
        section(visit, "How the number is read", _number(visit, found)),
        steps if told else None,
        await _levels(visit, found),
        await _gateways(visit, found),
        await _attempts(visit, found),
    ]


def _names(visit: Visit) -> Names:
    account, trunk, device, gateway = (functools.partial(visit.name, noun) for noun in NAMED)
    return Names(
        account, trunk, device, gateway,
        lambda number: visit.name("plan", number) if visit.knows("plan", number) else "",
    )  # fmt: skip


def _sentences(visit: Visit, told: Sequence[Sentence]) -> list[str]:
    return [visit.formats.decimals_in(visit.tell(one.to_record())) for one in told]


async def _learn(visit: Visit, found: SimulationView) -> None:
    accounts = [found.account_id, found.refused_by, *(one.account_id for one in found.levels)]
    await visit.learn("account", [*accounts, *(one.seller_id for one in found.levels)])
    await visit.learn(
        "gateway", [*(one.gateway_id for one in found.gateways), *(one.gateway_id for one in found.attempts)]
    )
    await visit.learn("plan", [found.plan_id])
    await visit.learn("trunk", [found.trunk_id, found.found_trunk_id])
    await visit.learn("device", [found.device_id])
    await visit.learn("number", [found.number_id])


def _outcome(visit: Visit, found: SimulationView) -> list[Fact]:
    told = [
        Fact("Outcome", Cell(visit.say(found.outcome), "", OUTCOMES.get(found.outcome, "secondary"))),
        Fact("Account", thing(visit, "account", found.account_id)),
    ]
    if found.sip_code is not None:
        told.append(Fact("SIP answer", Cell(f"{found.sip_code} {found.sip_reason}".strip())))
    if found.rule:
        told.append(Fact("Refused because of", Cell(refused(visit, found.rule))))
    if found.refused_by is not None:
        told.append(Fact("Refused by", thing(visit, "account", found.refused_by)))
    if found.outcome == "elsewhere":
        told.append(Fact("It comes to the trunk", thing(visit, "trunk", found.found_trunk_id)))
    longest = visit.say("any time") if found.longest_s is None else duration(found.longest_s)
    told += [
        Fact("Routing plan", thing(visit, "plan", found.plan_id)),
        Fact("Lasts at most", Cell(longest), "By money that you see."),
    ]
    return told


def _number(visit: Visit, found: SimulationView) -> list[Fact]:
    called = found.called
    return [
        Fact("As it was sent", Cell(called.sent)),
        Fact("As E.164", Cell(called.number or visit.say("it is no number"))),
        Fact("Rule that applied", Cell(f"#{called.rule_id}" if called.rule_id else NEVER)),
        Fact("It has moved to", Cell(found.moved_to or NEVER)),
        Fact("Special number", Cell(visit.say(found.special) if found.special else NEVER)),
        Fact("Somebody's here", thing(visit, "number", found.number_id)),
        Fact("Caller", Cell(found.caller or NEVER)),
    ]


async def _levels(visit: Visit, found: SimulationView) -> Section | None:
    if not found.levels:
        return None
    shown = [
        each("Account", lambda visit, one: thing(visit, "account", one.account_id)),
        each("Pays to", lambda visit, one: thing(visit, "account", one.seller_id)),
        columns.text("Prefix", "prefix"),
        columns.text("Destination", "destination"),
        columns.money("Held before the answer", lambda one: one.held, lambda one: one.currency),
        columns.money("Expected", lambda one: one.expected, lambda one: one.currency),
    ]
    if any(one.margin is not None for one in found.levels):
        shown.append(columns.money("Seller's margin", lambda one: one.margin, lambda one: one.currency))
    title = visit.say("What each level would pay, for {time}").format(time=duration(found.expected_s))
    return Section(title, [], await table_of(visit, shown, found.levels))


async def _gateways(visit: Visit, found: SimulationView) -> Section | None:
    if not found.gateways:
        return None
    currency = await visit.currency_of(ROOT_ID)
    shown = (
        each("Gateway", lambda visit, one: thing(visit, "gateway", one.gateway_id)),
        each("Tried as number", lambda visit, one: _number_or(visit, one.place), at_end=True),
        each("Priority", lambda visit, one: _number_or(visit, one.priority), at_end=True, is_wide=True),
        columns.money("Cost", lambda row: row.cost, lambda _: currency),
        columns.money("Margin", lambda row: row.margin, lambda _: currency),
        each("Left out because of", lambda visit, one: Cell(_sentences(visit, [why(one.why)])[0] if one.why else "")),
    )
    return Section(visit.say("Gateways, as the plan weighs them"), [], await table_of(visit, shown, found.gateways))


def _number_or(visit: Visit, value: int | None) -> Cell:
    return Cell(NEVER if value is None else visit.formats.number(value))


async def _attempts(visit: Visit, found: SimulationView) -> Section | None:
    if not found.attempts:
        return None
    shown = (
        each("To", _where),
        each("Address", lambda _, one: Cell(f"{one.transport}:{one.host}:{one.port}" if one.host else NEVER)),
        each("Number as it is sent", lambda _, one: Cell(one.number or one.uri)),
        columns.text("Caller as it is told", "caller"),
    )
    return Section(visit.say("One after the other"), [], await table_of(visit, shown, found.attempts))


def _where(visit: Visit, one: Any) -> Cell:
    return thing(visit, "gateway", one.gateway_id) if one.gateway_id else Cell(visit.say("somebody of yours"))


TRIAL = Question(
    "/calls/trial", "call.simulate", "What would happen to a call?", "Try", ("Calls", "/calls"),
    tuple(kinds(Trial).values()), answer, text="Nobody is called, and nothing is held. Name a trunk or a device.",
)  # fmt: skip
SCREENS = (asking(TRIAL),)
