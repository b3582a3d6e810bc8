"""`kambill tariff` on a ratebook's folder: prices in bulk, look-ups, sheets in and out."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from ratebook.sheets.mapping import Kind, Mapping
from service.tariffs.decks import Deck, look_at
from tests.ratebook.sheets.build import text, xlsx
from tests.service.test_cli import Kambill, kambill

__all__ = ["kambill"]

TARIFF = """
currency: EUR
timezone: Europe/Berlin
border: split
bands: {night: {hours: 22:00-06:00}}
rates:
  - {prefix: 49, destination: Germany, rate: 0.06}
  - {prefix: 49, band: night, rate: 0.03}
  - {prefix: 1900, blocked: yes}
  - {prefix: 33, rate: 0.01, effective: 2026-06-01}
"""
CALLS = """duration_s,number,answered_at
60,4930,2026-06-03T12:00:00
60,+4930,2026-06-03T21:59:30+02:00
61.5,4930,2026-06-03T20:00:00Z
60,331,2026-05-31T23:59:59
60,1900,2026-06-03T12:00:00
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A ratebook of one tariff."""
    root = tmp_path / "book"
    (root / "tariffs").mkdir(parents=True)
    (root / "tariffs" / "t.yaml").write_text(TARIFF)
    return root


def test_prices_in_bulk(kambill: Kambill, book: Path, tmp_path: Path) -> None:
    """One JSON object a line; times without an offset are in the tariff's zone; no rate and blocked are told."""
    (tmp_path / "calls.csv").write_text(CALLS)
    answer = kambill("tariff", "price", "t", "--calls", "calls.csv", "--json", "--ratebook", str(book))
    rows = [json.loads(line) for line in answer.out.splitlines()]
    assert [(row["number"], row["prefix"], row["billed_s"], row["charge"], row["currency"]) for row in rows] == [
        ("4930", "49", 60, "0.06", "EUR"),
        ("4930", "49", 60, "0.045", "EUR"),
        ("4930", "49", 62, "0.031", "EUR"),
        ("331", None, None, None, None),
        ("1900", "1900", 60, "0.00", "EUR"),
    ]
    assert [row.get("error") for row in rows] == [None, None, None, "no rate", "blocked"]
    assert "from 30 s: 30 s in steps of 1 s at 0.03 a minute (night)" in rows[1]["steps"]
    shown = kambill("tariff", "price", "t", "--calls", "calls.csv", "--ratebook", str(book)).out.splitlines()
    assert shown[0] == "4930  49  60 s  0.06 EUR"
    assert shown[3:] == ["331  no rate", "1900  blocked"]


