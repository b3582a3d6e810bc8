"""Networks and addresses of trunks and gateways. Pure."""

from __future__ import annotations

import ipaddress
import re

from kemi.store.networks import is_of_one

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_DNS_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


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
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no address: write the gateway's IPv4 or IPv6 address (a name would make calls wait for DNS)"
        ) from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        raise ValueError(f"no call can go to {text}: write {address.ipv4_mapped}")
    if not is_of_one(address):
        raise ValueError(f"no call can go to {text}: write the plain address of one machine")
    return str(address)


def canonical_certificate(text: str) -> str:
    """Whom a certificate must name, as `kemi.certificates` has it. Raises ValueError with what to write instead."""
    kind, _, name = text.strip().partition(":")
    kind = kind.lower()
    if not text.strip():
        return ""
    if kind == "sha256":
        name = name.replace(":", "").lower()
        if not _FINGERPRINT.fullmatch(name):
            raise ValueError(
                "a SHA-256 fingerprint has 64 hex digits: openssl x509 -noout -fingerprint -sha256 -in FILE"
            )
    elif kind == "dns":
        name = name.lower()
        if not _DNS_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no DNS name: write one such as dns:pbx.example.com, without *")
    elif kind == "uri":
        if not _URI.fullmatch(name):
            raise ValueError(f"{name!r} is no URI: write one such as uri:sip:pbx.example.com")
    elif kind != "cn" or not name or not name.isprintable():
        raise ValueError("write whom the certificate names: cn:NAME, dns:NAME, uri:URI or sha256:FINGERPRINT")
    return f"{kind}:{name}"
