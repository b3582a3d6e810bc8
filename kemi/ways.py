"""Over which gateways a call can go, best first. Each is looked at when it is its turn: nearly always only the first
one. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from kemi import codecs
from kemi.numbers import for_gateway
from kemi.quote import Look, NoExchange, attempt_net_micros, expected_length_s, net_micros
from kemi.rankings import Ranking, Rankings, rankings_of
from kemi.store import accounts, health, quality
from kemi.store.calls import ChargeLeg
from kemi.store.layout import CLOSED
from kemi.store.specials import EMERGENCY, is_short
from kemi.store.translate import CALLED, Translations, is_number
from kemi.store.translate import NONE as NO_TRANSLATIONS
from kemi.store.trunks import Gateway
from ratebook.choice import Candidate, Offer, in_order, lot, with_attempts, without_loss
from ratebook.compiled.read import Match
from ratebook.quality import Figures, band_of
from ratebook.routing import Order, Plan

_new = tuple.__new__


class Way(NamedTuple):
    """A gateway that a call may take, with what its provider asks."""

    gateway: Gateway
    leg: ChargeLeg | None
    """What the provider is owed by; None: nothing is."""
    until_s: int
    """Wall-clock second from which its provider's rate may be another one; 0: it is exchanged."""
    called: str
    """The number as the gateway wants it."""
    translations: Translations
    """Of its provider: among them those for what it gets."""
    routing: str = ""
    """The routing number of a ported one, where the gateway wants to know; empty: nothing to tell."""

    @property
    def user(self) -> str:
        """Of the request URI: the number, and by which it is routed (RFC 4694)."""
        return f"{self.called};npdi;rn=+{self.routing}" if self.routing else self.called


class Ways:
    """The gateways that a call may take, best first."""

    def __init__(
        self, look: Look, ranking: Ranking, matches: list[Match | None], kept: list[Candidate], special: str
    ) -> None:
        self._look, self._ranking, self._matches, self._special = look, ranking, matches, special
        self._later = iter(kept)
        self.first = next(self._found(look), None)
        """None: there is none."""
        self.rule = ""
        """Why there is none: `route`, or `loss` if each would cost more than the call earns."""

    def each(self, txn: Any) -> Iterator[Way]:
        """All of them, once; those behind the first one as they are in a transaction."""
        if self.first is not None:
            yield self.first
            yield from self._found(self._look._replace(txn=txn))

    def _found(self, look: Look) -> Iterator[Way]:
        for candidate in self._later:
            way = _way(look, self._ranking, self._matches, candidate.gateway_id, self._special)
            if isinstance(way, Way):
                yield way


def find_ways(
    look: Look, offered: Offer, top: ChargeLeg | None, tried: set[int], draw: bytes, special: str = ""
) -> Ways:
    """The gateways of an offer without those in `tried` and those that would lose money.

    `top`: what the root earns by; None: nothing, so that the no-loss rule has nothing to compare. Costs are compared in
    the currency of what is earned, else the root's; a gateway whose cost can't be is none. `draw`: what is random in
    lots. `special`: what kind of call it is; of an emergency call providers get nothing, and need no rate. Raises
    NoExchange where no other gateway is left.
    """
    plan = offered.plan
    expected_s = expected_length_s(plan, special)
    currency = "" if top is None else top.currency
    rankings = rankings_of(look, offered, expected_s, currency, is_paid=special != EMERGENCY)
    if rankings.has_codecs:
        sdp = look.offer()  # now: the store's lock waits for nobody
        look = look._replace(offer=lambda: sdp)
    matches = look.rates.matches(rankings.versions, look.number, look.at_s)
    ranking = rankings.of(look, matches)
    ordered = ranking.ordered
    if tried:
        ordered = [one for one in ordered if one.gateway_id not in tried]
    if ranking.has_fees or rankings.is_drawn:
        costed = _with_attempts(look, plan, ordered, top) if ranking.has_fees else ordered
        ordered = in_order(plan, [_drawn(look, rankings, plan, one, top, draw) for one in costed])
    if special == EMERGENCY:  # one that is out may be back: who tries it last loses nothing
        ordered = sorted(ordered, key=lambda one: _is_out(look, ranking.rated[one.gateway_id].gateway))
    earned = None if top is None else net_micros(look, top, expected_s)
    if look.store.trace is not None:
        open_now = _told(look, rankings, ranking, matches, tried, special)
        ordered = [one for one in ordered if one.gateway_id in open_now]
        named = sorted(ordered, key=lambda one: open_now.index(one.gateway_id))
        look.store.trace.weigh(named, without_loss(plan, ordered, earned), earned)
    ways = Ways(look, ranking, matches, without_loss(plan, ordered, earned), special)
    if ways.first is None:
        ways.rule = _why_none(look, ranking, matches, ordered, special)
    return ways


