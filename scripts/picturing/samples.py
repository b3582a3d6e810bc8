"""Invented documents: each kind, in several languages. Nobody of them exists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from ratebook.money import MICROS, parse_micros, parse_nanos
from service.billing.document import Document, Kind, Reference
from service.billing.lines import Adjustment, Line, Unit, totals_of
from service.billing.parties import Bank, Branding, Party
from service.billing.taxes import TaxCategory, TaxRate, taxes_of

S19 = TaxRate(TaxCategory.STANDARD, 19 * MICROS)
S15 = TaxRate(TaxCategory.STANDARD, 15 * MICROS)
S20 = TaxRate(TaxCategory.STANDARD, 20 * MICROS)
REVERSE = TaxRate(TaxCategory.REVERSE_CHARGE, 0)
REASONS = {
    TaxCategory.REVERSE_CHARGE: ("Steuerschuldnerschaft des Leistungsempfängers (reverse charge)", "VATEX-EU-AE")
}
NORDLICHT = Party(
    "Nordlicht Telekom GmbH",
    "DE",
    ("Hafenstraße 7",),
    "20457",
    "Hamburg",
    tax_number="DE811115368",
    registration="HRB 12345, Hamburg",
    electronic_address="billing@nordlicht.example",
    electronic_scheme="EM",
    contact_phone="+49 40 5550 123",
    contact_email="billing@nordlicht.example",
)
BAKERY = Party(
    "Harbour Bakery Ltd.",
    "DE",
    ("Brook 3", "2nd floor"),
    "20459",
    "Hamburg",
    tax_number="DE136695976",
    identifier="1042",
)
SARL = Party(
    "Télécoms du Rhône SARL", "FR", ("12, rue de l'Église",), "69002", "Lyon", "FR40303265045", identifier="1077"
)
BANK = Bank("DE89 3704 0044 0532 0130 00", "Nordlicht Telekom GmbH", "COBADEFFXXX", "Commerzbank")
FALCON = Party(
    "شركة الصقر للاتصالات",
    "SA",
    ("طريق الملك فهد 125",),
    "12211",
    "الرياض",
    tax_number="300012345600003",
    registration="1010123456",
    contact_phone="+966 11 555 0123",
    contact_email="billing@falcon.example",
)
HORIZON = Party(
    "مؤسسة الأفق للتجارة", "SA", ("شارع التحلية 14",), "23326", "جدة", tax_number="310098765400003", identifier="77"
)
SEVER = Party(
    "ТОВ «Північний вітер»",  # noqa: RUF001
    "UA",
    ("вул. Хрещатик, 22",),
    "01001",
    "Київ",
    tax_number="123456789012",
    registration="12345678",
    contact_phone="+380 44 555 01 23",
)
MILL = Party("ПрАТ «Дніпровський млин»", "UA", ("просп. Яворницького, 5",), "49000", "Дніпро", identifier="310")
PLACES = (
    "Austria",
    "Belgium",
    "Denmark",
    "France",
    "Germany",
    "Great Britain",
    "Italy",
    "Netherlands",
    "Poland",
    "Spain",
)


def calls(
    place: str, billed_s: int, price: str, tax: TaxRate | None = S19, group: str = "Calls", sign: int = 1
) -> Line:
    """Calls to a place, of 90 seconds each, billed by the second at a price a minute."""
    nanos = parse_nanos(price)
    net_micros = billed_s * nanos // 60_000
    minutes_micros = billed_s * MICROS // 60
    count, duration_s = billed_s // 90 + 1, billed_s * 97 // 100
    return Line(place, sign * net_micros, tax, minutes_micros, Unit.MINUTE, nanos, count, duration_s, group)


def monthly(description: str, price: str, count: int = 1, tax: TaxRate = S19, group: str = "Subscriptions") -> Line:
    """A subscription."""
    net_micros = count * parse_micros(price)
    return Line(description, net_micros, tax, count * MICROS, Unit.MONTH, parse_nanos(price), group=group)


def document(
    lines: Sequence[Line], adjustments: tuple[Adjustment, ...] = (), paid_micros: int = 0, **changes: Any
) -> Document:
    """An invoice of Nordlicht's, with the sums of its lines."""
    taxes = taxes_of([*lines, *adjustments], 2, REASONS)
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
        "seller": NORDLICHT,
        "buyer": BAKERY,
        "bank": BANK,
        "branding": Branding(_logo("nordlicht"), "image/png", "#14365c", "#1f9e89"),
    }
    sums = totals_of(tuple(lines), adjustments, taxes, 2, paid_micros=paid_micros)
    return Document(**values | changes, lines=tuple(lines), adjustments=adjustments, taxes=taxes, totals=sums)


@cache
def _logo(name: str) -> bytes:
    return Path(__file__).with_name(f"{name}.png").read_bytes()


