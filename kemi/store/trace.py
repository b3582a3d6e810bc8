"""What a decision met on its way, for who asks why. The call path asks nobody, and its store has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kemi.store.calls import ChargeLeg
from ratebook.choice import Candidate


class Left(NamedTuple):
    """A gateway that was left out."""

    gateway: int
    why: str
    """gone, inactive, out, provider, rate, blocked, number, exchange (with the pair); of those that were weighed loss,
    channels, exposure; by the plan itself excluded, pinned, hours, longer."""


class Weighing(NamedTuple):
    """One look for gateways: the first one, or after one has failed."""

    candidates: list[Candidate]
    """Those that are ways, as the plan names them."""
    ordered: list[int]
    """The gateways of those that may be tried, best first."""
    earned_micros: int | None
    """By the expected call; None: nothing is."""


class Trace:
    """Filled by one decision and what comes after it."""

    def __init__(self) -> None:
        self.legs: list[ChargeLeg] = []
        """What each level would pay without packages, from the caller upwards, until one can't be priced; then those of
        who is called.
        """
        self.weighings: list[Weighing] = []
        self.left: list[Left] = []

    def leave(self, gateway: int, why: str) -> None:
        """A gateway is no way for this call."""
        self.left.append(Left(gateway, why))

    def weigh(self, candidates: list[Candidate], ordered: Sequence[Candidate], earned_micros: int | None) -> None:
        """Gateways were put in order; what isn't in it would lose money."""
        kept = [one.gateway_id for one in ordered]
        self.weighings.append(Weighing(candidates, kept, earned_micros))
        for one in candidates:
            if one.gateway_id not in kept:
                self.leave(one.gateway_id, "loss")
