"""The end of a call: what each level owes, what it gives back, and the event that the ledger will read.

Ends come twice, late and in any order: the first one settles, the others change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from kemi import limits, packages, suspension
from kemi.clock import Now
from kemi.invites import keep_on
from kemi.joined import together
from kemi.refusal import UNAVAILABLE
from kemi.rooms import Rooms
from kemi.store import accounts, exposure, queues
from kemi.store.calls import ANSWERED, RINGING, Attempt, ChargeLeg, RunningCall, has_packages, pack_call, unpack_call
from kemi.store.change import Change
from kemi.store.queues import Charged, Ending
from kemi.store.specials import MESSAGE
from ratebook.compiled.layout import decode_terms
from ratebook.price import attempt_charge, charge, message_charge

_new = tuple.__new__

LATE_MS = 10_000
"""How long after the end of a call that rang its gateway's 200 may come: twice what tm waits for it."""

NO_POOLS: Mapping[int, packages.Pool] = MappingProxyType({})


class End(NamedTuple):
    """How a call ended, as far as the SIP side knows."""

    by: str
    """caller, callee, grant, operator, suspension, reaper, restart or system."""
    sip_code: int
    sip_reason: str
    ring_ms: int
    """Wall clock of the first 18x of the gateway, or place, at hand; 0: none."""


NO_ANSWER = End("reaper", *UNAVAILABLE, 0)
"""A call that rang past its limit with nobody there to say so."""


class Bill(NamedTuple):
    """All that the end of a call changes, before anything of it is written."""

    charges: tuple[Charged, ...]
    """Of each leg."""
    cost: tuple[int, int] | None
    """The same of the provider's."""
    event: bytes
    """The record that the ledger will read."""
    duration_ms: int
    wall_s: int


def ended(rooms: Rooms, call: str, end: End, now: Now) -> bool:
    """Settles a call, answered or not. False: it was settled before, and nothing changes."""
    with Change(rooms.store) as change:
        running = change.call(bytes.fromhex(call))
        if running is None:
            return False
        if not running.is_answered:
            keep_on(change, running, now.boot_ms + LATE_MS)
        settle(change, running, end, now, now.boot_ms)
    return True


def turned_down(rooms: Rooms, call: str, end: End, now: Now) -> RunningCall | None:
    """As `ended`, of a call whose answer its caller has not heard: it is refused, or can't be told. One that another
    process has answered in this very moment has failed all the same, and costs no more. The call as it was until then;
    None: it was settled before.
    """
    with Change(rooms.store) as change:
        running = change.call(bytes.fromhex(call))
        if running is not None:
            keep_on(change, running, now.boot_ms + LATE_MS)
            for one in together(change, running):
                settle_alone(change, _unanswered(one), end, now, now.boot_ms)
    return running


def _unanswered(running: RunningCall) -> RunningCall:
    return running._replace(state=RINGING, answer_boot_ms=0, answer_wall_ms=0, grant_s=0)


def hung_up(rooms: Rooms, seen: RunningCall, before: bytes, end: End, now: Now) -> bool:
    """As `ended`, of a call that has just been read, and its record: its bill is made before the store's lock is taken.

    What has changed since is seen there, and the bill made anew; so it is if packages pay, which others use too.
    """
    is_alone = not seen.joined and not has_packages(seen.legs)
    bill = bill_of(seen, before, _ending(seen, end, now.boot_ms), now)
    with Change(rooms.store) as change:
        record = change.txn.get(seen.key, db=change.store.call)
        if record is None:
            return False
        if record == before and is_alone:
            close(change, seen, bill)
        else:
            settle(change, unpack_call(record), end, now, now.boot_ms)
    return True


def delivered(rooms: Rooms, call: str, now: Now) -> bool:
    """Settles a MESSAGE that its gateway has taken. False: it was settled before."""
    with Change(rooms.store) as change:
        running = change.call(bytes.fromhex(call))
        if running is None:
            return False
        taken = running._replace(
            state=ANSWERED,
            attempts=with_code(running, 200, 0, now),
            answer_boot_ms=now.boot_ms,
            answer_wall_ms=now.wall_ms,
        )
        settle(change, taken, End("callee", 200, "OK", 0), now, now.boot_ms)
    return True


def given_up(rooms: Rooms, call: str, end: End, now: Now) -> bool:
    """Settles a call before its answer. False: it is answered, and goes on.

    This transaction, not the order of messages, says which of a CANCEL and a 2xx was first.
    """
    with Change(rooms.store) as change:
        running = change.call(bytes.fromhex(call))
        if running is not None and running.is_answered:
            return False
        if running is not None:
            keep_on(change, running, running.due_ms)
            settle(change, running, end, now, now.boot_ms)
    return True


def settle(change: Change, running: RunningCall, end: End, now: Now, end_boot_ms: int) -> None:
    """Ends a call in a transaction of the caller, and those that are joined to it: each lasted until `end_boot_ms`, and
    at most its grant is billed.
    """
    for one in together(change, running) if running.joined else (running,):
        settle_alone(change, one, end, now, end_boot_ms)


