"""The ledger's ground: transactions that lose nothing, tables that are the migrations', faults that say what to do."""

from __future__ import annotations

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.config import Config
from service.database import engine as engine_module
from service.database.engine import (
    DatabaseFault,
    TookTooLong,
    _make_file,
    alembic_config,
    database_url,
    is_sqlite,
    is_unreachable,
    looking_within,
    migrate,
    newest_migration,
    open_engine,
    reading,
    unreachable,
)
from service.database.tables import accounts, metadata, nodes
from service.start import ensure_first_rows
from tests.waiting import PATIENCE_S

MIGRATIONS = Path(engine_module.__file__).parent / "migrations"


async def check_migrations(engine: AsyncEngine) -> None:
    """Raises if the tables in the database are not those of `tables`."""
    async with engine.begin() as conn:
        await conn.run_sync(lambda one: command.check(alembic_config(one)))


async def test_read_modify_write_loses_nothing_between_20_tasks(engine: AsyncEngine) -> None:
    """20 tasks x 50 increments, read first and written back, end at 1,000."""
    async with engine.begin() as conn:
        await conn.execute(sa.insert(nodes).values(name="n"))

    async def count() -> None:
        for _ in range(50):
            async with engine.begin() as conn:
                row = sa.select(nodes.c.epoch).with_for_update()
                seen = (await conn.execute(row)).scalar_one()
                await asyncio.sleep(0)
                await conn.execute(sa.update(nodes).values(epoch=seen + 1))

    await asyncio.gather(*(count() for _ in range(20)))
    async with reading(engine) as conn:
        assert (await conn.execute(sa.select(nodes.c.epoch))).scalar_one() == 1000


async def test_tables_are_those_of_the_migrations(engine: AsyncEngine) -> None:
    """What `tables` declares is what the migrations have made, on both engines."""
    await check_migrations(engine)


async def test_indices_of_sides_tell_numbers_of_calls(engine: AsyncEngine) -> None:
    """On PostgreSQL, too: each call that its index tells is a page of the table that isn't read."""
    async with reading(engine) as conn:
        found = await conn.run_sync(lambda one: sa.inspect(one).get_indexes("cdrs"))
        told = {one["name"]: one.get("dialect_options", {}).get("postgresql_include", []) for one in found}
        names = [f"ix_cdrs_{column}_start_ms" for column in ("account_id", "owner_id", "cost_account_id")]
        assert {name: told[name] for name in names} == dict.fromkeys(names, [] if is_sqlite(conn) else ["id"])


async def test_migrating_twice_changes_nothing(engine: AsyncEngine) -> None:
    """The second start finds the tables up to date."""
    await migrate(engine)
    await check_migrations(engine)


def test_the_newest_migration_is_alembics_head() -> None:
    """Whichever number it has: whoever stands elsewhere is brought up to date."""
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [newest_migration()]


async def test_two_first_starts_at_once_make_the_tables_once(database: str) -> None:
    """The second one waits for the first."""
    engines = [open_engine(database) for _ in range(2)]
    await asyncio.gather(*(migrate(engine) for engine in engines))
    await check_migrations(engines[0])
    for engine in engines:
        await engine.dispose()


def test_many_give_a_new_file_its_log_at_once(tmp_path: Path) -> None:
    """SQLite lets one of two fail without waiting for the other, whatever its timeout."""
    with ThreadPoolExecutor(8) as several:
        for number in range(50):
            url = database_url(f"sqlite:///{tmp_path}/new-{number}.db")
            list(several.map(_make_file, [url] * 8))


async def test_a_stray_table_is_noticed(engine: AsyncEngine) -> None:
    """The comparison of the tests above can fail."""
    async with engine.begin() as conn:
        await conn.execute(sa.text("CREATE TABLE stray (id INTEGER)"))
    with pytest.raises(Exception, match="remove_table"):
        await check_migrations(engine)


async def test_a_reader_sees_one_moment(engine: AsyncEngine) -> None:
    """What is committed while a reader reads appears to the next reader, not to this one."""
    count = sa.select(sa.func.count()).select_from(nodes)
    async with reading(engine) as first:
        assert (await first.execute(count)).scalar_one() == 0
        async with engine.begin() as conn:
            await conn.execute(sa.insert(nodes).values(name="n"))
        assert (await first.execute(count)).scalar_one() == 0
    async with reading(engine) as second:
        assert (await second.execute(count)).scalar_one() == 1


async def test_a_cancelled_writer_leaves_its_turn_to_the_next(engine: AsyncEngine) -> None:
    """Wherever it is: in the queue of writers, in a statement, at its end."""

    async def write() -> None:
        async with engine.begin() as conn:
            for _ in range(3):
                await conn.execute(sa.insert(nodes).values(name=f"n{next(numbers)}"))

    numbers = itertools.count()
    for steps in range(60):
        tasks = [asyncio.create_task(write()) for _ in range(2)]
        for _ in range(steps):
            await asyncio.sleep(0)
        tasks[0].cancel()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*tasks, return_exceptions=True)
            await write()


_NEVER_DONE = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT MAX(i) FROM n"


async def test_a_look_that_takes_too_long_is_given_up(engine: AsyncEngine) -> None:
    """Its statement ends in the database as well, and others look meanwhile and afterwards; a short one is let be."""
    with pytest.raises(TookTooLong):
        async with looking_within(engine, 0.2) as conn:
            await conn.execute(sa.text(_NEVER_DONE))
    async with looking_within(engine, 2 * PATIENCE_S) as conn:
        assert (await conn.execute(sa.text("SELECT 1"))).scalar_one() == 1
        if not is_sqlite(conn):
            running = "SELECT COUNT(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'WITH RECURSIVE n%'"
            async with asyncio.timeout(PATIENCE_S):
                while (await conn.execute(sa.text(running))).scalar_one():
                    await conn.execute(sa.text("SELECT pg_sleep(0.01)"))