HEAD = "number,answered_at,duration_s\n"
MOMENT = "a time such as 2026-01-31T12:00:00 was expected"
SECONDS = "seconds such as 61 or 61.5, to the thousandth and below 10000000, were expected"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x,2026-06-03,1", "number 'x': digits were expected"),
        (",2026-06-03,1", "number '': digits were expected"),
        ("+49 30,2026-06-03,1", "number '+49 30': digits were expected"),
        ("4.9E+11,2026-06-03,1", "number '4.9E+11': digits were expected"),
        ("\u0664\u0669,2026-06-03,1", "number '\u0664\u0669': digits were expected"),
        ("49,noon,1", f"answered_at 'noon': {MOMENT}"),
        ("49,,1", f"answered_at '': {MOMENT}"),
        ("49,2026-02-30,1", f"answered_at '2026-02-30': {MOMENT}"),
        ("49,03/04/2026,1", f"answered_at '03/04/2026': {MOMENT}"),
        ("49,0001-01-01,1", f"answered_at '0001-01-01': {MOMENT}"),
        ("49,9999-12-31T23:59:59-12:00,1", f"answered_at '9999-12-31T23:59:59-12:00': {MOMENT}"),
        ("49,2026-06-03,-1", f"duration_s '-1': {SECONDS}"),
        ("49,2026-06-03,", f"duration_s '': {SECONDS}"),
        ("49,2026-06-03", f"duration_s '': {SECONDS}"),
        ('49,2026-06-03,"61,5"', f"duration_s '61,5': {SECONDS}"),
        ("49,2026-06-03,1e3", f"duration_s '1e3': {SECONDS}"),
        ("49,2026-06-03,1.2345", f"duration_s '1.2345': {SECONDS}"),
        ("49,2026-06-03,00:01:00", f"duration_s '00:01:00': {SECONDS}"),
        ("49,2026-06-03,.", f"duration_s '.': {SECONDS}"),
    ],
)
def test_calls_that_are_none(kambill: Kambill, book: Path, tmp_path: Path, row: str, reason: str) -> None:
    """Each is answered in its place with line and reason; the others are priced; the command fails."""
    (tmp_path / "calls.csv").write_text(f"{HEAD}49,2026-06-03T12:00:00,60\n\n{row}\n4930,2026-06-03T12:00:00Z,60\n")
    answer = kambill("tariff", "price", "t", "--calls", "calls.csv", "--json", "--ratebook", str(book))
    first, bad, last = [json.loads(line) for line in answer.out.splitlines()]
    assert list(first) == ["number", "prefix", "billed_s", "charge", "currency", "steps"]
    assert (first["charge"], last["charge"], last["number"]) == ("0.06", "0.06", "4930")
    assert (bad["line"], bad["error"], bad["number"]) == (4, reason, row.partition(",")[0])
    assert (bad["prefix"], bad["billed_s"], bad["charge"], bad["currency"], bad["steps"]) == (None,) * 4 + ([],)
    assert (answer.code, answer.err) == (1, "calls.csv: 1 row is no call: see above\n")
    shown = kambill("tariff", "price", "t", "--calls", "calls.csv", "--ratebook", str(book)).out.splitlines()
    assert f"line 4: {reason}" in shown[1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"number,duration_s\n1,2\n", "calls.csv:1: no column answered_at"),
        (b"", "calls.csv:1: no column number and no answered_at and no duration_s"),
        (HEAD.encode() + b'49,2026-06-03,60\n"49,2026-06-03,60\n', "calls.csv:3: no CSV (unexpected end of data)"),
        (
            HEAD.encode() + b"49,2026-06-03,60\n" + b"4" * 200_000 + b",2026-06-03,60\n",
            "calls.csv:3: no CSV (field larger",
        ),
        (HEAD.encode() + b"\xff,2026-06-03,60\n", "calls.csv: no UTF-8"),
    ],
)
def test_files_that_are_no_calls(kambill: Kambill, book: Path, tmp_path: Path, text: bytes, reason: str) -> None:
    """A sentence, and the command fails."""
    (tmp_path / "calls.csv").write_bytes(text)
    answer = kambill("tariff", "price", "t", "--calls", "calls.csv", "--ratebook", str(book))
    assert answer.code == 1
    assert reason in answer.err


@pytest.mark.parametrize(
    ("row", "charge"),
    [
        ("+4930,2026-06-03T12:00:00,60", "0.06"),
        (" 4930 , 2026-06-03 12:00 , 60.000 ", "0.06"),
        ("4930,2026-06-03T20:00:00Z,60", "0.03"),
        ("4930,2026-06-03T19:59:59.999Z,60", "0.0305"),
        ("4930,2026-06-03T22:00:00+02:00,60", "0.03"),
        ("4930,2026-06-03T15:00:00-05:00,60", "0.03"),
        ("4930,20260603T220000,60", "0.03"),
        ("4930,2026-06-03,60", "0.03"),
        ("4930,2026-10-25T02:30:00+02:00,60", "0.03"),
        ("4930,1970-01-01T00:00:00,60", "0.03"),
        ("4930,2999-12-31T23:59:59,60", "0.03"),
        ("4930,2026-06-03T12:00:00,0", "0.00"),
        ("4930,2026-06-03T12:00:00,.001", "0.001"),
        ("4930,2026-06-03T12:00:00,0999.000", "0.999"),
        ("4930,2026-06-03T12:00:00,60,more,cells", "0.06"),
    ],
)
def test_calls_as_people_write_them(kambill: Kambill, book: Path, tmp_path: Path, row: str, charge: str) -> None:
    """Zones, blanks, parts of a second, far years, a mark before the header; a second's part counts as down."""
    (tmp_path / "calls.csv").write_text(f"\ufeff Number,ANSWERED_AT,duration_s \n{row}\n", encoding="utf-8")
    answer = kambill("tariff", "price", "t", "--calls", "calls.csv", "--json", "--ratebook", str(book))
    assert (answer.code, json.loads(answer.out)["charge"]) == (0, charge), answer.err