def settle_alone(change: Change, running: RunningCall, end: End, now: Now, end_boot_ms: int) -> None:
    """As `settle`, without those that are joined to it."""
    pools = {leg.account: packages.pool_of(change, leg, now.wall_s) for leg in running.legs if leg.packages}
    close(change, running, bill_of(running, pack_call(running), _ending(running, end, end_boot_ms), now, pools))


def _ending(running: RunningCall, end: End, end_boot_ms: int) -> Ending:
    duration_ms = 0
    by, sip_code, sip_reason, ring_ms = end
    if running.cut_by and by in {"grant", "reaper", "system"}:  # the timer may be early
        by = suspension.BY if running.cut_by == suspension.BY else "operator"
    if running.state == ANSWERED:
        elapsed_ms = end_boot_ms - running.answer_boot_ms
        if elapsed_ms >= 0:  # what ends in the millisecond of its answer has lasted a part of it
            duration_ms = min(max(1, elapsed_ms), running.grant_s * 1000)
        outcome = "answered"
    else:
        outcome = "cancelled" if end.by == "caller" else "failed"
    return _new(Ending, (outcome, by, sip_code, sip_reason, ring_ms, duration_ms, "", 0))


def bill_of(
    running: RunningCall, record: bytes, ending: Ending, now: Now, pools: Mapping[int, packages.Pool] = NO_POOLS
) -> Bill:
    """What each level owes for a call of this record that ends so. `pools`: what packages can pay, by account."""
    charges, rows = [], []
    for leg in running.legs:
        charged = _charged(running, leg, ending.duration_ms, pools.get(leg.account))
        charges.append(charged)
        rows.append(tuple(charged))
    provider = running.provider
    if provider is None:
        cost = None
    elif running.state != ANSWERED and running.attempts:  # the attempt with which it ends, by its own second
        cost = 0, attempt_fee(running, provider, running.attempts[-1])
    else:
        cost = _charged(running, provider, ending.duration_ms)[:2]
    if running.state != ANSWERED and running.attempts:
        record = pack_call(running._replace(attempts=with_code(running, ending.sip_code, ending.ring_wall_ms, now)))
    event = queues.pack_event(queues.SETTLED, now, (running.key, record, tuple(ending), tuple(rows), cost))
    return _new(Bill, (tuple(charges), cost, event, ending.duration_ms, now.wall_ms // 1000))


def close(change: Change, running: RunningCall, bill: Bill) -> None:
    """Takes a call out of the store with its bill: holds and channels go back, charges are paid, the event is left."""
    store, txn = change.store, change.txn
    change.remove_call(running)
    paid = {}
    for leg, one in zip(running.legs, bill.charges, strict=True):
        paid[leg.account] = (leg.held, one[1])
        if leg.packages:
            packages.settle(change, leg, one)
    moves = []
    for account_id in running.path:
        held, micros = paid.pop(account_id, (0, 0))
        moves.append((account_id, -1, -held, -micros))
    for account_id, (held, micros) in paid.items():  # who is called, and pays for that
        moves.append((account_id, 0, -held, -micros))
    if running.provider is not None and running.provider.held:
        exposure.move(change, running.provider.account, -running.provider.held)
    if running.provider is not None and bill.cost is not None and bill.cost[1]:
        moves.append((running.provider.account, 0, 0, bill.cost[1]))
    accounts.move(store, txn, moves)
    used = (b"t", running.trunk), (b"d", running.device), (b"g", running.gateway), (b"n", running.number)
    accounts.release_channels(store, txn, used)
    if running.limits:
        limits.settle(change, running, [one.micros for one in bill.charges], bill.duration_ms, bill.wall_s)
    change.add_event(bill.event)


def _charged(running: RunningCall, leg: ChargeLeg, duration_ms: int, pool: packages.Pool | None = None) -> Charged:
    """What one leg comes to."""
    terms = decode_terms(leg.terms)
    if running.special == MESSAGE:
        fee = message_charge(terms, running.start_wall_ms // 1000, leg.factor) if running.is_answered else 0
        return Charged(0, fee or 0)
    if running.state != ANSWERED:
        return Charged(0, attempt_charge(terms, running.start_wall_ms // 1000, leg.factor))
    answered_s = running.answer_wall_ms // 1000
    if pool is not None:
        return packages.charged(leg, pool, duration_ms, answered_s)
    billed_s, micros = charge(terms, duration_ms, answered_s, leg.factor)
    return _new(Charged, (billed_s, micros, False, ()))


def attempt_fee(running: RunningCall, leg: ChargeLeg, left: Attempt) -> int:
    """What a provider gets for an attempt at its gateway that has failed, by the rate of its INVITE's second."""
    if running.special == MESSAGE:
        return 0
    return attempt_charge(decode_terms(leg.terms), left[2] // 1000, leg.factor)


def with_code(running: RunningCall, sip_code: int, ring_ms: int, now: Now) -> tuple[Attempt, ...]:
    """The attempts, with the code that the last one came to now, and when it rang (0: it didn't)."""
    *before, (gateway, _, at_ms, *_) = running.attempts
    return (*before, (gateway, sip_code, at_ms, ring_ms, now.wall_ms))
