"""Which taxes apply to what, and what they come to: exact until the one rounding of each. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

from ratebook.exchange import PAR
from ratebook.money import MICRO_DECIMALS, MICROS, Rounding, RoundingMode, round_fraction
from ratebook.price import Factor

LEVY = "levy"
STANDARD, EXEMPT, REVERSE_CHARGE, OUTSIDE = "S", "E", "AE", "O"
WHOLE_MILLIONTHS = 100 * MICROS
"""A hundred per cent."""


class Rate(NamedTuple):
    """A tax as it stands on an invoice."""

    name: str
    category: str
    """As in `billing_tables.CATEGORIES`."""
    percent_millionths: int
    exemption_reason: str = ""
    exemption_code: str = ""
    inclusive: bool = False
    compound: bool = False

    @property
    def fraction(self) -> Fraction:
        """0.19 for 19 %."""
        return Fraction(self.percent_millionths, WHOLE_MILLIONTHS)


Rates = tuple[Rate, ...]
"""Of one line, in their order."""


class Tax(NamedTuple):
    """A seller's tax."""

    rate: Rate
    services: frozenset[str]
    """Empty: all."""
    valid_from_ms: int
    valid_until_ms: int | None
    added_to_prepaid: bool = False
    """Prices of prepaid accounts don't have it in them."""

    def applies(self, service: str, at_ms: int) -> bool:
        """To a service, of what is billed at a moment."""
        until = self.valid_until_ms
        in_time = self.valid_from_ms <= at_ms and (until is None or at_ms < until)
        return in_time and (not self.services or service in self.services)


class Payer(NamedTuple):
    """How an account is taxed."""

    status: str
    """taxed, exempt or reverse_charge."""
    reason: str = ""
    code: str = ""
    prices_with_tax: bool = False
    """What it was charged has its taxes in it: prepaid."""


class _Vat(Protocol):
    """A `Rate`, or a row of `invoice_taxes`."""

    @property
    def percent_millionths(self) -> int: ...

    @property
    def compound(self) -> bool: ...


NOT_TAXED = Rate("", OUTSIDE, 0, "Not subject to VAT")
NOT_TAXED_HERE = Rate("", EXEMPT, 0, "Exempt from VAT")
_REVERSE = ("Reverse charge", "VATEX-EU-AE")
_EXEMPT = ("Exempt from VAT", "")


def rates_of(taxes: Sequence[Tax], payer: Payer, service: str, at_ms: int) -> Rates:
    """What a service is taxed by: levies, and exactly one rate that is VAT's. Raises ValueError for two of them."""
    found = [tax.rate for tax in taxes if tax.applies(service, at_ms)]
    if payer.prices_with_tax:
        found = [rate._replace(inclusive=True) for rate in found]
    levies = [rate for rate in found if rate.category == LEVY]
    vat = [rate for rate in found if rate.category != LEVY]
    if payer.status != "taxed":
        return (*levies, _untaxed(payer))
    if len(vat) > 1:
        raise ValueError(
            f"{service}: {vat[0].name} and {vat[1].name} are both VAT, and a line has one: end one of them"
        )
    if vat:
        return tuple(found)
    has_vat = any(tax.rate.category != LEVY for tax in taxes)
    return (*levies, NOT_TAXED_HERE if has_vat else NOT_TAXED)


def charged_rates(taxes: Sequence[Tax], payer: Payer, service: str, at_ms: int) -> Rates:
    """By which a prepaid account is charged: `inclusive` are those that its prices have in them. Raises ValueError."""
    marked = [tax._replace(rate=tax.rate._replace(inclusive=not tax.added_to_prepaid)) for tax in taxes]
    return rates_of(marked, payer, service, at_ms)


def added_factor(rates: Rates) -> Factor:
    """What a price is multiplied by to have all of its taxes in it: exact, and 1 where it has them."""
    factor = (1 + sum(_effective(rates), Fraction(0))) / _included(rates)
    return factor.numerator, factor.denominator


class Added(NamedTuple):
    """What is added to a price."""

    set_id: int
    """Of `tax_sets`; 0: nothing, since the price has its taxes in it or an invoice asks them."""
    factor: Factor

    @classmethod
    def of(cls, fields: Sequence[Any]) -> Added:
        """Of its fields as JSON has them."""
        number, (times, parts) = fields
        return cls(number, (times, parts))


NOTHING_ADDED = Added(0, PAR)


def as_charged(rates: Rates) -> Rates:
    """Of an amount that was charged with all of them."""
    return tuple(rate._replace(inclusive=True) for rate in rates)


def _untaxed(payer: Payer) -> Rate:
    reverse = payer.status == "reverse_charge"
    reason, code = _REVERSE if reverse else _EXEMPT
    said = (payer.reason, payer.code) if payer.reason or payer.code else (reason, code)
    return Rate("", REVERSE_CHARGE if reverse else EXEMPT, 0, *said)


