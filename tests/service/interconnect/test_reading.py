"""Partners' files as they come, and those that are none: refused with the line and the reason."""

from __future__ import annotations

import gzip
import io
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.sheets.values import DateOrder
from service.interconnect.reconcile import reading
from service.interconnect.reconcile.cells import Clock, parse_amount, parse_duration, parse_number
from service.interconnect.reconcile.reading import FAULTS_MAX, Refused, read_file
from service.interconnect.reconcile.sides import Answers, Theirs

NONE = Answers({})
LONG_AGO = datetime.fromisoformat("2020-01-01")
AT_MS = int(datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC).timestamp() * 1000)


def read(text: str | bytes, answers: Answers = NONE) -> Theirs:
    """What a file holds."""
    return read_file(text.encode() if isinstance(text, str) else text, answers).theirs


def refusal(text: str | bytes, answers: Answers = NONE) -> str:
    """Why a file is none."""
    with pytest.raises(Refused) as caught:
        read(text, answers)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "Called,Caller,Start Time,Duration,Amount\n442079460000,4930123,2026-09-21 14:13:20,75,0.0123\n",
        "start;dst;src;billsec;cost\n21.09.2026 14:13:20;+44 20 7946 0000;004930123;75;0,0123\n",
        ("Duration (ms)\tCharge EUR\tB Number\tA Number\tDate Time\n"
        "75000\tEUR 0.0123\tsip:442079460000@x\t+4930123\t2026-09-21T14:13:20Z\n"),
        "Date,Time,CLD,CLI,Call Duration,Price\n2026-09-21,14:13:20,00442079460000,4930123,1:15,.0123\n",
        "Date|Start Time|CLD|CLI|Call Duration|Price\n21/09/2026|2:13:20 PM|442079460000|4930123|0:01:15|$0.0123\n",
        "timestamp,dst,src,duration,amount\n1790000000,442079460000,4930123,75.0,0.0123\n",
        "timestamp,dst,src,duration,amount\n1790000000000,442079460000,4930123,75,0.0123\n",
        ("Called;Caller;Time Stamp;Duration;Price;Total\n"
        "=\"+442079460000\";'+4930123;20260921141320;75 sec;0,06;1,23E-02\n"),
        "called,caller,start,usage,amount\n+44 (0)20 7946 0000,Joe <sip:4930123@x>,46286.5925925926,1.25 min,0.0123\n",
        "called,caller,start,duration,amount\n442079460000.0,\u00a04930123,2026-09-21 19:58:20 UTC+05:45,1:15,0.0123\n",
        ("September\n\nCalled,Caller,Answer,Minutes,Sum\n"
        "442079460000,4930123,21-Sep-2026 16:13:20 +0200,1.25,0.0123\n\nTotal"),
    ],
)  # fmt: skip
def test_files_as_they_come(text: str) -> None:
    """Columns in any order, whatever their names, separators, zones, units and marks."""
    theirs = read(text.replace("1790000000", str(AT_MS // 1000)))
    assert (theirs.called, theirs.callers) == (["442079460000"], ["4930123"])
    assert [list(one) for one in (theirs.at_ms, theirs.duration_ms, theirs.amount_micros)] == [
        [AT_MS], [75_000], [12_300]
    ]  # fmt: skip


def _book(*rows: list[object]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def test_packed_and_workbook_say_the_same() -> None:
    """Lines are those of the file."""
    rows = [
        ["Called", "Start", "Duration", "Amount"],
        [4420, datetime.fromisoformat("2026-09-21 14:13:20"), 75, 0.0123],
    ]
    book = _book(*rows)
    text = b"called,start,duration,amount\n4420,2026-09-21 14:13:20,75,0.0123\n"
    plain = read(text)
    assert plain == read(gzip.compress(text)) == read(text.decode().encode("utf-16")) == read(book)
    assert list(plain.lines) == [2]
    assert plain == read(text.decode().encode("utf-16-le")) == read(text.decode().encode("utf-16-be"))


def test_a_workbook_s_cells_are_taken_whole() -> None:
    """Spans of more than a day; numbers of which it has lost digits are refused."""
    head, moment = ["Called", "Start", "Duration"], datetime.fromisoformat("2026-09-21 14:13:20")
    assert list(read(_book(head, [4420, moment, timedelta(hours=25)])).duration_ms) == [90_000_000]
    assert read(_book(head, ["9911442079460000", moment, 75])).called == ["9911442079460000"]
    assert "15 digits only" in refusal(_book(head, [9911442079460000, moment, 75]))


def test_the_answers_go_before_guesses_and_are_found_again() -> None:
    """The names that were said once, and what the dates told."""
    text = "x,y,z\n4420,13/09/2026 10:00:00,60\n"
    assert "say which is which" in refusal(text)
    said = Answers({"called": "x", "start": "y", "duration": "z"}, zone="Europe/Berlin")
    found = read_file(text.encode(), said)
    assert found.answers.columns == said.columns
    assert datetime.fromtimestamp(found.theirs.at_ms[0] / 1000, UTC).hour == 8
    later = "x,y,z\n4420,13/09/2026 10:00:00,60\n4420,02/03/2026 10:00:00,60\n"
    known = read_file(later.encode(), said).answers
    assert known.date_order == "dmy"
    assert read("x,y,z\n4420,02/03/2026 10:00:00,60\n", known).at_ms[0] == 1_772_442_000_000
    assert Answers.from_record(known.to_record()) == known
    assert "no row names the columns" in refusal("a,b\n1,2\n", known)


def test_what_is_not_compared() -> None:
    """Attempts without answer and price; totals below the table, which are told."""
    text = "called,start,duration,amount\n1,2026-09-21 14:13:20,0,0\n2,2026-09-21 14:13:20,0,0.01\nTotal:,,,0.01\n"
    theirs = read(text)
    assert (theirs.called, theirs.unanswered, theirs.notices) == (["2"], 1, ("1 rows of totals are left out",))


@pytest.mark.parametrize("label", ["Total", "TOTALS:", "Grand total", "Subtotal", "Sum", "Summe:", "Total calls"])
@pytest.mark.parametrize("rest", [",,,,0.01", ",,0.01"])
def test_a_row_of_totals_is_none_of_calls(label: str, rest: str) -> None:
    """Whether it has as many cells as the header or not, and it is told."""
    theirs = read(f"name,called,start,duration,amount\nAnn,2,2026-09-21 14:13:20,60,0.01\n{label}{rest}\n")
    assert (theirs.called, theirs.notices) == (["2"], ("1 rows of totals are left out",))


@pytest.mark.parametrize("name", ["Sumatra mobile", "Summit Ltd", "Totally Telecom", "Grand Cayman"])
@pytest.mark.parametrize("rest", [",2,2026-09-21 14:13:20,sixty,0.01", ",2,2026-09-21 14:13:20,60"])
def test_a_call_whose_name_begins_as_a_total_does_is_not_left_out(name: str, rest: str) -> None:
    """It can't be read, and that is said: a call that is left out in silence would be a difference."""
    with pytest.raises(Refused, match="line 3"):
        read(f"name,called,start,duration,amount\nAnn,2,2026-09-21 14:13:20,60,0.01\n{name}{rest}\n")


HEAD = "called,start,duration,amount\n"
GOOD = "4420,2026-09-21 14:13:20,60,0.01\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no row names the columns"),
        ("called,start\n1,2\n", "line 1: no column is known as the duration"),
        (HEAD, "no row is an answered call"),
        (HEAD + GOOD + "4420,2026-09-21 14:13:20,60\n", "line 3: 3 cells, and the header has 4"),
        (HEAD + GOOD + GOOD.replace("\n", ",5\n"), "line 3: 5 cells, and the header has 4"),
        (HEAD + GOOD.replace("60", "sixty"), "line 2: 'sixty' is no duration"),
        (HEAD + GOOD.replace("60", "-60"), "line 2: '-60' is no duration"),
        (HEAD + GOOD.replace("60", "1:75"), "line 2: '1:75' is no duration"),
        (HEAD + GOOD.replace("60", "999999"), "line 2: a call of 277 hours"),
        (HEAD + GOOD.replace("0.01", "free"), "line 2: 'free' is no amount"),
        (HEAD + GOOD.replace("0.01", "9" * 20), "is too large"),
        (HEAD + GOOD.replace("0.01", "9" * 40), "is no amount"),
        (HEAD + GOOD.replace("0.01", "1e99"), "is too large"),
        (HEAD + GOOD.replace("4420", "4.42079E+11"), "line 2: '4.42079E+11' has lost its digits"),
        (HEAD + GOOD.replace("14:13:20", "14:13:20 +99:99"), "is no date and time"),
        (HEAD + GOOD.replace("4420", "nobody"), "line 2: 'nobody' is no number"),
        (HEAD + GOOD.replace("14:13:20", "25:13:20"), "line 2: '2026-09-21 25:13:20' is no time"),
        (HEAD + GOOD.replace("09-21", "02-30"), "is no date"),
        (HEAD + GOOD.replace(" 14:13:20", ""), "line 2: '2026-09-21' is no date and time"),
        (HEAD + GOOD.replace("2026-09-21", "03/04/2026"), "line 2: '03/04/2026 14:13:20' may be day or month first"),
        (
            HEAD + GOOD.replace("2026-09-21", "21/04/2026") + GOOD.replace("2026-09-21", "04/21/2026"),
            "some dates have the day first, others the month",
        ),
        (b"called,start,duration\n4420,\0", "line 2: a zero byte"),
        (b"called,start,duration\n\x81\x8d,2,3\n", "line 2: letters that are neither UTF-8 nor Windows-1252"),
        (b"\xff\xfe\x00\xd8\x00", "begins as UTF-16 does"),
        (b"\x1f\x8b\x08\x00nothing", "the packed file"),
        (gzip.compress((HEAD + GOOD).encode(), mtime=0)[:-12], "the packed file ends too early"),
        (b"PK\x03\x04nothing", "the workbook can't be read"),
        (HEAD + '"' + "x" * 200_000, "line 2: a line of"),
        (HEAD + '"a' + "x\n" * 100_000, "field larger than field limit"),
    ],
)
def test_hostile_files_are_refused(text: str | bytes, said: str) -> None:
    """With the line and the reason."""
    assert said in refusal(text)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few hundred kilobytes that hold more than is taken, also in two parts."""
    monkeypatch.setattr(reading, "BYTES_MAX", 1 << 20)
    block = gzip.compress(b"0" * (1 << 19))
    assert "more than 1048576 bytes" in refusal(block * 3)
    assert "more than 1048576 bytes" in refusal(b"0" * (1 << 20) + b"0")
    assert "a line of" in refusal(block * 2)


def test_all_faults_at_once_up_to_a_limit() -> None:
    """The first ones, each with its line."""
    text = HEAD + GOOD + GOOD.replace("60", "x") * 50
    with pytest.raises(Refused) as caught:
        read(text)
    assert [fault.line for fault in caught.value.faults] == list(range(3, 3 + FAULTS_MAX))


@given(st.integers(0, 99_999), st.sampled_from(["+", "00", "", "9999#", "sip:", "sip:+", "tel:"]))
def test_a_number_is_its_digits(number: int, before: str) -> None:
    """Whatever stands before it."""
    assert parse_number(f"{before}44{number}") == f"44{number}"


@given(st.integers(0, 48 * 3600))
def test_a_duration_in_every_form(seconds: int) -> None:
    """Hours, minutes and seconds; milliseconds; plain."""
    minutes, rest = divmod(seconds, 60)
    forms = {
        parse_duration(f"{minutes}:{rest:02}", "s"),
        parse_duration(f"{minutes // 60}:{minutes % 60:02}:{rest:02}", "s"),
        parse_duration(str(seconds), "s"),
        parse_duration(f"{seconds}000", "ms"),
        parse_duration(f"{seconds},000", "s"),
    }
    assert forms == {seconds * 1000}


@given(st.integers(-(10**12), 10**12))
def test_an_amount_with_either_mark(micros: int) -> None:
    """Point, comma, groups of thousands."""
    sign, whole, rest = "-" if micros < 0 else "", abs(micros) // 10**6, abs(micros) % 10**6
    assert parse_amount(f"{sign}{whole}.{rest:06}") == parse_amount(f"{sign}{whole},{rest:06}") == micros
    if whole >= 1000:
        assert parse_amount(f"{sign}{whole:,}.{rest:06}") == micros
        for mark, point in (".,", ",.", " ,", "'."):
            grouped = f"{sign}{whole:,}".replace(",", mark)
            assert parse_amount(f"{grouped}{point}{rest:06}") == micros
            assert abs(parse_amount(f"{grouped}{point}{rest // 1000:03}")) == abs(micros) // 1000 * 1000


@given(st.datetimes(LONG_AGO, LONG_AGO.replace(year=2030)), st.sampled_from([-570, 0, 60, 345]))
def test_a_moment_with_a_zone_is_that_moment(moment: datetime, east_min: int) -> None:
    """To the millisecond."""
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    sign, minutes = "-" if east_min < 0 else "+", abs(east_min)
    text = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}{sign}{minutes // 60:02}:{minutes % 60:02}"
    expected = (moment - LONG_AGO.replace(year=1970)).total_seconds() * 1000 - east_min * 60_000
    assert Clock("Asia/Tokyo", DateOrder.DAY_FIRST).read(text) == round(expected)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_whatever_comes_is_read_or_refused(raw: bytes) -> None:
    """Nothing else happens."""
    for text in (raw, HEAD.encode() + raw):
        with suppress(Refused):
            read(text)
