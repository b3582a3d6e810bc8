"""`scripts/bench portal`: a kept ledger of millions of calls, people who look at it, and what that takes."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from scripts.benchmarks.portal.asking import HOST, PORT, Asker, Processes
from scripts.benchmarks.portal.cases import cases
from scripts.benchmarks.portal.making import made
from scripts.benchmarks.portal.measuring import (
    CSV_LIMIT,
    GROWTH_LIMIT_KIB,
    XLSX_LIMIT,
    FileFigure,
    file_of,
    measured,
    told,
)
from scripts.benchmarks.portal.people import Person, people
from scripts.benchmarks.portal.plan import HOUR_MS, Kept, Plan, kept
from scripts.benchmarks.postgres import cluster
from scripts.demo.children import Children
from scripts.demo.sockets import Address, is_bound
from service.api.values import moment_text
from service.config import Config
from service.database.engine import open_engine, reading
from service.database.tables import cdrs

FILE_ROWS = 500_000
MANY = 1_000_000
START_S = 60


class Ask(NamedTuple):
    """What is measured."""

    calls: int
    accounts: int
    samples: int
    databases: tuple[str, ...]
    by_cpu: bool
    """Processor time is held against the limits: on a machine that others use too."""
    keep: bool = True
    """The ledgers, for the next time."""


def run(home: Path, ask: Ask) -> int:
    """1: a limit was passed."""
    failed = 0
    for database in ask.databases:
        ledger = kept(home, database, ask.calls, ask.accounts)
        if not ledger.is_made:
            _cleared(home, f"{database}-{ask.calls}-")
            ledger.folder.mkdir(parents=True)
        with _served(ledger, database) as served:
            failed += _measured(served, ask)
        if not ask.keep:
            shutil.rmtree(ledger.folder)
    return 1 if failed else 0


def _cleared(home: Path, alike: str) -> None:
    """Ledgers of this engine and size that are of an older state, or half made."""
    for folder in home.glob(f"{alike}*"):
        shutil.rmtree(folder)


class Served(NamedTuple):
    """A ledger with the service on it."""

    database: str
    plan: Plan
    config: Config
    people: list[Person]
    processes: Processes


@contextmanager
def _served(ledger: Kept, database: str) -> Iterator[Served]:
    folder = ledger.folder
    with Children() as children, _database(ledger, database) as (url, server):
        config = Config.model_validate(_settings(folder, url))
        made(ledger, config)
        (folder / "kambill.json").write_text(json.dumps(_settings(folder, url)))
        command: list[str | Path] = [sys.executable, "-m", "scripts.benchmarks.portal.serving", folder / "kambill.json"]
        service = children.start("the service", command, folder / "service.log")
        service.wait_until(lambda: is_bound(Address(HOST, PORT, "tcp")), START_S)
        asked = asyncio.run(_people(config))
        yield Served(database, ledger.plan, config, asked, Processes(service.process.pid, server))


@contextmanager
def _database(ledger: Kept, database: str) -> Iterator[tuple[str, int | None]]:
    """Its URL, and the process id of its server; None: it has none."""
    if database == "sqlite":
        yield "", None
        return
    options = ("shared_buffers=512MB", "max_wal_size=8GB", "wal_level=minimal", "max_wal_senders=0", "fsync=off")
    with cluster(*options, folder=ledger.folder / "cluster") as url:
        yield url, int((ledger.folder / "cluster" / "data" / "postmaster.pid").read_text().split()[0])


def _settings(folder: Path, url: str) -> dict[str, Any]:
    return {
        "run_dir": str(folder / "run"),
        "data_dir": str(folder / "data"),
        "ratebook": str(folder / "ratebook"),
        "database": url,
        "listen": {"host": HOST, "port": PORT},
        "api": {"requests_per_minute": MANY, "unknown_per_minute": MANY},
    }


async def _people(config: Config) -> list[Person]:
    engine = open_engine(config.database_url)
    try:
        return await people(engine)
    finally:
        await engine.dispose()


def _measured(served: Served, ask: Ask) -> int:
    failed = 0
    for person in served.people:
        asker = Asker(person, served.processes)
        figures = [measured(asker, case, ask.samples) for case in list(cases(asker, served.plan))]
        failed += told(served.database, person.name, figures, by_cpu=ask.by_cpu)
    return failed + _files(served, ask)


def _files(served: Served, ask: Ask) -> int:
    """The operator's calls of some time, in both forms."""
    plan = served.plan
    until_ms = plan.begin_ms + max(1, min(FILE_ROWS, plan.calls) // plan.hourly) * HOUR_MS
    rows = asyncio.run(_rows_before(served.config, until_ms))
    asker = Asker(served.people[0], served.processes)
    failed = 0
    for kind, limit in (("csv", CSV_LIMIT), ("xlsx", XLSX_LIMIT)):
        figure = file_of(asker, f"/calls.{kind}?until={moment_text(until_ms)}", rows)
        print(json.dumps({"database": served.database, **figure._asdict()}), flush=True)
        failed += _is_slow(figure, limit, by_cpu=ask.by_cpu)
    return failed


def _is_slow(figure: FileFigure, limit: int, *, by_cpu: bool) -> bool:
    reached = figure.rows_per_cpu_s if by_cpu else figure.rows_per_s
    return reached < limit or figure.grown_kib > GROWTH_LIMIT_KIB


async def _rows_before(config: Config, until_ms: int) -> int:
    engine = open_engine(config.database_url)
    async with reading(engine) as conn:
        count = sa.select(sa.func.count()).select_from(cdrs).where(cdrs.c.start_ms < until_ms)
        found = int((await conn.execute(count)).scalar_one())
    await engine.dispose()
    return found
