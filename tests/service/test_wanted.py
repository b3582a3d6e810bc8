"""Databases of PostgreSQL that tests want: made for the first look, once, and never for nobody."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.engine import open_engine
from tests.service.conftest import WANTED
from tests.service.wanted import drop, in_cluster, is_wanted_empty, want

pytestmark = pytest.mark.skipif("postgresql" not in WANTED, reason="it is of PostgreSQL")


@pytest.fixture
async def wanted(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine whose database is wanted, and not there."""
    name = f"w{uuid.uuid4().hex}"
    want(name, "template0", is_empty=True)
    engine = open_engine(postgres_url.rsplit("/", 1)[0] + f"/{name}")
    yield engine
    await engine.dispose()
    await in_cluster(make_url(postgres_url), *drop(name))


async def is_there(postgres_url: str, wanted: AsyncEngine) -> bool:
    """As the cluster says it."""
    engine = open_engine(postgres_url)
    async with engine.connect() as conn:
        found = await conn.execute(sa.text("SELECT datname FROM pg_database"))
        names = {row.datname for row in found}
    await engine.dispose()
    return wanted.url.database in names


async def test_who_connects_finds_it(postgres_url: str, wanted: AsyncEngine) -> None:
    """It wasn't there before; from then on it isn't wanted any more, and is to be dropped."""
    assert is_wanted_empty(wanted.url)
    assert not await is_there(postgres_url, wanted)
    async with wanted.connect() as conn:
        assert (await conn.execute(sa.text("SELECT current_database()"))).scalar_one() == wanted.url.database
    assert not is_wanted_empty(wanted.url)
    assert await is_there(postgres_url, wanted)
    assert drop(str(wanted.url.database)) == [f"DROP DATABASE {wanted.url.database} WITH (FORCE)"]


async def test_several_at_once_find_one(wanted: AsyncEngine) -> None:
    """Who comes second waits for it."""

    async def look() -> int:
        async with wanted.connect() as conn:
            return int((await conn.execute(sa.text("SELECT 1"))).scalar_one())

    assert await asyncio.gather(*(look() for _ in range(4))) == [1, 1, 1, 1]


async def test_what_nobody_looks_at_is_never_made(postgres_url: str, wanted: AsyncEngine) -> None:
    """There is nothing to drop either; and a second time there would be."""
    name = str(wanted.url.database)
    assert drop(name) == []
    assert not await is_there(postgres_url, wanted)
    assert drop(name) == [f"DROP DATABASE {name} WITH (FORCE)"]
    want(name, "template0", is_empty=True)  # as the fixture leaves it


async def test_one_with_something_in_it_is_not_empty(wanted: AsyncEngine) -> None:
    """Whoever asks whether something stands there has to look."""
    want(str(wanted.url.database), "template0", is_empty=False)
    assert not is_wanted_empty(wanted.url)
