"""Contacts of telephones behind a NAT. Pure.

A telephone names an address of its own network. At the door its Contact becomes the address that it sent from, and
nothing behind the door knows of NATs: the other side, the dialog's BYEs and the store all use what is reachable.
"""

from __future__ import annotations

import re

from kemi.identify import Source

_URI = re.compile(
    r"sips?:(?:([^@]*+)@)?(\[[0-9A-Fa-f:.]++\]|[^:;?\[\]]++)(?::([0-9]{1,5}))?(?:;[^?]*+)?", re.IGNORECASE
)
DEFAULT_PORT = 5060


def uri_of(user: str, source: Source) -> str:
    """The URI of somebody at a place that messages come from."""
    host = f"[{source.ip}]" if ":" in source.ip else source.ip
    at = f"{user}@" if user else ""
    transport = "" if source.transport == "udp" else f";transport={source.transport}"
    return f"sip:{at}{host}:{source.port}{transport}"


def reachable(contact: str, source: Source) -> str:
    """A Contact's URI with the address that its sender has; as it is if that is the same, or it can't be read."""
    match = _URI.fullmatch(contact)
    if match is None:
        return contact
    user, host, port = match.groups()
    if (host.strip("[]"), int(port or DEFAULT_PORT)) == (source.ip, source.port):
        return contact
    return uri_of(user or "", source)
