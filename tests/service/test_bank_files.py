"""Files as banks send them, and as nobody should: read to the micro-unit, or refused with the place. Pure."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.money import format_micros
from service.payments import camt
from service.payments.bank_csv import Layout, parse_amount, parse_day, read_csv
from service.payments.bank_file import UnreadableFile, digests
from service.payments.bank_words import accounts_named, invoices_named, squeezed
from service.payments.camt import read_camt

PLAIN = Layout({"booked": "Date", "amount": "Amount", "remittance": "Text", "payer": "From"}, currency="EUR")
GERMAN = Layout(
    {"booked": "Buchung", "amount": "Betrag", "sign": "S/H", "remittance": "Zweck", "currency": "Währung"}, "dmy", ","
)
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"
ENTRY = (
    '<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd><Sts>{state}</Sts>'
    "<BookgDt><Dt>2026-11-02</Dt></BookgDt><AcctSvcrRef>{ref}</AcctSvcrRef><NtryDtls>{details}</NtryDtls></Ntry>"
)
DETAIL = (
    "<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>{amount}<RltdPties><Dbtr><Nm>{payer}</Nm></Dbtr>"
    "</RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"
)


def detail(text: str, amount: str = "", payer: str = "Shop") -> str:
    """Of an entry."""
    return DETAIL.format(text=text, amount=f'<Amt Ccy="EUR">{amount}</Amt>' if amount else "", payer=payer)


def entry(amount: str, details: str, sign: str = "CRDT", state: str = "BOOK", ref: str = "R1") -> str:
    """Of a statement."""
    return ENTRY.format(amount=amount, sign=sign, state=state, ref=ref, details=details)


def statement(*entries: str, iban: str = "DE02120300000000202051", namespace: str = NAMESPACE) -> bytes:
    """A bank's."""
    account = f"<Acct><Id><IBAN>{iban}</IBAN></Id></Acct>"
    body = f"<BkToCstmrStmt><Stmt>{account}{''.join(entries)}</Stmt></BkToCstmrStmt>"
    return f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{namespace}">{body}</Document>'.encode()


def test_a_plain_table() -> None:
    """Behind the bank's own lines; quotes, line breaks in cells, empty lines."""
    raw = b'Account,DE02\n\nDate,From,Amount,Text\n2026-11-02,Shop,"1,234.50","Invoice\n2026-00001"\n'
    raw += b"\n20261103,X,-5,fee\n"
    first, second = read_csv(raw, PLAIN)
    assert (first.booked_on, first.amount_micros, first.currency, first.payer) == (
        "2026-11-02", 1_234_500_000, "EUR", "Shop",
    )  # fmt: skip
    assert first.remittance == "Invoice 2026-00001"
    assert (second.booked_on, second.amount_micros) == ("2026-11-03", -5_000_000)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_letters(encoding: str) -> None:
    """As banks write them."""
    text = "Buchung;Betrag;S/H;Währung;Zweck\r\n02.11.26;1.234,56;H;EUR;Rücklage\r\n3.11.2026;7,00;S;EUR;x\r\n"
    first, second = read_csv(text.encode(encoding), GERMAN)
    assert (first.amount_micros, first.remittance) == (1_234_560_000, "Rücklage")
    assert (second.amount_micros, second.booked_on) == (-7_000_000, "2026-11-03")


HEAD = b"Date,From,Amount,Text\n"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "no line names all"),
        (b"Date,From,Amount\n2026-11-02,Shop,1\n", "no line names all"),
        (b"Date,From,Amount,Text,Text\n2026-11-02,Shop,1,a,b\n", "twice"),
        (HEAD + b"2026-11-02,Shop,1\n", "line 2: 3 cells, and there are 4 columns"),
        (HEAD + b"2026-11-02,Shop,1,x\n2026-11-02,Shop,1,x,y\n", "line 3: 5 cells"),
        (HEAD + b"2026-13-02,Shop,1,x\n", "line 2: there is no day"),
        (HEAD + b"02.11.2026,Shop,1,x\n", "line 2: '02.11.2026' is no date"),
        (HEAD + b'2026-11-02,Shop,"1,23",x\n', "line 2: '1,23' is no amount"),
        (HEAD + b"2026-11-02,Shop,1e3,x\n", "is no amount"),
        (HEAD + b"2026-11-02,Shop,,x\n", "is no amount"),
        (HEAD + b'2026-11-02,Shop,1,"x\n', "no CSV"),
        (HEAD + b"2026-11-02,Shop,1,\x81\x8d\n", "neither UTF-8"),
        (HEAD + b"2026-11-02,Shop,1,\x00\n", "line 2: it has zero bytes"),
        (b"\xff\xfeD", "neither UTF-8"),
        (HEAD + b"2026-11-02,Shop,1," + b"x" * 20_000 + b"\n", "line 2: 20019 characters"),
        (HEAD + b"2026-11-02,Shop,1,x\n" * 10_001, "more than 10000 lines"),
    ],
)
def test_a_table_that_is_none(raw: bytes, said: str) -> None:
    """Refused as a whole, with the line."""
    with pytest.raises(UnreadableFile) as refused:
        read_csv(raw, PLAIN)
    assert said in str(refused.value)


