"""What a call would cost each level. Reads only; decides nothing about money."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from kemi.invitation import no_offer
from kemi.refusal import Refusal
from kemi.store import accounts
from kemi.store.calls import ChargeLeg, Holding
from kemi.store.configuration import Configuration
from kemi.store.environment import HotStore
from kemi.store.layout import CHARGED, PACKAGED, PREPAID, TAXES, Account
from kemi.store.numbers import Number
from kemi.store.origins import Origin
from kemi.store.specials import MESSAGE
from ratebook.bands import terms_at
from ratebook.choice import Offer, offer
from ratebook.compiled.layout import BLOCKED, FOR_EVER, TIMED
from ratebook.compiled.read import Found, RatesSnapshot, decode_terms
from ratebook.exchange import PAR, exchanged_up, pair_text
from ratebook.model import Terms
from ratebook.price import Factor, attempt_charge, charge, message_charge
from ratebook.routing import NoLoss, Plan
from ratebook.tax import CALLS, MESSAGES, Tax, tax_within, with_tax

STANDARD_CHARGES_MAX = 32_768
"""Kept by each process: terms of its rates times the few lengths that every call asks for."""

UNTAXED: tuple[Tax | None, int] = None, FOR_EVER

_new = tuple.__new__


def standard_micros(terms: bytes, seconds: int, answered_s: int, factor: Factor) -> int:
    """What encoded terms ask for a length that many calls are asked for: a grant, the expected call.

    `answered_s`: the wall-clock second from which it is counted.
    """
    return _standard(terms, seconds, answered_s if terms[1] & TIMED else 0, factor)


@lru_cache(maxsize=STANDARD_CHARGES_MAX)
def _standard(terms: bytes, seconds: int, answered_s: int, factor: Factor) -> int:
    return charge(decode_terms(terms), seconds * 1000, answered_s, factor).micros


def first_hold_micros(terms: bytes, first_hold_s: int, at_s: int, factor: Factor) -> int:
    """What a leg must set aside before the call goes out: fees and the whole increments of the first seconds."""
    return _first_hold(terms, first_hold_s, at_s if terms[1] & TIMED else 0, factor)


@lru_cache(maxsize=STANDARD_CHARGES_MAX)
def _first_hold(terms: bytes, first_hold_s: int, at_s: int, factor: Factor) -> int:
    decoded = decode_terms(terms)
    seconds = held_seconds(decoded, first_hold_s, at_s)
    return max(charge(decoded, seconds * 1000, at_s, factor).micros, attempt_charge(decoded, at_s, factor))


def held_seconds(terms: Terms, first_hold_s: int, at_s: int) -> int:
    """How many seconds of a call must be paid before it goes out."""
    return max(first_hold_s, terms_at(terms, at_s).grace_s + 1, 1)


class NoExchange(Exception):
    """Nobody says what a currency is worth in another."""

    def __init__(self, have: str, want: str) -> None:
        self.pair = pair_text(have, want)
        super().__init__(self.pair)


class Look(NamedTuple):
    """What a quote reads from: one transaction of the store, one of the rates, a number and a moment."""

    store: HotStore
    txn: Any
    configuration: Configuration
    rates: RatesSnapshot
    number: str
    at_s: int
    boot_ms: int
    dialled: str = ""
    """What a gateway is asked for where `number` is the routing number of one that has moved; empty: `number`."""
    offer: Callable[[], str] = no_offer
    """Reads the caller's SDP."""

    def rate(self, tariff: int) -> tuple[bytes, Found] | None:
        """The tariff's version of this moment and its rate for the number; None: no tariff, or no rate."""
        version = self.configuration.version(self.txn, tariff)
        found = None if version is None else self.rates.find(version, self.number, self.at_s)
        return None if version is None or found is None else (version, found)

    def has_rates(self, tariff: int) -> bool:
        """Whether there are any of a tariff; if not, somebody has forgotten to publish them, or to give a tariff."""
        version = self.configuration.version(self.txn, tariff)
        return version is not None and self.rates.has(version)

    def no_rate(self, tariff: int, account: int, caller: int) -> Refusal:
        """Why a number has no rate: it is sold by none, or a hole."""
        if self.has_rates(tariff):
            return Refusal("rate", account, caller)
        return Refusal("tariff", account, caller, str(tariff))

    def groups(self) -> tuple[str, ...]:
        """The destination groups of the number: one at most today. A read of the rates: ask only where a rule needs it.

        Raises Refusal: what the pointer names is not there.
        """
        version = self.configuration.groups_version(self.txn)
        if not version:
            return ()
        found = self.rates.groups_of(version, self.number)
        if found is None:
            raise Refusal("groups", 0, 0)
        return found

    def factor(self, have: str, want: str) -> Factor:
        """What a currency is worth in another at this moment. Raises NoExchange."""
        if have == want:
            return PAR
        found = self.configuration.exchange(self.txn).factor(have, want, self.at_s)
        if found is None:
            raise NoExchange(have, want)
        return found

    def tax(self, account: Account, seller: Account, service: str) -> tuple[Tax | None, int]:
        """What is added to an account's prices at this moment, and until when; most sellers add nothing."""
        if not seller.flags & TAXES or not account.flags & PREPAID:
            return UNTAXED
        return self.configuration.taxes(self.txn, seller.id, account.id).at(service, self.at_s)

    def note(self, leg: ChargeLeg) -> None:
        """What a level would pay, for who asks."""
        if self.store.trace is not None:
            self.store.trace.legs.append(leg)

    def no_way(self, gateway_id: int, why: str) -> None:
        """Why a gateway is none, for who asks."""
        if self.store.trace is not None:
            self.store.trace.leave(gateway_id, why)


