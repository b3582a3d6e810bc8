"""Calls that redirections have joined: one dialog, and several calls in it, each held by and charged to its own.

Who forwards a call makes another one. The last of them is the one that the dialog names: it knows where the INVITE is,
and its legs are the dialog's. They are answered together, go on as long as all of them are paid for, and end together.
"""

from __future__ import annotations

from typing import Any

from kemi.clock import Now
from kemi.invitation import Invitation
from kemi.refusal import Refusal
from kemi.store import layout
from kemi.store.calls import RunningCall, unpack_call
from kemi.store.change import Change
from kemi.store.environment import HotStore


def together(change: Change, running: RunningCall) -> list[RunningCall]:
    """A call, first, and the others of its dialog."""
    others = [change.call(key) for key in running.joined if key != running.key]
    return [running, *[one for one in others if one is not None]]


def is_last(running: RunningCall) -> bool:
    """Whether the dialog is named by this one."""
    return not running.joined or running.joined[-1] == running.key


def is_first(running: RunningCall) -> bool:
    """Whether who began the dialog began this one."""
    return not running.joined or running.joined[0] == running.key


def first_of(store: HotStore, txn: Any, running: RunningCall) -> RunningCall:
    """The call of who began the dialog."""
    raw = txn.get(running.joined[0], db=store.call) if running.joined else None
    return running if raw is None else unpack_call(raw)


def grant_end_boot_ms(store: HotStore, running: RunningCall) -> int:
    """When the money of the first of them ends, as far as they have not ended since this one was read."""
    with store.read() as txn:
        records = [txn.get(key, db=store.call) for key in running.joined]
    others = [unpack_call(raw).grant_end_boot_ms for raw in records if raw is not None]
    return min([running.grant_end_boot_ms, *others])


def join(change: Change, call: RunningCall, invitation: Invitation, invited: bytes, now: Now) -> None:
    """Joins a call that has just been taken to those that it goes on from. Raises Refusal: they have ended.

    `invited`: the key of the INVITE that all of them have in common.
    """
    redirected = invitation.redirected
    assert redirected is not None, "only these join others"
    for key in redirected.calls:
        before = change.call(key)
        if before is None or before.is_answered:
            raise Refusal("gone", 0, call.account)
        after = before._replace(joined=call.joined, due_ms=max(before.due_ms, call.due_ms))
        if key == redirected.calls[-1]:
            *earlier, (gateway, _, at_ms, *_) = before.attempts
            left = (gateway, redirected.code, at_ms, redirected.ring_ms, now.wall_ms)
            after = after._replace(attempts=(*earlier, left, (0, 0, now.wall_ms, 0, 0)))
        change.move_call(after, before.due_ms)
    _name(change, invited, call.key)


def part(change: Change, left: list[bytes], invited: bytes, due_ms: int) -> None:
    """These are all that is left of a dialog, since those that went on from the last of them have ended: it is that one
    now. `invited`: as of `join`; `due_ms`: until then it may ring.
    """
    for key in left:
        before = change.call(key)
        if before is not None:
            after = before._replace(joined=tuple(left) if len(left) > 1 else (), due_ms=max(before.due_ms, due_ms))
            change.move_call(after, before.due_ms)
    _name(change, invited, left[-1])


def _name(change: Change, invited: bytes, call: bytes) -> None:
    """Keeps with an INVITE of the last minute which call it is now."""
    raw = change.txn.get(invited, db=change.store.invite)
    if raw is not None:
        seen = layout.unpack_invite(raw)._replace(call=call)
        change.txn.put(invited, layout.pack_invite(*seen), db=change.store.invite)