def test_either_a_number_or_calls(kambill: Kambill, book: Path) -> None:
    """Not both, not neither."""
    assert kambill("tariff", "price", "t", "--ratebook", str(book)).code == 2
    assert kambill("tariff", "price", "t", "49", "--calls", "/dev/null", "--ratebook", str(book)).code == 2


def test_a_number_in_all_tariffs(kambill: Kambill, book: Path) -> None:
    """The cheapest first, blocked ones last, by the hour that is asked for."""
    (book / "tariffs" / "u.yaml").write_text("currency: EUR\nrates: [{prefix: 4930, rate: 0.04, increments: 60}]\n")
    (book / "tariffs" / "v.yaml").write_text("currency: EUR\nrates: [{prefix: 4, blocked: yes}]\n")
    found = kambill("tariff", "lookup", "+493012", "--at", "2026-06-03T12:00", "--json", "--ratebook", str(book)).json
    assert [(row["tariff"], row["prefix"], row["rate"], row["minute_micros"], row["blocked"]) for row in found] == [
        ("u", "4930", "0.04", 40_000, False),
        ("t", "49", "0.06", 60_000, False),
        ("v", "4", "0.00", 0, True),
    ]
    night = kambill("tariff", "lookup", "493012", "--at", "2026-06-03T23:00", "--json", "--ratebook", str(book)).json
    assert night[0]["tariff"] == "t"
    assert kambill("tariff", "lookup", "9", "--ratebook", str(book)).out == "no tariff has a rate for 9\n"


def test_check_of_a_folder_tells_warnings(kambill: Kambill, book: Path) -> None:
    """On standard error; they are no faults."""
    (book / "tariffs" / "u.yaml").write_text("currency: EUR\nrates: [{prefix: 49, rate: 0}]\n")
    answer = kambill("tariff", "check", str(book))
    assert (answer.code, answer.out.splitlines()[-1]) == (0, "no faults")
    assert answer.err == f"warning: {book}/tariffs/u.yaml:2:28: a rate of zero: a price, or `blocked: yes`\n"
    assert len(kambill("tariff", "check", str(book), "--json").json["warnings"]) == 1


GROUPS = "groups:\n  mobile: {prefixes: [4915-4917, '336'], except: [4916]}\n  world: {prefixes: ['']}\n"


def test_groups_of_destinations(kambill: Kambill, book: Path) -> None:
    """All of them, and a number's; look-ups tell it too; a fault has its place."""
    assert kambill("tariff", "groups", "--ratebook", str(book)).out == "there are no groups\n"
    (book / "groups.yaml").write_text(GROUPS)
    found = kambill("tariff", "groups", "--json", "--ratebook", str(book)).json
    assert found[0] == {"name": "mobile", "prefixes": ["4915", "4917", "336"], "except": ["4916"]}
    shown = kambill("tariff", "groups", "--ratebook", str(book)).out.splitlines()
    assert [line.split() for line in shown[1:]] == [["mobile", "4915,", "4917,", "336", "4916"], ["world", '""']]
    of = {number: kambill("tariff", "groups", number, "--ratebook", str(book)).out for number in ("+491512", "4916")}
    assert of == {"+491512": "mobile\n", "4916": "world\n"}
    told = kambill("tariff", "groups", "4917", "--json", "--ratebook", str(book)).json
    assert told == {"number": "4917", "group": "mobile"}
    looked = kambill("tariff", "lookup", "4917", "--ratebook", str(book)).out
    assert looked.splitlines()[-1] == "group: mobile"
    assert kambill("tariff", "lookup", "4917", "--json", "--ratebook", str(book)).json[0]["group"] == "mobile"
    assert "group mobile: 3 prefixes\n" in kambill("tariff", "check", str(book)).out
    assert kambill("tariff", "groups", "--published").out == "there are no groups\n"
    (book / "groups.yaml").write_text("groups: {a: {prefixes: 1}, b: {prefixes: 1}}\n")
    broken = kambill("tariff", "groups", "--ratebook", str(book))
    assert (broken.code, "groups.yaml:1:42: prefix '1' is in group 'a' already" in broken.err) == (1, True)
    assert kambill("tariff", "schema", "--of", "groups").json["required"] == ["groups"]


