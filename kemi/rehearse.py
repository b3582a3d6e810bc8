"""What would happen to a call, and why: the call path's own decisions, on a store that forgets what they write.

The answer is theirs. What is told beside it comes from the same functions and the same moment, or was noted by the
decisions themselves (`kemi.store.trace`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from kemi import grants, limits, quote
from kemi.authorize import Admitted, Target, authorise
from kemi.caller import ANONYMOUS, CallerId, caller_of
from kemi.clock import Now
from kemi.destination import Destination, Local, destination
from kemi.failover import REDIRECTIONS, fail_over
from kemi.identify import Source, identify
from kemi.invitation import Invitation
from kemi.invites import Repeated
from kemi.nat import DEFAULT_PORT
from kemi.numbers import dialled, international
from kemi.onward import NEXT_CODES
from kemi.portability import routing_of
from kemi.receive import receive
from kemi.refusal import UNAVAILABLE, Refusal, Refused
from kemi.rooms import Rooms
from kemi.running import find
from kemi.store import accounts
from kemi.store.calls import ChargeLeg, RunningCall
from kemi.store.change import Change
from kemi.store.devices import Device, device_by_id
from kemi.store.dry import DryStore
from kemi.store.environment import Databases, HotStore
from kemi.store.layout import Account
from kemi.store.networks import first_of
from kemi.store.origins import Origin, trunk_of
from kemi.store.trace import Trace
from kemi.store.translate import CALLED, Rule, is_number, translate
from kemi.store.trunks import trunk_by_id
from ratebook.choice import Offer, left_out
from ratebook.compiled.read import RatesReader
from ratebook.tax import factor_of, tax_within

SOCKET = f"udp:127.0.0.1:{DEFAULT_PORT}"
"""Of ours, by which the INVITE comes in."""
NOWHERE = "192.0.2.1"
"""The address of a device, or of a trunk that is known by its certificate alone, wherever it is (RFC 5737)."""
EXPECTED_S = 180
"""The call whose price is told where no plan says what is expected."""
FAILED, BUSY = min(REDIRECTIONS), min(NEXT_CODES)
"""Codes after which every plan tries the next gateway, and every number its next place."""


class Asked(NamedTuple):
    """The call."""

    kind: str
    """`trunk` or `device`."""
    id: int
    called: str
    """As the INVITE says it, with the tech prefix."""
    caller: str


class Unknown(Exception):
    """The store has no such trunk or device: it was made a moment ago, or it is gone."""


class Reading(NamedTuple):
    """How the called number was read."""

    plain: str
    """Without the tech prefix."""
    rule: Rule | None
    """The translation rule that applied; None: none did."""
    written: str
    """What that made of it."""
    number: str
    """As E.164; empty: it is none."""


class Level(NamedTuple):
    """What an account would pay, before its packages pay a part of it."""

    leg: ChargeLeg
    expected_micros: int | None
    """For the expected call; None: its rate has no price for it."""
    kept_micros: int | None
    """Of that by its seller, who pays for the call itself; None: what it pays has no rate of exchange, or is the
    provider's cost."""

    @property
    def tax_micros(self) -> int | None:
        """Of what it would pay: taxes that are not in the tariff's price."""
        return None if self.expected_micros is None else tax_within(self.expected_micros, factor_of(self.leg.tax))


class Attempt(NamedTuple):
    """Where the INVITE would go, if all before have failed."""

    target: Target
    cost: ChargeLeg | None
    """What its provider asks; None: nothing, or it goes to somebody of ours."""


class Rehearsal(NamedTuple):
    """What would happen."""

    origin: Origin
    source: Source | None
    """From where the INVITE was taken to come; None: from a device, wherever it is."""
    found_as: int
    """The trunk that this leads to; 0: none, or it is a device's. Another one than the origin: nothing else is told."""
    reading: Reading
    caller: CallerId
    goes_to: Destination
    """The number that is rated, whether it is a special one, and the plan."""
    path: list[Account]
    """As it was before; empty: it doesn't reach the root."""
    trace: Trace
    local: Local | None = None
    """Whom of ours it is for; None: it goes out by a gateway, or nowhere."""
    moved_to: str = ""
    """The number by which it is rated and routed, as it has moved to another network; empty: it hasn't."""
    offered: Offer | None = None
    """What the plan has for the number; None: there is no such plan, or none is asked."""
    expected_s: int = EXPECTED_S
    levels: tuple[Level, ...] = ()
    decision: Admitted | Refused | None = None
    """None: the INVITE doesn't lead to the trunk that was asked for."""
    attempts: tuple[Attempt, ...] = ()
    longest_s: int | None = None
    """What a call may last at most; None: it is refused, or never cut."""
    lasts_s: Mapping[int, int] = MappingProxyType({})
    """How long money and packages of each account that pays last, `longest_s` at most; -1: not even a second."""


