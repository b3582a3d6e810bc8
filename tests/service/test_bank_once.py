"""Bank files: how they are read is kept; their lines are posted once, whatever ends the service, however many send."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.engine import reading
from service.payments import bank_api
from tests.service.dying import BANK, KILLED, Killed, ending_at, kill_work, raise_killed, watched
from tests.service.test_bank_lines import Counter

COLUMNS = {"booked": "Tag", "amount": "Betrag", "remittance": "Zweck"}
HOW = {"columns": COLUMNS, "date_order": "dmy", "decimal_mark": ",", "currency": "EUR"}


class Desk(Counter):
    """Where German files are taken."""

    async def german(self, *lines: str, **how: Any) -> Any:
        """A file of these lines."""
        raw = ("Tag;Betrag;Zweck\n" + "\n".join(lines)).encode()
        return await self.ask("bank-line.take-file", "lower", format="csv", file=base64.b64encode(raw).decode(), **how)

    async def layouts(self) -> list[dict[str, Any]]:
        """What is kept."""
        return list((await self.office.boss.do("bank-layout.list"))["items"])

    async def posted(self) -> list[tuple[Any, ...]]:
        """Lines and the payments that they became, by what they say: how often each stands."""
        told = """SELECT b.remittance, count(*), count(e.id), count(r.id) FROM bank_lines b
                  LEFT JOIN entries e ON e.id = b.entry_id AND e.idempotency_key = 'bank line ' || b.id
                  LEFT JOIN receipts r ON r.entry_id = e.id GROUP BY b.remittance ORDER BY b.remittance"""
        async with reading(self.company.engine) as conn:
            return [tuple(row) for row in await conn.execute(sa.text(told))]


@pytest.fixture
async def desk(engine: AsyncEngine, database: str, tmp_path: Path) -> Desk:
    """Open for business."""
    desk = Desk(engine, database, tmp_path)
    await desk.open()
    return desk


async def test_how_a_file_is_read_is_kept(desk: Desk) -> None:
    """By bank, of a file that could be read; the next one need say nothing, and may say something else."""
    customer = f"customer {desk.ids['customer']}"
    first = await desk.german(f"01.12.2026;1,50;{customer}")
    assert (first.status, "no file of this bank has said it" in str(first.body)) == (422, True)
    assert (await desk.german("01.12.2026;1,50", **HOW)).status == 422
    assert await desk.layouts() == []
    (await desk.german(f"01.12.2026;1,50;{customer}", **HOW)).ok()
    assert (await desk.german(f"02.12.2026;2,50;{customer}")).ok()["posted"] == 1
    assert (await desk.german(f"03.12.2026;3,50;{customer}", currency="USD")).ok()["open"] == 1
    assert [(one["amount"], one["booked_on"], one["currency"]) for one in await desk.lines()] == [
        ("1.50", "2026-12-01", "EUR"), ("2.50", "2026-12-02", "EUR"), ("3.50", "2026-12-03", "USD"),
    ]  # fmt: skip
    (kept,) = await desk.layouts()
    assert {name: kept[name] for name in HOW} == HOW | {"currency": "USD"}
    assert (kept["version"], kept["bank"]) == (2, "")

    assert (await desk.german(f"04.12.2026;1;{customer}", bank="second")).status == 422
    (await desk.german(f"2026-12-04;1;{customer}", bank="second", columns=COLUMNS, currency="EUR")).ok()
    assert [(one["bank"], one["date_order"]) for one in await desk.layouts()] == [("", "dmy"), ("second", "ymd")]
    trail = (await desk.office.boss.do("audit.list", query={"action": "bank-layout.keep"}))["items"]
    assert len(trail) == 3
    await desk.office.boss.do("bank-layout.remove", bank_layout_id=kept["id"])
    assert (await desk.german(f"05.12.2026;1,50;{customer}")).status == 422


async def test_another_seller_has_other_banks(desk: Desk) -> None:
    """What one has said the other doesn't see, and its files aren't read by it."""
    (await desk.german("01.12.2026;1,50;x", **HOW)).ok()
    raw = base64.b64encode(b"Tag;Betrag;Zweck\n01.12.2026;1,50;x").decode()
    assert (await desk.ask("bank-line.take-file", "upper", format="csv", file=raw)).status == 422
    lower = await desk.office.hire(desk.office.boss, desk.ids["lower"], "l@lower.example")
    customer = await desk.office.hire(desk.office.boss, desk.ids["customer"], "c@shop.example")
    (kept,) = (await lower.do("bank-layout.list"))["items"]
    assert (await customer.ask("bank-layout.list")).status == 403
    assert (await customer.ask("bank-layout.remove", bank_layout_id=kept["id"])).status in {403, 404}


async def test_killed_at_any_statement_each_line_is_posted_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line in a transaction of its own, so that every border lies inside; then the file is sent again."""
    monkeypatch.setattr(bank_api, "AT_ONCE", 1)
    (await desk.german("01.12.2026;1;nobody", **HOW)).ok()
    customer, before = desk.ids["customer"], await desk.balance("customer")
    rounds = cents = 0
    for number in range(1, sys.maxsize):
        lines = [f"0{day}.12.2026;0,0{day};customer {customer} round {number:03}" for day in (1, 2)]
        try:
            with watched(desk.company.engine, ending_at(number, raise_killed)):
                await desk.german(*lines)
            break
        except Killed:
            rounds += 1
        told = (await desk.german(*lines)).ok()
        assert told["posted"] + told["known"] == 2
        cents += 3
    assert rounds > 40
    assert await desk.balance("customer") == before + (cents + 3) * 10_000
    found = [one for one in await desk.posted() if "round" in one[0]]
    assert {one[1:] for one in found} == {(2, 2, 2)}
    assert len(found) == rounds + 1
    await desk.company.pump()
    await desk.sound()


