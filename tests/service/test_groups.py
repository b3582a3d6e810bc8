"""Destination groups reach the call path: by every publication, in a new store, and at a start."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from kemi.quote import Look
from service.tariffs.grouping import send_groups
from service.tariffs.pending import carry_out_due
from service.tariffs.publisher import Ask, publish
from tests.service.company import Company

GROUPS = "groups: {mobile: {prefixes: [447, 336]}}\n"
OTHERS = "groups: {mobile: {prefixes: [447]}, france: {prefixes: [33]}}\n"


@pytest.fixture
async def company(engine: AsyncEngine, tmp_path: Path) -> Company:
    """Open for business."""
    company = Company(engine, tmp_path)
    await company.open()
    return company


def group_of(company: Company, number: str = "33612") -> tuple[str, ...]:
    """As a worker sees it."""
    with company.rooms() as rooms, rooms.store.read() as txn, rooms.rates.snapshot() as rates:
        configuration = rooms.store.configuration(txn)
        return Look(rooms.store, txn, configuration, rates, number, company.now.wall_s, company.now.boot_ms).groups()


def write(company: Company, text: str) -> None:
    """groups.yaml."""
    (company.config.ratebook / "groups.yaml").write_text(text)


async def test_a_publication_switches_the_workers(company: Company) -> None:
    """To others, to none, and nothing is sent where nothing has changed."""
    assert group_of(company) == ()
    for text, found in ((GROUPS, ("mobile",)), (OTHERS, ("france",)), ("groups: {}\n", ())):
        write(company, text)
        await company.publish()
        await company.pump()
        assert group_of(company) == found
    assert (await company.publish()).done.groups == []


async def test_groups_that_wait_are_switched_at_their_moment(company: Company) -> None:
    """They are written before, and hold after."""
    write(company, GROUPS)
    due_ms = company.now.wall_ms + 60_000
    await publish(company.config, company.engine, by="t", note="", now_ms=company.now.wall_ms, ask=Ask(at_ms=due_ms))
    await company.pump()
    assert group_of(company) == ()
    await carry_out_due(company.engine, company.config.node, due_ms)
    await company.pump()
    assert group_of(company) == ("mobile",)


async def test_a_new_store_knows_them(company: Company) -> None:
    """It is filled with the pointer."""
    write(company, GROUPS)
    await company.publish()
    company.wipe()
    company.wait(5)
    company.begin()
    await company.pump()
    assert group_of(company) == ("mobile",)


async def test_a_start_brings_back_what_was_lost(company: Company) -> None:
    """The rates environment is gone: the groups are written anew."""
    write(company, GROUPS)
    await company.publish()
    await company.pump()
    shutil.rmtree(company.config.data_dir / "rates")
    await send_groups(company.engine, company.config, company.now.wall_ms)
    await company.pump()
    assert group_of(company) == ("mobile",)
