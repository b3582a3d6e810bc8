"""An invoice or credit note of the ledger as the document on paper: as it was issued, whatever came later."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection
from stdnum import iban

from ratebook.money import MICROS
from service.billing.currencies import decimals_of
from service.billing.cycles import local_date
from service.billing.document import Document, Kind, Reference
from service.billing.lines import Adjustment, Line, Unit, items_of, totals_of
from service.billing.paper.language import Language, language_of
from service.billing.parties import PLAIN, Bank, Branding, Party
from service.billing.prices import price_nanos_of
from service.billing.taxes import WITH_REASON, Tax, TaxCategory, TaxRate, bases_of, to_minor
from service.billing.taxing import LEVY, NOT_TAXED, pays_on
from service.database.billing_tables import SERVICES, invoice_lines, invoice_taxes, invoices
from service.database.tables import accounts
from service.sellers.brand import brand_of

_NOT_TAXED = TaxRate(TaxCategory.EXEMPT, 0)
"""Of a levy that VAT is not paid on. Not the category O: that stands alone (BR-O-11)."""


class Written(NamedTuple):
    """What the ledger has of an invoice."""

    invoice: Row[Any]
    lines: Sequence[Row[Any]]
    taxes: Sequence[Row[Any]]
    branding: Branding
    preceding: Row[Any, Any] | None
    """Of a credit note: number and moment of its invoice."""


async def document_of(conn: AsyncConnection, invoice_id: int) -> Document:
    """The document of an invoice that has a number. Raises DocumentFault: something of it can't stand on paper."""
    invoice = (await conn.execute(sa.select(invoices).where(invoices.c.id == invoice_id))).one()
    mine = sa.select(invoice_lines).where(invoice_lines.c.invoice_id == invoice_id)
    lines = (await conn.execute(mine.order_by(invoice_lines.c.position))).all()
    theirs = sa.select(invoice_taxes).where(invoice_taxes.c.invoice_id == invoice_id)
    taxes = (await conn.execute(theirs.order_by(invoice_taxes.c.tax_group, invoice_taxes.c.position))).all()
    branding = await branding_of(conn, invoice.seller_id)
    earlier = sa.select(invoices.c.number, invoices.c.issued_ms).where(invoices.c.id == invoice.refers_to_id)
    preceding = (await conn.execute(earlier)).first()
    return document_from(Written(invoice, lines, taxes, branding, preceding))


def document_from(written: Written) -> Document:
    """The document. Raises DocumentFault."""
    invoice, language = written.invoice, language_of(written.invoice.language)
    decimals, rates = decimals_of(invoice.currency), _rates(written.taxes)
    lines = tuple(_line(row, rates[row.tax_group], language) for row in _ordered(written.lines))
    if not lines:
        lines = (Line(language.words["nothing"], 0, next(iter(rates.values()))),)
    charges = _levies(written.taxes, rates)
    taxes = _taxes(written.taxes, rates, lines, charges, decimals)
    is_credit = invoice.kind == Kind.CREDIT_NOTE
    totals = totals_of(lines, charges, taxes, decimals, paid_micros=invoice.total_micros if invoice.prepaid else 0)
    assert totals.gross_micros == invoice.total_micros, "paper and ledger say the same total"
    return Document(
        kind=Kind(invoice.kind),
        number=invoice.number or "",
        issued_on=local_date(invoice.issued_ms, invoice.zone),
        due_on=None if is_credit else local_date(invoice.due_ms, invoice.zone),
        period_from=local_date(invoice.period_from_ms, invoice.zone),
        period_to=local_date(invoice.period_to_ms - 1, invoice.zone),
        currency=invoice.currency,
        decimals=decimals,
        language=invoice.language,
        zone=invoice.zone,
        seller=party_of(invoice.seller),
        buyer=party_of(invoice.buyer, identifier=str(invoice.account_id)),
        bank=bank_of(invoice.seller),
        lines=lines,
        adjustments=charges,
        taxes=taxes,
        totals=totals,
        preceding=() if written.preceding is None else (_reference(written.preceding, invoice.zone),),
        buyer_reference=invoice.buyer["buyer_reference"],
        notes=(invoice.reason,) if invoice.reason else (),
        branding=written.branding,
    )


async def branding_of(conn: AsyncConnection, seller_id: int) -> Branding:
    """How a seller's paper looks today."""
    path = sa.select(accounts.c.path).where(accounts.c.id == seller_id)
    brand = await brand_of(conn, (await conn.execute(path)).scalar_one())
    if brand is None:
        return PLAIN
    return Branding(brand.logo or b"", brand.logo_type, brand.primary_colour, brand.accent_colour)


