"""What is wrong with a carrier's sheet, a tariff, a plan: told in the reader's language, with its place."""

from __future__ import annotations

import re
import time
from typing import Any

import aiohttp
import pytest

from ratebook.document.problems import Problem
from service.portal.wording import refusal_in
from service.tariffs.sources import read_source
from tests.portal.conftest import SAME, Got, Walker

BOSS = "boss@op.example"
ENGLISH = re.compile(r"\b(the|is|are|were|of|and|or|has|have|with|such as|expected|at most|imported)\b")
"""What no German sentence has."""
SHEET = """Rate sheet of Example Carrier, all prices in USD, valid from 03/04/2027
Code,Destination,Rate,Currency,Effective,Status,Increments
44,Great Britain,0.01,USD,05/06/2027,,30/6
44,Great Britain,0.02,USD,05/06/2027,,30/6
4420,London,n.a.,USD,05/06/2027,weird,30/6
33,France,-1,USD,05/06/2027,weird,30/6
34,Spain,0,USD,05/06/2027,,30/6
x7,Nowhere,0.3,USD,05/06/2027,,30/6
39,Italy,0.3,EUR,05/06/2027,,30/6
049,Germany,0.3,USD,05/06/2027,,30/6
Note: increments are 60/60 for Atlantis
"""
WRONG_TARIFF = """currency: Euro
timezone: Berlin
bands:
  night: {days: [someday], hours: 25-26}
rates:
  - {prefix: 44x, rate: '0,5'}
  - {prefx: 45, rate: 1}
  - {prefix: 46, rate: 1, band: day, until: 2020-01-01, effective: 2021-01-01}
  - {prefix: 47}
  - 7
derive: {from: nothing, floor: 2, ceiling: 1}
decks: [lacking.csv]
include: {}
"""


async def look(walker: Walker, number: int, **form: Any) -> Got:
    """Sends a sheet, or looks again."""
    data = aiohttp.FormData()
    for name, value in {"deck": "x.csv", "do": "look", **form}.items():
        data.add_field(name, value, filename="x.csv" if isinstance(value, bytes) else None)
    path = f"/tariffs/{number}/import"
    async with walker.session.post(walker.address + path, data=data, headers=SAME) as answer:
        return Got(answer.status, dict(answer.headers), await answer.text(), path)


async def written(walker: Walker) -> int:
    """The number of a tariff that people write."""
    page = await walker.get("/tariffs?name=written")
    found = re.search(r'href="/tariffs/(\d+)"', page.text)
    assert found, page.words
    return int(found[1])


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"\x00\x01\x02\x03", "die Datei ist weder eine Arbeitsmappe noch Text; nichts wurde importiert"),
        (b"hello,world\n1,2\n", "keine Zeile hat eine Spalte für einen Code und einen Preis"),
        (b"Code,Rate\n44," + b"1" * 140_000 + b"\n", "Zeile 2 ist kein CSV (eine Zelle hat mehr als 131072 Zeichen)"),
    ],
)  # fmt: skip
async def test_no_sheet_is_told_in_german(german: Any, file: bytes, said: str) -> None:
    """Beside the field of the file."""
    walker = await german(BOSS)
    got = await look(walker, await written(walker), file=file)
    assert got.status == 422
    assert said in got.words, got.words


async def test_a_look_at_a_sheet_is_german(german: Any, lacking: set[str]) -> None:
    """Questions, what is worth a look, what is left out and why; fields, columns and kinds of changes."""
    walker = await german(BOSS)
    number = await written(walker)
    got = await look(walker, number, file=SHEET.encode())
    assert got.status == 200
    for said in (
        "nichts wurde importiert: die Preisliste verrät nicht, wonach gefragt wird",
        "importiert werden können Zeilen einer davon",
        "ob in 05/06/2027 der Tag oder der Monat vorn steht",
    ):
        assert said in got.words, (said, got.words)
    kept = got.hidden("kept")
    again = await look(walker, number, kept=kept, currency="USD", date_order="dmy", kind="full")
    for said in (
        "ein Preis in EUR, nicht in USD",
        "ist kein Preis",
        "x7 ist kein Code",
        "Kopfzeile in Zeile 2",
        "Code 44: ein anderer Preis für denselben Code und Tag steht in Zeile 4",
        "liegt unter null",
    ):
        assert said in again.words, (said, again.words)
    assert lacking == set()


