"""What a seller does before its first call: each step, whether it is done, and the way to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from service.calls.traffic_api import TrafficView
from service.portal.components.facts import Fact, Section, section
from service.portal.components.lists import Cell
from service.portal.visit import OPERATOR, Visit

Rest = tuple[str, str] | None
"""What is still missing of a thing that is there, and the way to it; None: nothing."""


def _unpublished(row: Any) -> Rest:
    return None if row.published else ("Publish it", f"/tariffs/{row.id}/publication")


def _unpriced(row: Any) -> Rest:
    return None if row.tariff_id else ("Give it a tariff", f"/accounts/{row.id}/edit")


def _penniless(row: Any) -> Rest:
    can_spend = row.balance + row.credit_limit > 0
    return _unpriced(row) or (None if can_spend else ("Post a payment", f"/accounts/{row.id}/payment"))


def _nothing(_: Any) -> Rest:
    return None


class Step(NamedTuple):
    """Something that has to be there."""

    what: str
    why: str
    looks: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """Lists, with what to ask them: it is done when one of them has something that lacks nothing."""
    path: str
    makes: str
    """The endpoints that the way needs: whoever may not isn't told of the step."""
    lacks: Callable[[Any], Rest] = _nothing


_WAYS_IN = (("device.list", ()), ("trunk.list", ()))
STEPS = (
    Step(
        "A tariff", "What a minute costs: what customers pay, and another one for what a provider asks.",
        (("tariff.list", (("account_id", "{account_id}"),)),), "/tariffs/new", "tariff.make", _unpublished,
    ),
    Step(
        "A provider", "An account that carries calls, with the tariff that it asks.",
        (("account.list", (("kind", "provider"),)),), "/accounts/new?kind=provider", f"account.make {OPERATOR}",
        _unpriced,
    ),
    Step(
        "Its gateway", "Where calls leave to it.", (("gateway.list", ()),), "/gateways/new",
        f"gateway.make {OPERATOR}",
    ),
    Step(
        "A routing plan", "By which gateways calls leave.", (("plan.list", ()),), "/plans/new",
        f"plan.write {OPERATOR}",
    ),
    Step(
        "A customer", "With a tariff to pay by, and money or a credit limit.",
        (("account.list", (("kind", "customer"),)),), "/accounts/new?kind=customer", "account.make", _penniless,
    ),
    Step("A device", "A telephone that signs in.", _WAYS_IN, "/devices/new", "device.make"),
    Step("Or a trunk", "The customer's switch, known by its network.", _WAYS_IN, "/trunks/new", "trunk.make"),
)  # fmt: skip
"""In the order in which each needs the one before it."""
LOOKED_AT_MAX = 50
"""Who has more things than that before the first call knows the way."""


async def beginning(visit: Visit, account_id: int, traffic: TrafficView | None) -> Section | None:
    """None: it isn't the visitor's own overview, calls were made, or all is there."""
    if traffic is None or traffic.hours or account_id != visit.account_id or not visit.sells:
        return None
    told = [(step, await _way(visit, step)) for step in STEPS if visit.can(*step.makes.split())]
    if all(not way.link for _, way in told):
        return None
    facts = [Fact(step.what, way, step.why) for step, way in told]
    if visit.can("call.simulate"):
        way = Cell(visit.say("Try one"), "/calls/trial")
        facts.append(Fact("A call", way, "Nobody is called: it says what lacks."))
    return section(visit, "Before the first call", facts)._replace(is_full=True)


async def _way(visit: Visit, step: Step) -> Cell:
    """Without a link where it is done."""
    rests = [step.lacks(row) for row in await _found(visit, step)]
    if None in rests:
        return Cell(visit.say("is there"), "", "success")
    text, path = next((rest for rest in rests if rest is not None), ("Make one", step.path))
    return Cell(visit.say(text), path)


async def _found(visit: Visit, step: Step) -> list[Any]:
    found: list[Any] = []
    for name, asked in step.looks:
        query = {key: value.replace("{account_id}", str(visit.account_id)) for key, value in asked}
        if visit.can(name):
            page: Any = (await visit.look_at(name, query={"limit": str(LOOKED_AT_MAX), **query})).body
            found += page.items
    return found