def offer_of(look: Look, plan: Plan, path: Iterable[int]) -> Offer:
    """What a plan has for the call. `path`: the caller's account and those above it. Raises Refusal."""
    return offer(plan, look.number, path, look.at_s, look.groups() if plan.rules and plan.groups() else ())


class Chain(NamedTuple):
    """What each level pays, from the caller upwards, with its first hold."""

    legs: tuple[ChargeLeg, ...]
    until_s: int
    """Wall-clock second from which another rate may hold for one of them; 0: one of them is exchanged."""


def message_micros(terms: bytes, at_s: int, factor: Factor) -> int | None:
    """What a MESSAGE costs by encoded terms; None: they have no price for one."""
    return message_charge(decode_terms(terms), at_s, factor)


def price_chain(
    look: Look, path: list[Account], origin: Origin, first_hold_s: int, *, is_message: bool = False
) -> Chain:
    """The legs of each charged account of the path, each in its account's currency: of a call, or of a MESSAGE. Raises
    Refusal.
    """
    caller = path[0].id
    payers, tariffs, flags = [], [], 0
    for account in path:
        if account.flags & CHARGED:
            payers.append(account)
            tariffs.append(origin.tariff if account.id == caller and origin.tariff else account.tariff)
            flags |= account.flags
    if not path[0].flags & CHARGED:  # a commission reseller's own trunk: its seller would pay for the calls
        raise Refusal("payer", caller, caller)
    legs, until_s = _legs_of_caller(look, payers, path[-1], tariffs, first_hold_s, MESSAGES if is_message else CALLS)
    if is_message:
        legs = [_message_leg(look, leg, caller) for leg in legs]
    elif flags & PACKAGED:
        groups = look.groups()
        for at, (account, tariff) in enumerate(zip(payers, tariffs, strict=True)):
            if account.flags & PACKAGED:
                legs[at] = legs[at]._replace(packages=Holding(tariff, groups, fees=False, holds=()))
    if look.store.trace is not None:
        look.store.trace.legs[-len(legs) :] = legs
    return _new(Chain, (tuple(legs), until_s))


