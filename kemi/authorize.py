"""The decision about a new call: one read to price it, one write transaction to take it.

What is priced outside the transaction is checked inside it against the balances of that moment: two
calls at once never spend the same money.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import Any, NamedTuple

from kemi import limits, quote
from kemi.attest import attestation_of, identity_of
from kemi.caller import CallerId, Parties, caller_of, parties_for, said_by
from kemi.clock import Now
from kemi.invitation import Invitation
from kemi.numbers import dialled, international, normalise
from kemi.packages import first_holds
from kemi.portability import Routing, routing_of
from kemi.pricing import price_of
from kemi.quote import Chain, Way
from kemi.refusal import Refusal, Refused
from kemi.rooms import Rooms
from kemi.store import accounts, exposure, layout, portings, queues
from kemi.store.calls import RINGING, ChargeLeg, Leg, RunningCall, pack_call
from kemi.store.change import Change
from kemi.store.configuration import Configuration
from kemi.store.devices import Device, device_by_name
from kemi.store.environment import HotStore, StoreAbsent
from kemi.store.layout import Account, Invite, Usage
from kemi.store.numbers import id_of_digits
from kemi.store.origins import Origin, device_of, kind_of, trunk_of
from kemi.store.specials import EMERGENCY, MESSAGE, Specials
from kemi.store.translate import CALLED, Translations
from ratebook.routing import Plan

RINGING_SLACK_MS = 10_000
"""How long after the last silence and the ring limit a call that nobody ended is taken as gone."""


TRIES_MAX = 3
"""How often a call is priced anew because the accounts above it have just been changed."""

CONFIGURED = Account._fields.index("balance")
"""The fields of an account before this one are configuration."""


NOBODYS = Specials()
"""The list of special numbers as a MESSAGE sees it."""


class Repeated(NamedTuple):
    """The INVITE was here before."""

    retransmission: bool
    """True: the very same, say nothing. False: another with the same Call-ID and From-tag, 482."""


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


class Local(NamedTuple):
    """The call is for somebody of ours: `kemi.receive` decides about it."""

    number: int
    """0: none, a device was called by its name."""
    device: int = 0


class _Question(NamedTuple):
    """All that the write transaction needs to know about a call."""

    key: bytes
    trunk: Origin
    invitation: Invitation
    number: str
    routing: Routing
    special: str
    """As in `RunningCall`."""
    caller: CallerId
    identity: str
    """As in `RunningCall`."""
    leg: Leg
    """Of the caller."""
    plan_id: int
    path: list[Account]
    txn_id: int
    """Of the store as it was read: nothing has changed when the next transaction's is one more."""
    plan: Plan
    """With what its route says anew."""
    chain: Chain
    standing: limits.Standing
    ways: list[Way]
    loser: int
    """As in `Admitted`."""


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
    return Target(
        gateway.id,
        gateway.host,
        gateway.port,
        gateway.transport,
        way.user,
        plan.try_timeout_ms,
        plan.ring_timeout_s * 1000 - rung_ms,
        parties,
    )


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
        number, special, plan_id = found
        local = None if special else _local(store, txn, configuration, trunk, path, (number, invitation.called))
        _check_beginning(trunk, path, found, is_local=local is not None, is_message=is_message)
        if local is not None:
            return local
        identity = ""
        if rooms.can_sign and not is_message:
            said = said_by(trunk, invitation, translations)
            identity = identity_of(trunk, invitation, said, number, now, may_refuse=not special)
            caller = caller._replace(attestation=attestation_of(store, txn, trunk, caller, said, identity))
        plan = configuration.plan(txn, plan_id)
        if plan is None and plan_id:
            raise Refusal("plan", path[-1].id, trunk.account, str(plan_id))
        if plan is None:
            raise Refusal("route", 0, trunk.account)
        routing = Routing(number)
        if not special:
            routing = routing_of(store, txn, configuration, rates, plan, number, now.boot_ms)
        look = quote.Look(
            store, txn, configuration, rates, routing.number, now.wall_s, now.boot_ms, number, invitation.offer
        )
        special = MESSAGE if is_message else special
        try:
            if special in {"", MESSAGE}:
                limits.check_numbers(look, path, trunk_of(trunk), caller.number, number)
            price = price_of(look, plan, trunk, path, key, special, routing)
        except Refusal as refusal:
            refusal.asks = number if routing.is_unknown else ""
            raise
        txn_id = txn.id()
    leg = Leg(invitation.from_tag, invitation.contact, invitation.route_set, invitation.cseq, invitation.socket)
    return _Question(
        key, trunk, invitation, number, routing, special, caller, identity, leg, plan_id, path, txn_id, *price
    )


def _ask(rooms: Rooms, number: str, now: Now) -> None:
    """Has the service ask about a number."""
    with Change(rooms.store) as change:
        if not change.is_nearly_full():
            portings.ask(change, number, now)


