"""What packages pay of a call: seconds first, then money for what is left. Held at the level that owns them.

`docs/products.md` says how a call with packages is priced; `ratebook.price` prices it.
"""

from __future__ import annotations

from typing import NamedTuple

from kemi.clock import Now
from kemi.quote import Chain, held_seconds
from kemi.store import packages
from kemi.store.calls import ChargeLeg, Hold, has_packages
from kemi.store.change import Change
from kemi.store.queues import Charged
from ratebook.compiled.layout import decode_terms
from ratebook.price import UNCOVERED, Cover, attempt_charge, charge, chargeable_s

SHARED = 20
"""A longer grant takes of a package at once what is at most this part of what is free in it: other calls are to find
something there."""


class Source(NamedTuple):
    """One grant as a call may use it."""

    id: int
    is_money: bool
    held: int
    """By this call."""
    free: int

    @property
    def most(self) -> int:
        """What the call may hold of it."""
        return self.held + self.free


class Pool(NamedTuple):
    """All that packages can pay of one leg."""

    sources: tuple[Source, ...]
    """In the order of their use."""
    cover: Cover
    """All seconds, and whether fees are covered."""
    micros: int
    """All money."""


NO_POOL = Pool((), UNCOVERED, 0)


def pool_of(change: Change, leg: ChargeLeg, at_s: int) -> Pool:
    """What there is for a leg at a wall-clock second. An account without packages costs nothing here."""
    holding = leg.packages
    if holding is None:
        return NO_POOL
    held = {hold.grant: hold.amount for hold in holding.holds}
    sources, fees = [], holding.fees
    configuration = change.configuration
    for stock in packages.stocks_of(change.store, change.txn, leg.account):
        content = configuration.content(change.txn, stock.product)
        is_open = content is not None and content.fits(holding.tariff, holding.groups)
        source = Source(stock.id, stock.is_money, held.get(stock.id, 0), stock.free(at_s) if is_open else 0)
        if source.most:
            sources.append(source)
            fees = fees or (stock.covers_fees and not stock.is_money)
    return _pool(tuple(sources), fees=fees)


def held_pool(leg: ChargeLeg) -> Pool:
    """What a leg holds already."""
    if leg.packages is None:
        return NO_POOL
    sources = tuple([Source(hold.grant, hold.is_money, hold.amount, 0) for hold in leg.packages.holds])
    return _pool(sources, fees=leg.packages.fees)


def _pool(sources: tuple[Source, ...], *, fees: bool) -> Pool:
    seconds = sum([source.most for source in sources if not source.is_money])
    micros = sum([source.most for source in sources if source.is_money])
    return Pool(sources, Cover(seconds, fees), micros)


def allocate(leg: ChargeLeg, pool: Pool, seconds: int, answered_s: int, least_micros: int = 0) -> ChargeLeg:
    """The leg, holding what a call of this length takes of a pool, and the money for what is left.

    `least_micros`: of money, whatever packages pay.
    """
    if leg.packages is None:
        raise ValueError(f"account {leg.account} had no packages when the call began")
    holds, micros = _share(leg, pool, seconds * 1000, answered_s)
    holding = leg.packages._replace(fees=pool.cover.fees, holds=holds)
    return leg._replace(packages=holding, held=max(micros, least_micros))


def _share(leg: ChargeLeg, pool: Pool, duration_ms: int, answered_s: int) -> tuple[tuple[Hold, ...], int]:
    """What a call takes of each source in turn, and the micro-units that no package pays."""
    terms = decode_terms(leg.terms)
    left_s = min(pool.cover.seconds, chargeable_s(terms, duration_ms, answered_s))
    micros = charge(terms, duration_ms, answered_s, leg.factor, pool.cover._replace(seconds=left_s)).micros
    holds = []
    for source in pool.sources:
        amount = min(source.most, max(0, micros if source.is_money else left_s))
        if source.is_money:
            micros -= amount
        else:
            left_s -= amount
        if amount:
            holds.append(Hold(source.id, source.is_money, amount))
    return tuple(holds), micros


def hold(available: int, leg: ChargeLeg, pool: Pool, seconds: int, answered_s: int, least_micros: int = 0) -> ChargeLeg:
    """As `allocate`, sparingly if the account has the money: its call holds little of a package then, so that others
    find something in it, and uses at its end what is free by then.
    """
    sparing = tuple([source._replace(free=source.free // SHARED) for source in pool.sources])
    after = allocate(leg, _pool(sparing, fees=pool.cover.fees), seconds, answered_s, least_micros)
    if after.held - leg.held <= max(0, available):
        return after
    return allocate(leg, pool, seconds, answered_s, least_micros)


def takes_little(after: ChargeLeg, pool: Pool) -> bool:
    """Whether what a leg is to hold leaves enough in the packages for other calls."""
    wanted = {hold.grant: hold.amount for hold in after.packages.holds} if after.packages else {}
    return all((wanted.get(source.id, 0) - source.held) * SHARED <= source.free for source in pool.sources)


def move(change: Change, before: ChargeLeg, after: ChargeLeg) -> None:
    """Moves what is held of grants from what a leg has to what it is to have."""
    held = _held(before)
    wanted = _held(after)
    for grant in held.keys() | wanted.keys():
        difference = wanted.get(grant, 0) - held.get(grant, 0)
        if difference:
            packages.move(change, before.account, grant, difference, 0)


def _held(leg: ChargeLeg) -> dict[int, int]:
    return {hold.grant: hold.amount for hold in leg.packages.holds} if leg.packages else {}


def first_holds(change: Change, chain: Chain, now: Now) -> Chain:
    """The chain, with what packages pay of its first holds taken from them; the same one where nobody has any."""
    if not has_packages(chain.legs):
        return chain
    first_hold_s = change.configuration.settings(change.txn).first_hold_s
    legs = [_first_hold(change, leg, first_hold_s, now) if leg.packages else leg for leg in chain.legs]
    return chain._replace(legs=tuple(legs))


def _first_hold(change: Change, leg: ChargeLeg, first_hold_s: int, now: Now) -> ChargeLeg:
    terms = decode_terms(leg.terms)
    seconds = held_seconds(terms, first_hold_s, now.wall_s)
    attempt = attempt_charge(terms, now.wall_s, leg.factor)
    before = leg._replace(held=0)  # its price is not held yet
    pool = pool_of(change, leg, now.wall_s)
    after = hold(change.account(leg.account).available, before, pool, seconds, now.wall_s, attempt)
    move(change, leg, after)
    return after


def charged(leg: ChargeLeg, pool: Pool, duration_ms: int, answered_s: int) -> Charged:
    """What an answered call comes to, as far as a pool doesn't pay it."""
    takes, micros = _share(leg, pool, duration_ms, answered_s)
    billed_s = charge(decode_terms(leg.terms), duration_ms, answered_s).billed_s
    used = tuple([(grant, is_money, amount) for grant, is_money, amount in takes])
    return Charged(billed_s, micros, pool.cover.fees, used)


def settle(change: Change, leg: ChargeLeg, found: Charged) -> None:
    """Gives back what a leg holds, and takes what its call has used."""
    held, taken = _held(leg), {grant: amount for grant, _, amount in found.takes}
    for grant in held.keys() | taken.keys():
        packages.move(change, leg.account, grant, -held.get(grant, 0), -taken.get(grant, 0))
