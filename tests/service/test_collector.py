"""From the store's events to the ledger: each call once, whatever is repeated, killed or wiped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from kemi.refusal import Refused
from kemi.store import journal
from service.calls.tail import JournalGap, Position, read_batch, removable
from service.database.engine import reading
from service.database.tables import cdrs, charges, entries, nodes
from service.ledger.storage import balances
from tests.service.company import EURO, NOW_MS, SETUP, Company
from tests.service.sums import expected, stored
from tests.service.test_setup import apply

UPPER, CARRIER, LOWER, CUSTOMER = 2, 3, 4, 5


@pytest.fixture
async def company(engine: AsyncEngine, tmp_path: Path) -> Company:
    """Open for business."""
    company = Company(engine, tmp_path)
    await company.open()
    return company


async def _balances(company: Company) -> dict[int, int]:
    async with reading(company.engine) as conn:
        return await balances(conn)


async def _count(company: Company, table: sa.Table) -> int:
    async with reading(company.engine) as conn:
        return int((await conn.execute(sa.select(sa.func.count()).select_from(table))).scalar_one())


async def test_a_first_start_fills_the_store(company: Company) -> None:
    """Accounts with their balances, a trunk that leads to them, and calls are taken."""
    assert {number: account.balance for number, account in company.store().items() if account.balance} == {
        UPPER: 1000 * EURO,
        LOWER: 1000 * EURO,
        CUSTOMER: 1000 * EURO,
    }
    with company.rooms() as rooms:
        assert rooms.usable()
    assert await company.broken() == {}


async def test_a_call_is_posted_at_every_level(company: Company) -> None:
    """62 seconds: 0.062, 0.031, 0.0248, and 0.0124 owed to the carrier; store and ledger agree."""
    company.call(61.2)
    await company.pump()
    assert await _balances(company) == {
        UPPER: 1000 * EURO - 24_800,
        LOWER: 1000 * EURO - 31_000,
        CUSTOMER: 1000 * EURO - 62_000,
        CARRIER: 12_400,
    }
    assert {number: account.balance for number, account in company.store().items() if account.balance} == (
        await _balances(company)
    )
    async with reading(company.engine) as conn:
        levels = sa.select(charges.c.account_id, charges.c.seller_id, charges.c.charge_micros)
        rows = [tuple(row) for row in await conn.execute(levels.order_by(charges.c.level))]
        assert await stored(conn) == await expected(conn)
    assert rows == [(CUSTOMER, LOWER, 62_000), (LOWER, UPPER, 31_000), (UPPER, 1, 24_800)]
    assert await company.broken() == {}


async def test_the_same_lines_again_change_nothing(company: Company) -> None:
    """The position is lost, all files are read again: unique by call."""
    company.call(10)
    await company.pump()
    before = await _balances(company)
    async with company.engine.begin() as conn:
        reset = {"collected_sequence": 1, "journal_file": "", "journal_offset": 0}
        await conn.execute(sa.update(nodes).values(**reset))
    assert await company.collector.collect_all(NOW_MS) > 0
    assert await _balances(company) == before
    assert await _count(company, cdrs) == 1
    async with reading(company.engine) as conn:
        assert await stored(conn) == await expected(conn)


async def test_repeated_and_torn_lines_of_a_killed_clerk(company: Company) -> None:
    """The events are written twice, the second time not to the end: posted once."""
    company.call(10)
    company.clerk()
    folder = company.config.data_dir / journal.FOLDER
    files = journal.journal_files(folder)
    newest = files[-1]
    again = folder / f"{int(newest.stem) + 1:010}.log"
    again.write_bytes(newest.read_bytes()[:-7])
    last = folder / f"{int(newest.stem) + 2:010}.log"
    last.write_bytes(newest.read_bytes())
    await company.collector.collect_all(NOW_MS)
    assert await _count(company, cdrs) == 1
    assert (await _balances(company))[CUSTOMER] == 1000 * EURO - 10_000


async def test_a_missing_file_stops_the_collector(company: Company) -> None:
    """Nothing behind the gap is posted; with the file back it goes on."""
    company.call(10)
    company.clerk()
    folder = company.config.data_dir / journal.FOLDER
    company.clerk()  # a file behind it: the newest one's number would be given again
    gone = journal.journal_files(folder)[-2]
    aside = company.folder / gone.name
    shutil.move(gone, aside)
    company.call(10)
    company.clerk()
    with pytest.raises(JournalGap, match="put it back"):
        await company.collector.collect_all(NOW_MS)
    shutil.move(aside, folder / gone.name)
    await company.collector.collect_all(NOW_MS)
    assert await _count(company, cdrs) == 2


async def test_refused_calls_are_records_without_postings(company: Company) -> None:
    """The customer is suspended: who refused and why stands in the record, and nothing is posted."""
    await apply(company.engine, company.folder, SETUP.replace("tariff: retail}", "tariff: retail, state: suspended}"))
    await company.pump()
    before = await _count(company, entries)
    refused = company.dial()
    await company.pump()
    assert isinstance(refused, Refused)
    async with reading(company.engine) as conn:
        row = (await conn.execute(sa.select(cdrs))).one()
    assert (row.outcome, row.sip_code, row.rule, row.refused_by) == ("refused", 403, "suspended", CUSTOMER)
    assert await _count(company, entries) == before
    assert await company.broken() == {}


async def test_hours_without_the_service_lose_nothing(company: Company) -> None:
    """Calls end while nobody collects; payments wait for the store."""
    for _ in range(30):
        company.call(10)
        company.clerk()
    await company.pay("customer", EURO)
    assert await company.broken() == {}
    await company.pump()
    assert (await _balances(company))[CUSTOMER] == 1001 * EURO - 300_000
    assert company.store()[CUSTOMER].balance == 1001 * EURO - 300_000
    assert await company.broken() == {}


async def test_a_wiped_store_is_rebuilt_to_the_micro_unit(company: Company) -> None:
    """A call goes on over it, a payment comes in between, and nothing is there twice or missing."""
    company.call(10)
    running = company.talk()
    company.clerk()
    company.wipe()
    await company.pay("customer", EURO)
    company.begin()
    assert company.store()[CUSTOMER].balance == 0
    await company.pump()
    assert company.is_running(running)
    company.wait(20)
    company.hang_up(running)
    await company.pump()
    assert (await _balances(company))[CUSTOMER] == 1001 * EURO - 30_000
    assert company.store()[CUSTOMER].balance == 1001 * EURO - 30_000
    assert await company.broken() == {}


async def test_files_that_are_collected_go(company: Company) -> None:
    """All but the last two."""
    for _ in range(5):
        company.clerk()
    await company.collector.collect_all(NOW_MS)
    folder = company.config.data_dir / journal.FOLDER
    names = [path.name for path in journal.journal_files(folder)]
    gone = await company.collector.tidy()
    assert [path.name for path in gone] == names[:-2]
    assert [path.name for path in journal.journal_files(folder)] == names[-2:]


def test_nothing_is_removable_before_the_position_is_known(tmp_path: Path) -> None:
    """A position in a file that isn't there."""
    (tmp_path / "0000000001.log").touch()
    assert removable(tmp_path, Position(0, 0, "", 0)) == []


def test_a_batch_ends_with_a_new_store(tmp_path: Path) -> None:
    """What comes after must not be posted before the store is rebuilt."""
    head = {"boot": "b", "boot_ms": 1, "wall_ms": 1}
    lines = [
        {"e": "beat", "epoch": 5, "seq": 1, **head},
        {"e": "opened", "epoch": 9, "seq": 1, **head},
        {"e": "beat", "epoch": 9, "seq": 2, **head},
    ]
    (tmp_path / "0000000001.log").write_bytes(
        b"".join(journal.encode_line(json.dumps(line).encode()) for line in lines)
    )
    first = read_batch(tmp_path, Position(0, 0, "", 0), 10)
    assert [event["e"] for event in first.events] == ["beat", "opened"]
    second = read_batch(tmp_path, first.position, 10)
    assert [event["seq"] for event in second.events] == [2]
    assert read_batch(tmp_path, second.position, 10).events == []