def invoice() -> Document:
    """Of a small firm, in English."""
    lines = [calls(place, 900 + 1_777 * at, f"0.0{at + 9}5") for at, place in enumerate(PLACES[:6])]
    lines.append(Line("Correction of September: Germany, mobile", -parse_micros("1.284"), S19, group="Calls"))
    lines += [monthly("SIP trunk, 10 channels", "24.90"), monthly("Number +49 40 5550 200 to 209", "1.50", 10)]
    return document(lines, (Adjustment("Discount for a year's contract", 5 * MICROS, is_charge=False, tax=S19),))


def reverse_charge() -> Document:
    """Across a border, in German."""
    lines = [
        calls(f"{place}, Mobilfunk", 60_000 + 7_001 * at, f"0.0{at + 3}85", REVERSE) for at, place in enumerate(PLACES)
    ]
    return document(lines, language="de", buyer=SARL, number="NT2026-00043")


def credit_note() -> Document:
    """After a dispute."""
    lines = [calls("Great Britain, mobile", 4_512, "0.0185")]
    preceding = (Reference("NT2026-00042", date(2026, 11, 1)),)
    notes = ("After your letter of 4 November: 47 calls that did not reach the called person.",)
    return document(lines, kind=Kind.CREDIT_NOTE, number="NT2026-00051", preceding=preceding, notes=notes)


def arabic() -> Document:
    """From right to left."""
    group = "المكالمات"
    lines = [
        calls("السعودية، محمول", 61_200, "0.3500", S15, group),
        calls("الإمارات العربية المتحدة", 12_345, "0.5500", S15, group),
        calls("مصر، ثابت (القاهرة)", 43_500, "0.2800", S15, group),
        monthly("خط SIP، 30 قناة", "450.00", 1, S15, "الاشتراكات"),
    ]
    branding = Branding(_logo("falcon"), "image/png", "#7a1f5c", "#e0a100")
    return document(
        lines, language="ar", zone="Asia/Riyadh", seller=FALCON, buyer=HORIZON, currency="SAR", number="SQ-2026-118",
        bank=Bank("SA03 8000 0000 6080 1016 7519", FALCON.name, "", "مصرف الراجحي"), branding=branding,
        notes=("شكراً لتعاملكم معنا.",),
    )  # fmt: skip


def ukrainian() -> Document:
    """In Cyrillic, without a logo."""
    lines = [
        calls("Україна, мобільний", 88_000, "0.9500", S20, "Виклики"),
        calls("Польща, фіксований", 23_456, "1.2000", S20, "Виклики"),
        monthly("Номер +380 44 555 02 00, оренда", "120.00", 1, S20, "Підписка"),
    ]
    return document(
        lines, language="uk", zone="Europe/Kyiv", seller=SEVER, buyer=MILL, currency="UAH", number="ПВ-26/0117",
        bank=Bank("UA21 3223 1300 0002 6007 2335 6600 1", SEVER.name), branding=Branding(), paid_micros=500 * MICROS,
    )  # fmt: skip


def statement() -> Document:
    """Between two carriers, both directions."""
    ours, yours = "Your calls over our network", "Our calls over your network"
    lines = [
        *(calls(place, 700_000 + 31_111 * at, f"0.00{at + 4}2", None, ours) for at, place in enumerate(PLACES[:4])),
        *(
            calls(place, 400_000 + 71_777 * at, f"0.00{at + 3}8", None, yours, -1)
            for at, place in enumerate(PLACES[5:9])
        ),
    ]
    terms = "Open for objections until 15 November 2026; accepted after that."
    return document(lines, kind=Kind.STATEMENT, number="ST2026-10-07", buyer=SARL, payment_terms=terms)


def receipt() -> Document:
    """For a transfer that paid two invoices."""
    lines = [
        Line("Invoice NT2026-00017 of 1 October 2026", parse_micros("118.40")),
        Line("Invoice NT2026-00042 of 1 November 2026, in part", parse_micros("31.60")),
    ]
    return document(
        lines, kind=Kind.RECEIPT, number="PR2026-00009", paid_micros=150 * MICROS, due_on=None, period_from=None,
        period_to=None, notes=("Received on 12 November 2026 by bank transfer. Thank you.",),
    )  # fmt: skip


def long_invoice(count: int, number: str = "NT2026-00077") -> Document:
    """Of many lines: what a carrier's month comes to."""
    lines = [
        calls(f"{PLACES[at % 10]}, network {at}", 3_000 + 977 * at, f"0.0{at % 89 + 10}5", group=f"Zone {at // 50 + 1}")
        for at in range(count)
    ]
    return document(lines, number=number, buyer=SARL._replace(country="DE"))


SAMPLES = {
    "invoice-en": invoice,
    "invoice-de": reverse_charge,
    "invoice-ar": arabic,
    "invoice-uk": ukrainian,
    "credit-note-en": credit_note,
    "statement-en": statement,
    "receipt-en": receipt,
}
