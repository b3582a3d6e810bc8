"""All that stands on a document's paper, as text in its language: HTML and PDF print it and compute nothing. Pure."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from babel import Locale

from service.billing.document import Document, Kind
from service.billing.paper.colours import Colours, colours_of
from service.billing.paper.language import Language, language_of, runs_right_to_left
from service.billing.paper.payment import is_to_be_paid, sepa_code
from service.billing.paper.rows import Table, table_of
from service.billing.parties import Party


class Fact(NamedTuple):
    """A label, which may be empty, and what stands behind it."""

    label: str
    value: str


class Sum(NamedTuple):
    """A line below the table."""

    label: str
    value: str
    base: str = ""
    """What it was found from; empty: nothing."""
    is_strong: bool = False


class Block(NamedTuple):
    """An address."""

    name: str
    lines: tuple[str, ...]
    is_right_to_left: bool
    """As its own letters run, whatever the paper's language is."""


class Sheet(NamedTuple):
    """A paper."""

    language: str
    is_right_to_left: bool
    title: str
    number: str
    seller: Block
    buyer: Block
    facts: tuple[Fact, ...]
    table: Table
    sums: tuple[Sum, ...]
    reasons: tuple[str, ...]
    """Why no tax is asked."""
    terms: str
    payment: tuple[Fact, ...]
    payment_title: str
    code: str
    """SVG; empty: none."""
    code_label: str
    notes: tuple[str, ...]
    imprint: tuple[Fact, ...]
    """What the seller says of itself at the foot."""
    carried: str
    brought: str
    page: str
    """With {page} and {pages}."""
    colours: Colours


def sheet_of(document: Document) -> Sheet:
    """The paper of a document."""
    language = language_of(document.language)
    words = language.words
    return Sheet(
        language=language.tag,
        is_right_to_left=language.is_right_to_left,
        title=words[document.kind],
        number=document.number,
        seller=_block(document.seller, language, abroad=False),
        buyer=_block(document.buyer, language, abroad=document.buyer.country != document.seller.country),
        facts=tuple(fact for fact in _facts(document, language) if fact.value),
        table=table_of(document, language),
        sums=tuple(_sums(document, language)),
        reasons=tuple(tax.reason for tax in document.taxes if tax.reason),
        terms=terms_of(document, language),
        payment=_payment(document, language),
        payment_title=words["payment"],
        code=sepa_code(document),
        code_label=words["scan"],
        notes=document.notes,
        imprint=_imprint(document.seller, language),
        carried=words["carried"],
        brought=words["brought"],
        page=words["page"],
        colours=colours_of(document.branding),
    )


def terms_of(document: Document, language: Language) -> str:
    """Until when is to be paid, in the seller's words if there are any."""
    if document.payment_terms:
        return document.payment_terms
    if document.kind is Kind.CREDIT_NOTE:
        return language.words["credit_terms"]
    if document.due_on and is_to_be_paid(document):
        return language.words["pay_until"].format(date=language.date(document.due_on))
    return ""


def _block(party: Party, language: Language, *, abroad: bool) -> Block:
    town = f"{party.postcode} {party.city}".strip()
    country = Locale.parse(language.locale).territories.get(party.country, party.country) if abroad else ""
    lines = tuple(line for line in (*party.address_lines, town, country) if line)
    return Block(party.name, lines, runs_right_to_left("".join((*party.address_lines, town)) or party.name))


def _facts(document: Document, language: Language) -> tuple[Fact, ...]:
    words, buyer = language.words, document.buyer
    period = ""
    if document.period_from and document.period_to:
        period = f"{language.date(document.period_from)} \N{EN DASH} {language.date(document.period_to)}"
    return (
        Fact(words["number"], document.number),
        Fact(words["issued_on"], language.date(document.issued_on)),
        Fact(words["period"], period),
        Fact(words["due_on"], language.date(document.due_on) if document.due_on and is_to_be_paid(document) else ""),
        *(Fact(words["preceding"], reference.number) for reference in document.preceding),
        Fact(words["identifier"], buyer.identifier),
        Fact(words["buyer_vat_number"], buyer.vat_number or buyer.tax_number),
        Fact(words["reference"], document.buyer_reference),
    )