def test_a_sign_that_says_nothing() -> None:
    """Neither credit nor debit, and no currency."""
    head = "Buchung;Betrag;S/H;Währung;Zweck\n"
    for line, said in (("1.1.26;1,00;?;EUR;x", "neither credit nor debit"), ("1.1.26;1,00;H;Euro;x", "no currency")):
        with pytest.raises(UnreadableFile, match=said):
            read_csv((head + line).encode(), GERMAN)


@pytest.mark.parametrize(
    ("text", "mark", "micros"),
    [
        ("1.234.567,89", ",", 1_234_567_890_000), ("1 234,5", ",", 1_234_500_000), ("1'234.50", ".", 1_234_500_000),
        ("+12", ".", 12_000_000), ("12.50-", ".", -12_500_000), ("\u22121,5", ",", -1_500_000), ("0.00", ".", 0),
        ("1234.5", ".", 1_234_500_000), ("1.5", ",", None), ("1,23", ".", None), ("12,34,567.00", ".", None),
        ("1.2.3", ".", None), ("--1", ".", None), ("-1-", ".", None), ("", ".", None), ("-", ".", None),
        ("NaN", ".", None), ("\u0661", ".", None), ("1.0000001", ".", None), ("9" * 13, ".", None),
    ],
)  # fmt: skip
def test_amounts(text: str, mark: str, micros: int | None) -> None:
    """What is not clearly one is none: a comma is no point."""
    if micros is not None:
        assert parse_amount(text, mark) == micros
        return
    with pytest.raises(ValueError, match="is no amount"):
        parse_amount(text, mark)


@given(st.integers(-(10**17), 10**17))
def test_every_amount_comes_back(micros: int) -> None:
    """However it is grouped."""
    text = format_micros(micros)
    whole, _, part = text.lstrip("-").partition(".")
    grouped = f"{int(whole):,}".replace(",", ".")
    sign = "-" if micros < 0 else ""
    assert parse_amount(text, ".") == parse_amount(f"{sign}{grouped},{part}", ",") == micros


