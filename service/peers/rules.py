"""Networks and addresses of trunks and gateways. Pure."""

from __future__ import annotations

import ipaddress


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
