"""Which gateways a number may take at a moment, and in what order. Pure; runs inside Kamailio."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import Any, NamedTuple

from ratebook.bands import NO_BAND, band_of
from ratebook.quality import Figures
from ratebook.routing import Choice, Demands, Match, NoLoss, Order, Pin, Plan, Route, Rule

PINNED_PRIORITY = 0
"""Of a gateway that a rule names and no route of the number has."""

Tiers = tuple[tuple[Choice, ...], ...]
"""Gateways in groups: all of one are asked before the first of the next."""


class Offer(NamedTuple):
    """What a plan has for a number."""

    plan: Plan
    """With what the route says anew."""
    tiers: Tiers


def offer(plan: Plan, number: str, path: Iterable[int], at_s: int, groups: Collection[str] = ()) -> Offer:
    """The gateways for a number at a wall-clock second. `path`: the caller's account and those above it; `groups`: the
    destination groups that have the number, if a rule of the plan names any.
    """
    band = NO_BAND if plan.hours is None else band_of(plan.hours, at_s)
    found: list[Route] = []
    for length in range(len(number), -1, -1):
        routes = plan.routes.get(number[:length])
        if routes is None:
            continue
        route = None
        for one in routes:
            if not one.bands or band in one.bands:
                route = one
                break
        if route is None or not route.choices:
            break  # barred: shorter prefixes too
        found.append(route)
        if plan.match is Match.LONGEST:
            break
    if not found:
        return Offer(plan, ())
    tiers = _tiers(found, band)
    if plan.match is Match.ALL:
        tiers = (tuple(choice for tier in tiers for choice in tier),)
    if plan.rules:
        accounts = {str(one) for one in path}
        tiers = _ruled([rule for rule in plan.rules if _applies(rule, number, accounts, groups)], tiers)
    own = found[0].own
    return tuple.__new__(Offer, (plan._replace(**dict(own)) if own else plan, tiers))


def _tiers(found: list[Route], band: int) -> Tiers:
    """The gateways of each route that may be used now; one that several have counts in the first."""
    if len(found) == 1:
        for choice in found[0].choices:
            if choice.bands:
                break
        else:
            return (found[0].choices,)
    seen: set[str] = set()
    tiers = []
    for route in found:
        fresh = [one for one in route.choices if one.gateway not in seen and (not one.bands or band in one.bands)]
        tiers.append(tuple(fresh))
        seen |= {one.gateway for one in route.choices}
    return tuple(tiers)


def _ruled(rules: Iterable[Rule], tiers: Tiers) -> Tiers:
    banned: set[str] = set()
    for rule in rules:
        known = {choice.gateway: choice for tier in tiers for choice in tier}
        named = tuple(known.get(one) or Choice(one, PINNED_PRIORITY) for one in rule.gateways)
        if rule.pin is Pin.EXCLUDE:
            banned |= set(rule.gateways)
        elif rule.pin is Pin.ONLY:
            tiers = (named,)
        else:
            rest = (tuple(one for one in tier if one.gateway not in rule.gateways) for tier in tiers)
            tiers = (*((one,) for one in named), *rest)
    return tuple(tuple(one for one in tier if one.gateway not in banned) for tier in tiers)


def _applies(rule: Rule, number: str, path: set[str], groups: Collection[str]) -> bool:
    if rule.accounts and path.isdisjoint(rule.accounts):
        return False
    if rule.groups and not any(group in groups for group in rule.groups):
        return False
    return not rule.prefixes or any(number.startswith(prefix) for prefix in rule.prefixes)


def left_out(plan: Plan, number: str, path: Iterable[int], groups: Collection[str], offered: Offer) -> dict[str, str]:
    """Why gateways that routes of a number name are not in its offer: `excluded` or `pinned` by a rule, `longer` (a
    route of a longer prefix counts), or `hours`. For who asks why; the offer itself doesn't.
    """
    accounts = {str(one) for one in path}
    rules = [rule for rule in plan.rules if _applies(rule, number, accounts, groups)]
    there = {choice.gateway for tier in offered.tiers for choice in tier}
    found: dict[str, str] = {}
    for rule in rules:
        if rule.pin is Pin.EXCLUDE:
            found |= dict.fromkeys(rule.gateways, "excluded")
    is_pinned = any(rule.pin is Pin.ONLY for rule in rules)
    longest = next((length for length in range(len(number), -1, -1) if number[:length] in plan.routes), 0)
    for length in range(len(number), -1, -1):
        for route in plan.routes.get(number[:length], ()):
            why = "pinned" if is_pinned else "hours" if length == longest else "longer"
            found |= {choice.gateway: why for choice in route.choices if choice.gateway not in found}
    return {gateway: why for gateway, why in found.items() if gateway not in there}


class Candidate(NamedTuple):
    """A gateway with what the expected call would cost, and what else its place depends on."""

    gateway_id: int
    priority: int
    cost_micros: int
    tier: int = 0
    lot: float = 0.0
    """Its draw; the lowest wins."""
    quality: int = 0
    """Its band of `Demands`; 0 is the best."""
    prefix_gap: int = 0
    """How many digits of the number its provider's rate doesn't name."""
    attempt_micros: int = 0
    """What an attempt costs that nobody answers; not in the cost, unless `with_attempts` has put it there."""


_FIELDS = {
    Order.COST: "cost_micros",
    Order.PRIORITY: "priority",
    Order.PERCENTAGE: "lot",
    Order.QUALITY: "quality",
    Order.PREFIX: "prefix_gap",
}


@lru_cache(maxsize=256)
def _rank(order: tuple[Order, ...]) -> Any:
    return attrgetter("tier", *dict.fromkeys(_FIELDS[one] for one in (*order, Order.COST, Order.PRIORITY)))


def lot(draw: bytes, gateway_id: int, weight: int) -> float:
    """A gateway's lot: of several, each is the lowest as often as its weight is of all weights together.

    `draw`: what is random in it; the same one always gives the same lots. A weight of 0 comes after all others.
    """
    if not weight:
        return math.inf
    digest = blake2b(draw + gateway_id.to_bytes(4, "big"), digest_size=8).digest()
    return -math.log((int.from_bytes(digest, "big") + 1) / (2**64 + 1)) / weight


def in_order(plan: Plan, candidates: Iterable[Candidate]) -> list[Candidate]:
    """The candidates, best first, whatever they cost: all of them, since one without room costs no attempt."""
    return sorted(candidates, key=_rank(plan.order))


def with_attempts(one: Candidate, figures: Figures, demands: Demands, paid_micros: int) -> Candidate:
    """A candidate whose cost has its attempts that come to nothing: for each answered call as many as its figures have,
    one where they are too few. `paid_micros`: what such an attempt earns.
    """
    lost_micros = max(0, one.attempt_micros - paid_micros)
    failed, answered = figures.attempts - figures.answered, max(1, figures.answered)
    if figures.attempts < demands.calls_min:
        failed, answered = 1, 1
    return one._replace(cost_micros=one.cost_micros - (-lost_micros * failed // answered))


def without_loss(plan: Plan, ordered: list[Candidate], price_micros: int | None) -> list[Candidate]:
    """Of candidates in order those that the no-loss rule lets through, in the order that it leaves them.

    `price_micros`: what the expected call earns; None: nobody pays, and no gateway loses.
    """
    if price_micros is None or plan.no_loss is NoLoss.OFF:
        return ordered
    earning = [one for one in ordered if one.cost_micros <= price_micros]
    if plan.no_loss is NoLoss.STRICT or len(earning) == len(ordered):
        return earning
    return earning + [one for one in ordered if one.cost_micros > price_micros]
