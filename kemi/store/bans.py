"""Who is banned: addresses and networks whose messages nobody looks at, with the reason and until when.

Every process keeps them decoded and reads them anew when their number moves. The ledger has them too: a store that
begins anew is told of them.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Network
from typing import Any, NamedTuple

from kemi.clock import Now
from kemi.store import layout, queues
from kemi.store.change import Change
from kemi.store.environment import HotStore
from kemi.store.networks import BITS, lies_in, packed, parse_address, parse_network
from kemi.store.trunks import SHAPE_BYTES

BANS_MAX = 10_000
"""Automatic ones: a flood with invented addresses fills nothing. Who is beyond it is only not answered."""
OPERATOR = "operator"
"""The reason of a ban that somebody made; every other one is automatic, and none for who is listed."""
IPV6_SITE_BITS = 64
"""What one IPv6 sender has: it changes its address within at will."""

Networks = dict[tuple[int, int], set[int]]
"""By IP version and how many bits don't count: an address is looked up once for each of these."""


class Ban(NamedTuple):
    """One of them."""

    network: str
    """An address, or a network with its length, as `ipaddress` writes it."""
    why: str
    """flood, scanner, strikes or operator."""
    until_ms: int
    """Of the wall clock; 0: until it is lifted."""

    def holds(self, now: Now) -> bool:
        """Whether its time is not over."""
        return not self.until_ms or now.wall_ms < self.until_ms


@lru_cache(maxsize=16384)
def site_of(ip: str) -> str:
    """What is banned for an address, and counted as one: itself, or its IPv6 site."""
    version, number = parse_address(ip)
    if version != 6:
        return ip
    return str(IPv6Network((number, IPV6_SITE_BITS), strict=False))


def is_listed(store: HotStore, txn: Any, ip: str) -> bool:
    """Whether an address lies in the networks of any trunk or gateway, by whatever port, transport or tech prefix."""
    configuration = store.configuration(txn)
    if lies_in(ip, configuration.gateway_networks(txn)):
        return True
    version, number = parse_address(ip)
    shapes = configuration.shapes(txn)
    lengths = {shapes[at + 1] for at in range(0, len(shapes), SHAPE_BYTES) if shapes[at] == version}
    with txn.cursor(store.network) as cursor:
        for length in lengths:
            shift = BITS[version] - length
            door = bytes((version, length)) + packed(version, shift, number >> shift)
            if cursor.set_range(door) and cursor.key().startswith(door):
                return True
    return False


def number_of(store: HotStore, txn: Any) -> bytes:
    """Moves whenever a ban comes or goes."""
    number: bytes = txn.get(b"bans", b"", db=store.meta)
    return number


def all_of(store: HotStore, txn: Any) -> list[Ban]:
    """Every ban, also those whose time is over and that nobody has swept away yet."""
    return [_unpack(key, raw) for key, raw in txn.cursor(store.ban)]


def _unpack(key: bytes, raw: bytes) -> Ban:
    body = layout.unpack_json(raw)
    return Ban(key.decode("ascii"), body["why"], body["until_ms"])


def ban_stranger(change: Change, ban: Ban, now: Now) -> bool:
    """An automatic ban, which the journal tells the ledger of. False: there are too many, or one by hand."""
    raw = change.txn.get(_key(ban.network), db=change.store.ban)
    if raw is not None and _unpack(_key(ban.network), raw).why == OPERATOR:
        return False
    if change.txn.stat(change.store.ban)["entries"] >= BANS_MAX:
        return False
    impose(change, ban)
    change.event(queues.BANNED, now, {"network": ban.network, "why": ban.why, "until_ms": ban.until_ms})
    return True


def impose(change: Change, ban: Ban) -> None:
    """Makes a ban, or another one of the same network."""
    body = layout.pack_json({"why": ban.why, "until_ms": ban.until_ms})
    change.txn.put(_key(ban.network), body, db=change.store.ban)
    changed(change)


def lift(change: Change, network: str) -> None:
    """Takes a ban away, if there is one."""
    if change.txn.delete(_key(network), db=change.store.ban):
        changed(change)


def sweep(change: Change, now: Now) -> None:
    """Takes away those whose time is over."""
    for ban in all_of(change.store, change.txn):
        if not ban.holds(now):
            lift(change, ban.network)


def changed(change: Change) -> None:
    """Tells every process to read the bans anew."""
    number = int.from_bytes(number_of(change.store, change.txn), "big")
    change.txn.put(b"bans", (number + 1).to_bytes(8, "big"), db=change.store.meta)


def _key(network: str) -> bytes:
    return network.encode("ascii")


def networks_of(bans: list[Ban]) -> Networks:
    """The networks of bans."""
    found: Networks = {}
    for ban in bans:
        version, shift, head = parse_network(ban.network)
        found.setdefault((version, shift), set()).add(head)
    return found