@contextmanager
def stage(of: Databases, data_dir: Path, rates: RatesReader | None = None) -> Iterator[Rooms]:
    """Rooms for one rehearsal. `rates`: those that are open already in this process; None: they are opened for it."""
    store = DryStore(of)
    rooms = Rooms.over(store, data_dir, rates)
    try:
        yield rooms
    finally:
        store.close() if rates else rooms.close()


def rehearse(rooms: Rooms, asked: Asked, now: Now) -> Rehearsal:
    """What would happen at a moment; `rooms`: of a stage, and only once. Raises Unknown."""
    base, invitation = _begun(rooms, asked)
    if base.source is not None and base.found_as != base.origin.id:
        return base
    with rooms.store.read() as txn:
        if txn.get(b"ready", db=rooms.store.meta) is None:
            return base._replace(decision=Refused(*UNAVAILABLE, "ready", 0))
    decision, local = _decided(rooms, base.origin, invitation, now)
    told = base._replace(decision=decision, local=local)
    if isinstance(decision, Refused) and decision.rule == "rates":
        return told
    if local is None:
        told = _offered(rooms, told, now)
    running = find(rooms, decision.call) if isinstance(decision, Admitted) else None
    told = _priced(rooms, told, running.legs if running else base.trace.legs, asked.called, now)
    if running is None or not isinstance(decision, Admitted):
        return told
    told = told._replace(attempts=tuple(_attempts(rooms, decision, BUSY if local else FAILED, now)))
    return told if running.special else _lasting(rooms, told, running, now)


def _begun(rooms: Rooms, asked: Asked) -> tuple[Rehearsal, Invitation]:
    """Who calls, and what the INVITE says: all that is known before anything is decided. Raises Unknown."""
    store = rooms.store
    with store.read() as txn:
        by_id = device_by_id if asked.kind == "device" else trunk_by_id
        origin: Origin | None = by_id(store.config, txn, asked.id)
        if origin is None:
            raise Unknown
        source = _source(origin)
        invitation = _invitation(asked, source)
        configuration = store.configuration(txn)
        translations = configuration.translations(txn, origin.account)
        path = _path(store, txn, origin.account)
        rules = translations.of_trunk(trunk_of(origin), CALLED)
        goes_to = destination(configuration.specials(txn), translations, origin, invitation, path)
        caller = caller_of(origin, invitation, translations)
    found = None if source is None else identify(rooms, source, asked.called, _shown(origin))
    reading = _reading(origin, asked.called, rules)
    found_as = 0 if found is None else found.id
    return Rehearsal(origin, source, found_as, reading, caller, goes_to, path, store.trace or Trace()), invitation


def _source(origin: Origin) -> Source | None:
    """An address from which a trunk sends: the first one of its first network; of one without, anywhere."""
    if isinstance(origin, Device):
        return None
    ip = first_of(origin.networks[0]) if origin.networks else NOWHERE
    usual = "tls" if origin.certificate else "udp"
    return Source(ip, origin.port or DEFAULT_PORT, usual if origin.transport == "any" else origin.transport)


def _shown(origin: Origin) -> tuple[str, ...]:
    """Whom the certificate names that a trunk asks for."""
    return () if isinstance(origin, Device) or not origin.certificate else (origin.certificate,)


def _invitation(asked: Asked, source: Source | None) -> Invitation:
    ip = NOWHERE if source is None else source.ip
    called, caller = (f"sip:{user}@{ip}" for user in (asked.called, asked.caller or ANONYMOUS))
    return Invitation(
        call_id=f"rehearsal-{secrets.token_hex(8)}",
        from_tag="rehearsal",
        cseq=1,
        branch="z9hG4bK-rehearsal",
        caller=asked.caller,
        called=asked.called,
        from_uri=caller,
        to_uri=called,
        request_uri=called,
        contact=caller,
        route_set=(),
        socket=SOCKET,
        ip=ip,
    )


