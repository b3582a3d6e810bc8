"""Call records as people see them: filters, levels, margins."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.compiled.layout import encode_terms
from ratebook.exchange import PAR
from ratebook.model import Interval, Terms
from service.calls.browse import CdrFilter, ChargeLine, Margin, find_cdr, list_cdrs, margins
from service.cli.main import kambill
from service.config import Config
from service.database.engine import reading
from service.database.tables import cdrs, charges
from service.faults import Fault
from service.start import ensure_first_rows
from tests.service.planting import plant

NOW_MS = 1_790_000_000_000
TERMS = encode_terms(Terms("EUR", (Interval(0, 60_000_000, 60), Interval(60, 60_000_000, 1)))).hex()


TIMES = {
    "ring_ms": NOW_MS + 301,
    "answer_ms": NOW_MS + 2_001,
    "attempts": [[1, 503, NOW_MS + 1, 0, NOW_MS + 101], [2, 200, NOW_MS + 101, NOW_MS + 301, NOW_MS + 2_001]],
}
"""Of a call whose first gateway failed at once, and whose second one rang."""


def cdr(number: int, account: int, **fields: Any) -> dict[str, Any]:
    """A row of `cdrs`: the call key begins with its number as one digit."""
    row: dict[str, Any] = {
        "call": f"{number}" + "a" * 31,
        "node_id": 1,
        "epoch": 7,
        "sequence": number,
        "outcome": "answered",
        "sip_code": 200,
        "sip_reason": "OK",
        "ended_by": "caller",
        "trunk_id": 1,
        "account_id": account,
        "path": [account, 1],
        "caller": "",
        "called": "44201",
        "called_sent": "+44201",
        "destination": "London",
        "call_id": "c",
        "from_tag": "f",
        "to_tag": "t",
        "start_ms": NOW_MS + number,
        "end_ms": NOW_MS,
        "duration_ms": 1000,
        "attempts": [],
    }
    return row | fields


@pytest.fixture
async def calls(engine: AsyncEngine) -> AsyncEngine:
    """Reseller 2, customer 3 below it, customer 4 of the root, provider 5; three calls."""
    await ensure_first_rows(engine, Config(), NOW_MS)
    specs = [
        ("seller", "Operator", "reseller"),
        ("below", "seller", "customer"),
        ("direct", "Operator", "customer"),
        ("carrier", "Operator", "provider"),
    ]
    cost = {"cost_account_id": 5, "cost_tariff": "c" * 16, "cost_prefix": "44", "cost_terms": TERMS, "cost_billed_s": 1}
    charge = {"tariff": "b" * 16, "prefix": "442", "terms": TERMS, "billed_s": 60, "currency": "EUR"}
    async with engine.begin() as conn:
        await plant(conn, specs, NOW_MS)
        cost |= {"cost_exchange": "1/1"}
        none: dict[str, Any] = dict.fromkeys([*cost, "cost_micros", "cost_currency"])
        rows = [
            cdr(1, 3, **cost, **TIMES, cost_micros=200, cost_currency="EUR"),
            cdr(2, 4, called="49301", **cost, cost_micros=100, cost_currency="EUR"),
            cdr(3, 3, outcome="refused", sip_code=402, rule="funds", refused_by=3, **none),
        ]
        await conn.execute(
            sa.insert(cdrs), [{"rule": "", "refused_by": 0, "ring_ms": 0, "answer_ms": 0} | row for row in rows]
        )
        levels = [
            {"cdr_id": 1, "level": 0, "account_id": 3, "seller_id": 2, "charge_micros": 1000},
            {"cdr_id": 1, "level": 1, "account_id": 2, "seller_id": 1, "charge_micros": 600},
            {"cdr_id": 2, "level": 0, "account_id": 4, "seller_id": 1, "charge_micros": 90},
        ]
        await conn.execute(sa.insert(charges), [charge | level for level in levels])
    return engine


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (CdrFilter(), [3, 2, 1]),
        (CdrFilter(limit=1), [3]),
        (CdrFilter(before_id=3), [2, 1]),
        (CdrFilter(account="seller"), [3, 1]),
        (CdrFilter(account="direct"), [2]),
        (CdrFilter(account="carrier"), []),
        (CdrFilter(outcome="refused"), [3]),
        (CdrFilter(number="4420"), [3, 1]),
        (CdrFilter(number="4_20"), []),
        (CdrFilter(since_ms=NOW_MS + 2, until_ms=NOW_MS + 3), [2]),
    ],
)
async def test_calls_are_chosen(calls: AsyncEngine, chosen: CdrFilter, found: list[int]) -> None:
    """Each filter takes what it says and nothing beside it; the latest first."""
    async with reading(calls) as conn:
        assert [int(view.row.call[0]) for view in await list_cdrs(conn, chosen)] == found


async def test_a_call_shows_every_level(calls: AsyncEngine) -> None:
    """Who paid whom, what the carrier gets, what each seller keeps."""
    async with reading(calls) as conn:
        view = await find_cdr(conn, "1A")
    assert [(line.account, line.seller, line.micros) for line in view.charges] == [
        ("below", "seller", 1000),
        ("seller", "Operator", 600),
    ]
    assert view.cost is not None
    assert (view.cost.account, view.cost.micros) == ("carrier", 200)
    assert [(one.account, one.micros) for one in view.margins] == [("seller", 400), ("Operator", 400)]


async def test_a_loss_is_a_negative_margin(calls: AsyncEngine) -> None:
    """90 earned, 100 paid."""
    async with reading(calls) as conn:
        assert [one.micros for one in (await find_cdr(conn, "2")).margins] == [-10]


async def test_a_refused_call_has_no_levels(calls: AsyncEngine) -> None:
    """But who refused it, and why."""
    async with reading(calls) as conn:
        view = await find_cdr(conn, "3")
    assert (view.charges, view.cost, view.margins) == ([], None, [])
    assert (view.row.rule, view.row.refused_by_name) == ("funds", "below")


@pytest.mark.parametrize(("key", "said"), [("4", "no call record"), ("", "no call key"), ("1%", "no call key")])
async def test_a_key_that_leads_nowhere_is_told(calls: AsyncEngine, key: str, said: str) -> None:
    """With what to do."""
    async with reading(calls) as conn:
        with pytest.raises(Fault, match=said):
            await find_cdr(conn, key)


async def test_an_ambiguous_key_is_told(calls: AsyncEngine) -> None:
    """Two records, one beginning."""
    async with calls.begin() as conn:
        await conn.execute(sa.insert(cdrs).values(cdr(4, 3, call="1" + "b" * 31)))
    async with reading(calls) as conn:
        with pytest.raises(Fault, match="more than one"):
            await find_cdr(conn, "1")


def test_unlike_currencies_are_taken_off_each_other_by_their_rate() -> None:
    """What the carrier asks in dollars is half of it in euros; without a rate nobody can say."""
    sold = ChargeLine("c", "root", "", "", 1, 100, "EUR", "EUR", PAR, "", "")
    cost = ChargeLine("p", "", "", "", 1, 41, "USD", "USD", PAR, "", "")
    (known,) = margins([sold], cost, "root", lambda have, want: {("USD", "EUR"): (1, 2)}[have, want])
    assert (known, known.micros) == (Margin("root", 100, 21, "EUR"), 79)
    (unknown,) = margins([sold], cost, "root", lambda _have, _want: None)
    assert (unknown, unknown.micros) == (Margin("root", 100, None, "EUR"), None)


async def test_calls_are_told_to_people(
    calls: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`kambill cdr list` and `cdr show` on this ledger: amounts with currency, levels, margins, the refuser."""
    url = calls.url.render_as_string(hide_password=False)
    (tmp_path / "kambill.yaml").write_text(f"data_dir: {tmp_path}\ndatabase: {url}\n")
    monkeypatch.setenv("KAMBILL_CONFIG", str(tmp_path / "kambill.yaml"))

    async def said(*args: str) -> str:
        """In a thread: the command has an event loop of its own."""
        await asyncio.to_thread(kambill.main, list(args), standalone_mode=False)
        return capsys.readouterr().out

    listed = (await said("cdr", "list")).splitlines()
    assert len(listed) == 4
    assert "refused (funds)" in listed[1]
    assert "0.001 EUR" in " ".join(listed[3].split())
    assert json.loads(await said("cdr", "list", "--json"))[0]["refused_by"] == "below"
    shown = " ".join((await said("cdr", "show", "1a")).split())
    assert "seller Operator bbbbbbbbbbbbbbbb 442 0.06 60/1 60 0.0006 EUR" in shown
    assert "carrier (is paid for carrying it) cccccccccccccccc 44 0.06 60/1 1 0.0002 EUR" in shown
    assert "Operator 0.0006 EUR 0.0002 EUR 0.0004 EUR" in shown
    assert "start 2026-09-21 14:13:20.001, ring 2026-09-21 14:13:20.301, answer 2026-09-21 14:13:22.001" in shown
    assert "attempts #1 503, ended after 0.100 s; #2 200, rang after 0.200 s, ended after 1.900 s" in shown
    assert "PDD 0.300 s talked 1.000 s Call-ID c tags f t" in shown
    told = json.loads(await said("cdr", "show", "1a", "--json"))
    assert (told["pdd_ms"], [one["pdd_ms"] for one in told["attempts"]]) == (300, [None, 200])
    assert "funds, by below" in await said("cdr", "show", "3")
