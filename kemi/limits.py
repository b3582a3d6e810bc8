"""Limits, lists of numbers and high-risk ranges: one look when a call is priced, one call inside its transaction.

Each account of the path counts its own rules, the caller's as well as those of everybody above; a trunk its own.
An account without any costs nothing: what it has is known to the process, and no counter is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kemi.clock import Now
from kemi.quote import Look
from kemi.refusal import Refusal
from kemi.store import layout, limits, queues, trunks
from kemi.store.calls import ChargeLeg, Claim, RunningCall, has_packages
from kemi.store.change import Change
from kemi.store.layout import SUSPENDED, Account, Settings
from kemi.store.limits import ACCOUNT, TRUNK, Counter
from kemi.store.rules import (
    CALLED,
    CALLER,
    CALLS,
    DESTINATIONS,
    FIRST_CALL,
    HELD,
    MINUTES,
    NO_PRECAUTIONS,
    SPEND,
    SUSPEND,
    WARN,
    Precautions,
    Rule,
    is_open,
)
from kemi.store.trunks import pack_peer, trunk_by_id
from ratebook.compiled.layout import decode_terms
from ratebook.price import longest_s

LIMIT = "limit"
"""The rule of a refusal; behind it stands the limit's number."""

SHARED = 20
"""A standard grant is taken of a limit's minutes where it is at most this part of what is left."""


class Standing(NamedTuple):
    """What a call is to its rules, as it was priced."""

    claims: tuple[Claim, ...] = ()
    call_max_s: int = 0
    """What a first call to its destination may last; 0: as long as any."""


NOTHING = Standing()

_new = tuple.__new__


Cautious = Sequence[tuple[int, Precautions]]
"""The accounts of a path who have set anything against fraud (`Configuration.cautious`)."""


def check_numbers(
    look: Look, path: Sequence[Account], found: Cautious, trunk: int, caller: str, called: str | None
) -> None:
    """Whether lists and ranges let a call pass. `found`: who of the path has any; `called` None: somebody of ours, by
    name. Raises Refusal.
    """
    ranges = look.configuration.ranges(look.txn)
    risk = ranges.find(called) if called and ranges.by_prefix else None
    if risk is None and (not found or not [one for _, one in found if one.has_lists]):
        return
    own = dict(found)
    for account in path:
        precautions = own.get(account.id, NO_PRECAUTIONS)
        if precautions.refused_by(CALLER, caller, trunk):
            raise Refusal("caller_list", account.id, path[0].id)
        if called and precautions.refused_by(CALLED, called, trunk):
            raise Refusal("called_list", account.id, path[0].id)
        if risk is not None and account.parent and not is_open(risk, account.id, precautions):
            raise Refusal("high_risk", account.id, path[0].id, str(risk.id))


def standing_of(look: Look, found: Cautious, trunk: int, legs: Sequence[ChargeLeg], first_hold_s: int) -> Standing:
    """What the rules of a path ask of a call. `found`: who of it has any; `first_hold_s` 0: a MESSAGE. Raises
    Refusal.
    """
    claims: list[Claim] = []
    call_max_s = 0
    groups: tuple[str, ...] | None = None
    for account, own in found:
        for rule in own.rules:
            if rule.trunk and rule.trunk != trunk:
                continue
            if rule.group:
                groups = look.groups() if groups is None else groups
                if rule.group not in groups:
                    continue
            claim = _claim(look, account, rule, legs, first_hold_s)
            if claim is not None:
                claims.append(claim)
                if rule.measure == FIRST_CALL:
                    call_max_s = min(call_max_s or rule.limit, rule.limit)
    return _new(Standing, (tuple(claims), call_max_s)) if claims else NOTHING


def claims_of_called(found: Cautious, legs: Sequence[ChargeLeg]) -> tuple[Claim, ...]:
    """What the money limits of who is called, and of those above it, ask of a call that they pay for: those of all that
    an account is charged. `found`: who of them has any rules.
    """
    held = {leg.account: max(0, leg.held) for leg in legs}
    return tuple(
        [
            _new(Claim, (rule.id, SPEND, account, 0, held[account], ""))
            for account, own in found
            if account in held
            for rule in own.rules
            if rule.measure == SPEND and not rule.trunk and not rule.group
        ]
    )


def _claim(look: Look, account: int, rule: Rule, legs: Sequence[ChargeLeg], first_hold_s: int) -> Claim | None:
    """None: this call is nothing to the rule."""
    number, measure = rule.id, rule.measure
    if measure == CALLS:
        return _new(Claim, (number, CALLS, account, 0, 0, ""))
    if measure == MINUTES:
        return _new(Claim, (number, MINUTES, account, 0, first_hold_s * 1000, "")) if first_hold_s else None
    leg = None
    for one in legs:
        if one.account == account:
            leg = one
    if measure == SPEND:
        return None if leg is None else _new(Claim, (number, SPEND, account, 0, max(0, leg.held), ""))
    if measure == FIRST_CALL and not first_hold_s:
        return None  # who has sent a MESSAGE there has not talked there
    destination = limits.destination_of(leg.prefix if leg else "", look.number)
    scope = (TRUNK, rule.trunk) if rule.trunk else (ACCOUNT, account)
    if limits.is_met(look.store, look.txn, *scope, destination, answered=measure == FIRST_CALL):
        return None
    return _new(Claim, (number, measure, account, rule.trunk, 0, destination))


