"""The decision about a call to a number or device of ours: one read to price it, one transaction to take it.

Whoever begins the call pays for it as for any other one, or nothing (`on_net_free`; a device called by its name). Who
has the number pays for being called, and so does everybody above, by the number's own tariff; who is on the caller's
path pays as that already.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, NamedTuple

from kemi import limits, quote
from kemi.attest import identity_of
from kemi.authorize import TRIES_MAX, Admitted, Target
from kemi.beginning import Beginning, Course, call_max_of, new_call_key, ringing
from kemi.caller import CallerId, Parties, caller_of, caller_outside, parties_at_home, said_by
from kemi.capacity import path_now, take_origin, take_path
from kemi.clock import Now
from kemi.destination import Local, check_states
from kemi.invitation import Invitation
from kemi.invites import Repeated, repeated
from kemi.joined import join
from kemi.onward import hops_of_device, hops_of_number, leads_nowhere
from kemi.packages import first_holds
from kemi.quote import Chain, Look
from kemi.refusal import Refusal, Refused
from kemi.rooms import Rooms
from kemi.store import accounts, layout, queues
from kemi.store.calls import ChargeLeg, Claim, Hop, pack_call
from kemi.store.change import Change
from kemi.store.devices import Device, device_by_id
from kemi.store.environment import StoreAbsent
from kemi.store.layout import Account, Settings
from kemi.store.numbers import Number, id_of_digits, number_by_id
from kemi.store.origins import Origin, trunk_of
from kemi.store.translate import is_number
from kemi.store.trunks import Gateway
from kemi.turned_down import begun_by, numbers_of, refusal_record

TRY_MS = 4_000
"""How long a hop may be silent."""
RING_S = 30
"""How long each place of a device that is called by its name rings."""
RING_ALL_S = 180
"""How long all hops of a call ring together."""

Caller = Origin | Gateway
"""Who begins such a call: a gateway brings in calls from outside."""


class _Question(NamedTuple):
    """All that the write transaction needs to know."""

    begun: Beginning
    by: Caller
    parties: Parties
    number: Number | None
    hops: tuple[Hop, ...]
    ring_s: int
    chain: Chain
    standing: limits.Standing
    owner: int
    inbound: tuple[ChargeLeg, ...]
    """Of who is called, upwards."""
    inbound_claims: tuple[Claim, ...]
    """In their limits."""
    txn_id: int


def local_of(rooms: Rooms, called: str) -> Local | None:
    """The number of ours that a gateway's call is for; None: nobody here has it."""
    digits = called.removeprefix("+")
    store = rooms.store
    with store.read() as txn:
        number = id_of_digits(store.config, txn, digits) if is_number(digits) else 0
    return Local(number) if number else None


def gateway_of(rooms: Rooms, ip: str) -> Gateway | None:
    """The gateway that calls come in by from this address; None: it is none, or nobody here has a number."""
    store = rooms.store
    with store.read() as txn:
        configuration = store.configuration(txn)
        return configuration.gateway_at(txn, ip) if configuration.has_numbers(txn) else None


def receive(
    rooms: Rooms, caller: Caller, invitation: Invitation, local: Local, now: Now
) -> Admitted | Refused | Repeated:
    """Takes a call or says why not. A refused one has left its record when this returns."""
    limit = 0
    try:
        for _ in range(TRIES_MAX):
            decision = _take(rooms, _price(rooms, caller, invitation, local, now), now)
            if decision is not None:
                return decision
        raise Refusal("busy", 0, 0)  # noqa: TRY301 -- answered and recorded as every other one
    except Refusal as refusal:
        refused, limit = refusal.refused, refusal.limit
    except accounts.BrokenPath as broken:
        refused = Refusal("path", broken.account, 0).refused
    _record(rooms, caller, invitation, local, refused, now, limit)
    return refused


def longest_ms(hops: int, ring_s: int) -> int:
    """How long this many hops may take until the last one is given up."""
    return min((TRY_MS + ring_s * 1000) * hops, TRY_MS + RING_ALL_S * 1000)


def target_of(hop: Hop, parties: Parties, ring_s: int, rung_ms: int) -> Target:
    """Where the INVITE goes for a hop, `rung_ms` after the call began."""
    ring_ms = min(ring_s * 1000, RING_ALL_S * 1000 - rung_ms)
    return Target(0, hop.ip, hop.port, hop.transport, "", TRY_MS, ring_ms, parties, hop.uri, hop.socket)


# --- the price


