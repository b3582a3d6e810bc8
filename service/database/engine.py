"""Opens the ledger's database and brings its tables up to date. SQLite and PostgreSQL, the same statements on both.

Python's sqlite3 opens no transaction for a SELECT by default, so that read-modify-write loses money silently
(107 of 1,000 increments arrived in a trial). Here SQLAlchemy's own `begin` opens each one: BEGIN IMMEDIATE for
a writer, so that it never has to be repeated; BEGIN for a reader.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from service.database.away import connect_postgresql
from service.database.sqlite import DRIVER
from service.faults import Fault

if TYPE_CHECKING:
    from alembic.config import Config

BUSY_TIMEOUT_MS = 15_000
"""How long a writer waits for another one on SQLite. The longest transaction here takes well under a second."""
MAPPED = f"mmap_size={1 << 30}"
"""So many bytes of SQLite's file are read where the kernel has them, and not copied into each connection's 2 MB:
going through a month's calls more than once, as a billing run does, takes two thirds of the time.
"""
WRITTEN = f"cache_size={-64 * 1024}"
"""KiB of pages that a transaction has changed, kept until its end. With SQLite's own 2 MB, thousands of calls in one
transaction write the same pages of the indexes into the log again and again.
"""
READ = f"cache_size={-4 * 1024}"
"""KiB of pages that a connection keeps which only looks: a file is read by two of them."""
UNREACHABLE_STATES = ("08", "53", "57P", "SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_READONLY")
"""Classes of SQLSTATE that are about the connection, what the server is short of, its ending; SQLite's of the file."""
CONNECTIONS = 16
"""To PostgreSQL, kept open: one that is opened for a request costs more than the request."""

