"""What happens to a call after it was taken: fail-over, answer, requests in it, longer grants, its end.

Each function is one write transaction at most and finds out for itself whether it still applies: events come
twice, late and in any order, and only the first one changes anything.
"""

from __future__ import annotations

import ipaddress
from typing import Any, NamedTuple

from kemi import quote
from kemi.acknowledge import await_ack
from kemi.authorize import RINGING_SLACK_MS, Target, invite_key, take_gateway, target_of
from kemi.clock import Now
from kemi.identify import Source
from kemi.quote import Priced, Way
from kemi.refusal import UNAVAILABLE, Refusal
from kemi.rooms import Rooms
from kemi.store import accounts, layout, queues
from kemi.store.calls import ANSWERED, ChargeLeg, Leg, RunningCall, pack_call, unpack_call
from kemi.store.change import Change
from kemi.store.layout import Settings
from kemi.store.queues import Charged, Ending
from kemi.store.trunks import Network, gateway_by_id, trunk_by_id
from ratebook.compiled.read import decode_terms
from ratebook.model import Terms
from ratebook.price import attempt_charge, charge, longest_s
from ratebook.routing import Plan

PLENTY = 200
"""A longer grant is taken at once where it is at most this part of what is left."""

RING_LEFT_MIN_MS = 1_000
"""Another gateway is not worth less ringing than this."""


class Callee(NamedTuple):
    """The leg that answered, and Kamailio's names for the dialog."""

    to_tag: str
    contact: str
    route_set: tuple[str, ...]
    """URIs in the order in which a request to the callee carries them."""
    socket: str
    source: Source
    h_entry: int
    h_id: int


class Grant(NamedTuple):
    """The 2xx may pass."""

    timeout_s: int | None
    """What the dialog's timer is set to; None: the call is answered already (the same 2xx again, or that of a
    re-INVITE), leave the timer."""


class Denied(NamedTuple):
    """The 2xx must not pass, and the leg that sent it gets ACK and BYE."""

    rule: str
    code: int
    reason: str
    """What the caller is told."""


GONE = Denied("gone", 481, "Call/Transaction Does Not Exist")


class End(NamedTuple):
    """How a call ended, as far as the SIP side knows."""

    by: str
    """caller, callee, grant, operator, reaper, restart or system."""
    sip_code: int
    sip_reason: str
    ring_ms: int
    """Wall clock of the first 18x; 0: none."""


def find(rooms: Rooms, call: str) -> RunningCall | None:
    """The running call of a key; None: ended, or never was."""
    with rooms.store.read() as txn:
        raw = txn.get(bytes.fromhex(call), db=rooms.store.call)
    return None if raw is None else unpack_call(raw)


def call_of_invite(rooms: Rooms, call_id: str, from_tag: str) -> str | None:
    """The key of the call that an INVITE of the last minute began, ended or not; None: it began none."""
    with rooms.store.read() as txn:
        raw = txn.get(invite_key(call_id, from_tag), db=rooms.store.invite)
    return None if raw is None else layout.unpack_invite(raw).call.hex()


def networks_of(rooms: Rooms, running: RunningCall, side: str) -> tuple[Network, ...]:
    """Where requests of one side of a call may come from: its trunk's networks, or its gateway's."""
    store = rooms.store
    with store.read() as txn:
        if side == "caller":
            trunk = trunk_by_id(store, txn, running.trunk)
            return trunk.networks if trunk else ()
        gateway = gateway_by_id(store, txn, running.gateway)
        return gateway.networks if gateway else ()


# --- fail-over


def fail_over(rooms: Rooms, call: str, sip_code: int, now: Now) -> Target | None:
    """The next gateway after one failed with `sip_code`; None: there is none, the code goes to the caller.

    Cost, no-loss and capacity are checked anew; the holds stay.
    """
    store = rooms.store
    running = find(rooms, call)
    if running is None or running.is_answered:
        return None
    with store.read() as txn, rooms.rates.snapshot() as rates:
        plan = quote.plan_by_id(store, txn, running.plan)
        rung_ms = now.boot_ms - running.start_boot_ms
        if plan is None or not _may_try_again(plan, running, sip_code, rung_ms):
            return None
        top = decode_terms(running.legs[-1].terms) if running.legs else None
        look = quote.Look(store, txn, rates, running.called, now.wall_s)
        tried = {attempt[0] for attempt in running.attempts}
        ways = quote.find_ways(look, plan, top, tried)
    way = _change_gateway(rooms, running.key, ways, sip_code, now)
    return None if way is None else target_of(plan, way, running.called, rung_ms)


