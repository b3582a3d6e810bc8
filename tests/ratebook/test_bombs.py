"""Files that would take all memory or time: refused at their place, whatever they hold."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import xlsxwriter

from ratebook.document import load
from ratebook.sheets.grid import UnreadableSheet, grids_of
from ratebook.sheets.read import NoTable, read_sheet
from tests.ratebook.sheets.build import xlsx

TARIFF = "currency: EUR\ndecks: [d.csv]\n"
HEADER = b"prefix,destination,rate\n"
MIB = 1 << 20
SECONDS_MAX = 20
"""Where a bomb goes off it is minutes, or the memory's end."""
MEMORY_BYTES_MAX = 1 << 29
RANGES = ", ".join(f"4{at}0000-4{at}9999" for at in range(10, 25))
FAR = '<row r="1048576"><c r="XFD1048576" t="n"><v>1</v></c></row>'
LONG = "".join(f'<row r="{at}"><c r="A{at}" t="s"><v>0</v></c></row>' for at in range(1, 20_001))


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """A bomb that goes off is a test that fails."""
    began_s, before = time.process_time(), _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew
    yield
    assert time.process_time() - began_s < SECONDS_MAX
    assert _memory("VmHWM") - before < MEMORY_BYTES_MAX


def _memory(what: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


def faults(root: Path, tariff: str, deck: bytes = HEADER) -> list[str]:
    (root / "tariffs").mkdir()
    (root / "decks").mkdir()
    (root / "tariffs" / "t.yaml").write_text(tariff)
    (root / "decks" / "d.csv").write_bytes(deck)
    return [str(problem) for problem in load(root).problems]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("currency: EUR\nrates: " + "[" * 1_000_000, "2:19: nested more than 12 deep: a flatter document"),
        ("- " * 1_000_000, "1:25: nested more than 12 deep: a flatter document"),
        ("? " * 1_000_000, "1:25: nested more than 12 deep: a flatter document"),
        (
            "currency: EUR\nrates:\n" + "- \n" * 1_000_000,
            "499997:2: more than 500000 values: a deck for larger tables",
        ),
        ("x: 1\n" * 1001, None),
        (
            'currency: EUR\nrates: [{prefix: "' + "440000-449999," * 20_000 + '1", rate: 1}]',
            "100000 prefixes at most were expected",
        ),
        (
            f"currency: EUR\nrates: [{{prefix: [{RANGES}], rate: 1}}]",
            "more than 100000 prefixes up to here: several rates",
        ),
    ],
)
def test_tariffs(tmp_path: Path, text: str, found: str | None) -> None:
    """Nothing is built before it is counted."""
    told = faults(tmp_path, text)
    assert len(told) == 1
    assert (found or "a tariff has 1001 fields") in told[0]