def test_publishing_at_a_moment(kambill: Kambill, book: Path) -> None:
    """It is told, listed and cancelled; a moment that is over is none."""
    late = kambill("tariff", "publish", "--at", "2020-01-01", "--ratebook", str(book))
    assert (late.code, late.err) == (1, "--at '2020-01-01' is over: leave it out to publish now\n")
    asked = kambill("tariff", "publish", "--at", "2999-01-01T00:00", "--note", "next", "--ratebook", str(book))
    assert asked.code == 0
    first, second = asked.out.splitlines()
    assert first == "waits until 2999-01-01 00:00:00+00:00 (kambill tariff pending):"
    assert second.startswith("will publish t ")
    (one,) = kambill("tariff", "pending", "--json").json
    assert (one["id"], one["due_ms"], one["note"]) == (1, 32_472_144_000_000, "next")
    assert [row["name"] for row in one["tariffs"]] == ["t"]
    assert "2999-01-01 00:00:00+00:00" in kambill("tariff", "pending").out
    assert kambill("tariff", "cancel", "1").out == "publication 1 is cancelled\n"
    again = kambill("tariff", "cancel", "1")
    assert (again.code, "no publication 1 waits" in again.err) == (1, True)
    assert kambill("tariff", "pending").out == "nothing waits\n"


FAULTY = """
currenzy: EUR
timezone: Europe/Berlim
border: cut
increments: 60/0
rounding: {decimals: 9, mode: upwards}
holidays: [13-13]
bands:
  night: {days: mun, hours: 22-6}
derive: {from: nobody, markup: lots}
rates:
  - {prefix: 44a, rate: 1}
  - {prefix: 45, rate: cheap}
  - {prefix: 46, rate: 1, band: nigth}
  - {prefix: 47, rate: 1, grace: -1}
  - {prefix: 48, rate: 1, effective: tomorrow}
  - {prefix: 49, rate: 1, until: 2026-01-01, effective: 2026-02-01}
  - {prefix: 50, rate: 1}
  - {prefix: 50, rate: 2}
  - {prefix: 51}
  - {prefix: 9-1, rate: 1}
decks: [none.csv]
"""


def test_twenty_faults_are_twenty_findings(kambill: Kambill, book: Path) -> None:
    """Each at its place; nothing is published, and what was published stays."""
    (book / "tariffs" / "bad.yaml").write_text(FAULTY.lstrip())
    answer = kambill("tariff", "check", str(book))
    assert answer.code == 1
    said = answer.err.splitlines()[:-1]
    places = [line.removeprefix(f"{book}/tariffs/bad.yaml:").split(": ")[0] for line in said]
    assert places == [
        "1:1", "1:1", "2:11", "3:9", "4:13", "5:22", "5:31", "6:12", "8:17", "8:29", "9:16", "9:32", "11:14", "12:24",
        "13:33", "14:34", "15:38", "16:34", "18:14", "19:5", "20:14", "21:9",
    ]  # fmt: skip
    assert len(places) >= 20
    assert "(did you mean currency?)" in answer.err
    assert "(did you mean night?)" in answer.err


SHEET = """
    Rates in EUR
    Destination,Code,Rate,Billing,Effective
    Germany,49,0.05,60/1,ASAP
    Germany mobile,"49151, 49160",0.10,60/60,ASAP
    Nowhere,abc,1,1/1,ASAP
"""


