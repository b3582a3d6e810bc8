"""Trunks and gateways in the store: their records, and the index of the networks that trunks send from."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Any, NamedTuple

from kemi.store import layout
from kemi.store.environment import Databases

TRANSPORTS = {"any": 0, "udp": 1, "tcp": 2, "tls": 3}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Trunk(NamedTuple):
    """How an account's traffic arrives."""

    id: int
    account: int
    state: str
    tech_prefix: str
    plan: int
    tariff: int
    """0: the account's own."""
    channels_max: int
    cps_max: int
    networks: tuple[Network, ...]
    international_prefix: str
    national_prefix: str
    country: str


@lru_cache(maxsize=4096)
def trunk_of_record(number: int, raw: bytes) -> Trunk:
    """The trunk of its record."""
    body = layout.unpack_json(raw)
    return Trunk(
        id=number,
        account=body["account"],
        state=body["state"],
        tech_prefix=body.get("tech_prefix", ""),
        plan=body.get("plan", 0),
        tariff=body.get("tariff", 0),
        channels_max=body.get("channels", 0),
        cps_max=body.get("cps", 0),
        networks=tuple(ipaddress.ip_network(network) for network in body["networks"]),
        international_prefix=body.get("international_prefix", ""),
        national_prefix=body.get("national_prefix", ""),
        country=body.get("country", ""),
    )


def trunk_by_id(dbs: Databases, txn: Any, number: int) -> Trunk | None:
    """A trunk; None: it is gone."""
    raw = txn.get(layout.kind_key(b"t", number), db=dbs.config)
    return None if raw is None else trunk_of_record(number, raw)


def network_key(network: Network, port: int, transport: str, tech_prefix: str) -> bytes:
    """The key of one way in."""
    head = network_head(network.version, network.prefixlen, network.network_address.packed)
    return head + door_key(port, TRANSPORTS[transport]) + tech_prefix.encode("ascii")


def network_head(version: int, prefix_length: int, packed: bytes) -> bytes:
    """The beginning of the keys of a network's ways in."""
    return bytes((version, prefix_length)) + packed


def door_key(port: int, transport: int) -> bytes:
    """What follows it: a port (0: any) and a transport."""
    return port.to_bytes(2, "big") + bytes((transport,))


class Gateway(NamedTuple):
    """Where traffic leaves."""

    id: int
    provider: int
    host: str
    port: int
    transport: str
    prefix: str
    strip: int
    channels_max: int
    cps_max: int
    is_active: bool
    networks: tuple[Network, ...]


@lru_cache(maxsize=4096)
def gateway_of_record(number: int, raw: bytes) -> Gateway:
    """The gateway of its record."""
    body = layout.unpack_json(raw)
    return Gateway(
        id=number,
        provider=body["provider"],
        host=body["host"],
        port=body["port"],
        transport=body.get("transport", "udp"),
        prefix=body.get("prefix", ""),
        strip=body.get("strip", 0),
        channels_max=body.get("channels", 0),
        cps_max=body.get("cps", 0),
        is_active=body.get("state", "active") == "active",
        networks=tuple(ipaddress.ip_network(network) for network in body.get("networks") or [body["host"]]),
    )


def gateway_by_id(dbs: Databases, txn: Any, number: int) -> Gateway | None:
    """A gateway; None: it is gone."""
    raw = txn.get(layout.kind_key(b"g", number), db=dbs.config)
    return None if raw is None else gateway_of_record(number, raw)
