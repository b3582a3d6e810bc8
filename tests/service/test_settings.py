"""Settings for every call reach a store that was filled with others."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.commands.outbox import ensure_node
from service.commands.settings import send_settings
from service.config import CallPath
from service.database.tables import commands, nodes
from tests.service.company import Company


@pytest.fixture
async def company(engine: AsyncEngine, tmp_path: Path) -> Company:
    """With a store that takes calls."""
    company = Company(engine, tmp_path)
    await company.open()
    await company.pump()
    return company


async def test_a_changed_configuration_holds_from_the_next_start_on(company: Company) -> None:
    """Ten seconds are held, then thirty."""
    company.ring()
    before = sum(account.held for account in company.store().values())
    changed = company.config.model_copy(update={"calls": CallPath(first_hold_s=30)})
    await send_settings(company.engine, changed, company.now.wall_ms)
    await company.pump()
    company.ring()
    assert sum(account.held for account in company.store().values()) == 4 * before


async def test_without_a_store_there_is_nothing_to_send(company: Company) -> None:
    """A node that no store was seen of: they come with everything else when it is filled."""
    unseen = company.config.model_copy(update={"node": "another"})
    async with company.engine.begin() as conn:
        await ensure_node(conn, "another")
    await send_settings(company.engine, unseen, company.now.wall_ms)
    async with company.engine.connect() as conn:
        sent = sa.select(sa.func.count()).select_from(commands.join(nodes)).where(nodes.c.name == "another")
        count = await conn.scalar(sent)
    assert count == 0