class Destination(NamedTuple):
    """Where a call is to go."""

    number: str
    """E.164, or one of the list of special numbers; empty: it is no number."""
    special: str
    """emergency or free; empty: an ordinary call."""
    plan: int


def destination(
    specials: Specials, translations: Translations, trunk: Origin, invitation: Invitation, path: list[Account]
) -> Destination:
    """Where a call is to go by what was called and the list of special numbers."""
    by = trunk_of(trunk)
    written = dialled(trunk, invitation.called, translations.of_trunk(by, CALLED))
    number = international(trunk, written)
    found = specials.find(written, number, [one.id for one in path], by) if specials else None
    if found is None or any(account.flags & layout.CLOSED for account in path):
        return Destination(number or "", "", trunk.plan)
    special, number = found
    return Destination(number, special.kind, special.plan)


def _check_beginning(
    trunk: Origin, path: list[Account], found: Destination, *, is_local: bool, is_message: bool
) -> None:
    """Whether who calls may call there at all. Raises Refusal."""
    if trunk.state != "active" and found.special != EMERGENCY:
        raise Refusal("trunk" if device_of(trunk) is None else "device", trunk.account, trunk.account)
    if is_local and is_message:
        raise Refusal("message", trunk.account, trunk.account)
    if not is_local and not found.number:
        raise Refusal("number", trunk.account, trunk.account)
    if not is_local and not found.special:
        check_states(path, trunk.account)


def _local(
    store: HotStore,
    txn: Any,
    configuration: Configuration,
    trunk: Origin,
    path: list[Account],
    dialled_as: tuple[str, str],
) -> Local | None:
    """Whom of ours a call is for; None: nobody. `dialled_as`: the number, empty if it is none, and what was sent."""
    number, called = dialled_as
    if not number:
        return None if device_of(trunk) is None else _namesake(store, txn, path, called)
    if not configuration.has_numbers(txn):
        return None
    ours = id_of_digits(store.config, txn, number)
    return Local(ours) if ours else None


def _namesake(store: HotStore, txn: Any, path: list[Account], called: str) -> Local | None:
    """The device that a device of this path calls by its name: of the same account, or of one that shares a seller with
    it below the root. Others have no name.
    """
    device = device_by_name(store.config, txn, called)
    if device is None:
        return None
    own = {account.id for account in path[:-1]}
    theirs = [account.id for account in accounts.path_of(store, txn, device.account)[:-1]]
    return None if own.isdisjoint(theirs) else Local(0, device.id)


def check_states(path: list[Account], caller: int) -> None:
    """Every account of the path is active, and an uncharged one not below its limit. Raises Refusal."""
    for account in path:
        if not account.is_active:
            raise Refusal("suspended", account.id, caller)
        if not account.is_charged and account.parent and account.available < 0:
            raise Refusal("funds", account.id, caller)


def _take(rooms: Rooms, question: _Question, now: Now) -> Admitted | Repeated | None:
    """None: the tree has changed since the call was priced, so that it has to be priced again."""
    trunk, invitation = question.trunk, question.invitation
    invited = invite_key(invitation.call_id, invitation.from_tag)
    branch = blake2b(invitation.branch.encode(), digest_size=8).digest()
    key = question.key
    parties = parties_for(question.ways[0], question.caller, question.leg, question.number, key)
    call = _call(key, question, question.ways[0], parties, now)  # before the lock: the first way nearly always has room
    record = pack_call(call)
    with Change(rooms.store) as change:
        raw = change.txn.get(invited, db=change.store.invite)
        before = None if raw is None else repeated(change, invitation, raw, branch, now)
        if before is not None:
            return before
        if change.is_nearly_full() and question.special != EMERGENCY:
            raise Refusal("store", 0, trunk.account)
        path = question.path
        if change.txn.id() != question.txn_id + 1:
            path = accounts.path_of(change.store, change.txn, trunk.account)
            if [account[:CONFIGURED] for account in path] != [account[:CONFIGURED] for account in question.path]:
                return None
        is_limited = question.special in {"", MESSAGE}
        take_origin(change, trunk, now, is_limited=is_limited)
        way, exposed = take_gateway(change, question.ways, question.special, now)
        if way is None:
            raise Refusal("exposure" if exposed else "route", exposed, trunk.account)
        chain = first_holds(change, question.chain, now)
        take_path(change, path, chain, now, is_limited=is_limited)
        claims = limits.take(change, question.standing.claims, chain.legs, trunk.account, now)
        if way is not question.ways[0] or chain is not question.chain:
            parties = parties_for(way, question.caller, question.leg, question.number, key)
            question = question._replace(chain=chain, standing=question.standing._replace(claims=claims))
            record = pack_call(_call(key, question, way, parties, now))
        change.add_record(key, record, call.due_ms)
        until_ms = now.boot_ms + layout.INVITE_MEMORY_MS
        change.remember_invite(invited, Invite(invitation.cseq, branch, key, until_ms), is_new=raw is None)
        if question.routing.is_unknown:
            portings.ask(change, question.number, now)
    return Admitted(key.hex(), target_of(question.plan, way, parties, 0), question.loser)


