"""Calls on invoices that were rated down, and nothing new that pays for it: credit notes, no invoice below zero."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.money import parse_micros
from service.database.engine import reading
from service.database.payment_tables import payment_rests
from tests.service.again import publish, rerate
from tests.service.test_invoices import MONTH_MS, Bureau


@pytest.fixture
async def bureau(engine: AsyncEngine, database: str, tmp_path: Path) -> Bureau:
    """With two invoices of the customer, the second a month after the first."""
    bureau = Bureau(engine, database, tmp_path)
    await bureau.open()
    await bureau.talk(61, 600)
    await bureau.run()
    await bureau.talk(3600)
    await bureau.run(2 * MONTH_MS)
    return bureau


async def _rated(bureau: Bureau, retail: str) -> None:
    """What the customer pays a minute."""
    await publish(bureau, retail=retail)
    tariffs = (await bureau.office.boss.do("tariff.list"))["items"]
    await rerate(bureau, tariff_id=next(one["id"] for one in tariffs if one["name"] == "retail"))


async def _own(bureau: Bureau, kind: str = "invoice") -> list[dict[str, Any]]:
    """Of the customer, the first one first."""
    return await bureau.invoices("customer", kind=kind)


async def _waiting(bureau: Bureau) -> int:
    """What pays the next invoice."""
    query = sa.select(sa.func.coalesce(sa.func.sum(payment_rests.c.rest_micros), 0))
    async with reading(bureau.company.engine) as conn:
        return int((await conn.execute(query)).scalar_one())


@pytest.mark.parametrize("status", ["taxed", "exempt"])
async def test_corrections_alone_become_credit_notes(bureau: Bureau, status: str) -> None:
    """One for each invoice, numbered without a gap: what is open there falls, what was paid of it waits; once."""
    await bureau.terms("customer", tax_status=status)
    first, second = await _own(bureau)
    (await bureau.ask("payment.make", "customer", amount=first["total"], reason="bank")).ok()
    before = await bureau.balance("customer")
    await _rated(bureau, "0.03")
    assert (await bureau.run(3 * MONTH_MS))["invoices"] == 0
    notes = await _own(bureau, "credit_note")
    assert [(one["refers_to_id"], one["net"], one["reason"]) for one in notes] == [
        (first["id"], "0.0805", "calls rated again"), (second["id"], "0.05", "calls rated again")
    ]  # fmt: skip
    assert [one["number"].rsplit("-", 1)[1] for one in notes] == ["00001", "00002"]
    given = sum(parse_micros(one["total"]) for one in notes)
    assert [(one["state"], one["open"]) for one in await _own(bureau)] == [("paid", "0.00")] * 2
    assert await _waiting(bureau) == given - parse_micros(second["total"]) > 0
    assert await bureau.balance("customer") == before + given == bureau.stored("customer")
    assert (await bureau.run(4 * MONTH_MS))["invoices"] == 0
    assert len(await _own(bureau, "credit_note")) == 2
    await bureau.sound()


async def test_new_calls_are_invoiced_beside_the_notes(bureau: Bureau) -> None:
    """Where they cover what fell, the invoice has a line of corrections as ever; else it has them alone."""
    await _rated(bureau, "0.05")
    await bureau.talk(100, 100)
    await bureau.run(3 * MONTH_MS)
    third = (await _own(bureau))[-1]
    assert sorted(line["kind"] for line in await bureau.lines(third)) == ["calls", "correction"]
    assert await _own(bureau, "credit_note") == []
    await _rated(bureau, "0.03")
    await bureau.talk(60)
    await bureau.run(4 * MONTH_MS)
    fourth = (await _own(bureau))[-1]
    assert ([line["kind"] for line in await bureau.lines(fourth)], fourth["net"]) == (["calls"], "0.03")
    assert [one["refers_to_id"] for one in await _own(bureau, "credit_note")] == [
        one["id"] for one in (await _own(bureau))[:3]
    ]
    await bureau.sound()


async def test_what_is_reviewed_is_credited_by_hand(bureau: Bureau) -> None:
    """The draft below zero can't be issued, and says why; void and credited, nothing is left."""
    await bureau.terms("customer", reviewed=True)
    await _rated(bureau, "0.03")
    await bureau.run(3 * MONTH_MS)
    first, second, draft = await _own(bureau)
    assert (draft["state"], draft["net"]) == ("draft", "-0.1305")
    refused = await bureau.office.boss.ask("invoice.issue", invoice_id=draft["id"])
    assert (refused.status, "credit the invoices" in str(refused.body)) == (409, True)
    await bureau.office.boss.do("invoice.void", invoice_id=draft["id"])
    for invoice in (first, second):
        (await bureau.credit(invoice, corrections=True)).ok()
    assert (await bureau.run(4 * MONTH_MS))["invoices"] == 0
    await bureau.sound()
