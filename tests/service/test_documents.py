"""A document adds up, or isn't made."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.money import MICROS, parse_micros
from service.billing.document import Document, DocumentFault, Kind
from service.billing.lines import Adjustment, Line
from service.billing.parties import Bank, Branding
from service.billing.taxes import Tax, TaxCategory, TaxRate, minor_unit
from tests.service import papers
from tests.service.papers import BANK, BUYER, LINES, OUTSIDE, REVERSE, S7, S19, SELLER, credit_note, document


def test_an_invoice_rounds_once_a_rate() -> None:
    """Lines stay exact; their sum is rounded, and the tax of the rounded sum."""
    totals = document().totals
    assert totals.lines_micros == parse_micros("54.79925")
    assert totals.net_micros == parse_micros("54.80")
    assert totals.tax_micros == parse_micros("10.41")
    assert totals.payable_micros == totals.gross_micros == parse_micros("65.21")


def test_allowances_charges_and_what_was_paid_count() -> None:
    extras = (Adjustment("Discount", 10 * MICROS, False, S19), Adjustment("Paper", 2 * MICROS, True, S7))
    totals = document(adjustments=extras, paid_micros=5 * MICROS, rounding_micros=20_000).totals
    assert (totals.allowances_micros, totals.charges_micros) == (10 * MICROS, 2 * MICROS)
    assert totals.net_micros == parse_micros("46.80")
    assert totals.tax_micros == parse_micros("8.51") + parse_micros("0.14")
    assert totals.payable_micros == parse_micros("50.47")


def test_a_currency_without_minor_units_is_paid_in_whole_ones() -> None:
    totals = document(currency="JPY", decimals=0).totals
    assert (totals.net_micros, totals.tax_micros) == (55 * MICROS, 10 * MICROS)


@given(papers.documents())
def test_what_is_payable_is_whole_minor_units_and_near_what_is_exact(made: Document) -> None:
    totals, unit = made.totals, minor_unit(made.decimals)
    exact = totals.lines_micros - totals.allowances_micros + totals.charges_micros
    assert totals.payable_micros % unit == totals.net_micros % unit == totals.tax_micros % unit == 0
    assert 2 * abs(totals.net_micros - exact) <= unit * max(1, len(made.taxes))
    assert totals.payable_micros == totals.net_micros + totals.tax_micros - totals.paid_micros


@given(
    papers.documents(), st.sampled_from(["lines_micros", "net_micros", "tax_micros", "gross_micros", "payable_micros"])
)
def test_totals_that_are_wrong_by_one_unit_are_refused(made: Document, name: str) -> None:
    wrong = made.totals._replace(**{name: getattr(made.totals, name) + minor_unit(made.decimals)})
    with pytest.raises(DocumentFault, match=f"totals: {name} is"):
        replace(made, totals=wrong)


TAX = document().taxes[0]
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"number": " "}, "it has no number"),
    ({"number": "1\x00"}, "control characters"),
    ({"currency": "euro"}, "not a code of ISO 4217"),
    ({"decimals": 7, "taxes": (), "totals": document().totals}, "0 to 6 decimals"),
    ({"language": "German"}, "not a tag"),
    ({"zone": "Berlin"}, "not the name of a time zone"),
    ({"lines": ()}, "1 to 5000 were expected, not 0"),
    ({"lines": (Line(" ", 1, S19),)}, "line 1: it has no description"),
    ({"lines": (Line("x" * 1001, 1, S19),)}, "at most 1000 characters"),
    ({"lines": (Line("a\ud800", 1, S19),)}, "control characters"),
    ({"lines": (Line("a", 10**18, S19),)}, "more than 12 digits"),
    ({"lines": (Line("a", 1, S19, price_nanos=-1),)}, "a price below zero"),
    ({"lines": (Line("a", 1, S19, calls=-1),)}, "not below zero"),
    ({"lines": (Line("a", 1),)}, "has no tax rate"),
    ({"lines": (Line("a", 1, TaxRate(TaxCategory.STANDARD, 0)),)}, "the category S has a rate above 0 %"),
    ({"lines": (Line("a", 1, TaxRate(TaxCategory.ZERO, MICROS)),)}, "and no other has one"),
    ({"lines": (Line("a", 1, TaxRate(TaxCategory.STANDARD, 101 * MICROS)),)}, "between 0 and 100 %"),
    ({"lines": (*LINES, Line("a", 1, OUTSIDE))}, "on a document of its own"),
    ({"lines": (Line("a", 1, REVERSE),), "buyer": BUYER._replace(tax_number="")}, "has a VAT number"),
    ({"adjustments": (Adjustment("", 1, True, S19),)}, "has no reason"),
    ({"adjustments": (Adjustment("a", -1, True, S19),)}, "a: an allowance or charge is not below zero"),
    ({"taxes": ()}, "lines have it, and the taxes don't"),
    ({"taxes": (TAX, TAX)}, "it stands there twice"),
    ({"taxes": (TAX, Tax(S7, 0, 0))}, "no line has it"),
    ({"taxes": (TAX._replace(base_micros=TAX.base_micros + 10_000),)}, "the lines come to 54.80, not 54.81"),
    ({"taxes": (TAX._replace(amount_micros=TAX.amount_micros + 20_000),)}, "10.43 is not the tax of 54.80"),
    ({"taxes": (TAX._replace(amount_micros=TAX.amount_micros + 1),)}, "can't be paid in EUR"),
    ({"taxes": (TAX._replace(reason="because"),)}, "a reason or its code stands with E, AE"),
    ({"lines": (Line("a", 1, REVERSE),), "taxes": (Tax(REVERSE, 0, 0),)}, "a reason or its code stands with E, AE"),
    ({"paid_micros": 1}, "what was paid or rounded can't be paid"),
    ({"period_to": None}, "both ends or none"),
    ({"period_to": date(2026, 9, 30)}, "before it begins"),
    ({"due_on": date(2026, 10, 31)}, "before the day of issue"),
    ({"due_on": None}, "says until when"),
    ({"kind": Kind.RECEIPT, "paid_micros": 65 * MICROS}, "come to 0.21 more than was paid"),
    ({"seller": SELLER._replace(name="")}, "seller: it has no name"),
    ({"seller": SELLER._replace(electronic_scheme="")}, "stand together or not at all"),
    ({"buyer": BUYER._replace(country="UK")}, "buyer: 'UK' is not a country code"),
    ({"bank": BANK._replace(iban="DE88 3704 0044 0532 0130 00")}, "is not an IBAN"),
    ({"bank": BANK._replace(bic="NO")}, "is not a BIC"),
    ({"bank": Bank("", "", is_iban=False)}, "no account number; bank: it has no holder"),
    ({"branding": Branding(primary_colour="red")}, "is not a colour"),
    ({"branding": Branding(b"GIF89a", "image/gif")}, "a logo is one of"),
]


@pytest.mark.parametrize(("changes", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_is_wrong_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DocumentFault, match="document '") as caught:
        document(**changes)
    assert said in str(caught.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(DocumentFault) as caught:
        document(currency="euro", zone="Berlin", bank=BANK._replace(bic="NO"))
    assert len(caught.value.problems) == 3


def test_a_credit_note_names_its_invoice() -> None:
    assert credit_note().totals.payable_micros == parse_micros("1.94")
    with pytest.raises(DocumentFault, match="which invoice it is for"):
        credit_note(preceding=())


def test_a_price_with_its_tax_inside_may_be_one_unit_apart() -> None:
    """0.09 with 7 % inside: 0.08 and 0.01, though 7 % of 0.08 are 0.01; of 1.05, 0.98 + 0.07."""
    line = Line("a", 80_000, S7)
    assert document(lines=(line,), taxes=(Tax(S7, 80_000, 0),)).totals.gross_micros == 80_000


def test_a_statement_has_no_taxes() -> None:
    lines = (Line("Ours", parse_micros("10.004999"), group="a"), Line("Theirs", -4 * MICROS, group="b"))
    assert document(kind=Kind.STATEMENT, lines=lines, due_on=None).totals.payable_micros == parse_micros("6.00")


@pytest.mark.parametrize(
    ("number", "vat"),
    [
        ("de 811115368", "DE811115368"),
        ("EL094259216", "EL094259216"),
        ("22/815/08150", ""),
        ("UK123456789", ""),
        ("IDENTIFIER", ""),
        ("", ""),
    ],
)
def test_a_number_for_vat_has_its_country_before_it(number: str, vat: str) -> None:
    assert SELLER._replace(tax_number=number).vat_number == vat