def new_call_key(now: Now) -> bytes:
    """A name for a call that no other has, sorted by time."""
    return (now.wall_ms & 0xFFFF_FFFF_FFFF).to_bytes(6, "big") + os.urandom(10)


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


def take_origin(change: Change, trunk: Origin, now: Now, *, is_limited: bool = True) -> None:
    """One more call of a trunk or device, within its limits if they count. Raises Refusal."""
    kind = kind_of(trunk)
    usage = accounts.usage_of(change.store, change.txn, kind, trunk.id)
    clock_us = room_for_one(usage, trunk.channels_max, trunk.cps_max, now) if is_limited else usage.rate_clock_us
    if clock_us is None:
        raise Refusal("trunk_limit" if kind == b"t" else "device_limit", trunk.account, trunk.account)
    accounts.put_usage(change.store, change.txn, kind, trunk.id, usage.channels + 1, clock_us)


class Taken(NamedTuple):
    """What became of a look for a gateway."""

    way: Way | None
    """The gateway, counted on it; None: there is no room for one more call."""
    exposed: int
    """The last provider to whom as much is owed as may be; 0: none."""


def take_gateway(change: Change, ways: list[Way], special: str, now: Now) -> Taken:
    """The first gateway with room for one more call, whose provider may be owed its cost. `special`: as in the call."""
    exposed = 0
    for way in ways:
        gateway = way.gateway
        usage = accounts.usage_of(change.store, change.txn, b"g", gateway.id)
        clock_us = room_for_one(usage, gateway.channels_max, gateway.cps_max, now)
        if clock_us is None:
            _leave(change, gateway.id, "channels")
            continue
        owed = None if way.leg is None else exposure.of(change.store, change.txn, gateway.provider)
        if way.leg is not None and owed is not None:
            held = max(exposure.HELD_MIN, _first_cost(change, way.leg, special, now))
            if not exposure.has_room(change, gateway.provider, owed, held):
                exposed = gateway.provider
                _leave(change, gateway.id, "exposure")
                continue
            exposure.move(change, gateway.provider, held)
            way = way._replace(leg=way.leg._replace(held=held))  # noqa: PLW2901 -- the same way, with its hold
        accounts.put_usage(change.store, change.txn, b"g", gateway.id, usage.channels + 1, clock_us)
        return Taken(way, exposed)
    return Taken(None, exposed)


def _leave(change: Change, gateway_id: int, why: str) -> None:
    """Tells who asks why a gateway isn't taken."""
    if change.store.trace is not None:
        change.store.trace.leave(gateway_id, why)


def _first_cost(change: Change, leg: ChargeLeg, special: str, now: Now) -> int:
    """What the provider asks for a MESSAGE, or for the time that a hold before the answer pays."""
    if special == MESSAGE:
        return quote.message_micros(leg.terms, now.wall_s, leg.factor) or 0
    settings = change.configuration.settings(change.txn)
    return quote.first_hold_micros(leg.terms, settings.first_hold_s, now.wall_s, leg.factor)


def room_for_one(usage: Usage, channels_max: int, cps_max: int, now: Now) -> int | None:
    """The call-rate clock with one more call; None: there is no room for it."""
    if not accounts.takes_channel(usage.channels, channels_max):
        return None
    return accounts.next_rate_clock_us(usage.rate_clock_us, cps_max, now.boot_ms)


def take_path(change: Change, path: list[Account], chain: Chain, now: Now, *, is_limited: bool = True) -> None:
    """Channels, calls a second and funds of the whole path, all or nothing. Raises Refusal.

    `is_limited` False: the call is counted, and never refused.
    """
    caller = path[0].id
    holds = {leg.account: leg.held for leg in chain.legs}
    for account in path:
        if not is_limited:
            accounts.put_taken(change.store, change.txn, account, 0, account.rate_clock_us)
            continue
        if not accounts.takes_channel(account.channels, account.channels_max):
            raise Refusal("channels", account.id, caller)
        clock_us = accounts.next_rate_clock_us(account.rate_clock_us, account.cps_max, now.boot_ms)
        if clock_us is None:
            raise Refusal("cps", account.id, caller)
        hold = holds.get(account.id)
        if hold is not None and max(hold, 0) > account.available:
            raise Refusal("funds", account.id, caller)
        accounts.put_taken(change.store, change.txn, account, hold or 0, clock_us)


