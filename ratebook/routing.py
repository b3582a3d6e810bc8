"""Routing plans: which gateways a number may take, and in what order. Pure; runs inside Kamailio."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

RING_TIMEOUT_MAX_S = 180
"""Over all gateways. Kamailio gives up a ringing dialog without a word at 600 s."""


class Order(StrEnum):
    """What comes first."""

    COST = "cost"
    """The cheaper gateway, then the lower priority number."""
    PRIORITY = "priority"
    """The lower priority number, then the cheaper gateway."""


class NoLoss(StrEnum):
    """What happens to a gateway that costs more than the call earns."""

    STRICT = "strict"
    """It is left out."""
    WARN = "warn"
    """It is used, after those that earn."""
    OFF = "off"


class Route(NamedTuple):
    """A gateway for a prefix."""

    gateway: str
    """`provider/gateway`, or its id as text once it is resolved."""
    priority: int


class Plan(NamedTuple):
    """How an account's calls are routed."""

    name: str
    order: Order
    no_loss: NoLoss
    failover_codes: frozenset[int]
    """SIP codes after which the next gateway is tried."""
    try_timeout_ms: int
    """How long a gateway may be silent."""
    attempts_max: int
    ring_timeout_s: int
    """Over all gateways, at most RING_TIMEOUT_MAX_S."""
    expected_call_s: int
    """The call whose cost is compared."""
    routes: dict[str, tuple[Route, ...]]
    """By prefix; the longest one that a number begins with counts, alone."""

    def to_record(self) -> dict[str, Any]:
        """As JSON; `from_record` reads it back."""
        return self._asdict() | {
            "order": self.order.value,
            "no_loss": self.no_loss.value,
            "failover_codes": sorted(self.failover_codes),
            "routes": [[prefix, [list(route) for route in routes]] for prefix, routes in self.routes.items()],
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Plan:
        """The plan of a record. Raises KeyError, TypeError or ValueError for what `to_record` didn't make."""
        return cls(
            **record
            | {
                "order": Order(record["order"]),
                "no_loss": NoLoss(record["no_loss"]),
                "failover_codes": frozenset(record["failover_codes"]),
                "routes": {
                    prefix: tuple(Route(str(gateway), priority) for gateway, priority in routes)
                    for prefix, routes in record["routes"]
                },
            }
        )


class Candidate(NamedTuple):
    """A gateway with what the expected call would cost."""

    gateway_id: int
    priority: int
    cost_micros: int


def match_routes(plan: Plan, number: str) -> tuple[Route, ...]:
    """The routes of the longest prefix of `number`; empty: none."""
    for length in range(len(number), -1, -1):
        routes = plan.routes.get(number[:length])
        if routes is not None:
            return routes
    return ()


def order_candidates(plan: Plan, candidates: list[Candidate], price_micros: int | None) -> list[Candidate]:
    """The candidates to try, best first, `attempts_max` at most.

    `price_micros`: what the expected call earns; None: nobody pays, and no gateway loses.
    """

    def rank(candidate: Candidate) -> tuple[bool, int, int]:
        _, priority, cost_micros = candidate
        last = plan.no_loss is NoLoss.WARN and price_micros is not None and cost_micros > price_micros
        return (last, cost_micros, priority) if plan.order is Order.COST else (last, priority, cost_micros)

    kept = candidates
    if price_micros is not None and plan.no_loss is NoLoss.STRICT:
        kept = [one for one in candidates if one.cost_micros <= price_micros]
    if len(kept) > 1:
        kept = sorted(kept, key=rank)
    return kept[: plan.attempts_max]