def test_a_sheet_is_looked_at_then_imported_then_undone(kambill: Kambill, book: Path, tmp_path: Path) -> None:
    """The ratebook is sound after it; what was answered is kept beside the deck."""
    (tmp_path / "sheet.csv").write_bytes(text(SHEET))
    words = ("tariff", "import", "sheet.csv", "--into", "carrier", "--ratebook", str(book))
    looked = kambill(*words)
    assert looked.code == 0
    assert "carrier.csv: 3 new" in looked.out
    assert "left out: line 5: abc is no code" in looked.out
    assert looked.out.endswith("nothing was imported: --yes does it\n")
    assert not (book / "decks" / "carrier.csv").exists()
    assert kambill(*words, "--yes", "--strict").code == 1
    assert kambill(*words, "--yes", "--notice-days", "7").code == 0
    deck = (book / "decks" / "carrier.csv").read_text()
    assert deck.splitlines()[:2] == ["prefix,destination,rate,increments", "49,Germany,0.05,60/1"]
    known = (book / "decks" / "carrier.sheet.yaml").read_text()
    (book / "tariffs" / "carrier.yaml").write_text("currency: EUR\ndecks: [carrier.csv]\n")
    assert kambill("tariff", "check", str(book)).code == 0

    (tmp_path / "sheet.xlsx").write_bytes(xlsx(["Code", "Rate", "Billing"], [49, 0.06, "60/1"]))
    more = ("tariff", "import", "sheet.xlsx", "--into", "carrier", "--ratebook", str(book), "--today", "2026-09-15")
    assert "has a column for" in kambill(*more).err
    columns = ("--column", "code=Code", "--column", "rate=Rate", "--column", "increments=Billing")
    asked = kambill(*more, *columns, "--yes")
    assert asked.code == 1
    assert "--kind full|country|partial" in asked.err
    done = kambill(*more, *columns, "--kind", "full", "--yes", "--json").json
    assert done["counts"] == {"increased": 1, "withdrawn": 2}
    assert done["notices"] == ["1 increases come with less than 7 days' notice: 49"]
    assert "49151,Germany mobile,0.10,60/60,,2026-09-15" in (book / "decks" / "carrier.csv").read_text()
    assert "kind: full" in (book / "decks" / "carrier.sheet.yaml").read_text()

    undo = ("tariff", "undo-import", "--into", "carrier", "--ratebook", str(book))
    assert "1 more can be undone" in kambill(*undo).out
    assert (book / "decks" / "carrier.csv").read_text() == deck
    assert (book / "decks" / "carrier.sheet.yaml").read_text() == known
    assert kambill(*undo).code == 0
    assert not (book / "decks" / "carrier.sheet.yaml").exists()
    assert not (book / "decks" / "carrier.csv").exists()
    assert "is there to be undone" in kambill(*undo).err


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", ""])
def test_decks_names_stay_in_the_folder(kambill: Kambill, book: Path, tmp_path: Path, name: str) -> None:
    """No way out of it."""
    (tmp_path / "sheet.csv").write_bytes(text(SHEET))
    answer = kambill("tariff", "import", "sheet.csv", "--into", name, "--yes", "--ratebook", str(book))
    assert answer.code == 1
    assert "is no deck's name" in answer.err


def test_what_is_no_sheet_changes_nothing(kambill: Kambill, book: Path, tmp_path: Path) -> None:
    """Told why."""
    (tmp_path / "sheet.csv").write_text("Country,Capital\nFrance,Paris\n")
    answer = kambill("tariff", "import", "sheet.csv", "--into", "x", "--yes", "--ratebook", str(book))
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.endswith("nothing was imported\n")


