"""ENUM (RFC 6116): what NAPTR records say of a number, as the routing number of RFC 4694. Text to values; asks nobody.

What was answered is not believed before it fits: another number than the one that was asked about, an expression that
does more than replace the whole, a routing number that is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from service.edge.ported_file import ROUTING

_SERVICE = re.compile(r"E2U\+(?:pstn(?::(?:tel|sip))?|sip|tel)", re.IGNORECASE)
"""RFC 4769 (pstn), RFC 3764, RFC 3761."""
_WHOLE = re.compile(r"(?P<mark>[!/|])\^(?:\.\*|\(\.\*\)|\(\.\+\)|\.\+)\$(?P=mark)(?P<uri>[^!/|]{1,200})(?P=mark)i?")
"""An expression that takes the whole number: others are not needed for this, and could take long."""
_NUMBER = re.compile(r"(?:tel|sips?):(?P<number>[^;@>?]+)(?P<more>[^@>?]*)", re.IGNORECASE)


class Naptr(NamedTuple):
    """One record, decoded."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str


class Refused(Exception):
    """An answer that can't be meant for the question. Its text says why."""


def domain_of(number: str, root: str) -> str:
    """The name that is asked about (RFC 6116 3.2)."""
    return ".".join([*reversed(number), root])


def routing_in(records: Iterable[Naptr], number: str) -> str:
    """The routing number of the first record that speaks of one; empty: none does, so that it has not moved. Raises
    Refused.
    """
    for record in sorted(records, key=lambda one: (one.order, one.preference)):
        if record.flags.lower() != "u" or not _SERVICE.fullmatch(record.service):
            continue
        match = _WHOLE.fullmatch(record.regexp)
        if match is None:
            raise Refused(f"the expression {record.regexp[:80]!r} is not of the whole number")
        return _routing_of(match["uri"].replace("\\1", f"+{number}"), number)
    return ""


def _routing_of(uri: str, number: str) -> str:
    match = _NUMBER.match(uri)
    if match is None:
        raise Refused(f"{uri[:80]!r} is no telephone number")
    if _digits(match["number"]) != number:
        raise Refused(f"it speaks of {match['number'][:40]!r}, {number} was asked about")
    said_so = [_parameter(part) for part in match["more"].split(";") if part]
    parameters = dict(said_so)
    if len(parameters) < len(said_so):
        raise Refused(f"{uri[:80]!r} says something twice")
    if "rn" not in parameters:
        return ""
    said = parameters["rn"]
    routing = _digits(said)
    if not said.startswith("+"):
        routing = _digits(parameters.get("rn-context", "")) + routing
    if not ROUTING.fullmatch(routing):
        raise Refused(f"the routing number {said[:40]!r} is none")
    return "" if routing == number else routing


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.lower(), value


def _digits(text: str) -> str:
    """Without the separators of RFC 3966."""
    return text.removeprefix("+").translate(_SEPARATORS)


_SEPARATORS = str.maketrans("", "", "-.()")