def _may_try_again(plan: Plan, running: RunningCall, sip_code: int, rung_ms: int) -> bool:
    """Whether the code and what is left of attempts and ringing time allow another gateway."""
    left_ms = plan.ring_timeout_s * 1000 - rung_ms
    return sip_code in plan.failover_codes and len(running.attempts) < plan.attempts_max and left_ms >= RING_LEFT_MIN_MS


def _change_gateway(rooms: Rooms, key: bytes, ways: list[Way], sip_code: int, now: Now) -> Way | None:
    with Change(rooms.store) as change:
        running = change.call(key)
        if running is None or running.is_answered:
            return None
        way = take_gateway(change, ways, now)
        if way is None:
            return None
        accounts.release_channel(change.store, change.txn, b"g", running.gateway)
        attempts = (*_with_code(running, sip_code), (way.gateway.id, 0, now.wall_ms))
        change.put_call(running._replace(gateway=way.gateway.id, provider=way.leg, attempts=attempts))
        return way


def _with_code(running: RunningCall, sip_code: int) -> tuple[tuple[int, int, int], ...]:
    """The attempts, with the code that the last one came to."""
    *before, (gateway, _, at_ms) = running.attempts
    return (*before, (gateway, sip_code, at_ms))


# --- answer


def answered(rooms: Rooms, call: str, callee: Callee, ring_ms: int, now: Now) -> Grant | Denied:
    """Decides on a 2xx to an INVITE: the answer's stamp, the price of this moment, the first full grant."""
    with Change(rooms.store) as change:
        running = change.call(bytes.fromhex(call))
        refused = _not_to_be_answered(change, running, callee)
        if refused is not None or running is None:
            return refused or GONE
        priced, provider = _price_again(rooms, running, now)
        settings = rooms.store.settings(change.txn)
        grant_s = _next_grant_s(change, running, priced, settings)
        if grant_s < 1:
            return _refuse_answer(change, running, priced, ring_ms, now)
        generation = rooms.store.generation(change.txn)
        talking = _connected(_answered_call(running, priced, provider, grant_s), callee, ring_ms, generation, now)
        _hold(change, running, talking)
        talking = talking._replace(due_ms=_due_ms(talking, settings, now))
        change.event(queues.ANSWERED, now, change.move_call(talking, running.due_ms))
        await_ack(change, talking, settings.ack_wait_s)
    return Grant(grant_s)


def _not_to_be_answered(change: Change, running: RunningCall | None, callee: Callee) -> Grant | Denied | None:
    """What a 2xx gets that isn't the first one of the gateway at hand; None: it is."""
    if running is None:
        return GONE
    if running.is_answered:
        same = callee.to_tag in {leg.tag for leg in (running.callee_leg, running.caller_leg) if leg is not None}
        return Grant(None) if same else Denied("second_answer", 500, "Second answer")
    gateway = gateway_by_id(change.store, change.txn, running.gateway)
    address = ipaddress.ip_address(callee.source.ip)
    if gateway is None or not any(address in network for network in gateway.networks):
        return Denied("candidate", 481, "Call/Transaction Does Not Exist")
    return None


def _price_again(rooms: Rooms, running: RunningCall, now: Now) -> tuple[list[Priced], ChargeLeg | None]:
    """Each leg by the rate in effect now, of the tariff version that the call started with.

    A version that is gone leaves the leg as it was, and nothing is looked up while no rate can have changed.
    """
    if now.wall_s < running.priced_until_s:
        return [_as_it_was(leg) for leg in running.legs], running.provider
    with rooms.rates.snapshot() as rates:
        priced = [_leg_again(rates, leg, running.called, now) for leg in running.legs]
        provider = running.provider
        return priced, provider and _leg_again(rates, provider, running.called, now).leg


def _as_it_was(leg: ChargeLeg) -> Priced:
    return Priced(leg, decode_terms(leg.terms), 0)


def _leg_again(rates: Any, leg: ChargeLeg, number: str, now: Now) -> Priced:
    found = rates.find(leg.tariff, number, now.wall_s)
    if found is None or found.terms.blocked:
        return _as_it_was(leg)
    again = leg._replace(prefix=found.prefix, destination=found.destination, terms=found.raw)
    return Priced(again, found.terms, found.until_s)


def _answered_call(running: RunningCall, priced: list[Priced], provider: ChargeLeg | None, grant_s: int) -> RunningCall:
    """The call with the legs of this moment, and held for its grant."""
    held = (charge(leg.terms, grant_s * 1000).micros for leg in priced)
    return running._replace(
        state=ANSWERED,
        legs=tuple(leg.leg._replace(held=micros) for leg, micros in zip(priced, held, strict=True)),
        provider=provider,
        attempts=_with_code(running, 200),
        grant_s=grant_s,
    )


