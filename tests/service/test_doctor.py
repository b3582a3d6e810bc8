"""Each of the doctor's checks fails when its rule is broken."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from kemi.store import accounts as store_accounts
from kemi.store import journal
from kemi.store.change import Change
from service.database.engine import reading
from service.database.rerating_tables import corrections
from service.database.tables import book_balances, charges, postings
from service.doctor import checks, run
from service.doctor.evidence import read_ledger, read_store
from tests.service.again import rated_again
from tests.service.company import EURO, NOW_MS, TARIFFS, Company, write_ratebook

CUSTOMER = 5


@pytest.fixture
async def company(engine: AsyncEngine, tmp_path: Path) -> Company:
    """With a call that ended and one that goes on."""
    company = Company(engine, tmp_path)
    await company.open()
    company.call(10)
    company.talk()
    await company.pump()
    assert await company.broken() == {}
    return company


async def _spoil(company: Company, statement: sa.Update) -> None:
    async with company.engine.begin() as conn:
        await conn.execute(statement)


async def test_a_changed_posting(company: Company) -> None:
    """One line of an entry."""
    first = sa.select(sa.func.min(postings.c.id)).scalar_subquery()
    spoilt = sa.update(postings).where(postings.c.id == first)
    await _spoil(company, spoilt.values(amount_micros=postings.c.amount_micros + 1))
    assert "conservation" in await company.broken()


async def test_a_changed_balance(company: Company) -> None:
    """It is no longer the sum of its lines, and no longer what the store has."""
    spoilt = sa.update(book_balances).where(book_balances.c.account_id == CUSTOMER)
    await _spoil(company, spoilt.values(amount_micros=book_balances.c.amount_micros + 1))
    assert set(await company.broken()) == {"conservation", "store and ledger"}


async def test_a_changed_charge(company: Company) -> None:
    """A record that says another amount than was posted."""
    await _spoil(company, sa.update(charges).where(charges.c.level == 0).values(charge_micros=1))
    assert "exactly once" in await company.broken()


async def test_a_correction_that_the_call_does_not_show(company: Company) -> None:
    """The charge says another amount than its last correction; the batch's sum is wrong with it."""
    await _rated_again(company)
    assert await company.broken() == {}
    await _spoil(company, sa.update(charges).where(charges.c.level == 0).values(charge_micros=1))
    found = await company.broken()
    assert set(found) == {"exactly once", "corrections", "sums"}
    assert "the call says 1" in found["corrections"]


async def test_a_correction_that_was_never_posted(company: Company) -> None:
    """Its entry says something else."""
    await _rated_again(company)
    entry = sa.select(sa.func.max(postings.c.entry_id)).scalar_subquery()
    await _spoil(company, sa.update(postings).where(postings.c.entry_id == entry).values(amount_micros=0))
    found = await company.broken()
    assert "corrections and postings differ" in found["corrections"]


async def test_corrections_only_grow(company: Company) -> None:
    """Whatever program tries."""
    await _rated_again(company)
    for statement in (sa.update(corrections).values(after_prefix="9"), sa.delete(corrections)):
        with pytest.raises(DBAPIError, match="only grows"):
            async with company.engine.begin() as conn:
                await conn.execute(statement)


async def _rated_again(company: Company) -> None:
    """By another price, twice."""
    for price in ("0.09", "0.12"):
        write_ratebook(company.config.ratebook, TARIFFS | {"retail": price})
        await company.publish()
        await rated_again(company)
    await company.pump()


async def test_corrections_of_calls_that_ended_behind_the_stores_snapshot(company: Company) -> None:
    """The ledger, looked at later, has the call and its correction: neither is in the store that was seen."""
    store = read_store(company.config)
    company.call(10)
    company.clerk()
    await company.collector.collect_all(company.now.wall_ms)
    write_ratebook(company.config.ratebook, TARIFFS | {"retail": "0.09", "carrier": "0.006"})
    await company.publish()
    await rated_again(company)
    async with reading(company.engine) as conn:
        ledger = await read_ledger(conn, company.config, store)
    assert store is not None
    between = checks.events_between(company.config, store, ledger)
    assert checks.equation(store, ledger, between).ok, checks.equation(store, ledger, between)


async def test_a_balance_in_the_store_that_the_ledger_does_not_explain(company: Company) -> None:
    """One micro-unit."""
    with company.rooms() as rooms, Change(rooms.store) as change:
        account = change.account(CUSTOMER)
        change.put_account(account._replace(balance=account.balance + 1))
    found = await company.broken()
    assert list(found) == ["store and ledger"]
    assert f"account {CUSTOMER}" in found["store and ledger"]


async def test_a_hold_without_a_call(company: Company) -> None:
    """And a channel too many."""
    with company.rooms() as rooms, Change(rooms.store) as change:
        account = change.account(CUSTOMER)
        change.put_account(account._replace(held=account.held + 1, channels=account.channels + 1))
        store_accounts.put_usage(rooms.store, change.txn, b"g", 1, 5, 0)
    assert set(await company.broken()) == {"holds", "channels"}


async def test_more_held_than_there_is(company: Company) -> None:
    """A correction took the money from under a call."""
    await company.pay("customer", 1)
    with company.rooms() as rooms, Change(rooms.store) as change:
        account = change.account(CUSTOMER)
        change.put_account(account._replace(credit_limit=-2000 * EURO))
    assert "funds" in await company.broken()


async def test_a_call_that_outlives_its_grant(company: Company) -> None:
    """100 seconds and then some, with no meter at work."""
    company.wait(116)
    assert list(await company.broken()) == ["on time"]


async def test_a_lost_line_of_the_journal(company: Company) -> None:
    """A call that ended is neither in the store nor in the journal nor in the ledger."""
    company.call(10)
    company.clerk()
    newest = journal.journal_files(company.config.data_dir / journal.FOLDER)[-1]
    newest.unlink()
    assert {"journal", "store and ledger"} <= set(await company.broken())


async def test_no_store(company: Company) -> None:
    """Kamailio was never started, or its tmpfs is gone."""
    company.wipe()
    assert list(await company.broken()) == ["store"]


async def test_a_store_that_the_ledger_has_not_seen(company: Company) -> None:
    """Made anew, and nobody collects."""
    company.wait(1)
    company.wipe()
    company.begin()
    assert set(await company.broken()) == {"store", "store and ledger"}


async def test_the_whole_command(company: Company, database: str) -> None:
    """As `kambill doctor` runs it."""
    config = company.config.model_copy(update={"database": database})
    report = await run(config, NOW_MS, company.now.boot_ms)
    assert report.ok
    names = [check.name for check in report.checks]
    assert len(set(names)) == len(names) == 24, names
