"""Ledgers to test on: SQLite, and a throw-away PostgreSQL 15 cluster that lives as long as the run."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.engine import migrate, open_engine

POSTGRES = Path("/usr/lib/postgresql/15/bin")
WANTED = os.environ.get("KAMBILL_TEST_DATABASES", "sqlite,postgresql").split(",")


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _as_postgres(*command: str) -> None:
    """PostgreSQL refuses to run as root."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a cluster's maintenance database, without a database name's guarantee of being empty."""
    if not (POSTGRES / "initdb").exists():
        pytest.fail(
            "PostgreSQL 15 is not installed: apt-get install postgresql, or KAMBILL_TEST_DATABASES=sqlite",
            pytrace=False,
        )
    folder = Path(tempfile.mkdtemp(prefix="kambill-pg-"))
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    port = free_port()
    data = str(folder / "data")
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off -c full_page_writes=off -c max_connections=60"
    _as_postgres(str(POSTGRES / "initdb"), "-D", data, "-A", "trust", "-E", "UTF8", "--no-sync")
    _as_postgres(str(POSTGRES / "pg_ctl"), "-D", data, "-l", str(folder / "log"), "-o", options, "-w", "start")
    yield f"postgresql://{user}@127.0.0.1:{port}/postgres"
    _as_postgres(str(POSTGRES / "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder)


@pytest.fixture(params=WANTED)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database of its own, on each engine in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'kambill.db'}"
        return
    url: str = request.getfixturevalue("postgres_url")
    name = f"t{uuid.uuid4().hex}"
    await _execute(url, f"CREATE DATABASE {name}")
    yield url.rsplit("/", 1)[0] + f"/{name}"
    await _execute(url, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(url: str, statement: str) -> None:
    engine = open_engine(url)
    async with engine.connect() as conn:
        await (await conn.execution_options(isolation_level="AUTOCOMMIT")).execute(sa.text(statement))
    await engine.dispose()


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    """An engine on an empty ledger, its tables made."""
    engine = open_engine(database)
    await migrate(engine)
    yield engine
    await engine.dispose()
