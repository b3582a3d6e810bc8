"""How long an answered call may go on: its first grant, longer ones, and one that is cut short.

Every second of a grant is held at every level before it is given. While money is short a grant is a first hold's
length, so that an answered call takes no more from one that is not answered yet than that, unless it is little beside
what is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from kemi import limits, packages
from kemi.clock import Now
from kemi.packages import NO_POOL, Pool, held_pool
from kemi.quote import standard_micros
from kemi.rooms import Rooms
from kemi.store import accounts, exposure, queues
from kemi.store.calls import ChargeLeg, Claim, RunningCall, has_packages
from kemi.store.change import Change
from kemi.store.layout import Account, Settings
from ratebook.compiled.layout import decode_terms
from ratebook.price import longest_s

PLENTY = 200
"""A longer grant is taken at once where it is at most this part of what is left."""

NO_LIMITS: Mapping[int, int] = MappingProxyType({})
NOBODY: Mapping[int, Account] = MappingProxyType({})

_new = tuple.__new__


class Payer(NamedTuple):
    """One level that pays, as it stands now, with its part in the call and what packages can pay of that."""

    account: Account
    leg: ChargeLeg
    pool: Pool
    available: int
    """What a new hold may take: the account's money, as far as its limits leave it."""


Payers = Sequence[Payer]


def payers_of(
    change: Change,
    legs: tuple[ChargeLeg, ...],
    claims: tuple[Claim, ...],
    now: Now,
    known: Mapping[int, Account] = NOBODY,
) -> Payers:
    """The payers of these legs, of a call with these parts in limits. `known`: accounts that have just been read."""
    found = []
    spendable = limits.spendable(change, claims, now) if claims else NO_LIMITS
    for leg in legs:
        account = known.get(leg.account) or change.account(leg.account)
        available = account.available
        if spendable:
            available = min(available, spendable.get(account.id, available))
        pool = packages.pool_of(change, leg, now.wall_s) if leg.packages else NO_POOL
        found.append(_new(Payer, (account, leg, pool, available)))
    return found


def longest_of(change: Change, running: RunningCall, settings: Settings, now: Now) -> int:
    """What a call may last at most, from its answer: as long as any, as its device may, as its limits leave it."""
    longest_s = min(settings.max_call_s, running.call_max_s or settings.max_call_s)
    limit_s = limits.longest_grant_s(change, running, settings, now) if running.limits else None
    return longest_s if limit_s is None else min(longest_s, limit_s)


def next_grant_s(payers: Payers, granted_s: int, settings: Settings, answered_s: int, longest_s: int) -> int:
    """How long the call may go on from its answer: a standard grant more while every level has plenty, else a first
    hold's length. Never less than what is held already pays, if the money is there; below 1: not even a second.
    `longest_s`: what it may last at most.
    """
    standard_s = min(granted_s + settings.grant_s, longest_s)
    if standard_s < 1:
        return 0
    if _have_plenty(payers, standard_s, answered_s):
        return standard_s
    covered_s = min([_covered_s(leg, leg.held, held_pool(leg), standard_s, answered_s) for _, leg, _, _ in payers])
    short_s = min(granted_s + settings.first_hold_s, standard_s)
    return _affordable_s(payers, granted_s, max(covered_s, short_s), answered_s)


def _have_plenty(payers: Payers, seconds: int, answered_s: int) -> bool:
    for _, leg, pool, available in payers:
        more = standard_micros(leg.terms, seconds, answered_s, leg.factor) - leg.held
        if more > 0 and more * PLENTY > available:
            if not pool.sources:
                return False
            after = packages.allocate(leg, pool, seconds, answered_s)
            more = after.held - leg.held
            if (more > 0 and more * PLENTY > available) or not packages.takes_little(after, pool):
                return False
    return True


def _affordable_s(payers: Payers, granted_s: int, limit_s: int, answered_s: int) -> int:
    """How long all levels can pay from the answer on, `limit_s` at most; below 1: not even a second."""
    seconds = limit_s
    for payer in payers:
        seconds = min(seconds, payable_s(payer, seconds, answered_s))
        if seconds < 1:
            return 0
    return max(seconds, granted_s)


def payable_s(payer: Payer, limit_s: int, answered_s: int) -> int:
    """How long one level can pay; below 1: not even a second."""
    _, leg, pool, available = payer
    return _covered_s(leg, available + leg.held, pool, limit_s, answered_s)


def _covered_s(leg: ChargeLeg, micros: int, pool: Pool, limit_s: int, answered_s: int) -> int:
    return longest_s(decode_terms(leg.terms), micros + pool.micros, limit_s, answered_s, leg.factor, pool.cover)


def held_for(payers: Payers, grant_s: int, answered_s: int) -> tuple[ChargeLeg, ...]:
    """The legs, each held for a grant."""
    return tuple(
        [
            packages.hold(available, leg, pool, grant_s, answered_s)
            if leg.packages
            else _new(ChargeLeg, (*leg[:-1], standard_micros(leg.terms, grant_s, answered_s, leg.factor)))
            for _, leg, pool, available in payers
        ]
    )