def _call(key: bytes, question: _Question, way: Way, parties: Parties, now: Now) -> RunningCall:
    trunk, invitation, chain, leg = question.trunk, question.invitation, question.chain, question.leg
    device = device_of(trunk)
    deadline_ms = now.boot_ms + question.plan.try_timeout_ms + question.plan.ring_timeout_s * 1000
    return RunningCall(
        key=key,
        state=RINGING,
        trunk=trunk_of(trunk),
        account=trunk.account,
        path=tuple([account.id for account in question.path]),
        legs=chain.legs,
        plan=question.plan_id,
        gateway=way.gateway.id,
        provider=way.leg,
        attempts=((way.gateway.id, 0, now.wall_ms, 0, 0),),
        caller=question.caller.number,
        caller_sent=invitation.caller,
        called_sent=invitation.called,
        called=question.number,
        special=question.special,
        call_id=invitation.call_id,
        from_tag=invitation.from_tag,
        from_uri=invitation.from_uri,
        to_uri=invitation.to_uri,
        sent_from=parties.from_uri,
        sent_to=parties.to_uri,
        is_private=question.caller.is_private,
        request_uri=invitation.request_uri,
        caller_leg=leg,
        callee_leg=None,
        start_boot_ms=now.boot_ms,
        start_wall_ms=now.wall_ms,
        ring_wall_ms=0,
        answer_boot_ms=0,
        answer_wall_ms=0,
        priced_until_s=min(way.until_s, chain.until_s),
        grant_s=0,
        due_ms=deadline_ms + RINGING_SLACK_MS,
        seen_boot_ms=now.boot_ms,
        h_entry=0,
        h_id=0,
        generation=0,
        cut_by="",
        device=device.id if device else 0,
        caller_ip=invitation.ip if device else "",
        call_max_s=call_max_of(question.standing, device),
        number=0,
        owner=0,
        entrance=0,
        hops=(),
        ring_s=0,
        limits=question.standing.claims,
        identity=question.identity,
        attestation=question.caller.attestation,
        attested=parties.attested,
        routing_number=question.routing.number if question.routing.number != question.number else "",
    )


def call_max_of(standing: limits.Standing, device: Device | None) -> int:
    """What a call may last by its device, or as the first one to its destination; 0: as long as any."""
    return min([one for one in (standing.call_max_s, device.call_max_s if device else 0) if one], default=0)


def record_refusal(
    rooms: Rooms, trunk: Origin, invitation: Invitation, refused: Refused, kind: str, now: Now, limit: int = 0
) -> None:
    """Leaves the record of a refused call, if there is room for it. `limit`: the number of the one that refused it."""
    with Change(rooms.store) as change:
        if refused.rule == "store" or change.is_nearly_full():
            return
        begun = begun_by(trunk) | numbers_of(change.configuration, change.txn, trunk, invitation) | {"kind": kind}
        change.event(queues.REFUSED, now, refusal_record(begun, invitation, refused, now))
        if limit:
            limits.refused(change, limit, now)


def begun_by(origin: Origin) -> dict[str, int]:
    """Where a call began, as its record says it."""
    device = device_of(origin)
    ids = {"trunk": trunk_of(origin), "device": device.id if device else 0, "account": origin.account}
    return ids | {"number": 0, "owner": 0, "entrance": 0, "to_device": 0}


def numbers_of(configuration: Configuration, txn: Any, origin: Origin, invitation: Invitation) -> dict[str, str]:
    """Who calls whom, as the record of a refused call says it."""
    translations = configuration.translations(txn, origin.account)
    called = normalise(origin, invitation.called, translations.of_trunk(trunk_of(origin), CALLED))
    return {"caller": caller_of(origin, invitation, translations).number, "called": called or ""}


def refusal_record(begun: dict[str, Any], invitation: Invitation, refused: Refused, now: Now) -> dict[str, Any]:
    """The record of a call that never held anything. `begun`: what kind it is, whose, from and to which number."""
    return {
        **begun,
        "call": new_call_key(now).hex(),
        "outcome": "refused",
        "sip_code": refused.code,
        "sip_reason": refused.reason,
        "ended_by": "system",
        "refused_by": refused.account,
        "rule": refused.rule,
        "path": [begun["account"]],
        "caller_sent": invitation.caller,
        "called_sent": invitation.called,
        "routing_number": "",
        "identity": "",
        "attested": "",
        "destination": "",
        "call_id": invitation.call_id,
        "from_tag": invitation.from_tag,
        "to_tag": "",
        "start_ms": now.wall_ms,
        "ring_ms": 0,
        "answer_ms": 0,
        "duration_ms": 0,
        "gateway": 0,
        "attempts": [],
        "charges": [],
        "cost": None,
    }
