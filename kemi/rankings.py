"""The gateways of an offer, priced and put in order: once for all numbers that have the same rates of every provider.

Kept is only what no call changes, and as long as the configuration stands. Which rates a number has is looked up for
each call; whether a gateway is out, has room or may be owed more is asked when it is its turn (`kemi.ways`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kemi.quote import Look, NoExchange, message_micros, root_currency, standard_micros
from kemi.store import accounts
from kemi.store.calls import ChargeLeg
from kemi.store.translate import Translations
from kemi.store.trunks import Gateway
from ratebook.bands import terms_at
from ratebook.choice import Candidate, Offer, in_order
from ratebook.compiled.layout import FOR_EVER, is_timed
from ratebook.compiled.read import Body, Match
from ratebook.exchange import PAR, exchanged_up
from ratebook.price import Factor, attempt_charge
from ratebook.routing import Choice, Order

KEPT_MAX = 4096
"""Offers and rankings that each process keeps of a configuration. A ranking of ten gateways takes 5 KiB."""

_new = tuple.__new__


class Seat(NamedTuple):
    """A gateway as an offer names it."""

    id: int
    tier: int
    choice: Choice
    gateway: Gateway | None
    """None: it is gone."""
    why: str
    """Why it is no way, whatever its provider asks: gone, inactive, provider. Empty: it may be one."""
    currency: str
    """Its provider's."""
    at: int
    """The place of its tariff's version among those that are looked up; -1: it has none."""
    translations: Translations
    """Of its provider."""


class Rated(NamedTuple):
    """A gateway with what its provider asks for a number."""

    gateway: Gateway
    translations: Translations
    at: int
    """As of its seat."""
    version: bytes
    body: Body | None
    """None: nothing is owed."""
    currency: str
    factor: Factor

    def leg(self, number: str, match: Match | None) -> tuple[ChargeLeg | None, int]:
        """What the provider is owed by for a number, and until which wall-clock second; 0: it is exchanged."""
        if match is None or self.body is None:
            return None, FOR_EVER
        destination, terms, raw = self.body
        length, _, until_s = match
        fields = (self.gateway.provider, 0, self.version, number[:length], destination, raw, self.currency, self.factor)
        return _new(ChargeLeg, (*fields, None, None, 0)), until_s if terms.currency == self.currency else 0


class Ranking(NamedTuple):
    """Of all numbers that have the same rates."""

    ordered: list[Candidate]
    """Best first, as far as the plan's order says without lots and figures of quality."""
    rated: dict[int, Rated]
    """By gateway."""
    left: dict[int, str]
    """Why others are no ways, by their provider's rate: rate, blocked, exchange (with the pair)."""
    from_s: int
    until_s: int
    """Wall-clock seconds in which it holds; the second one is exclusive."""
    has_fees: bool = False
    """Whether any attempt costs something that nobody answers."""

    @property
    def missing(self) -> str:
        """The last pair of those that nobody exchanges, so that gateways are left out; empty: there is none."""
        pairs = [why.partition(" ")[2] for why in self.left.values()]
        return next(filter(None, reversed(pairs)), "")


