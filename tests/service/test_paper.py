"""How documents look: every sum of the record stands on HTML and PDF, whatever names and languages there are."""

from __future__ import annotations

import io
import re
import string
import struct
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from segno import helpers

from ratebook.money import MICROS, parse_micros
from service.billing.document import TAXED, Document, Kind
from service.billing.lines import Adjustment, Line
from service.billing.paper import fonts
from service.billing.paper.breaking import NARROW, breakable
from service.billing.paper.colours import CONTRAST_MIN, INK, colours_of, contrast
from service.billing.paper.fit import fit_of
from service.billing.paper.html import POLICY, html_of
from service.billing.paper.language import LANGUAGES, language_of, runs_right_to_left, words_of
from service.billing.paper.payment import sepa_code
from service.billing.paper.pdf import pdf_of, pngs_of
from service.billing.paper.sheet import sheet_of
from service.billing.parties import Branding
from service.sellers.logos import PIXELS_MAX, logo_problem
from tests.service import papers
from tests.service.papers import BANK, BUYER, LINES, REVERSE, S19, SELLER, calls, credit_note, document, png


def pages_of(made: Document) -> list[str]:
    return [page.extract_text().replace("\u00a0", " ") for page in PdfReader(io.BytesIO(pdf_of(made))).pages]


