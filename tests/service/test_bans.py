"""Bans: what the call path makes by itself is in the ledger and survives its store; the operator's are told it."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from kemi.store import bans as store_bans
from service.database.edge_tables import bans
from service.database.engine import reading
from service.database.tables import commands
from tests.service.company import Company
from tests.service.office import Office
from tests.service.wanted import ON_SQLITE

NOWHERE = ("::ffff:192.0.2.7", "::ffff:192.0.2.0/120", "fe80::1%eth0")
SCANNER, OTHER = "198.51.100.7", "2001:db8::7"


@pytest.fixture
async def company(engine: AsyncEngine, tmp_path: Path) -> Company:
    """Open for business."""
    company = Company(engine, tmp_path)
    await company.open()
    return company


def scan(company: Company, ip: str) -> None:
    """A scanner's request comes in."""
    with company.rooms() as rooms:
        assert rooms.has_store()
        rooms.gate.stranger(rooms.store, ip, "friendly-scanner", company.now)


def held(company: Company) -> list[tuple[str, str]]:
    """The store's bans."""
    with company.rooms() as rooms:
        assert rooms.has_store()
        with rooms.store.read() as txn:
            return [(ban.network, ban.why) for ban in store_bans.all_of(rooms.store, txn)]


async def test_automatic_bans_are_in_the_ledger_and_outlive_the_store(company: Company) -> None:
    """Two scanners; the store is wiped, and the new one knows them, each once."""
    scan(company, SCANNER)
    scan(company, OTHER)
    await company.pump()
    async with reading(company.engine) as conn:
        rows = [tuple(row) for row in await conn.execute(sa.select(bans.c.network, bans.c.why).order_by(bans.c.id))]
    assert rows == [(SCANNER, "scanner"), ("2001:db8::/64", "scanner")]
    company.wipe()
    company.begin()
    assert held(company) == []
    await company.pump()
    assert sorted(held(company)) == sorted(rows)
    assert await company.broken() == {}


async def test_what_is_over_is_forgotten(company: Company) -> None:
    """Neither listed nor told to a new store; the next ban of anybody clears it away."""
    scan(company, SCANNER)
    await company.pump()
    company.wait(901)
    scan(company, OTHER)
    await company.pump()
    async with reading(company.engine) as conn:
        assert [row.network for row in await conn.execute(sa.select(bans.c.network))] == ["2001:db8::/64"]


async def test_the_operator_bans_and_lifts(office: Office) -> None:
    """Both go to the call path; a second ban of the same network is refused."""
    boss = office.boss
    made = await boss.ask("ban.make", network="192.0.2.77/24", minutes=5, note="fax war")
    assert (made.status, made["network"], made["why"], made["until"] is None) == (
        201,
        "192.0.2.0/24",
        "operator",
        False,
    )
    again = await boss.ask("ban.make", network="192.0.2.0/24")
    assert (again.status, again["errors"][0]["pointer"]) == (422, "/network")
    assert [ban["network"] for ban in (await boss.do("ban.list"))["items"]] == ["192.0.2.0/24"]
    assert (await boss.ask("ban.lift", ban_id=made["id"])).status == 204
    assert (await boss.do("ban.list"))["items"] == []
    async with reading(office.engine) as conn:
        rows = await conn.execute(sa.select(commands.c.body).order_by(commands.c.number.desc()).limit(2))
        lift, ban = [{name: row.body[name] for name in ("do", "network")} for row in rows]
    assert (ban["do"], lift) == ("ban", {"do": "lift", "network": "192.0.2.0/24"})


@ON_SQLITE
@pytest.mark.parametrize(
    "network", ["", "192.0.2", "0.0.0.0/0", "10.0.0.0/7", "::/0", "host.example", "192.0.2.1/33", *NOWHERE]
)
async def test_what_is_no_network_is_refused(office: Office, network: str) -> None:
    """Also what would ban half the world, and what would ban nobody."""
    assert (await office.boss.ask("ban.make", network=network)).status == 422


async def test_bans_are_the_operators(office: Office) -> None:
    """A reseller's owner sees none, makes none, lifts none."""
    made = await office.boss.do("ban.make", network="192.0.2.9")
    account = await office.account(office.boss, 1, "reseller", "reseller")
    reseller = await office.hire(office.boss, account, "r@r.example")
    assert (await reseller.ask("ban.make", network="192.0.2.10")).status == 403
    assert (await reseller.ask("ban.lift", ban_id=made["id"])).status in {403, 404}
    listed = await reseller.ask("ban.list")
    assert listed.status == 403 or listed["items"] == []