async def test_killed_for_good_each_line_is_posted_once(desk: Desk, database: str, tmp_path: Path) -> None:
    """By SIGKILL, in a process of its own; each death lets some lines stand, and the file is sent again."""
    customer, before = desk.ids["customer"], await desk.balance("customer")
    text = "".join(f"{day:02}.12.2026;0,{day:02};customer {customer} day {day:02}\n" for day in range(1, 7))
    raw = base64.b64encode(f"Tag;Betrag;Zweck\n{text}".encode()).decode()
    given, deaths = (raw, str(desk.ids["lower"]), json.dumps(HOW), str(desk.office.now_ms)), 0
    for statement in (15, 40, 70, 100, 100_000):
        deaths += await kill_work(BANK, database, tmp_path, str(statement), *given) == KILLED
    assert deaths >= 2
    assert await desk.balance("customer") == before + sum(range(1, 7)) * 10_000
    assert [one[1:] for one in await desk.posted() if "day" in one[0]] == [(1, 1, 1)] * 6
    await desk.company.pump()
    await desk.sound()


async def test_sent_many_times_at_once_each_line_is_posted_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same file, and ones that overlap."""
    monkeypatch.setattr(bank_api, "AT_ONCE", 2)
    (await desk.german("01.12.2026;1;nobody", **HOW)).ok()
    customer, before = desk.ids["customer"], await desk.balance("customer")
    lines = [f"{day:02}.12.2026;0,{day:02};customer {customer} day {day:02}" for day in range(1, 9)]
    files = [lines, lines, lines[:5], lines[3:], lines[::-1]]
    told = [got.ok() for got in await asyncio.gather(*(desk.german(*file) for file in files))]
    assert sum(one["posted"] for one in told) == 8
    assert sum(one["known"] for one in told) == sum(map(len, files)) - 8
    assert await desk.balance("customer") == before + sum(range(1, 9)) * 10_000
    assert {one[1:] for one in await desk.posted() if "day" in one[0]} == {(1, 1, 1)}
    await desk.company.pump()
    await desk.sound()
