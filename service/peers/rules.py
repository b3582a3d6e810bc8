"""Trunks and gateways as somebody wants them, and what is wrong with them. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

TECH_PREFIX = re.compile(r"[0-9*#]{0,16}", re.ASCII)
DIGITS = re.compile(r"[0-9]{0,15}", re.ASCII)


class TrunkSpec(NamedTuple):
    """How an account's traffic arrives."""

    name: str
    account: str
    networks: tuple[str, ...]
    """Canonical CIDR, sorted; none of a closed one."""
    transport: str = "any"
    port: int = 0
    """0: any."""
    tech_prefix: str = ""
    plan: str | None = None
    """The routing plan; None: no calls go out."""
    tariff: str | None = None
    """None: the account's."""
    channels: int | None = None
    cps: int | None = None
    international_prefix: str = "00"
    """Stripped from numbers that begin with it."""
    national_prefix: str = ""
    country: str = ""
    """Put before numbers that begin with `national_prefix`, which goes; empty: numbers stay."""
    state: str = "active"


class GatewaySpec(NamedTuple):
    """Where traffic leaves."""

    name: str
    """provider/gateway"""
    provider: str
    host: str
    """An address: a name would make a call wait for DNS."""
    port: int = 5060
    transport: str = "udp"
    networks: tuple[str, ...] = ()
    """Where its in-dialog requests come from; empty: the host."""
    prefix: str = ""
    strip: int = 0
    channels: int | None = None
    cps: int | None = None
    state: str = "active"


def canonical_network(text: str) -> str:
    """The CIDR of a network or address. Raises ValueError with what to write instead."""
    try:
        network = ipaddress.ip_network(text, strict=True)
    except ValueError:
        raise ValueError(_network_advice(text)) from None
    if network.prefixlen == 0:
        raise ValueError(f"{text} is everybody: whoever sends an INVITE would call at this account's cost")
    if "%" in text or (network.version == 6 and network.network_address.ipv4_mapped is not None):
        raise ValueError(f"{text} can't be matched: write the plain IPv4 or IPv6 network")
    return str(network)


def _network_advice(text: str) -> str:
    try:
        meant = ipaddress.ip_interface(text)
    except ValueError:
        return f"{text!r} is no network: write one such as 192.0.2.0/24, 192.0.2.7 or 2001:db8::/48"
    return f"{text} has bits behind its mask: write {meant.network}, or {meant.ip} for the one address"


def canonical_host(text: str) -> str:
    """The address of a gateway. Raises ValueError."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(
            f"{text!r} is no address: write the gateway's IPv4 or IPv6 address (a name would make calls wait for DNS)"
        ) from None


class Door(NamedTuple):
    """One way in: two trunks can't share it."""

    network: str
    port: int
    transport: str
    tech_prefix: str

    def __str__(self) -> str:
        port = self.port or "any"
        return f"{self.network}, port {port}, transport {self.transport}, tech prefix {self.tech_prefix!r}"


def doors(trunk: TrunkSpec) -> Iterator[Door]:
    """All ways into a trunk."""
    return (Door(network, trunk.port, trunk.transport, trunk.tech_prefix) for network in trunk.networks)


def shared_doors(trunks: Iterable[TrunkSpec]) -> Iterator[tuple[Door, TrunkSpec, TrunkSpec]]:
    """Ways in that more than one trunk claims: the way, who has it first, who wants it too."""
    taken: dict[Door, TrunkSpec] = {}
    for trunk in trunks:
        for door in doors(trunk):
            other = taken.setdefault(door, trunk)
            if other is not trunk:
                yield door, other, trunk
