"""A document in the business terms of EN 16931 (BT-…, BG-…), as the library factur-x takes them. Pure.

Amounts there have the currency's minor unit. Lines of ours are exact, so each is rounded, and what that comes to at
each rate of tax stands as an allowance or charge of its own: bases, taxes and totals are the document's, to the unit.
"""

from __future__ import annotations

from typing import Any

from ratebook.money import MICRO_DECIMALS, MICROS, NANOS, format_micros, format_nanos
from service.billing.document import TAXED, Document, Kind
from service.billing.lines import Adjustment, Line, Unit, items_of
from service.billing.paper.language import language_of
from service.billing.paper.sheet import terms_of
from service.billing.parties import Party
from service.billing.taxes import TaxCategory, TaxRate, bases_of, minor_unit, to_minor

DECIMALS_MAX = 2
"""Of amounts (BR-DEC-01 to BR-DEC-28)."""
_TYPE_CODES = {Kind.INVOICE: "380", Kind.CREDIT_NOTE: "381"}
_SEPA_CREDIT_TRANSFER, _CREDIT_TRANSFER = "58", "30"
_ADDRESS_LINES = 3

Terms = dict[str, Any]


def terms_problems(document: Document) -> list[str]:
    """Why the norm has no way to say this document; empty: it has."""
    found = []
    if document.kind not in TAXED:
        found.append(f"a {document.kind} is neither an invoice nor a credit note")
    if document.decimals > DECIMALS_MAX:
        found.append(f"amounts in {document.currency} have {document.decimals} decimals, the norm has {DECIMALS_MAX}")
    seller = document.seller
    if not (seller.tax_number or seller.registration or seller.identifier):
        found.append("seller: it has a tax number, a registration or an identifier (BR-CO-26)")
    if not seller.tax_number and _categories(document) - {TaxCategory.OUTSIDE}:
        found.append("seller: it has no tax number (BR-S-02 and its like)")
    return found


def terms_for(document: Document) -> Terms:
    """The terms. The document has no problems by `terms_problems`."""
    return {
        **_head(document),
        "BG-4": _seller(document),
        "BG-7": _buyer(document),
        **_payment(document),
        "BG-23": [_tax(document, at) for at in range(len(document.taxes))],
        **_extras(document),
        **_totals(document),
        "BG-25": [_line(document, line, at) for at, line in enumerate(document.lines, 1)],
    }


def _head(document: Document) -> Terms:
    language = language_of(document.language)
    return {
        "BT-1": document.number,
        "BT-2": document.issued_on,
        "BT-3": _TYPE_CODES[document.kind],
        "BT-5": document.currency,
        "BT-9": document.due_on,
        "BT-10": document.buyer_reference,
        "BT-20": terms_of(document, language),
        "BT-72": document.period_to or document.issued_on,
        "BT-73": document.period_from,
        "BT-74": document.period_to,
        "BG-1": [{"BT-22": note} for note in document.notes if note.strip()],
        "BG-3": [{"BT-25": reference.number, "BT-26": reference.issued_on} for reference in document.preceding],
    }


def _categories(document: Document) -> set[TaxCategory]:
    return {tax.rate.category for tax in document.taxes}


def _party(party: Party) -> Terms:
    lines = party.address_lines
    if len(lines) > _ADDRESS_LINES:
        lines = (*lines[: _ADDRESS_LINES - 1], ", ".join(lines[_ADDRESS_LINES - 1 :]))
    contact = {"name": party.contact_name, "phone": party.contact_phone, "email": party.contact_email}
    return {
        "name": party.name,
        **{f"addr_l{at}": line for at, line in enumerate(lines, 1)},
        "postcode": party.postcode,
        "city": party.city,
        "country_code": party.country,
        "identifiers": {None: party.identifier} if party.identifier else {},
        "legal_identifier": party.registration,
        "einvoicing_addr": party.electronic_address,
        "einvoicing_addr_schemeid": party.electronic_scheme,
        "contacts": [contact] if any(contact.values()) else [],
    }


def _seller(document: Document) -> Terms:
    """What is outside the scope of VAT names no VAT number (BR-O-02): there it is a tax number like any other."""
    seller, terms = document.seller, _party(document.seller)
    if seller.vat_number and TaxCategory.OUTSIDE not in _categories(document):
        return terms | {"vat_identifier": seller.vat_number}
    if not (seller.registration or seller.identifier):
        terms["identifiers"] = {None: seller.tax_number}
    return terms | {"tax_identifier": seller.tax_number}


def _buyer(document: Document) -> Terms:
    """A buyer's tax number of another kind is told as what registers it: the norm has no place for it."""
    buyer, terms = document.buyer, _party(document.buyer)
    if buyer.vat_number and TaxCategory.OUTSIDE not in _categories(document):
        return terms | {"vat_identifier": buyer.vat_number}
    return terms | {"legal_identifier": buyer.registration or buyer.tax_number}


def _payment(document: Document) -> Terms:
    bank = document.bank
    if bank is None or document.kind is not Kind.INVOICE:
        return {}
    is_sepa = bank.is_iban and document.currency == "EUR"
    return {
        "BT-81": _SEPA_CREDIT_TRANSFER if is_sepa else _CREDIT_TRANSFER,
        "BT-83": document.number,
        "BT-84": bank.iban.replace(" ", ""),
        "BT-85": bank.holder,
        "BT-86": bank.bic,
    }


def _tax(document: Document, at: int) -> Terms:
    tax = document.taxes[at]
    return {
        "BT-116": _amount(document, tax.base_micros),
        "BT-117": _amount(document, tax.amount_micros),
        "BT-118": str(tax.rate.category),
        "BT-119": _percent(tax.rate),
        "BT-120": tax.reason,
        "BT-121": tax.reason_code,
    }


