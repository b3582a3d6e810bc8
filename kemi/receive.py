"""The decision about a call to a number or device of ours: one read to price it, one transaction to take it.

Whoever begins the call pays for it as for any other one, or nothing (`on_net_free`; a device called by its name). Who
has the number pays for being called, and so does everybody above, by the number's own tariff; who is on the caller's
path pays as that already.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, NamedTuple

from kemi import authorize, limits, quote
from kemi.attest import identity_of
from kemi.authorize import CONFIGURED, RINGING_SLACK_MS, Admitted, Local, Repeated, Target
from kemi.caller import CallerId, Parties, caller_of, caller_outside, parties_at_home, said_by
from kemi.clock import Now
from kemi.invitation import Invitation
from kemi.onward import hops_of_device, hops_of_number
from kemi.packages import first_holds
from kemi.quote import Chain, Look
from kemi.refusal import Refusal, Refused
from kemi.rooms import Rooms
from kemi.store import accounts, layout, queues
from kemi.store.calls import RINGING, ChargeLeg, Claim, Hop, Leg, RunningCall, pack_call
from kemi.store.change import Change
from kemi.store.devices import Device, device_by_id
from kemi.store.environment import StoreAbsent
from kemi.store.layout import Account, Invite, Settings
from kemi.store.numbers import Number, id_of_digits, number_by_id
from kemi.store.origins import Origin, trunk_of
from kemi.store.translate import is_number
from kemi.store.trunks import Gateway

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

    caller: Caller
    invitation: Invitation
    who: CallerId
    identity: str
    """As in `RunningCall`."""
    leg: Leg
    """Of the caller."""
    parties: Parties
    called: str
    number: Number | None
    hops: tuple[Hop, ...]
    ring_s: int
    path: list[Account]
    chain: Chain
    standing: limits.Standing
    owner: int
    inbound: tuple[ChargeLeg, ...]
    """Of who is called, upwards."""
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
        for _ in range(authorize.TRIES_MAX):
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
        hops = (
            hops_of_number(store, txn, number, now) if number else tuple(hops_of_device(store, txn, local.device, now))
        )
        if not hops:
            raise Refusal("away", 0, 0)
        configuration = store.configuration(txn)
        settings = configuration.settings(txn)
        called = number.digits if number else invitation.called
        look = Look(store, txn, configuration, rates, called, now.wall_s, now.boot_ms)
        path = owner_path if isinstance(caller, Gateway) else accounts.path_of(store, txn, caller.account)
        who = _who_calls(look, caller, invitation)
        identity = identity_of(caller, invitation, _said(look, caller, invitation), called, now)
        chain = _chain(look, caller, number, path, settings)
        standing = limits.NOTHING
        if not isinstance(caller, Gateway):
            limits.check_numbers(look, path, trunk_of(caller), who.number, called if number else None)
            standing = limits.standing_of(look, path, trunk_of(caller), chain.legs, settings.first_hold_s)
        inbound = _inbound(look, caller, number, owner_path, path, settings)
        txn_id = txn.id()
    chain = chain._replace(until_s=min(chain.until_s, inbound.until_s))
    ring_s = number.ring_s if number else RING_S
    leg = Leg(invitation.from_tag, invitation.contact, invitation.route_set, invitation.cseq, invitation.socket)
    name = caller.username if isinstance(caller, Device) and number is None else ""
    parties = parties_at_home(who, name, f"+{called}" if number else called, leg)
    return _Question(
        caller, invitation, who, identity, leg, parties, called, number, hops, ring_s, path, chain, standing,
        owner_path[0].id, inbound.legs, txn_id,
    )  # fmt: skip


def _said(look: Look, caller: Caller, invitation: Invitation) -> str:
    """The number that the INVITE says it comes from."""
    if isinstance(caller, Gateway):
        return caller_outside(caller, invitation).number
    return said_by(caller, invitation, look.configuration.translations(look.txn, caller.account))


def _who_calls(look: Look, caller: Caller, invitation: Invitation) -> CallerId:
    if isinstance(caller, Gateway):
        return caller_outside(caller, invitation)
    return caller_of(caller, invitation, look.configuration.translations(look.txn, caller.account))


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
    authorize.check_states(path, caller.account)
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
    invitation = question.invitation
    invited = authorize.invite_key(invitation.call_id, invitation.from_tag)
    branch = blake2b(invitation.branch.encode(), digest_size=8).digest()
    key = authorize.new_call_key(now)
    with Change(rooms.store) as change:
        raw = change.txn.get(invited, db=change.store.invite)
        before = None if raw is None else authorize.repeated(change, invitation, raw, branch, now)
        if before is not None:
            return before
        if change.is_nearly_full():
            raise Refusal("store", 0, 0)
        path = question.path
        if change.txn.id() != question.txn_id + 1:
            path = accounts.path_of(change.store, change.txn, path[0].id)
            if [account[:CONFIGURED] for account in path] != [account[:CONFIGURED] for account in question.path]:
                return None
        legs, claims = _take_all(change, question, path, now)
        call = _call(key, question, legs, claims, now)
        change.add_record(key, pack_call(call), call.due_ms)
        until_ms = now.boot_ms + layout.INVITE_MEMORY_MS
        change.remember_invite(invited, Invite(invitation.cseq, branch, key, until_ms), is_new=raw is None)
    return Admitted(key.hex(), target_of(question.hops[0], question.parties, question.ring_s, 0), 0)


def _take_all(
    change: Change, question: _Question, path: list[Account], now: Now
) -> tuple[tuple[ChargeLeg, ...], tuple[Claim, ...]]:
    """Channels, money and limits of everybody, all or nothing; who pays then, and what counts it. Raises Refusal."""
    caller, number = question.caller, question.number
    if not isinstance(caller, Gateway):
        authorize.take_origin(change, caller, now)
    if number is not None:
        _take_number(change, number)
    inbound = _affordable(change, question)
    if isinstance(caller, Gateway):
        authorize.take_path(change, path, Chain(inbound, 0), now)
        return inbound, ()
    chain = first_holds(change, question.chain, now)
    authorize.take_path(change, path, chain, now)
    claims = limits.take(change, question.standing.claims, chain.legs, caller.account, now)
    for leg in inbound:
        accounts.move(change.store, change.txn, leg.account, 0, leg.held, 0)
    return (*chain.legs, *inbound), claims


def _take_number(change: Change, number: Number) -> None:
    usage = accounts.usage_of(change.store, change.txn, b"n", number.id)
    if not accounts.takes_channel(usage.channels, number.channels_max):
        raise Refusal("number_limit", number.account, 0)
    accounts.put_usage(change.store, change.txn, b"n", number.id, usage.channels + 1, usage.rate_clock_us)


def _affordable(change: Change, question: _Question) -> tuple[ChargeLeg, ...]:
    """The called side's legs if all can pay; none if the number lets calls in all the same. Raises Refusal."""
    inbound, number = question.inbound, question.number
    poor = next((leg for leg in inbound if max(leg.held, 0) > change.account(leg.account).available), None)
    if poor is None or number is None:
        return inbound
    if number.is_open_without_funds:
        return ()
    raise Refusal("owner_funds", poor.account, 0)


