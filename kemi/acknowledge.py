"""The wait for a caller's ACK. A call whose 200 nobody acknowledges ends after 64*T1, as RFC 3261 13.3.1.4 has it.

Kamailio's own wait is looked at each 90 s only, and a longer grant would undo it. So an answered call stands in the
due index a second time until its ACK comes, and the meter ends what is still there.
"""

from __future__ import annotations

from kemi.rooms import Rooms
from kemi.store import layout
from kemi.store.calls import RunningCall
from kemi.store.change import Change

KIND = b"a"
"""Of its entries in the due index."""


def await_ack(change: Change, running: RunningCall, wait_s: int) -> None:
    """Notes in the answer's transaction that an ACK must come."""
    change.txn.put(_key(running, running.answer_boot_ms + wait_s * 1000), b"", db=change.store.due)


def acknowledged(rooms: Rooms, running: RunningCall) -> None:
    """The ACK has come."""
    with Change(rooms.store) as change:
        wait_s = rooms.store.settings(change.txn).ack_wait_s
        change.txn.delete(_key(running, running.answer_boot_ms + wait_s * 1000), db=change.store.due)


def _key(running: RunningCall, until_boot_ms: int) -> bytes:
    return layout.due_key(until_boot_ms, KIND, running.key)
