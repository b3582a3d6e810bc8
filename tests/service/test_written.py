"""What the ledger says of an invoice is what stands on paper, to the micro-unit."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from ratebook.money import MICROS, parse_micros
from service.billing.document import Kind
from service.billing.paper.electronic import cii_of, electronic_pdf_of, ubl_of
from service.billing.paper.html import html_of
from service.billing.paper.terms import terms_problems
from service.billing.parties import PLAIN, Branding
from service.billing.taxes import TaxCategory
from service.billing.taxing import NOT_TAXED, Group, Rate, Rates, shared_out, tax
from service.billing.written import Written, document_from, document_of
from service.database.billing_tables import SERVICES, billing_parties, invoices
from service.database.engine import reading
from service.database.seller_tables import brands
from tests.service.papers import png
from tests.service.schematron import Schematron
from tests.service.test_billing_run import Books, books, foundation
from tests.service.test_electronic import schematron

__all__ = ["books", "foundation", "schematron"]
DAY_MS = 86_400_000
SELLER = {
    "legal_name": "Seller GmbH", "country": "DE", "address_lines": ["Weg 1"], "postcode": "20457", "city": "Hamburg",
    "tax_number": "DE811115368", "registration": "HRB 1", "buyer_reference": "", "electronic_address": "",
    "electronic_scheme": "", "contact_name": "", "contact_phone": "", "contact_email": "",
    "iban": "DE89370400440532013000", "bic": "", "bank_holder": "", "bank_name": "", "account_id": 1, "account": "x",
}  # fmt: skip
BUYER = SELLER | {"legal_name": "Buyer AG", "buyer_reference": "PO 7", "iban": "", "account_id": 9}
VAT = Rate("VAT", "S", 19 * MICROS)
REDUCED = Rate("VAT", "S", 7 * MICROS)
LEVY = Rate("Levy", "levy", 3 * MICROS)


def written(groups: list[tuple[list[int], Rates]], **changes: Any) -> Written:
    """An invoice of groups of lines, taxed as the run taxes them."""
    taxed = tax([Group(sum(amounts), rates) for amounts, rates in groups], 2)
    lines, taxes = [], []
    for number, ((amounts, _), group) in enumerate(zip(groups, taxed, strict=True)):
        nets = shared_out(amounts, group.net_micros)
        if sum(amounts) == 0:
            nets = amounts
        for amount, net in zip(amounts, nets, strict=True):
            lines.append(line(len(lines), SERVICES[number], net_micros=net, amount_micros=amount, tax_group=number))
        for position, share in enumerate(group.shares):
            rate = share.rate._asdict() | {"tax_micros": share.tax_micros, "base_micros": share.base_micros}
            taxes.append(SimpleNamespace(tax_group=number, position=position, **rate))
    values: dict[str, Any] = {
        "kind": "invoice", "number": "A-1", "currency": "EUR", "language": "en", "zone": "Europe/Berlin",
        "period_from_ms": 1_790_805_600_000 - 30 * DAY_MS, "period_to_ms": 1_790_805_600_000,
        "issued_ms": 1_790_805_600_000 + 3_600_000, "due_ms": 1_790_805_600_000 + 15 * DAY_MS - 1, "prepaid": False,
        "total_micros": sum(group.total_micros for group in taxed), "seller": SELLER, "buyer": BUYER, "account_id": 9,
        "reason": "",
    }  # fmt: skip
    row: Any = SimpleNamespace(**values | changes)
    return Written(row, lines, taxes, PLAIN, None)  # type: ignore[arg-type]


def line(position: int, service: str, **changes: Any) -> Any:
    values = {
        "position": position, "kind": service, "service": service, "description": f"Line {position}", "caller": "",
        "terms": "", "exchange": "1/1", "quantity": 3, "duration_ms": 95_500, "billed_s": 100,
    }  # fmt: skip
    return SimpleNamespace(**values | changes)


vats = st.sampled_from([VAT, REDUCED, VAT._replace(compound=True), Rate("", "AE", 0, "Reverse charge", "VATEX-EU-AE")])
untaxed = st.sampled_from([Rate("", "E", 0, "Exempt"), Rate("Zero", "Z", 0), Rate("", "O", 0, "Outside")])


@st.composite
def rates(draw: st.DrawFn) -> Rates:
    """Levies and one VAT in any order; each inside the prices, or not."""
    levies = draw(st.lists(st.just(LEVY) | st.just(LEVY._replace(name="Other", percent_millionths=1)), max_size=2))
    found = draw(st.permutations([*levies, draw(vats | untaxed)]))
    return tuple(rate._replace(inclusive=draw(st.booleans())) for rate in found)


amounts = st.integers(-(10**8), 10**11) | st.sampled_from([5_000, -5_000])
groups = st.lists(st.tuples(st.lists(amounts, min_size=1, max_size=4), rates()), min_size=1, max_size=4)


@settings(deadline=None)
@given(groups)
def test_whatever_the_run_taxes_stands_on_paper_with_its_total(found: list[tuple[list[int], Rates]]) -> None:
    """Levies, compound and inclusive taxes, several rates: the document adds up, and is the ledger's."""
    made = written(found)
    document = document_from(made)
    assert document.totals.gross_micros == made.invoice.total_micros
    assert document.totals.payable_micros == made.invoice.total_micros
    assert document.totals.lines_micros == sum(row.net_micros for row in made.lines)
    vat = sum(row.tax_micros for row in made.taxes if row.category != "levy")
    assert document.totals.tax_micros == vat
    assert terms_problems(document) == []