class Rankings:
    """Those of one offer, for calls of one kind."""

    def __init__(self, look: Look, offered: Offer, expected_s: int | None, currency: str, *, is_paid: bool) -> None:
        self.versions: list[bytes] = []
        """What is to be looked up of a number."""
        self._plan, self._expected_s, self._currency, self._is_paid = offered.plan, expected_s, currency, is_paid
        self._by_length = Order.PREFIX in offered.plan.order
        self.is_drawn = Order.PERCENTAGE in offered.plan.order or Order.QUALITY in offered.plan.order
        """Whether lots or figures of quality, which each call has anew, are in the plan's order."""
        choices = [(tier, choice) for tier, choices in enumerate(offered.tiers) for choice in choices]
        self.seats = [self._seat(look, tier, choice) for tier, choice in choices]
        self.weights = {(seat.tier, seat.id): seat.choice.weight for seat in self.seats}
        """Of lots, by tier and gateway."""
        self.has_codecs = any(seat.gateway is not None and seat.gateway.codecs for seat in self.seats)
        """Whether any of them asks what the caller offers."""

    def _seat(self, look: Look, tier: int, choice: Choice) -> Seat:
        configuration, txn, number = look.configuration, look.txn, int(choice.gateway)
        gateway = configuration.gateway(txn, number)
        provider_id = 0 if gateway is None else gateway.provider
        provider = accounts.get(look.store, txn, provider_id)
        why, currency, at = "", "", -1
        if gateway is None or not gateway.is_active:
            why = "gone" if gateway is None else "inactive"
        elif provider is None or not provider.is_active:
            why = "provider"
        elif self._is_paid:
            currency = str(provider.currency, "ascii")
            at = self._place(configuration.version(txn, gateway.tariff or provider.tariff))
        return Seat(number, tier, choice, gateway, why, currency, at, configuration.translations(txn, provider_id))

    def _place(self, version: bytes | None) -> int:
        if version is None:
            return -1
        if version not in self.versions:
            self.versions.append(version)
        return self.versions.index(version)

    def of(self, look: Look, matches: list[Match | None]) -> Ranking:
        """Of a number that these rates match."""
        kept = look.configuration.worked_out
        seen: list[Any]
        if self._by_length:
            seen = [None if match is None else match[:2] for match in matches]
        else:
            seen = [None if match is None else match[1] for match in matches]
        key = (self, *seen)
        found: Ranking | None = kept.get(key)
        if found is None or not found.from_s <= look.at_s < found.until_s:
            if len(kept) >= KEPT_MAX:
                kept.clear()
            found = kept[key] = self._made(look, matches)
        return found

    def _made(self, look: Look, matches: list[Match | None]) -> Ranking:
        ranking = Ranking([], {}, {}, look.at_s, FOR_EVER)
        candidates, until_s = [], FOR_EVER
        for seat in self.seats:
            match = matches[seat.at] if seat.at >= 0 else None
            if seat.gateway is None or seat.why:
                continue
            rated, costs, holds_s = self._rated(look, seat, seat.gateway, match)
            until_s = min(until_s, holds_s)
            if isinstance(rated, str):
                ranking.left[seat.id] = rated
            elif costs is not None:
                ranking.rated[seat.id] = rated
                gap = len(look.number) - (match[0] if match else 0) if self._by_length else 0
                found = Candidate(seat.id, seat.choice.priority, costs[0], seat.tier, prefix_gap=gap)
                candidates.append(found._replace(attempt_micros=costs[1]))
        has_fees = any(one.attempt_micros for one in candidates)
        return ranking._replace(ordered=in_order(self._plan, candidates), until_s=until_s, has_fees=has_fees)

    def _rated(
        self, look: Look, seat: Seat, gateway: Gateway, match: Match | None
    ) -> tuple[Rated | str, tuple[int, int] | None, int]:
        """A gateway and its costs, or why it is left out; and until when that holds."""
        if not self._is_paid:
            return Rated(gateway, seat.translations, -1, b"", None, "", PAR), (0, 0), FOR_EVER
        if match is None:
            return "rate", None, FOR_EVER
        version = self.versions[seat.at]
        body = look.rates.body(version, match[1])
        until_s = look.at_s + 1 if is_timed(body.raw) else FOR_EVER
        if terms_at(body.terms, look.at_s).blocked:
            return "blocked", None, until_s
        if not body.terms.currency == seat.currency == self._currency:
            until_s = min(until_s, look.configuration.exchange(look.txn).changes_s(look.at_s))
        try:
            factor = look.factor(body.terms.currency, seat.currency)
            costs = self._costs(look, body, seat.currency, factor)
        except NoExchange as fault:
            return f"exchange {fault.pair}", None, until_s
        return Rated(gateway, seat.translations, seat.at, version, body, seat.currency, factor), costs, until_s

    def _costs(self, look: Look, body: Body, currency: str, factor: Factor) -> tuple[int, int] | None:
        """What the expected call costs, and an attempt that nobody answers; or a MESSAGE. None: there is no price for
        a MESSAGE. Raises NoExchange.
        """
        fee: int | None
        if self._expected_s is None:
            fee, attempt = message_micros(body.raw, look.at_s, factor), 0
        else:
            fee = standard_micros(body.raw, self._expected_s, look.at_s, factor)
            attempt = attempt_charge(body.terms, look.at_s, factor)
        if fee is None or currency == self._currency:
            return None if fee is None else (fee, attempt)
        worth = look.factor(currency, self._currency)
        return exchanged_up(fee, worth), exchanged_up(attempt, worth)


def rankings_of(look: Look, offered: Offer, expected_s: int | None, currency: str, *, is_paid: bool) -> Rankings:
    """Those of an offer, kept with the configuration. `expected_s`: of the call whose cost is compared, None: it is a
    MESSAGE; `currency`: in which costs are compared, empty: the root's.
    """
    kept = look.configuration.worked_out
    key = (offered.tiers, offered.plan.order, expected_s, currency, is_paid)
    found: Rankings | None = kept.get(key)
    if found is None:
        if len(kept) >= KEPT_MAX:
            kept.clear()
        found = kept[key] = Rankings(look, offered, expected_s, currency or root_currency(look), is_paid=is_paid)
    return found
