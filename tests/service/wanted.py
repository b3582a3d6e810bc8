"""PostgreSQL's databases for tests, each made when somebody first connects to it.

Half of all tests put what stands on the shelf in its place, and some never look: it would be made, thrown away and made
again, a thousand files each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from threading import Thread
from typing import NamedTuple

import asyncpg
import pytest
from sqlalchemy import URL

QUICK = "STRATEGY FILE_COPY"
"""How PostgreSQL makes a small database for half of the work, where nothing is synced."""


ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For values that a form refuses: no statement is made of them. What slipped through, SQLite would rather take."""


class Wanted(NamedTuple):
    """A database that isn't there yet."""

    template: str
    is_empty: bool
    """Tables, and nothing in them."""
    making: asyncio.Lock


_WANTED: dict[str, Wanted] = {}


def want(name: str, template: str, *, is_empty: bool) -> None:
    """It is made for the first connection."""
    _WANTED[name] = Wanted(template, is_empty, asyncio.Lock())


def is_wanted_empty(url: URL) -> bool:
    """Nobody has looked at it, and there would be nothing to see."""
    found = _WANTED.get(str(url.database))
    return found is not None and found.is_empty


async def ensure_made(url: URL) -> None:
    """For whoever is about to connect; two at once wait for one making."""
    name = str(url.database)
    if wanted := _WANTED.get(name):
        async with wanted.making:
            if name in _WANTED:
                await in_cluster(url, f"CREATE DATABASE {name} TEMPLATE {wanted.template} {QUICK}")
                del _WANTED[name]


def drop(name: str) -> list[str]:
    """The statement for it, if it was ever made; it isn't wanted any more."""
    return [] if _WANTED.pop(name, None) else [f"DROP DATABASE {name} WITH (FORCE)"]


async def in_cluster(url: URL, *statements: str) -> None:
    """Runs them beside the database of the URL, in the cluster that it belongs to."""
    if statements:
        dsn = url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_run(dsn, statements), _beside()))


@cache
def _beside() -> asyncio.AbstractEventLoop:
    """A loop that outlives those of tests, with its connections: one costs a cluster as much as a small test does."""
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="beside databases", daemon=True).start()
    return loop


_DOORS: dict[str, asyncpg.Connection] = {}
_ONE_AT_A_TIME = asyncio.Lock()


async def _run(dsn: str, statements: Sequence[str]) -> None:
    async with _ONE_AT_A_TIME:
        if dsn not in _DOORS:
            _DOORS[dsn] = await asyncpg.connect(dsn)
        for statement in statements:
            await _DOORS[dsn].execute(statement)
