"""Ledgers to test on: SQLite, and a throw-away PostgreSQL 15 cluster that lives as long as the run."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from scripts.benchmarks.postgres import cluster, is_installed
from service.config import Config
from service.database import engine as engines
from service.database.engine import migrate, open_engine
from service.interconnect.reconcile import api as reconciliations
from service.interconnect.reconcile import worker
from tests.service import compiled
from tests.service.matrix.world import World
from tests.service.office import Office
from tests.service.standing import SHELF
from tests.service.test_money import House
from tests.service.wanted import QUICK, drop, in_cluster, want

engines.create_async_engine = compiled.create_engine
POSTGRES = (
    "fsync=off", "full_page_writes=off", "max_connections=60", "wal_level=minimal", "max_wal_senders=0",
    "autovacuum=off", "jit=off",
)  # fmt: skip
"""What is lost with the machine need not be kept, and no test lives long enough for the others to pay."""
WANTED = os.environ.get("KAMBILL_TEST_DATABASES", "sqlite,postgresql").split(",")


LONG = ("whose_money", "schemathesis", "matrix")
"""Files of tests that take longest, each a minute: they come first where workers share the rest, or one of them works
alone at the end.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Otherwise in their order."""
    order = {f"test_{name}": place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONG)))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a cluster's maintenance database, without a database name's guarantee of being empty."""
    if not is_installed():
        pytest.fail(
            "PostgreSQL 15 is not installed: apt-get install postgresql, or KAMBILL_TEST_DATABASES=sqlite",
            pytrace=False,
        )
    with cluster(*POSTGRES) as url:
        yield url


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a SQLite ledger with its tables stands, once somebody has made it: copying is quicker than migrating."""
    return tmp_path_factory.mktemp("template") / "kambill.db"


@pytest.fixture(scope="session", autouse=True)
def _shelf(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where opened companies are kept for the next tests."""
    SHELF.place = tmp_path_factory.mktemp("standing")


class Foundation(NamedTuple):
    """What stands in a ledger before a test begins: written once, and copied for each."""

    name: str = "tables"
    write: Callable[[AsyncEngine], Awaitable[None]] | None = None
    """None: tables, and nothing in them."""


@pytest.fixture(scope="session")
def foundation() -> Foundation:
    """Nothing but tables; a module that wants more says so by a fixture of this name."""
    return Foundation()


@pytest.fixture(params=WANTED)
async def database(request: pytest.FixtureRequest, tmp_path: Path, foundation: Foundation) -> AsyncIterator[str]:
    """The URL of a database of its own, on each engine in turn; empty, unless the test asks for `engine`."""
    with_tables = "engine" in request.fixturenames
    if request.param == "sqlite":
        file = tmp_path / "kambill.db"
        if with_tables:
            await copy_sqlite(request.getfixturevalue("template"), file, foundation)
        yield f"sqlite:///{file}"
        return
    url: str = request.getfixturevalue("postgres_url")
    name = f"t{uuid.uuid4().hex}"
    if with_tables:
        want(name, await _ensure_template(url, foundation), is_empty=foundation.write is None)
    else:
        await in_cluster(make_url(url), f"CREATE DATABASE {name} TEMPLATE template0 {QUICK}")
    yield url.rsplit("/", 1)[0] + f"/{name}"
    await in_cluster(make_url(url), *drop(name))


TABLES = Foundation()


async def copy_sqlite(template: Path, file: Path, foundation: Foundation = TABLES) -> None:
    """Makes the file a ledger with its tables, and what else a foundation has."""
    made = template if foundation.write is None else template.with_name(f"{foundation.name}.db")
    if not made.exists():
        if foundation.write is not None:
            await copy_sqlite(template, made)
        await _found(f"sqlite:///{made}", foundation)
    shutil.copy(made, file)


MADE: set[tuple[str, str]] = set()
"""Templates that PostgreSQL has: the URL of its cluster, and their names."""


async def _ensure_template(url: str, foundation: Foundation) -> str:
    """Its name."""
    name = f"kambill_{foundation.name}"
    if (url, name) not in MADE:
        below = "template0" if foundation.write is None else await _ensure_template(url, TABLES)
        await in_cluster(make_url(url), f"CREATE DATABASE {name} TEMPLATE {below} {QUICK}")
        await _found(url.rsplit("/", 1)[0] + f"/{name}", foundation)
        MADE.add((url, name))
    return name


async def _found(url: str, foundation: Foundation) -> None:
    engine = open_engine(url)
    await (migrate if foundation.write is None else foundation.write)(engine)
    if engine.dialect.name == "postgresql":
        async with engine.begin() as conn:  # as a database that has lived has it: a copy has no time to be looked at
            await conn.execute(sa.text("ANALYZE"))
    await engine.dispose()


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
