"""`scripts/bench portal`: a kept ledger of millions of calls, people who look at it, and what that takes."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from scripts.benchmarks.portal.asking import HOST, PORT, Asker, Processes
from scripts.benchmarks.portal.cases import cases
from scripts.benchmarks.portal.files import FileFigure, files
from scripts.benchmarks.portal.hours import add_hours
from scripts.benchmarks.portal.making import made
from scripts.benchmarks.portal.measuring import measured, told
from scripts.benchmarks.portal.people import Person, people
from scripts.benchmarks.portal.plan import Kept, Plan, kept
from scripts.benchmarks.portal.running import RunningCalls
from scripts.benchmarks.portal.viewers import Viewed, viewed
from scripts.benchmarks.portal.wall import HOUR, shift_ms
from scripts.benchmarks.postgres import cluster
from scripts.demo.children import Children
from scripts.demo.sockets import Address, is_bound, require_free
from service.config import Config
from service.database.engine import open_engine

MANY = 1_000_000
START_S = 60
_ADDRESS = Address(HOST, PORT, "tcp")


class Ask(NamedTuple):
    """What is measured."""

    calls: int
    accounts: int
    samples: int
    databases: tuple[str, ...]
    by_cpu: bool
    """Processor time is held against the limits: on a machine that others use too."""
    hour: int = HOUR
    """At which it begins for the service, UTC."""
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
        with _served(ledger, database, ask.hour) as served:
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
def _served(ledger: Kept, database: str, hour: int) -> Iterator[Served]:
    folder, now_ms = ledger.folder, time.time_ns() // 1_000_000
    by_ms = shift_ms(hour, now_ms)
    require_free(_ADDRESS, "the service", "another bench may be at work: wait for its end")
    with Children() as children, _database(ledger, database) as (url, server):
        config = Config.model_validate(_settings(folder, url))
        made(ledger, config)
        asyncio.run(add_hours(config))
        (folder / "kambill.json").write_text(json.dumps(_settings(folder, url)))
        serving = ("-m", "scripts.benchmarks.portal.serving", folder / "kambill.json", str(by_ms))
        service = children.start("the service", [sys.executable, *serving], folder / "service.log")
        service.wait_until(lambda: is_bound(_ADDRESS), START_S)
        asked = asyncio.run(_people(config, now_ms + by_ms))
        with RunningCalls(config.run_dir, ledger.plan.customers):
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


async def _people(config: Config, now_ms: int) -> list[Person]:
    engine = open_engine(config.database_url)
    try:
        return await people(engine, now_ms)
    finally:
        await engine.dispose()


def _measured(served: Served, ask: Ask) -> int:
    """How many addresses were beyond their limit; each of them is told."""
    failed = 0
    for person in served.people:
        asker = Asker(person, served.processes)
        figures = [measured(asker, case, ask.samples) for case in list(cases(asker, served.plan))]
        failed += told(served.database, person.name, figures, by_cpu=ask.by_cpu)
    for person in served.people:
        for figure in files(Asker(person, served.processes), served.plan):
            failed += _told(served.database, person.name, figure, is_over=figure.is_over(by_cpu=ask.by_cpu))
    found = viewed(served.people, served.processes)
    return failed + _told(served.database, "all", found, is_over=found.is_over(by_cpu=ask.by_cpu))


def _told(database: str, person: str, figure: FileFigure | Viewed, *, is_over: bool) -> int:
    """1: it is beyond its limit."""
    line = {"database": database, "person": person, "address": figure.address, **figure._asdict()}
    print(json.dumps(line | ({"over": figure.address} if is_over else {})), flush=True)
    return int(is_over)
