"""The meter: each second it looks at what is due, and at nothing else.

A due call gets more time, or runs out, or is reaped. Kamailio's dialog timer ends what nobody extends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kemi import acknowledge, authenticate, farewell, invites, joined, places, suspension
from kemi.clock import Now
from kemi.grants import extend, shorten
from kemi.rooms import Rooms
from kemi.settlement import NO_ANSWER, End, ended, given_up, settle
from kemi.store import layout, portings
from kemi.store.calls import RunningCall, unpack_call
from kemi.store.change import Change

SLICE = 200
"""Due entries of one look: what is left comes with the next slice of the same tick."""

FORGOTTEN_PER_CHANGE = 40
"""INVITEs that one transaction forgets: the workers wait for no longer."""

CUT_S = 2
"""What a call that is cut may still last: the dialog timer's second, and the BYE's way."""


FORGETTABLE = frozenset({b"n", b"f", b"l", portings.DUE})


class Dialogs(NamedTuple):
    """What Kamailio knows and does about dialogs."""

    set_timeout: Callable[[int, int, int], bool]
    """(seconds from now, hash entry, hash id) of a dialog. False: there is no such dialog any more."""
    has_ack: Callable[[RunningCall], bool]
    """Whether an answered call has been acknowledged, or has no dialog any more."""
    send: farewell.Send
    send_by: places.SendBy


class Due(NamedTuple):
    """An entry of the due index."""

    boot_ms: int
    kind: bytes
    what: bytes


def tick(rooms: Rooms, dialogs: Dialogs, now: Now) -> None:
    """Works through all that is due at `now`."""
    if not rooms.has_store():
        return
    while True:
        due = _due(rooms, now)
        if suspended := [(entry.boot_ms, entry.what) for entry in due if entry.kind == suspension.KIND]:
            suspension.mark(rooms, suspended, now)
            continue  # what was marked is due now
        _look_after_devices(rooms, due, dialogs, now)
        _forget_invites(rooms, [entry for entry in due if entry.kind == invites.INVITE_DUE], now)
        _check_acks(rooms, [entry for entry in due if entry.kind == acknowledge.KIND], dialogs, now)
        farewells = [(entry.boot_ms, entry.what) for entry in due if entry.kind == farewell.KIND]
        farewell.visit(rooms, farewells, dialogs.send, now)
        for entry in due:
            if entry.kind == b"c":
                _visit(rooms, entry.what, dialogs, now)
        if len(due) < SLICE:
            return


def _due(rooms: Rooms, now: Now) -> list[Due]:
    """What is due by now, SLICE at most."""
    rows: list[Due] = []
    with rooms.store.read() as txn, txn.cursor(rooms.store.due) as cursor:
        for key in cursor.iternext(keys=True, values=False):
            boot_ms = int.from_bytes(key[:8], "big")
            if boot_ms > now.boot_ms or len(rows) >= SLICE:
                break
            rows.append(Due(boot_ms, bytes(key[8:9]), bytes(key[9:])))
    return rows


def _look_after_devices(rooms: Rooms, due: list[Due], dialogs: Dialogs, now: Now) -> None:
    """What is over is forgotten; ways to telephones are kept open."""
    _forget(rooms, [entry for entry in due if entry.kind in FORGETTABLE], now)
    places.visit(rooms, [(entry.boot_ms, entry.what) for entry in due if entry.kind == b"k"], dialogs.send_by, now)


def _forget(rooms: Rooms, entries: list[Due], now: Now) -> None:
    """Used nonces, failures, places and learned numbers whose time is over."""
    if not entries:
        return
    with Change(rooms.store) as change:
        for entry in entries:
            change.txn.delete(layout.due_key(*entry), db=change.store.due)
            if entry.kind == b"l":
                places.forget(change, entry.what, now)
            elif entry.kind == portings.DUE:
                portings.forget(change, entry.what, now)
            else:
                authenticate.forget(change, entry.kind, entry.what, now)


def _forget_invites(rooms: Rooms, entries: list[Due], now: Now) -> None:
    for start in range(0, len(entries), FORGOTTEN_PER_CHANGE):
        with Change(rooms.store) as change:
            for entry in entries[start : start + FORGOTTEN_PER_CHANGE]:
                change.txn.delete(layout.due_key(*entry), db=change.store.due)
                invites.forget(change, entry.what, now)


def _check_acks(rooms: Rooms, entries: list[Due], dialogs: Dialogs, now: Now) -> None:
    """Calls that have waited long enough: one whose ACK has not come ends."""
    if not entries:
        return
    lost = []
    for entry in entries:
        call = _read(rooms, entry.what)
        if call is not None and not dialogs.has_ack(call):
            lost.append((entry.boot_ms, call))
    with Change(rooms.store) as change:
        for entry in entries:
            change.txn.delete(layout.due_key(*entry), db=change.store.due)
    for due_ms, call in lost:
        _end_unacknowledged(rooms, call.key, due_ms, dialogs, now)


def _end_unacknowledged(rooms: Rooms, key: bytes, due_ms: int, dialogs: Dialogs, now: Now) -> None:
    """Ends a call whose caller never acknowledged its answer: billed until the wait was over."""
    with Change(rooms.store) as change:
        call = change.call(key)
        if call is None:
            return
        settle(change, call, End("system", 200, "OK", call.ring_wall_ms), now, due_ms)
    if not dialogs.set_timeout(1, call.h_entry, call.h_id):
        farewell.keep_both(rooms, call, now)


def _visit(rooms: Rooms, key: bytes, dialogs: Dialogs, now: Now) -> None:
    call = _read(rooms, key)
    if call is None:
        return
    if not call.is_answered:
        given_up(rooms, call.hex, NO_ANSWER, now)  # one that is answered since it was read goes on
    elif call.cut_by and call.grant_end_boot_ms > now.boot_ms + CUT_S * 1000:
        _cut(rooms, call, dialogs, now)
    elif call.grant_end_boot_ms + _reap_after_ms(rooms) <= now.boot_ms:
        last = _named_by_dialog(call, lambda key: _read(rooms, key))
        if ended(rooms, call.hex, End("grant", 200, "OK", call.ring_wall_ms), now):
            farewell.keep_both(rooms, last, now)  # Kamailio's timers stand still: whoever talks would do so for nothing
    else:
        _extend(rooms, call, dialogs, now)


def _named_by_dialog(call: RunningCall, found: Callable[[bytes], RunningCall | None]) -> RunningCall:
    """Of calls that are joined, the one that has the dialog's two ends. `found`: a running call, by its key."""
    return call if joined.is_last(call) else found(call.joined[-1]) or call


