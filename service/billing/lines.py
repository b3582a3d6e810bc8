"""Lines of a document, its allowances and charges, and what they come to. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ratebook.money import MICROS
from service.billing.taxes import Tax, Taxed, TaxRate, bases_of, to_minor


class Unit(StrEnum):
    """What is counted: UN/ECE recommendation 20."""

    ONE = "C62"
    MINUTE = "MIN"
    SECOND = "SEC"
    DAY = "DAY"
    MONTH = "MON"


class Line(NamedTuple):
    """One line."""

    description: str
    net_micros: int
    """Exact, without tax; below zero: an adjustment in the buyer's favour."""
    tax: TaxRate | None = None
    """None: only on statements and receipts."""
    quantity_micros: int = MICROS
    unit: Unit = Unit.ONE
    price_nanos: int | None = None
    """Of one unit; None: there is no single price, such as where calls of one line had several."""
    calls: int | None = None
    duration_s: int | None = None
    """What was talked, where the quantity is what was billed."""
    group: str = ""
    """The heading that it stands under; lines of a group follow one another."""
    note: str = ""

    @property
    def sum_micros(self) -> int:
        """What it adds to the document."""
        return self.net_micros


class Adjustment(NamedTuple):
    """An allowance (discount) or a charge on the document as a whole."""

    reason: str
    net_micros: int
    """Above zero, whichever it is."""
    is_charge: bool
    tax: TaxRate | None = None

    @property
    def sum_micros(self) -> int:
        """What it adds to the document."""
        return self.net_micros if self.is_charge else -self.net_micros


class Totals(NamedTuple):
    """What the lines come to (BG-22)."""

    lines_micros: int
    """Exact."""
    allowances_micros: int
    charges_micros: int
    net_micros: int
    """Payable from here on: in minor units. The rest of it is `lines - allowances + charges`, rounded by rate."""
    tax_micros: int
    gross_micros: int
    paid_micros: int
    rounding_micros: int
    """Added so that what is to be paid can be paid, such as to 0.05."""
    payable_micros: int


def totals_of(
    lines: tuple[Line, ...],
    adjustments: tuple[Adjustment, ...],
    taxes: tuple[Tax, ...],
    decimals: int,
    *,
    paid_micros: int = 0,
    rounding_micros: int = 0,
) -> Totals:
    """The sums of a document (BR-CO-10 to BR-CO-16)."""
    untaxed = bases_of(items_of(lines, adjustments)).get(None, 0)
    net = sum(tax.base_micros for tax in taxes) + to_minor(untaxed, decimals)
    tax_micros = sum(tax.amount_micros for tax in taxes)
    gross = net + tax_micros
    return Totals(
        sum(line.net_micros for line in lines),
        sum(one.net_micros for one in adjustments if not one.is_charge),
        sum(one.net_micros for one in adjustments if one.is_charge),
        net,
        tax_micros,
        gross,
        paid_micros,
        rounding_micros,
        gross - paid_micros + rounding_micros,
    )


def items_of(lines: tuple[Line, ...], adjustments: tuple[Adjustment, ...]) -> list[Taxed]:
    """All that is taxed."""
    return [*lines, *adjustments]
