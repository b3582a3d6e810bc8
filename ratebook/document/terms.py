"""Terms as a document has them: fields that a tariff sets for all its rates and a rate may set anew."""

from __future__ import annotations

from typing import NamedTuple

import yaml

from ratebook.document import values
from ratebook.document.nodes import Document
from ratebook.model import DurationMode, FreeMode, Interval, Terms
from ratebook.money import HALF_UP_6, Rounding, RoundingMode

INTERVALS_MAX = 32

FIELDS = (
    "increments",
    "connect_fee",
    "minimum",
    "maximum",
    "grace",
    "free_seconds",
    "attempt_fee",
    "message_fee",
    "rounding",
    "duration",
    "effective",
    "until",
)
"""What a tariff, a deck and a rate may say."""


class Defaults(NamedTuple):
    """What holds where nothing else is said. Nano-units, seconds; dates as in `Rate`."""

    currency: str
    timezone: str
    increments: tuple[int, int] = (1, 1)
    connect_fee: int = 0
    minimum: int = 0
    maximum: int | None = None
    grace: int = 0
    free_s: int = 0
    free_mode: FreeMode = FreeMode.BEFORE
    attempt_fee: int = 0
    message_fee: int | None = None
    rounding: Rounding = HALF_UP_6
    duration: DurationMode = DurationMode.UP
    effective_s: int | None = None
    until_s: int | None = None


def read_defaults(document: Document, fields: dict[str, yaml.Node], base: Defaults) -> Defaults:
    """The fields that are there, on top of `base`."""
    if not fields.keys() & set(FIELDS):
        return base
    value = document.value
    free_s, free_mode = _free(document, fields.get("free_seconds"), base)

    def date(text: str) -> int | None:
        return values.moment(text, base.timezone)

    def bound(text: str) -> int | None:
        return values.price(text)  # that can be left out altogether

    found = base._replace(
        increments=value(fields, "increments", values.increments, base.increments),
        connect_fee=value(fields, "connect_fee", values.price, base.connect_fee),
        minimum=value(fields, "minimum", values.price, base.minimum),
        maximum=value(fields, "maximum", bound, base.maximum),
        grace=value(fields, "grace", values.seconds, base.grace),
        free_s=free_s,
        free_mode=free_mode,
        attempt_fee=value(fields, "attempt_fee", values.price, base.attempt_fee),
        message_fee=value(fields, "message_fee", bound, base.message_fee),
        rounding=_rounding(document, fields.get("rounding"), base.rounding),
        duration=value(fields, "duration", values.one_of(DurationMode), base.duration),
        effective_s=value(fields, "effective", date, base.effective_s),
        until_s=value(fields, "until", date, base.until_s),
    )
    _check(document, fields, found)
    return found


def _check(document: Document, fields: dict[str, yaml.Node], found: Defaults) -> None:
    if found.maximum is not None and found.maximum < found.minimum:
        node = fields.get("maximum") or fields["minimum"]
        document.fault(node, "the maximum is below the minimum", "at least the minimum")
    if None not in (found.effective_s, found.until_s) and found.until_s <= found.effective_s:  # type: ignore[operator]
        node = fields.get("until") or fields["effective"]
        document.fault(node, "until is not after effective", "a later date")


def _free(document: Document, node: yaml.Node | None, base: Defaults) -> tuple[int, FreeMode]:
    if node is None:
        return base.free_s, base.free_mode
    if isinstance(node, yaml.ScalarNode):
        return document.value({"free_seconds": node}, "free_seconds", values.seconds, base.free_s), base.free_mode
    fields = document.mapping(node, ("seconds", "taken"), "free_seconds")
    mode = document.value(fields, "taken", values.one_of(FreeMode), base.free_mode)
    return document.value(fields, "seconds", values.seconds, base.free_s), mode


def _rounding(document: Document, node: yaml.Node | None, base: Rounding) -> Rounding:
    if node is None:
        return base
    fields = document.mapping(node, ("decimals", "mode"), "rounding")
    return Rounding(
        document.value(fields, "mode", values.one_of(RoundingMode), base.mode),
        document.value(fields, "decimals", values.whole(0, 6), base.decimals),
    )


def read_intervals(document: Document, node: yaml.Node) -> tuple[Interval, ...] | None:
    """A list of intervals, the first one from 0, rising; None: faults are noted."""
    before = document.problems.count
    items = document.items(node, "intervals")
    found: list[Interval] = []
    for item in items[:INTERVALS_MAX]:
        fields = document.mapping(item, ("from", "rate", "increment"), "an interval")
        from_s = document.value(fields, "from", values.seconds, 0)
        if "rate" not in fields and fields:
            document.fault(item, "the interval has no rate", "a rate per minute")
        if (found and from_s <= found[-1].from_s) or (not found and from_s):
            document.fault(item, f"the interval begins at {from_s} s", "0 for the first one, then rising")
        rate = document.value(fields, "rate", values.price, 0)
        found.append(Interval(from_s, rate, document.value(fields, "increment", values.positive_seconds, 1)))
    if len(items) > INTERVALS_MAX or (not items and document.problems.count == before):
        document.fault(node, f"{len(items)} intervals", f"1 to {INTERVALS_MAX} of them")
    return tuple(found) if document.problems.count == before else None


def plain_intervals(rate_nanos: int, increments: tuple[int, int]) -> tuple[Interval, ...]:
    """One rate with a first and a next increment."""
    first, following = increments
    if first == following:
        return (Interval(0, rate_nanos, first),)
    return (Interval(0, rate_nanos, first), Interval(first, rate_nanos, following))


def make_terms(defaults: Defaults, intervals: tuple[Interval, ...], *, blocked: bool) -> Terms:
    """The terms of a rate."""
    return Terms(
        currency=defaults.currency,
        intervals=intervals,
        connect_fee_nanos=defaults.connect_fee,
        minimum_nanos=defaults.minimum,
        maximum_nanos=defaults.maximum,
        grace_s=defaults.grace,
        free_s=defaults.free_s,
        free_mode=defaults.free_mode,
        attempt_fee_nanos=defaults.attempt_fee,
        message_fee_nanos=defaults.message_fee,
        blocked=blocked,
        rounding=defaults.rounding,
        duration_mode=defaults.duration,
    )