def _legs_of_caller(
    look: Look, payers: list[Account], root: Account, tariffs: list[int], first_hold_s: int, service: str
) -> tuple[list[ChargeLeg], int]:
    """The legs of all payers, from the caller upwards, without packages, and until when they are the same. Raises
    Refusal.

    Nearly every rate holds at all hours, in its account's currency, untaxed: such a leg is made here.
    """
    number, rates, caller = look.number, look.rates, payers[0].id
    versions = look.configuration.versions(look.txn, tariffs)
    legs, until_s = [], FOR_EVER
    for at, match in enumerate(rates.matches(versions, number, look.at_s)):
        account, version, seller = payers[at], versions[at], root if at + 1 == len(payers) else payers[at + 1]
        if match is None or version is None:
            raise look.no_rate(tariffs[at], account.id, caller)
        length, told, leg_until_s = match
        body = rates.body(version, told)
        destination, terms, raw = body
        if raw[1] & SELDOM or seller.flags & TAXES or terms.currency != (currency := str(account.currency, "ascii")):
            rate = version, _new(Found, (number[:length], body, leg_until_s))
            leg, leg_until_s = _leg_of_caller(look, account, seller, rate, caller, first_hold_s, service)
        else:
            held = _first_hold(raw, first_hold_s, 0, PAR) if first_hold_s else 0
            fields = account.id, seller.id, version, number[:length], destination, raw, currency, PAR, None, None, held
            leg = _new(ChargeLeg, fields)
        if look.store.trace is not None:
            look.store.trace.legs.append(leg)
        legs.append(leg)
        until_s = min(until_s, leg_until_s)
    return legs, until_s


SELDOM = BLOCKED | TIMED
"""Flags of terms that few rates have."""


def _leg_of_caller(
    look: Look,
    account: Account,
    seller: Account,
    rate: tuple[bytes, Found],
    caller: int,
    first_hold_s: int,
    service: str,
) -> tuple[ChargeLeg, int]:
    """As `_leg`, whatever the rate is. Raises Refusal."""
    if terms_at(rate[1].body.terms, look.at_s).blocked:
        raise Refusal("blocked", account.id, caller)
    tax, tax_until_s = look.tax(account, seller, service) if seller.flags & TAXES else UNTAXED
    try:
        leg, until_s = _leg(look, account, seller.id, rate, first_hold_s, tax)
    except NoExchange as missing:
        raise Refusal("exchange", account.id, caller, missing.pair) from None
    return leg, min(until_s, tax_until_s)


FREE_CHAIN = Chain((), FOR_EVER)
"""Of a call that nobody pays for."""


def price_inbound(look: Look, number: Number, path: list[Account], spared: set[int], first_hold_s: int) -> Chain:
    """The legs of a number's owner and everybody above it, each by the number's one tariff, without those in `spared`.

    Raises Refusal.
    """
    payers = [account for account in path if account.is_charged]
    if not number.tariff or not payers:
        return FREE_CHAIN
    rate = look.rate(number.tariff)
    if rate is None and not look.has_rates(number.tariff):
        raise Refusal("tariff", path[0].id, 0, str(number.tariff))
    if rate is None or terms_at(rate[1].terms, look.at_s).blocked:
        raise Refusal("inbound_rate", path[0].id, 0)
    sellers = [*payers[1:], path[-1]]
    legs = []
    until_s = FOR_EVER
    for account, seller in zip(payers, sellers, strict=True):
        if account.id not in spared:
            tax, tax_until_s = look.tax(account, seller, CALLS)
            try:
                leg, leg_until_s = _leg(look, account, seller.id, rate, first_hold_s, tax)
            except NoExchange as missing:
                raise Refusal("exchange", account.id, 0, missing.pair) from None
            look.note(leg)
            legs.append(leg)
            until_s = min(until_s, leg_until_s, tax_until_s)
    return Chain(tuple(legs), until_s)


def _leg(
    look: Look, account: Account, seller: int, rate: tuple[bytes, Found], first_hold_s: int, tax: Tax | None = None
) -> tuple[ChargeLeg, int]:
    """The leg that a rate makes, and until when it is the same. `first_hold_s` 0: it holds nothing. Raises NoExchange.

    What is exchanged is asked again at the answer: other rates of exchange may be published meanwhile.
    """
    version, (prefix, (destination, terms, raw), until_s) = rate
    currency = str(account.currency, "ascii")
    factor = PAR
    if terms.currency != currency:
        factor, until_s = look.factor(terms.currency, currency), 0
    if tax is not None:
        factor = with_tax(factor, tax)
    held = first_hold_micros(raw, first_hold_s, look.at_s, factor) if first_hold_s else 0
    fields = (account.id, seller, version, prefix, destination, raw, currency, factor, tax, None, held)
    return _new(ChargeLeg, fields), until_s


