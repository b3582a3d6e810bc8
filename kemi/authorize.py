"""The decision about a new call: one read to price it, one write transaction to take it.

What is priced outside the transaction is checked inside it against the balances of that moment: two
calls at once never spend the same money.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from kemi import limits, quote
from kemi.attest import attestation_of, identity_of
from kemi.beginning import Beginning, Course, call_max_of, new_call_key, ringing
from kemi.caller import Parties, caller_of, parties_for, said_by
from kemi.capacity import path_now, take_gateway, take_origin, take_path
from kemi.clock import Now
from kemi.destination import Local, destination, whom_of_ours
from kemi.invitation import Invitation
from kemi.invites import Repeated, repeated
from kemi.joined import join
from kemi.packages import first_holds
from kemi.portability import Routing, routing_of
from kemi.pricing import Caller, Price, price_of
from kemi.quote import Chain
from kemi.refusal import Refusal, Refused
from kemi.rooms import Rooms
from kemi.store import accounts, layout, portings
from kemi.store.calls import Claim, RunningCall, pack_call
from kemi.store.change import Change
from kemi.store.environment import StoreAbsent
from kemi.store.layout import Account
from kemi.store.origins import Origin
from kemi.store.specials import EMERGENCY, MESSAGE, Specials
from kemi.turned_down import record_refusal
from kemi.ways import Way
from ratebook.routing import Plan, Portability

TRIES_MAX = 3
"""How often a call is priced anew because the accounts above it have just been changed."""

_new = tuple.__new__  # the __new__ of each NamedTuple is a function of its own, and cold at each call

NOBODYS = Specials()
"""The list of special numbers as a MESSAGE sees it."""


class Target(NamedTuple):
    """Where the INVITE goes."""

    gateway: int
    host: str
    port: int
    transport: str
    number: str
    try_timeout_ms: int
    """How long it may be silent."""
    ring_ms: int
    """How long it may ring: what is left of the plan's limit over all gateways."""
    parties: Parties
    """What it is told of both ends."""
    uri: str = ""
    """To somebody of ours: what the INVITE carries; empty: the number at the host."""
    socket: str = ""
    """Of ours, from which it goes; empty: any."""


class Admitted(NamedTuple):
    """The call is held and may go out."""

    call: str
    target: Target
    loser: int
    """An account that pays more for such a call than it earns, as the plan lets it; 0: none."""
    is_emergency: bool = False


class _Question(NamedTuple):
    """All that the write transaction needs to know about a call."""

    begun: Beginning
    origin: Origin
    routing: Routing
    plan_id: int
    txn_id: int
    """Of the store as it was read."""
    price: Price


def authorise(
    rooms: Rooms, trunk: Origin, invitation: Invitation, now: Now, *, is_message: bool = False
) -> Admitted | Refused | Repeated | Local:
    """Takes a call (or a MESSAGE) or says why not. A refused one has left its record when this returns."""
    kind = MESSAGE if is_message else "call"
    key = new_call_key(now)
    try:
        for _ in range(TRIES_MAX):
            question = _price(rooms, key, trunk, invitation, now, is_message=is_message)
            if isinstance(question, Local):
                return question
            decision = _take(rooms, question, now)
            if decision is not None:
                return decision
        raise Refusal("busy", 0, trunk.account)  # noqa: TRY301 -- answered and recorded as every other one
    except Refusal as refusal:
        record_refusal(rooms, trunk, invitation, refusal.refused, kind, now, refusal.limit)
        if refusal.asks:
            _ask(rooms, refusal.asks, now)
        return refusal.refused
    except accounts.BrokenPath as broken:
        refused = Refusal("path", broken.account, 0).refused
        record_refusal(rooms, trunk, invitation, refused, kind, now)
        return refused


def target_of(plan: Plan, way: Way, parties: Parties, rung_ms: int) -> Target:
    """Where the INVITE goes for a gateway, `rung_ms` after the call began."""
    gateway = way.gateway
    ring_ms = plan.ring_timeout_s * 1000 - rung_ms
    place = gateway.id, gateway.host, gateway.port, gateway.transport, way.user
    return _new(Target, (*place, plan.try_timeout_ms, ring_ms, parties, "", ""))


