"""Who a device is: its digest, by nonces that are good for one request, and a lock for whoever guesses.

In two steps. `look` reads only, and costs a stranger's packet nothing that stays. `prove` decides, in one write
transaction: the nonce is used up, or a failure counted. A nonce belongs to the address that it was sent to, so
that nobody counts failures against an address that is not theirs.

Whether a user is there shows nowhere: the same work, code and words with a wrong password as with a wrong name.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import Any, NamedTuple

from kemi import digest
from kemi.clock import Now
from kemi.digest import Credentials, Nonce
from kemi.rooms import Rooms
from kemi.store import devices, layout
from kemi.store.bans import site_of
from kemi.store.change import Change
from kemi.store.devices import Device
from kemi.store.environment import HotStore
from kemi.store.layout import Settings

FAILURES_MAX = 5
"""Of one user from one address, or IPv6 site; then it is locked out from there."""
ADDRESS_FAILURES_MAX = 50
"""Of all users from one address: many telephones may stand behind one."""
LOCK_MS = 300_000
"""How long a lock lasts, and how long a failure is remembered after the last one."""
NONCES_MAX = 50_000
FAILURES_KEPT_MAX = 20_000
"""Entries of the store: beyond, requests get 503, and failures of further addresses are not counted."""

_FAILURE = struct.Struct("<BxxxIq")


class Challenge(NamedTuple):
    """Who asks has to prove who it is."""

    stale: bool = False
    """It proved it, with a nonce that is old or used: nobody need be asked for the password again."""


class Locked(NamedTuple):
    """Too many failures: not looked at."""


class Busy(NamedTuple):
    """There is no room for another nonce."""


class Presented(NamedTuple):
    """Credentials that are worth a look: of our realm and algorithm, with a nonce of ours for this address."""

    credentials: Credentials
    nonce: Nonce
    ip: str
    device: Device | None
    """None: nobody has this name."""
    settings: Settings


def has_devices(rooms: Rooms) -> bool:
    """Whether anybody could sign in."""
    store = rooms.store
    with store.read() as txn:
        return devices.has_any(store.config, txn)


def challenge(rooms: Rooms, ip: str, salt: bytes, now: Now, *, stale: bool) -> str:
    """The challenge's body, with a nonce for this address."""
    store = rooms.store
    with store.read() as txn:
        configuration = store.configuration(txn)
        settings, secret = configuration.settings(txn), configuration.secret(txn)
    nonce = digest.new_nonce(secret, ip, salt, now)
    return digest.challenge(settings.realm, nonce, settings.digest, stale=stale)


def look(rooms: Rooms, headers: list[str], ip: str, now: Now) -> Presented | Challenge | Locked:
    """What a request brings to prove who it is from. `headers`: the bodies of its Authorization."""
    store = rooms.store
    with store.read() as txn:
        configuration = store.configuration(txn)
        settings = configuration.settings(txn)
        credentials = _ours(headers, settings)
        nonce = None if credentials is None else digest.own_nonce(configuration.secret(txn), ip, credentials.nonce)
        if credentials is None or nonce is None:
            return Challenge()
        if _is_locked(store, txn, credentials.username, ip, now):
            return Locked()
        device = devices.device_by_name(store.config, txn, credentials.username)
    return Presented(credentials, nonce, ip, device, settings)


def _ours(headers: list[str], settings: Settings) -> Credentials | None:
    """The credentials of our realm, algorithm and quality; a weaker algorithm than the one asked for is none."""
    for header in headers:
        found = digest.parse(header)
        if found is not None and found.realm == settings.realm:
            good = found.algorithm.upper() == settings.digest and found.qop == "auth"
            return found if good and len(found.username) <= devices.USERNAME_MAX else None
    return None


def prove(rooms: Rooms, presented: Presented, method: str, now: Now) -> Device | Challenge | Busy:
    """The device whose password these credentials know. Its nonce is used up then, so that they are good for once."""
    settings, credentials, device = presented.settings, presented.credentials, presented.device
    ha1 = _nobody(rooms, settings.digest)
    if device is not None:
        ha1 = device.ha1(settings.digest) or ha1  # one that it has none of is nobody's: everybody knows an empty one
    is_right = digest.is_right(settings.digest, ha1, method, credentials)
    with Change(rooms.store) as change:
        if not is_right or device is None:
            _count_failure(change, credentials.username, presented.ip, now)
            return Challenge()
        if credentials.nc != digest.FIRST_USE or not _is_fresh(change, presented.nonce, now):
            return Challenge(stale=True)
        if change.txn.stat(change.store.nonce)["entries"] >= NONCES_MAX:
            return Busy()
        nonce = presented.nonce
        change.txn.put(nonce.key, b"", db=change.store.nonce)
        change.txn.put(layout.due_key(nonce.until_ms, b"n", nonce.key), b"", db=change.store.due)
        change.txn.delete(_user_key(credentials.username, presented.ip), db=change.store.failure)
    return device


def _nobody(rooms: Rooms, algorithm: str) -> str:
    store = rooms.store
    with store.read() as txn:
        return digest.ha1_of_nobody(algorithm, store.configuration(txn).secret(txn))


def _is_fresh(change: Change, nonce: Nonce, now: Now) -> bool:
    return now.boot_ms < nonce.until_ms and change.txn.get(nonce.key, db=change.store.nonce) is None


# --- failures


def _user_key(username: str, ip: str) -> bytes:
    return blake2b(f"{site_of(ip)} {username}".encode(), digest_size=16).digest()


def _address_key(ip: str) -> bytes:
    return blake2b(site_of(ip).encode(), digest_size=16).digest()


def _is_locked(store: HotStore, txn: Any, username: str, ip: str, now: Now) -> bool:
    limits = ((_user_key(username, ip), FAILURES_MAX), (_address_key(ip), ADDRESS_FAILURES_MAX))
    return any(_failures(txn.get(key, db=store.failure), now) >= limit for key, limit in limits)


def _failures(raw: bytes | None, now: Now) -> int:
    """How many of a record count still."""
    if raw is None:
        return 0
    _, count, until_ms = _FAILURE.unpack(raw)
    return int(count) if now.boot_ms < until_ms else 0


def _count_failure(change: Change, username: str, ip: str, now: Now) -> None:
    until_ms = now.boot_ms + LOCK_MS
    for key in (_user_key(username, ip), _address_key(ip)):
        raw = change.txn.get(key, db=change.store.failure)
        if raw is None and change.txn.stat(change.store.failure)["entries"] >= FAILURES_KEPT_MAX:
            continue
        record = _FAILURE.pack(layout.VERSION, _failures(raw, now) + 1, until_ms)
        change.txn.put(key, record, db=change.store.failure)
        change.txn.put(layout.due_key(until_ms, b"f", key), b"", db=change.store.due)


def forget(change: Change, kind: bytes, key: bytes, now: Now) -> None:
    """A nonce is too old to be used again, or a failure is over: `n` or `f` of the due index."""
    if kind == b"n":
        change.txn.delete(key, db=change.store.nonce)
        return
    raw = change.txn.get(key, db=change.store.failure)
    if raw is not None and not _failures(raw, now):
        change.txn.delete(key, db=change.store.failure)
