"""INVITEs that were seen: the same one again begins no second call, nor does another one that takes its name."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from kemi.clock import Now
from kemi.invitation import Invitation
from kemi.store import layout
from kemi.store.change import Change


class Repeated(NamedTuple):
    """The INVITE was here before."""

    retransmission: bool
    """True: the very same, say nothing. False: another with the same Call-ID and From-tag, 482."""


def invite_key(call_id: str, from_tag: str) -> bytes:
    """The key of an INVITE among those of the last minute."""
    return blake2b(f"{call_id}\0{from_tag}".encode(), digest_size=16).digest()


def repeated(change: Change, invitation: Invitation, raw: bytes, branch: bytes, now: Now) -> Repeated | None:
    """Whether an INVITE is one that was here before, of which `raw` is remembered; None: it begins another call."""
    before = layout.unpack_invite(raw)
    if before.cseq == invitation.cseq and before.branch == branch:
        return Repeated(retransmission=True)
    running = change.txn.get(before.call, db=change.store.call) is not None
    if running or (invitation.cseq <= before.cseq and now.boot_ms < before.until_ms):
        return Repeated(retransmission=False)
    return None