def _why_none(look: Look, ranking: Ranking, matches: list[Match | None], ordered: list[Candidate], special: str) -> str:
    """The rule by which none is left of those in order. Raises NoExchange where that is why."""
    if any(isinstance(_way(look, ranking, matches, one.gateway_id, special), Way) for one in ordered):
        return "loss"
    if ranking.missing:
        raise NoExchange(*ranking.missing.split("/"))
    return "route"


def _is_out(look: Look, gateway: Gateway) -> bool:
    return gateway.failures_max > 0 and health.is_out(look.store, look.txn, gateway.id, look.boot_ms)


def _shut(look: Look, gateway: Gateway, special: str) -> str:
    """Why a gateway takes no such call at this moment: out, codecs; empty: it may."""
    if special != EMERGENCY and _is_out(look, gateway):
        return "out"
    return "codecs" if gateway.codecs and not codecs.fits(gateway.codecs, look.offer()) else ""


def _way(look: Look, ranking: Ranking, matches: list[Match | None], gateway_id: int, special: str) -> Way | str:
    """Or why it is none at this moment: `_shut`, or number."""
    rated = ranking.rated[gateway_id]
    gateway = rated.gateway
    shut = _shut(look, gateway, special) if gateway.failures_max or gateway.codecs else ""
    if shut:
        return shut
    number = look.dialled or look.number
    rules = () if rated.translations is NO_TRANSLATIONS else rated.translations.of_gateway(gateway_id, CALLED)
    called = for_gateway(number, gateway, rules, is_short=is_short(special, number))
    if called != number and not is_number(called):
        return "number"  # nothing is left of it, or too much was put before
    leg, until_s = rated.leg(look.number, matches[rated.at] if rated.at >= 0 else None)
    routing = look.number if gateway.shows_routing and number != look.number else ""
    return _new(Way, (gateway, leg, until_s, called, rated.translations, routing))


def _told(
    look: Look, rankings: Rankings, ranking: Ranking, matches: list[Match | None], tried: set[int], special: str
) -> list[int]:
    """The gateways that are ways at this moment, as the plan names them; for who asks, why others are none."""
    open_now = []
    for number, _, _, gateway, why, *_ in rankings.seats:
        if number in tried:
            continue
        if gateway is not None and gateway.is_active:
            why = _shut(look, gateway, special) or why or ranking.left.get(number, "")  # noqa: PLW2901 -- of the same gateway
        if not why and number in ranking.rated:
            way = _way(look, ranking, matches, number, special)
            why = way if isinstance(way, str) else ""  # noqa: PLW2901 -- of the same gateway
        if why:
            look.no_way(number, why)
        else:
            open_now.append(number)
    return open_now


def _with_attempts(look: Look, plan: Plan, found: list[Candidate], top: ChargeLeg | None) -> list[Candidate]:
    """Candidates whose costs have what attempts cost that nobody answers."""
    paid_micros = 0 if top is None else attempt_net_micros(look, top)
    return [
        with_attempts(one, _figures(look, plan, one.gateway_id, top), plan.demands, paid_micros)
        if one.attempt_micros > paid_micros
        else one
        for one in found
    ]


def _drawn(look: Look, rankings: Rankings, plan: Plan, one: Candidate, top: ChargeLeg | None, draw: bytes) -> Candidate:
    """A candidate with what is drawn or counted for this call; what no order of the plan asks for is not looked up."""
    number = one.gateway_id
    drawn = lot(draw, number, rankings.weights[one.tier, number]) if Order.PERCENTAGE in plan.order else 0.0
    band = band_of(_figures(look, plan, number, top), plan.demands) if Order.QUALITY in plan.order else 0
    return one._replace(lot=drawn, quality=band)


def _figures(look: Look, plan: Plan, gateway_id: int, top: ChargeLeg | None) -> Figures:
    """Those of a gateway for this prefix, or all of its figures where these are too few."""
    demands, prefix = plan.demands, quality.prefix_for(top, look.number)
    since_s = look.at_s - demands.window_s
    figures = Figures()
    for kept in (prefix, quality.WHOLE):
        figures = quality.read(look.store, look.txn, gateway_id, kept, since_s)
        if figures.attempts >= demands.calls_min:
            break
    return figures


def hole_in(look: Look, offered: Offer) -> tuple[str, str]:
    """What is missing of the first gateway of an offer that something is missing of, as a rule of `refusal.HOLES` and
    its detail; empty: nothing is.
    """
    if not offered.plan.gateways():
        return "empty", offered.plan.name
    for gateway_id in dict.fromkeys(int(choice.gateway) for tier in offered.tiers for choice in tier):
        gateway = look.configuration.gateway(look.txn, gateway_id)
        if gateway is None:
            return "gateway", str(gateway_id)
        provider = accounts.get(look.store, look.txn, gateway.provider)
        if provider is None:
            return "provider", str(gateway.provider)
        if provider.flags & CLOSED:
            return "closed", f"{gateway.provider} (of gateway {gateway_id})"
        tariff = gateway.tariff or provider.tariff
        if not look.has_rates(tariff):
            return "tariff", f"{tariff} (of gateway {gateway_id})"
    return "", ""
