"""What a call over gateways costs everybody, and over which ones it may go, by one look at the store. Reads only."""

from __future__ import annotations

from typing import NamedTuple

from kemi import limits, quote
from kemi.portability import Routing
from kemi.quote import Chain, Look, Way
from kemi.refusal import Refusal
from kemi.store.layout import Account
from kemi.store.origins import Origin, trunk_of
from kemi.store.specials import MESSAGE
from ratebook.routing import NoLoss, Plan, Portability


class Price(NamedTuple):
    """Of one call."""

    plan: Plan
    """With what its route says anew."""
    chain: Chain
    standing: limits.Standing
    ways: list[Way]
    """Best first; one at least."""
    loser: int
    """An account that pays more for such a call than it earns, as the plan lets it; 0: none."""


def price_of(
    look: Look, plan: Plan, origin: Origin, path: list[Account], key: bytes, special: str, routing: Routing
) -> Price:
    """Of a call of `origin`. `special`: what kind of call it is; `key`: what is random in lots. Raises Refusal."""
    if routing.is_unknown and plan.portability is Portability.REQUIRED:
        raise Refusal("porting", 0, origin.account)
    is_message = special == MESSAGE
    chain, standing = quote.FREE_CHAIN, limits.NOTHING
    if is_message or not special:
        first_hold_s = look.configuration.settings(look.txn).first_hold_s
        chain = quote.price_chain(look, path, origin, first_hold_s, is_message=is_message)
        seconds = 0 if is_message else first_hold_s
        standing = limits.standing_of(look, path, trunk_of(origin), chain.legs, seconds)
    offered = quote.offer_of(look, plan, [account.id for account in path])
    top = chain.legs[-1] if chain.legs else None
    try:
        loser = quote.losing_account(look, chain.legs, offered.plan, special)
        if loser and offered.plan.no_loss is NoLoss.STRICT:
            raise Refusal("loss", loser, origin.account)
        ways, rule = quote.find_ways(look, offered, top, set(), key, special)
    except quote.NoExchange as missing:  # the root's own affair: nobody below learns of a provider's currency
        raise Refusal("exchange", path[-1].id, origin.account, missing.pair) from None
    hole, detail = ("", "") if ways or rule != "route" else quote.hole_in(look, offered)
    if hole:
        raise Refusal(hole, path[-1].id, origin.account, detail)
    if not ways:
        raise Refusal(rule, path[-1].id if rule == "loss" else 0, origin.account)
    return Price(offered.plan, chain, standing, ways, loser)