def _call(
    key: bytes, question: _Question, legs: tuple[ChargeLeg, ...], claims: tuple[Claim, ...], now: Now
) -> RunningCall:
    caller, invitation, number = question.caller, question.invitation, question.number
    device = caller if isinstance(caller, Device) else None
    entrance = caller.id if isinstance(caller, Gateway) else 0
    each_ms = TRY_MS + question.ring_s * 1000
    longest_ms = min(each_ms * len(question.hops), TRY_MS + RING_ALL_S * 1000)
    return RunningCall(
        key=key,
        state=RINGING,
        trunk=0 if device or entrance else caller.id,
        account=question.path[0].id,
        path=tuple([account.id for account in question.path]),
        legs=legs,
        plan=0,
        gateway=0,
        provider=None,
        attempts=((0, 0, now.wall_ms, 0, 0),),
        caller=question.who.number,
        caller_sent=invitation.caller,
        called_sent=invitation.called,
        called=question.called,
        special="",
        call_id=invitation.call_id,
        from_tag=invitation.from_tag,
        from_uri=invitation.from_uri,
        to_uri=invitation.to_uri,
        sent_from=question.parties.from_uri,
        sent_to=question.parties.to_uri,
        is_private=question.who.is_private,
        request_uri=invitation.request_uri,
        caller_leg=question.leg,
        callee_leg=None,
        start_boot_ms=now.boot_ms,
        start_wall_ms=now.wall_ms,
        ring_wall_ms=0,
        answer_boot_ms=0,
        answer_wall_ms=0,
        priced_until_s=question.chain.until_s,
        grant_s=0,
        due_ms=now.boot_ms + longest_ms + RINGING_SLACK_MS,
        seen_boot_ms=now.boot_ms,
        h_entry=0,
        h_id=0,
        generation=0,
        cut_by="",
        device=device.id if device else 0,
        caller_ip=invitation.ip if device else "",
        call_max_s=authorize.call_max_of(question.standing, device),
        number=number.id if number else 0,
        owner=question.owner,
        entrance=entrance,
        hops=question.hops,
        ring_s=question.ring_s,
        identity=question.identity,
        limits=claims,
    )


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
            begun = authorize.begun_by(caller) | authorize.numbers_of(
                change.configuration, change.txn, caller, invitation
            )
        begun |= {"number": local.number, "to_device": local.device, "owner": number.account if number else 0}
        begun |= {"kind": "call"}
        change.event(queues.REFUSED, now, authorize.refusal_record(begun, invitation, refused, now))
        if limit:
            limits.refused(change, limit, now)
