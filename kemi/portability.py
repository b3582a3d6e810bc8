"""By which number a call is rated and routed: as it was dialled, or to which network it has moved. Looks and decides.

Lists that the operator has loaded come first: a number of a list's prefix that is not on it has not moved. Beyond them
what the service has learned counts. Nobody is asked here: the service is told, and its answer is for the next call.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kemi.store import portings
from kemi.store.configuration import Configuration
from kemi.store.environment import HotStore
from ratebook.compiled.read import RatesSnapshot
from ratebook.routing import Plan, Portability


class Routing(NamedTuple):
    """By what a number is rated and routed."""

    number: str
    is_unknown: bool = False
    """Whether it is to be asked about."""


def routing_of(
    store: HotStore, txn: Any, configuration: Configuration, rates: RatesSnapshot, plan: Plan, number: str, boot_ms: int
) -> Routing:
    """Of an E.164 number by a plan."""
    if plan.portability is Portability.OFF:
        return Routing(number)
    for prefix, version in configuration.portings(txn):
        if number.startswith(prefix):
            listed = rates.routing_of(version, number)
            if listed is not None:
                return Routing(listed or number)
    if not configuration.settings(txn).asks_ported:
        return Routing(number)
    known = portings.find(store, txn, number, boot_ms)
    return Routing(number, is_unknown=True) if known is None else Routing(known or number)
