"""What was typed to do harm is text: in every page, file, paper and mail. Each text that the API takes is tried."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import sqlite3
from contextlib import closing

import openpyxl
import pytest
from pypdf import PdfReader

from service.database.columns import metadata
from tests.portal.crawl import Crawls, Page
from tests.portal.planted import BELOW, CARRIER, CUSTOMER, FROM_OUTSIDE, OPERATOR, Planted
from tests.portal.planting import (
    DEED,
    FREE,
    HEADER,
    LONG,
    MARKUP,
    NUL,
    OPEN,
    PARTS,
    RAN,
    RETURNED,
    SECOND,
    SEED,
    TABBED,
    TEMPLATE,
    Text,
)

NAMED = "begins with a letter or digit; then letters, digits, blanks and .,'&()@+- follow"
UNPLANTED: dict[str, str] = {
    **{
        f"{noun}.{verb} name": NAMED
        for noun in ("account", "trunk", "delivery", "product")
        for verb in ("make", "edit")
    },
    **{f"{name} name": NAMED for name in ("commitment.make", "porting.make")},
    **dict.fromkeys(("timezone", "zone"), "a time zone's name"),
    "language": "a language's tag",
    "country": "a country's two letters",
    **dict.fromkeys(("networks.[]", "network"), "an address or a network"),
    **{f"gateway.{verb} {field}": "an address" for verb in ("make", "edit") for field in ("host", "redirect_hosts.[]")},
    "brand.edit host": "a host name",
    "certificate": "cn:, dns:, uri: or sha256: with a name of such",
    "translation.make pattern": "an expression of digits, with its replacement",
    "translation.edit pattern": "an expression of digits, with its replacement",
    "source": "YAML that is read; its names are planted by their own endpoints",
    "columns.[]": "names of columns that there are",
    "columns.*": "by names of fields that there are",
    "target": "an address of mail, or a folder that the operator has set",
    "url": "an https address without blanks and quotes",
    "numbering pattern": "holds {number} once, and prefixes of it",
    "host_key": "a server's key, or nothing",
    "fingerprint": "a server's key, or the fingerprint of one that was shown",
    "data": "a picture",
    "groups.[]": "a destination group that is in force",
    "group": "a destination group that is in force",
    "destination_group": "a destination group that is in force",
    "code": "a number of an authenticator, or of a voucher: compared, never kept",
    "link": "the secret of a mail: compared, never kept",
    "version": "of a tariff that there was",
    "sheet": "the name of a sheet in a file: looked for in it, never kept",
    "credit_note": "the number of a credit note that there is",
    "csv": "rows, each as its own noun's request",
    "account.close reason": "kept as that of a suspension is",
    "payment.write-off reason": "kept as that of a payment is",
    "payment.reverse reason": "kept as that of a payment is",
    "bic": "a bank's code",
    "tariff.revert note": "kept as that of a publication is",
    "alarm.lift reason": "kept as that of a resumption is",
    "dispute.move text": "kept as that of a note is",
    "dispute.withdraw text": "kept as that of a reply is",
    "mail.note-bounce words": "of a mail that went out; shown as the answers of mail servers are",
}
"""Why a text can't be planted: by its own name, or by the field's."""
SEVERAL_LINES = {"brand.edit address", "tariff.make decks.*", "tariff.edit decks.*"}
"""Texts of more than one line."""


def _reason(text: Text) -> str:
    field = ".".join(text.path)
    return (
        UNPLANTED.get(str(text))
        or UNPLANTED.get(f"{text.endpoint.partition('.')[0]} {field}")
        or UNPLANTED.get(field, "")
    )


def test_every_text_is_planted_or_says_why_not(planted: Planted) -> None:
    """From the schemas of all bodies: a new field is planted by itself or fails here; so does a reason for nothing."""
    taken = planted.planter.taken
    missing = [text for text in FREE if not taken.get(text, set()) & {SEED, *PARTS}]
    assert [f"{text}: {planted.planter.refused.get(text, '')}" for text in missing if not _reason(text)] == []
    assert len(FREE) - len(missing) > 80
    assert sum(SECOND in payloads for payloads in taken.values()) > 60
    used = {_reason(text) for text in missing}
    assert set(UNPLANTED.values()) - used == set()


def test_no_text_is_a_fault_of_ours(planted: Planted) -> None:
    """10,000 letters, a zero, a new line: taken or refused, with the field named."""
    assert planted.planter.faults == []


def test_one_line_is_one_line(planted: Planted) -> None:
    """Neither a new line, a zero nor a turn without its end gets into a mail's header or one line of a page."""
    taken = planted.planter.taken
    assert {str(text) for text, payloads in taken.items() if {HEADER, NUL} & payloads} <= SEVERAL_LINES
    lines = {str(text) for text, payloads in taken.items() if {LONG, OPEN} & payloads}
    assert all(text.endswith((" text", " decks.*")) for text in lines - SEVERAL_LINES), lines


LINES_KEPT = {
    "tariff_sources.decks",
    *(f"{table.name}.{column}" for table, columns in FROM_OUTSIDE.items() for column in columns),
}
"""Columns of sheets, and of what no request of the API brings."""


