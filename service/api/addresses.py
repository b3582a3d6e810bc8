"""Where a request comes from: the other end of its connection, or whom a proxy of ours names. Pure."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Collection, Sequence

HEADER = "X-Forwarded-For"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
SITE_BITS = 64
"""Of an IPv6 address: all behind them are one site's, more than anybody can count."""


def address_of(peer: str, forwarded: Sequence[str], proxies: Collection[str]) -> str:
    """`peer`: the other end; `forwarded`: the header's values, which anybody can send, so that only those count that
    one of `proxies` (addresses and networks) has added: the last one that is none of them.
    """
    found = read(peer)
    if found is None or not _is_of(found, proxies):
        return peer
    for text in reversed(",".join(forwarded).split(",")):
        named = read(text.strip())
        if named is None:
            return peer
        if not _is_of(named, proxies):
            return str(named)
    return peer


def site_of(address: str) -> str:
    """What is counted as one: an IPv4 address, an IPv6 site."""
    found = read(address)
    if found is None or found.version == 4:
        return address
    return str(ipaddress.ip_network((int(found) >> SITE_BITS << SITE_BITS, SITE_BITS)))


def is_here(address: str) -> bool:
    """Whether it is this machine's own: somebody here, or a proxy of which we weren't told."""
    found = read(address)
    return found is not None and found.is_loopback


def read(text: str) -> Address | None:
    """None: it is none."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _is_of(address: Address, networks: Collection[str]) -> bool:
    return any(address in _network(one) for one in networks)


@functools.cache
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text)
