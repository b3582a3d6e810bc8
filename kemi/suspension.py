"""Calls of accounts that were suspended or closed, and of trunks that a limit has suspended: the answered ones end,
those that ring are not answered any more.

The command leaves a mark in the due index and no more, since looking through all calls takes longer than the store's
writers may wait. The meter finds the mark at its next tick, also after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kemi.clock import Now
from kemi.rooms import Rooms
from kemi.store import layout
from kemi.store.calls import RunningCall, unpack_call
from kemi.store.change import Change

KIND = b"s"
"""Of the mark in the due index; behind it stands the key of an account, or of a trunk."""
TRUNK_BYTES = 5
"""Of a trunk's key: its letter, and its id."""
BY = "suspension"
NEVER_MS = -(2**62)
CALLS_PER_CHANGE = 50
"""Calls that one transaction marks: the workers wait for no longer."""


def mark(rooms: Rooms, marks: Sequence[tuple[int, bytes]], now: Now) -> None:
    """Makes every call below these accounts, or by these trunks, due to be cut that had begun by then. `marks`: boot
    milliseconds and key of each.
    """
    trunks = {int.from_bytes(key[1:], "big"): boot_ms for boot_ms, key in marks if len(key) == TRUNK_BYTES}
    suspended = {int.from_bytes(key, "big"): boot_ms for boot_ms, key in marks if len(key) != TRUNK_BYTES}
    with rooms.store.read() as txn, txn.cursor(rooms.store.call) as cursor:
        records = [bytes(raw) for _, raw in cursor]
    calls = map(unpack_call, records)
    found = [call.key for call in calls if call.start_boot_ms <= _marked_ms(call, trunks, suspended)]
    for start in range(0, len(found), CALLS_PER_CHANGE):
        _mark(rooms, found[start : start + CALLS_PER_CHANGE], now)
    with Change(rooms.store) as change:
        for boot_ms, key in marks:
            change.txn.delete(layout.due_key(boot_ms, KIND, key), db=change.store.due)


def _marked_ms(call: RunningCall, trunks: Mapping[int, int], suspended: Mapping[int, int]) -> int:
    """When its trunk or one of its accounts was suspended last; long ago: none was. Who is active again may call."""
    accounts = [suspended[one] for one in call.accounts if one in suspended]
    return max([trunks.get(call.trunk, NEVER_MS), *accounts])


def _mark(rooms: Rooms, keys: Sequence[bytes], now: Now) -> None:
    with Change(rooms.store) as change:
        for key in keys:
            call = change.call(key)
            if call is None or call.cut_by or call.special:
                continue
            if call.is_answered:
                change.move_call(call._replace(cut_by=BY, due_ms=now.boot_ms), call.due_ms)
            else:
                change.put_call(call._replace(cut_by=BY))
