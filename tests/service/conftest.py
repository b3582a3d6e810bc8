"""Ledgers to test on: SQLite, and a throw-away PostgreSQL 15 cluster that lives as long as the run."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from scripts.benchmarks.postgres import cluster, is_installed
from service.config import Config
from service.database.engine import migrate, open_engine
from service.interconnect.reconcile import api as reconciliations
from service.interconnect.reconcile import worker
from tests.service.matrix.world import World
from tests.service.office import Office
from tests.service.test_money import House

WANTED = os.environ.get("KAMBILL_TEST_DATABASES", "sqlite,postgresql").split(",")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a cluster's maintenance database, without a database name's guarantee of being empty."""
    if not is_installed():
        pytest.fail(
            "PostgreSQL 15 is not installed: apt-get install postgresql, or KAMBILL_TEST_DATABASES=sqlite",
            pytrace=False,
        )
    with cluster("fsync=off", "full_page_writes=off", "max_connections=60") as url:
        yield url


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a SQLite ledger with its tables stands, once somebody has made it: copying is quicker than migrating."""
    return tmp_path_factory.mktemp("template") / "kambill.db"


@pytest.fixture(params=WANTED)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database of its own, on each engine in turn; empty, unless the test asks for `engine`."""
    with_tables = "engine" in request.fixturenames
    if request.param == "sqlite":
        file = tmp_path / "kambill.db"
        if with_tables:
            await copy_sqlite(request.getfixturevalue("template"), file)
        yield f"sqlite:///{file}"
        return
    url: str = request.getfixturevalue("postgres_url")
    name = f"t{uuid.uuid4().hex}"
    if with_tables:
        await _ensure_template(url)
    await _execute(url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE if with_tables else 'template0'}")
    yield url.rsplit("/", 1)[0] + f"/{name}"
    await _execute(url, f"DROP DATABASE {name} WITH (FORCE)")


TEMPLATE = "kambill_tables"


async def copy_sqlite(template: Path, file: Path) -> None:
    """Makes the file a ledger with its tables."""
    if not template.exists():  # noqa: ASYNC240 -- once
        await _migrate(f"sqlite:///{template}")
    shutil.copy(template, file)


async def _ensure_template(url: str) -> None:
    if TEMPLATE not in await _execute(url, "SELECT datname FROM pg_database"):
        await _execute(url, f"CREATE DATABASE {TEMPLATE}")
        await _migrate(url.rsplit("/", 1)[0] + f"/{TEMPLATE}")


async def _migrate(url: str) -> None:
    engine = open_engine(url)
    await migrate(engine)
    await engine.dispose()


async def _execute(url: str, statement: str) -> list[str]:
    """The first column of what comes back."""
    engine = open_engine(url)
    async with engine.connect() as conn:
        result = await (await conn.execution_options(isolation_level="AUTOCOMMIT")).execute(sa.text(statement))
        rows = [str(row[0]) for row in result] if result.returns_rows else []
    await engine.dispose()
    return rows


@pytest.fixture
async def world(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """The market of the matrix. Its state is put back again and again, which only a file can do quickly: SQLite.

    Call records are compared in this process: a start of another one for each request would take minutes.
    """
    monkeypatch.setattr(reconciliations, "work_apart", worker.work)
    file = tmp_path / "kambill.db"
    await copy_sqlite(template, file)
    engine = open_engine(f"sqlite:///{file}")
    world = World(House(engine, f"sqlite:///{file}", tmp_path), file)
    await world.open()
    world.keep()
    yield world
    world.close()
    await engine.dispose()


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    """An engine on an empty ledger, its tables made."""
    engine = open_engine(database)
    yield engine
    await engine.dispose()


@pytest.fixture
async def office(engine: AsyncEngine, tmp_path: Path) -> Office:
    """The API on an empty ledger, with a Super Admin."""
    office = Office(engine, Config(run_dir=tmp_path / "run", data_dir=tmp_path, ratebook=tmp_path / "ratebook"))
    await office.open()
    return office
