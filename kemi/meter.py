"""The meter: each second it looks at the calls that are due, and at no others.

A due call gets more time, or runs out, or is reaped. Kamailio's dialog timer ends what nobody extends.
"""

from __future__ import annotations

from collections.abc import Callable

from kemi import acknowledge
from kemi.clock import Now
from kemi.progress import NO_ANSWER, End, ended, extend, settle, shorten
from kemi.rooms import Rooms
from kemi.store import layout
from kemi.store.calls import RunningCall, unpack_call
from kemi.store.change import Change

SLICE = 200
"""Due entries of one look: what is left comes with the next slice of the same tick."""

CUT_S = 2
"""What a call that is cut may still last: the dialog timer's second, and the BYE's way."""

SetTimeout = Callable[[int, int, int], bool]
"""(seconds from now, hash entry, hash id) of a dialog. False: there is no such dialog any more."""


def tick(rooms: Rooms, set_timeout: SetTimeout, now: Now) -> None:
    """Works through all that is due at `now`."""
    if not rooms.has_store():
        return
    while True:
        due = _due(rooms, now)
        _forget_invites(rooms, [entry for entry in due if entry[1] == b"i"], now)
        for due_ms, kind, what in due:
            if kind == b"c":
                _visit(rooms, what, set_timeout, now)
            elif kind == acknowledge.KIND:
                _end_unacknowledged(rooms, due_ms, what, set_timeout, now)
        if len(due) < SLICE:
            return


def _due(rooms: Rooms, now: Now) -> list[tuple[int, bytes, bytes]]:
    """What is due by now: time, kind and key, SLICE at most."""
    rows: list[tuple[int, bytes, bytes]] = []
    with rooms.store.read() as txn, txn.cursor(rooms.store.due) as cursor:
        for key in cursor.iternext(keys=True, values=False):
            due_ms = int.from_bytes(key[:8], "big")
            if due_ms > now.boot_ms or len(rows) >= SLICE:
                break
            rows.append((due_ms, bytes(key[8:9]), bytes(key[9:])))
    return rows


def _forget_invites(rooms: Rooms, entries: list[tuple[int, bytes, bytes]], now: Now) -> None:
    if not entries:
        return
    with Change(rooms.store) as change:
        for due_ms, kind, what in entries:
            change.txn.delete(layout.due_key(due_ms, kind, what), db=change.store.due)
            raw = change.txn.get(what, db=change.store.invite)
            if raw is not None and layout.unpack_invite(raw).until_ms <= now.boot_ms:
                change.txn.delete(what, db=change.store.invite)
                change.invites -= 1


def _visit(rooms: Rooms, key: bytes, set_timeout: SetTimeout, now: Now) -> None:
    call = _read(rooms, key)
    if call is None:
        return
    if not call.is_answered:
        ended(rooms, call.hex, NO_ANSWER, now)
    elif call.cut_by and call.grant_end_boot_ms > now.boot_ms + CUT_S * 1000:
        _cut(rooms, call, set_timeout, now)
    elif call.grant_end_boot_ms + _reap_after_ms(rooms) <= now.boot_ms:
        ended(rooms, call.hex, End("grant", 200, "OK", call.ring_wall_ms), now)
    else:
        _extend(rooms, call, set_timeout, now)


def _read(rooms: Rooms, key: bytes) -> RunningCall | None:
    with rooms.store.read() as txn:
        raw = txn.get(key, db=rooms.store.call)
    return None if raw is None else unpack_call(raw)


def _reap_after_ms(rooms: Rooms) -> int:
    with rooms.store.read() as txn:
        return rooms.store.settings(txn).reap_after_s * 1000


def _extend(rooms: Rooms, call: RunningCall, set_timeout: SetTimeout, now: Now) -> None:
    """Hold first, then the dialog's timer: what dies in between runs out by the older, shorter time."""
    extension = extend(rooms, call.key, now)
    if extension is None or not extension.grew:
        return
    after = extension.after
    remaining_s = -((now.boot_ms - after.grant_end_boot_ms) // 1000)
    if not set_timeout(remaining_s, after.h_entry, after.h_id):
        _reap(rooms, after.key, extension.before.seen_boot_ms, now)


def _reap(rooms: Rooms, key: bytes, seen_boot_ms: int, now: Now) -> None:
    """Settles a call whose dialog is gone at the last moment that it was seen alive."""
    with Change(rooms.store) as change:
        call = change.call(key)
        if call is not None:
            settle(change, call, End("reaper", 200, "OK", call.ring_wall_ms), now, seen_boot_ms)


def _end_unacknowledged(rooms: Rooms, due_ms: int, key: bytes, set_timeout: SetTimeout, now: Now) -> None:
    """Ends a call whose caller never acknowledged its answer: billed until the wait was over."""
    with Change(rooms.store) as change:
        change.txn.delete(layout.due_key(due_ms, acknowledge.KIND, key), db=change.store.due)
        call = change.call(key)
        if call is None:
            return
        settle(change, call, End("system", 200, "OK", call.ring_wall_ms), now, due_ms)
    set_timeout(1, call.h_entry, call.h_id)


def _cut(rooms: Rooms, call: RunningCall, set_timeout: SetTimeout, now: Now) -> None:
    """Ends a call that somebody asked to end: its grant and its dialog's timer are made short, its BYE settles it."""
    shorten(rooms, call.key, CUT_S, now)
    if not set_timeout(1, call.h_entry, call.h_id):
        _reap(rooms, call.key, now.boot_ms, now)
