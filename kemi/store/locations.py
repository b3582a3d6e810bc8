"""Locations: where a device can be reached, as its last REGISTER said, and from where that came."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from kemi.store.calls import MARSHAL_VERSION
from kemi.store.layout import VERSION, UnknownVersion

KEY_BYTES = 12
BYTES_PER_LOCATION = 2_048
"""What one may take of the store at most, its place in the due index included."""
_OF_THIS_BOOT = frozenset({"until_boot_ms", "ping_boot_ms"})
_new = tuple.__new__


class Location(NamedTuple):
    """One place of one device."""

    device: int
    contact: str
    """The URI that the device gave: requests to it carry it."""
    ip: str
    port: int
    transport: str
    """Where its REGISTER came from: requests to it go there, whatever the contact says (NAT)."""
    socket: str
    """Ours by which it came, `udp:host:port`."""
    q: int
    """Its rank among the places of a device, in thousandths; the highest is called first."""
    call_id: str
    cseq: int
    """Of the REGISTER."""
    agent: str
    """What the device calls itself."""
    since_wall_ms: int
    """First registered."""
    until_wall_ms: int
    until_boot_ms: int
    """When it is over, on both clocks."""
    ping_boot_ms: int
    """When its way through a NAT is used next, so that it stays open."""

    @property
    def key(self) -> bytes:
        """Its key in the store."""
        return location_key(self.device, self.contact)


def location_key(device: int, contact: str) -> bytes:
    """Sorted by device."""
    return device.to_bytes(4, "big") + blake2b(contact.encode(), digest_size=8).digest()


def to_journal(location: Location) -> dict[str, Any]:
    """What the journal keeps of one: all that outlives a boot of the machine."""
    return {name: value for name, value in location._asdict().items() if name not in _OF_THIS_BOOT}


def from_journal(fields: dict[str, Any], boot_ms: int, wall_ms: int) -> Location:
    """The location that the journal has kept, on this boot's clock; its way is used at once."""
    until_boot_ms = boot_ms + fields["until_wall_ms"] - wall_ms
    return Location(**fields, until_boot_ms=until_boot_ms, ping_boot_ms=boot_ms)


def pack_location(location: Location) -> bytes:
    """The record of a location."""
    return marshal.dumps((VERSION, *location), MARSHAL_VERSION)


def unpack_location(raw: bytes) -> Location:
    """The location of a record."""
    version, *fields = marshal.loads(raw)  # noqa: S302 -- only our own processes write the store
    if version != VERSION:
        raise UnknownVersion("location", version)
    return _new(Location, fields)


def location_by_key(dbs: Any, txn: Any, key: bytes) -> Location | None:
    """One; None: it is gone."""
    raw = txn.get(key, db=dbs.location)
    return None if raw is None else unpack_location(raw)


def locations_of(dbs: Any, txn: Any, device: int, boot_ms: int) -> list[Location]:
    """Where a device can be reached at this moment, the highest rank first, the latest first among equals."""
    found = [one for one in stored_locations(dbs, txn, device) if one.until_boot_ms > boot_ms]
    return sorted(found, key=lambda one: (-one.q, -one.until_boot_ms))


def stored_locations(dbs: Any, txn: Any, device: int) -> Iterator[Location]:
    """All of a device's, those that have just run out too."""
    head = device.to_bytes(4, "big")
    with txn.cursor(dbs.location) as cursor:
        found = cursor.set_range(head)
        while found and cursor.key()[:4] == head:
            yield unpack_location(cursor.value())
            found = cursor.next()


def forget_device(dbs: Any, txn: Any, device: int) -> None:
    """A device is nowhere any more."""
    for location in list(stored_locations(dbs, txn, device)):
        txn.delete(location.key, db=dbs.location)
