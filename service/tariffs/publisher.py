"""Publishing: the ratebook's folder into the rates environment, then one transaction that switches to it.

With a fault anywhere nothing is published and the old versions stay. What a version is called follows from its
content, so that publishing twice changes nothing.
"""

from __future__ import annotations

import asyncio
import weakref
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ratebook.compiled.write import CompiledTariff, compile_tariff, open_for_writing, write_version
from ratebook.document import LoadedRatebook, load
from ratebook.routing import Plan
from service.accounts.rules import ROOT_ID
from service.commands import bodies
from service.commands.outbox import enqueue, lock_node
from service.config import Config
from service.database.tables import gateways, tariff_versions, tariffs
from service.faults import Fault
from service.peers.storage import load_plans, put_plan

RATES_FOLDER = "rates"
PAUSE_S = 0.002
"""Between two slices of rows: the calls' processors come first."""


class RatebookFaulty(Fault):
    """The ratebook has faults; nothing of it was published."""

    def __init__(self, folder: Path, problems: list[str]) -> None:
        self.problems = problems
        count = f"{len(problems)} fault{'s' if len(problems) > 1 else ''} in {folder}: nothing was published"
        super().__init__("\n".join([*problems, count]))


class CurrencyChanged(Fault):
    """A tariff is written in another currency than it was published in."""

    def __init__(self, name: str, before: str, after: str) -> None:
        super().__init__(
            f"tariff {name!r} was published in {before} and is now in {after}: accounts hold {before} by it; "
            "publish it under another name"
        )


class Published(NamedTuple):
    """One tariff that was switched."""

    name: str
    version: str
    before: str | None
    """The version until now; None: the first one."""
    rates: int


class Publication(NamedTuple):
    """What a publication did."""

    tariffs: list[Published]
    """Those that changed."""
    plans: list[str]
    """Likewise."""
    warnings: list[str]


async def publish(config: Config, engine: AsyncEngine, *, by: str, note: str, now_ms: int) -> Publication:
    """Publishes the configured ratebook. Raises RatebookFaulty, CurrencyChanged."""
    loaded, compiled = await asyncio.to_thread(_compile, config.ratebook)
    await write_rates(config, compiled)
    async with engine.begin() as conn:
        await lock_node(conn, config.node)
        switched = []
        for one in compiled:
            published = await _switch_named(conn, config.node, one, by=by, note=note, now_ms=now_ms)
            if published is not None:
                switched.append(published)
        plans, warnings = await _publish_plans(conn, config.node, loaded.plans, now_ms)
    return Publication(switched, plans, warnings)


def _compile(folder: Path) -> tuple[LoadedRatebook, list[CompiledTariff]]:
    loaded = load(folder)
    if loaded.problems:
        raise RatebookFaulty(folder, [str(problem) for problem in loaded.problems])
    return loaded, [compile_tariff(tariff) for tariff in loaded.tariffs.values()]


async def write_rates(config: Config, compiled: list[CompiledTariff]) -> None:
    """Into the rates environment, in slices, beside everything else: nothing of it holds until a pointer moves.

    One at a time: an environment is open once in a process.
    """
    lock = _writing.setdefault(asyncio.get_running_loop(), asyncio.Lock())
    async with lock:
        await asyncio.to_thread(_write, config.data_dir / RATES_FOLDER, compiled)


_writing: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = weakref.WeakKeyDictionary()


def _write(folder: Path, compiled: list[CompiledTariff]) -> None:
    env = open_for_writing(folder)
    try:
        for one in compiled:
            write_version(env, one, pause_s=PAUSE_S)
    finally:
        env.close()


async def _switch_named(
    conn: AsyncConnection, node: str, compiled: CompiledTariff, *, by: str, note: str, now_ms: int
) -> Published | None:
    """One of the operator's, by its name; made if it is new. Raises CurrencyChanged."""
    name, currency = compiled.header["name"], compiled.header["currency"]
    where = (tariffs.c.name == name) & (tariffs.c.owner_id == ROOT_ID)
    row = (await conn.execute(sa.select(tariffs).where(where))).first()
    if row is None:
        insert = sa.insert(tariffs).values(name=name, currency=currency, owner_id=ROOT_ID)
        row = (await conn.execute(insert.returning(tariffs))).one()
    return await switch(conn, node, row, compiled, by=by, note=note, now_ms=now_ms)


async def switch(
    conn: AsyncConnection, node: str, row: Row[Any], compiled: CompiledTariff, *, by: str, note: str, now_ms: int
) -> Published | None:
    """Moves a tariff's pointer; None: it names this version already. Raises CurrencyChanged."""
    version, currency = compiled.version.hex(), compiled.header["currency"]
    if row.currency != currency:
        raise CurrencyChanged(row.name, row.currency, currency)
    if row.version == version:
        return None
    rates = compiled.header["rates"]
    moved = sa.update(tariffs).where(tariffs.c.id == row.id).values(version=version).returning(tariffs)
    now = (await conn.execute(moved)).one()
    values = {"version": version, "digest": compiled.digest, "published_ms": now_ms, "published_by": by, "note": note}
    insert = sa.insert(tariff_versions).values(tariff_id=row.id, **values, effective_ms=now_ms, rates=rates)
    await conn.execute(insert)
    body = bodies.tariff_body(now)
    if body is not None:
        await enqueue(conn, node, body, now_ms=now_ms)
    return Published(row.name, version, row.version, rates)


async def _publish_plans(
    conn: AsyncConnection, node: str, wanted: dict[str, Plan], now_ms: int
) -> tuple[list[str], list[str]]:
    """Plans that changed, and a line for each one that waits for its gateways."""
    known = {name: int(number) for name, number in await conn.execute(sa.select(gateways.c.name, gateways.c.id))}
    standing = await load_plans(conn)
    changed, warnings = [], []
    for name, plan in wanted.items():
        named = {route.gateway for routes in plan.routes.values() for route in routes}
        missing = sorted(named - known.keys())
        if missing:
            warnings.append(f"plan {name!r} waits: there is no gateway {', '.join(missing)} yet")
        elif standing.get(name) != plan:
            await put_plan(conn, node, plan, known, source="routing.yaml", now_ms=now_ms)
            changed.append(name)
    return changed, warnings