@pytest.mark.parametrize("code", [" is no code" * 2_500, " to x stands in y" * 1_500, ": a rate" * 3_000])
async def test_a_cell_that_speaks_as_we_do_costs_nothing(german: Any, code: str) -> None:
    """Neither a fault of ours, nor seconds in which nobody else is answered."""
    walker = await german(BOSS)
    began = time.process_time()
    got = await look(walker, await written(walker), file=f'Code,Destination,Rate\n44,GB,0.1\n"{code}",x,1\n'.encode())
    assert (got.status, "Ausgelassene Zeilen" in got.words) == (200, True)
    assert time.process_time() - began < 5


async def test_faults_of_a_tariff_are_german(german: Any) -> None:
    """Each with its place; what stands in the text itself stays."""
    walker = await german(BOSS)
    number = await written(walker)
    got = await walker.post(f"/tariffs/{number}/edit", source=WRONG_TARIFF, do="check")
    assert got.status == 422
    shown = re.findall(r"<li>\s*(.*?)\s*(?:<pre|</li>)", got.text[got.text.index("kb-faults") :], re.DOTALL)
    lines = [" ".join(re.sub(r"<[^>]*>", "", one).split()) for one in shown]
    assert len(lines) >= 10
    assert [one for one in lines if ENGLISH.search(one)] == []
    assert any("eines von" in one and "meinten Sie prefix?" in one for one in lines), lines
    assert any("etwa 0.0125" in one for one in lines), lines


async def test_faults_of_a_plan_are_german(german: Any) -> None:
    """Checked, and written."""
    walker = await german(BOSS)
    source = "plans:\n  one: {routes: [{prefix: '44', gateways: [nobody/here]}], order: [cost, cost]}\n"
    for do in ("check", "write"):
        got = await walker.post("/plans/new", source=source, do=do)
        assert got.status == 422
        assert "die Reihenfolge ist leer oder hat ein Wort zweimal" in got.words
        assert not re.search(r"there is no|twice|such as", got.words), got.words


def test_every_fault_of_a_bad_tariff_has_words() -> None:
    """Message and expectation, told apart; in English with quotes as pages have them."""
    found: list[Problem] = read_source("bad", WRONG_TARIFF, {}).problems
    assert len(found) >= 10
    told = [refusal_in("de")(str(one)) for one in found]
    assert [one for one in told if ENGLISH.search(one)] == []
    assert [one for one in map(refusal_in("en"), map(str, found)) if "`" in one] == []


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("add 'x': 'x' is not a decimal number such as 0.0125", "add 'x': 'x' ist keine Dezimalzahl, etwa 0.0125"),
        (
            "a rate has no field 'rat': one of prefix, rate (did you mean rate?)",
            "ein Preis hat kein Feld 'rat': eines von prefix, rate (meinten Sie rate?)",
        ),
        (
            "the price of 44 moves by +30 %: a call of 9 s costs 1 instead of 2 EUR: one of them",
            "der Preis von 44 ändert sich um +30 %: ein Anruf von 9 s kostet 1 statt 2 EUR: eines davon",
        ),
        ("'a: b {0}': a tariff", "'a: b {0}': ein Tarif"),
    ],
)  # fmt: skip
def test_a_fault_keeps_what_stands_in_the_text(english: str, german: str) -> None:
    """Its own names and numbers are no words of ours."""
    assert refusal_in("de")(f"decks/a.csv:2:17: {english}") == f"decks/a.csv:2:17: {german}"


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("4420", ("führt zum Trunk", "der Anruf wird angenommen")),
        ("abc", ("angerufen als abc", "der Anruf wird abgelehnt")),
    ],
)
async def test_the_steps_of_a_trial_are_german(german: Any, to: str, said: tuple[str, ...]) -> None:
    """As the API tells them, told to people."""
    got = await (await german(BOSS)).get(f"/calls/trial?ask=yes&trunk_id=1&to={to}")
    steps = re.findall(r"<li>(.*?)</li>", got.text[got.text.index('<ol class="mb-0">') :].partition("</ol>")[0])
    assert len(steps) > 3
    for one in said:
        assert any(one in step for step in steps), steps
    assert [step for step in steps if ENGLISH.search(step)] == []
