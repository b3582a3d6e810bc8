"""Categories and rates of tax as EN 16931 has them, and the sums of lines by them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

from ratebook.money import MICRO_DECIMALS, MICROS, Rounding, RoundingMode, format_micros, round_fraction

PERCENT_MICROS_MAX = 100 * MICROS


class TaxCategory(StrEnum):
    """Of UNTDID 5305, as far as EN 16931 allows them. A tax that is not VAT is a charge, which VAT may be paid on."""

    STANDARD = "S"
    ZERO = "Z"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    INTRA_COMMUNITY = "K"
    EXPORT = "G"
    OUTSIDE = "O"
    """Outside the scope of VAT."""


WITH_REASON = frozenset(TaxCategory) - {TaxCategory.STANDARD, TaxCategory.ZERO}
"""Why no tax is asked must be said (BR-E-10, BR-AE-10, BR-IC-10, BR-G-10, BR-O-10)."""


class TaxRate(NamedTuple):
    """What a line is taxed by."""

    category: TaxCategory
    percent_micros: int
    """19 % is 19,000,000. Nothing but the standard category has one."""

    def __str__(self) -> str:
        return f"{self.category} {format_micros(self.percent_micros)} %"

    def problems(self) -> list[str]:
        """What is wrong with it."""
        if not 0 <= self.percent_micros <= PERCENT_MICROS_MAX:
            return [f"tax {self}: a rate lies between 0 and 100 %"]
        if (self.category is TaxCategory.STANDARD) != (self.percent_micros > 0):
            return [f"tax {self}: the category S has a rate above 0 %, and no other has one"]
        return []


class Tax(NamedTuple):
    """The tax of all that has one rate: a VAT breakdown (BG-23)."""

    rate: TaxRate
    base_micros: int
    """Rounded once, to the currency's minor unit."""
    amount_micros: int
    reason: str = ""
    """Why there is none: for the reader."""
    reason_code: str = ""
    """The same as a code of the list VATEX, such as VATEX-EU-AE."""

    def problems(self, decimals: int) -> list[str]:
        """What is wrong with it in itself. One minor unit is allowed to prices that had the tax in them."""
        found = self.rate.problems()
        apart = abs(self.amount_micros - tax_of(self.base_micros, self.rate, decimals))
        if apart > minor_unit(decimals):
            amount, base = format_micros(self.amount_micros), format_micros(self.base_micros)
            found.append(f"tax {self.rate}: {amount} is not the tax of {base} (BR-CO-17)")
        if (self.rate.category in WITH_REASON) != bool(self.reason or self.reason_code):
            found.append(f"tax {self.rate}: a reason or its code stands with E, AE, K, G and O, and with no other")
        return found


class Taxed(Protocol):
    """A line, an allowance or a charge."""

    @property
    def tax(self) -> TaxRate | None:
        """None: nothing is said of taxes; of statements and receipts."""

    @property
    def sum_micros(self) -> int:
        """What it adds to the document; below zero: what it takes away."""


def minor_unit(decimals: int) -> int:
    """The smallest payable amount, in micro-units."""
    unit: int = 10 ** (MICRO_DECIMALS - decimals)
    return unit


def to_minor(micros: int, decimals: int) -> int:
    """The payable amount nearest to an exact one, half away from zero: the one rounding of a document."""
    return round_fraction(micros, MICROS, Rounding(RoundingMode.HALF_UP, decimals))


def tax_of(base_micros: int, rate: TaxRate, decimals: int) -> int:
    """The tax of an amount, rounded once."""
    half_up = Rounding(RoundingMode.HALF_UP, decimals)
    return round_fraction(base_micros * rate.percent_micros, MICROS * PERCENT_MICROS_MAX, half_up)


def bases_of(items: Iterable[Taxed]) -> dict[TaxRate | None, int]:
    """Exact sums by rate, in the order in which rates appear."""
    sums: dict[TaxRate | None, int] = {}
    for item in items:
        sums[item.tax] = sums.get(item.tax, 0) + item.sum_micros
    return sums


def taxes_of(
    items: Iterable[Taxed], decimals: int, reasons: Mapping[TaxCategory, tuple[str, str]] | None = None
) -> tuple[Tax, ...]:
    """The taxes of lines, allowances and charges. `reasons`: of a category, the sentence and its code."""
    known = reasons or {}
    taxes = []
    for rate, exact_micros in bases_of(items).items():
        if rate is not None:
            base_micros = to_minor(exact_micros, decimals)
            amount_micros = tax_of(base_micros, rate, decimals)
            taxes.append(Tax(rate, base_micros, amount_micros, *known.get(rate.category, ("", ""))))
    return tuple(taxes)
