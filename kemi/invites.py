"""INVITEs that were seen: the same one again begins no second call, nor does another one that takes its name."""

from __future__ import annotations

from typing import NamedTuple

from kemi.clock import Now
from kemi.invitation import Invitation
from kemi.store import layout
from kemi.store.calls import RunningCall
from kemi.store.change import Change
from kemi.store.layout import invite_key

INVITE_DUE = b"i"
"""Of its entries in the due index."""


class Repeated(NamedTuple):
    """The INVITE was here before."""

    retransmission: bool
    """True: the very same, say nothing. False: another with the same Call-ID and From-tag, 482."""


def repeated(change: Change, invitation: Invitation, raw: bytes, branch: bytes, now: Now) -> Repeated | None:
    """Whether an INVITE is one that was here before, of which `raw` is remembered; None: it begins another call."""
    before = layout.unpack_invite(raw)
    if before.cseq == invitation.cseq and before.branch == branch:
        return Repeated(retransmission=True)
    running = change.txn.get(before.call, db=change.store.call) is not None
    if running or (invitation.cseq <= before.cseq and now.boot_ms < before.until_ms):
        return Repeated(retransmission=False)
    return None


def forget(change: Change, key: bytes, now: Now) -> None:
    """Takes out an INVITE whose time is over. Not while its call runs, nor soon after: Kamailio could take the dialog
    of another one with the same name for its own.
    """
    raw = change.txn.get(key, db=change.store.invite)
    if raw is None:
        return
    invite = layout.unpack_invite(raw)
    look_ms = invite.until_ms
    if change.txn.get(invite.call, db=change.store.call) is not None:
        look_ms = now.boot_ms + layout.INVITE_MEMORY_MS
        _keep(change, key, invite, look_ms + layout.INVITE_MEMORY_MS)
    if look_ms > now.boot_ms:
        change.txn.put(layout.due_key(look_ms, INVITE_DUE, key), b"", db=change.store.due)
    else:
        change.txn.delete(key, db=change.store.invite)
        change.invites -= 1


def keep_on(change: Change, running: RunningCall, until_ms: int) -> None:
    """A call that rings has come to its end: its INVITE is remembered for as long as a gateway may still answer it."""
    key = invite_key(running.call_id, running.from_tag)
    raw = change.txn.get(key, db=change.store.invite)
    if raw is not None and layout.unpack_invite(raw).until_ms < until_ms:
        _keep(change, key, layout.unpack_invite(raw), until_ms)


def _keep(change: Change, key: bytes, invite: layout.Invite, until_ms: int) -> None:
    record = layout.pack_invite(*invite._replace(until_ms=until_ms))
    change.txn.put(key, record, db=change.store.invite)
