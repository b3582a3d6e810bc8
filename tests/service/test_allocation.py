"""Which invoices a payment pays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from ratebook.money import format_micros, parse_micros
from service.billing.allocation import take_from_waiting
from service.database.engine import reading
from service.database.payment_tables import allocations, payment_rests
from tests.service.test_invoices import MONTH_MS, Bureau


class Twice(Bureau):
    """With two invoices of the customer, the second a month after the first."""

    async def open(self) -> None:
        """Both are issued."""
        await self.stand(self._open_twice)

    async def _open_twice(self) -> None:
        await super().open()
        await self.talk(61, 600)
        await self.run()
        await self.talk(3600)
        await self.run(2 * MONTH_MS)


@pytest.fixture
async def bureau(engine: AsyncEngine, database: str, tmp_path: Path) -> Bureau:
    """Open for business."""
    bureau = Twice(engine, database, tmp_path)
    await bureau.open()
    return bureau


async def _pay(bureau: Bureau, micros: int, **more: Any) -> Any:
    return await bureau.ask("payment.make", "customer", amount=format_micros(micros), reason="bank", **more)


async def _standing(bureau: Bureau) -> list[tuple[str, int]]:
    found = await bureau.invoices("customer")
    return [(one["state"], parse_micros(one["total"]) - parse_micros(one["paid"])) for one in found]


async def _waiting(bureau: Bureau) -> int:
    async with reading(bureau.company.engine) as conn:
        return int(
            (await conn.execute(sa.select(sa.func.coalesce(sa.func.sum(payment_rests.c.rest_micros), 0)))).scalar_one()
        )


async def test_what_is_due_first_is_paid_first(bureau: Bureau) -> None:
    """In parts, then over: the rest waits, and pays the next invoice when it is issued."""
    (_, first), (_, second) = await _standing(bureau)
    (await _pay(bureau, first - 10_000)).ok()
    assert await _standing(bureau) == [("overdue", 10_000), ("issued", second)]
    (await _pay(bureau, 10_000 + second - 1)).ok()
    assert await _standing(bureau) == [("paid", 0), ("part_paid", 1)]
    (await _pay(bureau, 5_000_001)).ok()
    assert await _standing(bureau) == [("paid", 0), ("paid", 0)]
    assert await _waiting(bureau) == 5_000_000
    await bureau.talk(3600)
    await bureau.run(3 * MONTH_MS)
    third = (await bureau.invoices("customer"))[2]
    assert third["state"] == "paid"
    assert await _waiting(bureau) == 5_000_000 - parse_micros(third["total"])
    async with reading(bureau.company.engine) as conn:
        told = sa.select(allocations.c.invoice_id, sa.func.sum(allocations.c.amount_micros))
        rows = await conn.execute(told.group_by(allocations.c.invoice_id))
        sums = {invoice_id: int(micros) for invoice_id, micros in rows}
    assert {one["id"]: parse_micros(one["paid"]) for one in await bureau.invoices("customer")} == sums
    await bureau.sound()


async def test_the_invoice_that_is_named_is_paid_first(bureau: Bureau) -> None:
    """And nobody else's, none that is paid, no draft, no credit note."""
    _, second = await bureau.invoices("customer")
    (await _pay(bureau, parse_micros(second["total"]), invoice_id=second["id"])).ok()
    assert [state for state, _ in await _standing(bureau)] == ["issued", "paid"]
    assert (await _pay(bureau, 1_000_000, invoice_id=second["id"])).status == 409
    (lowers, *_) = await bureau.invoices("lower")
    assert (await _pay(bureau, 1_000_000, invoice_id=lowers["id"])).status == 422
    assert (await _pay(bureau, 1_000_000, invoice_id=999_999)).status == 422
    note = (await bureau.credit((await bureau.invoices("customer"))[0])).ok()
    assert (await _pay(bureau, 1_000_000, invoice_id=note["id"])).status == 422


async def test_what_goes_out_again_pays_nothing(bureau: Bureau) -> None:
    """A refund takes the newest of what waits, never what is on an invoice."""
    await _pay(bureau, 50_000_000)
    before = await _standing(bureau)
    waited = await _waiting(bureau)
    async with bureau.company.engine.begin() as conn:
        await take_from_waiting(conn, bureau.ids["customer"], waited - 7)
    assert (await _waiting(bureau), await _standing(bureau)) == (7, before)
    async with bureau.company.engine.begin() as conn:
        await take_from_waiting(conn, bureau.ids["customer"], 100)
    assert (await _waiting(bureau), await _standing(bureau)) == (0, before)


async def test_what_is_credited_of_a_paid_invoice_pays_the_others(bureau: Bureau) -> None:
    """In parts, once, to the micro-unit; of one that nobody has paid nothing comes free."""
    first, second = await bureau.invoices("customer")
    (await _pay(bureau, parse_micros(first["total"]) - 50_000)).ok()
    (line,) = await bureau.lines(second)
    before = (await bureau.credit(second, lines=[{"line_id": line["id"], "amount": "0.01"}])).ok()
    assert (await _standing(bureau))[0] == ("overdue", 50_000)
    rest = parse_micros(second["total"]) - parse_micros(before["total"])
    (await _pay(bureau, rest, invoice_id=second["id"])).ok()
    assert [state for state, _ in await _standing(bureau)][:2] == ["overdue", "paid"]
    part = (await bureau.credit(second, lines=[{"line_id": line["id"], "amount": "0.02"}])).ok()
    assert (await _waiting(bureau), (await _standing(bureau))[0][1]) == (0, 50_000 - parse_micros(part["total"]))
    whole = (await bureau.credit(second)).ok()
    assert parse_micros(part["total"]) + parse_micros(whole["total"]) == rest
    assert (await _standing(bureau))[0] == ("paid", 0)
    waits = await _waiting(bureau)
    assert waits == rest - 50_000 > 0
    await bureau.talk(3600)
    await bureau.run(3 * MONTH_MS)
    third = (await bureau.invoices("customer", kind="invoice"))[2]
    assert (parse_micros(third["paid"]), await _waiting(bureau)) == (waits, 0)
    await bureau.sound()


@pytest.mark.parametrize("status", ["taxed", "exempt"])
async def test_an_invoice_below_zero_pays_the_others(bureau: Bureau, status: str) -> None:
    """With its tax, or without any entry of its own; at once, and what comes later; money is given once."""
    await bureau.terms("customer", tax_status=status)
    open_micros = sum(left for _, left in await _standing(bureau))
    (await bureau.ask("payment.adjust", "customer", amount="10", reason="goodwill")).ok()
    await bureau.run(3 * MONTH_MS)
    *paid, below = await bureau.invoices("customer")
    given = -parse_micros(below["total"])
    assert given == (11_900_000 if status == "taxed" else 10_000_000)
    assert [one["state"] for one in paid] == ["paid", "paid"]
    assert await _waiting(bureau) == given - open_micros
    await bureau.talk(600)
    await bureau.run(4 * MONTH_MS)
    last = (await bureau.invoices("customer"))[-1]
    assert (last["state"], last["open"]) == ("paid", "0.00")
    assert await _waiting(bureau) == given - open_micros - parse_micros(last["total"])
    await bureau.sound()
