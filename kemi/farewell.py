"""BYEs that no transaction of Kamailio's says again: kept in the store, sent by the meter until they are answered.

Two kinds. One goes to a leg that must not be: Kamailio has no dialog for it. The other goes to the second side of a
call whose time is over, and waits here for half a second. It is forgotten when Kamailio's own one goes out; until then
no answer to a BYE of that dialog is taken (`is_kept`): Kamailio 5.6 would leave the second BYE out, and count the
dialog's references down once too often, in memory that is somebody else's by then.

The branch of its Via names a BYE, so that its answer finds it, in whichever process, and after a restart too.
"""

from __future__ import annotations

import marshal
import secrets
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from kemi import messages
from kemi.clock import Now
from kemi.rooms import Rooms
from kemi.store import layout
from kemi.store.calls import MARSHAL_VERSION, RunningCall
from kemi.store.change import Change

KIND = b"b"
"""Of its entries in the due index."""
COOKIE = "z9hG4bK"
"""What every branch begins with (RFC 3261 8.1.1.7)."""
KEY_BYTES = 20
T1_MS, T2_MS, TIMER_F_MS = 500, 4_000, 32_000
"""RFC 3261 17.1.2: the first repetition, the longest wait between two, the end of all."""
LATE_MS = 500
"""How long Kamailio has for the second BYE of a timeout, before the meter's next tick."""

Send = Callable[[str, str], None]
"""Sends a message: destination URI and text."""


class Farewell(NamedTuple):
    """One BYE."""

    destination: str
    message: str
    wait_ms: int
    """From the next time on that it is sent."""
    until_boot_ms: int


def key_of(rooms: Rooms, call_id: str, *tags: str) -> bytes:
    """The key of the second BYE of a dialog: the same in every process, and whichever side is named first. Nobody who
    knows the dialog can tell it, and say in another's name that its BYE was answered.
    """
    with rooms.store.read() as txn:
        secret = rooms.store.configuration(txn).secret(txn)
    return blake2b("\0".join((call_id, *sorted(tags))).encode(), digest_size=KEY_BYTES, key=secret).digest()


def branch_of(key: bytes) -> str:
    """Its branch, without the cookie."""
    return key.hex()


def key_in(branch: str) -> bytes | None:
    """The key that a Via's branch names; None: it is not one of these."""
    text = branch.removeprefix(COOKIE)
    if len(text) != KEY_BYTES * 2 or not set(text) <= set("0123456789abcdef"):
        return None
    return bytes.fromhex(text)


def keep(rooms: Rooms, key: bytes, destination: str, message: str, *, first_ms: int, now: Now) -> None:
    """The meter sends it after `first_ms`, and again until it is forgotten or its time is over. An empty message: there
    is nothing to send, only to wait for.
    """
    farewell = Farewell(destination, message, T1_MS * 2, now.boot_ms + TIMER_F_MS)
    with Change(rooms.store) as change:
        _put(change, key, farewell, now.boot_ms + first_ms)


def _put(change: Change, key: bytes, farewell: Farewell, due_ms: int) -> None:
    record = marshal.dumps((layout.VERSION, *farewell), MARSHAL_VERSION)
    change.txn.put(key, record, db=change.store.farewell)
    change.txn.put(layout.due_key(due_ms, KIND, key), b"", db=change.store.due)


def keep_both(rooms: Rooms, answered: RunningCall, now: Now) -> None:
    """BYEs to both sides of a call that was answered, and has no dialog: when its 2xx is there."""
    keep_to(rooms, answered, answered.tags, now)


def keep_to(rooms: Rooms, answered: RunningCall, tags: Iterable[str], now: Now) -> None:
    """BYEs to the sides with these tags of a call that was answered: Kamailio's dialog has sent none."""
    for tag in tags:
        leg = messages.side_of(answered, tag)
        if leg is not None:
            key = secrets.token_bytes(KEY_BYTES)
            bye = messages.request(leg, "BYE", branch_of(key))
            keep(rooms, key, leg.next_hop, bye, first_ms=LATE_MS, now=now)


def is_kept(rooms: Rooms, key: bytes) -> bool:
    """Whether it is still to be sent, or answered."""
    with rooms.store.read() as txn:
        return txn.get(key, db=rooms.store.farewell) is not None


def forget(rooms: Rooms, key: bytes) -> bool:
    """It was answered, or somebody else has sent it. False: it was not kept."""
    if not is_kept(rooms, key):
        return False
    with Change(rooms.store) as change:
        change.txn.delete(key, db=change.store.farewell)  # its due entry finds nothing
    return True


def visit(rooms: Rooms, entries: Sequence[tuple[int, bytes]], send: Send, now: Now) -> None:
    """Sends what is due. `entries`: boot milliseconds and key of each."""
    if not entries:
        return
    wanted = []
    with Change(rooms.store) as change:
        for due_ms, key in entries:
            change.txn.delete(layout.due_key(due_ms, KIND, key), db=change.store.due)
            farewell = _read(change, key)
            if farewell is None:
                continue
            if now.boot_ms >= farewell.until_boot_ms:
                change.txn.delete(key, db=change.store.farewell)
                continue
            wanted.append(farewell)
            later = farewell._replace(wait_ms=min(farewell.wait_ms * 2, T2_MS))
            _put(change, key, later, now.boot_ms + farewell.wait_ms)
    for farewell in wanted:
        if farewell.message:
            send(farewell.destination, farewell.message)


def _read(change: Change, key: bytes) -> Farewell | None:
    raw = change.txn.get(key, db=change.store.farewell)
    if raw is None:
        return None
    version, *fields = marshal.loads(raw)  # noqa: S302 -- our own processes wrote it
    if version != layout.VERSION:
        raise layout.UnknownVersion("farewell", version)
    return Farewell(*fields)