def _connected(running: RunningCall, callee: Callee, ring_ms: int, generation: int, now: Now) -> RunningCall:
    """The call with its answer's stamp and its second leg."""
    return running._replace(
        callee_leg=Leg(callee.to_tag, callee.contact, callee.route_set, 0, callee.socket),
        ring_wall_ms=ring_ms,
        answer_boot_ms=now.boot_ms,
        answer_wall_ms=now.wall_ms,
        seen_boot_ms=now.boot_ms,
        h_entry=callee.h_entry,
        h_id=callee.h_id,
        generation=generation,
    )


def _refuse_answer(change: Change, running: RunningCall, priced: list[Priced], ring_ms: int, now: Now) -> Denied:
    """Nobody can pay the first second any more: the call ends before it began."""
    poor = next(
        (leg.leg.account for leg in priced if _payable_s(change, leg, 1) < 1),
        running.account,
    )
    refused = Refusal("funds", poor, running.account).refused
    ending = Ending("failed", "system", refused.code, refused.reason, ring_ms, 0, "funds", poor)
    _settle(change, running, ending, now)
    return Denied("funds", refused.code, refused.reason)


def _next_grant_s(change: Change, running: RunningCall, priced: list[Priced], settings: Settings) -> int:
    """How long the call may go on: a standard grant while every level has plenty, else a first hold's length more.

    Never less than what is held already pays, if the money is there. So an answered call takes no more from one
    that is not answered yet than a first hold is, unless that is little beside what is left.
    """
    standard_s = min(running.grant_s + settings.grant_s, settings.max_call_s)
    if all(_has_plenty(change, leg, standard_s) for leg in priced):
        return standard_s
    covered_s = min(longest_s(leg.terms, leg.leg.held, standard_s) for leg in priced)
    short_s = min(running.grant_s + settings.first_hold_s, standard_s)
    return _affordable_s(change, running, priced, max(covered_s, short_s))


def _has_plenty(change: Change, leg: Priced, seconds: int) -> bool:
    more = charge(leg.terms, seconds * 1000).micros - leg.leg.held
    return more * PLENTY <= change.account(leg.leg.account).available or more <= 0


def _affordable_s(change: Change, running: RunningCall, priced: list[Priced], limit_s: int) -> int:
    """How long all levels can pay from the answer on, `limit_s` at most; below 1: not even a second."""
    seconds = limit_s
    for leg in priced:
        seconds = min(seconds, _payable_s(change, leg, seconds))
        if seconds < 1:
            return 0
    return max(seconds, running.grant_s)


def _payable_s(change: Change, leg: Priced, limit_s: int) -> int:
    account = change.account(leg.leg.account)
    return longest_s(leg.terms, account.available + leg.leg.held, limit_s)


def _hold(change: Change, before: RunningCall, after: RunningCall) -> None:
    """Moves what is held on each level from one state of a call to the next."""
    for old, new in zip(before.legs, after.legs, strict=True):
        if new.held != old.held:
            account = change.account(new.account)
            accounts.put_moved(change.store, change.txn, account, held=new.held - old.held)


