"""Fills a ledger: what is few row by row, what is many by statements over whole ranges, the indices last."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple, Protocol

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex

from scripts.benchmarks.portal.made import DONE, HELPERS, books_of, prices, statements
from scripts.benchmarks.portal.members import Rows, rows_of
from scripts.benchmarks.portal.plan import Kept
from scripts.benchmarks.portal.summing import summed
from service.config import Config
from service.database.billing_tables import invoice_lines, invoices
from service.database.engine import database_url
from service.database.tables import cdrs, charges, entries, postings
from service.start import open_ledger

INDEXED_LATER = (cdrs, charges, entries, postings, invoices, invoice_lines)
_CACHE_KIB = 400_000


class Writer(Protocol):
    """A connection that fills."""

    @property
    def json_cast(self) -> str:
        """What makes text JSON."""

    @property
    def dialect(self) -> sa.Dialect:
        """In which indices are told."""

    async def run(self, statement: str) -> None:
        """Does a statement."""

    async def put(self, rows: Rows) -> None:
        """Writes rows one by one."""


class SqliteWriter(NamedTuple):
    """On a file of its own: what a crash leaves of it is thrown away."""

    connection: sqlite3.Connection
    json_cast: str = ""
    dialect: sa.Dialect = sqlite.dialect()

    async def run(self, statement: str) -> None:
        """Does a statement."""
        self.connection.execute(statement)

    async def put(self, rows: Rows) -> None:
        """Writes rows one by one."""
        names = rows.columns.split()
        marks = ", ".join("?" * len(names))
        self.connection.executemany(f"INSERT INTO {rows.table} ({', '.join(names)}) VALUES ({marks})", rows.rows)


class PostgresWriter(NamedTuple):
    """Without the checks of keys and the triggers, which would be the same a million times."""

    connection: Any
    json_cast: str = "::json"
    dialect: sa.Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]

    async def run(self, statement: str) -> None:
        """Does a statement."""
        await self.connection.execute(statement)

    async def put(self, rows: Rows) -> None:
        """Writes rows by COPY."""
        await self.connection.copy_records_to_table(rows.table, records=rows.rows, columns=rows.columns.split())


async def make(ledger: Kept, config: Config, told: Callable[[str], object]) -> None:
    """Fills an empty ledger, and says in its folder that it is made."""
    await _migrated(config, ledger.plan.begin_ms)
    url = database_url(config.database_url)
    if url.get_backend_name() == "sqlite":
        connection = sqlite3.connect(str(url.database), isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}", "foreign_keys=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        await _fill(SqliteWriter(connection), ledger, told)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.close()
    else:
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        server = await asyncpg.connect(plain)
        for setting in ("session_replication_role = replica", "work_mem = '256MB'", "maintenance_work_mem = '512MB'"):
            await server.execute(f"SET {setting}")
        await _fill(PostgresWriter(server), ledger, told)
        await server.execute("VACUUM ANALYZE")
        await server.close()
    (ledger.folder / "plan.json").write_text(json.dumps(list(ledger.plan)))


async def _fill(writer: Writer, ledger: Kept, told: Callable[[str], object]) -> None:
    plan = ledger.plan
    later = sorted((one for table in INDEXED_LATER for one in table.indexes), key=lambda one: str(one.name))
    await writer.run("BEGIN")
    await _all(writer.run, (f"DROP INDEX {one.name}" for one in later))
    await _all(writer.run, HELPERS)
    for rows in rows_of(plan):
        await writer.put(rows)
    await writer.put(Rows("bench_prices", "place depth terms micros name", prices()))
    started = time.monotonic()
    for number, statement in enumerate(statements(plan, writer.json_cast)):
        await writer.run(statement)
        if number % 40 == 0:
            told(f"{number} statements, {time.monotonic() - started:.0f} s")
    await writer.run("COMMIT")
    await _all(writer.run, (str(CreateIndex(one).compile(dialect=writer.dialect)) for one in later))
    told(f"indices, {time.monotonic() - started:.0f} s")
    await writer.run("ANALYZE")
    await writer.run("BEGIN")
    await _all(writer.run, (*books_of(plan), *summed(plan), *DONE))
    if isinstance(writer, PostgresWriter):
        await _all(writer.run, _NUMBERS_ON)
    await writer.run("COMMIT")
    await writer.run("ANALYZE")
    told(f"books, {time.monotonic() - started:.0f} s")


async def _all(do: Callable[[str], Awaitable[None]], statements: Iterable[str]) -> None:
    for statement in statements:
        await do(statement)


_NUMBERS_ON = [
    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT MAX(id) FROM {table}))"
    for table in ("accounts", "gateways", "trunks", "devices", "numbers", "users", "cdrs", "entries", "invoices")
]
"""Rows that are written later get numbers behind those."""


async def _migrated(config: Config, now_ms: int) -> None:
    async with open_ledger(config, now_ms):
        pass


def made(ledger: Kept, config: Config) -> None:
    """Makes a ledger if it isn't there; a kept one gets the tables of today, as an operator's."""
    if ledger.is_made:
        asyncio.run(_migrated(config, ledger.plan.begin_ms))
        return
    started = time.monotonic()
    asyncio.run(make(ledger, config, lambda text: print(f"  {text}", flush=True)))
    print(json.dumps({"made": ledger.folder.name, "seconds": round(time.monotonic() - started)}), flush=True)