@pytest.mark.parametrize(
    "rates",
    [(VAT,), (LEVY, VAT), (LEVY, VAT._replace(compound=True)), (NOT_TAXED,), (LEVY, NOT_TAXED)],
    ids=["VAT", "levy without VAT", "levy with VAT", "outside", "levy outside"],
)
def test_the_official_rules_agree(rates: Rates, schematron: Schematron) -> None:
    document = document_from(written([([10_123_456, 5], rates)]))
    for syntax, text in (("cii", cii_of(document)), ("ubl", ubl_of(document))):
        assert schematron.check(syntax, text).failed == []


def test_a_levy_is_a_charge_with_the_vat_that_is_paid_on_it() -> None:
    plain = document_from(written([([100 * MICROS], (LEVY, VAT))]))
    assert [(one.reason, one.net_micros, str(one.tax.category)) for one in plain.adjustments if one.tax] == [
        ("Levy", 3 * MICROS, "E")
    ]
    on_it = document_from(written([([100 * MICROS], (LEVY, VAT._replace(compound=True)))]))
    assert [(tax.rate.category, tax.base_micros) for tax in on_it.taxes] == [(TaxCategory.STANDARD, 103 * MICROS)]
    assert on_it.totals.tax_micros == parse_micros("19.57")


def test_vat_is_paid_on_the_levies_before_it_alone() -> None:
    """However it is marked: one behind it comes when the VAT is told already."""
    behind = document_from(written([([100 * MICROS], (VAT._replace(compound=True), LEVY))]))
    assert [str(one.tax.category) for one in behind.adjustments if one.tax] == ["E"]
    assert [(tax.base_micros, tax.amount_micros) for tax in behind.taxes] == [
        (100 * MICROS, 19 * MICROS), (3 * MICROS, 0),
    ]  # fmt: skip


def test_what_is_outside_of_vat_is_exempt_beside_what_is_not(schematron: Schematron) -> None:
    """The norm has it alone on a document (BR-O-11); alone it stays what it is."""
    deposit = Rate("Deposit", "O", 0, "Not a supply", "VATEX-EU-O")
    (alone,) = document_from(written([([MICROS], (deposit,))])).taxes
    assert (str(alone.rate.category), alone.reason_code) == ("O", "VATEX-EU-O")
    both = document_from(written([([10 * MICROS], (VAT,)), ([5 * MICROS], (deposit,))]))
    assert [(str(one.rate.category), one.reason, one.reason_code) for one in both.taxes] == [
        ("S", "", ""), ("E", "Not a supply", ""),
    ]  # fmt: skip
    for syntax, text in (("cii", cii_of(both)), ("ubl", ubl_of(both))):
        assert schematron.check(syntax, text).failed == []