# --- inside the transaction


def take(
    change: Change, wanted: tuple[Claim, ...], legs: Sequence[ChargeLeg], caller: int, now: Now
) -> tuple[Claim, ...]:
    """Counts a new call for each of its rules, all or none; its claims as they are then. Raises Refusal.

    `legs`: what is really held of money, packages taken off.
    """
    if not wanted:
        return wanted
    claims = _refitted(wanted, legs) if has_packages(legs) else wanted
    counters: dict[int, Counter] = {}
    at = 0
    touched = set()
    for claim in claims:
        number, measure, account, _, held, destination = claim
        if account != at:
            at, counters = account, limits.in_change(change, account, now.wall_s)
        counter = counters.get(number)
        if counter is None or (measure == DESTINATIONS and not _is_new(change, claim)):
            continue
        counter = counter.plus(0, held) if measure in HELD else counter.plus(1, 0)
        if counter.used + counter.held > counter.limit:
            if counter.action != WARN:
                raise Refusal(LIMIT, account, caller, str(number), limit=number)
            counter = _alarmed(change, number, counter, now)
        if measure == DESTINATIONS:
            limits.meet(change, *_scope(claim), destination, answered=False)
        counters[number] = counter
        touched.add(account)
    limits.write(change, touched)
    return claims


def _refitted(claims: Iterable[Claim], legs: Sequence[ChargeLeg]) -> tuple[Claim, ...]:
    return tuple([one._replace(held=limits.held_of(one, legs, 0)) if one.measure == SPEND else one for one in claims])


def _is_new(change: Change, claim: Claim) -> bool:
    return not limits.is_met(change.store, change.txn, *_scope(claim), claim.destination, answered=False)


def _scope(claim: Claim) -> tuple[bytes, int]:
    return (TRUNK, claim.trunk) if claim.trunk else (ACCOUNT, claim.account)


def _alarmed(change: Change, rule: int, counter: Counter, now: Now) -> Counter:
    """The counter as it is to be written when it is crossed: its alarm is given once in a window."""
    if counter.alarmed == counter.window:
        return counter
    suspends = counter.action == SUSPEND
    told = {"rule": rule, "account": counter.account, "trunk": counter.trunk, "action": counter.action}
    told |= {"measure": counter.measure, "limit": counter.limit, "seen": counter.used + counter.held}
    change.event(queues.ALARM, now, told | {"since_ms": counter.window * counter.window_s * 1000})
    if suspends:
        _suspend(change, counter, now)
    return counter._replace(alarmed=counter.window)


def _suspend(change: Change, counter: Counter, now: Now) -> None:
    """At once: no new call, and those that run are marked to be cut. The ledger hears it by the alarm."""
    store = change.store
    if not counter.trunk:
        account = change.account(counter.account)
        change.put_account(account._replace(flags=account.flags | SUSPENDED))
        change.reconfigured()  # it may provide, as `commands` has it
        key = layout.account_key(account.id)
    else:
        key = layout.kind_key(TRUNK, counter.trunk)
        trunk = trunk_by_id(store.config, change.txn, counter.trunk)
        if trunk is None or trunk.state != "active":
            return
        change.txn.put(key, pack_peer(trunk._replace(state=trunks.SUSPENDED)), db=store.config)
    change.txn.put(layout.due_key(now.boot_ms, b"s", key), b"", db=store.due)


def refused(change: Change, account: int, rule: int, now: Now) -> None:
    """A call was refused by an account's limit, in a transaction that is gone: its alarm is given in this one."""
    _alarm(change, account, rule, now)


def _alarm(change: Change, account: int, rule: int, now: Now) -> None:
    counters = limits.in_change(change, account, now.wall_s)
    if rule in counters:
        counters[rule] = _alarmed(change, rule, counters[rule], now)
        limits.write(change, (account,))


# --- while a call runs


def spendable(change: Change, claims: Sequence[Claim], now: Now) -> dict[int, int]:
    """What a new hold may take by the limits of a call, by account; whoever has none of money isn't in it."""
    found: dict[int, int] = {}
    wall_s = now.wall_s
    for number, measure, account, *_ in claims:
        if measure == SPEND:
            counter = limits.in_change(change, account, wall_s).get(number)
            if counter is not None and counter.action != WARN:
                left = counter.limit - counter.used - counter.held
                found[account] = min(left, found.get(account, left))
    return found