class Share(NamedTuple):
    """What a rate comes to."""

    rate: Rate
    base_micros: int
    """Of what it is a percentage: to the micro-unit."""
    tax_micros: int
    """In minor units."""


class Taxed(NamedTuple):
    """The sums of lines that are taxed alike."""

    net_micros: int
    """Exact."""
    rounding_micros: int
    """Makes the net payable."""
    shares: tuple[Share, ...]

    @property
    def tax_micros(self) -> int:
        """All of it."""
        return sum(share.tax_micros for share in self.shares)

    @property
    def included_micros(self) -> int:
        """As far as the amounts had it in them."""
        return sum(share.tax_micros for share in self.shares if share.rate.inclusive)

    @property
    def total_micros(self) -> int:
        """To be paid."""
        return self.net_micros + self.rounding_micros + self.tax_micros


class Group(NamedTuple):
    """Lines that are taxed alike."""

    amount_micros: int
    """Their sum as the ledger has it."""
    rates: Rates


_Key = tuple[str, str, int]


def tax(groups: Iterable[Group], decimals: int) -> list[Taxed]:
    """What groups of one invoice come to. What several have at one rate is rounded once, as one sum."""
    nets: defaultdict[_Key, int] = defaultdict(int)
    bases: defaultdict[_Key, Fraction] = defaultdict(Fraction)
    return [_taxed(group, nets, bases, decimals) for group in groups]


def _taxed(group: Group, nets: defaultdict[_Key, int], bases: defaultdict[_Key, Fraction], decimals: int) -> Taxed:
    exact_net = group.amount_micros / _included(group.rates)
    shares: list[Share] = []
    for rate in group.rates:
        base = exact_net + (sum(share.tax_micros for share in shares) if rate.compound else 0)
        before = bases[_key(rate)]
        bases[_key(rate)] += base
        micros = _rounded((before + base) * rate.fraction, decimals) - _rounded(before * rate.fraction, decimals)
        shares.append(Share(rate, _rounded(base, MICRO_DECIMALS), micros))
    net = group.amount_micros - sum(share.tax_micros for share in shares if share.rate.inclusive)
    rounding = -net
    for key, micros in _on_paper(group.rates, shares, net).items():
        rounding += to_minor(nets[key] + micros, decimals) - to_minor(nets[key], decimals)
        nets[key] += micros
    return Taxed(
        net, rounding - sum(share.tax_micros for share in shares if share.rate.category == LEVY), tuple(shares)
    )


def _on_paper(rates: Rates, shares: Sequence[Share], net: int) -> dict[_Key, int]:
    """By rate of VAT what stands at it: the net, and levies, at the VAT that is paid on them."""
    at, vat = next((at, rate) for at, rate in enumerate(rates) if rate.category != LEVY)
    found = {_key(vat): net}
    for place, share in enumerate(shares):
        if share.rate.category == LEVY:
            key = _key(vat if pays_on(vat, at, place) else NOT_TAXED_HERE)
            found[key] = found.get(key, 0) + share.tax_micros
    return found


def pays_on(vat: _Vat, at: int, levy_at: int) -> bool:
    """Whether a levy stands at a VAT's rate: it is asked on the taxes before it, or there is none."""
    return not vat.percent_millionths or (vat.compound and levy_at < at)


def _key(rate: Rate) -> _Key:
    """VAT is one tax at each percentage, whatever it is called; what is outside of it may stand there as exempt."""
    category = EXEMPT if rate.category == OUTSIDE else rate.category
    return (rate.name if rate.category == LEVY else "", category, rate.percent_millionths)


def _included(rates: Rates) -> Fraction:
    """What the net is multiplied by in prices that have taxes in them; 1: they have none."""
    parts = zip(_effective(rates), rates, strict=True)
    return 1 + sum((part for part, rate in parts if rate.inclusive), Fraction(0))


def _effective(rates: Rates) -> list[Fraction]:
    """Of each its part of the net: a compound one is asked on those before it, too."""
    effective: list[Fraction] = []
    for rate in rates:
        effective.append(rate.fraction * (1 + sum(effective)) if rate.compound else rate.fraction)
    return effective


def to_minor(micros: int, decimals: int) -> int:
    """The payable amount nearest to an exact one, half away from zero."""
    return _rounded(Fraction(micros), decimals)


def _rounded(micros: Fraction, decimals: int) -> int:
    half_up = Rounding(RoundingMode.HALF_UP, decimals)
    return round_fraction(micros.numerator, micros.denominator * MICROS, half_up)


def shared_out(amounts: Iterable[int], total_micros: int) -> list[int]:
    """A sum shared out over parts in the proportion of their amounts, to the micro-unit and without a rest."""
    parts = list(amounts)
    whole = sum(parts)
    if not whole:
        return [0] * (len(parts) - 1) + [total_micros] if parts else []
    found, before, given = [], 0, 0
    for part in parts:
        before += part
        upto = before * total_micros // whole
        found.append(upto - given)
        given = upto
    return found