def move_holds(change: Change, payers: Payers, after: tuple[ChargeLeg, ...]) -> None:
    """Moves what is held on each level from what a call has to what it is to have."""
    more = []
    for (account, leg, _, _), new in zip(payers, after, strict=True):
        if new.held != leg.held:
            more.append((account, 0, new.held - leg.held, account.rate_clock_us))
        if leg.packages:
            packages.move(change, leg, new)
    accounts.put_moved(change.store, change.txn, more)


def more_of_plenty(
    change: Change, before: tuple[ChargeLeg, ...], after: RunningCall, known: Mapping[int, Account], now: Now
) -> list[tuple[Account, int, int, int]] | None:
    """What each payer, as it stands now, is to hold more for a call's grant if all have plenty for it, packages aside,
    as `accounts.put_moved` takes it; None: one has not.
    """
    spendable = limits.spendable(change, after.limits, now) if after.limits else NO_LIMITS
    found = []
    for leg, held in zip(before, after.legs, strict=True):
        account, more = known[leg.account], held.held - leg.held
        available = account.balance + account.credit_limit - account.held
        if spendable:
            available = min(available, spendable.get(account.id, available))
        if more > 0 and more * PLENTY > available:
            return None
        if more:
            found.append((account, 0, more, account.rate_clock_us))
    return found


def standard_held(legs: Sequence[ChargeLeg], grant_s: int, answered_s: int) -> tuple[ChargeLeg, ...]:
    """Legs that no packages pay for, each held for a grant."""
    found = []
    for leg in legs:
        held = standard_micros(leg.terms, grant_s, answered_s, leg.factor)
        found.append(_new(ChargeLeg, (*leg[:-1], held)))
    return tuple(found)


def provider_held(provider: ChargeLeg | None, grant_s: int, answered_s: int) -> ChargeLeg | None:
    """The provider's leg with the cost of a grant held, if its provider has an exposure limit. Never refused."""
    if provider is None or not provider.held:
        return provider
    held = max(exposure.HELD_MIN, standard_micros(provider.terms, grant_s, answered_s, provider.factor))
    return provider._replace(held=held)


def move_provider(change: Change, before: ChargeLeg | None, after: ChargeLeg | None) -> None:
    """Moves what is held against a provider's limit of exposure from what a call has to what it is to have."""
    if before is not None and after is not None and after.held != before.held:
        exposure.move(change, before.account, after.held - before.held)


def due_ms(grant_end_boot_ms: int, settings: Settings, now: Now) -> int:
    """When the meter looks at an answered call next: before its money ends, or a second from now."""
    before_ms = min(settings.extend_before_s * 1000, (grant_end_boot_ms - now.boot_ms) // 3)
    return max(grant_end_boot_ms - before_ms, now.boot_ms + 1000)


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
        settings = change.configuration.settings(change.txn)
        grant_s = _longer_s(change, running, settings, now)
        after = running
        if grant_s > running.grant_s:
            after = _with_grant(change, running, grant_s, now)
            change.event(queues.EXTENDED, now, (key, grant_s, *_told(after.legs)))
        after = after._replace(due_ms=due_ms(after.grant_end_boot_ms, settings, now))
        change.move_call(after, running.due_ms)
    return Extension(running, after)


def _told(legs: tuple[ChargeLeg, ...]) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """What the journal keeps of each leg's hold: money, and of packages if there are any."""
    held = tuple([leg.held for leg in legs])
    if not has_packages(legs):
        return held, ()
    return held, tuple([leg.packages and leg.packages.to_plain() for leg in legs])


def _longer_s(change: Change, running: RunningCall, settings: Settings, now: Now) -> int:
    if running.cut_by:
        return running.grant_s
    if running.special:
        return running.grant_s + settings.grant_s  # nobody cuts it: no limit of length either
    if not all(change.account(account).is_active for account in running.accounts):
        return running.grant_s
    payers = payers_of(change, running.legs, running.limits, now)
    longest_s = longest_of(change, running, settings, now)
    grant_s = next_grant_s(payers, running.grant_s, settings, running.answered_s, longest_s)
    if grant_s <= running.grant_s and running.limits:
        limits.stopped(change, running, now)
    return max(running.grant_s, grant_s)


def _with_grant(change: Change, running: RunningCall, grant_s: int, now: Now) -> RunningCall:
    payers = payers_of(change, running.legs, (), now)
    legs = held_for(payers, grant_s, running.answered_s)
    move_holds(change, payers, legs)
    claims = limits.hold(change, running.limits, legs, grant_s, now) if running.limits else ()
    provider = provider_held(running.provider, grant_s, running.answered_s)
    move_provider(change, running.provider, provider)
    return running._replace(legs=legs, provider=provider, limits=claims, grant_s=grant_s, seen_boot_ms=now.boot_ms)


def shorten(rooms: Rooms, key: bytes, seconds: int, now: Now) -> None:
    """Ends an answered call's grant so many seconds from now, unless it ends before; the rest is no longer held."""
    with Change(rooms.store) as change:
        running = change.call(key)
        if running is None or not running.is_answered:
            return
        grant_s = -((running.answer_boot_ms - now.boot_ms) // 1000) + seconds
        if grant_s < running.grant_s:
            after = _with_grant(change, running, grant_s, now)
            change.move_call(after._replace(due_ms=now.boot_ms + 1000), running.due_ms)