async def test_a_fault_of_a_look_stays_what_it_is(engine: AsyncEngine) -> None:
    """A time that ran out elsewhere is not the look's."""
    with pytest.raises(TimeoutError, match="elsewhere"):
        async with looking_within(engine, 30):
            raise TimeoutError("elsewhere")


async def test_sqlite_keeps_what_it_writes_in_memory_and_what_it_sorts_in_files(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/kambill.db")
    async with engine.begin() as conn:
        assert await _temp_store(conn) == 2  # memory
    async with reading(engine) as conn:
        assert await _temp_store(conn) == 1  # files
    async with engine.begin() as conn:
        assert await _temp_store(conn) == 2
    await engine.dispose()


async def _temp_store(conn: AsyncConnection) -> int:
    return int((await conn.exec_driver_sql("PRAGMA temp_store")).scalar_one())


async def test_the_database_refuses_what_makes_no_sense(engine: AsyncEngine) -> None:
    """CHECK constraints are there on both engines: a second root, an unknown kind, a currency of two letters."""
    good = {
        "name": "a",
        "kind": "root",
        "billing": "postpaid",
        "currency": "EUR",
        "depth": 0,
        "path": "/1/",
        "created_ms": 1,
    }
    for change in (
        {"kind": "customer"},
        {"kind": "king"},
        {"currency": "EU"},
        {"channels": 0},
        {"credit_limit_micros": -1},
    ):
        with pytest.raises(IntegrityError):
            async with engine.begin() as conn:
                await conn.execute(sa.insert(accounts).values(**good | change))
    async with engine.begin() as conn:
        await conn.execute(sa.insert(accounts).values(**good))


def test_every_table_with_money_names_its_currency() -> None:
    """A column of micro-units stands beside a currency, or in a row that belongs to an account or paper with one."""
    for table in metadata.sorted_tables:
        of_another = table.name in {"commands", "differences"} or table.name.startswith(("invoice_", "statement_"))
        if not of_another and any(column.name.endswith("_micros") for column in table.c):
            assert any(column.name.endswith("currency") for column in table.c), table.name


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("sqlite:////tmp/x.db", "sqlite+kambill"),
        ("postgresql://u:p@h/n", "postgresql+asyncpg"),
        ("postgresql+asyncpg://u:p@h/n", "postgresql+asyncpg"),
    ],
)
def test_plain_urls_get_their_driver(text: str, driver: str) -> None:
    """Nobody has to know the driver's name."""
    assert database_url(text).drivername == driver


@pytest.mark.parametrize(("text", "said"), [("nonsense", "no database URL"), ("mysql://u@h/n", "not an engine")])
def test_other_urls_are_refused_with_what_to_write(text: str, said: str) -> None:
    """A wrong URL is told at the start."""
    with pytest.raises(DatabaseFault, match=said):
        open_engine(text)


async def test_a_stopped_postgresql_is_told_without_its_password() -> None:
    """Nothing listens on port 1: the sentence says what to do and keeps the secret."""
    engine = open_engine("postgresql://me:secret@127.0.0.1:1/kambill")
    with pytest.raises(DatabaseFault, match="start PostgreSQL") as fault:
        await migrate(engine)
    assert "secret" not in str(fault.value)
    await engine.dispose()


async def _say(engine: AsyncEngine, *statements: str) -> None:
    async with engine.begin() as conn:
        for statement in statements:
            await conn.execute(sa.text(statement))


async def test_a_database_that_goes_away_is_told_from_a_wrong_question(engine: AsyncEngine) -> None:
    """PostgreSQL ends a statement's connection; SQLite's file takes no more pages. What is asked wrongly is neither."""
    sqlite = is_sqlite(engine)
    ending = ["SELECT pg_terminate_backend(pg_backend_pid())"]
    full = ["PRAGMA max_page_count = 1", "CREATE TABLE much AS SELECT randomblob(8000000)"]
    with pytest.raises(DBAPIError) as wrong:
        await _say(engine, "SELECT nothing FROM nowhere")
    with pytest.raises(DBAPIError) as gone:
        await _say(engine, *(full if sqlite else ending))
    assert [is_unreachable(fault) for fault in (wrong.value, gone.value, ValueError("x"))] == [False, True, False]
    assert ("free space there" if sqlite else "start PostgreSQL") in str(unreachable(engine, gone.value))
    silent = PoolTimeoutError("QueuePool limit of size 16 overflow 0 reached")
    assert is_unreachable(silent)
    assert ": it doesn't answer: " in str(unreachable(engine, silent))


async def test_a_folder_that_cant_be_made_is_told(tmp_path: Path) -> None:
    """A file stands where SQLite's folder should be."""
    (tmp_path / "file").write_text("")
    engine = open_engine(f"sqlite:///{tmp_path / 'file' / 'kambill.db'}")
    with pytest.raises(DatabaseFault, match="correct `database`"):
        await migrate(engine)
    await engine.dispose()


async def test_the_second_start_waits_for_no_writer(engine: AsyncEngine) -> None:
    """Another process is in the middle of a long transaction: a command that only looks isn't kept waiting."""
    await ensure_first_rows(engine, Config(), 0)
    async with engine.begin() as writer:
        await writer.execute(sa.update(nodes).values(state="busy"))
        async with asyncio.timeout(PATIENCE_S):
            await migrate(engine)
            await ensure_first_rows(engine, Config(), 0)
    async with reading(engine) as conn:
        assert (await conn.execute(sa.select(sa.func.count()).select_from(accounts))).scalar_one() == 1
