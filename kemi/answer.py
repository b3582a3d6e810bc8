"""The decision about a 2xx to an INVITE: it passes with the answer's stamp and a first grant, or not at all.

What nearly every answer comes to is worked out before the store's lock is taken (`Draft`); inside, only what moves is
read, and where it isn't so all is decided there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kemi import grants, limits
from kemi.acknowledge import await_ack
from kemi.clock import Now
from kemi.joined import is_first, together
from kemi.nat import Place
from kemi.quote import Look
from kemi.refusal import UNAVAILABLE, Refusal
from kemi.rooms import Rooms
from kemi.settlement import bill_of, close, with_code
from kemi.sides import networks_of_side
from kemi.store import accounts, health, queues
from kemi.store.calls import ANSWERED, ChargeLeg, Claim, Leg, RunningCall, has_packages, pack_call, unpack_call
from kemi.store.change import Change
from kemi.store.configuration import Configuration
from kemi.store.devices import device_by_id
from kemi.store.layout import KNOWN, STATE, Account, Settings
from kemi.store.networks import lies_in
from kemi.store.numbers import TO_DEVICE
from kemi.store.queues import Ending
from kemi.store.trunks import SUSPENDED, trunk_by_id
from ratebook.bands import terms_at
from ratebook.tax import CALLS, Tax, with_tax

_new = tuple.__new__


class Callee(NamedTuple):
    """The leg that answered, and Kamailio's names for the dialog."""

    to_tag: str
    contact: str
    route_set: tuple[str, ...]
    """URIs in the order in which a request to the callee carries them."""
    socket: str
    source: Place
    h_entry: int
    h_id: int
    routes_on: int = 0
    """How many Record-Routes of the answer stand from ours on; 0: it has none of ours."""


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


LEG = Denied("leg", *UNAVAILABLE)
"""Nobody could end it: it has no target, no tag of its own, no dialog and so no timer, or BYEs would not reach it."""
GONE = Denied("gone", 481, "Call/Transaction Does Not Exist")


class Held(NamedTuple):
    """What a call holds from its answer on. The fields are those of `RunningCall`."""

    legs: tuple[ChargeLeg, ...]
    provider: ChargeLeg | None
    limits: tuple[Claim, ...]
    grant_s: int


class Draft(NamedTuple):
    """What an answer comes to if all levels have plenty and nobody was suspended."""

    before: bytes
    """The call's record, as it was read."""
    running: RunningCall
    legs: tuple[ChargeLeg, ...]
    """By the rate in effect now, with what is held so far."""
    after: RunningCall
    record: bytes
    settings: Settings
    event: bytes


def answered(rooms: Rooms, call: str, callee: Callee, ring_ms: int, now: Now) -> Grant | Denied:
    """Decides on a 2xx to an INVITE: the answer's stamp, the price of this moment, the first full grant."""
    key = bytes.fromhex(call)
    draft = draft_of(rooms, key, callee, ring_ms, now)
    with Change(rooms.store) as change:
        record = change.txn.get(key, db=change.store.call)
        if draft is not None and record == draft.before and _takes(change, draft, now):
            return _new(Grant, (draft.after.grant_s,))
        running = None if record is None else unpack_call(record)
        configuration = change.configuration
        refused = _not_to_be_answered(change, configuration, running, callee)
        if refused is not None or running is None:
            return refused or GONE
        calls = together(change, running) if running.joined else [running]
        settings = configuration.settings(change.txn)
        held: list[Held] = []
        for at, one in enumerate(calls):
            found = _held(rooms, change, one, settings, now)
            if isinstance(found, Refusal):
                holding = [call._replace(**first._asdict()) for call, first in zip(calls, held, strict=False)]
                return _refuse(change, [*holding, *calls[at:]], at, found, ring_ms, now)
            held.append(found)
        generation = configuration.generation(change.txn)
        for one, first in zip(calls, held, strict=True):
            talking = _talking(one, first, callee, ring_ms, now, settings, generation)
            change.move_call(talking, one.due_ms)
            change.event(queues.ANSWERED, now, one.key)
            if one is running:
                await_ack(change, talking, settings.ack_wait_s)
        health.worked(change, running.gateway)
    return Grant(min([one.grant_s for one in held]))


