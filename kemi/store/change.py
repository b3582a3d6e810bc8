"""One write transaction: the counters that it changes and the events that it leaves, written once at its end."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from kemi.clock import Now
from kemi.store import accounts, layout, queues
from kemi.store.calls import RunningCall, pack_call, unpack_call
from kemi.store.environment import HotStore
from kemi.store.layout import Account, State


class Change:
    """`with Change(store) as change:` commits at the end, or changes nothing when an exception leaves it.

    Nothing inside may sleep, log or call out: every other writer waits.
    """

    def __init__(self, store: HotStore) -> None:
        self.store = store
        self.txn: Any = None
        self.state = State()
        self._before = self.state

    def __enter__(self) -> Change:
        self.txn = self.store.write()
        self.state = self._before = self.store.state(self.txn)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.txn.abort()
            return
        if self.state is not self._before:
            self.store.put_state(self.txn, self.state)
        self.txn.commit()

    def event(self, kind: str, now: Now, payload: Any) -> None:
        """Leaves an event for the journal under the next sequence number."""
        sequence = self.state.sequence + 1
        self.state = self.state._replace(sequence=sequence, events=self.state.events + 1)
        self.txn.put(layout.sequence_key(sequence), queues.pack_event(kind, now, payload), db=self.store.event)

    def call(self, key: bytes) -> RunningCall | None:
        """A running call; None: there is none of this key."""
        raw = self.txn.get(key, db=self.store.call)
        return None if raw is None else unpack_call(raw)

    def add_call(self, call: RunningCall) -> None:
        """A new running call, with its place in the due index."""
        self.state = self.state._replace(running=self.state.running + 1)
        self.put_call(call)
        self.txn.put(layout.due_key(call.due_ms, b"c", call.key), b"", db=self.store.due)

    def put_call(self, call: RunningCall) -> None:
        """Writes a call whose due time is as it was."""
        self.txn.put(call.key, pack_call(call), db=self.store.call)

    def move_call(self, call: RunningCall, due_ms: int) -> RunningCall:
        """Writes a call that is to be looked at at another time."""
        moved = call._replace(due_ms=due_ms)
        self.txn.delete(layout.due_key(call.due_ms, b"c", call.key), db=self.store.due)
        self.txn.put(layout.due_key(due_ms, b"c", call.key), b"", db=self.store.due)
        self.put_call(moved)
        return moved

    def remove_call(self, call: RunningCall) -> None:
        """Takes a call out of the store."""
        self.txn.delete(call.key, db=self.store.call)
        self.txn.delete(layout.due_key(call.due_ms, b"c", call.key), db=self.store.due)
        self.state = self.state._replace(running=self.state.running - 1)

    def account(self, account_id: int) -> Account:
        """An account, if need be one that is known by its id only."""
        return accounts.get_or_placeholder(self.store, self.txn, account_id)

    def put_account(self, account: Account) -> None:
        """Writes an account."""
        accounts.put(self.store, self.txn, account)