def _due_ms(call: RunningCall, settings: Settings, now: Now) -> int:
    """When the meter looks at an answered call next: before its money ends, or a second from now."""
    before_ms = min(settings.extend_before_s * 1000, (call.grant_end_boot_ms - now.boot_ms) // 3)
    return max(call.grant_end_boot_ms - before_ms, now.boot_ms + 1000)


# --- requests in the call


def advance(rooms: Rooms, call: str, side: str, cseq: int, contact: str | None) -> None:
    """Notes a request that was let through: its CSeq, and its Contact if it moves the side's remote target.

    `contact` None: the target stays. A lower CSeq than the noted one changes nothing; the same one may move the
    target (it moves when the request is accepted, and by the Contact of a 2xx, which has no CSeq of its own).
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


# --- longer grants


class Extension(NamedTuple):
    """What became of a call that was due."""

    before: RunningCall
    after: RunningCall

    @property
    def grew(self) -> bool:
        """Whether there is more time now."""
        return self.after.grant_s > self.before.grant_s


def extend(rooms: Rooms, key: bytes, now: Now) -> Extension | None:
    """Takes the next grant for an answered call if every level can pay it; None: the call is gone or rings."""
    with Change(rooms.store) as change:
        running = change.call(key)
        if running is None or not running.is_answered:
            return None
        settings = rooms.store.settings(change.txn)
        grant_s = _longer_s(change, running, settings)
        after = running
        if grant_s > running.grant_s:
            after = _longer_call(running, grant_s, now)
            _hold(change, running, after)
            change.event(queues.EXTENDED, now, (key, grant_s, tuple(leg.held for leg in after.legs)))
        after = after._replace(due_ms=_due_ms(after, settings, now))
        change.move_call(after, running.due_ms)
    return Extension(running, after)


def _longer_s(change: Change, running: RunningCall, settings: Settings) -> int:
    if running.cut_by or not _path_is_active(change, running):
        return running.grant_s
    return max(running.grant_s, _next_grant_s(change, running, [_as_it_was(leg) for leg in running.legs], settings))


def _path_is_active(change: Change, running: RunningCall) -> bool:
    return all(change.account(account).is_active for account in running.path)


def _longer_call(running: RunningCall, grant_s: int, now: Now) -> RunningCall:
    legs = tuple(leg._replace(held=charge(decode_terms(leg.terms), grant_s * 1000).micros) for leg in running.legs)
    return running._replace(legs=legs, grant_s=grant_s, seen_boot_ms=now.boot_ms)


def shorten(rooms: Rooms, key: bytes, seconds: int, now: Now) -> None:
    """Ends an answered call's grant so many seconds from now, unless it ends before; the rest is no longer held."""
    with Change(rooms.store) as change:
        running = change.call(key)
        if running is None or not running.is_answered:
            return
        grant_s = -((running.answer_boot_ms - now.boot_ms) // 1000) + seconds
        if grant_s < running.grant_s:
            after = _longer_call(running, grant_s, now)
            _hold(change, running, after)
            change.move_call(after._replace(due_ms=now.boot_ms + 1000), running.due_ms)


# --- the end


def ended(rooms: Rooms, call: str, end: End, now: Now) -> bool:
    """Settles a call, answered or not. False: it was settled before, and nothing changes."""
    with Change(rooms.store) as change:
        running = change.call(bytes.fromhex(call))
        if running is None:
            return False
        settle(change, running, end, now, now.boot_ms)
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
            settle(change, running, end, now, now.boot_ms)
    return True


def settle(change: Change, running: RunningCall, end: End, now: Now, end_boot_ms: int) -> None:
    """Ends a call in a transaction of the caller: it lasted until `end_boot_ms`, at most its grant is billed."""
    duration_ms = 0
    by = "operator" if running.cut_by and end.by in {"grant", "reaper"} else end.by
    if running.is_answered:
        duration_ms = min(max(0, end_boot_ms - running.answer_boot_ms), running.grant_s * 1000)
        outcome = "answered"
    else:
        outcome = "cancelled" if end.by == "caller" else "failed"
    _settle(change, running, Ending(outcome, by, end.sip_code, end.sip_reason, end.ring_ms, duration_ms), now)


def _settle(change: Change, running: RunningCall, ending: Ending, now: Now) -> None:
    charges = [_charged(running, decode_terms(leg.terms), ending) for leg in running.legs]
    cost = None if running.provider is None else _charged(running, decode_terms(running.provider.terms), ending)
    change.remove_call(running)
    _release_path(change, running, charges)
    accounts.release_channel(change.store, change.txn, b"t", running.trunk)
    accounts.release_channel(change.store, change.txn, b"g", running.gateway)
    if running.provider is not None and cost is not None and cost.micros:
        provider = change.account(running.provider.account)
        accounts.put_moved(change.store, change.txn, provider, balance=cost.micros)
    if not running.is_answered and running.attempts:
        running = running._replace(attempts=_with_code(running, ending.sip_code))
    plain = tuple(map(tuple, charges))
    change.event(queues.SETTLED, now, (pack_call(running), tuple(ending), plain, None if cost is None else tuple(cost)))


def _charged(running: RunningCall, terms: Terms, ending: Ending) -> Charged:
    if not running.is_answered:
        return Charged(0, attempt_charge(terms))
    price = charge(terms, ending.duration_ms)
    return Charged(price.billed_s, price.micros)


def _release_path(change: Change, running: RunningCall, charges: list[Charged]) -> None:
    """Frees a channel of every account of the path; the chain's give back their hold and pay their charge."""
    paid = {leg.account: (leg.held, charged.micros) for leg, charged in zip(running.legs, charges, strict=True)}
    for account_id in running.path:
        held, micros = paid.get(account_id, (0, 0))
        account = change.account(account_id)
        accounts.put_moved(change.store, change.txn, account, channels=-1, held=-held, balance=-micros)


def restart_due_ms(call: RunningCall, settings: Settings, now: Now) -> int:
    """The due time of a call that a new store or a new start takes over."""
    if call.is_answered:
        return _due_ms(call, settings, now)
    return now.boot_ms + RINGING_SLACK_MS


NO_ANSWER = End("reaper", *UNAVAILABLE, 0)
"""A call that rang past its limit with nobody there to say so."""
