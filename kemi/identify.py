"""Who sends this INVITE: source network, port, transport and tech prefix lead to a trunk.

The order of the field: longest network, exact port before any, exact transport before any, longest tech
prefix. Each step is a look-up or one cursor move, so that 10 trunks or 100,000 cost the same.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Any, NamedTuple

from kemi.rooms import Rooms
from kemi.store.trunks import TRANSPORTS, Trunk, door_key, network_head, trunk_by_id

TECH_PREFIX_MAX = 16
"""Characters of a tech prefix."""


class Source(NamedTuple):
    """Where a message came from."""

    ip: str
    port: int
    transport: str
    """udp, tcp or tls."""


@lru_cache(maxsize=4096)
def _heads(ip: str, lengths: bytes) -> tuple[bytes, ...]:
    """The keys' beginnings for an address, longest network first; empty: not an address."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ()
    bits = address.max_prefixlen
    number = int(address)
    heads = []
    for length in sorted((pair for pair in _pairs(lengths) if pair[0] == address.version), reverse=True):
        masked = number >> (bits - length[1]) << (bits - length[1])
        heads.append(network_head(address.version, length[1], masked.to_bytes(bits // 8, "big")))
    return tuple(heads)


def _pairs(lengths: bytes) -> list[tuple[int, int]]:
    return list(zip(lengths[::2], lengths[1::2], strict=True))


def identify(rooms: Rooms, source: Source, called: str) -> Trunk | None:
    """The trunk that this source and called number lead to, whatever its state; None: unlisted, say nothing."""
    store = rooms.store
    doors = tuple(
        door_key(port, transport) for port in (source.port, 0) for transport in (TRANSPORTS.get(source.transport, 0), 0)
    )
    with store.read() as txn:
        lengths = txn.get(b"network_lengths", b"", db=store.meta)
        cursor = txn.cursor(store.network)
        for head in _heads(source.ip, lengths):
            if not (cursor.set_range(head) and cursor.key().startswith(head)):
                continue
            for door in doors:
                number = _longest_tech_prefix(cursor, head + door, called)
                if number:
                    return trunk_by_id(store, txn, number)
    return None


def _longest_tech_prefix(cursor: Any, door: bytes, called: str) -> int:
    """The trunk behind a door whose tech prefix begins the number, the longest one; 0: none."""
    if not (cursor.set_range(door) and cursor.key().startswith(door)):
        return 0
    dialled = called[:TECH_PREFIX_MAX].encode("ascii", "replace")
    for length in range(len(dialled), -1, -1):
        if cursor.set_key(door + dialled[:length]):
            return int.from_bytes(cursor.value(), "big")
    return 0
