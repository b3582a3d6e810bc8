"""What a call over gateways costs everybody, and over which ones it may go, by one look at the store. Reads only."""

from __future__ import annotations

from typing import NamedTuple

from kemi import limits, quote
from kemi.portability import Routing
from kemi.quote import Chain, Look
from kemi.refusal import Refusal
from kemi.store.layout import Account
from kemi.store.origins import Origin, trunk_of
from kemi.store.specials import MESSAGE
from kemi.ways import Way, Ways, find_ways, hole_in
from ratebook.routing import NoLoss, Plan, Portability


class Price(NamedTuple):
    """Of one call."""

    plan: Plan
    """With what its route says anew."""
    chain: Chain
    standing: limits.Standing
    ways: Ways
    way: Way
    """The first one."""
    loser: int
    """An account that pays more for such a call than it earns, as the plan lets it; 0: none."""


class Caller(NamedTuple):
    """Whose call it is."""

    origin: Origin
    path: list[Account]
    cautious: limits.Cautious
    """Who of the path has set anything against fraud."""
    number: str
    """As it goes out."""


def price_of(look: Look, plan: Plan, caller: Caller, key: bytes, special: str, routing: Routing) -> Price:
    """Of a call. `special`: what kind of call it is; `key`: what is random in lots. Raises Refusal."""
    origin, path, cautious, number = caller
    is_limited = special in {"", MESSAGE}
    if is_limited:
        limits.check_numbers(look, path, cautious, trunk_of(origin), number, look.dialled)
    if routing.is_unknown and plan.portability is Portability.REQUIRED:
        raise Refusal("porting", 0, origin.account)
    is_message = special == MESSAGE
    chain, standing = quote.FREE_CHAIN, limits.NOTHING
    if is_limited:
        first_hold_s = look.configuration.settings(look.txn).first_hold_s
        chain = quote.price_chain(look, path, origin, first_hold_s, is_message=is_message)
        seconds = 0 if is_message else first_hold_s
        if cautious:
            standing = limits.standing_of(look, cautious, trunk_of(origin), chain.legs, seconds)
    offered = quote.offer_of(look, plan, [account.id for account in path] if plan.rules else ())
    top = chain.legs[-1] if chain.legs else None
    try:
        loser = quote.losing_account(look, chain.legs, offered.plan, special)
        if loser and offered.plan.no_loss is NoLoss.STRICT:
            raise Refusal("loss", loser, origin.account)
        ways = find_ways(look, offered, top, set(), key, special)
    except quote.NoExchange as missing:  # the root's own affair: nobody below learns of a provider's currency
        raise Refusal("exchange", path[-1].id, origin.account, missing.pair) from None
    if ways.first is not None:
        return tuple.__new__(Price, (offered.plan, chain, standing, ways, ways.first, loser))
    hole, detail = hole_in(look, offered) if ways.rule == "route" else ("", "")
    if hole:
        raise Refusal(hole, path[-1].id, origin.account, detail)
    raise Refusal(ways.rule, path[-1].id if ways.rule == "loss" else 0, origin.account)
