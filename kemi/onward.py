"""Where a call to somebody of ours goes: the hops of a number or a device, in the order in which they are tried."""

from __future__ import annotations

from typing import Any

from kemi.clock import Now
from kemi.identify import Source
from kemi.nat import DEFAULT_PORT, uri_of
from kemi.store import accounts
from kemi.store.calls import Hop
from kemi.store.devices import device_by_id
from kemi.store.environment import HotStore
from kemi.store.layout import CLOSED
from kemi.store.locations import locations_of
from kemi.store.networks import host_of
from kemi.store.numbers import TO_DEVICE, TO_TRUNK, TO_URI, Number, Place, parse_uri
from kemi.store.trunks import trunk_by_id

HOPS_MAX = 10
"""Of one call, places of its devices counted one by one."""
NEXT_CODES = frozenset({*range(300, 400), 404, 408, 410, 480, 482, 486, *range(500, 600), 600, 603, 604})
"""Sent elsewhere, which may not be followed or is refused; busy, away, declined, gone, going in circles, out of order:
the next hop is tried.
"""


def hop_of_uri(store: HotStore, txn: Any, uri: str) -> Hop | None:
    """The hop to a SIP URI of an address; None: it is none, and a name would make calls wait for DNS, or it is a
    carrier's: calls go there by a plan only, at a price.
    """
    place = parse_uri(uri)
    if place is None or store.configuration(txn).is_carriers(txn, place[0]):
        return None
    return Hop(TO_URI, 0, uri, *place, "")


def hops_of_device(store: HotStore, txn: Any, device_id: int, now: Now) -> list[Hop]:
    """Every place of a device, the highest q first; none while it or somebody above it is suspended."""
    device = device_by_id(store.config, txn, device_id)
    if device is None or device.state != "active" or not _is_open(store, txn, device.account):
        return []
    return [
        Hop(TO_DEVICE, device_id, one.contact, one.ip, one.port, one.transport, one.socket)
        for one in locations_of(store, txn, device_id, now.boot_ms)
    ]


def hops_of_number(store: HotStore, txn: Any, number: Number, now: Now) -> tuple[Hop, ...]:
    """The whole list, with what can't be reached left out."""
    found = [hop for place in number.places for hop in _hops(store, txn, place, number.digits, now)]
    return tuple(found[:HOPS_MAX])


def leads_nowhere(store: HotStore, txn: Any, number: Number) -> bool:
    """Whether a number has places, and whatever they name is gone or closed for good: nobody is only away then."""
    return bool(number.places) and not any(_stands(store, txn, place) for place in number.places)


def _stands(store: HotStore, txn: Any, place: Place) -> bool:
    if place.kind == TO_URI:
        return hop_of_uri(store, txn, place.uri) is not None
    by_id = device_by_id if place.kind == TO_DEVICE else trunk_by_id
    party = by_id(store.config, txn, place.id)
    if party is None or party.state == "closed":
        return False
    return not any(one.flags & CLOSED for one in accounts.path_of(store, txn, party.account))


def _hops(store: HotStore, txn: Any, place: Place, digits: str, now: Now) -> list[Hop]:
    if place.kind == TO_DEVICE:
        return hops_of_device(store, txn, place.id, now)
    hop = _hop_of_trunk(store, txn, place.id, digits) if place.kind == TO_TRUNK else hop_of_uri(store, txn, place.uri)
    return [] if hop is None else [hop]


def _hop_of_trunk(store: HotStore, txn: Any, trunk_id: int, digits: str) -> Hop | None:
    """To the first single address that a trunk sends from."""
    trunk = trunk_by_id(store.config, txn, trunk_id)
    if trunk is None or trunk.state != "active" or not _is_open(store, txn, trunk.account):
        return None
    ip = next(filter(None, map(host_of, trunk.networks)), None)
    if ip is None:
        return None
    transport = "udp" if trunk.transport == "any" else trunk.transport
    place = Source(ip, trunk.port or DEFAULT_PORT, transport)
    return Hop(TO_TRUNK, trunk_id, uri_of(digits, place), *place, "")


def _is_open(store: HotStore, txn: Any, account: int) -> bool:
    return all(one.is_active for one in accounts.path_of(store, txn, account))