def _price(rooms: Rooms, caller: Caller, invitation: Invitation, local: Local, now: Now) -> _Question:
    store = rooms.store
    try:
        snapshot = rooms.rates.snapshot()
    except StoreAbsent:
        raise Refusal("rates", 0, 0) from None
    with store.read() as txn, snapshot as rates:
        number = number_by_id(store.config, txn, local.number) if local.number else None
        owner_path = _path_of_called(store, txn, number, local)
        owner = owner_path[0].id
        hops = _hops_to(store, txn, number or local.device, owner, now)
        if invitation.place is not None:
            hops = tuple([hop for hop in hops if hop == invitation.place])[:1]
            if not hops and not isinstance(caller, Gateway):
                raise Refusal("takeover", caller.account, caller.account)
        configuration = store.configuration(txn)
        settings = configuration.settings(txn)
        called = number.digits if number else invitation.called
        look = Look(store, txn, configuration, rates, called, now.wall_s, now.boot_ms)
        path = owner_path if isinstance(caller, Gateway) else accounts.path_of(store, txn, caller.account)
        who, said = _who_calls(look, caller, invitation)
        identity = identity_of(caller, invitation, said, called, now)
        chain = _chain(look, caller, number, path, settings)
        standing = limits.NOTHING
        if not isinstance(caller, Gateway):
            by, own = trunk_of(caller), configuration.cautious(txn, path)
            limits.check_numbers(look, path, own, by, who.number, called if number else None)
            standing = limits.standing_of(look, own, by, chain.legs, settings.first_hold_s)
        inbound = _inbound(look, caller, number, owner_path, path, settings)
        inbound_claims = limits.claims_of_called(configuration.cautious(txn, owner_path), inbound.legs)
        txn_id = txn.id()
    chain = chain._replace(until_s=min(chain.until_s, inbound.until_s))
    ring_s = number.ring_s if number else RING_S
    name = caller.username if isinstance(caller, Device) and number is None else ""
    call_max_s = call_max_of(standing, caller)
    begun = Beginning(new_call_key(now), caller, invitation, who, identity, path, called, "", call_max_s)
    parties = parties_at_home(who, name, f"+{called}" if number else called, begun.leg)
    paid = inbound.legs, inbound_claims
    return _Question(begun, caller, parties, number, hops, ring_s, chain, standing, owner, *paid, txn_id)


def _hops_to(store: Any, txn: Any, called: Number | int, owner: int, now: Now) -> tuple[Hop, ...]:
    """Where a number, or a device, can be reached; `owner`: whose it is. Raises Refusal: nowhere."""
    if isinstance(called, int):
        hops = tuple(hops_of_device(store, txn, called, now))
    else:
        hops = hops_of_number(store, txn, called, now)
    if hops:
        return hops
    if isinstance(called, Number) and leads_nowhere(store, txn, called):
        raise Refusal("places", owner, 0, called.digits)
    raise Refusal("away", 0, 0)


def _who_calls(look: Look, caller: Caller, invitation: Invitation) -> tuple[CallerId, str]:
    """And the number that the INVITE says it comes from."""
    if isinstance(caller, Gateway):
        outside = caller_outside(caller, invitation)
        return outside, outside.number
    rules = look.configuration.translations(look.txn, caller.account)
    return caller_of(caller, invitation, rules), said_by(caller, invitation, rules)


def _path_of_called(store: Any, txn: Any, number: Number | None, local: Local) -> list[Account]:
    """Of the account that is called, all active. Raises Refusal."""
    called: Number | Device | None = number or device_by_id(store.config, txn, local.device)
    if called is None or called.state != "active":
        raise Refusal("nobody", 0, 0)
    path = accounts.path_of(store, txn, called.account)
    if not all(account.is_active for account in path):
        raise Refusal("nobody", 0, 0)
    return path


def _chain(look: Look, caller: Caller, number: Number | None, path: list[Account], settings: Settings) -> Chain:
    """What the caller's side pays. Raises Refusal."""
    if isinstance(caller, Gateway):
        return quote.FREE_CHAIN
    if caller.state != "active":
        raise Refusal("device" if isinstance(caller, Device) else "trunk", caller.account, caller.account)
    check_states(path, caller.account)
    if number is None or settings.on_net_free:
        return quote.FREE_CHAIN
    return quote.price_chain(look, path, caller, settings.first_hold_s)


def _inbound(
    look: Look,
    caller: Caller,
    number: Number | None,
    owner_path: list[Account],
    path: list[Account],
    settings: Settings,
) -> Chain:
    """What the called side pays. Raises Refusal."""
    if number is None:
        return quote.FREE_CHAIN
    spared = set() if isinstance(caller, Gateway) else {account.id for account in path}
    return quote.price_inbound(look, number, owner_path, spared, settings.first_hold_s)


# --- the transaction


