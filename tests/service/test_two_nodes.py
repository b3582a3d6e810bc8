"""Money of one account at two nodes at once, whose own locks don't keep them from each other: they have one order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from service.accounts.storage import lock_account
from service.billing.allocation import take_payment
from service.commands.outbox import ensure_node, writing
from service.database.engine import open_engine
from service.database.tables import accounts
from service.ledger.reversals import Reversal, find_payment, reverse
from service.ledger.rules import PAYMENT, WRITE_OFF, Entry, payment_postings, write_off_postings
from service.ledger.storage import post_entry
from tests.service.company import EURO
from tests.service.test_invoices import NOW_MS
from tests.service.test_reversals import Desk, desk

__all__ = ["desk"]
OTHER = "second"


@asynccontextmanager
async def _elsewhere(desk: Desk) -> AsyncIterator[tuple[AsyncConnection, Row[Any]]]:
    """A transaction of another node, and the customer as it sees it."""
    engine = open_engine(desk.config.database)
    try:
        async with engine.begin() as conn:
            await ensure_node(conn, OTHER)
        async with writing(engine, OTHER) as conn:
            chosen = sa.select(accounts).where(accounts.c.id == desk.ids["customer"])
            yield conn, (await conn.execute(chosen)).one()
    finally:
        await engine.dispose()


async def _begun(asking: asyncio.Task[Any]) -> None:
    """It has come as far as it can."""
    await asyncio.wait([asking], timeout=0.5)


async def test_a_credit_note_waits_for_a_payment(desk: Desk) -> None:
    """The payment has the balance and wants the invoice, the note the reverse: neither is thrown out."""
    async with _elsewhere(desk) as (conn, customer):
        lines = payment_postings(customer.id, desk.ids["lower"], EURO, "EUR")
        entry_id = await post_entry(conn, Entry(PAYMENT, "b", "bank", NOW_MS, lines))
        credited = asyncio.create_task(desk.credit(desk.invoice))
        await _begun(credited)
        await take_payment(conn, OTHER, customer, entry_id, EURO, NOW_MS)
    assert (await credited).ok()["total"] == desk.invoice["total"]
    (invoice,) = await desk.invoices("customer", kind="invoice")
    assert (invoice["state"], invoice["open"], invoice["paid"]) == ("paid", "0.00", "0.00")


async def test_a_payment_goes_back_once(desk: Desk) -> None:
    """Whoever comes second finds that all of it went back."""
    entry_id = await desk.pay(5 * EURO)
    async with _elsewhere(desk) as (conn, customer):
        await lock_account(conn, customer.id)
        found = await find_payment(conn, customer.id, entry_id)
        assert found is not None
        await reverse(conn, OTHER, customer, Reversal(entry_id, found.left_micros, "no cover", "b"), NOW_MS)
        again = asyncio.create_task(desk.take_back(entry_id))
        await _begun(again)
    refused = await again
    assert (refused.status, refused["detail"]) == (409, "all of it went back already")


async def test_a_debt_is_written_off_once(desk: Desk) -> None:
    """Whoever comes second finds none."""
    (await desk.ask("payment.adjust", "customer", amount="-1500", reason="fraud")).ok()
    (await desk.ask("account.suspend", "customer", reason="gone")).ok()
    async with _elsewhere(desk) as (conn, customer):
        owed = -await desk.balance("customer")
        assert owed > 0
        lines = write_off_postings(customer.id, desk.ids["lower"], owed, "EUR")
        await post_entry(conn, Entry(WRITE_OFF, "b", "gone", NOW_MS, lines))
        again = asyncio.create_task(desk.ask("payment.write-off", "customer", reason="gone"))
        await _begun(again)
    assert (await again).status == 409
    assert await desk.balance("customer") == 0


async def test_a_bank_file_is_taken_though_it_waits_in_a_ring(desk: Desk) -> None:
    """It has the seller's cash and wants the customer, another node the reverse: it is thrown out, and comes again."""
    friend = await desk.office.account(desk.office.boss, desk.ids["lower"], "friend", "customer")
    before = await desk.balance("lower", "cash")
    async with _elsewhere(desk) as (conn, customer):
        if conn.dialect.name == "postgresql":  # the other one looks for rings first
            await conn.execute(sa.text("SET LOCAL deadlock_timeout = '1min'"))
        await lock_account(conn, customer.id)
        lines = [f"2026-11-2{day};C;{day};EUR;customer {number}" for day, number in ((1, friend), (2, customer.id))]
        taken = asyncio.create_task(desk.csv(*lines))
        await _begun(taken)
        own = payment_postings(customer.id, desk.ids["lower"], 4 * EURO, "EUR")
        await post_entry(conn, Entry(PAYMENT, "b", "bank", NOW_MS, own))
    assert (await taken).ok()["posted"] == 2
    assert await desk.balance("lower", "cash") == before - 7 * EURO
    assert await desk.balance("customer") == 1004 * EURO - (await desk.standing())[1]
