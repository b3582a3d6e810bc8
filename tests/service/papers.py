"""Documents to test on: one of each shape by name, and any that adds up."""

from __future__ import annotations

import struct
import zlib
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from ratebook.money import MICROS, NANOS, parse_micros, parse_nanos
from service.billing.document import Document, Kind, Reference
from service.billing.lines import Adjustment, Line, Unit, totals_of
from service.billing.parties import Bank, Party
from service.billing.taxes import TaxCategory, TaxRate, taxes_of

S19 = TaxRate(TaxCategory.STANDARD, 19 * MICROS)
S7 = TaxRate(TaxCategory.STANDARD, 7 * MICROS)
ZERO = TaxRate(TaxCategory.ZERO, 0)
EXEMPT = TaxRate(TaxCategory.EXEMPT, 0)
REVERSE = TaxRate(TaxCategory.REVERSE_CHARGE, 0)
OUTSIDE = TaxRate(TaxCategory.OUTSIDE, 0)
REASONS = {
    TaxCategory.EXEMPT: ("Small undertaking", ""),
    TaxCategory.REVERSE_CHARGE: ("Reverse charge: the tax is owed by the recipient", "VATEX-EU-AE"),
    TaxCategory.OUTSIDE: ("Not subject to VAT", "VATEX-EU-O"),
}
SELLER = Party(
    "Nordlicht Telekom GmbH",
    "DE",
    ("Hafenstraße 7",),
    "20457",
    "Hamburg",
    tax_number="DE811115368",
    registration="HRB 12345",
    electronic_address="rechnung@nordlicht.example",
    electronic_scheme="EM",
    contact_name="Buchhaltung",
    contact_phone="+49 40 1234567",
    contact_email="rechnung@nordlicht.example",
)
BUYER = Party(
    "Boulangerie & Fils <SARL>",
    "FR",
    ("12, rue de l'Église", "Bâtiment C"),
    "69002",
    "Lyon",
    tax_number="FR40303265045",
    identifier="1042",
)
BANK = Bank("DE89 3704 0044 0532 0130 00", "Nordlicht Telekom GmbH", "COBADEFFXXX", "Commerzbank")


def calls(place: str, minutes: str, price: str, amount: str, tax: TaxRate | None = S19, **more: Any) -> Line:
    """A line of calls to a place."""
    return Line(
        place,
        parse_micros(amount),
        tax,
        parse_micros(minutes),
        price_nanos=parse_nanos(price),
        **{"unit": Unit.MINUTE, "calls": 12, "group": "Calls"} | more,
    )


LINES = (
    calls("Germany, mobile", "130.5", "0.0125", "1.63125"),
    calls("France, fixed", "1042", "0.004", "4.168"),
    Line("Trunk, 30 channels", 49 * MICROS, S19, MICROS, Unit.MONTH, 49 * NANOS, group="Subscriptions"),
)


def document(**changes: Any) -> Document:
    """An invoice of LINES; taxes and totals are those of what it gets, unless they are given."""
    values: dict[str, Any] = {
        "kind": Kind.INVOICE,
        "number": "NT2026-00042",
        "issued_on": date(2026, 11, 1),
        "due_on": date(2026, 11, 15),
        "period_from": date(2026, 10, 1),
        "period_to": date(2026, 10, 31),
        "currency": "EUR",
        "decimals": 2,
        "language": "en",
        "zone": "Europe/Berlin",
        "seller": SELLER,
        "buyer": BUYER,
        "bank": BANK,
        "lines": LINES,
        "adjustments": (),
    } | changes
    paid, rounding = values.pop("paid_micros", 0), values.pop("rounding_micros", 0)
    if "taxes" not in values:
        values["taxes"] = taxes_of([*values["lines"], *values["adjustments"]], values["decimals"], REASONS)
    if "totals" not in values:
        parts = (values["lines"], values["adjustments"], values["taxes"], values["decimals"])
        values["totals"] = totals_of(*parts, paid_micros=paid, rounding_micros=rounding)
    return Document(**values)


def credit_note(**changes: Any) -> Document:
    """What is given back of `document()`."""
    values = {"kind": Kind.CREDIT_NOTE, "number": "NT2026-00043", "lines": LINES[:1]}
    return document(**values | {"preceding": (Reference("NT2026-00042", date(2026, 11, 1)),)} | changes)


def png(width: int, height: int) -> bytes:
    """A white picture."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = b"".join(b"\0" + b"\xff" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp")), min_size=1, max_size=40
).filter(str.strip)
"""Of any script."""
amounts = st.integers(-(10**12), 10**12) | st.sampled_from([0, 1, -1, 4_999, 5_000, 5_001, 10**16])
rates = st.sampled_from([S19, S7, ZERO, EXEMPT, REVERSE])


@st.composite
def lines(draw: st.DrawFn, rate: st.SearchStrategy[TaxRate] = rates) -> Line:
    return Line(
        draw(texts),
        draw(amounts),
        draw(rate),
        draw(amounts),
        draw(st.sampled_from(Unit)),
        draw(st.none() | st.integers(0, 10**12)),
        draw(st.none() | st.integers(0, 10**6)),
        draw(st.none() | st.integers(0, 10**6)),
        draw(st.sampled_from(["", "Calls", "Subscriptions"])),
    )


@st.composite
def adjustments(draw: st.DrawFn, rate: st.SearchStrategy[TaxRate] = rates) -> Adjustment:
    return Adjustment(draw(texts), draw(st.integers(0, 10**10)), draw(st.booleans()), draw(rate))


@st.composite
def documents(draw: st.DrawFn, languages: tuple[str, ...] = ("en", "de")) -> Document:
    """Any invoice or credit note that adds up."""
    decimals, currency = draw(st.sampled_from([(2, "EUR"), (2, "USD"), (0, "JPY")]))
    rate = st.just(OUTSIDE) if draw(st.booleans()) and draw(st.booleans()) else rates
    issued_on = draw(st.dates(date(2000, 1, 1), date(2099, 1, 1)))
    return draw(st.sampled_from([document, credit_note]))(
        number=draw(st.from_regex(r"[A-Z0-9][A-Z0-9/-]{0,15}", fullmatch=True)),
        issued_on=issued_on,
        due_on=issued_on + timedelta(draw(st.integers(0, 90))),
        currency=currency,
        decimals=decimals,
        language=draw(st.sampled_from(languages)),
        buyer=BUYER._replace(name=draw(texts), city=draw(texts)),
        lines=tuple(draw(st.lists(lines(rate), min_size=1, max_size=5))),
        adjustments=tuple(draw(st.lists(adjustments(rate), max_size=2))),
        paid_micros=draw(st.integers(0, 10**6)) * MICROS,
        notes=tuple(draw(st.lists(texts, max_size=2))),
    )