def test_no_text_begins_with_what_nobody_sees(planted: Planted) -> None:
    """A tab or a carriage return before a formula is taken off, or the text is refused: the ledger has none."""
    found = set()
    with closing(sqlite3.connect(planted.file)) as ledger:
        for table in metadata.tables.values():
            for column in table.columns:
                hidden = f'SELECT 1 FROM "{table.name}" WHERE "{column.name}" LIKE ? OR "{column.name}" LIKE ? LIMIT 1'
                for one in (TABBED, RETURNED):
                    if ledger.execute(hidden, (f"%{one}%", f"%{json.dumps(one)[1:-1]}%")).fetchone():
                        found.add(f"{table.name}.{column.name}")
    assert found - LINES_KEPT == set()
    taken = planted.planter.taken.values()
    assert sum(bool({TABBED, RETURNED} & payloads) for payloads in taken) > 20


_DOES = re.compile(
    r"""\s(?:href|src|action|formaction|data|hx-[a-z]+)\s*=\s*["']?[\s\x00-\x1f]*(javascript|vbscript|data):""",
    re.IGNORECASE,
)
"""An attribute that does something when it is clicked."""


def _cells(page: Page) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(page.data.decode("utf-8-sig"))) for cell in row]


@pytest.mark.parametrize("who", [OPERATOR, BELOW, CUSTOMER])
def test_no_cell_of_a_file_is_a_formula(crawls: Crawls, who: str) -> None:
    """CSV and XLSX of every list."""
    pages = crawls.of(who).values()
    cells = [(page.url, cell) for page in pages if page.pattern.endswith(".csv") for cell in _cells(page)]
    assert [one for one in cells if re.match(r"[=+@\t\r]|-(?![\d.]+$)", one[1])] == []
    assert sum("=1+1" in cell for _, cell in cells) > 5
    books = [page for page in pages if page.pattern.endswith(".xlsx")]
    for page in books:
        sheet = openpyxl.load_workbook(io.BytesIO(page.data)).active
        assert [cell.coordinate for row in sheet.iter_rows() for cell in row if cell.data_type == "f"] == [], page.url
    assert len(books) > 20


@pytest.mark.parametrize("who", [OPERATOR, BELOW, CUSTOMER])
def test_no_page_has_it_as_markup(crawls: Crawls, who: str) -> None:
    """Nor anything that was worked out of it; papers too."""
    pages = [page for page in crawls.of(who).values() if page.is_html]
    assert [page.url for page in pages if MARKUP in page.text] == []
    assert [page.url for page in pages if "alert(7)&gt;49" in page.text or "alert(7)>49" in page.text] == []
    assert sum(TEMPLATE in page.text for page in pages) > len(pages) // 2
    assert [page.url for page in pages if RAN in html.unescape(page.text)] == []
    assert [page.url for page in pages if _DOES.search(html.unescape(page.text))] == []
    assert sum(DEED in html.unescape(page.text) for page in pages) > 20


def _numbers(text: str) -> list[str]:
    """Things that are called by their numbers alone."""
    return re.findall(r">\s*(#\d+)\s*<", re.sub(r"<(option|textarea|pre)\b.*?</\1>", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("who", [OPERATOR, BELOW, CUSTOMER, CARRIER])
def test_nothing_is_called_by_its_number_alone(crawls: Crawls, who: str) -> None:
    """By its name, by what it is about, or by whose it is where it isn't for the visitor's eyes."""
    pages = [page for page in crawls.of(who).values() if page.is_html and page.status == 200]
    found = {page.url: told for page in pages if (told := _numbers(page.text))}
    assert found == {}
    assert _numbers("<dd>#1</dd><option>#2</option><p>one of two (#3)</p>") == ["#1"]


def test_papers_do_nothing(crawls: Crawls) -> None:
    """PDF: the text stands in it as it was typed, and nothing runs or leads elsewhere."""
    papers = [page for page in crawls.of(OPERATOR).values() if page.url.endswith(".pdf")]
    assert len(papers) >= 3
    for page in papers:
        assert page.data.startswith(b"%PDF"), page.url
        for deed in (b"/JavaScript", b"/JS", b"/Launch", b"/OpenAction", b"/AA", b"/URI"):
            assert deed not in page.data, (page.url, deed)
    words = " ".join(sheet.extract_text() for page in papers for sheet in PdfReader(io.BytesIO(page.data)).pages)
    assert TEMPLATE in words


def test_mails_have_the_headers_that_we_write(planted: Planted) -> None:
    """And their HTML has none of the markup."""
    assert len(planted.letters) > 5
    known = {"subject", "from", "to", "date", "message-id", "mime-version", "content-type", "auto-submitted",
             "list-unsubscribe", "list-unsubscribe-post", "reply-to", "content-language"}  # fmt: skip
    for letter in planted.letters:
        assert {name.lower() for name in letter} <= known, list(letter.items())
        assert len(letter.get_all("To")) == 1
        body = letter.get_body(("html",))
        assert body is None or MARKUP not in body.get_content()
    assert any("=1+1" in str(letter["From"]) for letter in planted.letters)