def _path(store: HotStore, txn: Any, account: int) -> list[Account]:
    try:
        return accounts.path_of(store, txn, account)
    except accounts.BrokenPath:
        return []


def _reading(origin: Origin, called: str, rules: tuple[Rule, ...]) -> Reading:
    plain = dialled(origin, called)
    written, rule = translate(rules, plain) if is_number(plain) else (plain, None)
    return Reading(plain, rule, written, international(origin, written) or "")


def _decided(rooms: Rooms, origin: Origin, invitation: Invitation, now: Now) -> tuple[Admitted | Refused, Local | None]:
    """The call path's answer."""
    found = authorise(rooms, origin, invitation, now)
    local = found if isinstance(found, Local) else None
    decision = receive(rooms, origin, invitation, found, now) if isinstance(found, Local) else found
    assert not isinstance(decision, Repeated), "its Call-ID is new"
    return decision, local


def _offered(rooms: Rooms, told: Rehearsal, now: Now) -> Rehearsal:
    """With what the plan has for the number, or for the one to which it has moved."""
    store, (number, special, plan_id) = rooms.store, told.goes_to
    with store.read() as txn, rooms.rates.snapshot() as rates:
        configuration = store.configuration(txn)
        plan = configuration.plan(txn, plan_id)
        if plan is None:
            return told
        if not special:
            number = routing_of(store, txn, configuration, rates, plan, number, now.boot_ms).number
        look = quote.Look(store, txn, configuration, rates, number, now.wall_s, now.boot_ms)
        path = [account.id for account in told.path]
        try:
            offered = quote.offer_of(look, plan, path)
            groups = look.groups() if plan.groups() else ()
        except Refusal:
            return told  # the decision has said why
    for gateway, why in left_out(plan, number, path, groups, offered).items():
        told.trace.leave(int(gateway), why)
    moved_to = "" if number == told.goes_to.number else number
    return told._replace(moved_to=moved_to, offered=offered, expected_s=offered.plan.expected_call_s)


def _priced(rooms: Rooms, told: Rehearsal, legs: Sequence[ChargeLeg], called: str, now: Now) -> Rehearsal:
    """With what each level pays for the expected call."""
    store = rooms.store
    if not legs:
        return told
    with store.read() as txn, rooms.rates.snapshot() as rates:
        number = told.goes_to.number or called
        look = quote.Look(store, txn, store.configuration(txn), rates, number, now.wall_s, now.boot_ms)
        return told._replace(levels=tuple(_levels(look, legs, told.expected_s)))


def _levels(look: quote.Look, legs: Sequence[ChargeLeg], expected_s: int) -> Iterator[Level]:
    for leg in legs:
        own = next((one for one in legs if one.account == leg.seller), None)
        expected = quote.expected_micros(look, leg, expected_s)
        yield Level(leg, expected, None if own is None or expected is None else _kept(look, leg, own, expected_s))


def _kept(look: quote.Look, leg: ChargeLeg, own: ChargeLeg, expected_s: int) -> int | None:
    """What a level's seller keeps of what it is paid."""
    try:
        paid = quote.cost_micros(look, own, expected_s, leg.currency)
    except quote.NoExchange:
        return None
    earned = quote.net_micros(look, leg, expected_s)
    return None if paid is None or earned is None else earned - paid


def _lasting(rooms: Rooms, told: Rehearsal, running: RunningCall, now: Now) -> Rehearsal:
    """With how long an answer at this moment would be paid for, by packages and money."""
    with Change(rooms.store) as change:
        settings = change.configuration.settings(change.txn)
        limit_s = min(settings.max_call_s, running.call_max_s or settings.max_call_s)
        left_s = limits.longest_s_of(change, running, now)
        limit_s = limit_s if left_s is None else min(limit_s, left_s)
        payers = grants.payers_of(change, running.legs, running.limits, now)
    lasts_s = {payer.leg.account: grants.payable_s(payer, limit_s, now.wall_s) for payer in payers}
    return told._replace(longest_s=limit_s, lasts_s=lasts_s)


def _attempts(rooms: Rooms, admitted: Admitted, code: int, now: Now) -> Iterator[Attempt]:
    """One after the other, as if each failed."""
    target: Target | None = admitted.target
    while target is not None:
        running = find(rooms, admitted.call)
        yield Attempt(target, running and running.provider)
        target = fail_over(rooms, admitted.call, code, now)