def longest_s_of(change: Change, running: RunningCall, now: Now) -> int | None:
    """How long a call may last by limits of minutes, from its answer; None: as long as any."""
    held = [(claim, counter) for claim, counter in _narrow(change, running, now) if claim.measure == MINUTES]
    return min([(counter.left + claim.held) // 1000 for claim, counter in held], default=None)


def longest_grant_s(change: Change, running: RunningCall, settings: Settings, now: Now) -> int | None:
    """Up to when it may be granted time now; None: as long as any.

    Where little is left it takes a first hold's length at a time, so that others find something there too.
    """
    found = []
    for claim, counter in _narrow(change, running, now):
        if claim.measure == MINUTES:
            left_ms = counter.left
            step_s = settings.grant_s if left_ms >= SHARED * settings.grant_s * 1000 else settings.first_hold_s
            found.append(min((left_ms + claim.held) // 1000, running.grant_s + step_s))
    return min(found, default=None)


def _narrow(change: Change, running: RunningCall, now: Now) -> list[tuple[Claim, Counter]]:
    """The limits that may end a running call, with their counters."""
    found, wall_s = [], now.wall_s
    counters: dict[int, Counter] = {}
    at = 0
    for claim in running.limits:
        if claim.measure in HELD:
            if claim.account != at:
                at, counters = claim.account, limits.in_change(change, claim.account, wall_s)
            counter = counters.get(claim.rule)
            if counter is not None and counter.action != WARN:
                found.append((claim, counter))
    return found


def narrowest(change: Change, running: RunningCall, now: Now) -> Claim | None:
    """The limit that has least left; None: none may end the call."""
    found = min(_narrow(change, running, now), key=lambda one: one[1].left, default=None)
    return None if found is None else found[0]


def hold(
    change: Change, claims: Sequence[Claim], legs: Sequence[ChargeLeg], grant_s: int, now: Now
) -> tuple[Claim, ...]:
    """Moves what a call holds of its limits to what its legs hold and its grant lasts; the claims as they are then."""
    after = held_by(claims, legs, grant_s)
    move(change, claims, after, now)
    return after


def held_by(claims: Sequence[Claim], legs: Sequence[ChargeLeg], grant_s: int) -> tuple[Claim, ...]:
    """The claims of a call whose legs hold so much and whose grant lasts so long."""
    after = []
    for claim in claims:
        if claim.measure in HELD:
            held = limits.held_of(claim, legs, grant_s)
            claim = _new(Claim, (*claim[:4], held, claim[5]))  # noqa: PLW2901 -- with its hold
        after.append(claim)
    return tuple(after)


def move(change: Change, before: Sequence[Claim], after: Sequence[Claim], now: Now) -> None:
    """Moves what a call holds of its limits from these claims to those."""
    touched = set()
    wall_s = now.wall_s
    counters: dict[int, Counter] = {}
    at = 0
    for (number, _, account, _, held, _), claim in zip(before, after, strict=True):
        if claim.held != held:
            if account != at:
                at, counters = account, limits.in_change(change, account, wall_s)
            counter = counters.get(number)
            if counter is not None:
                counter = counter.plus(0, claim.held - held)
                is_crossed = counter.used + counter.held > counter.limit
                counters[number] = _alarmed(change, number, counter, now) if is_crossed else counter
                touched.add(account)
    limits.write(change, touched)


def stopped(change: Change, running: RunningCall, now: Now) -> None:
    """A call that got no longer grant: the limits that had no room for one give their alarm."""
    for claim, counter in _narrow(change, running, now):
        if _has_stopped(counter, claim, running):
            _alarm(change, claim.account, claim.rule, now)


def _has_stopped(counter: Counter, claim: Claim, running: RunningCall) -> bool:
    """Whether there is no room for another second."""
    if claim.measure == MINUTES:
        return counter.left < 1000
    leg = next((leg for leg in running.legs if leg.account == claim.account), None)
    if leg is None:
        return False
    micros = counter.left + leg.held
    longer_s = longest_s(decode_terms(leg.terms), micros, running.grant_s + 1, running.answered_s, leg.factor)
    return longer_s <= running.grant_s


def settle(change: Change, running: RunningCall, micros: Sequence[int], duration_ms: int, wall_s: int) -> None:
    """What a call has held becomes what it came to, in each of its limits. `micros`: of its legs, in their order."""
    charged = {leg.account: came for leg, came in zip(running.legs, micros, strict=True)}
    touched = set()
    counters: dict[int, Counter] = {}
    at = 0
    for claim in running.limits:
        number, measure, account, _, held, destination = claim
        if measure in HELD:
            if account != at:
                at, counters = account, limits.in_change(change, account, wall_s)
            counter = counters.get(number)
            if counter is not None:
                came = max(0, charged.get(account, 0)) if measure == SPEND else duration_ms
                counters[number] = counter.plus(came, -held)
                touched.add(account)
        elif measure == FIRST_CALL and running.is_answered:
            limits.meet(change, *_scope(claim), destination, answered=True)
    limits.write(change, touched)