def _sums(document: Document, language: Language) -> list[Sum]:
    money = partial(_money, document, language)
    words, totals = language.words, document.totals
    sums = _net_sums(document, language)
    for tax in document.taxes:
        label = words["tax_of"].format(percent=language.percent(tax.rate.percent_micros))
        sums.append(Sum(label, money(tax.amount_micros), money(tax.base_micros)))
    if document.kind is Kind.RECEIPT:
        return [*sums, *_received(document, language)]
    if totals.gross_micros != totals.payable_micros:
        sums.append(Sum(words["gross"], money(totals.gross_micros), is_strong=True))
    if totals.paid_micros:
        sums.append(Sum(words["paid"], money(-totals.paid_micros)))
    if totals.rounding_micros:
        sums.append(Sum(words["rounding"], money(totals.rounding_micros)))
    return [*sums, Sum(_payable_label(document, language), money(_payable(document)), is_strong=True)]


def _money(document: Document, language: Language, micros: int) -> str:
    return language.money(micros, document.decimals, document.currency)


def _net_sums(document: Document, language: Language) -> list[Sum]:
    """From the lines to what is taxed."""
    money, words, totals = partial(_money, document, language), language.words, document.totals
    exact = totals.lines_micros - totals.allowances_micros + totals.charges_micros
    sums = []
    if document.adjustments or exact != totals.net_micros:
        sums.append(Sum(words["lines"], money(totals.lines_micros)))
    sums += [Sum(one.reason, money(one.sum_micros)) for one in document.adjustments]
    if exact != totals.net_micros:
        sums.append(Sum(words["rounding"], money(totals.net_micros - exact)))
    if document.taxes:
        sums.append(Sum(words["net"], money(totals.net_micros), is_strong=True))
    return sums


def _received(document: Document, language: Language) -> list[Sum]:
    """What was paid, and what of it was for nothing that stands there."""
    money, words, totals = partial(_money, document, language), language.words, document.totals
    unused = [Sum(words["unused"], money(-totals.payable_micros))] if totals.payable_micros < 0 else []
    return [*unused, Sum(words["payable_receipt"], money(totals.paid_micros), is_strong=True)]


def _payable(document: Document) -> int:
    """A statement says what remains to one side as an amount above zero, whoever's it is."""
    payable = document.totals.payable_micros
    return abs(payable) if document.kind is Kind.STATEMENT else payable


def _payable_label(document: Document, language: Language) -> str:
    yours = document.kind is Kind.STATEMENT and document.totals.payable_micros < 0
    return language.words[f"payable_{document.kind}{'_yours' if yours else ''}"]


def _payment(document: Document, language: Language) -> tuple[Fact, ...]:
    bank, words = document.bank, language.words
    if bank is None or not is_to_be_paid(document):
        return ()
    facts = (
        Fact(words["holder"], bank.holder),
        Fact(words["iban"] if bank.is_iban else words["account"], bank.iban),
        Fact(words["bic"], bank.bic),
        Fact(words["bank"], bank.name),
        Fact(words["purpose"], document.number),
    )
    return tuple(fact for fact in facts if fact.value)


def _imprint(seller: Party, language: Language) -> tuple[Fact, ...]:
    words = language.words
    facts = (
        Fact(words["registration"], seller.registration),
        Fact(words["vat_number"] if seller.vat_number else words["tax_number"], seller.tax_number),
        Fact(words["contact"], seller.contact_name),
        Fact("", seller.contact_phone),
        Fact("", seller.contact_email),
    )
    return tuple(fact for fact in facts if fact.value)
