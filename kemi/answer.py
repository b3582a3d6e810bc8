"""The decision about a 2xx to an INVITE: it passes with the answer's stamp and a first grant, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kemi import grants, limits
from kemi.acknowledge import await_ack
from kemi.clock import Now
from kemi.joined import is_first, together
from kemi.nat import Place
from kemi.refusal import UNAVAILABLE, Refusal
from kemi.rooms import Rooms
from kemi.settlement import bill_of, close, with_code
from kemi.sides import networks_of_side
from kemi.store import health, queues
from kemi.store.calls import ANSWERED, ChargeLeg, Leg, RunningCall, pack_call
from kemi.store.change import Change
from kemi.store.configuration import Configuration
from kemi.store.layout import KNOWN, PREPAID, STATE, TAXES, Account, Settings
from kemi.store.networks import lies_in
from kemi.store.queues import Ending
from kemi.store.trunks import SUSPENDED, trunk_by_id
from ratebook.bands import terms_at
from ratebook.compiled.read import RatesSnapshot
from ratebook.tax import CALLS, Tax, with_tax


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


def answered(rooms: Rooms, call: str, callee: Callee, ring_ms: int, now: Now) -> Grant | Denied:
    """Decides on a 2xx to an INVITE: the answer's stamp, the price of this moment, the first full grant."""
    with Change(rooms.store) as change:
        running = change.call(bytes.fromhex(call))
        configuration = change.configuration
        refused = _not_to_be_answered(change, configuration, running, callee)
        if refused is not None or running is None:
            return refused or GONE
        calls = together(change, running) if running.joined else [running]
        settings = configuration.settings(change.txn)
        held: list[RunningCall] = []
        for at, one in enumerate(calls):
            found = _held(rooms, change, one, settings, now)
            if isinstance(found, Refusal):
                return _refuse(change, [*held, *calls[at:]], at, found, ring_ms, now)
            held.append(found)
        generation = configuration.generation(change.txn)
        for one, before in zip(held, calls, strict=True):
            due_ms = grants.due_ms(now.boot_ms + one.grant_s * 1000, settings, now)
            talking = _talking(one, callee, ring_ms, now, due_ms, generation)
            change.move_call(talking, before.due_ms)
            change.event(queues.ANSWERED, now, one.key)
            if before is running:
                await_ack(change, talking, settings.ack_wait_s)
        health.worked(change, running.gateway)
    return Grant(min([one.grant_s for one in held]))


def _talking(running: RunningCall, callee: Callee, ring_ms: int, now: Now, due_ms: int, generation: int) -> RunningCall:
    """The call as it is from the answer on."""
    return running._replace(
        state=ANSWERED,
        attempts=with_code(running, 200, ring_ms, now),
        callee_leg=Leg(callee.to_tag, callee.contact, callee.route_set, 0, callee.socket),
        ring_wall_ms=ring_ms,
        answer_boot_ms=now.boot_ms,
        answer_wall_ms=now.wall_ms,
        due_ms=due_ms,
        seen_boot_ms=now.boot_ms,
        h_entry=callee.h_entry,
        h_id=callee.h_id,
        generation=generation,
    )


def _held(rooms: Rooms, change: Change, running: RunningCall, settings: Settings, now: Now) -> RunningCall | Refusal:
    """The call with its first grant, at the price of this moment; or why it gets none, and then holds what it held."""
    known = {} if running.special else {number: change.account(number) for number in running.accounts}
    if running.cut_by or not (running.special or _may_go_on(change, running, known)):
        return Refusal("suspended", _inactive(change, running), running.account)
    legs, provider = _legs_of_now(rooms, change, running, now)
    payers = grants.payers_of(change, legs, running.limits, now, known)
    longest_s = grants.longest_of(change, running, settings, now)
    grant_s = grants.next_grant_s(payers, running.grant_s, settings, now.wall_s, longest_s)
    if grant_s < 1:
        return _lack(change, payers, running, now)
    legs = grants.held_for(payers, grant_s, now.wall_s)
    grants.move_holds(change, payers, legs)
    return running._replace(
        legs=legs,
        provider=grants.provider_held(change, provider, grant_s, now.wall_s),
        limits=limits.hold(change, running.limits, legs, grant_s, now) if running.limits else (),
        grant_s=grant_s,
    )


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
    return None


def _legs_of_now(
    rooms: Rooms, change: Change, running: RunningCall, now: Now
) -> tuple[tuple[ChargeLeg, ...], ChargeLeg | None]:
    """Each leg by the rate in effect now, of the tariff version that the call started with, and by what its currency is
    worth now.

    A version, or a rate of exchange, that is gone leaves the leg as it was. Nothing is looked up while no rate can have
    changed.
    """
    if now.wall_s < running.priced_until_s:
        return running.legs, running.provider
    with rooms.rates.snapshot() as rates:
        number = running.rated_number
        legs = tuple(_leg_of_now(change, rates, leg, number, now) for leg in running.legs)
        provider = running.provider
        return legs, provider and _leg_of_now(change, rates, provider, number, now)


def _leg_of_now(change: Change, rates: RatesSnapshot, leg: ChargeLeg, number: str, now: Now) -> ChargeLeg:
    configuration, txn = change.configuration, change.txn
    found = rates.find(leg.tariff, number, now.wall_s)
    if found is None or terms_at(found.terms, now.wall_s).blocked:
        return leg
    factor = configuration.exchange(txn).factor(found.terms.currency, leg.currency, now.wall_s)
    if factor is None:
        return leg
    tax = _tax_of_now(change, leg, now) if leg.seller else None
    return leg._replace(
        prefix=found.prefix, destination=found.destination, terms=found.raw, factor=with_tax(factor, tax), tax=tax
    )


def _tax_of_now(change: Change, leg: ChargeLeg, now: Now) -> Tax | None:
    """What is added to a customer's price; a tax may have begun since the INVITE too."""
    if not (change.account(leg.seller).flags & TAXES and change.account(leg.account).flags & PREPAID):
        return None
    return change.configuration.taxes(change.txn, leg.seller, leg.account).at(CALLS, now.wall_s)[0]


def _lack(change: Change, payers: grants.Payers, running: RunningCall, now: Now) -> Refusal:
    """What leaves no first second, and whose it is: money, or a limit."""
    for payer in payers:
        if grants.payable_s(payer._replace(available=payer.account.available), 1, now.wall_s) < 1:
            return Refusal("funds", payer.account.id, running.account)
    narrowest = limits.narrowest(change, running, now)
    if narrowest is None:
        return Refusal("funds", running.account, running.account)
    limits.stopped(change, running, now)
    return Refusal(limits.LIMIT, narrowest.account, running.account, str(narrowest.rule))


def _may_go_on(change: Change, running: RunningCall, known: Mapping[int, Account]) -> bool:
    """Whether nobody whose call it is has been suspended since it began: the meter's mark comes a second later."""
    for account in known.values():
        if account.flags & STATE != KNOWN:
            return False
    trunk = trunk_by_id(change.store.config, change.txn, running.trunk) if running.trunk else None
    return trunk is None or trunk.state != SUSPENDED


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
