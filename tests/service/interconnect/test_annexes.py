"""A statement call by call: its annex comes to its sums, of prepaid partners with the taxes of their prices."""

from __future__ import annotations

import base64
import csv
import io
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.money import format_micros, parse_micros
from service.commands.outbox import writing
from service.database.interconnect_tables import statement_calls
from service.doctor.statements import stated
from service.interconnect.statements import annex
from tests.service.again import publish, rerate
from tests.service.interconnect.test_statements import Trade, mirrored
from tests.service.test_call_taxes import Fiscus

SIDES = {"in": "ours", "out": "theirs"}


class Customs(Trade):
    """The customer is prepaid, with 19 % added to its prices, and carries calls too."""

    async def rows(self, statement: Any) -> list[dict[str, str]]:
        """Of the annex, part after part."""
        text, after = "", 0
        self.parts: list[int] = []
        """How many lines each of them has."""
        while True:
            got = await self.boss.do("statement.annex", statement_id=statement["id"], query={"after": after})
            text += got["content"]
            self.parts.append(got["content"].count("\r\n"))
            if got["next"] is None:
                break
            after = got["next"]
        assert got["name"] == f"{statement['number']}-calls.csv"
        return list(csv.DictReader(io.StringIO(text)))

    async def agrees(self, statement: Any) -> list[dict[str, str]]:
        """Annex, view, lines and calls say the same."""
        rows, sums = await self.rows(statement), defaultdict[tuple[str, str], int](int)
        for row in rows:
            sums[row["direction"], row["line"]] += parse_micros(row["amount"])
            sums[row["direction"], "tax"] += parse_micros(row["tax"])
        for direction, name in SIDES.items():
            side = statement[name]
            assert format_micros(sums[direction, "call"]) == side["amount"]
            assert format_micros(sums[direction, "correction"]) == side["corrected"]
            assert format_micros(sums[direction, "tax"]) == side["tax"]
        shown = await self.boss.do("statement.show", statement_id=statement["id"])
        calls = (await self.boss.do("statement.calls", statement_id=statement["id"]))["items"]
        for name in ("tax", "amount"):
            of_lines = sum(parse_micros(one[name]) for one in shown["lines"] if one["direction"] == "in")
            of_calls = sum(parse_micros(one["tax" if name == "tax" else "ours"]) for one in calls)
            assert (
                of_lines
                == of_calls
                == sum(parse_micros(row[name]) for row in rows if (row["line"], row["direction"]) == ("call", "in"))
            )
        return rows

    async def paper(self, statement: Any) -> str:
        """As text."""
        got = await self.boss.do("statement.paper", statement_id=statement["id"], query={"form": "html"})
        return base64.b64decode(got["data"]).decode()


@pytest.fixture
async def customs(engine: AsyncEngine, database: str, tmp_path: Path) -> Customs:
    """Open for business."""
    fiscus = Fiscus(engine, database, tmp_path)
    await fiscus.open()
    await fiscus.tax()
    return Customs(fiscus)


async def test_a_prepaid_partner_s_tax_is_told(customs: Customs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Amounts hold it, as the balance does; on paper the lines are without it, and it is a line. Corrections too."""
    await customs.calls(61, 30)
    first = (await customs.issue("customer")).ok()
    assert (first["ours"]["total"], first["ours"]["tax"], first["net"]) == ("0.10829", "0.01729", "0.10829")
    rows = await customs.agrees(first)
    assert [(row["billed_s"], row["amount"], row["tax"]) for row in rows] == [
        ("61", "0.07259", "0.01159"), ("30", "0.0357", "0.0057")
    ]  # fmt: skip
    paper = await customs.paper(first)
    assert all(f">{text}<" in paper for text in ("0.09100", "0.01729")), paper
    house = customs.house
    await publish(house, retail="0.05")
    tariffs = (await customs.boss.do("tariff.list"))["items"]
    await rerate(house, tariff_id=next(one["id"] for one in tariffs if one["name"] == "retail"))
    await customs.calls(60)
    again = await customs.rows(first)
    assert [(row["billed_s"], row["amount"]) for row in again] == [("61", "0.07259"), ("30", "0.0357")]
    second = (await customs.issue("customer", since=None)).ok()
    rows = await customs.agrees(second)
    assert [row["line"] for row in rows] == ["call", "correction", "correction"]
    with monkeypatch.context() as patch:
        patch.setattr(annex, "PART_CALLS", 1)
        assert await customs.rows(second) == rows
        assert customs.parts == [2, 1, 1, 0]
    (gross, tax), *_ = await customs.plain("SELECT SUM(charge_micros), SUM(tax_micros) FROM charges WHERE level = 0")
    both = [sum(parse_micros(one["ours"][name]) for one in (first, second)) for name in ("total", "tax")]
    assert both == [int(gross), int(tax)]
    (await customs.settle(first)).ok()
    (await customs.settle(second)).ok()
    assert await house.balance("customer") == 1_000_000_000
    await house.company.pump()
    await house.sound()


async def test_both_directions_are_in_the_annex(customs: Customs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each side's own numbers; in parts of any size the same file."""
    await customs.calls(61, 30, 45, 20)
    await mirrored(customs)
    statement = (await customs.issue("customer")).ok()
    rows = await customs.agrees(statement)
    assert sorted((row["direction"], row["tax"] == "0.00") for row in rows) == [
        ("in", False), ("in", False), ("in", False), ("in", False), ("out", True), ("out", True)
    ]  # fmt: skip
    monkeypatch.setattr(annex, "PART_CALLS", 2)
    assert await customs.rows(statement) == rows
    async with writing(customs.house.company.engine, "local") as conn:
        assert (await stated(conn)).ok


async def test_the_doctor_sees_a_tax_that_no_call_has(customs: Customs) -> None:
    """Of a statement and of its line."""
    await customs.calls(61)
    (await customs.issue("customer")).ok()
    async with customs.house.company.engine.begin() as conn:
        for name in await triggers(conn, statement_calls.name):
            on = f" ON {statement_calls.name}" if conn.dialect.name == "postgresql" else ""
            await conn.execute(sa.text(f"DROP TRIGGER {name}{on}"))
        await conn.execute(sa.update(statement_calls).values(tax_micros=7))
        told = (await stated(conn)).detail
    assert ("come to something else" in told, "its line says" in told) == (True, True)


async def triggers(conn: Any, table: str) -> list[str]:
    """Their names."""
    if conn.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"
    else:
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = CAST(:table AS regclass)"
    return list((await conn.execute(sa.text(query), {"table": table})).scalars())
