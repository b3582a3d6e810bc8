"""Which gateways are out: a record for each that has failed of late, none for one that works.

A gateway goes out after so many failures in a row, of calls and probes together, and is back by its first answer. One
that is not probed is tried again after a while, and one more failure then puts it out anew.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from kemi.store import layout
from kemi.store.change import Change
from kemi.store.environment import Databases
from kemi.store.layout import VERSION, UnknownVersion
from kemi.store.trunks import Gateway

UNTIL_PROBED_MS = 1 << 62
"""Boot time that never comes."""


class Health(NamedTuple):
    """Of a gateway that has failed."""

    failures: int
    """In a row."""
    code: int
    """Of the last failure; 408: silence."""
    out_until_ms: int
    """Boot time; 0: it is still in use."""
    since_wall_ms: int
    """When its state became what it is."""


class Registration(NamedTuple):
    """Of us at a gateway."""

    code: int
    """What the last REGISTER came to."""
    until_ms: int
    """Boot time at which it ends; 0: there is none."""


_HEALTH = struct.Struct("<BxxxHHqq")
_REGISTRATION = struct.Struct("<BxHxxxxq")


def read(dbs: Databases, txn: Any, gateway_id: int) -> Health | None:
    """A gateway's health; None: it has not failed since its last success."""
    raw = txn.get(layout.kind_key(b"h", gateway_id), db=dbs.health)
    if raw is None:
        return None
    version, *fields = _HEALTH.unpack(raw)
    if version != VERSION:
        raise UnknownVersion("health", version)
    return Health(*fields)


def is_out(dbs: Databases, txn: Any, gateway_id: int, boot_ms: int) -> bool:
    """Whether a gateway must not be tried now."""
    health = read(dbs, txn, gateway_id)
    return health is not None and health.out_until_ms > boot_ms


def all_out(dbs: Databases, txn: Any, boot_ms: int) -> list[int]:
    """The gateways that are out."""
    rows = [(bytes(key), bytes(raw)) for key, raw in txn.cursor(dbs.health) if key[:1] == b"h"]
    return [int.from_bytes(key[1:], "big") for key, raw in rows if _HEALTH.unpack(raw)[3] > boot_ms]


def failed(change: Change, gateway: Gateway, code: int, boot_ms: int, wall_ms: int) -> bool:
    """Counts a failure; whether the gateway goes out by it."""
    before = read(change.store, change.txn, gateway.id) or Health(0, code, 0, wall_ms)
    failures = min(before.failures + 1, 0xFFFF)
    goes = failures >= gateway.failures_max > 0 and before.out_until_ms <= boot_ms
    after = before._replace(failures=failures, code=code)
    if goes:
        until_ms = UNTIL_PROBED_MS if gateway.probe_s else boot_ms + gateway.out_s * 1000
        after = after._replace(out_until_ms=until_ms, since_wall_ms=wall_ms)
    change.txn.put(layout.kind_key(b"h", gateway.id), _HEALTH.pack(VERSION, *after), db=change.store.health)
    return goes


def worked(change: Change, gateway_id: int) -> bool:
    """An answer: nothing of its failures is left. Whether it had any."""
    return bool(change.txn.delete(layout.kind_key(b"h", gateway_id), db=change.store.health))


def registration(dbs: Databases, txn: Any, gateway_id: int) -> Registration | None:
    """Ours at a gateway; None: nothing was asked yet."""
    raw = txn.get(layout.kind_key(b"r", gateway_id), db=dbs.health)
    if raw is None:
        return None
    version, *fields = _REGISTRATION.unpack(raw)
    if version != VERSION:
        raise UnknownVersion("registration", version)
    return Registration(*fields)


def registered(change: Change, gateway_id: int, answer: Registration) -> None:
    """Notes what a REGISTER came to."""
    key = layout.kind_key(b"r", gateway_id)
    change.txn.put(key, _REGISTRATION.pack(VERSION, *answer), db=change.store.health)


def forget(change: Change, gateway_id: int) -> None:
    """A gateway that was changed or is gone begins anew."""
    for kind in (b"h", b"r"):
        change.txn.delete(layout.kind_key(kind, gateway_id), db=change.store.health)