def _price(
    rooms: Rooms, key: bytes, trunk: Origin, invitation: Invitation, now: Now, *, is_message: bool
) -> _Question | Local:
    store = rooms.store
    try:
        snapshot = rooms.rates.snapshot()
    except StoreAbsent:
        raise Refusal("rates", 0, trunk.account) from None
    with store.read() as txn, snapshot as rates:
        configuration = store.configuration(txn)
        translations = configuration.translations(txn, trunk.account)
        caller = caller_of(trunk, invitation, translations)
        path = accounts.path_of(store, txn, trunk.account)
        listed = NOBODYS if is_message else configuration.specials(txn)
        found = destination(listed, translations, trunk, invitation, path)
        called = invitation.called
        local = whom_of_ours(store, txn, configuration, trunk, path, found, called, is_message=is_message)
        if local is not None:
            return local
        number, special, plan_id = found
        if invitation.place is not None or (special and invitation.redirected):
            raise Refusal("redirected" if special else "takeover", trunk.account, trunk.account)
        identity = ""
        if rooms.can_sign and not is_message:
            said = said_by(trunk, invitation, translations)
            identity = identity_of(trunk, invitation, said, number, now, may_refuse=not special)
            caller = caller._replace(attestation=attestation_of(store, txn, trunk, caller, said, identity))
        plan = configuration.plan(txn, plan_id)
        if plan is None:
            raise _no_plan(plan_id, path, trunk)
        routing = _new(Routing, (number, False))
        if not special and plan.portability is not Portability.OFF:
            routing = routing_of(store, txn, configuration, rates, plan, number, now.boot_ms)
        at_s, boot_ms = now.wall_ms // 1000, now.boot_ms
        sought = store, txn, configuration, rates, routing.number, at_s, boot_ms, number, invitation.offer
        look = _new(quote.Look, sought)
        special = MESSAGE if is_message else special
        by = _new(Caller, (trunk, path, configuration.cautious(txn, path), caller.number))
        try:
            price = price_of(look, plan, by, key, special, routing)
        except Refusal as refusal:
            refusal.asks = number if routing.is_unknown else ""
            raise
        txn_id = txn.id()
    call_max_s = call_max_of(price.standing, trunk)
    begun = Beginning(key, trunk, invitation, caller, identity, path, number, special, call_max_s)
    return _new(_Question, (begun, trunk, routing, plan_id, txn_id, price))


def _no_plan(plan_id: int, path: list[Account], trunk: Origin) -> Refusal:
    """None is given, or what is given is a hole."""
    if plan_id:
        return Refusal("plan", path[-1].id, trunk.account, str(plan_id))
    return Refusal("route", 0, trunk.account)


def _ask(rooms: Rooms, number: str, now: Now) -> None:
    """Has the service ask about a number."""
    with Change(rooms.store) as change:
        if not change.is_nearly_full():
            portings.ask(change, number, now)


def _take(rooms: Rooms, question: _Question, now: Now) -> Admitted | Repeated | None:
    """None: the tree has changed since the call was priced, so that it has to be priced again."""
    begun, origin, price = question.begun, question.origin, question.price
    invitation, key = begun.invitation, begun.key
    invited = layout.invite_key(invitation.call_id, invitation.from_tag)
    branch = blake2b(invitation.branch.encode(), digest_size=8).digest()
    way, chain, claims = price.way, price.chain, price.standing.claims
    call, parties = _over(question, way, chain, claims, now)  # before the lock: the first way nearly always has room
    record = pack_call(call)
    with Change(rooms.store) as change:
        raw = change.txn.get(invited, db=change.store.invite)
        before = None if raw is None or invitation.redirected else repeated(change, invitation, raw, branch, now)
        if before is not None:
            return before
        if change.is_nearly_full() and begun.special != EMERGENCY:
            raise Refusal("store", 0, origin.account)
        path = path_now(change, begun.path, question.txn_id)
        if path is None:
            return None
        is_limited = begun.special in {"", MESSAGE}
        take_origin(change, origin, now, is_limited=is_limited)
        taken, exposed = take_gateway(change, price.ways.each(change.txn), begun.special, now)
        if taken is None:
            raise Refusal("exposure" if exposed else "route", exposed, origin.account)
        held = first_holds(change, chain, now)
        take_path(change, path, held, now, is_limited=is_limited)
        claims = limits.take(change, claims, held.legs, origin.account, now)
        if taken is not way or held is not chain:
            way = taken
            call, parties = _over(question, way, held, claims, now)
            record = pack_call(call)
        change.add_record(key, record, call.due_ms)
        if invitation.redirected:
            join(change, call, invitation, invited, now)
        else:
            until_ms = now.boot_ms + layout.INVITE_MEMORY_MS
            change.remember_invite(invited, invitation.cseq, branch, key, until_ms, is_new=raw is None)
        if question.routing.is_unknown:
            portings.ask(change, begun.called, now)
    return _new(Admitted, (key.hex(), target_of(price.plan, way, parties, 0), price.loser, begun.special == EMERGENCY))


def _over(
    question: _Question, way: Way, chain: Chain, claims: tuple[Claim, ...], now: Now
) -> tuple[RunningCall, Parties]:
    """The call as it goes out by a gateway, and what that is told."""
    begun, plan, routed = question.begun, question.price.plan, question.routing.number
    parties = parties_for(way, begun.caller, begun.invitation, begun.called, begun.key)
    course = Course(
        parties,
        chain.legs,
        claims,
        until_s=min(way.until_s, chain.until_s),
        longest_ms=plan.try_timeout_ms + plan.ring_timeout_s * 1000,
        plan=question.plan_id,
        gateway=way.gateway.id,
        provider=way.leg,
        routing_number=routed if routed != begun.called else "",
    )
    return ringing(begun, course, now), parties