def _reference(earlier: Row[Any, Any], zone: str) -> Reference:
    return Reference(earlier.number, local_date(earlier.issued_ms, zone))


def party_of(frozen: dict[str, Any], identifier: str = "") -> Party:
    """As it was at issue; of who had said less, what was known."""
    same = {name: frozen[name] for name in Party._fields if name in frozen}
    more = {"name": frozen["legal_name"], "address_lines": tuple(frozen["address_lines"]), "identifier": identifier}
    return Party(**same | more)


def bank_of(seller: dict[str, Any]) -> Bank | None:
    """Where it wants its money; None: it has not said it."""
    if not seller.get("iban"):
        return None
    holder = seller["bank_holder"] or seller["legal_name"]
    return Bank(seller["iban"], holder, seller["bic"], seller["bank_name"], is_iban=iban.is_valid(seller["iban"]))


def _rates(taxes: Sequence[Row[Any]]) -> dict[int, TaxRate]:
    """The VAT of each group of lines that are taxed alike: each has one. What is outside its scope stands on no paper
    beside anything else (BR-O-11): there it is exempt, for its reason.
    """
    rates = {row.tax_group: TaxRate(TaxCategory(row.category), row.percent_millionths) for row in _vat(taxes).values()}
    if len(set(rates.values())) > 1:
        rates = {of: _NOT_TAXED if rate.category is TaxCategory.OUTSIDE else rate for of, rate in rates.items()}
    return rates


def _vat(taxes: Sequence[Row[Any]]) -> dict[int, Row[Any]]:
    return {row.tax_group: row for row in taxes if row.category != LEVY}


def _ordered(lines: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Services one after the other, so that each has one heading."""
    return sorted(lines, key=lambda row: (SERVICES.index(row.service), row.position))


def _line(row: Row[Any], rate: TaxRate, language: Language) -> Line:
    service = language.words[f"service_{row.service}"]
    name = row.description.strip() or service  # destinations may be nameless
    line = Line(f"{name} · {row.caller}" if row.caller else name, row.net_micros, rate, group=service)
    if row.kind == "correction":
        return line._replace(calls=row.quantity)
    if row.kind != "calls":
        return line._replace(quantity_micros=row.quantity * MICROS)
    return line._replace(
        quantity_micros=row.billed_s * MICROS // 60,
        unit=Unit.MINUTE,
        price_nanos=price_nanos_of(row),
        calls=row.quantity,
        duration_s=row.duration_ms // 1000,
    )


def _levies(taxes: Sequence[Row[Any]], rates: dict[int, TaxRate]) -> tuple[Adjustment, ...]:
    """Taxes that are not VAT: charges, each at the VAT that is paid on it."""
    paid_on = _vat(taxes)
    sums: defaultdict[tuple[str, TaxRate], int] = defaultdict(int)
    for row in taxes:
        if row.category == LEVY:
            vat, paid = rates[row.tax_group], paid_on[row.tax_group]
            sums[row.name, vat if pays_on(paid, paid.position, row.position) else _NOT_TAXED] += row.tax_micros
    return tuple(
        Adjustment(name, abs(micros), is_charge=micros >= 0, tax=rate) for (name, rate), micros in sums.items()
    )


def _taxes(
    rows: Sequence[Row[Any]],
    rates: dict[int, TaxRate],
    lines: tuple[Line, ...],
    charges: tuple[Adjustment, ...],
    decimals: int,
) -> tuple[Tax, ...]:
    """Of each rate its base, as lines and charges come to it, and the tax as the ledger has it."""
    amounts: defaultdict[TaxRate, int] = defaultdict(int)
    reasons: defaultdict[TaxRate, dict[tuple[str, str], None]] = defaultdict(dict)
    for group, row in _vat(rows).items():
        rate = rates[group]
        amounts[rate] += row.tax_micros
        if rate.category in WITH_REASON:
            code = row.exemption_code if rate.category == row.category else ""
            reasons[rate][row.exemption_reason or row.name, code] = None
    if any(one.tax == _NOT_TAXED for one in charges):
        reasons[_NOT_TAXED][NOT_TAXED.exemption_reason, ""] = None
    bases = bases_of(items_of(lines, charges))
    return tuple(
        Tax(rate, to_minor(base, decimals), amounts[rate], *_reason(list(reasons[rate])))
        for rate, base in bases.items()
        if rate is not None
    )


def _reason(found: list[tuple[str, str]]) -> tuple[str, str]:
    """All that was said, in one sentence; a code only if it is the only one."""
    said = "; ".join(reason for reason, _ in found)
    codes = {code for _, code in found}
    return said, codes.pop() if len(codes) == 1 else ""
