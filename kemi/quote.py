"""What a call would cost each level, and over which gateways it can go. Reads only; decides nothing about money."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from kemi.refusal import Refusal
from kemi.store import accounts, layout
from kemi.store.calls import ChargeLeg
from kemi.store.environment import Databases
from kemi.store.layout import Account
from kemi.store.trunks import Gateway, Trunk, gateway_by_id
from ratebook.compiled.read import Found, RatesSnapshot
from ratebook.model import Terms
from ratebook.price import charge
from ratebook.routing import Candidate, Plan, match_routes, order_candidates


@lru_cache(maxsize=256)
def plan_of_record(raw: bytes) -> Plan:
    """The routing plan of its record."""
    return Plan.from_record({key: value for key, value in layout.unpack_json(raw).items() if key != "id"})


def plan_by_id(dbs: Databases, txn: Any, number: int) -> Plan | None:
    """A routing plan; None: there is none of this id."""
    raw = txn.get(layout.kind_key(b"p", number), db=dbs.config)
    return None if raw is None else plan_of_record(raw)


def tariff_version(dbs: Databases, txn: Any, tariff: int) -> bytes | None:
    """The version that a tariff's pointer names now; None: never published."""
    raw = txn.get(layout.kind_key(b"r", tariff), db=dbs.config)
    return None if raw is None else version_of_record(raw)


@lru_cache(maxsize=4096)
def version_of_record(raw: bytes) -> bytes:
    """The version that a pointer's record names."""
    return bytes.fromhex(layout.unpack_json(raw)["version"])


class Priced(NamedTuple):
    """A leg with its terms decoded."""

    leg: ChargeLeg
    terms: Terms
    until_s: int
    """Wall-clock second from which another rate may hold."""


class Look(NamedTuple):
    """What a quote reads from: one transaction of the store, one of the rates, a number and a moment."""

    store: Databases
    txn: Any
    rates: RatesSnapshot
    number: str
    at_s: int

    def rate(self, tariff: int) -> tuple[bytes, Found] | None:
        """The tariff's version of this moment and its rate for the number; None: no tariff, or no rate."""
        version = tariff_version(self.store, self.txn, tariff)
        found = None if version is None else self.rates.find(version, self.number, self.at_s)
        return None if version is None or found is None else (version, found)


def price_chain(look: Look, path: list[Account], trunk: Trunk) -> list[Priced]:
    """Each charged account of the path with what it pays, from the caller upwards. Raises Refusal."""
    caller, root = path[0].id, path[-1].id
    chain = [account for account in path if account.is_charged]
    sellers = [account.id for account in chain[1:]] + [root]
    priced = []
    for account, seller in zip(chain, sellers, strict=True):
        tariff = trunk.tariff if account.id == caller and trunk.tariff else account.tariff
        rate = look.rate(tariff)
        if rate is None:
            raise Refusal("rate", account.id, caller)
        version, found = rate
        if found.terms.blocked:
            raise Refusal("blocked", account.id, caller)
        priced.append(Priced(leg_of(account.id, seller, version, found), found.terms, found.until_s))
    return priced


def leg_of(account: int, seller: int, version: bytes, found: Found) -> ChargeLeg:
    """The leg that a rate makes; nothing held yet."""
    return ChargeLeg(account, seller, version, found.prefix, found.destination, found.raw, found.terms.currency, 0)


class Way(NamedTuple):
    """A gateway that a call may take, with what its provider asks."""

    gateway: Gateway
    version: bytes
    """Of the provider's tariff."""
    found: Found

    @property
    def leg(self) -> ChargeLeg:
        """What the provider is owed by."""
        return leg_of(self.gateway.provider, 0, self.version, self.found)


def find_ways(look: Look, plan: Plan, price: Terms | None, tried: set[int]) -> list[Way]:
    """The gateways that a call may take, best first, without those in `tried` and those that would lose money.

    `price`: what the root earns by the call; None: nothing, so that the no-loss rule has nothing to compare.
    """
    expected_ms = plan.expected_call_s * 1000
    ways: dict[int, Way] = {}
    candidates = []
    for route in match_routes(plan, look.number):
        gateway_id = int(route.gateway)
        if gateway_id in tried:
            continue
        way = _way(look, gateway_id)
        if way is None or (price is not None and price.currency != way.found.terms.currency):
            continue
        ways[gateway_id] = way
        candidates.append(Candidate(gateway_id, route.priority, charge(way.found.terms, expected_ms).micros))
    earned = None if price is None else charge(price, expected_ms).micros
    return [ways[candidate.gateway_id] for candidate in order_candidates(plan, candidates, earned)]


def _way(look: Look, gateway_id: int) -> Way | None:
    gateway = gateway_by_id(look.store, look.txn, gateway_id)
    if gateway is None or not gateway.is_active:
        return None
    provider = accounts.get(look.store, look.txn, gateway.provider)
    if provider is None or not provider.is_active:
        return None
    rate = look.rate(provider.tariff)
    if rate is None or rate[1].terms.blocked:
        return None
    version, found = rate
    return Way(gateway, version, found)
