"""How a document is to be paid: the bank's details, and a code that banks' programs read."""

from __future__ import annotations

import io
from decimal import Decimal

from segno import helpers

from ratebook.money import MICRO_DECIMALS, MICROS
from service.billing.document import Document, Kind

_EPC_NAME_MAX = 70
_EPC_MICROS_MAX = 999_999_999 * MICROS


def is_to_be_paid(document: Document) -> bool:
    """Whether the buyer is asked for money."""
    return document.kind in {Kind.INVOICE, Kind.STATEMENT} and document.totals.payable_micros > 0


def sepa_code(document: Document) -> str:
    """A credit transfer as QR code, in SVG (EPC069-12, version 002); empty: it can't be paid so."""
    bank, payable = document.bank, document.totals.payable_micros
    if not is_to_be_paid(document) or bank is None or not bank.is_iban:
        return ""
    if document.currency != "EUR" or payable > _EPC_MICROS_MAX:
        return ""
    amount = Decimal(payable).scaleb(-MICRO_DECIMALS).quantize(Decimal("0.01"))
    code = helpers.make_epc_qr(
        name=bank.holder[:_EPC_NAME_MAX],
        iban=bank.iban.replace(" ", ""),
        amount=amount,
        text=document.number,
        bic=bank.bic or None,
    )
    out = io.BytesIO()
    code.save(out, kind="svg", xmldecl=False, svgns=True, border=0, omitsize=True, nl=False)
    return out.getvalue().decode("ascii")
