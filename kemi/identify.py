"""Who sends this INVITE: a TLS certificate, or source network, port and transport, and a tech prefix lead to a trunk.

What a certificate proves counts first, the most exact name before others. Else the order of the field: longest network,
exact port before any, exact transport before any, longest tech prefix. Each step is one look-up, so that 10 trunks or
100,000 cost the same.
"""

from __future__ import annotations

from typing import NamedTuple

from kemi.nat import Place
from kemi.rooms import Rooms
from kemi.store.bans import is_listed
from kemi.store.networks import lies_in
from kemi.store.trunks import Trunk, certificate_doors, doors, trunk_by_id


class Source(NamedTuple):
    """Where a message came from."""

    ip: str
    port: int
    transport: str
    """udp, tcp or tls."""


def identify(rooms: Rooms, source: Place, called: str, proven: tuple[str, ...] = ()) -> Trunk | None:
    """The trunk that this source and called number lead to, whatever its state; None: unlisted, say nothing.

    `proven`: whom its certificate names (`kemi.sip.proven`).
    """
    store = rooms.store
    dialled = called.encode("ascii", "replace")
    with store.read() as txn:
        shapes = store.configuration(txn).shapes(txn)
        for door, prefix_length in certificate_doors(shapes, proven) if proven else ():
            number = txn.get(door + dialled[:prefix_length], db=store.network)
            if number is not None and len(dialled) >= prefix_length:
                trunk = trunk_by_id(store.config, txn, int.from_bytes(number, "big"))
                if trunk is not None and (not trunk.networks or lies_in(source.ip, trunk.networks)):
                    return trunk
        for door, prefix_length in doors(shapes, source.ip, source.port, source.transport):
            number = txn.get(door + dialled[:prefix_length], db=store.network)
            if number is not None and len(dialled) >= prefix_length:
                return trunk_by_id(store.config, txn, int.from_bytes(number, "big"))
    return None


def is_known(rooms: Rooms, ip: str) -> bool:
    """Whether an address is a trunk's or a gateway's, by whatever port, transport or tech prefix."""
    store = rooms.store
    with store.read() as txn:
        return is_listed(store, txn, ip)
