"""The API of calls that are only tried out: what would happen and why, as far as the asker may see it.

The answer is the call path's own (`kemi.rehearse`), at this moment of its store: read-only, and for a few milliseconds.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field, model_validator

from kemi import clock
from kemi.authorize import Admitted
from kemi.invitation import USER_MAX
from kemi.rehearse import Asked as Wanted
from kemi.rehearse import Attempt, Level, Reading, Rehearsal, Unknown, rehearse, stage
from kemi.store.devices import Device
from kemi.store.environment import StoreAbsent, open_reader
from kemi.store.layout import CLOSED, Account
from ratebook.compiled.read import decode_terms
from ratebook.price import explain
from ratebook.tax import factor_of
from service.access.permissions import Permission
from service.api.call import Call
from service.api.endpoint import Answer, Endpoint
from service.api.nouns import NOUNS
from service.api.problems import Problem
from service.api.values import Asked, DeviceId, TrunkId, When
from service.calls.simulation_views import AttemptView, CalledView, LevelView, PlaceView, SimulationView, WeighedView
from service.calls.telling import Names, named, steps_of
from service.tariffs.rates import reading_rates

User = Annotated[str, Field(min_length=1, max_length=USER_MAX, pattern=r"^[!-~]+$")]


class Trial(Asked):
    """A call to try out."""

    trunk_id: TrunkId | None = None
    device_id: DeviceId | None = None
    to: Annotated[
        User, Field(description="What is called, as the INVITE says it: with the tech prefix, if there is one")
    ]
    caller: Annotated[User | None, Field(description="Who calls, as the INVITE says it; null: nobody")] = None
    at: Annotated[When | None, Field(description="By the rates and hours of this time; null: now")] = None

    @model_validator(mode="after")
    def _is_from_one(self) -> Self:
        if (self.trunk_id is None) == (self.device_id is None):
            raise ValueError("either trunk_id or device_id: a call begins at one of them")
        return self


class Eyes(NamedTuple):
    """What the asker may see of it, and how things are called."""

    accounts: dict[int, str]
    """Those in its subtree."""
    trunks: dict[int, str]
    devices: dict[int, str]
    gateways: dict[int, str]
    plans: dict[int, str]
    numbers: set[int]
    sees_gateways: bool
    sees_costs: bool
    sees_funds: bool

    @property
    def names(self) -> Names:
        """What everything is called. Plans can be named by all, and have names for those who may look at them."""
        return Names(
            named(self.accounts),
            named(self.trunks),
            named(self.devices),
            named(self.gateways),
            lambda number: self.plans.get(number or 0, ""),
        )


async def simulate(call: Call) -> Answer:
    """From a trunk or a device, to a number, without a call: nothing is held, written or sent."""
    body: Trial = call.body
    number = body.trunk_id or body.device_id or 0
    wanted = Wanted("device" if body.trunk_id is None else "trunk", number, body.to, body.caller or "")
    moment = clock.now()
    moment = moment._replace(wall_ms=body.at or call.now_ms)
    async with reading_rates():
        found = await asyncio.to_thread(_rehearsed, call, wanted, moment)
    return Answer(await _view(call, body, found, moment))


def _rehearsed(call: Call, wanted: Wanted, moment: clock.Now) -> Rehearsal:
    """Raises Problem: unavailable, conflict."""
    config = call.api.config
    try:
        reader = open_reader(config.run_dir)
    except StoreAbsent:
        raise Problem("unavailable", "the call path isn't there: Kamailio makes its store when it starts") from None
    try:
        with stage(reader, config.data_dir) as rooms:
            return rehearse(rooms, wanted, moment)
    except Unknown:
        text = f"the call path doesn't know this {wanted.kind} yet: try again in a second"
        raise Problem("conflict", text) from None
    finally:
        reader.close()


async def _view(call: Call, body: Trial, found: Rehearsal, moment: clock.Now) -> SimulationView:
    eyes = await _eyes(call, found)
    view = SimulationView(
        account_id=found.origin.account,
        trunk_id=body.trunk_id,
        device_id=body.device_id,
        at=moment.wall_ms,
        source="" if found.source is None else "{}:{} by {}".format(*found.source),
        found_trunk_id=found.found_as if found.found_as in eyes.trunks else None,
        called=_called(body.to, found.reading),
        caller=found.caller.number,
        moved_to=found.moved_to,
        special=found.goes_to.special,
        number_id=found.local.number if found.local and found.local.number in eyes.numbers else None,
        on_net=found.local is not None,
        plan_id=None if found.offered is None else found.goes_to.plan,
        expected_s=found.expected_s,
        path=[_place(one, found, eyes) for one in found.path if one.id in eyes.accounts],
        levels=[_level(one, found, eyes, moment) for one in found.levels if one.leg.account in eyes.accounts],
        gateways=_weighed(found) if eyes.sees_gateways and eyes.sees_costs else [],
        attempts=[_attempt(one) for one in found.attempts] if _sees_attempts(found, eyes) else [],
        steps=[],
        **_answer(found, eyes),
    )
    steps = steps_of(view, eyes.names)
    return view.model_copy(update={"steps": list(map(str, steps))})


def _called(sent: str, reading: Reading) -> CalledView:
    rule_id = reading.rule and reading.rule.id
    return CalledView(sent=sent, plain=reading.plain, rule_id=rule_id, written=reading.written, number=reading.number)


def _answer(found: Rehearsal, eyes: Eyes) -> dict[str, Any]:
    """What the caller gets, and why: of who refuses above the asker no more than the caller learns."""
    lasting = [seconds for account, seconds in found.lasts_s.items() if account in eyes.accounts]
    longest_s = None if found.longest_s is None else min([found.longest_s, *lasting])
    decision = found.decision
    if decision is None or isinstance(decision, Admitted):
        outcome = "admitted" if decision else "elsewhere"
        nothing: dict[str, Any] = {"sip_code": None, "sip_reason": "", "rule": "", "refused_by": None}
        return nothing | {"outcome": outcome, "longest_s": longest_s}
    is_seen = not decision.account or decision.account in eyes.accounts
    return {
        "outcome": "refused",
        "sip_code": decision.code,
        "sip_reason": decision.reason,
        "rule": decision.rule if is_seen else "",
        "refused_by": decision.account or None if is_seen else None,
        "longest_s": longest_s,
    }


async def _eyes(call: Call, found: Rehearsal) -> Eyes:
    path = {account.id for account in found.path} | {one.leg.account for one in found.levels} | {found.origin.account}
    refused = found.decision
    path |= {refused.account} if refused is not None and not isinstance(refused, Admitted) else set()
    gateways = {one.gateway for one in found.trace.left}
    gateways |= {one.gateway_id for weighing in found.trace.weighings for one in weighing.candidates}
    is_device = isinstance(found.origin, Device)
    named_ones: dict[str, set[int]] = {
        "account": path,
        "trunk": {found.found_as, *(() if is_device else (found.origin.id,))},
        "device": {found.origin.id} if is_device else set(),
        "gateway": gateways,
        "plan": {found.goes_to.plan} if found.offered is not None and call.may(Permission.ROUTING_READ) else set(),
    }
    names = {
        noun: {number: NOUNS[noun].label_of(row) for number, row in (await call.find_all(noun, numbers)).items()}
        for noun, numbers in named_ones.items()
    }
    local = {found.local.number} if found.local else set()
    return Eyes(
        names["account"],
        names["trunk"],
        names["device"],
        names["gateway"],
        names["plan"],
        set(await call.find_all("number", local)),
        call.actor.is_root and call.may(Permission.GATEWAYS_READ),
        call.actor.is_root and call.may(Permission.PROVIDERS_READ),
        call.may(Permission.PAYMENTS_READ),
    )


def _sees_attempts(found: Rehearsal, eyes: Eyes) -> bool:
    """Where calls go is the operator's; whose number or device it is knows its own places."""
    if found.local is None or not found.local.number:
        return eyes.sees_gateways
    return eyes.sees_gateways or found.local.number in eyes.numbers


