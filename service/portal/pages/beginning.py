"""What a seller does before its first call: each step, whether it is done, and the way to it."""

from __future__ import annotations

from typing import Any, NamedTuple

from service.calls.traffic_api import TrafficView
from service.portal.components.facts import Fact, Section, section
from service.portal.components.lists import Cell
from service.portal.visit import OPERATOR, Visit


class Step(NamedTuple):
    """Something that has to be there."""

    what: str
    why: str
    looks: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """Lists, with what to ask them: it is done when one of them has something."""
    path: str
    makes: str
    """The endpoints that the way needs: whoever may not isn't told of the step."""


STEPS = (
    Step(
        "A provider", "An account that carries calls.", (("account.list", (("kind", "provider"),)),),
        "/accounts/new?kind=provider", f"account.make {OPERATOR}",
    ),
    Step(
        "Its gateway", "Where calls leave to it.", (("gateway.list", ()),), "/gateways/new",
        f"gateway.make {OPERATOR}",
    ),
    Step(
        "A tariff", "What a minute costs, once it is published.", (("tariff.list", (("account_id", "{account_id}"),)),),
        "/tariffs/new", "tariff.make",
    ),
    Step(
        "A routing plan", "By which gateways calls leave.", (("plan.list", ()),), "/plans/new",
        f"plan.write {OPERATOR}",
    ),
    Step(
        "A customer", "With a tariff to pay by, and money if it is prepaid.",
        (("account.list", (("kind", "customer"),)),), "/accounts/new?kind=customer", "account.make",
    ),
    Step(
        "A device or a trunk", "How the customer's calls come: telephones sign in, trunks are known by their network.",
        (("device.list", ()), ("trunk.list", ())), "/devices/new", "device.make",
    ),
)  # fmt: skip
"""In the order in which each needs the one before it."""


async def beginning(visit: Visit, account_id: int, traffic: TrafficView | None) -> Section | None:
    """None: it isn't the visitor's own overview, calls were made, or all is there."""
    if traffic is None or traffic.hours or account_id != visit.account_id or not visit.sells:
        return None
    told = [(step, await _is_done(visit, step)) for step in STEPS if visit.can(*step.makes.split())]
    if all(is_done for _, is_done in told):
        return None
    facts = [Fact(step.what, _way(visit, step, is_done=is_done), step.why) for step, is_done in told]
    return section(visit, "Before the first call", facts)._replace(is_full=True)


def _way(visit: Visit, step: Step, *, is_done: bool) -> Cell:
    return Cell(visit.say("is there"), "", "success") if is_done else Cell(visit.say("Make one"), step.path)


async def _is_done(visit: Visit, step: Step) -> bool:
    for name, asked in step.looks:
        query = {key: value.replace("{account_id}", str(visit.account_id)) for key, value in asked}
        if visit.can(name):
            page: Any = (await visit.look_at(name, query={"limit": "1", **query})).body
            if page.items:
                return True
    return False