def test_days_parties_and_lines_are_those_of_the_issue() -> None:
    document = document_from(written([([10 * MICROS], (VAT,)), ([5 * MICROS], (VAT,))]))
    assert str(document.issued_on) == "2026-10-01"
    assert (str(document.period_from), str(document.period_to)) == ("2026-09-01", "2026-09-30")
    assert str(document.due_on) == "2026-10-15"
    assert (document.seller.name, document.buyer.name, document.buyer.identifier) == ("Seller GmbH", "Buyer AG", "9")
    assert document.buyer_reference == "PO 7"
    assert document.bank is not None
    assert document.bank.holder == "Seller GmbH"
    calls, messages = document.lines
    assert (calls.group, calls.calls, calls.duration_s, calls.quantity_micros) == ("Calls", 3, 95, 1_666_666)
    assert (messages.group, messages.quantity_micros, messages.calls) == ("Messages", 3 * MICROS, None)


def test_calls_to_a_nameless_destination_are_called_calls() -> None:
    made = written([([10 * MICROS], (VAT,))])
    (row,) = made.lines
    row.description = " "  # type: ignore[misc]
    assert document_from(made).lines[0].description == "Calls"


def test_an_invoice_of_nothing_says_so() -> None:
    made = written([([0], (VAT,))])
    assert "No calls in this period" in html_of(document_from(made._replace(lines=[])))


def test_a_half_beside_levies_below_zero_is_rounded_as_on_paper() -> None:
    """-0.24 of a levy and 0.005, both without VAT, are -0.24 on paper, since halves go away from zero."""
    exempt = Rate("", "E", 0, "Exempt")
    made = written([([-8 * MICROS], (LEVY, VAT)), ([5_000], (exempt,))])
    document = document_from(made)
    assert [tax.base_micros for tax in document.taxes] == [-8 * MICROS, -240_000]
    assert document.totals.gross_micros == made.invoice.total_micros == parse_micros("-9.76")


def test_what_was_paid_before_stands_as_paid() -> None:
    totals = document_from(written([([10 * MICROS], (VAT,))], prepaid=True)).totals
    assert (totals.paid_micros, totals.payable_micros) == (parse_micros("11.90"), 0)


def test_a_credit_note_names_its_invoice_and_its_reason() -> None:
    earlier: Any = SimpleNamespace(number="A-1", issued_ms=1_790_805_600_000)
    made = written([([10 * MICROS], (VAT,))], kind="credit_note", number="A-2", reason="47 calls that failed")
    document = document_from(made._replace(preceding=earlier))
    assert (document.kind, document.preceding[0].number, document.due_on) == (Kind.CREDIT_NOTE, "A-1", None)
    assert document.notes == ("47 calls that failed",)


def test_another_total_than_the_ledgers_is_no_paper() -> None:
    with pytest.raises(AssertionError, match="the same total"):
        document_from(written([([10 * MICROS], (VAT,))], total_micros=parse_micros("11.91")))


async def test_every_invoice_of_a_month_becomes_paper(books: Books, schematron: Schematron) -> None:
    """By its seller's brand; HTML, PDF and XML say the ledger's total."""
    async with books.engine.begin() as conn:
        brand = {"account_id": 1, "company": "Operator", "logo": png(8, 4), "logo_type": "image/png"}
        await conn.execute(sa.insert(brands).values(**brand, primary_colour="#123456"))
        await conn.execute(sa.update(billing_parties).values(tax_number="DE811115368"))
    await books.run()
    async with reading(books.engine) as conn:
        rows = (await conn.execute(sa.select(invoices.c.id, invoices.c.total_micros).order_by(invoices.c.id))).all()
        documents = [await document_of(conn, row.id) for row in rows]
    assert len(rows) > 10
    assert [one.totals.gross_micros for one in documents] == [row.total_micros for row in rows]
    assert all(one.branding == Branding(png(8, 4), "image/png", "#123456", "") for one in documents)
    assert any(line.price_nanos for one in documents for line in one.lines)
    for document in documents[:3]:
        assert schematron.check("cii", cii_of(document)).failed == []
    assert len(PdfReader(io.BytesIO(electronic_pdf_of(documents[0]))).attachments) == 1