_AT_ONCE = {
    "server_settings": {
        "jit": "off",
        "plan_cache_mode": "force_custom_plan",
        "random_page_cost": "1.1",
        "work_mem": "32MB",
        "parallel_setup_cost": "100000",
    },
}
"""PostgreSQL compiles a statement that it takes for a long one: seconds, where all of ours take far less. What it has
planned five times it plans for values that it doesn't know: a page that had taken 20 ms then took minutes. And a page
of a table out of order costs, as it has it from turning disks, four in order: it read 400,000 calls to find 20,000.
What 50,000 accounts come to is more than its 4 MB: it was written to files and sorted there; and processes beside,
which each added up a part, took twice as long together as one does: they are for looks at whole tables.
"""
_MIGRATIONS = Path(__file__).parent / "migrations"
_TOLD = re.compile(r'^(revision|down_revision) = "(\w+)"$', re.MULTILINE)
_MIGRATION_LOCK = 0x6B616D62696C6C  # "kambill"
_READ_ONLY = "kambill_read_only"
_TEMPORARY = "kambill_temp_store"
_DRIVERS = {
    "sqlite": DRIVER,
    "sqlite+aiosqlite": DRIVER,
    DRIVER: DRIVER,
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
    """An engine for a URL. Nothing is connected yet. Raises DatabaseFault for a URL that can't be used.

    Its faults tell no values: they go to logs, and some are secrets.
    """
    url = database_url(text)
    try:
        if url.get_backend_name() != "sqlite":
            engine = create_async_engine(
                url, pool_size=CONNECTIONS, max_overflow=0, connect_args=_AT_ONCE, hide_parameters=True
            )
            event.listen(engine.sync_engine, "do_connect", connect_postgresql)
            return engine
        engine = create_async_engine(url, hide_parameters=True)
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
    safe = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", *safe, MAPPED):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    # What a statement has changed, which may fail half-way, is kept in memory: a batch of the collector would write ten
    # times its own size into files otherwise. What a look sorts may be too large for that.
    kept, cache = ("FILE", READ) if read_only else ("MEMORY", WRITTEN)
    if connection.info.get(_TEMPORARY) != kept:
        connection.exec_driver_sql(f"PRAGMA temp_store={kept}")
        connection.exec_driver_sql(f"PRAGMA {cache}")
        connection.info[_TEMPORARY] = kept
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


class TookTooLong(Exception):
    """A look was given up; its statement was ended, wherever it ran."""


@asynccontextmanager
async def looking_within(engine: AsyncEngine, most_s: float, *, as_one: bool = False) -> AsyncIterator[AsyncConnection]:
    """A look that somebody waits for: it holds its connection no longer than that. Raises TookTooLong.

    `as_one`: all of it is one transaction.
    """
    try:
        async with asyncio.timeout(most_s) as limit, (reading if as_one else looking)(engine) as conn:
            yield conn
    except TimeoutError as fault:
        if limit.expired():
            raise TookTooLong from fault
        raise


@asynccontextmanager
async def looking(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """For a few statements that need not see the same moment: on PostgreSQL without the two trips of a transaction."""
    if engine.dialect.name == "sqlite":
        async with reading(engine) as conn:
            yield conn
        return
    async with engine.connect() as conn:
        yield await conn.execution_options(isolation_level="AUTOCOMMIT", postgresql_readonly=True)


async def go_by_indexes(conn: AsyncConnection) -> None:
    """Until the transaction's end, for one that fills a table and looks meanwhile what isn't in it. For PostgreSQL.

    What that knows of its tables is of yesterday: it takes one that was empty then for empty still, and goes through
    all of it for each row of another one. The first billing of a month took ten times as long.
    """
    if not is_sqlite(conn):
        await conn.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")
        await conn.exec_driver_sql("SET LOCAL enable_seqscan = off")


async def go_row_by_row(conn: AsyncConnection, *, has_small_tables: bool = False) -> None:
    """Until the transaction's end, for one that looks up what is beside some thousand rows. For PostgreSQL.

    It would go through whole tables for so many, with processes of its own beside. `has_small_tables`: of its own
    making, in which it may look by hashes.
    """
    if is_sqlite(conn):
        return
    hashes = [] if has_small_tables else ["enable_hashjoin"]
    for setting in ("enable_seqscan", *hashes, "enable_mergejoin", "max_parallel_workers_per_gather"):
        await conn.exec_driver_sql(f"SET LOCAL {setting} = 0")


def _upgrade(connection: sa.Connection) -> None:
    """Imported here: a third of a second that most commands don't need."""
    from alembic import command  # noqa: PLC0415

    command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: sa.Connection) -> Config:
    """What alembic's commands are told."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config(stdout=sys.stdout)  # its default is what standard output was when alembic was imported
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _is_newest(connection: sa.Connection) -> bool:
    """Whether the database is at the newest migration."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return False
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == newest_migration()


def newest_migration() -> str:
    """The one that none comes after: their numbers need not rise. Read as text: alembic's own look takes far longer."""
    told = [dict(_TOLD.findall(path.read_text())) for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")]
    (newest,) = {one["revision"] for one in told} - {one.get("down_revision") for one in told}
    return str(newest)


async def migrate(engine: AsyncEngine) -> None:
    """Makes the tables, or brings them up to date, in one transaction. Raises DatabaseFault if it can't be reached."""
    try:
        if engine.dialect.name == "sqlite":
            await asyncio.to_thread(_make_file, engine.url)
        async with reading(engine) as conn:
            if await conn.run_sync(_is_newest):
                return
        async with engine.begin() as conn:
            if not is_sqlite(conn):  # two first starts at once: the second one waits, and finds the tables
                await conn.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            await conn.run_sync(_upgrade)
    except (SQLAlchemyError, sqlite3.Error, OSError) as fault:
        raise unreachable(engine, fault) from fault


def _make_file(url: URL) -> None:
    """Makes an SQLite file with a write-ahead log, unless it has one.

    Of two that give a new file its log at once, one finds it locked without waiting, whatever its timeout: they take
    turns, by a lock of its folder.
    """
    if not url.database or url.database == ":memory:":
        return
    folder = Path(url.database).absolute().parent
    folder.mkdir(parents=True, exist_ok=True)
    turn = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        with closing(sqlite3.connect(url.database, BUSY_TIMEOUT_MS / 1000)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    finally:
        os.close(turn)


def is_unreachable(fault: BaseException) -> bool:
    """Whether the database is gone, silent, full or ending, whatever it was asked."""
    if isinstance(fault, PoolTimeoutError):  # every connection of the pool waits for it
        return True
    if not isinstance(fault, DBAPIError):
        return False
    state = str(getattr(fault.orig, "sqlstate", None) or getattr(fault.orig, "sqlite_errorname", ""))
    return fault.connection_invalidated or state.startswith(UNREACHABLE_STATES)


def unreachable(engine: AsyncEngine, fault: BaseException) -> DatabaseFault:
    """What to tell when the database doesn't answer. The password is never shown."""
    shown = engine.url.render_as_string(hide_password=True)
    reason = str(getattr(fault, "orig", None) or fault).strip().split("\n")[0] or type(fault).__name__
    if isinstance(fault, PoolTimeoutError):
        reason = "it doesn't answer"
    advice = "start PostgreSQL"
    if engine.dialect.name == "sqlite":
        advice = "free space there" if reason.endswith("full") else "the folder must exist and be writable"
    return DatabaseFault(f"database {shown}: {reason}: {advice}, or correct `database` in kambill.yaml")