def test_ranges_of_many_rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few lines say many rates: they are counted over the whole tariff, and over a deck."""
    monkeypatch.setattr("ratebook.document.tariffs.ROWS_MAX", 100)
    rates = "".join(f"- {{prefix: {code}00-{code}49, rate: 1}}\n" for code in range(10, 40))
    assert faults(tmp_path, "currency: EUR\nrates:\n" + rates) == [
        "tariffs/t.yaml:5:3: more than 100 rates up to here: 100 at most"
    ]
    monkeypatch.setattr("ratebook.document.decks.ROWS_MAX", 100)
    (tmp_path / "tariffs" / "t.yaml").write_text(TARIFF)
    (tmp_path / "decks" / "d.csv").write_text("prefix,rate\n" + "".join(f"{at}00-{at}49,1\n" for at in range(10, 40)))
    assert [str(one) for one in load(tmp_path).problems] == [
        "decks/d.csv:5:1: too many rates: 100 at most",
        "tariffs/t.yaml:2:9: more than 100 rates up to here: 100 at most",
    ]


@pytest.mark.parametrize(
    ("deck", "found"),
    [
        (HEADER + b"44,a,1\n" + b"4" * 16 * MIB, "decks/d.csv:3:1: a line without an end: one rate a line"),
        (HEADER[:-1] + b"x" * 16 * MIB, "decks/d.csv:1:1: a line without an end: one rate a line"),
        (HEADER + b"," * 16 * MIB, "decks/d.csv:2:1: a line without an end: one rate a line"),
        (HEADER[:-1] + b"," * 500, "decks/d.csv:1:1: a header of 503 columns: 200 at most"),
        (HEADER + b'"' + b"4\n" * 8 * MIB, "no CSV (field larger than field limit (131072)): one rate a line"),
    ],
)
def test_decks(tmp_path: Path, deck: bytes, found: str) -> None:
    """A line is looked for before one is read."""
    told = faults(tmp_path, TARIFF, deck)
    assert len(told) == 1
    assert found in told[0]


def test_a_deck_of_long_lines(tmp_path: Path) -> None:
    """Neither is a long line, nor a file of many, an endless one."""
    deck = HEADER + b"44,a," + b" " * 100_000 + b"1\n" + b"".join(b"45%06d,b,1\n" % at for at in range(200_000))
    assert faults(tmp_path, TARIFF, deck) == []


def test_a_chain_of_tariffs(tmp_path: Path) -> None:
    """Thousands that take from one another are told of, and thirty-two are not."""
    faults(tmp_path, "currency: EUR\nrates: [{prefix: 4, rate: 1}]\n")
    for at in range(3_000):
        said = f"include: [t{at + 1:04}]" if at % 33 else "rates: [{prefix: 4, rate: 1}]"
        (tmp_path / "tariffs" / f"t{at:04}.yaml").write_text(f"currency: EUR\n{said}\n")
    (tmp_path / "tariffs" / "t3000.yaml").write_text("currency: EUR\nrates: [{prefix: 4, rate: 1}]\n")
    assert load(tmp_path).problems == []
    for at in range(0, 3_000, 33):
        (tmp_path / "tariffs" / f"t{at:04}.yaml").write_text(f"currency: EUR\ninclude: [t{at + 1:04}]\n")
    told = [str(one) for one in load(tmp_path).problems]
    assert told
    assert all("more than 32 tariffs take from one another, one behind the other" in one for one in told)


def _workbook(sheet: str, strings: str = "") -> bytes:
    """One whose only sheet, and whose texts, say this."""
    whole_file, out = io.BytesIO(), io.BytesIO()
    with xlsxwriter.Workbook(whole_file) as book:
        book.add_worksheet().write(0, 0, "a text")
    with zipfile.ZipFile(whole_file) as whole, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in whole.namelist():
            said = whole.read(name)
            if name == "xl/worksheets/sheet1.xml":
                said = said[: said.index(b"<sheetData>")] + f"<sheetData>{sheet}</sheetData></worksheet>".encode()
            elif name == "xl/sharedStrings.xml" and strings:
                said = said[: said.index(b"<si>")] + f"<si><t>{strings}</t></si></sst>".encode()
            new.writestr(name, said)
    return out.getvalue()


@pytest.mark.parametrize(
    ("sheet", "strings", "found"),
    [
        (f'<row r="1"><c r="A1" t="n"><v>1</v></c></row>{FAR}', "", "2 GiB of memory"),
        (LONG, "x" * MIB, "2 GiB of memory"),
    ],
)
def test_workbooks(sheet: str, strings: str, found: str) -> None:
    """A cell in the last row and column; a long text in many cells."""
    with pytest.raises(UnreadableSheet, match=found):
        grids_of(_workbook(sheet, strings))


def test_a_workbook_of_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it unpacks to is asked before it is unpacked."""
    monkeypatch.setattr("ratebook.sheets.workbook.UNPACKED_BYTES_MAX", MIB)
    with pytest.raises(UnreadableSheet, match=r"the workbook unpacks to 2[0-9]{6} bytes: 1048576 at most"):
        grids_of(_workbook(" " * 2 * MIB))


def test_a_workbook_is_read_behind_a_bomb() -> None:
    """The process that read the bomb is gone; this one goes on."""
    with pytest.raises(UnreadableSheet):
        grids_of(_workbook(FAR))
    assert grids_of(xlsx(["Prefix"], ["44"]))[0].rows == [["Prefix"], ["44"]]


@pytest.mark.parametrize("line", [b"4" * 16 * MIB, b"," * 16 * MIB, b'"' * 16 * MIB])
def test_sheets_of_one_line(line: bytes) -> None:
    """No row is so long."""
    with pytest.raises(UnreadableSheet, match="a line has 16777216 characters: 1048576 at most"):
        grids_of(HEADER + line)


def test_a_sheet_of_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few lines say many codes."""
    monkeypatch.setattr("ratebook.sheets.read.RATES_MAX", 1_000)
    lines = b"".join(b"%d00-%d99,X,1\n" % (at, at) for at in range(100, 200))
    assert len(read_sheet(grids_of(HEADER + lines[: 10 * 16])).rates) == 1_000
    with pytest.raises(NoTable, match="line 12: the ranges up to it are more than 1000 codes"):
        read_sheet(grids_of(HEADER + lines))
