"""The audit log is what was written: the database refuses to change it, and who does so all the same is found out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from service.access.audit import Break, find_break
from service.database.access_tables import audit, audit_head
from service.database.engine import reading
from service.doctor.checks import trail
from tests.service.interconnect.test_annexes import triggers
from tests.service.office import Office

NEWEST = sa.select(sa.func.max(audit.c.id)).scalar_subquery()


async def fill(office: Office) -> list[int]:
    """Some lines, several of them at once; the numbers of all."""
    parents = [await office.account(office.boss, 1, f"Seller {at}", "reseller") for at in range(3)]
    await asyncio.gather(*(office.account(office.boss, one, "Buyer", "customer") for one in parents))
    async with reading(office.engine) as conn:
        return list((await conn.execute(sa.select(audit.c.id).order_by(audit.c.id))).scalars())


async def found(office: Office) -> Break | None:
    """What is broken."""
    async with reading(office.engine) as conn:
        broken = await find_break(conn)
        assert (await trail(conn)).ok is (broken is None)
        return broken


@pytest.mark.parametrize("forged", [sa.update(audit).values(actor="nobody"), sa.delete(audit)])
async def test_the_database_refuses_to_change_a_line(office: Office, forged: Any) -> None:
    """Whatever program asks."""
    numbers = await fill(office)
    with pytest.raises(DBAPIError):
        async with office.engine.begin() as conn:
            await conn.execute(forged.where(audit.c.id == numbers[2]))
    assert await found(office) is None


@pytest.mark.parametrize(
    ("forge", "at", "what"),
    [
        (lambda number: sa.update(audit).where(audit.c.id == number).values(after="{}"), 2, "changed"),
        (lambda number: sa.update(audit).where(audit.c.id == number).values(actor="nobody"), 2, "changed"),
        (lambda number: sa.update(audit).where(audit.c.id == number).values(created_ms=1), 2, "changed"),
        (lambda number: sa.delete(audit).where(audit.c.id == number), 3, "missing"),
        (lambda _: sa.delete(audit).where(audit.c.id == NEWEST), None, "shortened"),
        (lambda _: sa.update(audit_head).values(hash=""), None, "shortened"),
    ],
)
async def test_what_was_forged_all_the_same(office: Office, forge: Any, at: int | None, what: str) -> None:
    """By who may take the database's triggers away: the doctor names the first line that isn't what was written."""
    numbers = await fill(office)
    async with office.engine.begin() as conn:
        for name in await triggers(conn, audit.name):
            on = f" ON {audit.name}" if conn.dialect.name == "postgresql" else ""
            await conn.execute(sa.text(f"DROP TRIGGER {name}{on}"))
        await conn.execute(forge(numbers[2]))
    assert await found(office) == Break(0 if at is None else numbers[at], what)  # type: ignore[arg-type]