class Text(HTMLParser):
    """The text of a page, and the elements that it is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)
        self.text = " ".join(" ".join(self.parts).replace("\u00a0", " ").split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: D102
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:  # noqa: D102
        self.parts.append(data)


def sums_of(made: Document) -> list[str]:
    """As they stand on paper."""
    sheet = sheet_of(made)
    return [text.replace("\u00a0", " ") for one in sheet.sums for text in (one.base, one.value) if text]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(papers.documents(languages=LANGUAGES))
def test_any_document_can_be_printed_and_shows_the_sums_of_the_record(made: Document) -> None:
    language = language_of(made.language)
    payable = language.money(made.totals.payable_micros, made.decimals, made.currency)
    amounts = [language.micros(tax.amount_micros, made.decimals) for tax in made.taxes]
    texts = {"html": Text(html_of(made)).text, "pdf": "\n".join(pages_of(made))}
    for said in [payable, *amounts, *sums_of(made)]:
        plain = said.replace("\u00a0", " ")
        for name, text in texts.items():
            assert plain in text, (name, plain)


def amount_in(text: str, language: str) -> int:
    """An amount read back from paper."""
    marks = {"en": (",", "."), "de": (".", ","), "ru": ("\u00a0", ","), "uk": ("\u00a0", ",")}
    thousands, point = marks.get(language, marks["en"])
    digits = text.split("\u00a0EUR", maxsplit=1)[0].replace(thousands, "").replace(point, ".")
    return parse_micros(digits)


@given(st.integers(-(10**17), 10**17), st.sampled_from(LANGUAGES), st.integers(0, 6))
def test_amounts_are_written_to_the_last_digit(micros: int, language: str, decimals: int) -> None:
    assert amount_in(language_of(language).money(micros, decimals, "EUR"), language) == micros


@pytest.mark.parametrize(
    ("tag", "number", "day"),
    [
        ("en", "-1,234,567.50 EUR", "15 Nov 2026"),
        ("en-GB", "-1,234,567.50 EUR", "15 Nov 2026"),
        ("de", "-1.234.567,50 EUR", "15.11.2026"),
        ("de-CH", "-1234567.50 EUR", "15.11.2026"),
        ("ru", "-1 234 567,50 EUR", "15 нояб. 2026"),
        ("uk", "-1 234 567,50 EUR", "15 лист. 2026"),
        ("ar", "-1,234,567.50 EUR", "15 نوفمبر 2026"),
        ("he", "-1,234,567.50 EUR", "15 בנוב\u05f3 2026"),
        ("xx", "-1,234,567.50 EUR", "15 Nov 2026"),
        ("de-ZZ", "-1.234.567,50 EUR", "15.11.2026"),
    ],
)
def test_a_language_writes_numbers_and_days_its_way(tag: str, number: str, day: str) -> None:
    language = language_of(tag)
    assert language.money(-1_234_567_500_000, 2, "EUR").replace("\u00a0", " ") == number
    assert language.date(papers.document().due_on) == day  # type: ignore[arg-type]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_words_with_the_same_places(language: str) -> None:
    def places(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    english, words = words_of("en"), words_of(language)
    assert list(words) == list(english)
    assert {name: places(text) for name, text in words.items()} == {
        name: places(text) for name, text in english.items()
    }
    assert [name for name, text in words.items() if not text] == ["C62"]
    assert "".join(fonts.showable(text) for text in words.values()) == "".join(words.values())


def test_languages_run_their_way() -> None:
    assert {tag for tag in LANGUAGES if language_of(tag).is_right_to_left} == {"ar", "he"}
    assert runs_right_to_left("12, שלום")
    assert not runs_right_to_left("12, rue")
    assert not runs_right_to_left("12")


EVIL = "<script>alert(1)</script>\"'&{{ 7*7 }} #panic() *b* $x$ \\u{41}"


def test_markup_in_names_stays_text() -> None:
    made = document(
        buyer=BUYER._replace(name=EVIL, city=EVIL),
        lines=(calls(EVIL, "1", "1", "1", group=EVIL, note=EVIL),),
        notes=(EVIL,),
        payment_terms=EVIL,
        number=EVIL,
    )
    page = html_of(made)
    read = Text(page)
    assert read.text.count(EVIL) >= 6
    assert "script" not in read.tags
    assert not {name for name in read.attributes if name.startswith("on")}
    assert "<script" not in page
    text = re.sub(r"\s+", "", "".join(pages_of(made)))
    assert re.sub(r"\s+", "", EVIL) in text


def test_a_page_fetches_nothing_and_runs_nothing() -> None:
    page = html_of(document(branding=Branding(png(8, 8), "image/png")))
    assert not re.findall(r"(?:src|href)=\"(?!data:image/)", page)
    assert "url(" not in page
    assert "default-src 'none'" in POLICY
    assert "script" not in POLICY


def test_a_long_invoice_carries_its_sum_from_page_to_page() -> None:
    lines = tuple(calls(f"Place {at}", "1", "0.01", f"{at}.01", group=f"Zone {at // 100}") for at in range(1, 401))
    pages = pages_of(document(lines=lines, language="de"))
    assert len(pages) > 5
    carried = [re.findall(r"Übertrag: ([\d.,]+)", page) for page in pages]
    assert [len(found) for found in carried] == [1] + [2] * (len(pages) - 2) + [1]
    for before, after in pairwise(carried):
        assert before[-1] == after[0]
    first = [int(at) for at in re.findall(r"Place (\d+)", pages[0])]
    assert carried[0][0].replace(".", "") == f"{sum(100 * at + 1 for at in first) / 100:.2f}".replace(".", ",")
    assert [re.findall(r"Seite (\d+) von (\d+)", page) for page in pages] == [
        [(str(at), str(len(pages)))] for at in range(1, len(pages) + 1)
    ]
    assert [int(at) for page in pages for at in re.findall(r"Place (\d+)", page)] == list(range(1, 401))


def test_one_page_carries_nothing() -> None:
    (page,) = pages_of(document())
    assert "forward" not in page
    assert "Page 1 of 1" in page


def test_a_pdf_is_for_archives_and_readers() -> None:
    """PDF/A-3b, tagged, in its language, with a title; the same bytes each time."""
    made = document(language="ar")
    reader = PdfReader(io.BytesIO(pdf_of(made)))
    root: Any = reader.trailer["/Root"]
    assert root["/Lang"] == "ar"
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert reader.metadata is not None
    assert made.number in (reader.metadata.title or "")
    xmp = root["/Metadata"].get_object().get_data()
    assert b"<pdfaid:part>3</pdfaid:part>" in xmp
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in xmp
    assert pdf_of(made) == pdf_of(made)
    assert pdf_of(made) != pdf_of(document(language="he"))


def test_pdfs_are_made_side_by_side() -> None:
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda at: pdf_of(document(number=f"N{at}")), range(12)))
    assert len(set(made)) == 12


def places_of(made: Document) -> dict[str, float]:
    """How far from the left of the first page each text begins, in points."""
    found: dict[str, float] = {}

    def visit(text: str, matrix: list[float], *_: Any) -> None:
        if text.strip():
            found.setdefault(text.strip(), matrix[4])

    PdfReader(io.BytesIO(pdf_of(made))).pages[0].extract_text(visitor_text=visit)
    return found


def test_in_a_language_from_right_to_left_the_columns_are_too() -> None:
    english, hebrew = places_of(document()), places_of(document(language="he"))
    assert english["Germany, mobile"] < english["1.63125"]
    assert hebrew["Germany, mobile"] > hebrew["1.63125"]


@pytest.mark.parametrize("letter", ["W", "a", "i", "Ж"])
def test_rows_that_are_set_without_looking_take_one_line(letter: str) -> None:
    """Of every length: no description of a row of fixed height is wider than its column."""
    names = [f"<{' '.join([letter * 7] * 20)[:length]}>" for length in range(8, 120, 2)]
    made = document(lines=tuple(calls(name, "1", "0.01", "0.01") for name in names))
    table = sheet_of(made).table
    heights = [height for row, height in zip(table.rows, fit_of(table).heights_um, strict=True) if row.kind == "line"]
    whole = "".join(pages_of(made))
    assert all(
        re.search(f"{name}( |$)", whole, re.MULTILINE) for name, height in zip(names, heights, strict=True) if height
    )
    assert any(heights)
    assert 0 in heights


@pytest.mark.parametrize("kind", list(Kind))
def test_no_word_is_wider_than_its_place(kind: Kind) -> None:
    """In addresses, lines, sums, heading and notes: all of it stands there, in pieces that end before the paper."""
    word = "W" * 80
    tax = S19 if kind in TAXED else None
    line = calls(word, "1", "1", "1", tax, group=word)
    made = document(
        kind=kind, number="W" * 40, lines=(line, line), paid_micros=2 * MICROS, notes=(word,),
        preceding=credit_note().preceding, seller=SELLER._replace(name=word),
        buyer=BUYER._replace(name=word, address_lines=(word,)),
    )  # fmt: skip
    pieces = re.findall("W+", "\n".join(pages_of(made)).replace("\u200b", ""))
    assert max(map(len, pieces)) < 70  # of the smallest letters
    assert sum(map(len, pieces)) >= 8 * 80 + 40


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("W" * 27, "WWWWW|WWWWW|WWWWW|WWWWW|WWWWW|WW"),
        ("W" * 26, "W" * 26),
        ("to Kraftfahrzeughaftpflichtversicherung", "to Kraftfahrzeughaftpflichtversicherung"),  # hyphens divide it
        ("a INMARSAT_BGAN_VOICE_870_AND_871", "a INMAR|SAT_B|GAN_V|OICE_|870_A|ND_87|1"),
        ("e\u0301" * 27, "|".join(["e\u0301e\u0301e\u0301"] * 9)),  # an accent stays on its letter
    ],
)
def test_only_words_that_nothing_divides_are_broken(text: str, shown: str) -> None:
    """Where they are longer than what surely stands on a line."""
    assert breakable(text, NARROW).replace("\u200b", "|") == shown


def test_widths_are_left_to_the_typesetter_where_numbers_need_the_room() -> None:
    huge = 10**17 + 1
    line = Line("a", huge, S19, huge, calls=10**9, duration_s=10**9, price_nanos=10**20 + 1)
    fit = fit_of(sheet_of(document(lines=(line,))).table)
    assert set(fit.widths_um) == set(fit.heights_um) == {0}
    assert any(fit_of(sheet_of(document()).table).heights_um)


def test_everything_that_is_called_showable_is_shown() -> None:
    """PDF/A refuses a character that its font has not."""
    everything = sorted(fonts.covered() - {"\n"})
    parts = ["".join(everything[at : at + 900]) for at in range(0, len(everything), 900)]
    assert len(everything) > 30_000
    pdf_of(document(lines=tuple(Line(part, 1, S19) for part in parts)))


def test_what_no_font_has_is_marked_and_nothing_turns_its_neighbours() -> None:
    assert fonts.showable("a😀\ue000Ж漢") == f"a{fonts.INSTEAD * 2}Ж漢"
    assert fonts.showable("a\u202eb\u2066c") == "abc"


def test_a_soft_hyphen_doesnt_take_the_place_of_a_minus() -> None:
    """They have one glyph, which means the character that came first."""
    bare = LINES[0]._replace(quantity_micros=0, price_nanos=None)
    lines = (bare._replace(description="0", net_micros=0), bare._replace(description="\u00ad", net_micros=1))
    made = document(number="0", lines=lines, notes=(), payment_terms="", buyer_reference="")  # no hyphen before it
    assert all(said.replace("\u00a0", " ") in "\n".join(pages_of(made)) for said in sums_of(made))
    assert fonts.INSTEAD in fonts.covered()
    assert fonts.width_of("漢") is None
    assert fonts.width_of("10") == 2 * 572


JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x0b\x08\x00\x10\x00\x20"


def test_a_logo_is_drawn_and_a_broken_one_is_the_name() -> None:
    logo = png(60, 20)
    branded = document(branding=Branding(logo, "image/png"))
    assert f'alt="{SELLER.name}"' in html_of(branded)
    reader = PdfReader(io.BytesIO(pdf_of(branded)))
    assert len(reader.pages[0].images) == 1
    broken = document(branding=Branding(logo[:60], "image/png"))
    assert len(PdfReader(io.BytesIO(pdf_of(broken))).pages[0].images) == 0
    assert pages_of(broken)[0].count(SELLER.name) == pages_of(document())[0].count(SELLER.name)


@pytest.mark.parametrize(
    ("logo", "kind", "said"),
    [
        (png(1, 1), "image/png", None),
        (JPEG, "image/jpeg", None),
        (png(1, 1), "image/jpeg", "not a picture of type image/jpeg"),
        (b"\x89PNG", "image/png", "not a picture"),
        (JPEG[:-2], "image/jpeg", "not a picture"),
        (b"\xff\xd8\x00\xe0\x00\x04ab", "image/jpeg", "not a picture"),
        (png(1, 1), "image/svg+xml", "a logo is one of"),
        (png(1, 1)[:16] + struct.pack(">II", PIXELS_MAX + 1, 1) + b"12345", "image/png", "4001 x 1 pixels"),
        (png(1, 1)[:16] + struct.pack(">II", 0, 1) + b"12345", "image/png", "0 x 1 pixels"),
    ],
)
def test_a_logo_is_a_picture_that_fits_in_memory(logo: bytes, kind: str, said: str | None) -> None:
    problem = logo_problem(logo, kind)
    assert problem is None if said is None else said in (problem or "")


@pytest.mark.parametrize(("primary", "heading"), [("#000000", "#000000"), ("#ffe600", INK), ("#1f3a5f", "#1f3a5f")])
def test_headings_can_be_read_whatever_the_colour(primary: str, heading: str) -> None:
    colours = colours_of(Branding(primary_colour=primary))
    assert (colours.heading, colours.rule) == (heading, primary)
    assert contrast(heading) >= CONTRAST_MIN
    assert round(contrast("#000000")) == 21


def test_the_code_to_pay_by_is_what_banks_read() -> None:
    """EPC069-12: BIC, name, IBAN, amount and reference."""
    code = helpers.make_epc_qr(
        name=BANK.holder, iban="DE89370400440532013000", amount="65.21", text="NT2026-00042", bic="COBADEFFXXX"
    )
    out = io.BytesIO()
    code.save(out, kind="svg", xmldecl=False, border=0, omitsize=True, nl=False)
    assert sepa_code(document()) == out.getvalue().decode()
    assert "Scan to pay" in html_of(document())


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "USD"},
        {"bank": None},
        {"bank": BANK._replace(iban="123", is_iban=False)},
        {"lines": (Line("a", 0, S19),)},
        {"lines": (Line("a", 10**9 * MICROS, S19),)},
        {"kind": Kind.CREDIT_NOTE, "preceding": credit_note().preceding},
    ],
)
def test_there_is_no_code_where_none_can_pay_by_it(changes: dict[str, Any]) -> None:
    assert sepa_code(document(**changes)) == ""
    assert "Scan to pay" not in html_of(document(**changes))


def labels(made: Document) -> dict[str, str]:
    return {one.label: one.value.replace("\u00a0", " ") for one in sheet_of(made).sums}


def test_the_sums_say_how_the_amount_comes_about() -> None:
    extras = (Adjustment("Discount", MICROS, False, S19),)
    made = document(adjustments=extras, paid_micros=10 * MICROS, rounding_micros=-10_000)
    assert labels(made) == {
        "Sum of items": "54.79925 EUR",
        "Discount": "-1.00 EUR",
        "Rounding": "-0.01 EUR",
        "Net total": "53.80 EUR",
        "VAT 19\u00a0%": "10.22 EUR",
        "Total": "64.02 EUR",
        "Paid": "-10.00 EUR",
        "Amount due": "54.01 EUR",
    }


def test_a_reverse_charge_says_why_there_is_no_tax() -> None:
    made = document(lines=(calls("a", "1", "1", "1", REVERSE),))
    assert "the tax is owed by the recipient" in pages_of(made)[0]
    assert "the tax is owed by the recipient" in html_of(made)


def test_columns_are_there_when_they_are_needed() -> None:
    def names(*lines: Line) -> list[str]:
        return [column.name for column in sheet_of(document(lines=lines)).table.columns]

    assert names(Line("a", 1, S19)) == ["position", "description", "tax", "amount"]
    assert "talked" in names(Line("a", 1, S19, duration_s=0))
    assert names(*LINES) == ["position", "description", "calls", "quantity", "price", "tax", "amount"]


def test_a_statement_says_to_whom_the_rest_belongs() -> None:
    def made(ours: int, theirs: int) -> Document:
        lines = (Line("Your calls", ours * MICROS, group="a"), Line("Our calls", -theirs * MICROS, group="b"))
        return document(kind=Kind.STATEMENT, lines=lines)

    assert labels(made(10, 4))["Balance in our favour"] == "6.00 EUR"
    assert labels(made(4, 10)) == {"Balance in your favour": "6.00 EUR"}
    assert sepa_code(made(10, 4))
    assert not sepa_code(made(4, 10))


def test_a_receipt_says_what_was_paid_for_and_what_is_left_of_it() -> None:
    def made(paid: str) -> Document:
        lines = (Line("Invoice NT2026-00042", parse_micros("65.21")),)
        return document(kind=Kind.RECEIPT, lines=lines, paid_micros=parse_micros(paid))

    assert labels(made("65.21")) == {"Received": "65.21 EUR"}
    assert labels(made("100")) == {"Kept on your account": "34.79 EUR", "Received": "100.00 EUR"}
    assert "Receipt" in pages_of(made("65.21"))[0]


def test_pages_can_be_looked_at() -> None:
    (page,) = pngs_of(document())
    assert page.startswith(b"\x89PNG")
