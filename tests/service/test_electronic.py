"""Invoices that programs read: valid by schema and by the official rules, with the sums of the record."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import facturx
import pytest
from hypothesis import HealthCheck, given, settings
from pypdf import PdfReader

from ratebook.money import MICROS, NANOS, parse_micros
from service.billing.document import Document, Kind
from service.billing.lines import Adjustment, Line
from service.billing.paper.electronic import NotElectronic, cii_of, electronic_pdf_of, ubl_of
from service.billing.paper.metadata import UnknownPdf, with_factur_x
from service.billing.paper.pdf import pdf_of
from service.billing.paper.terms import terms_problems
from tests.service import papers
from tests.service.papers import (
    BANK,
    BUYER,
    EXEMPT,
    LINES,
    OUTSIDE,
    REVERSE,
    S7,
    S19,
    SELLER,
    ZERO,
    calls,
    credit_note,
    document,
)
from tests.service.schematron import Schematron

SWISS = SELLER._replace(country="CH", tax_number="CHE-116.281.710 MWST", electronic_address="", electronic_scheme="")
SAMPLES: dict[str, Callable[[], Document]] = {
    "invoice": document,
    "credit note": credit_note,
    "several rates": lambda: document(lines=(*LINES, Line("a", 1_005_000, S7), Line("b", 1_005_000, ZERO))),
    "reverse charge": lambda: document(lines=(calls("a", "1", "0.5", "0.5", REVERSE),)),
    "exempt": lambda: document(lines=(calls("a", "1", "0.5", "0.5", EXEMPT),)),
    "outside": lambda: document(lines=(calls("a", "1", "0.5", "0.5", OUTSIDE),)),
    "outside, no register": lambda: document(
        lines=(Line("a", MICROS, OUTSIDE),), seller=SWISS._replace(registration="")
    ),
    "foreign seller": lambda: document(seller=SWISS, currency="CHF"),
    "discount": lambda: document(adjustments=(Adjustment("Loyal", 1_234_567, False, S19),)),
    "levy": lambda: document(adjustments=(Adjustment("Levy", 4_444_444, True, S19), Adjustment("x", 1, True, S7))),
    "paid": lambda: document(paid_micros=65_210_000, due_on=None),
    "rounded": lambda: document(rounding_micros=-10_000, currency="USD"),
    "in our debt": lambda: document(lines=(Line("Adjustment", -10 * MICROS, S19, price_nanos=10 * NANOS),)),
    "yen": lambda: document(currency="JPY", decimals=0),
    "bare": lambda: document(
        bank=None, period_from=None, period_to=None, payment_terms="At once", notes=("Thanks\nto you", "More")
    ),
    "other bank": lambda: document(bank=BANK._replace(iban="12345678", is_iban=False)),
    "no VAT number": lambda: document(buyer=BUYER._replace(tax_number="22/815/08150", address_lines=tuple("abcde"))),
    "credit note of many": lambda: credit_note(bank=None, due_on=None, lines=LINES),
    "russian": lambda: document(language="ru", lines=(calls("Россия", "1", "3", "3.14", S19, duration_s=62),)),
}


@pytest.fixture(scope="session")
def schematron() -> Schematron:
    return Schematron()


def valid(made: Document, schematron: Schematron) -> tuple[bytes, bytes]:
    """Both syntaxes, which both checks accept."""
    cii, ubl = cii_of(made), ubl_of(made)
    facturx.xml_check_xsd(cii, flavor="factur-x", level="en16931")
    facturx.xml_check_xsd(ubl, flavor=f"ubl-2.1-{made.kind.replace('_', '')}")
    for syntax, text in (("cii", cii), ("ubl", ubl)):
        fired, failed = schematron.check(syntax, text)
        assert fired > 10, "nothing was checked"
        assert failed == [], syntax
    return cii, ubl


@pytest.mark.parametrize("name", SAMPLES)
def test_the_official_rules_have_nothing_to_say(name: str, schematron: Schematron) -> None:
    valid(SAMPLES[name](), schematron)


def in_cii(cii: bytes, *path: str) -> list[str]:
    found = ET.fromstring(cii).findall("/".join([".", *(f"{{*}}{name}" for name in path)]))
    return [one.text or "" for one in found]


SUMS = (
    "SupplyChainTradeTransaction",
    "ApplicableHeaderTradeSettlement",
    "SpecifiedTradeSettlementHeaderMonetarySummation",
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=papers.documents())
def test_any_document_is_valid_and_says_the_sums_of_the_record(made: Document, schematron: Schematron) -> None:
    cii, ubl = valid(made, schematron)
    told = {name: [parse_micros(text) for text in in_cii(cii, *SUMS, name)] for name in
            ("TaxBasisTotalAmount", "TaxTotalAmount", "GrandTotalAmount", "DuePayableAmount")}  # fmt: skip
    totals = made.totals
    sums = (totals.net_micros, totals.tax_micros, totals.gross_micros, totals.payable_micros)
    assert tuple(told.values()) == tuple([one] for one in sums)
    root = ET.fromstring(ubl)
    names = ("TaxExclusiveAmount", "TaxInclusiveAmount", "PayableAmount")
    said = [parse_micros(root.findtext(f"./{{*}}LegalMonetaryTotal/{{*}}{name}") or "") for name in names]
    assert said == [totals.net_micros, totals.gross_micros, totals.payable_micros]


BREAKS = {
    "cii": [
        (b"<ram:DuePayableAmount>65.21<", b"<ram:DuePayableAmount>65.22<", "BR-CO-16"),
        (b"<ram:LineTotalAmount>54.80<", b"<ram:LineTotalAmount>54.90<", "BR-CO-10"),
        (b"<ram:BuyerTradeParty>", b"<ram:BuyerTradeParty><ram:ID></ram:ID>", ""),
    ],
    "ubl": [
        (b'<cbc:PayableAmount currencyID="EUR">65.21<', b'<cbc:PayableAmount currencyID="EUR">65.22<', "BR-CO-16"),
        (b'<cbc:TaxAmount currencyID="EUR">10.41<', b'<cbc:TaxAmount currencyID="EUR">12.41<', "BR-CO-17"),
    ],
}


@pytest.mark.parametrize(("syntax", "at"), [("cii", 0), ("cii", 1), ("cii", 2), ("ubl", 0), ("ubl", 1)])
def test_a_broken_document_fails_the_rules(syntax: str, at: int, schematron: Schematron) -> None:
    """So the check can fail."""
    whole = {"cii": cii_of, "ubl": ubl_of}[syntax](document())
    right, wrong, rule = BREAKS[syntax][at]
    assert right in whole
    failed = schematron.check(syntax, whole.replace(right, wrong)).failed
    assert any(rule in text for text in failed), failed


def test_lines_say_quantity_and_price_where_they_multiply_out() -> None:
    """Else one of it costs the net amount, and the note says the rest."""
    lines = (calls("a", "130.5", "0.0125", "1.63125"), calls("b", "10", "0.0125", "0.5"), calls("c", "-3", "2", "-6"))
    cii = cii_of(document(lines=lines, language="de"))
    line = ("SupplyChainTradeTransaction", "IncludedSupplyChainTradeLineItem")
    assert in_cii(cii, *line, "SpecifiedLineTradeDelivery", "BilledQuantity") == ["130.5", "1", "-3"]
    prices = in_cii(cii, *line, "SpecifiedLineTradeAgreement", "NetPriceProductTradePrice", "ChargeAmount")
    assert prices == ["0.0125", "0.50", "2.00"]
    notes = in_cii(cii, *line, "AssociatedDocumentLineDocument", "IncludedNote", "Content")
    assert notes == ["Anrufe: 12", "Anrufe: 12; Menge: 10 Min.; Preis: 0,0125", "Anrufe: 12"]


def test_what_rounding_line_by_line_adds_is_a_charge_of_its_rate() -> None:
    """Three lines of 0.005 are 0.03 line by line, and 0.02 on the document."""
    cii = cii_of(document(lines=(Line("a", 5_000, S19),) * 3))
    assert in_cii(cii, *SUMS, "LineTotalAmount") == ["0.03"]
    assert in_cii(cii, *SUMS, "AllowanceTotalAmount") == ["0.01"]
    assert in_cii(cii, *SUMS, "TaxBasisTotalAmount") == ["0.02"]


def test_a_rounding_is_in_the_currency_of_the_document() -> None:
    ubl = ubl_of(document(rounding_micros=-10_000, currency="USD"))
    assert b'<cbc:PayableRoundingAmount currencyID="USD">-0.01<' in ubl


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": Kind.STATEMENT}, "a statement is neither an invoice nor a credit note"),
        ({"currency": "KWD", "decimals": 3}, "amounts in KWD have 3 decimals"),
        ({"seller": SELLER._replace(tax_number="")}, "it has no tax number"),
        ({"seller": SELLER._replace(tax_number="", registration="")}, "BR-CO-26"),
    ],
)
def test_what_the_norm_cannot_say_is_told(changes: dict[str, Any], said: str) -> None:
    made = document(**changes)
    assert any(said in problem for problem in terms_problems(made))
    with pytest.raises(NotElectronic, match="can't be told by EN 16931"):
        cii_of(made)
    with pytest.raises(NotElectronic):
        ubl_of(made)
    assert not PdfReader(io.BytesIO(electronic_pdf_of(made))).attachments


def test_the_data_are_inside_the_pdf() -> None:
    """Factur-X: the file of that name, an alternative of the paper, and PDF/A-3 that says so."""
    made = document(language="de")
    plain = PdfReader(io.BytesIO(pdf_of(made)))
    pdf = electronic_pdf_of(made)
    reader = PdfReader(io.BytesIO(pdf), strict=True)
    assert reader.attachments["factur-x.xml"] == [cii_of(made)]
    assert facturx.get_xml_from_pdf(pdf, check_xsd=True) == ("factur-x.xml", cii_of(made))
    assert electronic_pdf_of(made) == pdf
    root: Any = reader.trailer["/Root"]
    assert [one.get_object()["/AFRelationship"] for one in root["/AF"]] == ["/Alternative"]
    assert root["/Lang"] == "de"
    assert root["/MarkInfo"]["/Marked"]
    xmp = root["/Metadata"].get_object().get_data().decode("utf-8")
    for said in (
        "<pdfaid:part>3<",
        "<pdfaid:conformance>B<",
        "<fx:ConformanceLevel>EN 16931<",
        "Rechnung NT2026-00042",
    ):
        assert said in xmp
    assert [page.extract_text() for page in reader.pages] == [page.extract_text() for page in plain.pages]
    assert not plain.attachments


def test_names_cannot_break_the_metadata() -> None:
    name = "endstream endobj </rdf:RDF> /Metadata 1 0 R trailer startxref 7 %%EOF (\\)"
    made = document(seller=SELLER._replace(name=name), number=name)
    reader = PdfReader(io.BytesIO(electronic_pdf_of(made)), strict=True)
    assert reader.attachments["factur-x.xml"] == [cii_of(made)]
    assert reader.xmp_metadata is not None
    assert reader.xmp_metadata.dc_creator == [name]


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        (rb"startxref\n\d+", b"startxref\n0"),
        (rb"%%EOF", b""),
        (rb"/Metadata \d+ 0 R", b""),
        (rb"/Root \d+ 0 R", b""),
        (rb"<pdfaExtension:schemas>", b"<pdfaExtension:schemes>"),
    ],
)
def test_a_pdf_of_another_build_is_left_alone(pattern: bytes, instead: bytes) -> None:
    """It is refused: half of it would be understood."""
    pdf = pdf_of(document())
    assert re.search(pattern, pdf)
    broken = re.sub(pattern, instead.ljust(len(re.search(pattern, pdf)[0])), pdf)  # type: ignore[index]
    with pytest.raises(UnknownPdf):
        with_factur_x(broken)


def test_dates_and_periods_are_said() -> None:
    cii = cii_of(credit_note(due_on=date(2026, 12, 1)))
    settlement = ("SupplyChainTradeTransaction", "ApplicableHeaderTradeSettlement")
    assert in_cii(cii, *settlement, "BillingSpecifiedPeriod", "EndDateTime", "DateTimeString") == ["20261031"]
    assert in_cii(cii, *settlement, "InvoiceReferencedDocument", "IssuerAssignedID") == ["NT2026-00042"]
    assert in_cii(cii, "ExchangedDocument", "TypeCode") == ["381"]
    assert in_cii(cii_of(document()), "ExchangedDocument", "TypeCode") == ["380"]