def _take(rooms: Rooms, question: _Question, now: Now) -> Admitted | Repeated | None:
    """None: the tree has changed since the call was priced, so that it has to be priced again."""
    begun = question.begun
    invitation, key = begun.invitation, begun.key
    invited = layout.invite_key(invitation.call_id, invitation.from_tag)
    branch = blake2b(invitation.branch.encode(), digest_size=8).digest()
    with Change(rooms.store) as change:
        raw = change.txn.get(invited, db=change.store.invite)
        before = None if raw is None or invitation.redirected else repeated(change, invitation, raw, branch, now)
        if before is not None:
            return before
        if change.is_nearly_full():
            raise Refusal("store", 0, 0)
        path = path_now(change, begun.path, question.txn_id)
        if path is None:
            return None
        legs, claims = _take_all(change, question, path, now)
        call = ringing(begun, _course(question, legs, claims), now)
        change.add_record(key, pack_call(call), call.due_ms)
        if invitation.redirected:
            join(change, call, invitation, invited, now)
        else:
            until_ms = now.boot_ms + layout.INVITE_MEMORY_MS
            change.remember_invite(invited, invitation.cseq, branch, key, until_ms, is_new=raw is None)
    return Admitted(key.hex(), target_of(question.hops[0], question.parties, question.ring_s, 0), 0)


def _course(question: _Question, legs: tuple[ChargeLeg, ...], claims: tuple[Claim, ...]) -> Course:
    hops, ring_s = question.hops, question.ring_s
    return Course(
        question.parties,
        legs,
        claims,
        until_s=question.chain.until_s,
        longest_ms=longest_ms(len(hops), ring_s),
        number=question.number.id if question.number else 0,
        owner=question.owner,
        hops=hops,
        ring_s=ring_s,
    )


def _take_all(
    change: Change, question: _Question, path: list[Account], now: Now
) -> tuple[tuple[ChargeLeg, ...], tuple[Claim, ...]]:
    """Channels, money and limits of everybody, all or nothing; who pays then, and what counts it. Raises Refusal."""
    caller, number = question.by, question.number
    if not isinstance(caller, Gateway):
        take_origin(change, caller, now)
    if number is not None:
        _take_number(change, number, now)
    inbound = _affordable(change, question)
    called = question.inbound_claims if inbound else ()
    if isinstance(caller, Gateway):
        take_path(change, path, Chain(inbound, 0), now)
        return inbound, limits.take(change, called, inbound, 0, now)
    chain = first_holds(change, question.chain, now)
    take_path(change, path, chain, now)
    claims = limits.take(change, question.standing.claims, chain.legs, caller.account, now)
    claims += limits.take(change, called, inbound, 0, now)
    accounts.move(change.store, change.txn, [(leg.account, 0, leg.held, 0) for leg in inbound])
    return (*chain.legs, *inbound), claims


def _take_number(change: Change, number: Number, now: Now) -> None:
    key = layout.kind_key(b"n", number.id)
    limits = number.channels_max, number.cps_max
    usage = accounts.with_one_more(change.store, change.txn, key, *limits, now.boot_ms)
    if usage is None:
        raise Refusal("number_limit", number.account, 0)
    change.txn.put(key, usage, db=change.store.peer)


def _affordable(change: Change, question: _Question) -> tuple[ChargeLeg, ...]:
    """The called side's legs if all can pay; none if the number lets calls in all the same. Raises Refusal."""
    inbound, number = question.inbound, question.number
    poor = next((leg for leg in inbound if max(leg.held, 0) > change.account(leg.account).available), None)
    if poor is None or number is None:
        return inbound
    if number.is_open_without_funds:
        return ()
    raise Refusal("owner_funds", poor.account, 0)


def _record(
    rooms: Rooms, caller: Caller, invitation: Invitation, local: Local, refused: Refused, now: Now, limit: int
) -> None:
    store = rooms.store
    with Change(store) as change:
        if change.is_nearly_full():
            return
        number = number_by_id(store.config, change.txn, local.number) if local.number else None
        if isinstance(caller, Gateway):
            account = number.account if number else caller.provider
            begun: dict[str, Any] = {"trunk": 0, "device": 0, "entrance": caller.id, "account": account}
            begun |= {"caller": caller_outside(caller, invitation).number, "called": number.digits if number else ""}
        else:
            begun = begun_by(caller) | numbers_of(change.configuration, change.txn, caller, invitation)
        begun |= {"number": local.number, "to_device": local.device, "owner": number.account if number else 0}
        begun |= {"kind": "call"}
        change.event(queues.REFUSED, now, refusal_record(begun, invitation, refused, now))
        if limit:
            limits.refused(change, refused.account, limit, now)
