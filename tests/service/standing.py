"""What a company has when it opens, made once in a run and copied for each test after that: ledger, store and journal.

Opening one takes a third of a second, and a copy a tenth of that. Nobody sees the difference: a copy is taken for an
empty ledger only, and of what was opened from the same words and the same files.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.engine import reading
from service.database.tables import nodes
from tests.service.wanted import QUICK, drop, in_cluster, is_wanted_empty

FOLDERS = ("data", "ratebook", "run")
_LOCKS = shutil.ignore_patterns("lock.mdb")


class Opened(Protocol):
    """Who can be put back."""

    def kept(self) -> Any:
        """What it knows, beside its ledger and its folder."""

    def take(self, kept: Any) -> None:
        """Knows it again."""


class Standing(NamedTuple):
    """How somebody stood when they had opened."""

    database: str
    """SQLite's file, or the name of PostgreSQL's database."""
    folder: Path
    sizes: dict[str, int]
    """Of its stores, which are kept without the room that nothing has been written to."""
    kept: Any


class Shelf:
    """Of one run of tests; without a place nothing is kept."""

    def __init__(self) -> None:
        self.place: Path | None = None
        self._standing: dict[Any, Standing] = {}

    async def open(
        self, it: Opened, words: Any, engine: AsyncEngine, folder: Path, opening: Callable[[], Awaitable[None]]
    ) -> None:
        """Opens it, or puts it back as it was after the same `words`."""
        if self.place is None or await _has_begun(engine):
            await opening()
            return
        key = (words, engine.url.set(database=""), _files(folder))
        found = self._standing.get(key)
        if found is None:
            await opening()
            self._standing[key] = await self._keep(it, engine, folder, self.place / str(len(self._standing)))
            return
        await _put_back(engine, found.database)
        _copy(found.folder, folder)
        for name, size in found.sizes.items():
            os.truncate(folder / name, size)
        it.take(found.kept)

    async def _keep(self, it: Opened, engine: AsyncEngine, folder: Path, place: Path) -> Standing:
        _copy(folder, place)
        return Standing(await _keep_database(engine, place), place, _shrink(place), it.kept())


SHELF = Shelf()


async def _has_begun(engine: AsyncEngine) -> bool:
    if is_wanted_empty(engine.url):
        return False
    async with reading(engine) as conn:
        return (await conn.execute(sa.select(nodes.c.id))).first() is not None


def _files(folder: Path) -> tuple[tuple[str, bytes], ...]:
    """What stands in the folder before anything is opened: it is part of what will be."""
    found = (path for name in FOLDERS for path in sorted((folder / name).rglob("*")) if path.is_file())
    return tuple((str(path.relative_to(folder)), path.read_bytes()) for path in found)


def _copy(source: Path, target: Path) -> None:
    """Without locks, which belong to those who have them."""
    target.mkdir(exist_ok=True)
    for name in FOLDERS:
        if (source / name).exists():
            shutil.copytree(source / name, target / name, dirs_exist_ok=True, ignore=_LOCKS)


def _shrink(place: Path) -> dict[str, int]:
    """Cuts zeros off the ends of stores; their sizes before."""
    sizes = {}
    for store in place.rglob("data.mdb"):
        written = store.read_bytes()
        sizes[str(store.relative_to(place))] = len(written)
        os.truncate(store, len(written.rstrip(b"\0")))
    return sizes


def _replace(kept: str, name: str) -> None:
    """In the place of one that nobody has open, and of what SQLite left beside it."""
    for suffix in ("-wal", "-shm"):
        Path(name + suffix).unlink(missing_ok=True)
    shutil.copy(kept, name)


async def _keep_database(engine: AsyncEngine, place: Path) -> str:
    await engine.dispose()
    if engine.dialect.name == "sqlite":
        kept = str(place / "kambill.db")
        with sqlite3.connect(str(engine.url.database)) as connection:
            connection.execute("VACUUM INTO ?", (kept,))
        connection.close()
        return kept
    kept = f"standing_{engine.url.database}_{place.name}"
    await in_cluster(engine.url, f"CREATE DATABASE {kept} TEMPLATE {engine.url.database} {QUICK}")
    return kept


async def _put_back(engine: AsyncEngine, kept: str) -> None:
    await engine.dispose()
    name = str(engine.url.database)
    if engine.dialect.name == "sqlite":
        _replace(kept, name)
        return
    await in_cluster(engine.url, *drop(name), f"CREATE DATABASE {name} TEMPLATE {kept} {QUICK}")
