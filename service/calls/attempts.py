"""What a record says of the gateways that were tried, and of the terms of its charges. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ratebook.bands import terms_at
from ratebook.compiled.layout import UnknownLayout, decode_terms
from ratebook.money import format_nanos


class Attempt(NamedTuple):
    """One of them."""

    gateway_id: int
    """0: it went to somebody of ours."""
    sip_code: int
    """0: it was given up without an answer."""
    start_ms: int
    ring_ms: int
    """0: it didn't ring."""
    end_ms: int
    """Its final answer; 0: it gave none."""

    @property
    def delay_ms(self) -> int | None:
        """From the INVITE to the first ringing; None: it didn't ring."""
        return delay_ms(self.start_ms, self.ring_ms)


def attempts_of(attempts: list[list[int]]) -> Iterator[Attempt]:
    """Those of a record, in their order."""
    return (Attempt(*one) for one in attempts)


def last_start_ms(attempts: list[list[int]]) -> int:
    """When the INVITE went to the gateway with which a call ended; 0: to none."""
    return attempts[-1][2] if attempts else 0


def delay_ms(start_ms: int, ring_ms: int) -> int | None:
    """Post-dial delay: from an INVITE to the first ringing; None: nothing rang."""
    return max(0, ring_ms - start_ms) if ring_ms else None


class Rate(NamedTuple):
    """What a charge's terms say, in short."""

    currency: str
    """Empty, as the others: another release has written the terms."""
    minute: str
    """The first interval's price of a minute."""
    increments: str
    """Of each interval in seconds, such as 60/1."""


def rate_of(terms: str, at_ms: int) -> Rate:
    """Of encoded terms in hex, as they held at a moment."""
    try:
        held = terms_at(decode_terms(bytes.fromhex(terms)), at_ms // 1000)
    except UnknownLayout:
        return Rate("", "", "")
    increments = "/".join(str(interval.increment_s) for interval in held.intervals)
    return Rate(held.currency, format_nanos(held.intervals[0].rate_nanos), increments)
