"""What a call would cost each level, and over which gateways it can go. Reads only; decides nothing about money."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from kemi.refusal import Refusal
from kemi.store import accounts
from kemi.store.calls import ChargeLeg
from kemi.store.configuration import Configuration
from kemi.store.environment import HotStore
from kemi.store.layout import Account
from kemi.store.trunks import Gateway, Trunk
from ratebook.bands import terms_at
from ratebook.compiled.layout import FOR_EVER, is_timed
from ratebook.compiled.read import Found, RatesSnapshot, decode_terms
from ratebook.price import attempt_charge, charge
from ratebook.routing import Candidate, Plan, match_routes, order_candidates

STANDARD_CHARGES_MAX = 32_768
"""Kept by each process: terms of its rates times the few lengths that every call asks for."""

_new = tuple.__new__


def standard_micros(terms: bytes, seconds: int, answered_s: int) -> int:
    """What encoded terms ask for a length that many calls are asked for: a grant, the expected call.

    `answered_s`: the wall-clock second from which it is counted.
    """
    return _standard(terms, seconds, answered_s if is_timed(terms) else 0)


@lru_cache(maxsize=STANDARD_CHARGES_MAX)
def _standard(terms: bytes, seconds: int, answered_s: int) -> int:
    return charge(decode_terms(terms), seconds * 1000, answered_s).micros


def first_hold_micros(terms: bytes, first_hold_s: int, at_s: int) -> int:
    """What a leg must set aside before the call goes out: fees and the whole increments of the first seconds."""
    return _first_hold(terms, first_hold_s, at_s if is_timed(terms) else 0)


@lru_cache(maxsize=STANDARD_CHARGES_MAX)
def _first_hold(terms: bytes, first_hold_s: int, at_s: int) -> int:
    decoded = decode_terms(terms)
    covered_s = max(first_hold_s, terms_at(decoded, at_s).grace_s + 1, 1)
    return max(charge(decoded, covered_s * 1000, at_s).micros, attempt_charge(decoded, at_s))


class Look(NamedTuple):
    """What a quote reads from: one transaction of the store, one of the rates, a number and a moment."""

    store: HotStore
    txn: Any
    configuration: Configuration
    rates: RatesSnapshot
    number: str
    at_s: int

    def rate(self, tariff: int) -> tuple[bytes, Found] | None:
        """The tariff's version of this moment and its rate for the number; None: no tariff, or no rate."""
        version = self.configuration.version(self.txn, tariff)
        found = None if version is None else self.rates.find(version, self.number, self.at_s)
        return None if version is None or found is None else (version, found)


class Chain(NamedTuple):
    """What each level pays, from the caller upwards, with its first hold."""

    legs: tuple[ChargeLeg, ...]
    until_s: int
    """Wall-clock second from which another rate may hold for one of them."""


def price_chain(look: Look, path: list[Account], trunk: Trunk, first_hold_s: int) -> Chain:
    """The legs of each charged account of the path. Raises Refusal."""
    caller, root = path[0].id, path[-1].id
    payers = [account for account in path if account.is_charged]
    sellers = [account.id for account in payers[1:]] + [root]
    legs = []
    until_s = FOR_EVER
    for account, seller in zip(payers, sellers, strict=True):
        tariff = trunk.tariff if account.id == caller and trunk.tariff else account.tariff
        rate = look.rate(tariff)
        if rate is None:
            raise Refusal("rate", account.id, caller)
        version, found = rate
        if terms_at(found.terms, look.at_s).blocked:
            raise Refusal("blocked", account.id, caller)
        legs.append(leg_of(account.id, seller, version, found, first_hold_micros(found.raw, first_hold_s, look.at_s)))
        until_s = min(until_s, found.until_s)
    return Chain(tuple(legs), until_s)


def leg_of(account: int, seller: int, version: bytes, found: Found, held: int) -> ChargeLeg:
    """The leg that a rate makes."""
    prefix, (destination, terms, raw), _ = found
    return _new(ChargeLeg, (account, seller, version, prefix, destination, raw, terms.currency, held))


class Way(NamedTuple):
    """A gateway that a call may take, with what its provider asks."""

    gateway: Gateway
    leg: ChargeLeg
    """What the provider is owed by."""
    until_s: int
    """Wall-clock second from which its provider's rate may be another one."""


def find_ways(look: Look, plan: Plan, top: ChargeLeg | None, tried: set[int]) -> list[Way]:
    """The gateways that a call may take, best first, without those in `tried` and those that would lose money.

    `top`: what the root earns by; None: nothing, so that the no-loss rule has nothing to compare.
    """
    expected_s = plan.expected_call_s
    ways: dict[int, Way] = {}
    candidates = []
    for route in match_routes(plan, look.number):
        gateway_id = int(route.gateway)
        way = None if gateway_id in tried else _way(look, gateway_id)
        if way is not None and (top is None or top.currency == way.leg.currency):
            ways[gateway_id] = way
            candidates.append(
                Candidate(gateway_id, route.priority, standard_micros(way.leg.terms, expected_s, look.at_s))
            )
    earned = None if top is None else standard_micros(top.terms, expected_s, look.at_s)
    return [ways[candidate.gateway_id] for candidate in order_candidates(plan, candidates, earned)]


def _way(look: Look, gateway_id: int) -> Way | None:
    gateway = look.configuration.gateway(look.txn, gateway_id)
    if gateway is None or not gateway.is_active:
        return None
    provider = accounts.get(look.store, look.txn, gateway.provider)
    if provider is None or not provider.is_active:
        return None
    rate = look.rate(gateway.tariff or provider.tariff)
    if rate is None or terms_at(rate[1].terms, look.at_s).blocked:
        return None
    version, found = rate
    return Way(gateway, leg_of(gateway.provider, 0, version, found, 0), found.until_s)
