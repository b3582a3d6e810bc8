"""What a subscription owes and when. Pure: rows in, dues out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from ratebook.exchange import exchanged
from ratebook.money import MICROS, Rounding, RoundingMode, round_fraction
from service.billing.currencies import decimals_of
from service.billing.taxing import NOTHING_ADDED, Added
from service.products.periods import Rhythm, Span, days_between, period_at

PACKAGE, RENTAL, SUBSCRIPTION = "package", "rental", "subscription"
SETUP, PERIOD, REFUND = "setup", "period", "refund"
STARTING, ACTIVE, SUSPENDED, ENDED, REFUSED = "starting", "active", "suspended", "ended", "refused"
RETRY, SUSPEND, END = "retry", "suspend", "end"


class Product(Protocol):
    """What of a product the dues depend on."""

    kind: str
    price_micros: int
    setup_micros: int
    currency: str
    period: str
    anchor: str
    day: int
    zone: str
    first_period: str
    refund: str
    rollover_periods: int


class Dues(NamedTuple):
    """What the next period of a subscription costs."""

    from_ms: int
    until_ms: int
    setup_micros: int
    price_micros: int
    """Both with the taxes that are added."""
    setup_tax: Added = NOTHING_ADDED
    price_tax: Added = NOTHING_ADDED

    @property
    def total_micros(self) -> int:
        """Both together."""
        return self.setup_micros + self.price_micros

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Dues:
        """What `_asdict` gave, perhaps as JSON; an older release had no taxes in it."""
        taxes = {name: Added.of(record[name]) for name in ("setup_tax", "price_tax") if name in record}
        return cls(**{**record, **taxes})

    def with_taxes(self, setup: Added, price: Added) -> Dues:
        """With what is added to the price of each."""
        micros = (exchanged(self.setup_micros, setup.factor), exchanged(self.price_micros, price.factor))
        return Dues(self.from_ms, self.until_ms, *micros, setup, price)


def rhythm_of(product: Product) -> Rhythm:
    """How its periods follow each other."""
    return Rhythm(product.period, product.anchor, product.day, product.zone)


def first_dues(product: Product, now_ms: int, *, with_setup: bool) -> Dues:
    """Of a subscription that begins (again) now: up to the calendar's next border, or a whole period from now on."""
    whole = period_at(rhythm_of(product), now_ms, now_ms)
    price = product.price_micros
    if product.first_period == "days":
        price = _share(product, price, days_between(Span(now_ms, whole.until_ms), product.zone), whole)
    return Dues(now_ms, whole.until_ms, product.setup_micros if with_setup else 0, price)


def next_dues(product: Product, anchor_ms: int, until_ms: int, now_ms: int) -> Dues:
    """Of the period behind the one that is paid. One of a package that is over already is left out: nobody had it."""
    at_ms = max(until_ms, now_ms) if product.kind == PACKAGE else until_ms
    span = period_at(rhythm_of(product), anchor_ms, at_ms)
    return Dues(max(span.from_ms, until_ms), span.until_ms, 0, product.price_micros)


def _share(product: Product, micros: int, days: int, whole: Span) -> int:
    """The share that some calendar days have of a period's amount: half up, to what the currency is paid with."""
    total = max(1, days_between(whole, product.zone))
    rounding = Rounding(RoundingMode.HALF_UP, decimals_of(product.currency))
    return min(micros, round_fraction(micros * min(total, max(0, days)), MICROS * total, rounding))


def refund_of(product: Product, paid_micros: int, period: Span, now_ms: int, taken: int) -> int:
    """What comes back of a period's fee when it ends now: of the days behind today. Nothing of a package in use."""
    if product.refund != "days" or taken or not period.from_ms <= now_ms < period.until_ms:
        return 0
    days = days_between(Span(now_ms, period.until_ms), product.zone) - 1
    return _share(product, paid_micros, days, period)


def grant_until_ms(product: Product, anchor_ms: int, until_ms: int) -> int:
    """Until when what a package grants may be used: the end of its period, or of so many further ones."""
    for _ in range(product.rollover_periods):
        until_ms = period_at(rhythm_of(product), anchor_ms, until_ms).until_ms
    return until_ms


def product_problem(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """What doesn't fit together in a product: pointer and what would be right; None: nothing."""
    kind = values["kind"]
    if (kind == PACKAGE) != (values["amount"] > 0):
        return "/amount", "a package grants something, and nothing else does"
    if kind != PACKAGE and (values["groups"] or values["tariff_ids"] or values["rollover_periods"]):
        return "/kind", "only a package has destination groups, tariffs and a rollover"
    if values["offered"] and values["forced"]:
        return "/offered", "what accounts take themselves is paid with what is there: `forced` false was expected"
    if values["period"] == "week" and values["day"] > 7:
        return "/day", "a week's days are 1 (Monday) to 7"
    if values["first_period"] == "days" and values["anchor"] == "start":
        return "/first_period", "periods from the start on are all whole: `anchor` calendar was expected"
    return None
