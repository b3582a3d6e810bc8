"""What is said of partners' and banks' files and of billing runs, in German as everything else."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from service.billing import run
from tests.portal.conftest import SAME, Got, Walker

BOSS = "boss@op.example"
DAY_S = 86_400
NOW_S = int(time.time())
GOOD = f"called,start,duration\n4930123456,{NOW_S - DAY_S},60\n"


async def send(walker: Walker, path: str, file: bytes, **fields: str) -> Got:
    """A form with a file."""
    form = aiohttp.FormData(fields)
    form.add_field("file", file, filename="file.csv", content_type="text/csv")
    async with walker.session.post(walker.address + path, data=form, headers=SAME) as answer:
        return Got(answer.status, dict(answer.headers), await answer.text(), answer.url.path_qs)


async def compare(walker: Walker, file: bytes) -> Got:
    """Records of a customer, of whom no file was read before, against ours."""
    since, until = (datetime.fromtimestamp(NOW_S - ago * DAY_S, UTC).strftime("%Y-%m-%dT%H:%M") for ago in (2, 0))
    fields = {"account_id": "5", "name": "In words", "since": since, "until": until, "money": "0.0001"}
    return await send(walker, "/reconciliations/new", file, **fields, time_s="5", duration_s="0")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"a,b\n1,2\n", "keine Zeile nennt die Spalten: sagen Sie, welche was ist"),
        (b"called,start\n1,2\n", "keine Spalte ist als"),
        (GOOD.encode() + b"44x,2026-11-01 10:00:00,60\n", "Zeile 3: &#39;44x&#39; ist keine Nummer"),
        (GOOD.encode() + b"4420,yesterday,60\n", "Zeile 3: &#39;yesterday&#39; ist kein Datum mit Uhrzeit"),
        (GOOD.encode() + b"4420,2026-11-01 10:00:00,long\n", "ist keine Dauer"),
        (b"called,start,duration\n4420,05/06/2026 10:00,60\n", "und keine Zeile verr"),
        (GOOD.encode() + b"\x00\n", "ein Nullbyte"),
        (b"\x1f\x8b\x08\x00broken", "die gepackte Datei"),
    ],
)  # fmt: skip
async def test_a_partners_file_that_cannot_be_read(german: Any, lacking: set[str], file: bytes, said: str) -> None:
    """Each fault with its line."""
    got = await compare(await german(BOSS), file)
    assert got.status == 422, got.words
    assert said in got.text, got.words
    assert lacking == set()


async def test_what_is_noticed_of_a_partners_file(german: Any, lacking: set[str]) -> None:
    """On the comparison's page."""
    walker = await german(BOSS)
    rows = "".join(f"49301{at:05},{NOW_S - DAY_S + at},60\n" for at in range(5))
    got = await compare(walker, f"called,start,duration\n{rows}Total,,300\n".encode())
    assert got.status == 200, got.words
    assert "1 Zeilen mit Summen sind weggelassen" in got.words
    assert "rows of totals" not in got.words
    assert lacking == set()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"When;Much\n1;2\n", "keine Zeile nennt alle Spalten"),
        (b"Date;Amount;Text;Payer\n21.11.2026;12,50;a\n", "Zeile 2: 3 Zellen"),
        (b"Date;Amount;Text;Payer\n31.02.2026;12,50;a;b\n", "Zeile 2: "),
        (b"Date;Amount;Text;Payer\n21.11.2026;12,50;\x00;b\n", "sie hat Nullbytes"),
    ],
)
async def test_a_banks_file_that_cannot_be_read(german: Any, lacking: set[str], file: bytes, said: str) -> None:
    """Beside the field."""
    mapping = {"booked": "Date", "amount": "Amount", "remittance": "Text", "payer": "Payer"}
    fields = {"account_id": "4", "format": "csv", "date_order": "dmy", "decimal_mark": ",", "currency": "EUR"}
    columns = {f"columns.{name}": title for name, title in mapping.items()}
    got = await send(await german(BOSS), "/bank-lines/new", file, **fields, **columns)
    assert got.status == 422, got.words
    assert said in got.text, got.words
    assert lacking == set()


async def test_what_a_billing_run_leaves_over(german: Any, lacking: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose it is, with a way to the draft, and why."""
    nobody = "the seller (upper) is nobody on paper: `kambill party edit` says who it is"
    below = (
        "it is below zero by corrections of calls: make it void, and credit the invoices that those are on "
        "(`kambill invoice credit --corrections`)"
    )

    async def ran(*_: object) -> run.Run:
        return run.Run(1, (1,), 1, {1: below}, {5: nobody})

    walker = await german(BOSS)
    monkeypatch.setattr(run, "run", ran)
    got = await walker.post("/invoices/run", _key="what is left over")
    assert 'href="/accounts/5">customer</a>' in got.text
    assert 'href="/invoices/1">Entwurf</a>' in got.text
    for said in ("Verkäufer (upper) ist auf Papier niemand", "durch Korrekturen von Gesprächen unter null"):
        assert said in got.words, got.words
    assert "kambill" not in got.words
    assert lacking == set()
