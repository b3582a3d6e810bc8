"""The Contacts of a REGISTER or of a redirection: text to values (RFC 3261 8.1.3.4, 10.3, 20.10). Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from kemi.guards import is_target

CONTACTS_MAX = 10
"""In one REGISTER."""
HEADER_MAX = 4096
"""Characters of the headers together."""
EXPIRES_MAX = 2**32 - 1
Q_MAX = 1_000
"""Of a contact that names no q (RFC 3261 10.2.1.2 leaves it open): called first."""

# Possessive throughout: no text makes them look twice.
_ELEMENT = re.compile(
    r'\s*+(?:(?:"(?:[^"\\]|\\.)*+"\s*+)?+<([^<>]*+)>|[^<>",;]*+<([^<>]*+)>|([^\s<>",;]++))'
    r'\s*+((?:;[^,;"]*+(?:"[^"]*+"\s*+)?+)*+)(?:,|$)'
)
_PARAMETER = re.compile(r';\s*+([^\s=;,"]++)\s*+(?:=\s*+("[^"]*+"|[^;,"\s]*+))?+')
_Q = re.compile(r"0(?:\.([0-9]{0,3}))?|1(?:\.0{0,3})?")


class Contact(NamedTuple):
    """One place that a REGISTER names."""

    uri: str
    q: int
    """In thousandths."""
    expires_s: int | None
    """Of its own; None: it says nothing."""


class Binding(NamedTuple):
    """What a REGISTER asks for."""

    contacts: tuple[Contact, ...]
    """None at all: it only asks what is there."""
    is_star: bool
    """Everything is to go."""


def parse_contacts(headers: list[str]) -> Binding | None:
    """What the headers say; None: not as RFC 3261 has it, or too many."""
    text = ",".join(headers)
    if text.strip() == "*":
        return Binding((), is_star=True)
    if len(text) > HEADER_MAX:
        return None
    found: list[Contact] = []
    at = 0
    while at < len(text):
        match = _ELEMENT.match(text, at)
        contact = None if match is None else _contact(match[1] or match[2] or match[3] or "", match[4])
        if match is None or contact is None or len(found) >= CONTACTS_MAX:
            return None
        found.append(contact)
        at = match.end()
    return Binding(tuple(found), is_star=False)


def _contact(uri: str, parameters: str) -> Contact | None:
    values = {name.lower(): value for name, value in _PARAMETER.findall(parameters)}
    expires_s = parse_expires(values["expires"]) if "expires" in values else None
    q = _thousandths(values.get("q", "1"))
    if not is_target(uri) or q is None or ("expires" in values and expires_s is None):
        return None
    return Contact(uri, q, expires_s)


def alternatives(headers: list[str]) -> tuple[str, ...]:
    """The URIs of a redirection, of any scheme: the highest q first, then as they stand. What is no contact, and what
    stands behind it, is passed over.
    """
    text = ",".join(headers)
    found: list[tuple[int, str]] = []
    at = 0
    while at < len(text) <= HEADER_MAX and len(found) < CONTACTS_MAX:
        match = _ELEMENT.match(text, at)
        if match is None:
            break
        values = {name.lower(): value for name, value in _PARAMETER.findall(match[4])}
        q = _thousandths(values.get("q", "1"))
        if q is not None:
            found.append((q, match[1] or match[2] or match[3] or ""))
        at = match.end()
    return tuple([uri for _, uri in sorted(found, key=lambda one: -one[0])])


def _thousandths(text: str) -> int | None:
    """A q; None: it is none."""
    match = _Q.fullmatch(text)
    if match is None:
        return None
    return Q_MAX if text.startswith("1") else int((match[1] or "0").ljust(3, "0"))


def parse_expires(text: str) -> int | None:
    """Seconds; None: no number of 32 bits."""
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    return min(int(text), EXPIRES_MAX)
