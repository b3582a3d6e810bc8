"""The clerk: each 100 ms it copies the store's events to the journal and the ledger's commands to the store.

A timer process of its own, since a disk's sync blocks it. Order is everything: an event leaves the store only
when its line is on disk, and a command's number is noted in the transaction that does it.
"""

from __future__ import annotations

from collections import deque

from kemi.clock import Now
from kemi.rooms import Rooms
from kemi.store import bans, commands, journal, layout, queues
from kemi.store.calls import unpack_call
from kemi.store.carry import begin_store
from kemi.store.change import Change
from kemi.store.environment import Snapshot
from kemi.store.inbox import InboxReader
from kemi.store.journal import JournalWriter
from kemi.store.lines import Origin, Row, line_of_carried, line_of_event, line_of_place
from kemi.store.quality import Counter

EVENTS_PER_SYNC = 2_000
DELETES_PER_CHANGE = 100
"""Events that one transaction removes: the workers wait for no longer."""
KEEP_MS = 2_000
"""How long events stay in the store when they are in the journal: a start looks for calls that ended just before."""
BEAT_MS = 1_000
SWEEP_BEATS = 60
"""After how many beats the bans whose time is over are taken away."""


class Clerk:
    """The clerk of one process; `tick` is called each 100 ms."""

    def __init__(self, rooms: Rooms, boot: str, generation: int, sockets: tuple[str, ...] = ()) -> None:
        """`sockets`: where Kamailio listens."""
        self._rooms = rooms
        self._boot = boot
        self._generation = generation
        self._sockets = " ".join(sockets).encode()
        self._journal = JournalWriter(rooms.data_dir / journal.FOLDER)
        self._inbox = InboxReader(rooms.data_dir)
        self._beaten_ms = self._figured_ms = 0
        self._beats = 0
        self._saw_wiped = False
        self._began = False
        self._counter = Counter()
        self._kept: deque[tuple[int, int, int]] = deque()  # boot_ms of the writing, first and last sequence

    def tick(self, now: Now) -> None:
        """One round. Raises JournalStopped: the events stay in the store then; StoreTooLarge: there is none."""
        if self._rooms.is_wiped() and not self._save_wiped(now):
            return
        if not self._rooms.has_store():
            self._replace_store(now)
        if not self._began:  # a file of its own: older ones may go
            self._journal.append(self._carried(now))
            self._keep_from_before(now)
            self._began = True
        self._beat(now)
        self._copy_events(now)
        self._apply_commands(now)
        if self._journal.is_full:
            self._began = False  # if a fault leaves the file without them, the next round writes what is carried
            self._journal.rotate(self._carried(now))
            self._began = True
        self._write_figures(now)

    def _save_wiped(self, now: Now) -> bool:
        """The folder was wiped under us: what the deleted file still holds goes to the journal.

        Twice, a round apart, for the sake of a worker that was inside a transaction. True: that is done.
        """
        self._copy_events(now)
        done, self._saw_wiped = self._saw_wiped, not self._saw_wiped
        return done

    def _replace_store(self, now: Now) -> None:
        """A new store, with the calls that the journal holds open."""
        begin_store(self._rooms.run_dir, self._rooms.data_dir, self._boot, self._generation, now).close()
        self._kept.clear()
        if not self._rooms.has_store():
            raise OSError(f"the hot store in {self._rooms.run_dir} can't be opened though it was just made")

    def _beat(self, now: Now) -> None:
        if now.boot_ms - self._beaten_ms < BEAT_MS:
            return
        self._beaten_ms = now.boot_ms
        self._beats += 1
        self._rooms.store.env.reader_check()  # who died while it looked would keep all that ends from being room again
        with Change(self._rooms.store) as change:
            change.event(queues.BEAT, now, {"running": change.running})
            if change.txn.get(b"sockets", b"", db=change.store.meta) != self._sockets:
                change.txn.put(b"sockets", self._sockets, db=change.store.meta)
            refused = self._rooms.overload.refused.to_bytes(8, "big")
            if change.txn.get(b"shed", db=change.store.meta) != refused:
                change.txn.put(b"shed", refused, db=change.store.meta)
            if self._beats % SWEEP_BEATS == 0:
                bans.sweep(change, now)

    def _write_figures(self, now: Now) -> None:
        """Behind all else: what is wrong with a gateway's figures must not keep journal and commands."""
        if self._figured_ms == self._beaten_ms:
            return
        self._figured_ms = self._beaten_ms
        self._counter.write(self._rooms.store, now.wall_s)
        self._counter.forget_stale(self._rooms.store, now.wall_s)

    def _copy_events(self, now: Now) -> None:
        """What is new goes to the journal; what has been there for KEEP_MS leaves the store."""
        while True:
            epoch, rows = self._next_events()
            if rows:
                origin = Origin(epoch, self._boot)
                self._journal.append([line_of_event(origin, row) for row in rows])
                self._note_journalled(rows[-1].sequence)
                for row in rows:
                    self._counter.take(row.event)
                self._kept.append((now.boot_ms, rows[0].sequence, rows[-1].sequence))
            if len(rows) < EVENTS_PER_SYNC:
                break
        while self._kept and self._kept[0][0] <= now.boot_ms - KEEP_MS:
            _, first, last = self._kept.popleft()
            for start in range(first, last + 1, DELETES_PER_CHANGE):
                self._delete_events(start, min(start + DELETES_PER_CHANGE, last + 1))

    def _next_events(self) -> tuple[int, list[Row]]:
        """The store's epoch, and its new events."""
        store = self._rooms.store
        rows: list[Row] = []
        with store.read() as txn, txn.cursor(store.event) as cursor:
            epoch = int.from_bytes(txn.get(b"epoch", db=store.meta), "big")
            found = cursor.set_range(layout.sequence_key(store.journalled(txn) + 1))
            while found and len(rows) < EVENTS_PER_SYNC:
                raw = cursor.value()
                event = queues.unpack_event(raw)
                call = txn.get(event[3], db=store.call) if event[0] == queues.ANSWERED else None
                rows.append(Row(int.from_bytes(cursor.key(), "big"), raw, event, call))
                found = cursor.next()
        return epoch, rows

    def _note_journalled(self, sequence: int) -> None:
        with Change(self._rooms.store) as change:
            change.txn.put(b"journalled", layout.sequence_key(sequence), db=change.store.meta)

    def _keep_from_before(self, now: Now) -> None:
        """Events that an earlier clerk wrote and did not come to delete: they are this one's to delete."""
        self._kept.clear()
        store = self._rooms.store
        with store.read() as txn, txn.cursor(store.event) as cursor:
            first, last = (int.from_bytes(cursor.key(), "big") if cursor.first() else 1), store.journalled(txn)
        if first <= last:
            self._kept.append((now.boot_ms, first, last))

    def _delete_events(self, first: int, end: int) -> None:
        """Removes events from `first` up to, not with, `end`."""
        with Change(self._rooms.store) as change:
            for sequence in range(first, end):
                if change.txn.delete(layout.sequence_key(sequence), db=change.store.event):
                    change.events -= 1

    def _apply_commands(self, now: Now) -> None:
        """The next batch; a command for another life of the store is passed over, a later life's waits."""
        store = self._rooms.store
        with store.read() as txn:
            epoch = int.from_bytes(txn.get(b"epoch", db=store.meta), "big")
            applied = store.state(txn).applied_command
        rows = self._inbox.after(applied)
        if not rows:
            return
        with Change(store) as change:
            for number, command in rows:
                if command["epoch"] > epoch:
                    break
                if command["epoch"] == epoch:
                    commands.apply(change, command, now)
                else:
                    commands.note_applied(change, number)

    def _carried(self, now: Now) -> list[bytes]:
        """Every answered call and every place as they stand, so that older files of the journal may go."""
        store = self._rooms.store
        with store.read() as txn, txn.cursor(store.call) as cursor:
            epoch = int.from_bytes(txn.get(b"epoch", db=store.meta), "big")
            sequence = store.state(txn).sequence
            records = [raw for _, raw in cursor]
            places = list(Snapshot(store, txn).locations())
        origin = Origin(epoch, self._boot)
        calls = [line_of_carried(origin, sequence, raw, now) for raw in records if unpack_call(raw).is_answered]
        return calls + [line_of_place(origin, sequence, one, now) for one in places]

    def close(self) -> None:
        """For tests: ends the journal's file."""
        self._journal.close()