def _read(rooms: Rooms, key: bytes) -> RunningCall | None:
    with rooms.store.read() as txn:
        raw = txn.get(key, db=rooms.store.call)
    return None if raw is None else unpack_call(raw)


def _reap_after_ms(rooms: Rooms) -> int:
    with rooms.store.read() as txn:
        return rooms.store.configuration(txn).settings(txn).reap_after_s * 1000


def _extend(rooms: Rooms, call: RunningCall, dialogs: Dialogs, now: Now) -> None:
    """Hold first, then the dialog's timer: what dies in between runs out by the older, shorter time."""
    extension = extend(rooms, call.key, now)
    if extension is None or not extension.grew:
        return
    after = extension.after
    end_ms = joined.grant_end_boot_ms(rooms.store, after) if after.joined else after.grant_end_boot_ms
    remaining_s = -((now.boot_ms - end_ms) // 1000)
    if not dialogs.set_timeout(remaining_s, after.h_entry, after.h_id):
        _reap(rooms, after.key, extension.before.seen_boot_ms, now)


def _reap(rooms: Rooms, key: bytes, seen_boot_ms: int, now: Now) -> None:
    """Settles a call whose dialog is gone at the last moment that it was seen alive. Whoever talks on is hung up."""
    last = None
    with Change(rooms.store) as change:
        call = change.call(key)
        if call is not None:
            last = _named_by_dialog(call, change.call)
            settle(change, call, End("reaper", 200, "OK", call.ring_wall_ms), now, seen_boot_ms)
    if last is not None:
        farewell.keep_both(rooms, last, now)


def _cut(rooms: Rooms, call: RunningCall, dialogs: Dialogs, now: Now) -> None:
    """Ends a call that somebody asked to end: its grant and its dialog's timer are made short, its BYE settles it."""
    shorten(rooms, call.key, CUT_S, now)
    if not dialogs.set_timeout(1, call.h_entry, call.h_id):
        _reap(rooms, call.key, now.boot_ms, now)