@pytest.mark.parametrize("name", ["sheet.csv", "sheet.xlsx"])
def test_a_tariff_goes_out_and_comes_in(kambill: Kambill, book: Path, tmp_path: Path, name: str) -> None:
    """As a sheet that an importer reads; only what changes, with the rate before and a word for it."""
    france = "  - {prefix: 33, destination: '=France', rate: 0.0125, effective: 2027-01-01}\n"
    top = "currency: EUR\nincrements: 30/6\nrates:\n"
    (book / "tariffs" / "t.yaml").write_text(
        f"{top}  - {{prefix: 49, destination: Germany, rate: 0.06}}\n{france}  - {{prefix: 1900, blocked: yes}}\n"
    )
    assert kambill("tariff", "export", "t", name, "--ratebook", str(book)).out == f"{name}: 3 rates of t\n"
    found = kambill("tariff", "import", name, "--into", "copy", "--ratebook", str(book), "--json").json
    assert [
        (one["code"], one["rate"], one["increments"], one["effective"], one["status"]) for one in found["rates"]
    ] == [
        ("1900", "0.00", "30/6", None, "blocked"),
        ("33", "0.0125", "30/6", "2027-01-01", None),
        ("49", "0.06", "30/6", None, None),
    ]
    assert found["rates"][1]["destination"] == "'=France"

    new = tmp_path / "new"
    (new / "tariffs").mkdir(parents=True)
    (new / "tariffs" / "t.yaml").write_text(
        f"{top}  - {{prefix: 49, destination: Germany, rate: 0.07}}\n{france}  - {{prefix: 39, rate: 0.01}}\n"
    )
    answer = kambill("tariff", "export", "t", f"changes-{name}", "--since", str(book), "--ratebook", str(new))
    assert answer.out == f"changes-{name}: 3 rates of t\n"
    changed = kambill("tariff", "import", f"changes-{name}", "--into", "copy", "--ratebook", str(book), "--json").json
    assert [(one["code"], one["rate"], one["status"]) for one in changed["rates"]] == [
        ("1900", "0.00", "withdrawn"), ("39", "0.01", "new"), ("49", "0.07", "increase"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["sheet.csv", "sheet.xlsx"])
def test_ends_come_back_and_bands_are_told(kambill: Kambill, book: Path, name: str) -> None:
    """An end stays the moment that it was; a band's price does not take the place of the usual one."""
    more = "  - {prefix: 34, rate: 0.02, effective: 2026-06-01, until: 2026-12-31}\n"
    (book / "tariffs" / "t.yaml").write_text(TARIFF + more)
    answer = kambill("tariff", "export", "t", name, "--ratebook", str(book))
    assert answer.err == "rows with a time band are for people: an import leaves them out\n"
    found = kambill("tariff", "import", name, "--into", "copy", "--ratebook", str(book), "--json").json
    rates = {one["code"]: (one["rate"], one["effective"], one["until"]) for one in found["rates"]}
    assert rates["34"] == ("0.02", "2026-06-01", "2026-12-31")
    assert rates["49"] == ("0.06", None, None)
    assert [one["reason"] for one in found["left_out"]] == [
        "a price of the time band night: sheets bring prices for all hours only"
    ]


def test_another_ending_is_refused(kambill: Kambill, book: Path) -> None:
    """With what was expected."""
    assert ".csv or .xlsx" in kambill("tariff", "export", "t", "sheet.pdf", "--ratebook", str(book)).err


def test_what_cannot_be_written_is_told(kambill: Kambill, book: Path, tmp_path: Path) -> None:
    """A folder that is not there; a file where the decks should be; a deck that is no text."""
    answer = kambill("tariff", "export", "t", "nowhere/sheet.csv", "--ratebook", str(book))
    assert (answer.code, answer.err) == (1, "nowhere/sheet.csv: No such file or directory\n")
    (tmp_path / "sheet.csv").write_bytes(text(SHEET))
    words = ("tariff", "import", "sheet.csv", "--into", "x", "--yes", "--ratebook", str(book))
    (book / "decks").mkdir()
    (book / "decks" / "x.csv").write_bytes(b"prefix,rate\n33,\xff\n")
    assert "x.csv can't be read" in kambill(*words).err
    (book / "decks" / "x.csv").unlink()
    (book / "decks" / ".undo" / "lock").unlink()
    (book / "decks" / ".undo").rmdir()
    (book / "decks").rmdir()
    (book / "decks").write_text("")
    answer = kambill(*words)
    assert answer.code == 1
    assert answer.err.endswith("nothing was imported\n")


def test_imports_at_once_add_up(tmp_path: Path) -> None:
    """The second one sees what the first has written, and each can be undone."""
    deck = Deck(tmp_path, "carrier")

    def bring(code: int) -> None:
        with Deck(tmp_path, "carrier").alone():
            raw = f"Code,Rate\n{code},0.01\n".encode()
            found = look_at(raw, deck.text(), Mapping({}, kind=Kind.PARTIAL), date(2026, 9, 1))
            deck.write(found)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(bring, range(31, 39)))
    assert [line[:2] for line in deck.text().splitlines()[1:]] == [str(code) for code in range(31, 39)]
    assert deck.undo() == 7


# --- rates of exchange


