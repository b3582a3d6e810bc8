"""What a publication brings: versions of tariffs that are written already, plans, destination groups, rates of
exchange. Values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ratebook.exchange import Exchange
from ratebook.groups import Group
from ratebook.routing import Plan
from service.tariffs.rates import Release


class Content(NamedTuple):
    """As it is switched to, at once."""

    tariffs: dict[str, Release]
    """By name."""
    plans: dict[str, Plan]
    """Their gateways by name."""
    groups: list[Group] | None
    """All of them: others are there no more. None: it says nothing of groups."""
    exchange: Exchange | None
    """Of all currencies, likewise."""

    def to_record(self) -> dict[str, Any]:
        """As JSON; what publishing warned of is left out."""
        return {
            "tariffs": {name: one._replace(jumps=[])._asdict() for name, one in self.tariffs.items()},
            "plans": {name: plan.to_record() for name, plan in self.plans.items()},
            "groups": None if self.groups is None else {one.name: one.to_record() for one in self.groups},
            "exchange": None if self.exchange is None else self.exchange.to_record(),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Content:
        """What `to_record` gave."""
        groups, exchange = record["groups"], record["exchange"]
        return cls(
            {name: Release(**one) for name, one in record["tariffs"].items()},
            {name: Plan.from_record(one) for name, one in record["plans"].items()},
            None if groups is None else [Group.from_record(name, one) for name, one in groups.items()],
            None if exchange is None else Exchange.from_record(exchange),
        )
