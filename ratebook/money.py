"""Amounts and rates as integers, and the one rounding between them.

An amount counts micro-units (10⁻⁶) of its currency, a rate nano-units (10⁻⁹) per minute. Text becomes one of
these here, or is refused; nothing else in Kambill turns a decimal text into a number.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

MICRO_DECIMALS = 6
NANO_DECIMALS = 9
MICROS = 10**MICRO_DECIMALS
"""Of one unit of a currency."""
NANOS = 10**NANO_DECIMALS
WHOLE_DIGITS_MAX = 12
"""Digits before the point: a sum of a million of these still fits 64 bits in micro-units."""
SHOWN_MAX = 60
"""Characters of a text that is wrong."""

_DECIMAL = re.compile(r"(?P<sign>[+-]?)(?P<whole>[0-9]+)(?:\.(?P<part>[0-9]+))?", re.ASCII)


class RoundingMode(StrEnum):
    """Where a charge between two steps goes. All are symmetric: a refund of -x rounds as x does."""

    HALF_UP = "half-up"
    """To the nearer step, half away from zero."""
    HALF_EVEN = "half-even"
    UP = "up"
    """Away from zero."""
    DOWN = "down"
    """Towards zero."""


class Rounding(NamedTuple):
    """How an exact charge becomes an amount."""

    mode: RoundingMode
    decimals: int
    """0 to 6."""


HALF_UP_6 = Rounding(RoundingMode.HALF_UP, MICRO_DECIMALS)
_HALF_UP = RoundingMode.HALF_UP  # a name of its own: looking up an enum's member takes as long as the comparison
_POWERS = tuple(10**decimals for decimals in range(MICRO_DECIMALS + 1))


def _parse(text: str, decimals: int) -> int:
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"{_shown(text)} is not a decimal number such as 0.0125")
    whole, part = match["whole"], (match["part"] or "").rstrip("0")
    if len(whole.lstrip("0")) > WHOLE_DIGITS_MAX:
        raise ValueError(f"{_shown(text)} has more than {WHOLE_DIGITS_MAX} digits before the point")
    if len(part) > decimals:
        raise ValueError(f"{_shown(text)} has more than {decimals} decimals")
    number: int = int(whole) * 10**decimals + int(part.ljust(decimals, "0") or "0")
    return -number if match["sign"] == "-" else number


def _shown(text: str) -> str:
    return repr(text) if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]!r}…"


def parse_micros(text: str) -> int:
    """The amount of a decimal text. Raises ValueError: exponents, blanks, underscores and a seventh decimal."""
    return _parse(text, MICRO_DECIMALS)


def parse_nanos(text: str) -> int:
    """The rate (or fee) of a decimal text. Raises ValueError as `parse_micros`, at a tenth decimal."""
    return _parse(text, NANO_DECIMALS)


def _format(number: int, decimals: int) -> str:
    whole, part = divmod(abs(number), 10**decimals)
    digits = f"{part:0{decimals}}".rstrip("0").ljust(2, "0")
    return f"{'-' if number < 0 else ''}{whole}.{digits}"


def format_micros(micros: int) -> str:
    """The amount as plain text with 2 to 6 decimals; `parse_micros` reads it back."""
    return _format(micros, MICRO_DECIMALS)


def format_nanos(nanos: int) -> str:
    """The rate as plain text with 2 to 9 decimals; `parse_nanos` reads it back."""
    return _format(nanos, NANO_DECIMALS)


def round_fraction(numerator: int, denominator: int, rounding: Rounding) -> int:
    """The fraction of a unit, as micro-units, rounded once to the rounding's decimals. `denominator` > 0."""
    mode, decimals = rounding
    whole, rest = divmod(abs(numerator) * _POWERS[decimals], denominator)
    if rest and (2 * rest >= denominator if mode is _HALF_UP else _rounds_away(mode, whole, rest, denominator)):
        whole += 1
    micros: int = whole * _POWERS[MICRO_DECIMALS - decimals]
    return -micros if numerator < 0 else micros


def _rounds_away(mode: RoundingMode, whole: int, rest: int, denominator: int) -> bool:
    """Whether `whole` and a `rest` above zero go to the next step away from zero, by any mode but half-up."""
    if mode is RoundingMode.HALF_EVEN:
        return 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1)
    return mode is RoundingMode.UP
