"""Invoices that programs read: EN 16931 as CII inside the PDF (Factur-X) and as UBL 2.1. Blocking."""

from __future__ import annotations

from typing import Any

from service.billing.document import Document
from service.billing.paper.pdf import pdf_of
from service.billing.paper.terms import terms_for, terms_problems

LEVEL = "en16931"
_NO_CHECK: dict[str, Any] = {"check_xsd": False, "check_schematron": None}
"""The library checks the schematron at a server, and says yes where there is none: the tests check with a real one."""
_ROUNDING = '<cbc:PayableRoundingAmount currencyID="{}"'


class NotElectronic(ValueError):
    """A document that EN 16931 can't say."""

    def __init__(self, document: Document, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(f"{document.kind} {document.number} can't be told by EN 16931: {'; '.join(problems)}")


def cii_of(document: Document) -> bytes:
    """UN/CEFACT's Cross Industry Invoice. Raises NotElectronic."""
    _check(document)
    return bytes(_factur_x().generate_cii_xml(terms_for(document), level=LEVEL, **_NO_CHECK))


def ubl_of(document: Document) -> bytes:
    """An Invoice or CreditNote of UBL 2.1. Raises NotElectronic."""
    _check(document)
    made = bytes(_factur_x().generate_ubl_xml(terms_for(document), level=LEVEL, **_NO_CHECK))
    # factur-x 7.8 says EUR of a rounding, whatever the document's currency is.
    return made.replace(_ROUNDING.format("EUR").encode(), _ROUNDING.format(document.currency).encode())


def _factur_x() -> Any:
    """Imported here: with what it brings along a third of a second of each start, of services that bill nobody too."""
    import facturx  # noqa: PLC0415

    return facturx


def _check(document: Document) -> None:
    if problems := terms_problems(document):
        raise NotElectronic(document, problems)


def electronic_pdf_of(document: Document) -> bytes:
    """The PDF, with its data inside wherever the norm can say them (`terms_problems` tells)."""
    return pdf_of(document, b"" if terms_problems(document) else cii_of(document))
