"""What an invoice, a credit note, a statement or a receipt says. It can't be made if it doesn't add up. Pure.

Amounts are micro-units of the document's currency. Lines are exact; what is taxed and what is to be paid is rounded to
the currency's minor unit, each once (`service.billing.taxes`). A credit note says what is given back as positive
amounts. Rules named BR-… are those of EN 16931.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from ratebook.money import MICRO_DECIMALS, MICROS, WHOLE_DIGITS_MAX, format_micros
from service.billing.lines import Adjustment, Line, Totals, items_of, totals_of
from service.billing.parties import PLAIN, Bank, Branding, Party
from service.billing.taxes import Tax, TaxCategory, bases_of, minor_unit, to_minor
from service.zones import zones

LINES_MAX = 5_000
TEXT_MAX = 1_000
AMOUNT_MICROS_MAX = MICROS * 10**WHOLE_DIGITS_MAX
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Neither XML nor PDF can say these; lines of a text are parted by \\n."""


class DocumentFault(ValueError):
    """A document that would not be right, with all that is wrong with it."""

    def __init__(self, number: str, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(f"document {number!r}: {'; '.join(problems)}")


class Kind(StrEnum):
    """What it is."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    STATEMENT = "statement"
    """Between carriers: both directions and what remains."""
    RECEIPT = "receipt"
    """For a payment: lines are what it was for."""


TAXED = frozenset({Kind.INVOICE, Kind.CREDIT_NOTE})
"""Each line of these has a tax rate."""


class Reference(NamedTuple):
    """An earlier document."""

    number: str
    issued_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document that adds up. Raises DocumentFault if it would not."""

    kind: Kind
    number: str
    issued_on: date
    currency: str
    """ISO 4217."""
    decimals: int
    """Of the currency's minor unit: 2 for EUR, 0 for JPY."""
    language: str
    """BCP 47, such as de or pt-BR."""
    zone: str
    """IANA's name of the time zone that dates and the annex are in."""
    seller: Party
    buyer: Party
    lines: tuple[Line, ...]
    totals: Totals
    taxes: tuple[Tax, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    due_on: date | None = None
    period_from: date | None = None
    period_to: date | None = None
    """The last day that is in it."""
    bank: Bank | None = None
    preceding: tuple[Reference, ...] = ()
    payment_terms: str = ""
    buyer_reference: str = ""
    """What the buyer wants to find on it (BT-10)."""
    notes: tuple[str, ...] = ()
    branding: Branding = PLAIN

    def __post_init__(self) -> None:
        problems, taxed = [*_form(self), *_dates(self), *_texts(self)], self.kind in TAXED
        problems += [
            *self.seller.problems("seller", needs_country=taxed),
            *_amounts(self),
            *self.buyer.problems("buyer", needs_country=taxed),
            *self.branding.problems(),
            *(self.bank.problems() if self.bank else ()),
        ]
        if not problems:
            problems = [*_rates(self), *_taxes(self), *_sums(self)]
        if problems:
            raise DocumentFault(self.number, problems)


def _form(document: Document) -> Iterator[str]:
    if not document.number.strip():
        yield "it has no number (BR-02)"
    if not _CURRENCY.fullmatch(document.currency):
        yield f"currency: {document.currency!r} is not a code of ISO 4217 such as EUR"
    if not 0 <= document.decimals <= MICRO_DECIMALS:
        yield f"decimals: a minor unit has 0 to {MICRO_DECIMALS} decimals, not {document.decimals}"
    if not _LANGUAGE.fullmatch(document.language):
        yield f"language: {document.language!r} is not a tag such as de or pt-BR"
    if document.zone not in zones():
        yield f"zone: {document.zone!r} is not the name of a time zone such as Europe/Berlin"
    if not 1 <= len(document.lines) <= LINES_MAX:
        yield f"lines: 1 to {LINES_MAX} were expected, not {len(document.lines)} (BR-16)"
    if document.kind is Kind.CREDIT_NOTE and not document.preceding:
        yield "preceding: a credit note says which invoice it is for"


def _dates(document: Document) -> Iterator[str]:
    begins, ends = document.period_from, document.period_to
    if (begins is None) != (ends is None):
        yield "period: it has both ends or none"
    if begins and ends and begins > ends:
        yield f"period: it ends on {ends}, before it begins on {begins} (BR-29)"
    if document.due_on and document.due_on < document.issued_on:
        yield f"due_on: {document.due_on} is before the day of issue, {document.issued_on}"


def _texts(document: Document) -> Iterator[str]:
    """Text that can't be set, or is longer than any form of ours."""
    for name, text in _all_texts(document):
        if len(text) > TEXT_MAX:
            yield f"{name}: a text has at most {TEXT_MAX} characters, not {len(text)}"
        if _FORBIDDEN.search(text):
            yield f"{name}: {text[:60]!r} has control characters"
    for at, line in enumerate(document.lines, 1):
        if not line.description.strip():
            yield f"line {at}: it has no description (BR-25)"
    for one in document.adjustments:
        if not one.reason.strip():
            yield "an allowance or charge has no reason (BR-33, BR-38)"


def _all_texts(document: Document) -> Iterator[tuple[str, str]]:
    singles = {field.name: getattr(document, field.name) for field in fields(document)}
    yield from ((name, value) for name, value in singles.items() if isinstance(value, str))
    for name, record in (("seller", document.seller), ("buyer", document.buyer), ("bank", document.bank or ())):
        yield from ((name, value) for value in record if isinstance(value, str))
        yield from ((name, text) for value in record if isinstance(value, tuple) for text in value)
    yield from (("notes", note) for note in document.notes)
    yield from (("preceding", reference.number) for reference in document.preceding)
    for at, line in enumerate(document.lines, 1):
        yield from ((f"line {at}", text) for text in (line.description, line.group, line.note))
    yield from (("adjustment", one.reason) for one in document.adjustments)
    yield from (("tax", text) for tax in document.taxes for text in (tax.reason, tax.reason_code))


def _amounts(document: Document) -> Iterator[str]:
    """Amounts that nothing of ours could hold, or that have the wrong sign."""
    for at, line in enumerate(document.lines, 1):
        if abs(line.net_micros) >= AMOUNT_MICROS_MAX or abs(line.quantity_micros) >= AMOUNT_MICROS_MAX:
            yield f"line {at}: its amount or quantity has more than {WHOLE_DIGITS_MAX} digits"
        if line.price_nanos is not None and line.price_nanos < 0:
            yield f"line {at}: a price below zero; the quantity is what may be (BR-27)"
        if (line.calls or 0) < 0 or (line.duration_s or 0) < 0:
            yield f"line {at}: calls and seconds are not below zero"
    for one in document.adjustments:
        if not 0 <= one.net_micros < AMOUNT_MICROS_MAX:
            yield f"{one.reason}: an allowance or charge is not below zero"


def _rates(document: Document) -> Iterator[str]:
    for rate in bases_of(items_of(document.lines, document.adjustments)):
        if rate is None and document.kind in TAXED:
            yield "a line, allowance or charge has no tax rate (BR-CO-04)"
        if rate is not None:
            yield from rate.problems()
    categories = {line.tax.category for line in items_of(document.lines, document.adjustments) if line.tax}
    if TaxCategory.OUTSIDE in categories and len(categories) > 1:
        yield "what is outside the scope of VAT stands on a document of its own (BR-O-11 to BR-O-14)"
    if TaxCategory.REVERSE_CHARGE in categories and not (document.buyer.vat_number or document.buyer.registration):
        yield "buyer: who owes the tax itself (AE) has a VAT number or a registration (BR-AE-02)"


def _taxes(document: Document) -> Iterator[str]:
    """Whether the taxes are those of the lines (BR-CO-18, BR-S-08 and its like)."""
    sums = bases_of(items_of(document.lines, document.adjustments))
    told = [tax.rate for tax in document.taxes]
    for rate in {rate for rate in told if told.count(rate) > 1}:
        yield f"tax {rate}: it stands there twice"
    for rate in (rate for rate in sums if rate is not None and rate not in told):
        yield f"tax {rate}: lines have it, and the taxes don't"
    for tax in document.taxes:
        yield from tax.problems(document.decimals)
        if tax.rate not in sums:
            yield f"tax {tax.rate}: no line has it"
        elif tax.base_micros != (right := to_minor(sums[tax.rate], document.decimals)):
            yield f"tax {tax.rate}: the lines come to {format_micros(right)}, not {format_micros(tax.base_micros)}"
        if tax.amount_micros % minor_unit(document.decimals):
            yield f"tax {tax.rate}: {format_micros(tax.amount_micros)} can't be paid in {document.currency}"


def _sums(document: Document) -> Iterator[str]:
    told = document.totals
    right = totals_of(
        document.lines,
        document.adjustments,
        document.taxes,
        document.decimals,
        paid_micros=told.paid_micros,
        rounding_micros=told.rounding_micros,
    )
    for name, ours, theirs in zip(Totals._fields, right, told, strict=True):
        if ours != theirs:
            yield f"totals: {name} is {format_micros(theirs)}, and what stands above comes to {format_micros(ours)}"
    if told.paid_micros % minor_unit(document.decimals) or told.rounding_micros % minor_unit(document.decimals):
        yield f"totals: what was paid or rounded can't be paid in {document.currency}"
    if document.kind is Kind.RECEIPT and told.payable_micros > 0:
        yield f"totals: a receipt's lines come to {format_micros(told.payable_micros)} more than was paid"
    if document.kind is Kind.INVOICE and told.payable_micros > 0 and not (document.due_on or document.payment_terms):
        yield "something is to be paid: due_on or payment_terms says until when (BR-CO-25)"