def _place(account: Account, found: Rehearsal, eyes: Eyes) -> PlaceView:
    state = "active" if account.is_active else "closed" if account.flags & CLOSED else "suspended"
    return PlaceView(
        account_id=account.id,
        state=state,
        channels=account.channels,
        channels_max=account.channels_max,
        cps_max=account.cps_max,
        available=account.available if account.is_charged and eyes.sees_funds else None,
        currency=str(account.currency, "ascii"),
        lasts_s=found.lasts_s.get(account.id),
    )


def _level(level: Level, found: Rehearsal, eyes: Eyes, moment: clock.Now) -> LevelView:
    leg, terms = level.leg, decode_terms(level.leg.terms)
    knows_seller = leg.seller in eyes.accounts
    expected_ms, currency = found.expected_s * 1000, leg.currency if leg.currency != terms.currency else ""
    return LevelView(
        account_id=leg.account,
        seller_id=leg.seller if knows_seller else None,
        tariff=leg.tariff.hex(),
        prefix=leg.prefix,
        destination=leg.destination,
        held=leg.held,
        expected=level.expected_micros,
        tax=level.tax_micros,
        currency=leg.currency,
        margin=level.kept_micros if knows_seller else None,
        price_steps=explain(terms, expected_ms, moment.wall_s, leg.exchange, currency, tax=factor_of(leg.tax)),
    )


def _weighed(found: Rehearsal) -> list[WeighedView]:
    """Those of the first look, in their order; then those that are left out."""
    why = {one.gateway: one.why for one in reversed(found.trace.left)}
    tried = [one.target.gateway for one in found.attempts]
    first = found.trace.weighings[0] if found.trace.weighings else None
    candidates = {one.gateway_id: one for one in first.candidates} if first else {}
    order = [*dict.fromkeys([*tried, *candidates, *why])]
    views = []
    for number in order:
        one = candidates.get(number)
        earned = first.earned_micros if first else None
        views.append(
            WeighedView(
                gateway_id=number,
                cost=one and one.cost_micros,
                margin=None if one is None or earned is None else earned - one.cost_micros,
                priority=one and one.priority,
                place=tried.index(number) + 1 if number in tried else None,
                why="" if number in tried else why.get(number, "attempts"),
            )
        )
    return views


def _attempt(attempt: Attempt) -> AttemptView:
    target = attempt.target
    return AttemptView(
        gateway_id=target.gateway or None,
        host=target.host,
        port=target.port,
        transport=target.transport,
        number=target.number,
        uri=target.uri,
        caller=target.parties.from_uri,
    )


ENDPOINTS = [
    Endpoint(
        "call.simulate", "POST", "/calls/trial", Permission.CALLS_READ, simulate, "Try out what would happen to a call",
        Trial, answer=SimulationView, reads=True,
    ),
]  # fmt: skip
