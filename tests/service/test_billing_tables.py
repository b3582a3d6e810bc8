"""What the database itself keeps true of invoices, whatever program writes to it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.database.billing_tables import CHANGING, billable_items, invoice_calls, invoice_lines, invoices
from service.database.tables import accounts, entries, postings

LINE = {"position": 1, "kind": "calls", "service": "calls", "description": "x", "amount_micros": 5, "net_micros": 5}


async def _invoice(conn: AsyncConnection, **values: object) -> int:
    """A draft of the root for the account 2."""
    paper = {"language": "en", "zone": "UTC", "seller": {}, "buyer": {}, "actor": "test", "currency": "EUR"}
    when = {"period_from_ms": 0, "period_to_ms": 1, "created_ms": 1}
    row = {"seller_id": 1, "account_id": 2, "kind": "invoice", **paper, **when, **values}
    return int((await conn.execute(sa.insert(invoices).values(**row).returning(invoices.c.id))).scalar_one())


async def _issue(conn: AsyncConnection, number: int, text: str = "1") -> None:
    await conn.execute(sa.update(invoices).where(invoices.c.id == number).values(state="issued", number=text))


@pytest.fixture
async def ledger(engine: AsyncEngine) -> AsyncEngine:
    """The root and a customer."""
    common = {"billing": "postpaid", "currency": "EUR", "created_ms": 1}
    root = {"id": 1, "name": "Operator", "kind": "root", "depth": 0, "path": "/1/"}
    ann = {"id": 2, "name": "Ann", "kind": "customer", "depth": 1, "path": "/1/2/", "parent_id": 1}
    async with engine.begin() as conn:
        for row in (root, ann):
            await conn.execute(sa.insert(accounts).values(**common, **row))
    return engine


async def test_an_issued_invoice_changes_only_in_what_was_paid(ledger: AsyncEngine) -> None:
    """Everything else is refused, and so are its lines and calls."""
    async with ledger.begin() as conn:
        number = await _invoice(conn)
        line = sa.insert(invoice_lines).values(invoice_id=number, **LINE).returning(invoice_lines.c.id)
        line_id = (await conn.execute(line)).scalar_one()
        call = {"cdr_id": 1, "level": 0, "line_id": line_id, "amount_micros": 5}
        await conn.execute(sa.insert(invoice_calls).values(invoice_id=number, **call))
        await _issue(conn, number)
    one = invoices.c.id == number
    async with ledger.begin() as conn:
        for state in ("part_paid", "overdue", "paid", "issued"):
            change = {"state": state, "paid_micros": 1, "credited_micros": 2, "version": 2}
            await conn.execute(sa.update(invoices).where(one).values(**change))
    texts = {"kind": "credit_note", "number": "7", "currency": "USD", "language": "de", "zone": "x", "reason": "r"}
    others = {"seller": {"a": 1}, "buyer": {"a": 1}, "actor": "me", "prepaid": True, "state": "draft"}
    numbers = {column.name: 7 for column in invoices.c if column.name.endswith(("_ms", "_micros", "id"))}
    changes = numbers | texts | others
    assert changes.keys() - {"state"} | set(CHANGING) == set(invoices.c.keys()) | {"paid_micros", "credited_micros"}
    refused = [
        sa.update(invoices).where(one).values({name: value})
        for name, value in changes.items()
        if name not in CHANGING or name == "state"
    ]
    refused += [
        sa.update(invoices).where(one).values(state="void", number=None),
        sa.delete(invoices).where(one),
        sa.update(invoice_lines).values(description="y"),
        sa.delete(invoice_lines),
        sa.insert(invoice_lines).values(invoice_id=number, **LINE | {"position": 2}),
        sa.update(invoice_calls).values(amount_micros=6),
        sa.delete(invoice_calls),
    ]
    for statement in refused:
        with pytest.raises(DBAPIError, match="stays as it is"):
            async with ledger.begin() as conn:
                await conn.execute(statement)


async def test_a_draft_may_change_and_a_void_one_may_not(ledger: AsyncEngine) -> None:
    """Void ends it."""
    async with ledger.begin() as conn:
        number = await _invoice(conn)
        await conn.execute(sa.update(invoices).values(language="de"))
        await conn.execute(sa.update(invoices).values(state="void"))
    for values in ({"state": "draft"}, {"state": "issued", "number": "1"}, {"reason": "r"}):
        with pytest.raises(DBAPIError, match="stays as it is"):
            async with ledger.begin() as conn:
                await conn.execute(sa.update(invoices).where(invoices.c.id == number).values(**values))


async def test_a_charge_is_on_one_invoice(ledger: AsyncEngine) -> None:
    """The second one is refused; another level of the call is another charge."""
    async with ledger.begin() as conn:
        first, second = await _invoice(conn), await _invoice(conn)
        call = {"cdr_id": 1, "level": 0, "amount_micros": 5}
        await conn.execute(sa.insert(invoice_calls).values(invoice_id=first, **call))
        await conn.execute(sa.insert(invoice_calls).values(invoice_id=second, **call | {"level": 1}))
    with pytest.raises(IntegrityError):
        async with ledger.begin() as conn:
            await conn.execute(sa.insert(invoice_calls).values(invoice_id=second, **call))


async def test_what_makes_no_sense_is_refused(ledger: AsyncEngine) -> None:
    """Numbers twice, sums that don't add up, a credit note of nothing, an item that was never posted."""
    async with ledger.begin() as conn:
        await _issue(conn, await _invoice(conn), "2026-1")
        await conn.execute(sa.insert(entries).values(kind="invoice", actor="test", created_ms=1))
        await conn.execute(
            sa.insert(postings).values(entry_id=1, book="tax", account_id=1, amount_micros=1, currency="EUR")
        )
    item = {"account_id": 2, "seller_id": 1, "kind": "fee", "description": "x", "currency": "EUR", "at_ms": 1}
    item |= {"period_from_ms": 1, "period_to_ms": 1, "idempotency_key": "k"}
    for values in (
        {"state": "issued", "number": "2026-1"},
        {"state": "issued"},
        {"net_micros": 1},
        {"kind": "credit_note"},
        {"kind": "receipt"},
    ):
        with pytest.raises(IntegrityError):
            async with ledger.begin() as conn:
                await _invoice(conn, **values)
    for statement in (
        sa.insert(billable_items).values(**item, amount_micros=5),
        sa.insert(billable_items).values(**item | {"period_to_ms": 0}, amount_micros=0),
        sa.insert(entries).values(kind="gift", actor="test", created_ms=1),
    ):
        with pytest.raises(IntegrityError):
            async with ledger.begin() as conn:
                await conn.execute(statement)
