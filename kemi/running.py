"""Running calls as messages ask for them: which call, from where its sides may speak, what has passed in it."""

from __future__ import annotations

from typing import Any, NamedTuple

from kemi.clock import Now
from kemi.guards import side_of
from kemi.rooms import Rooms
from kemi.sides import may_hang_up, may_speak
from kemi.store import layout, queues
from kemi.store.calls import RunningCall, unpack_call
from kemi.store.change import Change
from kemi.store.environment import HotStore


def find(rooms: Rooms, call: str) -> RunningCall | None:
    """The running call of a key; None: ended, or never was."""
    store = rooms.store
    with store.read() as txn:
        raw = txn.get(bytes.fromhex(call), db=store.call)
    return None if raw is None else unpack_call(raw)


def call_of_invite(rooms: Rooms, call_id: str, from_tag: str) -> str | None:
    """The key of the call that an INVITE of the last minute began, ended or not; None: it began none."""
    with rooms.store.read() as txn:
        raw = txn.get(layout.invite_key(call_id, from_tag), db=rooms.store.invite)
    return None if raw is None else layout.unpack_invite(raw).call.hex()


def asked_by(rooms: Rooms, call_id: str, from_tag: str, cseq: int) -> RunningCall | None:
    """The call that waits for the answer to an INVITE or MESSAGE; None: none does."""
    store = rooms.store
    with store.read() as txn:
        raw = txn.get(layout.invite_key(call_id, from_tag), db=store.invite)
        invite = None if raw is None else layout.unpack_invite(raw)
        record = txn.get(invite.call, db=store.call) if invite is not None and invite.cseq == cseq else None
    running = None if record is None else unpack_call(record)
    return None if running is None or running.is_answered else running


def with_tags(store: HotStore, txn: Any, call_id: str, tags: set[str]) -> RunningCall | None:
    """The answered call of a Call-ID and both tags. A look through all calls, for what is asked seldom."""
    needle = call_id.encode()
    with txn.cursor(store.call) as cursor:
        for _, raw in cursor:
            if needle in raw:
                running = unpack_call(raw)
                if running.call_id == call_id and running.is_answered and {*running.tags} == tags:
                    return running
    return None


def is_past(rooms: Rooms, call_id: str, *tags: str) -> bool:
    """Whether the INVITE of a Call-ID and the first of these From-tags that is known waits for no answer any more: its
    call is answered, or over. Of what is said of no INVITE, no.
    """
    store = rooms.store
    with store.read() as txn:
        for tag in tags:
            raw = txn.get(layout.invite_key(call_id, tag), db=store.invite)
            if raw is not None:
                record = txn.get(layout.unpack_invite(raw).call, db=store.call)
                return record is None or unpack_call(record).is_answered
    return False


class Speaker(NamedTuple):
    """Who speaks in a call."""

    running: RunningCall
    record: bytes
    """The store's, of the call as it was read."""
    side: str
    """`caller` or `callee`."""


def speaker(
    rooms: Rooms,
    call: str,
    from_tag: str,
    to_tag: str,
    ip: str,
    proven: tuple[str, ...] = (),
    *,
    hangs_up: bool = False,
) -> Speaker | None:
    """The running call and the side of it that speaks, by both tags, and the address and certificate it speaks with.
    `hangs_up`: it says BYE.

    None: the call has ended or never was, or neither side has these tags and sends from there.
    """
    store = rooms.store
    with store.read() as txn:
        raw = txn.get(bytes.fromhex(call), db=store.call)
        if raw is None:
            return None
        running = unpack_call(raw)
        side = side_of(running, from_tag, to_tag)
        if side is None:
            return None
        if not may_speak(store, txn, running, side, ip, proven) and not (
            hangs_up and may_hang_up(store, txn, running, side, ip, proven)
        ):
            return None
    return tuple.__new__(Speaker, (running, raw, side))


def comes_from_side(rooms: Rooms, running: RunningCall, side: str, ip: str, proven: tuple[str, ...] = ()) -> bool:
    """Whether an address and a certificate are such as this side of the call may send with."""
    store = rooms.store
    with store.read() as txn:
        return may_speak(store, txn, running, side, ip, proven)


def answers_from_side(rooms: Rooms, running: RunningCall, side: str, ip: str, proven: tuple[str, ...] = ()) -> bool:
    """Whether a reply of this address may be a side's to what it was asked in the call: it is one that the side may
    send with, or the one to which requests to it go.
    """
    store = rooms.store
    with store.read() as txn:
        return may_speak(store, txn, running, side, ip, proven) or may_hang_up(store, txn, running, side, ip, proven)


def advance(rooms: Rooms, call: str, side: str, cseq: int, contact: str | None) -> None:
    """Notes a request that was let through: its CSeq, and its Contact if it moves the side's remote target.

    `contact` None: the target stays. A lower CSeq than the noted one changes nothing; the same one may move the target
    (it moves when the request is accepted, and by the Contact of a 2xx, which has no CSeq of its own).
    """
    field = "caller_leg" if side == "caller" else "callee_leg"
    with Change(rooms.store) as change:
        running = change.call(bytes.fromhex(call))
        leg = None if running is None else getattr(running, field)
        if running is None or leg is None or cseq < leg.cseq:
            return
        moved = leg._replace(cseq=cseq, contact=contact or leg.contact)
        if moved == leg:
            return
        change.put_call(running._replace(**{field: moved}))


def refer(rooms: Rooms, call: str, side: str, now: Now) -> None:
    """Notes that a side's REFER was let through: the other side may tell what became of it, also after a restart."""
    with Change(rooms.store) as change:
        running = change.call(bytes.fromhex(call))
        if running is not None and running.referred != side:
            change.put_call(running._replace(referred=side))
            change.event(queues.REFERRED, now, {"call": call, "side": side})