def test_rates_of_exchange_are_listed(kambill: Kambill, book: Path) -> None:
    """What holds and what comes; none without a file."""
    assert kambill("tariff", "exchange", "--ratebook", str(book)).out.strip() == "no rates of exchange"
    (book / "exchange.yaml").write_text(
        "base: EUR\nrates:\n  - {from: EUR, to: USD, rate: 1.08}\n"
        "  - {from: EUR, to: USD, rate: 1.09, effective: 2999-01-01}\n"
    )
    found = kambill("tariff", "exchange", "--ratebook", str(book), "--json").json
    assert found["base"] == "EUR"
    assert [(one["to"], one["rate"]) for one in found["rates"]] == [("USD", "1.08"), ("USD", "1.09")]
    lines = [" ".join(line.split()) for line in kambill("tariff", "exchange", "--ratebook", str(book)).out.splitlines()]
    assert lines[1:] == [
        "EUR USD 1.08 always",
        "EUR USD 1.09 2999-01-01 00:00:00+00:00",
        "others are exchanged over EUR",
    ]
    assert "exchange: 1 pairs" in kambill("tariff", "check", str(book)).out


def test_the_central_bank_s_history_seeds_them(kambill: Kambill, book: Path) -> None:
    """Offline; each day's rate to its decimals, the last one before the first day too; faultless when it is read."""
    words = ("tariff", "exchange", "--seed", "EUR", "--with", "USD,GBP", "--ratebook", str(book))
    done = kambill(*words, "--since", "2024-03-30", "--json").json
    assert done["is_new"] is True
    assert done["last"] >= "2026-10-30"
    lines = (book / "decks" / "ecb.csv").read_text().splitlines()
    assert len(lines) == done["rates"] + 1
    assert lines[:3] == [
        "from,to,rate,effective",
        "EUR,USD,1.0811,2024-03-30",  # of the Thursday before Easter
        "EUR,USD,1.0749,2024-04-02",
    ]
    assert kambill("tariff", "check", str(book)).code == 0
    (book / "exchange.yaml").write_text("base: EUR\ndecks: [ecb.csv]\n")
    again = kambill(*words).out
    assert "stays as it is: see that it has `base: EUR` and `decks: [ecb.csv]`" in again
    assert len((book / "decks" / "ecb.csv").read_text().splitlines()) == 3
    assert (book / "exchange.yaml").read_text() == "base: EUR\ndecks: [ecb.csv]\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--seed", "USD", "--with", "EUR"), "--seed EUR"),
        (("--seed", "EUR", "--with", "USS"), "no rate of USS on 20"),
        (("--seed", "EUR", "--with", "CYP"), "no rate of CYP on 20"),
        (("--seed", "EUR", "--with", "EUR"), "no rate of EUR on 20"),
        (("--seed", "EUR", "--with", "usd"), "currencies such as USD,GBP"),
        (("--seed", "EUR", "--with", "USD", "--since", "soon"), "a day such as 2026-01-01"),
        (("--seed", "EUR"), "--seed needs --with"),
        (("--with", "USD"), "go with --seed"),
    ],
)
def test_what_seeds_nothing(kambill: Kambill, book: Path, words: tuple[str, ...], said: str) -> None:
    """Nothing is written."""
    answer = kambill("tariff", "exchange", *words, "--ratebook", str(book))
    assert answer.code != 0
    assert said in answer.err
    assert not (book / "exchange.yaml").exists()
    assert not (book / "decks").exists()


def test_a_price_in_the_account_s_currency(kambill: Kambill, book: Path) -> None:
    """Multiplied before the one rounding; a pair that is missing is named."""
    (book / "exchange.yaml").write_text("rates:\n  - {from: USD, to: EUR, rate: 0.9}\n")
    words = ("tariff", "price", "t", "4930", "--at", "2026-06-03T12:00:00", "--ratebook", str(book))
    priced = kambill(*words, "--in", "USD", "--json").json
    assert (priced["micros"], priced["currency"]) == (66_667, "USD")
    assert "times 10/9: EUR into USD" in priced["steps"]
    assert kambill(*words, "--json").json["micros"] == 60_000
    missing = kambill(*words, "--in", "GBP")
    assert (missing.code, "no rate EUR/GBP" in missing.err) == (1, True)


def test_what_an_attempt_costs_stands_below_the_price(kambill: Kambill, book: Path) -> None:
    """Where it costs anything."""
    words = ("tariff", "price", "t", "4930", "--ratebook", str(book))
    assert "unanswered" not in kambill(*words).out
    (book / "tariffs" / "t.yaml").write_text("currency: EUR\nrates: [{prefix: 49, rate: 0.06, attempt_fee: 0.002}]\n")
    assert "  unanswered: 0.002 EUR" in kambill(*words).out.splitlines()


