"""One write transaction: the counters that it changes and the events that it leaves, written once at its end."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from kemi.clock import Now
from kemi.store import accounts, layout, queues
from kemi.store.calls import RunningCall, pack_call, unpack_call
from kemi.store.configuration import Configuration
from kemi.store.environment import HotStore
from kemi.store.layout import Account
from kemi.store.locations import Location, pack_location


class Change:
    """`with Change(store) as change:` commits at the end, or changes nothing when an exception leaves it.

    Nothing inside may sleep, log or call out: every other writer waits.
    """

    def __init__(self, store: HotStore) -> None:
        self.store = store
        self.txn = store.write()
        self._before: tuple[int, ...] = layout.unpack_state(self.txn.get(b"state", db=store.meta))
        self.sequence, self.applied_command, self.running, self.events, self.invites = self._before
        self.counters: dict[int, Any] = {}
        """Of limits, by account and rule, as they stand in this transaction (`kemi.store.limits`)."""

    def __enter__(self) -> Change:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.txn.abort()
            return
        state = (self.sequence, self.applied_command, self.running, self.events, self.invites)
        if state != self._before:
            self.txn.put(b"state", layout.pack_state(*state), db=self.store.meta)
        self.txn.commit()

    def event(self, kind: str, now: Now, payload: Any) -> None:
        """Leaves an event for the journal under the next sequence number."""
        self.add_event(queues.pack_event(kind, now, payload))

    def add_event(self, record: bytes) -> None:
        """The same of its record."""
        self.sequence += 1
        self.events += 1
        self.txn.put(self.sequence.to_bytes(8, "big"), record, db=self.store.event)

    @property
    def configuration(self) -> Configuration:
        """What the operator has set."""
        return self.store.configuration(self.txn)

    def is_nearly_full(self) -> bool:
        """Whether what is left of the store is kept for ending calls."""
        used_bytes = self.running * layout.BYTES_PER_CALL + self.events * layout.BYTES_PER_EVENT
        used_bytes += self.invites * layout.BYTES_PER_INVITE
        return used_bytes > self.store.guard_bytes or self.store.is_held

    def call(self, key: bytes) -> RunningCall | None:
        """A running call; None: there is none of this key."""
        raw = self.txn.get(key, db=self.store.call)
        return None if raw is None else unpack_call(raw)

    def add_call(self, call: RunningCall) -> None:
        """A new running call, with its place in the due index."""
        self.add_record(call.key, pack_call(call), call.due_ms)

    def add_record(self, key: bytes, record: bytes, due_ms: int) -> None:
        """The same of its record."""
        self.running += 1
        self.txn.put(key, record, db=self.store.call)
        self.txn.put(layout.due_key(due_ms, b"c", key), b"", db=self.store.due)

    def put_call(self, call: RunningCall) -> bytes:
        """Writes a call whose due time is as it was; returns its record."""
        raw = pack_call(call)
        self.txn.put(call.key, raw, db=self.store.call)
        return raw

    def move_call(self, call: RunningCall, before_ms: int) -> None:
        """Writes a call that is to be looked at at another time than `before_ms`."""
        self.move_record(call.key, pack_call(call), call.due_ms, before_ms)

    def move_record(self, key: bytes, record: bytes, due_ms: int, before_ms: int) -> None:
        """The same of its record."""
        if due_ms != before_ms:
            self.txn.delete(layout.due_key(before_ms, b"c", key), db=self.store.due)
            self.txn.put(layout.due_key(due_ms, b"c", key), b"", db=self.store.due)
        self.txn.put(key, record, db=self.store.call)

    def remove_call(self, call: RunningCall) -> None:
        """Takes a call out of the store."""
        self.txn.delete(call.key, db=self.store.call)
        self.txn.delete(layout.due_key(call.due_ms, b"c", call.key), db=self.store.due)
        self.running -= 1

    def remember_invite(
        self, key: bytes, cseq: int, branch: bytes, call: bytes, until_ms: int, *, is_new: bool
    ) -> None:
        """Keeps an INVITE so that its repetitions are known. Behind its key: the fields of `layout.Invite`."""
        self.txn.put(key, layout.pack_invite(cseq, branch, call, until_ms), db=self.store.invite)
        self.txn.put(layout.due_key(until_ms, b"i", key), b"", db=self.store.due)
        self.invites += is_new

    def put_location(self, location: Location) -> None:
        """Writes where a device is, with its places in the due index."""
        self.txn.put(location.key, pack_location(location), db=self.store.location)
        self.txn.put(layout.due_key(location.until_boot_ms, b"l", location.key), b"", db=self.store.due)
        self.txn.put(layout.due_key(location.ping_boot_ms, b"k", location.key), b"", db=self.store.due)

    def reconfigured(self) -> None:
        """Tells every process to forget the configuration that it keeps."""
        number = int.from_bytes(self.txn.get(b"configuration", b"\0", db=self.store.meta), "big")
        self.txn.put(b"configuration", (number + 1).to_bytes(8, "big"), db=self.store.meta)

    def account(self, account_id: int) -> Account:
        """An account, if need be one that is known by its id only."""
        return accounts.get(self.store, self.txn, account_id) or layout.placeholder(account_id)

    def put_account(self, account: Account) -> None:
        """Writes an account."""
        accounts.put(self.store, self.txn, account)
