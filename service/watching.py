"""Who may look at metrics and readiness without signing in: this machine, and whom the operator names. Pure.

A proxy stands on loopback mostly, and everybody comes from there then: what was passed on is never taken for its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

FORWARDED = (
    "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Real-IP", "Via",
)  # fmt: skip
"""Headers by which a proxy says that somebody else asks. Whoever sends one by hand only locks themselves out."""
LOCALHOST = "localhost"


def may_watch(peer: str, headers: Mapping[str, str], named: Collection[str]) -> bool:
    """Whether the other end of the connection may. `named`: addresses and networks beside this machine's own."""
    if any(name in headers for name in FORWARDED):
        return False
    address = _address(peer)
    if address is None:
        return False
    if address.is_loopback:
        return _is_local(headers.get("Host", ""))  # a proxy that says nothing else passes its visitors' Host on
    return any(address in ipaddress.ip_network(one) for one in named)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _is_local(host: str) -> bool:
    """Whether a Host names this machine."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    address = _address(name)
    return name == LOCALHOST or (address is not None and address.is_loopback)
