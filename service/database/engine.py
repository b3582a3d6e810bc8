"""Opens the ledger's database and brings its tables up to date. SQLite and PostgreSQL, the same statements on both.

Python's sqlite3 opens no transaction for a SELECT by default, so that read-modify-write loses money silently
(107 of 1,000 increments arrived in a trial). Here SQLAlchemy's own `begin` opens each one: BEGIN IMMEDIATE for
a writer, so that it never has to be repeated; BEGIN for a reader.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from service.faults import Fault

BUSY_TIMEOUT_MS = 15_000
"""How long a writer waits for another one on SQLite. The longest transaction here takes well under a second."""

_READ_ONLY = "kambill_read_only"
_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}


class DatabaseFault(Fault):
    """The database can't be used as configured. The text says what to do."""


def database_url(text: str) -> URL:
    """The URL with its driver. Raises DatabaseFault for what is no URL or another engine's."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as fault:
        raise DatabaseFault(
            f"database: {text!r} is no database URL: write sqlite:////var/lib/kambill/kambill.db "
            "or postgresql://user:password@host/name"
        ) from fault
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise DatabaseFault(
            f"database: {url.drivername!r} is not an engine that Kambill runs on: write sqlite:/// or postgresql://"
        )
    return url.set(drivername=driver)


def open_engine(text: str) -> AsyncEngine:
    """An engine for a URL. Nothing is connected yet. Raises DatabaseFault for a URL that can't be used."""
    url = database_url(text)
    try:
        if url.get_backend_name() != "sqlite":
            return create_async_engine(url, pool_pre_ping=True)
        engine = create_async_engine(url)
    except NoSuchModuleError as fault:
        raise DatabaseFault(
            f"database: the driver of {url.drivername} is not installed: run scripts/install"
        ) from fault
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, never by the driver
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def is_sqlite(conn: AsyncConnection) -> bool:
    """Whether the statement runs on SQLite."""
    return conn.dialect.name == "sqlite"


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One consistent look at everything: keeps no writer waiting, and sees none of them."""
    async with engine.connect() as conn:
        if is_sqlite(conn):
            conn = await conn.execution_options(**{_READ_ONLY: True})  # noqa: PLW2901 -- the same, with an option
        else:
            conn = await conn.execution_options(  # noqa: PLW2901
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        async with conn.begin():
            yield conn


def _alembic(connection: sa.Connection | None = None) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: sa.Connection) -> None:
    command.upgrade(_alembic(connection), "head")


def _check(connection: sa.Connection) -> None:
    command.check(_alembic(connection))


async def migrate(engine: AsyncEngine) -> None:
    """Makes the tables, or brings them up to date, in one transaction. Raises DatabaseFault if it can't be reached."""
    try:
        if engine.dialect.name == "sqlite":
            _make_folder(engine.url)
        async with engine.begin() as conn:
            await conn.run_sync(_upgrade)
    except (SQLAlchemyError, OSError) as fault:
        raise unreachable(engine, fault) from fault


async def check_migrations(engine: AsyncEngine) -> None:
    """Raises alembic's AutogenerateDiffsDetected if the tables in the database are not those of `tables`."""
    async with engine.begin() as conn:
        await conn.run_sync(_check)


def _make_folder(url: URL) -> None:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)


def unreachable(engine: AsyncEngine, fault: BaseException) -> DatabaseFault:
    """What to tell when the database doesn't answer. The password is never shown."""
    shown = engine.url.render_as_string(hide_password=True)
    reason = str(getattr(fault, "orig", None) or fault).strip().split("\n")[0] or type(fault).__name__
    advice = "the folder must exist and be writable" if engine.dialect.name == "sqlite" else "start PostgreSQL"
    return DatabaseFault(f"database {shown}: {reason}: {advice}, or correct `database` in kambill.yaml")
