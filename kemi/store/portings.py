"""What was learned of ported numbers by asking: kept until its time is over, so that the call path asks nobody itself.

A number that nobody knows is noted with an event, which the service answers by a command. While the answer is awaited,
and when too much is known already, nobody is asked again.
"""

from __future__ import annotations

import struct
from typing import Any

from kemi.clock import Now
from kemi.store import layout, queues
from kemi.store.change import Change
from kemi.store.environment import HotStore
from kemi.store.layout import VERSION, UnknownVersion

KNOWN_MAX = 100_000
"""Numbers at once: calls to invented ones fill nothing."""
ASK_AGAIN_MS = 10_000
"""A question that nobody answers is asked again."""
TTL_MAX_S = 30 * 86_400
_ASKED, _KNOWN = 0, 1
_HEAD = struct.Struct("<BBq")
DUE = b"p"


def find(store: HotStore, txn: Any, number: str, boot_ms: int) -> str | None:
    """The routing number of a number; empty: it has none; None: nobody knows."""
    raw = txn.get(number.encode("ascii"), db=store.ported)
    if raw is None:
        return None
    version, state, until_ms = _HEAD.unpack_from(raw)
    if version != VERSION:
        raise UnknownVersion("ported number", version)
    return str(raw[_HEAD.size :], "ascii") if state == _KNOWN and boot_ms < until_ms else None


def learn(change: Change, number: str, routing: str, ttl_s: int, now: Now) -> None:
    """What somebody has answered; it holds for so long."""
    _put(change, number, _KNOWN, routing, now.boot_ms + min(ttl_s, TTL_MAX_S) * 1000)


def ask(change: Change, number: str, now: Now) -> None:
    """Has the service ask about a number, unless it is known or being asked about."""
    raw = change.txn.get(number.encode("ascii"), db=change.store.ported)
    if raw is not None and now.boot_ms < _HEAD.unpack_from(raw)[2]:
        return
    if raw is None and change.txn.stat(change.store.ported)["entries"] >= KNOWN_MAX:
        return
    _put(change, number, _ASKED, "", now.boot_ms + ASK_AGAIN_MS)
    change.event(queues.ASKED, now, {"number": number})


def _put(change: Change, number: str, state: int, routing: str, until_ms: int) -> None:
    key = number.encode("ascii")
    change.txn.put(key, _HEAD.pack(VERSION, state, until_ms) + routing.encode("ascii"), db=change.store.ported)
    change.txn.put(layout.due_key(until_ms, DUE, key), b"", db=change.store.due)


def forget(change: Change, key: bytes, now: Now) -> None:
    """Takes away a number whose time is over; one that was learned anew meanwhile stays."""
    raw = change.txn.get(key, db=change.store.ported)
    if raw is not None and _HEAD.unpack_from(raw)[2] <= now.boot_ms:
        change.txn.delete(key, db=change.store.ported)