def _percent(rate: TaxRate) -> str | None:
    """Nothing is said of a rate where there is no tax at all (BR-O-05)."""
    return None if rate.category is TaxCategory.OUTSIDE else _decimal(rate.percent_micros)


def _decimal(micros: int) -> str:
    return format_micros(micros).rstrip("0").removesuffix(".")


def _amount(document: Document, micros: int) -> str:
    """`micros` is whole minor units."""
    sign, digits = "-" if micros < 0 else "", abs(micros) // minor_unit(document.decimals)
    whole, part = divmod(digits, 10**document.decimals)
    return f"{sign}{whole}" + (f".{part:0{document.decimals}}" if document.decimals else "")


def _rounded(document: Document, micros: int) -> int:
    return to_minor(micros, document.decimals)


def _extras(document: Document) -> Terms:
    """Allowances and charges, and at each rate what rounding line by line has added or taken."""
    adjustments = [*document.adjustments, *_roundings(document)]
    return {
        "BG-20": [_extra(document, one) for one in adjustments if not one.is_charge],
        "BG-21": [_extra(document, one) for one in adjustments if one.is_charge],
    }


def _roundings(document: Document) -> list[Adjustment]:
    reason = language_of(document.language).words["rounding"]
    lines = tuple(line._replace(net_micros=_rounded(document, line.net_micros)) for line in document.lines)
    extras = tuple(one._replace(net_micros=_rounded(document, one.net_micros)) for one in document.adjustments)
    by_rate = bases_of(items_of(lines, extras))
    apart = {tax.rate: tax.base_micros - by_rate[tax.rate] for tax in document.taxes}
    return [Adjustment(reason, abs(micros), micros > 0, rate) for rate, micros in apart.items() if micros]


def _extra(document: Document, one: Adjustment) -> Terms:
    assert one.tax is not None, "a document without tax rates has problems"
    return {
        "amount": _amount(document, _rounded(document, one.net_micros)),
        "reason": one.reason,
        "vat_category_code": str(one.tax.category),
        "vat_rate": _percent(one.tax),
    }


def _totals(document: Document) -> Terms:
    totals = document.totals
    lines_micros = sum(_rounded(document, line.net_micros) for line in document.lines)
    return {
        "BT-106": _amount(document, lines_micros),
        **_sums_of_extras(document),
        "BT-109": _amount(document, totals.net_micros),
        "BT-110": _amount(document, totals.tax_micros),
        "BT-112": _amount(document, totals.gross_micros),
        "BT-113": _amount(document, totals.paid_micros) if totals.paid_micros else None,
        "BT-114": _amount(document, totals.rounding_micros) if totals.rounding_micros else None,
        "BT-115": _amount(document, totals.payable_micros),
    }


def _sums_of_extras(document: Document) -> Terms:
    """Of each that is there, if it is nothing too (BR-CO-11, BR-CO-12)."""
    sums: dict[str, int] = {}
    for one in (*document.adjustments, *_roundings(document)):
        name = "BT-108" if one.is_charge else "BT-107"
        sums[name] = sums.get(name, 0) + _rounded(document, one.net_micros)
    return {name: _amount(document, micros) for name, micros in sums.items()}


def _line(document: Document, line: Line, at: int) -> Terms:
    assert line.tax is not None, "a document without tax rates has problems"
    net_micros = _rounded(document, line.net_micros)
    return {
        "BT-126": str(at),
        "BT-127-00": [{"BT-127": note} for note in [_note(document, line)] if note],
        **_quantity_and_price(document, line, net_micros),
        "BT-131": _amount(document, net_micros),
        "BT-151": str(line.tax.category),
        "BT-152": _percent(line.tax),
        "BT-153": line.description,
        "BT-154": line.group,
    }


def _quantity_and_price(document: Document, line: Line, net_micros: int) -> Terms:
    """Quantity times price is the net amount for whoever checks; where it isn't, one of it costs that."""
    if _multiplies_out(document, line, net_micros):
        price = format_nanos(line.price_nanos or 0)
        return {"BT-129": _decimal(line.quantity_micros), "BT-130": str(line.unit), "BT-146": price}
    sign = "-" if net_micros < 0 else ""  # a price is never below zero (BR-27)
    return {"BT-129": f"{sign}1", "BT-130": str(Unit.ONE), "BT-146": _amount(document, abs(net_micros))}


def _multiplies_out(document: Document, line: Line, net_micros: int) -> bool:
    if line.price_nanos is None:
        return False
    product = line.quantity_micros * line.price_nanos
    return bool(abs(product - net_micros * NANOS) <= minor_unit(document.decimals) * NANOS)


def _note(document: Document, line: Line) -> str:
    """What the paper's columns say and the norm has no terms for."""
    language = language_of(document.language)
    words = language.words
    parts = [line.note] if line.note else []
    if line.calls is not None:
        parts.append(f"{words['calls']}: {language.number(line.calls)}")
    if line.duration_s is not None:
        parts.append(f"{words['talked']}: {language.duration(line.duration_s)}")
    if not _multiplies_out(document, line, _rounded(document, line.net_micros)) and line.quantity_micros != MICROS:
        quantity = language.number(line.quantity_micros, MICRO_DECIMALS)
        parts.append(f"{words['quantity']}: {quantity} {words[line.unit]}".strip())
        if line.price_nanos is not None:
            parts.append(f"{words['price']}: {language.nanos(line.price_nanos, document.decimals)}")
    return "; ".join(parts)
