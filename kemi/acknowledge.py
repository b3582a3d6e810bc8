"""The wait for a caller's ACK. A call whose 200 nobody acknowledges ends after 64*T1, as RFC 3261 13.3.1.4 has it.

Kamailio's own wait is looked at each 90 s only, and a longer grant would undo it. So an answered call stands in the
due index a second time; the meter asks Kamailio then whether the ACK has come.
"""

from __future__ import annotations

from kemi.store import layout
from kemi.store.calls import RunningCall
from kemi.store.change import Change

KIND = b"a"
"""Of its entries in the due index."""


def await_ack(change: Change, running: RunningCall, wait_s: int) -> None:
    """Notes in the answer's transaction that an ACK must come."""
    key = layout.due_key(running.answer_boot_ms + wait_s * 1000, KIND, running.key)
    change.txn.put(key, b"", db=change.store.due)