def test_a_statement() -> None:
    """An entry of one, a batch of two that add up, one of two that don't, a debit, a pending one."""
    lines = read_camt(
        statement(
            entry("10.50", detail("Invoice 2026-00001")),
            entry("5", detail("A", "2") + detail("B", "3"), ref="R2"),
            entry("5", detail("A", "2") + detail("B", "2"), ref="R3"),
            entry("7", detail("rent"), sign="DBIT", ref="R4"),
            entry("8", detail("later"), state="PDNG"),
        ),
        "DE02 1203 0000 0000 2020 51",
    )
    assert [(line.amount_micros // 1_000, line.remittance, line.reference) for line in lines] == [
        (10_500, "Invoice 2026-00001", "R1"), (2_000, "A", "R2"), (3_000, "B", "R2"), (5_000, "A; B", "R3"),
        (-7_000, "rent", "R4"),
    ]  # fmt: skip
    assert {line.booked_on for line in lines} == {"2026-11-02"}
    assert lines[0].payer == "Shop"


def test_newer_statements_and_reversals() -> None:
    """The state in a code, the payer as a party; what is taken back is odd."""
    newer = entry("1", detail("x")).replace("<Sts>BOOK</Sts>", "<Sts><Cd>BOOK</Cd></Sts><RvslInd>true</RvslInd>")
    newer = newer.replace("<Dbtr><Nm>Shop</Nm></Dbtr>", "<Dbtr><Pty><Nm>Shop</Nm></Pty></Dbtr>")
    (line,) = read_camt(statement(newer, namespace=NAMESPACE[:-2] + "08"), "")
    assert (line.payer, line.odd) == ("Shop", "it is a reversal")


BOMB = (
    b'<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
     b'<Document xmlns="' + NAMESPACE.encode() + b'">&b;</Document>'
)  # fmt: skip
OUTSIDE = b'<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><Document>&a;</Document>'


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        (b'<!DOCTYPE d SYSTEM "http://192.0.2.1/x.dtd"><d/>', "document type"),
        (BOMB.decode().encode("utf-16"), "document type"),
        (b"", "no XML"),
        (b"Date,Amount\n", "no XML"),
        (b"<a><b></a>", "no XML"),
        (b"<Document/>", "no CAMT.053"),
        (statement(namespace=NAMESPACE.replace("053", "054")), "no CAMT.053"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "letters can't be read"),
        (b'<?xml version="1.0" encoding="utf-8"?><a>\xff</a>', "no XML"),
        (b"<a>" * 100, "in each other"),
        (f'<Document xmlns="{NAMESPACE}"/>'.encode(), "no statement"),
        (statement(entry("-1", detail("x"))), "entry 1: an amount below zero"),
        (statement(entry("1e3", detail("x"))), "entry 1: "),
        (statement(entry("1", detail("x"), sign="?")), "entry 1: it says neither"),
        (statement(entry("1", detail("x")).replace('Ccy="EUR"', "", 1)), "no currency"),
        (statement(entry("1", detail("x")).replace("2026-11-02", "2026-02-30")), "there is no day"),
        (statement(entry("1", detail("x")), iban="DE99"), "a statement of DE99"),
    ],
)
def test_a_statement_that_is_none(raw: bytes, said: str) -> None:
    """Refused as a whole; no entity is ever declared."""
    with pytest.raises(UnreadableFile) as refused:
        read_camt(raw, "DE02120300000000202051")
    assert said in str(refused.value)


def test_a_statement_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In elements."""
    monkeypatch.setattr(camt, "ELEMENTS_MAX", 20)
    with pytest.raises(UnreadableFile, match="more than 20 elements"):
        read_camt(statement(entry("1", detail("x")) * 3), "")


@given(st.binary(max_size=300))
def test_any_bytes(raw: bytes) -> None:
    """Lines, or an `UnreadableFile`: nothing else."""
    for read in (lambda: read_camt(raw, ""), lambda: read_csv(raw, PLAIN), lambda: read_csv(HEAD + raw, PLAIN)):
        with suppress(UnreadableFile):
            assert all(len(line.currency) == 3 for line in read())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Invoice 2026-00001", ["a"]), ("RE2026 00001 thanks", ["a"]), ("202600001", ["a"]), ("2026/00001.", ["a"]),
        ("2026-00001 and 2026-00002", ["a", "b"]), ("2026-000012", []), ("12026-00001", []), ("2026-0000", []),
        ("SHOP/2026-00001", ["c"]), ("", []), ("42", []), ("the 42nd", []),
    ],
)  # fmt: skip
def test_invoices_that_are_named(text: str, found: list[str]) -> None:
    """The whole number, however it is written; the longest one; none that is short."""
    numbers = {"a": "2026-00001", "b": "2026-00002", "c": "SHOP2026-00001", "d": "42"}
    known = {squeezed(number): name for name, number in numbers.items()}
    assert invoices_named(text, known) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Account 5", [5]), ("customer no. 0017, thanks", [17]), ("#5", [5]), ("acct#5 #5", [5]), ("5", []),
        ("accounting 5", []), ("account five", []), ("# 5", []), ("#5a", []), ("#0", []),
    ],
)  # fmt: skip
def test_accounts_that_are_named(text: str, found: list[int]) -> None:
    """A number alone is none."""
    assert accounts_named(text) == found


def test_lines_alike_are_two() -> None:
    """In a file; the same file again has the same digests."""
    lines = read_csv(HEAD + b"2026-11-02,Shop,1,x\n" * 2 + b"2026-11-02,Shop,1,y\n", PLAIN)
    assert len(set(digests(lines))) == 3
    assert digests(lines) == digests(lines)
    assert digests(lines[:1]) == digests(lines)[:1]


def test_a_day_in_its_order() -> None:
    """The order is said, never guessed."""
    assert [parse_day("03/04/2026", order) for order in ("dmy", "mdy")] == ["2026-04-03", "2026-03-04"]
    with pytest.raises(ValueError, match="no date"):
        parse_day("03/04/2026", "ymd")
