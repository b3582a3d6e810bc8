"""Calls of the ledger by other rates: the one place where a call that has ended is priced again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, Protocol

from ratebook.bands import terms_at
from ratebook.bulk import Pricer
from ratebook.model import Rate
from ratebook.price import UNCOVERED, Cover, Factor, attempt_charge, message_charge

MESSAGE = "message"
"""The kind of a record that a MESSAGE has left; every other one is of a call."""


class Ended(Protocol):
    """What of a call its price depends on."""

    @property
    def kind(self) -> str:
        """As in `cdrs`."""

    @property
    def called(self) -> str:
        """In E.164, without `+`."""

    @property
    def start_ms(self) -> int:
        """Wall clock of its INVITE."""

    @property
    def answer_ms(self) -> int:
        """0: not answered."""

    @property
    def duration_ms(self) -> int:
        """As it was recorded."""

    @property
    def attempt_ms(self) -> int:
        """Of a provider's cost, wall clock of the INVITE that went to it; 0: of the caller's."""


def priced_at_ms(call: Ended) -> int:
    """Whose rates count: the answer's; of an attempt and a MESSAGE those of its request."""
    return call.start_ms if call.kind == MESSAGE else call.answer_ms or begun_ms(call)


def begun_ms(call: Ended) -> int:
    """When who is paid got it."""
    return call.attempt_ms or call.start_ms


class Covered(NamedTuple):
    """What packages have paid of a call at one level. It stays paid, whatever the rates."""

    cover: Cover = UNCOVERED
    micros: int = 0


NOTHING_COVERED = Covered()


class Repriced(NamedTuple):
    """What a call comes to."""

    rate: Rate
    billed_s: int
    micros: int


class Refusal(StrEnum):
    """Why rates would not have let a call through."""

    NO_RATE = "no rate"
    BLOCKED = "blocked"


class Repricer:
    """Prices calls as they were settled: attempts and messages by their fee, answered ones by the pricing function."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        known = tuple(rates)
        self._pricer = Pricer(known)
        self.currency = known[0].terms.currency if known else ""

    def price(self, call: Ended, factor: Factor, covered: Covered = NOTHING_COVERED) -> Repriced | Refusal:
        """By the rate of its moment. `factor`: the rate of exchange."""
        at_s = priced_at_ms(call) // 1000
        rate = self._pricer.index.find(call.called, at_s)
        if rate is None:
            return Refusal.NO_RATE
        if terms_at(rate.terms, begun_ms(call) // 1000).blocked:  # as it began: what talks into a blocked band is paid
            return Refusal.BLOCKED
        if call.kind == MESSAGE:
            fee = message_charge(rate.terms, at_s, factor) if call.answer_ms else 0
            return Refusal.NO_RATE if fee is None else Repriced(rate, 0, fee)
        if not call.answer_ms:
            return Repriced(rate, 0, attempt_charge(rate.terms, at_s, factor))
        billed_s, micros = self._pricer.charge(rate.terms, call.duration_ms, at_s, factor, covered.cover)
        return Repriced(rate, billed_s, max(0, micros - covered.micros) if covered.micros else micros)
