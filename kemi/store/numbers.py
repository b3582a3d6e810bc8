"""Telephone numbers that belong to accounts (DIDs): their records, by id and by their digits."""

from __future__ import annotations

import ipaddress
import marshal
import re
from typing import Any, NamedTuple

from kemi.store import layout
from kemi.store.layout import NOT_READ, VERSION, UnknownVersion, Unreadable
from kemi.store.networks import is_of_one

MARSHAL_VERSION = 2
TO_DEVICE, TO_TRUNK, TO_URI = "device", "trunk", "uri"
_new = tuple.__new__


_URI = re.compile(
    r"sip:[A-Za-z0-9._+*#-]{1,64}@(\[[0-9A-Fa-f:.]+\]|[0-9.]+)(?::([0-9]{1,5}))?(?:;transport=(udp|tcp|tls))?"
)


def parse_uri(text: str) -> tuple[str, int, str] | None:
    """Address, port and transport of `sip:user@address:port;transport=…`; None: it is none, its host is a name, or an
    address to which no call can go.
    """
    match = _URI.fullmatch(text)
    port = int(match[2] or 5060) if match else 0
    if match is None or not 0 < port < 65_536:
        return None
    try:
        address = ipaddress.ip_address(match[1].strip("[]"))
    except ValueError:
        return None
    return (str(address), port, match[3] or "udp") if is_of_one(address) else None


class Place(NamedTuple):
    """Where a number's calls go."""

    kind: str
    """device, trunk or uri."""
    id: int
    """Of the device or trunk; 0: a URI."""
    uri: str
    """`sip:user@address:port`; empty: the others."""


class Number(NamedTuple):
    """One number."""

    id: int
    digits: str
    """E.164 without +."""
    account: int
    state: str
    tariff: int
    """What its owner pays for a call to it; 0: nothing."""
    channels_max: int
    """0: any number."""
    ring_s: int
    """How long each place rings."""
    is_open_without_funds: bool
    """Whether its calls come in though the owner can't pay for them; nothing is charged then."""
    places: tuple[Place, ...]
    """In the order in which they are tried."""
    cps_max: int = 0
    """0: any number."""


_PLACES = Number._fields.index("places")
"""What stands after them, a store that began before it was thought of lacks."""


def number_of_command(body: dict[str, Any]) -> Number:
    """The number that a command describes. Raises KeyError."""
    return Number(
        id=body["id"],
        digits=body["number"],
        account=body["account"],
        state=body["state"],
        tariff=body["tariff"],
        channels_max=body["channels"],
        ring_s=body["ring_s"],
        is_open_without_funds=body["without_funds"] == "allow",
        places=tuple(Place(one["kind"], one.get("id", 0), one.get("uri", "")) for one in body["places"]),
        cps_max=body.get("cps", 0),
    )


def digits_key(digits: str) -> bytes:
    """The key in `config` of the id that a number's digits lead to."""
    return b"N" + digits.encode("ascii", "replace")


def pack_number(number: Number) -> bytes:
    """The record of a number."""
    fields: list[Any] = [*number]
    fields[_PLACES] = tuple(map(tuple, number.places))
    return marshal.dumps((VERSION, *fields), MARSHAL_VERSION)


def number_by_id(config_db: Any, txn: Any, number_id: int) -> Number | None:
    """A number; None: it is gone. Raises Unreadable."""
    raw = txn.get(layout.kind_key(b"n", number_id), db=config_db)
    if raw is None:
        return None
    try:
        version, *fields = marshal.loads(raw)  # noqa: S302 -- only our own processes write the store
        if version != VERSION:
            raise UnknownVersion("number", version)
        fields[_PLACES] = tuple([_new(Place, one) for one in fields[_PLACES]])
        return Number(*fields)
    except NOT_READ as fault:
        raise Unreadable(f"number {number_id}", fault) from fault


def id_of_digits(config_db: Any, txn: Any, digits: str) -> int:
    """The id of the number with these digits; 0: nobody here has it."""
    return int.from_bytes(txn.get(digits_key(digits), b"", db=config_db), "big")
