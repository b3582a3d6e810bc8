"""Contacts of telephones behind a NAT, and hosts that are names. Pure.

A telephone names an address of its own network. At the door its Contact becomes the address that it sent from, and
nothing behind the door knows of NATs: the other side, the dialog's BYEs and the store all use what is reachable. Nor
does it know of names: to look one up would stop a worker for as long as its owner likes.
"""

from __future__ import annotations

import re
from collections.abc import Container
from ipaddress import IPv6Address
from typing import Protocol

_URI = re.compile(
    r"sips?:(?:([^@]*+)@)?(\[[0-9A-Fa-f:.]++\]|[^:;?\[\]]++)(?::([0-9]{1,5}))?(?:;[^?]*+)?", re.IGNORECASE
)
DEFAULT_PORT = 5060


class Place(Protocol):
    """Where messages come from."""

    @property
    def ip(self) -> str:
        """As Kamailio writes it, without brackets."""

    @property
    def port(self) -> int:
        """Of its socket."""

    @property
    def transport(self) -> str:
        """udp, tcp or tls."""


_USER = r"(?:[^@:\[\]\s<>\"]++(?::[^@:?\s<>\"]*+)?@)?"
_PORT = "(?::(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5]?[0-9]{1,4}))?"
_PARAMETERS = r"(?:;[^@?\s<>\"]*+)?"
_READABLE = re.compile(
    rf"sips?:({_USER})(\[[0-9A-Fa-f:.]++\]|[^@:;?\[\]\s<>#/\"]++){_PORT}({_PARAMETERS})",
    re.IGNORECASE,
)
"""What Kamailio, too, reads as a request URI: one that it can't read it drops without a word, a BYE among them. A
quotation mark it reads as the beginning of a text: its dialogs send no BYE to anybody then."""
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
is_plain = re.compile(
    rf"sip:(?:[!$&'()*+\-./0-9=A-Z_a-z~]++@)?{_BYTE}(?:\.{_BYTE}){{3}}{_PORT}"
    r"(?:;(?!maddr|transport(?!=udp(?:;|$)))[!$&'()*+\-./0-9=A-Z_a-z~]*+)*+",
    re.IGNORECASE | re.ASCII,
).fullmatch
"""What nearly every Contact and Route is, at one look: a short way to True for all that is asked of one below and by
`kemi.guards`. No match says nothing.
"""
Ways = Container[tuple[str, int]]
"""Transports and versions of IP of which we have a socket."""
_MADDR = re.compile(";maddr", re.IGNORECASE)
_PLACE = re.compile(r";(?:maddr|transport)(?:=[^;]*+)?+(?=;|$)", re.IGNORECASE)
_TRANSPORT = re.compile(r";transport(?:=([^;?]*+))?+(?=[;?]|$)", re.IGNORECASE)
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}")


def uri_of(user: str, source: Place) -> str:
    """The URI of somebody at a place that messages come from."""
    host = f"[{source.ip}]" if ":" in source.ip else source.ip
    at = f"{user}@" if user else ""
    transport = "" if source.transport == "udp" else f";transport={source.transport}"
    return f"sip:{at}{host}:{source.port}{transport}"


def reachable(contact: str, source: Place) -> str:
    """A Contact's URI with the address that its sender has, and the transport that it uses; as it is if those are the
    same, or it can't be read.
    """
    match = _URI.fullmatch(contact)
    if match is None:
        return contact
    user, host, port = match.groups()
    place = (host.strip("[]"), int(port or DEFAULT_PORT), _transport_of(contact))
    if place == (source.ip, source.port, source.transport):
        return contact
    return uri_of(user or "", source)


def is_readable(uri: str) -> bool:
    """Whether a URI, of a Contact or a Route, is one that requests can carry."""
    return _READABLE.fullmatch(uri) is not None


def is_at_address(uri: str) -> bool:
    """Whether a request goes by a URI without a name being looked up."""
    if is_plain(uri) is not None:
        return True
    match = _READABLE.fullmatch(uri)
    return match is not None and _is_address(match[2]) and _MADDR.search(match[3]) is None


def address_of(uri: str) -> str:
    """The address to which a request goes by a URI, as Kamailio writes it of a sender; empty: it names none."""
    match = _READABLE.fullmatch(uri) if is_at_address(uri) else None
    if match is None:
        return ""
    host = match[2].strip("[]")
    return str(IPv6Address(host)) if ":" in host else host


def _is_address(host: str) -> bool:
    """IPv6: one to which a datagram leaves. One of IPv4 in IPv6's form is refused by our own socket."""
    if not host.startswith("["):
        return _IPV4.fullmatch(host) is not None
    try:
        address = IPv6Address(host[1:-1])
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_multicast or address.ipv4_mapped is not None)


def _transport_of(uri: str) -> str:
    """By which transport a request goes there; empty: it names several, or one that is none."""
    named = {name.lower() for name in _TRANSPORT.findall(uri.rpartition("@")[2])} or {"udp"}
    (transport,) = named if len(named) == 1 else ("",)
    return "tls" if uri[:5].lower() == "sips:" and transport in {"udp", "tcp", "tls"} else transport


def is_within_reach(uri: str, ways: Ways) -> bool:
    """Whether a request goes by a URI from a socket that we have, without a name being looked up."""
    if is_plain(uri) is not None:
        return ("udp", 4) in ways
    match = _READABLE.fullmatch(uri) if is_at_address(uri) else None
    return match is not None and (_transport_of(uri), 6 if match[2].startswith("[") else 4) in ways


def at_address(uri: str, source: Place, ways: Ways) -> str:
    """A URI with the address that its sender has in the place of a name, or of one that we have no way to; as it is if
    it is within reach, or can't be read.
    """
    match = None if is_within_reach(uri, ways) else _READABLE.fullmatch(uri)
    if match is None:
        return uri
    user, _, parameters = match.groups()
    return uri_of(user[:-1], source) + _PLACE.sub("", parameters)