def draft_of(rooms: Rooms, key: bytes, callee: Callee, ring_ms: int, now: Now) -> Draft | None:
    """The answer of a call that rings alone, as it nearly always is; None: it is another one. Reads only."""
    store = rooms.store
    with store.read() as txn:
        before = txn.get(key, db=store.call)
        running = None if before is None else unpack_call(before)
        if running is None or running.state == ANSWERED or running.joined or running.special or running.cut_by:
            return None
        configuration = store.configuration(txn)
        networks = networks_of_side(store, txn, running, "callee", configuration)
        if has_packages(running.legs) or not lies_in(callee.source.ip, networks):
            return None
        if callee.routes_on > len(running.caller_leg.route_set) + 1:
            return None
        legs, provider = _legs_of_now(rooms, txn, configuration, running, now)
        settings, generation = configuration.settings(txn), configuration.generation(txn)
    grant_s = min(running.grant_s + settings.grant_s, settings.max_call_s, running.call_max_s or settings.max_call_s)
    if grant_s < 1:
        return None
    held = grants.standard_held(legs, grant_s, now.wall_ms // 1000)
    provider = grants.provider_held(provider, grant_s, now.wall_ms // 1000)
    claims = limits.held_by(running.limits, held, grant_s) if running.limits else ()
    first = _new(Held, (held, provider, claims, grant_s))
    after = _talking(running, first, callee, ring_ms, now, settings, generation)
    event = queues.pack_event(queues.ANSWERED, now, key)
    return _new(Draft, (before, running, legs, after, pack_call(after), settings, event))


def _takes(change: Change, draft: Draft, now: Now) -> bool:
    """Whether all is as the draft has it; then it is written. False: nothing is."""
    _, running, legs, after, record, settings, event = draft
    store, txn = change.store, change.txn
    known = accounts.several(store, txn, running.accounts)
    if not _may_go_on(change, running, known):
        return False
    more = grants.more_of_plenty(change, legs, after, known, now)
    if more is None:
        return False
    if running.limits and grants.longest_of(change, running, settings, now) < after.grant_s:
        return False
    accounts.put_moved(store, txn, more)
    if running.limits:
        limits.move(change, running.limits, after.limits, now)  # last: one that is crossed may suspend an account
    grants.move_provider(change, running.provider, after.provider)
    change.move_record(after.key, record, after.due_ms, running.due_ms)
    change.add_event(event)
    await_ack(change, after, settings.ack_wait_s)
    health.worked(change, running.gateway)
    return True


def _talking(
    running: RunningCall, held: Held, callee: Callee, ring_ms: int, now: Now, settings: Settings, generation: int
) -> RunningCall:
    """The call as it is from the answer on."""
    return running._replace(
        legs=held.legs,
        provider=held.provider,
        limits=held.limits,
        grant_s=held.grant_s,
        state=ANSWERED,
        attempts=with_code(running, 200, ring_ms, now),
        callee_leg=_new(Leg, (callee.to_tag, callee.contact, callee.route_set, 0, callee.socket)),
        ring_wall_ms=ring_ms,
        answer_boot_ms=now.boot_ms,
        answer_wall_ms=now.wall_ms,
        due_ms=grants.due_ms(now.boot_ms + held.grant_s * 1000, settings, now),
        seen_boot_ms=now.boot_ms,
        h_entry=callee.h_entry,
        h_id=callee.h_id,
        generation=generation,
    )


def _held(rooms: Rooms, change: Change, running: RunningCall, settings: Settings, now: Now) -> Held | Refusal:
    """The first grant, at the price of this moment, and what is held for it; or why there is none, and all stays held
    as it was.
    """
    known = {} if running.special else accounts.several(change.store, change.txn, running.accounts)
    if running.cut_by or not (running.special or _may_go_on(change, running, known)):
        return Refusal("suspended", _inactive(change, running), _hears(running))
    legs, before = _legs_of_now(rooms, change.txn, change.configuration, running, now)
    payers = grants.payers_of(change, legs, running.limits, now, known)
    longest_s = grants.longest_of(change, running, settings, now)
    grant_s = grants.next_grant_s(payers, running.grant_s, settings, now.wall_s, longest_s)
    if grant_s < 1:
        return _lack(change, payers, running, now)
    legs = grants.held_for(payers, grant_s, now.wall_s)
    grants.move_holds(change, payers, legs)
    provider = grants.provider_held(before, grant_s, now.wall_s)
    grants.move_provider(change, before, provider)
    claims = limits.hold(change, running.limits, legs, grant_s, now) if running.limits else ()
    return Held(legs, provider, claims, grant_s)


def _not_to_be_answered(
    change: Change, configuration: Configuration, running: RunningCall | None, callee: Callee
) -> Grant | Denied | None:
    """What a 2xx gets that isn't the first one of the gateway at hand; None: it is."""
    if running is None:
        return GONE
    if running.is_answered:
        same = callee.to_tag in {leg.tag for leg in (running.callee_leg, running.caller_leg) if leg is not None}
        return Grant(None) if same else Denied("second_answer", 500, "Second answer")
    if not lies_in(callee.source.ip, networks_of_side(change.store, change.txn, running, "callee", configuration)):
        return Denied("candidate", 481, "Call/Transaction Does Not Exist")
    return None if _is_way_back(running, callee) else LEG


def _is_way_back(running: RunningCall, callee: Callee) -> bool:
    """Whether an answer has no more Record-Routes from ours on than were sent (RFC 3261 16.6, 12.1.1): Kamailio's
    dialog counts them from the last one, and would send its BYE to ourselves.
    """
    caller = running.caller_leg
    ours = 1 if callee.socket == caller.socket else 2
    return callee.routes_on <= len(caller.route_set) + ours


def _legs_of_now(
    rooms: Rooms, txn: Any, configuration: Configuration, running: RunningCall, now: Now
) -> tuple[tuple[ChargeLeg, ...], ChargeLeg | None]:
    """Each leg by the rate in effect now, of the tariff version that the call started with, and by what its currency is
    worth now.

    A version, or a rate of exchange, that is gone leaves the leg as it was. Nothing is looked up while no rate can have
    changed.
    """
    if now.wall_ms // 1000 < running.priced_until_s:
        return running.legs, running.provider
    with rooms.rates.snapshot() as rates:
        number = running.rated_number
        look = Look(rooms.store, txn, configuration, rates, number, now.wall_s, now.boot_ms)
        legs = tuple(_leg_of_now(look, leg) for leg in running.legs)
        provider = running.provider
        return legs, provider and _leg_of_now(look, provider)


def _leg_of_now(look: Look, leg: ChargeLeg) -> ChargeLeg:
    found = look.rates.find(leg.tariff, look.number, look.at_s)
    if found is None or terms_at(found.terms, look.at_s).blocked:
        return leg
    factor = look.configuration.exchange(look.txn).factor(found.terms.currency, leg.currency, look.at_s)
    if factor is None:
        return leg
    tax = _tax_of_now(look, leg) if leg.seller else None
    return leg._replace(
        prefix=found.prefix, destination=found.destination, terms=found.raw, factor=with_tax(factor, tax), tax=tax
    )


def _tax_of_now(look: Look, leg: ChargeLeg) -> Tax | None:
    """What is added to a customer's price; a tax may have begun since the INVITE too."""
    known = accounts.several(look.store, look.txn, (leg.account, leg.seller))
    return look.tax(known[leg.account], known[leg.seller], CALLS)[0]


def _lack(change: Change, payers: grants.Payers, running: RunningCall, now: Now) -> Refusal:
    """What leaves no first second, and whose it is: money, or a limit."""
    for payer in payers:
        if grants.payable_s(payer._replace(available=payer.account.available), 1, now.wall_s) < 1:
            return Refusal("funds", payer.account.id, _hears(running))
    narrowest = limits.narrowest(change, running, now)
    if narrowest is None:
        return Refusal("funds", running.account, _hears(running))
    limits.stopped(change, running, now)
    return Refusal(limits.LIMIT, narrowest.account, _hears(running), str(narrowest.rule))


def _hears(running: RunningCall) -> int:
    """The account that is told why; 0: none, somebody outside has called a number of ours."""
    return 0 if running.entrance else running.account


def _may_go_on(change: Change, running: RunningCall, known: Mapping[int, Account]) -> bool:
    """Whether nobody whose call it is has been suspended since it began: the meter's mark comes a second later."""
    for account in known.values():
        if account.flags & STATE != KNOWN:
            return False
    trunk = trunk_by_id(change.store.config, change.txn, running.trunk) if running.trunk else None
    if trunk is not None and trunk.state == SUSPENDED:
        return False
    return not (running.device or running.hops) or _are_devices_open(change, running)


def _are_devices_open(change: Change, running: RunningCall) -> bool:
    """Whether neither the device that calls nor the one that answers is suspended."""
    called = running.hops[0].id if running.hops and running.hops[0].kind == TO_DEVICE else 0
    ids = [one for one in (running.device, called) if one]
    found = [device_by_id(change.store.config, change.txn, one) for one in ids]
    return not any(device is not None and device.state == SUSPENDED for device in found)


def _inactive(change: Change, running: RunningCall) -> int:
    """The lowest account of those that pay that was suspended meanwhile; the caller's own: it was its trunk, or all are
    active again.
    """
    path = map(change.account, running.accounts)
    return next((account.id for account in path if not account.is_active), running.account)


def _refuse(change: Change, calls: list[RunningCall], at: int, refusal: Refusal, ring_ms: int, now: Now) -> Denied:
    """The calls of a dialog end before they began, as the one at this place gets no grant: why is its affair alone."""
    code, reason, rule, account = refusal.refused
    told = (code, reason)
    for place, one in enumerate(calls):
        said = (code, reason) if place == at else UNAVAILABLE
        told = said if is_first(one) else told
        ending = Ending("failed", "system", *said, ring_ms, 0, rule, account)
        close(change, one, bill_of(one, pack_call(one), ending, now))
    return Denied(rule, *told)