def _message_leg(look: Look, leg: ChargeLeg, caller: int) -> ChargeLeg:
    """A leg that holds the price of a MESSAGE. Raises Refusal."""
    held = message_micros(leg.terms, look.at_s, leg.factor)
    if held is None:
        raise Refusal("message", leg.account, caller)
    return leg._replace(held=held)


def expected_length_s(plan: Plan, special: str) -> int | None:
    """How long the call is expected to be; None: it is a MESSAGE."""
    return None if special == MESSAGE else plan.expected_call_s


def losing_account(look: Look, legs: tuple[ChargeLeg, ...], plan: Plan, special: str = "") -> int:
    """The account that would pay more for the expected call, or a MESSAGE, than it earns by it; 0: none.

    Taxes that are added are neither earned nor paid: who collects them hands them on. The lowest one.
    What the root earns is compared with each gateway's cost by `find_ways`. Raises NoExchange.
    """
    if plan.no_loss is NoLoss.OFF:
        return 0
    expected_s = expected_length_s(plan, special)
    earned = net_micros(look, legs[0], expected_s) if legs else 0
    for below, leg in pairwise(legs):
        net = net_micros(look, leg, expected_s)
        paid = net if leg.currency == below.currency else _in_currency(look, net, leg, below.currency)
        if (paid or 0) > (earned or 0):
            return leg.account
        earned = net
    return 0


def root_currency(look: Look) -> str:
    """Of the operator; empty: the store doesn't know it yet."""
    root = accounts.get(look.store, look.txn, accounts.ROOT_ID)
    return "" if root is None else str(root.currency, "ascii")


def cost_micros(look: Look, leg: ChargeLeg | None, expected_s: int | None, currency: str) -> int | None:
    """As `net_micros`, in another currency; where nothing is owed, nothing. Raises NoExchange."""
    if leg is None:
        return 0
    if expected_s is not None and leg.tax is None and leg.currency == currency:  # nearly every one
        return standard_micros(leg.terms, expected_s, look.at_s, leg.factor)
    return _in_currency(look, net_micros(look, leg, expected_s), leg, currency)


def _in_currency(look: Look, micros: int | None, leg: ChargeLeg, currency: str) -> int | None:
    """What a leg comes to, in another currency. Raises NoExchange."""
    if micros is None or leg.currency == currency:
        return micros
    return exchanged_up(micros, look.factor(leg.currency, currency))


def expected_micros(look: Look, leg: ChargeLeg, expected_s: int | None) -> int | None:
    """What the expected call, or a MESSAGE (no `expected_s`), comes to; None: the rate has no price for a MESSAGE."""
    if expected_s is None:
        return message_micros(leg.terms, look.at_s, leg.factor)
    return standard_micros(leg.terms, expected_s, look.at_s, leg.factor)


def attempt_net_micros(look: Look, leg: ChargeLeg) -> int:
    """What an attempt comes to that nobody answers, without the taxes that are added."""
    micros = attempt_charge(decode_terms(leg.terms), look.at_s, leg.factor)
    return micros if leg.tax is None else micros - tax_within(micros, leg.tax[1])


def net_micros(look: Look, leg: ChargeLeg, expected_s: int | None) -> int | None:
    """What `expected_micros` tells, without the taxes that are added."""
    if expected_s is not None and leg.tax is None:  # nearly every one
        return _standard(leg.terms, expected_s, look.at_s if leg.terms[1] & TIMED else 0, leg.factor)
    micros = expected_micros(look, leg, expected_s)
    return micros if micros is None or leg.tax is None else micros - tax_within(micros, leg.tax[1])