def test_a_margin_over_two_currencies(kambill: Kambill, book: Path) -> None:
    """A cent of euros a minute against 0.011 dollars: it depends on the rate, and needs one."""
    (book / "tariffs" / "cost.yaml").write_text("currency: USD\nrates: [{prefix: 33, rate: 0.011}]\n")
    words = ("tariff", "margin", "t", "cost", "--at", "2026-06-03T12:00:00", "--ratebook", str(book), "--json")
    assert "without a rate of exchange USD/EUR in exchange.yaml" in kambill(*words).err
    lost = []
    for rate in ("1.1", "1.09"):
        (book / "exchange.yaml").write_text(f"rates:\n  - {{from: EUR, to: USD, rate: {rate}}}\n")
        lost.append([(one["prefix"], one["seconds"], one["earned"], one["paid"]) for one in kambill(*words).json])
    assert lost == [[], [("33", 1, "0.000167", "0.000168")]]


def test_schemas_for_editors(kambill: Kambill) -> None:
    """Of tariffs, and of exchange.yaml."""
    assert kambill("tariff", "schema").json["title"] == "A tariff of Kambill"
    assert "rates" in kambill("tariff", "schema", "--of", "exchange").json["properties"]


@pytest.mark.parametrize(
    "words",
    [
        ("publish",), ("publish", "--at", "2999-01-01"), ("diff", "BOOK", "BOOK"), ("diff", "t", "t"),
        ("simulate", "t"), ("margin", "t", "t"), ("lookup", "49"), ("price", "t", "49"), ("groups",), ("exchange",),
    ],
)  # fmt: skip
def test_faults_are_one_document(kambill: Kambill, book: Path, words: tuple[str, ...]) -> None:
    """As `check --json` tells them; without --json they are lines."""
    (book / "tariffs" / "t.yaml").write_text("currency: EUR\nrates:\n  - {prefix: 44, rate: cheap}\n")
    command = ("tariff", *(str(book) if word == "BOOK" else word for word in words), "--ratebook", str(book))
    answer = kambill(*command, "--json")
    assert (answer.code, answer.err, answer.json["ok"]) == (1, "", False)
    assert [(one["file"], one["line"], one["column"]) for one in answer.json["problems"]] == [("tariffs/t.yaml", 3, 24)]
    plain = kambill(*command)
    assert (plain.code, plain.out) == (1, "")
    assert "tariffs/t.yaml:3:24: rate 'cheap'" in plain.err


def test_a_look_up_compares_currencies(kambill: Kambill, tmp_path: Path) -> None:
    """By exchange.yaml; what it can't compare stands behind, and what is blocked behind what has a price."""
    (tmp_path / "tariffs").mkdir()
    for name, currency, rate in (
        ("a", "EUR", "rate: 0.03"), ("b", "USD", "rate: 0.04"), ("c", "USD", "rate: 0.02"), ("d", "CHF", "rate: 0.01"),
        ("e", "EUR", "blocked: yes"),
    ):  # fmt: skip
        (tmp_path / "tariffs" / f"{name}.yaml").write_text(f"currency: {currency}\nrates: [{{prefix: 44, {rate}}}]\n")

    def found() -> list[str]:
        answer = kambill("tariff", "lookup", "4420", "--json", "--ratebook", str(tmp_path))
        return [row["tariff"] for row in answer.json]

    assert found() == ["d", "a", "e", "c", "b"]
    (tmp_path / "exchange.yaml").write_text("base: EUR\nrates: [{from: EUR, to: USD, rate: 1.5}]\n")
    assert found() == ["c", "b", "a", "e", "d"]


def test_help_for_a_service_elsewhere(kambill: Kambill) -> None:
    """What works there, and no fault for what does not."""
    told = kambill("--url", "http://127.0.0.1:1", "tariff", "--help")
    assert told.code == 0
    assert "bring-into-force" in told.out
    assert "undo-import" in told.out
    assert "pending" not in told.out
    assert "pending" in kambill("tariff", "--help").out
